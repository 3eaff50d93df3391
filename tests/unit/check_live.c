/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: the live view on real (pseudo-)terminals of several sizes. Buggy
 * results: a line that wraps, so that the next drawing lands a line too low; a
 * fault that is active and not to be seen at 80 columns; a log line of the
 * target that moves the cursor; blocks that scroll a small terminal.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "report/terminal.h"
#include "tests/unit/suite.h"
#include "trial/trial.h"

#define ACTIVE "faults active 2 (disk.full, net.drop)"

static struct live_view view;
static int master;
static char screen[65536];

static void open_terminal(unsigned short rows, unsigned short cols)
{
	struct winsize size = {.ws_row = rows, .ws_col = cols};
	int slave;

	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
	memset(&view, 0, sizeof(view));
	view.out = fdopen(slave, "w");
	view.terminal = true;
	ck_assert_ptr_nonnull(view.out);
}

static void close_terminal(void)
{
	fclose(view.out);
	close(master);
}

/* What was drawn since the last time. A pseudo-terminal takes 4 KiB without a reader. */
static const char *drawn(void)
{
	struct pollfd f = {.fd = master, .events = POLLIN};
	size_t len = 0;

	fflush(view.out);
	while (len < sizeof(screen) - 1 && poll(&f, 1, 0) == 1) {
		ssize_t n = read(master, screen + len, sizeof(screen) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	screen[len] = '\0';
	return screen;
}

static struct trial_live bad_day(void)
{
	return (struct trial_live){
		.phase = PHASE_SHOP,
		.elapsed_ns = 12 * NS_PER_S,
		.served = 43, .total = 300, .queued = 7, .at_till = 2, .left = 1, .unknown = 3,
		.p95_ns = 66 * NS_PER_S, .pace_milli = 20000,
		.active_faults = 2, .fired = 19,
		.experiment = "scenario/disk-full-in-the-rush",
		.active = "disk.full, net.drop",
		.last = "lane-1: \033[2J\033[H told unknown",
	};
}

/* Columns of the longest line, escape sequences apart. */
static size_t widest(const char *text)
{
	size_t most = 0, n = 0;

	for (; *text; text++) {
		if (*text == '\033') {
			text += strcspn(text, "ABCDHJKm");
			continue;
		}
		if (*text == '\n' || *text == '\r') {
			most = n > most ? n : most;
			n = 0;
			continue;
		}
		n += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return most;
}

static const struct shape {
	unsigned short rows, cols;
	size_t trials;
	int lines;
} shapes[] = {
	{24, 80, 1, 6}, {24, 80, 3, 18 + 1}, {24, 80, 4, 4 + 1}, {6, 80, 1, 1}, {24, 40, 1, 6},
	{50, 200, 8, 48 + 1}, {24, 2, 1, 6},
};

START_TEST(test_shapes)
{
	const struct shape *s = &shapes[_i];
	struct trial_live live[8];

	open_terminal(s->rows, s->cols);
	for (size_t i = 0; i < s->trials; i++)
		live[i] = bad_day();
	live_show(&view, live, s->trials, 0, s->trials > 1 ? 10 : 1);
	drawn();
	ck_assert_int_eq(view.lines, s->lines);
	ck_assert_uint_lt(widest(screen), s->cols);
	ck_assert_int_le(view.lines, s->rows > s->trials ? s->rows - 1 : s->lines);
	ck_assert_ptr_null(strstr(screen, "\033[2J")); /* the target's */
	if (s->cols >= 80 && s->lines > (int)s->trials + 1)
		ck_assert_ptr_nonnull(strstr(screen, ACTIVE ", fired 19"));
	close_terminal();
}
END_TEST

/* The second drawing begins where the first one did. */
START_TEST(test_drawn_over)
{
	struct trial_live live = bad_day();
	char up[16];

	open_terminal(24, 80);
	live_show(&view, &live, 1, 0, 1);
	snprintf(up, sizeof(up), "\033[%dA", view.lines);
	drawn();
	live.baseline = true; /* no line for faults */
	live_show(&view, &live, 1, 0, 1);
	ck_assert_ptr_eq(strstr(drawn(), up), screen);
	ck_assert_ptr_null(strstr(screen, "faults"));
	ck_assert_ptr_nonnull(strstr(screen, "(good day)"));
	live_clear(&view);
	ck_assert_str_eq(drawn(), "\033[5A\033[J");
	close_terminal();
}
END_TEST

/* A mark a sample, scaled by the largest; the next trial begins anew. */
START_TEST(test_curve)
{
	struct trial_live live = bad_day();

	open_terminal(24, 80);
	view.plain_text = true;
	for (int64_t i = 0; i < LIVE_SAMPLES + 3; i++) {
		live.queued = i;
		view.past[0].next_ns = 0; /* a second later */
		live_show(&view, &live, 1, 0, 1);
	}
	drawn();
	for (const char *c = screen; *c; c++)
		ck_assert_int_lt((unsigned char)*c, 0x80);
	ck_assert_uint_eq(view.past[0].count, LIVE_SAMPLES);
	ck_assert_ptr_nonnull(strstr(screen, "in queue 34    _"));
	ck_assert_ptr_nonnull(strstr(screen, "+#\033[K"));
	live.baseline = true;
	live_show(&view, &live, 1, 0, 1);
	ck_assert_uint_eq(view.past[0].count, 1);
	close_terminal();
}
END_TEST

/* Elsewhere than on a terminal nothing is drawn over, and not often. */
START_TEST(test_plain)
{
	struct trial_live live = bad_day();
	char *text = NULL;
	size_t size = 0;

	memset(&view, 0, sizeof(view));
	view.out = open_memstream(&text, &size);
	live_show(&view, &live, 1, 0, 1);
	ck_assert_uint_eq(size, 0);
	view.next_ns = 1;
	live_show(&view, &live, 1, 0, 1);
	ck_assert_ptr_null(strchr(text, '\033'));
	ck_assert_ptr_nonnull(strstr(text, "served 43 of 300, in queue 7, unknown 3"));
	ck_assert_ptr_nonnull(strstr(text, ACTIVE));
	fclose(view.out);
	free(text);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("live");
	TCase *t = tcase_create("live");

	tcase_add_loop_test(t, test_shapes, 0, sizeof(shapes) / sizeof(*shapes));
	tcase_add_test(t, test_drawn_over);
	tcase_add_test(t, test_curve);
	tcase_add_test(t, test_plain);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return suite_main(make_suite());
}
