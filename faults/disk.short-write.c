/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"
#include "faults/words.h"

/*
 * disk.short-write: a write writes a part of what it was given and says so, as write(2) may.
 */
struct disk_short_write_opts {
	struct drive_opts drive;
	double rate;
};

static const struct opt disk_short_write_rows[] = {
	DRIVE_NODE(disk_short_write_opts),
	DRIVE_PATH(disk_short_write_opts),
	DRIVE_SERVICE(disk_short_write_opts),
	DRIVE_RATE(disk_short_write_opts),
	OPT_END
};

static int disk_short_write_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_short_write_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_SHORT);

	rule.ops = DISK_BIT(DISK_WRITE);
	rule.chance = o->rate;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_short_write_describe(const void *opts, struct buf *out)
{
	const struct disk_short_write_opts *o = opts;

	words_share(out, o->rate, "writes");
	buf_adds(out, " are short ");
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_short_write = {
	.name = "disk.short-write",
	.summary = "a write writes only a part, and says so",
	DRIVE_HOOKS,
	.opts = { disk_short_write_rows, sizeof(struct disk_short_write_opts) },
	.counts_hits = true,
	.check = drive_check,
	.arm = disk_short_write_arm,
	.describe = disk_short_write_describe,
	.example = "disk.short-write: {node: store, rate: 30%}",
};
