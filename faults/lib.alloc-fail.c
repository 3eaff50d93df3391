/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/hook.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * lib.alloc-fail: the C library has no memory for some of those who ask (malloc, calloc, realloc,
 * aligned_alloc, posix_memalign): NULL and ENOMEM. What a program maps by itself is not asked.
 */
struct lib_alloc_fail_opts {
	struct hook_opts hook;
	int64_t least, most;
	double rate;
};

static const struct opt lib_alloc_fail_rows[] = {
	HOOK_NODE(lib_alloc_fail_opts),
	HOOK_SERVICE(lib_alloc_fail_opts),
	{ .name = "least", .type = OPT_SIZE, .offset = offsetof(struct lib_alloc_fail_opts, least),
	  .def = "0 B", .min = "0 B", .help = "only who asks for so much at least",
	  .example = "4 KiB" },
	{ .name = "most", .type = OPT_SIZE, .offset = offsetof(struct lib_alloc_fail_opts, most),
	  .def = "1000000 GB", .min = "1 B", .help = "only who asks for so much at most",
	  .example = "64 KiB" },
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct lib_alloc_fail_opts, rate),
	  .def = "100%", .help = "the chance of each call, drawn from the seed for that process "
	  "and how many-eth matching call of it this is", .example = "1%" },
	OPT_END
};

static void lib_alloc_fail_check(const void *opts, struct mark at, struct diag *d)
{
	const struct lib_alloc_fail_opts *o = opts;

	if (o->least > o->most)
		diag_error(d, at, "least: more than `most`");
}

static void lib_alloc_fail_words(const struct shim_hit *h, char *ret, size_t len)
{
	snprintf(ret, len, "ENOMEM instead of %" PRIu64 " bytes, call %" PRIu64, h->size, h->nth);
}

static int lib_alloc_fail_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct lib_alloc_fail_opts *o = opts;
	struct shim_rule rule = hook_rule(r, SHIM_ALLOC);

	rule.chance = o->rate;
	rule.size_min = (uint64_t)o->least;
	rule.size_max = (uint64_t)o->most;
	return hook_arm(r, &rule, &o->hook, lib_alloc_fail_words, state, e);
}

static void lib_alloc_fail_describe(const void *opts, struct buf *out)
{
	const struct lib_alloc_fail_opts *o = opts;

	buf_adds(out, "the C library has no memory ");
	hook_describe(&o->hook, out);
	if (o->rate < 1)
		buf_printf(out, ", for %.4g %% of calls", o->rate * 100);
}

const struct fault_ops fault_lib_alloc_fail = {
	.name = "lib.alloc-fail",
	.summary = "malloc and its family find no memory",
	HOOK_HOOKS,
	.layer = LAYER_LIB,
	.cost = "5 ns a call of malloc in those services",
	.opts = { lib_alloc_fail_rows, sizeof(struct lib_alloc_fail_opts) },
	.counts_hits = true,
	.check = lib_alloc_fail_check,
	.arm = lib_alloc_fail_arm,
	.describe = lib_alloc_fail_describe,
	.example = "lib.alloc-fail: {node: store, least: 4 KiB, rate: 1%}",
};
