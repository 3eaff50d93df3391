/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long it took: a histogram on a log scale, from the intended arrival (what
 * a shopper lived) and from the till on (what a till that is asked one by one
 * would be measured with), and the same apart for the parts of the day.
 */
#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/series.h"
#include "report/summary.h"

#define HEIGHT 150
#define TOP 30

struct bins {
	size_t from, to; /* bins that hold anything, of both */
	int64_t max;
};

static struct bins bins_of(const struct series *sr)
{
	struct bins r = {SERIES_BINS, 0, 0};
	size_t i;

	for (i = 0; i < SERIES_BINS; i++) {
		int64_t a = sr->corrected.bin[i], b = sr->uncorrected.bin[i];

		if (a <= 0 && b <= 0)
			continue;
		r.from = i < r.from ? i : r.from;
		r.to = i + 1;
		r.max = a > r.max ? a : b > r.max ? b : r.max;
	}
	return r;
}

static double bin_x(const struct bins *r, size_t i)
{
	return CHART_LEFT + (CHART_WIDTH - CHART_LEFT - CHART_RIGHT) * (double)(i - r->from) /
				    (double)(r->to - r->from);
}

static void bars(struct chart *c, const struct bins *r, const struct latency *h, const char *class,
		 const char *what)
{
	double pace = chart_pace(c);
	char lo[DUR_TEXT], hi[DUR_TEXT];
	size_t i;

	for (i = r->from; i < r->to; i++) {
		double height = HEIGHT * (double)h->bin[i] / (double)r->max;
		double x = bin_x(r, i), w = bin_x(r, i + 1) - x;

		if (h->bin[i] <= 0)
			continue;
		buf_printf(c->out,
			   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
			   "class=\"%s\"><title>%lld sales, %s: %s to %s</title></rect>\n",
			   x + 0.5, c->y + HEIGHT - height, w > 2 ? w - 1 : w, height, class,
			   (long long)h->bin[i], what,
			   dur_text(lo, (int64_t)((double)latency_bin_ns(i) * pace)),
			   dur_text(hi, (int64_t)((double)latency_bin_ns(i + 1) * pace)));
	}
}

static void outline(struct chart *c, const struct bins *r, const struct latency *h)
{
	size_t i;

	buf_printf(c->out, "<path class=\"line p95\" d=\"M%.1f %.1f", bin_x(r, r->from),
		   c->y + HEIGHT);
	for (i = r->from; i < r->to; i++) {
		double y = c->y + HEIGHT - HEIGHT * (double)h->bin[i] / (double)r->max;

		buf_printf(c->out, "L%.1f %.1fL%.1f %.1f", bin_x(r, i), y, bin_x(r, i + 1), y);
	}
	buf_printf(c->out, "L%.1f %.1f\"/>\n", bin_x(r, r->to), c->y + HEIGHT);
}

/* A tick at each bin that a power of ten, two or five falls on: 1, 2, 5 are bins 0, 3, 7 of ten. */
static void time_axis(struct chart *c, const struct bins *r)
{
	double pace = chart_pace(c), last = -100;
	char words[DUR_TEXT];
	size_t i;

	chart_line(c, CHART_LEFT, c->y + HEIGHT, CHART_WIDTH - CHART_RIGHT, c->y + HEIGHT, "axis");
	for (i = r->from; i <= r->to; i++) {
		double x = bin_x(r, i);

		if (x - last < 80)
			continue;
		last = x;
		chart_line(c, x, c->y, x, c->y + HEIGHT + 4, "grid");
		chart_text(c, x, c->y + HEIGHT + 16, "tick mid",
			   dur_text(words, (int64_t)((double)latency_bin_ns(i) * pace)));
	}
	chart_text(c, CHART_WIDTH - CHART_RIGHT, c->y + HEIGHT + 32, "tick end faint",
		   pace > 1 ? "shop time, log scale" : "log scale");
}

static void histogram(struct buf *b, const struct summary *s, const struct series *sr)
{
	static const char *const names[] = {"from the intended arrival, queue included",
					    "uncorrected: from reaching the till"};
	static const char *const classes[] = {"busy3", "box95"};
	struct chart c = {.s = s, .sr = sr, .out = b, .y = 0};
	struct bins r = bins_of(sr);

	if (r.to <= r.from)
		return;
	buf_printf(
		b,
		"<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Histogram\">"
		"<svg viewBox=\"0 0 %d %d\" role=\"group\" aria-label=\"How long sales took\">\n",
		CHART_WIDTH, CHART_GAP + HEIGHT + 44);
	chart_open(&c, "latency", "Sales by how long they took", names[0]);
	chart_legend(&c, names, classes, 2);
	time_axis(&c, &r);
	bars(&c, &r, &sr->corrected, "busy3", "from the intended arrival");
	outline(&c, &r, &sr->uncorrected);
	chart_close(&c, HEIGHT);
	buf_adds(b, "</svg></div>\n");
}

static void cell_time(struct buf *b, const struct summary *s, int64_t ns)
{
	double pace = s->pace_milli > 0 ? (double)s->pace_milli / 1000 : 1;
	char words[DUR_TEXT];

	buf_printf(b, "<td class=\"n\">%s</td>",
		   ns < 0 ? "" : dur_text(words, (int64_t)((double)ns * pace)));
}

static void percentiles(struct buf *b, const struct summary *s, const char *name,
			const struct latency *h)
{
	const int64_t at[] = {h->p50, h->p90, h->p95, h->p99, h->p999, h->max};
	size_t i;

	buf_printf(b, "<tr><th scope=\"row\">%s</th><td class=\"n\">%lld</td>", name,
		   (long long)h->count);
	for (i = 0; i < sizeof(at) / sizeof(*at); i++)
		cell_time(b, s, h->count ? at[i] : -1);
	buf_adds(b, "</tr>\n");
}

static void parts(struct buf *b, const struct summary *s, const struct series *sr)
{
	size_t i;

	html_table(
		b, "Times in each part of the day",
		"Part of the day|#Sales|#At the till: median|#p95|#p99|#most|#In the queue: p95");
	for (i = 0; i < SERIES_PHASES; i++) {
		const struct phase_times *p = &sr->phase[i];
		const int64_t at[] = {p->p50, p->p95, p->p99, p->max, p->queue_p95};
		size_t k;

		buf_printf(b, "<tr><th scope=\"row\">%s</th><td class=\"n\">%lld</td>",
			   series_phase_names[i], (long long)p->sales);
		for (k = 0; k < sizeof(at) / sizeof(*at); k++)
			cell_time(b, s, p->sales ? at[k] : -1);
		buf_adds(b, "</tr>\n");
	}
	html_table_end(b);
}

void html_latency(struct buf *b, const struct summary *s, const struct series *sr)
{
	buf_adds(b, "<section>\n<h2 id=\"times\">How long it took</h2>\n");
	if (s->pace_milli > 1000)
		buf_adds(b, "<p class=\"faint\">In shop time: real time times the pace.</p>\n");
	parts(b, s, sr);
	histogram(b, s, sr);
	html_table(b, "Percentiles of all sales",
		   "Measured|#Sales|#median|#p90|#p95|#p99|#p99.9|#most");
	percentiles(b, s, "from the intended arrival", &sr->corrected);
	percentiles(b, s, "uncorrected: from the till on", &sr->uncorrected);
	if (sr->has_good)
		percentiles(b, s, "the good day, from the intended arrival", &sr->good.corrected);
	html_table_end(b);
	buf_adds(b, "</section>\n");
}
