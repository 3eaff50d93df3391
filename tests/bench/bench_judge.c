/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging a million sales in memory, check by check, on one core: the join and
 * the usual checks together must take at most 2 s; the best of three rounds
 * counts. SALES=n for another number; BAD=1 makes one sale in a hundred wrong,
 * so that the slow paths (keys with several rows, witnesses) are measured too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "judge/judge.h"
#include "bench.h"

#define LIMIT_S 2.0
#define ROUNDS 3
#define ARTICLES 500
#define TEXT 24

static const struct {
	const char *name, *opts;
} usual[] = {
	{"no-lost-sale", "{}"},
	{"no-duplicate-sale", "{}"},
	{"no-phantom-sale", "{}"},
	{"right-amount", "{}"},
	{"stock-once", "{}"},
	{"receipt-numbers", "{}"},
	{"checkout-time", "{p50: 1min, p99: 2min, during: fault}"},
	{"no-hang", "{}"},
	{"recovery-time", "{max: 30s}"},
	{"missed-trains", "{max: 10%}"},
	{"walk-outs", "{max: 10%}"},
};
#define USUAL (sizeof(usual) / sizeof(usual[0]))

struct bench {
	struct ledgers l;
	struct experiment x;
	struct target t;
	struct trial_facts f;
	struct event events[2];
	char *text; /* owned: keys, receipts, baskets, SKUs */
	size_t text_used;
	bool tell; /* every check, not only the sum */
};

static const char *word(struct bench *b, const char *letter, int64_t n)
{
	char *at = b->text + TEXT * b->text_used++;

	snprintf(at, TEXT, "%s%lld", letter, (long long)n);
	return at;
}

static void make_sale(struct bench *b, size_t i, bool bad, int64_t *sold, const char *const *skus)
{
	static const char *const lanes[] = {"lane-1", "lane-2", "lane-3", "lane-4"};
	static const char *const series[] = {"1-", "2-", "3-", "4-"};
	const char *key = word(b, "S", (int64_t)i),
		   *receipt = word(b, series[i % 4], (int64_t)(i / 4));
	int64_t at = (int64_t)i * NS_PER_MS;

	b->l.told[b->l.told_count++] =
		(struct told){.key = key,
			      .lane = lanes[i % 4],
			      .receipt = receipt,
			      .currency = "EUR",
			      .tender = "card",
			      .basket = skus[i % ARTICLES],
			      .slowest = "pay",
			      .shopper = (int64_t)i,
			      .intended_ns = at,
			      .start_ns = at + NS_PER_MS,
			      .end_ns = at + NS_PER_S + (int64_t)(i * 7919 % 1000) * NS_PER_MS,
			      .system_ns = 20 * NS_PER_MS,
			      .slowest_ns = 10 * NS_PER_MS,
			      .total = 1000 + (int64_t)(i % 100),
			      .expected = 1000 + (int64_t)(i % 100),
			      .attempts = 1,
			      .acknowledged = true};
	sold[i % ARTICLES]++;
	if (bad && i % 300 == 0)
		return; /* lost */
	for (int n = 0; n < (bad && i % 300 == 100 ? 2 : 1); n++)
		b->l.book[b->l.book_count++] =
			(struct book){.what = BOOK_SALE,
				      .key = key,
				      .currency = "EUR",
				      .receipt = receipt,
				      .series = series[i % 4],
				      .number = (int64_t)(i / 4),
				      .qty = INT64_MIN,
				      .total = 1000 + (int64_t)(i % 100) + (bad && i % 300 == 200)};
}

static void make(struct bench *b, size_t n, bool bad)
{
	const char *skus[ARTICLES];
	int64_t sold[ARTICLES] = {0};

	b->text = xcalloc(2 * n + ARTICLES, TEXT);
	b->l.told = xcalloc(n, sizeof(*b->l.told));
	b->l.book = xcalloc(2 * n + 2 * ARTICLES, sizeof(*b->l.book));
	for (size_t i = 0; i < ARTICLES; i++)
		skus[i] = word(b, "400", (int64_t)i);
	for (size_t i = 0; i < n; i++)
		make_sale(b, i, bad, sold, skus);
	for (size_t i = 0; i < 2 * ARTICLES; i++)
		b->l.book[b->l.book_count++] =
			(struct book){.what = BOOK_STOCK,
				      .start = i < ARTICLES,
				      .sku = skus[i % ARTICLES],
				      .total = INT64_MIN,
				      .number = INT64_MIN,
				      .qty = 1000000 - (i < ARTICLES ? 0 : sold[i % ARTICLES])};
	b->events[0] = (struct event){.kind = EV_ARMED, .t_ns = 100 * NS_PER_S};
	b->events[1] = (struct event){.kind = EV_HEALED, .t_ns = 200 * NS_PER_S};
	b->l.event = b->events;
	b->l.event_count = 2;
	b->x.shoppers.pace_milli = 1000;
	b->x.recovery = (struct windows){{5 * NS_PER_S, DOMAIN_SYSTEM}, 3, 0.9};
	b->t.books.kind = BOOKS_SQLITE;
	b->f = (struct trial_facts){.heal_ns = 200 * NS_PER_S,
				    .books_read = true,
				    .has_start_books = true,
				    .baseline_rate = 990};
}

static struct conf_item item_make(const char *name, const char *opts)
{
	struct diag *d = diag_new();
	struct yaml_node *n = yaml_load("opts", opts, strlen(opts), d);
	struct conf_item item = {0};
	size_t count;
	const struct conf_kind *k = check_kinds(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(k[i].name, name) == 0)
			item.kind = &k[i];
	if (!item.kind)
		abort();
	item.opts = xcalloc(1, item.kind->opts.size);
	opt_apply(item.kind->opts, n, (struct mark){0}, name, item.opts, d);
	yaml_tree_free(n);
	diag_free(d);
	return item;
}

static double since(int64_t start)
{
	return (double)(clock_now() - start) / (double)NS_PER_S;
}

/* One check by itself, for the table. */
static double run_one(struct bench *b, const struct judge_in *in, struct conf_item *item)
{
	struct trial_verdict v;
	int64_t start = clock_now();
	double took;

	b->x.checks = item;
	b->x.checks_count = 1;
	judge_trial(in, &v, NULL);
	took = since(start);
	if (b->tell)
		printf("  %-20s %7.3f s  %s: %.90s\n", item->kind->name, took,
		       verdict_names[v.checks[0].verdict], v.checks[0].why);
	trial_verdict_done(&v);
	return took;
}

/* Join and all checks, once; returns seconds. */
static double run_all(struct bench *b, size_t n)
{
	struct sales sales;
	struct judge_in in = {.ledgers = &b->l,
			      .sales = &sales,
			      .experiment = &b->x,
			      .target = &b->t,
			      .facts = &b->f,
			      .dir = "."};
	int64_t start = clock_now();
	double total;

	sales_join(&sales, &b->l);
	total = since(start);
	if (b->tell)
		printf("judging %zu sales in memory\n  %-20s %7.3f s\n", n, "join", total);
	for (size_t i = 0; i < USUAL; i++) {
		struct conf_item item = item_make(usual[i].name, usual[i].opts);

		total += run_one(b, &in, &item);
		opt_free(item.kind->opts, item.opts);
		free(item.opts);
	}
	sales_done(&sales);
	return total;
}

int main(void)
{
	const char *sales_text = getenv("SALES"), *bad = getenv("BAD");
	size_t n = sales_text ? strtoul(sales_text, NULL, 10) : 1000000;
	double best = 1e9, worst = 0;
	struct bench b = {0};

	make(&b, n, bad && *bad == '1');
	for (int i = 0; i < ROUNDS; i++) {
		double took;

		b.tell = i == 0;
		took = run_all(&b, n);
		printf("  %-20s %7.3f s\n", "all", took);

		best = took < best ? took : best;
		worst = took > worst ? took : worst;
	}
	free(b.l.told);
	free(b.l.book);
	free(b.text);
	figure("judging a million sales in memory", best, "s", "<=", LIMIT_S, best, worst);
	return EXIT_SUCCESS;
}
