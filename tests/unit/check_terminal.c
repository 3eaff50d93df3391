/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: ZVT as the card terminals read and write it. Expected: a message and a field are taken
 * only when they can be framed; numbers are decimal digits. Buggy result: an amount read out of the
 * middle of another field, a length that leads out of the message.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "terminal/zvt.h"
#include "tests/unit/suite.h"

#define LIT(s) (const uint8_t *)(s), sizeof(s) - 1

static const struct {
	const uint8_t *bytes;
	size_t len;
	int64_t used;
	unsigned code;
	size_t data;
} frames[] = {
	{ LIT("\x80\x00\x00"), 3, ZVT_ACK, 0 },
	{ LIT("\x80\x00"), 0, 0, 0 },
	{ LIT("\x06\x01\x07\x04\0\0\0\0\x12\x95\x80"), 10, ZVT_PAY, 7 },
	{ LIT("\x06\x01\x07\x04\0\0\0\0\x12"), 0, 0, 0 },
	{ LIT("\x06\x0f\xff\x02\x00\x19\x00"), 7, ZVT_DONE, 2 },
	{ LIT("\x06\x0f\xff\x02"), 0, 0, 0 },
	{ LIT("\x06\x0f\xff\xff\xff"), -EMSGSIZE, 0, 0 },
	{ LIT(""), 0, 0, 0 },
};

START_TEST(a_message_is_framed)
{
	struct zvt_apdu a;

	ck_assert_int_eq(zvt_frame(frames[_i].bytes, frames[_i].len, &a), frames[_i].used);
	if (frames[_i].used <= 0)
		return;
	ck_assert_uint_eq(a.code, frames[_i].code);
	ck_assert_uint_eq(a.len, frames[_i].data);
}
END_TEST

static const struct {
	const uint8_t *bytes;
	size_t len;
	unsigned field;
	int64_t value;  /* -1: not there; -2: cannot be framed; -3: no digits */
} fields[] = {
	{ LIT("\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, 1295 },
	{ LIT("\x49\x09\x78\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, 1295 },
	{ LIT("\x04\0\0\0\0\x12\x95"), ZVT_F_RECEIPT, -1 },
	{ LIT("\x04\0\0\0\0\x12"), ZVT_F_AMOUNT, -2 },
	{ LIT("\x99\0\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, -2 },
	{ LIT("\x04\0\0\0\0\x1a\x95"), ZVT_F_AMOUNT, -3 },
	/* behind fields that say how long they are: two digits, three, BER */
	{ LIT("\x22\xf0\xf2\x45\x67\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, 1295 },
	{ LIT("\x22\xf0\x02\x45\x67\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, -2 },
	{ LIT("\x3c\xf0\xf0\xf1x\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, 1295 },
	{ LIT("\x3c\xf9\xf9\xf9x\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, -2 },
	{ LIT("\x06\x02\x1f\x2b\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, 1295 },
	{ LIT("\x06\x81\x02\x1f\x2b\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, 1295 },
	{ LIT("\x06\x82\x00\x02\x1f\x2b\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, 1295 },
	{ LIT("\x06\x83\x00\x02\x1f\x2b\x04\0\0\0\0\x12\x95"), ZVT_F_AMOUNT, -2 },
	{ LIT("\x22\xf0"), ZVT_F_AMOUNT, -2 },
	{ LIT("\x06"), ZVT_F_AMOUNT, -2 },
	{ LIT(""), ZVT_F_AMOUNT, -1 },
};

START_TEST(a_field_is_found_or_not)
{
	size_t n;
	const uint8_t *at = zvt_find(fields[_i].bytes, fields[_i].len, fields[_i].field, &n);

	if (fields[_i].value == -1 || fields[_i].value == -2) {
		ck_assert_ptr_null(at);
		ck_assert(n == (fields[_i].value == -1 ? 0 : SIZE_MAX));
		return;
	}
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(zvt_bcd(at, n), fields[_i].value == -3 ? -1 : fields[_i].value);
}
END_TEST

START_TEST(what_is_written_is_read)
{
	struct buf data = { 0 }, out = { 0 };
	char filler[300];
	struct zvt_apdu a;
	size_t n;

	memset(filler, 0x27, sizeof(filler));
	zvt_add_bcd(&data, ZVT_F_AMOUNT, 999999999999, 6);
	zvt_add_bcd(&data, ZVT_F_RECEIPT, 42, 2);
	zvt_write(&out, ZVT_STATUS, data.data, data.len);
	ck_assert_int_eq(zvt_frame((uint8_t *)out.data, out.len, &a), (int64_t)out.len);
	ck_assert_int_eq(zvt_bcd(zvt_find(a.data, a.len, ZVT_F_AMOUNT, &n), 6), 999999999999);
	ck_assert_int_eq(zvt_bcd(zvt_find(a.data, a.len, ZVT_F_RECEIPT, &n), 2), 42);
	buf_reset(&out);
	zvt_write(&out, ZVT_STATUS, filler, sizeof(filler));
	ck_assert_int_eq(zvt_frame((uint8_t *)out.data, out.len, &a), 305);
	ck_assert_uint_eq(a.len, 300);
	buf_done(&data);
	buf_done(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("terminal");
	TCase *tc = tcase_create("zvt");

	tcase_add_loop_test(tc, a_message_is_framed, 0, sizeof(frames) / sizeof(frames[0]));
	tcase_add_loop_test(tc, a_field_is_found_or_not, 0, sizeof(fields) / sizeof(fields[0]));
	tcase_add_test(tc, what_is_written_is_read);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
