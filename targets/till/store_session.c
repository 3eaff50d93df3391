/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions and Z reports. A Z counts every sale and every payment of its lane
 * that no Z has counted before, so each is in exactly one: also the offline
 * sale that arrives after its own session was closed, and money given back
 * for yesterday's sale. Z numbers are gapless per lane.
 */
#include "store.h"

#include <string.h>

#include "till.h"

struct z {
	int64_t number, count, total, cash, card;
};

int store_session_open(struct store *st, const char *id, const char *lane)
{
	int rc;

	db_lock(&st->db);
	rc = db_run(&st->db, "INSERT OR IGNORE INTO sessions VALUES(?, ?, ?, NULL)", "tti", id,
		    lane, wall_ms());
	db_unlock(&st->db);
	return rc ? 500 : 200;
}

static int read_z(struct db *db, const char *id, struct z *z)
{
	sqlite3_stmt *s = db_query(
		db, "SELECT number, count, total, cash, card FROM z_reports WHERE session = ?", "t",
		id);
	int rc = db_row(s);

	if (rc != 1)
		return rc;
	z->number = sqlite3_column_int64(s, 0);
	z->count = sqlite3_column_int64(s, 1);
	z->total = sqlite3_column_int64(s, 2);
	z->cash = sqlite3_column_int64(s, 3);
	z->card = sqlite3_column_int64(s, 4);
	db_done(s);
	return 1;
}

static int count_up(struct db *db, const char *lane, struct z *z)
{
	sqlite3_stmt *s = db_query(
		db,
		"SELECT coalesce(sum(amount), 0),"
		" coalesce(sum(CASE WHEN tender = 'cash' THEN amount END), 0),"
		" coalesce(sum(CASE WHEN tender = 'card' THEN amount END), 0)"
		" FROM payments WHERE lane = ? AND z IS NULL", "t", lane);
	int rc = db_row(s);

	if (rc != 1)
		return rc;
	z->total = sqlite3_column_int64(s, 0);
	z->cash = sqlite3_column_int64(s, 1);
	z->card = sqlite3_column_int64(s, 2);
	db_done(s);
	z->count = db_number(db, 0, "SELECT count(*) FROM sales WHERE lane = ? AND z IS NULL", "t",
			     lane);
	z->number = 1 + db_number(db, 0, "SELECT max(number) FROM z_reports WHERE lane = ?", "t",
				  lane);
	return 1;
}

static int close_in_transaction(struct db *db, const char *id, const char *lane, struct z *z)
{
	int rc = read_z(db, id, z);

	if (rc)
		return rc < 0 ? rc : 0;
	rc = count_up(db, lane, z);
	if (rc < 0)
		return rc;
	rc = db_run(db, "INSERT INTO z_reports VALUES(?, ?, ?, ?, ?, ?, ?, ?)", "ttiiiiii", id,
		    lane, z->number, z->count, z->total, z->cash, z->card, wall_ms());
	if (!rc)
		rc = db_run(db, "UPDATE sales SET z = ? WHERE lane = ? AND z IS NULL", "it",
			    z->number, lane);
	if (!rc)
		rc = db_run(db, "UPDATE payments SET z = ? WHERE lane = ? AND z IS NULL", "it",
			    z->number, lane);
	if (!rc)
		rc = db_run(db, "INSERT OR IGNORE INTO sessions VALUES(?, ?, ?, NULL)", "tti", id,
			    lane, wall_ms());
	if (!rc)
		rc = db_run(db, "UPDATE sessions SET closed = ? WHERE id = ?", "it", wall_ms(), id);
	return rc;
}

int store_session_close(struct store *st, const char *id, const char *lane, json_t **ret)
{
	struct z z = {0};
	int rc;

	db_lock(&st->db);
	rc = db_begin(&st->db);
	if (!rc)
		rc = close_in_transaction(&st->db, id, lane, &z);
	rc = db_end(&st->db, rc);
	db_unlock(&st->db);
	if (rc)
		return 500;
	*ret = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s}", "session", id, "lane", lane, "z",
			 (json_int_t)z.number, "count", (json_int_t)z.count, "total",
			 (json_int_t)z.total, "cash", (json_int_t)z.cash, "card",
			 (json_int_t)z.card, "currency", CURRENCY);
	return 200;
}
