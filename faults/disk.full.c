/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

#include <errno.h>

/*
 * disk.full: the disk has only so many bytes left, really: what needs room gets ENOSPC, statfs
 * shows it, overwriting works, and deleting makes room. With `at: fsync` writes still succeed
 * and the bad news comes with fsync, as where blocks are allocated late.
 */
struct disk_full_opts {
	struct drive_opts drive;
	int64_t left;
	double filled;
	int at;
};

static const struct opt_value disk_full_ats[] = {
	{ "write", "whoever needs room is told at once" },
	{ "fsync", "only whoever asks for durability is told" },
	{ NULL, NULL },
};

static const struct opt disk_full_rows[] = {
	DRIVE_NODE(disk_full_opts),
	{ .name = "left", .type = OPT_SIZE, .offset = offsetof(struct disk_full_opts, left),
	  .def = "0 B", .min = "0 B",
	  .help = "bytes that still fit when it strikes, in blocks of 4 KiB",
	  .example = "64 KiB" },
	{ .name = "filled", .type = OPT_RATIO, .offset = offsetof(struct disk_full_opts, filled),
	  .optional = true, .min = "1%", .max = "100%",
	  .help = "instead of left: what is there when it strikes is so much of the disk",
	  .example = "98%" },
	{ .name = "at", .type = OPT_ENUM, .offset = offsetof(struct disk_full_opts, at),
	  .def = "write", .values = disk_full_ats, .help = "when it shows" },
	OPT_END
};

static int disk_full_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_full_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_FULL);

	rule.ops = DISK_ALL_OPS & ~(DISK_BIT(DISK_READ) | DISK_BIT(DISK_LOOKUP));
	rule.error = ENOSPC;
	rule.left = o->left;
	rule.share = o->filled;
	rule.late = o->at == 1;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_full_describe(const void *opts, struct buf *out)
{
	const struct disk_full_opts *o = opts;

	if (o->filled > 0)
		buf_printf(out, "the disk is %.4g %% full ", o->filled * 100);
	else
		buf_printf(out, "the disk is full but for %lld bytes ", (long long)o->left);
	drive_describe(&o->drive, out);
	if (o->at == 1)
		buf_adds(out, ", which only fsync tells");
}

const struct fault_ops fault_disk_full = {
	.name = "disk.full",
	.summary = "the disk is full: no room to write to, until something is deleted",
	DRIVE_HOOKS,
	.opts = { disk_full_rows, sizeof(struct disk_full_opts) },
	.check = drive_check,
	.arm = disk_full_arm,
	.describe = disk_full_describe,
	.example = "disk.full: {node: store, left: 64 KiB}",
};
