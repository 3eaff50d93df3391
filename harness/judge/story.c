/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The lines of a story are gathered from every ledger,
 * each with its time, sorted, and printed; the books come last because they
 * were read last. Events of faults and services are told when they happened
 * near the sale's time at the till; when there are many, those nearest to its
 * end. What adds nothing is left out: the arming of a fault that fired at once,
 * its heal when that followed at once, and how the services came up.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "judge/check.h"

#define NEAR_NS (2 * NS_PER_S)
#define AT_ONCE_NS (50 * NS_PER_MS)
#define EVENTS_MAX 16
#define ROWS_MAX 10

struct line {
	int64_t t_ns;
	size_t order;
	bool event;
	char *text; /* owned */
};

struct story {
	const struct judge_in *in;
	const char *key;
	struct line *at; /* owned */
	size_t count, cap;
	int64_t from, to; /* of the sale */
};

static void line_add(struct story *s, int64_t t_ns, bool event, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void line_add(struct story *s, int64_t t_ns, bool event, const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	if (s->count == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 32;
		s->at = xrealloc(s->at, s->cap * sizeof(*s->at));
	}
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	s->at[s->count] = (struct line){t_ns, s->count, event, buf_steal(&b)};
	s->count++;
}

/* ---- the shopper ---- */

static void told_words(const struct story *s, const struct told *t, struct buf *b)
{
	char took[TIME_TEXT];

	if (t->outcome == TOLD_OK)
		buf_printf(b, "%s told the shopper: %s", key_text(t->lane),
			   told_kind(t) == KIND_VOID	 ? "voided"
			   : told_kind(t) == KIND_REFUND ? "refunded"
							 : "paid");
	else if (t->outcome == TOLD_REFUSED)
		buf_printf(b, "%s told the shopper: refused", key_text(t->lane));
	else
		buf_printf(b, "%s gave the shopper no clear answer", key_text(t->lane));
	if (t->receipt)
		buf_printf(b, ", receipt %s", t->receipt);
	if (t->total >= 0) {
		buf_adds(b, ", ");
		judge_money(b, t->total, t->currency ? t->currency : s->in->target->currency);
	}
	if (t->offline)
		buf_adds(b, ", sold offline");
	if (t->error)
		buf_printf(b, " (%s)", t->error);
	if (t->outcome != TOLD_OK && t->acknowledged)
		buf_adds(b, "; but it was acknowledged otherwise: the goods are gone");
	if (t->attempts > 1)
		buf_printf(b, "; after %" PRId64 " tries", t->attempts);
	if (t->slowest)
		buf_printf(b, "; slowest step %s %s", t->slowest,
			   real_text(took, s->in->experiment, t->slowest_ns));
}

static void story_told(struct story *s)
{
	const struct ledgers *l = s->in->ledgers;

	for (size_t i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];
		struct buf b = {0};

		if (!str_eq(t->key, s->key))
			continue;
		if (t->start_ns < s->from)
			s->from = t->start_ns;
		if (t->end_ns > s->to)
			s->to = t->end_ns;
		line_add(s, t->intended_ns, false, "shopper %" PRId64 " comes to %s", t->shopper,
			 key_text(t->lane));
		line_add(s, t->start_ns, false, "the shopper reaches the till%s%s%s%s",
			 t->basket ? " with " : "", key_text(t->basket),
			 t->tender ? ", pays by " : "", key_text(t->tender));
		told_words(s, t, &b);
		line_add(s, t->end_ns, false, "%s", b.data);
		buf_done(&b);
	}
}

/* ---- bank, paper, drawer ---- */

/* A torn receipt names no sale; whoever stood at that lane then has it in his hand. */
static void story_torn(struct story *s, const struct paper_rec *p)
{
	const struct target *t = s->in->target;
	const char *lane = NULL;
	char *text;

	for (size_t i = 0; i < t->nodes_count; i++)
		if (str_eq(t->nodes[i].name, p->device))
			lane = t->nodes[i].stands_at;
	for (size_t i = 0; lane && i < s->in->ledgers->told_count; i++) {
		const struct told *told = &s->in->ledgers->told[i];

		if (!str_eq(told->key, s->key) || !str_eq(told->lane, lane) ||
		    p->t_ns < told->start_ns || p->t_ns > told->end_ns)
			continue;
		text = xstrdup(key_text(p->text));
		for (char *c = text; *c; c++)
			*c = *c == '\n' ? '/' : *c;
		line_add(s, p->t_ns, false, "%s left a torn receipt: %s", p->device, text);
		free(text);
		return;
	}
}

static void story_devices(struct story *s)
{
	const struct ledgers *l = s->in->ledgers;
	char sum[MONEY_TEXT];

	for (size_t i = 0; i < l->bank_count; i++)
		if (str_eq(l->bank[i].key, s->key))
			line_add(s, l->bank[i].t_ns, false, "the bank %s %s (%s%s)",
				 key_text(l->bank[i].what),
				 money_text(sum, l->bank[i].amount, l->bank[i].currency),
				 l->bank[i].stan ? "STAN " : "",
				 key_text(l->bank[i].stan ? l->bank[i].stan : l->bank[i].rrn));
	for (size_t i = 0; i < l->paper_count; i++)
		if (!l->paper[i].key && !l->paper[i].cut)
			story_torn(s, &l->paper[i]);
		else if (str_eq(l->paper[i].key, s->key))
			line_add(s, l->paper[i].t_ns, false, "%s printed receipt %s%s",
				 key_text(l->paper[i].device), key_text(l->paper[i].receipt),
				 l->paper[i].cut ? " and cut it" : ", not cut");
	for (size_t i = 0; i < l->drawer_count; i++)
		if (str_eq(l->drawer[i].key, s->key))
			line_add(s, l->drawer[i].t_ns, false, "%s: %s %s",
				 key_text(l->drawer[i].device), key_text(l->drawer[i].what),
				 money_text(sum, l->drawer[i].amount, s->in->target->currency));
}

/* ---- faults and services ---- */

static const char *fault_name(const struct story *s, int fault)
{
	const struct experiment *x = s->in->experiment;

	if (fault < 0 || (size_t)fault >= x->faults_count || !x->faults[fault].kind)
		return "";
	return x->faults[fault].kind->name;
}

static void story_event(struct story *s, const struct event *ev)
{
	static const char *const fault_words[] = {[EV_ARMED] = "armed",
						  [EV_FIRED] = "fired",
						  [EV_SKIPPED] = "had nothing to alter",
						  [EV_HEALED] = "healed"};
	static const char *const service_words[] = {[EV_STARTED] = "started",
						    [EV_READY] = "is ready",
						    [EV_EXITED] = "exited",
						    [EV_KILLED] = "was killed"};
	const char *word =
		ev->kind >= EV_STARTED && ev->kind <= EV_KILLED ? service_words[ev->kind] : "";
	bool new_words = ev->did && *ev->did && !strstr(word, ev->did);
	const char *gap = new_words ? ": " : "", *did = new_words ? ev->did : "";

	switch (ev->kind) {
	case EV_ARMED:
	case EV_FIRED:
	case EV_SKIPPED:
	case EV_HEALED:
		line_add(s, ev->t_ns, true, "fault %s %s%s%s%s%s", fault_name(s, ev->fault),
			 fault_words[ev->kind], ev->node ? " on " : "", key_text(ev->node), gap,
			 did);
		break;
	case EV_STARTED:
	case EV_READY:
	case EV_EXITED:
	case EV_KILLED:
		line_add(s, ev->t_ns, true, "service %s %s%s%s", key_text(ev->object), word, gap,
			 did);
		break;
	case EV_LANE:
		line_add(s, ev->t_ns, true, "%s: %s", key_text(ev->object), did);
		break;
	case EV_LOG:
	case EV_NOTE:
		line_add(s, ev->t_ns, true, "%s%s%s", key_text(ev->object), ev->object ? gap : "",
			 did);
		break;
	default:
		break;
	}
}

/* Is this arming or heal said by a firing of the same fault right beside it? */
static bool said_by_firing(const struct ledgers *l, size_t i)
{
	const struct event *ev = &l->event[i];
	bool armed = ev->kind == EV_ARMED;

	if (!armed && ev->kind != EV_HEALED)
		return false;
	for (size_t k = armed ? i + 1 : i - 1; k < l->event_count; k += armed ? 1 : SIZE_MAX) {
		int64_t gap = l->event[k].t_ns - ev->t_ns;

		if (gap > AT_ONCE_NS || gap < -AT_ONCE_NS)
			return false;
		if (l->event[k].kind == EV_FIRED && l->event[k].fault == ev->fault)
			return true;
	}
	return false;
}

static bool tells(const struct story *s, size_t i)
{
	const struct event *ev = &s->in->ledgers->event[i];

	if (s->from == INT64_MAX)
		return ev->kind == EV_FIRED; /* when it happened is unknown */
	if (ev->t_ns < s->from - NEAR_NS || ev->t_ns > s->to + NEAR_NS)
		return false;
	if (ev->t_ns < s->in->facts->open_ns && ev->kind != EV_FIRED)
		return false;
	return !said_by_firing(s->in->ledgers, i);
}

static int64_t distance(const struct story *s, const struct line *l)
{
	int64_t end = s->from == INT64_MAX ? 0 : s->to;

	return l->t_ns > end ? l->t_ns - end : end - l->t_ns;
}

static int nearest_first(const void *a, const void *b, void *story)
{
	const struct line *x = a, *y = b;
	int64_t dx, dy;

	if (x->event != y->event)
		return x->event - y->event; /* the sale's own lines come first */
	dx = distance(story, x);
	dy = distance(story, y);
	return dx < dy ? -1 : dx > dy;
}

static int time_order(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Returns how many events were left out. */
static size_t story_events(struct story *s)
{
	const struct ledgers *l = s->in->ledgers;
	size_t own = s->count, left_out = 0;

	for (size_t i = 0; i < l->event_count; i++)
		if (tells(s, i))
			story_event(s, &l->event[i]);
	if (!s->count)
		return 0;
	qsort_r(s->at, s->count, sizeof(*s->at), nearest_first, s);
	while (s->count > own + EVENTS_MAX) {
		free(s->at[--s->count].text);
		left_out++;
	}
	qsort(s->at, s->count, sizeof(*s->at), time_order);
	return left_out;
}

/* ---- the books ---- */

static void row_words(const struct story *s, const struct book *b, struct buf *out)
{
	buf_printf(out, "%19s", "");
	if (b->receipt)
		buf_printf(out, " receipt %s", b->receipt);
	else if (b->number != INT64_MIN)
		buf_printf(out, " number %" PRId64, b->number);
	if (b->total != INT64_MIN) {
		buf_addc(out, ' ');
		judge_money(out, b->total, b->currency ? b->currency : s->in->target->currency);
	}
	buf_printf(out, "%s%s%s%s%s%s\n", b->lane ? " " : "", key_text(b->lane),
		   b->state ? " state " : "", key_text(b->state), b->time ? " at " : "",
		   key_text(b->time));
}

static void story_books(const struct story *s, struct buf *out)
{
	const struct ledgers *l = s->in->ledgers;
	struct buf rows = {0};
	size_t now = 0, start = 0;

	for (size_t i = 0; i < l->book_count; i++) {
		const struct book *b = &l->book[i];

		if (b->what != BOOK_SALE || !str_eq(b->key, s->key))
			continue;
		start += b->start;
		now += !b->start;
		if (!b->start && now <= ROWS_MAX)
			row_words(s, b, &rows);
	}
	buf_printf(out, "%16s  ", "after settling:");
	if (!s->in->facts->books_read)
		buf_printf(out, "the books could not be read: %s\n", s->in->facts->books_why);
	else if (!now)
		buf_printf(out, "the books have no sale with key %s\n", s->key);
	else
		buf_printf(out, "the books have %zu sale%s with key %s%s\n", now,
			   plural((int64_t)now), s->key,
			   start ? ", and had it before the first shopper came" : "");
	if (rows.len)
		buf_add(out, rows.data, rows.len);
	buf_done(&rows);
}

void judge_story(const struct judge_in *in, const char *key, struct buf *out)
{
	struct story s = {.in = in, .key = key, .from = INT64_MAX, .to = INT64_MIN};
	char shop[DUR_TEXT];
	size_t left_out;

	story_told(&s);
	story_devices(&s);
	left_out = story_events(&s);
	if (s.count && pace_of(in->experiment) != 1)
		buf_printf(out, "%16s  (from opening; shop time in brackets)\n", "real time");
	for (size_t i = 0; i < s.count; i++) {
		int64_t t = s.at[i].t_ns - in->facts->open_ns;

		buf_printf(out, "%14.3f s  ", (double)t / (double)NS_PER_S);
		if (pace_of(in->experiment) != 1)
			buf_printf(out, "(%s)  ", dur_text(shop, shop_ns(in->experiment, t)));
		buf_printf(out, "%s\n", s.at[i].text);
		free(s.at[i].text);
	}
	if (left_out)
		buf_printf(out, "%16s  (%zu more events near it are in events.ndjson)\n", "",
			   left_out);
	story_books(&s, out);
	free(s.at);
}
