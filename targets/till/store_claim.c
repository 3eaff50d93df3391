/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: a lane that asked, heard nothing, and cannot sell
 * offline either (a card over the floor limit) gives up: it refuses the
 * shopper and later sends an undo. Its request may be booked by then, or still
 * be on its way, and the shopper may have paid the same key elsewhere. So each
 * go at paying is an episode with a name, and every episode that asks for a
 * sale has a claim to it:
 *
 *   sale(key, episode)   claims; refused if this episode was undone before
 *   undo(key, episode)   gives the claim up; the sale is void when none is left
 *
 * in whatever order they arrive. A sale that was undone and is then wanted by
 * another episode is revived under its number.
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "till.h"

int store_claim(struct db *db, const struct sale *s)
{
	int rc = db_run(db, "INSERT OR IGNORE INTO claims VALUES(?, ?, ?, 0)", "ttt", s->key,
			s->episode, s->tender);

	if (rc || db_changes(db))
		return rc;
	return (int)db_number(db, -EIO, "SELECT undone FROM claims WHERE key = ? AND episode = ?",
			      "tt", s->key, s->episode);
}

static int pay(struct db *db, const struct found *f, const char *key, const char *lane,
	       const char *tender, int64_t amount)
{
	return db_run(db,
		      "INSERT INTO payments(sale, key, lane, tender, amount, kind, at)"
		      " VALUES(?, ?, ?, ?, ?, 'charge', ?)", "itttii", f->id, key, lane, tender,
		      amount, wall_ms());
}

int store_revive(struct db *db, const struct sale *s)
{
	struct found f;
	int rc = store_look(db, s->key, &f);

	if (rc != 1)
		return rc ? rc : -EIO;
	rc = db_run(db,
		    "UPDATE sales SET state = 'paid', tender = ?, review = max(review, ?),"
		    " undone = 0, payment = ? WHERE id = ?", "titi", s->tender,
		    (int64_t)!f.undone, s->payment, f.id);
	if (!rc)
		rc = pay(db, &f, s->key, s->lane, s->tender, f.total);
	if (!rc)
		rc = store_move_stock(db, s);
	return rc;
}

/* Undone was the card, and elsewhere it was paid in cash: the drawer there has the money. */
static int change_tender(struct db *db, const struct found *f, const char *key, const char *lane)
{
	char tender[NAME_MAX_] = "";
	sqlite3_stmt *s = db_query(db, "SELECT tender FROM claims WHERE key = ? AND undone = 0",
				   "t", key);
	int rc = db_row(s);

	if (rc != 1)
		return rc;
	copy_text(tender, sizeof(tender), db_text(s, 0));
	db_done(s);
	if (!strcmp(tender, f->tender))
		return 0;
	rc = db_run(db, "UPDATE sales SET tender = ?, payment = '' WHERE id = ?", "ti", tender,
		    f->id);
	if (!rc)
		rc = pay(db, f, key, lane, f->tender, -f->total);
	return rc ? rc : pay(db, f, key, lane, tender, f->total);
}

static int undo_in_transaction(struct db *db, const char *key, const char *episode,
			       const char *lane)
{
	struct found f;
	int rc = db_run(db,
			"INSERT INTO claims VALUES(?, ?, '', 1)"
			" ON CONFLICT(key, episode) DO UPDATE SET undone = 1", "tt", key, episode);

	if (!rc)
		rc = store_look(db, key, &f);
	if (rc != 1 || strcmp(f.state, "paid"))
		return rc < 0 ? rc : 0;
	if (db_number(db, 0, "SELECT 1 FROM claims WHERE key = ? AND undone = 0", "t", key))
		return change_tender(db, &f, key, lane);
	if (db_number(db, 0, "SELECT 1 FROM sales WHERE refund_of = ?", "t", key))
		return 0;
	rc = store_take_back(db, &f, key, lane);
	if (!rc)
		rc = db_run(db, "UPDATE sales SET undone = 1 WHERE id = ?", "i", f.id);
	return rc;
}

int store_undo(struct store *st, const char *key, const char *episode, const char *lane, char *why)
{
	int rc;

	db_lock(&st->db);
	rc = db_begin(&st->db);
	if (!rc)
		rc = undo_in_transaction(&st->db, key, episode, lane);
	rc = db_end(&st->db, rc);
	db_unlock(&st->db);
	if (rc)
		snprintf(why, WHY_MAX, "%s", strerror(-rc));
	return rc ? 500 : 201;
}
