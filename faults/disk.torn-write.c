/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"
#include "faults/words.h"

/*
 * disk.torn-write: a write puts only its first sectors on the disk and says that all is well. The
 * kernel's cache shows what was meant until the pages are dropped, which healing does.
 */
struct disk_torn_write_opts {
	struct drive_opts drive;
	double rate;
};

static const struct opt disk_torn_write_rows[] = {
	DRIVE_NODE(disk_torn_write_opts),
	DRIVE_PATH(disk_torn_write_opts),
	DRIVE_SERVICE(disk_torn_write_opts),
	DRIVE_RATE(disk_torn_write_opts),
	OPT_END
};

static int disk_torn_write_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_torn_write_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_TORN);

	rule.ops = DISK_BIT(DISK_WRITE);
	rule.chance = o->rate;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_torn_write_describe(const void *opts, struct buf *out)
{
	const struct disk_torn_write_opts *o = opts;

	words_share(out, o->rate, "writes");
	buf_adds(out, " are torn ");
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_torn_write = {
	.name = "disk.torn-write",
	.summary = "a write puts only its first sectors on the disk, and nobody is told",
	DRIVE_HOOKS,
	.opts = { disk_torn_write_rows, sizeof(struct disk_torn_write_opts) },
	.counts_hits = true,
	.check = drive_check,
	.arm = disk_torn_write_arm,
	.describe = disk_torn_write_describe,
	.example = "disk.torn-write: {node: store, path: \"*.db\", rate: 10%}",
};
