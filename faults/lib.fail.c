/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/hook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "shim/points.h"

/*
 * lib.fail: a failure point of libfiu's POSIX preload fails: a function of the C library returns an
 * error and is not called. Other than call.fail it also reaches what makes no system call.
 */
struct lib_fail_opts {
	struct hook_opts hook;
	char *point, *error;
	double rate;
};

static const struct opt lib_fail_rows[] = {
	HOOK_NODE(lib_fail_opts),
	HOOK_SERVICE(lib_fail_opts),
	{ .name = "point", .type = OPT_STRING, .offset = offsetof(struct lib_fail_opts, point),
	  .help = "a failure point of libfiu's POSIX preload, or pattern; or one of the program's "
		  "own by its name", .example = "posix/io/rw/write" },
	{ .name = "error", .type = OPT_STRING, .offset = offsetof(struct lib_fail_opts, error),
	  .optional = true, .help = "the errno; by default one that is usual for that point",
	  .example = "ENOSPC" },
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct lib_fail_opts, rate),
	  .def = "100%", .help = "the chance of each call, drawn from the seed for that process "
	  "and how many-eth matching call of it this is", .example = "5%" },
	OPT_END
};

static int error_number(const char *name)
{
	for (int i = 1; name && i < 134; i++)
		if (strerrorname_np(i) && str_eq(strerrorname_np(i), name))
			return i;
	return 0;
}

/* The program has it, where it was built with libfiu: nobody can know before it runs. */
static bool is_own(const char *point)
{
	static const char *const known[] = { "posix/", "libc/" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strncmp(point, known[i], strlen(known[i])))
			return false;
	return strchr(point, '/') && strlen(point) < SHIM_WHAT_MAX &&
	       !point[strspn(point, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./")];
}

void lib_fail_points(const struct experiment *x, struct strlist *ret)
{
	for (size_t i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		const struct lib_fail_opts *o = x->faults[i].opts;

		if (str_eq(ops->name, "lib.fail") && is_own(o->point))
			strlist_add(ret, o->point, (struct mark){ 0 });
	}
}

static void lib_fail_check(const void *opts, struct mark at, struct diag *d)
{
	const struct lib_fail_opts *o = opts;
	cleanup_free const char **names = xcalloc(shim_points_count, sizeof(*names));
	bool found = is_own(o->point);
	char hint[128];

	for (size_t i = 0; i < shim_points_count; i++) {
		names[i] = shim_points[i].name;
		found |= str_glob(o->point, names[i]);
	}
	opt_suggest(o->point, names, shim_points_count, hint, sizeof(hint));
	if (!found || strlen(o->point) >= SHIM_WHAT_MAX)
		diag_error(d, at, "point: there is no failure point \"%.60s\"%s", o->point, hint);
	if (o->error && !error_number(o->error))
		diag_error(d, at, "error: \"%.20s\" is no errno like EIO", o->error);
}

static int lib_fail_probe(char *why, size_t why_len)
{
	if (access(SHIM_POSIX_PRELOAD, R_OK) == 0)
		return 0;
	snprintf(why, why_len, "%s: %s (install the package fiu-utils)", SHIM_POSIX_PRELOAD,
		 strerror(errno));
	return -ENOENT;
}

static int lib_fail_reach(const void *opts, const struct target *t, char *why, size_t why_len)
{
	const struct hook_opts *o = opts;

	for (size_t i = 0; i < t->nodes_count; i++)
		for (size_t k = 0; k < o->node.count; k++)
			if (t->nodes[i].rootfs && str_glob(o->node.at[k], t->nodes[i].name)) {
				snprintf(why, why_len, "node %s has a rootfs, and libfiu is this "
					 "host's", t->nodes[i].name);
				return -EOPNOTSUPP;
			}
	return hook_reach(opts, t, why, why_len);
}

static void lib_fail_words(const struct shim_hit *h, char *ret, size_t len)
{
	snprintf(ret, len, "failed%s%s, call %" PRIu64, h->error ? " with " : "",
		 h->error ? strerrorname_np(h->error) : "", h->nth);
}

static int lib_fail_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct lib_fail_opts *o = opts;
	struct shim_rule rule = hook_rule(r, SHIM_POINT);

	rule.chance = o->rate;
	rule.error = error_number(o->error);
	rule.size_max = UINT64_MAX;
	snprintf(rule.what, sizeof(rule.what), "%s", o->point);
	return hook_arm(r, &rule, &o->hook, lib_fail_words, state, e);
}

static void lib_fail_describe(const void *opts, struct buf *out)
{
	const struct lib_fail_opts *o = opts;

	buf_printf(out, "%s fails ", o->point);
	hook_describe(&o->hook, out);
	if (o->rate < 1)
		buf_printf(out, ", %.4g %% of calls", o->rate * 100);
}

const struct fault_ops fault_lib_fail = {
	.name = "lib.fail",
	.summary = "a failure point of libfiu fails: in the C library, or the program's own",
	.privilege = "user namespaces, the package fiu-utils",
	.state_size = sizeof(struct hook_state),
	.layer = LAYER_LIB,
	.cost = "0.1 us a call of a function with a failure point in those services",
	.opts = { lib_fail_rows, sizeof(struct lib_fail_opts) },
	.counts_hits = true,
	.probe = lib_fail_probe,
	.check = lib_fail_check,
	.check_target = hook_check_target,
	.reach = lib_fail_reach,
	.arm = lib_fail_arm,
	.disarm = hook_disarm,
	.release = hook_release,
	.describe = lib_fail_describe,
	.example = "lib.fail: {node: store, point: posix/io/sync/fdatasync, rate: 5%}",
};
