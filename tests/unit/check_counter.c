/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: what a printer understands, without the printer. Expected: text,
 * cuts, pulses and questions come out of any cutting of the bytes alike; what
 * is data of an unknown picture is not text; a byte that cannot be taken now
 * is taken later, once. Buggy result: a receipt with pieces of a logo in it, a
 * cut too many, a total that is another one.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "counter/room.h"
#include "ledger/ledger.h"
#include "tests/unit/suite.h"

static char seen[65536];
static size_t seen_len;
static int refuse; /* so many "not now" before each effect */

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	seen_len += (size_t)vsnprintf(seen + seen_len, sizeof(seen) - seen_len, fmt, ap);
	va_end(ap);
	ck_assert_uint_lt(seen_len, sizeof(seen));
}

static bool not_now(int *left)
{
	if ((*left)-- > 0)
		return true;
	*left = refuse;
	return false;
}

static bool on_line(void *arg, const char *text, size_t len)
{
	if (not_now(arg))
		return false;
	note("%.*s|", (int)len, text);
	return true;
}

static bool on_cut(void *arg)
{
	if (not_now(arg))
		return false;
	note("CUT|");
	return true;
}

static bool on_pulse(void *arg, int pin)
{
	if (not_now(arg))
		return false;
	note("PULSE%d|", pin);
	return true;
}

static void on_ask(void *arg, enum escpos_ask what, int n)
{
	(void)arg;
	note("ASK%d.%d|", (int)what, n);
}

static void on_begin(void *arg)
{
	(void)arg;
	note("BEGIN|");
}

/* In pieces of `piece` bytes, with `times` refusals before each effect. */
static const char *print(const char *bytes, size_t len, size_t piece, int times)
{
	int left = refuse = times;
	struct escpos_out out = {.arg = &left, .line = on_line, .cut = on_cut, .pulse = on_pulse,
				 .ask = on_ask, .begin = on_begin};
	struct escpos p = {0};
	size_t at = 0;

	seen_len = 0;
	seen[0] = '\0';
	while (at < len) {
		size_t n = len - at < piece ? len - at : piece;

		at += escpos_feed(&p, &out, (const uint8_t *)bytes + at, n);
	}
	return seen;
}

#define BYTES(s) (s), sizeof(s) - 1
static const struct {
	const char *bytes;
	size_t len;
	const char *comes;
} receipts[] = {
	{BYTES("one\ntwo\r\nthree"), "one|two|"},
	{BYTES("\x1b@a\n\x1dV\x41\x03"), "BEGIN|a|CUT|"},
	{BYTES("a\n\x1dV\x00" "b\n\x1dV\x30"), "a|CUT|b|CUT|"},
	{BYTES("begun\x1dV\x01"), "begun|CUT|"},
	{BYTES("a\x1bi"), "a|CUT|"},
	{BYTES("\x1bp\x00\x32\x32"), "PULSE2|"},
	{BYTES("\x1bp\x01\x32\x32"), "PULSE5|"},
	{BYTES("\x1bp1\x32\x32"), "PULSE5|"},
	{BYTES("\x10\x14\x01\x00\x01"), "PULSE2|"},
	{BYTES("\x10\x04\x01x\n"), "ASK0.1|x|"},
	{BYTES("\x1dr\x01\x1d" "a\xff"), "ASK1.1|ASK2.255|"},
	{BYTES("\x1d" "v0\x00\x02\x00\x02\x00\nABCx\n"), "x|"},
	{BYTES("\x1b*\x21\x02\x00" "ABCDEFx\n"), "x|"},
	{BYTES("\x1b*\x00\x02\x00" "ABx\n"), "x|"},
	{BYTES("\x1d(k\x03\x00" "ABCx\n"), "x|"},
	{BYTES("\x1dk\x04" "123\0x\n"), "x|"},
	{BYTES("\x1dk\x49\x03" "123x\n"), "x|"},
	{BYTES("\x1b" "D\x08\x10\0x\n"), "x|"},
	{BYTES("\x1d" "8L\x02\x00\x00\x00" "ABx\n"), "x|"},
	{BYTES("\x1b!\x30\x1b" "a\x01\x1b" "E\x01" "TOTAL\x1b" "E\x00\n"), "TOTAL|"},
	{BYTES("\x1b" "d\x03" "x\x1b" "d\x02"), "x|"},
	{BYTES("a\tb\n"), "a b|"},
	{BYTES("\x81\n"), "\xc3\xbc|"},                  /* ü in PC437 */
	{BYTES("\x1bt\x10\x80\n"), "\xe2\x82\xac|"},     /* the euro in WPC1252 */
	{BYTES("\x1bt\x13\xd5\n"), "\xe2\x82\xac|"},     /* and in PC858 */
	{BYTES("\x1bt\x02\xd5\n"), "\xc4\xb1|"},         /* where PC850 has another letter */
	{BYTES("\x1bt\x10\xfc\x1b@\xfc\n"), "\xc3\xbc|BEGIN|\xe2\x81\xbf|"},
};
#define RECEIPTS ((int)(sizeof(receipts) / sizeof(receipts[0])))

START_TEST(bytes_mean_the_same_however_they_come)
{
	for (size_t piece = 1; piece <= receipts[_i].len; piece++)
		for (int times = 0; times < 3; times++)
			ck_assert_str_eq(print(receipts[_i].bytes, receipts[_i].len, piece, times),
					 receipts[_i].comes);
}
END_TEST

static const char *const labels[][2] = {
	{"4000001", "40000015"},           /* EAN-8 */
	{"9638507", "96385074"},
	{"03600029145", "036000291452"},   /* UPC-A */
	{"400638133393", "4006381333931"}, /* EAN-13 */
	{"123456", "123456"},              /* none of these: as it is */
	{"ABC-123", "ABC-123"},
	{"", ""},
};

START_TEST(a_label_has_its_check_digit)
{
	char label[32];

	barcode_label(labels[_i][0], label, sizeof(label));
	ck_assert_str_eq(label, labels[_i][1]);
}
END_TEST

START_TEST(a_long_line_is_broken)
{
	char text[3 * ESCPOS_LINE_MAX];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	print(text, sizeof(text), 100, 1);
	ck_assert_uint_ge(seen_len, sizeof(text));
	ck_assert_int_eq(seen[seen_len - 1], '|');
}
END_TEST

START_TEST(without_power_all_is_forgotten)
{
	int left = refuse = 0;
	struct escpos_out out = {.arg = &left, .line = on_line, .cut = on_cut, .pulse = on_pulse,
				 .ask = on_ask, .begin = on_begin};
	struct escpos p = {0};

	seen_len = 0;
	escpos_feed(&p, &out, (const uint8_t *)"lost\x1d", 5);
	ck_assert_uint_eq(escpos_off(&p), 4);
	escpos_feed(&p, &out, (const uint8_t *)"V\n", 2);
	ck_assert_str_eq(seen, "V|");
}
END_TEST

static const struct {
	const char *text;
	int64_t amount;
} amounts[] = {
	{"12.95", 1295}, {"1.234,56", 123456}, {"1,234.56", 123456}, {"1'234.56", 123456},
	{"-5.00", -500}, {"0.07", 7}, {"", 0}, {"12.9x", INT64_MIN},
	{"99999999999999999999", INT64_MIN},
};
#define AMOUNTS ((int)(sizeof(amounts) / sizeof(amounts[0])))

START_TEST(amounts_as_printed)
{
	ck_assert_int_eq(paper_amount(amounts[_i].text), amounts[_i].amount);
}
END_TEST

/* A cut receipt, or the drawer for cash, lets the shopper go; a copy or a torn one does not. */
START_TEST(paper_and_drawer_acknowledge)
{
	struct told told[] = {
		{.key = "cut", .tender = "card", .outcome = TOLD_UNKNOWN},
		{.key = "torn", .tender = "card", .outcome = TOLD_UNKNOWN},
		{.key = "copy", .tender = "card", .outcome = TOLD_REFUSED},
		{.key = "cash", .tender = "cash", .outcome = TOLD_REFUSED},
		{.key = "drawer", .tender = "card", .outcome = TOLD_UNKNOWN},
		{.key = "cut", .tender = "card", .kind = "void", .outcome = TOLD_UNKNOWN},
		{.key = "", .outcome = TOLD_UNKNOWN},
	};
	struct paper_rec paper[] = {{.key = "torn"}, {.key = "copy", .cut = true, .copy = true},
				    {.key = "cut", .cut = true}, {.cut = true}};
	struct drawer_rec drawer[] = {{.key = "cash", .what = "pulse"},
				      {.key = "drawer", .what = "pulse"}, {.what = "pulse"}};
	struct ledgers l = {.told = told, .told_count = 7, .paper = paper, .paper_count = 4,
			    .drawer = drawer, .drawer_count = 3};

	ledgers_acknowledge(&l);
	for (int i = 0; i < 7; i++)
		ck_assert_int_eq(told[i].acknowledged, i == 0 || i == 3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("counter");
	TCase *tc = tcase_create("printer");

	tcase_add_loop_test(tc, bytes_mean_the_same_however_they_come, 0, RECEIPTS);
	tcase_add_loop_test(tc, a_label_has_its_check_digit, 0, 7);
	tcase_add_test(tc, a_long_line_is_broken);
	tcase_add_test(tc, without_power_all_is_forgotten);
	tcase_add_loop_test(tc, amounts_as_printed, 0, AMOUNTS);
	tcase_add_test(tc, paper_and_drawer_acknowledge);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
