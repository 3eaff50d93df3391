/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The stock before and after, per article, against what
 * was sold in between. What was sold is a range: a sale that was refunded may
 * or may not have gone back to the shelf. The baskets are the shoppers' own
 * (told); for sales nobody was told of, the books' lines serve.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/check.h"

/**
 * stock-once: every sale takes its goods off the shelf exactly once.
 *
 *   for every article a in both stock readings:
 *     S_end(a) = S_start(a) - sum over keys k with a sale in the books of qty(k, a)
 *
 * A sale counts once however many rows it has; a voided sale counts nothing, a
 * refunded one anything from nothing to its quantity. Acknowledged offline
 * sales that have not reached the books make it inconclusive, and so do sales
 * in the books whose basket nobody knows. Judged: articles, when any was sold.
 */
struct options {
	char unused;
};

static const struct opt rows[] = {OPT_END};

struct article {
	const char *sku;
	int64_t start, end, lo, hi; /* sold: at least, at most */
	bool in_start, in_end;
};

/* Open addressing by SKU; slots is a power of two at least twice the count. */
struct shelf {
	struct article *at; /* owned */
	size_t slots, count;
	int64_t sold; /* units of articles on it */
};

static size_t sku_slot(const struct shelf *s, const char *sku, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)sku[i]) * UINT64_C(0x100000001b3);
	for (i = (h ^ h >> 29) & (s->slots - 1); s->at[i].sku; i = (i + 1) & (s->slots - 1))
		if (strncmp(s->at[i].sku, sku, len) == 0 && !s->at[i].sku[len])
			break;
	return i;
}

static void shelf_fill(struct shelf *s, const struct ledgers *l)
{
	size_t rows_count = 0;

	for (size_t i = 0; i < l->book_count; i++)
		rows_count += l->book[i].what == BOOK_STOCK;
	for (s->slots = 16; s->slots < rows_count * 2; s->slots *= 2)
		;
	s->at = xcalloc(s->slots, sizeof(*s->at));
	for (size_t i = 0; i < l->book_count; i++) {
		const struct book *b = &l->book[i];
		struct article *a;

		if (b->what != BOOK_STOCK || !b->sku || b->qty == INT64_MIN)
			continue;
		a = &s->at[sku_slot(s, b->sku, strlen(b->sku))];
		s->count += !a->sku;
		a->sku = b->sku;
		*(b->start ? &a->start : &a->end) += b->qty;
		*(b->start ? &a->in_start : &a->in_end) = true;
	}
}

static void shelf_sold(struct shelf *s, const char *sku, size_t len, int64_t lo, int64_t hi)
{
	struct article *a = &s->at[sku_slot(s, sku, len)];

	if (!a->sku)
		return; /* not kept in stock */
	a->lo += lo;
	a->hi += hi;
	s->sold += hi;
}

/* "SKU*2 SKU" off the shelf. */
static void basket_sold(struct shelf *s, const char *basket, bool maybe)
{
	while (*basket) {
		size_t len = strcspn(basket, " "), sku = strcspn(basket, "* ");
		int64_t qty = basket[sku] == '*' ? strtoll(basket + sku + 1, NULL, 10) : 1;

		if (sku)
			shelf_sold(s, basket, sku, maybe ? 0 : qty, qty);
		basket += len;
		basket += strspn(basket, " ");
	}
}

struct work {
	const struct judge_in *in;
	struct rows sales;
	struct row_refs lines; /* empty when the books have none */
	struct shelf shelf;
	size_t offline, no_basket;
	const char *no_basket_key;
};

static bool lines_sold(struct work *w, const char *key, bool maybe)
{
	const struct book *b;
	size_t at = SIZE_MAX;
	bool any = false;

	while ((b = row_refs_next(&w->lines, key, &at))) {
		int64_t qty = b->qty == INT64_MIN ? 1 : b->qty;

		any = true;
		if (b->sku)
			shelf_sold(&w->shelf, b->sku, strlen(b->sku), maybe ? 0 : qty, qty);
	}
	return any;
}

static void sale_sold(struct work *w, const struct sale *s, struct judgement *ret)
{
	struct tally_rows r;
	bool maybe;

	if (sale_ambiguous(s, ret))
		return;
	if (!s->books) {
		w->offline += s->told && s->told->offline && told_acked(s->told) &&
			      told_kind(s->told) <= KIND_OVERRIDE;
		return;
	}
	rows_tally(&w->sales, s, &r);
	maybe = r.refunds || (s->told && told_kind(s->told) >= KIND_VOID);
	if (!r.sales && !r.refunds)
		return;
	if (s->told && s->told->basket)
		basket_sold(&w->shelf, s->told->basket, maybe);
	else if (!lines_sold(w, key_text(s->key), maybe) && !w->no_basket++)
		w->no_basket_key = s->key;
}

static void judge_article(const struct article *a, struct judgement *ret)
{
	if (!a->sku || !a->in_start)
		return;
	ret->judged++;
	if (!a->in_end)
		judgement_witness(ret, NULL, "article %s is gone from the stock list", a->sku);
	else if (a->end < a->start - a->hi || a->end > a->start - a->lo)
		judgement_witness(ret, NULL,
				  "article %s: %" PRId64 " at the start, %" PRId64
				  " sold, so %" PRId64 " should be left; the books say %" PRId64,
				  a->sku, a->start, a->hi, a->start - a->hi, a->end);
}

static void judge_stock(struct work *w, struct judgement *ret)
{
	for (size_t i = 0; i < w->in->sales->count; i++)
		sale_sold(w, &w->in->sales->at[i], ret);
	if (ret->verdict != HOLDS)
		return;
	if (w->offline) {
		check_inconclusive(ret,
				   "%zu offline sale%s had not reached the books, so their goods "
				   "cannot be off the shelf yet",
				   w->offline, plural((int64_t)w->offline));
		return;
	}
	if (w->no_basket) {
		check_inconclusive(ret,
				   "what was in the basket of %s is unknown (and of %zu more): "
				   "books: lines would tell",
				   key_text(w->no_basket_key), w->no_basket - 1);
		return;
	}
	for (size_t i = 0; w->shelf.sold && i < w->shelf.slots; i++)
		judge_article(&w->shelf.at[i], ret);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " articles wrong",
		 ret->violations, ret->judged);
	check_finish(ret,
		     w->shelf.count ? "no article kept in stock was sold"
				    : "the books list no stock (books: stock)",
		     "the stock of all %" PRId64 " articles is right after %" PRId64 " units sold",
		     ret->judged, w->shelf.sold);
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	struct work w = {.in = in};

	(void)opts;
	if (!in->facts->has_start_books) {
		check_inconclusive(ret, "the stock before the first sale was not read");
		return;
	}
	rows_build(&w.sales, in);
	row_refs_fill(&w.lines, in->ledgers, BOOK_LINE, false);
	shelf_fill(&w.shelf, in->ledgers);
	judge_stock(&w, ret);
	free(w.shelf.at);
	free(w.lines.at);
	rows_done(&w.sales);
}

const struct check_ops check_stock_once = {
	.name = "stock-once",
	.summary = "every sale takes its goods out of stock exactly once",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.needs_stock = true,
	.judge = judge,
	.example = "stock-once",
};
