/* SPDX-License-Identifier: Apache-2.0 */
#include "db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bug.h"
#include "db_loose.h"
#include "point.h"
#include "till.h"

static int to_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static int complain(struct db *db, const char *what, int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		say("database trouble doing=\"%.60s\" why=\"%s\"", what, sqlite3_errmsg(db->sql));
	return to_errno(rc);
}

static int script(struct db *db, const char *sql)
{
	return complain(db, sql, sqlite3_exec(db->sql, sql, NULL, NULL, NULL));
}

static int connect_to(struct db *db, const char *path, int flags)
{
	int rc;

	memset(db->cache, 0, sizeof(db->cache));
	pthread_mutex_init(&db->mutex, NULL);
	rc = sqlite3_open_v2(path, &db->sql, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return complain(db, path, rc);
	sqlite3_busy_timeout(db->sql, 2000);
	return 0;
}

/*
 * What an earlier run of ours left in the log may be in memory only, when its last fsync failed; to
 * book behind it would be to build on sand. So it goes home before anything else is written.
 */
#define AS_FOUND "PRAGMA wal_checkpoint(TRUNCATE)"

int db_open(struct db *db, const char *path, const char *schema)
{
	const char *sync = bug(BUG_NO_FSYNC) ? "PRAGMA synchronous=OFF" :
					       "PRAGMA synchronous=FULL";
	int rc;

	if (bug(BUG_RETRY_FSYNC))
		db_loose_sync();
	rc = connect_to(db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	if (!rc)
		rc = script(db, "PRAGMA journal_mode=WAL");
	if (!rc)
		rc = script(db, sync);
	if (!rc)
		rc = script(db, AS_FOUND);
	if (!rc)
		rc = script(db, schema);
	return rc;
}

int db_open_reader(struct db *db, const char *path)
{
	return connect_to(db, path, SQLITE_OPEN_READONLY);
}

void db_close(struct db *db)
{
	for (size_t i = 0; i < DB_STATEMENTS; i++)
		sqlite3_finalize(db->cache[i].stmt);
	sqlite3_close(db->sql);
	pthread_mutex_destroy(&db->mutex);
}

void db_lock(struct db *db)
{
	pthread_mutex_lock(&db->mutex);
}

void db_unlock(struct db *db)
{
	pthread_mutex_unlock(&db->mutex);
}

static sqlite3_stmt *prepared(struct db *db, const char *sql)
{
	size_t i = 0;
	int rc;

	while (i < DB_STATEMENTS && db->cache[i].text && db->cache[i].text != sql)
		i++;
	if (i == DB_STATEMENTS)
		abort();
	if (db->cache[i].text)
		return db->cache[i].stmt;
	rc = sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &db->cache[i].stmt,
				NULL);
	if (rc != SQLITE_OK) {
		complain(db, sql, rc);
		return NULL;
	}
	db->cache[i].text = sql;
	return db->cache[i].stmt;
}

static sqlite3_stmt *bound(struct db *db, const char *sql, const char *types, va_list ap)
{
	sqlite3_stmt *s = prepared(db, sql);

	for (int i = 1; s && *types; types++, i++) {
		if (*types == 't')
			sqlite3_bind_text(s, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		else
			sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
	}
	return s;
}

int db_row(sqlite3_stmt *s)
{
	int rc = s ? sqlite3_step(s) : SQLITE_ERROR;

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		say("database trouble why=\"%s\"",
		    s ? sqlite3_errmsg(sqlite3_db_handle(s)) : "not prepared");
	db_done(s);
	return to_errno(rc);
}

void db_done(sqlite3_stmt *s)
{
	if (!s)
		return;
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

sqlite3_stmt *db_query(struct db *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *s;
	va_list ap;

	va_start(ap, types);
	s = bound(db, sql, types, ap);
	va_end(ap);
	return s;
}

int db_run(struct db *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *s;
	va_list ap;
	int rc;

	va_start(ap, types);
	s = bound(db, sql, types, ap);
	va_end(ap);
	while ((rc = db_row(s)) == 1)
		;
	return rc;
}

int64_t db_number(struct db *db, int64_t otherwise, const char *sql, const char *types, ...)
{
	sqlite3_stmt *s;
	va_list ap;

	va_start(ap, types);
	s = bound(db, sql, types, ap);
	va_end(ap);
	if (db_row(s) == 1) {
		if (sqlite3_column_type(s, 0) != SQLITE_NULL)
			otherwise = sqlite3_column_int64(s, 0);
		db_done(s);
	}
	return otherwise;
}

int db_begin(struct db *db)
{
	return db_run(db, "BEGIN IMMEDIATE", "");
}

int db_end(struct db *db, int rc)
{
	if (!rc)
		rc = fiu_fail("till/db/commit") ? -EIO : db_run(db, "COMMIT", "");
	if (rc && !sqlite3_get_autocommit(db->sql))
		db_run(db, "ROLLBACK", "");
	if (rc == -ENOSPC && bug(BUG_IGNORE_DISK_FULL))
		rc = 0;
	return rc;
}

int db_changes(struct db *db)
{
	return sqlite3_changes(db->sql);
}

const char *db_text(sqlite3_stmt *s, int column)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	return text ? (const char *)text : "";
}
