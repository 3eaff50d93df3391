/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_ORDER_H
#define WD_EXPLORE_ORDER_H

/*
 * In which order trials are begun. One after the other: as the files and seeds
 * come. With several at the same time: the longest first, so that none is left
 * over at the end; and one whose good day is just being run by another waits
 * for that, while there is something else to do, instead of running it twice.
 */
#include "explore/worker.h"

struct order;
/** order_new - of all trials of a suite. @o must outlive it. */
struct order *order_new(const struct suite_opts *o);
void order_free(struct order *r);
/**
 * order_next - the next trial, given those under way. false: there are no more.
 * @ret: all of it but good_vague is filled.
 */
bool order_next(struct order *r, const struct job *const *under_way, size_t count, struct job *ret);
/** order_expected_ns - real time that its shoppers and crash states will take at least. */
int64_t order_expected_ns(const struct experiment *x);

#endif
