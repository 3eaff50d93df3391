/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "judge/check.h"

/**
 * receipt-numbers: numbers are never used twice and, where the law wants it, none is missing.
 *
 *   per series:  no number twice                                       (unique, gapless)
 *                { numbers } = { min .. max }                          (gapless)
 *   per lane:    no two acknowledged sales were told the same receipt  (both)
 *
 * Numbers come from the books' `receipts` rows, or from the sale rows when
 * there are none. A row without a number takes the digits at the end of its
 * receipt text ("1-17" is 17 of series "1-"). Judged: numbered rows. When only
 * some of the sale rows have a number, it is inconclusive.
 */
enum mode { MODE_GAPLESS, MODE_UNIQUE };

struct options {
	int mode;
};

static const struct opt_value modes[] = {
	[MODE_GAPLESS] = {"gapless", "no number twice and none missing"},
	[MODE_UNIQUE] = {"unique", "no number twice"},
	{NULL, NULL},
};

static const struct opt rows[] = {{.name = "mode",
				   .type = OPT_ENUM,
				   .offset = offsetof(struct options, mode),
				   .def = "gapless",
				   .values = modes,
				   .scalar = true,
				   .help = "what a series of receipt numbers promises"},
				  OPT_END};

struct number {
	const char *series;
	size_t series_len;
	uint64_t series_hash; /* equal hashes are taken for equal series */
	int64_t number;
	const char *key;
};

struct numbers {
	struct number *at; /* owned */
	size_t count, without;
};

static uint64_t hash_part(const char *s, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* The number of a row and its series, from the columns or from the text of the receipt. */
static bool number_from(const struct book *b, struct number *ret)
{
	const char *text = b->receipt;
	size_t len, digits = 0;

	*ret = (struct number){
		.series = b->series ? b->series : "", .number = b->number, .key = b->key};
	ret->series_len = strlen(ret->series);
	if (b->number != INT64_MIN)
		return true;
	if (!text)
		return false;
	len = strlen(text);
	while (digits < len && digits < 18 && text[len - 1 - digits] >= '0' &&
	       text[len - 1 - digits] <= '9')
		digits++;
	if (!digits)
		return false;
	ret->number = strtoll(text + len - digits, NULL, 10);
	if (!b->series) {
		ret->series = text;
		ret->series_len = len - digits;
	}
	return true;
}

static bool number_of(const struct book *b, struct number *ret)
{
	if (!number_from(b, ret))
		return false;
	ret->series_hash = hash_part(ret->series, ret->series_len);
	return true;
}

static int number_order(const void *a, const void *b)
{
	const struct number *x = a, *y = b;

	if (x->series_hash != y->series_hash)
		return x->series_hash < y->series_hash ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Series by series; rows come in the order of their numbers more often than not. */
static void numbers_sort(struct numbers *n)
{
	for (size_t i = 1; i < n->count; i++)
		if (number_order(&n->at[i - 1], &n->at[i]) > 0) {
			qsort(n->at, n->count, sizeof(*n->at), number_order);
			return;
		}
}

static void numbers_take(struct numbers *n, const struct ledgers *l, int what)
{
	free(n->at);
	*n = (struct numbers){.at = xcalloc(l->book_count + 1, sizeof(*n->at))};
	for (size_t i = 0; i < l->book_count; i++) {
		const struct book *b = &l->book[i];

		if (b->what != what || b->start)
			continue;
		if (number_of(b, &n->at[n->count]))
			n->count++;
		else
			n->without += what == BOOK_RECEIPT || row_is_sale(b);
	}
}

/* Neighbours in one series, in rising order. */
static void judge_pair(const struct number *x, const struct number *y, int mode,
		       struct judgement *ret)
{
	int len = (int)x->series_len;
	const char *gap = x->series_len ? " " : "";

	if (x->number == y->number)
		judgement_witness(ret, y->key, "receipt number %" PRId64 "%s%s%.*s was used twice",
				  x->number, gap, len ? "of series " : "", len, x->series);
	else if (mode == MODE_GAPLESS && y->number - 1 == x->number + 1)
		judgement_witness(ret, y->key, "receipt number %" PRId64 "%s%s%.*s is missing",
				  x->number + 1, gap, len ? "of series " : "", len, x->series);
	else if (mode == MODE_GAPLESS && y->number - 1 > x->number)
		judgement_witness(ret, y->key,
				  "receipt numbers %" PRId64 " to %" PRId64 "%s%s%.*s are missing",
				  x->number + 1, y->number - 1, gap, len ? "of series " : "", len,
				  x->series);
}

static bool same_receipt(const struct told *x, const struct told *y)
{
	return strcmp(x->receipt, y->receipt) == 0 && str_eq(x->lane, y->lane);
}

static size_t receipt_slot(const struct told *t)
{
	uint64_t h = key_hash(t->receipt) ^ key_hash(key_text(t->lane)) >> 1;

	h ^= h >> 32; /* FNV of short texts that differ in a digit needs mixing */
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(h ^ h >> 32);
}

/* No lane may tell two shoppers the same receipt. Open addressing by receipt and lane. */
static void judge_told(const struct ledgers *l, struct judgement *ret)
{
	cleanup_free const struct told **at = NULL;
	size_t slots = 16;

	while (slots < l->told_count * 2)
		slots *= 2;
	at = xcalloc(slots, sizeof(const struct told *));
	for (size_t i = 0; i < l->told_count; i++) {
		const struct told *t = &l->told[i];
		size_t n;

		if (!t->receipt || !*t->receipt || !told_acked(t) || told_kind(t) > KIND_OVERRIDE)
			continue;
		n = receipt_slot(t) & (slots - 1);
		while (at[n] && !same_receipt(at[n], t))
			n = (n + 1) & (slots - 1);
		if (at[n] && !str_eq(at[n]->key, t->key))
			judgement_witness(ret, t->key, "%s gave receipt %s to %s and to %s",
					  key_text(t->lane), t->receipt, key_text(at[n]->key),
					  key_text(t->key));
		at[n] = t;
	}
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	struct numbers n = {0};
	size_t series = 0;

	numbers_take(&n, in->ledgers, BOOK_RECEIPT);
	if (!n.count)
		numbers_take(&n, in->ledgers, BOOK_SALE);
	numbers_sort(&n);
	for (size_t i = 0; i < n.count; i++) {
		if (i && n.at[i - 1].series_hash == n.at[i].series_hash)
			judge_pair(&n.at[i - 1], &n.at[i], o->mode, ret);
		else
			series++;
	}
	ret->judged = (int64_t)n.count;
	free(n.at);
	judge_told(in->ledgers, ret);
	snprintf(ret->figure, sizeof(ret->figure), "%" PRId64 " number%s in %zu series",
		 ret->judged, plural(ret->judged), series);
	snprintf(ret->limit, sizeof(ret->limit), "%s", modes[o->mode].name);
	if (n.count && n.without && !ret->violations)
		check_inconclusive(ret, "%zu row%s of the books carr%s no receipt number",
				   n.without, plural((int64_t)n.without),
				   n.without == 1 ? "ies" : "y");
	check_finish(ret, "the books have no receipt numbers (books: receipts)",
		     "%" PRId64 " receipt number%s in %zu series, %s", ret->judged,
		     plural(ret->judged), series,
		     o->mode == MODE_GAPLESS ? "none twice, none missing" : "none twice");
}

const struct check_ops check_receipt_numbers = {
	.name = "receipt-numbers",
	.summary = "receipt numbers are never used twice and none is missing",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "receipt-numbers: {mode: gapless}",
};
