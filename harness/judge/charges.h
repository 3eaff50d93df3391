/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_JUDGE_CHARGES_H
#define WD_JUDGE_CHARGES_H

/*
 * What the bank has under each key, beside what the books have: for the checks
 * on money. A charge is one payment as the bank named it (its RRN):
 *
 *   net   what the cardholder has paid in the end: captured, and not given back
 *   hold  what is authorised, neither captured nor reversed: money nobody can use
 */
#include "judge/check.h"

struct charge {
	const char *key, *rrn, *currency; /* borrowed from the ledger; key "" when it has none */
	int64_t authorised, captured, reversed;
	int64_t t_ns;        /* approved */
	int64_t reversed_ns; /* INT64_MIN: never */
};
static inline int64_t charge_net(const struct charge *c)
{
	return c->captured ? c->captured - c->reversed : 0;
}
static inline int64_t charge_hold(const struct charge *c)
{
	return c->captured ? 0 : c->authorised - c->reversed;
}

/** struct account - one key: its approved charges, and its card money by the books. */
struct account {
	const char *key;
	const struct charge *at;
	size_t count;             /* approved ones */
	size_t open;              /* of them, those that hold or have taken money */
	int64_t net, hold;        /* of all of them */
	const struct sale *sale;  /* NULL: neither told nor booked */
	struct tally_rows rows;
	int64_t booked;           /* by card, in the books: payments, else the sale's total */
	bool tender_unknown;      /* a sale in the books that does not say how it was paid */
};
struct accounts_view {
	struct account *at;       /* owned; sorted by key: every key of bank, told or books */
	size_t count;
	size_t unkeyed;           /* approved charges without a key */
	struct charge *charges;   /* owned */
	struct rows rows;
};
/** struct tenders_opts - must be the first member of a money check's options. */
struct tenders_opts {
	struct strlist tenders;   /* which tenders are the bank's business */
};
#define TENDERS_ROW(owner) \
	{.name = "tenders", .type = OPT_STRLIST, .offset = offsetof(struct owner, t.tenders), \
	 .def = "[card]", .help = "what the books call payments that go through the bank"}

void accounts_build(struct accounts_view *ret, const struct judge_in *in,
		    const struct tenders_opts *o);
void accounts_done(struct accounts_view *a);
/**
 * charges_judgeable - is there anything to compare? Else the check is inconclusive, saying why:
 * the target has no bank, charges have no key.
 */
bool charges_judgeable(const struct judge_in *in, const struct accounts_view *a,
		       struct judgement *j);
/** charges_text - "pay_3 12.95 EUR, pay_9 12.95 EUR": those that hold or have taken money. */
void charges_text(const struct account *a, const struct judge_in *in, struct buf *out);

#endif
