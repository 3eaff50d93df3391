/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

/*
 * disk.misdirect: a write goes to another place of its file, some blocks of 4 KiB away, and says
 * that all is well: what was there is overwritten, and where it should be is what was before. The
 * kernel's cache shows what was meant until the pages are dropped, which healing does. A file with
 * only one place for it is spared.
 */
struct disk_misdirect_opts {
	struct drive_opts drive;
	double rate;
};

static const struct opt disk_misdirect_rows[] = {
	DRIVE_NODE(disk_misdirect_opts),
	DRIVE_PATH(disk_misdirect_opts),
	DRIVE_SERVICE(disk_misdirect_opts),
	DRIVE_RATE(disk_misdirect_opts),
	OPT_END
};

static int disk_misdirect_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_misdirect_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_ASTRAY);

	rule.ops = DISK_BIT(DISK_WRITE);
	rule.chance = o->rate;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_misdirect_describe(const void *opts, struct buf *out)
{
	const struct disk_misdirect_opts *o = opts;

	buf_printf(out, "%.4g %% of writes go astray ", o->rate * 100);
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_misdirect = {
	.name = "disk.misdirect",
	.summary = "a write goes to another place of its file, and nobody is told",
	DRIVE_HOOKS,
	.opts = { disk_misdirect_rows, sizeof(struct disk_misdirect_opts) },
	.counts_hits = true,
	.check = drive_check,
	.arm = disk_misdirect_arm,
	.describe = disk_misdirect_describe,
	.example = "disk.misdirect: {node: store, path: \"*.db\", rate: 10%}",
};
