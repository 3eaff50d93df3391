/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: names matched by pattern, "did you mean", and the PCRE2 wrapper.
 * Buggy results: a lane filter that matches the wrong lanes, suggestions that
 * are unlike the word, a regex that hangs the harness.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "tests/unit/suite.h"

static const struct {
	const char *pattern, *s;
	bool match;
} globs[] = {
	{"", "", true},
	{"", "x", false},
	{"*", "", true},
	{"*", "lane-1", true},
	{"lane-*", "lane-1", true},
	{"lane-*", "lane-", true},
	{"lane-*", "lane", false},
	{"lane-?", "lane-12", false},
	{"lane-?", "lane-1", true},
	{"*-1", "lane-11-1", true},
	{"*a*b*c", "xxaxxbxxbxc", true},
	{"*a*b*c", "xxaxxbxxbx", false},
	{"lane-[1-3]", "lane-2", true},
	{"lane-[1-3]", "lane-4", false},
	{"lane-[!1-3]", "lane-4", true},
	{"lane-[^1-3]", "lane-1", false},
	{"[]x]", "]", true},
	{"[a-]", "-", true},
	{"[a", "[a", true}, /* not closed: literal */
	{"*[0-9]", "a1b2", true},
	{"*.log", "dir/x.log", true}, /* no path rules */
	{"?", "", false},
	{"ab", "a", false},
	{"a**b", "aXb", true},
	{"*\xc3\xbc*",
	 "K\xc3\xbc"
	 "che",
	 true},
};

START_TEST(test_glob)
{
	ck_assert_msg(str_glob(globs[_i].pattern, globs[_i].s) == globs[_i].match,
		      "glob %s on %s should be %d", globs[_i].pattern, globs[_i].s,
		      globs[_i].match);
}
END_TEST

START_TEST(test_glob_many_stars)
{
	char pattern[201], s[2001];
	int64_t start = clock_now();

	for (int i = 0; i < 200; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	strcpy(pattern + 198, "*b");
	memset(s, 'a', 2000);
	s[2000] = '\0';
	ck_assert(!str_glob(pattern, s));
	ck_assert_int_lt(clock_now() - start, NS_PER_S); /* recursion would take for ever */
}
END_TEST

static const struct {
	const char *a, *b;
	size_t distance;
} distances[] = {
	{"", "", 0},	       {"", "abc", 3},	 {"abc", "", 3},	{"kitten", "sitting", 3},
	{"delay", "dealy", 1}, {"ca", "abc", 3}, {"DELAY", "delay", 0}, {"patience", "patiance", 1},
	{"abcd", "badc", 2},   {"a", "b", 1},
};

START_TEST(test_distance)
{
	ck_assert_uint_eq(str_distance(distances[_i].a, distances[_i].b), distances[_i].distance);
	ck_assert_uint_eq(str_distance(distances[_i].b, distances[_i].a), distances[_i].distance);
}
END_TEST

START_TEST(test_nearest)
{
	static const char *const names[] = {"shoppers", "faults", "checks", "seed"};

	ck_assert_str_eq(str_nearest("shopers", names, 4), "shoppers");
	ck_assert_str_eq(str_nearest("sede", names, 4), "seed");
	ck_assert_str_eq(str_nearest("Faluts", names, 4), "faults");
	ck_assert_ptr_null(str_nearest("zzzzz", names, 4));
	ck_assert_ptr_null(str_nearest("x", names, 4));
	ck_assert_ptr_null(str_nearest("seed", names, 0));
}
END_TEST

START_TEST(test_eq)
{
	ck_assert(str_eq(NULL, NULL));
	ck_assert(str_eq("a", "a"));
	ck_assert(!str_eq("a", NULL));
	ck_assert(!str_eq(NULL, "a"));
	ck_assert(!str_eq("a", "b"));
}
END_TEST

static const struct {
	const char *pattern, *s;
	bool match;
	size_t start, len;
} groups[] = {
	{"Ref (\\S+)", "xx Ref S42 yy", true, 7, 3},
	{"CUT", "a CUT", true, 2, 3},
	{"CUT", "a CUR", false, 0, 0},
	{"(a)|b", "b", true, 0, 1}, /* the group took no part: the whole match */
	{"a(x*)b", "ab", true, 1, 0},
	{"\\xff", "a\xff", true, 1, 1}, /* bytes, not UTF-8 */
};

START_TEST(test_regex)
{
	struct regex *re;
	struct err e = {0};
	size_t start = 0, len = 0;

	ck_assert_int_eq(regex_new(&re, groups[_i].pattern, &e), 0);
	ck_assert(regex_match(re, groups[_i].s, strlen(groups[_i].s)) == groups[_i].match);
	ck_assert(regex_group1(re, groups[_i].s, strlen(groups[_i].s), &start, &len) ==
		  groups[_i].match);
	ck_assert_uint_eq(start, groups[_i].start);
	ck_assert_uint_eq(len, groups[_i].len);
	regex_free(re);
}
END_TEST

START_TEST(test_regex_bad)
{
	struct regex *re;
	struct err e = {0};

	ck_assert_int_eq(regex_new(&re, "a(b", &e), -EINVAL);
	ck_assert_str_eq(e.msg, "/a(b/: at offset 3: missing closing parenthesis");
	ck_assert_int_eq(regex_new(&re, "a(b", NULL), -EINVAL);
	regex_free(NULL);
}
END_TEST

START_TEST(test_regex_bounded)
{
	struct regex *re;
	struct err e = {0};
	char s[64];
	int64_t start = clock_now();

	memset(s, 'a', sizeof(s));
	ck_assert_int_eq(regex_new(&re, "^(a+)+$(?<=b)", &e), 0);
	ck_assert(!regex_match(re, s, sizeof(s)));
	ck_assert_int_lt(clock_now() - start, 2 * NS_PER_S); /* 2^64 steps otherwise */
	regex_free(re);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

static Suite *make_suite(void)
{
	Suite *s = suite_create("base/str");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, test_glob, 0, COUNT(globs));
	tcase_add_test(t, test_glob_many_stars);
	tcase_add_loop_test(t, test_distance, 0, COUNT(distances));
	tcase_add_test(t, test_nearest);
	tcase_add_test(t, test_eq);
	tcase_add_loop_test(t, test_regex, 0, COUNT(groups));
	tcase_add_test(t, test_regex_bad);
	tcase_add_test(t, test_regex_bounded);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
