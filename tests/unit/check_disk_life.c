/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds whatever is armed: a disk that stands still holds up nobody else and lets go when it
 * is healed or gone; a host that fails is told from a fault; databases killed in the middle
 * recover.
 */
#include <sqlite3.h>

#include "disk_world.h"

/* A child that waits for the disk; its pidfd is readable when it is through. */
static pid_t waiter(int *ret_started)
{
	char path[400];
	int p[2];
	pid_t pid;

	ck_assert_int_eq(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		int fd;

		snprintf(path, sizeof(path), "%s/0/waits-%d", mnt, getpid());
		fd = open(path, O_RDWR | O_CREAT, 0600);
		if (write(p[1], "s", 1) != 1)
			_exit(9);
		_exit(fsync(fd) == 0 ? 0 : errno == EIO ? 5 : 1);
	}
	close(p[1]);
	*ret_started = p[0];
	return pid;
}

static void write_and_read(struct buf *o)
{
	int fd = open("other", O_RDWR | O_CREAT, 0600);
	char text[8192];

	T(pwrite(fd, block, 8192, 0));
	T(pread(fd, text, 8192, 0));
}

#define WRITTEN_AND_READ "pwrite(fd, block, 8192, 0) = 8192 \n" \
			 "pread(fd, text, 8192, 0) = 8192 \n"

static pid_t waiters[60];

/* Sixty are held back, and whoever is not goes on; healed, all sixty do. */
START_TEST(test_many_held)
{
	struct disk_rule r = rule_of(DISK_SLOW, DISK_BIT(DISK_FSYNC));
	const int many = sizeof(waiters) / sizeof(*waiters);
	struct world w = { 0 };
	int started, status;
	unsigned id;
	char c;

	world_open(&w);
	r.delay_ns = 3600 * NS_PER_S;
	id = arm(&w, &r);
	for (int i = 0; i < many; i++) {
		waiters[i] = waiter(&started);
		ck_assert_int_eq(read(started, &c, 1), 1);
		close(started);
	}
	while (w.count < many)
		loop_run_until(w.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	expect(write_and_read, WRITTEN_AND_READ);
	heal(&w, id);
	for (int i = 0; i < many; i++) {
		ck_assert_int_eq(waitpid(waiters[i], &status, 0), waiters[i]);
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	world_close(&w);
}
END_TEST

/* Healing lets go of who is held back; so does the end of the server, with an error. */
START_TEST(test_let_go)
{
	struct disk_rule r = rule_of(DISK_SLOW, DISK_BIT(DISK_FSYNC));
	struct world w = { 0 };
	int64_t before;
	int started, status;
	unsigned id;
	char c;
	pid_t pid;

	world_open(&w);
	r.delay_ns = 3600 * NS_PER_S;
	r.stall = true;
	id = arm(&w, &r);
	pid = waiter(&started);
	ck_assert_int_eq(read(started, &c, 1), 1);
	while (!w.count)
		loop_run_until(w.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	before = clock_now();
	if (_i)
		disk_free(w.disk);
	else
		heal(&w, id);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_lt(clock_now() - before, 2 * NS_PER_S);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status) != 0, _i);
	if (_i)
		w.disk = NULL;
	world_close(&w);
}
END_TEST

static int ticks;

static void tick(struct loop_timer *t, int64_t now)
{
	(void)t;
	(void)now;
	ticks++;
}

/* A disk that stands still holds up neither the worker's loop nor its orders, nor other files. */
START_TEST(test_stall_alone)
{
	struct disk_rule r = rule_of(DISK_SLOW, DISK_BIT(DISK_FSYNC)), other;
	struct loop_timer timer = { .fire = tick };
	struct world w = { 0 };
	int64_t before;
	int started, status;
	unsigned id, second;
	struct err e = { 0 };
	char c;
	pid_t pid;

	world_open(&w);
	r.delay_ns = 3600 * NS_PER_S;
	r.stall = true;
	id = arm(&w, &r);
	pid = waiter(&started);
	ck_assert_int_eq(read(started, &c, 1), 1);
	while (!w.count)
		loop_run_until(w.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	before = clock_now();
	for (int i = 0; i < 20; i++) {
		loop_timer_at(w.loop, &timer, clock_now() + NS_PER_MS);
		while (ticks <= i)
			loop_run_until(w.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	}
	other = rule_of(DISK_ERROR, DISK_BIT(DISK_READ) | DISK_BIT(DISK_WRITE));
	snprintf(other.path, sizeof(other.path), "none");
	ck_assert_msg(disk_rule_add(w.disk, w.loop, &other, on_hit, &w, &second, &e) == 0, "%s",
		      e.msg);
	expect(write_and_read, WRITTEN_AND_READ);
	heal(&w, second);
	ck_assert_int_lt(clock_now() - before, 5 * NS_PER_S);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	heal(&w, id);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	world_close(&w);
}
END_TEST

/* ---- the host ---- */

static void fill_all(struct buf *o)
{
	int fd = open("big", O_RDWR | O_CREAT, 0600);

	while (write(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
		;
	T(write(fd, block, sizeof(block)));
}

/* Nobody made it small, and it is full: that was the host, and it is said. */
START_TEST(test_host_full)
{
	struct world w = { 0 };
	struct err e = { 0 };
	char *got;

	world_open(&w);
	ck_assert_int_eq(disk_alive(w.disk, &e), 0);
	got = in_mnt(fill_all);
	ck_assert_ptr_nonnull(strstr(got, "ENOSPC"));
	ck_assert_int_eq(disk_alive(w.disk, &e), -EIO);
	ck_assert_ptr_nonnull(strstr(e.msg, "this host could not keep node shop's data"));
	free(got);
	world_close(&w);
}
END_TEST

static void fill_for_ever(struct buf *o)
{
	int fd = open("fills", O_RDWR | O_CREAT, 0600);

	(void)o;
	for (;;) {
		for (int i = 0; i < 16; i++)
			if (write(fd, block, sizeof(block)) < 0 && errno != ENOSPC)
				_exit(1);
		if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
			_exit(1);
	}
}

/* Made small and large again under somebody who writes all the time: never the host's fault. */
START_TEST(test_full_again_and_again)
{
	struct disk_rule r = rule_of(DISK_FULL, DISK_ALL_OPS);
	struct world w = { 0 };
	struct err e = { 0 };
	char dir[400];
	int status;
	pid_t pid;

	world_open(&w);
	r.error = ENOSPC;
	r.left = 65536;
	snprintf(dir, sizeof(dir), "%s/0", mnt);
	pid = fork();
	if (pid == 0) {
		if (chdir(dir) < 0 || setgid(USER) < 0 || setuid(USER) < 0)
			_exit(1);
		fill_for_ever(NULL);
	}
	for (int i = 0; i < 1000; i++) {
		unsigned id = arm(&w, &r);

		loop_run_until(w.loop, &(bool){ false }, clock_now() + i % 8 * 100 * NS_PER_US);
		heal(&w, id);
		ck_assert_msg(disk_alive(w.disk, &e) == 0, "round %d: %s", i, e.msg);
	}
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	world_close(&w);
}
END_TEST

/* ---- databases ---- */

static void commits(struct buf *o)
{
	const char *mode = getenv("MODE");
	char sql[128];
	sqlite3 *db;

	(void)o;
	sqlite3_open("db", &db);
	snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s; PRAGMA synchronous=FULL;"
		 "CREATE TABLE IF NOT EXISTS t (n INTEGER)", mode);
	sqlite3_exec(db, sql, NULL, NULL, NULL);
	for (int i = 0; i < 400; i++)
		if (sqlite3_exec(db, "INSERT INTO t SELECT coalesce(max(n), 0) + 1 FROM t", NULL,
				 NULL, NULL) == SQLITE_OK && write(3, "c", 1) != 1)
			break;
	_exit(3);
}

static void count_rows(struct buf *o)
{
	sqlite3_stmt *s;
	sqlite3 *db;

	sqlite3_open("db", &db);
	if (sqlite3_prepare_v2(db, "SELECT (SELECT max(n) FROM t), count(*),"
			       " (SELECT integrity_check FROM pragma_integrity_check) FROM t", -1,
			       &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		buf_printf(o, "%d %d %s", sqlite3_column_int(s, 0), sqlite3_column_int(s, 1),
			   sqlite3_column_text(s, 2));
	sqlite3_finalize(s);
	sqlite3_close(db);
}

/* Killed in the middle of its commits, SQLite finds all that it had told, and no damage. */
START_TEST(test_sqlite_crash)
{
	int told = 0, max = 0, rows = 0, p[2], status;
	struct world w = { 0 };
	char c, dir[400], word[32] = "", *got;

	world_open(&w);
	setenv("MODE", _i % 2 ? "DELETE" : "WAL", 1);
	snprintf(dir, sizeof(dir), "%s/0", mnt);
	for (int round = 0; round < 3; round++) {
		pid_t pid;

		ck_assert_int_eq(pipe(p), 0);
		pid = fork();
		if (pid == 0) {
			dup2(p[1], 3);
			close_range(4, ~0U, 0);
			if (chdir(dir) < 0 || setgid(USER) < 0 || setuid(USER) < 0)
				_exit(1);
			commits(NULL);
		}
		close(p[1]);
		for (int i = 0; i < 20 + 17 * round && read(p[0], &c, 1) == 1; i++)
			told++;
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		while (read(p[0], &c, 1) == 1)
			told++;
		close(p[0]);
		ck_assert(WIFSIGNALED(status));
		got = in_mnt(count_rows);
		ck_assert_int_eq(sscanf(got, "%d %d %31s", &max, &rows, word), 3);
		ck_assert_str_eq(word, "ok");
		ck_assert_int_eq(max, rows);
		ck_assert_int_ge(rows, told);
		ck_assert_int_le(rows, told + round + 1);
		free(got);
	}
	world_close(&w);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("disk life");
	TCase *stall = tcase_create("stall"), *host = tcase_create("host"),
	      *db = tcase_create("databases");

	tcase_add_loop_test(stall, test_let_go, 0, 2);
	tcase_add_test(stall, test_many_held);
	tcase_add_test(stall, test_stall_alone);
	tcase_set_timeout(stall, 30);
	tcase_add_test(host, test_host_full);
	tcase_add_test(host, test_full_again_and_again);
	tcase_set_timeout(host, 60);
	tcase_add_loop_test(db, test_sqlite_crash, 0, 2);
	tcase_set_timeout(db, 60);
	suite_add_tcase(s, stall);
	suite_add_tcase(s, host);
	suite_add_tcase(s, db);
	return s;
}

int main(void)
{
	return disk_world_main(suite);
}
