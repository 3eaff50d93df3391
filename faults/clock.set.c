/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "conf/yaml.h"

/*
 * clock.set: the clock is set to a moment, or to a little before one, so that the service lives
 * through it: a leap day, the night in which clocks are put forward or back, the end of the seconds
 * that fit into 32 bits, the end of a year.
 */
struct clock_set_opts {
	struct hook_opts hook;
	int64_t to;            /* seconds since 1970 */
	struct dur before;
};

/* Moments by name; the times of summer are the European Union's. */
static const struct {
	const char *name, *when;
} moments[] = {
	{ "leap-day", "2028-02-29T00:00:00Z" },
	{ "leap-day-over", "2028-03-01T00:00:00Z" },
	{ "summer-begins", "2027-03-28T01:00:00Z" },
	{ "summer-ends", "2027-10-31T01:00:00Z" },
	{ "year-end", "2028-01-01T00:00:00Z" },
	{ "fiscal-year-end", "2027-04-01T00:00:00Z" },
	{ "2038", "2038-01-19T03:14:08Z" },
};

/* "2028-02-29T00:00:00Z", or with a space and without Z; always UTC. */
static bool read_moment(const char *text, int64_t *ret)
{
	struct tm tm = { 0 }, same;
	char sep, zone = 'Z', rest;
	int n = sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%c%c", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		       &sep, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &zone, &rest);
	time_t t;

	if (n == 3) {
		sep = 'T';
		n = strlen(text) == 10 ? 7 : 0;
	}
	if ((n != 7 && n != 8) || (sep != 'T' && sep != ' ') || zone != 'Z' || tm.tm_year < 1970 ||
	    tm.tm_year > 2250)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	same = tm;
	t = timegm(&tm);
	*ret = t;
	return tm.tm_mday == same.tm_mday && tm.tm_hour == same.tm_hour &&
	       tm.tm_min == same.tm_min && tm.tm_mon == same.tm_mon;
}

static int parse_to(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	const char *names[ARRAY_SIZE(moments)], *text = n->type == NODE_SCALAR ? n->text : "";
	char hint[128];

	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		names[i] = moments[i].name;
		if (str_eq(moments[i].name, text))
			text = moments[i].when;
	}
	if (read_moment(text, field))
		return 0;
	opt_suggest(text, names, ARRAY_SIZE(names), hint, sizeof(hint));
	diag_error(diag, n->mark, "%s: \"%.60s\" is no moment like 2028-02-29T00:00:00Z, and none "
		   "of leap-day, leap-day-over, summer-begins, summer-ends, year-end, "
		   "fiscal-year-end, 2038%s", path, text, hint);
	return -EINVAL;
}

static const struct opt clock_set_rows[] = {
	HOOK_NODE(clock_set_opts),
	HOOK_SERVICE(clock_set_opts),
	{ .name = "to", .type = OPT_CUSTOM, .offset = offsetof(struct clock_set_opts, to),
	  .parse_at = parse_to, .example = "leap-day",
	  .help = "the moment, in UTC: 2028-02-29T00:00:00Z, or leap-day, leap-day-over, "
		  "summer-begins, summer-ends, year-end, fiscal-year-end, 2038" },
	{ .name = "before", .type = OPT_DURATION, .offset = offsetof(struct clock_set_opts, before),
	  .domain = DOMAIN_SYSTEM, .def = "0s", .min = "0s", .max = "365d",
	  .help = "so long before it, to live through it", .example = "2s" },
	OPT_END
};

static int clock_set_arm(struct run *r, const void *opts, void *state, struct err *e)
{
	const struct clock_set_opts *o = opts;
	struct shim_rule rule = hook_rule(r, SHIM_JUMP);

	rule.by = o->to * NS_PER_S - o->before.ns - clock_wall();
	rule.clocks = SHIM_CALENDAR;
	return hook_arm(r, &rule, &o->hook, clock_words, state, e);
}

static void clock_set_describe(const void *opts, struct buf *out)
{
	const struct clock_set_opts *o = opts;
	time_t t = (time_t)(o->to - o->before.ns / NS_PER_S);
	char text[64];
	struct tm tm;

	buf_adds(out, "the clock is set ");
	hook_describe(&o->hook, out);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&t, &tm));
	buf_printf(out, " to %s", text);
}

const struct fault_ops fault_clock_set = {
	.name = "clock.set",
	.summary = "the clock is set to a moment: leap day, end of summer time, 2038",
	CLOCK_HOOKS,
	.opts = { clock_set_rows, sizeof(struct clock_set_opts) },
	.arm = clock_set_arm,
	.describe = clock_set_describe,
	.example = "clock.set: {node: store, to: leap-day, before: 2s}",
};
