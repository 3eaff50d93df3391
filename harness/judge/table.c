/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "judge/check.h"

/* The explicit, sorted list of every check. A new check is one file and one line in list.h. */
const struct check_ops *const check_table[] = {
#define CHECK(name) &check_##name,
#include "judge/list.h"
#undef CHECK
};
const size_t check_table_count = ARRAY_SIZE(check_table);

static struct conf_kind kinds[ARRAY_SIZE(check_table)];
static pthread_once_t kinds_once = PTHREAD_ONCE_INIT;

static void kinds_fill(void)
{
	for (size_t i = 0; i < check_table_count; i++) {
		const struct check_ops *c = check_table[i];

		kinds[i] = (struct conf_kind){.name = c->name,
					      .summary = c->summary,
					      .opts = c->opts,
					      .check = c->check,
					      .ops = c,
					      .needs_books = c->needs_books,
					      .needs_stock = c->needs_stock};
	}
}

const struct conf_kind *check_kinds(size_t *ret_count)
{
	pthread_once(&kinds_once, kinds_fill);
	*ret_count = check_table_count;
	return kinds;
}

int check_table_check(struct err *e)
{
	for (size_t i = 0; i < check_table_count; i++) {
		const struct check_ops *c = check_table[i];

		if (!c->name || !c->summary || !c->judge || !c->opts.rows || !c->opts.size ||
		    !c->example)
			return err_set(e, EINVAL,
				       "check %s lacks a summary, options, judge or example",
				       c->name ? c->name : "?");
		if (i && strcmp(check_table[i - 1]->name, c->name) >= 0)
			return err_set(e, EINVAL, "check table: %s does not sort after %s", c->name,
				       check_table[i - 1]->name);
	}
	return 0;
}
