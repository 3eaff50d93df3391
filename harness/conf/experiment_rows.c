/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an experiment file. Human times are those of supermarkets and every one can be set.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/experiment.h"

#define ROW(s, member) .name = #member, .offset = offsetof(struct s, member)
#define ROW_AS(s, key, member) .name = key, .offset = offsetof(struct s, member)

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

static int parse_arrivals(const struct yaml_node *n, const char *path, void *field,
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

/* ---- rows ---- */

static const struct opt_value lane_choices[] = {{"shortest", "the lane with the fewest waiting"},
						{"random", "any open lane"},
						{"pool", "one queue for all lanes"},
						{NULL, NULL}};
static const struct opt_value human_choices[] = {{"normal", "people take their time"},
						 {"none", "all human times are zero (benchmarks)"},
						 {NULL, NULL}};

static const struct opt shoppers_rows[] = {
	{ROW(shoppers, count), .type = OPT_INT, .min = "1", .max = "100000000",
	 .help = "how many come in all", .example = "300"},
	{ROW(shoppers, first), .type = OPT_INT, .def = "0", .min = "0", .max = "1000000000",
	 .help = "number of the first shopper; sale keys are S and the number"},
	{ROW(shoppers, arrivals), .type = OPT_CUSTOM, .parse_at = parse_arrivals,
	 .shape = SHAPE_TEXT,
	 .pattern = "(poisson|constant) +[0-9]+(\\.[0-9]+)?/(s|min|h|d)|"
		    "burst +[0-9]+ every {duration}",
	 .help = "when they come, in shop time: poisson RATE, constant RATE, burst N every TIME",
	 .example = "poisson 4/min"},
	{ROW(shoppers, lanes), .type = OPT_STRLIST, .optional = true,
	 .help = "lanes that are open: node names or globs; default: the target's lanes",
	 .example = "[lane-1, lane-2]"},
	{ROW(shoppers, backup), .type = OPT_STRLIST, .optional = true,
	 .help = "lanes that open only when another one dies", .example = "[lane-4]"},
	{ROW(shoppers, lane_choice), .type = OPT_ENUM, .def = "shortest", .values = lane_choices,
	 .help = "which lane a shopper joins"},
	{ROW(shoppers, basket), .type = OPT_RANGE, .def = "1..12", .min = "1", .max = "1000",
	 .help = "items in a basket"},
	{ROW(shoppers, pay), .type = OPT_WEIGHTS, .def = "{card: 60%, cash: 40%}",
	 .help = "the tender mix"},
	{ROW(shoppers, patience), .type = OPT_DURATION, .domain = DOMAIN_SHOP, .optional = true,
	 .help = "walks out after queueing this long; default: never", .example = "4min"},
	{ROW_AS(shoppers, "pace", pace_milli), .type = OPT_PACE, .def = "1x", .min = "0.01x",
	 .max = "100000x", .help = "shop time is divided by this", .example = "20x"},
	{ROW(shoppers, scan_time), .type = OPT_DURATION, .domain = DOMAIN_SHOP, .def = "2.9s",
	 .help = "mean human time per item"},
	{ROW(shoppers, pay_time), .type = OPT_STRMAP, .pattern = "{duration}", .optional = true,
	 .help = "mean human time to pay, by tender, in shop time; defaults for the usual tenders",
	 .example = "{card: 15s, cash: 18s}"},
	{ROW(shoppers, fixed_time), .type = OPT_DURATION, .domain = DOMAIN_SHOP, .def = "20s",
	 .help = "greeting and bagging"},
	{ROW(shoppers, step_timeout), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "60s",
	 .min = "1ms", .help = "a till that has not answered by then: outcome unknown"},
	{ROW(shoppers, open_within), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "60s",
	 .min = "1ms", .help = "lanes that could not open a session by then: nothing is judged"},
	{ROW(shoppers, retries), .type = OPT_INT, .def = "2", .min = "0", .max = "100",
	 .help = "how often a cashier tries a failed or unknown step again"},
	{ROW(shoppers, retap), .type = OPT_RATIO, .def = "0%",
	 .help = "chance that an impatient shopper taps again while waiting"},
	{ROW(shoppers, train), .type = OPT_RATIO, .def = "0%",
	 .help = "share of shoppers with a train to catch"},
	{ROW(shoppers, train_slack), .type = OPT_DURATION, .domain = DOMAIN_SHOP, .def = "10min",
	 .help = "their train leaves this long after they arrive"},
	{ROW(shoppers, void_share), .type = OPT_RATIO, .def = "0%",
	 .help = "share of sales in which an item is voided"},
	{ROW(shoppers, refund_share), .type = OPT_RATIO, .def = "0%",
	 .help = "share of shoppers who bring something back"},
	{ROW(shoppers, suspend_share), .type = OPT_RATIO, .def = "0%",
	 .help = "share of sales that are suspended and resumed"},
	{ROW_AS(shoppers, "human", human_zero), .type = OPT_BOOL, .def = "normal",
	 .values = human_choices, .help = "human times"},
	OPT_END};

static const struct opt_value expect_verdicts[] = {
	{"holds", NULL}, {"violated", NULL}, {"inconclusive", NULL}, {NULL, NULL}};
static const struct opt expect_rows[] = {
	{ROW(expect, check), .type = OPT_STRING, .help = "the check that is known to fail"},
	{ROW(expect, verdict), .type = OPT_ENUM, .values = expect_verdicts,
	 .help = "what it is known to say"},
	{ROW(expect, until), .type = OPT_STRING, .optional = true,
	 .pattern = "[0-9]{4}-[0-9]{2}-[0-9]{2}",
	 .help = "the day by which it must be mended: YYYY-MM-DD", .example = "2027-01-31"},
	{ROW(expect, why), .type = OPT_STRING, .help = "a sentence: what is known, and where"},
	OPT_END};

static const struct opt windows_rows[] = {
	{ROW(windows, width), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "5s",
	 .min = "1ms", .help = "how long a window is"},
	{ROW(windows, in_a_row), .type = OPT_INT, .def = "3", .min = "1", .max = "1000",
	 .help = "so many good windows in a row are a recovery"},
	{ROW(windows, of_baseline), .type = OPT_RATIO, .def = "90%", .min = "1%",
	 .help = "a window is good at this share of the good day's rate"},
	OPT_END};

static const struct opt_value baselines[] = {
	{"each", "a good day for every seed"},
	{"once", "one good day for all seeds"},
	{"never", "no good day: what fails may be the target's everyday fault"},
	{NULL, NULL}};

static const struct opt_value disks[] = {
	{"as-needed", "of the nodes that a disk fault names"},
	{"always", "of all nodes"},
	{NULL, NULL}};

static const struct opt_value pcaps[] = {
	{"altered", "packets that a fault altered, dropped or held, each with what was done"},
	{"all", "every packet between nodes; costs time while there is much traffic"},
	{"off", "no file"},
	{NULL, NULL}};

static const struct opt experiment_rows[] = {
	{ROW(experiment, title), .type = OPT_STRING, .optional = true,
	 .help = "one line for people; default: the file's name"},
	{ROW(experiment, target), .type = OPT_STRING,
	 .help = "the POS under test: a name in targets/ or a path", .example = "till"},
	{ROW(experiment, seed), .type = OPT_INT, .optional = true, .min = "0",
	 .help = "every decision is drawn from it; default: 1"},
	{ROW(experiment, shoppers), .type = OPT_STRUCT,
	 .sub = {shoppers_rows, sizeof(struct shoppers)}, .help = "who comes to buy"},
	{ROW(experiment, env), .type = OPT_STRMAP, .optional = true,
	 .help = "environment for every service of the target", .example = "{TILL_BUG: no-fsync}"},
	{ROW_AS(experiment, "faults", faults_node), .type = OPT_NODE, .optional = true,
	 .shape = SHAPE_FAULTS,
	 .help = "what goes wrong: a list of {FAULT: {options}, when: {...}, min_hits: N}"},
	{ROW_AS(experiment, "checks", checks_node), .type = OPT_NODE,
	 .shape = SHAPE_CHECKS,
	 .help = "what must hold: a list of CHECK or {CHECK: {options}}"},
	{ROW(experiment, expect), .type = OPT_STRUCT, .optional = true,
	 .sub = {expect_rows, sizeof(struct expect)}, .help = "a failure that is known"},
	{ROW(experiment, baseline), .type = OPT_ENUM, .def = "each", .values = baselines,
	 .help = "the good day to compare with"},
	{ROW(experiment, settle), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "120s",
	 .help = "after healing, wait at most this long for the books to come to rest"},
	{ROW(experiment, rest), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "2s",
	 .min = "10ms", .max = "10min",
	 .help = "after trouble the books must stand still for so long, half of settle at most: "
		 "what the POS books later is not seen",
	 .example = "30s"},
	{ROW(experiment, recovery), .type = OPT_STRUCT, .optional = true,
	 .sub = {windows_rows, sizeof(struct windows)}, .help = "what counts as recovered"},
	{ROW(experiment, warmup), .type = OPT_DURATION, .domain = DOMAIN_SHOP, .def = "0s",
	 .help = "sales before it are not judged for timing"},
	{ROW(experiment, min_sales), .type = OPT_INT, .def = "1", .min = "0",
	 .help = "fewer judged sales make the trial inconclusive"},
	{ROW(experiment, deadline), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "30min",
	 .min = "1s", .help = "cap on the whole trial"},
	{ROW(experiment, trace), .type = OPT_BOOL, .def = "false",
	 .help = "write the driver's requests and answers to logs/driver.LANE.log"},
	{ROW(experiment, disk), .type = OPT_ENUM, .def = "as-needed", .values = disks,
	 .help = "whose data lie on a disk that can fail (slower): to compare like with like"},
	{ROW(experiment, pcap), .type = OPT_ENUM, .def = "altered", .values = pcaps,
	 .help = "packets that go into wire.pcapng"},
	{ROW(experiment, pcap_snap), .type = OPT_SIZE, .def = "1600 B", .min = "64 B",
	 .max = "65535 B", .help = "bytes kept of each packet; the default keeps all of them"},
	{ROW(experiment, pcap_size), .type = OPT_SIZE, .def = "64 MiB", .min = "64 KiB",
	 .max = "1 GiB", .help = "wire.pcapng grows no larger; what comes later is counted"},
	OPT_END};

const struct opt_table experiment_table = {experiment_rows, sizeof(struct experiment)};
