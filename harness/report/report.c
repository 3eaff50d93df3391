/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing all reports of a trial. Theory of operation: trial_out becomes a
 * summary and a series; everything else is drawn from these two, so a page
 * rebuilt later from verdict.json and the ledgers is the same page.
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

/* The charts' two files: the page, and the numbers it was drawn from. */
static int write_series(const char *dir, const struct summary *s, const struct ledgers *l,
			struct err *e)
{
	struct series *sr = series_new(l, s);
	struct buf b = {0};
	int r;

	series_json(sr, s, &b);
	r = write_buf(dir, "aggregates.json", &b, e);
	html_page(s, sr, &b);
	if (r == 0)
		r = write_buf(dir, "report.html", &b, e);
	buf_done(&b);
	series_free(sr);
	return r;
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

int report_write(const struct report_in *r, struct err *e)
{
	struct summary s;
	int err;

	summary_build(&s, r);
	err = write_verdict(r->dir, &s, e);
	if (err == 0)
		err = write_junit(r->dir, &s, e);
	if (err == 0)
		err = write_series(r->dir, &s, &r->out->ledgers, e);
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

int report_from_dir(const char *dir, FILE *out, bool colour, struct err *e)
{
	cleanup_free char *ledgers = ledgers_dir(dir);
	struct summary s = {0};
	struct ledgers l = {0};
	int r = summary_read(&s, dir, e);

	if (r == 0)
		r = ledgers_load(&l, ledgers, e);
	if (r == 0)
		r = write_series(dir, &s, &l, e);
	if (r == 0 && out)
		terminal_trial(&s, out, colour);
	ledgers_done(&l);
	summary_done(&s);
	return r;
}
