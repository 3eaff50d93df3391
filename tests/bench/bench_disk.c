/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk of ours costs: SQLite commits (WAL, synchronous=FULL, one small row each) on a tmpfs
 * and through the mount over one, in turns; then the same with a rule armed that looks at every
 * operation and matches none. The backing store is a tmpfs: what fsync costs on a real disk comes
 * on top of both. Needs root and /dev/fuse. ROUNDS=n for more turns.
 */
#include <errno.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "bench.h"
#include "disk/disk.h"
#include "disk/rule.h"

#define COMMITS 300
#define ROUNDS 10
#define ROUNDS_MAX 1000

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static double commits(const char *dir)
{
	static double took[COMMITS];
	sqlite3 *db;

	if (chdir(dir) < 0 || sqlite3_open("bench.db", &db) != SQLITE_OK)
		return -1;
	sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		     "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, text TEXT)", NULL, NULL,
		     NULL);
	for (int i = 0; i < COMMITS; i++) {
		int64_t before = clock_now();

		if (sqlite3_exec(db, "INSERT INTO t (text) VALUES ('a sale of 12.95')", NULL,
				 NULL, NULL) != SQLITE_OK)
			return -1;
		took[i] = (double)(clock_now() - before) / NS_PER_US;
	}
	sqlite3_close(db);
	return median(took, COMMITS);
}

/* In a child: the worker's own requests meet no rule. */
static double measure(const char *dir)
{
	double us = -1;
	int p[2];
	pid_t pid;

	if (pipe(p) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		us = commits(dir);
		_exit(write(p[1], &us, sizeof(us)) != (ssize_t)sizeof(us));
	}
	close(p[1]);
	if (read(p[0], &us, sizeof(us)) != (ssize_t)sizeof(us))
		us = -1;
	close(p[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return us;
}

static void no_hit(void *arg, const struct disk_hit *h)
{
	(void)arg;
	(void)h;
}

static int prepare(const char *top, struct disk **ret, struct err *e)
{
	static char back[300], at[300], plain[300];
	struct disk_opts o = { .name = "bench", .backing = back, .mount = at };

	snprintf(back, sizeof(back), "%s/back", top);
	snprintf(at, sizeof(at), "%s/disk", top);
	snprintf(plain, sizeof(plain), "%s/plain", top);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", top, "tmpfs", 0, "size=256m") < 0 || mkdir(back, 0755) < 0 ||
	    mkdir(at, 0755) < 0 || mkdir(plain, 0755) < 0 ||
	    mount("tmpfs", back, "tmpfs", 0, "size=128m") < 0)
		return err_errno(e, errno, "mounting");
	return disk_new(ret, &o, e);
}

static int rounds(struct disk *d, struct loop *loop, const char *top, int n, struct err *e)
{
	static double native[ROUNDS_MAX], ours[ROUNDS_MAX], added[ROUNDS_MAX], ratio[ROUNDS_MAX];
	struct disk_rule r = { .effect = DISK_ERROR, .ops = DISK_ALL_OPS, .name = "bench",
			       .path = "*.none", .chance = 1, .gate = gate_all() };
	char at[300], plain[300];
	unsigned id;

	snprintf(at, sizeof(at), "%s/disk", top);
	snprintf(plain, sizeof(plain), "%s/plain", top);
	measure(plain);
	measure(at);
	for (int i = 0; i < n; i++) {
		double armed;

		native[i] = measure(plain);
		ours[i] = measure(at);
		if (disk_rule_add(d, loop, &r, no_hit, NULL, &id, e) < 0)
			return -1;
		armed = measure(at);
		if (disk_rule_del(d, id, e) < 0 || native[i] < 0 || ours[i] < 0 || armed < 0)
			return -1;
		added[i] = ours[i] - native[i];
		ratio[i] = armed / ours[i];
	}
	printf("a commit on tmpfs: %.1f us, through the disk: %.1f us (medians of %d rounds)\n",
	       median(native, (size_t)n), median(ours, (size_t)n), n);
	median(added, (size_t)n);
	median(ratio, (size_t)n);
	figure("SQLite commit, added by the disk", added[n / 2], "us", "<=", 120, added[n / 4],
	       added[n * 3 / 4]);
	figure("the same with a rule that matches nothing", ratio[n / 2], "x", "<=", 1.05,
	       ratio[n / 4], ratio[n * 3 / 4]);
	return 0;
}

int main(void)
{
	const char *tmp = getenv("TMPDIR"), *wanted = getenv("ROUNDS");
	int n = wanted ? atoi(wanted) : ROUNDS, failed;
	struct disk *d = NULL;
	struct loop *loop = NULL;
	struct err e = { 0 };
	char top[256];

	snprintf(top, sizeof(top), "%s/wd-bench-XXXXXX", tmp ? tmp : "/tmp");
	if (n < 1 || n > ROUNDS_MAX || !mkdtemp(top))
		return 1;
	failed = prepare(top, &d, &e) < 0 || loop_new(&loop, &e) < 0 ||
		 rounds(d, loop, top, n, &e) < 0;
	if (failed)
		printf("bench_disk: %s\n", e.msg);
	disk_free(d);
	loop_free(loop);
	umount2(top, MNT_DETACH);
	rmdir(top);
	return failed;
}
