/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_STORE_LOOSE_H
#define TILL_STORE_LOOSE_H

#include "store.h"

/** loose_number - BUG_RECEIPT_GAP: a number in a transaction of its own; 0: failed. */
int64_t loose_number(struct store *st, const char *series);
/** loose_stock_after - BUG_SPLIT_BOOKING: first the sale, then, in a second transaction, stock. */
int loose_stock_after(struct store *st, const struct sale *s, struct booked *ret, char *why);
/** loose_stock_around - BUG_STOCK_READ_MODIFY_WRITE: stock read before, written after the sale. */
int loose_stock_around(struct store *st, const struct sale *s, struct booked *ret, char *why);
/** loose_bought_together - BUG_SLOW_LEAK: what else was bought with each article, ever. */
void loose_bought_together(struct store *st, const struct sale *s);
/** loose_wait - BUG_WAIT_FOR_SPACE: a second, after which the booking is tried again. */
void loose_wait(void);
/** loose_draft - BUG_DRAFT_WINS: this basket lies here, unpaid, so that is what it is. */
bool loose_draft(struct store *st, const struct sale *s, struct booked *ret);

#endif
