/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk of ours costs, in pairs: SQLite commits (WAL, synchronous=FULL, one small row each)
 * on a tmpfs, through a minimal server with libfuse, through the disk, through one with a log of
 * operations, and with a rule armed that looks at every operation and matches none; then 4 KiB at
 * random places, past the cache where there is one. The backing store is a tmpfs: what fsync costs
 * on a real disk comes on top of all. ROUNDS=n for more turns.
 *
 * Where the scheduler puts program and server decides more than either of them: on one core a
 * commit is two switches a request, on two it waits for a sleeping core each time, which costs four
 * times as much, and which of both it is changes with what else runs. So servers are compared on
 * one core, a few commits each in turn, forth and back; what the scheduler makes of it is shown
 * beside that.
 */
#include <sqlite3.h>

#include "base/draw.h"
#include "disk_scene.h"

#define COMMITS 40         /* of a turn, about 3 ms, after: */
#define WARM 10
#define TURNS 5            /* of each round */
#define RANDOM_BLOCKS 4096 /* of 4 KiB: 16 MiB */
#define RANDOM_OPS 4000

static double commits(void)
{
	static double took[COMMITS];
	sqlite3 *db;

	if (sqlite3_open("bench.db", &db) != SQLITE_OK)
		return -1;
	sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		     "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, text TEXT)", NULL, NULL,
		     NULL);
	for (int i = -WARM; i < COMMITS; i++) {
		int64_t before = clock_now();

		if (sqlite3_exec(db, "INSERT INTO t (text) VALUES ('a sale of 12.95')", NULL,
				 NULL, NULL) != SQLITE_OK)
			return -1;
		if (i >= 0)
			took[i] = (double)(clock_now() - before) / NS_PER_US;
	}
	sqlite3_close(db);
	return median(took, COMMITS);
}

/* Operations a second. O_DIRECT so that a read reaches the server; a tmpfs is memory anyway. */
static double at_random(bool writing)
{
	static char page[4096] __attribute__((aligned(4096)));
	int fd = open("random", O_RDWR | O_CREAT | O_DIRECT, 0600);
	int64_t before;

	if (fd < 0)
		fd = open("random", O_RDWR | O_CREAT, 0600);
	for (int i = 0; i < RANDOM_BLOCKS; i++)
		if (pwrite(fd, page, sizeof(page), (off_t)i * 4096) != 4096)
			return -1;
	before = clock_now();
	for (int i = 0; i < RANDOM_OPS; i++) {
		off_t at = 4096 * draw_range((struct draw){ .seed = 1, .name = "at", .hit =
							    (uint64_t)i }, 0, RANDOM_BLOCKS - 1);

		if ((writing ? pwrite(fd, page, sizeof(page), at)
			     : pread(fd, page, sizeof(page), at)) != (ssize_t)sizeof(page))
			return -1;
	}
	close(fd);
	return RANDOM_OPS / ((double)(clock_now() - before) / NS_PER_S);
}

static double reads(void)
{
	return at_random(false);
}

static double writes(void)
{
	return at_random(true);
}

static void no_hit(void *arg, const struct disk_hit *h)
{
	(void)arg;
	(void)h;
}

static int armed_commits(struct scene *s, double *ret, struct err *e)
{
	struct disk_rule r = { .effect = DISK_ERROR, .ops = DISK_ALL_OPS, .name = "bench",
			       .path = "*.none", .chance = 1, .gate = gate_all() };
	unsigned id;

	if (disk_rule_add(s->disk, s->loop, &r, no_hit, NULL, &id, e) < 0)
		return -1;
	*ret = scene_measure(s, OURS, commits);
	return disk_rule_del(s->disk, id, e);
}

/** struct turns - what a commit took, by place, and a fifth one: ours with a rule armed. */
struct turns {
	double got[PLACES + 1][ROUNDS_MAX * TURNS];
	size_t count;
};

/* One turn of each, the next time in the other order. */
static int turn(struct scene *s, struct turns *t, bool back, struct err *e)
{
	for (int i = 0; i <= PLACES; i++) {
		int p = back ? PLACES - i : i;
		double *ret = &t->got[p][t->count];
		int r = 0;

		if (p == PLACES)
			r = armed_commits(s, ret, e);
		else
			*ret = scene_measure(s, (enum place)p, commits);
		if (r < 0 || *ret < 0)
			return r < 0 ? r : err_set(e, EIO, "SQLite failed in %s",
						   s->at[p % PLACES]);
	}
	return 0;
}

static int turns(struct scene *s, struct turns *t, int n, struct err *e)
{
	int r = turn(s, t, false, e); /* the first one warms up */

	for (int i = 0; r == 0 && i < n; i++) {
		r = turn(s, t, i % 2, e);
		t->count++;
	}
	return r;
}

static void ratio(const char *words, const struct turns *t, int of, int to, const char *bound,
		  double limit)
{
	static double v[ROUNDS_MAX * TURNS];

	for (size_t i = 0; i < t->count; i++)
		v[i] = t->got[of][i] / t->got[to][i];
	quartile_figure(words, v, t->count, "x", bound, limit);
}

static void tell(const char *where, struct turns *t)
{
	double at[PLACES];

	for (int p = 0; p < PLACES; p++)
		at[p] = median(t->got[p], t->count);
	printf("a commit %s: %.1f us on tmpfs, %.1f through a minimal server, %.1f through the "
	       "disk, %.1f with a log (medians of %zu turns)\n", where, at[PLAIN], at[MINIMAL],
	       at[OURS], at[LOGGED], t->count);
}

/* Wherever the scheduler puts them. */
static int loose_rounds(struct scene *s, int n, struct err *e)
{
	static struct turns t;
	static double added[ROUNDS_MAX * TURNS];

	if (turns(s, &t, n * TURNS, e) < 0)
		return -1;
	for (size_t i = 0; i < t.count; i++)
		added[i] = t.got[OURS][i] - t.got[PLAIN][i];
	quartile_figure("SQLite commit on tmpfs, added by the disk", added, t.count, "us", "<=",
			120);
	ratio("the disk against a minimal libfuse server, on any core", &t, OURS, MINIMAL, "-", 0);
	tell("on any core", &t);
	return 0;
}

static int bound_rounds(struct scene *s, int n, struct err *e)
{
	static struct turns t;

	if (turns(s, &t, n * TURNS, e) < 0)
		return -1;
	ratio("the disk against a minimal libfuse server, on one core", &t, OURS, MINIMAL, "<=",
	      1.05);
	ratio("the disk with a log of operations, against that server", &t, LOGGED, MINIMAL, "<=",
	      1.3);
	ratio("the disk with a rule that matches nothing", &t, PLACES, OURS, "<=", 1.05);
	tell("on one core", &t);
	return 0;
}

static int random_rounds(struct scene *s, const char *words, double (*fn)(void), int n)
{
	static double ratio[ROUNDS_MAX], ours[ROUNDS_MAX];

	for (int i = 0; i < n; i++) {
		double native = scene_measure(s, PLAIN, fn);

		ours[i] = scene_measure(s, OURS, fn);
		if (native < 0 || ours[i] < 0)
			return -1;
		ratio[i] = ours[i] / native;
	}
	printf("%s: %.0f/s through the disk\n", words, median(ours, (size_t)n));
	quartile_figure(words, ratio, (size_t)n, "of native", "-", 0);
	return 0;
}

/* Servers and programs: all that is started from now on. */
static void bind_to_this_core(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}

int main(void)
{
	int n = scene_rounds(), failed;
	struct scene loose = { 0 }, bound = { 0 };
	struct err e = { 0 };

	failed = scene_open(&loose, &e) < 0 || loose_rounds(&loose, n, &e) < 0 ||
		 random_rounds(&loose, "4 KiB random reads past the cache, tmpfs", reads, n) < 0 ||
		 random_rounds(&loose, "4 KiB random writes past the cache, tmpfs", writes, n) < 0;
	scene_close(&loose);
	if (!failed) {
		bind_to_this_core();
		failed = scene_open(&bound, &e) < 0 || bound_rounds(&bound, n, &e) < 0;
		scene_close(&bound);
	}
	if (failed)
		printf("bench_disk: %s\n", e.msg);
	return failed;
}
