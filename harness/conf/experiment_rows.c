/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an experiment file. Human times are those of supermarkets and every one can be set.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/crowd_rows.h"
#include "conf/experiment.h"

#define ROW(s, member) .name = #member, .offset = offsetof(struct s, member)
#define ROW_AS(s, key, member) .name = key, .offset = offsetof(struct s, member)

/* ---- rows ---- */

static const struct opt_value lane_choices[] = {{"shortest", "the lane with the fewest waiting"},
						{"random", "any open lane"},
						{"pool", "one queue for all lanes"},
						{NULL, NULL}};
static const struct opt_value human_choices[] = {{"normal", "people take their time"},
						 {"none", "all human times are zero (benchmarks)"},
						 {NULL, NULL}};

static const struct opt_value close_choices[] = {
	{"serve", "they are served"},
	{"send-home", "those at a till are served, the queue goes home"},
	{"cut", "the day is closed at once (Z), in the middle of their sales"},
	{NULL, NULL}};

static const struct opt trains_rows[] = {
	{ROW(trains, every), .type = OPT_DURATION, .domain = DOMAIN_SHOP, .min = "1s",
	 .help = "so often one comes", .example = "20min"},
	{ROW(trains, people), .type = OPT_RANGE, .min = "1", .max = "100000",
	 .help = "so many get off and come in", .example = "10..40"},
	OPT_END};

static const struct opt shoppers_rows[] = {
	{ROW(shoppers, like), .type = OPT_ENUM, .optional = true, .values = preset_names,
	 .help = "what is not said here is as in such a shop", .example = "supermarket-saturday"},
	{ROW(shoppers, count), .type = OPT_INT, .optional = true, .min = "1", .max = "100000000",
	 .help = "how many come in all, at most; required unless open_for, hours or like says "
		 "when the shop closes", .example = "300"},
	{ROW(shoppers, first), .type = OPT_INT, .def = "0", .min = "0", .max = "1000000000",
	 .help = "number of the first shopper; sale keys are S and the number"},
	{ROW(shoppers, arrivals), .type = OPT_CUSTOM, .parse_at = arrivals_parse,
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
	{ROW(shoppers, hours), .type = OPT_CUSTOM, .optional = true, .parse_at = hours_parse,
	 .shape = SHAPE_SHARES,
	 .help = "the share of a day's shoppers (arrivals: poisson N/d) that each hour of the "
		 "clock has; the shop opens with the first and closes behind the last",
	 .example = "{16: 40%, 17: 35%, 18: 25%}"},
	{ROW(shoppers, play), .type = OPT_RANGE, .optional = true, .min = "0", .max = "24",
	 .help = "plays only these of the hours: 16..18 is from 16:00 to 18:00",
	 .example = "16..18"},
	{ROW(shoppers, trains), .type = OPT_STRUCT, .optional = true,
	 .sub = {trains_rows, sizeof(struct trains)},
	 .help = "people who come at once, beside all others"},
	{ROW(shoppers, open_for), .type = OPT_DURATION, .domain = DOMAIN_SHOP, .optional = true,
	 .min = "1s", .help = "then the shop closes; default: when all have come",
	 .example = "10h"},
	{ROW(shoppers, at_close), .type = OPT_ENUM, .def = "serve", .values = close_choices,
	 .help = "what becomes of those who are still inside"},
	{ROW(shoppers, basket), .type = OPT_CUSTOM, .def = "1..12", .parse_at = sizes_parse,
	 .shape = SHAPE_SHARES,
	 .help = "items in a basket: a range, or the share of each of several",
	 .example = "{1..6: 60%, 7..40: 40%}"},
	{ROW(shoppers, pay), .type = OPT_WEIGHTS, .def = "{card: 60%, cash: 40%}",
	 .help = "the tender mix; card/contactless is paid like that and is a card to the POS"},
	{ROW(shoppers, patience), .type = OPT_CUSTOM, .def = "never",
	 .parse_at = patience_parse, .shape = SHAPE_SHARES,
	 .help = "walks out after queueing this long (shop time), or how many have left by "
		 "when",
	 .example = "{1min: 5%, 4min: 10%, 15min: 80%}"},
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
