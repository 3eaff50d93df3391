/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker: one slot, one trial at a time. Theory of operation: it is forked
 * before any thread exists and enters its own user and mount namespace once
 * (slot_new). For each job it runs the good day if that is not yet known, then
 * the bad one, has the reports written beside the ledgers, and publishes the
 * results directory. Whatever goes wrong in here, and a crash too, costs this
 * trial only: the parent reports it as broken and forks a fresh worker.
 *
 * Signals: the worker has a process group of its own, so a Ctrl-C reaches it
 * through the parent, once each. The first asks the trial to heal, judge and
 * report; the second to stop at once.
 */
#include "explore/worker.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "explore/baseline.h"
#include "explore/manifest.h"
#include "stage/stage.h"
#include "trial/control.h"

#define PROBES_MAX 64

/* How many times we were asked to stop; a signal handler has nowhere else to put it. */
static volatile sig_atomic_t interrupted;

struct worker {
	const struct suite_opts *o;
	struct slot *slot;
	struct trial_live *live;
	int control; /* owned; <= 0: nobody can talk to us */
	enum verdict no_slot; /* with slot NULL: what that makes every trial */
	char why[512];
};

/* One trial being run: its files, its answer. */
struct running {
	struct worker *w;
	const struct job *job;
	struct plan_entry *entry;
	struct store store;
	struct suite_result *r;
	struct baseline good;
	char *key; /* owned: the good day's name */
};

int64_t suite_base_seed(const struct suite_opts *o, const struct experiment *x)
{
	if (o->seed >= 0)
		return o->seed;
	return x->seed >= 0 ? x->seed : SUITE_SEED_DEFAULT;
}

static void on_signal(int signo)
{
	(void)signo;
	interrupted = interrupted < 2 ? interrupted + 1 : 2;
}

/* Words into a field; what is too long is cut. */
static void words(char *to, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void words(char *to, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(to, size, fmt, ap);
	va_end(ap);
}

static void answer(struct suite_result *r, enum verdict v, const char *why)
{
	r->verdict = v;
	words(r->why, sizeof(r->why), "%s", why);
}

static void answer_out(struct suite_result *r, const struct trial_out *out)
{
	answer(r, out->verdict.verdict, out->verdict.why);
	r->wall_ns += out->wall_ns;
	r->own_ns += out->own_ns;
	r->interrupted |= out->interrupted;
}

static void live_begin(struct worker *w, const struct experiment *x, bool baseline)
{
	struct trial_live *v = w->live;

	memset(v, 0, sizeof(*v));
	words(v->experiment, sizeof(v->experiment), "%s", x->name);
	v->baseline = baseline;
	v->total = (int64_t)ceil(shoppers_expected(&x->shoppers));
	v->pace_milli = x->shoppers.pace_milli;
}

/* What this host cannot do that a stage needs, with its remedy; false: nothing was found. */
static bool host_lacks(char *why, size_t why_len)
{
	struct probe *probes = xcalloc(PROBES_MAX, sizeof(*probes));
	size_t n = stage_probes(probes, PROBES_MAX), i = 0;

	while (i < n && probes[i].ok)
		i++;
	if (i < n)
		words(why, why_len, "%s: %s; remedy: %s", probes[i].name, probes[i].why,
		      probes[i].remedy);
	free(probes);
	return i < n;
}

static void run_in(struct running *run, struct trial_in *in, struct trial_out *out)
{
	struct err e = {0};

	live_begin(run->w, in->experiment, !in->faults);
	if (trial_run(in, out, &e) < 0) {
		out->verdict.verdict = BROKEN;
		words(out->verdict.blame, sizeof(out->verdict.blame), "harness");
		words(out->verdict.why, sizeof(out->verdict.why), "%s", e.msg);
	}
	/* It broke before the shop opened: perhaps the host is not able to. */
	if (out->verdict.verdict == BROKEN && out->facts.open_ns == 0 &&
	    host_lacks(out->verdict.why, sizeof(out->verdict.why))) {
		out->verdict.verdict = UNSUPPORTED;
		words(out->verdict.blame, sizeof(out->verdict.blame), "host");
	}
}

/* Reports, manifest, rename; again with the next name when another run took ours. */
static int publish(struct running *run, const struct trial_in *in, const struct trial_out *out,
		   struct err *e)
{
	const struct suite_opts *o = run->w->o;
	struct manifest_in m = {.experiment = run->entry->experiment,
				.target = run->entry->target,
				.seed = run->job->seed,
				.argc = o->argc,
				.argv = o->argv};
	int64_t begun_ns = clock_now();
	int r;

	do {
		r = o->hooks.report(o->hooks.arg, in, out, run->store.temp, run->store.final, e);
		if (r == 0)
			r = manifest_write(run->store.temp, &m, e);
		if (r == 0)
			r = store_publish(&run->store, e);
	} while (r == -EEXIST);
	if (r < 0)
		return err_wrap(e, "results cannot be kept");
	words(run->r->dir, sizeof(run->r->dir), "%s", run->store.final);
	if (o->keep == KEEP_NONE || (o->keep == KEEP_FAILED && run->r->verdict == HOLDS))
		store_prune(run->store.final);
	run->r->own_ns += clock_now() - begun_ns;
	return 0;
}

static int64_t good_seed(const struct running *run)
{
	const struct experiment *x = run->entry->experiment;

	return x->baseline == BASELINE_ONCE ? suite_base_seed(run->w->o, x) : run->job->seed;
}

static int good_report(struct running *run, const struct trial_in *in, const struct trial_out *out,
		       struct err *e)
{
	const struct suite_opts *o = run->w->o;
	cleanup_free char *final = xasprintf("%s/baseline", run->store.final);

	return o->hooks.report(o->hooks.arg, in, out, in->dir, final, e);
}

/* May the bad day follow? Not after one that was bad without any fault. */
static bool good_enough(const struct trial_out *out)
{
	return (out->verdict.verdict == HOLDS || out->verdict.verdict == INCONCLUSIVE) &&
	       !str_eq(out->verdict.blame, "target") && !out->interrupted && interrupted == 0;
}

/* A good day that was none is the trial's result, and nobody's fault but the target's. */
static int good_blame(struct running *run, struct trial_in *in, struct trial_out *out,
		      struct err *e)
{
	struct trial_verdict *v = &out->verdict;
	char why[sizeof(v->why)];

	if (v->verdict == VIOLATED || str_eq(v->blame, "target")) {
		words(v->blame, sizeof(v->blame), "baseline");
		memcpy(why, v->why, sizeof(why));
		words(v->why, sizeof(v->why), "on the good day already, with every fault off: %s",
		      why);
	}
	run->r->baseline = true;
	answer_out(run->r, out);
	return publish(run, in, out, e);
}

/* The good day. 1: go on with the bad one; 0: it decided the trial; < 0 broken. */
static int good_day(struct running *run, struct err *e)
{
	struct experiment x = *run->entry->experiment; /* expect: is about the bad day */
	struct trial_out out = {0};
	cleanup_free char *dir = xasprintf("%s/baseline", run->store.temp);
	struct trial_in in = {.experiment = &x,
			      .target = run->entry->target,
			      .seed = good_seed(run),
			      .dir = dir,
			      .slot = run->w->slot,
			      .live = run->w->live,
			      .control = run->w->control,
			      .hold = run->w->o->hold,
			      .interrupted = &interrupted,
			      .baseline_rate = -1};
	int r = store_make(dir, e);

	x.expect = (struct expect){0};
	if (r < 0)
		return r;
	run_in(run, &in, &out);
	r = good_report(run, &in, &out, e);
	run->r->good_vague =
	    out.verdict.verdict == INCONCLUSIVE && !str_eq(out.verdict.blame, "host");
	if (out.verdict.verdict == HOLDS) /* else no measure for the bad one */
		run->good = (struct baseline){.rate = out.rate,
					      .p95_ns = out.p95_ns,
					      .system_p50_ns = out.system_p50_ns,
					      .human_mean_ns = out.human_mean_ns};
	if (r == 0 && out.verdict.verdict == HOLDS && !out.interrupted)
		r = baseline_save(run->w->o->out, run->store.temp, run->key, &run->good, dir, e);
	if (r == 0 && good_enough(&out)) {
		run->r->wall_ns += out.wall_ns;
		r = 1;
	} else if (r == 0) {
		r = good_blame(run, &in, &out, e);
	}
	trial_out_done(&out);
	return r;
}

static int bad_day(struct running *run, struct err *e)
{
	struct trial_out out = {0};
	cleanup_free char *good_dir = baseline_folder(run->w->o->out);
	cleanup_free char *good_file = run->key ? baseline_drawn(run->key) : NULL;
	struct trial_in in = {.experiment = run->entry->experiment,
			      .good_dir = good_file ? good_dir : NULL,
			      .good_file = good_file,
			      .target = run->entry->target,
			      .seed = run->job->seed,
			      .faults = true,
			      .dir = run->store.temp,
			      .slot = run->w->slot,
			      .live = run->w->live,
			      .control = run->w->control,
			      .hold = run->w->o->hold,
			      .interrupted = &interrupted,
			      .baseline_rate = run->good.rate,
			      .baseline_p95_ns = run->good.p95_ns,
			      .baseline_system_p50_ns = run->good.system_p50_ns,
			      .baseline_human_mean_ns = run->good.human_mean_ns};
	int r;

	run_in(run, &in, &out);
	answer_out(run->r, &out);
	r = publish(run, &in, &out, e);
	trial_out_done(&out);
	return r;
}

static bool good_wanted(struct running *run)
{
	const struct experiment *x = run->entry->experiment;

	run->good = (struct baseline){.rate = -1};
	if (x->baseline == BASELINE_NEVER || x->faults_count == 0)
		return false;
	if (x->baseline == BASELINE_ONCE && run->job->good_vague)
		return false;
	run->key = baseline_key(x, run->entry->target, good_seed(run));
	return !baseline_find(run->w->o->out, run->key, &run->good);
}

static int trial_do(struct running *run, struct err *e)
{
	struct experiment *x = run->entry->experiment;
	int64_t begun_ns = clock_now();
	int r =
	    store_begin(&run->store, run->w->o->out, x->name, run->job->seed, run->job->number, e);

	if (r < 0)
		return r;
	r = inputs_write(run->store.temp, x, run->entry->target, run->job->seed, e);
	run->r->own_ns += clock_now() - begun_ns;
	if (r == 0)
		r = good_wanted(run) ? good_day(run, e) : 1;
	if (r == 1)
		r = bad_day(run, e);
	return r;
}

static void job_do(struct worker *w, const struct job *job, struct suite_result *r)
{
	struct running run = {
	    .w = w, .job = job, .r = r, .entry = &w->o->plan->at[job->experiment]};
	struct err e = {0};
	cleanup_free char *temp = NULL;

	*r = (struct suite_result){
	    .number = job->number, .experiment = job->experiment, .seed = job->seed};
	if (!w->slot) {
		answer(r, w->no_slot, w->why);
		return;
	}
	if (trial_do(&run, &e) < 0)
		answer(r, BROKEN, e.msg);
	temp = run.store.temp ? xstrdup(run.store.temp) : NULL;
	store_done(&run.store);
	if (temp)
		guardian_drop(temp);
	free(run.key);
	w->live->phase = PHASE_DONE;
}

/* No stage: is it this host that cannot, with a remedy to name, or we who failed? */
static void no_slot(struct worker *w, const struct err *e)
{
	w->no_slot = UNSUPPORTED;
	if (host_lacks(w->why, sizeof(w->why)))
		return;
	w->no_slot = BROKEN;
	words(w->why, sizeof(w->why), "no stage: %s", e->msg);
}

static void stage_enter(struct worker *w)
{
	cleanup_free char *cache =
	    w->o->cache ? xstrdup(w->o->cache) : xasprintf("%s/.cache", w->o->out);
	struct slot_opts so = {
	    .cache = cache, .out = w->o->out, .jobs = (int)w->o->jobs, .keep_net = true};
	struct err e = {0};

	if (store_make(cache, &e) < 0 || slot_new(&w->slot, &so, &e) < 0)
		no_slot(w, &e);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* entering a user namespace cleared it */
}

/* Whoever died before prctl() took effect sent no signal. */
static bool parent_gone(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

static void signals_set(void)
{
	struct sigaction act = {.sa_handler = on_signal};
	sigset_t none;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void worker_main(const struct suite_opts *o, int fd, struct trial_live *live)
{
	struct worker w = {.o = o, .live = live};
	struct suite_result r;
	struct job job;
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	signals_set();
	w.control = control_listen(getppid()); /* while we see the host's network */
	stage_enter(&w);
	if (parent_gone(fd))
		_exit(1);
	live->phase = PHASE_DONE;
	do {
		n = recv(fd, &job, sizeof(job), 0);
		if (n == (ssize_t)sizeof(job)) {
			job_do(&w, &job, &r);
			n = send(fd, &r, sizeof(r), MSG_NOSIGNAL);
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (w.slot)
		slot_free(w.slot);
	_exit(0);
}
