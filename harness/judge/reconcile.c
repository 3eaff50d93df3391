/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Without a bank one pass over the joined sales is enough.
 * With one, its accounts (charges.h) have every key of bank, told and books.
 * Paper and drawer are looked up for the rows that are kept alone: these are few,
 * and sorted by key.
 */
#include "judge/reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/charges.h"

const char *const mismatch_names[MISMATCHES_COUNT] = {
	[MISMATCH_LOST] = "lost",	    [MISMATCH_DOUBLED] = "doubled",
	[MISMATCH_PHANTOM] = "phantom",	    [MISMATCH_AMOUNT] = "wrong amount",
	[MISMATCH_CHARGE] = "wrong charge", [MISMATCH_UNKNOWN] = "unknown",
};

struct work {
	const struct judge_in *in;
	struct reconciliation *ret;
	struct samples refunded; /* shoppers */
	bool refunds;
};

static bool is_unknown(const struct sale *s)
{
	return s && s->told && s->told->outcome == TOLD_UNKNOWN && !told_acked(s->told);
}

/* What the checks say of it. A key told twice is ambiguous to all of them. */
static int64_t mismatches(const struct work *w, const struct account *a)
{
	bool read = w->in->facts->books_read;
	const struct sale *s = a->sale;
	int64_t what = 0;

	if (s && s->tolds <= 1 && read) {
		what |= (int64_t)sale_lost(s, &a->rows, &w->refunded) << MISMATCH_LOST;
		what |= (int64_t)(s->books && sale_doubled(&a->rows)) << MISMATCH_DOUBLED;
		what |= (int64_t)sale_phantom(s, &a->rows) << MISMATCH_PHANTOM;
		what |= (int64_t)sale_wrong_amount(w->in, s, &a->rows, w->refunds)
			<< MISMATCH_AMOUNT;
	}
	what |= (int64_t)(a->open > 1 || (read && a->net > 0 && !a->rows.sale)) << MISMATCH_CHARGE;
	return what | (int64_t)is_unknown(s) << MISMATCH_UNKNOWN;
}

static const char *books_end(const struct work *w, const struct account *a)
{
	return !w->in->facts->books_read ? "the books could not be read"
	       : a->rows.sales > 1	 ? "booked more than once"
	       : a->rows.sales == 1	 ? "booked once"
	       : a->rows.voids		 ? "void in the books"
					 : "not in the books";
}

static const char *bank_end(const struct work *w, const struct account *a)
{
	return !target_bank(w->in->target) ? ""
	       : a->open > 1		   ? ", charged more than once"
	       : a->net > 0		   ? ", charged"
	       : a->hold > 0		   ? ", money held"
	       : a->count		   ? ", charge taken back"
					   : ", not charged";
}

static void fill(const struct work *w, const struct account *a, int64_t what, struct reconciled *r)
{
	const struct told *t = a->sale ? a->sale->told : NULL;
	const struct book *b = a->rows.sale ? a->rows.sale : a->rows.refund;

	*r = (struct reconciled){.what = what,
				 .t_ns = t ? t->end_ns - w->in->facts->open_ns : INT64_MIN,
				 .told_total = t && t->total >= 0 ? t->total : INT64_MIN,
				 .booked_total = b ? b->total : INT64_MIN,
				 .books = a->rows.sales,
				 .net = a->net,
				 .hold = a->hold,
				 .charges = (int64_t)a->count};
	snprintf(r->key, sizeof(r->key), "%s", key_text(a->key));
	snprintf(r->lane, sizeof(r->lane), "%s", t ? key_text(t->lane) : "");
	snprintf(r->told, sizeof(r->told), "%s%s", t ? outcome_names[t->outcome] : "",
		 t && t->outcome != TOLD_OK && t->acknowledged ? ", acknowledged" : "");
	snprintf(r->resolved, sizeof(r->resolved), "%s%s", books_end(w, a), bank_end(w, a));
}

static void add(struct work *w, const struct account *a)
{
	struct reconciliation *ret = w->ret;
	int64_t what = mismatches(w, a);
	bool keep = false;

	ret->sales++;
	ret->plain += !what;
	for (int i = 0; i < MISMATCHES_COUNT; i++)
		if (what & INT64_C(1) << i)
			keep |= ret->counts[i]++ < RECONCILED_EACH;
	if (keep && ret->count < RECONCILED_MAX)
		fill(w, a, what, &ret->at[ret->count++]);
}

static void add_sales(struct work *w)
{
	struct rows idx;

	rows_build(&idx, w->in);
	for (size_t i = 0; i < w->in->sales->count; i++) {
		struct account a = {.key = w->in->sales->at[i].key, .sale = &w->in->sales->at[i]};

		rows_tally(&idx, a.sale, &a.rows);
		add(w, &a);
	}
	rows_done(&idx);
}

static void add_accounts(struct work *w)
{
	const struct tenders_opts any = {0};
	struct accounts_view v;

	accounts_build(&v, w->in, &any);
	for (size_t i = 0; i < v.count; i++)
		add(w, &v.at[i]);
	accounts_done(&v);
}

/* ---- paper and drawer ---- */

static int by_key(const void *x, const void *y)
{
	const struct reconciled *a = x, *b = y;

	return strcmp(a->key, b->key);
}

static int by_time(const void *x, const void *y)
{
	const struct reconciled *a = x, *b = y;

	if (a->t_ns != b->t_ns)
		return a->t_ns < b->t_ns ? -1 : 1;
	return strcmp(a->key, b->key);
}

static struct reconciled *row_of(struct reconciliation *r, const char *key)
{
	struct reconciled wanted;

	if (!key || !*key)
		return NULL;
	snprintf(wanted.key, sizeof(wanted.key), "%s", key);
	return bsearch(&wanted, r->at, r->count, sizeof(*r->at), by_key);
}

static void add_devices(struct work *w)
{
	const struct ledgers *l = w->in->ledgers;
	struct reconciled *r;

	for (size_t i = 0; i < l->paper_count; i++)
		if ((r = row_of(w->ret, l->paper[i].key))) {
			r->papers++;
			r->torn += !l->paper[i].cut;
		}
	for (size_t i = 0; i < l->drawer_count; i++)
		if ((r = row_of(w->ret, l->drawer[i].key)))
			r->pulses++;
}

void judge_reconcile(const struct judge_in *in, struct reconciliation *ret)
{
	struct work w = {.in = in, .ret = ret};

	*ret = (struct reconciliation){0};
	for (size_t i = 0; i < in->ledgers->told_count; i++)
		w.refunds |= told_again(&in->ledgers->told[i]);
	refunds_find(in->ledgers, &w.refunded);
	if (in->ledgers->bank_count)
		add_accounts(&w);
	else
		add_sales(&w);
	samples_done(&w.refunded);
	qsort(ret->at, ret->count, sizeof(*ret->at), by_key);
	add_devices(&w);
	qsort(ret->at, ret->count, sizeof(*ret->at), by_time);
}
