/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_CHART_H
#define WD_REPORT_CHART_H

/* What the chart's files share. Private to report/. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct series;
struct summary;
struct window;

#define CHART_WIDTH 960
#define CHART_LEFT 96
#define CHART_RIGHT 16
#define CHART_PANEL 120 /* height of a panel with a scale */
#define CHART_GAP 44	/* above each, for its title */
#define CHART_ROW 20	/* height of a row of a panel with rows */

/** struct chart - panels are drawn from above; each starts at `y` and moves it below itself. */
struct chart {
	const struct summary *s;
	const struct series *sr;
	struct buf *out;
	double span_ns; /* along the axis */
	double y;
};

double chart_x(const struct chart *c, int64_t t_ns);
double chart_pace(const struct chart *c);
const char *chart_fault(const struct chart *c, int64_t fault);
void chart_text(struct chart *c, double x, double y, const char *class, const char *words);
void chart_line(struct chart *c, double x1, double y1, double x2, double y2, const char *class);
/** chart_step - a round step that gives about `want` parts of max: 1, 2 or 5 times a power of ten.
 */
double chart_step(double max, int want);
/** chart_open - a panel: its title, and a name (title and `said`) for who cannot see it. */
void chart_open(struct chart *c, const char *id, const char *title, const char *said);
/** chart_close - @height: of what was drawn since. */
void chart_close(struct chart *c, double height);
/** chart_scale - the vertical axis of the panel that is open. */
void chart_scale(struct chart *c, double max, const char *unit);
/** chart_legend - names with a patch of colour each, at the right of the title. */
void chart_legend(struct chart *c, const char *const *names, const char *const *classes, size_t n);

/* chart_panels.c */
void chart_people(struct chart *c);
void chart_sales(struct chart *c);
void chart_losses(struct chart *c);
void chart_times(struct chart *c);
/* chart_rows.c */
void chart_faults(struct chart *c);
void chart_lanes(struct chart *c);
void chart_services(struct chart *c);
void chart_nodes(struct chart *c);

#endif
