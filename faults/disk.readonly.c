/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

#include <errno.h>

/*
 * disk.readonly: the file system has become read-only, as ext4 does after an error: whatever would
 * change it gets EROFS, also through files that are open.
 */
struct disk_readonly_opts {
	struct drive_opts drive;
};

static const struct opt disk_readonly_rows[] = {
	DRIVE_NODE(disk_readonly_opts),
	OPT_END
};

static int disk_readonly_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_readonly_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_ERROR);

	rule.ops = DISK_BIT(DISK_CHANGE) | DISK_BIT(DISK_TRUNCATE) | DISK_BIT(DISK_CREATE) |
		   DISK_BIT(DISK_MKDIR) | DISK_BIT(DISK_LINK) | DISK_BIT(DISK_UNLINK) |
		   DISK_BIT(DISK_RMDIR) | DISK_BIT(DISK_RENAME) | DISK_BIT(DISK_OPEN) |
		   DISK_BIT(DISK_WRITE) | DISK_BIT(DISK_FSYNC) | DISK_BIT(DISK_SYNC_DIR) |
		   DISK_BIT(DISK_ALLOCATE) | DISK_BIT(DISK_XATTR);
	rule.writing = true;
	rule.error = EROFS;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_readonly_describe(const void *opts, struct buf *out)
{
	const struct disk_readonly_opts *o = opts;

	buf_adds(out, "nothing can be changed ");
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_readonly = {
	.name = "disk.readonly",
	.summary = "the file system has become read-only",
	DRIVE_HOOKS,
	.opts = { disk_readonly_rows, sizeof(struct disk_readonly_opts) },
	.check = drive_check,
	.arm = disk_readonly_arm,
	.describe = disk_readonly_describe,
	.example = "disk.readonly: {node: store}",
};
