/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "judge/check.h"

/**
 * checkout-time: how long shoppers stood there, by exact percentiles (nearest rank).
 *
 *   of: checkout   told.end - told.start        at the till          × pace
 *   of: queue      told.start - told.intended   before the till      × pace
 *   of: whole      told.end - told.intended     in the shop          × pace
 *   of: system     told.system                  the POS's own time,  not scaled
 *
 *   for every limit given:  percentile(p) <= limit
 *
 * Everybody counts, also who was refused or got no answer. Who walked out
 * counts for queue and whole with the time they had waited: a lower bound. For
 * system, the limits are real time. Sales of the warm-up do not count.
 * `during` takes only the sales of one phase: while a fault was in effect,
 * before the first, or after one was healed. `lanes` takes only those told at
 * (or, of who walked out, last seen at) one of these lanes. Judged: sales in that phase and
 * at those lanes.
 *
 * A percentile of a few samples says little: p50 to p99 need min_count of
 * them, p999 ten times as many; with fewer it is inconclusive, unless they are
 * so bad that even the lower end of the 95 % interval is over the limit.
 */
enum of { OF_CHECKOUT, OF_WHOLE, OF_QUEUE, OF_SYSTEM };

struct options {
	int of, during;
	struct strlist lanes; /* names or globs; none: all */
	struct dur p50, p90, p95, p99, p999, max;
	int64_t min_count;
};

static const struct opt_value of_values[] = {
	[OF_CHECKOUT] = {"checkout", "from reaching the till to being told"},
	[OF_WHOLE] = {"whole", "from the intended arrival to being told"},
	[OF_QUEUE] = {"queue", "from the intended arrival to reaching the till"},
	[OF_SYSTEM] = {"system", "only the POS's own time; limits are real time then"},
	{NULL, NULL},
};

#define LIMIT(field, words)                                                                        \
	{                                                                                          \
		.name = #field, .type = OPT_DURATION, .offset = offsetof(struct options, field),   \
		.optional = true, .min = "1us", .domain = DOMAIN_SHOP, .help = words,              \
		.example = "20s"                                                                   \
	}

static const struct opt rows[] = {{.name = "of",
				   .type = OPT_ENUM,
				   .offset = offsetof(struct options, of),
				   .def = "checkout",
				   .values = of_values,
				   .help = "which time is meant"},
				  {.name = "during",
				   .type = OPT_ENUM,
				   .offset = offsetof(struct options, during),
				   .def = "all",
				   .values = during_values,
				   .help = "which sales count"},
				  {.name = "lanes",
				   .type = OPT_STRLIST,
				   .offset = offsetof(struct options, lanes),
				   .optional = true,
				   .help = "only sales at these lanes: node names or globs",
				   .example = "[lane-1, lane-2]"},
				  LIMIT(p50, "limit of the median"),
				  LIMIT(p90, "limit that 90 % must keep"),
				  LIMIT(p95, "limit that 95 % must keep"),
				  LIMIT(p99, "limit that 99 % must keep"),
				  LIMIT(p999, "limit that 99.9 % must keep"),
				  LIMIT(max, "limit that everybody must keep"),
				  {.name = "min_count",
				   .type = OPT_INT,
				   .offset = offsetof(struct options, min_count),
				   .def = "20",
				   .min = "1",
				   .help = "fewer samples are too few for a percentile (p999: ten "
					   "times as many)"},
				  OPT_END};

static const struct level {
	const char *name;
	size_t offset;
	double p; /* 1: the maximum */
} levels[] = {
	{"p50", offsetof(struct options, p50), 0.5},
	{"p90", offsetof(struct options, p90), 0.9},
	{"p95", offsetof(struct options, p95), 0.95},
	{"p99", offsetof(struct options, p99), 0.99},
	{"p999", offsetof(struct options, p999), 0.999},
	{"max", offsetof(struct options, max), 1},
};

static int64_t level_limit(const struct options *o, const struct level *l)
{
	return ((const struct dur *)((const char *)o + l->offset))->ns;
}

static void check(const void *opts, struct mark at, struct diag *diag)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (level_limit(opts, &levels[i]) >= 0)
			return;
	diag_error(diag, at,
		   "checkout-time needs at least one limit: p50, p90, p95, p99, p999 or max");
}

static bool paced(const void *opts)
{
	return ((const struct options *)opts)->of != OF_SYSTEM;
}

static bool about_faults(const void *opts)
{
	int during = ((const struct options *)opts)->during;

	return during == DURING_FAULT || during == DURING_RECOVERY;
}

/* The smallest limit, as real time. */
static int64_t limit_ns(const void *opts, const struct experiment *x)
{
	int64_t least = 0;

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		int64_t ns = level_limit(opts, &levels[i]);

		if (ns >= 0 && (!least || ns < least))
			least = ns;
	}
	return paced(opts) ? (int64_t)((double)least / pace_of(x)) : least;
}

struct span {
	int64_t from, to;
};

static struct span span_of(const struct told *t, int of)
{
	return of == OF_QUEUE	? (struct span){t->intended_ns, t->start_ns}
	       : of == OF_WHOLE ? (struct span){t->intended_ns, t->end_ns}
				: (struct span){t->start_ns, t->end_ns};
}

/* What judging one check needs. */
struct work {
	const struct judge_in *in;
	const struct options *o;
	struct fault_window *windows; /* owned */
	size_t windows_count;
	struct samples samples;
};

static bool in_phase(const struct work *w, struct span s)
{
	return !w->o->during ||
	       (int)during_of(w->windows, w->windows_count, s.from, s.to) == w->o->during;
}

static bool at_lanes(const struct work *w, const char *lane)
{
	const struct strlist *only = &w->o->lanes;

	for (size_t i = 0; lane && i < only->count; i++)
		if (str_glob(only->at[i], lane))
			return true;
	return !only->count;
}

static bool told_counts(const struct work *w, const struct told *t, struct span s)
{
	return !t->warm && in_phase(w, s) && at_lanes(w, t->lane);
}

static int64_t told_value(const struct work *w, const struct told *t, struct span s)
{
	return w->o->of == OF_SYSTEM ? t->system_ns : shop_ns(w->in->experiment, s.to - s.from);
}

static void collect(struct work *w)
{
	const struct ledgers *l = w->in->ledgers;

	for (size_t i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];
		struct span s = span_of(t, w->o->of);

		if (told_counts(w, t, s))
			samples_add(&w->samples, told_value(w, t, s));
	}
	if (w->o->of != OF_QUEUE && w->o->of != OF_WHOLE)
		return;
	for (size_t i = 0; i < l->left_count; i++) {
		struct span s = {l->left[i].intended_ns, l->left[i].left_ns};

		if (in_phase(w, s) && at_lanes(w, l->left[i].lane))
			samples_add(&w->samples, shop_ns(w->in->experiment, s.to - s.from));
	}
}

/* The value with its clock: shop time, or the POS's own real time. */
static const char *value_text(char *buf, const struct work *w, int64_t ns)
{
	return w->o->of == OF_SYSTEM ? real_text(buf, w->in->experiment, ns)
				     : shop_text(buf, w->in->experiment, ns);
}

static int64_t count_needed(const struct options *o, const struct level *l)
{
	return l->p >= 1 ? 1 : l->p > 0.99 ? 10 * o->min_count : o->min_count;
}

static void append(char *text, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, size - len, fmt, ap);
	va_end(ap);
}

/* "p99 was 12.3 s shop over 300 sales (95 % interval 11.0 s to 14.2 s)" */
static void say(struct work *w, const struct level *l, struct buf *out)
{
	struct samples *s = &w->samples;
	char value[TIME_TEXT], lo_text[TIME_TEXT], hi_text[TIME_TEXT];
	int64_t lo, hi;

	buf_printf(out, "%s was %s over %zu sale%s", l->name,
		   value_text(value, w, samples_percentile(s, l->p)), s->count,
		   plural((int64_t)s->count));
	if (l->p >= 1)
		return;
	samples_rank_interval(s, l->p, &lo, &hi);
	if (hi >= 0)
		buf_printf(out, " (95 %% interval %s to %s)", value_text(lo_text, w, lo),
			   value_text(hi_text, w, hi));
	else
		buf_printf(out, " (95 %% interval from %s; too few to say up to what)",
			   value_text(lo_text, w, lo));
}

/* Is it over the limit, and not by the chance of a few samples? */
static bool is_over(struct work *w, const struct level *l, bool few)
{
	int64_t lo, hi, limit = level_limit(w->o, l);

	if (samples_percentile(&w->samples, l->p) <= limit)
		return false;
	if (!few || l->p >= 1)
		return true;
	samples_rank_interval(&w->samples, l->p, &lo, &hi);
	return lo > limit;
}

/* One limit: into figure, limit, why; a witness when it is broken. Returns whether it is. */
static bool judge_level(struct work *w, const struct level *l, struct buf *said,
			struct judgement *ret)
{
	char value[TIME_TEXT], limit[TIME_TEXT];
	int64_t ns = level_limit(w->o, l), got = samples_percentile(&w->samples, l->p);
	int64_t needed = count_needed(w->o, l);
	bool few = (int64_t)w->samples.count < needed, over = is_over(w, l, few);
	size_t from = said->len;

	append(ret->figure, sizeof(ret->figure), "%s%s %s", *ret->figure ? ", " : "", l->name,
	       w->o->of == OF_SYSTEM ? value_text(value, w, got)
				     : both_text(value, w->in->experiment, got));
	append(ret->limit, sizeof(ret->limit), "%s<= %s", *ret->limit ? ", " : "",
	       value_text(limit, w, ns));
	check_margin(ret, (double)got, (double)ns, false);
	say(w, l, said);
	if (over)
		judgement_witness(ret, NULL, "%s, limit %s", said->data + from, limit);
	else if (few && ret->verdict == HOLDS)
		check_inconclusive(ret, "%s needs at least %" PRId64 " sale%s%s%s, there were %zu",
				   l->name, needed, plural(needed), w->o->during ? " during: " : "",
				   w->o->during ? during_values[w->o->during].name : "",
				   w->samples.count);
	buf_adds(said, "; ");
	return over;
}

/* A few sales over the limit, so that it has faces. They are no violations of their own. */
static void name_slow(const struct work *w, int64_t limit, struct judgement *ret)
{
	const struct ledgers *l = w->in->ledgers;
	char value[TIME_TEXT], slow[TIME_TEXT];
	size_t violations = ret->violations;

	for (size_t i = 0; i < l->told_count && ret->witnesses < 10; i++) {
		const struct told *t = &l->told[i];
		struct span s = span_of(t, w->o->of);

		if (told_counts(w, t, s) && told_value(w, t, s) > limit)
			judgement_witness(ret, t->key, "%s took %s at %s, slowest step %s %s",
					  of_values[w->o->of].name,
					  value_text(value, w, told_value(w, t, s)),
					  key_text(t->lane),
					  t->slowest ? t->slowest : "unknown",
					  real_text(slow, w->in->experiment, t->slowest_ns));
	}
	ret->violations = violations;
}

static void judge_levels(struct work *w, struct judgement *ret)
{
	struct buf said = {0};
	int64_t broken = -1;

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (level_limit(w->o, &levels[i]) >= 0 && judge_level(w, &levels[i], &said, ret))
			broken = level_limit(w->o, &levels[i]);
	if (broken >= 0)
		name_slow(w, broken, ret);
	if (said.len)
		said.data[said.len - 2] = '\0'; /* the last "; " */
	check_finish(ret, "", "%s", said.data ? said.data : "");
	buf_done(&said);
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	struct work w = {.in = in, .o = opts};

	w.windows_count = judge_windows(in->ledgers, &w.windows);
	collect(&w);
	ret->judged = (int64_t)w.samples.count;
	if (w.samples.count)
		judge_levels(&w, ret);
	else
		check_finish(ret, w.o->during ? "no sale in that phase" :
			    w.o->lanes.count ? "no sale at those lanes" : "no sale", "%s", "");
	samples_done(&w.samples);
	free(w.windows);
}

const struct check_ops check_checkout_time = {
	.name = "checkout-time",
	.summary = "how long a checkout takes: limits on percentiles and the maximum",
	.opts = {rows, sizeof(struct options)},
	.timing = true,
	.queue_based = true,
	.paced = paced,
	.about_faults = about_faults,
	.check = check,
	.limit_ns = limit_ns,
	.judge = judge,
	.example = "checkout-time: {p99: 20s, during: fault}",
};
