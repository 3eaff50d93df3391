/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: reading the books from each kind of source. Expected: rows by column
 * name, exact amounts, the target's files untouched, and one clear sentence
 * for everything that cannot be read. Buggy result: a crash on an odd type, a
 * rounded amount, an unread book taken for an empty one, a recovered WAL in
 * the target's folder. The stage is stood in for: this file has its functions.
 */
#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "conf/target.h"
#include "ledger/ledger.h"
#include "stage/stage.h"
#include "trial/books.h"
#include "tests/unit/suite.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

/* ---- a stage that is this very host ---- */

static char dir[] = "/tmp/check-books-XXXXXX";
static bool no_shell;

char *stage_path(struct stage *st, const char *node, const char *path)
{
	(void)st;
	return strcmp(node, "store") == 0 && strncmp(path, "/data", 5) == 0
		       ? xasprintf("%s%s", dir, path + 5)
		       : NULL;
}

int stage_socket(struct stage *st, const char *node, int domain, int type, int protocol)
{
	(void)st;
	(void)node;
	return socket(domain, type, protocol);
}

int stage_netns(struct stage *st, const char *node)
{
	static int fd = -1;

	(void)st;
	(void)node;
	if (fd < 0)
		fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd;
}

const char *stage_address(struct stage *st, const char *node)
{
	(void)st;
	return strcmp(node, "store") == 0 ? "127.0.0.1" : NULL;
}

int stage_spawn_ours(struct stage *st, const char *node, const char *user, char *const argv[],
		     const struct strmap *env, struct spawned *ret, struct err *e)
{
	int in[2], out[2];
	pid_t pid;

	(void)st, (void)node, (void)user, (void)env;
	if (access(argv[0], X_OK) < 0 || (no_shell && strcmp(argv[0], "/bin/sh") == 0))
		return err_set(e, ENOENT, "running %s: no such file", argv[0]);
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execv(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	*ret = (struct spawned){in[1], out[0], (int)syscall(SYS_pidfd_open, pid, 0)};
	return 0;
}

int guardian_add(const char *d)
{
	(void)d;
	return 0;
}

int guardian_drop(const char *d)
{
	(void)d;
	return 0;
}

/* ---- rows as one line of text each, to compare ---- */

static struct target target;
static struct buf rows;
static struct err err;

static void row(void *arg, const struct book *b)
{
	static const char *const names[] = {"sale",	"payment", "stock",
					    "receipt", "line",	   "invariant"};
	const char *const texts[] = {b->key,   b->currency, b->receipt, b->series, b->lane,
				     b->state, b->tender,   b->sku,	b->time};

	(void)arg;
	buf_printf(&rows, "%s", names[b->what]);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i])
			buf_printf(&rows, " %s", texts[i]);
	if (b->total != INT64_MIN)
		buf_printf(&rows, " total=%lld", (long long)b->total);
	if (b->number != INT64_MIN)
		buf_printf(&rows, " number=%lld", (long long)b->number);
	if (b->qty != INT64_MIN)
		buf_printf(&rows, " qty=%lld", (long long)b->qty);
	buf_addc(&rows, '\n');
}

static int read_rows(bool stopped)
{
	buf_reset(&rows);
	buf_adds(&rows, "");
	err = (struct err){0};
	return books_each(NULL, &target, stopped, row, NULL, &err);
}

static void assert_rows(bool stopped, const char *want)
{
	int r = read_rows(stopped);

	ck_assert_msg(r == 0, "%s", err.msg);
	ck_assert_str_eq(rows.len ? rows.data : "", want);
}

static void assert_fails(bool stopped, const char *word)
{
	int r = read_rows(stopped);

	ck_assert_msg(r < 0, "it was read: %s", rows.data);
	ck_assert_msg(strstr(err.msg, word), "\"%s\" is not in \"%s\"", word, err.msg);
	ck_assert_int_eq(r, -err.code);
}

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	target = (struct target){.currency = TEXT("EUR")};
	target.books = (struct books){.node = TEXT("store"), .file = TEXT("/data/store.db")};
	no_shell = false;
}

static void tear_down(void)
{
	cleanup_free char *command = xasprintf("rm -rf '%s'", dir);

	if (system(command))
		fprintf(stderr, "could not remove %s\n", dir);
	buf_done(&rows);
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
}

/* ---- SQLite ---- */

static sqlite3 *db_open(void)
{
	cleanup_free char *file = xasprintf("%s/store.db", dir);
	sqlite3 *db = NULL;

	ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
	return db;
}

static void sql(sqlite3 *db, const char *text)
{
	char *why = NULL;

	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK, "%s", why);
}

static void sqlite_target(const char *sales)
{
	target.books.kind = BOOKS_SQLITE;
	target.books.sales = TEXT(sales);
}

static const char table[] =
	"CREATE TABLE sale (key TEXT, total, currency TEXT, receipt TEXT);"
	"INSERT INTO sale VALUES ('S1', 1295, 'EUR', '1-17'), ('S2', 700, NULL, NULL)";

/* What lies in the target's folder, with sizes: it must not change. */
static char *listing(void)
{
	struct buf b = {0};
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, names[i]->d_name);
		struct stat st;

		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			buf_printf(&b, "%s %lld %lld\n", names[i]->d_name, (long long)st.st_size,
				   (long long)st.st_mtim.tv_nsec);
		free(names[i]);
	}
	free(names);
	return buf_steal(&b);
}

START_TEST(sqlite_all_queries)
{
	sqlite3 *db = db_open();

	sql(db, table);
	sql(db, "CREATE TABLE stock (sku TEXT, qty INTEGER); INSERT INTO stock VALUES ('A', 7)");
	sqlite_target("SELECT TOTAL, Key, receipt, currency, 'x' AS other FROM sale ORDER BY key");
	target.books.payments =
		TEXT("SELECT key, total AS amount, 'cash' AS tender FROM sale LIMIT 1");
	target.books.stock = TEXT("SELECT sku, qty FROM stock;  ");
	target.books.receipts =
		TEXT("SELECT '1' AS series, 17 AS number UNION SELECT NULL, '1-18'");
	target.books.lines = TEXT("SELECT 'S1' AS key, 'A' AS sku, 2 AS qty");
	target.books.queue = TEXT("SELECT 3 AS n");
	assert_rows(false,
		    "sale S1 EUR 1-17 total=1295\nsale S2 total=700\npayment S1 cash total=1295\n"
		    "stock A qty=7\nreceipt 1-18\nreceipt 1 number=17\nline S1 A qty=2\n");
	sqlite3_close(db);
}
END_TEST

START_TEST(sqlite_amounts)
{
	static const struct {
		const char *value, *want; /* NULL: an error */
	} cases[] = {
		{"1295", "sale S total=1295\n"},
		{"'1295'", "sale S total=1295\n"},
		{"12.95", "sale S total=1295\n"},
		{"'12.95'", "sale S total=1295\n"},
		{"12.0", "sale S total=1200\n"},
		{"'12.9500'", "sale S total=1295\n"},
		{"'-0.05'", "sale S total=-5\n"},
		{"'.5'", "sale S total=50\n"},
		{"' 12.95 '", "sale S total=1295\n"},
		{"0.1 + 0.2", "sale S total=30\n"},
		{"NULL", "sale S\n"},
		{"''", "sale S\n"},
		{"'12.955'", NULL},
		{"'twelve'", NULL},
		{"'12,95'", NULL},
		{"'.'", NULL},
		{"1e300", NULL},
		{"'99999999999999999999'", NULL},
		{"x'00ff'", "sale S\n"},
		{"1295 AS total, 'JPY' AS currency, 0", "sale S JPY total=1295\n"},
		{"'1295.00' AS total, 'JPY' AS currency, 0", "sale S JPY total=1295\n"},
		{"'1295.50' AS total, 'JPY' AS currency, 0", NULL},
		{"12.5 AS amount, 'KWD' AS currency, 0", "sale S KWD total=12500\n"},
	};
	cleanup_free char *text = NULL;
	sqlite3 *db = db_open();

	sql(db, table);
	sqlite3_close(db);
	text = xasprintf("SELECT 'S' AS key, %s%s", cases[_i].value,
			 strstr(cases[_i].value, " AS ") ? " AS other" : " AS total");
	sqlite_target(text);
	if (cases[_i].want)
		assert_rows(false, cases[_i].want);
	else
		assert_fails(false, "books.sales: row 1 has total");
}
END_TEST
#define AMOUNTS 23

START_TEST(sqlite_wal_of_a_running_writer)
{
	sqlite3 *db = db_open();
	cleanup_free char *before = NULL, *after = NULL;

	sql(db, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
	sql(db, table);
	sqlite_target("SELECT key, total FROM sale ORDER BY key");
	before = listing();
	assert_rows(false, "sale S1 total=1295\nsale S2 total=700\n");
	sql(db, "BEGIN IMMEDIATE; INSERT INTO sale VALUES ('S3', 1, NULL, NULL)");
	assert_rows(false,
		    "sale S1 total=1295\nsale S2 total=700\n"); /* not committed, not blocked */
	sql(db, "ROLLBACK");
	after = listing();
	ck_assert_str_eq(before, after);
	sqlite3_close(db);
}
END_TEST

/* What a SIGKILL leaves: a WAL with commits in it, or a hot journal. The parent reads it. */
static void writer_killed(bool wal)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		sqlite3 *db = db_open();

		sql(db, wal ? "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0"
			    : "PRAGMA journal_mode=DELETE; PRAGMA cache_size=1");
		sql(db, table);
		if (!wal) /* spill uncommitted pages into the file */
			sql(db, "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
				"FROM n WHERE "
				"i < 2000) INSERT INTO sale SELECT 'X' || i, hex(randomblob(50)), "
				"NULL, NULL "
				"FROM n");
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}

START_TEST(sqlite_after_a_kill)
{
	bool wal = _i & 1, stopped = _i & 2;
	cleanup_free char *before = NULL, *after = NULL;

	writer_killed(wal);
	sqlite_target("SELECT key, total FROM sale ORDER BY key");
	before = listing();
	ck_assert_msg(strstr(before, wal ? "-wal" : "-journal"), "%s", before);
	assert_rows(stopped, "sale S1 total=1295\nsale S2 total=700\n");
	after = listing();
	if (wal && !stopped) /* -shm is there: it may be rebuilt in place, its contents only */
		ck_assert_int_eq(strlen(before) > 0, strlen(after) > 0);
	else
		ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(sqlite_wal_without_shm_creates_nothing)
{
	cleanup_free char *shm = xasprintf("%s/store.db-shm", dir), *before = NULL, *after = NULL;

	writer_killed(true);
	unlink(shm);
	sqlite_target("SELECT key, total FROM sale ORDER BY key");
	before = listing();
	assert_rows(false, "sale S1 total=1295\nsale S2 total=700\n");
	after = listing();
	ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(sqlite_errors_have_words)
{
	static const struct {
		const char *sales, *word;
	} cases[] = {
		{"SELECT key, total FROM nosuch", "no such table: nosuch"},
		{"SELECT key FROM sale", "no column \"total\" (it has: key)"},
		{"SELEKT key", "syntax error"},
		{"DELETE FROM sale", "would change the database"},
		{"SELECT 1; SELECT 2", "only one statement"},
		{"  ", "no SQL"},
		{"SELECT key, total FROM sale WHERE abs(-9223372036854775808) > 0",
		 "integer overflow"},
	};
	sqlite3 *db = db_open();

	sql(db, table);
	sqlite3_close(db);
	sqlite_target(cases[_i].sales);
	assert_fails(false, cases[_i].word);
	assert_fails(true, cases[_i].word);
	ck_assert_msg(strstr(err.msg, "store:/data/store.db"), "%s", err.msg);
}
END_TEST
#define SQLITE_ERRORS 7

START_TEST(sqlite_files_that_are_none)
{
	cleanup_free char *file = xasprintf("%s/store.db", dir);
	FILE *f;

	sqlite_target("SELECT key, total FROM sale");
	assert_fails(false, "is not there");
	f = fopen(file, "w");
	for (int i = 0; i < 4096; i++)
		fputc("garbage"[i % 7], f);
	fclose(f);
	assert_fails(false, "not a database");
	assert_fails(true, "not a database");
	target.books.file = TEXT("/elsewhere/x.db");
	assert_fails(false, "none of its data folders");
	target.books.node = NULL;
	assert_fails(false, "no node");
}
END_TEST

START_TEST(sqlite_queue)
{
	sqlite3 *db = db_open();
	int64_t n;

	sql(db, table);
	sqlite3_close(db);
	sqlite_target("SELECT key, total FROM sale");
	ck_assert_int_eq(books_queue(NULL, &target, &n, &err), -ENOENT);
	target.books.queue = TEXT("SELECT count(*) AS n FROM sale");
	ck_assert_int_eq(books_queue(NULL, &target, &n, &err), 0);
	ck_assert_int_eq(n, 2);
	target.books.queue = TEXT("SELECT sum(total) FROM sale WHERE key = 'none'");
	ck_assert_int_eq(books_queue(NULL, &target, &n, &err), 0);
	ck_assert_int_eq(n, 0);
	target.books.queue = TEXT("SELECT key FROM sale");
	ck_assert_int_lt(books_queue(NULL, &target, &n, &err), 0);
	ck_assert_msg(strstr(err.msg, "whole number"), "%s", err.msg);
}
END_TEST

START_TEST(digest_is_of_the_rows)
{
	uint64_t a, b, c;
	sqlite3 *db = db_open();

	sql(db, table);
	sqlite_target("SELECT key, total FROM sale ORDER BY key");
	ck_assert_int_eq(books_digest(NULL, &target, &a, &err), 0);
	sqlite_target("SELECT key, total FROM sale ORDER BY key DESC");
	ck_assert_int_eq(books_digest(NULL, &target, &b, &err), 0);
	ck_assert(a == b);
	sql(db, "UPDATE sale SET total = 701 WHERE key = 'S2'");
	ck_assert_int_eq(books_digest(NULL, &target, &c, &err), 0);
	ck_assert(a != c);
	sqlite3_close(db);
}
END_TEST

START_TEST(no_books_no_rows)
{
	int64_t n;

	target.books.kind = BOOKS_NONE;
	assert_rows(false, "");
	ck_assert_int_eq(books_queue(NULL, &target, &n, &err), -ENOENT);
}
END_TEST

/* Nothing reaches the ledger when reading fails half-way. */
START_TEST(ledger_gets_all_or_nothing)
{
	struct ledger *l;
	struct ledgers back;
	sqlite3 *db = db_open();

	sql(db, table);
	sqlite3_close(db);
	sqlite_target("SELECT key, total FROM sale ORDER BY key");
	ck_assert_int_eq(ledger_open(&l, dir, clock_now(), &err), 0);
	ck_assert_int_eq(books_read(NULL, &target, true, false, l, &err), 0);
	target.books.stock = TEXT("SELECT sku FROM nosuch");
	ck_assert_int_lt(books_read(NULL, &target, false, false, l, &err), 0);
	ck_assert_int_eq(ledger_close(l, &err), 0);
	ck_assert_int_eq(ledgers_load(&back, dir, &err), 0);
	ck_assert_uint_eq(back.book_count, 2);
	ck_assert(back.book[0].start && back.book[1].start);
	ck_assert_str_eq(back.book[0].key, "S1");
	ck_assert_int_eq(back.book[1].total, 700);
	ledgers_done(&back);
}
END_TEST

/* ---- command ---- */

static void command_target(const char *script)
{
	static char *argv[3];

	argv[0] = TEXT("/bin/bash");
	argv[1] = TEXT("-c");
	argv[2] = TEXT(script);
	target.books.kind = BOOKS_COMMAND;
	target.books.run = (struct strlist){.at = argv, .count = 3};
}

START_TEST(command_shapes)
{
	static const struct {
		const char *script, *want;
	} cases[] = {
		{"echo '[{\"key\": \"S1\", \"total\": 1295}]'", "sale S1 total=1295\n"},
		{"echo '{\"key\": \"S1\", \"total\": 12.95}'", "sale S1 total=1295\n"},
		{"echo '{\"sales\": [{\"key\": 7, \"total\": \"12.95\", \"state\": null}], "
		 "\"stock\": "
		 "[{\"sku\": \"A\", \"qty\": 2}], \"queue\": 0}'",
		 "sale 7 total=1295\nstock A qty=2\n"},
		{"printf "
		 "'{\"key\":\"a\",\"total\":1}\\n\\n{\"what\":\"stock\",\"sku\":\"A\",\"qty\":2}"
		 "\\n'",
		 "sale a total=1\nstock A qty=2\n"},
		{"echo '[]'", ""},
		{"echo '[{\"key\": null, \"total\": null, \"x\": {\"y\": []}}]'", "sale\n"},
		{"echo '{\"key\": \"S1\", \"total\": 5, \"lines\": []}'", "sale S1 total=5\n"},
		{"echo '{\"sales\": null, \"queue\": 0}'", ""},
	};

	command_target(cases[_i].script);
	assert_rows(false, cases[_i].want);
	no_shell = true; /* a node without /bin/sh */
	assert_rows(false, cases[_i].want);
}
END_TEST
#define COMMAND_SHAPES 8

START_TEST(command_errors)
{
	static const struct {
		const char *script, *word;
	} cases[] = {
		{"echo '[]'; exit 3", "exit code 3"},
		{"printf '{\"key\":\"a\",\"total\":1}\\n'; kill -9 $$", "exit code 137"},
		{"true", "printed nothing"},
		{"echo 'Traceback'", "Traceback"},
		{"echo 7", "neither an array nor an object"},
		{"echo '[7]'", "row 1 is not an object"},
		{"echo '{\"stock\": []}'", "there is no \"sales\""},
		{"echo '{\"queue\": 0}'", "there is no \"sales\""},
		{"echo '[{\"total\": 1}]'", "row 1 has no \"key\""},
		{"echo '[{\"key\": \"a\", \"total\": 12.955}]'", "row 1 has total \"12.955\""},
		{"printf '{\"key\":\"a\",\"total\":1}\\n{\"key\":\\n'", "line 2"},
		{"printf '{\"key\":\"a\",\"total\":1}\\n{\"what\":\"cat\"}\\n'", "\"cat\""},
	};

	command_target(cases[_i].script);
	assert_fails(false, cases[_i].word);
	ck_assert_msg(strstr(err.msg, "with /bin/bash in store"), "%s", err.msg);
}
END_TEST
#define COMMAND_ERRORS 12

START_TEST(command_queue)
{
	int64_t n;

	command_target("echo '{\"sales\": [], \"queue\": 4}'");
	ck_assert_int_eq(books_queue(NULL, &target, &n, &err), 0);
	ck_assert_int_eq(n, 4);
	command_target("echo '{\"sales\": [], \"queue\": [{\"n\": 5}]}'");
	ck_assert_int_eq(books_queue(NULL, &target, &n, &err), 0);
	ck_assert_int_eq(n, 5);
	command_target("echo '[]'");
	ck_assert_int_eq(books_queue(NULL, &target, &n, &err), -ENOENT);
}
END_TEST

/* ---- HTTP ---- */

struct server {
	int fd, port;
	const char *reply;
	char request[1024];
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	size_t n = 0;
	ssize_t r;

	while (fd >= 0 && !strstr(s->request, "\r\n\r\n") &&
	       (r = read(fd, s->request + n, sizeof(s->request) - 1 - n)) > 0)
		n += (size_t)r;
	if (fd >= 0 && write(fd, s->reply, strlen(s->reply)) < 0)
		perror("write");
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void server_start(struct server *s, const char *reply)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	*s = (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .reply = reply};
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(s->fd, 4), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->fd);
}

START_TEST(http_replies)
{
	static const struct {
		const char *reply, *want, *word;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n[{\"key\":\"S1\",\"total\":100}]",
		 "sale S1 total=100\n", NULL},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", "",
		 NULL},
		{"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad", NULL, "status 500: bad"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL, "empty"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[", NULL, "store"}, /* cut */
		{"nonsense", NULL, "store"},
	};
	cleanup_free char *url = NULL;
	static struct strmap none;
	struct node node = {.name = TEXT("store"), .env = none};
	struct server s;

	server_start(&s, cases[_i].reply);
	url = _i % 2 ? xasprintf(":%d/books?x=1", s.port)
		     : xasprintf("http://store:%d/books?x=1", s.port);
	target.books.kind = BOOKS_HTTP;
	target.books.url = url;
	target.nodes = &node;
	target.nodes_count = 1;
	if (cases[_i].word)
		assert_fails(false, cases[_i].word);
	else
		assert_rows(false, cases[_i].want);
	server_stop(&s);
	ck_assert_msg(strncmp(s.request, "GET /books?x=1 HTTP/1.1\r\n", 25) == 0, "%s", s.request);
}
END_TEST
#define HTTP_REPLIES 6

START_TEST(http_nobody_there)
{
	struct server s;
	cleanup_free char *url = NULL;

	server_start(&s, "");
	url = xasprintf(":%d/", s.port);
	target.books.kind = BOOKS_HTTP;
	target.books.url = url;
	shutdown(s.fd, SHUT_RDWR);
	server_stop(&s);
	assert_fails(false, "reading the books from");
	target.books.url = NULL;
	assert_fails(false, "books.url");
}
END_TEST

/* ---- PostgreSQL ---- */

#define PG_BIN "/usr/lib/postgresql/15/bin"

static bool may_setns(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* PostgreSQL refuses to be root: run its commands as the user postgres then. */
static int pg(const char *fmt, const char *a, const char *b)
{
	cleanup_free char *inner = NULL, *outer = NULL;
	struct buf text = {0};

	for (const char *p = fmt; *p; p++) {
		if (*p == '@')
			buf_adds(&text, a);
		else if (*p == '#')
			buf_adds(&text, b);
		else
			buf_addc(&text, *p);
	}
	inner = buf_steal(&text);
	outer = geteuid() == 0 ? xasprintf("cd / && runuser -u postgres -- sh -c \"%s\"", inner)
			       : xasprintf("cd / && %s", inner);
	return system(outer);
}

static bool pg_usable(void)
{
	return access(PG_BIN "/postgres", X_OK) == 0 && may_setns() &&
	       (geteuid() != 0 || getpwnam("postgres"));
}

static void pg_start(const char *home)
{
	struct passwd *pw = getpwnam("postgres");

	mkdir(home, 0755);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(home, pw->pw_uid, pw->pw_gid), 0);
	chmod(dir, 0755);
	ck_assert_int_eq(
		pg(PG_BIN "/initdb -A trust -N -D @/db -U till >@/initdb.log 2>&1", home, ""), 0);
	ck_assert_int_eq(pg(PG_BIN "/pg_ctl -D @/db -w -t 60 -l @/log -o '-c listen_addresses= -c "
				   "unix_socket_directories=@ -F' start >/dev/null 2>&1",
			    home, ""),
			 0);
}

static void pg_rows(void)
{
	int64_t n;

	target.books.sales =
		TEXT("SELECT 'S1' AS key, 12.95::numeric(10,2) AS total, NULL AS receipt, "
		     "'paid' AS state UNION ALL SELECT 'S2', 700.00, '1-2', 'void'");
	target.books.stock = TEXT("SELECT 'A' AS \"SKU\", 7.000::numeric AS qty WHERE true");
	target.books.lines = TEXT("SELECT 'S1' AS key, 'A' AS sku, 1 AS qty WHERE false");
	assert_rows(false,
		    "sale S1 paid total=1295\nsale S2 1-2 void total=70000\nstock A qty=7\n");
	target.books.lines = target.books.stock = NULL;
	strmap_set(&target.books.invariants, "free", "SELECT 'S9' AS key, 'for 0' AS why",
		   (struct mark){0});
	strmap_set(&target.books.invariants, "kept", "SELECT 1 WHERE false", (struct mark){0});
	assert_rows(false, "sale S1 paid total=1295\nsale S2 1-2 void total=70000\n"
			   "invariant S9 free for 0\n");
	strmap_done(&target.books.invariants);
	target.books.queue = TEXT("SELECT count(*) AS n FROM pg_class WHERE false");
	ck_assert_int_eq(books_queue(NULL, &target, &n, &err), 0);
	ck_assert_int_eq(n, 0);
}

static void pg_errors(void)
{
	static const struct {
		const char *sales, *word;
	} cases[] = {
		{"SELECT key, total FROM nosuch", "nosuch"},
		{"SELECT 1 AS key", "no column \"total\""},
		{"SELECT 1 AS key WHERE false", "no column \"total\""},
		{"CREATE TABLE x (y int)", "read-only"},
		{"SELECT 1 AS key, 2 AS total; SELECT 3", "multiple commands"},
		{"SELECT 'a' AS key, 'twelve' AS total", "row 1 has total"},
		{"SET x.y = 1", "not a query"},
	};

	target.books.stock = target.books.lines = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		target.books.sales = TEXT(cases[i].sales);
		assert_fails(false, cases[i].word);
	}
}

START_TEST(postgres_over_its_socket)
{
	cleanup_free char *home = xasprintf("%s/pg", dir);

	pg_start(home);
	target.books.kind = BOOKS_POSTGRES;
	target.books.connect = TEXT("host=/data/pg dbname=postgres user=till");
	pg_rows();
	pg_errors();
	ck_assert_int_eq(
		pg(PG_BIN "/pg_ctl -D @/db -m immediate -w stop >/dev/null 2>&1", home, ""), 0);
	assert_fails(false, "no connection");
}
END_TEST

START_TEST(postgres_unreachable)
{
	target.books.kind = BOOKS_POSTGRES;
	target.books.sales = TEXT("SELECT 1");
	target.books.connect = TEXT("host=store port=1 dbname=x connect_timeout=2");
	assert_fails(false, "reading the books from PostgreSQL in store: ");
	target.books.connect = TEXT("host=nowhere dbname=x");
	assert_fails(false, "neither a node nor an address");
	target.books.connect = TEXT("hast=store");
	assert_fails(false, "hast");
	target.books.connect = TEXT("host=/run/pg");
	assert_fails(false, "none of its data folders");
}
END_TEST

/* ---- */

static TCase *tcase(Suite *s, const char *name, double timeout)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, timeout);
	tcase_add_unchecked_fixture(tc, NULL, NULL);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	suite_add_tcase(s, tc);
	return tc;
}

static void add_sqlite(Suite *s)
{
	TCase *tc = tcase(s, "sqlite", 60);

	tcase_add_test(tc, sqlite_all_queries);
	tcase_add_loop_test(tc, sqlite_amounts, 0, AMOUNTS);
	tcase_add_test(tc, sqlite_wal_of_a_running_writer);
	tcase_add_loop_test(tc, sqlite_after_a_kill, 0, 4);
	tcase_add_test(tc, sqlite_wal_without_shm_creates_nothing);
	tcase_add_loop_test(tc, sqlite_errors_have_words, 0, SQLITE_ERRORS);
	tcase_add_test(tc, sqlite_files_that_are_none);
	tcase_add_test(tc, sqlite_queue);
	tcase_add_test(tc, digest_is_of_the_rows);
	tcase_add_test(tc, no_books_no_rows);
	tcase_add_test(tc, ledger_gets_all_or_nothing);
}

static void add_others(Suite *s)
{
	TCase *tc = tcase(s, "command", 60);

	tcase_add_loop_test(tc, command_shapes, 0, COMMAND_SHAPES);
	tcase_add_loop_test(tc, command_errors, 0, COMMAND_ERRORS);
	tcase_add_test(tc, command_queue);
	tc = tcase(s, "http", 60);
	tcase_add_loop_test(tc, http_replies, 0, HTTP_REPLIES);
	tcase_add_test(tc, http_nobody_there);
	tc = tcase(s, "postgres", 120);
	if (may_setns())
		tcase_add_test(tc, postgres_unreachable);
	else
		printf("# SKIP postgres_unreachable: may not enter a network namespace\n");
	if (pg_usable())
		tcase_add_test(tc, postgres_over_its_socket);
	else
		printf("# SKIP postgres_over_its_socket: no PostgreSQL 15, no user postgres, or no "
		       "setns\n");
}

int main(void)
{
	Suite *s = suite_create("books");

	add_sqlite(s);
	add_others(s);
	return suite_main(s);
}
