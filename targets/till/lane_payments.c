/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payments that the bank was, or may have been, asked for; in the lane's queue,
 * so that they outlive it. A row is a `payment` (open, then synced) and becomes
 * a `reversal` (queued, then synced) when its money must go back.
 */
#include "lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bug.h"

int payment_begin(struct lane *l, const struct sale *s, int64_t after)
{
	json_t *body = json_pack("{s:s,s:s,s:I}", "key", s->key, "episode", s->episode, "total",
				 (json_int_t)s->total);
	char *text;
	int rc;

	if (after >= 0)
		json_object_set_new(body, "after", json_integer((json_int_t)after));
	text = json_dumps(body, JSON_COMPACT);

	db_lock(&l->db);
	rc = db_run(&l->db,
		    "INSERT INTO queue(kind, key, receipt, total, body, state, attempts, why,"
		    " created) VALUES('payment', ?, '', 0, ?, 'open', 0, '', ?)", "tti",
		    s->payment, text, wall_ms());
	db_unlock(&l->db);
	free(text);
	json_decref(body);
	return rc;
}

void payment_note(struct lane *l, const char *id, const char *receipt)
{
	db_lock(&l->db);
	db_run(&l->db, "UPDATE queue SET receipt = ? WHERE key = ? AND kind IN ('payment',"
	       " 'reversal')", "tt", receipt, id);
	db_unlock(&l->db);
}

static bool read_noted(sqlite3_stmt *s, struct noted *ret)
{
	if (db_row(s) != 1)
		return false;
	copy_text(ret->payment, sizeof(ret->payment), db_text(s, 0));
	copy_text(ret->receipt, sizeof(ret->receipt), db_text(s, 1));
	ret->after = sqlite3_column_int64(s, 2);
	db_done(s);
	return true;
}

#define NOTED "SELECT key, receipt, coalesce(json_extract(body, '$.after'), -1) FROM queue" \
	      " WHERE kind IN ('payment', 'reversal')"

bool payment_noted(struct lane *l, const char *id, struct noted *ret)
{
	bool found;

	db_lock(&l->db);
	found = read_noted(db_query(&l->db, NOTED " AND key = ? ORDER BY id LIMIT 1", "t", id),
			   ret);
	db_unlock(&l->db);
	return found;
}

bool payments_unresolved(struct lane *l, struct noted *ret)
{
	bool found;

	db_lock(&l->db);
	found = read_noted(db_query(&l->db, NOTED " AND receipt = ''"
				    " AND json_extract(body, '$.after') IS NOT NULL"
				    " ORDER BY id LIMIT 1", ""), ret);
	db_unlock(&l->db);
	return found;
}

void payment_settle(struct lane *l, const char *id)
{
	db_lock(&l->db);
	db_run(&l->db, "UPDATE queue SET state = 'synced' WHERE key = ? AND kind = 'payment'", "t",
	       id);
	db_unlock(&l->db);
}

/* It may be another lane's, of a sale that was voided here: then there is no row yet. */
void payment_reverse(struct lane *l, const char *id)
{
	int rc;

	if (bug(BUG_FORGET_REVERSAL)) {
		payment_settle(l, id);
		return;
	}
	db_lock(&l->db);
	rc = db_run(&l->db,
		    "UPDATE queue SET kind = 'reversal', state = 'queued'"
		    " WHERE key = ? AND kind = 'payment'", "t", id);
	if (!rc && !db_changes(&l->db))
		rc = db_run(&l->db,
			    "INSERT INTO queue(kind, key, receipt, total, body, state, attempts,"
			    " why, created) SELECT 'reversal', ?1, '', 0, '{}', 'queued', 0, '', ?2"
			    " WHERE NOT EXISTS (SELECT 1 FROM queue WHERE key = ?1"
			    "  AND kind = 'reversal')", "ti", id, wall_ms());
	db_unlock(&l->db);
	say("%s reverse payment=%s rc=%d", l->o->name, id, rc);
	lane_sync_wake(l);
}

bool payments_next(struct lane *l, int64_t after, int64_t *ret_id, char *ret_payment)
{
	sqlite3_stmt *s;
	bool found;

	db_lock(&l->db);
	s = db_query(&l->db,
		     "SELECT id, key FROM queue WHERE state = 'queued' AND kind = 'reversal'"
		     " AND id > ? ORDER BY id LIMIT 1", "i", after);
	found = db_row(s) == 1;
	if (found) {
		*ret_id = sqlite3_column_int64(s, 0);
		copy_text(ret_payment, KEY_MAX, db_text(s, 1));
		db_done(s);
	}
	db_unlock(&l->db);
	return found;
}

/* 1: one more; the store decides whether its sale stands paid with it. */
static bool next_open(struct lane *l, struct sale *ret)
{
	sqlite3_stmt *s;
	const char *key, *episode;
	json_t *body = NULL;
	bool found;

	db_lock(&l->db);
	s = db_query(&l->db,
		     "SELECT key, body FROM queue WHERE kind = 'payment' AND state = 'open'"
		     " ORDER BY id LIMIT 1", "");
	found = db_row(s) == 1;
	if (found) {
		copy_text(ret->payment, sizeof(ret->payment), db_text(s, 0));
		body = json_loads(db_text(s, 1), 0, NULL);
		db_done(s);
	}
	db_unlock(&l->db);
	if (json_unpack(body, "{s:s,s:s}", "key", &key, "episode", &episode) == 0) {
		copy_text(ret->key, sizeof(ret->key), key);
		copy_text(ret->episode, sizeof(ret->episode), episode);
	}
	json_decref(body);
	return found;
}

void payments_recover(struct lane *l)
{
	struct sale s = {0};

	while (next_open(l, &s)) {
		if (lane_offline_undo(l, &s) > 201)
			return;
		payment_settle(l, s.payment);
	}
}
