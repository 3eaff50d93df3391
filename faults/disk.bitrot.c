/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

/*
 * disk.bitrot: blocks of 4 KiB are rotten: whoever reads one from the disk (not from the cache,
 * which is dropped when this is armed) gets it with bits turned over. The same blocks of a file
 * are rotten for as long as it lasts.
 */
struct disk_bitrot_opts {
	struct drive_opts drive;
	int64_t bits;
	double blocks;
};

static const struct opt disk_bitrot_rows[] = {
	DRIVE_NODE(disk_bitrot_opts),
	DRIVE_PATH(disk_bitrot_opts),
	DRIVE_SERVICE(disk_bitrot_opts),
	{ .name = "bits", .type = OPT_INT, .offset = offsetof(struct disk_bitrot_opts, bits),
	  .def = "1", .min = "1", .max = "64", .help = "so many bits of a rotten block" },
	{ .name = "blocks", .type = OPT_RATIO, .offset = offsetof(struct disk_bitrot_opts, blocks),
	  .def = "100%", .help = "the chance of each block to be rotten, drawn from the seed for "
	  "that file and block", .example = "1%" },
	OPT_END
};

static int disk_bitrot_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_bitrot_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_ROT);

	rule.ops = DISK_BIT(DISK_READ);
	rule.bits = (int32_t)o->bits;
	rule.chance = o->blocks;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_bitrot_describe(const void *opts, struct buf *out)
{
	const struct disk_bitrot_opts *o = opts;

	buf_printf(out, "%.4g %% of blocks are rotten ", o->blocks * 100);
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_bitrot = {
	.name = "disk.bitrot",
	.summary = "what is read has bits turned over",
	DRIVE_HOOKS,
	.opts = { disk_bitrot_rows, sizeof(struct disk_bitrot_opts) },
	.counts_hits = true,
	.check = drive_check,
	.arm = disk_bitrot_arm,
	.describe = disk_bitrot_describe,
	.example = "disk.bitrot: {node: store, path: \"*.db\", blocks: 5%}",
};
