/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/power.h"

#include "faults/drive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/draw.h"
#include "base/str.h"
#include "disk/disk.h"
#include "disk/durable.h"
#include "disk/oplog.h"
#include "stage/links.h"
#include "stage/stage.h"

/*
 * power.cut: a node loses its power. Everything that runs on it dies at once and goes silent; its
 * disk keeps what the model says is durable, and of the rest what the seed says; after `off:` (or,
 * with `for:`, when that is over) it boots.
 *
 * Which state is left is drawn for the activation, whatever had happened by then: half the time
 * everything that was not durable is lost, which is the worst for most programs; else a draw.
 *
 * With `explore:` nothing is cut while the shop is open. When it has closed, the log says for every
 * point of the day what a cut would have left, and each state is tried (trial/crashes.c).
 */
extern const struct fault_ops fault_power_cut;

struct power_cut_opts {
	struct drive_opts drive;
	struct dur off;
	int model, lose;
	char *explore, *again;
};
enum lose { LOSE_DRAWN, LOSE_EVERYTHING, LOSE_NOTHING };

#define FILES_TOLD 40 /* of those that lost something */
#define SALES_SOUGHT 500

static const struct opt_value power_models[] = {
	[DURABLE_STRICT] = { "strict", "what POSIX promises, and nothing more" },
	[DURABLE_ORDERED] = { "ext4-ordered", "ext4 as Debian mounts it" },
	[DURABLE_WRITEBACK] = { "ext4-writeback", "ext4 with data=writeback" },
	{ NULL, NULL },
};
static const struct opt_value power_lose[] = {
	[LOSE_DRAWN] = { "drawn", "by the seed: all that is not durable, or some of it, or torn" },
	[LOSE_EVERYTHING] = { "everything", "all that is not durable" },
	[LOSE_NOTHING] = { "nothing", "the disk had written everything: a kill of the node" },
	{ NULL, NULL },
};

static const struct opt power_cut_rows[] = {
	DRIVE_NODE(power_cut_opts),
	{ .name = "off", .type = OPT_DURATION, .offset = offsetof(struct power_cut_opts, off),
	  .domain = DOMAIN_SYSTEM, .def = "1s", .min = "0s", .max = "1h",
	  .help = "how long until it boots; with `for:` that says it", .example = "5s" },
	{ .name = "model", .type = OPT_ENUM, .offset = offsetof(struct power_cut_opts, model),
	  .def = "ext4-ordered", .values = power_models,
	  .help = "what fsync, fdatasync, O_SYNC, rename and unlink promise" },
	{ .name = "lose", .type = OPT_ENUM, .offset = offsetof(struct power_cut_opts, lose),
	  .def = "drawn", .values = power_lose,
	  .help = "what becomes of that which is not durable" },
	{ .name = "explore", .type = OPT_STRING, .offset = offsetof(struct power_cut_opts, explore),
	  .optional = true, .example = "500",
	  .help = "cut nothing, but when the shop has closed try so many (or `all`) of the states "
		  "that a cut at any point of the day could have left" },
	{ .name = "again", .type = OPT_STRING, .offset = offsetof(struct power_cut_opts, again),
	  .optional = true, .example = "100",
	  .help = "with `explore:`, when those are through: so many (or `all`) of the states that "
		  "a second cut could have left while the services recovered from one of them" },
	OPT_END
};

/* "all", or how many; 0: neither. */
static int64_t explore_states(const char *text)
{
	char why[64];
	int64_t n;

	if (str_eq(text, "all"))
		return INT64_MAX;
	return opt_parse_int(text, &n, why, sizeof(why)) < 0 || n < 1 ? 0 : n;
}

bool power_explores(const struct conf_item *item, struct power_explore *ret)
{
	const struct power_cut_opts *o = item->opts;

	if (item->kind->ops != &fault_power_cut || !o->explore)
		return false;
	*ret = (struct power_explore){ .drive = &o->drive, .model = o->model,
				       .states = explore_states(o->explore),
				       .again = o->again ? explore_states(o->again) : 0 };
	return true;
}

/* Without the calls nobody would know of a sync(). */
static int power_cut_probe(char *why, size_t why_len)
{
	int err = drive_probe(why, why_len);

	return err < 0 ? err : stage_probe_calls(why, why_len);
}

static void power_cut_check(const void *opts, struct mark at, struct diag *d)
{
	const struct power_cut_opts *o = opts;

	drive_check(opts, at, d);
	if (o->explore && !explore_states(o->explore))
		diag_error(d, at, "explore: \"%s\" is neither `all` nor a number of states",
			   o->explore);
	if (o->again && !explore_states(o->again))
		diag_error(d, at, "again: \"%s\" is neither `all` nor a number of states",
			   o->again);
	if (o->again && !o->explore)
		diag_error(d, at, "again: is about the states of `explore:`, which is not there");
}

/* What is explored is what the books say, so they must be there. */
static int power_cut_check_target(const void *opts, const struct target *t, struct mark at,
				  struct diag *d)
{
	const struct power_cut_opts *o = opts;
	size_t nodes = 0;

	if (drive_check_target(opts, t, at, d) < 0)
		return -EINVAL;
	for (size_t i = 0; i < t->nodes_count; i++)
		nodes += drive_meant(&o->drive, t->nodes[i].name);
	if (!o->explore || (nodes == 1 && t->books.node && drive_meant(&o->drive, t->books.node)))
		return 0;
	diag_error(d, at, "explore: needs the one node that has the books%s%s",
		   t->books.node ? ": " : "", t->books.node ? t->books.node : "");
	return -EINVAL;
}

/* ---- what is left ---- */

static uint64_t which(const struct run *r, const struct power_cut_opts *o, const char *node)
{
	struct draw d = { .seed = (uint64_t)r->seed, .name = "power.cut",
			  .object = draw_object(node), .hit = (uint64_t)r->activation };

	if (o->lose == LOSE_NOTHING)
		return CRASH_ALL;
	if (o->lose == LOSE_EVERYTHING || draw_chance(d, 0.5))
		return CRASH_NOTHING;
	return CRASH_DRAWN + (uint64_t)r->activation;
}

static void ago(char *ret, size_t size, int64_t now, int64_t then)
{
	snprintf(ret, size, "%" PRId64 ".%03" PRId64 " ms before", (now - then) / NS_PER_MS,
		 (now - then) % NS_PER_MS / NS_PER_US);
}

/* "2 of 5 operations since its last fsync, 12.031 ms before, are lost: write ... write" */
static void tell_loss(struct run *r, const char *node, const struct loss *l, int64_t cut_ns)
{
	const struct log_rec *first = l->lost[0];
	const char *path = strchr(l->path, '/');
	char when[64], synced[96] = "never synced";

	ago(when, sizeof(when), cut_ns, first->end_ns);
	if (l->synced_ns) {
		ago(synced, sizeof(synced), cut_ns, l->synced_ns);
		snprintf(synced + strlen(synced), sizeof(synced) - strlen(synced), " synced last");
	}
	run_note(r, node, path ? path + 1 : l->path, "lost by the power cut: %s%s, %" PRId64
		 " bytes, done %s, and %zu more operations; %zu of them torn; %s",
		 log_kind_words(first), first->kind == LOG_REMOVE || first->kind == LOG_RENAME ?
		 " (its folder was not synced)" : "", l->bytes, when, l->count - 1, l->torn,
		 synced);
}

/* Of whom every trace is lost: the crowd calls its sales S and the shopper's number. */
static void tell_sales(struct run *r, const char *node, const struct history *h,
		       const struct crash *c, int64_t cut_ns)
{
	const struct shoppers *s = &r->experiment->shoppers;
	int64_t count = s->count < SALES_SOUGHT ? s->count : SALES_SOUGHT;

	for (int64_t n = s->first; n < s->first + count; n++) {
		char key[32], when[64], *path, *who;
		size_t i;

		snprintf(key, sizeof(key), "S%" PRId64, n);
		i = crash_lost_text(c, key);
		if (i == CRASH_KEPT || i == CRASH_UNWRITTEN)
			continue;
		ago(when, sizeof(when), cut_ns, history_op(h, i)->end_ns);
		path = history_about(h, i);
		who = history_who(h, i);
		run_note(r, node, key, "the write%s%s to %s that has it, done %s the power was "
			 "cut, %s", *who ? " of " : "", who, path, when, crash_fate(c, i));
		free(who);
		free(path);
	}
}

static int crash(struct run *r, const struct power_cut_opts *o, const char *node, int services,
		 struct err *e)
{
	struct disk *disk = stage_disk(r->stage, node);
	struct crash_at at = { .model = o->model, .ops = SIZE_MAX, .seed = (uint64_t)r->seed,
			       .nth = which(r, o, node) };
	struct history *h = NULL;
	struct crash *c = NULL;
	const struct loss *l;
	size_t bytes = 0, n, ops = 0;
	const void *log = disk ? disk_log(disk, &bytes) : NULL;
	int64_t now = clock_now();
	int err = log ? history_new(&h, log, bytes, e) : err_set(e, ENOENT, "it has no log");

	if (err == 0)
		err = crash_new(&c, h, &at, e);
	if (err == 0)
		err = stage_power_data(r->stage, node, c, e);
	if (err == 0) {
		l = crash_losses(c, &n);
		for (size_t i = 0; i < n; i++)
			ops += l[i].count;
		run_fired(r, node, NULL, node, "the power is cut: %d process%s died, %zu of %zu "
			  "operations on its disk are lost (%s)", services,
			  services == 1 ? "" : "es", ops, history_count(h),
			  durability_names[o->model]);
		for (size_t i = 0; i < n && i < FILES_TOLD; i++)
			tell_loss(r, node, &l[i], now);
		if (!crash_certain(c))
			tell_sales(r, node, h, c, now);
	}
	crash_free(c);
	history_free(h);
	return err < 0 ? err_wrap(e, "the power cut of node %s", node) : 0;
}

/* ---- arming ---- */

static int cut_node(struct run *r, const struct power_cut_opts *o, const char *node, struct err *e)
{
	int services = stage_power_off(r->stage, node, r->fault, e), err;

	if (services == -EALREADY) {
		run_skipped(r, node, node, "it had no power");
		return 0;
	}
	err = services < 0 ? services : crash(r, o, node, services, e);
	if (err == 0 && !r->lasts)
		stage_power_on_at(r->stage, node, clock_now() + o->off.ns);
	return err;
}

static int power_cut_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct power_cut_opts *o = opts;
	int err = 0;

	(void)state;
	if (o->explore)
		return 0;
	for (size_t i = 0; err == 0 && i < r->target->nodes_count; i++)
		if (drive_meant(&o->drive, r->target->nodes[i].name))
			err = cut_node(r, o, r->target->nodes[i].name, e);
	return err;
}

/* With `for:` they boot now; else each does in its own time, which the stage knows. */
static int power_cut_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct power_cut_opts *o = opts;
	int err = 0;

	(void)state;
	for (size_t i = 0; r->lasts && err == 0 && i < r->target->nodes_count; i++)
		if (drive_meant(&o->drive, r->target->nodes[i].name))
			err = stage_power_on(r->stage, r->target->nodes[i].name, e);
	return err;
}

static void power_cut_describe(const void *opts, struct buf *out)
{
	const struct power_cut_opts *o = opts;

	buf_adds(out, o->explore ? "the power could be cut at any point " : "the power is cut ");
	drive_describe(&o->drive, out);
	buf_printf(out, " (%s)", durability_names[o->model]);
}

const struct fault_ops fault_power_cut = {
	.name = "power.cut",
	.summary = "a node loses its power, and what it had not synced; then it boots",
	.layer = LAYER_DISK,
	.cost = "25 us an operation on that disk, and its log",
	.privilege = "user namespaces, /dev/fuse",
	.opts = { power_cut_rows, sizeof(struct power_cut_opts) },
	.momentary = true,
	.logs_disk = true,
	.probe = power_cut_probe,
	.check = power_cut_check,
	.check_target = power_cut_check_target,
	.arm = power_cut_arm,
	.disarm = power_cut_disarm,
	.describe = power_cut_describe,
	.example = "power.cut: {node: store, off: 2s}",
};
