/* SPDX-License-Identifier: Apache-2.0 */
/* worstday run: read everything, then launch, then tell. */
#include "cmd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "cmd_dry.h"
#include "explore/suite.h"
#include "report/junit.h"
#include "report/report.h"
#include "report/terminal.h"

static const char *const hold_names[] = {"never", "on-violation", NULL};

static const struct cli_opt options[] = {
	{.name = "seed",
	 .letter = 's',
	 .type = CLI_INT,
	 .offset = offsetof(struct cli, seed),
	 .arg = "N",
	 .min = 0,
	 .max = INT64_MAX / 2,
	 .help = "first seed, in place of the file's (a file without one has 1)"},
	{.name = "seeds",
	 .letter = 'n',
	 .type = CLI_INT,
	 .offset = offsetof(struct cli, seeds),
	 .arg = "N",
	 .min = 1,
	 .max = 1000000,
	 .help = "trials per experiment, with seeds SEED, SEED+1, ... (default 1)"},
	{.name = "until-fail",
	 .type = CLI_FLAG,
	 .offset = offsetof(struct cli, until_fail),
	 .help = "go on with the next seed until a trial fails; --seeds limits it"},
	{.name = "jobs",
	 .letter = 'j',
	 .type = CLI_INT,
	 .offset = offsetof(struct cli, jobs),
	 .arg = "N",
	 .def = "1",
	 .min = 1,
	 .max = SUITE_JOBS_MAX,
	 .help = "trials at the same time"},
	{.name = "set",
	 .type = CLI_LIST,
	 .offset = offsetof(struct cli, sets),
	 .arg = "PATH=VALUE",
	 .help = "change a value of the file, e.g. shoppers.count=50; repeatable"},
	{.name = "out",
	 .letter = 'o',
	 .type = CLI_STRING,
	 .offset = offsetof(struct cli, out),
	 .arg = "DIR",
	 .def = "results",
	 .help = "where results go"},
	{.name = "junit",
	 .type = CLI_STRING,
	 .offset = offsetof(struct cli, junit),
	 .arg = "FILE",
	 .help = "one JUnit file for all trials"},
	{.name = "keep",
	 .type = CLI_CHOICE,
	 .offset = offsetof(struct cli, keep),
	 .arg = "all|failed|none",
	 .choices = store_keep_names,
	 .help = "of which trials to keep logs and ledgers (default all; failed with "
		 "--until-fail)"},
	{.name = "hold",
	 .type = CLI_CHOICE,
	 .offset = offsetof(struct cli, hold),
	 .arg = "never|on-violation",
	 .def = "never",
	 .choices = hold_names,
	 .help = "a trial that is violated stands, its services started again over what was "
		 "judged, for `worstday exec` until Enter or Ctrl-C"},
	{.name = "dry-run",
	 .type = CLI_FLAG,
	 .offset = offsetof(struct cli, dry_run),
	 .help = "show what would be done, and do nothing"},
	{.name = "quiet",
	 .letter = 'q',
	 .type = CLI_FLAG,
	 .offset = offsetof(struct cli, quiet),
	 .help = "no progress, no report: the exit code says it"},
	CLI_OPT_JSON,
	CLI_OPT_END,
};

struct run_view {
	const struct cli *c;
	const struct plan *plan;
	struct live_view live;
	bool told_held; /* that a trial stands */
	bool many; /* more than one trial: one line for each as it ends */
};

static int on_report(void *arg, const struct trial_in *in, const struct trial_out *out,
		     const char *dir, const char *final_dir, struct err *e)
{
	const struct run_view *v = arg;
	struct report_in r = {.in = in,
			      .out = out,
			      .dir = dir,
			      .final_dir = final_dir,
			      .program = v->c->program,
			      .sets = &v->c->sets};

	return report_write(&r, e);
}

static void on_ended(void *arg, const struct suite_result *r)
{
	struct run_view *v = arg;

	if (!v->many || v->c->quiet)
		return;
	live_clear(&v->live);
	fprintf(stderr, "%-13s %s seed %lld%s%s\n", verdict_names[r->verdict],
		v->plan->at[r->experiment].experiment->name, (long long)r->seed,
		r->verdict == HOLDS ? "" : ": ", r->verdict == HOLDS ? "" : r->why);
}

/* A trial stands: say so once, and let it go when somebody presses Enter. True: nothing moves. */
static bool stands(struct run_view *v, struct trial_live *live)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char typed[256];

	if (!live->held) {
		v->told_held = false;
		return false;
	}
	if (!v->told_held) {
		live_clear(&v->live);
		fprintf(stderr, "%s is violated, and stands: its services run again over what was "
			"judged,\nall faults healed. Look into it with `worstday exec --trial %d "
			"NODE COMMAND`; Enter ends it. ", live->experiment, getpid());
		v->told_held = true;
	}
	if (poll(&in, 1, 0) == 1 && read(STDIN_FILENO, typed, sizeof(typed)) >= 0)
		live->released = true;
	return true;
}

static void on_tick(void *arg, struct trial_live *live, size_t n, int64_t done, int64_t total)
{
	struct run_view *v = arg;

	if (v->c->hold && stands(v, live))
		return;
	if (!v->c->quiet)
		live_show(&v->live, live, n, done, total);
}

/* What could be read of the files that were wrong, and what is wrong with them. */
static int bad_files(const struct cli *c, const struct diag *diag)
{
	struct buf b = {0};

	if (c->json) {
		diag_render_json(diag, &b);
		puts(b.data ? b.data : "[]");
	} else {
		diag_render(diag, &b);
		fputs(b.data ? b.data : "", stderr);
	}
	buf_done(&b);
	return EXIT_BAD_FILE;
}

static int junit_write(const char *path, const struct suite *s, const struct plan *p)
{
	struct buf b = {0};
	struct err e = {0};
	int r;

	junit_suite(s, p, &b);
	r = store_write(*path == '/' ? "" : ".", path, b.data, b.len, &e);
	if (r < 0)
		fprintf(stderr, "worstday run: %s\n", e.msg);
	buf_done(&b);
	return r;
}

static void show_one(const struct suite_result *r, bool colour)
{
	struct err e = {0};

	if (r->dir[0] && report_show(r->dir, stdout, colour, &e) == 0)
		return;
	printf("%s  %s\n", verdict_names[r->verdict], r->why);
}

static void show(const struct cli *c, const struct suite *s, const struct plan *p)
{
	bool colour = cmd_colour(STDOUT_FILENO);
	struct buf b = {0};

	if (c->json) {
		terminal_suite_json(s, p, &b);
		fputs(b.data, stdout);
	} else if (s->count == 1 && !c->quiet) {
		show_one(&s->at[0], colour);
	} else if (!c->quiet && s->count) {
		terminal_suite(s, p, stdout, colour);
	}
	buf_done(&b);
}

/* A broken harness is never silent, --quiet or not. */
static void complain(const struct cli *c, const struct suite *s)
{
	size_t i;

	for (i = 0; c->quiet && i < s->count; i++) {
		if (s->at[i].verdict == BROKEN || s->at[i].verdict == UNSUPPORTED)
			fprintf(stderr, "worstday run: %s: %s\n", verdict_names[s->at[i].verdict],
				s->at[i].why);
	}
}

static int finish(const struct cli *c, const struct suite *s, const struct plan *p)
{
	int r = 0;

	show(c, s, p);
	if (s->count == 0)
		fprintf(stderr, "worstday run: interrupted before a trial had ended\n");
	complain(c, s);
	if (c->junit)
		r = junit_write(c->junit, s, p);
	if (s->signal)
		return 128 + s->signal;
	return r < 0 ? EXIT_BROKEN : verdict_exit(suite_verdict(s));
}

static int launch(const struct cli *c, struct plan *p)
{
	struct run_view v = {.c = c, .plan = p};
	struct suite_opts o = {.plan = p,
			       .seed = c->seed,
			       .seeds = c->seeds,
			       .until_fail = c->until_fail,
			       .jobs = c->jobs,
			       .out = c->out,
			       .keep = c->keep,
			       .hold = c->hold != 0,
			       .argc = c->argc,
			       .argv = c->argv};
	struct suite s = {0};
	struct err e = {0};
	int r;

	if (o.keep < 0) /* an endless search would fill the disk with good days */
		o.keep = c->until_fail ? KEEP_FAILED : KEEP_ALL;
	if (!o.seeds)
		o.seeds = c->until_fail ? INT64_MAX / 2 / (int64_t)p->count : 1;
	v.many = o.seeds > 1 || p->count > 1;
	v.live = (struct live_view){.out = stderr,
				    .terminal = isatty(STDERR_FILENO),
				    .colour = cmd_colour(STDERR_FILENO),
				    .plain_text = cmd_ascii_only()};
	o.hooks = (struct suite_hooks){
		.arg = &v, .report = on_report, .ended = on_ended, .tick = on_tick};
	plan_probe(p);
	r = suite_run(&o, &s, &e);
	live_clear(&v.live);
	if (r < 0)
		fprintf(stderr, "worstday run: %s\n", e.msg);
	else
		r = finish(c, &s, p);
	suite_done(&s);
	return r < 0 ? EXIT_BROKEN : r;
}

/* 0, or an exit code: without somebody to press Enter it would stand for ever. */
static int hold_check(const struct cli *c)
{
	if (c->hold && !isatty(STDIN_FILENO))
		return cli_usage(&cmd_run, "--hold waits for Enter, and nobody can press it: the "
				 "input is no terminal");
	if (c->hold && c->jobs > 1)
		return cli_usage(&cmd_run, "--hold and --jobs exclude each other: one trial at a "
				 "time can stand");
	return 0;
}

static int run(const struct cli *c)
{
	struct conf_catalog cat = cmd_catalog();
	struct diag *diag = diag_new();
	struct plan p = {0};
	int r = hold_check(c);

	if (r) {
		diag_free(diag);
		return r;
	}
	suite_hold_signals();
	r = plan_load(&p, c->words, c->words_count, &cat, &c->sets, diag);
	if (r < 0) {
		r = bad_files(c, diag);
	} else {
		if (!c->quiet)
			dry_warnings(&p);
		r = c->dry_run ? dry_run(c, &p) : launch(c, &p);
	}
	plan_done(&p);
	diag_free(diag);
	return r;
}

const struct cmd cmd_run = {
	.name = "run",
	.args = "[OPTION]... FILE|DIR...",
	.summary = "run experiments and judge them",
	.about =
		"Reads every experiment first; nothing is launched while one is wrong. Each trial\n"
		"leaves DIR/<experiment>/<utc>-<seed>/ with its evidence; several end in a table.\n"
		"Ctrl-C heals, judges and reports what there is; a second one stops at once.",
	.opts = options,
	.words = {"FILE"},
	.words_min = 1,
	.words_max = SIZE_MAX,
	.run = run,
};
