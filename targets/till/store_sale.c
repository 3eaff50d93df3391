/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: everything a sale changes — sale, lines, payment,
 * stock, receipt number — is one IMMEDIATE transaction, durable before the
 * lane is answered. The same idempotency key again changes nothing and is
 * answered with what was booked the first time. So a lane that heard nothing
 * may ask again, or sell offline and bring the sale later, under the same key.
 *
 * An offline sale has happened already: the shopper has left with the goods.
 * It is booked whatever we think of it, marked for review where we would have
 * refused it. Only a record that makes no sense is refused.
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bug.h"
#include "store_behind.h"
#include "store_loose.h"
#include "till.h"

/* Number and receipt of a sale about to be booked. */
struct identity {
	char series[NAME_MAX_ + 4], receipt[KEY_MAX];
	int64_t number;
	int review;
};

/* 1: found, 0: not there, or negative errno. */
static int read_booked(sqlite3_stmt *s, struct booked *ret)
{
	int rc = db_row(s);

	if (rc != 1)
		return rc;
	copy_text(ret->receipt, sizeof(ret->receipt), db_text(s, 0));
	copy_text(ret->state, sizeof(ret->state), db_text(s, 1));
	ret->total = sqlite3_column_int64(s, 2);
	ret->offline = sqlite3_column_int(s, 3);
	copy_text(ret->payment, sizeof(ret->payment), db_text(s, 4));
	copy_text(ret->tender, sizeof(ret->tender), db_text(s, 5));
	ret->again = true;
	db_done(s);
	return 1;
}

static int find_by_idem(struct db *db, const char *idem, struct booked *ret)
{
	return read_booked(db_query(db,
				    "SELECT receipt, state, total, offline, payment, tender"
				    " FROM sales WHERE idem = ?", "t", idem), ret);
}

static void offline_identity(const struct sale *s, struct identity *id)
{
	snprintf(id->series, sizeof(id->series), "%s-o", s->lane);
	id->number = s->number;
	snprintf(id->receipt, sizeof(id->receipt), "%s-%lld", id->series, (long long)id->number);
}

static int give_identity(struct db *db, const struct sale *s, struct identity *id)
{
	if (s->offline) {
		offline_identity(s, id);
		return 0;
	}
	copy_text(id->series, sizeof(id->series), s->lane);
	if (!id->number)
		id->number = store_next_number(db, id->series);
	snprintf(id->receipt, sizeof(id->receipt), "%s-%lld", s->lane, (long long)id->number);
	return id->number < 0 ? (int)id->number : 0;
}

static int book_lines(struct db *db, const struct sale *s, int64_t sale_id)
{
	int rc = 0;

	for (size_t i = 0; i < s->count && !rc; i++)
		rc = db_run(db, "INSERT INTO lines VALUES(?, ?, ?, ?, ?)", "iitii", sale_id,
			    (int64_t)i + 1, s->lines[i].sku, s->lines[i].qty, s->lines[i].price);
	return rc;
}

int store_move_stock(struct db *db, const struct sale *s)
{
	int rc = 0;

	for (size_t i = 0; i < s->count && !rc; i++)
		rc = db_run(db, "UPDATE stock SET qty = qty - ? WHERE sku = ?", "it",
			    s->lines[i].qty, s->lines[i].sku);
	return rc;
}

static int book_sale(struct db *db, const struct sale *s, const struct identity *id)
{
	return db_run(db,
		      "INSERT INTO sales(key, idem, lane, series, number, receipt, total, tender,"
		      " currency, state, offline, manual, review, created, booked, payment)"
		      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 'paid', ?, ?, ?, ?, ?, ?)",
		      "ttttitittiiiiit", s->key, s->idem, s->lane, id->series, id->number,
		      id->receipt, s->total, s->tender, CURRENCY, (int64_t)s->offline,
		      (int64_t)s->manual, (int64_t)id->review, s->created_ms, wall_ms(),
		      s->payment);
}

static int book_all(struct db *db, const struct sale *s, const struct booking *how,
		    struct identity *id)
{
	int64_t sale_id;
	int rc = give_identity(db, s, id);

	if (!rc)
		rc = book_sale(db, s, id);
	if (rc)
		return rc;
	sale_id = sqlite3_last_insert_rowid(db->sql);
	rc = book_lines(db, s, sale_id);
	if (!rc)
		rc = db_run(db,
			    "INSERT INTO payments(sale, key, lane, tender, amount, kind, at)"
			    " VALUES(?, ?, ?, ?, ?, 'charge', ?)", "itttii", sale_id, s->key,
			    s->lane, s->tender, s->total, wall_ms());
	if (!rc)
		rc = store_note_receipt(db, id->series, id->number, id->receipt, s->key, "sale");
	if (!rc && !how->stock_elsewhere)
		rc = store_move_stock(db, s);
	if (!rc)
		rc = db_run(db, "DELETE FROM suspended WHERE key = ?", "t", s->key);
	return rc;
}

static bool all_known(struct db *db, const struct sale *s)
{
	for (size_t i = 0; i < s->count && !s->manual; i++)
		if (!db_number(db, 0, "SELECT 1 FROM goods WHERE sku = ?", "t", s->lines[i].sku))
			return false;
	return true;
}

/* Booked before: if the lane has sold it offline meanwhile, its receipt is noted as an alias. */
static int note_alias(struct db *db, const struct sale *s)
{
	struct identity id;

	offline_identity(s, &id);
	return store_note_receipt(db, id.series, id.number, id.receipt, s->key, "alias");
}

static int answer_again(struct db *db, const struct sale *s, struct booked *b, char *why)
{
	struct found f;
	int rc = s->offline ? note_alias(db, s) : 0;

	if (!rc)
		rc = store_look(db, s->key, &f);
	if (rc < 0 || !strcmp(b->state, "paid"))
		return rc < 0 ? rc : 200;
	if (rc == 1 && !strcmp(b->state, "void") && (s->offline || f.undone)) {
		rc = store_revive(db, s);
		copy_text(b->state, sizeof(b->state), "paid");
		copy_text(b->payment, sizeof(b->payment), s->payment);
		copy_text(b->tender, sizeof(b->tender), s->tender);
		return rc ? rc : 200;
	}
	snprintf(why, WHY_MAX, "this sale is %s", b->state);
	return 409;
}

static int sell_new(struct db *db, const struct sale *s, const struct booking *how,
		    struct booked *ret, char *why)
{
	struct identity id = {.number = how->number};
	int rc;

	if (db_number(db, 0, "SELECT 1 FROM tombstones WHERE key = ?", "t", s->key)) {
		snprintf(why, WHY_MAX, "this sale is void");
		if (!s->offline)
			return 409;
		id.review = 1;
	}
	if (!all_known(db, s)) {
		snprintf(why, WHY_MAX, "unknown article");
		if (!s->offline)
			return 409;
		id.review = 1;
	}
	rc = book_all(db, s, how, &id);
	if (rc)
		return rc;
	copy_text(ret->receipt, sizeof(ret->receipt), id.receipt);
	copy_text(ret->state, sizeof(ret->state), "paid");
	copy_text(ret->payment, sizeof(ret->payment), s->payment);
	copy_text(ret->tender, sizeof(ret->tender), s->tender);
	ret->total = s->total;
	ret->offline = s->offline;
	return 201;
}

static int sell_in_transaction(struct db *db, const struct sale *s, const struct booking *how,
			       struct booked *ret, char *why)
{
	int rc = store_claim(db, s);

	if (rc == 1) {
		snprintf(why, WHY_MAX, "the lane has given this up");
		return 409;
	}
	if (!rc)
		rc = find_by_idem(db, s->idem, ret);
	if (rc < 0)
		return rc;
	return rc ? answer_again(db, s, ret, why) : sell_new(db, s, how, ret, why);
}

/* BUG_OVERLAP_RETRY: "reads do not belong into a transaction". */
static bool looked_before(struct store *st, const struct sale *s, struct booked *ret)
{
	bool found;

	db_lock(&st->reader);
	found = find_by_idem(&st->reader, s->idem, ret) == 1;
	db_unlock(&st->reader);
	return found;
}

/* What is wrong with the request itself; NULL: nothing. */
static const char *nonsense(const struct sale *s)
{
	if (s->total != sale_total(s))
		return "total is not the sum of the lines";
	if (s->total < 0 || s->amount < s->total)
		return "not enough money";
	if (s->offline != (s->number > 0))
		return "an offline sale has a number, and no other";
	return NULL;
}

static int failed(int rc, char *why)
{
	if (rc == -EEXIST) {
		snprintf(why, WHY_MAX, "receipt number belongs to another sale");
		return 409;
	}
	snprintf(why, WHY_MAX, "%s", strerror(-rc));
	return 500;
}

static int book_locked(struct store *st, const struct sale *s, const struct booking *how,
		       bool look_first, bool known, struct booked *ret, char *why)
{
	int status, rc = db_begin(&st->db);

	if (rc)
		status = rc;
	else if (!look_first)
		status = sell_in_transaction(&st->db, s, how, ret, why);
	else
		status = known ? answer_again(&st->db, s, ret, why) :
				 sell_new(&st->db, s, how, ret, why);
	rc = db_end(&st->db, status < 0 ? status : status == 409 ? -ECANCELED : 0);
	return rc && rc != -ECANCELED ? rc : status;
}

int store_book(struct store *st, const struct sale *s, const struct booking *how,
	       struct booked *ret, char *why)
{
	bool known, look_first = bug(BUG_OVERLAP_RETRY);
	int status;

	memset(ret, 0, sizeof(*ret));
	known = look_first && looked_before(st, s, ret);
	db_lock(&st->db);
	status = book_locked(st, s, how, look_first, known, ret, why);
	while (status == -ENOSPC && bug(BUG_WAIT_FOR_SPACE)) {
		loose_wait();
		memset(ret, 0, sizeof(*ret));
		status = book_locked(st, s, how, look_first, known, ret, why);
	}
	db_unlock(&st->db);
	return status < 0 ? failed(status, why) : status;
}

int store_sell(struct store *st, const struct sale *s, struct booked *ret, char *why)
{
	const char *wrong = nonsense(s);
	struct booking how = {0};

	if (wrong) {
		snprintf(why, WHY_MAX, "%s", wrong);
		return 422;
	}
	if (bug(BUG_DRAFT_WINS) && s->offline && loose_draft(st, s, ret))
		return 200;
	if (bug(BUG_ACK_BEFORE_COMMIT))
		return behind_sell(st->behind, s, ret, why);
	if (bug(BUG_STOCK_READ_MODIFY_WRITE))
		return loose_stock_around(st, s, ret, why);
	if (bug(BUG_SPLIT_BOOKING))
		return loose_stock_after(st, s, ret, why);
	if (bug(BUG_SLOW_LEAK))
		loose_bought_together(st, s);
	if (bug(BUG_RECEIPT_GAP) && !s->offline)
		how.number = loose_number(st, s->lane);
	return store_book(st, s, &how, ret, why);
}

int store_find(struct store *st, const char *key, struct booked *ret)
{
	int rc;

	memset(ret, 0, sizeof(*ret));
	db_lock(&st->reader);
	rc = read_booked(db_query(&st->reader,
				  "SELECT receipt, state, total, offline, payment, tender"
				  " FROM sales WHERE key = ?", "t", key), ret);
	db_unlock(&st->reader);
	return rc == 1 ? 200 : rc == 0 ? 404 : 500;
}
