/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: the bank without its process: what it understands as a request,
 * what may happen to a payment, which faults a request meets. Expected: money
 * moves once for one key, whatever is repeated and in whatever order; what
 * cannot be framed is refused. Buggy result: a payment charged twice, a late
 * request that is charged after its reversal, a request read from the middle
 * of another.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bank/room.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/side.h"
#include "ledger/ledger.h"
#include "tests/unit/suite.h"

/* ---- HTTP ---- */

static const struct {
	const char *text;
	int64_t used; /* -1: refused */
	int status;   /* then */
	const char *path, *idem, *body;
	bool keep;
} requests[] = {
	{"GET /health HTTP/1.1\r\n\r\n", 24, 0, "/health", "", "", true},
	{"GET /health HTTP/1.0\n\n", 22, 0, "/health", "", "", false},
	{"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 37, 0, "/", "", "", false},
	{"POST /x HTTP/1.1\r\nidempotency-key:  a b \r\ncontent-length: 2\r\n\r\n{}GET", 65, 0,
	 "/x", "a b", "{}", true},
	{"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}", 0, 0, NULL, NULL, NULL, false},
	{"POST /x HTTP/1.1\r\nContent-", 0, 0, NULL, NULL, NULL, false},
	{"POST /x HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", -1, 400, NULL,
	 NULL, NULL, false},
	{"POST /x HTTP/1.1\r\nContent-Length: +2\r\n\r\n{}", -1, 400, NULL, NULL, NULL, false},
	{"POST /x HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", -1, 413, NULL, NULL, NULL, false},
	{"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", -1, 411, NULL, NULL, NULL,
	 false},
	{"POST /x HTTP/1.1\r\nX: 1\r\n folded\r\n\r\n", -1, 400, NULL, NULL, NULL, false},
	{"POST /x\r\n\r\n", -1, 400, NULL, NULL, NULL, false},
	{"POST x HTTP/1.1\r\n\r\n", -1, 400, NULL, NULL, NULL, false},
	{"POST /x HTTP/2\r\n\r\n", -1, 400, NULL, NULL, NULL, false},
	{"\r\n\r\n", -1, 400, NULL, NULL, NULL, false},
};
#define REQUESTS ((int)(sizeof(requests) / sizeof(requests[0])))

START_TEST(http_reads_one_request)
{
	struct http_request h;
	int status;
	int64_t used = http_read(requests[_i].text, strlen(requests[_i].text), &h, &status);

	if (requests[_i].used < 0) {
		ck_assert_int_eq(used, -EPROTO);
		ck_assert_int_eq(status, requests[_i].status);
		return;
	}
	ck_assert_int_eq(used, requests[_i].used);
	if (!used)
		return;
	ck_assert_str_eq(h.path, requests[_i].path);
	ck_assert_str_eq(h.idem, requests[_i].idem);
	ck_assert_int_eq(h.keep, requests[_i].keep);
	ck_assert_uint_eq(h.body_len, strlen(requests[_i].body));
	ck_assert_int_eq(memcmp(h.body, requests[_i].body, h.body_len), 0);
}
END_TEST

START_TEST(http_head_has_an_end)
{
	char *text = malloc(HTTP_HEAD_MAX + 1);
	struct http_request h;
	int status;

	memset(text, 'a', HTTP_HEAD_MAX + 1);
	ck_assert_int_eq(http_read(text, HTTP_HEAD_MAX - 1, &h, &status), 0);
	ck_assert_int_eq(http_read(text, HTTP_HEAD_MAX + 1, &h, &status), -EPROTO);
	ck_assert_int_eq(status, 431);
	free(text);
}
END_TEST

START_TEST(http_waits_for_a_body_it_was_promised)
{
	const char *head = "POST /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
	struct http_request h;
	int status;

	ck_assert_int_eq(http_read(head, strlen(head), &h, &status), 0);
	ck_assert(h.expect);
}
END_TEST

/* ---- the API ---- */

static const struct {
	const char *method, *path, *body;
	int status; /* 0: understood */
	enum bank_op op;
} calls[] = {
	{"POST", "/v1/payments", "{\"reference\":\"S1\",\"amount\":1295,\"currency\":\"EUR\"}", 0,
	 BANK_AUTHORISE},
	{"POST", "/v1/payments", "{\"reference\":\"S1\",\"amount\":12.95,\"currency\":\"EUR\"}",
	 400, 0},
	{"POST", "/v1/payments", "{\"reference\":\"S1\",\"amount\":-5,\"currency\":\"EUR\"}", 400,
	 0},
	{"POST", "/v1/payments", "{\"reference\":\"S1\",\"amount\":0,\"currency\":\"EUR\"}", 400,
	 0},
	{"POST", "/v1/payments", "{\"reference\":\"S1\",\"amount\":1e30,\"currency\":\"EUR\"}", 400,
	 0},
	{"POST", "/v1/payments", "{\"reference\":\"S1\",\"amount\":\"5\",\"currency\":\"EUR\"}",
	 400, 0},
	{"POST", "/v1/payments", "{\"reference\":7,\"amount\":5,\"currency\":\"EUR\"}", 400, 0},
	{"POST", "/v1/payments", "{\"reference\":\"\\u0000\",\"amount\":5,\"currency\":\"EUR\"}",
	 0, BANK_AUTHORISE},
	{"POST", "/v1/payments", "{\"reference\":\"S1\",\"amount\":5,\"currency\":\"euro\"}", 400,
	 0},
	{"POST", "/v1/payments", "{\"amount\":5,\"currency\":\"EUR\"}", 400, 0},
	{"POST", "/v1/payments", "[1]", 400, 0},
	{"POST", "/v1/payments", "{", 400, 0},
	{"POST", "/v1/payments", "", 400, 0},
	{"POST", "/v1/payments/pay_1/capture", "{\"amount\":5}", 0, BANK_CAPTURE},
	{"POST", "/v1/payments/pay_1/reverse", "", 0, BANK_REVERSE},
	{"POST", "/v1/payments/pay_1/eat", "", 404, 0},
	{"POST", "/v1/payments//reverse", "", 404, 0},
	{"POST", "/v1/reversals", "{\"original\":\"k\"}", 0, BANK_REVERSE},
	{"POST", "/v1/reversals", "{}", 400, 0},
	{"GET", "/v1/payments/pay_1", "", 0, BANK_INQUIRE},
	{"GET", "/v1/payments?original=k", "", 0, BANK_INQUIRE},
	{"GET", "/v1/payments?original=", "", 404, 0},
	{"GET", "/v1", "", 404, 0},
	{"PUT", "/v1/payments", "", 405, 0},
};
#define CALLS ((int)(sizeof(calls) / sizeof(calls[0])))

START_TEST(api_understands_or_says_why)
{
	struct http_request h = {.body = calls[_i].body, .body_len = strlen(calls[_i].body)};
	struct bank_request r;
	const char *why = NULL;
	int status = 0;
	enum api got;

	snprintf(h.method, sizeof(h.method), "%s", calls[_i].method);
	snprintf(h.path, sizeof(h.path), "%s", calls[_i].path);
	got = api_read(&h, "reference", &r, &status, &why);
	ck_assert_int_eq(status, calls[_i].status);
	ck_assert_int_eq(got, calls[_i].status ? API_WRONG : API_PAYMENT);
	if (calls[_i].status)
		ck_assert_ptr_nonnull(why);
	else
		ck_assert_int_eq(r.op, calls[_i].op);
}
END_TEST

/* ---- accounts ---- */

static struct accounts *bank;
static char recorded[4096]; /* "authorised 500, captured 500, " */

static void on_record(void *arg, const struct bank_rec *r)
{
	size_t n = strlen(recorded);

	(void)arg;
	snprintf(recorded + n, sizeof(recorded) - n, "%s %lld, ", r->what, (long long)r->amount);
}

static void open_bank(void)
{
	recorded[0] = '\0';
	bank = accounts_new(on_record, NULL);
}

static void close_bank(void)
{
	accounts_free(bank);
}

static struct bank_answer ask(struct bank_request r, const char *no)
{
	struct bank_answer a;

	accounts_do(bank, &r, 7, no, &a);
	return a;
}

static struct bank_request payment(const char *idem, int64_t amount, bool capture)
{
	struct bank_request r = {.op = BANK_AUTHORISE, .amount = amount, .capture = capture,
				 .reference = "S1", .currency = "EUR"};

	snprintf(r.idem, sizeof(r.idem), "%s", idem);
	return r;
}

static struct bank_request about(enum bank_op op, const char *original, int64_t amount)
{
	struct bank_request r = {.op = op, .amount = amount};

	snprintf(r.original, sizeof(r.original), "%s", original);
	return r;
}

START_TEST(same_key_charges_once)
{
	struct bank_answer a = ask(payment("k", 500, true), NULL), again;

	again = ask(payment("k", 500, true), NULL);
	ck_assert_int_eq(a.status, 201);
	ck_assert_str_eq(a.state, "captured");
	ck_assert_str_eq(a.code, "00");
	ck_assert_int_eq(again.status, 200);
	ck_assert(again.replayed);
	ck_assert_str_eq(again.id, a.id);
	ck_assert_str_eq(recorded, "authorised 500, captured 500, ");
}
END_TEST

START_TEST(same_key_for_something_else_is_refused)
{
	ask(payment("k", 500, true), NULL);
	ck_assert_int_eq(ask(payment("k", 501, true), NULL).status, 422);
	ck_assert_str_eq(recorded, "authorised 500, captured 500, ");
}
END_TEST

START_TEST(without_a_key_each_is_its_own)
{
	ask(payment("", 500, true), NULL);
	ask(payment("", 500, true), NULL);
	ck_assert_str_eq(recorded, "authorised 500, captured 500, authorised 500, captured 500, ");
}
END_TEST

START_TEST(a_decline_stays_one)
{
	struct bank_answer a = ask(payment("k", 500, true), "51");

	ck_assert_str_eq(a.state, "declined");
	ck_assert_str_eq(a.code, "51");
	a = ask(payment("k", 500, true), NULL); /* the fault is over, the key is not */
	ck_assert_str_eq(a.state, "declined");
	a = ask(about(BANK_REVERSE, "k", -1), NULL);
	ck_assert_str_eq(a.code, "00");
	ck_assert_str_eq(recorded, "declined 500, ");
}
END_TEST

START_TEST(a_capture_takes_at_most_what_is_held)
{
	ask(payment("k", 500, false), NULL);
	ck_assert_int_eq(ask(about(BANK_CAPTURE, "k", 501), NULL).status, 409);
	ck_assert_int_eq(ask(about(BANK_CAPTURE, "k", 400), NULL).captured, 400);
	ck_assert(ask(about(BANK_CAPTURE, "k", 400), NULL).replayed);
	ck_assert_int_eq(ask(about(BANK_CAPTURE, "k", 100), NULL).status, 409);
	ck_assert_str_eq(recorded, "authorised 500, captured 400, ");
	ck_assert_int_eq(ask(about(BANK_REVERSE, "k", -1), NULL).reversed, 400);
}
END_TEST

START_TEST(a_reversal_gives_back_once)
{
	ask(payment("k", 500, true), NULL);
	ck_assert_str_eq(ask(about(BANK_REVERSE, "k", -1), NULL).state, "reversed");
	ck_assert(ask(about(BANK_REVERSE, "k", -1), NULL).replayed);
	ck_assert_str_eq(ask(payment("k", 500, true), NULL).state, "reversed");
	ck_assert_int_eq(ask(about(BANK_CAPTURE, "k", -1), NULL).status, 409);
	ck_assert_str_eq(recorded, "authorised 500, captured 500, reversed 500, ");
}
END_TEST

START_TEST(a_reversal_that_overtakes_wins)
{
	struct bank_answer a = ask(about(BANK_REVERSE, "k", -1), NULL);

	ck_assert_int_eq(a.status, 200);
	ck_assert_int_eq(ask(about(BANK_INQUIRE, "k", -1), NULL).status, 404);
	a = ask(payment("k", 500, true), NULL);
	ck_assert_str_eq(a.state, "declined");
	ck_assert_str_eq(a.code, "25");
	a = ask(payment("k", 500, true), NULL);
	ck_assert_str_eq(a.state, "declined");
	ck_assert_str_eq(ask(about(BANK_REVERSE, "k", -1), NULL).code, "00");
	ck_assert_str_eq(recorded, "declined 500, ");
}
END_TEST

START_TEST(nothing_is_known_of_strangers)
{
	struct bank_request r = {.op = BANK_REVERSE, .amount = -1, .id = "pay_1"};

	ck_assert_int_eq(ask(r, NULL).status, 404);
	ask(payment("k", 500, true), NULL);
	ck_assert_int_eq(ask(r, NULL).status, 200);
	snprintf(r.id, sizeof(r.id), "pay_01");
	ck_assert_int_eq(ask(r, NULL).status, 404);
	ck_assert_int_eq(ask(about(BANK_CAPTURE, "other", -1), NULL).status, 404);
}
END_TEST

START_TEST(many_payments_are_kept_apart)
{
	char name[32];

	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		ask(payment(name, 100 + i, true), NULL);
		recorded[0] = '\0';
	}
	for (int i = 0; i < 20000; i += 777) {
		snprintf(name, sizeof(name), "k%d", i);
		ck_assert_int_eq(ask(about(BANK_INQUIRE, name, -1), NULL).captured, 100 + i);
	}
	ck_assert_uint_eq(accounts_nth(bank, BANK_CAPTURE, "S1"), 1);
	ck_assert_uint_eq(accounts_nth(bank, BANK_CAPTURE, "S1"), 2);
	ck_assert_uint_eq(accounts_nth(bank, BANK_REVERSE, "S1"), 1);
}
END_TEST

/* ---- rules ---- */

static struct bank_rule rule(enum bank_effect effect, uint32_t ops)
{
	return (struct bank_rule){.effect = effect, .ops = ops, .gate = gate_all(), .chance = 1,
				  .from = {~UINT64_C(0)}, .seed = 1, .name = "bank.x.0.1"};
}

START_TEST(rules_act_on_what_they_name)
{
	struct rules all = {0};
	struct bank_rule r = rule(BANK_SLOW, BANK_BIT(BANK_REVERSE));
	struct bank_request q = {.op = BANK_AUTHORISE, .reference = "S1"};
	struct fate f;
	int id;

	r.delay_ns = 5;
	id = rules_add(&all, &r);
	rules_decide(&all, &q, 0, 1, &f);
	ck_assert_uint_eq(f.slow, NO_RULE);
	q.op = BANK_REVERSE;
	rules_decide(&all, &q, 70, 1, &f); /* a node that it does not name */
	ck_assert_uint_eq(f.slow, NO_RULE);
	rules_decide(&all, &q, -1, 1, &f);
	ck_assert_uint_eq(f.slow, NO_RULE);
	rules_decide(&all, &q, 3, 1, &f);
	ck_assert_uint_eq(f.slow, (unsigned)id);
	ck_assert_int_eq(f.delay_ns, 5);
	ck_assert_int_eq(rules_del(&all, (unsigned)id), 0);
	ck_assert_int_eq(rules_del(&all, (unsigned)id), -ENOENT);
	rules_decide(&all, &q, 3, 2, &f);
	ck_assert_uint_eq(f.slow, NO_RULE);
}
END_TEST

START_TEST(rules_down_beats_all_and_error_beats_doing)
{
	struct rules all = {0};
	struct bank_request q = {.op = BANK_AUTHORISE, .reference = "S1"};
	struct fate f;
	int down;

	for (int e = 0; e < BANK_EFFECTS; e++) {
		struct bank_rule r = rule(e, BANK_ALL_OPS);

		r.fault = e;
		ck_assert_int_ge(rules_add(&all, &r), 0);
	}
	rules_decide(&all, &q, 0, 1, &f);
	ck_assert_uint_ne(f.down, NO_RULE);
	ck_assert_uint_eq(f.drop & f.error & f.decline & f.slow & f.twice, NO_RULE);
	down = (int)f.down;
	rules_del(&all, (unsigned)down);
	rules_decide(&all, &q, 0, 2, &f);
	ck_assert_uint_ne(f.error, NO_RULE);
	ck_assert_uint_eq(f.drop & f.decline, NO_RULE);
	ck_assert_uint_ne(f.slow, NO_RULE);
}
END_TEST

START_TEST(rules_of_one_effect_the_first_of_the_file_wins)
{
	struct rules all = {0};
	struct bank_rule late = rule(BANK_DROP, BANK_ALL_OPS), early = late;
	struct bank_request q = {.op = BANK_AUTHORISE, .reference = "S1"};
	struct fate f;
	int id;

	late.fault = 1;
	rules_add(&all, &late);
	id = rules_add(&all, &early);
	rules_decide(&all, &q, 0, 1, &f);
	ck_assert_uint_eq(f.drop, (unsigned)id);
}
END_TEST

/* The same payment fares the same, whatever came before it. */
START_TEST(rules_decide_by_the_sale)
{
	struct bank_rule r = rule(BANK_DROP, BANK_ALL_OPS);
	struct rules forth = {0}, back = {0};
	bool hit[200];
	int hits = 0;

	r.chance = 0.3;
	rules_add(&forth, &r);
	rules_add(&back, &r);
	for (int i = 0; i < 200; i++) {
		struct bank_request q = {.op = BANK_AUTHORISE};
		struct fate f;

		snprintf(q.reference, sizeof(q.reference), "S%d", i);
		rules_decide(&forth, &q, 0, 1, &f);
		hit[i] = f.drop != NO_RULE;
		hits += hit[i];
	}
	ck_assert_int_gt(hits, 30);
	ck_assert_int_lt(hits, 90);
	for (int i = 199; i >= 0; i--) {
		struct bank_request q = {.op = BANK_AUTHORISE};
		struct fate f;

		snprintf(q.reference, sizeof(q.reference), "S%d", i);
		rules_decide(&back, &q, 1, 1, &f);
		ck_assert_int_eq(f.drop != NO_RULE, hit[i]);
	}
}
END_TEST

START_TEST(rules_have_a_limit)
{
	struct rules all = {0};
	struct bank_rule r = rule(BANK_DROP, BANK_ALL_OPS);

	for (int i = 0; i < BANK_RULES_MAX; i++)
		ck_assert_int_eq(rules_add(&all, &r) % BANK_RULES_MAX, i);
	ck_assert_int_eq(rules_add(&all, &r), -ENOSPC);
	ck_assert_int_eq(rules_del(&all, 3 * BANK_RULES_MAX + 3), 0);
	ck_assert_int_eq(rules_add(&all, &r) % BANK_RULES_MAX, 3);
}
END_TEST

/* ---- a process beside the worker ---- */

struct heard {
	int count, last, max;
	bool inside; /* while an order was under way */
	struct side *side;
};

struct echo {
	struct side_far *far;
};

/* Tells as many numbers as it is asked for, then answers. */
static int echo_order(void *arg, const void *message, size_t len)
{
	struct echo *e = arg;
	int n;

	if (len != sizeof(n))
		return -EINVAL;
	memcpy(&n, message, sizeof(n));
	for (int i = 1; i <= n; i++)
		side_tell(e->far, &i, sizeof(i));
	return n < 0 ? -ENOENT : n;
}

static void echo_run(struct side_far *far, const int *fds, void *arg)
{
	struct echo e = {.far = far};

	(void)fds;
	(void)arg;
	side_serve(far, echo_order, &e);
}

static void on_news(void *arg, const void *message, size_t len)
{
	struct heard *h = arg;
	int n, more = 3;

	ck_assert_uint_eq(len, sizeof(n));
	memcpy(&n, message, sizeof(n));
	ck_assert_int_eq(n, h->last + 1 > h->max ? 1 : h->last + 1);
	h->last = n;
	h->count++;
	if (h->inside && n == 2) { /* an order from within a piece of news */
		h->inside = false;
		ck_assert_int_eq(side_call(h->side, &more, sizeof(more), "more", NULL), 3);
	}
}

static struct heard start(struct loop **ret_loop, struct heard *h)
{
	struct side_opts o = {.name = "echo", .run = echo_run, .news = on_news, .news_arg = h};
	struct err e = {0};

	ck_assert_int_eq(loop_new(ret_loop, &e), 0);
	o.loop = *ret_loop;
	ck_assert_msg(side_new(&h->side, &o, &e) == 0, "%s", e.msg);
	return *h;
}

/* More than any socket holds: it must neither be lost nor make anybody wait for ever. */
START_TEST(side_tells_everything_before_it_answers)
{
	struct heard h = {.max = 200000};
	struct loop *loop;
	int many = 200000, none = -1;
	struct err e = {0};

	start(&loop, &h);
	ck_assert_int_eq(side_call(h.side, &many, sizeof(many), "many", &e), many);
	ck_assert_int_eq(h.count, many);
	ck_assert_int_eq(side_call(h.side, &none, sizeof(none), "nothing", &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "the echo refused nothing"));
	ck_assert_int_eq(side_alive(h.side, &e), 0);
	side_free(h.side);
	loop_free(loop);
}
END_TEST

START_TEST(side_hears_an_order_from_within_news)
{
	struct heard h = {.max = 3, .inside = true};
	struct loop *loop;
	int three = 3;

	start(&loop, &h);
	ck_assert_int_eq(side_call(h.side, &three, sizeof(three), "three", NULL), 3);
	ck_assert_int_eq(h.count, 6);
	side_free(h.side);
	loop_free(loop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bank");
	TCase *tc = tcase_create("http");

	tcase_add_loop_test(tc, http_reads_one_request, 0, REQUESTS);
	tcase_add_test(tc, http_head_has_an_end);
	tcase_add_test(tc, http_waits_for_a_body_it_was_promised);
	tcase_add_loop_test(tc, api_understands_or_says_why, 0, CALLS);
	suite_add_tcase(s, tc);
	tc = tcase_create("accounts");
	tcase_add_checked_fixture(tc, open_bank, close_bank);
	tcase_add_test(tc, same_key_charges_once);
	tcase_add_test(tc, same_key_for_something_else_is_refused);
	tcase_add_test(tc, without_a_key_each_is_its_own);
	tcase_add_test(tc, a_decline_stays_one);
	tcase_add_test(tc, a_capture_takes_at_most_what_is_held);
	tcase_add_test(tc, a_reversal_gives_back_once);
	tcase_add_test(tc, a_reversal_that_overtakes_wins);
	tcase_add_test(tc, nothing_is_known_of_strangers);
	tcase_add_test(tc, many_payments_are_kept_apart);
	suite_add_tcase(s, tc);
	tc = tcase_create("rules");
	tcase_add_test(tc, rules_act_on_what_they_name);
	tcase_add_test(tc, rules_down_beats_all_and_error_beats_doing);
	tcase_add_test(tc, rules_of_one_effect_the_first_of_the_file_wins);
	tcase_add_test(tc, rules_decide_by_the_sale);
	tcase_add_test(tc, rules_have_a_limit);
	suite_add_tcase(s, tc);
	tc = tcase_create("side");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, side_tells_everything_before_it_answers);
	tcase_add_test(tc, side_hears_an_order_from_within_news);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
