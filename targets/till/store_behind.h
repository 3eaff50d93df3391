/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_STORE_BEHIND_H
#define TILL_STORE_BEHIND_H

/* Write-behind, as BUG_ACK_BEFORE_COMMIT has it. */
#include "store.h"

struct behind;
struct behind *behind_start(struct store *st);
/** behind_stop - write what waits, then end. NULL is fine. */
void behind_stop(struct behind *b);
/** behind_sell - answer from memory; the books get it within 50 ms, if we live. */
int behind_sell(struct behind *b, const struct sale *s, struct booked *ret, char *why);

#endif
