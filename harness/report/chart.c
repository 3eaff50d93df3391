/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts, drawn as SVG. Theory of operation: panels stand below each other on
 * one time axis, so that the eye can go straight down from a fault to what it
 * did. Faults are shaded through all panels.
 *
 *      0 ┌────────── fault names ──────────┐
 *        │ sales per window (stacked)      │
 *        │ time in the queue and at a till │
 *        │ services: started, gone, ready  │
 *        └──────── time since opening ─────┘
 *
 * Times of shoppers are shown as shop time (wall times pace), the axis shows
 * real time, and shop time below it when the two differ.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "report/html.h"
#include "report/series.h"
#include "report/summary.h"

#define WIDTH 960
#define LEFT 64
#define RIGHT 16
#define TOP 34
#define PANEL 150
#define GAP 42
#define STRIP 18
#define STRIPS_MAX 12

struct chart {
	const struct summary *s;
	const struct series *sr;
	struct buf *out;
	double span_ns;		       /* along the axis */
	const char *strip[STRIPS_MAX]; /* services that had news; borrowed */
	size_t strips;
	double bottom;
};

static double x_of(const struct chart *c, int64_t t_ns)
{
	return LEFT + (WIDTH - LEFT - RIGHT) * (double)t_ns / c->span_ns;
}

static double pace_of(const struct chart *c)
{
	return c->s->pace_milli > 0 ? (double)c->s->pace_milli / 1000 : 1;
}

static void text(struct chart *c, double x, double y, const char *class, const char *words)
{
	buf_printf(c->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	html_text(c->out, words);
	buf_adds(c->out, "</text>\n");
}

static void line(struct chart *c, double x1, double y1, double x2, double y2, const char *class)
{
	buf_printf(c->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
		   x1, y1, x2, y2, class);
}

/* A round step that gives about `want` parts of max: 1, 2 or 5 times a power of ten. */
static double step_for(double max, int want)
{
	double step = 1e-6;

	while (step * want < max) {
		if (step * 2 * want >= max)
			return step * 2;
		if (step * 5 * want >= max)
			return step * 5;
		step *= 10;
	}
	return step;
}

static void number(char *to, size_t size, double v, const char *unit)
{
	snprintf(to, size, "%.4g%s", v, unit);
}

/* ---- what all panels share ---- */

static const char *fault_name(const struct chart *c, int fault)
{
	return fault >= 0 && (size_t)fault < c->s->faults_count ? c->s->faults[fault].name
								: "fault";
}

static void bands(struct chart *c)
{
	double label_end = 0;
	size_t i;

	for (i = 0; i < c->sr->bands; i++) {
		const struct band *b = &c->sr->band[i];
		double x = x_of(c, b->from_ns), w = x_of(c, b->to_ns) - x;
		const char *name = fault_name(c, b->fault);

		buf_printf(
			c->out,
			"<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\" class=\"band\">"
			"<title>",
			x, TOP - 8, w < 1.5 ? 1.5 : w, c->bottom - TOP + 8);
		html_text(c->out, name);
		buf_printf(c->out, " from %.2f s to %.2f s</title></rect>\n",
			   (double)b->from_ns / 1e9, (double)b->to_ns / 1e9);
		if (x < label_end)
			continue; /* would be written over its neighbour */
		text(c, x, TOP - 14, "faultname", name);
		label_end = x + 7.5 * (double)strlen(name) + 10;
	}
}

static void fired(struct chart *c)
{
	size_t i;

	for (i = 0; i < c->sr->marks; i++) {
		const struct mark_at *m = &c->sr->mark[i];
		double x = x_of(c, m->t_ns);

		if (m->kind != EV_FIRED)
			continue;
		buf_printf(c->out, "<path d=\"M%.1f %dl-4 -8h8z\" class=\"fired\"><title>", x,
			   TOP + 2);
		html_text(c->out, fault_name(c, m->fault));
		buf_printf(c->out, " at %.3f s: ", (double)m->t_ns / 1e9);
		html_text(c->out, m->did);
		buf_adds(c->out, "</title></path>\n");
	}
}

static void axis(struct chart *c)
{
	double seconds = c->span_ns / 1e9, step = step_for(seconds, 10), at;
	char words[64];

	line(c, LEFT, c->bottom, WIDTH - RIGHT, c->bottom, "axis");
	for (at = 0; at <= seconds; at += step) {
		double x = x_of(c, (int64_t)(at * 1e9));

		line(c, x, TOP, x, c->bottom, "grid");
		number(words, sizeof(words), at, " s");
		text(c, x, c->bottom + 15, "tick mid", words);
		if (pace_of(c) <= 1)
			continue;
		snprintf(words, sizeof(words), "%.3g min", at * pace_of(c) / 60);
		text(c, x, c->bottom + 29, "tick mid faint", words);
	}
}

static void y_axis(struct chart *c, double top, double max, const char *unit)
{
	double step = step_for(max, 6), at;
	char words[64];

	for (at = 0; at <= max * 1.0001; at += step) {
		double y = top + PANEL - PANEL * at / max;

		line(c, LEFT, y, WIDTH - RIGHT, y, at > 0 ? "grid" : "axis");
		number(words, sizeof(words), at, unit);
		text(c, LEFT - 6, y + 4, "tick end", words);
	}
}

static void legend(struct chart *c, double top, const char *title, const char *const *names,
		   const char *const *classes, size_t n)
{
	double x = WIDTH - RIGHT;
	size_t i;

	text(c, LEFT, top - 10, "panel", title);
	for (i = n; i > 0; i--) {
		x -= 7.2 * (double)strlen(names[i - 1]) + 6;
		text(c, x, top - 10, "tick", names[i - 1]);
		x -= 14;
		buf_printf(c->out,
			   "<rect x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"9\" class=\"%s\"/>\n",
			   x, top - 18, classes[i - 1]);
		x -= 10;
	}
}

/* ---- sales ---- */

static double bar(struct chart *c, size_t i, double y, double height, int64_t n, const char *class,
		  const char *what)
{
	double x = x_of(c, (int64_t)i * c->sr->width_ns);
	double w = x_of(c, (int64_t)(i + 1) * c->sr->width_ns) - x;

	if (n == 0)
		return y;
	buf_printf(c->out,
		   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"><title>"
		   "%lld %s, %.6g s</title></rect>\n",
		   x + 0.5, y - height, w > 2 ? w - 1 : w, height, class, (long long)n, what,
		   (double)i * (double)c->sr->width_ns / 1e9);
	return y - height;
}

static void sales(struct chart *c, double top)
{
	static const char *const names[] = {"told ok", "refused", "unknown", "walked out"};
	static const char *const classes[] = {"ok", "refused", "unknown", "left"};
	double max = 1, unit;
	char title[96];
	size_t i;

	for (i = 0; i < c->sr->windows; i++) {
		const struct window *w = &c->sr->window[i];
		double sum = (double)(w->ok + w->refused + w->unknown + w->left);

		max = sum > max ? sum : max;
	}
	snprintf(title, sizeof(title), "Sales per %.6g s", (double)c->sr->width_ns / 1e9);
	y_axis(c, top, max, "");
	legend(c, top, title, names, classes, ARRAY_SIZE(names));
	unit = PANEL / max;
	for (i = 0; i < c->sr->windows; i++) {
		const struct window *w = &c->sr->window[i];
		const int64_t n[] = {w->ok, w->refused, w->unknown, w->left};
		double y = top + PANEL;
		size_t k;

		for (k = 0; k < ARRAY_SIZE(n); k++)
			y = bar(c, i, y, unit * (double)n[k], n[k], classes[k], names[k]);
	}
}

/* ---- times ---- */

static int64_t window_field(const struct window *w, size_t offset)
{
	return *(const int64_t *)(const void *)((const char *)w + offset);
}

static const size_t time_fields[] = {offsetof(struct window, checkout_p50),
				     offsetof(struct window, checkout_p95),
				     offsetof(struct window, queue_p95)};

static double times_max(const struct chart *c)
{
	double max = 0;
	size_t i, k;

	for (i = 0; i < c->sr->windows; i++) {
		for (k = 0; k < ARRAY_SIZE(time_fields); k++) {
			double v = (double)window_field(&c->sr->window[i], time_fields[k]);

			max = v > max ? v : max;
		}
	}
	max *= pace_of(c) / 1e9;
	return max > 1e-4 ? max : 1e-4;
}

/* A line through the middles of windows that had somebody; a dot where one stands alone. */
static void curve(struct chart *c, double top, double max, size_t field, const char *class)
{
	bool drawing = false;
	size_t i;

	buf_adds(c->out, "<path d=\"");
	for (i = 0; i < c->sr->windows; i++) {
		int64_t ns = window_field(&c->sr->window[i], field);
		double shop = (double)ns * pace_of(c) / 1e9;
		double x = x_of(c, (int64_t)i * c->sr->width_ns + c->sr->width_ns / 2);

		if (ns < 0)
			continue;
		buf_printf(c->out, "%c%.1f %.1f", drawing ? 'L' : 'M', x,
			   top + PANEL - PANEL * shop / max);
		drawing = true;
	}
	buf_printf(c->out, "\" class=\"%s\"/>\n", class);
}

static void times(struct chart *c, double top)
{
	static const char *const names[] = {"at the till, median", "at the till, p95",
					    "in the queue, p95"};
	static const char *const boxes[] = {"box50", "box95", "boxq"};
	static const char *const classes[] = {"line p50", "line p95", "line queue"};
	double max = times_max(c);
	size_t k;

	y_axis(c, top, max, " s");
	legend(c, top, pace_of(c) > 1 ? "Shoppers' time (shop seconds)" : "Shoppers' time", names,
	       boxes, ARRAY_SIZE(names));
	for (k = 0; k < ARRAY_SIZE(time_fields); k++)
		curve(c, top, max, time_fields[k], classes[k]);
}

/* ---- services ---- */

static size_t strip_of(struct chart *c, const char *service)
{
	size_t i;

	for (i = 0; i < c->strips; i++) {
		if (str_eq(c->strip[i], service))
			return i;
	}
	if (i < STRIPS_MAX)
		c->strip[c->strips++] = service;
	return i;
}

static void strips_find(struct chart *c)
{
	size_t i;

	for (i = 0; i < c->sr->marks; i++) {
		if (c->sr->mark[i].kind != EV_FIRED)
			strip_of(c, c->sr->mark[i].what);
	}
}

static void service_mark(struct chart *c, const struct mark_at *m, double y)
{
	bool gone = m->kind == EV_EXITED || m->kind == EV_KILLED;
	double x = x_of(c, m->t_ns);

	buf_printf(c->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" class=\"%s\"><title>", x, y,
		   gone			 ? "gone"
		   : m->kind == EV_READY ? "ready"
					 : "started");
	buf_printf(c->out, "%s at %.3f s", event_names[m->kind], (double)m->t_ns / 1e9);
	if (m->did)
		buf_adds(c->out, ": ");
	html_text(c->out, m->did);
	buf_adds(c->out, "</title></circle>\n");
}

static void services(struct chart *c, double top)
{
	static const char *const names[] = {"gone", "started", "ready"};
	size_t i, k;

	legend(c, top, "Services", names, names, ARRAY_SIZE(names));
	for (i = 0; i < c->strips; i++) {
		double y = top + STRIP * (double)i + STRIP / 2.0;

		line(c, LEFT, y, WIDTH - RIGHT, y, "grid");
		text(c, LEFT + 4, y - 3, "tick faint", c->strip[i]);
		for (k = 0; k < c->sr->marks; k++) {
			if (c->sr->mark[k].kind != EV_FIRED &&
			    str_eq(c->sr->mark[k].what, c->strip[i]))
				service_mark(c, &c->sr->mark[k], y);
		}
	}
}

void chart_page(const struct summary *s, const struct series *sr, struct buf *out)
{
	struct chart c = {.s = s, .sr = sr, .out = out};
	double first = TOP + 24, second = first + PANEL + GAP, third = second + PANEL + GAP;

	c.span_ns = (double)sr->windows * (double)sr->width_ns;
	strips_find(&c);
	c.bottom = c.strips ? third + STRIP * (double)c.strips : second + PANEL;
	buf_printf(out,
		   "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"Sales, times and "
		   "services over time, with faults shaded\">\n",
		   WIDTH, c.bottom + 54);
	axis(&c);
	bands(&c);
	sales(&c, first);
	times(&c, second);
	if (c.strips)
		services(&c, third);
	fired(&c);
	text(&c, WIDTH - RIGHT, c.bottom + 48, "tick end faint",
	     pace_of(&c) > 1 ? "seconds since opening; shop minutes below"
			     : "seconds since opening");
	buf_adds(out, "</svg>\n");
}
