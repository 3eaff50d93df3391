/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: byte strings and error messages, which everything reports through.
 * Buggy results: text cut or not terminated, INT64_MIN misprinted, a wrapped
 * message that loses its cause.
 */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "tests/unit/suite.h"

START_TEST(test_add)
{
	struct buf b = {0};

	buf_adds(&b, "till");
	buf_addc(&b, '-');
	buf_add(&b, "a\0b", 3);
	ck_assert_uint_eq(b.len, 8);
	ck_assert_mem_eq(b.data, "till-a\0b", 9); /* with its NUL */
	buf_drop_front(&b, 5);
	ck_assert_uint_eq(b.len, 3);
	ck_assert_mem_eq(b.data, "a\0b", 4);
	buf_reset(&b);
	ck_assert_str_eq(b.data, "");
	buf_done(&b);
	ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(test_grows)
{
	struct buf b = {0};

	for (int i = 0; i < 100000; i++)
		buf_addc(&b, (char)('a' + i % 26));
	ck_assert_uint_eq(b.len, 100000);
	ck_assert_uint_lt(b.len, b.cap);
	for (int i = 0; i < 100000; i++)
		ck_assert_int_eq(b.data[i], 'a' + i % 26);
	buf_done(&b);
}
END_TEST

static const int64_t numbers[] = {0, 7, -7, 10, -10, 1234567890123, INT64_MAX, INT64_MIN};

START_TEST(test_number)
{
	struct buf fast = {0}, libc = {0};

	buf_addi64(&fast, numbers[_i]);
	buf_printf(&libc, "%lld", (long long)numbers[_i]);
	ck_assert_str_eq(fast.data, libc.data);
	buf_done(&fast);
	buf_done(&libc);
}
END_TEST

START_TEST(test_printf_beyond_the_guess)
{
	struct buf b = {0};
	char *s;

	for (int n = 0; n < 600; n++) {
		buf_reset(&b);
		buf_adds(&b, "x");
		buf_printf(&b, "%0*d", n + 1, 0);
		ck_assert_uint_eq(b.len, (size_t)n + 2);
		ck_assert_uint_eq(strlen(b.data), b.len);
	}
	s = buf_steal(&b);
	ck_assert_ptr_null(b.data);
	free(s);
	s = buf_steal(&b);
	ck_assert_str_eq(s, "");
	free(s);
	s = xasprintf("%s-%d", "lane", 3);
	ck_assert_str_eq(s, "lane-3");
	free(s);
}
END_TEST

START_TEST(test_err)
{
	struct err e = {0};

	ck_assert_int_eq(err_errno(&e, ENOSPC, "writing %s", "told"), -ENOSPC);
	ck_assert_str_eq(e.msg, "writing told: No space left on device");
	ck_assert_int_eq(err_wrap(&e, "arming %s", "disk.full"), -ENOSPC);
	ck_assert_str_eq(e.msg, "arming disk.full: writing told: No space left on device");
	ck_assert_int_eq(err_set(&e, EINVAL, "%d lanes", 0), -EINVAL);
	ck_assert_str_eq(e.msg, "0 lanes");
	ck_assert_int_eq(e.code, EINVAL);
	ck_assert_int_eq(err_set(NULL, EPERM, "x"), -EPERM);
	ck_assert_int_eq(err_errno(NULL, EPERM, "x"), -EPERM);
	ck_assert_int_eq(err_wrap(NULL, "x"), -EIO);
}
END_TEST

START_TEST(test_err_too_long)
{
	struct err e = {0};

	err_set(&e, EIO, "%02000d", 0);
	ck_assert_uint_eq(strlen(e.msg), ERR_MSG_MAX - 1);
	err_wrap(&e, "outer");
	ck_assert_uint_eq(strlen(e.msg), ERR_MSG_MAX - 1);
	ck_assert_int_eq(strncmp(e.msg, "outer: 000", 10), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base/buf");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 10);
	tcase_add_test(t, test_add);
	tcase_add_test(t, test_grows);
	tcase_add_loop_test(t, test_number, 0, sizeof(numbers) / sizeof(numbers[0]));
	tcase_add_test(t, test_printf_beyond_the_guess);
	tcase_add_test(t, test_err);
	tcase_add_test(t, test_err_too_long);
	suite_add_tcase(s, t);
	return suite_main(s);
}
