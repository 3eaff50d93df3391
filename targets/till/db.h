/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_DB_H
#define TILL_DB_H

/*
 * SQLite as the till uses it: WAL, synchronous=FULL, one connection under one
 * mutex, statements prepared once. SQL texts are string literals; a statement
 * is found again by its text. Whoever calls holds the lock.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>

#define DB_STATEMENTS 64

struct db {
	sqlite3 *sql;
	pthread_mutex_t mutex;
	struct {
		const char *text;
		sqlite3_stmt *stmt;
	} cache[DB_STATEMENTS]; /* protected by mutex */
};

/** db_open - open or make it, and run the schema. 0 or negative errno, said on stdout. */
int db_open(struct db *db, const char *path, const char *schema);
/** db_open_reader - a second, read-only connection: sees what is committed, waits for nobody. */
int db_open_reader(struct db *db, const char *path);
void db_close(struct db *db);

void db_lock(struct db *db);
void db_unlock(struct db *db);

/** db_begin - take the write lock now, so that reading and writing are one step. */
int db_begin(struct db *db);
/** db_end - commit when rc is 0, else roll back. Returns rc, or why the commit failed. */
int db_end(struct db *db, int rc);

/**
 * db_query - bind and return, ready to step; types: one letter per value, t
 * text (NULL allowed), i int64_t. Never NULL: a statement that does not
 * prepare is our own bug.
 */
sqlite3_stmt *db_query(struct db *db, const char *sql, const char *types, ...);
/** db_row - 1 a row, 0 the end, negative errno; after 0 or less the statement is reset. */
int db_row(sqlite3_stmt *s);
/** db_done - give the statement back before its end. */
void db_done(sqlite3_stmt *s);
/** db_run - a statement without rows. 0 or negative errno. */
int db_run(struct db *db, const char *sql, const char *types, ...);
/** db_number - first column of the first row; `otherwise` if there is none (or it fails). */
int64_t db_number(struct db *db, int64_t otherwise, const char *sql, const char *types, ...);
/** db_changes - rows the last db_run touched. */
int db_changes(struct db *db);
/** db_text - a column, never NULL. */
const char *db_text(sqlite3_stmt *s, int column);

#endif
