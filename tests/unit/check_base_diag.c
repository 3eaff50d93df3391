/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: what a person sees about a bad file, to the byte.
 * Buggy results: a caret under the wrong character (tabs, multibyte), terminal
 * escapes let through, more than twenty errors.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "tests/unit/suite.h"

static struct mark at(uint32_t line, uint32_t col, uint32_t len)
{
	return (struct mark){.file = "x.yml", .line = line, .col = col, .len = len};
}

static const struct {
	const char *text;
	uint32_t line, col, len;
	const char *expected;
} cases[] = {
	{"title: x\n  - net.delay: {delay: 50}\n", 2, 24, 1,
	 "x.yml:2:24: error: wrong\n"
	 "    2 |   - net.delay: {delay: 50}\n"
	 "      |                        ^\n"},
	{"faults:\n", 1, 1, 6,
	 "x.yml:1:1: error: wrong\n"
	 "    1 | faults:\n"
	 "      | ^~~~~~\n"},
	/* multibyte characters before the caret count as one each */
	{"name: K\xc3\xbc"
	 "che \xe2\x82\xac 50\n",
	 1, 15, 2,
	 "x.yml:1:15: error: wrong\n"
	 "    1 | name: K\xc3\xbc"
	 "che \xe2\x82\xac 50\n"
	 "      |               ^~\n"},
	/* tabs are repeated, so that the terminal expands both lines alike */
	{"\tdelay:\t50\n", 1, 9, 0,
	 "x.yml:1:9: error: wrong\n"
	 "    1 | \tdelay:\t50\n"
	 "      | \t      \t^\n"},
	/* just behind the end of a line, and far behind it */
	{"seed:\n", 1, 6, 1,
	 "x.yml:1:6: error: wrong\n"
	 "    1 | seed:\n"
	 "      |      ^\n"},
	{"seed:\r\nx\n", 1, 99, 50,
	 "x.yml:1:99: error: wrong\n"
	 "    1 | seed:\n"
	 "      |      ^\n"},
	/* the underline ends with the line */
	{"seed: 7", 1, 7, 40,
	 "x.yml:1:7: error: wrong\n"
	 "    1 | seed: 7\n"
	 "      |       ^\n"},
	/* an empty file, and a line that is not there */
	{"", 1, 1, 1,
	 "x.yml:1:1: error: wrong\n"
	 "    1 | \n"
	 "      | ^\n"},
	{"a\n", 7, 1, 1, "x.yml:7:1: error: wrong\n"},
	{"a\n", 0, 0, 0, "x.yml: error: wrong\n"},
	{"a\n", 1, 0, 0, "x.yml:1: error: wrong\n"},
	/* escapes and bytes that are not UTF-8 do not reach the terminal */
	{"a\033[31mb\x80z\xc2\x9bq\n", 1, 8, 1,
	 "x.yml:1:8: error: wrong\n"
	 "    1 | a?[31mb\xef\xbf\xbdz?q\n"
	 "      |        ^\n"},
};

START_TEST(test_render)
{
	struct diag *d = diag_new();
	struct buf out = {0};

	diag_source(d, "x.yml", cases[_i].text, strlen(cases[_i].text));
	diag_error(d, at(cases[_i].line, cases[_i].col, cases[_i].len), "%s", "wrong");
	diag_render(d, &out);
	ck_assert_str_eq(out.data, cases[_i].expected);
	buf_done(&out);
	diag_free(d);
}
END_TEST

START_TEST(test_long_line)
{
	struct diag *d = diag_new();
	struct buf out = {0}, expected = {0};
	char text[1000];

	for (int i = 0; i < 1000; i++)
		text[i] = (char)('a' + i % 26);
	diag_source(d, "x.yml", text, sizeof(text));
	diag_error(d, at(1, 501, 3), "wrong");
	diag_render(d, &out);
	buf_printf(&expected,
		   "x.yml:1:501: error: wrong\n    1 | ...%.160s...\n      |    %60s^~~\n",
		   text + 440, "");
	ck_assert_str_eq(out.data, expected.data);
	buf_done(&out);
	buf_done(&expected);
	diag_free(d);
}
END_TEST

START_TEST(test_notes)
{
	struct diag *d = diag_new();
	struct buf out = {0}, json = {0};
	const char *text = "a: 1\nb: 2\n";

	diag_source(d, "x.yml", text, strlen(text));
	diag_error(d, at(2, 4, 1), "\"%d\" needs a unit", 2);
	diag_note(d, at(1, 1, 0), "in the list that starts here");
	diag_note(d, (struct mark){0}, "did you mean \"c\"?");
	diag_error(d, (struct mark){.file = "y.yml"}, "cannot be read");
	diag_render(d, &out);
	ck_assert_str_eq(out.data, "x.yml:2:4: error: \"2\" needs a unit\n"
				   "    2 | b: 2\n"
				   "      |    ^\n"
				   "x.yml:1:1: note: in the list that starts here\n"
				   "note: did you mean \"c\"?\n"
				   "y.yml: error: cannot be read\n");
	diag_render_json(d, &json);
	ck_assert_str_eq(
		json.data,
		"[{\"file\":\"x.yml\",\"line\":2,\"col\":4,\"message\":\"\\\"2\\\" needs a unit\","
		"\"notes\":[{\"file\":\"x.yml\",\"line\":1,\"col\":1,\"message\":\"in the list that"
		" starts here\"},{\"file\":null,\"line\":0,\"col\":0,\"message\":\"did you mean "
		"\\\"c\\\"?\"}]},{\"file\":\"y.yml\",\"line\":0,\"col\":0,\"message\":\"cannot be "
		"read\",\"notes\":[]}]");
	ck_assert_uint_eq(diag_errors(d), 2);
	buf_done(&out);
	buf_done(&json);
	diag_free(d);
}
END_TEST

START_TEST(test_too_many)
{
	struct diag *d = diag_new();
	struct buf out = {0};
	size_t lines = 0;

	for (int i = 0; i < 30; i++) {
		ck_assert(diag_full(d) == (i >= DIAG_ERRORS_MAX));
		diag_error(d, (struct mark){0}, "number %d", i);
		diag_note(d, (struct mark){0}, "of %d", i);
	}
	ck_assert_uint_eq(diag_errors(d), DIAG_ERRORS_MAX);
	diag_render(d, &out);
	for (const char *p = out.data; (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_uint_eq(lines, 2 * DIAG_ERRORS_MAX + 1);
	ck_assert_ptr_nonnull(strstr(out.data, "note: of 19\ntoo many errors: stopped after 20\n"));
	buf_done(&out);
	diag_free(d);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("base/diag");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 10);
	tcase_add_loop_test(t, test_render, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, test_long_line);
	tcase_add_test(t, test_notes);
	tcase_add_test(t, test_too_many);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
