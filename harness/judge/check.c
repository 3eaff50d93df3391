/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A check looks at every thing it can judge, counts it in
 * `judged`, and files a witness for each broken promise. check_finish() turns
 * that into a verdict: a proven violation stands whatever else is unclear;
 * without one, an ambiguous key or nothing to judge makes it inconclusive, so
 * that silence never counts as a pass.
 */
#include "judge/check.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/err.h"

const char *const verdict_names[VERDICTS_COUNT] = {
	[HOLDS] = "holds",
	[INCONCLUSIVE] = "inconclusive",
	[UNSUPPORTED] = "unsupported",
	[VIOLATED] = "violated",
	[BROKEN] = "broken",
};

int verdict_exit(enum verdict v)
{
	static const int exits[VERDICTS_COUNT] = {
		[HOLDS] = 0, [VIOLATED] = 1, [INCONCLUSIVE] = 2, [UNSUPPORTED] = 3, [BROKEN] = 4,
	};

	return exits[v];
}

/* ---- judgements ---- */

void check_forget(struct judgement *j)
{
	for (size_t i = 0; i < j->witnesses; i++) {
		free(j->witness[i].key);
		free(j->witness[i].what);
	}
	j->witnesses = j->violations = 0;
}

void judgement_done(struct judgement *j)
{
	check_forget(j);
	memset(j, 0, sizeof(*j));
}

void judgement_witness(struct judgement *j, const char *key, const char *fmt, ...)
{
	struct buf what = {0};
	va_list ap;

	j->violations++;
	if (j->witnesses == WITNESSES_MAX)
		return;
	va_start(ap, fmt);
	buf_vprintf(&what, fmt, ap);
	va_end(ap);
	j->witness[j->witnesses++] = (struct witness){.key = key && *key ? xstrdup(key) : NULL,
						      .what = buf_steal(&what)};
}

void check_margin(struct judgement *j, double figure, double limit, bool least)
{
	double slack = (least ? figure - limit : limit - figure) / limit;

	if (limit <= 0 || (*j->margin && slack >= j->slack))
		return;
	j->slack = slack;
	snprintf(j->margin, sizeof(j->margin), "%.3g %% %s", fabs(slack) * 100,
		 slack >= 0 ? "to spare" : least ? "short" : "over");
}

void check_inconclusive(struct judgement *j, const char *fmt, ...)
{
	va_list ap;

	j->verdict = INCONCLUSIVE;
	va_start(ap, fmt);
	vsnprintf(j->why, sizeof(j->why), fmt, ap);
	va_end(ap);
}

bool sale_ambiguous(const struct sale *s, struct judgement *j)
{
	if (s->tolds <= 1)
		return false;
	if (j->verdict == HOLDS)
		check_inconclusive(
			j, "key %s was used for %u different sales, so neither can be judged",
			key_text(s->key), s->tolds);
	return true;
}

void check_finish(struct judgement *j, const char *nothing, const char *holds_fmt, ...)
{
	va_list ap;

	if (j->violations) {
		const char *key = j->witness[0].key;

		j->verdict = VIOLATED;
		if (key && !strstr(j->witness[0].what, key))
			snprintf(j->why, sizeof(j->why), "%s: %s", key, j->witness[0].what);
		else
			snprintf(j->why, sizeof(j->why), "%s", j->witness[0].what);
		return;
	}
	if (j->verdict != HOLDS)
		return;
	if (j->judged == 0) {
		check_inconclusive(j, "nothing to judge: %s", nothing);
		return;
	}
	va_start(ap, holds_fmt);
	vsnprintf(j->why, sizeof(j->why), holds_fmt, ap);
	va_end(ap);
}

/* ---- what a record means ---- */

static bool starts_with(const char *s, const char *prefix)
{
	return s && strncasecmp(s, prefix, strlen(prefix)) == 0;
}

enum kind told_kind(const struct told *t)
{
	if (!t->kind)
		return KIND_SALE;
	if (starts_with(t->kind, "void"))
		return KIND_VOID;
	if (starts_with(t->kind, "refund"))
		return KIND_REFUND;
	return starts_with(t->kind, "override") ? KIND_OVERRIDE : KIND_SALE;
}

struct headcount headcount(const struct ledgers *l)
{
	struct headcount n = {0};

	for (size_t i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];

		if (told_again(t) || told_cut_short(t))
			continue;
		n.all++;
		n.served += told_acked(t);
	}
	for (size_t i = 0; i < l->left_count; i++)
		n.left += !left_sent_home(&l->left[i]);
	n.all += n.left;
	return n;
}

static void tally_row(const struct book *b, struct tally_rows *ret)
{
	const char *state = b->state;

	if (starts_with(state, "void") || starts_with(state, "cancel") ||
	    starts_with(state, "storno")) {
		ret->voids++;
	} else if (starts_with(state, "refund") || starts_with(state, "return") ||
		   (b->total < 0 && b->total != INT64_MIN)) {
		if (!ret->refunds++)
			ret->refund = b;
	} else if (!ret->sales++) {
		ret->sale = b;
	}
}

bool row_is_sale(const struct book *b)
{
	struct tally_rows t = {0};

	tally_row(b, &t);
	return t.sales == 1;
}

uint64_t key_hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

static int row_order(const void *a, const void *b)
{
	const struct row_ref *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->book < y->book ? -1 : x->book > y->book;
}

static bool is_row(const struct book *b, enum book_what what, bool start)
{
	return b->what == (int)what && b->start == start && b->key && *b->key;
}

static void refs_add(struct row_refs *r, uint64_t hash, const struct book *b)
{
	if ((r->count & (r->count - 1)) == 0) /* full at every power of two */
		r->at = xrealloc(r->at, (r->count ? r->count * 2 : 1) * sizeof(*r->at));
	r->at[r->count++] = (struct row_ref){hash, b};
}

void row_refs_fill(struct row_refs *r, const struct ledgers *l, enum book_what what, bool start)
{
	*r = (struct row_refs){0};
	for (size_t i = 0; i < l->book_count; i++)
		if (is_row(&l->book[i], what, start))
			refs_add(r, key_hash(l->book[i].key), &l->book[i]);
	if (r->count)
		qsort(r->at, r->count, sizeof(*r->at), row_order);
}

/* A set of hashes that may claim too much, never too little: one bit each. */
struct filter {
	uint64_t *bits; /* owned */
	size_t mask;
};

static void filter_make(struct filter *f, size_t keys)
{
	size_t size = 1024;

	while (size < keys * 16)
		size *= 2;
	f->bits = xcalloc(size / 64, sizeof(*f->bits));
	f->mask = size - 1;
}

static uint64_t *filter_word(const struct filter *f, uint64_t hash, uint64_t *ret_bit)
{
	size_t i = (hash ^ hash >> 32) & f->mask;

	*ret_bit = UINT64_C(1) << (i & 63);
	return &f->bits[i / 64];
}

/* Only the rows of keys with several: the others are in the join already. */
static void several_fill(struct row_refs *r, const struct judge_in *in, size_t keys)
{
	const struct ledgers *l = in->ledgers;
	struct filter f;
	uint64_t bit;

	filter_make(&f, keys);
	for (size_t i = 0; i < in->sales->count; i++)
		if (in->sales->at[i].books > 1) {
			uint64_t *word = filter_word(&f, key_hash(in->sales->at[i].key), &bit);

			*word |= bit;
		}
	for (size_t i = 0; i < l->book_count; i++)
		if (is_row(&l->book[i], BOOK_SALE, false)) {
			uint64_t hash = key_hash(l->book[i].key);

			if (*filter_word(&f, hash, &bit) & bit)
				refs_add(r, hash, &l->book[i]);
		}
	free(f.bits);
	if (r->count)
		qsort(r->at, r->count, sizeof(*r->at), row_order);
}

const struct book *row_refs_next(const struct row_refs *r, const char *key, size_t *at)
{
	uint64_t hash = r->count ? key_hash(key) : 0;
	size_t lo = 0, hi = r->count;

	if (*at == SIZE_MAX) {
		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (r->at[mid].hash < hash)
				lo = mid + 1;
			else
				hi = mid;
		}
		*at = lo;
	}
	while (*at < r->count && r->at[*at].hash == hash) {
		const struct book *b = r->at[(*at)++].book;

		if (strcmp(b->key, key) == 0)
			return b;
	}
	return NULL;
}

void rows_build(struct rows *r, const struct judge_in *in)
{
	size_t several = 0;

	*r = (struct rows){0};
	for (size_t i = 0; i < in->sales->count; i++)
		several += in->sales->at[i].books > 1;
	if (several)
		several_fill(&r->end, in, several);
	row_refs_fill(&r->start, in->ledgers, BOOK_SALE, true);
}

void rows_done(struct rows *r)
{
	free(r->end.at);
	free(r->start.at);
	*r = (struct rows){0};
}

static void subtract(uint32_t *from, uint32_t n)
{
	*from = *from > n ? *from - n : 0;
}

uint32_t rows_tally(const struct rows *r, const struct sale *s, struct tally_rows *ret)
{
	struct tally_rows old = {0};
	const struct book *b;
	size_t at = SIZE_MAX;

	*ret = (struct tally_rows){0};
	if (s->books == 1 && s->book)
		tally_row(s->book, ret);
	else if (s->books > 1)
		while ((b = row_refs_next(&r->end, s->key, &at)))
			tally_row(b, ret);
	at = SIZE_MAX;
	while (s->books && r->start.count && (b = row_refs_next(&r->start, s->key, &at)))
		tally_row(b, &old);
	subtract(&ret->sales, old.sales);
	subtract(&ret->voids, old.voids);
	subtract(&ret->refunds, old.refunds);
	return ret->sales + ret->voids + ret->refunds;
}

size_t books_unkeyed(const struct ledgers *l)
{
	size_t end = 0, start = 0;

	for (size_t i = 0; i < l->book_count; i++) {
		const struct book *b = &l->book[i];

		if (b->what == BOOK_SALE && (!b->key || !*b->key))
			*(b->start ? &start : &end) += 1;
	}
	return end > start ? end - start : 0;
}

/* ---- words ---- */

const char *real_text(char *buf, const struct experiment *x, int64_t ns)
{
	char text[DUR_TEXT];

	snprintf(buf, TIME_TEXT, "%s%s", dur_text(text, ns), pace_of(x) == 1 ? "" : " real");
	return buf;
}

const char *shop_text(char *buf, const struct experiment *x, int64_t ns)
{
	char text[DUR_TEXT];

	snprintf(buf, TIME_TEXT, "%s%s", dur_text(text, ns), pace_of(x) == 1 ? "" : " shop");
	return buf;
}

const char *both_text(char *buf, const struct experiment *x, int64_t ns)
{
	char shop[DUR_TEXT], real[DUR_TEXT];

	if (pace_of(x) == 1)
		return shop_text(buf, x, ns);
	snprintf(buf, TIME_TEXT, "%s shop (%s real)", dur_text(shop, ns),
		 dur_text(real, (int64_t)((double)ns / pace_of(x))));
	return buf;
}

static const struct {
	char code[4];
	int exponent;
} exponents[] = {
	{"BHD", 3}, {"CLP", 0}, {"IQD", 3}, {"ISK", 0}, {"JOD", 3}, {"JPY", 0},
	{"KRW", 0}, {"KWD", 3}, {"LYD", 3}, {"OMR", 3}, {"PYG", 0}, {"TND", 3},
	{"UGX", 0}, {"VND", 0}, {"XAF", 0}, {"XOF", 0},
};

int judge_currency_exponent(const char *currency)
{
	for (size_t i = 0; currency && i < sizeof(exponents) / sizeof(exponents[0]); i++)
		if (strcasecmp(currency, exponents[i].code) == 0)
			return exponents[i].exponent;
	return 2;
}

void judge_money(struct buf *out, int64_t amount, const char *currency)
{
	char text[MONEY_TEXT];

	buf_adds(out, money_text(text, amount, currency));
}

const char *money_text(char *buf, int64_t amount, const char *currency)
{
	int exponent = judge_currency_exponent(currency);
	uint64_t abs = amount < 0 ? -(uint64_t)amount : (uint64_t)amount, unit = 1;
	const char *sign = amount < 0 ? "-" : "", *gap = currency && *currency ? " " : "";

	for (int i = 0; i < exponent; i++)
		unit *= 10;
	if (exponent)
		snprintf(buf, MONEY_TEXT, "%s%" PRIu64 ".%0*" PRIu64 "%s%.8s", sign, abs / unit,
			 exponent, abs % unit, gap, currency ? currency : "");
	else
		snprintf(buf, MONEY_TEXT, "%s%" PRIu64 "%s%.8s", sign, abs, gap,
			 currency ? currency : "");
	return buf;
}

/* ---- limits ---- */

int limit_parse(const struct yaml_node *n, void *field, struct diag *diag)
{
	struct limit *l = field;
	char why[128] = "";
	char *end;

	if (n->type != NODE_SCALAR) {
		diag_error(diag, n->mark, "a count (3) or a share (2%%) is wanted here");
		return -EINVAL;
	}
	l->given = true;
	l->is_ratio = strchr(n->text, '%') != NULL;
	if (l->is_ratio) {
		if (opt_parse_ratio(n->text, &l->ratio, why, sizeof(why)) == 0)
			return 0;
	} else {
		errno = 0;
		l->count = strtoll(n->text, &end, 10);
		if (n->len && !*end && !errno && l->count >= 0)
			return 0;
	}
	diag_error(diag, n->mark, "\"%s\" is neither a count (3) nor a share (2%%)%s%s", n->text,
		   *why ? ": " : "", why);
	return -EINVAL;
}

void limit_text(const struct limit *l, const char *op, char *buf, size_t size)
{
	if (l->is_ratio)
		snprintf(buf, size, "%s %.4g %%", op, l->ratio * 100);
	else
		snprintf(buf, size, "%s %" PRId64, op, l->count);
}

void limit_margin(const struct limit *l, bool least, int64_t n, int64_t all, struct judgement *j)
{
	if (!l->is_ratio)
		check_margin(j, (double)n, (double)l->count, least);
	else if (all > 0)
		check_margin(j, (double)n / (double)all, l->ratio, least);
}

/* ---- time ---- */

double pace_of(const struct experiment *x)
{
	int64_t milli = x->shoppers.pace_milli;

	return milli > 0 ? (double)milli / 1000 : 1;
}

int64_t shop_ns(const struct experiment *x, int64_t wall_ns)
{
	int64_t milli = x->shoppers.pace_milli;

	if (milli <= 0 || milli == 1000)
		return wall_ns;
	return (int64_t)((__int128)wall_ns * milli / 1000);
}

bool has_printer(const struct target *t, const char *lane)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		if (t->nodes[i].device.kind == DEVICE_ESCPOS && str_eq(t->nodes[i].stands_at, lane))
			return true;
	return false;
}
