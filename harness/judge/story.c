/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The lines of a story are gathered from every ledger,
 * each with its time, sorted, and printed; the books come last because they
 * were read last. Events of faults and services are told when they happened
 * near the sale's time at the till; when there are many, those nearest to its
 * end. What adds nothing is left out: the arming of a fault that fired at once,
 * its heal when that followed at once, and how the services came up.
 *
 * What did it, as far as can be seen (story_decide): what an event says of this very sale; else the
 * faults that fired while it was at the till, but not at another lane; else the one that fired last
 * before its end.
 */
#include "judge/story.h"

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
#define EVENTS_MAX 10
#define ROWS_MAX 10

#define DECISIVE_NS (50 * NS_PER_MS) /* after the end: a kill "as it was told" is seen late */
#define DECISIVE_MAX 3

const char *const actor_names[ACTORS_COUNT] = {
	"shopper", "till", "bank", "printer", "drawer", "books", "faults and services"};

struct work {
	const struct judge_in *in;
	const char *key, *lane;
	struct story *story;
	size_t cap;
	int64_t from, to; /* of the sale, since the trial began */
};

static struct story_line *line_add(struct work *w, int64_t t_ns, enum actor from, enum actor to,
				   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static struct story_line *line_add(struct work *w, int64_t t_ns, enum actor from, enum actor to,
				   const char *fmt, ...)
{
	struct story *s = w->story;
	struct buf b = {0};
	va_list ap;

	if (s->count == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 32;
		s->at = xrealloc(s->at, w->cap * sizeof(*s->at));
	}
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (t_ns != STORY_AFTER)
		t_ns -= w->in->facts->open_ns;
	s->at[s->count] = (struct story_line){.t_ns = t_ns,
					      .order = s->count,
					      .from = (int)from,
					      .to = (int)to,
					      .fault = -1,
					      .text = buf_steal(&b)};
	return &s->at[s->count++];
}

/* ---- the shopper ---- */

static void told_words(const struct work *s, const struct told *t, struct buf *b)
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

static void story_told(struct work *s)
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
		s->lane = key_text(t->lane);
		line_add(s, t->intended_ns, ACTOR_SHOPPER, ACTOR_TILL,
			 "shopper %" PRId64 " comes to %s", t->shopper, key_text(t->lane));
		line_add(s, t->start_ns, ACTOR_SHOPPER, ACTOR_TILL,
			 "the shopper reaches the till%s%s%s%s", t->basket ? " with " : "",
			 key_text(t->basket), t->tender ? ", pays by " : "", key_text(t->tender));
		told_words(s, t, &b);
		line_add(s, t->end_ns, ACTOR_TILL, ACTOR_SHOPPER, "%s", b.data);
		buf_done(&b);
	}
}

/* ---- bank, paper, drawer ---- */

/* A torn receipt names no sale; whoever stood at that lane then has it in his hand. */
static void story_torn(struct work *s, const struct paper_rec *p)
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
		line_add(s, p->t_ns, ACTOR_TILL, ACTOR_PRINTER, "%s left a torn receipt: %s",
			 p->device, text);
		if (!s->story->torn)
			s->story->torn = xstrdup(key_text(p->text));
		free(text);
		return;
	}
}

static void story_devices(struct work *s)
{
	const struct ledgers *l = s->in->ledgers;
	char sum[MONEY_TEXT];

	for (size_t i = 0; i < l->bank_count; i++)
		if (str_eq(l->bank[i].key, s->key))
			line_add(s, l->bank[i].t_ns, ACTOR_TILL, ACTOR_BANK,
				 "the bank %s %s (%s%s)", key_text(l->bank[i].what),
				 money_text(sum, l->bank[i].amount, l->bank[i].currency),
				 l->bank[i].stan ? "STAN " : "",
				 key_text(l->bank[i].stan ? l->bank[i].stan : l->bank[i].rrn));
	for (size_t i = 0; i < l->paper_count; i++)
		if (!l->paper[i].key && !l->paper[i].cut)
			story_torn(s, &l->paper[i]);
		else if (str_eq(l->paper[i].key, s->key))
			line_add(s, l->paper[i].t_ns, ACTOR_TILL, ACTOR_PRINTER,
				 "%s printed receipt %s%s", key_text(l->paper[i].device),
				 key_text(l->paper[i].receipt),
				 l->paper[i].cut ? " and cut it" : ", not cut");
	for (size_t i = 0; i < l->drawer_count; i++)
		if (str_eq(l->drawer[i].key, s->key))
			line_add(s, l->drawer[i].t_ns, ACTOR_TILL, ACTOR_DRAWER, "%s: %s %s",
				 key_text(l->drawer[i].device), key_text(l->drawer[i].what),
				 money_text(sum, l->drawer[i].amount, s->in->target->currency));
}

/* ---- faults and services ---- */

static const char *fault_name(const struct work *s, int fault)
{
	const struct experiment *x = s->in->experiment;

	if (fault < 0 || (size_t)fault >= x->faults_count || !x->faults[fault].kind)
		return "";
	return x->faults[fault].kind->name;
}

static struct story_line *event_line(struct work *s, const struct event *ev)
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
		return line_add(s, ev->t_ns, ACTOR_WORLD, ACTOR_WORLD, "fault %s %s%s%s%s%s",
				fault_name(s, ev->fault), fault_words[ev->kind],
				ev->node ? " on " : "", key_text(ev->node), gap, did);
	case EV_STARTED:
	case EV_READY:
	case EV_EXITED:
	case EV_KILLED:
		return line_add(s, ev->t_ns, ACTOR_WORLD, ACTOR_WORLD, "service %s %s%s%s",
				key_text(ev->object), word, gap, did);
	case EV_LANE:
		return line_add(s, ev->t_ns, ACTOR_WORLD, ACTOR_WORLD, "%s: %s",
				key_text(ev->object), did);
	case EV_LOG:
	case EV_NOTE:
		return line_add(s, ev->t_ns, ACTOR_WORLD, ACTOR_WORLD, "%s%s%s",
				key_text(ev->object), ev->object ? gap : "", did);
	default:
		return NULL;
	}
}

static bool about_it(const struct work *s, const struct event *ev)
{
	return ev->kind == EV_NOTE && ev->fault >= 0 && str_eq(ev->object, s->key);
}

static bool at_another_lane(const struct work *w, const char *node)
{
	const struct strlist *lanes = &w->in->target->lanes;

	for (size_t i = 0; node && i < lanes->count; i++)
		if (str_eq(lanes->at[i], node))
			return !str_eq(node, w->lane);
	return false;
}

static void story_event(struct work *s, const struct event *ev)
{
	struct story_line *l = event_line(s, ev);

	if (!l)
		return;
	l->event = true;
	l->fault = ev->fault;
	l->fired = ev->kind == EV_FIRED;
	l->elsewhere = at_another_lane(s, ev->node);
	l->hit = l->fired ? ev->hit : 0;
	l->decisive = about_it(s, ev);
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

static bool tells(const struct work *s, size_t i)
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

static int64_t distance(const struct work *w, const struct story_line *l)
{
	int64_t end = w->from == INT64_MAX ? 0 : w->to - w->in->facts->open_ns;

	return l->t_ns > end ? l->t_ns - end : end - l->t_ns;
}

/* The sale's own lines come first, then what decided it, then what was near. */
static int nearest_first(const void *a, const void *b, void *work)
{
	const struct story_line *x = a, *y = b;
	int64_t dx, dy;

	if (x->event != y->event)
		return x->event - y->event;
	if (x->decisive != y->decisive)
		return y->decisive - x->decisive;
	dx = distance(work, x);
	dy = distance(work, y);
	return dx < dy ? -1 : dx > dy;
}

static int time_order(const void *a, const void *b)
{
	const struct story_line *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* ---- what did it ---- */

static bool fired_meanwhile(const struct work *w, const struct story_line *l)
{
	int64_t open = w->in->facts->open_ns;

	return l->fired && !l->elsewhere && w->from != INT64_MAX && l->t_ns >= w->from - open &&
	       l->t_ns <= w->to - open + DECISIVE_NS;
}

static void story_decide(struct work *w)
{
	struct story *s = w->story;
	struct story_line *last = NULL;
	size_t marked = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (s->at[i].decisive)
			return; /* an event says it */
		if (s->at[i].fired &&
		    (w->from == INT64_MAX ||
		     s->at[i].t_ns <= w->to - w->in->facts->open_ns + DECISIVE_NS))
			last = &s->at[i];
	}
	for (size_t i = s->count; i-- > 0 && marked < DECISIVE_MAX;)
		if (fired_meanwhile(w, &s->at[i])) {
			s->at[i].decisive = true;
			marked++;
		}
	if (!marked && last)
		last->decisive = true;
}

static void story_events(struct work *w)
{
	const struct ledgers *l = w->in->ledgers;
	struct story *s = w->story;
	size_t own = s->count, about_count = 0;

	for (size_t i = 0; i < l->event_count; i++) {
		bool about = about_it(w, &l->event[i]);

		if (about && about_count++ >= DECISIVE_MAX)
			s->left_out++; /* of many crash states that lost it the first will do */
		else if (about || tells(w, i))
			story_event(w, &l->event[i]);
	}
	if (!s->count)
		return;
	qsort(s->at, s->count, sizeof(*s->at), time_order);
	story_decide(w);
	qsort_r(s->at, s->count, sizeof(*s->at), nearest_first, w);
	while (s->count > own + EVENTS_MAX) {
		free(s->at[--s->count].text);
		s->left_out++;
	}
	qsort(s->at, s->count, sizeof(*s->at), time_order);
}

/* ---- the books ---- */

static void row_words(const struct work *w, const struct book *b, struct buf *out)
{
	if (b->receipt)
		buf_printf(out, " receipt %s", b->receipt);
	else if (b->number != INT64_MIN)
		buf_printf(out, " number %" PRId64, b->number);
	if (b->total != INT64_MIN) {
		buf_addc(out, ' ');
		judge_money(out, b->total, b->currency ? b->currency : w->in->target->currency);
	}
	buf_printf(out, "%s%s%s%s%s%s", b->lane ? " " : "", key_text(b->lane),
		   b->state ? " state " : "", key_text(b->state), b->time ? " at " : "",
		   key_text(b->time));
}

static bool is_row(const struct work *w, const struct book *b)
{
	return b->what == BOOK_SALE && str_eq(b->key, w->key);
}

static void story_rows(struct work *w)
{
	const struct ledgers *l = w->in->ledgers;
	struct buf row = {0};
	size_t told = 0;

	for (size_t i = 0; i < l->book_count && told < ROWS_MAX; i++) {
		if (!is_row(w, &l->book[i]) || l->book[i].start)
			continue;
		told++;
		buf_reset(&row);
		row_words(w, &l->book[i], &row);
		if (row.len)
			line_add(w, STORY_AFTER, ACTOR_BOOKS, ACTOR_BOOKS, "%s", row.data + 1);
	}
	buf_done(&row);
}

static void story_books(struct work *w)
{
	const struct ledgers *l = w->in->ledgers;
	size_t now = 0, start = 0;

	for (size_t i = 0; i < l->book_count; i++) {
		start += is_row(w, &l->book[i]) && l->book[i].start;
		now += is_row(w, &l->book[i]) && !l->book[i].start;
	}
	if (!w->in->facts->books_read)
		line_add(w, STORY_AFTER, ACTOR_BOOKS, ACTOR_BOOKS,
			 "the books could not be read: %s", w->in->facts->books_why);
	else if (!now)
		line_add(w, STORY_AFTER, ACTOR_BOOKS, ACTOR_BOOKS,
			 "the books have no sale with key %s", w->key);
	else
		line_add(w, STORY_AFTER, ACTOR_BOOKS, ACTOR_BOOKS,
			 "the books have %zu sale%s with key %s%s", now, plural((int64_t)now),
			 w->key, start ? ", and had it before the first shopper came" : "");
	story_rows(w);
}

/* ---- all of it ---- */

void judge_story_build(const struct judge_in *in, const char *key, struct story *ret)
{
	struct work w = {.in = in, .key = key, .story = ret, .from = INT64_MAX, .to = INT64_MIN};

	*ret = (struct story){.key = xstrdup(key)};
	story_told(&w);
	story_devices(&w);
	story_events(&w);
	story_books(&w);
	ret->lane = xstrdup(key_text(w.lane));
	ret->from_ns = w.from == INT64_MAX ? 0 : w.from - in->facts->open_ns;
	ret->to_ns = w.from == INT64_MAX ? -1 : w.to - in->facts->open_ns;
}

static void line_text(const struct story_line *l, int64_t pace_milli, struct buf *out)
{
	char shop[DUR_TEXT];

	buf_printf(out, "%c%13.3f s  ", l->decisive ? '>' : ' ',
		   (double)l->t_ns / (double)NS_PER_S);
	if (pace_milli != 1000)
		buf_printf(out, "(%s)  ",
			   dur_text(shop, (int64_t)((__int128)l->t_ns * pace_milli / 1000)));
	buf_adds(out, l->text);
	if (l->packet)
		buf_printf(out, " (packet %" PRId64 " of wire.pcapng)", l->packet);
	buf_addc(out, '\n');
}

static void left_out_text(const struct story *s, struct buf *out)
{
	if (s->left_out)
		buf_printf(out, "%16s  (%" PRId64 " more events near it are in events.ndjson)\n",
			   "", s->left_out);
}

void story_text(const struct story *s, int64_t pace_milli, struct buf *out)
{
	size_t i;

	if (pace_milli <= 0)
		pace_milli = 1000;
	if (s->count && s->at[0].t_ns != STORY_AFTER && pace_milli != 1000)
		buf_printf(out, "%16s  (from opening; shop time in brackets)\n", "real time");
	for (i = 0; i < s->count && s->at[i].t_ns != STORY_AFTER; i++)
		line_text(&s->at[i], pace_milli, out);
	left_out_text(s, out);
	for (size_t first = i; i < s->count; i++)
		buf_printf(out, i == first ? "%16s  %s\n" : "%19s %s\n",
			   i == first ? "after settling:" : "", s->at[i].text);
}

void story_done(struct story *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->at[i].text);
	free(s->at);
	free(s->key);
	free(s->lane);
	free(s->torn);
	*s = (struct story){0};
}

void judge_story(const struct judge_in *in, const char *key, struct buf *out)
{
	struct story s;

	judge_story_build(in, key, &s);
	story_text(&s, in->experiment->shoppers.pace_milli, out);
	story_done(&s);
}
