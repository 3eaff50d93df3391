/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: ISO 8583 as the bank reads, understands and writes it. Expected: a
 * message is taken only if every field of it can be framed with certainty; the
 * same terminal, STAN and day is the same transaction; an advice is charged
 * once. Buggy result: an amount read out of the middle of another field, a
 * repeated advice charged twice, a late 0200 charged after its reversal.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bank/room.h"
#include "ledger/ledger.h"
#include "tests/unit/suite.h"

/* ---- bytes ---- */

/* A small 0200 by hand: fields 3, 4, 7, 11 (first bitmap 3220...), 41. */
#define MAP "\x32\x20\x00\x00\x00\x80\x00\x00"
#define BODY "000000" "000000001295" "1125213000" "000042" "TERM0001"
#define LIT(s) { s, sizeof(s) - 1 }

static const struct {
	struct iso_text text;
	int err;
	unsigned field; /* that is wrong */
} messages[] = {
	{ LIT("0200" MAP BODY), 0, 0 },
	{ LIT("0200" MAP BODY "x"), -EBADMSG, 129 },
	{ LIT("0200" MAP "00000" "000000001295" "1125213000" "000042" "TERM0001"), -EBADMSG, 11 },
	{ LIT("0200" MAP "000000" "00000000129x" "1125213000" "000042" "TERM0001"), -EBADMSG, 4 },
	{ LIT("0200" MAP "000000" "000000001295" "1125213000" "000042" "TERM000\n"), -EBADMSG, 41 },
	{ LIT("02x0" MAP BODY), -EBADMSG, 0 },
	{ LIT("0200" "\x32\x20\x00"), -EBADMSG, 1 },
	{ LIT("0200" "\xb2\x20\x00\x00\x00\x80\x00\x00" "\x80\x00"), -EBADMSG, 1 },
	/* a third bitmap (65) is nobody's */
	{ LIT("0800" "\x80\0\0\0\0\0\0\0" "\x80\0\0\0\0\0\0\0" "12345678"),
	  -EBADMSG, 65 },
	/* lengths: of no digits, beyond the maximum, beyond the end */
	{ LIT("0200" "\x40\x00\x00\x00\x00\x00\x00\x00" "-45413"), -EBADMSG, 2 },
	{ LIT("0200" "\x40\x00\x00\x00\x00\x00\x00\x00" "2045413330000000000000"), -EBADMSG, 2 },
	{ LIT("0200" "\x40\x00\x00\x00\x00\x00\x00\x00" "1645413330"), -EBADMSG, 2 },
	{ LIT(""), -EBADMSG, 0 },
};
#define MESSAGES ((int)(sizeof(messages) / sizeof(messages[0])))

START_TEST(a_message_is_framed_or_refused)
{
	struct iso_msg m;
	unsigned field;

	ck_assert_int_eq(iso_read(messages[_i].text, &m, &field), messages[_i].err);
	if (messages[_i].err) {
		ck_assert_uint_eq(field, messages[_i].field);
		return;
	}
	ck_assert_str_eq(m.mti, "0200");
	ck_assert_uint_eq(m.f[ISO_AMOUNT].len, 12);
	ck_assert_int_eq(memcmp(m.f[ISO_AMOUNT].at, "000000001295", 12), 0);
	ck_assert(!iso_has(&m, ISO_PAN) && iso_has(&m, ISO_TID));
}
END_TEST

START_TEST(what_is_written_is_read)
{
	struct iso_msg m = { .mti = "0420" }, back;
	struct iso_text text;
	struct buf b = { 0 };
	unsigned field;
	char ref[32];

	iso_put(&m, ISO_AMOUNT, "000000000001");
	iso_put(&m, ISO_PRIVATE, "S42");
	iso_put(&m, ISO_ORIGINAL, "020000004211252130000000000000000000000000");
	iso_write(&b, &m);
	ck_assert_int_eq(iso_frame(b.data, b.len - 1, &text), 0);
	ck_assert_int_eq(iso_frame(b.data, b.len, &text), (int64_t)b.len);
	ck_assert_int_eq(iso_read(text, &back, &field), 0);
	ck_assert_str_eq(back.mti, "0420");
	ck_assert(iso_copy(&back, ISO_PRIVATE, ref, sizeof(ref)));
	ck_assert_str_eq(ref, "S42");
	ck_assert(!iso_copy(&back, ISO_PRIVATE, ref, 3));
	ck_assert_uint_eq(back.f[ISO_ORIGINAL].len, 42);
	buf_done(&b);
}
END_TEST

START_TEST(lengths_in_front)
{
	struct iso_text text;

	ck_assert_int_eq(iso_frame("", 0, &text), 0);
	ck_assert_int_eq(iso_frame("\0", 1, &text), 0);
	ck_assert_int_eq(iso_frame("\0\0", 2, &text), 2); /* a sign of life */
	ck_assert_uint_eq(text.len, 0);
	ck_assert_int_eq(iso_frame("\x10\x01", 2, &text), -EMSGSIZE);
	ck_assert_int_eq(iso_frame("\x10\x00", 2, &text), 0);
	ck_assert_int_eq(iso_frame("\xff\xff", 2, &text), -EMSGSIZE);
}
END_TEST

/* ---- meaning ---- */

static struct accounts *bank;
static int64_t captured, reversed;
static int declined;
static const struct iso_conf conf = { .reference = ISO_PRIVATE, .currency = "EUR" };

static void on_record(void *arg, const struct bank_rec *r)
{
	(void)arg;
	ck_assert_str_eq(r->tid, "TERM0001");
	if (!strcmp(r->what, "captured"))
		captured += r->amount;
	if (!strcmp(r->what, "reversed"))
		reversed += r->amount;
	declined += !strcmp(r->what, "declined");
}

static void open_bank(void)
{
	captured = reversed = declined = 0;
	bank = accounts_new(on_record, NULL);
}

static void close_bank(void)
{
	accounts_free(bank);
}

static struct iso_msg message(const char *mti, const char *stan)
{
	struct iso_msg m = { 0 };

	memcpy(m.mti, mti, 5);
	iso_put(&m, ISO_PROCESSING, "000000");
	iso_put(&m, ISO_AMOUNT, "000000001295");
	iso_put(&m, ISO_SENT_AT, "1125213000");
	iso_put(&m, ISO_STAN, stan);
	iso_put(&m, ISO_TID, "TERM0001");
	iso_put(&m, ISO_PRIVATE, "S42");
	iso_put(&m, ISO_CURRENCY, "978");
	return m;
}

/* What field 39 says, and the type of the answer; "" when nothing does. */
static const char *ask(const struct iso_msg *m, const char *no, char *ret_mti)
{
	static char code[4];
	struct bank_request q;
	struct bank_answer a;
	struct iso_msg back;
	struct iso_text text;
	struct buf b = { 0 };
	const char *wrong;
	unsigned field;

	if (iso_request(m, &conf, &q, &wrong) == API_WRONG) {
		iso_refuse(&b, m, wrong);
	} else if (q.op == BANK_ECHO) {
		iso_answer(&b, m, &(struct bank_answer){ .code = "00" });
	} else {
		accounts_do(bank, &q, 1, no, &a);
		iso_answer(&b, m, &a);
	}
	ck_assert_int_gt(iso_frame(b.data, b.len, &text), 0);
	ck_assert_int_eq(iso_read(text, &back, &field), 0);
	ck_assert(iso_copy(&back, ISO_CODE, code, sizeof(code)));
	if (iso_has(m, ISO_STAN))
		ck_assert_int_eq(memcmp(back.f[ISO_STAN].at, m->f[ISO_STAN].at, 6), 0);
	memcpy(ret_mti, back.mti, 5);
	buf_done(&b);
	return code;
}

static void expect(const struct iso_msg *m, const char *no, const char *mti, const char *code)
{
	char got[5];

	ck_assert_str_eq(ask(m, no, got), code);
	ck_assert_str_eq(got, mti);
}

START_TEST(same_terminal_stan_and_day_is_one_sale)
{
	struct iso_msg m = message("0200", "000042"), other = message("0200", "000043");

	expect(&m, NULL, "0210", "00");
	memcpy(m.mti, "0201", 5);
	iso_put(&m, ISO_SENT_AT, "1125213007"); /* each transmission has its own time */
	expect(&m, NULL, "0210", "00");
	ck_assert_int_eq(captured, 1295);
	expect(&other, "51", "0210", "51");
	ck_assert_int_eq(captured, 1295);
	ck_assert_int_eq(declined, 1);
	iso_put(&m, ISO_AMOUNT, "000000001296");
	expect(&m, NULL, "0210", "94");
}
END_TEST

START_TEST(an_advice_is_charged_once_and_never_declined)
{
	struct iso_msg m = message("0220", "000042");

	expect(&m, "51", "0230", "00");
	memcpy(m.mti, "0221", 5);
	expect(&m, "51", "0230", "00");
	ck_assert_int_eq(captured, 1295);
	ck_assert_int_eq(declined, 0);
}
END_TEST

START_TEST(an_authorisation_is_captured_by_an_advice)
{
	struct iso_msg hold = message("0100", "000042"), take = message("0220", "000043");

	iso_put(&take, ISO_ORIGINAL, "010000004211252130000000000000000000000000");
	expect(&take, NULL, "0230", "25");
	expect(&hold, NULL, "0110", "00");
	ck_assert_int_eq(captured, 0);
	iso_put(&take, ISO_AMOUNT, "000000001000");
	expect(&take, NULL, "0230", "00");
	memcpy(take.mti, "0221", 5);
	expect(&take, NULL, "0230", "00");
	ck_assert_int_eq(captured, 1000);
}
END_TEST

START_TEST(a_reversal_gives_back_once_and_overtakes)
{
	struct iso_msg m = message("0200", "000042"), late = message("0200", "000044"),
		       back = message("0420", "000043"), own = message("0400", "000044");

	iso_put(&back, ISO_ORIGINAL, "020000004211252130000000000000000000000000");
	expect(&m, NULL, "0210", "00");
	expect(&back, NULL, "0430", "00");
	memcpy(back.mti, "0421", 5);
	expect(&back, NULL, "0430", "00");
	ck_assert_int_eq(reversed, 1295);
	expect(&own, NULL, "0410", "00"); /* without field 90: the same STAN */
	expect(&late, NULL, "0210", "25");
	ck_assert_int_eq(captured, 1295);
}
END_TEST

static const struct {
	unsigned field;   /* that is taken away or changed */
	const char *text; /* NULL: away */
	const char *mti, *code;
} wrongs[] = {
	{ ISO_STAN, NULL, "0210", "30" },	{ ISO_SENT_AT, NULL, "0210", "30" },
	{ ISO_TID, NULL, "0210", "30" },	{ ISO_AMOUNT, NULL, "0210", "13" },
	{ ISO_AMOUNT, "000000000000", "0210", "13" },
	{ ISO_CURRENCY, "999", "0210", "12" },	{ ISO_PROCESSING, "200000", "0210", "12" },
	{ ISO_CURRENCY, NULL, "0210", "00" },	{ ISO_PROCESSING, NULL, "0210", "00" },
	{ ISO_PRIVATE, NULL, "0210", "00" },
};
#define WRONGS ((int)(sizeof(wrongs) / sizeof(wrongs[0])))

START_TEST(what_makes_no_sense_is_refused)
{
	struct iso_msg m = message("0200", "000042");

	if (wrongs[_i].text)
		iso_put(&m, wrongs[_i].field, wrongs[_i].text);
	else
		m.f[wrongs[_i].field] = (struct iso_text){ NULL, 0 };
	expect(&m, NULL, wrongs[_i].mti, wrongs[_i].code);
	ck_assert_int_eq(captured, strcmp(wrongs[_i].code, "00") ? 0 : 1295);
}
END_TEST

START_TEST(other_types)
{
	struct iso_msg echo = message("0800", "000001"), odd = message("0300", "000002");

	iso_put(&echo, ISO_NETWORK, "301");
	expect(&echo, NULL, "0810", "00");
	expect(&odd, NULL, "0310", "12");
	memcpy(odd.mti, "0205", 5);
	expect(&odd, NULL, "0210", "12");
	memcpy(odd.mti, "0210", 5);
	ck_assert(!iso_asks(&odd));
	memcpy(odd.mti, "1200", 5);
	ck_assert(!iso_asks(&odd));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("iso8583");
	TCase *tc = tcase_create("bytes");

	tcase_add_loop_test(tc, a_message_is_framed_or_refused, 0, MESSAGES);
	tcase_add_test(tc, what_is_written_is_read);
	tcase_add_test(tc, lengths_in_front);
	suite_add_tcase(s, tc);
	tc = tcase_create("meaning");
	tcase_add_checked_fixture(tc, open_bank, close_bank);
	tcase_add_test(tc, same_terminal_stan_and_day_is_one_sale);
	tcase_add_test(tc, an_advice_is_charged_once_and_never_declined);
	tcase_add_test(tc, an_authorisation_is_captured_by_an_advice);
	tcase_add_test(tc, a_reversal_gives_back_once_and_overtakes);
	tcase_add_loop_test(tc, what_makes_no_sense_is_refused, 0, WRONGS);
	tcase_add_test(tc, other_types);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
