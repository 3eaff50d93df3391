/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts, drawn as SVG. Theory of operation: panels stand below each other on
 * one time axis, so that the eye can go straight down from a fault to what it
 * did. Faults are shaded through all panels, and the moments that stories are
 * about are lines through all of them.
 *
 *        ┌─────────────────────────────────┐
 *        │ faults: a row each, with hits   │
 *        │ shoppers in the queue, at tills │
 *        │ sales per minute (stacked)      │
 *        │ who walked out                  │
 *        │ time in the queue and at a till │
 *        │ lanes: busy, in doubt, down     │
 *        │ services: started, gone, ready  │
 *        │ nodes: CPU, memory, ...         │
 *        └──────── time since opening ─────┘
 *
 * Times of shoppers are shown as shop time (wall times pace), the axis shows
 * real time, and shop time below it when the two differ. The height is known
 * only when all panels are drawn, so they are drawn into a buffer of their own
 * and what lies behind them is written first.
 */
#include "report/chart.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "report/html.h"
#include "report/series.h"
#include "report/summary.h"

#define TOP 8

double chart_x(const struct chart *c, int64_t t_ns)
{
	double x =
		CHART_LEFT + (CHART_WIDTH - CHART_LEFT - CHART_RIGHT) * (double)t_ns / c->span_ns;

	return x < CHART_LEFT		       ? CHART_LEFT
	       : x > CHART_WIDTH - CHART_RIGHT ? CHART_WIDTH - CHART_RIGHT
					       : x;
}

double chart_pace(const struct chart *c)
{
	return c->s->pace_milli > 0 ? (double)c->s->pace_milli / 1000 : 1;
}

const char *chart_fault(const struct chart *c, int64_t fault)
{
	const char *name =
		fault >= 0 && fault < (int64_t)c->s->faults_count ? c->s->faults[fault].name : NULL;

	return name ? name : "fault";
}

void chart_text(struct chart *c, double x, double y, const char *class, const char *words)
{
	buf_printf(c->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	html_text(c->out, words);
	buf_adds(c->out, "</text>\n");
}

void chart_line(struct chart *c, double x1, double y1, double x2, double y2, const char *class)
{
	buf_printf(c->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
		   x1, y1, x2, y2, class);
}

double chart_step(double max, int want)
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

/* ---- a panel ---- */

void chart_open(struct chart *c, const char *id, const char *title, const char *said)
{
	c->y += CHART_GAP;
	buf_printf(c->out, "<g id=\"chart-%s\" class=\"panel\" role=\"img\" aria-label=\"", id);
	html_text(c->out, title);
	if (said && *said) {
		buf_adds(c->out, ". ");
		html_text(c->out, said);
	}
	buf_adds(c->out, "\">\n");
	chart_text(c, CHART_LEFT, c->y - 10, "name", title);
}

void chart_close(struct chart *c, double height)
{
	buf_adds(c->out, "</g>\n");
	c->y += height;
}

void chart_scale(struct chart *c, double max, const char *unit)
{
	double step = chart_step(max, 5), at;
	char words[64];

	for (at = 0; at <= max * 1.0001; at += step) {
		double y = c->y + CHART_PANEL - CHART_PANEL * at / max;

		chart_line(c, CHART_LEFT, y, CHART_WIDTH - CHART_RIGHT, y,
			   at > 0 ? "grid" : "axis");
		number(words, sizeof(words), at, unit);
		chart_text(c, CHART_LEFT - 6, y + 4, "tick end", words);
	}
}

void chart_legend(struct chart *c, const char *const *names, const char *const *classes, size_t n)
{
	double x = CHART_WIDTH - CHART_RIGHT;
	size_t i;

	for (i = n; i > 0; i--) {
		x -= 6.4 * (double)strlen(names[i - 1]) + 4;
		chart_text(c, x, c->y - 10, "tick", names[i - 1]);
		x -= 13;
		buf_printf(c->out,
			   "<rect x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"9\" "
			   "class=\"%s\"/>\n",
			   x, c->y - 18, classes[i - 1]);
		x -= 9;
	}
}

/* ---- what is behind all of them ---- */

static void title_span(struct chart *c, const char *name, int64_t from_ns, int64_t to_ns)
{
	buf_adds(c->out, "<title>");
	html_text(c->out, name);
	buf_printf(c->out, " from %.3f s to %.3f s</title>", (double)from_ns / 1e9,
		   (double)to_ns / 1e9);
}

static void bands(struct chart *c, double bottom)
{
	size_t i;

	for (i = 0; i < c->sr->bands; i++) {
		const struct band *b = &c->sr->band[i];
		double x = chart_x(c, b->from_ns), w = chart_x(c, b->to_ns) - x;

		buf_printf(c->out,
			   "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\" "
			   "class=\"band\">",
			   x, TOP, w > 1 ? w : 1, bottom - TOP);
		title_span(c, chart_fault(c, b->fault), b->from_ns, b->to_ns);
		buf_adds(c->out, "</rect>\n");
	}
}

/* A sale that a story is about, at the till; a click leads to the story. */
static void moment(struct chart *c, size_t i, double bottom)
{
	const struct story *s = &c->s->stories[i].s;
	double x = chart_x(c, s->from_ns), w = chart_x(c, s->to_ns) - x;

	if (s->to_ns < s->from_ns)
		return;
	buf_printf(c->out,
		   "<a href=\"#story-%zu\" id=\"moment-%zu\" class=\"moment\" "
		   "aria-label=\"The story of sale ",
		   i, i);
	html_text(c->out, s->key);
	buf_printf(c->out, "\"><rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\">", x, TOP,
		   w > 2 ? w : 2, bottom - TOP);
	title_span(c, s->key, s->from_ns, s->to_ns);
	buf_printf(c->out, "</rect><text x=\"%.1f\" y=\"%.1f\" class=\"tick mid\">", x + w / 2,
		   bottom - 4);
	html_text(c->out, s->key);
	buf_adds(c->out, "</text></a>\n");
}

static void axis(struct chart *c, double bottom)
{
	double seconds = c->span_ns / 1e9, step = chart_step(seconds, 10), at;
	char words[64];

	for (at = 0; at <= seconds; at += step) {
		double x = chart_x(c, (int64_t)(at * 1e9));

		chart_line(c, x, TOP, x, bottom, "grid");
		number(words, sizeof(words), at, " s");
		chart_text(c, x, bottom + 15, "tick mid", words);
		if (chart_pace(c) <= 1)
			continue;
		snprintf(words, sizeof(words), "%.3g min", at * chart_pace(c) / 60);
		chart_text(c, x, bottom + 29, "tick mid faint", words);
	}
	chart_line(c, CHART_LEFT, bottom, CHART_WIDTH - CHART_RIGHT, bottom, "axis");
	chart_text(c, CHART_WIDTH - CHART_RIGHT, bottom + 45, "tick end faint",
		   chart_pace(c) > 1 ? "seconds since opening; shop minutes below"
				     : "seconds since opening");
}

static void panels(struct chart *c)
{
	chart_faults(c);
	chart_people(c);
	chart_sales(c);
	chart_losses(c);
	chart_times(c);
	chart_lanes(c);
	chart_services(c);
	chart_nodes(c);
}

void chart_page(const struct summary *s, const struct series *sr, struct buf *out)
{
	struct buf drawn = {0};
	struct chart c = {.s = s, .sr = sr, .out = &drawn, .y = TOP};
	size_t i;

	c.span_ns = (double)sr->windows * (double)sr->width_ns;
	panels(&c);
	c.out = out;
	buf_printf(out,
		   "<svg viewBox=\"0 0 %d %.0f\" role=\"group\" aria-label=\"The shop over "
		   "time: panels on one axis, faults shaded through all\">\n",
		   CHART_WIDTH, c.y + 60);
	bands(&c, c.y + 8);
	axis(&c, c.y + 8);
	if (drawn.data)
		buf_add(out, drawn.data, drawn.len);
	for (i = 0; i < s->stories_count; i++)
		moment(&c, i, c.y + 8);
	buf_adds(out, "</svg>\n");
	buf_done(&drawn);
}
