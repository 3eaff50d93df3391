/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

#include "base/clock.h"
#include "faults/words.h"

/*
 * disk.slow: operations take longer, each by itself, or (`stall`) one makes all that match wait
 * with it, as a memory card does that is busy with itself.
 */
struct disk_slow_opts {
	struct drive_opts drive;
	struct dur delay, jitter;
	int shape;
	bool stall;
	double rate;
};

static const struct opt disk_slow_rows[] = {
	DRIVE_NODE(disk_slow_opts),
	DRIVE_PATH(disk_slow_opts),
	DRIVE_SERVICE(disk_slow_opts),
	DRIVE_OP(disk_slow_opts, "[read, write, fsync]"),
	{ .name = "delay", .type = OPT_DURATION, .offset = offsetof(struct disk_slow_opts, delay),
	  .domain = DOMAIN_SYSTEM, .min = "0s", .max = "1h",
	  .help = "how much longer, the mean of it with jitter", .example = "20ms" },
	{ .name = "jitter", .type = OPT_DURATION, .offset = offsetof(struct disk_slow_opts, jitter),
	  .domain = DOMAIN_SYSTEM, .def = "0s", .min = "0s", .max = "1h",
	  .help = "how much it differs from one to the next", .example = "5ms" },
	{ .name = "shape", .type = OPT_ENUM, .offset = offsetof(struct disk_slow_opts, shape),
	  .def = "uniform", .values = drive_shapes, .help = "the distribution of the jitter" },
	{ .name = "stall", .type = OPT_BOOL, .offset = offsetof(struct disk_slow_opts, stall),
	  .def = "false", .help = "while one is held back, all others that match wait too" },
	DRIVE_RATE(disk_slow_opts),
	OPT_END
};

static int disk_slow_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct disk_slow_opts *o = opts;
	struct disk_rule rule = drive_rule(r, &o->drive, DISK_SLOW);

	rule.delay_ns = o->delay.ns;
	rule.jitter_ns = o->jitter.ns;
	rule.shape = o->shape;
	rule.stall = o->stall;
	rule.chance = o->rate;
	return drive_arm(r, &rule, &o->drive, state, e);
}

static void disk_slow_describe(const void *opts, struct buf *out)
{
	const struct disk_slow_opts *o = opts;

	buf_adds(out, o->stall ? "stalls for " : "operations are held back for ");
	words_later(out, o->delay.ns, o->jitter.ns);
	buf_addc(out, ' ');
	drive_describe(&o->drive, out);
}

const struct fault_ops fault_disk_slow = {
	.name = "disk.slow",
	.summary = "operations take longer, or the whole disk stalls",
	DRIVE_HOOKS,
	.opts = { disk_slow_rows, sizeof(struct disk_slow_opts) },
	.counts_hits = true,
	.check = drive_check,
	.arm = disk_slow_arm,
	.describe = disk_slow_describe,
	.example = "disk.slow: {node: store, op: fsync, delay: 50ms, jitter: 20ms}",
};
