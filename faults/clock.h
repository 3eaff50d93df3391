/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_CLOCK_H
#define WD_FAULTS_CLOCK_H

/* What the faults on clocks share: which clocks, by how much, in words. */
#include "faults/hook.h"

struct yaml_node;

/** clock_which - choices of `clock:`; clock_bits - the clocks of the kernel that one means. */
extern const struct opt_value clock_which[];
uint32_t clock_bits(int choice);
enum { CLOCK_OF_DAY, CLOCK_STEADY, CLOCK_BOTH };

/** CLOCK_WHICH - the option row; struct @owner has a member `int clock`. */
#define CLOCK_WHICH(owner) \
	{ .name = "clock", .type = OPT_ENUM, .offset = offsetof(struct owner, clock), \
	  .def = "realtime", .values = clock_which, .help = "which clocks of the kernel" }

/** clock_parse_by - an option's parse_at: int64_t ns from "-1h" or "15s". */
int clock_parse_by(const struct yaml_node *n, const char *path, void *field, struct diag *diag);
/** clock_by_check - refuses a jump by nothing; `by` must follow `hook` in the options. */
void clock_by_check(const void *opts, struct mark at, struct diag *diag);
/** clock_words - a hook_arm's: by how much a clock is wrong. */
void clock_words(const struct shim_hit *h, char *ret, size_t len);
/** clock_amount - "1 h ahead", "15 s behind". */
void clock_amount(int64_t by, struct buf *out);

/** CLOCK_HOOKS - the members of struct fault_ops that are the same for all of them. */
#define CLOCK_HOOKS \
	HOOK_HOOKS, .layer = LAYER_CLOCK, .cost = "3 ns a clock read of those services"

#endif
