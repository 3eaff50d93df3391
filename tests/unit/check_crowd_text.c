// SPDX-License-Identifier: Apache-2.0
/*
 * Templates and takes: what a value turns into where it stands, and where
 * values come from. Expected: nothing that a value holds can break out of its
 * place (a quote in JSON, a line break in a header, an ampersand in a form).
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "crowd/take.h"
#include "crowd/template.h"
#include "tests/unit/suite.h"

#define S(text) ((char *)(uintptr_t)text)

/* ---- templates ---- */

static const struct {
	const char *name, *text;
	bool bare;
} values[] = {
	{ "key", "S1", false },	      { "qty", "3", true },
	{ "odd", "a\"b\\c\n&=/ä", false }, { "items", "[{\"sku\":\"x\"}]", true },
	{ "gone", NULL, false },	      { "num", "17", false },
};

static int find(void *arg, const char *name, const char **ret_const)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		if (strcmp(values[i].name, name) == 0)
			return (int)i;
	}
	if (strcmp(name, "const") == 0)
		*ret_const = "c\"d";
	return -1;
}

static struct var get(void *arg, int slot)
{
	const char *s = values[slot].text;

	(void)arg;
	return (struct var){ .text = s, .len = s ? strlen(s) : 0, .bare = values[slot].bare };
}

static const struct tmpl_names names = { .find = find };
static const struct tmpl_values vals = { .get = get };

static const struct {
	enum tmpl_esc esc;
	const char *text, *want; /* want NULL: an error */
} templates[] = {
	{ TMPL_RAW, "", "" },
	{ TMPL_RAW, "plain", "plain" },
	{ TMPL_RAW, "a${key}b${qty}", "aS1b3" },
	{ TMPL_RAW, "${gone}", "" },
	{ TMPL_RAW, "$${key} $ $x", "${key} $ $x" },
	{ TMPL_RAW, "${nope}", NULL },
	{ TMPL_RAW, "${key", NULL },
	{ TMPL_RAW, "${}", NULL },
	{ TMPL_URL, "/s/${odd}?q=${qty}", "/s/a%22b%5Cc%0A%26%3D%2F%C3%A4?q=3" },
	{ TMPL_HEADER, "x ${odd}", "x a\"b\\c&=/ä" },
	{ TMPL_JSON, "{\"k\":\"${key}\"}", "{\"k\":\"S1\"}" },
	{ TMPL_JSON, "{\"k\":\"${qty}\"}", "{\"k\":3}" },
	{ TMPL_JSON, "{\"k\":\"${qty:text}\"}", "{\"k\":\"3\"}" },
	{ TMPL_JSON, "{\"k\":${qty}}", "{\"k\":3}" },
	{ TMPL_JSON, "{\"k\":${key}}", "{\"k\":\"S1\"}" },
	{ TMPL_JSON, "{\"k\":\"n ${qty}\"}", "{\"k\":\"n 3\"}" },
	{ TMPL_JSON, "{\"k\":\"${num}\"}", "{\"k\":\"17\"}" },
	{ TMPL_JSON, "{\"k\":\"${items}\"}", "{\"k\":[{\"sku\":\"x\"}]}" },
	{ TMPL_JSON, "{\"k\":\"${gone}\"}", "{\"k\":null}" },
	{ TMPL_JSON, "{\"k\":\"${gone:text}\"}", "{\"k\":\"\"}" },
	{ TMPL_JSON, "{\"k\":\"<${odd}>\"}", "{\"k\":\"<a\\\"b\\\\c\\n&=/ä>\"}" },
	{ TMPL_JSON, "{\"k\":\"${odd}\"}", "{\"k\":\"a\\\"b\\\\c\\n&=/ä\"}" },
	{ TMPL_JSON, "{\"k\":\"\\\"${key}\"}", "{\"k\":\"\\\"S1\"}" },
	{ TMPL_JSON, "{\"${key}\":1}", "{\"S1\":1}" },
	{ TMPL_JSON, "{\"k\":\"${const}\",\"l\":\"x${const}\"}",
	  "{\"k\":\"c\\\"d\",\"l\":\"xc\\\"d\"}" },
};

START_TEST(templates_render)
{
	struct tmpl *t = NULL;
	struct err e = { 0 };
	struct buf out = { 0 };
	int r = tmpl_new(&t, templates[_i].text, templates[_i].esc, &names, &e);

	if (!templates[_i].want) {
		ck_assert_int_eq(r, -EINVAL);
		return;
	}
	ck_assert_msg(r == 0, "%s", e.msg);
	tmpl_render(t, &vals, &out);
	ck_assert_str_eq(out.data ? out.data : "", templates[_i].want);
	buf_done(&out);
	tmpl_free(t);
}
END_TEST

START_TEST(constants_are_known)
{
	struct tmpl *t;

	ck_assert_int_eq(tmpl_new(&t, "/x/${const}", TMPL_URL, &names, NULL), 0);
	ck_assert_str_eq(tmpl_constant(t), "/x/c%22d");
	tmpl_free(t);
	ck_assert_int_eq(tmpl_new(&t, "/x/${key}", TMPL_URL, &names, NULL), 0);
	ck_assert_ptr_null(tmpl_constant(t));
	tmpl_free(t);
}
END_TEST

/* ---- takes ---- */

#define HEADERS "HTTP/1.1 200 OK\r\nX-No:  7 \r\nx-note: y\r\nSet-Cookie: a=1; Path=/\r\n" \
		"Set-Cookie: sid=s1; HttpOnly\r\nSet-Cookie: sid=s2\r\n\r\n"

static const struct {
	struct take take;
	const char *body, *want; /* want NULL: not there */
	bool bare;
} finds[] = {
	{ { .pointer = S("/a/1") }, "{\"a\":[1,2.5]}", "2.5", true },
	{ { .pointer = S("/a") }, "{\"a\":\"x\\u00e4\"}", "xä", false },
	{ { .pointer = S("/a") }, "{\"a\":null}", NULL, false },
	{ { .pointer = S("/b") }, "{\"a\":1}", NULL, false },
	{ { .pointer = S("/a") }, "{\"a\":1", NULL, false },
	{ { .pointer = S("/a") }, "", NULL, false },
	{ { .regex = S("no (\\d+)") }, "receipt no 12.", "12", false },
	{ { .regex = S("no \\d+") }, "receipt no 12.", "no 12", false },
	{ { .regex = S("no (\\d+)") }, "receipt", NULL, false },
	{ { .header = S("X-NO") }, "", "7", false },
	{ { .header = S("X-Not") }, "", NULL, false },
	{ { .cookie = S("sid") }, "", "s2", false },
	{ { .cookie = S("a") }, "", "1", false },
	{ { .cookie = S("si") }, "", NULL, false },
	{ { .field = S("<${key}>") }, "", "<S1>", false },
};

struct got {
	char text[64];
	bool there, bare;
};

static void set(void *arg, size_t take, const char *text, size_t len, bool bare)
{
	struct got *g = arg;

	ck_assert_uint_eq(take, 0);
	g->there = true;
	g->bare = bare;
	snprintf(g->text, sizeof(g->text), "%.*s", (int)len, text);
}

START_TEST(takes_find)
{
	struct take t = finds[_i].take;
	struct got g = { 0 };
	struct take_sink sink = { .arg = &g, .set = set };
	struct reply_text r = { .body = finds[_i].body, .body_len = strlen(finds[_i].body),
				.headers = HEADERS, .headers_len = strlen(HEADERS) };
	const char *missing = NULL;
	struct takes *x;

	t.name = S("it");
	ck_assert_int_eq(takes_new(&x, &t, 1, &names, NULL), 0);
	ck_assert_int_eq(takes_apply(x, &r, &vals, &sink, &missing), 0);
	ck_assert_int_eq(g.there, finds[_i].want != NULL);
	if (finds[_i].want)
		ck_assert_str_eq(g.text, finds[_i].want);
	ck_assert_int_eq(g.bare, finds[_i].bare);
	takes_free(x);
	t.required = true;
	ck_assert_int_eq(takes_new(&x, &t, 1, &names, NULL), 0);
	ck_assert_int_eq(takes_apply(x, &r, &vals, &sink, &missing),
			 finds[_i].want ? 0 : -ENOENT);
	if (!finds[_i].want)
		ck_assert_str_eq(missing, "it");
	takes_free(x);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("crowd text");
	TCase *t = tcase_create("text");

	tcase_set_timeout(t, 10);
	tcase_add_loop_test(t, templates_render, 0, (int)(sizeof(templates) / sizeof(*templates)));
	tcase_add_test(t, constants_are_known);
	tcase_add_loop_test(t, takes_find, 0, (int)(sizeof(finds) / sizeof(*finds)));
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(suite());
}
