/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A million sales judged from files: written by the ledger, read back, joined
 * and put before every check of a gate, on one core. Limits: 10 s from files,
 * of which 2 s in memory; the ledger takes at least 100,000 told lines per
 * second. SALES=n for another number.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "judge/judge.h"
#include "bench.h"

#define FILES_LIMIT_S 10.0
#define MEMORY_LIMIT_S 2.0
#define TOLD_PER_S 100000.0

static const char experiment_text[] =
	"title: A million sales\n"
	"target: till\n"
	"seed: 1\n"
	"shoppers: {count: 10, arrivals: constant 10/min, lanes: [lane-1]}\n"
	"checks:\n"
	"  - no-lost-sale\n"
	"  - no-duplicate-sale\n"
	"  - no-phantom-sale\n"
	"  - right-amount\n"
	"  - receipt-numbers: {mode: gapless}\n"
	"  - checkout-time: {p99: 20s}\n"
	"  - no-hang: {max: 60s}\n";

/* struct bench - where, how much, and how long each step took. */
struct bench {
	char dir[256];
	int64_t sales;
	double told_s, books_s, close_s, load_s, join_s, judge_s;
};

static void remove_dir(const char *dir)
{
	static const char *const files[] = {"told.ndjson",  "books.ndjson",  "bank.ndjson",
					    "paper.ndjson", "drawer.ndjson", "events.ndjson",
					    "million.yml"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, files[i]);

		unlink(path);
	}
	rmdir(dir);
}

static _Noreturn void give_up(const struct bench *b, const char *what)
{
	fprintf(stderr, "bench_judge_files: %s\n", what);
	remove_dir(b->dir);
	exit(EXIT_FAILURE);
}

static double since(int64_t *start)
{
	int64_t now = clock_now();
	double s = (double)(now - *start) / (double)NS_PER_S;

	*start = now;
	return s;
}

static int64_t amount_of(int64_t i)
{
	return 199 + i * 7919 % 9000;
}

static void write_told(struct ledger *l, int64_t i)
{
	char key[32], lane[16], receipt[32];
	int64_t at = i * 10 * NS_PER_MS;
	struct told t = {
		.key = key, .lane = lane, .receipt = receipt, .currency = "EUR",
		.tender = i % 5 < 3 ? "card" : "cash", .basket = "4006381333931*2 7*1",
		.slowest = "pay", .shopper = i, .intended_ns = at, .start_ns = at + 1000,
		.end_ns = at + 50 * NS_PER_MS + i % 977, .system_ns = 9 * NS_PER_MS + i % 977,
		.slowest_ns = 5 * NS_PER_MS, .total = amount_of(i), .expected = amount_of(i),
		.attempts = 1, .outcome = TOLD_OK, .acknowledged = true,
	};

	snprintf(key, sizeof(key), "S%lld", (long long)i);
	snprintf(lane, sizeof(lane), "lane-%lld", (long long)(i % 4 + 1));
	snprintf(receipt, sizeof(receipt), "%lld-%lld", (long long)(i % 4 + 1),
		 (long long)(i / 4 + 1));
	ledger_told(l, &t);
}

/* write_book - the books list their sales in another order than they were told. */
static void write_book(struct ledger *l, int64_t i)
{
	char key[32], lane[16], receipt[32];
	struct book b = {
		.what = BOOK_SALE, .key = key, .currency = "EUR", .receipt = receipt,
		.series = lane, .lane = lane, .state = "final", .total = amount_of(i),
		.number = i / 4 + 1,
	};

	snprintf(key, sizeof(key), "S%lld", (long long)i);
	snprintf(lane, sizeof(lane), "lane-%lld", (long long)(i % 4 + 1));
	snprintf(receipt, sizeof(receipt), "%lld-%lld", (long long)(i % 4 + 1),
		 (long long)(i / 4 + 1));
	ledger_book(l, &b);
}

static int64_t common_divisor(int64_t a, int64_t b)
{
	return b ? common_divisor(b, a % b) : a;
}

static void write_ledgers(struct bench *b)
{
	int64_t start = clock_now(), step = 7919;
	struct ledger *l;
	struct err e;

	while (common_divisor(step, b->sales) != 1)
		step++;
	if (ledger_open(&l, b->dir, start, &e) < 0)
		give_up(b, e.msg);
	for (int64_t i = 0; i < b->sales; i++)
		write_told(l, i);
	b->told_s = since(&start);
	for (int64_t i = 0; i < b->sales; i++)
		write_book(l, i * step % b->sales);
	b->books_s = since(&start);
	if (ledger_close(l, &e) < 0)
		give_up(b, e.msg);
	b->close_s = since(&start);
}

static struct experiment *load_experiment(const struct bench *b)
{
	cleanup_free char *path = xasprintf("%s/million.yml", b->dir);
	struct diag *diag = diag_new();
	struct conf_catalog cat = {0};
	struct experiment *x;
	FILE *out = fopen(path, "w");

	if (!out || fputs(experiment_text, out) < 0 || fclose(out) < 0)
		give_up(b, path);
	cat.checks = check_kinds(&cat.checks_count);
	x = experiment_load(path, &cat, NULL, diag);
	if (!x) {
		struct buf text = {0};

		diag_render(diag, &text);
		give_up(b, text.data);
	}
	diag_free(diag);
	unlink(path);
	return x;
}

static void judge(struct bench *b, const struct experiment *x)
{
	struct target target = {.currency = xstrdup("EUR"), .books = {.kind = BOOKS_SQLITE}};
	struct trial_facts facts = {.heal_ns = -1, .settled_ns = 1, .books_read = true,
				    .faults_off = true, .pressure = -1, .baseline_rate = -1,
				    .close_ns = b->sales * 10 * NS_PER_MS};
	struct ledgers ledgers;
	struct sales sales;
	struct judge_in in = {&ledgers, &sales, x, &target, &facts, b->dir};
	struct trial_verdict v;
	int64_t start = clock_now();
	struct err e;

	if (ledgers_load(&ledgers, b->dir, &e) < 0)
		give_up(b, e.msg);
	b->load_s = since(&start);
	if (sales_join(&sales, &ledgers) < 0 || sales.count != (size_t)b->sales)
		give_up(b, "the join lost sales");
	b->join_s = since(&start);
	if (judge_trial(&in, &v, &e) < 0)
		give_up(b, e.msg);
	b->judge_s = since(&start);
	printf("verdict: %s (%s)\n", verdict_names[v.verdict], v.why);
	if (v.verdict != HOLDS)
		give_up(b, "a flawless day must hold");
	trial_verdict_done(&v);
	sales_done(&sales);
	ledgers_done(&ledgers);
	free(target.currency);
}

static void report(const struct bench *b)
{
	double memory = b->join_s + b->judge_s, files = b->load_s + memory;
	double rate = (double)b->sales / b->told_s;

	printf("%lld sales: load %.2f s, join %.2f s, judge %.2f s\n", (long long)b->sales,
	       b->load_s, b->join_s, b->judge_s);
	printf("books written in %.2f s, closed in %.2f s\n", b->books_s, b->close_s);
	figure("judging a million sales from files", files, "s", "<=", FILES_LIMIT_S, files, files);
	figure("  of that in memory", memory, "s", "<=", MEMORY_LIMIT_S, memory, memory);
	figure("lines written into the ledger", rate, "/s", ">=", TOLD_PER_S, rate, rate);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR"), *sales = getenv("SALES");
	struct bench b = {.sales = sales ? atoll(sales) : 1000000};
	struct experiment *x;

	snprintf(b.dir, sizeof(b.dir), "%s/worstday-bench-XXXXXX", tmp ? tmp : "/tmp");
	if (b.sales < 1 || !mkdtemp(b.dir))
		give_up(&b, strerror(errno));
	x = load_experiment(&b);
	write_ledgers(&b);
	judge(&b, x);
	experiment_free(x);
	remove_dir(b.dir);
	report(&b);
	return EXIT_SUCCESS;
}
