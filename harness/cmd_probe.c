/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worstday probe: does a target file say the truth? Theory of operation: an
 * experiment with one shopper and no fault is written into a temporary
 * directory and goes the way of every other one, so that what is probed is what
 * will run. Its ledgers and the trace of its driver are then looked at and told.
 * The directory goes when we end; the guardian removes it should we be killed.
 * Prepared data is shared with `worstday run`: preparing twice can take minutes.
 */
#include "cmd_probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "report/report.h"
#include "report/terminal.h"
#include "stage/stage.h"

static const struct cli_opt options[] = {
	{.name = "lane",
	 .letter = 'l',
	 .type = CLI_STRING,
	 .offset = offsetof(struct cli, lane),
	 .arg = "NAME",
	 .help = "sell at this lane (default: the target's first)"},
	{.name = "keep",
	 .letter = 'k',
	 .type = CLI_STRING,
	 .offset = offsetof(struct cli, keep_dir),
	 .arg = "DIR",
	 .help = "keep the results in DIR: ledgers, logs, verdict"},
	{.name = "set",
	 .type = CLI_LIST,
	 .offset = offsetof(struct cli, sets),
	 .arg = "PATH=VALUE",
	 .help = "change a value of the probe's experiment, e.g. shoppers.pay={card: 100%}; "
		 "repeatable"},
	CLI_OPT_JSON,
	CLI_OPT_END,
};

/* ---- the experiment ---- */

/* A YAML text in single quotes. */
static void add_quoted(struct buf *b, const char *s)
{
	buf_addc(b, '\'');
	for (; *s; s++)
		buf_adds(b, *s == '\'' ? "''" : (char[]){*s, '\0'});
	buf_addc(b, '\'');
}

static void compose(const struct probing *p, struct buf *b)
{
	cleanup_free char *path = realpath(p->t->path, NULL);

	buf_adds(b, "title: ");
	add_quoted(b, "One sale, looked at closely");
	buf_adds(b, "\ntarget: ");
	add_quoted(b, path ? path : p->t->path);
	buf_printf(b,
		   "\nseed: 1\nbaseline: never\ntrace: true\nsettle: 5s\ndeadline: 5min\n"
		   "shoppers:\n  count: 1\n  first: %d\n  arrivals: constant 1/s\n"
		   "  lanes: [%s]\n  basket: 2\n  pay: {cash: 100%%}\n  human: none\n"
		   "  retries: 0\n  step_timeout: 30s\n  open_within: 15s\nchecks:\n",
		   PROBE_SHOPPER, p->lane);
	buf_adds(b, p->t->books.kind == BOOKS_NONE ?
			    "  - sales-served: {min: 1}\n" :
			    "  - no-lost-sale\n  - no-duplicate-sale\n"
			    "  - no-phantom-sale\n  - right-amount\n");
}

static int tell_diag(const struct probing *p, struct diag *diag)
{
	struct buf b = {0};

	if (p->c->json)
		diag_render_json(diag, &b);
	else
		diag_render(diag, &b);
	fputs(b.data ? b.data : "", p->c->json ? stdout : stderr);
	buf_done(&b);
	return EXIT_BAD_FILE;
}

static int experiment_make(struct probing *p, struct diag *diag, struct err *e)
{
	cleanup_free char *path = xasprintf("%s/probe.yml", p->dir);
	struct conf_catalog cat = cmd_catalog();
	struct buf b = {0};
	int r;

	compose(p, &b);
	r = store_write(p->dir, "probe.yml", b.data, b.len, e);
	buf_done(&b);
	if (r < 0)
		return r;
	if (plan_add(&p->plan, path, &cat, &p->c->sets, diag) < 0)
		return 0; /* diag says it */
	free(p->plan.at[0].experiment->name);
	p->plan.at[0].experiment->name = xstrdup("probe");
	return 0;
}

/* ---- folders ---- */

static int folders_make(struct probing *p, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	int r = guardian_start(e);

	if (r < 0)
		return r;
	if (p->t->prepare_count && store_check("results", NULL) == 0)
		p->cache = xstrdup("results/.cache");
	if (p->c->keep_dir) {
		p->dir = xstrdup(p->c->keep_dir);
		return store_make(p->dir, e);
	}
	p->dir = xasprintf("%s/worstday-probe-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(p->dir)) {
		r = err_errno(e, errno, "making %s", p->dir);
		free(steal_ptr(&p->dir));
		return r;
	}
	guardian_add(p->dir);
	return 0;
}

static void folders_drop(struct probing *p)
{
	if (p->dir && !p->c->keep_dir) {
		store_remove(p->dir);
		guardian_drop(p->dir);
	}
	free(p->dir);
	free(p->cache);
}

/* ---- the run ---- */

static int on_report(void *arg, const struct trial_in *in, const struct trial_out *out,
		     const char *dir, const char *final_dir, struct err *e)
{
	const struct probing *p = arg;
	struct report_in r = {.in = in,
			      .out = out,
			      .dir = dir,
			      .final_dir = final_dir,
			      .program = p->c->program,
			      .sets = &p->c->sets};

	return report_write(&r, e);
}

static int launch(struct probing *p, struct err *e)
{
	struct suite_opts o = {.plan = &p->plan,
			       .seed = -1,
			       .seeds = 1,
			       .jobs = 1,
			       .out = p->dir,
			       .cache = p->cache,
			       .keep = KEEP_ALL,
			       .argc = p->c->argc,
			       .argv = p->c->argv,
			       .hooks = {.arg = p, .report = on_report}};
	int r;

	if (p->t->prepare_count && isatty(STDERR_FILENO))
		fprintf(stderr, "worstday probe: the first time, preparing %s may take a while\n",
			p->t->name);
	plan_probe(&p->plan);
	r = suite_run(&o, &p->suite, e);
	p->result = p->suite.count ? &p->suite.at[0] : NULL;
	return r;
}

static int results_load(struct probing *p, struct err *e)
{
	cleanup_free char *log = xasprintf("logs/driver.%s.log", p->lane);
	int r = 0;

	if (p->result && p->result->dir[0]) {
		p->trace = store_read(p->result->dir, log, NULL, NULL);
		r = ledgers_load(&p->ledgers, p->result->dir, e);
	}
	if (!p->trace)
		p->trace = xstrdup("");
	if (p->ledgers.told_count) /* one shopper: the first is the sale, whatever follows it */
		p->told = &p->ledgers.told[0];
	p->key = p->told ? p->told->key : "S12345";
	return r;
}

/* Holds alone is not enough: an open question about the target file is no pass. */
static int exit_code(const struct probing *p)
{
	enum verdict v = p->result ? (enum verdict)p->result->verdict : BROKEN;

	if (p->suite.signal)
		return 128 + p->suite.signal;
	if (v == HOLDS && probe_wrong(p))
		v = INCONCLUSIVE;
	return verdict_exit(v);
}

static int probe_run(struct probing *p, struct diag *diag, struct err *e)
{
	int r = folders_make(p, e);
	int code;

	if (r == 0)
		r = experiment_make(p, diag, e);
	if (r == 0 && diag_errors(diag))
		return tell_diag(p, diag);
	if (r == 0)
		r = launch(p, e);
	if (r == 0)
		r = results_load(p, e);
	if (r < 0) {
		fprintf(stderr, "worstday probe: %s\n", e->msg);
		return EXIT_BROKEN;
	}
	probe_look(p);
	code = exit_code(p);
	if (p->c->json)
		probe_show_json(p, code);
	else
		probe_show_text(p, code);
	return code;
}

/* ---- start and end ---- */

static bool has_lane(const struct target *t, const char *name)
{
	for (size_t i = 0; i < t->lanes.count; i++) {
		if (str_eq(t->lanes.at[i], name))
			return true;
	}
	return false;
}

static int lane_choose(struct probing *p)
{
	const struct strlist *lanes = &p->t->lanes;

	p->lane = p->c->lane ? p->c->lane : lanes->count ? lanes->at[0] : NULL;
	if (!p->lane) {
		fprintf(stderr,
			"worstday probe: %s has no lane: no node is called lane-*, and `lanes:` "
			"names none\n",
			p->t->path);
		return EXIT_BAD_FILE;
	}
	if (has_lane(p->t, p->lane))
		return 0;
	fprintf(stderr, "worstday probe: %s has no lane \"%s\"; its lanes are", p->t->path,
		p->lane);
	for (size_t i = 0; i < lanes->count; i++)
		fprintf(stderr, " %s", lanes->at[i]);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

static void probe_done(struct probing *p)
{
	for (size_t i = 0; i < p->findings_count; i++) {
		free(p->findings[i].what);
		free(p->findings[i].advice);
	}
	for (int w = 0; w < BOOK_WHATS; w++)
		free(p->rows[w].fresh);
	free(p->findings);
	free(p->trace);
	ledgers_done(&p->ledgers);
	suite_done(&p->suite);
	plan_done(&p->plan);
	folders_drop(p);
}

static int probe(const struct cli *c)
{
	struct probing p = {.c = c};
	struct diag *diag = diag_new();
	struct target *t;
	struct err e = {0};
	int code;

	suite_hold_signals();
	t = target_load(c->words[0], (struct mark){0}, diag);
	p.t = t;
	code = t ? lane_choose(&p) : tell_diag(&p, diag);
	if (code == 0)
		code = probe_run(&p, diag, &e);
	probe_done(&p);
	target_free(t);
	diag_free(diag);
	return code;
}

const struct cmd cmd_probe = {
	.name = "probe",
	.args = "[OPTION]... TARGET",
	.summary = "start a target, sell once, show every answer and the books",
	.about = "TARGET is a name (targets/NAME/target.yml) or a path. One shopper buys two\n"
		 "articles at one lane and pays cash. Shows each request and answer of the\n"
		 "driver, what the books then say, and what in the target file does not match.\n"
		 "Exit 0 when the sale was told ok and is in the books once, with the right\n"
		 "amount.",
	.opts = options,
	.words = {"TARGET"},
	.words_min = 1,
	.words_max = 1,
	.run = probe,
};
