/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a sale back. A void undoes today's sale and keeps its number. A void
 * for a key that is not in the books leaves a tombstone: the request that
 * would have booked it may still be on its way. A refund is another day's
 * business: a record with a key, a number and a Z report of its own, once per
 * sale; what comes back is not sold again, so the stock stays as it is.
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "till.h"

int store_look(struct db *db, const char *key, struct found *ret)
{
	sqlite3_stmt *s = db_query(
		db, "SELECT id, total, state, tender, undone FROM sales WHERE key = ?", "t", key);
	int rc = db_row(s);

	if (rc != 1)
		return rc;
	ret->id = sqlite3_column_int64(s, 0);
	ret->total = sqlite3_column_int64(s, 1);
	copy_text(ret->state, sizeof(ret->state), db_text(s, 2));
	copy_text(ret->tender, sizeof(ret->tender), db_text(s, 3));
	ret->undone = sqlite3_column_int(s, 4);
	db_done(s);
	return 1;
}

static int pay_back(struct db *db, int64_t sale_id, const struct found *f, const char *key,
		    const char *lane, const char *kind)
{
	return db_run(db,
		      "INSERT INTO payments(sale, key, lane, tender, amount, kind, at)"
		      " VALUES(?, ?, ?, ?, ?, ?, ?)", "itttiti", sale_id, key, lane, f->tender,
		      -f->total, kind, wall_ms());
}

int store_take_back(struct db *db, const struct found *f, const char *key, const char *lane)
{
	int rc = db_run(db, "UPDATE sales SET state = 'void' WHERE id = ?", "i", f->id);

	if (!rc)
		rc = pay_back(db, f->id, f, key, lane, "void");
	if (!rc)
		rc = db_run(db,
			    "UPDATE stock SET qty = qty +"
			    " (SELECT sum(qty) FROM lines"
			    "  WHERE sale = ?1 AND lines.sku = stock.sku)"
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
	int rc = store_look(db, key, &f);

	if (rc < 0)
		return rc;
	if (rc == 1) {
		if (!strcmp(f.state, "void"))
			return 200;
		if (strcmp(f.state, "paid"))
			return refused(why, f.state);
		if (db_number(db, 0, "SELECT 1 FROM sales WHERE refund_of = ?", "t", key))
			return refused(why, "refunded");
		rc = store_take_back(db, &f, key, lane);
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

static int refund_again(struct db *db, const char *key, const char *of, struct booked *ret,
			char *why)
{
	sqlite3_stmt *s = db_query(
		db, "SELECT key, receipt, total FROM sales WHERE refund_of = ?", "t", of);
	int rc = db_row(s);

	if (rc != 1)
		return rc;
	copy_text(ret->receipt, sizeof(ret->receipt), db_text(s, 1));
	ret->total = -sqlite3_column_int64(s, 2);
	rc = strcmp(db_text(s, 0), key) ? refused(why, "already refunded") : 200;
	db_done(s);
	return rc;
}

static int refund_now(struct db *db, const struct found *f, const char *key, const char *of,
		      const char *lane, struct booked *ret)
{
	int64_t number = store_next_number(db, lane);
	int rc;

	if (number < 0)
		return (int)number;
	snprintf(ret->receipt, sizeof(ret->receipt), "%s-%lld", lane, (long long)number);
	ret->total = f->total;
	rc = db_run(db,
		    "INSERT INTO sales(key, idem, lane, series, number, receipt, total, tender,"
		    " currency, state, offline, manual, review, created, booked, refund_of)"
		    " VALUES(?1, ?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, 'refund', 0, 0, 0, ?8, ?8, ?9)",
		    "ttitittit", key, lane, number, ret->receipt, -f->total, f->tender, CURRENCY,
		    wall_ms(), of);
	if (!rc)
		rc = pay_back(db, sqlite3_last_insert_rowid(db->sql), f, key, lane, "refund");
	if (!rc)
		rc = store_note_receipt(db, lane, number, ret->receipt, key, "refund");
	return rc ? rc : 201;
}

static int refund_in_transaction(struct db *db, const char *key, const char *of, const char *lane,
				 struct booked *ret, char *why)
{
	struct found f;
	int rc = store_look(db, of, &f);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return refused(why, "not in the books");
	if (strcmp(f.state, "paid"))
		return refused(why, f.state);
	copy_text(ret->state, sizeof(ret->state), "refund");
	rc = refund_again(db, key, of, ret, why);
	return rc ? rc : refund_now(db, &f, key, of, lane, ret);
}

int store_refund(struct store *st, const char *key, const char *of, const char *lane,
		 struct booked *ret, char *why)
{
	int status, rc;

	memset(ret, 0, sizeof(*ret));
	db_lock(&st->db);
	rc = db_begin(&st->db);
	status = rc ? rc : refund_in_transaction(&st->db, key, of, lane, ret, why);
	rc = db_end(&st->db, status < 0 ? status : 0);
	db_unlock(&st->db);
	if (rc)
		snprintf(why, WHY_MAX, "%s", strerror(-rc));
	return rc ? 500 : status;
}
