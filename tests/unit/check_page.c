/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: report.html and what it is drawn from. Buggy results: a page that changes when it is
 * drawn again, one that needs the ledgers of a million sales, a crash on a damaged or another
 * version's file, a story without its packet, text of the target that becomes markup, a page that
 * grows with the number of sales.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "explore/store.h"
#include "report/html.h"
#include "report/report.h"
#include "report/series.h"
#include "report/summary.h"
#include "tests/unit/suite.h"
#include "wire/pcapng.h"

#define EVIL "<script>alert('1')</script>\"&<img src=x onerror=alert(1)>"

static char *dir;

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	dir = xasprintf("%s/wd-page-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void drop_dir(void)
{
	store_remove(dir);
	free(dir);
}

static bool has(const struct buf *b, const char *words)
{
	return b->data && strstr(b->data, words);
}

/* ---- a day made by hand, with every string hostile ---- */

struct day {
	struct told told[3000];
	struct left left[20];
	struct event event[3000];
	struct ledgers l;
	struct summary s;
	struct reconciliation rec;
};

static void add_event(struct day *d, struct event ev)
{
	d->event[d->l.event_count++] = ev;
}

static void fill_told(struct day *d, size_t n)
{
	static const char *const lanes[] = {"lane-1", "lane-2", "lane-" EVIL};

	for (size_t i = 0; i < n; i++)
		d->told[i] = (struct told){.key = "k",
					   .lane = lanes[i % 3],
					   .intended_ns = (int64_t)i * 10 * NS_PER_MS,
					   .start_ns = (int64_t)(i + 3) * 10 * NS_PER_MS,
					   .end_ns = (int64_t)(i + 7) * 10 * NS_PER_MS,
					   .outcome = i % 50 ? TOLD_OK : TOLD_UNKNOWN};
	d->l.told = d->told;
	d->l.told_count = n;
	for (size_t i = 0; i < 20; i++)
		d->left[i] = (struct left){.intended_ns = (int64_t)i * NS_PER_S,
					   .left_ns = (int64_t)(i + 5) * NS_PER_S,
					   .lane = "lane-1",
					   .train_missed = i % 2};
	d->l.left = d->left;
	d->l.left_count = 20;
}

static void fill_events(struct day *d)
{
	d->l.event = d->event;
	add_event(d, (struct event){.kind = EV_ARMED, .t_ns = 5 * NS_PER_S});
	for (size_t i = 0; i < 2500; i++)
		add_event(d, (struct event){.kind = EV_FIRED,
					    .hit = (int64_t)i + 1,
					    .t_ns = 5 * NS_PER_S + (int64_t)i * NS_PER_MS,
					    .object = EVIL,
					    .did = EVIL});
	add_event(d, (struct event){.kind = EV_HEALED, .t_ns = 8 * NS_PER_S});
	add_event(d, (struct event){.kind = EV_EXITED,
				    .fault = -1,
				    .t_ns = 6 * NS_PER_S,
				    .object = "store/" EVIL,
				    .did = EVIL});
	add_event(d, (struct event){.kind = EV_LANE,
				    .fault = -1,
				    .t_ns = 6 * NS_PER_S,
				    .object = "lane-1",
				    .did = EVIL});
}

static void fill_story(struct summary *s)
{
	struct story *st;

	s->stories = xcalloc(STORIES_MAX, sizeof(*s->stories));
	s->stories_count = 1;
	s->stories[0].check = xstrdup("no-lost-sale");
	s->stories[0].text = xstrdup(EVIL "\n");
	st = &s->stories[0].s;
	st->key = xstrdup("S" EVIL);
	st->lane = xstrdup("lane-1");
	st->torn = xstrdup("1 x " EVIL "\nTOTAL");
	st->from_ns = NS_PER_S;
	st->to_ns = 2 * NS_PER_S;
	st->count = 3;
	st->at = xcalloc(3, sizeof(*st->at));
	st->at[0] = (struct story_line){
		.t_ns = NS_PER_S, .to = ACTOR_TILL, .fault = -1, .text = xstrdup(EVIL)};
	st->at[1] = (struct story_line){.t_ns = NS_PER_S + 1,
					.from = ACTOR_WORLD,
					.to = ACTOR_WORLD,
					.hit = 7,
					.packet = 12,
					.event = true,
					.decisive = true,
					.text = xstrdup("fired")};
	st->at[2] = (struct story_line){.t_ns = STORY_AFTER,
					.from = ACTOR_BOOKS,
					.to = ACTOR_BOOKS,
					.fault = -1,
					.text = xstrdup("none")};
	s->story_key = xstrdup(st->key);
	s->story = xstrdup(s->stories[0].text);
}

static void fill_summary(struct summary *s)
{
	*s = (struct summary){.format = SUMMARY_FORMAT, .exit = 1, .pace_milli = 60000};
	s->verdict = xstrdup("violated");
	s->why = xstrdup(EVIL);
	s->experiment = xstrdup("smoke/" EVIL);
	s->title = xstrdup(EVIL);
	s->target = xstrdup(EVIL);
	s->currency = xstrdup("EUR");
	s->reproduce = xstrdup("worstday run x.yml --seed 1");
	s->replay = xstrdup("worstday replay x");
	s->dir = xstrdup(dir);
	s->checks = xcalloc(1, sizeof(*s->checks));
	s->checks_count = 1;
	s->checks[0] = (struct sum_check){.name = xstrdup("no-lost-sale"),
					  .promise = xstrdup(EVIL),
					  .verdict = xstrdup("violated"),
					  .figure = xstrdup(EVIL),
					  .margin = xstrdup("3 % over"),
					  .judged = 7,
					  .violations = 1,
					  .witness = xcalloc(1, sizeof(struct sum_witness)),
					  .witnesses = 1};
	s->checks[0].witness[0] = (struct sum_witness){xstrdup(EVIL), xstrdup(EVIL)};
	s->faults = xcalloc(1, sizeof(*s->faults));
	s->faults_count = 1;
	s->faults[0] =
		(struct sum_fault){xstrdup("net.drop"), xstrdup(EVIL), xstrdup(EVIL), 1, 2, 3};
	s->facts.close_ns = 30 * NS_PER_S;
	fill_story(s);
}

static struct day *make_day(size_t sales)
{
	struct day *d = xcalloc(1, sizeof(*d));

	fill_told(d, sales);
	fill_events(d);
	fill_summary(&d->s);
	d->rec.count = 1;
	d->rec.at[0] = (struct reconciled){.what = 1 << MISMATCH_LOST,
					   .t_ns = NS_PER_S,
					   .told_total = 5,
					   .booked_total = INT64_MIN};
	snprintf(d->rec.at[0].key, sizeof(d->rec.at[0].key), "S%s", EVIL);
	snprintf(d->rec.at[0].resolved, sizeof(d->rec.at[0].resolved), "%s", EVIL);
	return d;
}

static void day_free(struct day *d)
{
	summary_done(&d->s);
	free(d);
}

static void save(const char *name, struct buf *b)
{
	struct err e = {0};

	ck_assert_msg(store_write(dir, name, b->data, b->len, &e) == 0, "%s", e.msg);
	buf_done(b);
}

static void save_verdict(const struct summary *s)
{
	struct buf b = {0};

	summary_json(s, &b);
	save("verdict.json", &b);
}

/* ---- the same again ---- */

START_TEST(drawn_again_it_is_the_same)
{
	struct day *d = make_day(2900);
	struct series *sr = series_new(&d->l, &d->s, NULL, &d->rec), *again;
	struct summary read = {0};
	struct buf a = {0}, b = {0}, page = {0}, page_again = {0};
	struct err e = {0};

	sr->has_good = true;
	sr->good.width_ns = sr->width_ns;
	sr->good.windows = 2;
	series_json(sr, &d->s, &a);
	html_page(&d->s, sr, &page);
	ck_assert_int_eq(store_write(dir, "aggregates.json", a.data, a.len, &e), 0);
	save_verdict(&d->s);
	ck_assert_msg(series_read(&again, dir, &e) == 0, "%s", e.msg);
	ck_assert_msg(summary_read(&read, dir, &e) == 0, "%s", e.msg);
	series_json(again, &d->s, &b);
	ck_assert_str_eq(a.data, b.data);
	html_page(&read, again, &page_again);
	ck_assert_str_eq(page.data, page_again.data);
	ck_assert_int_eq(read.stories[0].s.at[1].packet, 12);
	ck_assert(read.stories[0].s.at[2].t_ns == STORY_AFTER);
	summary_done(&read);
	series_free(sr);
	series_free(again);
	buf_done(&a);
	buf_done(&b);
	buf_done(&page);
	buf_done(&page_again);
	day_free(d);
}
END_TEST

START_TEST(nothing_of_it_is_markup)
{
	struct day *d = make_day(2900);
	struct series *sr = series_new(&d->l, &d->s, NULL, &d->rec);
	struct buf page = {0};

	html_page(&d->s, sr, &page);
	ck_assert(!has(&page, "<script") && !has(&page, "<img"));
	ck_assert(!has(&page, "http://") && !has(&page, "https://"));
	ck_assert(has(&page, "&lt;script&gt;alert("));
	ck_assert(has(&page, "Content-Security-Policy") && has(&page, "default-src 'none'"));
	buf_done(&page);
	series_free(sr);
	day_free(d);
}
END_TEST

/* ---- what is counted ---- */

START_TEST(people_and_parts_of_the_day)
{
	struct day *d = make_day(2900);
	struct series *sr = series_new(&d->l, &d->s, NULL, NULL);
	int64_t hits = 0, sales = 0;

	for (size_t i = 0; i < sr->hits; i++)
		hits += sr->hit[i].count;
	ck_assert_int_eq(hits, 2500);
	ck_assert_uint_le(sr->hits, 30); /* three seconds of windows: binned */
	for (size_t i = 0; i < SERIES_PHASES; i++)
		sales += sr->phase[i].sales;
	ck_assert_int_eq(sales, 2900);
	/* up to 5 s healthy; what touches 5 to 8 s is faulty */
	ck_assert_int_eq(sr->phase[PHASE_HEALTHY].sales, 493);
	ck_assert_int_eq(sr->phase[PHASE_FAULTY].sales, 308);
	/* somebody every 10 ms, 30 ms in the queue, 40 ms at a till; and those who left */
	ck_assert_int_eq(sr->window[30].till_milli, 4000);
	ck_assert_int_ge(sr->window[30].queue_milli, 3000);
	ck_assert_uint_eq(sr->lanes, 3);
	ck_assert_int_eq(sr->corrected.p50 / NS_PER_MS, 70);
	ck_assert_int_eq(sr->uncorrected.p50 / NS_PER_MS, 40);
	ck_assert_uint_eq(sr->marks, 2);
	series_free(sr);
	day_free(d);
}
END_TEST

START_TEST(bins_of_latency)
{
	ck_assert_int_eq(latency_bin_ns(0), 100 * NS_PER_US);
	ck_assert_int_eq(latency_bin_ns(10), NS_PER_MS);
	ck_assert_int_eq(latency_bin_ns(40), NS_PER_S);
	for (size_t i = 1; i < SERIES_BINS; i++)
		ck_assert_int_gt(latency_bin_ns(i), latency_bin_ns(i - 1));
}
END_TEST

/* Samples of a node: counters that grow, a torn last line. */
START_TEST(nodes_by_window)
{
	struct series *sr = xcalloc(1, sizeof(*sr));
	struct buf b = {0};

	sr->width_ns = NS_PER_S;
	sr->windows = 4;
	for (int i = 0; i < 8; i++)
		buf_printf(&b,
			   "{\"name\":\"store\",\"t_ns\":%lld,\"cpu_ns\":%lld,\"memory\":%d,"
			   "\"files\":%d,\"again\":%d,\"disk_ops\":%d,\"disk_ns\":%d}\n",
			   i * 500000000LL, i * 250000000LL, 1000 + i, 10, i, 2 * i, 6000 * i);
	buf_adds(&b, "{\"name\":\"store\",\"t_ns\":39");
	save("nodes.ndjson", &b);
	series_nodes(sr, dir, 0);
	ck_assert_uint_eq(sr->nodes, 1);
	ck_assert_int_eq(sr->node[0].cpu_milli[1], 500);
	ck_assert_int_eq(sr->node[0].memory[3], 1007);
	ck_assert_int_eq(sr->node[0].again[1], 2);
	ck_assert_int_eq(sr->node[0].disk_ns[1], 3000);
	series_free(sr);
}
END_TEST

/* ---- files that are damaged, or not ours ---- */

static const char *const bad_numbers[] = {
	"",
	"{",
	"[]",
	"{}",
	"{\"format\": 1}",
	"{\"format\": \"2\"}",
	"{\"format\": 2}",
	"{\"format\": 2, \"width_ns\": 0, \"windows\": [{}]}",
	"{\"format\": 2, \"width_ns\": 1, \"windows\": [{}], \"hits\": [{\"window\": 999}]}",
	"{\"format\": 2, \"width_ns\": 1, \"windows\": [{}], \"marks\": [{\"kind\": -3}]}",
	"{\"format\": 2, \"width_ns\": 1, \"windows\": [{}], \"good_day\": {\"width_ns\": -1}}",
	"{\"format\": 2, \"width_ns\": 1, \"windows\": [5], \"lanes\": [{\"ok\": [\"x\", {}]}], "
	"\"nodes\": 7, \"hits\": [{\"window\": -1}]}",
};

START_TEST(numbers_that_cannot_be_used)
{
	struct series *sr;
	struct err e = {0};

	ck_assert_int_eq(
		store_write(dir, "aggregates.json", bad_numbers[_i], strlen(bad_numbers[_i]), &e),
		0);
	ck_assert_int_eq(series_read(&sr, dir, &e), -EPROTO);
	ck_assert_ptr_null(sr);
	ck_assert_ptr_nonnull(strstr(e.msg, "aggregates.json"));
}
END_TEST

/* A real one, cut anywhere, or with one byte changed: refused or drawn, never a crash. */
START_TEST(numbers_cut_anywhere)
{
	struct day *d = make_day(40);
	struct series *sr = series_new(&d->l, &d->s, NULL, &d->rec);
	struct buf whole = {0};
	struct err e = {0};

	series_json(sr, &d->s, &whole);
	series_free(sr);
	for (size_t n = 0; n < whole.len; n += 61) {
		cleanup_free char *copy = xmalloc(whole.len);
		struct buf page = {0};

		memcpy(copy, whole.data, whole.len);
		copy[n] = (char)(copy[n] == '9' ? '-' : '9');
		ck_assert_int_eq(store_write(dir, "aggregates.json", whole.data, n, &e), 0);
		ck_assert_int_eq(series_read(&sr, dir, &e), -EPROTO);
		ck_assert_int_eq(store_write(dir, "aggregates.json", copy, whole.len, &e), 0);
		if (series_read(&sr, dir, &e) == 0) {
			html_page(&d->s, sr, &page);
			ck_assert(has(&page, "</html>"));
			series_free(sr);
		}
		buf_done(&page);
	}
	buf_done(&whole);
	day_free(d);
}
END_TEST

static void write_ledgers(const char *told)
{
	static const char *const names[] = {"books.ndjson", "bank.ndjson", "paper.ndjson",
					    "drawer.ndjson"};
	struct buf b = {0};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_int_eq(store_write(dir, names[i], "", 0, NULL), 0);
	buf_adds(&b, "{\"event\":{\"seq\":1,\"t_ns\":1,\"kind\":\"phase\",\"object\":\"open\"}}\n");
	save("events.ndjson", &b);
	ck_assert_int_eq(store_write(dir, "told.ndjson", told, strlen(told), NULL), 0);
}

static const char one_sale[] =
	"{\"told\":{\"key\":\"S1\",\"lane\":\"lane-1\",\"intended_ns\":5,\"start_ns\":6,"
	"\"end_ns\":9,\"outcome\":\"ok\",\"shopper\":1}}\n";

/* Another version's numbers: the page comes from the ledgers, and says whose results they are. */
START_TEST(another_version_is_drawn_from_the_ledgers)
{
	struct day *d = make_day(3);
	size_t len;
	struct err e = {0};
	cleanup_free char *page = NULL;

	d->s.format = 1;
	save_verdict(&d->s);
	ck_assert_int_eq(store_write(dir, "aggregates.json", "{\"format\": 1}", 13, &e), 0);
	write_ledgers(one_sale);
	ck_assert_msg(report_from_dir(dir, NULL, false, &e) == 0, "%s", e.msg);
	page = store_read(dir, "report.html", &len, &e);
	ck_assert_ptr_nonnull(page);
	ck_assert_ptr_nonnull(strstr(page, "written by another version"));
	ck_assert_ptr_nonnull(strstr(page, "In all 1 told ok"));
	day_free(d);
}
END_TEST

/* Our own numbers: ledgers that were cut or lost meanwhile do not matter. */
START_TEST(numbers_need_no_ledgers)
{
	struct day *d = make_day(100);
	struct series *sr = series_new(&d->l, &d->s, NULL, &d->rec);
	struct buf b = {0};
	struct err e = {0};

	save_verdict(&d->s);
	series_json(sr, &d->s, &b);
	save("aggregates.json", &b);
	write_ledgers("{\"told\":{\"key\":\"S");
	ck_assert_msg(report_from_dir(dir, NULL, false, &e) == 0, "%s", e.msg);
	series_free(sr);
	day_free(d);
}
END_TEST

START_TEST(ledgers_that_are_cut_are_named)
{
	struct day *d = make_day(3);
	struct err e = {0};
	cleanup_free char *page = xasprintf("%s/report.html", dir);

	save_verdict(&d->s);
	write_ledgers("{\"told\":{\"key\":\"S");
	ck_assert_int_lt(report_from_dir(dir, NULL, false, &e), 0);
	ck_assert_msg(strstr(e.msg, "told.ndjson:1") != NULL, "%s", e.msg);
	ck_assert_int_eq(access(page, F_OK), -1);
	day_free(d);
}
END_TEST

/* ---- packets ---- */

static size_t add_packet(struct buf *b, const char *comment)
{
	static uint8_t block[PCAPNG_BLOCK_MAX];
	struct pcapng_packet p = {
		.len = 9, .snap = 9, .data = (const uint8_t *)"123456789", .comment = comment};
	size_t n = pcapng_packet(block, &p);

	buf_add(b, block, n);
	return n;
}

static void make_capture(struct buf *b)
{
	static uint8_t block[PCAPNG_BLOCK_MAX];

	buf_add(b, block, pcapng_section(block, "a section"));
	buf_add(b, block, pcapng_interface(block, "store", 0, 65535));
	add_packet(b, "");
	add_packet(b, "net.drop #1 hit 7: dropped");
	add_packet(b, "net.delay #0 hit 7: held; net.drop #0 hit 9: dropped");
}

START_TEST(packet_of_a_line)
{
	struct story_line at[] = {{.fault = 0, .hit = 7},
				  {.fault = 1, .hit = 7},
				  {.fault = 0, .hit = 9},
				  {.fault = 0, .hit = 1},
				  {.fault = -1}};
	struct story s = {.at = at, .count = ARRAY_SIZE(at)};
	struct buf b = {0};

	make_capture(&b);
	save("wire.pcapng", &b);
	packets_find(dir, &s);
	ck_assert_int_eq(at[0].packet, 3);
	ck_assert_int_eq(at[1].packet, 2);
	ck_assert_int_eq(at[2].packet, 3);
	ck_assert_int_eq(at[3].packet, 0);
	ck_assert_int_eq(at[4].packet, 0);
}
END_TEST

START_TEST(capture_cut_anywhere)
{
	struct buf b = {0};

	make_capture(&b);
	for (size_t n = 0; n < b.len; n++) {
		struct story_line at = {.fault = 0, .hit = 9};
		struct story s = {.at = &at, .count = 1};
		char saved = b.data[n];

		ck_assert_int_eq(store_write(dir, "wire.pcapng", b.data, n, NULL), 0);
		packets_find(dir, &s);
		ck_assert_int_eq(at.packet, 0);
		b.data[n] = (char)(saved ^ 0xff);
		ck_assert_int_eq(store_write(dir, "wire.pcapng", b.data, b.len, NULL), 0);
		packets_find(dir, &s);
		b.data[n] = saved;
	}
	buf_done(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("page");
	TCase *tc = tcase_create("page");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, make_dir, drop_dir);
	tcase_add_test(tc, drawn_again_it_is_the_same);
	tcase_add_test(tc, nothing_of_it_is_markup);
	tcase_add_test(tc, people_and_parts_of_the_day);
	tcase_add_test(tc, bins_of_latency);
	tcase_add_test(tc, nodes_by_window);
	tcase_add_loop_test(tc, numbers_that_cannot_be_used, 0, ARRAY_SIZE(bad_numbers));
	tcase_add_test(tc, numbers_cut_anywhere);
	tcase_add_test(tc, another_version_is_drawn_from_the_ledgers);
	tcase_add_test(tc, numbers_need_no_ledgers);
	tcase_add_test(tc, ledgers_that_are_cut_are_named);
	tcase_add_test(tc, packet_of_a_line);
	tcase_add_test(tc, capture_cut_anywhere);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
