/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_BOOKS_H
#define WD_TRIAL_BOOKS_H

/*
 * Reading the books: what the POS has durably recorded, through the target's
 * `books:` (SQLite file, PostgreSQL, HTTP, command). The target is never
 * disturbed: while it runs, a database is read through a read-only transaction;
 * a file whose writers are gone is copied aside with its journals first, and
 * the copy is recovered and read.
 *
 * Columns go by name, in any order and any case; unknown ones are ignored:
 *
 *   sales     key total [currency receipt series number lane state time tender]
 *   payments  key amount [tender currency]
 *   stock     sku qty             receipts  number [series receipt key]
 *   lines     key sku qty [amount]          queue  one number: unsynced sales
 *
 * Amounts: a whole number ("1295", 1295) is minor units; one with a decimal
 * point ("12.95", 12.95, 12.0) is major units and converted exactly by the
 * currency's decimals (12.955 EUR is an error, not rounded). A database that
 * stores whole major units must multiply in its SQL. NULL is "unknown".
 */
#include <stdbool.h>
#include <stdint.h>

struct book;
struct err;
struct ledger;
struct stage;
struct target;

/**
 * books_each - call row for every row of every query. @stopped: the services
 * are down. 0 or a negative errno with what was read and how it failed. Rows
 * may have been handed out before a failure. A target without books: has no rows.
 */
int books_each(struct stage *st, const struct target *t, bool stopped,
	       void (*row)(void *arg, const struct book *b), void *arg, struct err *e);
/** books_read - the same into the ledger; @start marks rows that were there before the first
 * shopper. Nothing is written when reading fails. */
int books_read(struct stage *st, const struct target *t, bool start, bool stopped,
	       struct ledger *out, struct err *e);
/** books_queue - unsynced sales by the target's `queue:`; -ENOENT when it declares none. */
int books_queue(struct stage *st, const struct target *t, int64_t *ret_n, struct err *e);
/** books_digest - of all rows, whatever their order: equal digests, equal books. */
int books_digest(struct stage *st, const struct target *t, uint64_t *ret_digest, struct err *e);

#endif
