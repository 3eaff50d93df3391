/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Two ways lead to the rows:
 *
 *   live   the target's own file, read-only, one transaction. SQLite's locks
 *          work across our namespaces because the file is the same. Only when
 *          that cannot create anything: not in WAL mode, or the -shm file of a
 *          running writer is there.
 *   copy   database, -wal and -journal copied aside and opened there
 *          read-write, so that SQLite recovers them as the POS would at its
 *          next start, but without touching the target's files. For files whose
 *          writers are gone. The copy's names are removed as soon as it is open.
 *
 * A live reading that fails for want of recovery falls back to a copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "stage/stage.h"
#include "trial/books_room.h"

#define BUSY_MS 2000
#define COLUMNS_MAX 64
#define COPY_TRIES 3

static const char *const suffixes[] = {"", "-wal", "-journal", "-shm"};

struct copy {
	char dir[512]; /* empty: none */
	char *file;    /* owned */
};

/* ---- the copy ---- */

static int copy_span(int from, int to, off_t at, off_t end)
{
	char chunk[65536];

	while (at < end) {
		size_t want = end - at < (off_t)sizeof(chunk) ? (size_t)(end - at) : sizeof(chunk);
		ssize_t n = pread(from, chunk, want, at);

		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t done = 0, w; done < n; done += w) {
			w = pwrite(to, chunk + done, (size_t)(n - done), at + done);
			if (w < 0)
				return -errno;
		}
		at += n;
	}
	return 0;
}

/* Holes stay holes: a target may have a file of terabytes, this host need not have the room. */
static int copy_bytes(int from, int to, off_t size)
{
	off_t at = 0;

	if (ftruncate(to, size) < 0)
		return -errno;
	while (at < size) {
		off_t data = lseek(from, at, SEEK_DATA), hole;
		int err;

		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		err = copy_span(from, to, data, hole);
		if (err < 0)
			return err;
		at = hole;
	}
	return 0;
}

/* What is there need not be a file: nothing may hang or reach elsewhere for that. */
static int open_plain(const char *path, struct stat *st)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	return S_ISREG(st->st_mode) ? steal_fd(&fd) : -EINVAL;
}

/* One of the files; a journal that is not there is not missed. */
static int copy_file(const char *file, const char *suffix, const char *to, struct err *e)
{
	cleanup_free char *src = xasprintf("%s%s", file, suffix),
			  *dst = xasprintf("%s%s", to, suffix);
	struct stat st;
	cleanup_close int in = open_plain(src, &st), out = -1;
	int err;

	if (in < 0)
		return *suffix && in == -ENOENT ? 0
						: err_errno(e, -in, "opening the database%s%s",
							    *suffix ? "'s " : "", suffix);
	out = open(dst, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0)
		return err_errno(e, errno, "copying it aside to %s", dst);
	err = copy_bytes(in, out, st.st_size);
	return err < 0 ? err_errno(e, -err, "copying it aside to %s", dst) : 0;
}

static void copy_drop(struct copy *c)
{
	for (size_t i = 0; c->file && i < ARRAY_SIZE(suffixes); i++) {
		cleanup_free char *path = xasprintf("%s%s", c->file, suffixes[i]);

		unlink(path);
	}
	if (*c->dir) {
		rmdir(c->dir);
		guardian_drop(c->dir);
	}
	free(c->file);
	*c = (struct copy){0};
}

static int copy_make(struct copy *c, const char *file, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	int err = 0;

	snprintf(c->dir, sizeof(c->dir), "%s/worstday-books-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(c->dir)) {
		err = err_errno(e, errno, "making %s for a copy", c->dir);
		*c->dir = '\0';
		return err;
	}
	guardian_add(c->dir);
	c->file = xasprintf("%s/books.db", c->dir);
	/* -shm is an index of the WAL: it is built anew */
	for (size_t i = 0; i < 3 && err >= 0; i++)
		err = copy_file(file, suffixes[i], c->file, e);
	return err;
}

/* ---- reading ---- */

static int overdue(void *deadline)
{
	return clock_now() > *(const int64_t *)deadline;
}

static int sqlite_err(sqlite3 *db, const char *name, struct err *e)
{
	int code = sqlite3_errcode(db);

	return err_set(e,
		       code == SQLITE_BUSY	  ? EBUSY
		       : code == SQLITE_INTERRUPT ? ETIMEDOUT
						  : EIO,
		       "books.%s: SQLite says: %s", name, sqlite3_errmsg(db));
}

static int prepare(sqlite3 *db, const char *name, const char *sql, sqlite3_stmt **ret,
		   struct err *e)
{
	const char *tail = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, ret, &tail) != SQLITE_OK)
		return sqlite_err(db, name, e);
	if (!*ret)
		return err_set(e, EINVAL, "books.%s: there is no SQL in \"%.80s\"", name, sql);
	if (tail && tail[strspn(tail, " \t\r\n;")])
		return err_set(e, EINVAL, "books.%s: only one statement, please", name);
	if (!sqlite3_stmt_readonly(*ret))
		return err_set(e, EPERM, "books.%s would change the database", name);
	return 0;
}

static int columns(sqlite3_stmt *s, const char **names, const char *name, struct err *e)
{
	int n = sqlite3_column_count(s);

	if (n > COLUMNS_MAX)
		return err_set(e, E2BIG, "books.%s yields more than %d columns", name, COLUMNS_MAX);
	for (int i = 0; i < n; i++)
		names[i] = sqlite3_column_name(s, i);
	return n;
}

static int step_rows(const struct books_in *in, sqlite3 *db, sqlite3_stmt *s,
		     const struct books_query *q, struct err *e)
{
	const char *cells[COLUMNS_MAX];
	struct books_map map;
	int n = columns(s, cells, q->name, e), err, rc;

	if (n < 0)
		return n;
	err = books_map(&map, q, cells, (size_t)n, e);
	while (err >= 0 && (rc = sqlite3_step(s)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW)
			return sqlite_err(db, q->name, e);
		for (int i = 0; i < n; i++)
			cells[i] = (const char *)sqlite3_column_text(s, i);
		err = books_row(in, &map, cells, e);
	}
	return err;
}

static int read_queue(const struct books_in *in, sqlite3 *db, struct err *e)
{
	sqlite3_stmt *s = NULL;
	int err = prepare(db, "queue", in->target->books.queue, &s, e);

	if (err >= 0) {
		int rc = sqlite3_step(s);

		if (rc == SQLITE_ROW)
			err = books_count((const char *)sqlite3_column_text(s, 0), in->ret_queue,
					  e);
		else
			err = rc == SQLITE_DONE ? err_set(e, ENODATA, "books.queue yields no row")
						: sqlite_err(db, "queue", e);
	}
	sqlite3_finalize(s);
	return err;
}

static int read_queries(const struct books_in *in, sqlite3 *db, struct err *e)
{
	struct books_query q;
	const char *sql;
	int err = 0;

	if (in->queue)
		return read_queue(in, db, e);
	for (size_t i = 0; err >= 0 && books_sql_next(in->target, i, &q, &sql); i++) {
		sqlite3_stmt *s = NULL;

		if (!sql)
			continue;
		err = prepare(db, q.name, sql, &s, e);
		if (err >= 0)
			err = step_rows(in, db, s, &q, e);
		sqlite3_finalize(s);
	}
	return err;
}

/* Open, begin one transaction with its first read done, so that recovery is over. */
static int open_db(const struct books_in *in, const char *file, int flags, sqlite3 **ret,
		   struct err *e)
{
	int64_t *deadline = (int64_t *)(uintptr_t)&in->deadline_ns;

	if (sqlite3_open_v2(file, ret, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return *ret ? sqlite_err(*ret, "file", e)
			    : err_set(e, ENOMEM, "SQLite has no memory");
	sqlite3_busy_timeout(*ret, BUSY_MS);
	sqlite3_progress_handler(*ret, 10000, overdue, deadline);
	if (sqlite3_exec(*ret, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) !=
	    SQLITE_OK)
		return sqlite_err(*ret, "file", e);
	return 0;
}

/* -EAGAIN: it could not be opened; no row was handed out. */
static int read_copy(const struct books_in *in, const char *file, struct err *e)
{
	struct copy c = {0};
	sqlite3 *db = NULL;
	int err = copy_make(&c, file, e);

	if (err >= 0)
		err = open_db(in, c.file, SQLITE_OPEN_READWRITE, &db, e);
	copy_drop(&c);
	err = err < 0 ? -EAGAIN : read_queries(in, db, e);
	sqlite3_close(db);
	return err;
}

/* Would reading it in place leave the directory as it is? */
static bool may_read_live(const char *file)
{
	cleanup_free char *shm = xasprintf("%s-shm", file),
			  *journal = xasprintf("%s-journal", file);
	struct stat st;
	cleanup_close int fd = open_plain(file, &st);
	unsigned char head[20];

	if (fd < 0 || read(fd, head, sizeof(head)) != sizeof(head))
		return false;
	if (head[18] == 2 || head[19] == 2) /* file format versions: 2 is WAL */
		return access(shm, F_OK) == 0;
	return access(journal, F_OK) != 0;
}

/* -EAGAIN: a copy is needed after all; no row was handed out. */
static int read_live(const struct books_in *in, const char *file, struct err *e)
{
	sqlite3 *db = NULL;
	int err = open_db(in, file, SQLITE_OPEN_READONLY, &db, e);

	err = err < 0 ? -EAGAIN : read_queries(in, db, e);
	sqlite3_close(db);
	return err;
}

static int read_file(const struct books_in *in, const char *file, struct err *e)
{
	struct stat st;
	int err = -EAGAIN;

	if (lstat(file, &st) < 0)
		return errno == ELOOP ? err_set(e, ELOOP, "a link is in its way, and a link may "
						"lead anywhere: name the real file")
				      : err_errno(e, errno, "the file is not there");
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s", S_ISLNK(st.st_mode) ?
			       "it is a link, which may lead anywhere: name the real file" :
			       "it is not a file");
	if (!in->stopped && may_read_live(file))
		err = read_live(in, file, e);
	/* A file that is written to while it is copied may come out torn: once more. */
	for (int i = 0; i < COPY_TRIES && err == -EAGAIN; i++)
		err = read_copy(in, file, e);
	return err == -EAGAIN ? -EIO : err;
}

int books_sqlite(const struct books_in *in, struct err *e)
{
	const struct books *b = &in->target->books;
	cleanup_free char *file = b->file ? stage_path(in->stage, b->node, b->file) : NULL;
	int err;

	if (!file)
		return err_set(e, ENOENT,
			       "reading the books: %s of node %s is in none of its data folders",
			       b->file ? b->file : "(no file)", b->node);
	err = read_file(in, file, e);
	return err < 0 ? err_wrap(e, "reading the books in %s:%s", b->node, b->file) : 0;
}
