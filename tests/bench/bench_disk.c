/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk of ours costs, in turns: SQLite commits (WAL, synchronous=FULL, one small row each)
 * on a tmpfs, through a minimal server with libfuse, through the disk, and through it with a rule
 * armed that looks at every operation and matches none; then 4 KiB at random places, past the cache
 * where there is one. The backing store is a tmpfs: what fsync costs on a real disk comes on top of
 * all. ROUNDS=n for more turns.
 */
#include <sqlite3.h>

#include "base/draw.h"
#include "disk_scene.h"

#define COMMITS 300
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

static int sqlite_rounds(struct scene *s, int n, struct err *e)
{
	static double got[PLACES][ROUNDS_MAX], added[ROUNDS_MAX], least[ROUNDS_MAX],
		idle[ROUNDS_MAX], logged[ROUNDS_MAX];
	struct disk_rule r = { .effect = DISK_ERROR, .ops = DISK_ALL_OPS, .name = "bench",
			       .path = "*.none", .chance = 1, .gate = gate_all() };
	unsigned id;

	for (int i = -1; i < n; i++) { /* the first one warms up */
		int k = i < 0 ? 0 : i;
		double armed;

		for (enum place p = 0; p < PLACES; p++) {
			got[p][k] = scene_measure(s, p, commits);
			if (got[p][k] < 0)
				return err_set(e, EIO, "SQLite failed in %s", s->at[p]);
		}
		if (disk_rule_add(s->disk, s->loop, &r, no_hit, NULL, &id, e) < 0)
			return -1;
		armed = scene_measure(s, OURS, commits);
		if (disk_rule_del(s->disk, id, e) < 0)
			return -1;
		added[k] = got[OURS][k] - got[PLAIN][k];
		least[k] = got[OURS][k] / got[MINIMAL][k];
		logged[k] = got[LOGGED][k] / got[MINIMAL][k];
		idle[k] = armed / got[OURS][k];
	}
	printf("a commit on tmpfs: %.1f us, through a minimal server: %.1f us, through the disk: "
	       "%.1f us (medians of %d rounds)\n", median(got[PLAIN], (size_t)n),
	       median(got[MINIMAL], (size_t)n), median(got[OURS], (size_t)n), n);
	quartile_figure("SQLite commit on tmpfs, added by the disk", added, (size_t)n, "us", "<=",
			120);
	quartile_figure("the disk against a minimal libfuse server", least, (size_t)n, "x", "<=",
			1.05);
	quartile_figure("the disk with a log of operations, against that server", logged, (size_t)n,
			"x", "<=", 1.3);
	quartile_figure("the disk with a rule that matches nothing", idle, (size_t)n, "x", "<=",
			1.05);
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

int main(void)
{
	int n = scene_rounds(), failed;
	struct scene s = { 0 };
	struct err e = { 0 };

	failed = scene_open(&s, &e) < 0 || sqlite_rounds(&s, n, &e) < 0 ||
		 random_rounds(&s, "4 KiB random reads past the cache, tmpfs", reads, n) < 0 ||
		 random_rounds(&s, "4 KiB random writes past the cache, tmpfs", writes, n) < 0;
	if (failed)
		printf("bench_disk: %s\n", e.msg);
	scene_close(&s);
	return failed;
}
