/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_BOOKS_H
#define WD_TRIAL_BOOKS_H

/*
 * Reading the books: what the POS has durably recorded, through the target's
 * `books:` (SQLite file, PostgreSQL, HTTP, command). The target is never disturbed.
 * (Interface wanted by trial.c and settle.c; the implementer may add to it.)
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
 * are down. 0 or a negative errno with what was read and how it failed.
 */
int books_each(struct stage *st, const struct target *t, bool stopped,
	       void (*row)(void *arg, const struct book *b), void *arg, struct err *e);
/** books_read - the same into the ledger; @start marks rows that were there before the first shopper. */
int books_read(struct stage *st, const struct target *t, bool start, bool stopped,
	       struct ledger *out, struct err *e);
/** books_queue - unsynced sales by the target's `queue:`; -ENOENT when it declares none. */
int books_queue(struct stage *st, const struct target *t, int64_t *ret_n, struct err *e);

#endif
