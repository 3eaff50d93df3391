/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live view. On a terminal: a block of six lines a worker (one line each
 * when they would not fit) that is drawn over itself five times a second.
 * Elsewhere: a plain line every few seconds, so that a CI log shows that
 * something is alive, and no more.
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
#define SAMPLE_EVERY_NS NS_PER_S
#define COLUMNS_DEFAULT 80
#define COLUMNS_PLAIN 400
#define ROWS_DEFAULT 24
#define BLOCK_LINES 6u
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

/* Words may be torn while the worker writes them; it is only a view. */
static struct trial_live read_live(const struct trial_live *l)
{
	struct trial_live now;

	memcpy(&now, (const void *)l, sizeof(now));
	now.experiment[sizeof(now.experiment) - 1] = '\0';
	now.active[sizeof(now.active) - 1] = '\0';
	now.last[sizeof(now.last) - 1] = '\0';
	now.reach[sizeof(now.reach) - 1] = '\0';
	return now;
}

static void put_title(struct buf *b, const struct trial_live *now)
{
	buf_printf(b, "%s%s: %s ", now->experiment, now->baseline ? " (good day)" : "",
		   phase_names[now->phase]);
	put_time(b, now->elapsed_ns);
}

static void put_faults(struct buf *b, const struct trial_live *now)
{
	buf_printf(b, "faults active %lld", (long long)now->active_faults);
	if (*now->active)
		buf_printf(b, " (%s)", now->active);
	buf_printf(b, ", fired %lld", (long long)now->fired);
}

/* The time at the till of 95 % of the sales so far. */
static void put_p95(struct buf *b, const struct trial_live *now)
{
	buf_adds(b, "p95 ");
	put_time(b, now->p95_ns);
	if (now->pace_milli != 1000)
		buf_adds(b, " shop");
}

static void describe(struct buf *b, const struct trial_live *now)
{
	put_title(b, now);
	if (now->phase < PHASE_SHOP)
		return;
	buf_printf(b, ", served %lld of %lld, in queue %lld", (long long)now->served,
		   (long long)now->total, (long long)now->queued);
	if (now->unknown)
		buf_printf(b, ", unknown %lld", (long long)now->unknown);
	if (now->left)
		buf_printf(b, ", walked out %lld", (long long)now->left);
	buf_adds(b, ", ");
	put_p95(b, now);
	if (!now->baseline) {
		buf_adds(b, ", ");
		put_faults(b, now);
	}
}

/* A line that wraps would be drawn over wrongly: one column less than the terminal has. */
static size_t columns(const struct live_view *v)
{
	struct winsize size;

	if (!v->terminal)
		return COLUMNS_PLAIN;
	if (ioctl(fileno(v->out), TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
		return COLUMNS_DEFAULT;
	return size.ws_col - 1u;
}

static size_t rows(const struct live_view *v)
{
	struct winsize size;

	return ioctl(fileno(v->out), TIOCGWINSZ, &size) < 0 || !size.ws_row ? ROWS_DEFAULT
									    : size.ws_row;
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

/* ---- the block of one trial ---- */

static void sample(struct live_past *p, const struct trial_live *now, int64_t at)
{
	if (p->baseline != now->baseline || strcmp(p->experiment, now->experiment) ||
	    now->phase < PHASE_SHOP) {
		memset(p, 0, sizeof(*p));
		memcpy(p->experiment, now->experiment, sizeof(p->experiment));
		p->baseline = now->baseline;
	}
	if (now->phase < PHASE_SHOP || at < p->next_ns)
		return;
	p->next_ns = at + SAMPLE_EVERY_NS;
	if (p->count == LIVE_SAMPLES) {
		memmove(p->queued, p->queued + 1, sizeof(p->queued) - sizeof(*p->queued));
		memmove(p->p95_ns, p->p95_ns + 1, sizeof(p->p95_ns) - sizeof(*p->p95_ns));
		p->count--;
	}
	p->queued[p->count] = now->queued;
	p->p95_ns[p->count++] = now->p95_ns;
}

/* Eighths of the largest value; nothing at all is the lowest. */
static void put_spark(struct buf *b, const int64_t *at, size_t n, bool plain_text)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const marks[] = {"_", ".", ",", "-", "=", "+", "*", "#"};
	int64_t most = 1;

	for (size_t i = 0; i < n; i++)
		most = at[i] > most ? at[i] : most;
	for (size_t i = 0; i < n; i++) {
		int64_t step = at[i] <= 0 ? 0 : (int64_t)((double)at[i] / (double)most * 7.0);

		buf_adds(b, (plain_text ? marks : blocks)[step]);
	}
}

static void block_sales(struct live_view *v, const struct trial_live *now)
{
	struct buf b = {0};

	buf_printf(&b, "  served %lld of %lld   at the tills %lld   unknown %lld   walked out %lld",
		   (long long)now->served, (long long)now->total, (long long)now->at_till,
		   (long long)now->unknown, (long long)now->left);
	put_line(v, &b);
	buf_done(&b);
}

static void block_curves(struct live_view *v, const struct trial_live *now,
			 const struct live_past *p)
{
	struct buf b = {0};

	buf_printf(&b, "  in queue %-5lld ", (long long)now->queued);
	put_spark(&b, p->queued, p->count, v->plain_text);
	put_line(v, &b);
	buf_reset(&b);
	buf_adds(&b, "  ");
	put_p95(&b, now);
	buf_adds(&b, "  ");
	put_spark(&b, p->p95_ns, p->count, v->plain_text);
	put_line(v, &b);
	buf_done(&b);
}

static void block(struct live_view *v, const struct trial_live *now, const struct live_past *p)
{
	struct buf b = {0};

	put_title(&b, now);
	if (v->colour)
		fputs("\033[1m", v->out);
	put_line(v, &b);
	if (v->colour)
		fputs("\033[0m", v->out);
	buf_reset(&b);
	if (now->phase >= PHASE_SHOP) {
		block_sales(v, now);
		block_curves(v, now, p);
		if (!now->baseline) {
			buf_adds(&b, "  ");
			put_faults(&b, now);
			put_line(v, &b);
			buf_reset(&b);
		}
	}
	if (*now->last) {
		buf_printf(&b, "  last: %s", now->last);
		put_line(v, &b);
	}
	buf_done(&b);
}

static size_t busy_count(const struct trial_live *live, size_t n)
{
	size_t busy = 0;

	for (size_t i = 0; i < n; i++)
		busy += !is_idle(&live[i]);
	return busy;
}

static void show_one(struct live_view *v, const struct trial_live *l, struct live_past *p,
		     bool whole, int64_t at)
{
	struct trial_live now = read_live(l);
	struct buf b = {0};

	if (p)
		sample(p, &now, at);
	if (whole && p) {
		block(v, &now, p);
		return;
	}
	describe(&b, &now);
	put_line(v, &b);
	buf_done(&b);
}

/* Once for an experiment, as a line that stays: what its faults can reach of each service. */
static void tell_reach(struct live_view *v, const struct trial_live *l)
{
	struct trial_live now = read_live(l);

	if (is_idle(l) || !*now.reach || !strcmp(v->reach_of, now.experiment))
		return;
	live_clear(v);
	snprintf(v->reach_of, sizeof(v->reach_of), "%s", now.experiment);
	fprintf(v->out, "%s: %s\n", now.experiment, now.reach);
}

void live_show(struct live_view *v, const struct trial_live *live, size_t n, int64_t done,
	       int64_t total)
{
	int64_t now = clock_now();
	bool whole = v->terminal && busy_count(live, n) * BLOCK_LINES + 1 < rows(v);

	if (!v->started_ns) {
		v->started_ns = now;
		v->next_ns = now + PLAIN_EVERY_NS;
	}
	for (size_t i = 0; i < n; i++)
		tell_reach(v, &live[i]);
	if (!v->terminal && now < v->next_ns)
		return;
	v->next_ns = now + PLAIN_EVERY_NS;
	if (v->terminal && v->lines)
		fprintf(v->out, "\033[%dA", v->lines);
	v->lines = 0;
	suite_line(v, done, total);
	for (size_t i = 0; i < n; i++)
		if (!is_idle(&live[i]))
			show_one(v, &live[i], i < LIVE_PASTS ? &v->past[i] : NULL, whole, now);
	if (v->terminal)
		fputs("\033[J", v->out);
	fflush(v->out);
}
