/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: single values with units, and blocks read by option rows.
 * Buggy results: 50 read as 50 of something, a time on the wrong clock, a key
 * that is misspelt and ignored, a default that differs from its text.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/opt.h"
#include "tests/unit/suite.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)

static const struct {
	const char *text;
	enum domain domain;
	int64_t ns; /* -1: refused */
	enum domain is;
	const char *why;
} durations[] = {
	{"50ms", DOMAIN_SYSTEM, 50 * MS, DOMAIN_SYSTEM, NULL},
	{"50 ms", DOMAIN_SYSTEM, 50 * MS, DOMAIN_SYSTEM, NULL},
	{"0s", DOMAIN_SHOP, 0, DOMAIN_SHOP, NULL},
	{"1.5s", DOMAIN_SHOP, 1500 * MS, DOMAIN_SHOP, NULL},
	{"0.1us", DOMAIN_SHOP, 100, DOMAIN_SHOP, NULL},
	{"2.9s", DOMAIN_SHOP, 2900 * MS, DOMAIN_SHOP, NULL},
	{"1h30min", DOMAIN_SHOP, 5400 * S, DOMAIN_SHOP, NULL},
	{"1h 30min 5s", DOMAIN_SHOP, 5405 * S, DOMAIN_SHOP, NULL},
	{"1d", DOMAIN_SHOP, 86400 * S, DOMAIN_SHOP, NULL},
	{"3\xc2\xb5s", DOMAIN_SHOP, 3000, DOMAIN_SHOP, NULL},
	{"60s", DOMAIN_EITHER, 60 * S, DOMAIN_SYSTEM, NULL},
	{"60s shop", DOMAIN_EITHER, 60 * S, DOMAIN_SHOP, NULL},
	{"60s system", DOMAIN_EITHER, 60 * S, DOMAIN_SYSTEM, NULL},
	{"60s shop", DOMAIN_SHOP, 60 * S, DOMAIN_SHOP, NULL},
	{"60s shop", DOMAIN_SYSTEM, -1, 0, "\"60s shop\": this time is always system time"},
	{"50", DOMAIN_SYSTEM, -1, 0, "\"50\" needs a unit (ms, us, s)"},
	{"1h30", DOMAIN_SYSTEM, -1, 0, "\"1h30\" needs a unit (ms, us, s)"},
	{"5m", DOMAIN_SYSTEM, -1, 0, "\"5m\": \"m\" could be ms or min; write which"},
	{"5 sec", DOMAIN_SYSTEM, -1, 0,
	 "\"5 sec\" has an unknown unit; known: ns, us, ms, s, min, h, d"},
	{"-5s", DOMAIN_SYSTEM, -1, 0, "\"-5s\" is not a duration like 50ms, 2min or 1h30min"},
	{"", DOMAIN_SYSTEM, -1, 0, "\"\" is not a duration like 50ms, 2min or 1h30min"},
	{"5s later", DOMAIN_SYSTEM, -1, 0,
	 "\"5s later\" is not a duration like 50ms, 2min or 1h30min"},
	{"999999d", DOMAIN_SYSTEM, -1, 0, "\"999999d\" is longer than any experiment"},
	{"1e3s", DOMAIN_SYSTEM, -1, 0,
	 "\"1e3s\" has an unknown unit; known: ns, us, ms, s, min, h, d"},
};

START_TEST(test_duration)
{
	struct dur d = {.ns = 77};
	char why[200] = "";
	int err =
		opt_parse_duration(durations[_i].text, durations[_i].domain, &d, why, sizeof(why));

	if (durations[_i].ns < 0) {
		ck_assert_int_eq(err, -EINVAL);
		ck_assert_str_eq(why, durations[_i].why);
		ck_assert_int_eq(d.ns, 77); /* untouched */
		return;
	}
	ck_assert_msg(err == 0, "%s: %s", durations[_i].text, why);
	ck_assert_int_eq(d.ns, durations[_i].ns);
	ck_assert_int_eq(d.domain, durations[_i].is);
}
END_TEST

START_TEST(test_wall)
{
	ck_assert_int_eq(dur_wall((struct dur){60 * S, DOMAIN_SHOP}, 20000), 3 * S);
	ck_assert_int_eq(dur_wall((struct dur){60 * S, DOMAIN_SYSTEM}, 20000), 60 * S);
	ck_assert_int_eq(dur_wall((struct dur){3 * S, DOMAIN_SHOP}, 500), 6 * S);
	ck_assert_int_eq(dur_wall((struct dur){-1, DOMAIN_SHOP}, 20000), -1);
	ck_assert_int_eq(dur_wall((struct dur){INT64_MAX / 4, DOMAIN_SHOP}, 1000), INT64_MAX / 4);
}
END_TEST

/* type, text, the number that comes out (ratio in millionths), or the words */
static const struct {
	enum opt_type type;
	const char *text;
	int64_t n;
	const char *why;
} values[] = {
	{OPT_SIZE, "64 KiB", 65536, NULL},
	{OPT_SIZE, "1MB", 1000000, NULL},
	{OPT_SIZE, "0.5 GiB", 1 << 29, NULL},
	{OPT_SIZE, "0 B", 0, NULL},
	{OPT_SIZE, "64", 0, "\"64\" needs a unit (B, kB, KiB, MB, MiB)"},
	{OPT_SIZE, "64 Kib", 0,
	 "\"64 Kib\" has an unknown unit; known: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB"},
	{OPT_SIZE, "99999999 TiB", 0, "\"99999999 TiB\" is larger than any disk"},
	{OPT_SPEED, "64 kB", 64000, NULL},
	{OPT_SPEED, "64 kB/s", 64000, NULL},
	{OPT_SPEED, "56 kbit/s", 7000, NULL},
	{OPT_SPEED, "0.5Mbit", 62500, NULL},
	{OPT_SPEED, "1 Gbit/s ", 125000000, NULL},
	{OPT_SPEED, "7 bit", 0, NULL},
	{OPT_SPEED, "64", 0, "\"64\" needs a unit (kB/s, MB/s, kbit/s, Mbit/s)"},
	{OPT_SPEED, "fast", 0, "\"fast\" is not a speed like 64 kB/s or 2 Mbit/s"},
	{OPT_SPEED, "2 Mbps", 0,
	 "\"2 Mbps\" has an unknown unit; known: B, kB, MB, GB, KiB, MiB, GiB, bit, kbit, Mbit, "
	 "Gbit, each also with /s"},
	{OPT_SPEED, "2 Mbit/h", 0,
	 "\"2 Mbit/h\" has an unknown unit; known: B, kB, MB, GB, KiB, MiB, GiB, bit, kbit, Mbit, "
	 "Gbit, each also with /s"},
	{OPT_SPEED, "99999999999999 Gbit", 0, "\"99999999999999 Gbit\" is faster than any line"},
	{OPT_RATIO, "20%", 200000, NULL},
	{OPT_RATIO, "0.5 %", 5000, NULL},
	{OPT_RATIO, "100%", 1000000, NULL},
	{OPT_RATIO, "0.2", 0, "\"0.2\" needs a percent sign (20%)"},
	{OPT_RATIO, "101%", 0, "\"101%\" is more than 100%"},
	{OPT_RATIO, "-1%", 0, "\"-1%\" is not a share like 20% or 0.5%"},
	{OPT_PACE, "20x", 20000, NULL},
	{OPT_PACE, "1.5x", 1500, NULL},
	{OPT_PACE, "20", 0, "\"20\" needs an x (20x)"},
	{OPT_MONEY, "1295", 1295, NULL},
	{OPT_MONEY, "12.95 EUR", 1295, NULL},
	{OPT_MONEY, "12 EUR", 1200, NULL},
	{OPT_MONEY, "0.1 EUR", 10, NULL},
	{OPT_MONEY, "12.95", 0,
	 "\"12.95\" needs a currency (12.95 EUR), or write minor units (1295)"},
	{OPT_MONEY, "12.955 EUR", 0, "\"12.955 EUR\" is not an amount in whole cents"},
	{OPT_MONEY, "12.95 euro", 0, "\"12.95 euro\" has no currency code like EUR"},
	{OPT_INT, "-7", -7, NULL},
	{OPT_INT, "9223372036854775807", INT64_MAX, NULL},
	{OPT_INT, "9223372036854775808", 0, "\"9223372036854775808\" is too large a number"},
	{OPT_INT, "0x10", 0, "\"0x10\" is not a whole number"},
	{OPT_INT, " 7", 0, "\" 7\" is not a whole number"},
	{OPT_BOOL, "true", 1, NULL},
	{OPT_BOOL, "false", 0, NULL},
	{OPT_BOOL, "no", 0, "\"no\" is neither true nor false; write false"},
};

START_TEST(test_value)
{
	struct opt row = {.name = "x", .type = values[_i].type};
	union {
		bool flag;
		int64_t n;
		double x;
	} v = {.n = 0};
	char why[200] = "";
	int err = opt_value(&row, values[_i].text, &v, why, sizeof(why));

	if (values[_i].why) {
		ck_assert_int_eq(err, -EINVAL);
		ck_assert_str_eq(why, values[_i].why);
		return;
	}
	ck_assert_msg(err == 0, "%s: %s", values[_i].text, why);
	if (row.type == OPT_RATIO)
		ck_assert_int_eq((int64_t)(v.x * 1e6 + 0.5), values[_i].n);
	else
		ck_assert_int_eq(row.type == OPT_BOOL ? v.flag : v.n, values[_i].n);
}
END_TEST

static const struct {
	const char *text;
	int64_t first, last, step; /* step 0: refused */
} ranges[] = {
	{"12", 12, 12, 1},	    {"1..12", 1, 12, 1},
	{"2..20+3", 2, 20, 3},	    {"3..", 3, INT64_MAX, 1},
	{"3..+2", 3, INT64_MAX, 2}, {"12..1", 0, 0, 0},
	{"..3", 0, 0, 0},	    {"1..2+0", 0, 0, 0},
	{"1-3", 0, 0, 0},	    {"", 0, 0, 0},
	{"1..2 ", 0, 0, 0},	    {"1..99999999999999999999", 0, 0, 0},
};

START_TEST(test_range)
{
	struct range r = {0};
	char why[200] = "";
	int err = opt_parse_range(ranges[_i].text, &r, why, sizeof(why));

	ck_assert_int_eq(err, ranges[_i].step ? 0 : -EINVAL);
	ck_assert(err == 0 || why[0]);
	ck_assert_int_eq(r.first, ranges[_i].first);
	ck_assert_int_eq(r.last, ranges[_i].last);
	ck_assert_int_eq(r.step, ranges[_i].step);
}
END_TEST

/* ---- blocks ---- */

struct inner {
	char *name;
	int64_t n;
};
struct outer {
	struct dur delay, absent;
	double rate;
	char *text, *regex, *none;
	int mode;
	struct range range, no_range;
	struct strlist list;
	struct strmap map;
	struct weights weights;
	struct inner in;
	struct optlist many, named;
	bool flag;
};
static const struct opt_value modes[] = {{"slow", "a"}, {"fast", "b"}, {NULL, NULL}};
static const struct opt inner_rows[] = {{.name = "n",
					 .type = OPT_INT,
					 .offset = offsetof(struct inner, n),
					 .def = "7",
					 .min = "0",
					 .max = "9",
					 .scalar = true,
					 .help = "a digit"},
					OPT_END};
#define INNER                                                                                      \
	{                                                                                          \
		inner_rows, sizeof(struct inner)                                                   \
	}
#define ROW(m) .name = #m, .offset = offsetof(struct outer, m), .help = "help"
static const struct opt outer_rows[] = {
	{ROW(delay), .type = OPT_DURATION, .domain = DOMAIN_SHOP, .min = "1ms", .max = "1h"},
	{ROW(absent), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .optional = true},
	{ROW(rate), .type = OPT_RATIO, .def = "2%"},
	{ROW(text), .type = OPT_STRING, .def = "some text"},
	{ROW(regex), .type = OPT_REGEX, .optional = true},
	{ROW(none), .type = OPT_STRING, .optional = true},
	{ROW(mode), .type = OPT_ENUM, .def = "fast", .values = modes},
	{ROW(range), .type = OPT_RANGE, .def = "1..3", .min = "1", .max = "9"},
	{ROW(no_range), .type = OPT_RANGE, .optional = true},
	{ROW(list), .type = OPT_STRLIST, .def = "[a, b]"},
	{ROW(map), .type = OPT_STRMAP, .optional = true},
	{ROW(weights), .type = OPT_WEIGHTS, .def = "{card: 60%, cash: 40%}"},
	{ROW(in), .type = OPT_STRUCT, .sub = INNER, .optional = true},
	{ROW(many), .type = OPT_STRUCTLIST, .sub = INNER, .optional = true},
	{ROW(named), .type = OPT_STRUCTMAP, .sub = INNER, .optional = true},
	{ROW(flag), .type = OPT_BOOL, .values = modes, .def = "slow"},
	OPT_END};
static const struct opt_table outer = {outer_rows, sizeof(struct outer)};

/* read - apply the table to a text; the words of all errors are returned (caller frees). */
static char *read_block(const char *text, struct outer *o)
{
	struct diag *diag = diag_new();
	struct yaml_node *n = yaml_load("f", text, strlen(text), diag);
	struct buf words = {0};

	memset(o, 0, sizeof(*o));
	ck_assert_ptr_nonnull(n);
	ck_assert_int_eq(opt_apply(outer, n, n->mark, "x", o, diag),
			 diag_errors(diag) ? -EINVAL : 0);
	diag_render(diag, &words);
	diag_free(diag);
	yaml_tree_free(n);
	return buf_steal(&words);
}

START_TEST(test_defaults)
{
	struct outer o;
	cleanup_free char *words = read_block("delay: 5s", &o);

	ck_assert_str_eq(words, "");
	ck_assert_int_eq(o.delay.ns, 5 * S);
	ck_assert_int_eq(o.delay.domain, DOMAIN_SHOP);
	ck_assert_int_eq(o.absent.ns, -1);
	ck_assert_double_eq_tol(o.rate, 0.02, 1e-12);
	ck_assert_str_eq(o.text, "some text");
	ck_assert_ptr_null(o.none);
	ck_assert_int_eq(o.mode, 1);
	ck_assert_int_eq(o.range.last, 3);
	ck_assert_int_eq(o.no_range.first, INT64_MIN);
	ck_assert_uint_eq(o.list.count, 2);
	ck_assert_str_eq(o.weights.at[1].name, "cash");
	ck_assert_double_eq_tol(o.weights.at[1].share, 0.4, 1e-12);
	ck_assert_int_eq(o.in.n, 7);
	ck_assert(!o.flag);
	opt_free(outer, &o);
}
END_TEST

START_TEST(test_everything)
{
	struct outer o;
	cleanup_free char *words = read_block(
		"delay: 1min\nregex: /a+/\nlist: alone\nmap: {a: 1, b: }\nin: 3\nweights: cash\n"
		"many: [{n: 1}, 2, {}]\nnamed: {one: 1, two: {n: 2}}\nflag: fast\n",
		&o);
	const struct inner *many = o.many.at, *named = o.named.at;

	ck_assert_str_eq(words, "");
	ck_assert_str_eq(o.regex, "a+");
	ck_assert_uint_eq(o.list.count, 1);
	ck_assert_uint_eq(o.list.marks[0].line, 3);
	ck_assert_str_eq(strmap_get(&o.map, "b"), "");
	ck_assert_int_eq(o.in.n, 3);
	ck_assert_double_eq_tol(o.weights.at[0].share, 1, 1e-12);
	ck_assert_uint_eq(o.many.count, 3);
	ck_assert_int_eq(many[1].n, 2);
	ck_assert_int_eq(many[2].n, 7);
	ck_assert_str_eq(named[1].name, "two");
	ck_assert_int_eq(named[1].n, 2);
	ck_assert(o.flag);
	opt_free(outer, &o);
}
END_TEST

static const struct {
	const char *text, *words;
} blocks[] = {
	{"rate: 1%", "\"delay\" is missing (help)"},
	{"dely: 1s", "x: unknown key \"dely\"; did you mean \"delay\"?"},
	{"delay: 0s", "x.delay: \"0s\" is less than 1ms"},
	{"delay: 2h", "x.delay: \"2h\" is more than 1h"},
	{"delay: [1s]", "x.delay: expected a single value, not a list"},
	{"delay:", "x.delay: there is no value"},
	{"{delay: 1s, mode: slo}",
	 "x.mode: \"slo\" is not one of slow, fast; did you mean \"slow\"?"},
	{"{delay: 1s, flag: true}", "x.flag: \"true\" is not one of slow, fast"},
	{"{delay: 1s, range: 3..}", "x.range: \"3..\" is more than 9"},
	{"{delay: 1s, list: {a: b}}", "x.list: expected a list, not a map"},
	{"{delay: 1s, list: [[a]]}", "x.list: expected text here, not a list"},
	{"{delay: 1s, map: [a]}", "x.map: expected a map (key: value), not a list"},
	{"{delay: 1s, map: {a: [b]}}", "x.map: \"a\": expected text, not a list"},
	{"{delay: 1s, weights: {a: 50%, b: 40%}}", "x.weights: the shares add up to 90%, not 100%"},
	{"{delay: 1s, weights: {a: half}}", "x.weights: a: \"half\" is not a share"},
	{"{delay: 1s, many: [{n: 1}, {m: 1}]}", "x.many[1]: unknown key \"m\""},
	{"{delay: 1s, many: [{n: 10}]}", "x.many[0].n: \"10\" is more than 9"},
	{"{delay: 1s, named: {a: {n: -1}}}", "x.named.a.n: \"-1\" is less than 0"},
	{"{delay: 1s, regex: /a}", "x.regex: \"/a\" starts with / but does not end with /"},
	{"{delay: 1s, regex: (}", "x.regex: not a regular expression"},
	{"{delay: 1s, in: [1]}", "x.in: expected a map (key: value), not a list"},
};

START_TEST(test_block_bad)
{
	struct outer o;
	cleanup_free char *words = read_block(blocks[_i].text, &o);

	ck_assert_msg(strstr(words, blocks[_i].words) != NULL, "%s: got %s", blocks[_i].text,
		      words);
	opt_free(outer, &o);
}
END_TEST

START_TEST(test_help)
{
	struct buf b = {0};

	opt_help(outer, 2, &b);
	ck_assert_ptr_nonnull(
		strstr(b.data, "  delay (duration, shop time, 1ms to 1h, required): help\n"));
	ck_assert_ptr_nonnull(strstr(b.data, "  mode (one of slow | fast, default fast): help\n"));
	ck_assert_ptr_nonnull(strstr(b.data, "      n (number, 0 to 9, default 7): a digit\n"));
	buf_done(&b);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("conf/opt");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, test_duration, 0, ARRAY_SIZE(durations));
	tcase_add_test(t, test_wall);
	tcase_add_loop_test(t, test_value, 0, ARRAY_SIZE(values));
	tcase_add_loop_test(t, test_range, 0, ARRAY_SIZE(ranges));
	tcase_add_test(t, test_defaults);
	tcase_add_test(t, test_everything);
	tcase_add_loop_test(t, test_block_bad, 0, ARRAY_SIZE(blocks));
	tcase_add_test(t, test_help);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
