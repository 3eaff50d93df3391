/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/check.h"

/**
 * books-invariants: the books agree with themselves, as the target file says they must.
 *
 *   for every NAME of books: invariants:   count(rows of its query, after settling) = 0
 *
 * What such a query yields is wrong whoever caused it, so rows that were there
 * before the first shopper count too. Judged: the invariants declared.
 */
static int64_t kinds_broken(const struct judge_in *in)
{
	const struct ledgers *l = in->ledgers;
	const struct strmap *declared = &in->target->books.invariants;
	int64_t n = 0;

	for (size_t k = 0; k < declared->count; k++) {
		bool found = false;

		for (size_t i = 0; i < l->book_count && !found; i++)
			found = l->book[i].what == BOOK_INVARIANT && !l->book[i].start &&
				str_eq(l->book[i].series, declared->at[k].key);
		n += found;
	}
	return n;
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct ledgers *l = in->ledgers;
	int64_t broken = kinds_broken(in);

	(void)opts;
	ret->judged = (int64_t)in->target->books.invariants.count;
	for (size_t i = 0; i < l->book_count; i++) {
		const struct book *b = &l->book[i];

		if (b->what == BOOK_INVARIANT && !b->start)
			judgement_witness(ret, b->key, "%s: %s", key_text(b->series),
					  b->state ? b->state : "its query yields a row");
	}
	snprintf(ret->figure, sizeof(ret->figure), "%" PRId64 " of %" PRId64 " broken", broken,
		 ret->judged);
	check_finish(ret, "the target declares no books: invariants:",
		     "no query of %" PRId64 " invariant%s yields a row", ret->judged,
		     plural(ret->judged));
}

static const struct opt rows[] = {OPT_END};

const struct check_ops check_books_invariants = {
	.name = "books-invariants",
	.summary = "what the target says its books must never show, they do not show",
	.opts = {rows, sizeof(char)},
	.needs_books = true,
	.judge = judge,
	.example = "books-invariants",
};
