/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a sale back. A void undoes today's sale and keeps its number. A void
 * for a key that is not in the books leaves a tombstone: the request that
 * would have booked it may still be on its way. A refund is a new receipt.
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "till.h"

struct found {
	int64_t id, total;
	char state[NAME_MAX_], tender[NAME_MAX_];
};

/* 1: found, 0: not there, or negative errno. */
static int find_sale(struct db *db, const char *key, struct found *ret)
{
	sqlite3_stmt *s = db_query(
		db, "SELECT id, total, state, tender FROM sales WHERE key = ?", "t", key);
	int rc = db_row(s);

	if (rc != 1)
		return rc;
	ret->id = sqlite3_column_int64(s, 0);
	ret->total = sqlite3_column_int64(s, 1);
	copy_text(ret->state, sizeof(ret->state), db_text(s, 2));
	copy_text(ret->tender, sizeof(ret->tender), db_text(s, 3));
	db_done(s);
	return 1;
}

/* Goods back on the shelf, money back to the shopper, the sale's new state. */
static int give_back(struct db *db, const struct found *f, const char *key, const char *lane,
		     const char *state)
{
	int rc = db_run(db, "UPDATE sales SET state = ? WHERE id = ?", "ti", state, f->id);

	if (!rc)
		rc = db_run(db,
			    "INSERT INTO payments(sale, key, lane, tender, amount, kind, at)"
			    " VALUES(?, ?, ?, ?, ?, ?, ?)", "itttiti", f->id, key, lane,
			    f->tender, -f->total, state, wall_ms());
	if (!rc)
		rc = db_run(db,
			    "UPDATE stock SET qty = qty +"
			    " (SELECT sum(qty) FROM lines WHERE sale = ?1 AND lines.sku = stock.sku)"
			    " WHERE sku IN (SELECT sku FROM lines WHERE sale = ?1)", "i", f->id);
	return rc;
}

static int refused(char *why, const char *state)
{
	snprintf(why, WHY_MAX, "this sale is %s", state);
	return 409;
}

static int void_in_transaction(struct db *db, const char *key, const char *lane, char *why)
{
	struct found f;
	int rc = find_sale(db, key, &f);

	if (rc < 0)
		return rc;
	if (rc == 1) {
		if (!strcmp(f.state, "void"))
			return 200;
		if (strcmp(f.state, "paid"))
			return refused(why, f.state);
		rc = give_back(db, &f, key, lane, "void");
		return rc ? rc : 201;
	}
	rc = db_run(db, "INSERT OR IGNORE INTO tombstones VALUES(?, ?, ?)", "tti", key, lane,
		    wall_ms());
	if (!rc)
		rc = db_run(db, "DELETE FROM suspended WHERE key = ?", "t", key);
	return rc ? rc : 201;
}

int store_void(struct store *st, const char *key, const char *lane, char *why)
{
	int status, rc;

	db_lock(&st->db);
	rc = db_begin(&st->db);
	status = rc ? rc : void_in_transaction(&st->db, key, lane, why);
	rc = db_end(&st->db, status < 0 ? status : 0);
	db_unlock(&st->db);
	if (rc)
		snprintf(why, WHY_MAX, "%s", strerror(-rc));
	return rc ? 500 : status;
}

static int refund_again(struct db *db, const char *key, struct booked *ret)
{
	sqlite3_stmt *s = db_query(
		db, "SELECT receipt FROM receipts WHERE key = ? AND kind = 'refund'", "t", key);
	int rc = db_row(s);

	if (rc != 1)
		return rc < 0 ? rc : -EIO;
	copy_text(ret->receipt, sizeof(ret->receipt), db_text(s, 0));
	db_done(s);
	return 200;
}

static int refund_now(struct db *db, const struct found *f, const char *key, const char *lane,
		      struct booked *ret)
{
	int64_t number = store_next_number(db, lane);
	int rc = number < 0 ? (int)number : give_back(db, f, key, lane, "refunded");

	if (rc)
		return rc;
	snprintf(ret->receipt, sizeof(ret->receipt), "%s-%lld", lane, (long long)number);
	rc = store_note_receipt(db, lane, number, ret->receipt, key, "refund");
	return rc ? rc : 201;
}

static int refund_in_transaction(struct db *db, const char *key, const char *lane,
				 struct booked *ret, char *why)
{
	struct found f;
	int rc = find_sale(db, key, &f);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return refused(why, "not in the books");
	ret->total = f.total;
	copy_text(ret->state, sizeof(ret->state), "refunded");
	if (!strcmp(f.state, "refunded"))
		return refund_again(db, key, ret);
	if (strcmp(f.state, "paid"))
		return refused(why, f.state);
	return refund_now(db, &f, key, lane, ret);
}

int store_refund(struct store *st, const char *key, const char *lane, struct booked *ret,
		 char *why)
{
	int status, rc;

	memset(ret, 0, sizeof(*ret));
	db_lock(&st->db);
	rc = db_begin(&st->db);
	status = rc ? rc : refund_in_transaction(&st->db, key, lane, ret, why);
	rc = db_end(&st->db, status < 0 ? status : 0);
	db_unlock(&st->db);
	if (rc)
		snprintf(why, WHY_MAX, "%s", strerror(-rc));
	return rc ? 500 : status;
}
