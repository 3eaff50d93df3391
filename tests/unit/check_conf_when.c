/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: the grammar of `when:`.
 * Buggy results: a trigger that means something else than it reads, or one
 * that contradicts itself and is accepted.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/when.h"
#include "tests/unit/suite.h"

/* text, in plain words; or the words of the refusal */
static const struct {
	const char *text, *says, *refusal;
} whens[] = {
	{"{at: 20s, for: 10s}", "at 20 s shop, for 10 s shop", NULL},
	{"{at: 0s}", "at 0 s", NULL},
	{"{at: 5min}", "at 5 min shop", NULL},
	{"{after: 40 sales, for: 5 sales}", "after 40 sales, for 5 sales", NULL},
	{"{after: 1 sale}", "after 1 sale", NULL},
	{"{for: 1500ms}", "for 1.5 s shop", NULL},
	{"{nth: 3}", "hit 3", NULL},
	{"{nth: 2..20+3}", "hits 2 to 20, every 3rd of them", NULL},
	{"{nth: 3..}", "hits from 3", NULL},
	{"{probability: 2%}", "with a chance of 2%", NULL},
	{"{on: told ok, nth: 3}", "when a shopper is told ok, hit 3", NULL},
	{"{on: started store/*}", "when store/* has started", NULL},
	{"{on: fault net.* healed}", "when net.* is healed", NULL},
	{"{on: 'log /a b/'}", "when any service logs /a b/", NULL},
	{"{on: 'log  lane-*/till   /a/b/'}", "when lane-*/till logs /a/b/", NULL},
	{"{on: printed /CUT/, nth: 3}", "when /CUT/ is printed, hit 3", NULL},
	{"{on: message /0210/}", "when a message matches /0210/", NULL},
	{"{at: 1s, on: told unknown, probability: 50%, for: 2s}",
	 "at 1 s shop, when a shopper is told unknown, with a chance of 50%, for 2 s shop", NULL},
	{"{at: 1s, after: 2 sales}", NULL, "both say when it opens"},
	{"{nth: 1, probability: 1%}", NULL, "both choose the hits"},
	{"{probability: 0%}", NULL, "never fires"},
	{"{at: 20}", NULL, "when.at: \"20\" needs a unit (ms, us, s)"},
	{"{at: 20s system}", NULL, "always shop time"},
	{"{for: 0s}", NULL, "no time at all"},
	{"{for: 0 sales}", NULL, "no time at all"},
	{"{for: 5}", NULL, "needs a unit (ms, s, min, or sales)"},
	{"{for: -5 sales}", NULL, "not a duration"},
	{"{for: 5 salesmen}", NULL, "unknown unit"},
	{"{after: 40}", NULL, "needs a unit (sales)"},
	{"{after: 10s}", NULL, "write at: 10s"},
	{"{after: lunch}", NULL, "not a number of sales"},
	{"{nth: 0..3}", NULL, "less than 1"},
	{"{on: told}", NULL, "told must be followed by one of ok, refused, unknown"},
	{"{on: told ok twice}", NULL, "\"twice\" after \"told ok\" means nothing"},
	{"{on: started}", NULL, "must be followed by a service"},
	{"{on: fault}", NULL, "must be followed by a fault's name"},
	{"{on: fault x}", NULL, "must be followed by one of armed, fired, healed"},
	{"{on: log store}", NULL, "expected a /regular expression/ here"},
	{"{on: message CUT}", NULL, "expected a /regular expression/, not \"CUT\""},
	{"{on: printed /CUT}", NULL, "does not end with /"},
	{"{on: printed /(/}", NULL, "not a regular expression"},
	{"{on: starting store}", NULL, "did you mean \"started\"?"},
	{"{when: 3s}", NULL, "unknown key \"when\""},
	{"{}", NULL, "says nothing"},
	{"~", NULL, "there is no value"},
	{"[at, 3s]", NULL, "expected a map"},
};

START_TEST(test_when)
{
	struct diag *diag = diag_new();
	struct yaml_node *n = yaml_load("f", whens[_i].text, strlen(whens[_i].text), diag);
	struct buf out = {0};
	struct when w;
	int err;

	ck_assert_ptr_nonnull(n);
	err = when_parse(n, &w, diag);
	diag_render(diag, &out);
	ck_assert_int_eq(err<0, diag_errors(diag)> 0);
	if (whens[_i].refusal) {
		ck_assert_msg(out.data && strstr(out.data, whens[_i].refusal), "%s: %s",
			      whens[_i].text, out.data ? out.data : "accepted");
	} else {
		ck_assert_msg(err == 0, "%s: %s", whens[_i].text, out.data);
		buf_reset(&out);
		when_describe(&w, 1000, &out);
		ck_assert_str_eq(out.data, whens[_i].says);
		ck_assert(w.given);
	}
	when_done(&w);
	yaml_tree_free(n);
	buf_done(&out);
	diag_free(diag);
}
END_TEST

START_TEST(test_real_time)
{
	struct diag *diag = diag_new();
	struct yaml_node *n = yaml_load("f", "{at: 3s, for: 15s}", 18, diag);
	struct buf out = {0};
	struct when w;

	ck_assert_int_eq(when_parse(n, &w, diag), 0);
	when_describe(&w, 60000, &out);
	ck_assert_str_eq(out.data, "at 3 s shop, for 15 s shop (250 ms real)");
	when_done(&w);
	yaml_tree_free(n);
	buf_done(&out);
	diag_free(diag);
}
END_TEST

START_TEST(test_none)
{
	struct buf out = {0};
	struct when w;

	when_init(&w);
	when_describe(&w, 1000, &out);
	ck_assert_str_eq(out.data, "from the first arrival to the end");
	ck_assert(!w.given && w.at.ns < 0 && w.after_sales < 0 && w.probability < 0);
	buf_done(&out);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("conf/when");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, test_when, 0, ARRAY_SIZE(whens));
	tcase_add_test(t, test_real_time);
	tcase_add_test(t, test_none);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
