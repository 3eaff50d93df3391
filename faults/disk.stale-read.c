/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"
#include "faults/words.h"

/*
 * disk.stale-read: whoever reads a block of 4 KiB from the disk gets what it held before its last
 * write since this was armed, as from a disk that lost the write or answers from an old copy. Each
 * write's pages are dropped from the cache just after it; who reads them back sooner than that
 * sees what was written. Healed, the newest is read again.
 */
struct disk_stale_read_opts {
	struct drive_opts drive;
	double blocks;
};

static const struct opt disk_stale_read_rows[] = {
	DRIVE_NODE(disk_stale_read_opts),
	DRIVE_PATH(disk_stale_read_opts),
	DRIVE_SERVICE(disk_stale_read_opts),
	{ .name = "blocks", .type = OPT_RATIO,
	  .offset = offsetof(struct disk_stale_read_opts, blocks), .def = "100%",
	  .help = "the chance of each block to be stale, drawn anew from the seed with each write "
	  "to it", .example = "10%" },
	OPT_END
};

static int disk_stale_read_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_stale_read_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_STALE);

	rule.ops = DISK_BIT(DISK_READ);
	rule.chance = o->blocks;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_stale_read_describe(const void *opts, struct buf *out)
{
	const struct disk_stale_read_opts *o = opts;

	words_share(out, o->blocks, "blocks");
	buf_adds(out, " that are written are read as they were before ");
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_stale_read = {
	.name = "disk.stale-read",
	.summary = "what is read is from before the last write",
	DRIVE_HOOKS,
	.opts = { disk_stale_read_rows, sizeof(struct disk_stale_read_opts) },
	.counts_hits = true,
	.check = drive_check,
	.arm = disk_stale_read_arm,
	.describe = disk_stale_read_describe,
	.example = "disk.stale-read: {node: store, path: \"*.db\", blocks: 10%}",
};
