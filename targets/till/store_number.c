/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipt numbers: one series per lane ("lane-1"), one more for what it sold
 * offline ("lane-1-o", numbered by the lane). A number is taken in the very
 * transaction that books its sale, so no number is ever lost.
 */
#include "store.h"

#include <errno.h>
#include <string.h>

int64_t store_next_number(struct db *db, const char *series)
{
	return db_number(db, -EIO,
			 "INSERT INTO series VALUES(?, 1) ON CONFLICT(series)"
			 " DO UPDATE SET last = last + 1 RETURNING last", "t", series);
}

int store_note_receipt(struct db *db, const char *series, int64_t number, const char *receipt,
		       const char *key, const char *kind)
{
	sqlite3_stmt *s;
	int rc, same = 0;

	rc = db_run(db, "INSERT OR IGNORE INTO receipts VALUES(?, ?, ?, ?, ?)", "tittt", series,
		    number, receipt, key, kind);
	if (rc || db_changes(db))
		return rc;
	s = db_query(db, "SELECT key FROM receipts WHERE series = ? AND number = ?", "ti", series,
		     number);
	if (db_row(s) == 1) {
		same = !strcmp(db_text(s, 0), key);
		db_done(s);
	}
	return same ? 0 : -EEXIST;
}
