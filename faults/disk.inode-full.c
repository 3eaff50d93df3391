/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

#include <errno.h>

/*
 * disk.inode-full: no further file can be made (ENOSPC, with room for bytes), until one is
 * deleted.
 */
struct disk_inode_full_opts {
	struct drive_opts drive;
	int64_t left;
};

static const struct opt disk_inode_full_rows[] = {
	DRIVE_NODE(disk_inode_full_opts),
	{ .name = "left", .type = OPT_INT, .offset = offsetof(struct disk_inode_full_opts, left),
	  .def = "0", .min = "0", .help = "files that can still be made when it strikes" },
	OPT_END
};

static int disk_inode_full_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_inode_full_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_INODES);

	rule.ops = DISK_BIT(DISK_CREATE) | DISK_BIT(DISK_MKDIR) | DISK_BIT(DISK_LINK);
	rule.error = ENOSPC;
	rule.left = o->left;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_inode_full_describe(const void *opts, struct buf *out)
{
	const struct disk_inode_full_opts *o = opts;

	buf_printf(out, "only %lld more files can be made ", (long long)o->left);
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_inode_full = {
	.name = "disk.inode-full",
	.summary = "no further file can be made",
	DRIVE_HOOKS,
	.opts = { disk_inode_full_rows, sizeof(struct disk_inode_full_opts) },
	.check = drive_check,
	.arm = disk_inode_full_arm,
	.describe = disk_inode_full_describe,
	.example = "disk.inode-full: {node: store}",
};
