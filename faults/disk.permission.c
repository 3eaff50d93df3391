/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

#include <errno.h>

/*
 * disk.permission: whoever opens, makes or removes a file is refused (EACCES), as after a change
 * of owner or mode that nobody wanted.
 */
struct disk_permission_opts {
	struct drive_opts drive;
	double rate;
};

static const struct opt disk_permission_rows[] = {
	DRIVE_NODE(disk_permission_opts),
	DRIVE_PATH(disk_permission_opts),
	DRIVE_SERVICE(disk_permission_opts),
	DRIVE_OP(disk_permission_opts, "[open, create, mkdir, unlink, rmdir, rename, list]"),
	DRIVE_RATE(disk_permission_opts),
	OPT_END
};

static int disk_permission_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_permission_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_ERROR);

	rule.error = EACCES;
	rule.chance = o->rate;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_permission_describe(const void *opts, struct buf *out)
{
	const struct disk_permission_opts *o = opts;

	buf_adds(out, "permission denied ");
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_permission = {
	.name = "disk.permission",
	.summary = "opening, making and removing files is refused",
	DRIVE_HOOKS,
	.opts = { disk_permission_rows, sizeof(struct disk_permission_opts) },
	.counts_hits = true,
	.check = drive_check,
	.arm = disk_permission_arm,
	.describe = disk_permission_describe,
	.example = "disk.permission: {node: store, path: \"*-journal\"}",
};
