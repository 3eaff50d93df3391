/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shop's day as it is written: when shoppers come, how much they bring, how
 * long they wait. Each of these values has a short form for experiments about
 * something else, and a long one that figures of real shops can be put into.
 */
#include "conf/crowd_rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

/* ---- arrivals ---- */

struct rate_unit {
	const char *name;
	double seconds;
};
static const struct rate_unit rate_units[] = {
	{"s", 1},
	{"min", 60},
	{"h", 3600},
	{"d", 86400},
};

static int complain(const struct yaml_node *n, const char *path, struct diag *diag, const char *why)
{
	diag_error(diag, n->mark, "%s: \"%s\" %s", path, n->text, why);
	return -EINVAL;
}

/* read_rate - "4/min" as shoppers per second; 0 when it is none. */
static double read_rate(const char *text)
{
	const char *slash = strchr(text, '/');
	char *end;
	double n;

	if (!slash || text[0] < '0' || text[0] > '9' ||
	    strspn(text, "0123456789.") != (size_t)(slash - text))
		return 0;
	n = strtod(text, &end);
	for (size_t i = 0; end == slash && i < ARRAY_SIZE(rate_units); i++)
		if (strcmp(slash + 1, rate_units[i].name) == 0)
			return n / rate_units[i].seconds;
	return 0;
}

static int read_stream(const struct yaml_node *n, const char *path, const char *rate,
		       struct arrivals *a, struct diag *diag)
{
	a->per_s = read_rate(rate);
	a->per_day = strchr(rate, '/') && strcmp(strchr(rate, '/'), "/d") == 0;
	if (a->per_s > 0 && a->per_s <= 1e7)
		return 0;
	if (*rate && strspn(rate, "0123456789.") == strlen(rate))
		return complain(n, path, diag, "needs a unit (4/min, 10/s, 200/h)");
	return complain(n, path, diag, "needs a rate like 4/min, 10/s or 200/h");
}

static int read_burst(const struct yaml_node *n, const char *path, const char *rest,
		      struct arrivals *a, struct diag *diag)
{
	const char *every = strstr(rest, " every ");
	cleanup_free char *count = every ? xstrndup(rest, (size_t)(every - rest)) : NULL;
	struct dur d;
	char why[256];

	if (!every || opt_parse_int(count, &a->burst, why, sizeof(why)) < 0 || a->burst < 1)
		return complain(n, path, diag, "is not a burst like \"burst 20 every 10min\"");
	if (opt_parse_duration(every + 7, DOMAIN_SHOP, &d, why, sizeof(why)) < 0) {
		diag_error(diag, n->mark, "%s: %s", path, why);
		return -EINVAL;
	}
	if (d.ns == 0)
		return complain(n, path, diag, "comes every no time at all");
	a->every_ns = d.ns;
	return 0;
}

int arrivals_parse(const struct yaml_node *n, const char *path, void *field,
		   struct diag *diag)
{
	static const char *const kinds[] = {"poisson", "constant", "burst"};
	struct arrivals *a = field;
	cleanup_free char *word = NULL;
	const char *rest;
	char hint[128];
	size_t len;

	if (n->type != NODE_SCALAR || yaml_empty(n)) {
		diag_error(diag, n->mark, "%s: expected arrivals like \"poisson 4/min\"", path);
		return -EINVAL;
	}
	len = strcspn(n->text, " ");
	rest = n->text + len + strspn(n->text + len, " ");
	word = xstrndup(n->text, len);
	for (int i = 0; i < 3; i++) {
		if (strcmp(word, kinds[i]) != 0)
			continue;
		a->kind = (enum arrivals_kind)i;
		return a->kind == ARRIVALS_BURST ? read_burst(n, path, rest, a, diag)
						 : read_stream(n, path, rest, a, diag);
	}
	opt_suggest(word, kinds, 3, hint, sizeof(hint));
	diag_error(
		diag, n->mark,
		"%s: \"%s\" does not start with poisson, constant or burst (\"poisson 4/min\")%s",
		path, n->text, hint);
	return -EINVAL;
}

/* ---- shares by something: {1..6: 60%, 7..40: 40%} ---- */

/* read_shares - a map of shares that add up to 100 %; the caller reads the names. */
static int read_shares(const struct yaml_node *n, const char *path, size_t most,
		       struct weights *ret, struct diag *diag)
{
	static const struct opt row = {.name = "shares", .type = OPT_WEIGHTS};

	if (n->type == NODE_MAP && n->count > most) {
		diag_error(diag, n->mark, "%s: at most %zu parts", path, most);
		return -EINVAL;
	}
	return opt_one(&row, n, path, ret, diag);
}

static void shares_done(struct weights *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->at[i].name);
	free(w->at);
}

/* ---- basket ---- */

static const struct opt size_row = {
	.name = "basket", .type = OPT_RANGE, .min = "1", .max = "1000"};

static int read_part(const struct yaml_node *n, size_t i, const char *path,
		     const struct weight *w, struct sizes_part *ret, struct diag *diag)
{
	char why[256];

	ret->share = w->share;
	if (opt_value(&size_row, w->name, &ret->range, why, sizeof(why)) == 0)
		return 0;
	diag_error(diag, n->keys[i].mark, "%s: %s", path, why);
	return -EINVAL;
}

int sizes_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	struct sizes *s = field;
	struct weights w = {0};
	int r;

	if (n->type != NODE_MAP)
		return opt_one(&size_row, n, path, &s->range, diag);
	r = read_shares(n, path, ARRAY_SIZE(s->part), &w, diag);
	for (size_t i = 0; r == 0 && i < w.count; i++)
		r = read_part(n, i, path, &w.at[i], &s->part[s->count++], diag);
	shares_done(&w);
	return r;
}

/* ---- patience ---- */

static int read_point(const struct yaml_node *n, size_t i, const char *path, struct patience *p,
		      struct diag *diag)
{
	struct patience_point *now = &p->point[i];
	char why[256] = "expected a share like 5%";
	struct dur d;

	if (opt_parse_duration(n->keys[i].name, DOMAIN_SHOP, &d, why, sizeof(why)) < 0) {
		diag_error(diag, n->keys[i].mark, "%s: %s", path, why);
		return -EINVAL;
	}
	if (n->items[i]->type != NODE_SCALAR ||
	    opt_parse_ratio(n->items[i]->text, &now->share, why, sizeof(why)) < 0) {
		diag_error(diag, n->items[i]->mark, "%s: %s", path, why);
		return -EINVAL;
	}
	now->ns = d.ns;
	if (now->ns > (i ? now[-1].ns : 0) && now->share >= (i ? now[-1].share : 0))
		return 0;
	diag_error(diag, n->keys[i].mark,
		   "%s: times and shares grow: how many have left by then, of all", path);
	return -EINVAL;
}

int patience_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	static const struct opt all = {
		.name = "patience", .type = OPT_DURATION, .domain = DOMAIN_SHOP};
	struct patience *p = field;
	int r = 0;

	p->all = (struct dur){.ns = -1, .domain = DOMAIN_SHOP};
	if (n->type == NODE_SCALAR && str_eq(n->text, "never"))
		return 0;
	if (n->type != NODE_MAP)
		return opt_one(&all, n, path, &p->all, diag);
	if (n->count < 1 || n->count > ARRAY_SIZE(p->point)) {
		diag_error(diag, n->mark, "%s: 1 to %zu points, like {1min: 5%%, 15min: 80%%}",
			   path, ARRAY_SIZE(p->point));
		return -EINVAL;
	}
	for (size_t i = 0; r == 0 && i < n->count; i++)
		r = read_point(n, i, path, p, diag);
	p->count = r == 0 ? n->count : 0;
	return r;
}

/* ---- hours ---- */

static const struct opt hour_row = {.name = "hours", .type = OPT_INT, .min = "0", .max = "23"};

int hours_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	struct hours *h = field;
	struct weights w = {0};
	int r = read_shares(n, path, HOURS, &w, diag);
	char why[256];

	for (size_t i = 0; r == 0 && i < w.count; i++) {
		int64_t hour = 0;

		r = n->type != NODE_MAP
			    ? -EINVAL
			    : opt_value(&hour_row, w.at[i].name, &hour, why, sizeof(why));
		if (r == 0 && i && hour != h->to)
			r = -EINVAL;
		if (r < 0) {
			diag_error(diag, n->type == NODE_MAP ? n->keys[i].mark : n->mark,
				   "%s: expected the hours of a day one after the other, like "
				   "{8: 20%%, 9: 80%%}", path);
			break;
		}
		h->share[hour] = w.at[i].share;
		h->from = i ? h->from : (int)hour;
		h->to = (int)hour + 1;
	}
	shares_done(&w);
	return r;
}

/* ---- all of it ---- */

static bool has_hours(const struct shoppers *s)
{
	return s->hours.to > 0;
}

/* Which hours are played: [*from, *to). */
static void played(const struct shoppers *s, int *from, int *to)
{
	bool given = s->play.first != INT64_MIN;

	*from = given ? (int)s->play.first : s->hours.from;
	*to = given ? (int)s->play.last : s->hours.to;
}

int64_t shoppers_open_ns(const struct shoppers *s)
{
	int from, to;

	if (s->open_for.ns >= 0)
		return s->open_for.ns;
	if (!has_hours(s))
		return -1;
	played(s, &from, &to);
	return (to - from) * 3600 * NS_PER_S;
}

static double expected_by_hours(const struct shoppers *s)
{
	double share = 0;
	int from, to;

	played(s, &from, &to);
	for (int h = from; h < to; h++)
		share += s->hours.share[h];
	return share * s->arrivals.per_s * 86400;
}

double shoppers_expected(const struct shoppers *s)
{
	const struct arrivals *a = &s->arrivals;
	double open_s = (double)shoppers_open_ns(s) / NS_PER_S, n;

	if (open_s < 0)
		return (double)s->count;
	n = has_hours(s)		 ? expected_by_hours(s)
	    : a->kind == ARRIVALS_BURST	 ? open_s * 1e9 / (double)a->every_ns * (double)a->burst
					 : open_s * a->per_s;
	if (s->trains.every.ns > 0)
		n += open_s * 1e9 / (double)s->trains.every.ns *
		     (double)(s->trains.people.first + s->trains.people.last) / 2;
	return s->count && n > (double)s->count ? (double)s->count : n;
}

static void check_hours(const struct shoppers *s, const struct yaml_node *n, struct diag *diag)
{
	if (s->arrivals.kind != ARRIVALS_POISSON || !s->arrivals.per_day)
		diag_error(diag, yaml_key_mark(n, "hours"),
			   "shoppers.hours: share out the shoppers of a day, so arrivals must be "
			   "like \"poisson 1800/d\"");
	if (s->open_for.ns >= 0)
		diag_error(diag, yaml_key_mark(n, "open_for"),
			   "shoppers.open_for: hours: says already how long the shop is open; "
			   "`play:` chooses some of them");
	if (s->play.first != INT64_MIN &&
	    (s->play.first < s->hours.from || s->play.last > s->hours.to ||
	     s->play.first >= s->play.last))
		diag_error(diag, yaml_key_mark(n, "play"),
			   "shoppers.play: the shop is open from %d to %d; 16..18 plays two hours",
			   s->hours.from, s->hours.to);
}

/* How many may come when nobody said so: hardly ever too few. */
static int64_t count_most(const struct shoppers *s)
{
	double n = shoppers_expected(s);

	return (int64_t)(n + 6 * sqrt(n) + 50);
}

/* Nothing says when the last one has come. */
static void check_count(const struct yaml_node *tree, struct diag *diag)
{
	static const char *const ends[] = {"count", "open_for", "hours"};
	const struct yaml_node *n = yaml_get(tree, "shoppers");

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (!n || n->type != NODE_MAP || yaml_get(n, ends[i]))
			return;
	diag_error(diag, yaml_key_mark(tree, "shoppers"),
		   "shoppers: \"count\" is missing (how many come in all), and nothing says when "
		   "the shop closes (open_for, hours, like)");
}

void shoppers_check(struct shoppers *s, const struct yaml_node *tree, struct diag *diag)
{
	const struct yaml_node *n = yaml_get(tree, "shoppers");

	check_count(tree, diag);
	if (diag_errors(diag))
		return; /* what follows would say the same in other words */
	if (has_hours(s))
		check_hours(s, n, diag);
	else if (s->play.first != INT64_MIN)
		diag_error(diag, yaml_key_mark(n, "play"),
			   "shoppers.play: chooses among `hours:`, which are not given");
	if (!s->count && !diag_errors(diag))
		s->count = count_most(s);
}
