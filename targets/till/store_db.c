/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books. A sale is recognised by `key` (the basket) and booked once per
 * `idem` (the request); the two are the same text unless somebody has made a
 * mistake, and then the books should show it rather than hide it.
 */
#include "store.h"

#include <stdio.h>

#include "bug.h"

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS goods("
	"  sku TEXT PRIMARY KEY, price INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS stock("
	"  sku TEXT PRIMARY KEY, qty INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS series("
	"  series TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS sales("
	"  id INTEGER PRIMARY KEY, key TEXT NOT NULL, idem TEXT NOT NULL, lane TEXT NOT NULL,"
	"  series TEXT NOT NULL, number INTEGER NOT NULL, receipt TEXT NOT NULL,"
	"  total INTEGER NOT NULL, tender TEXT NOT NULL, currency TEXT NOT NULL,"
	"  state TEXT NOT NULL, offline INTEGER NOT NULL, manual INTEGER NOT NULL,"
	"  review INTEGER NOT NULL, created INTEGER NOT NULL, booked INTEGER NOT NULL,"
	"  refund_of TEXT, undone INTEGER NOT NULL DEFAULT 0, z INTEGER,"
	"  payment TEXT NOT NULL DEFAULT '');"
	"CREATE UNIQUE INDEX IF NOT EXISTS sales_idem ON sales(idem);"
	"CREATE UNIQUE INDEX IF NOT EXISTS sales_refund ON sales(refund_of)"
	"  WHERE refund_of IS NOT NULL;"
	"CREATE INDEX IF NOT EXISTS sales_key ON sales(key);"
	"CREATE INDEX IF NOT EXISTS sales_not_counted ON sales(lane) WHERE z IS NULL;"
	"CREATE TABLE IF NOT EXISTS lines("
	"  sale INTEGER NOT NULL, n INTEGER NOT NULL, sku TEXT NOT NULL, qty INTEGER NOT NULL,"
	"  price INTEGER NOT NULL, PRIMARY KEY(sale, n)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS payments("
	"  id INTEGER PRIMARY KEY, sale INTEGER NOT NULL, key TEXT NOT NULL, lane TEXT NOT NULL,"
	"  tender TEXT NOT NULL, amount INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,"
	"  z INTEGER);"
	"CREATE INDEX IF NOT EXISTS payments_not_counted ON payments(lane) WHERE z IS NULL;"
	"CREATE TABLE IF NOT EXISTS receipts("
	"  series TEXT NOT NULL, number INTEGER NOT NULL, receipt TEXT NOT NULL,"
	"  key TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY(series, number)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS tombstones("
	"  key TEXT PRIMARY KEY, lane TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS claims("
	"  key TEXT NOT NULL, episode TEXT NOT NULL, tender TEXT NOT NULL,"
	"  undone INTEGER NOT NULL, PRIMARY KEY(key, episode)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS sessions("
	"  id TEXT PRIMARY KEY, lane TEXT NOT NULL, opened INTEGER NOT NULL,"
	"  closed INTEGER) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS z_reports("
	"  session TEXT PRIMARY KEY, lane TEXT NOT NULL, number INTEGER NOT NULL,"
	"  count INTEGER NOT NULL, total INTEGER NOT NULL, cash INTEGER NOT NULL,"
	"  card INTEGER NOT NULL, at INTEGER NOT NULL, UNIQUE(lane, number)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS suspended("
	"  key TEXT PRIMARY KEY, lane TEXT NOT NULL, lines TEXT NOT NULL,"
	"  at INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS lanes("
	"  lane TEXT PRIMARY KEY, queued INTEGER NOT NULL, aside INTEGER NOT NULL,"
	"  at INTEGER NOT NULL) WITHOUT ROWID;";

static void path_in(const char *folder, char *ret, size_t size)
{
	snprintf(ret, size, "%s/store.db", folder);
}

int store_db_make(struct db *db, const char *folder)
{
	char path[512];

	int rc;

	path_in(folder, path, sizeof(path));
	rc = db_open(db, path, schema);
	if (!rc && bug(BUG_OVERLAP_RETRY))
		rc = db_run(db, "DROP INDEX IF EXISTS sales_idem", "");
	return rc;
}

int store_db_open(struct store *st, const char *folder)
{
	char path[512];
	int rc = store_db_make(&st->db, folder);

	path_in(folder, path, sizeof(path));
	return rc ? rc : db_open_reader(&st->reader, path);
}

void store_db_close(struct store *st)
{
	db_close(&st->reader);
	db_close(&st->db);
}
