/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JUnit XML as CI servers read it: a testsuite is one experiment with one
 * seed, a testcase one promise. violated is a failure, inconclusive and broken
 * are errors, unsupported is skipped. When the trial's verdict says more than
 * its promises do (a fault never fired, the harness broke), a testcase named
 * "verdict" carries it, so that no file looks greener than the exit code. So does
 * a promise that was broken on the good day: no fault is to blame.
 *
 * Who reads it: Jenkins' xunit plugin refuses elements and attributes that its
 * schema does not know (there is no "skipped" of all suites); GitLab keeps only the
 * first of several testcases with the same class and name, so the class has the
 * seed, and a promise that is asked for twice a number.
 */
#include "report/junit.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "explore/suite.h"
#include "report/html.h"
#include "report/summary.h"

struct counts {
	int tests, failures, errors, skipped;
};

static bool is(const char *verdict, enum verdict v)
{
	return str_eq(verdict, verdict_names[v]);
}

static void attribute(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, " %s=\"", name);
	html_text(b, value);
	buf_addc(b, '"');
}

/* How many checks of this name come before c. */
static size_t namesakes(const struct summary *s, const struct sum_check *c)
{
	size_t n = 0, i;

	for (i = 0; c && &s->checks[i] < c; i++)
		n += str_eq(s->checks[i].name, c->name);
	return n;
}

static void open_case(struct buf *b, const struct summary *s, const struct sum_check *c)
{
	cleanup_free char *class = xasprintf("%s seed %lld", s->experiment, (long long)s->seed);
	size_t before = namesakes(s, c);
	cleanup_free char *again = before ? xasprintf("%s (%zu)", c->name, before + 1) : NULL;

	buf_adds(b, "    <testcase");
	attribute(b, "classname", class);
	attribute(b, "name", again ? again : c ? c->name : "verdict");
	buf_adds(b, ">\n");
}

static void story(struct buf *b, const struct summary *s, const struct sum_check *c)
{
	size_t i;

	for (i = 0; c && i < s->stories_count; i++) {
		if (!str_eq(s->stories[i].check, c->name))
			continue;
		buf_adds(b, "the story of sale ");
		html_text(b, s->stories[i].s.key);
		buf_adds(b, ":\n");
		html_text(b, s->stories[i].text);
		return;
	}
}

static void witnesses(struct buf *b, const struct sum_check *c)
{
	size_t i;

	for (i = 0; c && i < c->witnesses; i++) {
		html_text(b, c->witness[i].key ? c->witness[i].key : "-");
		buf_adds(b, ": ");
		html_text(b, c->witness[i].what);
		buf_addc(b, '\n');
	}
}

static void bad(struct buf *b, const char *element, const char *type, const char *why,
		const struct sum_check *c, const struct summary *s)
{
	buf_printf(b, "      <%s", element);
	attribute(b, "type", type);
	attribute(b, "message", why);
	buf_addc(b, '>');
	witnesses(b, c);
	story(b, s, c);
	buf_adds(b, "reproduce: ");
	html_text(b, s->reproduce);
	buf_adds(b, "\nresults: ");
	html_text(b, s->dir);
	buf_printf(b, "\n</%s>\n", element);
}

static void skip(struct buf *b, const char *why)
{
	buf_adds(b, "      <skipped");
	attribute(b, "message", why);
	buf_adds(b, "/>\n");
}

/* One promise, or the verdict itself with c NULL. */
static void one_case(struct buf *b, const struct summary *s, const struct sum_check *c,
		     struct counts *n)
{
	const char *verdict = c ? c->verdict : s->verdict, *why = c ? c->why : s->why;

	open_case(b, s, c);
	n->tests++;
	if (!is(verdict, HOLDS) && c && s->expected) {
		n->skipped++;
		skip(b, s->expect_note);
	} else if (is(verdict, VIOLATED)) {
		n->failures++;
		bad(b, "failure", verdict, why, c, s);
	} else if (is(verdict, UNSUPPORTED)) {
		n->skipped++;
		skip(b, why);
	} else if (!is(verdict, HOLDS)) {
		n->errors++;
		bad(b, "error", verdict, why, c, s);
	}
	buf_adds(b, "    </testcase>\n");
}

static bool checks_say_it(const struct summary *s)
{
	size_t i;

	if (is(s->verdict, HOLDS))
		return s->checks_count > 0;
	if (str_eq(s->blame, "baseline"))
		return false;
	for (i = 0; i < s->checks_count; i++) {
		if (str_eq(s->checks[i].verdict, s->verdict))
			return true;
	}
	return false;
}

static void testsuite(struct buf *b, const struct summary *s, struct counts *total)
{
	cleanup_free char *name = xasprintf("%s seed %lld", s->experiment, (long long)s->seed);
	struct counts n = {0};
	struct buf cases = {0};
	size_t i;

	for (i = 0; i < s->checks_count; i++)
		one_case(&cases, s, &s->checks[i], &n);
	if (!checks_say_it(s))
		one_case(&cases, s, NULL, &n);
	buf_adds(b, "  <testsuite");
	attribute(b, "name", name);
	buf_printf(b, " tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\" time=\"%.3f\">\n",
		   n.tests, n.failures, n.errors, n.skipped, (double)s->wall_ns / 1e9);
	buf_adds(b, cases.data ? cases.data : "");
	buf_adds(b, "  </testsuite>\n");
	buf_done(&cases);
	total->tests += n.tests;
	total->failures += n.failures;
	total->errors += n.errors;
	total->skipped += n.skipped;
}

static void document(struct buf *out, const struct counts *n, const struct buf *suites)
{
	buf_printf(out,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"worstday\" "
		   "tests=\"%d\" failures=\"%d\" errors=\"%d\">\n",
		   n->tests, n->failures, n->errors);
	buf_adds(out, suites->data ? suites->data : "");
	buf_adds(out, "</testsuites>\n");
}

void junit_trial(const struct summary *s, struct buf *out)
{
	struct counts n = {0};
	struct buf suites = {0};

	testsuite(&suites, s, &n);
	document(out, &n, &suites);
	buf_done(&suites);
}

/* A trial without a results directory: what the suite itself knows. */
static void bare(struct summary *s, const struct suite_result *r, const struct plan *p)
{
	const struct experiment *x = p->at[r->experiment].experiment;

	s->experiment = xstrdup(x->name);
	s->verdict = xstrdup(verdict_names[r->verdict]);
	s->why = xstrdup(r->why);
	s->seed = r->seed;
	s->wall_ns = r->wall_ns;
	s->dir = xstrdup("none");
	s->reproduce = xasprintf("worstday run %s --seed %lld", x->path, (long long)r->seed);
}

void junit_suite(const struct suite *s, const struct plan *p, struct buf *out)
{
	struct counts n = {0};
	struct buf suites = {0};
	size_t i;

	for (i = 0; i < s->count; i++) {
		struct summary sum = {0};

		if (!s->at[i].dir[0] || summary_read(&sum, s->at[i].dir, NULL) < 0)
			bare(&sum, &s->at[i], p);
		testsuite(&suites, &sum, &n);
		summary_done(&sum);
	}
	document(out, &n, &suites);
	buf_done(&suites);
}
