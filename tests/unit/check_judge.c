/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: each check against hand-written histories. Expected: the right
 * history holds, each kind of wrong one is violated and names its key, nothing
 * to judge or an ambiguous key is inconclusive. Buggy result: a check that
 * stays silent, or one that cries on a good day.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "judge/check.h"
#include "judge/reconcile.h"
#include "judge/story.h"
#include "tests/unit/suite.h"

#define S NS_PER_S
#define MS NS_PER_MS
#define ROWS 4000

/* ---- a world made by hand ---- */

struct world {
	struct told told[ROWS];
	struct book book[ROWS];
	struct left left[ROWS];
	struct event event[ROWS];
	struct bank_rec bank[64];
	struct paper_rec paper[64];
	struct drawer_rec drawer[64];
	struct node nodes[2]; /* the bank, and lane-1's printer */
	struct ledgers l;
	struct sales sales;
	struct experiment x;
	struct target t;
	struct trial_facts f;
	struct judge_in in;
	struct conf_item checks[8], faults[4];
	char keys[ROWS][16];
	size_t keys_count;
};

static struct world *w;

static void world_make(void)
{
	w = xcalloc(1, sizeof(*w));
	w->l = (struct ledgers){
		.told = w->told, .book = w->book, .left = w->left, .event = w->event,
		.bank = w->bank, .paper = w->paper, .drawer = w->drawer};
	w->nodes[0].bank.http = 8080;
	w->nodes[1].device.kind = DEVICE_ESCPOS;
	w->nodes[1].stands_at = (char *)(uintptr_t) "lane-1";
	w->t.nodes = w->nodes;
	w->t.nodes_count = 2;
	w->x.shoppers.pace_milli = 1000;
	w->x.shoppers.step_timeout = (struct dur){30 * S, DOMAIN_SYSTEM};
	w->x.recovery = (struct windows){{5 * S, DOMAIN_SYSTEM}, 3, 0.9};
	w->x.min_sales = 1;
	w->x.checks = w->checks;
	w->x.faults = w->faults;
	w->t.currency = (char *)(uintptr_t) "EUR";
	w->t.books.kind = BOOKS_SQLITE;
	w->f = (struct trial_facts){.heal_ns = -1,
				    .settled_ns = 100 * S,
				    .books_read = true,
				    .baseline_rate = -1,
				    .has_start_books = true,
				    .pressure = -1};
	w->in = (struct judge_in){.ledgers = &w->l,
				  .sales = &w->sales,
				  .experiment = &w->x,
				  .target = &w->t,
				  .facts = &w->f,
				  .dir = "/tmp"};
}

static void checks_free(void)
{
	for (size_t i = 0; i < w->x.checks_count; i++) {
		opt_free(w->checks[i].kind->opts, w->checks[i].opts);
		free(w->checks[i].opts);
	}
	w->x.checks_count = 0;
}

static void world_free(void)
{
	checks_free();
	sales_done(&w->sales);
	free(w);
}

static const char *key(char letter, size_t i)
{
	char *k = w->keys[w->keys_count++];

	snprintf(k, sizeof(w->keys[0]), "%c%zu", letter, i);
	return k;
}

/* A sale that took a second at lane-1, after a second in the queue. */
static struct told *tell(const char *k, int outcome, int64_t total)
{
	size_t n = w->l.told_count++;
	struct told *t = &w->told[n];

	ck_assert_uint_lt(n, ROWS);
	*t = (struct told){.key = k,
			   .lane = "lane-1",
			   .total = total,
			   .expected = total,
			   .outcome = outcome,
			   .acknowledged = outcome == TOLD_OK,
			   .shopper = (int64_t)n,
			   .intended_ns = (int64_t)n * S,
			   .start_ns = (int64_t)(n + 1) * S,
			   .end_ns = (int64_t)(n + 2) * S,
			   .system_ns = 10 * MS,
			   .slowest_ns = 5 * MS,
			   .slowest = "pay",
			   .attempts = 1};
	return t;
}

static struct book *booked(const char *k, int64_t total)
{
	struct book *b = &w->book[w->l.book_count++];

	ck_assert_uint_le(w->l.book_count, ROWS);
	*b = (struct book){
		.what = BOOK_SALE, .key = k, .total = total, .number = INT64_MIN, .qty = INT64_MIN};
	return b;
}

static void stock(bool start, const char *sku, int64_t qty)
{
	struct book *b = booked(NULL, INT64_MIN);

	b->what = BOOK_STOCK;
	b->start = start;
	b->sku = sku;
	b->qty = qty;
}

static struct book *receipt(const char *series, int64_t number)
{
	struct book *b = booked(NULL, INT64_MIN);

	b->what = BOOK_RECEIPT;
	b->series = series;
	b->number = number;
	return b;
}

static void event(int kind, int fault, int64_t t_ns)
{
	w->event[w->l.event_count] = (struct event){.seq = (int64_t)w->l.event_count,
						    .kind = kind,
						    .fault = fault,
						    .t_ns = t_ns,
						    .node = "store",
						    .did = "killed store"};
	w->l.event_count++;
}

static const struct conf_kind *kind_of(const char *name)
{
	size_t n;
	const struct conf_kind *k = check_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(k[i].name, name) == 0)
			return &k[i];
	ck_abort_msg("no check %s", name);
}

/* Add a check with options in YAML flow; returns the errors in its options. */
static size_t with_check(const char *name, const char *yaml)
{
	struct conf_item *item = &w->checks[w->x.checks_count++];
	struct diag *diag = diag_new();
	struct yaml_node *n = yaml_load("opts", yaml, strlen(yaml), diag);
	struct mark at = {"opts", 1, 1, 1};
	size_t errors;

	item->kind = kind_of(name);
	item->opts = xcalloc(1, item->kind->opts.size);
	opt_apply(item->kind->opts, n, at, name, item->opts, diag);
	if (!diag_errors(diag) && item->kind->check)
		item->kind->check(item->opts, at, diag);
	errors = diag_errors(diag);
	yaml_tree_free(n);
	diag_free(diag);
	return errors;
}

static struct trial_verdict judged;

static struct judgement *judge_all(void)
{
	struct err e = {0};

	trial_verdict_done(&judged);
	sales_done(&w->sales);
	ck_assert_int_eq(sales_join(&w->sales, &w->l), 0);
	ck_assert_int_eq(judge_trial(&w->in, &judged, &e), 0);
	return judged.checks;
}

/* Judge with this one check; its judgement stays valid until the next call. */
static struct judgement *one(const char *name, const char *yaml)
{
	checks_free();
	ck_assert_uint_eq(with_check(name, yaml), 0);
	return judge_all();
}

#define assert_verdict(j, v)                                                                       \
	do {                                                                                       \
		const struct judgement *j_ = (j);                                                  \
		ck_assert_msg(j_->verdict == (v), "is %s, not %s: %s", verdict_names[j_->verdict], \
			      verdict_names[v], j_->why);                                          \
		ck_assert_msg(j_->why[0], "no reason given");                                      \
	} while (0)
#define assert_why(j, text)                                                                        \
	do {                                                                                       \
		const struct judgement *k_ = (j);                                                  \
		ck_assert_msg(strstr(k_->why, text), "\"%s\" is not in \"%s\"", text, k_->why);    \
	} while (0)

static void assert_witness(const struct judgement *j, const char *k)
{
	assert_verdict(j, VIOLATED);
	for (size_t i = 0; i < j->witnesses; i++)
		if (str_eq(j->witness[i].key, k))
			return;
	ck_abort_msg("no witness %s in: %s", k, j->why);
}

/* Three sales, all told and booked. */
static void good_day(void)
{
	static const char *const keys[] = {"S1", "S2", "S3"};

	for (size_t i = 0; i < 3; i++) {
		tell(keys[i], TOLD_OK, 1000 + (int64_t)i);
		booked(keys[i], 1000 + (int64_t)i);
	}
}

/* ---- the table ---- */

START_TEST(table_is_complete_and_sorted)
{
	struct err e = {0};
	size_t n;

	ck_assert_msg(check_table_check(&e) == 0, "%s", e.msg);
	check_kinds(&n);
	ck_assert_uint_eq(n, check_table_count);
	ck_assert_uint_ge(n, 11);
}
END_TEST

START_TEST(exits_are_frozen)
{
	static const int exits[] = {
		[HOLDS] = 0, [VIOLATED] = 1, [INCONCLUSIVE] = 2, [UNSUPPORTED] = 3, [BROKEN] = 4};

	for (int v = 0; v < VERDICTS_COUNT; v++)
		ck_assert_int_eq(verdict_exit((enum verdict)v), exits[v]);
	ck_assert_int_eq(verdict_worse(VIOLATED, BROKEN), BROKEN);
	ck_assert_int_eq(verdict_worse(VIOLATED, UNSUPPORTED), VIOLATED);
	ck_assert_int_eq(verdict_worse(INCONCLUSIVE, UNSUPPORTED), UNSUPPORTED);
	ck_assert_int_eq(verdict_worse(INCONCLUSIVE, HOLDS), INCONCLUSIVE);
}
END_TEST

/* Nothing told, nothing booked: no check may hold. */
START_TEST(nothing_to_judge_is_inconclusive)
{
	static const struct {
		const char *name, *opts;
	} checks[] = {
		{"answered-sales", "{}"},
		{"checkout-time", "{p99: 1s}"},
		{"fallback-works", "{}"},
		{"missed-trains", "{}"},
		{"no-charge-without-sale", "{}"},
		{"no-double-charge", "{}"},
		{"no-duplicate-sale", "{}"},
		{"no-hang", "{}"},
		{"no-lost-sale", "{}"},
		{"no-phantom-sale", "{}"},
		{"offline-limits", "{floor: 1}"},
		{"one-drawer-pulse", "{}"},
		{"paid-means-money", "{}"},
		{"receipt-numbers", "{}"},
		{"receipts-match-books", "{}"},
		{"recovery-time", "{max: 30s}"},
		{"reversals-delivered", "{}"},
		{"right-amount", "{}"},
		{"sales-served", "{min: 0}"},
		{"stock-once", "{}"},
		{"walk-outs", "{max: 10%}"},
	};

	assert_verdict(one(checks[_i].name, checks[_i].opts), INCONCLUSIVE);
	ck_assert_int_eq(judged.verdict, INCONCLUSIVE);
}
END_TEST
#define NOTHING_CHECKS 19

/* ---- no-lost-sale ---- */

START_TEST(lost_good_day_holds)
{
	struct judgement *j;

	good_day();
	j = one("no-lost-sale", "{}");
	assert_verdict(j, HOLDS);
	ck_assert_int_eq(j->judged, 3);
	ck_assert_int_eq(judged.verdict, HOLDS);
}
END_TEST

START_TEST(lost_is_violated)
{
	good_day();
	tell("S4", TOLD_OK, 1295)->receipt = "1-17";
	assert_witness(one("no-lost-sale", "{}"), "S4");
	assert_why(judged.checks, "12.95 EUR");
	ck_assert_uint_eq(judged.checks->violations, 1);
	ck_assert_str_eq(judged.blame, "baseline"); /* nothing fired */
}
END_TEST

START_TEST(lost_unknown_may_be_absent)
{
	good_day();
	tell("S4", TOLD_UNKNOWN, -1);
	tell("S5", TOLD_REFUSED, -1);
	assert_verdict(one("no-lost-sale", "{}"), HOLDS);
}
END_TEST

START_TEST(lost_acknowledged_overrides_refused)
{
	good_day();
	tell("S4", TOLD_REFUSED, 100)->acknowledged = true;
	assert_witness(one("no-lost-sale", "{}"), "S4");
}
END_TEST

START_TEST(lost_row_that_says_void_is_lost)
{
	good_day();
	w->book[1].state = "voided";
	assert_witness(one("no-lost-sale", "{}"), "S2");
}
END_TEST

START_TEST(lost_row_of_the_start_does_not_count)
{
	good_day();
	w->book[1].start = true;
	assert_witness(one("no-lost-sale", "{}"), "S2");
}
END_TEST

START_TEST(lost_kinds)
{
	good_day();
	tell("V", TOLD_OK, 100)->kind = "void"; /* promises nothing */
	tell("R", TOLD_OK, 100)->kind = "refund";
	booked("R", 100)->state = "refunded";
	assert_verdict(one("no-lost-sale", "{}"), HOLDS);
	tell("R2", TOLD_OK, 100)->kind = "refund";
	assert_witness(one("no-lost-sale", "{}"), "R2");
}
END_TEST

/* A till that turns the row of the sale into the refund has not lost it. */
START_TEST(lost_row_that_became_the_refund)
{
	struct told *refund;

	good_day();
	w->book[1].state = "refunded";
	assert_witness(one("no-lost-sale", "{}"), "S2"); /* nobody asked for that */
	refund = tell("R2", TOLD_OK, 1001);
	refund->kind = "refund";
	refund->shopper = w->told[1].shopper;
	booked("R2", -1001);
	assert_verdict(one("no-lost-sale", "{}"), HOLDS);
	refund->outcome = TOLD_REFUSED;
	refund->acknowledged = false;
	assert_witness(one("no-lost-sale", "{}"), "S2");
}
END_TEST

START_TEST(lost_ambiguous_key_is_named)
{
	good_day();
	tell("S1", TOLD_OK, 1000);
	assert_verdict(one("no-lost-sale", "{}"), INCONCLUSIVE);
	assert_why(judged.checks, "S1");
	tell("S9", TOLD_OK, 1); /* a proven loss stands all the same */
	assert_witness(one("no-lost-sale", "{}"), "S9");
}
END_TEST

START_TEST(lost_might_be_the_row_without_key)
{
	good_day();
	tell("S4", TOLD_OK, 1295);
	booked("", 1295);
	assert_verdict(one("no-lost-sale", "{}"), INCONCLUSIVE);
	tell("S5", TOLD_OK, 1295); /* two lost, one row without a key: one is lost for sure */
	assert_verdict(one("no-lost-sale", "{}"), VIOLATED);
}
END_TEST

START_TEST(unread_books_are_inconclusive)
{
	good_day();
	tell("S4", TOLD_OK, 1);
	w->f.books_read = false;
	snprintf(w->f.books_why, sizeof(w->f.books_why), "disk on fire");
	assert_verdict(one("no-lost-sale", "{}"), INCONCLUSIVE);
	assert_why(judged.checks, "disk on fire");
	w->f.books_read = true;
	w->t.books.kind = BOOKS_NONE;
	assert_verdict(one("no-lost-sale", "{}"), INCONCLUSIVE);
}
END_TEST

/* ---- no-duplicate-sale ---- */

START_TEST(duplicate_good_day_holds)
{
	good_day();
	assert_verdict(one("no-duplicate-sale", "{}"), HOLDS);
}
END_TEST

START_TEST(duplicate_is_violated_whatever_was_told)
{
	static const int outcomes[] = {TOLD_OK, TOLD_REFUSED, TOLD_UNKNOWN};

	good_day();
	tell("S4", outcomes[_i], 100);
	booked("S4", 100);
	booked("S4", 100);
	assert_witness(one("no-duplicate-sale", "{}"), "S4");
}
END_TEST

START_TEST(duplicate_of_a_phantom)
{
	good_day();
	booked("X", 100);
	booked("X", 100);
	assert_witness(one("no-duplicate-sale", "{}"), "X");
}
END_TEST

START_TEST(duplicate_void_and_refund_rows)
{
	good_day();
	booked("S1", 1000)->state = "void"; /* voided, then sold */
	tell("R", TOLD_OK, 500)->kind = "refund";
	booked("R", 500);
	booked("R", -500); /* sold and given back */
	assert_verdict(one("no-duplicate-sale", "{}"), HOLDS);
	booked("R", -500); /* given back twice */
	assert_witness(one("no-duplicate-sale", "{}"), "R");
}
END_TEST

START_TEST(duplicate_row_of_the_start_is_read_again)
{
	good_day();
	booked("OLD", 5)->start = true;
	booked("OLD", 5);
	assert_verdict(one("no-duplicate-sale", "{}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 3);
	booked("OLD", 5);
	booked("OLD", 5);
	assert_witness(one("no-duplicate-sale", "{}"), "OLD");
}
END_TEST

START_TEST(duplicate_may_be_the_row_without_key)
{
	good_day();
	booked(NULL, 1000);
	assert_verdict(one("no-duplicate-sale", "{}"), INCONCLUSIVE);
	booked("S1", 1000); /* a proven one stands */
	assert_witness(one("no-duplicate-sale", "{}"), "S1");
}
END_TEST

/* ---- no-phantom-sale ---- */

START_TEST(phantom_good_day_holds)
{
	good_day();
	booked("OLD", 5)->start = true;
	booked("OLD", 5);
	booked("", 7)->start = true; /* a row without key that was there */
	booked("", 7);
	assert_verdict(one("no-phantom-sale", "{}"), HOLDS);
}
END_TEST

START_TEST(phantom_is_violated)
{
	good_day();
	booked("X", 1295);
	assert_witness(one("no-phantom-sale", "{}"), "X");
	assert_why(judged.checks, "12.95 EUR");
}
END_TEST

START_TEST(phantom_refused_but_booked)
{
	good_day();
	tell("S4", TOLD_REFUSED, 100);
	assert_verdict(one("no-phantom-sale", "{}"), HOLDS);
	booked("S4", 100);
	assert_witness(one("no-phantom-sale", "{}"), "S4");
	w->told[3].acknowledged = true; /* the receipt was cut: acknowledged overrides refused */
	assert_verdict(one("no-phantom-sale", "{}"), HOLDS);
}
END_TEST

START_TEST(phantom_voided_but_booked)
{
	struct book *b;

	good_day();
	tell("V", TOLD_OK, 100)->kind = "void";
	b = booked("V", 100);
	assert_witness(one("no-phantom-sale", "{}"), "V");
	b->state = "VOID";
	assert_verdict(one("no-phantom-sale", "{}"), HOLDS);
	b->state = NULL;
	booked("V", -100); /* taken back by a negative row */
	assert_verdict(one("no-phantom-sale", "{}"), HOLDS);
}
END_TEST

START_TEST(phantom_row_without_key)
{
	good_day();
	booked(NULL, 100);
	assert_verdict(one("no-phantom-sale", "{}"), INCONCLUSIVE);
}
END_TEST

/* ---- right-amount ---- */

START_TEST(amount_good_day_holds)
{
	good_day();
	w->told[0].currency = "EUR";
	w->book[0].currency = "eur";
	assert_verdict(one("right-amount", "{}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 3);
}
END_TEST

START_TEST(amount_wrong_in_any_ledger)
{
	good_day();
	if (_i == 0)
		w->book[1].total = 1;
	else if (_i == 1)
		w->told[1].total = 1;
	else if (_i == 2)
		w->told[1].expected = 1;
	else
		w->book[1].currency = "USD";
	assert_witness(one("right-amount", "{}"), "S2");
	ck_assert_uint_eq(judged.checks->violations, 1);
}
END_TEST

START_TEST(amount_unknown_sale_that_was_booked)
{
	good_day();
	tell("S4", TOLD_UNKNOWN, -1)->expected = 700;
	booked("S4", 701);
	assert_witness(one("right-amount", "{}"), "S4");
}
END_TEST

START_TEST(amount_that_the_books_do_not_know)
{
	good_day();
	w->book[1].total = INT64_MIN;
	assert_verdict(one("right-amount", "{}"), INCONCLUSIVE);
	w->book[0].total++;
	assert_witness(one("right-amount", "{}"), "S1");
}
END_TEST

START_TEST(amount_that_no_book_has)
{
	good_day();
	w->l.book_count = 0;
	assert_verdict(one("right-amount", "{}"), INCONCLUSIVE);
}
END_TEST

START_TEST(amount_below_zero_is_no_refund)
{
	good_day();
	w->book[1].total = -w->book[1].total;
	assert_witness(one("right-amount", "{}"), "S2");
	w->book[1].state = "refunded";
	assert_verdict(one("right-amount", "{}"), HOLDS);
}
END_TEST

START_TEST(amount_override_has_no_price_list)
{
	struct told *t;

	good_day();
	t = tell("S4", TOLD_OK, 500);
	t->kind = "override";
	t->expected = 700;
	booked("S4", 500);
	assert_verdict(one("right-amount", "{}"), HOLDS);
	w->book[3].total = 501;
	assert_witness(one("right-amount", "{}"), "S4");
}
END_TEST

START_TEST(amount_refund)
{
	good_day();
	tell("R", TOLD_OK, 500)->kind = "refund";
	booked("R", 500);
	booked("R", -500);
	assert_verdict(one("right-amount", "{}"), HOLDS);
	w->book[4].total = -400;
	assert_witness(one("right-amount", "{}"), "R");
}
END_TEST

/* ---- money: four checks over bank and books ---- */

static void bank_line(const char *k, const char *rrn, const char *what, int64_t amount,
		      int64_t t_ns)
{
	w->bank[w->l.bank_count++] = (struct bank_rec){.key = k, .rrn = rrn, .what = what,
						       .amount = amount, .currency = "EUR",
						       .t_ns = t_ns};
}

static void charged(const char *k, const char *rrn, int64_t amount)
{
	bank_line(k, rrn, "authorised", amount, 3 * S);
	bank_line(k, rrn, "captured", amount, 3 * S);
}

/* Two sales by card, one in cash. */
static void card_day(void)
{
	good_day();
	w->book[0].tender = w->book[1].tender = "card";
	w->book[2].tender = "cash";
	charged("S1", "pay_1", 1000);
	charged("S2", "pay_2", 1001);
}

static const char *const money_checks[] = {"no-double-charge", "paid-means-money",
					   "no-charge-without-sale"};

START_TEST(money_good_day_holds)
{
	card_day();
	for (size_t i = 0; i < 3; i++) {
		struct judgement *j = one(money_checks[i], "{}");

		assert_verdict(j, HOLDS);
		ck_assert_int_eq(j->judged, 2);
	}
	assert_verdict(one("reversals-delivered", "{}"), INCONCLUSIVE);
	assert_why(judged.checks, "no payment had to be reversed");
}
END_TEST

START_TEST(money_without_a_bank_is_inconclusive)
{
	card_day();
	w->t.nodes_count = 0;
	for (size_t i = 0; i < 3; i++) {
		assert_verdict(one(money_checks[i], "{}"), INCONCLUSIVE);
		assert_why(judged.checks, "no bank");
	}
}
END_TEST

START_TEST(money_charge_without_a_reference)
{
	card_day();
	charged(NULL, "pay_3", 5);
	for (size_t i = 0; i < 3; i++)
		assert_verdict(one(money_checks[i], "{}"), INCONCLUSIVE);
}
END_TEST

START_TEST(money_charged_twice)
{
	card_day();
	charged("S2", "pay_3", 1001);
	assert_witness(one("no-double-charge", "{}"), "S2");
	assert_why(judged.checks, "pay_2 10.01 EUR, pay_3 10.01 EUR");
	assert_witness(one("paid-means-money", "{}"), "S2");
	assert_verdict(one("no-charge-without-sale", "{}"), HOLDS);
	assert_witness(one("reversals-delivered", "{}"), "S2");
	bank_line("S2", "pay_3", "reversed", 1001, 9 * S);
	for (size_t i = 0; i < 3; i++)
		assert_verdict(one(money_checks[i], "{}"), HOLDS);
	assert_verdict(one("reversals-delivered", "{}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 1);
	assert_witness(one("reversals-delivered", "{within: 5s}"), "S2");
	assert_why(judged.checks, "only after 6 s");
	event(EV_ARMED, 0, 2 * S); /* the way to the bank was broken meanwhile */
	event(EV_FIRED, 0, 2 * S);
	event(EV_HEALED, 0, 7 * S);
	w->x.faults_count = 1;
	w->faults[0].kind = NULL;
	assert_verdict(one("reversals-delivered", "{within: 5s}"), HOLDS);
}
END_TEST

/* Never captured, never given back: money that nobody has and nobody can spend. */
START_TEST(money_held_twice)
{
	card_day();
	bank_line("S2", "pay_3", "authorised", 1001, 3 * S);
	assert_witness(one("no-double-charge", "{}"), "S2");
	assert_why(judged.checks, "(held)");
	assert_verdict(one("paid-means-money", "{}"), HOLDS);
	assert_witness(one("reversals-delivered", "{}"), "S2");
}
END_TEST

START_TEST(money_paid_that_the_bank_has_not)
{
	card_day();
	w->bank[3].what = "declined"; /* S2's capture never was */
	assert_witness(one("paid-means-money", "{}"), "S2");
	assert_why(judged.checks, "a hold that was never captured");
	w->l.bank_count = 2;
	assert_witness(one("paid-means-money", "{}"), "S2");
	assert_why(judged.checks, "the bank has nothing");
}
END_TEST

START_TEST(money_taken_for_nothing)
{
	card_day();
	tell("S4", TOLD_REFUSED, 700);
	charged("S4", "pay_4", 700);
	charged("S9", "pay_9", 900); /* nobody knows it at all */
	charged("S3", "pay_5", 1002); /* paid in cash */
	assert_witness(one("no-charge-without-sale", "{}"), "S4");
	assert_why(judged.checks, "it was not paid by card");
	ck_assert_uint_eq(judged.checks->violations, 3);
	assert_witness(judged.checks, "S9");
	assert_witness(judged.checks, "S3");
	ck_assert_uint_eq(one("reversals-delivered", "{}")->violations, 3);
	w->book[2].tender = NULL;
	assert_verdict(one("paid-means-money", "{}"), INCONCLUSIVE);
}
END_TEST

/* The sale's tender is one word; its payments may be several. */
START_TEST(money_by_the_payments)
{
	struct book *b;

	card_day();
	w->book[0].tender = "mixed";
	b = booked("S1", 400);
	b->what = BOOK_PAYMENT;
	b->tender = "cash";
	b = booked("S1", 600);
	b->what = BOOK_PAYMENT;
	b->tender = "visa";
	assert_witness(one("paid-means-money", "{tenders: [visa, card]}"), "S1");
	w->bank[0].amount = w->bank[1].amount = 600;
	assert_verdict(one("paid-means-money", "{tenders: [visa, card]}"), HOLDS);
}
END_TEST

/* ---- paper and drawer ---- */

static struct paper_rec *slip(const char *k, const char *number, int64_t total)
{
	struct paper_rec *p = &w->paper[w->l.paper_count++];

	*p = (struct paper_rec){.device = "printer-lane-1", .key = k, .receipt = number,
				.total = total, .cut = true};
	return p;
}

static void pulse(const char *k)
{
	w->drawer[w->l.drawer_count++] = (struct drawer_rec){.device = "printer-lane-1", .key = k,
							     .what = "pulse"};
}

/* Two sales in cash, one by card; all have their receipt. */
static void paper_day(void)
{
	static const char *const numbers[] = {"1-1", "1-2", "1-3"};

	good_day();
	for (size_t i = 0; i < 3; i++) {
		w->book[i].tender = i < 2 ? "cash" : "card";
		w->book[i].receipt = w->told[i].receipt = numbers[i];
		slip(w->told[i].key, numbers[i], w->told[i].total);
	}
	pulse("S1");
	pulse("S2");
}

START_TEST(paper_good_day_holds)
{
	paper_day();
	slip("S1", "1-1", 1000)->copy = true;
	slip("S9", "1-9", 9)->cut = false; /* torn: nobody got it */
	assert_verdict(one("receipts-match-books", "{}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 6);
	assert_verdict(one("one-drawer-pulse", "{}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 3);
	w->t.nodes_count = 1;
	assert_verdict(one("receipts-match-books", "{}"), INCONCLUSIVE);
	assert_verdict(one("one-drawer-pulse", "{}"), INCONCLUSIVE);
}
END_TEST

START_TEST(paper_that_is_not_booked)
{
	paper_day();
	slip("S7", "1-7", 700);
	assert_witness(one("receipts-match-books", "{}"), "S7");
	assert_why(judged.checks, "no such sale");
}
END_TEST

START_TEST(paper_with_another_amount_or_number)
{
	paper_day();
	w->paper[0].total = 999;
	assert_witness(one("receipts-match-books", "{}"), "S1");
	assert_why(judged.checks, "9.99 EUR");
	w->paper[0].total = INT64_MIN;
	assert_verdict(one("receipts-match-books", "{}"), HOLDS);
	w->paper[1].receipt = "-";
	assert_witness(one("receipts-match-books", "{}"), "S2");
	w->told[1].receipt = "-"; /* what the shopper was told will do */
	assert_verdict(one("receipts-match-books", "{}"), HOLDS);
	w->paper[2].receipt = "1-1";
	assert_witness(one("receipts-match-books", "{}"), "S3");
}
END_TEST

START_TEST(paper_that_is_missing)
{
	paper_day();
	w->paper[2].cut = false;
	assert_witness(one("receipts-match-books", "{}"), "S3");
	assert_why(judged.checks, "did not cut its receipt");
	w->paper[2].key = NULL;
	assert_witness(one("receipts-match-books", "{}"), "S3");
	assert_why(judged.checks, "printed no receipt");
	event(EV_ARMED, 0, 1 * S);
	event(EV_FIRED, 0, 1 * S);
	event(EV_HEALED, 0, 20 * S);
	assert_verdict(one("receipts-match-books", "{}"), HOLDS);
}
END_TEST

/* It was pulled out from 1 s on and is back at @t; the fault is never healed. */
static void printer_back(int64_t t)
{
	struct event *ev;

	w->nodes[1].name = (char *)(uintptr_t) "printer-lane-1";
	event(EV_ARMED, 0, 1 * S);
	event(EV_FIRED, 0, 1 * S);
	event(EV_NOTE, 0, t);
	for (size_t i = 0; i < 2; i++) {
		ev = &w->event[w->l.event_count - 1 - i];
		ev->object = "printer-lane-1";
		ev->did = i ? "it loses its power" : EVENT_BACK;
	}
}

START_TEST(paper_of_a_printer_that_is_back)
{
	paper_day();
	printer_back(w->told[0].start_ns - 1);
	w->paper[0].t_ns = w->told[0].end_ns - 1;
	w->paper[1].key = NULL;
	w->paper[1].cut = false;
	assert_witness(one("receipts-match-books", "{}"), "S2"); /* S1 was printed again */
	w->drawer[1].key = "S1";
	assert_witness(one("one-drawer-pulse", "{}"), "S2");
	for (size_t i = 0; i < 3; i++)
		w->paper[i].t_ns = -1; /* nothing was, since it is back */
	w->drawer[1].what = "change";
	assert_verdict(one("receipts-match-books", "{}"), INCONCLUSIVE);
	assert_why(judged.checks, "nothing was printed any more");
	assert_verdict(one("one-drawer-pulse", "{}"), INCONCLUSIVE);
	w->event[w->l.event_count - 1].t_ns = w->told[2].end_ns + 1; /* back behind all sales */
	assert_verdict(one("receipts-match-books", "{}"), HOLDS);
	assert_verdict(one("one-drawer-pulse", "{}"), HOLDS);
}
END_TEST

START_TEST(paper_of_a_shop_that_never_cuts_says_nothing)
{
	paper_day();
	for (size_t i = 0; i < w->l.paper_count; i++)
		w->paper[i].cut = false;
	assert_verdict(one("receipts-match-books", "{}"), INCONCLUSIVE);
	assert_why(judged.checks, "ever cut");
}
END_TEST

/* Who stood there when it was torn finds it in the story of his sale. */
START_TEST(paper_that_was_torn_is_told)
{
	struct buf story = {0};
	struct paper_rec *p;

	paper_day();
	w->nodes[1].name = (char *)(uintptr_t) "printer-lane-1";
	p = slip(NULL, NULL, INT64_MIN);
	p->cut = false;
	p->text = "1 x APPLE 1.29\nTOTAL";
	p->t_ns = w->told[2].start_ns + 1;
	one("receipts-match-books", "{}");
	judge_story(&w->in, "S3", &story);
	ck_assert_ptr_nonnull(strstr(story.data, "printer-lane-1 left a torn receipt: 1 x APPLE "
						 "1.29/TOTAL"));
	buf_reset(&story);
	judge_story(&w->in, "S1", &story);
	ck_assert_ptr_null(strstr(story.data, "torn"));
	buf_done(&story);
}
END_TEST

START_TEST(paper_without_a_key)
{
	paper_day();
	slip(NULL, "1-8", 8);
	assert_verdict(one("receipts-match-books", "{}"), INCONCLUSIVE);
	assert_why(judged.checks, "has no key");
}
END_TEST

START_TEST(drawer_too_often_or_not_at_all)
{
	paper_day();
	pulse("S1");
	assert_witness(one("one-drawer-pulse", "{}"), "S1");
	w->told[0].attempts = 2; /* the cashier tried twice */
	assert_verdict(one("one-drawer-pulse", "{}"), HOLDS);
	pulse("S3");
	assert_witness(one("one-drawer-pulse", "{}"), "S3");
	assert_why(judged.checks, "paid by card");
	w->l.drawer_count = 1;
	assert_witness(one("one-drawer-pulse", "{}"), "S2");
	assert_why(judged.checks, "stayed shut");
	pulse("S2");
	pulse("S99");
	assert_verdict(one("one-drawer-pulse", "{}"), VIOLATED);
	assert_why(judged.checks, "nobody knows");
	w->drawer[2].key = NULL;
	assert_verdict(one("one-drawer-pulse", "{}"), INCONCLUSIVE);
}
END_TEST

/* ---- stock-once ---- */

static void stocked_day(int64_t left)
{
	good_day();
	w->told[0].basket = "A*2 B*1";
	w->told[1].basket = "A";
	w->told[2].basket = "C*9"; /* not kept in stock */
	stock(true, "A", 10);
	stock(true, "B", 10);
	stock(false, "A", left);
	stock(false, "B", 9);
}

START_TEST(stock_good_day_holds)
{
	stocked_day(7);
	assert_verdict(one("stock-once", "{}"), HOLDS);
}
END_TEST

START_TEST(stock_lost_update)
{
	stocked_day(8);
	assert_verdict(one("stock-once", "{}"), VIOLATED);
	assert_why(judged.checks, "article A");
	assert_why(judged.checks, "7");
}
END_TEST

START_TEST(stock_of_a_sale_that_is_not_booked)
{
	stocked_day(7);
	tell("S4", TOLD_UNKNOWN, -1)->basket = "A";
	assert_verdict(one("stock-once", "{}"), HOLDS);
	w->book[5].qty = 6; /* off the shelf although the sale is not in the books */
	assert_verdict(one("stock-once", "{}"), VIOLATED);
}
END_TEST

START_TEST(stock_refund_may_go_back)
{
	struct told *t;

	stocked_day(7);
	t = tell("R", TOLD_OK, 5);
	t->kind = "refund";
	t->basket = "A";
	booked("R", 5)->state = "refunded";
	assert_verdict(one("stock-once", "{}"), HOLDS);
	w->book[5].qty = 6;
	assert_verdict(one("stock-once", "{}"), HOLDS);
	w->book[5].qty = 5;
	assert_verdict(one("stock-once", "{}"), VIOLATED);
}
END_TEST

START_TEST(stock_offline_not_synced)
{
	struct told *t;

	stocked_day(7);
	t = tell("S4", TOLD_OK, 5);
	t->basket = "A";
	t->offline = true;
	assert_verdict(one("stock-once", "{}"), INCONCLUSIVE);
	assert_why(judged.checks, "offline");
}
END_TEST

START_TEST(stock_needs_the_start_and_a_basket)
{
	stocked_day(7);
	w->told[0].basket = NULL;
	assert_verdict(one("stock-once", "{}"), INCONCLUSIVE);
	for (int i = 0; i < 2; i++) { /* the books' own lines will do */
		struct book *b = booked("S1", INT64_MIN);

		b->what = BOOK_LINE;
		b->sku = i ? "B" : "A";
		b->qty = i ? 1 : 2;
	}
	assert_verdict(one("stock-once", "{}"), HOLDS);
	w->f.has_start_books = false;
	assert_verdict(one("stock-once", "{}"), INCONCLUSIVE);
}
END_TEST

/* ---- receipt-numbers ---- */

START_TEST(receipts_good_day_holds)
{
	good_day();
	receipt("1", 2);
	receipt("1", 1);
	receipt("2", 1);
	receipt("1", 3);
	assert_verdict(one("receipt-numbers", "{}"), HOLDS);
}
END_TEST

START_TEST(receipts_gap)
{
	good_day();
	receipt("1", 1);
	receipt("1", 2);
	receipt("1", 5);
	assert_verdict(one("receipt-numbers", "{}"), VIOLATED);
	assert_why(judged.checks, "3 to 4");
	assert_verdict(one("receipt-numbers", "{mode: unique}"), HOLDS);
}
END_TEST

START_TEST(receipts_twice)
{
	good_day();
	receipt("1", 1);
	receipt("1", 2);
	receipt("1", 2);
	receipt("1", 3);
	assert_verdict(one("receipt-numbers", "{mode: unique}"), VIOLATED);
	assert_verdict(one("receipt-numbers", "{}"), VIOLATED);
}
END_TEST

START_TEST(receipts_from_the_sale_rows)
{
	good_day();
	w->book[0].receipt = "1-17";
	w->book[1].receipt = "1-18";
	w->book[2].receipt = "2-5";
	assert_verdict(one("receipt-numbers", "{}"), HOLDS);
	w->book[1].receipt = "1-19";
	assert_verdict(one("receipt-numbers", "{}"), VIOLATED);
	assert_why(judged.checks, "18");
}
END_TEST

START_TEST(receipts_only_some_have_a_number)
{
	good_day();
	w->book[0].number = 1;
	w->book[1].number = 2;
	assert_verdict(one("receipt-numbers", "{}"), INCONCLUSIVE);
	w->book[2].state = "voided"; /* that one needs none */
	assert_verdict(one("receipt-numbers", "{}"), HOLDS);
	w->book[2].state = NULL;
	w->book[1].number = 1;
	assert_verdict(one("receipt-numbers", "{}"), VIOLATED);
}
END_TEST

START_TEST(receipts_told_twice)
{
	good_day();
	receipt("1", 1);
	w->told[0].receipt = w->told[1].receipt = "1-1";
	assert_witness(one("receipt-numbers", "{mode: unique}"), "S2");
	w->told[1].lane = "lane-2"; /* each lane has its own numbers */
	assert_verdict(one("receipt-numbers", "{mode: unique}"), HOLDS);
}
END_TEST

/* ---- checkout-time ---- */

/* n sales of i ms each at the till, i from 1; nobody queued; one after the other every 10 s. */
static void timed(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct told *t = tell(key('T', i), TOLD_OK, 1);

		t->intended_ns = t->start_ns = (int64_t)i * 10 * S;
		t->end_ns = t->start_ns + (int64_t)(i + 1) * MS;
		t->system_ns = MS;
	}
}

START_TEST(time_percentiles_are_exact)
{
	static const struct {
		const char *opts;
		enum verdict verdict;
	} cases[] = {
		{"{p50: 50ms}", HOLDS},
		{"{p50: 49ms}", VIOLATED},
		{"{p90: 90ms}", HOLDS},
		{"{p90: 89ms}", VIOLATED},
		{"{p95: 95ms}", HOLDS},
		{"{p95: 94ms}", VIOLATED},
		{"{p99: 99ms}", HOLDS},
		{"{p99: 98ms}", VIOLATED},
		{"{max: 100ms}", HOLDS},
		{"{max: 99ms}", VIOLATED},
		{"{p50: 60ms, max: 99ms}", VIOLATED},
		{"{p999: 200ms}", INCONCLUSIVE}, /* needs 200 */
		{"{p99: 99ms, min_count: 101}", INCONCLUSIVE},
		{"{of: system, max: 1ms}", HOLDS},
		{"{of: queue, max: 1ms}", HOLDS},
	};

	timed(100);
	assert_verdict(one("checkout-time", cases[_i].opts), cases[_i].verdict);
}
END_TEST
#define TIME_CASES 15

/* A few samples over the limit may be chance; all of a dozen are not. */
START_TEST(time_of_few)
{
	timed(5);
	assert_verdict(one("checkout-time", "{p95: 4ms}"), INCONCLUSIVE);
	assert_why(judged.checks, "p95 needs at least 20 sales, there were 5");
	assert_verdict(one("checkout-time", "{max: 4ms}"), VIOLATED);
}
END_TEST

START_TEST(time_of_few_and_bad)
{
	timed(12);
	assert_verdict(one("checkout-time", "{p95: 500us}"), VIOLATED);
	assert_verdict(one("checkout-time", "{p50: 1ms}"), VIOLATED);
}
END_TEST

START_TEST(time_says_the_interval)
{
	timed(1000);
	assert_verdict(one("checkout-time", "{p50: 600ms}"), HOLDS);
	/* ranks 469 and 532 of 1000: exact binomial, not the normal approximation's 469 and 531 */
	assert_why(judged.checks, "95 % interval 469 ms to 53");
	assert_verdict(one("checkout-time", "{p999: 2s, min_count: 100}"), HOLDS);
	assert_why(judged.checks, "too few to say up to what");
}
END_TEST

START_TEST(time_too_few)
{
	timed(19);
	assert_verdict(one("checkout-time", "{p99: 1s}"), INCONCLUSIVE);
	assert_why(judged.checks, "at least 20");
	assert_verdict(one("checkout-time", "{max: 1s}"), HOLDS);
	assert_verdict(one("checkout-time", "{p99: 1ms}"), VIOLATED); /* proven all the same */
}
END_TEST

START_TEST(time_phases)
{
	timed(100); /* one every 10 s */
	w->told[50].end_ns = w->told[50].start_ns + 5 * S;
	event(EV_ARMED, 0, 495 * S);
	event(EV_HEALED, 0, 502 * S); /* touches sale 50 only */
	w->f.heal_ns = 502 * S;
	assert_verdict(one("checkout-time", "{max: 1s, during: healthy}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 50);
	assert_verdict(one("checkout-time", "{max: 1s, during: recovery}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 49);
	assert_witness(one("checkout-time", "{max: 1s, during: fault}"), "T50");
	assert_verdict(one("checkout-time", "{max: 1s}"), VIOLATED);
	w->told[50].warm = true;
	assert_verdict(one("checkout-time", "{max: 1s}"), HOLDS);
	assert_verdict(one("checkout-time", "{max: 1s, during: fault}"), INCONCLUSIVE);
}
END_TEST

START_TEST(time_at_some_lanes)
{
	timed(100);
	for (size_t i = 0; i < 100; i++)
		w->told[i].lane = i < 50 ? "lane-1" : "lane-2"; /* up to 50 ms; up to 100 ms */
	w->left[w->l.left_count++] =
		(struct left){.intended_ns = 0, .left_ns = 60 * S, .lane = "lane-2"};
	assert_verdict(one("checkout-time", "{max: 50ms, lanes: [lane-1]}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 50);
	assert_verdict(one("checkout-time", "{max: 50ms, lanes: lane-*}"), VIOLATED);
	assert_verdict(one("checkout-time", "{of: queue, max: 1s, lanes: [lane-1]}"), HOLDS);
	assert_verdict(one("checkout-time", "{of: queue, max: 1s, lanes: [lane-2]}"), VIOLATED);
	assert_verdict(one("checkout-time", "{max: 1h, lanes: [lane-9]}"), INCONCLUSIVE);
}
END_TEST

START_TEST(time_pace_scales_shop_time)
{
	timed(100); /* up to 100 ms; at pace 10x a second of shop time */
	w->x.shoppers.pace_milli = 10000;
	w->f.baseline_system_p50_ns = 1 * MS;
	w->f.human_mean_ns = 10 * S;
	assert_verdict(one("checkout-time", "{max: 1s}"), HOLDS);
	assert_verdict(one("checkout-time", "{max: 999ms}"), VIOLATED);
	assert_verdict(one("checkout-time", "{of: system, max: 1ms}"), HOLDS);
}
END_TEST

START_TEST(time_walk_outs_waited)
{
	timed(30);
	w->left[w->l.left_count++] =
		(struct left){.intended_ns = 0, .left_ns = 60 * S, .lane = "l"};
	assert_verdict(one("checkout-time", "{of: queue, max: 30s}"), VIOLATED);
	assert_verdict(one("checkout-time", "{of: checkout, max: 30s}"), HOLDS);
}
END_TEST

START_TEST(time_needs_a_limit)
{
	ck_assert_uint_eq(with_check("checkout-time", "{of: whole}"), 1);
	ck_assert_uint_eq(with_check("checkout-time", "{p99: 20}"), 1);
	ck_assert_uint_eq(with_check("walk-outs", "{max: many}"), 1);
	ck_assert_uint_eq(with_check("walk-outs", "{max: 2%}"), 0);
	ck_assert_uint_eq(with_check("walk-outs", "{max: 2}"), 0);
}
END_TEST

/* ---- no-hang, missed-trains, walk-outs, answered, served ---- */

START_TEST(hang)
{
	good_day();
	assert_verdict(one("no-hang", "{}"), HOLDS);
	w->told[1].slowest_ns = 61 * S;
	assert_witness(one("no-hang", "{}"), "S2");
	assert_verdict(one("no-hang", "{max: 2min}"), HOLDS); /* it did answer */
	w->told[1].slowest_ns = 30 * S;			      /* cut off by step_timeout */
	w->told[1].outcome = TOLD_UNKNOWN;
	w->told[1].acknowledged = false;
	assert_witness(one("no-hang", "{}"), "S2");
	w->told[1].slowest_ns = 3 * S;
	w->told[1].error = "pay: connection reset";
	assert_verdict(one("no-hang", "{}"), HOLDS);
	w->told[1].error = "503: the bank timed out"; /* a till that says so has answered */
	assert_verdict(one("no-hang", "{}"), HOLDS);
	w->told[1].error = TOLD_NO_ANSWER;
	assert_witness(one("no-hang", "{}"), "S2");
}
END_TEST

START_TEST(trains)
{
	good_day();
	assert_verdict(one("missed-trains", "{}"), INCONCLUSIVE);
	w->x.shoppers.train = 0.1;
	assert_verdict(one("missed-trains", "{}"), HOLDS);
	w->told[1].train_missed = true;
	assert_witness(one("missed-trains", "{}"), "S2");
	assert_verdict(one("missed-trains", "{max: 1}"), HOLDS);
	ck_assert_uint_eq(judged.checks->witnesses, 0);
	assert_verdict(one("missed-trains", "{max: 30%}"), VIOLATED);
	assert_verdict(one("missed-trains", "{max: 34%}"), HOLDS);
	w->left[w->l.left_count++] = (struct left){.train_missed = true};
	assert_verdict(one("missed-trains", "{max: 1}"), VIOLATED);
}
END_TEST

START_TEST(walking_out)
{
	good_day();
	assert_verdict(one("walk-outs", "{}"), HOLDS);
	w->left[w->l.left_count++] = (struct left){.why = "patience"};
	assert_verdict(one("walk-outs", "{}"), VIOLATED);
	assert_verdict(one("walk-outs", "{max: 1}"), HOLDS);
	assert_verdict(one("walk-outs", "{max: 25%}"), HOLDS);
	assert_verdict(one("walk-outs", "{max: 24%}"), VIOLATED);
	w->left[0].why = LEFT_SENT_HOME; /* by us */
	assert_verdict(one("walk-outs", "{max: 0}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 3);
}
END_TEST

START_TEST(the_shop_goes_on_in_another_way)
{
	good_day();
	for (size_t i = 0; i < 3; i++)
		w->told[i].tender = i ? "cash" : "card";
	assert_verdict(one("fallback-works", "{}"), INCONCLUSIVE); /* nothing was broken */
	event(EV_ARMED, 0, 2 * S);
	assert_verdict(one("fallback-works", "{}"), HOLDS);
	ck_assert_int_eq(judged.checks->judged, 2);
	w->told[0].outcome = TOLD_REFUSED; /* that is what the bank is for */
	w->told[0].acknowledged = false;
	assert_verdict(one("fallback-works", "{}"), HOLDS);
	assert_witness(one("fallback-works", "{tenders: [cash, card]}"), "S1");
	w->told[1].slowest_ns = 11 * S;
	assert_witness(one("fallback-works", "{}"), "S2");
	assert_verdict(one("fallback-works", "{max: 12s}"), HOLDS);
	assert_verdict(one("fallback-works", "{min: 50%}"), HOLDS);
	w->told[2].outcome = TOLD_UNKNOWN;
	w->told[2].acknowledged = false;
	assert_verdict(one("fallback-works", "{min: 50%}"), VIOLATED);
	event(EV_HEALED, 0, 2500 * MS); /* before the last of them came */
	assert_verdict(one("fallback-works", "{max: 12s}"), HOLDS);
}
END_TEST

START_TEST(offline_within_limits)
{
	good_day();
	for (size_t i = 0; i < 3; i++)
		w->told[i].tender = "card";
	assert_verdict(one("offline-limits", "{floor: 1000}"), INCONCLUSIVE);
	w->told[0].offline = w->told[2].offline = true;
	assert_verdict(one("offline-limits", "{floor: 1002}"), HOLDS);
	assert_witness(one("offline-limits", "{floor: 1001}"), "S3");
	assert_verdict(one("offline-limits", "{count: 1}"), HOLDS); /* online between them */
	assert_verdict(one("offline-limits", "{sum: 1002}"), HOLDS);
	w->told[1].tender = "cash";
	w->told[1].offline = true; /* neither counts nor ends the row */
	assert_witness(one("offline-limits", "{count: 1}"), "S3");
	assert_witness(one("offline-limits", "{sum: 2001}"), "S3");
	assert_verdict(one("offline-limits", "{sum: 2002}"), HOLDS);
	w->told[0].lane = "lane-2";
	assert_verdict(one("offline-limits", "{count: 1}"), HOLDS);
	assert_verdict(one("offline-limits", "{tenders: [cash], floor: 1000}"), VIOLATED);
	w->told[0].total = -1; /* nobody said how much */
	assert_verdict(one("offline-limits", "{floor: 9000}"), INCONCLUSIVE);
	assert_verdict(one("offline-limits", "{sum: 9000}"), INCONCLUSIVE);
	assert_verdict(one("offline-limits", "{count: 9}"), HOLDS);
}
END_TEST

/* A line of the books of S1. */
static struct book *line_of_one(const char *sku, int64_t qty)
{
	struct book *b = booked("S1", INT64_MIN);

	b->what = BOOK_LINE;
	b->sku = sku;
	b->qty = qty;
	return b;
}

START_TEST(what_lay_on_the_belt)
{
	struct book *b;

	good_day();
	w->told[0].basket = "A*2 B*1";
	assert_verdict(one("right-goods-right-price", "{}"), INCONCLUSIVE); /* no lines */
	line_of_one("A", 2);
	b = line_of_one("B", 1);
	assert_verdict(one("right-goods-right-price", "{}"), HOLDS);
	line_of_one("C", 1); /* scanned by mistake, and taken back */
	line_of_one("C", -1);
	assert_verdict(one("right-goods-right-price", "{}"), HOLDS);
	b->qty = 2;
	assert_witness(one("right-goods-right-price", "{}"), "S1");
	b->qty = 1;
	line_of_one("D", 1);
	assert_witness(one("right-goods-right-price", "{}"), "S1");
}
END_TEST

START_TEST(answers_and_service)
{
	good_day();
	tell("S4", TOLD_UNKNOWN, -1);
	assert_witness(one("answered-sales", "{}"), "S4");
	assert_verdict(one("answered-sales", "{min: 75%}"), HOLDS);
	assert_verdict(one("sales-served", "{min: 3}"), HOLDS);
	assert_verdict(one("sales-served", "{min: 4}"), VIOLATED);
	assert_verdict(one("sales-served", "{min: 75%}"), HOLDS);
	assert_verdict(one("sales-served", "{min: 76%}"), VIOLATED);
	w->told[3].outcome = TOLD_REFUSED; /* a clear answer, but no sale */
	assert_verdict(one("answered-sales", "{}"), HOLDS);
	assert_verdict(one("sales-served", "{min: 4}"), VIOLATED);
}
END_TEST

/* A refund is a second record of the same shopper; a sale that we cut short is nobody's failure. */
START_TEST(a_shopper_counts_once)
{
	good_day();
	tell("S4", TOLD_UNKNOWN, -1);
	tell("R1", TOLD_OK, 1000)->kind = "refund";
	assert_verdict(one("sales-served", "{min: 4}"), VIOLATED);
	assert_verdict(one("sales-served", "{min: 76%}"), VIOLATED);
	w->told[3].error = TOLD_CUT_SHORT;
	assert_verdict(one("sales-served", "{min: 100%}"), HOLDS);
	assert_verdict(one("answered-sales", "{}"), HOLDS);
	w->f.cut_short = true;
	one("answered-sales", "{}");
	ck_assert_int_eq(judged.verdict, INCONCLUSIVE);
	ck_assert_msg(strstr(judged.why, "deadline"), "%s", judged.why);
}
END_TEST

/* ---- recovery-time ---- */

/*
 * Two shoppers a second for 200 s, each served within 100 ms; the fault lasts
 * from 60 s to 70 s. Sales that end in [60 s, back) fail.
 */
static void bad_morning(int64_t back_ns)
{
	for (size_t i = 0; i < 400; i++) {
		struct told *t = tell(key('M', i), TOLD_OK, 1);

		t->intended_ns = t->start_ns = (int64_t)i * S / 2;
		t->end_ns = t->start_ns + 100 * MS;
		if (t->end_ns >= 60 * S && t->end_ns < back_ns) {
			t->outcome = TOLD_UNKNOWN;
			t->acknowledged = false;
		}
	}
	event(EV_ARMED, 0, 60 * S);
	event(EV_HEALED, 0, 70 * S);
	w->f.heal_ns = 70 * S;
	w->f.baseline_rate = 2;
}

START_TEST(recovery_at_once)
{
	bad_morning(70 * S);
	assert_verdict(one("recovery-time", "{max: 2s}"), HOLDS);
}
END_TEST

START_TEST(recovery_late)
{
	bad_morning(90 * S);
	assert_verdict(one("recovery-time", "{max: 25s}"), HOLDS);
	assert_verdict(one("recovery-time", "{max: 15s}"), VIOLATED);
	w->f.baseline_rate = -1; /* the rate before the fault serves as well */
	assert_verdict(one("recovery-time", "{max: 25s}"), HOLDS);
	assert_verdict(one("recovery-time", "{max: 15s}"), VIOLATED);
}
END_TEST

START_TEST(recovery_without_any_rate)
{
	bad_morning(90 * S);
	w->f.baseline_rate = -1;
	w->f.open_ns = 60 * S;
	w->event[0].t_ns = 0; /* the fault was there from the start: no rate is known */
	w->event[1].t_ns = 70 * S;
	for (size_t i = 0; i < 400; i++)
		w->told[i].outcome = w->told[i].end_ns < 90 * S ? TOLD_UNKNOWN : TOLD_OK,
		w->told[i].acknowledged = w->told[i].end_ns >= 90 * S;
	assert_verdict(one("recovery-time", "{max: 25s}"), HOLDS);
	assert_verdict(one("recovery-time", "{max: 15s}"), VIOLATED);
}
END_TEST

START_TEST(recovery_never)
{
	bad_morning(1000 * S);
	assert_verdict(one("recovery-time", "{max: 30s}"), VIOLATED);
	assert_verdict(one("recovery-time", "{max: 10min}"), INCONCLUSIVE);
	assert_why(judged.checks, "more shoppers");
}
END_TEST

START_TEST(recovery_hung_shop_sells_nothing)
{
	bad_morning(70 * S);
	for (size_t i = 0; i < 400;
	     i++) /* nobody is told anything after the heal until the very end */
		if (w->told[i].start_ns >= 70 * S)
			w->told[i].end_ns = 300 * S;
	assert_verdict(one("recovery-time", "{max: 30s}"), VIOLATED);
}
END_TEST

START_TEST(recovery_arrivals_end_too_early)
{
	bad_morning(70 * S);
	w->f.heal_ns = w->event[1].t_ns = 190 * S;
	assert_verdict(one("recovery-time", "{max: 30s}"), INCONCLUSIVE);
	assert_why(judged.checks, "shoppers");
}
END_TEST

START_TEST(recovery_without_a_heal)
{
	bad_morning(70 * S);
	w->f.heal_ns = -1;
	assert_verdict(one("recovery-time", "{max: 30s}"), INCONCLUSIVE);
}
END_TEST

/* The till sells again at once, but those who waited meanwhile keep the queue long. */
START_TEST(recovery_of_the_queue)
{
	bad_morning(70 * S);
	for (size_t i = 0; i < 400; i++)
		if (w->told[i].end_ns >= 70 * S && w->told[i].end_ns < 120 * S)
			w->told[i].intended_ns = w->told[i].start_ns - 20 * S;
	assert_verdict(one("recovery-time", "{max: 60s}"), HOLDS);
	assert_verdict(one("recovery-time", "{max: 40s}"), VIOLATED);
	assert_why(judged.checks, "queue");
}
END_TEST

/* Chance alone must not delay recovery: Poisson arrivals, a perfect till. */
START_TEST(recovery_allows_for_chance)
{
	uint64_t rng = 88172645463325252u + (uint64_t)_i;
	double t = 0;

	for (size_t i = 0; i < 400; i++) {
		struct told *s = tell(key('P', i), TOLD_OK, 1);

		rng ^= rng << 13, rng ^= rng >> 7, rng ^= rng << 17;
		t += -0.75 * __builtin_log(((double)(rng >> 11) + 1) / 9007199254740993.0);
		s->intended_ns = s->start_ns = (int64_t)(t * 1e9);
		s->end_ns = s->start_ns + 100 * MS;
	}
	event(EV_ARMED, 0, 60 * S);
	event(EV_HEALED, 0, 70 * S);
	w->f.heal_ns = 70 * S;
	w->f.baseline_rate = 1.33;
	assert_verdict(one("recovery-time", "{max: 30s}"), HOLDS);
}
END_TEST

/* ---- custom ---- */

START_TEST(custom_exits)
{
	static const struct {
		const char *run;
		enum verdict verdict;
		const char *why;
	} cases[] = {
		{"{run: 'echo fine'}", HOLDS, "fine"},
		{"{run: 'echo \"S2: it is wrong\"; exit 1'}", VIOLATED, "it is wrong"},
		{"{run: 'exit 1'}", VIOLATED, "exit 1"},
		{"{run: 'echo perhaps; exit 2'}", INCONCLUSIVE, "perhaps"},
		{"{run: 'exit 3'}", BROKEN, "exit code 3"},
		{"{run: 'kill -9 $$'}", BROKEN, "signal 9"},
		{"{run: [/does/not/exist, -x]}", BROKEN, "started"},
		{"{run: 'sleep 30', timeout: 100ms}", BROKEN, "100 ms"},
		{"{run: 'sleep 30 >/dev/null & exec >&-; wait', timeout: 100ms}", BROKEN, "100 ms"},
		{"{run: [/bin/sh, -c, 'test \"$WORSTDAY_DIR\" = \"$PWD\"']}", HOLDS, "exit 0"},
	};

	good_day();
	assert_verdict(one("custom", cases[_i].run), cases[_i].verdict);
	assert_why(judged.checks, cases[_i].why);
	if (_i == 1)
		assert_witness(judged.checks, "S2");
	ck_assert_int_eq(judged.verdict, cases[_i].verdict);
}
END_TEST
#define CUSTOM_CASES 10

/* A program is found beside the experiment file. */
START_TEST(custom_beside_the_experiment)
{
	char dir[] = "/tmp/check-judge-XXXXXX";
	cleanup_free char *program = NULL, *path = NULL;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	program = xasprintf("%s/judge.sh", dir);
	path = xasprintf("%s/x.yml", dir);
	f = fopen(program, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\necho \"$1\"; exit 2\n");
	fclose(f);
	chmod(program, 0755);
	good_day();
	w->x.path = path;
	assert_verdict(one("custom", "{run: [./judge.sh, word]}"), INCONCLUSIVE);
	assert_why(judged.checks, "word");
	unlink(program);
	rmdir(dir);
}
END_TEST

/* ---- the whole trial ---- */

static const struct conf_kind kill_kind = {.name = "process.kill"};

static void with_fault(int64_t min_hits)
{
	w->faults[w->x.faults_count++] =
		(struct conf_item){.kind = &kill_kind, .min_hits = min_hits};
}

START_TEST(trial_fault_that_never_fired)
{
	good_day();
	with_fault(1);
	assert_verdict(one("no-lost-sale", "{}"), HOLDS);
	ck_assert_int_eq(judged.verdict, INCONCLUSIVE);
	ck_assert_msg(strstr(judged.why, "fault 0 process.kill never fired"), "%s", judged.why);
	event(EV_ARMED, 0, 1);
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, INCONCLUSIVE);
	ck_assert_int_eq(judged.faults[0].armed, 1);
	event(EV_FIRED, 0, 1);
	event(EV_HEALED, 0, 1);
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, HOLDS);
	w->faults[0].min_hits = 2;
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, INCONCLUSIVE);
	ck_assert_msg(strstr(judged.why, "min_hits"), "%s", judged.why);
	w->f.faults_off = true; /* on the good day none is expected to */
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, HOLDS);
}
END_TEST

START_TEST(trial_blames)
{
	good_day();
	with_fault(1);
	tell("S4", TOLD_OK, 1);
	event(EV_ARMED, 0, 1);
	event(EV_FIRED, 0, 1);
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, VIOLATED);
	ck_assert_str_eq(judged.blame, "fault");
	w->f.faults_off = true;
	one("no-lost-sale", "{}");
	ck_assert_str_eq(judged.blame, "baseline");
}
END_TEST

START_TEST(trial_precedence)
{
	good_day();
	tell("S4", TOLD_OK, 1);
	with_check("no-lost-sale", "{}");      /* violated */
	with_check("stock-once", "{}");	       /* inconclusive */
	with_check("no-duplicate-sale", "{}"); /* holds */
	judge_all();
	ck_assert_int_eq(judged.verdict, VIOLATED);
	with_check("custom", "{run: 'exit 9'}"); /* broken */
	judge_all();
	ck_assert_int_eq(judged.verdict, BROKEN);
	ck_assert_str_eq(judged.blame, "harness");
}
END_TEST

/* A service that is down at the end is a broken promise of the target file. */
START_TEST(trial_services)
{
	good_day();
	snprintf(w->f.services, sizeof(w->f.services), "store/store exited with 1");
	assert_verdict(one("no-lost-sale", "{}"), HOLDS);
	ck_assert_int_eq(judged.verdict, VIOLATED);
	ck_assert_msg(strstr(judged.why, "store/store exited"), "%s", judged.why);
	w->x.expect = (struct expect){.given = true, .verdict = 1}; /* of the whole trial */
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, HOLDS);
	w->x.expect.check = (char *)(uintptr_t) "no-lost-sale"; /* says nothing about services */
	tell("S4", TOLD_OK, 1);
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, VIOLATED);
}
END_TEST

/* Books that never came to rest, or were not read, cannot prove that all is well. */
START_TEST(trial_never_at_rest)
{
	good_day();
	w->f.settled_ns = -1;
	assert_verdict(one("no-duplicate-sale", "{}"), INCONCLUSIVE);
	assert_verdict(one("custom", "{run: 'true'}"), INCONCLUSIVE);
	assert_verdict(one("answered-sales", "{}"), HOLDS);
	tell("S4", TOLD_OK, 1);
	assert_witness(one("no-lost-sale", "{}"), "S4");
	w->f.settled_ns = 100 * S;
	w->f.books_read = false;
	assert_verdict(one("custom", "{run: 'true'}"), INCONCLUSIVE);
	w->t.books.kind = BOOKS_NONE;
	assert_verdict(one("custom", "{run: 'true'}"), HOLDS);
}
END_TEST

/* What is said about faults waits for the bad day; else no good day of it could ever hold. */
START_TEST(trial_good_day_has_no_recovery)
{
	good_day();
	with_fault(1);
	w->f.faults_off = true;
	assert_verdict(one("recovery-time", "{max: 30s}"), HOLDS);
	assert_verdict(one("checkout-time", "{max: 30s, during: fault}"), HOLDS);
	assert_verdict(one("checkout-time", "{max: 1ms, during: healthy}"), VIOLATED);
	w->x.faults_count = 0; /* no bad day will follow */
	assert_verdict(one("recovery-time", "{max: 30s}"), INCONCLUSIVE);
}
END_TEST

START_TEST(trial_min_sales)
{
	good_day();
	w->x.min_sales = 4;
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, INCONCLUSIVE);
}
END_TEST

START_TEST(trial_noise_guard)
{
	timed(100);
	w->f.late_p99_ns = 21 * MS;
	with_check("checkout-time", "{max: 50ms}"); /* violated, were it not for the noise */
	with_check("no-lost-sale", "{}");	    /* a state check stays */
	judge_all();
	assert_verdict(&judged.checks[0], INCONCLUSIVE);
	ck_assert_str_eq(judged.checks[1].why[0] ? "said" : "", "said");
	assert_verdict(&judged.checks[1], VIOLATED);
	assert_verdict(one("checkout-time", "{max: 10s}"), INCONCLUSIVE);
	ck_assert_str_eq(judged.blame, "host");
	w->f.late_p99_ns = 19 * MS;
	assert_verdict(one("checkout-time", "{max: 10s}"), HOLDS);
	assert_verdict(one("checkout-time", "{max: 189ms}"),
		       INCONCLUSIVE);	   /* 10 % is less than 20 ms */
	w->x.shoppers.pace_milli = 100000; /* 10 s of shop time are 100 ms real */
	w->f.baseline_system_p50_ns = 1;
	w->f.human_mean_ns = S;
	assert_verdict(one("checkout-time", "{max: 10s}"), INCONCLUSIVE);
	w->f.late_p99_ns = 9 * MS;
	assert_verdict(one("checkout-time", "{max: 10s}"), HOLDS);
	w->f.timer_p99_ns = 30 * MS;
	assert_verdict(one("checkout-time", "{max: 10s}"), INCONCLUSIVE);
}
END_TEST

START_TEST(trial_pace_rule)
{
	timed(100);
	w->x.shoppers.pace_milli = 20000;
	w->f.baseline_system_p50_ns = 100 * MS; /* 2 s of shop time */
	w->f.human_mean_ns = 20 * S;		/* of which 5 % is 1 s: pace 10x is honest */
	assert_verdict(one("checkout-time", "{max: 1h}"), INCONCLUSIVE);
	assert_why(judged.checks, "10x");
	assert_verdict(one("checkout-time", "{of: system, max: 1h}"), HOLDS);
	assert_verdict(one("walk-outs", "{}"), INCONCLUSIVE);
	w->x.shoppers.pace_milli = 10000;
	assert_verdict(one("checkout-time", "{max: 1h}"), HOLDS);
	w->f.baseline_system_p50_ns = 0; /* not known: from the sales themselves */
	assert_verdict(one("checkout-time", "{max: 1h}"), HOLDS); /* 1 ms of 50 */
	for (size_t i = 0; i < 100; i++)
		w->told[i].system_ns = 5 * MS;
	assert_verdict(one("checkout-time", "{max: 1h}"), INCONCLUSIVE);
	w->x.shoppers.pace_milli = 1000; /* real time is always honest */
	assert_verdict(one("checkout-time", "{max: 1h}"), HOLDS);
}
END_TEST

static void expecting(const char *check, int verdict, const char *until)
{
	w->x.expect = (struct expect){.given = true,
				      .check = (char *)(uintptr_t)check,
				      .verdict = verdict,
				      .until = (char *)(uintptr_t)until,
				      .why = (char *)(uintptr_t) "ticket 7"};
}

START_TEST(expect_known_failure)
{
	good_day();
	tell("S4", TOLD_OK, 1);
	expecting("no-lost-sale", 1, "2999-01-01");
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, HOLDS);
	ck_assert(judged.expected);
	ck_assert_msg(strstr(judged.expect_note, "ticket 7"), "%s", judged.expect_note);
	assert_verdict(&judged.checks[0], VIOLATED); /* the check itself says what it saw */
	with_check("no-duplicate-sale", "{}");
	booked("S1", 1000);
	judge_all(); /* something else is broken too */
	ck_assert_int_eq(judged.verdict, VIOLATED);
	ck_assert(!judged.expected);
}
END_TEST

START_TEST(expect_unexpected_holds)
{
	good_day();
	expecting("no-lost-sale", 1, NULL);
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, VIOLATED);
	ck_assert_msg(strstr(judged.why, "holds"), "%s", judged.why);
	w->f.books_read = false; /* neither: inconclusive stays */
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, INCONCLUSIVE);
}
END_TEST

START_TEST(expect_ran_out)
{
	good_day();
	tell("S4", TOLD_OK, 1);
	expecting("no-lost-sale", 1, "2001-01-01");
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, VIOLATED);
	ck_assert_msg(strstr(judged.expect_note, "2001-01-01"), "%s", judged.expect_note);
}
END_TEST

START_TEST(expect_not_on_the_good_day)
{
	good_day();
	with_fault(1);
	w->f.faults_off = true;
	expecting("no-lost-sale", 1, NULL);
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, HOLDS);
}
END_TEST

START_TEST(expect_needs_the_fault_to_fire)
{
	good_day();
	with_fault(1);
	tell("S4", TOLD_OK, 1);
	expecting("no-lost-sale", 1, NULL);
	one("no-lost-sale", "{}");
	ck_assert_int_eq(judged.verdict, INCONCLUSIVE);
}
END_TEST

/* ---- story, windows, figures ---- */

START_TEST(story_in_plain_words)
{
	struct buf b = {0};

	good_day();
	with_fault(1);
	tell("S42", TOLD_OK, 1295)->receipt = "1-17";
	event(EV_FIRED, 0, w->told[3].end_ns + 2 * MS);
	event(EV_FIRED, 0, 90 * S); /* too far away */
	one("no-lost-sale", "{}");
	judge_story(&w->in, "S42", &b);
	ck_assert_msg(
		strstr(b.data, "5.000 s  lane-1 told the shopper: paid, receipt 1-17, 12.95 EUR"),
		"%s", b.data);
	ck_assert_msg(strstr(b.data, "5.002 s  fault process.kill fired on store: killed store"),
		      "%s", b.data);
	ck_assert_msg(strstr(b.data, "the books have no sale with key S42"), "%s", b.data);
	ck_assert_ptr_null(strstr(b.data, "90.000"));
	ck_assert(strstr(b.data, "told the shopper") < strstr(b.data, "fired"));
	buf_reset(&b);
	booked("S42", 1295);
	booked("S42", 1295);
	judge_story(&w->in, "S42", &b);
	ck_assert_msg(strstr(b.data, "the books have 2 sales with key S42"), "%s", b.data);
	buf_reset(&b);
	judge_story(&w->in, "nobody", &b);
	ck_assert_msg(strstr(b.data, "no sale with key nobody"), "%s", b.data);
	buf_done(&b);
}
END_TEST

/* What did it: an event of the sale itself, else what fired meanwhile at its lane. */
START_TEST(story_says_what_did_it)
{
	struct story st;
	struct event *ev;
	size_t n = 0;

	good_day();
	with_fault(1);
	tell("S42", TOLD_OK, 1295);
	event(EV_FIRED, 0, w->told[3].start_ns - 900 * MS); /* before it */
	event(EV_FIRED, 0, w->told[3].end_ns + 2 * MS);
	judge_story_build(&w->in, "S42", &st);
	for (size_t i = 0; i < st.count; i++)
		if (st.at[i].decisive) {
			n++;
			ck_assert_int_eq(st.at[i].t_ns, w->told[3].end_ns + 2 * MS);
		}
	ck_assert_uint_eq(n, 1);
	ck_assert(st.at[st.count - 1].t_ns == STORY_AFTER);
	ck_assert_int_eq(st.at[st.count - 1].from, ACTOR_BOOKS);
	story_done(&st);
	ev = &w->event[w->l.event_count];
	for (int i = 0; i < 9; i++) { /* far away, but about this very sale: crash states */
		event(EV_NOTE, 0, 80 * S);
		ev[i].object = "S42";
		ev[i].did = "write 7 had it and nobody had synced that";
	}
	judge_story_build(&w->in, "S42", &st);
	n = 0;
	for (size_t i = 0; i < st.count; i++)
		n += st.at[i].decisive && st.at[i].t_ns == 80 * S;
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(st.left_out, 6);
	story_done(&st);
}
END_TEST

/* A sale of each sort; the counts are the checks' own. */
START_TEST(reconciled_as_the_checks_say)
{
	struct reconciliation *r = xcalloc(1, sizeof(*r));

	good_day(); /* three plain ones */
	tell("lost", TOLD_OK, 500);
	tell("twice", TOLD_OK, 500);
	booked("twice", 500);
	booked("twice", 500);
	tell("wrong", TOLD_OK, 500);
	booked("wrong", 700);
	tell("doubt", TOLD_UNKNOWN, 500);
	booked("doubt", 500);
	booked("nobody", 500);
	one("no-lost-sale", "{}"); /* joins */
	judge_reconcile(&w->in, r);
	ck_assert_int_eq(r->counts[MISMATCH_LOST], 1);
	ck_assert_int_eq(r->counts[MISMATCH_DOUBLED], 1);
	ck_assert_int_eq(r->counts[MISMATCH_AMOUNT], 1);
	ck_assert_int_eq(r->counts[MISMATCH_PHANTOM], 1);
	ck_assert_int_eq(r->counts[MISMATCH_UNKNOWN], 1);
	ck_assert_int_eq(r->counts[MISMATCH_CHARGE], 0);
	ck_assert_int_eq(r->sales, r->plain + 5);
	ck_assert_uint_eq(r->count, 5);
	for (size_t i = 0; i < r->count; i++)
		if (str_eq(r->at[i].key, "doubt"))
			ck_assert_ptr_nonnull(strstr(r->at[i].resolved, "booked once"));
	free(r);
}
END_TEST

START_TEST(margins_of_limits)
{
	struct judgement j = {0};

	check_margin(&j, 3, 4, false);
	ck_assert_str_eq(j.margin, "25 % to spare");
	check_margin(&j, 1, 4, false); /* the least counts */
	ck_assert_str_eq(j.margin, "25 % to spare");
	check_margin(&j, 5, 4, false);
	ck_assert_str_eq(j.margin, "25 % over");
	j = (struct judgement){0};
	check_margin(&j, 0.9, 0.5, true);
	ck_assert_str_eq(j.margin, "80 % to spare");
	check_margin(&j, 0.4, 0.5, true);
	ck_assert_str_eq(j.margin, "20 % short");
	j = (struct judgement){0};
	check_margin(&j, 0, 0, false); /* nothing is allowed: no margin */
	ck_assert_str_eq(j.margin, "");
}
END_TEST

START_TEST(windows_merge)
{
	struct fault_window *win;
	size_t n;

	event(EV_ARMED, 0, 10);
	event(EV_ARMED, 1, 15);
	event(EV_HEALED, 0, 20);
	event(EV_HEALED, 1, 30);
	event(EV_ARMED, 0, 40);
	event(EV_ARMED, 0, 41); /* overlapping activations of one fault */
	event(EV_HEALED, 0, 42);
	event(EV_HEALED, 0, 50);
	event(EV_ARMED, 1, 60); /* never healed */
	n = judge_windows(&w->l, &win);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(win[0].armed_ns, 10);
	ck_assert_int_eq(win[0].healed_ns, 30);
	ck_assert_int_eq(win[1].armed_ns, 40);
	ck_assert_int_eq(win[1].healed_ns, 50);
	ck_assert_int_eq(win[2].healed_ns, INT64_MAX);
	ck_assert_int_eq(during_of(win, n, 1, 9), DURING_HEALTHY);
	ck_assert_int_eq(during_of(win, n, 1, 10), DURING_FAULT);
	ck_assert_int_eq(during_of(win, n, 31, 39), DURING_RECOVERY);
	ck_assert_int_eq(during_of(win, n, 31, 41), DURING_FAULT);
	ck_assert_int_eq(during_of(win, n, 70, 80), DURING_FAULT);
	free(win);
}
END_TEST

START_TEST(interval_of_a_share)
{
	double lo, hi;

	judge_interval(0, 200, &lo, &hi); /* known values of the score interval */
	ck_assert_double_eq(lo, 0);
	ck_assert_double_eq_tol(hi, 0.018846, 1e-5);
	judge_interval(3, 10, &lo, &hi);
	ck_assert_double_eq_tol(lo, 0.107789, 1e-5);
	ck_assert_double_eq_tol(hi, 0.603222, 1e-5);
	judge_interval(0, 0, &lo, &hi);
	ck_assert_double_eq(lo, 0);
	ck_assert_double_eq(hi, 1);
}
END_TEST

START_TEST(samples_sort_many)
{
	struct samples s = {0};
	uint64_t rng = 1;

	for (int i = 0; i < 30000; i++) { /* more than qsort is used for, both signs */
		rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407u;
		samples_add(&s, (int64_t)rng >> (i % 60));
	}
	samples_sort(&s);
	for (size_t i = 1; i < s.count; i++)
		ck_assert_int_le(s.at[i - 1], s.at[i]);
	samples_done(&s);
}
END_TEST

START_TEST(words_for_money_and_time)
{
	char text[64];

	ck_assert_str_eq(money_text(text, 1295, "EUR"), "12.95 EUR");
	ck_assert_str_eq(money_text(text, -5, "EUR"), "-0.05 EUR");
	ck_assert_str_eq(money_text(text, 1295, "JPY"), "1295 JPY");
	ck_assert_str_eq(money_text(text, 1295, "KWD"), "1.295 KWD");
	ck_assert_str_eq(money_text(text, 1295, NULL), "12.95");
	ck_assert_str_eq(dur_text(text, 12300 * MS), "12.3 s");
	ck_assert_str_eq(dur_text(text, 45 * MS), "45 ms");
	ck_assert_str_eq(dur_text(text, 200 * S), "3 min 20 s");
}
END_TEST

static void world_free_all(void)
{
	trial_verdict_done(&judged);
	world_free();
}

#define ADD(tc, ...)                                                                               \
	do {                                                                                       \
		const TTest *tests_[] = {__VA_ARGS__};                                             \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(tests_); i_++)                                 \
			tcase_add_test(tc, tests_[i_]);                                            \
	} while (0)

static TCase *tcase(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, world_make, world_free_all);
	suite_add_tcase(s, tc);
	return tc;
}

static void add_state(Suite *s)
{
	TCase *tc = tcase(s, "table");

	ADD(tc, table_is_complete_and_sorted, exits_are_frozen);
	tcase_add_loop_test(tc, nothing_to_judge_is_inconclusive, 0, NOTHING_CHECKS);
	tc = tcase(s, "lost");
	ADD(tc, lost_good_day_holds, lost_is_violated, lost_unknown_may_be_absent,
	    lost_acknowledged_overrides_refused, lost_row_that_says_void_is_lost,
	    lost_row_of_the_start_does_not_count, lost_kinds,
	    lost_row_that_became_the_refund, lost_ambiguous_key_is_named,
	    lost_might_be_the_row_without_key, unread_books_are_inconclusive);
	tc = tcase(s, "duplicate");
	ADD(tc, duplicate_good_day_holds, duplicate_of_a_phantom, duplicate_void_and_refund_rows,
	    duplicate_row_of_the_start_is_read_again);
	tcase_add_loop_test(tc, duplicate_is_violated_whatever_was_told, 0, 3);
	tc = tcase(s, "phantom");
	ADD(tc, duplicate_may_be_the_row_without_key,
	    phantom_good_day_holds, phantom_is_violated, phantom_refused_but_booked,
	    phantom_voided_but_booked, phantom_row_without_key);
	tc = tcase(s, "amount");
	ADD(tc, amount_good_day_holds, amount_unknown_sale_that_was_booked,
	    amount_override_has_no_price_list, amount_refund, amount_that_the_books_do_not_know,
	    amount_that_no_book_has, amount_below_zero_is_no_refund);
	tcase_add_loop_test(tc, amount_wrong_in_any_ledger, 0, 4);
	tc = tcase(s, "money");
	ADD(tc, money_good_day_holds, money_without_a_bank_is_inconclusive,
	    money_charge_without_a_reference, money_charged_twice, money_held_twice,
	    money_paid_that_the_bank_has_not, money_taken_for_nothing, money_by_the_payments);
	tc = tcase(s, "paper");
	ADD(tc, paper_good_day_holds, paper_that_is_not_booked,
	    paper_with_another_amount_or_number, paper_that_is_missing, paper_without_a_key,
	    paper_of_a_shop_that_never_cuts_says_nothing, paper_of_a_printer_that_is_back,
	    paper_that_was_torn_is_told,
	    drawer_too_often_or_not_at_all);
	tc = tcase(s, "stock");
	ADD(tc, stock_good_day_holds, stock_lost_update, stock_of_a_sale_that_is_not_booked,
	    stock_refund_may_go_back, stock_offline_not_synced, stock_needs_the_start_and_a_basket);
	tc = tcase(s, "receipts");
	ADD(tc, receipts_good_day_holds, receipts_gap, receipts_twice, receipts_from_the_sale_rows,
	    receipts_told_twice, receipts_only_some_have_a_number);
}

static void add_timing(Suite *s)
{
	TCase *tc = tcase(s, "checkout-time");

	ADD(tc, time_of_few, time_of_few_and_bad, time_says_the_interval, time_too_few,
	    time_phases, time_at_some_lanes, time_pace_scales_shop_time, time_walk_outs_waited,
	    time_needs_a_limit);
	tcase_add_loop_test(tc, time_percentiles_are_exact, 0, TIME_CASES);
	tc = tcase(s, "shares");
	ADD(tc, hang, trains, walking_out, answers_and_service, a_shopper_counts_once,
	    the_shop_goes_on_in_another_way, offline_within_limits,
	    what_lay_on_the_belt);
	tc = tcase(s, "recovery");
	ADD(tc, recovery_at_once, recovery_late, recovery_without_any_rate, recovery_never,
	    recovery_hung_shop_sells_nothing, recovery_arrivals_end_too_early,
	    recovery_without_a_heal, recovery_of_the_queue);
	tcase_add_loop_test(tc, recovery_allows_for_chance, 0, 40);
	tc = tcase(s, "custom");
	ADD(tc, custom_beside_the_experiment);
	tcase_add_loop_test(tc, custom_exits, 0, CUSTOM_CASES);
}

static void add_trial(Suite *s)
{
	TCase *tc = tcase(s, "trial");

	ADD(tc, trial_fault_that_never_fired, trial_blames, trial_precedence, trial_services,
	    trial_never_at_rest, trial_good_day_has_no_recovery, trial_min_sales,
	    trial_noise_guard, trial_pace_rule, expect_known_failure, expect_unexpected_holds,
	    expect_ran_out, expect_not_on_the_good_day, expect_needs_the_fault_to_fire);
	tc = tcase(s, "words");
	ADD(tc, story_in_plain_words, story_says_what_did_it, reconciled_as_the_checks_say,
	    margins_of_limits, windows_merge, interval_of_a_share, samples_sort_many,
	    words_for_money_and_time);
}

int main(void)
{
	Suite *s = suite_create("judge");

	add_state(s);
	add_timing(s);
	add_trial(s);
	return suite_main(s);
}
