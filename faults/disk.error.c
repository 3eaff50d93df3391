/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

#include "base/str.h"
#include "stage/stage.h"

/*
 * disk.error: operations on files fail, each by its own draw. What was cached is read without
 * asking the disk, so a read meets the error where its page is not cached; all are dropped when
 * this is armed. `then: succeeds` is what Linux does to an fsync: see disk/past.c.
 */
struct disk_error_opts {
	struct drive_opts drive;
	int error, then, shows;
	double rate;
};

static const struct opt_value disk_error_thens[] = {
	{ "fails", "nothing else happens; the next one is drawn anew" },
	{ "succeeds", "as on Linux: what was written since the last fsync (or since this was "
	  "armed) never gets to the disk, the next fsync knows nothing of it, and one that has "
	  "nothing to write does not fail" },
	{ NULL, NULL },
};
static const struct opt_value disk_error_shows[] = {
	{ "new", "as on ext4 and XFS: reads show what was written until the pages are evicted, "
	  "which healing does; a page that is written to again is kept as a whole" },
	{ "old", "as on btrfs: reads show at once what is on the disk" },
	{ NULL, NULL },
};

static const struct opt disk_error_rows[] = {
	DRIVE_NODE(disk_error_opts),
	DRIVE_PATH(disk_error_opts),
	DRIVE_SERVICE(disk_error_opts),
	DRIVE_OP(disk_error_opts, "[read, write, fsync]"),
	{ .name = "error", .type = OPT_ENUM, .offset = offsetof(struct disk_error_opts, error),
	  .def = "EIO", .values = drive_errors, .help = "what the program is told" },
	DRIVE_RATE(disk_error_opts),
	{ .name = "then", .type = OPT_ENUM, .offset = offsetof(struct disk_error_opts, then),
	  .def = "fails", .values = disk_error_thens, .help = "of a failed fsync: what comes of "
	  "the data and of the next one" },
	{ .name = "shows", .type = OPT_ENUM, .offset = offsetof(struct disk_error_opts, shows),
	  .def = "new", .values = disk_error_shows, .help = "with `then: succeeds`: what is read "
	  "afterwards" },
	OPT_END
};

static void disk_error_check(const void *opts, struct mark at, struct diag *d)
{
	const struct disk_error_opts *o = opts;
	bool fsync = false;

	drive_check(opts, at, d);
	for (size_t i = 0; i < o->drive.op.count; i++)
		fsync |= str_eq(o->drive.op.at[i], "fsync") || str_eq(o->drive.op.at[i], "any");
	if (o->then && !fsync)
		diag_error(d, at, "then: succeeds is about fsync, which is not among the op:");
	if (o->shows && !o->then)
		diag_error(d, at, "shows: says what is read after `then: succeeds`");
}

/* What only they have written back is not lost by an fsync that fails later. */
static bool disk_error_hears_syncs(const void *opts)
{
	return ((const struct disk_error_opts *)opts)->then;
}

static int disk_error_reach(const void *opts, const struct target *t, char *why, size_t why_len)
{
	(void)t;
	return disk_error_hears_syncs(opts) ? stage_probe_calls(why, why_len) : 0;
}

static int disk_error_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_error_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_ERROR);

	rule.error = drive_error(o->error);
	rule.chance = o->rate;
	rule.lossy = o->then;
	rule.reverts = o->shows;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_error_describe(const void *opts, struct buf *out)
{
	const struct disk_error_opts *o = opts;

	buf_printf(out, "%s ", drive_errors[o->error].name);
	if (o->rate < 1)
		buf_printf(out, "for %.4g %% of operations ", o->rate * 100);
	drive_describe(&o->drive, out);
	if (o->then)
		buf_printf(out, "; what an fsync failed to write is lost, %s",
			   o->shows ? "at once" : "when this is healed");
}

const struct fault_ops fault_disk_error = {
	.name = "disk.error",
	.summary = "reads, writes or fsyncs fail",
	DRIVE_HOOKS,
	.opts = { disk_error_rows, sizeof(struct disk_error_opts) },
	.counts_hits = true,
	.hears_syncs = disk_error_hears_syncs,
	.reach = disk_error_reach,
	.check = disk_error_check,
	.arm = disk_error_arm,
	.describe = disk_error_describe,
	.example = "disk.error: {node: store, op: fsync, rate: 10%}",
};
