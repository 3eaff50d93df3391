/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt as a picture: what its lines say, on a strip of paper that may be torn. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "report/html.h"

#define LINES_MAX 120
#define COLUMNS_MAX 64
#define LINE 15
#define LETTER 6.7
#define MARGIN 14
#define TOOTH 7

static void lines_of(const char *text, size_t *ret_lines, size_t *ret_columns)
{
	size_t lines = 0, columns = 24;

	for (const char *p = text; *p && lines < LINES_MAX; lines++) {
		size_t n = strcspn(p, "\n");

		columns = n > columns ? n : columns;
		p += n + (p[n] == '\n');
	}
	*ret_lines = lines;
	*ret_columns = columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
}

/* Along the edge at the bottom, from the left. */
static void teeth(struct buf *b, double width, double y)
{
	double x = 1;
	int i;

	for (i = 0; x < width - 1; i++) {
		x = x + TOOTH < width - 1 ? x + TOOTH : width - 1;
		buf_printf(b, "L%.1f %.1f", x, y + (i % 2 ? 0 : -TOOTH));
	}
}

static void sheet(struct buf *b, double width, double height, int torn)
{
	double edge = height - 2;

	if (!torn) {
		buf_printf(b,
			   "<rect x=\"1\" y=\"1\" width=\"%.1f\" height=\"%.1f\" "
			   "class=\"sheet\"/>\n",
			   width - 2, edge - 1);
		return;
	}
	buf_printf(b, "<path class=\"sheet\" d=\"M%.1f %.1fV1H1V%.1f", width - 1, edge, edge);
	teeth(b, width, edge);
	buf_printf(b, "z\"/>\n<path class=\"torn\" d=\"M1 %.1f", edge);
	teeth(b, width, edge);
	buf_adds(b, "\"/>\n");
}

void html_paper(struct buf *b, const char *text, int torn)
{
	size_t lines, columns, i;
	double width, height;
	const char *p = text;

	lines_of(text, &lines, &columns);
	width = LETTER * (double)columns + 2 * MARGIN;
	height = LINE * (double)lines + 2 * MARGIN + (torn ? TOOTH : 0);
	buf_printf(b,
		   "<svg class=\"paper\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
		   "role=\"img\" aria-label=\"%s\">\n",
		   width, height, width, height,
		   torn ? "A receipt that was torn off in the middle" : "A receipt");
	sheet(b, width, height, torn);
	for (i = 0; i < lines; i++) {
		size_t n = strcspn(p, "\n");
		cleanup_free char *line = xstrndup(p, n < COLUMNS_MAX ? n : COLUMNS_MAX);

		buf_printf(b, "<text x=\"%d\" y=\"%.1f\" class=\"ink\">", MARGIN,
			   MARGIN + LINE * ((double)i + 0.8));
		html_text(b, line);
		buf_adds(b, "</text>\n");
		p += n + (p[n] == '\n');
	}
	buf_adds(b, "</svg>\n");
}
