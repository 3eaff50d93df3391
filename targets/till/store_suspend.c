/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspended baskets. Any lane may resume one, and may ask twice: the basket
 * stays here until its key is sold or void, and a key is sold only once.
 */
#include "store.h"

#include <stdio.h>

#include "till.h"

int store_suspend(struct store *st, const char *key, const char *lane, const char *lines)
{
	int rc;

	db_lock(&st->db);
	rc = db_run(&st->db, "INSERT OR REPLACE INTO suspended VALUES(?, ?, ?, ?)", "ttti", key,
		    lane, lines, wall_ms());
	db_unlock(&st->db);
	return rc ? 500 : 201;
}

int store_resume(struct store *st, const char *key, json_t **ret_lines, char *why)
{
	sqlite3_stmt *s;
	int rc;

	db_lock(&st->db);
	s = db_query(&st->db, "SELECT lines FROM suspended WHERE key = ?", "t", key);
	rc = db_row(s);
	if (rc == 1) {
		*ret_lines = json_loads(db_text(s, 0), 0, NULL);
		db_done(s);
	}
	db_unlock(&st->db);
	if (rc < 0 || (rc == 1 && !*ret_lines))
		return 500;
	snprintf(why, WHY_MAX, "no such suspended basket");
	return rc ? 200 : 409;
}
