/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

#include <errno.h>

/*
 * disk.quota: the target's owner has used up a quota: EDQUOT where a full disk would give ENOSPC,
 * and statfs shows plenty of room.
 */
struct disk_quota_opts {
	struct drive_opts drive;
	int64_t left;
};

static const struct opt disk_quota_rows[] = {
	DRIVE_NODE(disk_quota_opts),
	{ .name = "left", .type = OPT_SIZE, .offset = offsetof(struct disk_quota_opts, left),
	  .def = "0 B", .min = "0 B", .help = "bytes that may still be used, in blocks of 4 KiB",
	  .example = "64 KiB" },
	OPT_END
};

static int disk_quota_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_quota_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_FULL);

	rule.ops = DISK_ALL_OPS & ~(DISK_BIT(DISK_READ) | DISK_BIT(DISK_LOOKUP));
	rule.error = EDQUOT;
	rule.left = o->left;
	rule.hidden = true;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_quota_describe(const void *opts, struct buf *out)
{
	const struct disk_quota_opts *o = opts;

	buf_printf(out, "a quota with %lld bytes left ", (long long)o->left);
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_quota = {
	.name = "disk.quota",
	.summary = "the quota is used up, with room on the disk",
	DRIVE_HOOKS,
	.opts = { disk_quota_rows, sizeof(struct disk_quota_opts) },
	.check = drive_check,
	.arm = disk_quota_arm,
	.describe = disk_quota_describe,
	.example = "disk.quota: {node: store, left: 64 KiB}",
};
