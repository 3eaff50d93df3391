/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hist.h"
#include "base/loop.h"
#include "crowd/crowd.h"
#include "faults/call.h"
#include "faults/drive.h"
#include "faults/hook.h"
#include "stage/stage.h"
#include "terminal/terminal.h"
#include "trial/books.h"
#include "trial/control.h"
#include "trial/crashes.h"
#include "trial/coverage.h"
#include "trial/evidence.h"
#include "trial/hosts.h"
#include "trial/noise.h"
#include "trial/settle.h"
#include "trial/trace.h"
#include "trial/trigger.h"
#include "trial/watch.h"

/*
 * Theory of operation
 *
 *   stage ─► ready ─► books at start ─► shop open: crowd and triggers on one loop
 *     ─► all shoppers gone ─► heal ─► settle ─► close ─► stop ─► books ─► judge
 *
 * Everything happens on one event loop in one process. Three kinds of ending
 * are told apart: the harness or the host failed (broken), the target did not
 * let itself be judged (inconclusive, blame "target"), and a judged trial.
 */

#define TICK_NS (50 * NS_PER_MS)
#define LOG_CAP (8 << 20)
#define CLOSE_CAP_NS (60 * NS_PER_S)
#define HALT_NS (10 * NS_PER_S) /* after Ctrl-C, sales in flight may take this long */

const char *const phase_names[] = { "staging", "starting", "open", "settling",
				    "stopping", "reading the books", "judging", "done" };

struct trial {
	const struct trial_in *in;
	struct trial_out *out;
	struct loop *loop;
	struct ledger *ledger;
	struct stage *stage;
	struct hosts hosts;        /* that we play on the wire */
	struct crowd *crowd;
	struct triggers *triggers; /* NULL on the good day */
	struct settle *settle;
	struct control *control;   /* NULL: nobody can talk to us */
	struct traces *traces;     /* NULL: `trace: false` */
	struct watch *watch;       /* of what the nodes use; NULL: not yet, or no more */
	char *logs;                /* owned; the stage borrows it */
	struct strlist disks, logged; /* the stage borrows them */
	struct strlist shims[SHIM_LIBRARIES], points; /* and these */
	struct calls_watch *calls; /* owned; the stage borrows it */
	struct coverage coverage;  /* its rows become the outcome's */
	struct loop_timer tick;
	struct noise noise;
	int64_t epoch_ns, started_ns, ready_ns, ok;
	struct err card;           /* the first order to a card terminal that failed */
	bool stop;                 /* leave the loop */
	bool finished;             /* every shopper has left */
	bool halted;               /* first Ctrl-C was handled */
	bool shopping;             /* sales may be in flight */
	bool holding;              /* judged: nothing is written any more */
	int64_t held_ns;           /* that it stood for people to look at; not the trial's own */
	int64_t halted_ns;
};

/* ---- what is shown and noted ---- */

static void phase(struct trial *t, enum trial_phase p, const char *object)
{
	if (t->in->live)
		t->in->live->phase = (int)p;
	if (object)
		ledger_event(t->ledger, (struct event){ .kind = EV_PHASE, .fault = -1,
							.object = object });
}

static void show(struct trial *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void show(struct trial *t, const char *fmt, ...)
{
	va_list ap;

	if (!t->in->live)
		return;
	va_start(ap, fmt);
	vsnprintf(t->in->live->last, sizeof(t->in->live->last), fmt, ap);
	va_end(ap);
}

static void show_reach(struct trial *t)
{
	struct buf b = { 0 };

	coverage_words(&t->coverage, &b);
	if (t->in->live && b.len)
		snprintf(t->in->live->reach, sizeof(t->in->live->reach), "%s", b.data);
	buf_done(&b);
}

static void update_live(struct trial *t)
{
	struct trial_live *v = t->in->live;
	struct crowd_progress p;

	if (!v)
		return;
	v->elapsed_ns = clock_now() - t->epoch_ns;
	if (!t->crowd)
		return;
	crowd_progress(t->crowd, &p);
	v->served = p.ok;
	v->queued = p.queued;
	v->at_till = p.at_till;
	v->left = p.left;
	v->unknown = p.unknown;
	v->p95_ns = p.p95_ns;
	if (t->triggers) {
		v->active_faults = triggers_active(t->triggers);
		triggers_active_names(t->triggers, v->active, sizeof(v->active));
		v->fired = triggers_fired(t->triggers);
	}
}

static int interrupted(const struct trial *t)
{
	return t->in->interrupted ? *t->in->interrupted : 0;
}

/* Every process of ours that a trial needs. */
static int ours_alive(struct trial *t, struct err *e)
{
	int err = stage_alive(t->stage, e);

	if (err == 0 && t->card.code)
		return err_set(e, EPIPE, "%s", t->card.msg);
	return err < 0 ? err : hosts_alive(&t->hosts, e);
}

static void tick(struct loop_timer *timer, int64_t now)
{
	struct trial *t = (struct trial *)((char *)timer - offsetof(struct trial, tick));

	update_live(t);
	watch_tick(t->watch);
	if (t->holding) {
		t->stop = t->in->live->released || interrupted(t) ||
			  stage_alive(t->stage, NULL) < 0;
		loop_timer_at(t->loop, timer, now + TICK_NS);
		return;
	}
	if (interrupted(t) >= 1 && !t->halted) {
		t->halted = true;
		t->halted_ns = now;
		t->out->interrupted = true;
		if (t->crowd)
			crowd_halt(t->crowd);
	}
	if (t->halted && t->shopping && now - t->halted_ns >= HALT_NS)
		t->stop = true; /* a till that hangs holds up nobody who wants to leave */
	if (interrupted(t) >= 2 || ledger_failed(t->ledger) ||
	    (t->triggers && triggers_error(t->triggers)) ||
	    (t->stage && ours_alive(t, NULL) < 0))
		t->stop = true;
	loop_timer_at(t->loop, timer, now + TICK_NS);
}

/* ---- hooks: what the rooms report ---- */

static void on_told(void *arg, const struct told *told)
{
	struct trial *t = arg;

	/* Before anything else: a kill at "told ok" must follow the reply at once. */
	if (t->triggers)
		triggers_told(t->triggers, told);
	ledger_told(t->ledger, told);
	settle_told(t->settle, told);
	if (told->outcome == TOLD_OK)
		t->ok++;
}

static void on_left(void *arg, const struct left *l)
{
	ledger_left(((struct trial *)arg)->ledger, l);
}

/* Somebody goes to a card terminal, or away. One that was not told would refuse his card. */
static void on_card(void *arg, const char *lane, const char *key)
{
	struct trial *t = arg;

	if (!t->card.code && terminals_card(t->hosts.terminals, lane, key, &t->card) < 0)
		t->stop = true; /* ours_alive() has the reason */
}

static void on_lane(void *arg, const char *lane, const char *did)
{
	struct trial *t = arg;

	ledger_event(t->ledger, (struct event){ .kind = EV_LANE, .fault = -1, .node = lane,
						.object = lane, .did = did });
	show(t, "%s: %s", lane, did);
}

static void on_trace(void *arg, const char *lane, const char *text, size_t len)
{
	traces_add(((struct trial *)arg)->traces, lane, text, len);
}

static void on_finished(void *arg)
{
	struct trial *t = arg;

	t->finished = true;
	t->stop = true;
}

static void on_service(void *arg, enum service_event ev, const char *node, const char *service,
		       const char *process, const char *did)
{
	static const int kinds[] = { EV_STARTED, EV_READY, EV_EXITED, EV_KILLED };
	struct trial *t = arg;

	if (t->holding)
		return;
	ledger_event(t->ledger, (struct event){ .kind = kinds[ev], .fault = -1, .node = node,
						.process = process, .object = service,
						.did = did });
	show(t, "%s: %s%s%s", service, event_names[kinds[ev]], did ? ", " : "", did ? did : "");
	if (t->triggers)
		triggers_service(t->triggers, ev, node, service);
}

static void on_log(void *arg, const char *node, const char *service, const char *line, size_t len)
{
	struct trial *t = arg;

	if (t->triggers)
		triggers_log(t->triggers, node, service, line, len);
}

/* Somebody wants to look into a node; that is all a trial is asked for. */
static void on_asked(void *arg, struct control_talk *talk, const char *text)
{
	struct trial *t = arg;

	if (strncmp(text, "enter ", 6) == 0)
		control_enter(talk, t->stage, text + 6);
	else
		control_answer(talk, 64, "this is a trial with a schedule of its own: only "
			       "`worstday exec` reaches it\n", NULL, 0);
}

/* Does a trigger wait for lines of the target's output? */
static bool logs_wanted(const struct trial *t)
{
	const struct experiment *x = t->in->experiment;

	for (size_t i = 0; t->in->faults && i < x->faults_count; i++)
		if (x->faults[i].when.on == ON_LOG)
			return true;
	return false;
}

/* The crowd's view of the stage. */
static int world_socket(void *arg, const char *node, int domain, int type, int protocol)
{
	return stage_socket(((struct trial *)arg)->stage, node, domain, type, protocol);
}

static const char *world_address(void *arg, const char *node)
{
	return stage_address(((struct trial *)arg)->stage, node);
}

static int world_spawn(void *arg, const char *node, char *const argv[], const struct strmap *env,
		       int *ret_in, int *ret_out, int *ret_pidfd, struct err *e)
{
	struct spawned s;
	int err = stage_spawn(((struct trial *)arg)->stage, node, NULL, argv, env, &s, e);

	if (err < 0)
		return err;
	*ret_in = s.in;
	*ret_out = s.out;
	*ret_pidfd = s.pidfd;
	return 0;
}

/* ---- verdicts without judging ---- */

static void unjudged(struct trial *t, enum verdict v, const char *blame, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void unjudged(struct trial *t, enum verdict v, const char *blame, const char *fmt, ...)
{
	struct trial_verdict *tv = &t->out->verdict;
	va_list ap;

	if (tv->checks)
		return;
	tv->verdict = v;
	snprintf(tv->blame, sizeof(tv->blame), "%s", blame);
	va_start(ap, fmt);
	vsnprintf(tv->why, sizeof(tv->why), fmt, ap);
	va_end(ap);
	tv->checks_count = t->in->experiment->checks_count;
	tv->faults_count = t->in->experiment->faults_count;
	tv->checks = xcalloc(tv->checks_count + 1, sizeof(*tv->checks));
	tv->faults = xcalloc(tv->faults_count + 1, sizeof(*tv->faults));
	for (size_t i = 0; i < tv->checks_count; i++) {
		tv->checks[i].verdict = INCONCLUSIVE;
		snprintf(tv->checks[i].why, sizeof(tv->checks[i].why), "not judged");
	}
}

/* ---- phases ---- */

static int do_stage(struct trial *t, struct err *e)
{
	struct stage_opts o = { .target = t->in->target, .env = &t->in->experiment->env,
				.log_cap = LOG_CAP, .loop = t->loop, .seed = t->in->seed,
				.hooks = { .arg = t, .service = on_service,
					   .log = logs_wanted(t) ? on_log : NULL } };
	bool ran = false;
	int err;

	drive_disks(t->in->experiment, &t->disks);
	drive_logged(t->in->experiment, &t->logged);
	o.disks = &t->disks;
	o.logged = &t->logged;
	o.epoch_ns = t->epoch_ns;
	hook_nodes(t->in->experiment, t->shims);
	o.shims = t->shims;
	lib_fail_points(t->in->experiment, &t->points);
	o.points = &t->points;
	t->calls = call_watches(t->in->experiment, t->in->target, &o.calls_count);
	o.calls = t->calls;
	t->logs = xasprintf("%s/logs", t->in->dir);
	o.logs = t->logs;
	phase(t, PHASE_STAGE, "stage");
	err = stage_prepare(t->in->slot, &o, &ran, e);
	if (err < 0)
		return err;
	if (ran)
		t->started_ns = clock_now(); /* preparing is not part of the trial */
	err = stage_open(t->in->slot, &o, &t->stage, e);
	if (err >= 0)
		err = hosts_open(&t->hosts, t->stage, t->in->target, t->in->experiment, t->loop,
				 t->ledger, e);
	if (err == 0 && t->in->control > 0)
		t->control = control_serve(t->loop, t->in->control, on_asked, t);
	if (err < 0)
		return err;
	t->coverage = (struct coverage){ .stage = t->stage, .target = t->in->target,
					 .watch = o.calls, .watches = o.calls_count };
	coverage_begin(&t->coverage, t->ledger);
	show_reach(t);
	err = watch_begin(&t->watch, t->stage, t->in->target, t->in->dir, t->epoch_ns, e);
	return err < 0 ? err : evidence_begin(t->stage, t->in, t->epoch_ns, e);
}

static int do_ready(struct trial *t, struct err *e)
{
	int64_t before = clock_now();
	int err;

	phase(t, PHASE_READY, "start");
	err = stage_start(t->stage, e);
	t->ready_ns = clock_now() - before;
	return err;
}

static int do_crowd(struct trial *t, struct err *e)
{
	struct crowd_opts o = {
		.experiment = t->in->experiment, .target = t->in->target, .loop = t->loop,
		.seed = t->in->seed, .epoch_ns = t->epoch_ns,
		.world = { .arg = t, .socket = world_socket, .address = world_address,
			   .spawn = world_spawn },
		.hooks = { .arg = t, .told = on_told, .left = on_left, .lane = on_lane,
			   .finished = on_finished },
	};

	if (t->hosts.terminals)
		o.hooks.card = on_card;
	if (t->in->experiment->trace) {
		t->traces = traces_new(t->logs, LOG_CAP);
		o.hooks.trace = on_trace;
	}
	return crowd_new(&t->crowd, &o, e);
}

static int do_triggers(struct trial *t, struct err *e)
{
	struct triggers_in in = { .experiment = t->in->experiment, .target = t->in->target,
				  .stage = t->stage, .bank = t->hosts.bank,
				  .counter = t->hosts.counter,
				  .terminals = t->hosts.terminals, .loop = t->loop,
				  .ledger = t->ledger, .seed = t->in->seed };

	return t->in->faults ? triggers_new(&t->triggers, &in, e) : 0;
}

/* The shop is open: shoppers and faults until the last shopper has left. */
static int do_shop(struct trial *t, struct err *e)
{
	int64_t first = 0, deadline = t->epoch_ns + t->in->experiment->deadline.ns;
	int64_t within = t->in->experiment->shoppers.open_within.ns;
	int err = crowd_open(t->crowd, clock_now() + within, &first, e);

	if (err < 0)
		return err;
	t->out->facts.open_ns = first - t->epoch_ns;
	loop_lateness_reset(t->loop);
	noise_read(&t->noise);
	phase(t, PHASE_SHOP, NULL);
	ledger_event(t->ledger, (struct event){ .kind = EV_PHASE, .fault = -1, .object = "open",
						.t_ns = t->out->facts.open_ns });
	if (t->triggers)
		triggers_open(t->triggers, first);
	if (interrupted(t)) /* while nobody could be sent home yet */
		crowd_halt(t->crowd);
	t->stop = t->finished;
	t->shopping = true;
	err = loop_run_until(t->loop, &t->stop, deadline);
	t->shopping = false;
	if (err == -ETIMEDOUT) {
		t->out->facts.cut_short = true;
		ledger_event(t->ledger, (struct event){ .kind = EV_NOTE, .fault = -1,
			.did = "the trial's deadline passed; sales in flight are unknown" });
		crowd_abort(t->crowd);
		err = 0;
	} else if (!t->finished) {
		crowd_abort(t->crowd);
	}
	t->out->facts.close_ns = clock_now() - t->epoch_ns;
	phase(t, PHASE_SHOP, "close");
	return err < 0 ? err_errno(e, -err, "the event loop") : 0;
}

static void take_noise(struct trial *t)
{
	struct trial_facts *f = &t->out->facts;
	struct noise now;

	noise_read(&now);
	f->late_p99_ns = hist_percentile(crowd_lateness(t->crowd), 99);
	f->timer_p99_ns = hist_percentile(loop_lateness(t->loop), 99);
	f->steal = noise_steal(&t->noise, &now);
	f->pressure = noise_pressure(&t->noise, &now);
}

static void do_heal(struct trial *t)
{
	t->out->facts.heal_ns = -1;
	if (!t->triggers)
		return;
	triggers_heal(t->triggers);
	if (triggers_healed_ns(t->triggers))
		t->out->facts.heal_ns = triggers_healed_ns(t->triggers) - t->epoch_ns;
	phase(t, PHASE_SETTLE, "heal");
}

static void books_failed(struct trial *t, const struct err *e)
{
	struct trial_facts *f = &t->out->facts;

	f->books_read = false;
	snprintf(f->books_why, sizeof(f->books_why), "%.*s", (int)sizeof(f->books_why) - 1, e->msg);
	ledger_event(t->ledger, (struct event){ .kind = EV_NOTE, .fault = -1, .object = "books",
						.did = f->books_why });
}

static void do_settle(struct trial *t)
{
	struct trial_facts *f = &t->out->facts;
	int64_t settled = -1;

	phase(t, PHASE_SETTLE, "settle");
	t->stop = false;
	if (t->triggers && triggers_disturbed(t->triggers))
		settle_disturbed(t->settle);
	settle_wait(t->settle, t->stage, t->loop, &t->stop, &settled);
	f->settled_ns = settled < 0 ? -1 : settled - t->epoch_ns;
	if (settled < 0)
		ledger_event(t->ledger, (struct event){ .kind = EV_NOTE, .fault = -1,
			.object = "settle", .did = "not at rest when the settling time was over" });
}

static void do_close(struct trial *t)
{
	struct err e = { 0 };

	if (crowd_close(t->crowd, clock_now() + CLOSE_CAP_NS, &e) < 0)
		ledger_event(t->ledger, (struct event){ .kind = EV_NOTE, .fault = -1,
							.object = "close", .did = e.msg });
}

/* Who was not where the target file says it ends: stage_stop() has just looked. */
static void take_services(struct trial *t)
{
	struct trial_facts *f = &t->out->facts;
	const char *bad = stage_misbehaved(t->stage);

	if (!bad)
		return;
	snprintf(f->services, sizeof(f->services), "%s", bad);
	ledger_event(t->ledger, (struct event){ .kind = EV_NOTE, .fault = -1,
						.object = "services", .did = bad });
}

/* Databases that need their server are read while it runs, files once it has stopped. */
static int do_stop_and_books(struct trial *t, struct err *broken)
{
	bool by_file = t->in->target->books.kind == BOOKS_SQLITE;
	struct err e = { 0 };

	if (ours_alive(t, broken) < 0)
		return -EPIPE;
	t->out->facts.books_read = true;
	phase(t, PHASE_BOOKS, "books");
	if (!by_file && books_read(t->stage, t->in->target, false, false, t->ledger, &e) < 0)
		books_failed(t, &e);
	watch_end(steal_ptr(&t->watch));
	phase(t, PHASE_STOP, "stop");
	if (stage_stop(t->stage, &e) == -EPIPE) {
		*broken = e;
		return -EPIPE;
	}
	if (e.code)
		ledger_event(t->ledger, (struct event){ .kind = EV_NOTE, .fault = -1,
							.object = "stop", .did = e.msg });
	take_services(t);
	if (hosts_sync(&t->hosts, broken) < 0) /* no sale is made any more */
		return -EPIPE;
	e = (struct err){ 0 };
	if (by_file && books_read(t->stage, t->in->target, false, true, t->ledger, &e) < 0)
		books_failed(t, &e);
	return 0;
}

static int do_crashes(struct trial *t, struct err *e)
{
	struct crashes_in in = { .experiment = t->in->experiment, .target = t->in->target,
				 .stage = t->stage, .ledger = t->ledger, .dir = t->in->dir,
				 .epoch_ns = t->epoch_ns, .seed = t->in->seed, .stop = &t->stop };

	if (!t->in->faults || !crashes_wanted(t->in->experiment))
		return 0;
	t->stop = false;
	phase(t, PHASE_BOOKS, "crash states");
	ledger_day_over(t->ledger);
	return crashes_try(&in, &t->out->facts.crash, e);
}

/* Half a morning is no morning: what was broken stays broken, but it does not hold. */
static void cut_short(struct trial *t)
{
	struct trial_verdict *v = &t->out->verdict;

	char why[sizeof(v->why)];

	if (v->verdict != HOLDS && v->verdict != INCONCLUSIVE)
		return;
	snprintf(v->blame, sizeof(v->blame), "interrupted");
	if (v->verdict == INCONCLUSIVE) {
		memcpy(why, v->why, sizeof(why));
		snprintf(v->why, sizeof(v->why), "interrupted: %.490s", why);
		return;
	}
	v->verdict = INCONCLUSIVE;
	snprintf(v->why, sizeof(v->why),
		 "interrupted: every promise held so far, with %zu of %.0f sales told",
		 t->out->ledgers.told_count, shoppers_expected(&t->in->experiment->shoppers));
}

static int do_judge(struct trial *t, struct err *e)
{
	struct judge_in in = { .ledgers = &t->out->ledgers, .sales = &t->out->sales,
			       .experiment = t->in->experiment, .target = t->in->target,
			       .facts = &t->out->facts, .dir = t->in->dir };
	int err;

	phase(t, PHASE_JUDGE, "judge");
	err = ledger_close(steal_ptr(&t->ledger), e);
	if (err < 0)
		return err_wrap(e, "writing the results");
	err = ledgers_load(&t->out->ledgers, t->in->dir, e);
	if (err < 0)
		return err_wrap(e, "reading the results back");
	err = sales_join(&t->out->sales, &t->out->ledgers);
	if (err < 0)
		return err_errno(e, -err, "joining the ledgers");
	judge_day_times(&in, &t->out->system_p50_ns, &t->out->human_mean_ns);
	err = judge_trial(&in, &t->out->verdict, e);
	if (err >= 0 && t->out->interrupted)
		cut_short(t);
	return err;
}

/*
 * What broke a promise stands for people to look at: its services are started again over the data
 * that were judged, all faults healed. `worstday exec` reaches it.
 */
static void do_hold(struct trial *t)
{
	int64_t before = clock_now();
	struct err e = { 0 };

	t->holding = true;
	t->stop = false;
	if (stage_start(t->stage, &e) < 0)
		show(t, "not all services came up again: %s", e.msg);
	t->in->live->held = true;
	loop_run_until(t->loop, &t->stop, INT64_MAX);
	t->in->live->held = false;
	t->held_ns = clock_now() - before;
}

/* ---- the trial ---- */

/* Everything up to the judging. Returns 0 judge it, 1 already decided, < 0 broken. */
static int live_through(struct trial *t, struct err *e)
{
	int err = do_stage(t, e);

	if (err >= 0)
		err = do_ready(t, e);
	if (err >= 0)
		err = do_crowd(t, e);
	if (err >= 0 && t->in->target->books.kind != BOOKS_NONE) {
		t->out->facts.has_start_books = true;
		err = books_read(t->stage, t->in->target, true, false, t->ledger, e);
		if (err < 0)
			err = (err_wrap(e, "reading the books before the shop opens"), -EPROTO);
	}
	if (err >= 0)
		err = do_triggers(t, e);
	if (err >= 0 && interrupted(t) < 2)
		err = do_shop(t, e);
	if (t->stage && ours_alive(t, e) < 0) /* whatever else it looks like */
		return -EPIPE;
	if (err == -EPROTO) { /* the target, not we */
		unjudged(t, INCONCLUSIVE, "target", "nothing could be judged: %s", e->msg);
		return 1;
	}
	if (err < 0)
		return err;
	if (interrupted(t) >= 2) {
		unjudged(t, INCONCLUSIVE, "interrupted",
			 "stopped by hand before it could be judged");
		return 1;
	}
	take_noise(t);
	do_heal(t);
	if (t->triggers && triggers_error(t->triggers))
		return err_set(e, EIO, "%s", triggers_error(t->triggers));
	do_settle(t);
	do_close(t);
	err = do_stop_and_books(t, e);
	return err < 0 ? err : do_crashes(t, e);
}

static int trial_begin(struct trial *t, struct err *e)
{
	int err;

	t->epoch_ns = t->started_ns = clock_now();
	t->out->facts = (struct trial_facts){ .faults_off = !t->in->faults, .heal_ns = -1,
					      .settled_ns = -1, .pressure = -1,
					      .baseline_rate = t->in->baseline_rate,
					      .baseline_p95_ns = t->in->baseline_p95_ns,
					      .baseline_system_p50_ns =
						      t->in->baseline_system_p50_ns,
					      .human_mean_ns = t->in->baseline_human_mean_ns };
	err = loop_new(&t->loop, e);
	if (err >= 0)
		err = ledger_open(&t->ledger, t->in->dir, t->epoch_ns, e);
	if (err < 0)
		return err;
	t->settle = settle_new(t->in->experiment, t->in->target, &t->hosts);
	t->tick.fire = tick;
	loop_timer_at(t->loop, &t->tick, t->epoch_ns + TICK_NS);
	return 0;
}

static void trial_end(struct trial *t)
{
	if (t->crowd)
		crowd_free(t->crowd);
	triggers_free(t->triggers);
	watch_end(steal_ptr(&t->watch));
	hosts_close(&t->hosts);
	control_end(t->control);
	if (t->stage)
		stage_free(t->stage);
	settle_free(t->settle);
	traces_free(t->traces);
	free(t->logs);
	strlist_done(&t->disks);
	strlist_done(&t->logged);
	for (int i = 0; i < SHIM_LIBRARIES; i++)
		strlist_done(&t->shims[i]);
	strlist_done(&t->points);
	free(t->calls);
	if (t->ledger)
		ledger_close(t->ledger, NULL);
	if (t->loop) {
		loop_timer_cancel(t->loop, &t->tick);
		loop_free(t->loop);
	}
}

static void take_figures(struct trial *t)
{
	struct crowd_progress p = { 0 };
	int64_t shop = t->out->facts.close_ns - t->out->facts.open_ns;

	if (t->crowd)
		crowd_progress(t->crowd, &p);
	t->out->p95_ns = p.p95_ns;
	t->out->rate = shop > 0 ? (double)t->ok * NS_PER_S / (double)shop : 0;
}

int trial_run(const struct trial_in *in, struct trial_out *out, struct err *e)
{
	struct trial t = { .in = in, .out = out };
	int err;

	memset(out, 0, sizeof(*out));
	err = trial_begin(&t, e);
	if (err >= 0)
		err = live_through(&t, e);
	take_figures(&t);
	if (t.stage && t.ledger) {
		coverage_end(&t.coverage, t.ledger);
		evidence_end(t.stage, in, t.ledger, out);
	}
	if (t.stage)
		stage_disks_tell(t.stage);
	if (err == 0)
		err = do_judge(&t, e);
	else if (err == 1)
		err = ledger_close(steal_ptr(&t.ledger), e);
	if (err >= 0 && in->hold && in->live && out->verdict.verdict == VIOLATED && t.stage &&
	    !out->interrupted)
		do_hold(&t);
	if (err < 0)
		unjudged(&t, BROKEN, "harness", "%s", e ? e->msg : "it failed");
	out->reach = t.coverage.at;
	out->reach_count = t.coverage.count;
	trial_end(&t);
	out->wall_ns = clock_now() - t.started_ns - t.held_ns;
	out->own_ns = out->wall_ns - t.ready_ns - (out->facts.close_ns - out->facts.open_ns);
	if (in->live)
		in->live->phase = PHASE_DONE;
	return err < 0 ? err : 0;
}

void trial_out_done(struct trial_out *out)
{
	trial_verdict_done(&out->verdict);
	sales_done(&out->sales);
	ledgers_done(&out->ledgers);
	trial_links_done(out->links, out->links_count);
	trial_reach_done(out->reach, out->reach_count);
	free(out->facts.crash);
}
