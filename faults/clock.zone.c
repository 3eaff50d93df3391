/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "stage/zone.h"

/*
 * clock.zone: somebody gives a node another time zone while its programs run, as timedatectl does.
 * A program sees it when it looks: glibc does at each localtime() and tzset() and at no
 * localtime_r(), most others when they start. A hit is that somebody opened the new zone; who sets
 * TZ never does.
 */
struct clock_zone_opts {
	struct strlist node;
	char *to;
};
struct clock_zone_state {
	struct run *run;
	struct clock_zone_node {
		struct clock_zone_state *state;
		const char *name;        /* borrowed: of the target */
		const char *zone;        /* borrowed: of the options */
		struct stage_zone *taken; /* owned */
	} *at;                           /* owned */
	size_t count;
};

static const struct opt clock_zone_rows[] = {
	{ .name = "node", .type = OPT_STRLIST, .offset = offsetof(struct clock_zone_opts, node),
	  .help = "whose zone: nodes or patterns", .example = "lane-*" },
	{ .name = "to", .type = OPT_STRING, .offset = offsetof(struct clock_zone_opts, to),
	  .help = "the zone, by its name below " ZONE_DIR, .example = "Asia/Tokyo" },
	OPT_END
};

static bool meant(const struct clock_zone_opts *o, const struct node *n)
{
	for (size_t i = 0; n->services_count && i < o->node.count; i++)
		if (str_glob(o->node.at[i], n->name))
			return true;
	return false;
}

static void clock_zone_check(const void *opts, struct mark at, struct diag *d)
{
	const char *to = ((const struct clock_zone_opts *)opts)->to;
	size_t len = strlen(to);

	if (!len || len > 64 || to[0] == '/' || to[len - 1] == '/' || strstr(to, "//") ||
	    strspn(to, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/") < len)
		diag_error(d, at, "to: \"%.70s\" is no zone like Europe/Berlin or UTC", to);
}

static int clock_zone_check_target(const void *opts, const struct target *t, struct mark at,
				   struct diag *d)
{
	const struct clock_zone_opts *o = opts;
	unsigned before = diag_errors(d);

	(void)at;
	for (size_t i = 0; i < o->node.count; i++) {
		bool found = false;

		for (size_t k = 0; k < t->nodes_count; k++)
			found |= t->nodes[k].services_count && str_glob(o->node.at[i],
									t->nodes[k].name);
		if (!found)
			diag_error(d, o->node.marks[i], "node: target %s has no node \"%s\" with "
				   "services", t->name, o->node.at[i]);
	}
	return diag_errors(d) > before ? -EINVAL : 0;
}

/* Where the node will have it: in its rootfs, or on this host. */
static int clock_zone_reach(const void *opts, const struct target *t, char *why, size_t why_len)
{
	const struct clock_zone_opts *o = opts;

	for (size_t i = 0; i < t->nodes_count; i++) {
		const char *root = t->nodes[i].rootfs ? t->nodes[i].rootfs : "";
		cleanup_free char *path = xasprintf("%s%s%s" ZONE_DIR "/%s",
						    *root && *root != '/' ? t->folder : "",
						    *root && *root != '/' ? "/" : "", root, o->to);

		if (!meant(o, &t->nodes[i]) || access(path, R_OK) == 0)
			continue;
		snprintf(why, why_len, "node %s has no zone %s: %s: %s (install the package "
			 "tzdata, or is the name wrong?)", t->nodes[i].name, o->to, path,
			 strerror(errno));
		return -EOPNOTSUPP;
	}
	return 0;
}

static void on_opened(void *arg, size_t times)
{
	const struct clock_zone_node *n = arg;
	struct run *r = n->state->run;

	r->many = (int64_t)times;
	run_fired(r, n->name, NULL, "/etc/localtime", "opened%s, and it is %s",
		  times > 1 ? " more than once" : "", n->zone);
}

static int clock_zone_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct clock_zone_opts *o = opts;
	struct clock_zone_state *s = state;
	int err = 0;

	s->run = r;
	s->at = xcalloc(r->target->nodes_count, sizeof(*s->at));
	for (size_t i = 0; err >= 0 && i < r->target->nodes_count; i++) {
		struct clock_zone_node *n = &s->at[s->count];

		if (!meant(o, &r->target->nodes[i]))
			continue;
		*n = (struct clock_zone_node){ .state = s, .name = r->target->nodes[i].name,
					       .zone = o->to };
		err = stage_zone_take(r->stage, n->name, o->to, r->loop, on_opened, n,
				      &n->taken, e);
		if (err == -ENOTCONN) {
			run_skipped(r, n->name, NULL, "it is off");
			err = 0;
		} else {
			s->count += err >= 0;
		}
	}
	return err;
}

static int clock_zone_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct clock_zone_state *s = state;
	int ret = 0;

	(void)r;
	(void)opts;
	while (s->count > 0) {
		int err = stage_zone_give(s->at[--s->count].taken, e);

		ret = ret < 0 ? ret : err;
	}
	return ret;
}

static void clock_zone_release(struct run *r, void *state)
{
	struct clock_zone_state *s = state;

	(void)r;
	free(s->at);
	s->at = NULL;
}

static void clock_zone_describe(const void *opts, struct buf *out)
{
	const struct clock_zone_opts *o = opts;

	buf_printf(out, "the time zone of ");
	for (size_t i = 0; i < o->node.count; i++)
		buf_printf(out, "%s%s", i ? ", " : "", o->node.at[i]);
	buf_printf(out, " becomes %s", o->to);
}

const struct fault_ops fault_clock_zone = {
	.name = "clock.zone",
	.summary = "a node is given another time zone under its programs",
	.layer = LAYER_CLOCK,
	.cost = "none",
	.privilege = "user namespaces",
	.opts = { clock_zone_rows, sizeof(struct clock_zone_opts) },
	.state_size = sizeof(struct clock_zone_state),
	.check = clock_zone_check,
	.check_target = clock_zone_check_target,
	.reach = clock_zone_reach,
	.arm = clock_zone_arm,
	.disarm = clock_zone_disarm,
	.release = clock_zone_release,
	.describe = clock_zone_describe,
	.example = "clock.zone: {node: lane-*, to: Asia/Tokyo}",
};
