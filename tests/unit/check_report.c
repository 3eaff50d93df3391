/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: what people and CI servers read of a trial, and the results
 * directory it lies in. Buggy results: a report that is greener than the exit
 * code, text of the target that becomes markup, numbers that change when a
 * report is drawn again, a result that overwrites another, half a result.
 */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "explore/replay.h"
#include "explore/store.h"
#include "explore/suite.h"
#include "report/html.h"
#include "report/junit.h"
#include "report/series.h"
#include "report/summary.h"
#include "report/terminal.h"
#include "tests/unit/suite.h"

static char *dir; /* a fresh one for each test */

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	dir = xasprintf("%s/wd-report-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void drop_dir(void)
{
	store_remove(dir);
	free(dir);
}

/* ---- a trial made by hand ---- */

static void set_check(struct sum_check *c, const char *name, enum verdict v, const char *why)
{
	c->name = xstrdup(name);
	c->verdict = xstrdup(verdict_names[v]);
	c->why = why ? xstrdup(why) : NULL;
	c->figure = xstrdup("1 of 300");
	c->judged = 300;
}

static struct summary make_summary(enum verdict v)
{
	struct summary s = {.format = SUMMARY_FORMAT,
			    .seed = 7,
			    .pace_milli = 20000,
			    .exit = verdict_exit(v),
			    .wall_ns = 3210 * NS_PER_MS,
			    .own_ns = 21 * NS_PER_MS,
			    .rate = 1.25,
			    .p95_ns = 1500 * NS_PER_MS};

	s.verdict = xstrdup(verdict_names[v]);
	s.why = xstrdup("one <sale> & \"two\" lost");
	s.experiment = xstrdup("smoke/x");
	s.target = xstrdup("till");
	s.reproduce = xstrdup("worstday run experiments/smoke/x.yml --seed 7");
	s.replay = xstrdup("worstday replay results/smoke/x/1-7");
	s.dir = xstrdup("results/smoke/x/1-7");
	s.checks = xcalloc(2, sizeof(*s.checks));
	s.checks_count = 2;
	set_check(&s.checks[0], "no-lost-sale", v == VIOLATED ? VIOLATED : HOLDS, "lost");
	set_check(&s.checks[1], "no-hang", HOLDS, NULL);
	s.facts.close_ns = 10 * NS_PER_S;
	s.facts.heal_ns = -1;
	s.facts.steal = 0.125;
	return s;
}

static void add_witness(struct sum_check *c, const char *key, const char *what)
{
	c->witness = xcalloc(1, sizeof(*c->witness));
	c->witness[0] = (struct sum_witness){xstrdup(key), xstrdup(what)};
	c->witnesses = 1;
	c->violations = 1;
}

static bool has(const struct buf *b, const char *words)
{
	return b->data && strstr(b->data, words);
}

/* ---- escaping ---- */

static const struct {
	const char *in, *out;
} escapes[] = {
    {"plain", "plain"},
    {"<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;"},
    {"a\x01"
     "b",
     "a\xef\xbf\xbd"
     "b"},
    {"tab\tline\n", "tab\tline\n"},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
    {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},		      /* overlong slash */
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
    {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},	      /* ends inside a character */
    {"]]>", "]]&gt;"},
};

START_TEST(test_escape)
{
	struct buf b = {0};

	html_text(&b, escapes[_i].in);
	ck_assert_str_eq(b.data, escapes[_i].out);
	buf_done(&b);
}
END_TEST

static const struct {
	const char *in, *out;
} words[] = {
    {"plain-word_1.yml", "plain-word_1.yml"},
    {"", "''"},
    {"two words", "'two words'"},
    {"it's", "'it'\\''s'"},
    {"$(reboot)", "'$(reboot)'"},
    {"env={A: b}", "'env={A: b}'"},
};

START_TEST(test_shell)
{
	struct buf b = {0};

	words_shell(&b, words[_i].in);
	ck_assert_str_eq(b.data, words[_i].out);
	buf_done(&b);
}
END_TEST

static const struct {
	int64_t ns;
	const char *out;
} times[] = {
    {0, "0 s"},
    {1500, "1.5 us"},
    {2710 * NS_PER_US, "2.71 ms"},
    {9996 * NS_PER_US, "10 ms"},
    {999 * NS_PER_MS + 600 * NS_PER_US, "1 s"},
    {59960 * NS_PER_MS, "60 s"},
    {60 * NS_PER_S, "1 min"},
    {90 * NS_PER_S, "90 s"},
    {720 * NS_PER_S, "12 min"},
    {7500 * NS_PER_S, "2 h 05 min"},
    {350 * NS_PER_MS, "350 ms"},
    {12340 * NS_PER_MS, "12.3 s"},
    {125 * NS_PER_S, "2 min 05 s"},
    {-2 * NS_PER_S, "-2 s"},
};

START_TEST(test_times)
{
	char text[DUR_TEXT];

	ck_assert_str_eq(dur_text(text, times[_i].ns), times[_i].out);
}
END_TEST

/* ---- verdict.json ---- */

START_TEST(test_summary_round_trip)
{
	struct summary s = make_summary(VIOLATED), t = {0};
	struct buf a = {0}, b = {0};
	struct json_val root;
	struct err e = {0};

	add_witness(&s.checks[0], "S42", "told ok, \"not\" in the books");
	s.story_key = xstrdup("S42");
	s.story = xstrdup("line one\nline two\n");
	s.ledgers.missing = 1;
	snprintf(s.facts.books_why, sizeof(s.facts.books_why), "why not");
	summary_json(&s, &a);
	ck_assert_int_eq(json_parse(a.data, a.len, &root, &e), 0);
	ck_assert_int_eq(store_write(dir, "verdict.json", a.data, a.len, &e), 0);
	ck_assert_int_eq(summary_read(&t, dir, &e), 0);
	summary_json(&t, &b);
	ck_assert_str_eq(a.data, b.data);
	ck_assert_int_eq(t.own_ns, 21 * NS_PER_MS);
	ck_assert_str_eq(t.checks[0].witness[0].what, "told ok, \"not\" in the books");
	buf_done(&a);
	buf_done(&b);
	summary_done(&s);
	summary_done(&t);
}
END_TEST

static const char *const bad_verdicts[] = {
    "", "{", "[]", "{\"checks\": 5}", "{\"checks\": [1]}", "{\"seed\": \"x\", \"faults\": {}}"};

START_TEST(test_summary_bad)
{
	struct summary s = {0};
	struct err e = {0};
	int r;

	store_write(dir, "verdict.json", bad_verdicts[_i], strlen(bad_verdicts[_i]), &e);
	r = summary_read(&s, dir, &e);
	ck_assert(r == 0 || e.msg[0]);
	ck_assert(_i >= 2 || r < 0);
	summary_done(&s);
}
END_TEST

START_TEST(test_summary_missing)
{
	struct summary s = {0};
	struct err e = {0};

	ck_assert_int_eq(summary_read(&s, dir, &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "verdict.json"));
}
END_TEST

/* ---- JUnit ---- */

static const struct {
	enum verdict verdict;
	bool expected;
	const char *counts, *element;
} junits[] = {
    {HOLDS, false, "tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"0\"", NULL},
    {VIOLATED, false, "tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\"", "<failure"},
    /* all promises hold, the trial does not: it must not look green */
    {INCONCLUSIVE, false, "tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"0\"", "<error"},
    {BROKEN, false, "tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"0\"", "<error"},
    {UNSUPPORTED, false, "tests=\"3\" failures=\"0\" errors=\"0\" skipped=\"1\"", "<skipped"},
};

START_TEST(test_junit)
{
	struct summary s = make_summary(junits[_i].verdict);
	struct buf b = {0};

	junit_trial(&s, &b);
	ck_assert_msg(has(&b, junits[_i].counts), "%s", b.data);
	if (junits[_i].element)
		ck_assert(has(&b, junits[_i].element));
	else
		ck_assert(!has(&b, "<failure") && !has(&b, "<error"));
	ck_assert_int_eq(has(&b, "reproduce: worstday run experiments/smoke/x.yml --seed 7"),
			 junits[_i].verdict != HOLDS && junits[_i].verdict != UNSUPPORTED);
	buf_done(&b);
	summary_done(&s);
}
END_TEST

START_TEST(test_junit_expected)
{
	struct summary s = make_summary(VIOLATED);
	struct buf b = {0};

	free(s.verdict);
	s.verdict = xstrdup("holds");
	s.expected = true;
	s.expect_note = xstrdup("known until 2027");
	junit_trial(&s, &b);
	ck_assert(has(&b, "failures=\"0\" errors=\"0\" skipped=\"1\""));
	ck_assert(has(&b, "known until 2027"));
	buf_done(&b);
	free(s.checks[0].verdict);
	s.checks[0].verdict = xstrdup("inconclusive"); /* may be what is expected, too */
	junit_trial(&s, &b);
	ck_assert(has(&b, "failures=\"0\" errors=\"0\" skipped=\"1\""));
	buf_done(&b);
	summary_done(&s);
}
END_TEST

START_TEST(test_junit_is_xml)
{
	struct summary s = make_summary(VIOLATED);
	cleanup_free char *command = xasprintf("xmllint --noout %s/junit.xml", dir);
	struct buf b = {0};
	struct err e = {0};

	add_witness(&s.checks[0], "S<1>", "\x02 \xff ]]> & \"quoted\"");
	junit_trial(&s, &b);
	ck_assert_int_eq(store_write(dir, "junit.xml", b.data, b.len, &e), 0);
	ck_assert_int_eq(system(command), 0);
	buf_done(&b);
	summary_done(&s);
}
END_TEST

/* ---- series and page ---- */

/* A day of n sales, one every 10 ms, each 5 ms in the queue and `i` us at the till. */
static struct told *make_told(size_t n)
{
	struct told *t = xcalloc(n, sizeof(*t));
	size_t i;

	for (i = 0; i < n; i++) {
		t[i].intended_ns = (int64_t)i * 10 * NS_PER_MS;
		t[i].start_ns = t[i].intended_ns + 5 * NS_PER_MS;
		t[i].end_ns = t[i].start_ns + (int64_t)i * NS_PER_US;
		t[i].outcome = i % 10 == 9 ? TOLD_UNKNOWN : TOLD_OK;
	}
	return t;
}

START_TEST(test_series)
{
	struct event ev[] = {
	    {.kind = EV_ARMED, .fault = 0, .t_ns = 2 * NS_PER_S},
	    {.kind = EV_FIRED, .fault = 0, .t_ns = 2 * NS_PER_S, .object = "store/0/0"},
	    {.kind = EV_EXITED, .fault = -1, .t_ns = 2 * NS_PER_S, .object = "store/store"},
	    {.kind = EV_HEALED, .fault = 0, .t_ns = 3 * NS_PER_S},
	    {.kind = EV_ARMED, .fault = 1, .t_ns = 4 * NS_PER_S},
	};
	struct ledgers l = {.told = make_told(1000),
			    .told_count = 1000,
			    .event = ev,
			    .event_count = ARRAY_SIZE(ev)};
	struct summary s = make_summary(HOLDS);
	struct series *sr = series_new(&l, &s, NULL, NULL);
	int64_t ok = 0, unknown = 0, arrived = 0;
	size_t i;

	ck_assert_uint_le(sr->windows, SERIES_WINDOWS_MAX);
	for (i = 0; i < sr->windows; i++) {
		ok += sr->window[i].ok;
		unknown += sr->window[i].unknown;
		arrived += sr->window[i].arrived;
	}
	ck_assert_int_eq(ok, 900);
	ck_assert_int_eq(unknown, 100);
	ck_assert_int_eq(arrived, 1000);
	ck_assert_int_eq(sr->window[5].queue_p50, 5 * NS_PER_MS);
	ck_assert_int_le(sr->window[5].checkout_p50, sr->window[5].checkout_p95);
	ck_assert_uint_eq(sr->bands, 2);
	ck_assert_int_eq(sr->band[0].to_ns, 3 * NS_PER_S);
	ck_assert_int_eq(sr->band[1].to_ns, sr->end_ns); /* never healed: to the end */
	ck_assert_uint_eq(sr->marks, 1);
	ck_assert_uint_eq(sr->hits, 1);
	series_free(sr);
	free(l.told);
	summary_done(&s);
}
END_TEST

START_TEST(test_series_empty)
{
	struct ledgers l = {0};
	struct summary s = make_summary(BROKEN);
	struct series *sr;
	struct buf b = {0};

	s.facts.close_ns = 0;
	sr = series_new(&l, &s, NULL, NULL);
	html_page(&s, sr, &b);
	ck_assert(has(&b, "</html>"));
	ck_assert(!has(&b, "nan") && !has(&b, "inf "));
	buf_done(&b);
	series_free(sr);
	summary_done(&s);
}
END_TEST

START_TEST(test_page)
{
	struct event ev[] = {
	    {.kind = EV_ARMED, .fault = 0, .t_ns = NS_PER_S},
	    {.kind = EV_FIRED, .fault = 0, .t_ns = NS_PER_S, .did = "<script>alert(1)"},
	    {.kind = EV_READY, .fault = -1, .t_ns = NS_PER_S, .object = "a<b>/c"},
	};
	struct ledgers l = {.told = make_told(20000),
			    .told_count = 20000,
			    .event = ev,
			    .event_count = ARRAY_SIZE(ev)};
	struct summary s = make_summary(VIOLATED);
	struct series *sr = series_new(&l, &s, NULL, NULL);
	struct buf b = {0};

	s.story_key = xstrdup("S<42>");
	s.story = xcalloc(3 << 20, 1);
	memset(s.story, '<', (3 << 20) - 1);
	html_page(&s, sr, &b);
	ck_assert(!has(&b, "<script"));
	ck_assert(!has(&b, "http://") && !has(&b, "https://"));
	ck_assert(has(&b, "one &lt;sale&gt; &amp; &quot;two&quot; lost"));
	ck_assert(has(&b, "class=\"band\"") && has(&b, "class=\"ready\""));
	ck_assert_uint_lt(b.len, 2 << 20);
	buf_done(&b);
	series_free(sr);
	free(l.told);
	summary_done(&s);
}
END_TEST

/* ---- terminal ---- */

static char *terminal_text(const struct summary *s)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	terminal_trial(s, f, false);
	fclose(f);
	return text;
}

START_TEST(test_terminal)
{
	struct summary s = make_summary(VIOLATED);
	cleanup_free char *text = NULL;

	s.story_key = xstrdup("S42");
	s.story = xstrdup("first\nlast\n");
	text = terminal_text(&s);
	ck_assert(str_glob("violated*", text));
	ck_assert_ptr_nonnull(strstr(text, "The story of sale S42"));
	ck_assert_ptr_nonnull(strstr(text, "worstday run experiments/smoke/x.yml --seed 7"));
	ck_assert_ptr_null(strchr(text, '\033'));
	summary_done(&s);
}
END_TEST

START_TEST(test_suite_text)
{
	struct experiment x = {.name = (char *)(uintptr_t) "smoke/x"};
	struct plan_entry entry = {.experiment = &x};
	struct plan p = {.at = &entry, .count = 1};
	struct suite_result r[10] = {0};
	struct suite s = {.at = r, .count = 10};
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int i;

	r[3].verdict = VIOLATED;
	r[3].seed = 33;
	for (i = 5; i < 8; i++) {
		r[i].verdict = INCONCLUSIVE;
		snprintf(r[i].why, sizeof(r[i].why), "noop never fired");
	}
	ck_assert_int_eq(suite_verdict(&s), VIOLATED);
	terminal_suite(&s, &p, f, false);
	fclose(f);
	ck_assert_msg(strstr(text, "violated 1 of 7 (95 % CI 2.6 %..51.3 %)") != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "3 x inconclusive: noop never fired"));
	ck_assert_ptr_nonnull(strstr(text, "seed 33"));
	free(text);
}
END_TEST

static const struct {
	enum verdict a, b, worst;
} worse[] = {
    {HOLDS, INCONCLUSIVE, INCONCLUSIVE},
    {INCONCLUSIVE, UNSUPPORTED, UNSUPPORTED},
    {UNSUPPORTED, VIOLATED, VIOLATED},
    {VIOLATED, BROKEN, BROKEN},
    {BROKEN, HOLDS, BROKEN},
};

START_TEST(test_precedence)
{
	struct suite_result r[2] = {{.verdict = worse[_i].a}, {.verdict = worse[_i].b}};
	struct suite s = {.at = r, .count = 2};

	ck_assert_int_eq(suite_verdict(&s), worse[_i].worst);
}
END_TEST

/* ---- the results directory ---- */

static struct store begin(int64_t seed)
{
	struct store s = {0};
	struct err e = {0};

	ck_assert_msg(store_begin(&s, dir, "smoke/x", seed, 0, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(store_write(s.temp, "verdict.json", "{}", 2, &e), 0);
	return s;
}

START_TEST(test_store)
{
	cleanup_free char *latest = xasprintf("%s/smoke/x/latest/verdict.json", dir);
	struct store s = begin(7);
	cleanup_free char *temp = xstrdup(s.temp), *final = NULL;
	struct err e = {0};

	ck_assert_int_eq(access(s.final, F_OK), -1);
	ck_assert_int_eq(store_publish(&s, &e), 0);
	final = xstrdup(s.final);
	store_done(&s);
	ck_assert(str_glob("*/smoke/x/????????T??????Z-7", final));
	ck_assert_int_eq(access(final, F_OK), 0);
	ck_assert_int_eq(access(latest, F_OK), 0);
	ck_assert_int_eq(access(temp, F_OK), -1);
}
END_TEST

START_TEST(test_store_taken)
{
	struct store s = begin(7);
	struct err e = {0};
	cleanup_free char *wanted = xstrdup(s.final), *second = xasprintf("%s-2", wanted);

	ck_assert_int_eq(mkdir(wanted, 0777), 0); /* another run was quicker */
	ck_assert_int_eq(store_write(wanted, "x", "x", 1, &e), 0);
	ck_assert_int_eq(store_publish(&s, &e), -EEXIST);
	ck_assert_str_eq(s.final, second);
	ck_assert_int_eq(store_publish(&s, &e), 0);
	ck_assert_int_eq(access(second, F_OK), 0);
	store_done(&s);
}
END_TEST

START_TEST(test_store_dropped)
{
	struct store s = begin(7);
	cleanup_free char *temp = xstrdup(s.temp);

	store_done(&s);
	ck_assert_int_eq(access(temp, F_OK), -1);
}
END_TEST

START_TEST(test_store_bad)
{
	cleanup_free char *file = xasprintf("%s/file", dir);
	cleanup_free char *below = xasprintf("%s/out", file);
	struct err e = {0};

	ck_assert_int_eq(store_write(dir, "file", "x", 1, &e), 0);
	ck_assert_int_eq(store_check(below, &e), -ENOTDIR);
	ck_assert_ptr_nonnull(strstr(e.msg, "results cannot be kept"));
}
END_TEST

START_TEST(test_store_prune)
{
	cleanup_free char *logs = xasprintf("%s/logs", dir), *log = xasprintf("%s/a.log", logs);
	cleanup_free char *verdict = xasprintf("%s/verdict.json", dir);
	struct err e = {0};

	ck_assert_int_eq(store_make(logs, &e), 0);
	ck_assert_int_eq(store_write(logs, "a.log", "x", 1, &e), 0);
	ck_assert_int_eq(store_write(dir, "verdict.json", "{}", 2, &e), 0);
	store_prune(dir);
	ck_assert_int_eq(access(log, F_OK), -1);
	ck_assert_int_eq(access(verdict, F_OK), 0);
}
END_TEST

/* ---- replay ---- */

static void write_events(const char *to, int64_t hits, const char *did)
{
	struct ledger *l;
	struct err e = {0};
	int64_t hit;

	ck_assert_int_eq(store_make(to, &e), 0);
	ck_assert_msg(ledger_open(&l, to, 0, &e) == 0, "%s", e.msg);
	for (hit = 1; hit <= hits; hit++)
		ledger_event(l, (struct event){.kind = EV_FIRED,
					       .fault = 0,
					       .hit = hit,
					       .t_ns = hit,
					       .node = "store",
					       .object = "store/0/0",
					       .did = hit == 2 ? did : "SIGKILL"});
	ck_assert_int_eq(ledger_close(l, &e), 0);
}

START_TEST(test_replay_compare)
{
	cleanup_free char *then = xasprintf("%s/then", dir), *now = xasprintf("%s/now", dir);
	struct replay_diff d = {0};
	struct buf lines = {0};
	struct err e = {0};

	write_events(then, 3, "SIGKILL");
	write_events(now, 4, "SIGSTOP");
	ck_assert_msg(replay_compare(then, now, &d, &lines, &e) == 0, "%s", e.msg);
	ck_assert_uint_eq(d.same, 2);
	ck_assert_uint_eq(d.changed, 1);
	ck_assert_uint_eq(d.only_then, 0);
	ck_assert_uint_eq(d.only_now, 1);
	ck_assert(has(&lines, "hit 2: then SIGKILL, now SIGSTOP"));
	buf_done(&lines);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("report");
	TCase *pure = tcase_create("words"), *disk = tcase_create("directories");

	tcase_set_timeout(pure, 20);
	tcase_add_loop_test(pure, test_escape, 0, ARRAY_SIZE(escapes));
	tcase_add_loop_test(pure, test_shell, 0, ARRAY_SIZE(words));
	tcase_add_loop_test(pure, test_times, 0, ARRAY_SIZE(times));
	tcase_add_loop_test(pure, test_junit, 0, ARRAY_SIZE(junits));
	tcase_add_test(pure, test_junit_expected);
	tcase_add_test(pure, test_series);
	tcase_add_test(pure, test_series_empty);
	tcase_add_test(pure, test_page);
	tcase_add_test(pure, test_terminal);
	tcase_add_test(pure, test_suite_text);
	tcase_add_loop_test(pure, test_precedence, 0, ARRAY_SIZE(worse));
	tcase_set_timeout(disk, 20);
	tcase_add_checked_fixture(disk, make_dir, drop_dir);
	tcase_add_test(disk, test_summary_round_trip);
	tcase_add_loop_test(disk, test_summary_bad, 0, ARRAY_SIZE(bad_verdicts));
	tcase_add_test(disk, test_summary_missing);
	tcase_add_test(disk, test_junit_is_xml);
	tcase_add_test(disk, test_store);
	tcase_add_test(disk, test_store_taken);
	tcase_add_test(disk, test_store_dropped);
	tcase_add_test(disk, test_store_bad);
	tcase_add_test(disk, test_store_prune);
	tcase_add_test(disk, test_replay_compare);
	suite_add_tcase(s, pure);
	suite_add_tcase(s, disk);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
