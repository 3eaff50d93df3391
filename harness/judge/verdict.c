/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Every check judges the ledgers by itself. Then doubt is
 * applied to each judgement: books that could not be read, a host so late
 * that timing means nothing, a pace at which queues are not honest. Doubt
 * turns holds *and* violated into inconclusive, and never the other way. On top
 * of the checks there are reasons of the trial itself: a service that is not in
 * its expected end state, a fault that did not fire, too few sales. The worst
 * of all is the verdict; `expect:` may turn an expected violation into holds,
 * or an unexpected holds into violated.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "judge/check.h"

#define LATE_MAX_NS (20 * NS_PER_MS)
#define NOISY "the host was too noisy for timing" /* also how blame: host is known */
#define PACE_SHARE 0.05 /* of the human time may be the POS's, in shop time */

/* The worst reason so far, and how many are as bad. */
struct reason {
	enum verdict verdict;
	char why[512];
	size_t count;
};

static void reason_add(struct reason *r, enum verdict v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void reason_add(struct reason *r, enum verdict v, const char *fmt, ...)
{
	va_list ap;

	if (v < r->verdict || v == HOLDS)
		return;
	if (v == r->verdict) {
		r->count++;
		return;
	}
	*r = (struct reason){.verdict = v, .count = 1};
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
}

/* ---- doubt about single checks ---- */

static const struct check_ops *ops_of(const struct conf_item *item)
{
	return item->kind->ops;
}

static bool books_missing(const struct judge_in *in, struct judgement *j)
{
	if (in->target->books.kind == BOOKS_NONE)
		check_inconclusive(
			j, "the target declares no books:, so there is nothing to compare with");
	else if (!in->facts->books_read)
		check_inconclusive(j, "the books could not be read: %s", in->facts->books_why);
	return j->verdict != HOLDS;
}

static void doubt_noise(const struct judge_in *in, const struct conf_item *item,
			struct judgement *j)
{
	const struct check_ops *ops = ops_of(item);
	const struct trial_facts *f = in->facts;
	int64_t limit = ops->limit_ns ? ops->limit_ns(item->opts, in->experiment) : 0;
	int64_t late = f->late_p99_ns > f->timer_p99_ns ? f->late_p99_ns : f->timer_p99_ns;
	int64_t guard = limit > 0 && limit / 10 < LATE_MAX_NS ? limit / 10 : LATE_MAX_NS;
	char late_text[DUR_TEXT], guard_text[DUR_TEXT];

	if (!ops->timing || late <= guard)
		return;
	check_inconclusive(j,
			   NOISY ": 1 %% of %s were more than %s late, "
				 "at most %s is tolerated (CPU steal %.1f %%, pressure %.1f %%)",
			   late == f->late_p99_ns ? "the shoppers' actions" : "timers",
			   dur_text(late_text, late), dur_text(guard_text, guard), f->steal * 100,
			   f->pressure > 0 ? f->pressure * 100 : 0);
}

bool judge_day_times(const struct judge_in *in, int64_t *ret_system_ns, int64_t *ret_human_ns)
{
	const struct ledgers *l = in->ledgers;
	struct samples system = {0}, human = {0};
	struct fault_window *w;
	size_t n = judge_windows(l, &w);

	for (size_t i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];

		if (during_of(w, n, t->start_ns, t->end_ns) != DURING_HEALTHY)
			continue;
		samples_add(&system, t->system_ns);
		samples_add(&human,
			    shop_ns(in->experiment, t->end_ns - t->start_ns - t->system_ns));
	}
	free(w);
	n = system.count;
	*ret_system_ns = n ? (int64_t)samples_percentile(&system, 0.5) : 0;
	*ret_human_ns = n ? (int64_t)samples_mean(&human) : 0;
	samples_done(&system);
	samples_done(&human);
	return n > 0;
}

/* The same of the good day; without one, of this trial's own healthy sales. */
static bool good_day_times(const struct judge_in *in, double *ret_system, double *ret_human)
{
	int64_t system = in->facts->baseline_system_p50_ns, human = in->facts->human_mean_ns;
	bool known = (system > 0 && human > 0) || judge_day_times(in, &system, &human);

	*ret_system = (double)system;
	*ret_human = (double)human;
	return known;
}

static void doubt_pace(const struct judge_in *in, const struct conf_item *item, struct judgement *j)
{
	const struct check_ops *ops = ops_of(item);
	double pace = pace_of(in->experiment), system, human, honest;

	if (!(ops->paced ? ops->paced(item->opts) : ops->queue_based) || pace <= 1)
		return;
	if (!good_day_times(in, &system, &human) || pace * system <= PACE_SHARE * human)
		return;
	honest = PACE_SHARE * human / system;
	if (honest < 1)
		check_inconclusive(
			j,
			"pace %gx is too fast for queues: the POS needs %.0f ms of real time "
			"per checkout, only pace 1x is honest",
			pace, system / 1e6);
	else
		check_inconclusive(
			j,
			"pace %gx is too fast for queues: the POS needs %.0f ms of real time "
			"per checkout, the highest honest pace is %.3gx",
			pace, system / 1e6, honest);
}

/* Books that were still being written, or not read at all, do not prove that all is well. */
static void doubt_books(const struct judge_in *in, const struct conf_item *item,
			struct judgement *j)
{
	const struct check_ops *ops = ops_of(item);

	if (j->verdict != HOLDS || in->target->books.kind == BOOKS_NONE ||
	    !(ops->needs_books || ops->any_ledger))
		return;
	if (!in->facts->books_read)
		check_inconclusive(j, "the books could not be read: %s", in->facts->books_why);
	else if (in->facts->settled_ns < 0)
		check_inconclusive(j, "the target was not at rest when the settling time was over, "
				      "so its books may not be complete");
}

/* On the good day there is no fault to look back on; what is said of it waits for the bad one. */
static bool for_the_bad_day(const struct judge_in *in, const struct conf_item *item,
			    struct judgement *j)
{
	const struct check_ops *ops = ops_of(item);

	if (!in->facts->faults_off || !in->experiment->faults_count || !ops->about_faults ||
	    !ops->about_faults(item->opts))
		return false;
	snprintf(j->why, sizeof(j->why), "about faults, so it is judged on the bad day only");
	return true;
}

/* What the states that a power cut could have left say of the same promise (trial/crashes.c). */
static const struct crash_promise *crash_promise(const struct judge_in *in, const char *check)
{
	const struct crash_facts *f = in->facts->crash;

	for (size_t i = 0; f && i < f->promises; i++)
		if (str_eq(f->promise[i].check, check))
			return &f->promise[i];
	return NULL;
}

static void add_crashes(const struct judge_in *in, const char *check, struct judgement *j)
{
	const struct crash_promise *p = crash_promise(in, check);
	size_t used = strlen(j->figure);

	if (!p)
		return;
	snprintf(j->figure + used, sizeof(j->figure) - used, "%sbroken in %" PRId64 " of %" PRId64
		 " crash states", used ? "; " : "", p->states, in->facts->crash->tried);
	used = strlen(j->figure);
	if (p->again)
		snprintf(j->figure + used, sizeof(j->figure) - used, ", and in %" PRId64 " of %"
			 PRId64 " of a second cut", p->again, in->facts->crash->again_tried);
	if (j->verdict != VIOLATED)
		snprintf(j->why, sizeof(j->why), "%.400s", p->witness[0].what);
	j->verdict = VIOLATED;
	for (size_t i = 0; i < p->witnesses; i++)
		judgement_witness(j, p->witness[i].key[0] ? p->witness[i].key : NULL, "%s",
				  p->witness[i].what);
}

static void judge_one_check(const struct judge_in *in, const struct conf_item *item,
			    struct judgement *j)
{
	const struct check_ops *ops = ops_of(item);

	if (for_the_bad_day(in, item, j) || (ops->needs_books && books_missing(in, j)))
		return;
	ops->judge(in, item->opts, j);
	doubt_books(in, item, j);
	if (j->verdict != HOLDS && j->verdict != VIOLATED)
		return;
	doubt_noise(in, item, j);
	if (j->verdict == HOLDS || j->verdict == VIOLATED)
		doubt_pace(in, item, j);
}

/* ---- the trial's own reasons ---- */

static void tally_faults(const struct judge_in *in, struct trial_verdict *v)
{
	for (size_t i = 0; i < in->ledgers->event_count; i++) {
		const struct event *ev = &in->ledgers->event[i];
		struct fault_tally *t;

		if (ev->fault < 0 || (size_t)ev->fault >= v->faults_count)
			continue;
		t = &v->faults[ev->fault];
		t->armed += ev->kind == EV_ARMED;
		if (ev->kind == EV_FIRED) /* one event may stand for several hits */
			t->fired = ev->hit > t->fired ? ev->hit : t->fired + 1;
		t->skipped += ev->kind == EV_SKIPPED;
	}
}

/* At a high pace a window of shop time may be too short for the machine to do anything in it. */
static void window_text(char *ret, size_t size, const struct experiment *x, const struct when *w)
{
	char shop[DUR_TEXT], real[DUR_TEXT];

	ret[0] = '\0';
	if (w->for_.ns < 0 || x->shoppers.pace_milli == 1000)
		return;
	snprintf(ret, size, " for %s shop, which is %s real", dur_text(shop, w->for_.ns),
		 dur_text(real, dur_wall(w->for_, x->shoppers.pace_milli)));
}

static void reason_fault(const struct experiment *x, size_t i, const struct fault_tally *t,
			 struct reason *r)
{
	const struct conf_item *item = &x->faults[i];
	struct buf when = {0};
	char window[3 * DUR_TEXT];

	if (t->fired >= item->min_hits)
		return;
	if (item->when.given)
		when_describe(&item->when, x->shoppers.pace_milli, &when);
	window_text(window, sizeof(window), x, &item->when);
	if (t->fired)
		reason_add(r, INCONCLUSIVE,
			   "fault %zu %s fired %" PRId64 " time%s, min_hits asks for %" PRId64, i,
			   item->kind->name, t->fired, plural(t->fired), item->min_hits);
	else if (t->armed)
		reason_add(r, INCONCLUSIVE,
			   "fault %zu %s never fired: armed %" PRId64 " time%s%s, but "
			   "nothing of the target was altered",
			   i, item->kind->name, t->armed, plural(t->armed), window);
	else
		reason_add(r, INCONCLUSIVE,
			   "fault %zu %s never fired: its trigger%s%.200s%s did not come", i,
			   item->kind->name, when.len ? " (" : "", when.len ? when.data : "",
			   when.len ? ")" : "");
	buf_done(&when);
}

static bool any_fired(const struct trial_verdict *v)
{
	for (size_t i = 0; i < v->faults_count; i++)
		if (v->faults[i].fired)
			return true;
	return false;
}

/* The target file promises how each service ends; one that stays down broke it. */
static void reason_services(const struct judge_in *in, struct reason *r)
{
	const struct crash_promise *boot = crash_promise(in, "boot");
	const struct crash_facts *c = in->facts->crash;

	if (c && c->again_asked && !c->again_tried)
		reason_add(r, INCONCLUSIVE, "no second cut was tried: %" PRId64 " recover%s left "
			   "nothing to cut", c->recoveries, c->recoveries == 1 ? "y" : "ies");
	if (boot)
		reason_add(r, VIOLATED,
			   "%" PRId64 " of %" PRId64 " crash states leave it unable to serve "
			   "again: %.300s",
			   boot->states + boot->again,
			   c->tried + c->again_tried,
			   boot->witness[0].what);
	if (in->facts->services[0])
		reason_add(r, VIOLATED, "not as the target file promises: %s", in->facts->services);
}

static void reason_deadline(const struct judge_in *in, struct reason *r)
{
	if (in->facts->cut_short)
		reason_add(r, INCONCLUSIVE,
			   "the trial's deadline passed after %" PRId64 " of %.0f shoppers",
			   headcount(in->ledgers).all,
			   shoppers_expected(&in->experiment->shoppers));
}

static void reasons_trial(const struct judge_in *in, const struct trial_verdict *v,
			  struct reason *r)
{
	const struct experiment *x = in->experiment;
	int64_t told = (int64_t)in->ledgers->told_count;

	for (size_t i = 0; i < v->faults_count && !in->facts->faults_off; i++)
		reason_fault(x, i, &v->faults[i], r);
	if (told < x->min_sales)
		reason_add(r, INCONCLUSIVE,
			   "too little to judge: %" PRId64 " sale%s, min_sales asks for %" PRId64,
			   told, plural(told), x->min_sales);
}

/* ---- expect: ---- */

static const char *const expect_names[] = {"holds", "violated", "inconclusive"};
static const enum verdict expect_verdicts[] = {HOLDS, VIOLATED, INCONCLUSIVE};

static bool expect_expired(const struct expect *x)
{
	time_t now = (time_t)(clock_wall() / NS_PER_S);
	char today[16];
	struct tm tm;

	if (!x->until || !*x->until)
		return false;
	strftime(today, sizeof(today), "%Y-%m-%d", gmtime_r(&now, &tm));
	return strcmp(today, x->until) > 0;
}

/* Does expect: speak about this trial? A note when it no longer does. */
static bool expect_applies(const struct judge_in *in, struct trial_verdict *v)
{
	const struct expect *x = &in->experiment->expect;

	if (!x->given || (in->facts->faults_off && in->experiment->faults_count))
		return false;
	if (!expect_expired(x))
		return true;
	snprintf(v->expect_note, sizeof(v->expect_note), "expect: ran out on %s and was ignored",
		 x->until);
	return false;
}

static bool expect_names_check(const struct judge_in *in, size_t i)
{
	const char *name = in->experiment->expect.check;

	return !name || strcmp(name, in->experiment->checks[i].kind->name) == 0;
}

/* The verdict of what expect: names: one check (the worst of that name), or the whole trial. */
static enum verdict expect_found(const struct judge_in *in, const struct trial_verdict *v,
				 enum verdict whole)
{
	enum verdict found = HOLDS;

	if (!in->experiment->expect.check)
		return whole;
	for (size_t i = 0; i < v->checks_count; i++)
		if (expect_names_check(in, i))
			found = verdict_worse(found, v->checks[i].verdict);
	return found;
}

/* The worst of everything that expect: does not speak about. */
static void reasons_checks(const struct judge_in *in, const struct trial_verdict *v, bool others,
			   struct reason *r)
{
	for (size_t i = 0; i < v->checks_count; i++) {
		const struct judgement *j = &v->checks[i];

		if (others && expect_names_check(in, i) && j->verdict != BROKEN)
			continue;
		reason_add(r, j->verdict, "%s: %s", in->experiment->checks[i].kind->name, j->why);
	}
}

/* Apply expect: to the reasons. Returns true when a known failure happened exactly as expected. */
static bool apply_expect(const struct judge_in *in, struct trial_verdict *v, struct reason *r)
{
	const struct expect *x = &in->experiment->expect;
	const char *what = x->check ? x->check : "the trial";
	enum verdict found = expect_found(in, v, r->verdict), want;
	struct reason rest = {0};

	if (!expect_applies(in, v) || x->verdict < 0 || x->verdict > 2)
		return false;
	want = expect_verdicts[x->verdict];
	if (want == HOLDS)
		return false; /* what is always expected */
	if (found == HOLDS) {
		reason_add(r, VIOLATED,
			   "%s was expected to be %s (%s) but holds: remove expect:", what,
			   expect_names[x->verdict], x->why ? x->why : "no reason given");
		return false;
	}
	if (found != want)
		return false;
	reasons_checks(in, v, true, &rest);
	if (x->check || want != VIOLATED)
		reason_services(in, &rest);
	if (x->check || want != INCONCLUSIVE) {
		reason_deadline(in, &rest);
		reasons_trial(in, v, &rest);
	}
	snprintf(v->expect_note, sizeof(v->expect_note), "%s is %s, as expected%s%.120s", what,
		 expect_names[x->verdict], x->why ? ": " : "", x->why ? x->why : "");
	*r = rest;
	return rest.verdict == HOLDS;
}

/* ---- putting it together ---- */

static const char *blame_of(const struct judge_in *in, const struct trial_verdict *v)
{
	const struct trial_facts *f = in->facts;

	switch (v->verdict) {
	case BROKEN:
		return "harness";
	case VIOLATED:
		return any_fired(v) && !f->faults_off ? "fault" : "baseline";
	case INCONCLUSIVE:
		return strstr(v->why, NOISY) ? "host" : "";
	default:
		return "";
	}
}

/* "40 sales (30 unknown)": those who were left in doubt can hardly be judged. */
static void sales_text(char *ret, size_t size, const struct ledgers *l)
{
	size_t n = l->told_count, unknown = 0;
	int len;

	for (size_t i = 0; i < n; i++)
		unknown += !told_acked(&l->told[i]) && l->told[i].outcome == TOLD_UNKNOWN;
	len = snprintf(ret, size, "%zu sale%s", n, plural((int64_t)n));
	if (unknown)
		snprintf(ret + len, size - (size_t)len, " (%zu unknown)", unknown);
}

static void say_holds(const struct judge_in *in, struct trial_verdict *v)
{
	int64_t fired = 0;
	char sales[64];

	sales_text(sales, sizeof(sales), in->ledgers);

	for (size_t i = 0; i < v->faults_count; i++)
		fired += v->faults[i].fired;
	if (v->expected)
		snprintf(v->why, sizeof(v->why), "%s", v->expect_note);
	else if (in->facts->faults_off || !v->faults_count)
		snprintf(v->why, sizeof(v->why), "every promise held: %zu check%s over %s",
			 v->checks_count, plural((int64_t)v->checks_count), sales);
	else
		snprintf(v->why, sizeof(v->why),
			 "every promise held: %zu check%s over %s, "
			 "faults fired %" PRId64 " time%s",
			 v->checks_count, plural((int64_t)v->checks_count), sales, fired,
			 plural(fired));
}

static void conclude(const struct judge_in *in, struct trial_verdict *v)
{
	struct reason r = {0};

	reason_deadline(in, &r);
	reasons_checks(in, v, false, &r);
	reason_services(in, &r);
	reasons_trial(in, v, &r);
	v->expected = apply_expect(in, v, &r);
	v->verdict = r.verdict;
	if (r.verdict == HOLDS)
		say_holds(in, v);
	else if (r.count > 1)
		snprintf(v->why, sizeof(v->why), "%.430s; and %zu more reason%s", r.why,
			 r.count - 1, plural((int64_t)r.count - 1));
	else
		snprintf(v->why, sizeof(v->why), "%s", r.why);
	snprintf(v->blame, sizeof(v->blame), "%s", blame_of(in, v));
}

int judge_trial(const struct judge_in *in, struct trial_verdict *ret, struct err *e)
{
	const struct experiment *x = in->experiment;

	*ret = (struct trial_verdict){.checks_count = x->checks_count,
				      .faults_count = x->faults_count};
	ret->checks = xcalloc(x->checks_count + 1, sizeof(*ret->checks));
	ret->faults = xcalloc(x->faults_count + 1, sizeof(*ret->faults));
	tally_faults(in, ret);
	for (size_t i = 0; i < x->checks_count; i++) {
		if (!x->checks[i].kind || !x->checks[i].kind->ops) {
			trial_verdict_done(ret);
			return err_set(e, EINVAL, "check %zu has no implementation", i);
		}
		judge_one_check(in, &x->checks[i], &ret->checks[i]);
		add_crashes(in, x->checks[i].kind->name, &ret->checks[i]);
	}
	conclude(in, ret);
	return 0;
}

void trial_verdict_done(struct trial_verdict *v)
{
	for (size_t i = 0; v->checks && i < v->checks_count; i++)
		judgement_done(&v->checks[i]);
	free(v->checks);
	free(v->faults);
	memset(v, 0, sizeof(*v));
}
