/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_TRACE_H
#define WD_TRIAL_TRACE_H

/* `trace: true`: what the drivers said and heard, in logs/driver.<lane>.log. */
#include <stddef.h>
#include <stdint.h>

struct traces;

/** traces_new - @logs: the folder, which may not exist yet; @cap: bytes a file. */
struct traces *traces_new(const char *logs, int64_t cap);
/** traces_add - as crowd_hooks.trace. A file that cannot be written is given up: what matters of a
 * full disk is said by the ledgers. */
void traces_add(struct traces *t, const char *lane, const char *text, size_t len);
void traces_free(struct traces *t);

#endif
