/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/check.h"

/**
 * receipts-match-books: what is on paper is in the books, and the other way round.
 *
 *   for every receipt that was cut (and is no copy):
 *     its sale is in the books, with the receipt's total, under its number
 *   no number is on the receipts of two sales
 *   for every sale booked by a lane with a printer, told ok, and not near any fault:
 *     there is a receipt
 *
 * What the target file has no pattern for (`paper:`) is not compared. A number
 * may be the books' or the one the shopper was told: a sale that was booked and
 * then sold offline has two. A void or refunded sale had a receipt, too. Near a
 * fault the receipt may be missing: the printer may have been what was broken,
 * until it was put right (`back:`) and used again. If it is not used again, the
 * rest cannot be told.
 * Judged: receipts cut, and sales that should have one.
 */
struct options {
	char unused;
};
static const struct opt rows[] = {OPT_END};

struct look {
	const struct judge_in *in;
	const struct paper_rec **slip; /* owned: cut, no copies, with a key; sorted by key */
	size_t count;
	const struct sale **sale;      /* owned: sorted by key */
	size_t sales;
	struct rows rows;
	struct device_days days;
	size_t unkeyed;
	size_t cut, uncut;             /* slips */
	struct judgement *ret;
};

static int by_slip_key(const void *x, const void *y)
{
	const struct paper_rec *a = *(const struct paper_rec *const *)x;
	const struct paper_rec *b = *(const struct paper_rec *const *)y;

	return strcmp(a->key, b->key);
}

static int by_receipt(const void *x, const void *y)
{
	const struct paper_rec *a = *(const struct paper_rec *const *)x;
	const struct paper_rec *b = *(const struct paper_rec *const *)y;

	return strcmp(key_text(a->receipt), key_text(b->receipt));
}

static int by_sale_key(const void *x, const void *y)
{
	const struct sale *a = *(const struct sale *const *)x, *b = *(const struct sale *const *)y;

	return strcmp(a->key, b->key);
}

static int key_to_sale(const void *key, const void *y)
{
	return strcmp(key, (*(const struct sale *const *)y)->key);
}

static int key_to_slip(const void *key, const void *y)
{
	return strcmp(key, (*(const struct paper_rec *const *)y)->key);
}

/* ---- paper to books ---- */

static bool numbers_differ(const struct paper_rec *p, const struct sale *s)
{
	const char *booked = s->book ? s->book->receipt : NULL;
	const char *told = s->told ? s->told->receipt : NULL;

	return p->receipt && (booked || told) && !str_eq(p->receipt, booked) &&
	       !str_eq(p->receipt, told);
}

static void judge_slip(struct look *k, const struct paper_rec *p)
{
	const struct sale **found = bsearch(p->key, k->sale, k->sales, sizeof(*k->sale),
					    key_to_sale);
	const char *currency = k->in->target->currency;
	char paper[MONEY_TEXT], book[MONEY_TEXT];
	struct tally_rows r = {0};

	k->ret->judged++;
	if (found)
		rows_tally(&k->rows, *found, &r);
	if (!r.sales && !r.voids && !r.refunds) {
		judgement_witness(k->ret, p->key, "%s printed receipt %s, and the books have no "
				  "such sale", key_text(p->device), key_text(p->receipt));
		return;
	}
	if (r.sale && p->total != INT64_MIN && r.sale->total != INT64_MIN &&
	    r.sale->total != p->total)
		judgement_witness(k->ret, p->key, "receipt %s says %s, the books have %s",
				  key_text(p->receipt), money_text(paper, p->total, currency),
				  money_text(book, r.sale->total, currency));
	else if (r.sale && numbers_differ(p, *found))
		judgement_witness(k->ret, p->key, "the receipt says number %s, the books %s",
				  p->receipt, key_text((*found)->book->receipt));
}

static void judge_numbers(struct look *k)
{
	qsort(k->slip, k->count, sizeof(*k->slip), by_receipt);
	for (size_t i = 1; i < k->count; i++) {
		const struct paper_rec *a = k->slip[i - 1], *b = k->slip[i];

		if (a->receipt && str_eq(a->receipt, b->receipt) && strcmp(a->key, b->key))
			judgement_witness(k->ret, b->key, "receipt number %s is on the receipt of "
					  "%s, too", b->receipt, a->key);
	}
}

/* ---- books to paper ---- */

static const char *torn(const struct look *k, const char *key)
{
	const struct ledgers *l = k->in->ledgers;

	for (size_t i = 0; i < l->paper_count; i++)
		if (!l->paper[i].cut && str_eq(l->paper[i].key, key))
			return "did not cut its receipt";
	return "printed no receipt for it";
}

static void judge_sale(struct look *k, const struct sale *s)
{
	const struct told *t = s->told;
	struct tally_rows r;

	if (!t || t->outcome != TOLD_OK || told_kind(t) == KIND_VOID ||
	    told_kind(t) == KIND_REFUND || !has_printer(k->in->target, t->lane))
		return;
	rows_tally(&k->rows, s, &r);
	if (!r.sales)
		return;
	if (bsearch(s->key, k->slip, k->count, sizeof(*k->slip), key_to_slip)) {
		k->ret->judged++;
		return;
	}
	if (device_missing(&k->days, t) != MISSING)
		return;
	k->ret->judged++;
	judgement_witness(k->ret, s->key, "%s told the shopper \"paid\", and %s", t->lane,
				  torn(k, s->key));
}

/* ---- both ---- */

static void look_fill(struct look *k)
{
	const struct ledgers *l = k->in->ledgers;

	k->slip = xcalloc(l->paper_count + 1, sizeof(*k->slip));
	k->sale = xcalloc(k->in->sales->count + 1, sizeof(*k->sale));
	for (size_t i = 0; i < l->paper_count; i++) {
		const struct paper_rec *p = &l->paper[i];

		k->cut += p->cut;
		k->uncut += !p->cut;
		if (!p->cut || p->copy)
			continue;
		if (p->key)
			k->slip[k->count++] = p;
		else
			k->unkeyed++;
	}
	for (size_t i = 0; i < k->in->sales->count; i++)
		if (*k->in->sales->at[i].key)
			k->sale[k->sales++] = &k->in->sales->at[i];
	qsort(k->slip, k->count, sizeof(*k->slip), by_slip_key);
	qsort(k->sale, k->sales, sizeof(*k->sale), by_sale_key);
	rows_build(&k->rows, k->in);
	device_days(&k->days, k->in);
}

static void judge_both(struct look *k)
{
	for (size_t i = 0; i < k->count; i++)
		judge_slip(k, k->slip[i]);
	for (size_t i = 0; i < k->sales; i++)
		judge_sale(k, k->sale[i]);
	judge_numbers(k);
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	struct look k = {.in = in, .ret = ret};

	(void)opts;
	if (!target_has_device(in->target, DEVICE_ESCPOS)) {
		check_inconclusive(ret, "the target has no printer among its `devices:`");
		return;
	}
	look_fill(&k);
	if (k.cut || !k.uncut)
		judge_both(&k);
	else
		check_inconclusive(ret, "the printers printed, and no receipt was ever cut: where "
				   "one ends cannot be told");
	device_unused(&k.days, ret);
	rows_done(&k.rows);
	device_days_done(&k.days);
	free(k.slip);
	free(k.sale);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " do not match",
		 ret->violations, ret->judged);
	if (k.unkeyed && ret->verdict == HOLDS && !ret->violations)
		check_inconclusive(ret, "%zu receipt%s no key (`key: {paper: /.../}`)", k.unkeyed,
				   k.unkeyed == 1 ? " has" : "s have");
	check_finish(ret, "nothing was printed, and nothing had to be",
		     "%" PRId64 " times, paper and books agree", ret->judged);
}

const struct check_ops check_receipts_match_books = {
	.name = "receipts-match-books",
	.summary = "every receipt is a sale in the books, with its total and number, and has one",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "receipts-match-books",
};
