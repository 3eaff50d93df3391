/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live view. On a terminal: a block of one line a worker that is drawn
 * over itself five times a second. Elsewhere: a plain line every few seconds,
 * so that a CI log shows that something is alive, and no more.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "report/summary.h"
#include "report/terminal.h"
#include "trial/trial.h"

#define PLAIN_EVERY_NS (5 * NS_PER_S)
#define COLUMNS_DEFAULT 110
/* More trials than anybody waits for: --until-fail without --seeds. */
#define ENDLESS (INT64_MAX / 4)

static bool is_idle(const struct trial_live *l)
{
	return l->phase == PHASE_DONE;
}

static void put_time(struct buf *b, int64_t ns)
{
	char text[DUR_TEXT];

	buf_adds(b, dur_text(text, ns));
}

static void describe(struct buf *b, const struct trial_live *l)
{
	struct trial_live now;

	memcpy(&now, (const void *)l, sizeof(now)); /* words may be torn; it is only a view */
	now.experiment[sizeof(now.experiment) - 1] = '\0';
	now.last[sizeof(now.last) - 1] = '\0';
	buf_printf(b, "%s%s: %s ", now.experiment, now.baseline ? " (good day)" : "",
		   phase_names[now.phase]);
	put_time(b, now.elapsed_ns);
	if (now.phase < PHASE_SHOP)
		return;
	buf_printf(b, ", served %lld of %lld, in queue %lld", (long long)now.served,
		   (long long)now.total, (long long)now.queued);
	if (now.unknown)
		buf_printf(b, ", unknown %lld", (long long)now.unknown);
	if (now.left)
		buf_printf(b, ", walked out %lld", (long long)now.left);
	buf_adds(b, ", p95 ");
	put_time(b, now.p95_ns);
	if (now.pace_milli != 1000)
		buf_adds(b, " shop");
	if (!now.baseline)
		buf_printf(b, ", faults active %lld, fired %lld", (long long)now.active_faults,
			   (long long)now.fired);
}

/* A line that wraps would be drawn over wrongly: one column less than the terminal has. */
static size_t columns(const struct live_view *v)
{
	struct winsize size;

	if (!v->terminal || ioctl(fileno(v->out), TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
		return COLUMNS_DEFAULT;
	return size.ws_col - 1u;
}

/* Printable characters only, cut to a line: what the target logs must not move the cursor. */
static void put_line(struct live_view *v, const struct buf *b)
{
	size_t i, n = 0, most = columns(v);

	for (i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->data[i];

		n += (c & 0xc0) != 0x80; /* the later bytes of a character take no column */
		if (n > most)
			break;
		fputc(c < 0x20 || c == 0x7f ? '?' : c, v->out);
	}
	fputs(v->terminal ? "\033[K\n" : "\n", v->out);
	v->lines++;
}

static void suite_line(struct live_view *v, int64_t done, int64_t total)
{
	struct buf b = {0};

	if (total <= 1)
		return;
	put_time(&b, clock_now() - v->started_ns);
	if (total >= ENDLESS)
		buf_printf(&b, ": %lld trials done", (long long)done);
	else
		buf_printf(&b, ": %lld of %lld trials done", (long long)done, (long long)total);
	put_line(v, &b);
	buf_done(&b);
}

void live_clear(struct live_view *v)
{
	if (v->terminal && v->lines)
		fprintf(v->out, "\033[%dA\033[J", v->lines);
	v->lines = 0;
	fflush(v->out);
}

void live_show(struct live_view *v, const struct trial_live *live, size_t n, int64_t done,
	       int64_t total)
{
	int64_t now = clock_now();
	size_t i;

	if (!v->started_ns) {
		v->started_ns = now;
		v->next_ns = now + PLAIN_EVERY_NS;
	}
	if (!v->terminal && now < v->next_ns)
		return;
	v->next_ns = now + PLAIN_EVERY_NS;
	if (v->terminal && v->lines)
		fprintf(v->out, "\033[%dA", v->lines);
	v->lines = 0;
	suite_line(v, done, total);
	for (i = 0; i < n; i++) {
		struct buf b = {0};

		if (is_idle(&live[i]))
			continue;
		describe(&b, &live[i]);
		put_line(v, &b);
		buf_done(&b);
	}
	if (v->terminal)
		fputs("\033[J", v->out);
	fflush(v->out);
}
