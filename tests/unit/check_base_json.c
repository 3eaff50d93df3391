/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: JSON that a black box sent, and JSON that we must be able to read
 * back. Cases after RFC 8259 and the well-known parser torture collections.
 * Every text is also parsed from a block that ends where the text ends, so
 * that a sanitiser sees any byte read beyond it.
 */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "tests/unit/suite.h"

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

/* parse_exact - parse from a block of exactly that size. */
static int parse_exact(const char *text, size_t len, struct json_val *v, char **ret_block,
		       struct err *e)
{
	*ret_block = malloc(len ? len : 1);
	memcpy(*ret_block, text, len);
	return json_parse(*ret_block, len, v, e);
}

#define T(s)                                                                                       \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
static const struct text {
	const char *at;
	size_t len;
} good[] = {
	T("0"),
	T("-0"),
	T("1"),
	T("-1"),
	T("1.5"),
	T("1e5"),
	T("1E+5"),
	T("1.25e-10"),
	T("-0.0"),
	T("true"),
	T("false"),
	T("null"),
	T("\"\""),
	T("\"a\""),
	T("[]"),
	T("{}"),
	T(" \t\r\n[ \n] \t"),
	T("[1,2,3]"),
	T("[ 1 , 2 ]"),
	T("[[[]]]"),
	T("[{},[],\"\"]"),
	T("{\"a\":1}"),
	T("{ \"a\" : 1 , \"b\" : [ ] }"),
	T("{\"\":0}"),
	T("{\"a\":1,\"a\":2}"),
	T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\""),
	T("\"\\ud83d\\ude00\""),
	T("\"\\ud83d\""),
	T("\"\\ude00\\ud83d\""),
	T("\"\\u0000\""),
	T("\"\x7f\""),
	T("\"\xc3\xbc\""),
	T("\"K\xfc"
	  "che\""), /* Latin-1: accepted, see json.c */
	T("123456789012345678901234567890"),
	T("1e400"),
	T("[1e1,0.1]"),
	T("\"a string of more than sixteen bytes, with \\\"quotes\\\"\""),
	T("{\"a\":{\"b\":{\"c\":[{\"d\":null}]}}}"),
	T("[\"]\",\"}\",\"{\",\"[\",\",\"]"),
};

START_TEST(test_good)
{
	struct json_val v;
	struct err e = {0};
	char *block;
	int r = parse_exact(good[_i].at, good[_i].len, &v, &block, &e);

	ck_assert_msg(r == 0, "%s: %s", good[_i].at, e.msg);
	ck_assert_int_ne(v.type, JSON_NONE);
	free(block);
}
END_TEST

static const struct text bad[] = {
	T(""),
	T(" "),
	T("x"),
	T("nul"),
	T("nulll"),
	T("truE"),
	T("True"),
	T("NaN"),
	T("Infinity"),
	T("-"),
	T("+1"),
	T("01"),
	T("-01"),
	T("1."),
	T(".5"),
	T("1.e5"),
	T("1e"),
	T("1e+"),
	T("0x10"),
	T("1_000"),
	T("1 2"),
	T("--1"),
	T("1-"),
	T("00"),
	T("1.2.3"),
	T("\""),
	T("\"a"),
	T("\"\\\""),
	T("\"\\x\""),
	T("\"\\u12\""),
	T("\"\\u12g4\""),
	T("\"\\u"),
	T("\"\\"),
	T("\"\n\""),
	T("\"\t\""),
	T("\"\0\""),
	T("\"\\\0\""),
	T("'a'"),
	T("["),
	T("]"),
	T("[1"),
	T("[1,"),
	T("[1,]"),
	T("[,1]"),
	T("[1 2]"),
	T("[1}"),
	T("[,]"),
	T("[1,,2]"),
	T("{"),
	T("}"),
	T("{\"a\""),
	T("{\"a\":"),
	T("{\"a\":1"),
	T("{\"a\":1,"),
	T("{\"a\":1,}"),
	T("{,}"),
	T("{a:1}"),
	T("{\"a\" 1}"),
	T("{\"a\":1]"),
	T("{1:1}"),
	T("{\"a\":1 \"b\":2}"),
	T("{\"a\":,\"b\":1}"),
	T("{\"a\"}"),
	T("[] []"),
	T("{}x"),
	T("\xef\xbb\xbf[]"),
	T("[1]\0"),
	T("\0"),
	T("[\"a\"\"b\"]"),
	T("// x\n1"),
	T("/* x */ 1"),
	T("[1]]"),
	T("\xc3\xbc"),
	T("[\v1]"),
	T("\"abcdefg\x1f\""),
	T("{\"a\":\"b}"),
};

START_TEST(test_bad)
{
	struct json_val v;
	struct err e = {0};
	char *block;

	ck_assert_msg(parse_exact(bad[_i].at, bad[_i].len, &v, &block, &e) == -EINVAL,
		      "accepted: %s", bad[_i].at);
	ck_assert_int_eq(strncmp(e.msg, "not JSON at offset ", 19), 0);
	ck_assert_uint_lt(strlen(e.msg), 80);
	free(block);
}
END_TEST

/* Cut anywhere, an object or array is not JSON. */
START_TEST(test_torn)
{
	static const char text[] =
		"{\"told\":{\"key\":\"S\\u00e9\",\"t\":[1,-2.5e3,true,null],\"x\":\"\"}}";
	struct json_val v;
	char *block;

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		ck_assert_int_eq(parse_exact(text, len, &v, &block, NULL), -EINVAL);
		free(block);
	}
	ck_assert_int_eq(json_parse(text, sizeof(text) - 1, &v, NULL), 0);
}
END_TEST

START_TEST(test_depth)
{
	struct buf b = {0};
	struct json_val v;
	struct err e = {0};

	for (int depth = 127; depth <= 129; depth++) {
		buf_reset(&b);
		for (int i = 0; i < depth; i++)
			buf_adds(&b, i % 2 ? "[" : "{\"a\":");
		buf_adds(&b, "1");
		for (int i = depth; i-- > 0;)
			buf_addc(&b, i % 2 ? ']' : '}');
		ck_assert_int_eq(json_parse(b.data, b.len, &v, &e), depth <= 128 ? 0 : -EINVAL);
	}
	ck_assert_ptr_nonnull(strstr(e.msg, "nested too deeply"));
	buf_reset(&b);
	for (int i = 0; i < 1000000; i++) /* no recursion */
		buf_addc(&b, '[');
	ck_assert_int_eq(json_parse(b.data, b.len, &v, &e), -EINVAL);
	buf_done(&b);
}
END_TEST

static struct json_val parsed(const char *text)
{
	struct json_val v;

	ck_assert_int_eq(json_parse(text, strlen(text), &v, NULL), 0);
	return v;
}

static const struct {
	const char *text;
	int result;
	int64_t value;
} ints[] = {
	{"0", 0, 0},
	{"-0", 0, 0},
	{"12", 0, 12},
	{"12.0", 0, 12},
	{"1.2e1", 0, 12},
	{"-12.000", 0, -12},
	{"120e-1", 0, 12},
	{"1200e-2", 0, 12},
	{"0.012e3", 0, 12},
	{"1e18", 0, 1000000000000000000},
	{"9223372036854775807", 0, INT64_MAX},
	{"-9223372036854775808", 0, INT64_MIN},
	{"9223372036854775807.0", 0, INT64_MAX},
	{"999999999999999999", 0, 999999999999999999},
	{"9223372036854775808", -ERANGE, 0},
	{"-9223372036854775809", -ERANGE, 0},
	{"1e19", -ERANGE, 0},
	{"1e999999999999", -ERANGE, 0},
	{"123456789012345678901234567890", -ERANGE, 0},
	{"12.5", -EINVAL, 0},
	{"1e-1", -EINVAL, 0},
	{"1.00000000000000000000000001", -EINVAL, 0},
	{"1e-999999999999", -EINVAL, 0},
	{"0e999999999999", 0, 0},
	{"0.000", 0, 0},
	{"0e-5", 0, 0},
	{"\"12\"", -EINVAL, 0},
	{"null", -EINVAL, 0},
	{"[1]", -EINVAL, 0},
	{"100000000000000000000000e-22", 0, 10},
	{"0.00000000000000000000000012e26", 0, 12},
};

START_TEST(test_int64)
{
	struct json_val v = parsed(ints[_i].text);
	int64_t got = 0;

	ck_assert_msg(json_int64(&v, &got) == ints[_i].result, "%s", ints[_i].text);
	ck_assert_int_eq(got, ints[_i].value);
}
END_TEST

START_TEST(test_double)
{
	struct json_val v = parsed("-1.5e3"), huge = parsed("1e400"), no = parsed("\"1\"");
	struct json_val lengthy =
		parsed("0.3333333333333333333333333333333333333333333333333333333333333333333");
	double d;

	ck_assert_int_eq(json_double(&v, &d), 0);
	ck_assert_double_eq(d, -1500);
	ck_assert_int_eq(json_double(&lengthy, &d), 0);
	ck_assert_double_eq(d, 1.0 / 3);
	ck_assert_int_eq(json_double(&huge, &d), -ERANGE);
	ck_assert_int_eq(json_double(&no, &d), -EINVAL);
}
END_TEST

static const struct {
	const char *text, *value;
} strings[] = {
	{"\"\"", ""},
	{"\"plain\"", "plain"},
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
	{"\"\\u0041\\u00fc\\u20AC\"", "A\xc3\xbc\xe2\x82\xac"},
	{"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
	{"\"\\ud83dx\"", "\xef\xbf\xbdx"},
	{"\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
			       "A"},
	{"\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd"},
	{"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
	{"\"\\u0000\"", "\xef\xbf\xbd"},
	{"\"\\uffff\"", "\xef\xbf\xbf"},
	{"\"\xc3\xbc and some more than eight\"", "\xc3\xbc and some more than eight"},
	{"12.50", "12.50"},
	{"[1, 2]", "[1, 2]"},
};

START_TEST(test_string)
{
	struct json_val v = parsed(strings[_i].text);
	char *s = json_dup(&v);

	ck_assert_str_eq(s, strings[_i].value);
	if (v.type == JSON_STRING)
		ck_assert(json_key_is(&v, strings[_i].value));
	ck_assert(!json_key_is(&v, "another"));
	free(s);
}
END_TEST

START_TEST(test_key_is)
{
	struct json_val v = parsed("\"a\\u0062c\""), raw = parsed("\"\\n\"");

	ck_assert(json_key_is(&v, "abc"));
	ck_assert(!json_key_is(&v, "ab"));
	ck_assert(!json_key_is(&v, "abcd"));
	ck_assert(!json_key_is(&raw, "\\n"));
	ck_assert(json_key_is(&raw, "\n"));
}
END_TEST

START_TEST(test_walk)
{
	struct json_val v = parsed(
		" { \"a\" : [ 1 , \"x,]}\" , { } , [ [ ] ] ] , \"b\":\"\\\"}\" ,\"c\" : -1e5 } ");
	struct json_val key, val;
	struct json_iter it;
	struct buf seen = {0};

	json_iter_init(&it, &v);
	while (json_next(&it, &key, &val)) {
		buf_add(&seen, key.at, key.len);
		buf_addc(&seen, '=');
		buf_add(&seen, val.at, val.len);
		buf_addc(&seen, ';');
	}
	ck_assert_str_eq(seen.data,
			 "\"a\"=[ 1 , \"x,]}\" , { } , [ [ ] ] ];\"b\"=\"\\\"}\";\"c\"=-1e5;");
	ck_assert(!json_next(&it, &key, &val)); /* stays at the end */
	v = json_get(&v, "a");
	json_iter_init(&it, &v);
	for (int i = 0; i < 4; i++) {
		ck_assert(json_next(&it, &key, &val));
		ck_assert_int_eq(key.type, JSON_NONE);
	}
	ck_assert(!json_next(&it, &key, &val));
	buf_done(&seen);
}
END_TEST

static const char pointed[] =
	"{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
	"\"k\\\"l\":6,\" \":7,\"m~n\":8,\"deep\":[{\"x\":[10,11,12]}],\"01\":9}";

static const struct {
	const char *pointer, *value; /* NULL: absent */
} pointers[] = {
	{"", pointed},	       {"/foo", "[\"bar\",\"baz\"]"},
	{"/foo/0", "\"bar\""}, {"/", "0"},
	{"/a~1b", "1"},	       {"/c%d", "2"},
	{"/e^f", "3"},	       {"/g|h", "4"},
	{"/i\\j", "5"},	       {"/k\"l", "6"},
	{"/ ", "7"},	       {"/m~0n", "8"},
	{"/deep/0/x/2", "12"}, {"/01", "9"},
	{"/foo/2", NULL},      {"/foo/01", NULL},
	{"/foo/-", NULL},      {"/foo/0/x", NULL},
	{"/nope", NULL},       {"foo", NULL},
	{"/foo/", NULL},       {"/foo/99999999999999999999", NULL},
	{"/foo/1x", NULL},     {"/foo//", NULL},
};

START_TEST(test_pointer)
{
	struct json_val root = parsed(pointed), v = json_pointer(&root, pointers[_i].pointer);
	struct buf b = {0};

	if (!pointers[_i].value) {
		ck_assert_int_eq(v.type, JSON_NONE);
		return;
	}
	buf_add(&b, v.at, v.len);
	ck_assert_str_eq(b.data, pointers[_i].value);
	buf_done(&b);
}
END_TEST

START_TEST(test_get)
{
	struct json_val v = parsed("{\"a\":1,\"a\":2,\"t\":true,\"f\":false}"),
			array = parsed("[1]");
	struct json_val a = json_get(&v, "a"), t = json_get(&v, "t"), f = json_get(&v, "f");
	int64_t n;

	ck_assert_int_eq(json_int64(&a, &n), 0);
	ck_assert_int_eq(n, 1);
	ck_assert(json_true(&t));
	ck_assert(!json_true(&f));
	ck_assert(!json_true(&a));
	ck_assert_int_eq(json_get(&array, "a").type, JSON_NONE);
}
END_TEST

static const struct {
	const char *s, *json;
} written[] = {
	{"", "\"\""},
	{"plain", "\"plain\""},
	{"\"\\/\b\f\n\r\t", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
	{"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
	{"K\xc3\xbc"
	 "che \xe2\x82\xac \xf0\x9f\x98\x80",
	 "\"K\xc3\xbc"
	 "che \xe2\x82\xac \xf0\x9f\x98\x80\""},
	{"K\xfc"
	 "che",
	 "\"K\xef\xbf\xbd"
	 "che\""},
	{"\xc3", "\"\xef\xbf\xbd\""},
	{"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},		      /* overlong */
	{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
	{"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	{"eight by\"tes", "\"eight by\\\"tes\""},
	{NULL, "null"},
};

START_TEST(test_write_string)
{
	struct buf b = {0};
	struct json_val v;

	json_add_string(&b, written[_i].s);
	ck_assert_str_eq(b.data, written[_i].json);
	ck_assert_int_eq(json_parse(b.data, b.len, &v, NULL), 0);
	buf_done(&b);
}
END_TEST

/* Every byte pair goes out as valid JSON and valid UTF-8, and ASCII comes back as it was. */
START_TEST(test_write_every_pair)
{
	struct buf b = {0};
	struct json_val v;

	for (int i = 0; i < 65536; i++) {
		char s[2] = {(char)(i >> 8), (char)(i & 255)};
		char *back;

		buf_reset(&b);
		json_add_stringn(&b, s, 2);
		ck_assert_int_eq(json_parse(b.data, b.len, &v, NULL), 0);
		if (s[0] <= 0 || s[1] <= 0)
			continue;
		back = json_dup(&v);
		ck_assert_uint_eq(strlen(back), 2);
		ck_assert_mem_eq(back, s, 2);
		free(back);
	}
	buf_done(&b);
}
END_TEST

static void write_sample(struct json_out *o)
{
	json_obj(o, NULL);
	json_str(o, "s", "x\"y");
	json_strn(o, "n", "abc", 2);
	json_str(o, "none", NULL);
	json_i64(o, "i", INT64_MIN);
	json_arr(o, "list");
	json_u64(o, NULL, UINT64_MAX);
	json_f64(o, NULL, 0.1);
	json_f64(o, NULL, (double)NAN);
	json_bool(o, NULL, true);
	json_null(o, NULL);
	json_obj(o, NULL);
	json_obj_end(o);
	json_arr_end(o);
	json_raw(o, "raw", "[1,2]");
	json_obj_end(o);
}

START_TEST(test_out)
{
	struct buf b = {0};
	struct json_out o = {.buf = &b};
	struct json_val v;

	write_sample(&o);
	ck_assert_str_eq(b.data,
			 "{\"s\":\"x\\\"y\",\"n\":\"ab\",\"none\":null,\"i\":-9223372036854775808,"
			 "\"list\":[18446744073709551615,0.1,null,true,null,{}],\"raw\":[1,2]}");
	ck_assert_int_eq(json_parse(b.data, b.len, &v, NULL), 0);
	buf_reset(&b);
	o.pretty = true;
	write_sample(&o);
	ck_assert_str_eq(b.data,
			 "{\n  \"s\": \"x\\\"y\",\n  \"n\": \"ab\",\n  \"none\": null,\n"
			 "  \"i\": -9223372036854775808,\n  \"list\": [\n"
			 "    18446744073709551615,\n    0.1,\n    null,\n    true,\n    null,\n"
			 "    {}\n  ],\n  \"raw\": [1,2]\n}");
	buf_done(&b);
}
END_TEST

static const double doubles[] = {0, 1, -1, 0.1, 1.0 / 3, 1e300, 5e-324, 123456789.123456789, 1e15};

START_TEST(test_f64_round_trip)
{
	struct buf b = {0};
	struct json_out o = {.buf = &b};
	struct json_val v;
	double back;

	json_f64(&o, NULL, doubles[_i]);
	ck_assert_int_eq(json_parse(b.data, b.len, &v, NULL), 0);
	ck_assert_int_eq(json_double(&v, &back), 0);
	ck_assert_double_eq(back, doubles[_i]);
	buf_done(&b);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("base/json");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, test_good, 0, COUNT(good));
	tcase_add_loop_test(t, test_bad, 0, COUNT(bad));
	tcase_add_test(t, test_torn);
	tcase_add_test(t, test_depth);
	tcase_add_loop_test(t, test_int64, 0, COUNT(ints));
	tcase_add_test(t, test_double);
	tcase_add_loop_test(t, test_string, 0, COUNT(strings));
	tcase_add_test(t, test_key_is);
	tcase_add_test(t, test_walk);
	tcase_add_loop_test(t, test_pointer, 0, COUNT(pointers));
	tcase_add_test(t, test_get);
	tcase_add_loop_test(t, test_write_string, 0, COUNT(written));
	tcase_add_test(t, test_write_every_pair);
	tcase_add_test(t, test_out);
	tcase_add_loop_test(t, test_f64_round_trip, 0, COUNT(doubles));
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
