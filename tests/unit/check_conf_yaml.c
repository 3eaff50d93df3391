/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: trees with marks, --set, and writing what was read.
 * Buggy results: an error that points at the wrong place, a duplicate key that
 * silently wins, a --set that lands elsewhere, a resolved.yml that means
 * something else than the file.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/yaml.h"
#include "tests/unit/suite.h"

static struct yaml_node *load(const char *text)
{
	struct diag *diag = diag_new();
	struct yaml_node *n = yaml_load("f", text, strlen(text), diag);

	ck_assert_ptr_nonnull(n);
	ck_assert_uint_eq(diag_errors(diag), 0);
	diag_free(diag);
	return n;
}

START_TEST(test_marks)
{
	struct yaml_node *n = load("# c\na: 1\nb:\n  - \xc3\xa4\xc3\xb6: {x: \"y z\"}\n  - ''\n");
	const struct yaml_node *b = yaml_get(n, "b"), *map = b->items[0], *in = map->items[0];

	ck_assert_uint_eq(n->mark.line, 2);
	ck_assert_uint_eq(yaml_get(n, "a")->mark.col, 4);
	ck_assert_uint_eq(yaml_key_mark(n, "b").line, 3);
	ck_assert_uint_eq(map->keys[0].mark.col, 5);
	ck_assert_uint_eq(map->keys[0].mark.len, 2); /* characters, not bytes */
	ck_assert_uint_eq(in->mark.col, 9);
	ck_assert_uint_eq(yaml_get(in, "x")->mark.col, 13);
	ck_assert_uint_eq(yaml_get(in, "x")->mark.len, 5);
	ck_assert(!yaml_get(in, "x")->plain);
	ck_assert(!yaml_empty(b->items[1]));
	ck_assert_ptr_null(yaml_get(n, "c"));
	yaml_tree_free(n);
}
END_TEST

/* before, assignments (up to 2), after */
static const struct {
	const char *before, *set, *set2, *after;
} sets[] = {
	{"a: 1", "a=2", NULL, "a: 2\n"},
	{"a: 1", "b=[1, {c: d}]", NULL, "a: 1\nb:\n- 1\n- c: d\n"},
	{"a: 1", "b.c.d=x", "b.c.e=y", "a: 1\nb:\n  c:\n    d: x\n    e: y\n"},
	{"a: 1", "b=", NULL, "a: 1\nb: \"\"\n"},
	{"a: 1", "b==x=y", NULL, "a: 1\nb: =x=y\n"},
	{"l: [a, b]", "l[1]=c", "l[2]=d", "l:\n- a\n- c\n- d\n"},
	{"f: [{net.drop: {rate: 1%}}]", "f[0].net.drop.rate=2%", NULL,
	 "f:\n- net.drop:\n    rate: 2%\n"},
	/* the longest key wins */
	{"{n: {d: 1}, n.d: 2}", "n.d=3", NULL, "n:\n  d: 1\nn.d: 3\n"},
	{"{n: {d: 1}, n.d: {x: 2}}", "n.d.x=3", NULL, "n:\n  d: 1\nn.d:\n  x: 3\n"},
	{"a: 1", "b[0].c=2", NULL, "a: 1\nb:\n- c: 2\n"},
	{"a:", "a.b=2", NULL, "a:\n  b: 2\n"},
	{"a: {b: 1}", "a.b=2", "a.b=3", "a:\n  b: 3\n"},
};

START_TEST(test_set)
{
	struct yaml_node *n = load(sets[_i].before);
	struct diag *diag = diag_new();
	struct buf out = {0};

	ck_assert_int_eq(yaml_set(&n, sets[_i].set, diag), 0);
	if (sets[_i].set2)
		ck_assert_int_eq(yaml_set(&n, sets[_i].set2, diag), 0);
	yaml_write(n, &out);
	ck_assert_str_eq(out.data, sets[_i].after);
	buf_done(&out);
	yaml_tree_free(n);
	diag_free(diag);
}
END_TEST

static const struct {
	const char *set, *words;
} bad_sets[] = {
	{"a", "--set needs path=value, not \"a\""},
	{"=1", "--set needs path=value, not \"=1\""},
	{"a.b=1", "nothing to go into"},
	{"l.x=1", "a list needs a number like [0]"},
	{"l[9]=1", "[9] is beyond the list: it has 2 items"},
	{"l[x]=1", "a list needs a number like [0]"},
	{"l[0=1", "no ] after"},
	{"l[99999999999999999999]=1", "is beyond the list"},
	{"m.=1", "the path ends with a dot"},
	{".x=1", "a key is missing before"},
	{"a=[1", "expected \",\" or \"]\""},
	{"a={b: 1, b: 2}", "is given twice"},
	{"\xff=1", "this is not UTF-8 text"},
};

START_TEST(test_set_bad)
{
	struct yaml_node *n = load("{a: 1, l: [1, 2], m: {}}");
	struct diag *diag = diag_new();
	struct buf out = {0};

	ck_assert_int_lt(yaml_set(&n, bad_sets[_i].set, diag), 0);
	ck_assert_uint_eq(diag_errors(diag), 1);
	diag_render(diag, &out);
	ck_assert_msg(strstr(out.data, bad_sets[_i].words) != NULL, "%s: %s", bad_sets[_i].set,
		      out.data);
	buf_done(&out);
	yaml_tree_free(n);
	diag_free(diag);
}
END_TEST

/* A later --set replaces a value whose --set is still the home of other marks. */
START_TEST(test_set_marks_live)
{
	struct yaml_node *n = load("a: 1");
	struct diag *diag = diag_new();
	struct buf out = {0};

	ck_assert_int_eq(yaml_set(&n, "b.c=1", diag), 0);
	ck_assert_int_eq(yaml_set(&n, "b.c=22", diag), 0);
	diag_error(diag, yaml_get(n, "b")->mark, "here");
	diag_error(diag, yaml_get(yaml_get(n, "b"), "c")->mark, "there");
	diag_render(diag, &out);
	ck_assert_ptr_nonnull(strstr(out.data, "--set b.c=1:1:1: error: here"));
	ck_assert_ptr_nonnull(strstr(out.data, "--set b.c=22:1:5: error: there\n    1 | b.c=22\n"));
	buf_done(&out);
	yaml_tree_free(n);
	diag_free(diag);
}
END_TEST

static const char *const texts[] = {
	"a: 1\n",
	"a: \"1\"\nb: 'x: y'\nc: '#'\ne: '- x'\nf: \"\"\ng:\nh: ~\n",
	"sql: |\n  SELECT key,\n    total\n  FROM sales\nmore: >\n  folded\n  text\n",
	"a: \"tab\\there\\nline \\u00e9\\u20ac\"\n",
	"'': empty\n'a: b': c\n\"q\\\"q\": d\n",
	"[]\n",
	"{}\n",
	"a: []\nb: {}\nc: [[], [{}]]\n",
	"k: \"${total}\"\nl: ${total}\n",
	"w: ' leading'\nx: 'trailing '\ny: \"\\n\"\nz: \"a\\n\\n b\\n\"\n",
};

static void same(const struct yaml_node *a, const struct yaml_node *b)
{
	ck_assert_int_eq(a->type, b->type);
	ck_assert_uint_eq(a->count, b->count);
	if (a->type == NODE_SCALAR) {
		ck_assert_str_eq(a->text, b->text);
		ck_assert_int_eq(a->plain, b->plain);
	}
	for (size_t i = 0; i < a->count; i++) {
		if (a->type == NODE_MAP)
			ck_assert_str_eq(a->keys[i].name, b->keys[i].name);
		same(a->items[i], b->items[i]);
	}
}

START_TEST(test_round_trip)
{
	struct yaml_node *n = load(texts[_i]), *again;
	struct buf once = {0}, twice = {0};

	yaml_write(n, &once);
	again = load(once.data);
	same(n, again);
	yaml_write(again, &twice);
	ck_assert_str_eq(once.data, twice.data);
	yaml_tree_free(n);
	yaml_tree_free(again);
	buf_done(&once);
	buf_done(&twice);
}
END_TEST

START_TEST(test_missing_file)
{
	struct diag *diag = diag_new();
	char path[] = "/nonexistent/x.yml"; /* gone before rendering in real life */
	struct buf out = {0};

	ck_assert_ptr_null(yaml_load_file(path, diag));
	memset(path, 'z', strlen(path));
	diag_render(diag, &out);
	ck_assert_str_eq(out.data,
			 "/nonexistent/x.yml: error: cannot be read: No such file or directory\n");
	buf_done(&out);
	ck_assert_ptr_null(yaml_load_file("/tmp", diag));
	diag_free(diag);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("conf/yaml");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 20);
	tcase_add_test(t, test_marks);
	tcase_add_loop_test(t, test_set, 0, ARRAY_SIZE(sets));
	tcase_add_loop_test(t, test_set_bad, 0, ARRAY_SIZE(bad_sets));
	tcase_add_test(t, test_set_marks_live);
	tcase_add_loop_test(t, test_round_trip, 0, ARRAY_SIZE(texts));
	tcase_add_test(t, test_missing_file);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
