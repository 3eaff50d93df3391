/* SPDX-License-Identifier: Apache-2.0 */
#include "report/summary.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "conf/when.h"
#include "faults/fault.h"
#include "report/report.h"

static char *dup_or_null(const char *s)
{
	return s && *s ? xstrdup(s) : NULL;
}

static void build_check(struct sum_check *to, const struct conf_item *item,
			const struct judgement *j)
{
	size_t i;

	to->name = xstrdup(item->kind->name);
	to->promise = dup_or_null(item->kind->summary);
	to->verdict = xstrdup(verdict_names[j->verdict]);
	to->figure = dup_or_null(j->figure);
	to->limit = dup_or_null(j->limit);
	to->margin = dup_or_null(j->margin);
	to->why = dup_or_null(j->why);
	to->judged = j->judged;
	to->violations = (int64_t)j->violations;
	to->witness = xcalloc(j->witnesses + 1, sizeof(*to->witness));
	for (i = 0; i < j->witnesses; i++) {
		to->witness[i].key = dup_or_null(j->witness[i].key);
		to->witness[i].what = dup_or_null(j->witness[i].what);
	}
	to->witnesses = j->witnesses;
}

static void build_checks(struct summary *s, const struct experiment *x,
			 const struct trial_verdict *v)
{
	size_t i;

	s->checks = xcalloc(x->checks_count + 1, sizeof(*s->checks));
	for (i = 0; i < x->checks_count; i++) {
		struct judgement none = {.verdict = INCONCLUSIVE, .why = "not judged"};
		bool judged = v->checks && i < v->checks_count;

		build_check(&s->checks[i], &x->checks[i], judged ? &v->checks[i] : &none);
	}
	s->checks_count = x->checks_count;
}

static void build_faults(struct summary *s, const struct experiment *x,
			 const struct trial_verdict *v)
{
	size_t i;

	s->faults = xcalloc(x->faults_count + 1, sizeof(*s->faults));
	for (i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		struct buf words = {0};

		s->faults[i].name = xstrdup(ops->name);
		if (ops->describe)
			ops->describe(x->faults[i].opts, &words);
		s->faults[i].describe = buf_steal(&words);
		when_describe(&x->faults[i].when, x->shoppers.pace_milli, &words);
		s->faults[i].when = buf_steal(&words);
		if (!v->faults || i >= v->faults_count)
			continue;
		s->faults[i].armed = v->faults[i].armed;
		s->faults[i].fired = v->faults[i].fired;
		s->faults[i].skipped = v->faults[i].skipped;
	}
	s->faults_count = x->faults_count;
}

static void build_phases(struct summary *s, const struct ledgers *l)
{
	size_t i;

	s->phases = xcalloc(l->event_count + 1, sizeof(*s->phases));
	for (i = 0; i < l->event_count; i++) {
		if (l->event[i].kind != EV_PHASE || !l->event[i].object)
			continue;
		s->phases[s->phases_count].name = xstrdup(l->event[i].object);
		s->phases[s->phases_count++].t_ns = l->event[i].t_ns;
	}
}

static void count_told(struct sum_ledgers *c, const struct ledgers *l)
{
	size_t i;

	for (i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];

		c->ok += t->outcome == TOLD_OK;
		c->refused += t->outcome == TOLD_REFUSED;
		c->unknown += t->outcome == TOLD_UNKNOWN;
		c->acknowledged += t->acknowledged || t->outcome == TOLD_OK;
		c->missed_trains += t->train_missed;
	}
	for (i = 0; i < l->left_count; i++)
		c->missed_trains += l->left[i].train_missed;
	c->told = (int64_t)l->told_count;
	c->left = (int64_t)l->left_count;
}

static bool is_ack(const struct told *t)
{
	return t->acknowledged || t->outcome == TOLD_OK;
}

static void count_sales(struct sum_ledgers *c, const struct sales *s)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		const struct sale *sale = &s->at[i];

		c->books += sale->books;
		c->matched += sale->told && sale->books == 1;
		c->missing += sale->told && is_ack(sale->told) && sale->books == 0;
		c->duplicated += sale->books > 1;
		c->phantom += !sale->told && sale->books > 0;
	}
	c->unkeyed = (int64_t)s->unkeyed;
	c->books += c->unkeyed;
}

static void build_ledgers(struct sum_ledgers *c, const struct trial_out *out,
			  const struct target *t)
{
	count_told(c, &out->ledgers);
	count_sales(c, &out->sales);
	c->bank = (int64_t)out->ledgers.bank_count;
	c->paper = (int64_t)out->ledgers.paper_count;
	c->drawer = (int64_t)out->ledgers.drawer_count;
	c->has_bank = target_bank(t) != NULL;
	c->has_paper = c->has_drawer = target_has_device(t, DEVICE_ESCPOS);
}

static void build_reconciled(struct sum_reconciled *c, const struct reconciliation *r)
{
	*c = (struct sum_reconciled){.sales = r->sales,
				     .plain = r->plain,
				     .lost = r->counts[MISMATCH_LOST],
				     .doubled = r->counts[MISMATCH_DOUBLED],
				     .phantom = r->counts[MISMATCH_PHANTOM],
				     .amount = r->counts[MISMATCH_AMOUNT],
				     .charge = r->counts[MISMATCH_CHARGE],
				     .unknown = r->counts[MISMATCH_UNKNOWN]};
}

struct judge_in summary_judge_in(const struct report_in *r)
{
	return (struct judge_in){.ledgers = &r->out->ledgers,
				 .sales = &r->out->sales,
				 .experiment = r->in->experiment,
				 .target = r->in->target,
				 .facts = &r->out->facts,
				 .dir = r->dir};
}

static const char *first_key(const struct sum_check *c)
{
	size_t i;

	for (i = 0; i < c->witnesses; i++) {
		if (c->witness[i].key)
			return c->witness[i].key;
	}
	return NULL;
}

static void build_story(struct summary *s, const struct report_in *r, const struct sum_check *c,
			const char *key)
{
	struct judge_in in = summary_judge_in(r);
	struct sum_story *to = &s->stories[s->stories_count++];
	struct buf words = {0};

	*to = (struct sum_story){.check = xstrdup(c->name)};
	judge_story_build(&in, key, &to->s);
	packets_find(r->dir, &to->s);
	story_text(&to->s, s->pace_milli, &words);
	to->text = buf_steal(&words);
}

/* One for each violated promise whose witness is a sale. */
static void build_stories(struct summary *s, const struct report_in *r)
{
	size_t i;

	s->stories = xcalloc(STORIES_MAX, sizeof(*s->stories));
	for (i = 0; i < s->checks_count && s->stories_count < STORIES_MAX; i++) {
		const struct sum_check *c = &s->checks[i];
		const char *key = str_eq(c->verdict, verdict_names[VIOLATED]) ? first_key(c) : NULL;

		if (key)
			build_story(s, r, c, key);
	}
	if (s->stories_count) {
		s->story_key = xstrdup(s->stories[0].s.key);
		s->story = xstrdup(s->stories[0].text);
	}
}

static void build_links(struct summary *s, const struct trial_out *out)
{
	size_t i, n = out->links_count;

	s->links = xcalloc(n + 1, sizeof(*s->links));
	s->links_count = n;
	for (i = 0; i < n; i++) {
		s->links[i] = out->links[i];
		s->links[i].from = xstrdup(out->links[i].from);
		s->links[i].to = xstrdup(out->links[i].to);
	}
}

static void build_reach(struct summary *s, const struct trial_out *out)
{
	size_t i, n = out->reach_count;

	s->reach = xcalloc(n + 1, sizeof(*s->reach));
	s->reach_count = n;
	for (i = 0; i < n; i++) {
		const struct trial_reach *from = &out->reach[i];
		struct trial_reach *to = &s->reach[i];

		*to = *from;
		to->service = dup_or_null(from->service);
		to->program = dup_or_null(from->program);
		to->linked = dup_or_null(from->linked);
		to->libc = dup_or_null(from->libc);
		to->language = dup_or_null(from->language);
		to->layers = dup_or_null(from->layers);
		to->filtered = dup_or_null(from->filtered);
		to->beyond = dup_or_null(from->beyond);
	}
}

static void build_commands(struct summary *s, const struct report_in *r)
{
	const char *program = r->program ? r->program : "worstday";
	struct buf b = {0};
	size_t i;

	words_shell(&b, program);
	buf_adds(&b, " run ");
	words_shell(&b, r->in->experiment->path);
	buf_printf(&b, " --seed %lld", (long long)r->in->seed);
	for (i = 0; r->sets && i < r->sets->count; i++) {
		buf_adds(&b, " --set ");
		words_shell(&b, r->sets->at[i]);
	}
	s->reproduce = buf_steal(&b);
	words_shell(&b, program);
	buf_adds(&b, " replay ");
	words_shell(&b, r->final_dir);
	s->replay = buf_steal(&b);
}

static void build_names(struct summary *s, const struct report_in *r)
{
	const struct experiment *x = r->in->experiment;
	const struct target *t = r->in->target;

	s->experiment = xstrdup(x->name);
	s->title = dup_or_null(x->title);
	s->source = xstrdup(x->path);
	s->target = dup_or_null(t->name);
	s->digest = dup_or_null(t->digest);
	s->currency = dup_or_null(t->currency);
	s->dir = xstrdup(r->final_dir);
	s->pace_milli = x->shoppers.pace_milli;
}

void summary_build(struct summary *ret, const struct report_in *r, const struct reconciliation *rec)
{
	const struct trial_verdict *v = &r->out->verdict;

	*ret = (struct summary){.format = SUMMARY_FORMAT,
				.seed = r->in->seed,
				.good_day = !r->in->faults,
				.facts = r->out->facts,
				.rate = r->out->rate,
				.p95_ns = r->out->p95_ns,
				.wall_ns = r->out->wall_ns,
				.own_ns = r->out->own_ns,
				.interrupted = r->out->interrupted,
				.expected = v->expected,
				.exit = verdict_exit(v->verdict)};
	ret->verdict = xstrdup(verdict_names[v->verdict]);
	ret->blame = dup_or_null(v->blame);
	ret->why = dup_or_null(v->why);
	ret->expect_note = dup_or_null(v->expect_note);
	build_names(ret, r);
	build_checks(ret, r->in->experiment, v);
	build_faults(ret, r->in->experiment, v);
	build_phases(ret, &r->out->ledgers);
	build_ledgers(&ret->ledgers, r->out, r->in->target);
	build_reconciled(&ret->reconciled, rec);
	build_links(ret, r->out);
	build_reach(ret, r->out);
	build_stories(ret, r);
	build_commands(ret, r);
}

const struct sum_check *summary_violated(const struct summary *s)
{
	size_t i;

	for (i = 0; i < s->checks_count; i++) {
		if (str_eq(s->checks[i].verdict, verdict_names[VIOLATED]))
			return &s->checks[i];
	}
	return NULL;
}
