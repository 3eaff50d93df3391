/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_JUDGE_RECONCILE_H
#define WD_JUDGE_RECONCILE_H

/*
 * The five ledgers held against each other, sale by sale: whatever is not
 * plain. What is wrong with a sale is asked of the checks' own predicates, so
 * that this never says anything else than they do.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct judge_in;

/* Bits: a sale may have several. */
enum mismatch {
	MISMATCH_LOST,
	MISMATCH_DOUBLED,
	MISMATCH_PHANTOM,
	MISMATCH_AMOUNT,
	MISMATCH_CHARGE,  /* charged twice, or for nothing */
	MISMATCH_UNKNOWN, /* the shopper got no clear answer: no mismatch yet */
	MISMATCHES_COUNT
};
extern const char *const mismatch_names[MISMATCHES_COUNT]; /* "lost", "doubled", ... */

#define RECONCILED_EACH 100 /* rows kept of each sort; all are counted */
#define RECONCILED_MAX (RECONCILED_EACH * MISMATCHES_COUNT)
struct reconciled {
	char key[64], lane[48];
	char told[24];			  /* "ok", "refused", "unknown", "" nobody */
	int64_t what;			  /* bits 1 << enum mismatch */
	int64_t t_ns;			  /* told, from opening; INT64_MIN: nobody was */
	int64_t told_total, booked_total; /* minor units; INT64_MIN: unknown or none */
	int64_t books;			  /* sale rows */
	int64_t net, hold;		  /* of the bank: taken, and only held */
	int64_t charges;
	int64_t papers, torn, pulses;
	char resolved[96]; /* in words: how it ended in the books and at the bank */
};
struct reconciliation {
	struct reconciled at[RECONCILED_MAX];
	size_t count;
	int64_t sales;			  /* keys that anybody knows */
	int64_t plain;			  /* of them, with none of these */
	int64_t counts[MISMATCHES_COUNT]; /* all of each sort, shown or not */
};
/** judge_reconcile - *ret is overwritten. Books that were not read: nothing is said but what the
 * bank and the shoppers have. */
void judge_reconcile(const struct judge_in *in, struct reconciliation *ret);

#endif
