/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/check.h"

/**
 * right-goods-right-price: what a shopper put on the belt is what was sold, article by article.
 *
 *   for every sale k told ok, and every article a: qty(k, a) in the basket = qty(k, a) in the books
 *   and told.total = told.expected, the basket by the price list           (when both are known)
 *
 * A sale with a typed price, a void or a refund is left out. Judged: sales whose basket is known
 * and that the books have lines of.
 */
struct options {
	char unused;
};

static const struct opt rows[] = {OPT_END};

/* "SKU*2 SKU": the next article in it; NULL at the end. */
static const char *basket_next(const char *p, size_t *ret_len, int64_t *ret_qty)
{
	p += strspn(p, " ");
	*ret_len = strcspn(p, "* ");
	*ret_qty = p[*ret_len] == '*' ? strtoll(p + *ret_len + 1, NULL, 10) : 1;
	return *p ? p : NULL;
}

static int64_t in_basket(const char *basket, const char *sku, size_t len)
{
	int64_t sum = 0, qty;
	size_t n;

	for (const char *p = basket; (p = basket_next(p, &n, &qty)); p += strcspn(p, " "))
		if (n == len && !strncmp(p, sku, n))
			sum += qty;
	return sum;
}

static int64_t in_books(const struct row_refs *lines, const char *key, const char *sku, size_t len)
{
	const struct book *b;
	size_t at = SIZE_MAX;
	int64_t sum = 0;

	while ((b = row_refs_next(lines, key, &at)))
		if (b->sku && strlen(b->sku) == len && !strncmp(b->sku, sku, len))
			sum += b->qty == INT64_MIN ? 1 : b->qty;
	return sum;
}

/* The first article of which there is another quantity. True: there is one. */
static bool differs(const struct row_refs *lines, const struct told *t, struct judgement *ret)
{
	const char *key = t->key, *p = t->basket, *sku = NULL;
	const struct book *b;
	size_t at = SIZE_MAX, n, len = 0;
	int64_t qty, belt, sold;

	for (; !sku && (p = basket_next(p, &n, &qty)); p += strcspn(p, " "))
		if (in_basket(t->basket, p, n) != in_books(lines, key, p, n)) {
			sku = p;
			len = n;
		}
	while (!sku && (b = row_refs_next(lines, key, &at)))
		if (b->sku && in_basket(t->basket, b->sku, strlen(b->sku)) !=
				      in_books(lines, key, b->sku, strlen(b->sku))) {
			sku = b->sku;
			len = strlen(sku);
		}
	if (!sku)
		return false;
	belt = in_basket(t->basket, sku, len);
	sold = in_books(lines, key, sku, len);
	judgement_witness(ret, key, "article %.*s: %" PRId64 " on the belt, %" PRId64 " sold",
			  (int)len, sku, belt, sold);
	return true;
}

static void judge_sale(const struct judge_in *in, const struct row_refs *lines,
		       const struct sale *s, struct judgement *ret)
{
	char told[MONEY_TEXT], expected[MONEY_TEXT];
	const struct told *t = s->told;
	size_t at = SIZE_MAX;

	if (!t || t->outcome != TOLD_OK || told_kind(t) != KIND_SALE || !t->basket ||
	    !row_refs_next(lines, key_text(s->key), &at) || sale_ambiguous(s, ret))
		return;
	ret->judged++;
	if (differs(lines, t, ret))
		return;
	if (t->total >= 0 && t->expected >= 0 && t->total != t->expected)
		judgement_witness(ret, t->key, "the right goods, and the price %s instead of %s",
				  money_text(told, t->total, in->target->currency),
				  money_text(expected, t->expected, in->target->currency));
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	struct row_refs lines = {0};

	(void)opts;
	row_refs_fill(&lines, in->ledgers, BOOK_LINE, false);
	for (size_t i = 0; i < in->sales->count; i++)
		judge_sale(in, &lines, &in->sales->at[i], ret);
	free(lines.at);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " wrong", ret->violations,
		 ret->judged);
	check_finish(ret, "the books list no goods of any sale (books: lines)",
		     "%" PRId64 " baskets were sold as they were", ret->judged);
}

const struct check_ops check_right_goods_right_price = {
	.name = "right-goods-right-price",
	.summary = "what was on the belt is what was sold, at the price of the list",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "right-goods-right-price",
};
