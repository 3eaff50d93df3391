/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The bank's lines are put together by payment, the
 * payments sorted by key; the joined sales are sorted by key, too; one merge
 * over both yields every key that either side knows.
 */
#include "judge/charges.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* ---- the bank's side ---- */

static int by_rrn(const void *x, const void *y)
{
	const struct bank_rec *a = *(const struct bank_rec *const *)x;
	const struct bank_rec *b = *(const struct bank_rec *const *)y;
	int c = strcmp(key_text(a->rrn), key_text(b->rrn));

	return c ? c : a < b ? -1 : a > b; /* the ledger's order is the order in time */
}

static int by_key(const void *x, const void *y)
{
	const struct charge *a = x, *b = y;
	int c = strcmp(a->key, b->key);

	return c ? c : (a->t_ns > b->t_ns) - (a->t_ns < b->t_ns);
}

static void add_line(struct charge *c, const struct bank_rec *r)
{
	if (str_eq(r->what, "authorised")) {
		c->authorised += r->amount;
		c->t_ns = r->t_ns;
	} else if (str_eq(r->what, "captured")) {
		c->captured += r->amount;
	} else if (str_eq(r->what, "reversed")) {
		c->reversed += r->amount;
		c->reversed_ns = r->t_ns;
	}
	c->key = key_text(r->key);
	c->rrn = key_text(r->rrn);
	c->currency = r->currency;
}

/* Approved ones; returns how many. */
static size_t collect(const struct ledgers *l, struct charge **ret)
{
	const struct bank_rec **line = xcalloc(l->bank_count + 1, sizeof(*line));
	struct charge *all = xcalloc(l->bank_count + 1, sizeof(*all));
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < l->bank_count; i++)
		line[i] = &l->bank[i];
	qsort(line, l->bank_count, sizeof(const struct bank_rec *), by_rrn);
	for (size_t i = 0; i < l->bank_count; i++) {
		bool fresh = !i || !line[i]->rrn || strcmp(key_text(line[i - 1]->rrn),
							   key_text(line[i]->rrn));

		if (fresh)
			all[n++] = (struct charge){.reversed_ns = INT64_MIN};
		add_line(&all[n - 1], line[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (all[i].authorised > 0 || all[i].captured > 0)
			all[kept++] = all[i];
	qsort(all, kept, sizeof(*all), by_key);
	free(line);
	*ret = all;
	return kept;
}

/* ---- the books' side ---- */

static bool through_bank(const struct tenders_opts *o, const char *tender)
{
	for (size_t i = 0; i < o->tenders.count; i++)
		if (str_eq(o->tenders.at[i], tender))
			return true;
	return false;
}

static int64_t known(int64_t amount)
{
	return amount == INT64_MIN ? 0 : amount;
}

/* What the books say was paid by card under this key. */
static void booked_by_card(struct account *a, const struct row_refs *payments,
			   const struct tenders_opts *o)
{
	const struct book *b = NULL;
	size_t at = SIZE_MAX, n = 0;

	while ((b = row_refs_next(payments, a->key, &at)) != NULL) {
		n++;
		if (through_bank(o, b->tender))
			a->booked += known(b->total);
	}
	if (n || !a->rows.sale)
		return;
	a->tender_unknown = !a->rows.sale->tender;
	if (through_bank(o, a->rows.sale->tender))
		a->booked = known(a->rows.sale->total);
}

/* ---- both ---- */

static int by_sale_key(const void *x, const void *y)
{
	const struct sale *a = *(const struct sale *const *)x, *b = *(const struct sale *const *)y;

	return strcmp(a->key, b->key);
}

static void add_charges(struct account *a, const struct charge *c, size_t count)
{
	a->at = c;
	a->count = count;
	for (size_t i = 0; i < count; i++) {
		a->net += charge_net(&c[i]);
		a->hold += charge_hold(&c[i]);
		a->open += charge_net(&c[i]) > 0 || charge_hold(&c[i]) > 0;
	}
}

static size_t same_key(const struct charge *c, size_t left)
{
	size_t n = 0;

	while (n < left && !strcmp(c[n].key, c->key))
		n++;
	return n;
}

static void merge(struct accounts_view *v, const struct sale **sale, size_t sales, size_t charges)
{
	size_t s = 0, c = 0;

	while (c < charges && !*v->charges[c].key)
		c++;
	v->unkeyed = c;
	while (s < sales || c < charges) {
		int order = s == sales ? 1 : c == charges ? -1 :
			    strcmp(sale[s]->key, v->charges[c].key);
		struct account *a = &v->at[v->count++];
		size_t n = order >= 0 ? same_key(&v->charges[c], charges - c) : 0;

		a->key = order <= 0 ? sale[s]->key : v->charges[c].key;
		add_charges(a, n ? &v->charges[c] : NULL, n);
		c += n;
		if (order <= 0)
			a->sale = sale[s++];
		if (a->sale)
			rows_tally(&v->rows, a->sale, &a->rows);
	}
}

void accounts_build(struct accounts_view *ret, const struct judge_in *in,
		    const struct tenders_opts *o)
{
	const struct sale **sale = xcalloc(in->sales->count + 1, sizeof(*sale));
	struct row_refs payments = {0};
	size_t charges, sales = 0;

	*ret = (struct accounts_view){0};
	charges = collect(in->ledgers, &ret->charges);
	rows_build(&ret->rows, in);
	row_refs_fill(&payments, in->ledgers, BOOK_PAYMENT, false);
	for (size_t i = 0; i < in->sales->count; i++)
		if (*in->sales->at[i].key)
			sale[sales++] = &in->sales->at[i];
	qsort(sale, sales, sizeof(const struct sale *), by_sale_key);
	ret->at = xcalloc(sales + charges + 1, sizeof(*ret->at));
	merge(ret, sale, sales, charges);
	for (size_t i = 0; i < ret->count; i++)
		booked_by_card(&ret->at[i], &payments, o);
	free(payments.at);
	free(sale);
}

void accounts_done(struct accounts_view *a)
{
	rows_done(&a->rows);
	free(a->charges);
	free(a->at);
}

bool charges_judgeable(const struct judge_in *in, const struct accounts_view *a,
		       struct judgement *j)
{
	if (!target_bank(in->target))
		check_inconclusive(j, "the target has no bank: none of its nodes has a `bank:`");
	else if (a->unkeyed)
		check_inconclusive(j, "the bank approved %zu payment%s without a reference, which "
				   "may belong to any sale", a->unkeyed,
				   plural((int64_t)a->unkeyed));
	return j->verdict == HOLDS;
}

void charges_text(const struct account *a, const struct judge_in *in, struct buf *out)
{
	char sum[MONEY_TEXT];
	const char *comma = "";

	for (size_t i = 0; i < a->count; i++) {
		const struct charge *c = &a->at[i];
		int64_t net = charge_net(c), hold = charge_hold(c);

		if (net <= 0 && hold <= 0)
			continue;
		buf_printf(out, "%s%s %s%s", comma, c->rrn,
			   money_text(sum, net > 0 ? net : hold,
				      c->currency ? c->currency : in->target->currency),
			   net > 0 ? "" : " (held)");
		comma = ", ";
	}
}
