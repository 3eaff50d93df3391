/* SPDX-License-Identifier: Apache-2.0 */
/* worstday replay: the same experiment, the same seed; did the same things happen? */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "explore/bundle.h"
#include "explore/manifest.h"
#include "explore/replay.h"
#include "explore/suite.h"
#include "explore/version.h"
#include "report/report.h"
#include "report/summary.h"

static const struct cli_opt options[] = {
    {.name = "force",
     .letter = 'f',
     .type = CLI_FLAG,
     .offset = offsetof(struct cli, force),
     .help = "also when the target has changed since"},
    {.name = "out",
     .letter = 'o',
     .type = CLI_STRING,
     .offset = offsetof(struct cli, out),
     .arg = "DIR",
     .def = "results",
     .help = "where results go"},
    {.name = "quiet",
     .letter = 'q',
     .type = CLI_FLAG,
     .offset = offsetof(struct cli, quiet),
     .help = "only the comparison"},
    CLI_OPT_JSON,
    CLI_OPT_END,
};

struct replay {
	const struct cli *c;
	char *then;   /* owned; the old results directory, resolved: `latest` moves on */
	char *target; /* owned; the target's file of a bundle; NULL: as the experiment says */
	struct manifest m;
	struct plan plan;
	struct suite suite;
};

static int complain(const struct err *e, int code)
{
	fprintf(stderr, "worstday replay: %s\n", e->msg);
	return code;
}

static int on_report(void *arg, const struct trial_in *in, const struct trial_out *out,
		     const char *dir, const char *final_dir, struct err *e)
{
	const struct replay *r = arg;
	struct report_in ri = {
	    .in = in, .out = out, .dir = dir, .final_dir = final_dir, .program = r->c->program};

	return report_write(&ri, e);
}

/* resolved.yml is the experiment; it keeps the name it had. */
static int load(struct replay *r)
{
	cleanup_free char *path = xasprintf("%s/resolved.yml", r->then);
	struct conf_catalog cat = cmd_catalog();
	struct diag *diag = diag_new();
	struct buf words = {0};
	struct strlist sets = {0};
	int err;

	if (r->target) {
		cleanup_free char *set = xasprintf("target=\"%s\"", r->target);

		strlist_add(&sets, set, (struct mark){0});
	}
	err = plan_add(&r->plan, path, &cat, &sets, diag);
	strlist_done(&sets);

	if (err < 0) {
		diag_render(diag, &words);
		fputs(words.data ? words.data : "", stderr);
	} else {
		struct experiment *x = r->plan.at[0].experiment;

		free(x->name);
		x->name = xstrdup(r->m.experiment);
	}
	buf_done(&words);
	diag_free(diag);
	return err;
}

/* The target must be what it was, or the comparison means nothing. */
static int same_target(const struct replay *r)
{
	const struct target *t = r->plan.at[0].target;

	if (str_eq(r->m.digest, t->digest ? t->digest : ""))
		return 0;
	fprintf(stderr, "worstday replay: %s has changed since that trial (digest %s, now %s)%s\n",
		t->path, r->m.digest, t->digest ? t->digest : "none",
		r->c->force ? "" : "; --force runs it all the same");
	return r->c->force ? 0 : -EINVAL;
}

static int launch(struct replay *r, struct err *e)
{
	struct suite_opts o = {.plan = &r->plan,
			       .seed = r->m.seed,
			       .seeds = 1,
			       .jobs = 1,
			       .out = r->c->out,
			       .keep = KEEP_ALL,
			       .argc = r->c->argc,
			       .argv = r->c->argv,
			       .hooks = {.arg = r, .report = on_report}};

	plan_probe(&r->plan);
	return suite_run(&o, &r->suite, e);
}

static void tell_text(const struct replay_diff *d, const char *lines, const char *was,
		      const struct suite_result *now)
{
	printf("verdict: now %s, then %s\n", verdict_names[now->verdict], was);
	printf("decisions: %zu the same, %zu changed, %zu only then, %zu only now\n", d->same,
	       d->changed, d->only_then, d->only_now);
	printf("%s", lines ? lines : "");
	printf("results: %s\n", now->dir);
}

static void tell_json(const struct replay_diff *d, const char *was, const struct suite_result *now)
{
	struct buf b = {0};
	struct json_out o = {.buf = &b, .pretty = true};

	json_obj(&o, NULL);
	json_str(&o, "verdict", verdict_names[now->verdict]);
	json_str(&o, "verdict_then", was);
	json_u64(&o, "same", d->same);
	json_u64(&o, "changed", d->changed);
	json_u64(&o, "only_then", d->only_then);
	json_u64(&o, "only_now", d->only_now);
	json_str(&o, "dir", now->dir);
	json_obj_end(&o);
	puts(b.data);
	buf_done(&b);
}

static int compare(const struct replay *r, struct err *e)
{
	const struct suite_result *now = &r->suite.at[0];
	struct replay_diff d = {0};
	struct summary was = {0};
	struct buf lines = {0};
	int err = summary_read(&was, r->then, e);

	if (err == 0 && now->dir[0])
		err = replay_compare(r->then, now->dir, &d, &lines, e);
	if (err == 0 && !r->c->quiet && !r->c->json && now->dir[0])
		report_show(now->dir, stdout, cmd_colour(STDOUT_FILENO), e);
	if (err == 0 && r->c->json)
		tell_json(&d, was.verdict, now);
	else if (err == 0)
		tell_text(&d, lines.data, was.verdict, now);
	if (err == 0 && (now->verdict == UNSUPPORTED || now->verdict == BROKEN))
		fprintf(stderr, "worstday replay: %s\n", now->why);
	summary_done(&was);
	buf_done(&lines);
	return err;
}

static int replay_run(struct replay *r)
{
	struct err e = {0};

	if (manifest_read(&r->m, r->then, &e) < 0)
		return complain(&e, EXIT_BAD_FILE);
	if (load(r) < 0 || same_target(r) < 0)
		return EXIT_BAD_FILE;
	if (!str_eq(r->m.version, WD_VERSION) || !str_eq(r->m.commit, version_commit()))
		fprintf(stderr,
			"worstday replay: note: that trial was run by %s (%s), this is %s "
			"(%s)\n",
			r->m.version, r->m.commit, WD_VERSION, version_commit());
	if (launch(r, &e) < 0)
		return complain(&e, EXIT_BROKEN);
	if (r->suite.count && compare(r, &e) < 0)
		return complain(&e, EXIT_BROKEN);
	if (r->suite.signal)
		return 128 + r->suite.signal;
	return verdict_exit(suite_verdict(&r->suite));
}

/* A bundle is unpacked below the results' cache, under its own name; again each time. */
static int unpack(struct replay *r, struct err *e)
{
	const char *slash = strrchr(r->then, '/');
	cleanup_free char *cache = xasprintf("%s/.cache/bundle", r->c->out), *dir = NULL;
	int err = store_make(cache, e);

	dir = realpath(cache, NULL);
	if (err == 0 && !dir)
		err = err_errno(e, errno, "%s", cache);
	if (err < 0)
		return err;
	free(cache);
	cache = xasprintf("%s/%s", dir, slash + 1);
	store_remove(cache);
	err = store_make(cache, e);
	if (err == 0)
		err = bundle_unpack(r->then, cache, &r->target, e);
	if (err < 0) {
		store_remove(cache);
		return err;
	}
	free(r->then);
	r->then = xasprintf("%s/result", cache);
	return 0;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int replay(const struct cli *c)
{
	struct replay r = {.c = c, .then = realpath(c->words[0], NULL)};
	struct err e = {0};
	int code;

	suite_hold_signals();
	if (r.then && is_file(r.then) && unpack(&r, &e) < 0) {
		free(r.then);
		return complain(&e, EXIT_BAD_FILE);
	}
	if (!r.then) {
		fprintf(stderr, "worstday replay: %s: %s\n", c->words[0], strerror(errno));
		return EXIT_BAD_FILE;
	}
	code = replay_run(&r);
	suite_done(&r.suite);
	plan_done(&r.plan);
	manifest_done(&r.m);
	free(r.then);
	free(r.target);
	return code;
}

const struct cmd cmd_replay = {
    .name = "replay",
    .args = "[OPTION]... DIR|BUNDLE",
    .summary = "run a trial again from its results directory and compare",
    .about = "Runs DIR/resolved.yml with its seed, after making sure that the target is the same.\n"
	     "The same object and hit get the same decision; scheduling is not replayed, so a\n"
	     "difference in what was reached is shown, not an error. Exits with the new verdict.\n"
	     "A BUNDLE (of `worstday bundle`) brings its own target.",
    .opts = options,
    .words = {"FILE"},
    .words_min = 1,
    .words_max = 1,
    .run = replay,
};
