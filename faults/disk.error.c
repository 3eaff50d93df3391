/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

/*
 * disk.error: operations on files fail, each by its own draw. What was cached is read without
 * asking the disk, so a read meets the error where its page is not cached; all are dropped when
 * this is armed.
 */
struct disk_error_opts {
	struct drive_opts drive;
	int error;
	double rate;
};

static const struct opt disk_error_rows[] = {
	DRIVE_NODE(disk_error_opts),
	DRIVE_PATH(disk_error_opts),
	DRIVE_SERVICE(disk_error_opts),
	DRIVE_OP(disk_error_opts, "[read, write, fsync]"),
	{ .name = "error", .type = OPT_ENUM, .offset = offsetof(struct disk_error_opts, error),
	  .def = "EIO", .values = drive_errors, .help = "what the program is told" },
	DRIVE_RATE(disk_error_opts),
	OPT_END
};

static int disk_error_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_error_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_ERROR);

	rule.error = drive_error(o->error);
	rule.chance = o->rate;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_error_describe(const void *opts, struct buf *out)
{
	const struct disk_error_opts *o = opts;

	buf_printf(out, "%s ", drive_errors[o->error].name);
	if (o->rate < 1)
		buf_printf(out, "for %.4g %% of operations ", o->rate * 100);
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_error = {
	.name = "disk.error",
	.summary = "reads, writes or fsyncs fail",
	DRIVE_HOOKS,
	.opts = { disk_error_rows, sizeof(struct disk_error_opts) },
	.counts_hits = true,
	.check = drive_check,
	.arm = disk_error_arm,
	.describe = disk_error_describe,
	.example = "disk.error: {node: store, op: fsync, rate: 10%}",
};
