/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of a trial with a million sales: drawn again from its results directory, by a process
 * of its own whose memory is looked at; what drawing adds to judging; and what the live view takes
 * of a core while it draws six workers on a terminal five times a second.
 *
 *     bench_report [DIRECTORY]      TMPDIR otherwise; WORSTDAY names the program
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "conf/experiment.h"
#include "conf/target.h"
#include "explore/store.h"
#include "report/report.h"
#include "report/series.h"
#include "report/summary.h"
#include "report/terminal.h"
#include "tests/bench/bench.h"

#define SALES 1000000
#define LANES 40
#define WORKERS 3
#define DRAWS 2000
#define ROUNDS 3

static void die(const char *what, const struct err *e)
{
	fprintf(stderr, "bench_report: %s: %s\n", what, e ? e->msg : "failed");
	exit(1);
}

/* ---- the day: a sale every 10 ms, one in 10,000 lost, one in 5,000 unknown ---- */

static void make_sales(struct ledgers *l)
{
	static char lanes[LANES][16];
	char *keys = xmalloc((size_t)SALES * 12);

	l->told = xcalloc(SALES, sizeof(*l->told));
	l->book = xcalloc(SALES, sizeof(*l->book));
	for (size_t i = 0; i < LANES; i++)
		snprintf(lanes[i], sizeof(lanes[i]), "lane-%zu", i + 1);
	for (size_t i = 0; i < SALES; i++) {
		char *key = keys + i * 12;
		int64_t t = (int64_t)i * 10 * NS_PER_MS;
		bool unknown = i % 5000 == 7;

		snprintf(key, 12, "S%zu", i);
		l->told[i] =
			(struct told){.key = key,
				      .lane = lanes[i % LANES],
				      .total = 1295,
				      .expected = 1295,
				      .currency = "EUR",
				      .intended_ns = t,
				      .start_ns = t + (int64_t)(i % 97) * NS_PER_MS,
				      .end_ns = t + (int64_t)(i % 97 + 20 + i % 31) * NS_PER_MS,
				      .outcome = unknown ? TOLD_UNKNOWN : TOLD_OK,
				      .acknowledged = !unknown};
		if (i % 10000 != 3)
			l->book[l->book_count++] =
				(struct book){.key = key, .total = 1295, .number = INT64_MIN};
	}
	l->told_count = SALES;
}

static void make_events(struct ledgers *l)
{
	l->event = xcalloc(5000, sizeof(*l->event));
	for (size_t i = 0; i < 5000; i++)
		l->event[l->event_count++] = (struct event){.kind = i % 5 == 0	 ? EV_ARMED
								    : i % 5 == 4 ? EV_HEALED
										 : EV_FIRED,
							    .hit = (int64_t)i,
							    .t_ns = (int64_t)i * 2 * NS_PER_S,
							    .node = "store",
							    .object = "store",
							    .did = "dropped"};
}

static struct summary make_summary(const char *dir)
{
	struct summary s = {.format = SUMMARY_FORMAT, .pace_milli = 1000};

	s.verdict = xstrdup("violated");
	s.why = xstrdup("no-lost-sale");
	s.experiment = xstrdup("bench/million");
	s.target = xstrdup("till");
	s.reproduce = xstrdup("worstday run x.yml");
	s.replay = xstrdup("worstday replay x");
	s.dir = xstrdup(dir);
	s.facts.close_ns = (int64_t)SALES * 10 * NS_PER_MS;
	s.facts.heal_ns = -1;
	s.facts.books_read = true;
	return s;
}

static void save(const char *dir, const char *name, struct buf *b)
{
	struct err e = {0};

	if (store_write(dir, name, b->data, b->len, &e) < 0)
		die(name, &e);
	buf_done(b);
}

/* What report_write does beyond verdict.json, from ledgers that the judge has loaded. */
static void draw_when_judged(const struct judge_in *in, const struct summary *s, const char *dir)
{
	struct reconciliation *rec = xcalloc(1, sizeof(*rec));
	struct buf b = {0};
	int64_t before = clock_now();
	struct series *sr;
	double took;

	judge_reconcile(in, rec);
	sr = series_new(in->ledgers, s, NULL, rec);
	series_json(sr, s, &b);
	took = (double)(clock_now() - before) / 1e9;
	figure("report: what it adds to judging a million sales", took, "s", "<=", 5, took, took);
	save(dir, "aggregates.json", &b);
	summary_json(s, &b);
	save(dir, "verdict.json", &b);
	series_free(sr);
	free(rec);
}

static void make_results(const char *dir)
{
	struct experiment x = {.shoppers = {.pace_milli = 1000}};
	struct target t = {.books = {.kind = BOOKS_SQLITE}};
	struct ledgers l = {0};
	struct sales sales;
	struct summary s = make_summary(dir);
	struct judge_in in = {.ledgers = &l,
			      .sales = &sales,
			      .experiment = &x,
			      .target = &t,
			      .facts = &s.facts,
			      .dir = dir};

	make_sales(&l);
	make_events(&l);
	sales_join(&sales, &l);
	draw_when_judged(&in, &s, dir);
}

/* In a process of its own: whoever measures shall have no million sales in its memory. */
static void make_apart(const char *dir)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		make_results(dir);
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		die("making the day", NULL);
}

/* ---- drawn again ---- */

static double draw_again(const char *program, const char *dir, double *ret_mb)
{
	int64_t before = clock_now();
	struct rusage u = {0};
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execl(program, program, "report", "--quiet", dir, (char *)NULL);
		_exit(1);
	}
	if (wait4(pid, &status, 0, &u) < 0 || status)
		die("worstday report", NULL);
	*ret_mb = (double)u.ru_maxrss / 1024;
	return (double)(clock_now() - before) / 1e9;
}

static void drawn_again(const char *program, const char *dir)
{
	cleanup_free char *page = xasprintf("%s/report.html", dir);
	double best = 1e9, worst = 0, mb = 0, took = 0;
	struct stat st = {0};

	for (int i = 0; i < ROUNDS; i++) {
		took = draw_again(program, dir, &mb);
		best = took < best ? took : best;
		worst = took > worst ? took : worst;
	}
	figure("report: a million sales, drawn again", took, "s", "<=", 5, best, worst);
	figure("report: memory for that", mb, "MB", "<=", 300, mb, mb);
	if (stat(page, &st) < 0)
		die("no report.html", NULL);
	figure("report: size of the page", (double)st.st_size / 1e6, "MB", "<=", 2,
	       (double)st.st_size / 1e6, (double)st.st_size / 1e6);
}

/* ---- the live view ---- */

/* A terminal whose other end somebody reads. */
static FILE *terminal(pid_t *ret_reader)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	FILE *f = NULL;

	if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
		f = fopen(ptsname(master), "w");
	if (!f)
		die("no terminal", NULL);
	*ret_reader = fork();
	if (*ret_reader == 0) {
		char chunk[65536];

		fclose(f);
		while (read(master, chunk, sizeof(chunk)) > 0)
			;
		_exit(0);
	}
	close(master);
	return f;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void live(void)
{
	struct trial_live at[WORKERS] = {0};
	pid_t reader;
	struct live_view v = {.out = terminal(&reader), .terminal = true, .colour = true};
	double before, share;

	for (size_t i = 0; i < WORKERS; i++) {
		snprintf(at[i].experiment, sizeof(at[i].experiment), "scenario/rush-hour");
		at[i].phase = PHASE_SHOP;
		at[i].pace_milli = 60000;
	}
	before = cpu_s();
	for (int64_t k = 0; k < DRAWS; k++) {
		for (size_t i = 0; i < WORKERS; i++) {
			at[i].elapsed_ns = k * 200 * NS_PER_MS;
			at[i].queued = k % 17;
			at[i].served = k;
			at[i].p95_ns = k * NS_PER_MS;
			v.past[i].next_ns =
				0; /* each draw takes a sample, too: dearer than it is */
		}
		live_show(&v, at, WORKERS, k, DRAWS);
	}
	share = (cpu_s() - before) / DRAWS * 5 * 100; /* five times a second */
	kill(reader, SIGKILL);
	waitpid(reader, NULL, 0);
	figure("live view: of a core, three trials at once", share, "%", "<=", 1, share, share);
}

int main(int argc, char **argv)
{
	const char *tmp = argc > 1 ? argv[1] : getenv("TMPDIR"), *program = getenv("WORSTDAY");
	cleanup_free char *dir = xasprintf("%s/wd-bench-report-XXXXXX", tmp ? tmp : "/tmp");

	if (!mkdtemp(dir))
		die("no folder", NULL);
	make_apart(dir);
	drawn_again(program ? program : "build/worstday", dir);
	live();
	store_remove(dir);
	return 0;
}
