/* SPDX-License-Identifier: Apache-2.0 */
/* The panels with a scale: people, sales, losses, times. The good day is drawn into each, grey. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "report/chart.h"
#include "report/series.h"
#include "report/summary.h"

/* One curve: a field of the windows, times a factor. */
struct curve {
	const char *name, *box, *class;
	size_t field;
	double factor;
	bool good; /* of the good day */
};

struct span {
	const struct window *at;
	size_t count;
	int64_t width_ns;
};

static struct span span_of(const struct chart *c, bool good)
{
	const struct series *sr = c->sr;

	return good ? (struct span){sr->good.window, sr->good.windows, sr->good.width_ns}
		    : (struct span){sr->window, sr->windows, sr->width_ns};
}

static int64_t field_of(const struct window *w, size_t offset)
{
	return *(const int64_t *)(const void *)((const char *)w + offset);
}

static double curve_max(const struct chart *c, const struct curve *u, size_t n)
{
	double max = 0;
	size_t i, k;

	for (k = 0; k < n; k++) {
		struct span s = span_of(c, u[k].good);

		for (i = 0; i < s.count; i++) {
			double v = (double)field_of(&s.at[i], u[k].field) * u[k].factor;

			max = v > max ? v : max;
		}
	}
	return max;
}

/* A line through the middles of windows that had somebody. Of the good day what lies beyond this
 * one's end is left out. */
static void draw_curve(struct chart *c, double max, const struct curve *u)
{
	struct span s = span_of(c, u->good);
	bool drawing = false;
	size_t i;

	buf_adds(c->out, "<path d=\"");
	for (i = 0; i < s.count; i++) {
		int64_t v = field_of(&s.at[i], u->field);
		int64_t t = (int64_t)i * s.width_ns + s.width_ns / 2;

		if (v < 0 || (double)t > c->span_ns)
			continue;
		buf_printf(c->out, "%c%.1f %.1f", drawing ? 'L' : 'M', chart_x(c, t),
			   c->y + CHART_PANEL - CHART_PANEL * (double)v * u->factor / max);
		drawing = true;
	}
	if (!drawing)
		buf_adds(c->out, "M0 0");
	buf_printf(c->out, "\" class=\"line %s\"/>\n", u->class);
}

static void draw_curves(struct chart *c, const char *id, const char *title, const char *unit,
			double least, const struct curve *u, size_t n)
{
	double max = curve_max(c, u, n);
	const char *names[8], *boxes[8];
	char said[96];
	size_t i;

	max = max > least ? max : least;
	snprintf(said, sizeof(said), "At most %.4g%s", max, unit);
	chart_open(c, id, title, said);
	chart_scale(c, max, unit);
	for (i = 0; i < n; i++) {
		names[i] = u[i].name;
		boxes[i] = u[i].box;
	}
	chart_legend(c, names, boxes, n);
	for (i = 0; i < n; i++)
		draw_curve(c, max, &u[i]);
	chart_close(c, CHART_PANEL);
}

void chart_people(struct chart *c)
{
	static const struct curve u[] = {
		{"in the queue", "boxq", "queue", offsetof(struct window, queue_milli), 1e-3,
		 false},
		{"at the tills", "box50", "p50", offsetof(struct window, till_milli), 1e-3, false},
		{"in the queue on the good day", "boxg", "good",
		 offsetof(struct window, queue_milli), 1e-3, true},
	};

	draw_curves(c, "people", "Shoppers in the shop", "", 1, u,
		    ARRAY_SIZE(u) - !c->sr->has_good);
}

/* ---- the parts of the day: a ribbon, with what 95 % of the checkouts in each kept ---- */

static int part_of(const struct chart *c, size_t w)
{
	int64_t from = (int64_t)w * c->sr->width_ns, to = from + c->sr->width_ns;
	int part = PHASE_HEALTHY;
	size_t i;

	for (i = 0; i < c->sr->bands; i++) {
		if (c->sr->band[i].from_ns < to && c->sr->band[i].to_ns >= from)
			return PHASE_FAULTY;
		if (c->sr->band[i].to_ns < from)
			part = PHASE_RECOVERING;
	}
	return part;
}

static void draw_part(struct chart *c, double top, int part, size_t from, size_t to)
{
	double x = chart_x(c, (int64_t)from * c->sr->width_ns);
	double w = chart_x(c, (int64_t)to * c->sr->width_ns) - x;
	const struct phase_times *p = &c->sr->phase[part];
	char took[DUR_TEXT], words[96];

	if (p->sales)
		snprintf(words, sizeof(words), "%s: p95 %s", series_phase_names[part],
			 dur_text(took, (int64_t)((double)p->p95 * chart_pace(c))));
	else
		snprintf(words, sizeof(words), "%s", series_phase_names[part]);
	buf_printf(c->out,
		   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"5\" class=\"part%d\">"
		   "<title>%s</title></rect>\n",
		   x, top, w, part, words);
	if (w > 6.2 * (double)strlen(words))
		chart_text(c, x + w / 2, top + 16, "tick mid over", words);
}

static void draw_parts(struct chart *c, double top)
{
	size_t from = 0, to;

	for (; from < c->sr->windows; from = to) {
		int part = part_of(c, from);

		for (to = from + 1; to < c->sr->windows && part_of(c, to) == part; to++)
			;
		draw_part(c, top, part, from, to);
	}
}

void chart_times(struct chart *c)
{
	double factor = chart_pace(c) / 1e9;
	const struct curve u[] = {
		{"at the till, median", "box50", "p50", offsetof(struct window, checkout_p50),
		 factor, false},
		{"p95", "box95", "p95", offsetof(struct window, checkout_p95), factor, false},
		{"in the queue, p95", "boxq", "queue", offsetof(struct window, queue_p95), factor,
		 false},
		{"at the till, p95, good day", "boxg", "good",
		 offsetof(struct window, checkout_p95), factor, true},
	};

	draw_curves(c, "times",
		    chart_pace(c) > 1 ? "Shoppers' time, shop seconds" : "Shoppers' time", " s",
		    1e-4, u, ARRAY_SIZE(u) - !c->sr->has_good);
	if (c->sr->bands)
		draw_parts(c, c->y - CHART_PANEL);
}

/* ---- bars ---- */

struct bars {
	const char *name, *class;
	size_t field;
};

/* A count in a window as so many a minute of shop time. */
static double per_minute(const struct chart *c, int64_t width_ns)
{
	return 60e9 / ((double)width_ns * chart_pace(c));
}

static double bars_max(const struct chart *c, const struct bars *b, size_t n)
{
	double max = 0;
	size_t i, k;

	for (i = 0; i < c->sr->windows; i++) {
		double sum = 0;

		for (k = 0; k < n; k++)
			sum += (double)field_of(&c->sr->window[i], b[k].field);
		max = sum > max ? sum : max;
	}
	return max;
}

static double draw_bar(struct chart *c, size_t i, double y, double height, int64_t n,
		       const struct bars *b)
{
	double x = chart_x(c, (int64_t)i * c->sr->width_ns);
	double w = chart_x(c, (int64_t)(i + 1) * c->sr->width_ns) - x;

	if (n <= 0)
		return y;
	buf_printf(c->out,
		   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"><title>"
		   "%lld %s, %.6g s</title></rect>\n",
		   x + 0.5, y - height, w > 2 ? w - 1 : w, height, b->class, (long long)n, b->name,
		   (double)i * (double)c->sr->width_ns / 1e9);
	return y - height;
}

static void draw_bars(struct chart *c, double unit, const struct bars *b, size_t n)
{
	size_t i, k;

	for (i = 0; i < c->sr->windows; i++) {
		double y = c->y + CHART_PANEL;

		for (k = 0; k < n; k++) {
			int64_t v = field_of(&c->sr->window[i], b[k].field);

			y = draw_bar(c, i, y, unit * (double)v, v, &b[k]);
		}
	}
}

static void bars_legend(struct chart *c, const struct bars *b, size_t n, bool good)
{
	const char *names[8], *classes[8];
	size_t i;

	for (i = 0; i < n; i++) {
		names[i] = b[i].name;
		classes[i] = b[i].class;
	}
	if (good) {
		names[n] = "told ok on the good day";
		classes[n++] = "boxg";
	}
	chart_legend(c, names, classes, n);
}

static int64_t sum_of(const struct chart *c, size_t field)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < c->sr->windows; i++)
		sum += field_of(&c->sr->window[i], field);
	return sum;
}

static void said_of(const struct chart *c, const struct bars *b, size_t n, char *to, size_t size)
{
	size_t i, len = 0;

	*to = '\0';
	for (i = 0; i < n && len + 1 < size; i++)
		len += (size_t)snprintf(to + len, size - len, "%s%lld %s", i ? ", " : "In all ",
					(long long)sum_of(c, b[i].field), b[i].name);
}

void chart_sales(struct chart *c)
{
	static const struct bars b[] = {
		{"told ok", "ok", offsetof(struct window, ok)},
		{"refused", "refused", offsetof(struct window, refused)},
		{"unknown", "unknown", offsetof(struct window, unknown)},
	};
	const struct series *sr = c->sr;
	struct curve good = {NULL, NULL, "good", offsetof(struct window, ok), 1, true};
	double rate = per_minute(c, sr->width_ns), max = bars_max(c, b, ARRAY_SIZE(b)) * rate, top;
	char said[160];

	good.factor = sr->has_good ? per_minute(c, sr->good.width_ns) : 0;
	top = sr->has_good ? curve_max(c, &good, 1) : 0;
	max = max > top ? max : top;
	max = max > 0 ? max : 1;
	said_of(c, b, ARRAY_SIZE(b), said, sizeof(said));
	chart_open(c, "sales", chart_pace(c) > 1 ? "Sales per shop minute" : "Sales per minute",
		   said);
	chart_scale(c, max, "");
	bars_legend(c, b, ARRAY_SIZE(b), sr->has_good);
	draw_bars(c, CHART_PANEL / max * rate, b, ARRAY_SIZE(b));
	if (sr->has_good)
		draw_curve(c, max, &good);
	chart_close(c, CHART_PANEL);
}

/* Left out where nobody did either: most days. */
void chart_losses(struct chart *c)
{
	static const struct bars b[] = {
		{"walked out", "left", offsetof(struct window, left)},
		{"missed the train", "missed", offsetof(struct window, missed)},
	};
	double max = bars_max(c, b, ARRAY_SIZE(b));
	char said[160];

	if (max <= 0)
		return;
	said_of(c, b, ARRAY_SIZE(b), said, sizeof(said));
	chart_open(c, "losses", "Shoppers who gave up, or missed their train", said);
	chart_scale(c, max, "");
	bars_legend(c, b, ARRAY_SIZE(b), false);
	draw_bars(c, CHART_PANEL / max, b, ARRAY_SIZE(b));
	chart_close(c, CHART_PANEL);
}
