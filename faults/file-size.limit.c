/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/limit.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"

/*
 * file-size.limit: no file of a service may grow beyond a size (RLIMIT_FSIZE, as with `ulimit -f`
 * or a file system that cannot hold larger ones). Who writes beyond it is killed by SIGXFSZ; who
 * ignores the signal gets EFBIG, after a write that was cut at the limit. Both can be seen: a death
 * by that signal, and an open file that ends exactly there. The limit is made odd, so that programs
 * that write in blocks do not get there by themselves.
 */
struct file_size_limit_opts {
	char *service;
	int64_t most;
};

static const struct opt file_size_limit_rows[] = {
	SERVICE_ROW(file_size_limit_opts),
	{ .name = "most", .type = OPT_SIZE, .offset = offsetof(struct file_size_limit_opts, most),
	  .min = "1 B", .help = "bytes that a file may have; an even number is taken as one more",
	  .example = "1 MiB" },
	OPT_END
};

static void file_size_limit_look(struct limit_state *s, struct limited_service *v,
				 const struct tasks *t)
{
	const char *ended = limit_ended(s, v);
	char file[sizeof(v->file)];

	if (ended && strstr(ended, "SIGXFSZ"))
		limit_fired(s, v, "%s: it wrote beyond %" PRId64 " bytes of a file", ended,
			    v->most);
	for (size_t i = 0; i < t->count; i++) {
		if (!task_file_of(t->pid[i], v->most, file, sizeof(file)) ||
		    strcmp(file, v->file) == 0)
			continue;
		memcpy(v->file, file, sizeof(v->file));
		if (!s->arming)
			limit_fired(s, v, "%.150s was cut at %" PRId64 " bytes", file, v->most);
	}
}

static const struct limit_kind file_size_limit_kind = {
	.resource = RLIMIT_FSIZE,
	.every_ns = 20 * NS_PER_MS,
	.look = file_size_limit_look,
};

static int file_size_limit_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct file_size_limit_opts *o = opts;

	return limit_arm(state, r, &file_size_limit_kind, o->service, o->most | 1, 0, e);
}

static int file_size_limit_check_target(const void *opts, const struct target *t, struct mark at,
					struct diag *d)
{
	const struct file_size_limit_opts *o = opts;

	return service_check_target(o->service, t, at, d);
}

static void file_size_limit_describe(const void *opts, struct buf *out)
{
	const struct file_size_limit_opts *o = opts;

	buf_printf(out, "no file of %s may grow beyond %" PRId64 " bytes", o->service,
		   o->most | 1);
}

const struct fault_ops fault_file_size_limit = {
	.name = "file-size.limit",
	.summary = "no file of a service may grow beyond a size",
	.layer = LAYER_RESOURCE,
	.cost = "none",
	.privilege = "user namespaces",
	.opts = { file_size_limit_rows, sizeof(struct file_size_limit_opts) },
	.state_size = sizeof(struct limit_state),
	.check_target = file_size_limit_check_target,
	.arm = file_size_limit_arm,
	.disarm = limit_disarm,
	.release = limit_release,
	.describe = file_size_limit_describe,
	.example = "file-size.limit: {service: store/store, most: 1 MiB}",
};
