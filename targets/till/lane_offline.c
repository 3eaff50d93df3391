/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: what the store has to hear later lies in `queue`,
 * durable before the shopper is told. An offline sale takes the next number of
 * the lane's own offline series ("lane-1-o-5") in the transaction that queues
 * it. Limits bound what a shop can lose to cards nobody could check: cents per
 * card sale (floor limit), sales, cents and age of all that waits.
 */
#include "lane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bug.h"

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS meta("
	"  name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS prices("
	"  sku TEXT PRIMARY KEY, price INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS queue("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL,"
	"  receipt TEXT NOT NULL, total INTEGER NOT NULL, body TEXT NOT NULL,"
	"  state TEXT NOT NULL, attempts INTEGER NOT NULL, why TEXT NOT NULL,"
	"  created INTEGER NOT NULL);"
	"CREATE INDEX IF NOT EXISTS queue_key ON queue(key);"
	"CREATE INDEX IF NOT EXISTS queue_waiting ON queue(id) WHERE state = 'queued';";

#define KEEP_SYNCED_MS ((int64_t)7 * 24 * 3600 * 1000)

int lane_offline_open(struct lane *l)
{
	char path[512];
	int rc;

	snprintf(path, sizeof(path), "%s/offline.db", l->o->data);
	if (bug(BUG_LOST_OFFLINE_QUEUE))
		copy_text(path, sizeof(path), ":memory:");
	rc = db_open(&l->db, path, schema);
	if (!rc)
		rc = db_run(&l->db, "DELETE FROM queue WHERE state = 'synced' AND created < ?", "i",
			    wall_ms() - KEEP_SYNCED_MS);
	return rc;
}

int64_t lane_meta(struct lane *l, const char *name)
{
	int64_t value;

	db_lock(&l->db);
	value = db_number(&l->db, 0, "SELECT value FROM meta WHERE name = ?", "t", name);
	db_unlock(&l->db);
	return value;
}

int lane_set_meta(struct lane *l, const char *name, int64_t value)
{
	int rc;

	db_lock(&l->db);
	rc = db_run(&l->db, "INSERT OR REPLACE INTO meta VALUES(?, ?)", "ti", name, value);
	db_unlock(&l->db);
	return rc;
}

static int read_length(struct db *db, struct queue_length *ret)
{
	sqlite3_stmt *s = db_query(
		db,
		"SELECT count(*), coalesce(sum(total), 0), coalesce(min(created), 0)"
		" FROM queue WHERE state = 'queued'", "");
	int rc = db_row(s);

	memset(ret, 0, sizeof(*ret));
	if (rc != 1)
		return rc < 0 ? rc : -EIO;
	ret->queued = sqlite3_column_int64(s, 0);
	ret->total = sqlite3_column_int64(s, 1);
	ret->oldest_ms = sqlite3_column_int64(s, 2);
	db_done(s);
	ret->aside = db_number(db, 0, "SELECT count(*) FROM queue WHERE state = 'aside'", "");
	return 0;
}

void lane_offline_length(struct lane *l, struct queue_length *ret)
{
	db_lock(&l->db);
	read_length(&l->db, ret);
	db_unlock(&l->db);
}

static const char *over_limit(const struct options *o, const struct queue_length *q,
			      const struct sale *s)
{
	if (!strcmp(s->tender, "card") && s->total > o->floor)
		return "store offline, card over the floor limit";
	if (q->queued >= o->offline_count)
		return "store offline, too many sales waiting";
	if (q->total + s->total > o->offline_sum)
		return "store offline, too much money waiting";
	if (q->queued && wall_ms() - q->oldest_ms > o->offline_age_s * 1000)
		return "store offline for too long";
	return NULL;
}

static int enqueue(struct db *db, const char *kind, const char *key, const char *receipt,
		   int64_t total, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);
	int rc = text ? db_run(db,
			       "INSERT INTO queue(kind, key, receipt, total, body, state, attempts,"
			       " why, created) VALUES(?, ?, ?, ?, ?, 'queued', 0, '', ?)",
			       "tttiti", kind, key, receipt, total, text, wall_ms()) :
			-ENOMEM;

	free(text);
	json_decref(body);
	return rc;
}

static int enqueue_sale(struct lane *l, const struct sale *s, struct booked *ret)
{
	struct sale numbered = *s; /* borrows the lines */

	numbered.offline = true;
	numbered.number = db_number(&l->db, -EIO,
				    "INSERT INTO meta VALUES('offline-number', 1)"
				    " ON CONFLICT(name) DO UPDATE SET value = value + 1"
				    " RETURNING value", "");
	if (numbered.number < 0)
		return (int)numbered.number;
	copy_text(numbered.idem, sizeof(numbered.idem), s->key);
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->receipt, sizeof(ret->receipt), "%s-o-%lld", l->o->name,
		 (long long)numbered.number);
	copy_text(ret->state, sizeof(ret->state), "paid");
	copy_text(ret->payment, sizeof(ret->payment), s->payment);
	copy_text(ret->tender, sizeof(ret->tender), s->tender);
	ret->total = s->total;
	ret->offline = true;
	return enqueue(&l->db, "sale", s->key, ret->receipt, s->total, sale_encode(&numbered));
}

/* 200, 409, or negative errno. */
static int sell_in_transaction(struct lane *l, const struct sale *s, struct booked *ret, char *why)
{
	struct queue_length q;
	const char *no;
	int rc = read_length(&l->db, &q);

	if (rc)
		return rc;
	no = over_limit(l->o, &q, s);
	if (no) {
		snprintf(why, WHY_MAX, "%s", no);
		return 409;
	}
	rc = enqueue_sale(l, s, ret);
	return rc ? rc : 200;
}

int lane_offline_sell(struct lane *l, const struct sale *s, struct booked *ret, char *why)
{
	int status, rc;

	db_lock(&l->db);
	rc = db_begin(&l->db);
	status = rc ? rc : sell_in_transaction(l, s, ret, why);
	rc = db_end(&l->db, status < 0 ? status : 0);
	db_unlock(&l->db);
	if (rc) {
		snprintf(why, WHY_MAX, "offline queue: %s", strerror(-rc));
		return 503;
	}
	if (status == 200) {
		say("%s offline sale key=%s receipt=%s total=%lld", l->o->name, s->key,
		    ret->receipt, (long long)s->total);
		lane_sync_wake(l);
	}
	return status;
}

static int for_later(struct lane *l, const char *kind, const char *key, json_t *body)
{
	int rc;

	db_lock(&l->db);
	rc = enqueue(&l->db, kind, key, "", 0, body);
	db_unlock(&l->db);
	lane_sync_wake(l);
	return rc ? 503 : 201;
}

int lane_offline_void(struct lane *l, const char *key)
{
	return for_later(l, "void", key, json_pack("{s:s,s:s}", "key", key, "lane", l->o->name));
}

int lane_offline_undo(struct lane *l, const struct sale *s)
{
	say("%s undo key=%s episode=%s", l->o->name, s->key, s->episode);
	return for_later(l, "undo", s->key,
			 json_pack("{s:s,s:s,s:s,s:s}", "key", s->key, "episode", s->episode,
				   "lane", l->o->name, "payment", s->payment));
}

int lane_offline_find(struct lane *l, const char *key, struct booked *ret)
{
	sqlite3_stmt *s;
	int rc;

	db_lock(&l->db);
	s = db_query(&l->db,
		     "SELECT receipt, total FROM queue WHERE key = ?1 AND kind = 'sale'"
		     " AND NOT EXISTS (SELECT 1 FROM queue WHERE key = ?1 AND kind = 'void')",
		     "t", key);
	rc = db_row(s);
	if (rc == 1) {
		memset(ret, 0, sizeof(*ret));
		copy_text(ret->receipt, sizeof(ret->receipt), db_text(s, 0));
		copy_text(ret->state, sizeof(ret->state), "paid");
		ret->total = sqlite3_column_int64(s, 1);
		ret->offline = true;
		db_done(s);
	}
	db_unlock(&l->db);
	return rc == 1 ? 200 : 404;
}

bool lane_offline_waiting(struct lane *l, const char *key)
{
	bool waiting;

	db_lock(&l->db);
	waiting = db_number(&l->db, 0,
			    "SELECT 1 FROM queue WHERE key = ? AND state = 'queued' LIMIT 1", "t",
			    key);
	db_unlock(&l->db);
	return waiting;
}

/* Records of one key go in order: a void never overtakes its sale. */
bool lane_offline_next(struct lane *l, int64_t after, struct queued *ret)
{
	sqlite3_stmt *s;
	bool found;

	memset(ret, 0, sizeof(*ret));
	db_lock(&l->db);
	s = db_query(&l->db,
		     "SELECT id, attempts, kind, key, receipt, body, created FROM queue q"
		     " WHERE state = 'queued' AND kind <> 'reversal' AND id > ? AND created > ?"
		     " AND NOT EXISTS (SELECT 1 FROM queue e"
		     "  WHERE e.key = q.key AND e.id < q.id AND e.state = 'queued')"
		     " ORDER BY id LIMIT 1", "ii", after, l->brought_ms);
	found = db_row(s) == 1;
	if (found) {
		ret->id = sqlite3_column_int64(s, 0);
		ret->attempts = sqlite3_column_int64(s, 1);
		copy_text(ret->kind, sizeof(ret->kind), db_text(s, 2));
		copy_text(ret->key, sizeof(ret->key), db_text(s, 3));
		copy_text(ret->receipt, sizeof(ret->receipt), db_text(s, 4));
		ret->body = json_loads(db_text(s, 5), 0, NULL);
		ret->created_ms = sqlite3_column_int64(s, 6);
		db_done(s);
	}
	db_unlock(&l->db);
	return found;
}

void queued_done(struct queued *q)
{
	json_decref(q->body);
	q->body = NULL;
}

void lane_offline_mark(struct lane *l, int64_t id, const char *state, const char *why)
{
	db_lock(&l->db);
	db_run(&l->db, "UPDATE queue SET state = ?, attempts = attempts + 1, why = ? WHERE id = ?",
	       "tti", state, why, id);
	db_unlock(&l->db);
}
