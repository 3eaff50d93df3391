/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle of power cuts: programs whose durability is known, right ones and ones with a bug
 * that programs really have. Each books sales one by one on a disk with a log and says of each when
 * it was acknowledged; then the power is cut at hundreds of places in the log, and what is left is
 * read as that program would. Every bug must be found, under the models that it is one under. The
 * right ones must lose nothing, nor SQLite with WAL and synchronous=FULL or DELETE and EXTRA, whose
 * promise it is (sqlite.org/atomiccommit.html, pragma.html#pragma_synchronous). With DELETE and
 * FULL it does not sync the folder after unlinking its journal: a journal that is back undoes what
 * was committed.
 *
 * ORACLE_STATES=10000 asks that often; needs root and /dev/fuse.
 */
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/draw.h"
#include "tests/unit/disk_kit.h"
#include "tests/unit/suite.h"

#define SALES 24
#define STATES 250
#define LOG (64 << 20)

/* When each was acknowledged; 0: never. Shared with the child. */
static int64_t *acked;

static void ack(int n)
{
	acked[n] = clock_now();
}

static void must(bool well, int line)
{
	if (!well)
		_exit(line & 0xff ? line & 0xff : 1);
}
#define MUST(x) must(x, __LINE__)

static void sync_folder(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	MUST(fd >= 0 && fsync(fd) == 0);
	close(fd);
}

/* ---- one line for each sale in one file ---- */

#define LINE 40

static int lines_open(void)
{
	int fd = open("sales", O_RDWR | O_CREAT, 0644);

	MUST(fd >= 0 && fsync(fd) == 0);
	sync_folder();
	return fd;
}

static void put_line(int fd, int n)
{
	char text[LINE + 1];

	snprintf(text, sizeof(text), "sale %3d %*s\n", n, LINE - 10, "paid");
	MUST(pwrite(fd, text, LINE, (off_t)n * LINE) == LINE);
}

static void lines_no_fsync(int n, int fd)
{
	put_line(fd, n);
	ack(n);
}
static void lines_fdatasync(int n, int fd)
{
	put_line(fd, n);
	MUST(fdatasync(fd) == 0);
	ack(n);
}
static void lines_ack_first(int n, int fd)
{
	ack(n);
	put_line(fd, n);
	MUST(fdatasync(fd) == 0);
}

static bool lines_have(int n)
{
	char text[LINE + 1] = "", want[LINE + 1];
	int fd = open("sales", O_RDONLY);
	ssize_t got = fd < 0 ? -1 : pread(fd, text, LINE, (off_t)n * LINE);

	if (fd >= 0)
		close(fd);
	snprintf(want, sizeof(want), "sale %3d %*s\n", n, LINE - 10, "paid");
	return got == LINE && !memcmp(text, want, LINE);
}

/* ---- a file for each sale, moved into place ---- */

static void file_put(int n, const char *as, bool sync, bool folder)
{
	int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	MUST(fd >= 0 && write(fd, &n, sizeof(n)) == sizeof(n));
	MUST(!sync || fsync(fd) == 0);
	close(fd);
	MUST(rename("new", as) == 0);
	if (folder)
		sync_folder();
}

static void name_of(char *buf, size_t size, int n)
{
	snprintf(buf, size, "sale-%d", n);
}

static void files_no_folder(int n, int fd)
{
	char name[32];

	(void)fd;
	name_of(name, sizeof(name), n);
	file_put(n, name, true, false);
	ack(n);
}
static void files_right(int n, int fd)
{
	char name[32];

	(void)fd;
	name_of(name, sizeof(name), n);
	file_put(n, name, true, true);
	ack(n);
}

static bool files_have(int n)
{
	char name[32];
	int fd, found = -1;

	name_of(name, sizeof(name), n);
	fd = open(name, O_RDONLY);
	if (fd < 0)
		return false;
	if (read(fd, &found, sizeof(found)) != sizeof(found))
		found = -1;
	close(fd);
	return found == n;
}

/* ---- one file that says how many there are ---- */

static int count_open(void)
{
	file_put(-1, "count", true, true);
	return -1;
}

static void count_rewrite(int n, int fd)
{
	fd = open("count", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	MUST(fd >= 0 && write(fd, &n, sizeof(n)) == sizeof(n) && fsync(fd) == 0);
	close(fd);
	sync_folder();
	ack(n);
}
static void count_replace_no_data(int n, int fd)
{
	(void)fd;
	file_put(n, "count", false, true);
	ack(n);
}
static void count_replace(int n, int fd)
{
	(void)fd;
	file_put(n, "count", true, true);
	ack(n);
}

static bool count_has(int n)
{
	int fd = open("count", O_RDONLY), found = -1;

	if (fd < 0)
		return false;
	if (read(fd, &found, sizeof(found)) != sizeof(found))
		found = -1;
	close(fd);
	return found >= n;
}

/* ---- SQLite ---- */

static sqlite3 *db;

static void sql(const char *text)
{
	MUST(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK);
}

static void sql_open(const char *journal, const char *sync)
{
	char text[400];

	MUST(sqlite3_open("sales.db", &db) == SQLITE_OK);
	snprintf(text, sizeof(text), "PRAGMA journal_mode=%s; PRAGMA synchronous=%s; "
		 "PRAGMA wal_autocheckpoint=20; CREATE TABLE IF NOT EXISTS sale(n INTEGER PRIMARY "
		 "KEY, text); CREATE TABLE IF NOT EXISTS stock(sku INTEGER PRIMARY KEY, qty); "
		 "INSERT OR IGNORE INTO stock VALUES(1, 1000)", journal, sync);
	sql(text);
}

static int sql_wal_full(void)
{
	sql_open("WAL", "FULL");
	return -1;
}
static int sql_wal_off(void)
{
	sql_open("WAL", "OFF");
	return -1;
}
static int sql_delete_extra(void)
{
	sql_open("DELETE", "EXTRA");
	return -1;
}
static int sql_delete_full(void)
{
	sql_open("DELETE", "FULL");
	return -1;
}

static void sql_sell(int n, int fd)
{
	char text[200];

	(void)fd;
	snprintf(text, sizeof(text), "BEGIN IMMEDIATE; INSERT INTO sale VALUES(%d, hex(zeroblob("
		 "%d))); UPDATE stock SET qty = qty - 1; COMMIT", n, 300 + n * 70 % 4000);
	sql(text);
	ack(n);
}

static int row(void *arg, int count, char **cells, char **names)
{
	(void)names;
	snprintf(arg, 64, "%s", count && cells[0] ? cells[0] : "");
	return 0;
}

static bool ask(const char *text, const char *want)
{
	char got[64] = "";

	return sqlite3_exec(db, text, row, got, NULL) == SQLITE_OK && !strcmp(got, want);
}

/* Whole, and sales and stock agree: a sale is booked whole or not at all. */
static bool sql_whole(void)
{
	bool well;

	if (sqlite3_open("sales.db", &db) != SQLITE_OK)
		return false;
	well = ask("PRAGMA integrity_check", "ok") &&
	       ask("SELECT count(*) FROM sqlite_schema WHERE name IN ('sale', 'stock')", "2") &&
	       ask("SELECT (SELECT count(*) FROM sale) + (SELECT qty FROM stock)", "1000");
	return well;
}

static bool sql_has(int n)
{
	char text[96];

	snprintf(text, sizeof(text), "SELECT count(*) FROM sale WHERE n = %d", n);
	return ask(text, "1");
}

/* ---- programs ---- */

#define STRICT 1
#define ORDERED 2
#define WRITEBACK 4
#define ALL 7

static const struct program {
	const char *name;
	int (*open)(void);
	void (*sell)(int n, int fd);
	bool (*whole)(void);
	bool (*have)(int n);
	int found; /* under which models */
} programs[] = {
	{ "lines: no fsync", lines_open, lines_no_fsync, NULL, lines_have, ALL },
	{ "lines: acknowledged before commit", lines_open, lines_ack_first, NULL, lines_have, ALL },
	{ "lines: right", lines_open, lines_fdatasync, NULL, lines_have, 0 },
	{ "files: renamed without syncing the folder", NULL, files_no_folder, NULL, files_have,
	  ALL },
	{ "files: right", NULL, files_right, NULL, files_have, 0 },
	{ "count: rewritten with O_TRUNC", count_open, count_rewrite, NULL, count_has, ALL },
	{ "count: replaced without its data", count_open, count_replace_no_data, NULL,
	  count_has, STRICT | WRITEBACK },
	{ "count: right", count_open, count_replace, NULL, count_has, 0 },
	{ "SQLite WAL, OFF", sql_wal_off, sql_sell, sql_whole, sql_has, ALL },
	{ "SQLite DELETE, FULL", sql_delete_full, sql_sell, sql_whole, sql_has, ALL },
	{ "SQLite WAL, FULL", sql_wal_full, sql_sell, sql_whole, sql_has, 0 },
	{ "SQLite DELETE, EXTRA", sql_delete_extra, sql_sell, sql_whole, sql_has, 0 },
};

static void run(const struct kit *k, const struct program *p)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		char dir[128];
		int fd;

		snprintf(dir, sizeof(dir), "%s/0", k->mnt);
		MUST(chdir(dir) == 0);
		fd = p->open ? p->open() : -1;
		for (int n = 0; n < SALES; n++)
			p->sell(n, fd);
		_exit(0); /* without closing: a close is not what is asked about */
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %x", p->name, status);
}

/* The first sale that is missing though acknowledged by then; -2: all is broken; -1: none. */
static int missing(const struct program *p, int64_t until_ns)
{
	int lost = -1;

	db = NULL;
	if (p->whole && !p->whole())
		lost = acked[0] < until_ns ? -2 : -1;
	for (int n = 0; lost == -1 && n < SALES && acked[n] < until_ns; n++)
		if (!p->have(n))
			lost = n;
	sqlite3_close(db);
	return lost;
}

static int states(void)
{
	const char *n = getenv("ORACLE_STATES");

	return n ? atoi(n) : STATES;
}

/* How many of so many states lost something; the last such in *ret_at. */
static int cut(const struct kit *k, const struct program *p, struct history *h, int model,
	       struct crash_at *ret_at, int *ret_lost)
{
	size_t ops = history_count(h);
	int bad = 0;

	ck_assert_int_eq(chdir(k->state), 0);
	for (int i = 0; i < states(); i++) {
		struct draw d = { .seed = 5, .name = "test", .object = (uint64_t)i };
		struct crash_at at = { .model = model, .seed = (uint64_t)i, .ops =
				       (size_t)draw_range(d, 0, (int64_t)ops - 1) };
		int lost;

		d.hit = 1;
		at.nth = (uint64_t)draw_range(d, 0, CRASH_DRAWN + 3);
		kit_state(k, h, &at);
		/* The next operation is not done: whoever waits for it was told nothing yet. */
		lost = missing(p, history_op(h, at.ops)->end_ns);
		if (lost == -1)
			continue;
		bad++;
		*ret_at = at;
		*ret_lost = lost;
	}
	ck_assert_int_eq(chdir("/"), 0);
	return bad;
}

START_TEST(test_program)
{
	const struct program *p = &programs[_i];
	struct history *h;
	struct kit k;

	acked = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	kit_open(&k, LOG);
	run(&k, p);
	h = kit_history(&k);
	for (int m = 0; m < DURABLE_MODELS; m++) {
		struct crash_at at = { .ops = 0 };
		int lost = -1;
		int64_t began = clock_now();
		int bad = cut(&k, p, h, m, &at, &lost);

		printf("# %-42s %-14s %5d of %d lose something, %.0f states/s\n", p->name,
		       durability_names[m], bad, states(),
		       states() * 1e9 / (double)(clock_now() - began));
		ck_assert_msg((bad > 0) == (p->found >> m & 1), "%s, %s: %d of %d states lose "
			      "something (sale %d, at operation %zu of %zu, state %d)", p->name,
			      durability_names[m], bad, states(), lost, at.ops, history_count(h),
			      (int)at.nth);
	}
	history_free(h);
	kit_close(&k);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oracle");
	TCase *t = tcase_create("programs");

	if (!kit_possible())
		return 0;
	tcase_add_loop_test(t, test_program, 0, sizeof(programs) / sizeof(*programs));
	tcase_set_timeout(t, states() > STATES ? 1000 : 60);
	suite_add_tcase(s, t);
	return suite_main(s);
}
