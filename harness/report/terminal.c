/* SPDX-License-Identifier: Apache-2.0 */
#include "report/terminal.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "explore/suite.h"
#include "report/summary.h"

#define STORY_LINES 40
#define REASONS_MAX 5

static const char *colour_of(const char *verdict)
{
	if (str_eq(verdict, verdict_names[HOLDS]))
		return "\033[32m";
	if (str_eq(verdict, verdict_names[VIOLATED]) || str_eq(verdict, verdict_names[BROKEN]))
		return "\033[31m";
	return "\033[33m";
}

/* The verdict padded to a column; padding first, so that colours do not count. */
static void put_verdict(FILE *out, const char *verdict, int width, bool colour)
{
	int pad = width - (int)strlen(verdict);

	fprintf(out, "%s%s%s%*s", colour ? colour_of(verdict) : "", verdict,
		colour ? "\033[0m" : "", pad > 0 ? pad : 0, "");
}

static int widest(const struct summary *s)
{
	size_t i, w = 8;

	for (i = 0; i < s->checks_count; i++) {
		size_t n = strlen(s->checks[i].name);

		w = n > w ? n : w;
	}
	for (i = 0; i < s->faults_count; i++) {
		size_t n = strlen(s->faults[i].name);

		w = n > w ? n : w;
	}
	return (int)w;
}

static void headline(const struct summary *s, FILE *out, bool colour)
{
	char wall[DUR_TEXT];

	put_verdict(out, s->verdict, 0, colour);
	fprintf(out, "  %s\n", s->title ? s->title : s->experiment);
	if (s->why)
		fprintf(out, "  %s\n", s->why);
	if (s->expect_note && !str_eq(s->expect_note, s->why))
		fprintf(out, "  %s\n", s->expect_note);
	fprintf(out, "  %s, seed %lld, target %s", s->experiment, (long long)s->seed,
		s->target ? s->target : "-");
	if (s->pace_milli > 0 && s->pace_milli != 1000)
		fprintf(out, ", pace %gx", (double)s->pace_milli / 1000);
	fprintf(out, ", took %s%s%s\n", dur_text(wall, s->wall_ns),
		s->good_day ? ", every fault off" : "", s->interrupted ? ", interrupted" : "");
}

static void shoppers(const struct summary *s, FILE *out)
{
	const struct sum_ledgers *l = &s->ledgers;

	fprintf(out,
		"  sales told ok %lld, refused %lld, unknown %lld; walked out %lld; in the "
		"books %lld\n",
		(long long)l->ok, (long long)l->refused, (long long)l->unknown, (long long)l->left,
		(long long)l->books);
}

static void checks(const struct summary *s, FILE *out, bool colour)
{
	int width = widest(s);
	size_t i;

	fputc('\n', out);
	for (i = 0; i < s->checks_count; i++) {
		const struct sum_check *c = &s->checks[i];
		bool plain = str_eq(c->verdict, verdict_names[HOLDS]);

		fprintf(out, "  %-*s  ", width, c->name);
		put_verdict(out, c->verdict, 13, colour);
		fprintf(out, " %s%s%s%s\n", c->figure ? c->figure : "", c->limit ? " (limit " : "",
			c->limit ? c->limit : "", c->limit ? ")" : "");
		if (!plain && c->why)
			fprintf(out, "  %-*s    %s\n", width, "", c->why);
	}
}

static void faults(const struct summary *s, FILE *out)
{
	int width = widest(s);
	size_t i;

	if (s->faults_count == 0 || s->good_day)
		return;
	fputc('\n', out);
	for (i = 0; i < s->faults_count; i++) {
		const struct sum_fault *f = &s->faults[i];

		fprintf(out, "  %-*s  armed %lld, fired %lld", width, f->name, (long long)f->armed,
			(long long)f->fired);
		if (f->skipped)
			fprintf(out, ", skipped %lld", (long long)f->skipped);
		fprintf(out, "  %s%s%s\n", f->describe ? f->describe : "",
			f->when && *f->when ? "; " : "", f->when ? f->when : "");
	}
}

static void story(const struct summary *s, FILE *out)
{
	const char *p = s->story;
	int lines = 0;

	if (!p)
		return;
	fprintf(out, "\n  The story of sale %s:\n", s->story_key);
	while (*p && lines++ < STORY_LINES) {
		size_t n = strcspn(p, "\n");

		fprintf(out, "    %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
	if (*p)
		fprintf(out, "    … the rest is in verdict.json and report.html\n");
}

/* Without a story: the first witness, which may be no sale at all. */
static void witness(const struct summary *s, FILE *out)
{
	const struct sum_check *c = summary_violated(s);

	if (c && !s->story && c->witnesses && c->witness[0].what)
		fprintf(out, "\n  %s: %s\n", c->name, c->witness[0].what);
}

void terminal_trial(const struct summary *s, FILE *out, bool colour)
{
	headline(s, out, colour);
	shoppers(s, out);
	checks(s, out, colour);
	faults(s, out);
	story(s, out);
	witness(s, out);
	fprintf(out, "\n  again:   %s\n  results: %s\n  report:  %s/report.html\n", s->reproduce,
		s->dir, s->dir);
}

/* ---- suites ---- */

/* "violated 3 of 50 (95 % CI 2.1 %..16.2 %)" */
static void estimate(struct buf *b, const struct tally *t)
{
	buf_printf(b, "violated %lld of %lld (95 %% CI %.1f %%..%.1f %%)",
		   (long long)t->by[VIOLATED], (long long)tally_judged(t), t->low * 100,
		   t->high * 100);
}

static void others(struct buf *b, const struct tally *t)
{
	static const enum verdict rest[] = {INCONCLUSIVE, UNSUPPORTED, BROKEN};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rest); i++) {
		if (t->by[rest[i]])
			buf_printf(b, ", %s %lld", verdict_names[rest[i]],
				   (long long)t->by[rest[i]]);
	}
}

static enum verdict tally_verdict(const struct tally *t)
{
	int v;

	for (v = BROKEN; v > HOLDS; v--) {
		if (t->by[v])
			return (enum verdict)v;
	}
	return HOLDS;
}

struct reason {
	const char *why;
	int64_t verdict, count;
};

/* Why trials of experiment x say neither yes nor no, the same words counted together. */
static size_t reasons(const struct suite *s, int64_t x, struct reason *ret)
{
	size_t i, k, n = 0;

	for (i = 0; i < s->count; i++) {
		const struct suite_result *r = &s->at[i];

		if (r->experiment != x || r->verdict == HOLDS || r->verdict == VIOLATED)
			continue;
		for (k = 0; k < n && !str_eq(ret[k].why, r->why); k++)
			;
		if (k == REASONS_MAX)
			continue;
		if (k == n)
			ret[n++] = (struct reason){r->why, r->verdict, 0};
		ret[k].count++;
	}
	return n;
}

static const struct suite_result *first_violated(const struct suite *s, int64_t x)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (s->at[i].experiment == x && s->at[i].verdict == VIOLATED)
			return &s->at[i];
	}
	return NULL;
}

static void suite_row(const struct suite *s, const struct plan *p, int64_t x, int width, FILE *out,
		      bool colour)
{
	const struct suite_result *bad = first_violated(s, x);
	struct tally t = suite_tally(s, x);
	struct reason why[REASONS_MAX];
	struct buf words = {0};
	size_t i, n = reasons(s, x, why);

	if (t.trials == 0)
		return;
	estimate(&words, &t);
	others(&words, &t);
	fprintf(out, "  %-*s  ", width, p->at[x].experiment->name);
	put_verdict(out, verdict_names[tally_verdict(&t)], 13, colour);
	fprintf(out, " %s\n", words.data);
	for (i = 0; i < n; i++)
		fprintf(out, "  %-*s    %lld x %s: %s\n", width, "", (long long)why[i].count,
			verdict_names[why[i].verdict], why[i].why);
	if (bad)
		fprintf(out, "  %-*s    seed %lld: %s\n  %-*s    %s\n", width, "",
			(long long)bad->seed, bad->why, width, "", bad->dir);
	buf_done(&words);
}

void terminal_suite(const struct suite *s, const struct plan *p, FILE *out, bool colour)
{
	struct tally all = suite_tally(s, -1);
	struct buf words = {0};
	int width = 10;
	size_t i;

	for (i = 0; i < p->count; i++) {
		int n = (int)strlen(p->at[i].experiment->name);

		width = n > width ? n : width;
	}
	for (i = 0; i < p->count; i++)
		suite_row(s, p, (int64_t)i, width, out, colour);
	if (p->count > 1) /* different questions: a pooled interval would mean nothing */
		buf_printf(&words, "violated %lld of %lld", (long long)all.by[VIOLATED],
			   (long long)tally_judged(&all));
	else
		estimate(&words, &all);
	others(&words, &all);
	fputc('\n', out);
	put_verdict(out, verdict_names[suite_verdict(s)], 0, colour);
	fprintf(out, "  %lld trials: %s\n", (long long)all.trials, words.data);
	buf_done(&words);
}

static void json_tally(struct json_out *o, const struct tally *t)
{
	int v;

	json_i64(o, "trials", t->trials);
	for (v = 0; v < VERDICTS_COUNT; v++)
		json_i64(o, verdict_names[v], t->by[v]);
	json_f64(o, "violated_low", t->low);
	json_f64(o, "violated_high", t->high);
}

static void json_result(struct json_out *o, const struct suite_result *r, const struct plan *p)
{
	json_obj(o, NULL);
	json_str(o, "experiment", p->at[r->experiment].experiment->name);
	json_i64(o, "seed", r->seed);
	json_str(o, "verdict", verdict_names[r->verdict]);
	json_str(o, "why", r->why);
	json_str(o, "dir", r->dir[0] ? r->dir : NULL);
	json_i64(o, "wall_ns", r->wall_ns);
	json_i64(o, "own_ns", r->own_ns);
	json_obj_end(o);
}

void terminal_suite_json(const struct suite *s, const struct plan *p, struct buf *out)
{
	struct json_out o = {.buf = out, .pretty = true};
	struct tally t = suite_tally(s, -1);
	size_t i;

	json_obj(&o, NULL);
	json_str(&o, "verdict", verdict_names[suite_verdict(s)]);
	json_i64(&o, "exit", s->signal ? 128 + s->signal : verdict_exit(suite_verdict(s)));
	json_tally(&o, &t);
	json_arr(&o, "experiments");
	for (i = 0; i < p->count; i++) {
		t = suite_tally(s, (int64_t)i);
		json_obj(&o, NULL);
		json_str(&o, "experiment", p->at[i].experiment->name);
		json_tally(&o, &t);
		json_obj_end(&o);
	}
	json_arr_end(&o);
	json_arr(&o, "results");
	for (i = 0; i < s->count; i++)
		json_result(&o, &s->at[i], p);
	json_arr_end(&o);
	json_obj_end(&o);
	buf_addc(out, '\n');
}
