/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_WORDS_H
#define WD_FAULTS_WORDS_H

/* Pieces of the sentences in which faults describe themselves. */
#include "base/buf.h"

/** words_share - "all packets", "20 % of packets". @share: 0..1. */
void words_share(struct buf *out, double share, const char *things);
/** words_later - "450 ms ± 200 ms"; without jitter "450 ms". */
void words_later(struct buf *out, int64_t delay_ns, int64_t jitter_ns);

#endif
