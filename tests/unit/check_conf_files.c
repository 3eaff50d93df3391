/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: whole experiment and target files, the design's own example among
 * them, with a small catalog of faults and checks.
 * Buggy results: a value that lands in the wrong field, a variable that is
 * replaced too early or not at all, a digest that misses a change. (What bad
 * files are told is held by tests/cases/invalid.sh.)
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/experiment.h"
#include "conf/target.h"
#include "tests/unit/suite.h"

/* ---- a catalog ---- */

struct full {
	char *node;
	int64_t left;
};
static const struct opt full_rows[] = {{.name = "node",
					.type = OPT_STRING,
					.offset = offsetof(struct full, node),
					.help = "where"},
				       {.name = "left",
					.type = OPT_SIZE,
					.offset = offsetof(struct full, left),
					.def = "0 B",
					.help = "how much is left"},
				       OPT_END};
struct drop {
	struct strlist between;
	double rate;
};
static const struct opt drop_rows[] = {{.name = "between",
					.type = OPT_STRLIST,
					.offset = offsetof(struct drop, between),
					.help = "two nodes"},
				       {.name = "rate",
					.type = OPT_RATIO,
					.offset = offsetof(struct drop, rate),
					.def = "1%",
					.help = "share of packets"},
				       OPT_END};
struct limit {
	struct dur p99, max;
};
static const struct opt limit_rows[] = {{.name = "p99",
					 .type = OPT_DURATION,
					 .domain = DOMAIN_SHOP,
					 .optional = true,
					 .offset = offsetof(struct limit, p99),
					 .help = "limit"},
					{.name = "max",
					 .type = OPT_DURATION,
					 .domain = DOMAIN_SYSTEM,
					 .optional = true,
					 .offset = offsetof(struct limit, max),
					 .help = "limit"},
					OPT_END};
static const struct opt no_rows[] = {OPT_END};
#define LIMITS                                                                                     \
	{                                                                                          \
		limit_rows, sizeof(struct limit)                                                   \
	}
static const struct conf_kind faults[] = {
	{.name = "disk.full", .summary = "", .opts = {full_rows, sizeof(struct full)}},
	{.name = "net.drop", .summary = "", .opts = {drop_rows, sizeof(struct drop)}},
};
static const struct conf_kind checks[] = {
	{.name = "checkout-time", .summary = "", .opts = LIMITS},
	{.name = "no-double-charge", .summary = "", .opts = {no_rows, 1}},
	{.name = "no-lost-sale", .summary = "", .opts = {no_rows, 1}, .needs_books = true},
	{.name = "recovery-time", .summary = "", .opts = LIMITS},
};
static const struct conf_catalog catalog = {faults, checks, ARRAY_SIZE(faults), ARRAY_SIZE(checks)};

/* ---- files in a folder of their own ---- */

static char folder[512];

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/wd-conf-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
	cleanup_free char *command = xasprintf("rm -rf '%s'", folder);

	ck_assert_int_eq(system(command), 0);
}

static char *put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", folder, name);
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	return path;
}

static void no_errors(const struct diag *diag)
{
	struct buf out = {0};

	diag_render(diag, &out);
	ck_assert_msg(diag_errors(diag) == 0, "%s", out.data ? out.data : "");
	buf_done(&out);
}

static struct experiment *experiment(const char *text, const char *set)
{
	cleanup_free char *path = put("x.yml", text);
	struct strlist sets = {0};
	struct diag *diag = diag_new();
	struct experiment *x;

	if (set)
		strlist_add(&sets, set, (struct mark){0});
	x = experiment_load(path, &catalog, &sets, diag);
	no_errors(diag);
	ck_assert_ptr_nonnull(x);
	strlist_done(&sets);
	diag_free(diag);
	return x;
}

static struct target *target(const char *path)
{
	struct diag *diag = diag_new();
	struct target *t = target_load(path, (struct mark){0}, diag);

	no_errors(diag);
	ck_assert_ptr_nonnull(t);
	diag_free(diag);
	return t;
}

/* ---- variants of a target ---- */

static char *digest_of(const char *path)
{
	struct target *t = target(path);
	char *digest = xstrdup(t->digest);

	target_free(t);
	return digest;
}

/* Maps come together, lists do not, what has a `~` is gone; the digest is of all files. */
START_TEST(test_like)
{
	static const char low[] = "name: low\ncurrency: SEK\nkey: {field: ref}\nvars: {a: one}\n"
				  "nodes:\n  db: {env: {A: '${a}', B: two}}\n  old: {}\n"
				  "  lane-{1..2}: {user: nobody}\nlanes: [lane-1]\n"
				  "driver: {'null': {}}\n";
	cleanup_free char *lowest = put("target.yml", low);
	cleanup_free char *middle =
		put("middle.yml", "like: target.yml\n"
				  "nodes: {old: ~, db: {env: {B: three, C: four}}}\n");
	cleanup_free char *top =
		put("top.yml", "like: middle.yml\nname: top\nkey: {bank: reference}\n"
			       "nodes: {bank: {bank: {http: 80}}}\nlanes: [lane-2]\n");
	cleanup_free char *before = digest_of(top), *words = NULL, *after = NULL;
	struct target *t = target(top);

	ck_assert_str_eq(t->name, "top");
	ck_assert_str_eq(t->currency, "SEK");
	ck_assert_str_eq(t->key.field, "ref");
	ck_assert_str_eq(t->key.bank, "reference");
	ck_assert_uint_eq(t->nodes_count, 4);
	ck_assert_ptr_null(target_node(t, "old"));
	ck_assert_ptr_nonnull(target_node(t, "bank"));
	ck_assert_str_eq(strmap_get(&target_node(t, "db")->env, "A"), "one");
	ck_assert_str_eq(strmap_get(&target_node(t, "db")->env, "B"), "three");
	ck_assert_str_eq(strmap_get(&target_node(t, "db")->env, "C"), "four");
	ck_assert_str_eq(target_node(t, "lane-2")->user, "nobody");
	ck_assert_uint_eq(t->lanes.count, 1);
	ck_assert_str_eq(t->lanes.at[0], "lane-2");
	target_free(t);
	words = xasprintf("%s# other words\n", low);
	free(put("target.yml", words));
	after = digest_of(top);
	ck_assert_str_ne(before, after);
}
END_TEST

/* ---- experiments ---- */

static const char design_example[] =
	"# experiments/scenario/disk-full-in-the-rush.yml\n"
	"# The store's disk fills up in the morning rush. Expected: holds.\n"
	"title: The store's disk fills up in the morning rush\n"
	"target: till                       # targets/till/target.yml; or a path\n"
	"seed: 20250428\n"
	"shoppers:\n"
	"  count: 300\n"
	"  arrivals: poisson 4/min          # per lane pool; open loop\n"
	"  lanes: [lane-1, lane-2]\n"
	"  basket: 1..12\n"
	"  pay: {card: 60%, cash: 40%}\n"
	"  patience: 4min\n"
	"  pace: 20x\n"
	"faults:\n"
	"  - disk.full: {node: store, left: 64 KiB}\n"
	"    when: {at: 5min, for: 2min}\n"
	"  - net.drop: {between: [lane-*, store], rate: 20%}\n"
	"    when: {after: 40 sales, for: 15 sales}\n"
	"checks:\n"
	"  - no-lost-sale\n"
	"  - no-double-charge\n"
	"  - checkout-time: {p99: 20s}\n"
	"  - recovery-time: {max: 30s}\n";

START_TEST(test_design_example)
{
	struct experiment *x = experiment(design_example, NULL);
	const struct full *full = x->faults[0].opts;
	const struct drop *drop = x->faults[1].opts;
	const struct limit *limit = x->checks[2].opts;

	ck_assert_str_eq(x->name, "x");
	ck_assert_int_eq(x->seed, 20250428);
	ck_assert_int_eq(x->shoppers.count, 300);
	ck_assert_int_eq(x->shoppers.arrivals.kind, ARRIVALS_POISSON);
	ck_assert_double_eq_tol(x->shoppers.arrivals.per_s, 4.0 / 60, 1e-12);
	ck_assert_uint_eq(x->shoppers.lanes.count, 2);
	ck_assert_int_eq(x->shoppers.basket.range.last, 12);
	ck_assert_int_eq(x->shoppers.patience.all.ns, INT64_C(240000000000));
	ck_assert_int_eq(x->shoppers.pace_milli, 20000);
	ck_assert_int_eq(full->left, 65536);
	ck_assert_double_eq_tol(drop->rate, 0.2, 1e-12);
	ck_assert_str_eq(drop->between.at[0], "lane-*");
	ck_assert_int_eq(x->faults[0].when.for_.ns, INT64_C(120000000000));
	ck_assert_int_eq(x->faults[1].when.after_sales, 40);
	ck_assert_int_eq(x->faults[1].when.for_sales, 15);
	ck_assert_int_eq(x->faults[1].min_hits, 1);
	ck_assert_uint_eq(x->checks_count, 4);
	ck_assert_int_eq(limit->p99.ns, INT64_C(20000000000));
	ck_assert_int_eq(limit->max.ns, -1);
	ck_assert_str_eq(x->text, design_example);
	experiment_free(x);
}
END_TEST

START_TEST(test_defaults)
{
	struct experiment *x =
		experiment("target: t\nshoppers: {count: 1, arrivals: burst 20 every 10min}\n"
			   "checks: [no-lost-sale]\n",
			   NULL);

	ck_assert_int_eq(x->seed, -1);
	ck_assert_int_eq(x->shoppers.patience.all.ns, -1);
	ck_assert_int_eq(x->shoppers.pace_milli, 1000);
	ck_assert_int_eq(x->shoppers.scan_time.ns, INT64_C(2900000000));
	ck_assert_int_eq(x->shoppers.fixed_time.ns, INT64_C(20000000000));
	ck_assert_int_eq(x->shoppers.step_timeout.domain, DOMAIN_SYSTEM);
	ck_assert_str_eq(x->shoppers.pay.at[0].name, "card");
	ck_assert_int_eq(x->shoppers.arrivals.burst, 20);
	ck_assert_int_eq(x->shoppers.arrivals.every_ns, INT64_C(600000000000));
	ck_assert_int_eq(x->baseline, BASELINE_EACH);
	ck_assert_int_eq(x->settle.ns, INT64_C(120000000000));
	ck_assert_int_eq(x->recovery.in_a_row, 3);
	ck_assert_double_eq_tol(x->recovery.of_baseline, 0.9, 1e-12);
	ck_assert(!x->expect.given);
	ck_assert_str_eq(x->title, "x");
	experiment_free(x);
}
END_TEST

START_TEST(test_set)
{
	struct experiment *x = experiment(design_example, "faults[1].net.drop.rate=5%");
	struct buf out = {0};

	ck_assert_double_eq_tol(((struct drop *)x->faults[1].opts)->rate, 0.05, 1e-12);
	yaml_write(x->tree, &out);
	ck_assert_ptr_nonnull(strstr(out.data, "rate: 5%"));
	ck_assert_str_eq(x->text, design_example); /* verbatim */
	buf_done(&out);
	experiment_free(x);
}
END_TEST

START_TEST(test_expect)
{
	struct experiment *x = experiment(
		"target: t\nshoppers: {count: 1, arrivals: constant 10/s, human: none}\n"
		"env: {TILL_BUG: no-fsync}\nchecks: [no-lost-sale]\nbaseline: never\n"
		"expect: {check: no-lost-sale, verdict: violated, until: 2027-01-31, why: known}\n",
		NULL);

	ck_assert(x->expect.given);
	ck_assert_int_eq(x->expect.verdict, EXPECT_VIOLATED);
	ck_assert_str_eq(strmap_get(&x->env, "TILL_BUG"), "no-fsync");
	ck_assert_int_eq(x->baseline, BASELINE_NEVER);
	ck_assert(x->shoppers.human_zero);
	ck_assert_double_eq_tol(x->shoppers.arrivals.per_s, 10, 1e-12);
	experiment_free(x);
}
END_TEST

/* ---- targets ---- */

static const char target_text[] =
	"name: t\n"
	"key: {plant: field, field: key, books: sales.key, paper: /Ref (\\S+)/, bank: reference}\n"
	"vars: {port: \"8080\", base: \"http://127.0.0.1:${port}\"}\n"
	"nodes:\n"
	"  store:\n"
	"    data: {/var/lib/till: seed, /var/empty: }\n"
	"    mounts: {/opt/x: seed}\n"
	"    services:\n"
	"      - {name: store, run: [till-store, --data, /var/lib/till], ready: {http: "
	"\":8080/health\"},\n"
	"         restart: always, end: running}\n"
	"  lane-{1..3}:\n"
	"    user: till\n"
	"    env: {NODE: \"${node}\", N: \"${index}\", SAME: node}\n"
	"    services:\n"
	"      - name: till\n"
	"        run: [./till, \"${node}\", \"${port}\", \"$${HOME}\", \"${target}/x\"]\n"
	"        env: {SAME: service}\n"
	"        after: store\n"
	"        stop: INT\n"
	"goods:\n"
	"  - {sku: \"4001\", price: 129}\n"
	"  - {sku: \"4002\", price: 12.95 EUR, weight: 2.5}\n"
	"  - {sku: \"4003\"}\n"
	"driver:\n"
	"  http:\n"
	"    base: ${base}\n"
	"    refused: {status: 422, body: /refused/}\n"
	"    session: shopper\n"
	"    actions:\n"
	"      open-session: {post: /session, take: {session: /id}}\n"
	"      scan:\n"
	"        put: /sales/${key}/lines\n"
	"        json:\n"
	"          sku: \"${sku}\"\n"
	"          qty: ${qty}\n"
	"          text: a \"b\"\n"
	"          list: [1, \"2\", true, null, 1.5e3, 01, -0]\n"
	"      pay:\n"
	"        - post: /sales/${key}/pay\n"
	"          form: {session: \"${session}\"}\n"
	"          ok: {status: 200, body: /ok/}\n"
	"          fail: /errors/\n"
	"          take: {receipt: {header: X-Receipt, required: false}}\n"
	"          only_if: tender=card\n"
	"        - {get: /x, ok: 200..204}\n"
	"books: {sqlite: {node: store, file: /x.db, sales: \"SELECT key, total FROM sales\"}}\n";

static char *target_folder(void)
{
	cleanup_free char *seed = xasprintf("%s/seed", folder);

	ck_assert_int_eq(mkdir(seed, 0755), 0);
	free(put("seed/a", "one"));
	return put("target.yml", target_text);
}

START_TEST(test_nodes)
{
	cleanup_free char *path = target_folder();
	struct target *t = target(path);
	const struct node *lane = target_node(t, "lane-2"), *where = NULL;
	const struct service *s = target_service(t, "lane-2/till", &where);

	ck_assert_uint_eq(t->nodes_count, 4);
	ck_assert_uint_eq(t->lanes.count, 3);
	ck_assert_str_eq(t->lanes.at[2], "lane-3");
	ck_assert_str_eq(t->folder, folder);
	ck_assert_ptr_eq(where, lane);
	ck_assert_int_eq(lane->index, 2);
	ck_assert_str_eq(s->run.at[1], "lane-2");
	ck_assert_str_eq(s->run.at[2], "8080");
	ck_assert_str_eq(s->run.at[3], "${HOME}");
	ck_assert_str_eq(s->run.at[4], "/target/x");
	ck_assert_str_eq(strmap_get(&s->env, "NODE"), "lane-2");
	ck_assert_str_eq(strmap_get(&s->env, "N"), "2");
	ck_assert_str_eq(strmap_get(&s->env, "SAME"), "service");
	ck_assert_str_eq(s->user, "till");
	ck_assert_int_eq(s->stop_signal, SIGINT);
	ck_assert_ptr_null(target_service(t, "till", NULL)); /* there are three */
	s = target_service(t, "store", NULL);
	ck_assert_int_eq(s->restart, RESTART_ALWAYS);
	ck_assert_int_eq(s->stop_signal, SIGTERM);
	ck_assert_str_eq(s->user, "root");
	ck_assert_str_eq(s->ready.http, ":8080/health");
	ck_assert_uint_eq(t->nodes[0].data_count, 2);
	ck_assert_str_eq(t->nodes[0].data[0].seed, "seed");
	ck_assert_ptr_null(t->nodes[0].data[1].seed);
	target_free(t);
}
END_TEST

START_TEST(test_driver)
{
	cleanup_free char *path = target_folder();
	struct target *t = target(path);
	const struct driver *d = &t->driver;
	const struct http_action *pay = &d->actions[ACT_PAY], *scan = &d->actions[ACT_SCAN];

	ck_assert_int_eq(d->kind, DRIVER_HTTP);
	ck_assert_str_eq(d->at, "${lane}");
	ck_assert_str_eq(d->base, "http://127.0.0.1:8080");
	ck_assert(d->session_per_shopper);
	ck_assert_int_eq(d->refused_status.first, 422);
	ck_assert_str_eq(d->refused_pattern, "refused");
	ck_assert_int_eq(scan->steps[0].method, HTTP_PUT);
	ck_assert_str_eq(scan->steps[0].url, "/sales/${key}/lines");
	ck_assert_str_eq(scan->steps[0].json,
			 "{\"sku\":\"${sku}\",\"qty\":\"${qty}\",\"text\":\"a \\\"b\\\"\","
			 "\"list\":[1,\"2\",true,null,1.5e3,\"01\",-0]}");
	ck_assert_int_eq(scan->steps[0].ok.last, 299);
	ck_assert_uint_eq(pay->count, 2);
	ck_assert_str_eq(strmap_get(&pay->steps[0].form, "session"), "${session}");
	ck_assert_str_eq(pay->steps[0].ok_pattern, "ok");
	ck_assert_str_eq(pay->steps[0].fail_pattern, "errors");
	ck_assert_str_eq(pay->steps[0].takes[0].header, "X-Receipt");
	ck_assert(!pay->steps[0].takes[0].required);
	ck_assert(d->actions[ACT_OPEN_SESSION].steps[0].takes[0].required);
	ck_assert_int_eq(pay->steps[1].ok.last, 204);
	ck_assert(!d->actions[ACT_VOID].given);
	ck_assert_uint_eq(t->goods_count, 3);
	ck_assert_int_eq(t->goods[1].price, 1295);
	ck_assert_int_eq(t->goods[2].price, -1);
	ck_assert_double_eq_tol(t->goods[2].weight, 1, 1e-12);
	ck_assert_int_eq(t->books.kind, BOOKS_SQLITE);
	ck_assert_str_eq(t->key.paper, "Ref (\\S+)");
	target_free(t);
}
END_TEST

static char *digest(const char *path)
{
	struct target *t = target(path);
	char *d = xstrdup(t->digest);

	target_free(t);
	return d;
}

START_TEST(test_digest)
{
	cleanup_free char *path = target_folder(),
			  *same = xasprintf("%s/seed/../target.yml", folder);
	cleanup_free char *one = digest(path), *again = digest(same), *two = NULL, *three = NULL;

	ck_assert_uint_eq(strlen(one), 64);
	ck_assert_str_eq(one, again);
	free(put("seed/a", "two"));
	two = digest(path);
	ck_assert_str_ne(one, two);
	free(put("seed/b", ""));
	three = digest(path);
	ck_assert_str_ne(two, three);
}
END_TEST

/* driver, and what becomes of it */
START_TEST(test_scripts)
{
	static const char *const drivers[] = {
		"{script: [./d.py, \"${lane}\", \"${index}\"]}",
		"{script: {run: [./d.py, \"${lane}\", \"${index}\"], ops: [sell, close], env: {A: "
		"\"$${B}\"}}}",
	};
	cleanup_free char *text = xasprintf("name: t\nkey: {}\nnodes: {lane-1: {}}\ndriver: %s\n"
					    "books: {command: {node: lane-1, run: ./books}}\n",
					    drivers[_i]);
	cleanup_free char *path = put("target.yml", text);
	struct target *t = target(path);

	ck_assert_int_eq(t->driver.kind, DRIVER_SCRIPT);
	ck_assert_uint_eq(t->driver.script.count, 3);
	ck_assert_str_eq(t->driver.script.at[2], "${index}");
	ck_assert_uint_eq(t->driver.script_ops.count, _i ? 2 : 0);
	if (_i)
		ck_assert_str_eq(strmap_get(&t->driver.script_env, "A"), "$${B}");
	ck_assert_int_eq(t->books.kind, BOOKS_COMMAND);
	target_free(t);
}
END_TEST

START_TEST(test_together)
{
	cleanup_free char *path = target_folder();
	struct target *t = target(path);
	struct experiment *x = experiment(design_example, "shoppers.lanes=[lane-*]");
	struct diag *diag = diag_new();

	ck_assert_int_eq(experiment_check_target(x, t, diag), 0);
	t->books.kind = BOOKS_NONE;
	ck_assert_int_lt(experiment_check_target(x, t, diag), 0);
	t->books.kind = BOOKS_SQLITE;
	ck_assert_uint_eq(diag_errors(diag), 1);
	experiment_free(x);
	x = experiment(design_example, "shoppers.lanes=[counter]");
	ck_assert_int_lt(experiment_check_target(x, t, diag), 0);
	experiment_free(x);
	target_free(t);
	diag_free(diag);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("conf/files");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 20);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_like);
	tcase_add_test(t, test_design_example);
	tcase_add_test(t, test_defaults);
	tcase_add_test(t, test_set);
	tcase_add_test(t, test_expect);
	tcase_add_test(t, test_nodes);
	tcase_add_test(t, test_driver);
	tcase_add_test(t, test_digest);
	tcase_add_loop_test(t, test_scripts, 0, 2);
	tcase_add_test(t, test_together);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
