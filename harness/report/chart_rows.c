/* SPDX-License-Identifier: Apache-2.0 */
/* The panels with a row for each: faults, lanes, services, and what nodes used. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "ledger/ledger.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/series.h"
#include "report/summary.h"

#define ROWS_MAX 24

static double row_y(const struct chart *c, size_t row)
{
	return c->y + CHART_ROW * (double)row;
}

/* Its name at the left, cut to what fits; the rest is in the title. */
static void row_name(struct chart *c, size_t row, const char *name)
{
	char cut[17];
	double y = row_y(c, row) + CHART_ROW - 6;

	snprintf(cut, sizeof(cut), "%s", name);
	if (strlen(name) >= sizeof(cut))
		memcpy(cut + sizeof(cut) - 3, "..", 3);
	buf_printf(c->out, "<text x=\"%d\" y=\"%.1f\" class=\"tick end\"><title>", CHART_LEFT - 6,
		   y);
	html_text(c->out, name);
	buf_adds(c->out, "</title>");
	html_text(c->out, cut);
	buf_adds(c->out, "</text>\n");
	chart_line(c, CHART_LEFT, row_y(c, row + 1), CHART_WIDTH - CHART_RIGHT, row_y(c, row + 1),
		   "grid");
}

/* ---- faults ---- */

static void fault_bars(struct chart *c, size_t rows)
{
	size_t i;

	for (i = 0; i < c->sr->bands; i++) {
		const struct band *b = &c->sr->band[i];
		double x = chart_x(c, b->from_ns), w = chart_x(c, b->to_ns) - x;

		if (b->fault < 0 || b->fault >= (int64_t)rows)
			continue;
		buf_printf(
			c->out,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
			"class=\"armed\"><title>in effect from %.3f s to %.3f s</title></rect>\n",
			x, row_y(c, (size_t)b->fault) + 4, w > 1 ? w : 1, CHART_ROW - 8,
			(double)b->from_ns / 1e9, (double)b->to_ns / 1e9);
	}
}

/* More hits in a window: a thicker mark. */
static void fault_hits(struct chart *c, size_t rows)
{
	size_t i;

	for (i = 0; i < c->sr->hits; i++) {
		const struct hits *h = &c->sr->hit[i];
		double w = h->count > 99 ? 7 : h->count > 9 ? 5 : 3;

		if (h->fault < 0 || h->fault >= (int64_t)rows)
			continue;
		buf_printf(c->out,
			   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%d\" "
			   "class=\"fired\"><title>%lld hit%s from %.3f s: ",
			   chart_x(c, h->first_ns) - w / 2, row_y(c, (size_t)h->fault) + 2, w,
			   CHART_ROW - 4, (long long)h->count, h->count == 1 ? "" : "s",
			   (double)h->first_ns / 1e9);
		html_text(c->out, h->did);
		buf_adds(c->out, "</title></rect>\n");
	}
}

void chart_faults(struct chart *c)
{
	static const char *const names[] = {"in effect", "fired"};
	static const char *const classes[] = {"armed", "fired"};
	size_t rows = c->s->faults_count < ROWS_MAX ? c->s->faults_count : ROWS_MAX, i;
	struct buf said = {0};

	if (!rows || c->s->good_day)
		return;
	for (i = 0; i < rows; i++)
		buf_printf(&said, "%s%s fired %lld times", i ? ", " : "",
			   chart_fault(c, (int64_t)i), (long long)c->s->faults[i].fired);
	chart_open(c, "faults", "Faults", said.data);
	buf_done(&said);
	chart_legend(c, names, classes, ARRAY_SIZE(names));
	for (i = 0; i < rows; i++)
		row_name(c, i, chart_fault(c, (int64_t)i));
	fault_bars(c, rows);
	fault_hits(c, rows);
	chart_close(c, CHART_ROW * (double)rows);
}

/* ---- lanes ---- */

static void lane_cell(struct chart *c, const struct lane_series *l, size_t row, size_t w)
{
	double x = chart_x(c, (int64_t)w * c->sr->width_ns);
	double width = chart_x(c, (int64_t)(w + 1) * c->sr->width_ns) - x;
	int64_t busy = l->busy_milli[w];
	int level = busy >= 800 ? 4 : busy >= 500 ? 3 : busy >= 200 ? 2 : busy > 0 ? 1 : 0;
	const char *class = l->unknown[w] ? "unknown" : l->refused[w] ? "refused" : NULL;

	if (!level && !class)
		return;
	buf_printf(c->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" class=\"%s", x,
		   row_y(c, row) + 3, width, CHART_ROW - 6, class ? class : "busy");
	if (!class)
		buf_printf(c->out, "%d", level);
	buf_printf(c->out,
		   "\"><title>%.6g s: busy %lld %%, told ok %lld, refused %lld, unknown %lld"
		   "</title></rect>\n",
		   (double)w * (double)c->sr->width_ns / 1e9, (long long)(busy / 10),
		   (long long)l->ok[w], (long long)l->refused[w], (long long)l->unknown[w]);
}

static void lane_marks(struct chart *c, const struct lane_series *l, size_t row)
{
	size_t i;

	for (i = 0; i < c->sr->marks; i++) {
		const struct mark_at *m = &c->sr->mark[i];
		double x = chart_x(c, m->t_ns);

		if (m->kind != EV_LANE || !str_eq(m->what, l->name))
			continue;
		buf_printf(c->out, "<path d=\"M%.1f %.1fv%d\" class=\"lanemark\"><title>", x,
			   row_y(c, row) + 1, CHART_ROW - 2);
		html_text(c->out, m->did);
		buf_printf(c->out, " at %.3f s</title></path>\n", (double)m->t_ns / 1e9);
	}
}

void chart_lanes(struct chart *c)
{
	static const char *const names[] = {"somebody at the till", "unknown", "refused",
					    "down, up"};
	static const char *const classes[] = {"busy3", "unknown", "refused", "boxl"};
	size_t i, w;
	char said[80];

	if (!c->sr->lanes)
		return;
	snprintf(said, sizeof(said), "%zu lanes, darker where busier", c->sr->lanes);
	chart_open(c, "lanes", "Lanes", said);
	chart_legend(c, names, classes, ARRAY_SIZE(names));
	for (i = 0; i < c->sr->lanes; i++) {
		row_name(c, i, c->sr->lane[i].name);
		for (w = 0; w < c->sr->windows; w++)
			lane_cell(c, &c->sr->lane[i], i, w);
		lane_marks(c, &c->sr->lane[i], i);
	}
	chart_close(c, CHART_ROW * (double)c->sr->lanes);
}

/* ---- services ---- */

static bool of_service(const struct mark_at *m)
{
	return m->kind >= EV_STARTED && m->kind <= EV_KILLED;
}

static size_t services_find(const struct chart *c, const char *ret[ROWS_MAX])
{
	size_t i, k, n = 0;

	for (i = 0; i < c->sr->marks; i++) {
		const struct mark_at *m = &c->sr->mark[i];

		for (k = 0; k < n && !str_eq(ret[k], m->what); k++)
			;
		if (k == n && n < ROWS_MAX && of_service(m))
			ret[n++] = m->what;
	}
	return n;
}

static void service_mark(struct chart *c, const struct mark_at *m, double y)
{
	bool gone = m->kind == EV_EXITED || m->kind == EV_KILLED;

	buf_printf(c->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" class=\"%s\"><title>",
		   chart_x(c, m->t_ns), y,
		   gone			 ? "gone"
		   : m->kind == EV_READY ? "ready"
					 : "started");
	buf_printf(c->out, "%s at %.3f s", event_names[m->kind], (double)m->t_ns / 1e9);
	if (m->did[0])
		buf_adds(c->out, ": ");
	html_text(c->out, m->did);
	buf_adds(c->out, "</title></circle>\n");
}

void chart_services(struct chart *c)
{
	static const char *const names[] = {"gone", "started", "ready"};
	const char *service[ROWS_MAX];
	size_t i, k, n = services_find(c, service);

	if (!n)
		return;
	chart_open(c, "services", "Services that went or came", NULL);
	chart_legend(c, names, names, ARRAY_SIZE(names));
	for (i = 0; i < n; i++) {
		row_name(c, i, service[i]);
		for (k = 0; k < c->sr->marks; k++)
			if (of_service(&c->sr->mark[k]) && str_eq(c->sr->mark[k].what, service[i]))
				service_mark(c, &c->sr->mark[k], row_y(c, i) + CHART_ROW / 2.0);
	}
	chart_close(c, CHART_ROW * (double)n);
}

/* ---- nodes ---- */

struct metric {
	const char *id, *title;
	size_t offset;
	double factor;
	const char *unit;
};

static const struct metric metrics[] = {
	{"cpu", "Nodes: CPU, per cent of one core", offsetof(struct node_series, cpu_milli), 0.1,
	 " %"},
	{"memory", "Nodes: memory", offsetof(struct node_series, memory), 1.0 / (1 << 20), " MiB"},
	{"files", "Nodes: descriptors open", offsetof(struct node_series, files), 1, ""},
	{"disk", "Nodes: a request to the disk takes", offsetof(struct node_series, disk_ns), 1e-6,
	 " ms"},
	{"again", "Nodes: packets sent again", offsetof(struct node_series, again), 1, ""},
};

static const int64_t *values(const struct node_series *n, const struct metric *m)
{
	return (const int64_t *)(const void *)((const char *)n + m->offset);
}

static int64_t most_of(const struct chart *c, const struct node_series *n, const struct metric *m)
{
	int64_t max = -1;
	size_t w;

	for (w = 0; w < c->sr->windows; w++)
		max = values(n, m)[w] > max ? values(n, m)[w] : max;
	return max;
}

/* An area; where a window had no sample the last one is carried on. */
static void node_area(struct chart *c, const struct node_series *n, const struct metric *m,
		      size_t row, int64_t max)
{
	double base = row_y(c, row + 1) - 1, last = base, x = CHART_LEFT;
	size_t w;

	buf_printf(c->out, "<path class=\"used\" d=\"M%d %.1f", CHART_LEFT, base);
	for (w = 0; w < c->sr->windows; w++) {
		int64_t v = values(n, m)[w];

		x = chart_x(c, (int64_t)w * c->sr->width_ns);
		if (v < 0)
			continue;
		buf_printf(c->out, "L%.1f %.1f", x, last);
		last = base - (CHART_ROW - 4) * (double)v / (double)max;
		buf_printf(c->out, "L%.1f %.1f", x, last);
	}
	x = chart_x(c, (int64_t)c->sr->windows * c->sr->width_ns);
	buf_printf(c->out, "L%.1f %.1fL%.1f %.1fz\"/>\n", x, last, x, base);
}

static void node_row(struct chart *c, const struct node_series *n, const struct metric *m,
		     size_t row, int64_t max)
{
	int64_t most = most_of(c, n, m);
	char words[64];

	row_name(c, row, n->name);
	if (most > 0)
		node_area(c, n, m, row, max);
	if (most < 0)
		snprintf(words, sizeof(words), "not known");
	else
		snprintf(words, sizeof(words), "%.3g%s", (double)most * m->factor, m->unit);
	chart_text(c, CHART_WIDTH - CHART_RIGHT - 4, row_y(c, row) + CHART_ROW - 6, "tick end over",
		   words);
}

static void node_metric(struct chart *c, const struct metric *m)
{
	int64_t max = 0;
	size_t i;

	for (i = 0; i < c->sr->nodes; i++) {
		int64_t most = most_of(c, &c->sr->node[i], m);

		max = most > max ? most : max;
	}
	if (!max)
		return; /* nothing but zeroes is no picture */
	chart_open(c, m->id, m->title, "A row for each node, with the most at its right");
	for (i = 0; i < c->sr->nodes; i++)
		node_row(c, &c->sr->node[i], m, i, max);
	chart_close(c, CHART_ROW * (double)c->sr->nodes);
}

void chart_nodes(struct chart *c)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(metrics); i++)
		node_metric(c, &metrics[i]);
}
