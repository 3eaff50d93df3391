/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing all reports of a trial. Theory of operation: trial_out becomes a
 * summary and a series; everything else is drawn from these two, so a page
 * drawn again from verdict.json and aggregates.json is the same page, and is
 * drawn as fast after a million sales as after a hundred. Where aggregates.json
 * is not ours to read, the ledgers are.
 */
#include "report/report.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hist.h"
#include "explore/store.h"
#include "report/html.h"
#include "report/junit.h"
#include "report/series.h"
#include "report/summary.h"
#include "report/terminal.h"

static int write_buf(const char *dir, const char *name, struct buf *b, struct err *e)
{
	int r = store_write(dir, name, b->data ? b->data : "", b->len, e);

	buf_done(b);
	return r;
}

static int write_verdict(const char *dir, const struct summary *s, struct err *e)
{
	struct buf b = {0};

	summary_json(s, &b);
	return write_buf(dir, "verdict.json", &b, e);
}

static int write_junit(const char *dir, const struct summary *s, struct err *e)
{
	struct buf b = {0};

	junit_trial(s, &b);
	return write_buf(dir, "junit.xml", &b, e);
}

static int write_page(const char *dir, const struct summary *s, const struct series *sr,
		      struct err *e)
{
	struct buf b = {0};

	html_page(s, sr, &b);
	return write_buf(dir, "report.html", &b, e);
}

/* The charts' two files: the page, and the numbers it was drawn from. */
static int write_series(const char *dir, const struct summary *s, const struct series *sr,
			struct err *e)
{
	struct buf b = {0};
	int r;

	series_json(sr, s, &b);
	r = write_buf(dir, AGGREGATES_FILE, &b, e);
	return r < 0 ? r : write_page(dir, s, sr, e);
}

/* Time at the till of every sale, for HdrHistogram plotters; milliseconds, wall. */
static int write_hgrm(const char *dir, const struct ledgers *l, struct err *e)
{
	cleanup_free char *path = xasprintf("%s/latency.hgrm", dir);
	cleanup_file FILE *f = fopen(path, "we");
	struct hist *h = hist_new();
	size_t i;
	int r;

	for (i = 0; i < l->told_count; i++) {
		int64_t ns = l->told[i].end_ns - l->told[i].start_ns;

		hist_add(h, ns > 0 ? ns : 0);
	}
	r = f ? hist_write_hgrm(h, f, (double)NS_PER_MS) : -errno;
	hist_free(h);
	if (r == 0 && fflush(f) != 0)
		r = -errno;
	return r < 0 ? err_errno(e, -r, "writing %s", path) : 0;
}

/* resolved.yml lies beside it and has the seed, so the copy of a directory repeats itself. */
static int write_repro(const char *dir, const struct summary *s, struct err *e)
{
	cleanup_free char *path = xasprintf("%s/repro.sh", dir);
	char program[PATH_MAX] = "worstday";
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	struct buf b = {0};
	int r;

	if (n > 0)
		program[n] = '\0';
	buf_printf(&b,
		   "#!/bin/sh\n"
		   "# Runs this trial again: the experiment as resolved, the same seed.\n"
		   "# It was first run as:\n"
		   "#   %s\n"
		   "# WORSTDAY names the program; arguments are passed on (--force when the target "
		   "has changed).\n"
		   "exec \"${WORSTDAY:-%s}\" replay \"$@\" \"$(dirname \"$0\")\"\n",
		   s->reproduce, program);
	r = write_buf(dir, "repro.sh", &b, e);
	if (r == 0 && chmod(path, 0755) < 0)
		r = err_errno(e, errno, "%s", path);
	return r;
}

/* Of this trial's own good day, or of the one that is remembered. */
static void take_good_day(struct series *sr, const struct report_in *r)
{
	cleanup_free char *own = xasprintf("%s/baseline", r->dir);

	series_good(sr, own, AGGREGATES_FILE);
	if (!sr->has_good && r->in->good_dir)
		series_good(sr, r->in->good_dir, r->in->good_file);
}

static int write_drawn(const struct report_in *r, const struct summary *s,
		       const struct reconciliation *rec, struct err *e)
{
	struct series *sr = series_new(&r->out->ledgers, s, r->dir, rec);
	int err;

	if (r->in->faults)
		take_good_day(sr, r);
	err = write_series(r->dir, s, sr, e);
	series_free(sr);
	return err;
}

int report_write(const struct report_in *r, struct err *e)
{
	cleanup_free struct reconciliation *rec = xcalloc(1, sizeof(*rec));
	struct judge_in in = summary_judge_in(r);
	struct summary s;
	int err;

	judge_reconcile(&in, rec);
	summary_build(&s, r, rec);
	err = write_verdict(r->dir, &s, e);
	if (err == 0)
		err = write_junit(r->dir, &s, e);
	if (err == 0)
		err = write_drawn(r, &s, rec, e);
	if (err == 0)
		err = write_hgrm(r->dir, &r->out->ledgers, e);
	if (err == 0)
		err = write_repro(r->dir, &s, e);
	summary_done(&s);
	return err;
}

int report_show(const char *dir, FILE *out, bool colour, struct err *e)
{
	struct summary s = {0};
	int r = summary_read(&s, dir, e);

	if (r == 0)
		terminal_trial(&s, out, colour);
	summary_done(&s);
	return r;
}

/* A trial that ended on the good day has its ledgers in baseline/. */
static char *ledgers_dir(const char *dir)
{
	cleanup_free char *told = xasprintf("%s/told.ndjson", dir);

	return access(told, F_OK) == 0 ? xstrdup(dir) : xasprintf("%s/baseline", dir);
}

/* From the ledgers: of an older version, or when somebody has damaged or lost the numbers. */
static int draw_anew(const char *dir, const struct summary *s, struct err *e)
{
	cleanup_free char *from = ledgers_dir(dir), *good = xasprintf("%s/baseline", dir);
	struct ledgers l = {0};
	struct series *sr;
	int r = ledgers_load(&l, from, e);

	if (r < 0)
		return r;
	sr = series_new(&l, s, from, NULL);
	if (!s->good_day)
		series_good(sr, good, AGGREGATES_FILE);
	r = write_series(dir, s, sr, e);
	series_free(sr);
	ledgers_done(&l);
	return r;
}

static int draw(const char *dir, const struct summary *s, struct err *e)
{
	struct series *sr;
	int r = series_read(&sr, dir, NULL);

	if (r < 0)
		return draw_anew(dir, s, e);
	r = write_page(dir, s, sr, e);
	series_free(sr);
	return r;
}

int report_from_dir(const char *dir, FILE *out, bool colour, struct err *e)
{
	struct summary s = {0};
	int r = summary_read(&s, dir, e);

	if (r == 0)
		r = draw(dir, &s, e);
	if (r == 0 && out)
		terminal_trial(&s, out, colour);
	summary_done(&s);
	return r;
}
