/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: what the option tables say about themselves is true, because manual, reference, schema
 * and --help are drawn from it. Expected: each row's example is a value that the row reads, each
 * has help, and tables of faults and checks have an example. Buggy result: a reference that teaches
 * what is refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "conf/experiment.h"
#include "conf/target.h"
#include "faults/fault.h"
#include "judge/judge.h"
#include "suite.h"

static size_t examples;

/* The row alone, at the place where it lives, read from `name: example`. */
static void try_example(const struct opt *row, size_t size, const char *where)
{
	const struct opt rows[] = {*row, OPT_END};
	const struct opt_table one = {rows, size};
	char *text = xasprintf("%s: %s", row->name, row->example);
	struct diag *diag = diag_new();
	struct yaml_node *n = yaml_load("example", text, strlen(text), diag);
	void *out = xcalloc(1, size);
	struct buf said = {0};

	if (n)
		opt_apply(one, n, (struct mark){0}, where, out, diag);
	diag_render(diag, &said);
	ck_assert_msg(diag_errors(diag) == 0, "%s.%s: its example is refused: %s", where, row->name,
		      said.data);
	opt_free(one, out);
	free(out);
	yaml_tree_free(n);
	diag_free(diag);
	buf_done(&said);
	free(text);
	examples++;
}

static void try_table(struct opt_table table, const char *where)
{
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++) {
		ck_assert_msg(row->help && *row->help, "%s.%s has no help", where, row->name);
		if (row->example && row->type != OPT_NODE)
			try_example(row, table.size, where);
		if (row->sub.rows && row->sub.rows != table.rows)
			try_table(row->sub, row->name);
	}
}

START_TEST(rows_of_files)
{
	examples = 0;
	try_table(experiment_table, "experiment");
	try_table(when_table, "when");
	try_table(target_table, "target");
	try_table(driver_table, "driver");
	try_table(books_table, "books");
	ck_assert_msg(examples > 20, "only %zu examples were tried", examples);
}
END_TEST

START_TEST(rows_of_faults)
{
	const struct fault_ops *f = fault_table[_i];

	try_table(f->opts, f->name);
	ck_assert_msg(strncmp(f->example, f->name, strlen(f->name)) == 0,
		      "the example of %s is of something else: %s", f->name, f->example);
}
END_TEST

START_TEST(rows_of_checks)
{
	const struct check_ops *c = check_table[_i];

	try_table(c->opts, c->name);
	ck_assert_msg(strncmp(c->example, c->name, strlen(c->name)) == 0,
		      "the example of %s is of something else: %s", c->name, c->example);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conf/rows");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, rows_of_files);
	tcase_add_loop_test(tc, rows_of_faults, 0, (int)fault_table_count);
	tcase_add_loop_test(tc, rows_of_checks, 0, (int)check_table_count);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
