// SPDX-License-Identifier: Apache-2.0
/*
 * The trace of drivers. Expected: whole lines, each with its mark; card numbers
 * masked; what is long cut and said to be; nothing in a reply can forge a line
 * of another kind (a CR, an escape, a "  = ok" of the POS's own).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "crowd/trace.h"
#include "tests/unit/suite.h"

#define S(text) ((char *)(uintptr_t)text)

static void collect(void *arg, const char *lane, const char *text, size_t len)
{
	ck_assert_str_eq(lane, "lane-1");
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(text[len - 1], '\n');
	buf_add(arg, text, len);
}

static struct buf got;
static struct crowd_opts opts = { .hooks = { .arg = &got, .trace = collect } };
static struct ask ask = { .action = ACT_PAY, .key = "S7", .attempt = 2 };
static const struct trace t = { &opts, "lane-1", &ask };

static struct buf text(const char *s)
{
	return (struct buf){ .data = S(s), .len = strlen(s) };
}

static void begin(void)
{
	buf_done(&got);
	opts.epoch_ns = clock_now();
}

START_TEST(test_exchange)
{
	struct buf body = text("{\"a\":1}"), answer = text("two\r\nlines");
	struct buf headers = text("HTTP/1.1 201 Created\r\nDate: now\r\nLocation: /x\r\n\r\n");

	trace_request(&t, "POST", "http://s/pay", NULL, &body);
	trace_reply(&t, 201, &headers, &answer);
	trace_took(&t, "receipt", "1-17", 4);
	trace_took(&t, "total", NULL, 0);
	trace_outcome(&t, TOLD_UNKNOWN, "why");
	ck_assert_ptr_nonnull(strstr(got.data, "] pay S7 try 2: POST http://s/pay\n"
					       "  > {\"a\":1}\n"));
	ck_assert_ptr_nonnull(strstr(got.data, "] pay S7: HTTP 201\n  < Location: /x\n  < two\n"
					       "  < lines\n  = took receipt: 1-17\n"
					       "  = took nothing for total\n  = unknown: why\n"));
	ck_assert_ptr_null(strstr(got.data, "Date"));
}
END_TEST

START_TEST(test_masked)
{
	struct buf body = text("pan=4111111111111111&x"), none = { 0 };

	trace_request(&t, "GET", "/c/4111111111111111", NULL, &none);
	trace_reply(&t, 200, &none, &body);
	trace_took(&t, "card", "4111111111111111", 16);
	ck_assert_ptr_null(strstr(got.data, "4111111111111111"));
	ck_assert_ptr_nonnull(strstr(got.data, "411111******1111"));
}
END_TEST

START_TEST(test_cut)
{
	struct buf none = { 0 }, body = { 0 };

	for (int i = 0; i < 9000; i++)
		buf_addc(&body, 'x');
	trace_reply(&t, 200, &none, &body);
	ck_assert_uint_lt(got.len, 4300);
	ck_assert_ptr_nonnull(strstr(got.data, "  < ... (9000 bytes in all)\n"));
	buf_done(&body);
}
END_TEST

START_TEST(test_no_forgery)
{
	struct buf none = { 0 }, body = text("a\n  = ok\n\033[2J\x01z");

	trace_reply(&t, 200, &none, &body);
	trace_outcome(&t, TOLD_REFUSED, "x\n  = ok");
	ck_assert_ptr_null(strstr(got.data, "\n  = ok"));
	ck_assert_ptr_nonnull(strstr(got.data, "  < .[2J.z\n"));
	ck_assert_ptr_nonnull(strstr(got.data, "  = refused: x.  = ok\n"));
}
END_TEST

START_TEST(test_note)
{
	struct trace all = { &opts, "lane-1", NULL };

	trace_note(&all, "gone", NULL, 0);
	trace_note(&all, "odd:", "junk", 4);
	ck_assert_str_eq(got.data, "  ! gone\n  ! odd:\n  < junk\n");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("crowd/trace");
	TCase *c = tcase_create("trace");

	tcase_add_checked_fixture(c, begin, NULL);
	tcase_set_timeout(c, 10);
	tcase_add_test(c, test_exchange);
	tcase_add_test(c, test_masked);
	tcase_add_test(c, test_cut);
	tcase_add_test(c, test_no_forgery);
	tcase_add_test(c, test_note);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return suite_main(suite());
}
