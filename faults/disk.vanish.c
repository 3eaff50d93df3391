/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

/*
 * disk.vanish: the device is gone, as a disk whose cable came off: everything that is not cached
 * fails, until it is back (`for:`).
 */
struct disk_vanish_opts {
	struct drive_opts drive;
	int error;
};

static const struct opt disk_vanish_rows[] = {
	DRIVE_NODE(disk_vanish_opts),
	{ .name = "error", .type = OPT_ENUM, .offset = offsetof(struct disk_vanish_opts, error),
	  .def = "EIO", .values = drive_errors, .help = "what the program is told" },
	OPT_END
};

static int disk_vanish_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_vanish_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_ERROR);

	rule.ops = DISK_ALL_OPS;
	rule.error = drive_error(o->error);
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_vanish_describe(const void *opts, struct buf *out)
{
	const struct disk_vanish_opts *o = opts;

	buf_adds(out, "nothing answers ");
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_vanish = {
	.name = "disk.vanish",
	.summary = "the device is gone, until it is back",
	DRIVE_HOOKS,
	.opts = { disk_vanish_rows, sizeof(struct disk_vanish_opts) },
	.check = drive_check,
	.arm = disk_vanish_arm,
	.describe = disk_vanish_describe,
	.example = "disk.vanish: {node: store}",
};
