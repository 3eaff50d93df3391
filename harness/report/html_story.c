/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A story as a sequence diagram: a column for each who had a part in it, a row
 * for each line, downwards in time. What did it is marked. The faults stand
 * leftmost, since their words are the longest and may run over the others.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/series.h"
#include "report/summary.h"

#define TIMES 86 /* for the times, at the left */
#define HEAD 34
#define STEP 34
#define TEXT_MAX 200000 /* bytes of a story as text; the ledgers have the rest */
#define ROWS_MAX 60
#define LETTER 6.1 /* width of one, about */

static const int order[ACTORS_COUNT] = {ACTOR_WORLD, ACTOR_SHOPPER, ACTOR_TILL,	 ACTOR_BOOKS,
					ACTOR_BANK,  ACTOR_PRINTER, ACTOR_DRAWER};

struct diagram {
	struct buf *b;
	const struct story *s;
	size_t index; /* of the story on the page */
	double x[ACTORS_COUNT];
	bool has[ACTORS_COUNT];
};

static void place(struct diagram *d)
{
	size_t n = 0, i, at = 0;

	d->has[ACTOR_WORLD] = d->has[ACTOR_SHOPPER] = d->has[ACTOR_TILL] = d->has[ACTOR_BOOKS] =
		true;
	for (i = 0; i < d->s->count; i++)
		d->has[d->s->at[i].from] = d->has[d->s->at[i].to] = true;
	for (i = 0; i < ACTORS_COUNT; i++)
		n += d->has[i];
	for (i = 0; i < ACTORS_COUNT; i++)
		if (d->has[order[i]])
			d->x[order[i]] = TIMES + 60 +
					 (double)(CHART_WIDTH - TIMES - 120) * (double)at++ /
						 (double)(n - 1);
}

static void actors(struct diagram *d, double bottom)
{
	for (int i = 0; i < ACTORS_COUNT; i++) {
		if (!d->has[i])
			continue;
		buf_printf(d->b, "<text x=\"%.1f\" y=\"16\" class=\"name mid\">", d->x[i]);
		if (i == ACTOR_TILL && d->s->lane && *d->s->lane)
			html_text(d->b, d->s->lane);
		else
			html_text(d->b, i == ACTOR_WORLD ? "faults, services" : actor_names[i]);
		buf_printf(d->b,
			   "</text><line x1=\"%.1f\" y1=\"22\" x2=\"%.1f\" y2=\"%.1f\" "
			   "class=\"life\"/>\n",
			   d->x[i], d->x[i], bottom);
	}
}

static void when(struct diagram *d, const struct story_line *l, double y)
{
	if (l->t_ns == STORY_AFTER) {
		buf_printf(d->b,
			   "<text x=\"%d\" y=\"%.1f\" class=\"tick end\">after settling</text>",
			   TIMES, y);
		return;
	}
	buf_printf(d->b,
		   "<a href=\"#moment-%zu\"><text x=\"%d\" y=\"%.1f\" class=\"tick end\">"
		   "%.3f s</text></a>",
		   d->index, TIMES, y, (double)l->t_ns / 1e9);
}

/* Cut to what fits; the whole line is its title. Far to the right it runs to the left. */
static void said(struct diagram *d, const struct story_line *l, double x, double y)
{
	bool end = x > CHART_WIDTH * 0.6 && l->from == l->to;
	double room = end ? x - TIMES : CHART_WIDTH - x - (l->packet ? 90 : 0);
	size_t fits = (size_t)(room / LETTER);
	cleanup_free char *cut = xstrndup(l->text, fits);
	size_t n = strlen(cut);

	while (n < strlen(l->text) && n > 0 && ((unsigned char)l->text[n] & 0xc0) == 0x80)
		cut[--n] = '\0'; /* not inside a character */
	buf_printf(d->b, "<text x=\"%.1f\" y=\"%.1f\" class=\"words%s%s\"><title>",
		   end ? x - 18 : x, y, l->decisive ? " did" : "", end ? " end" : "");
	html_text(d->b, l->text);
	buf_adds(d->b, "</title>");
	html_text(d->b, cut);
	buf_adds(d->b, n < strlen(l->text) ? "…</text>\n" : "</text>\n");
}

static void packet(struct diagram *d, const struct story_line *l, double y)
{
	if (l->packet)
		buf_printf(d->b,
			   "<a href=\"wire.pcapng\"><text x=\"%d\" y=\"%.1f\" class=\"tick "
			   "end\"><title>its number in wire.pcapng</title>packet %lld</text></a>\n",
			   CHART_WIDTH - 4, y, (long long)l->packet);
}

static void arrow(struct diagram *d, const struct story_line *l, double y)
{
	double from = d->x[l->from], to = d->x[l->to], back = to > from ? -7 : 7;

	if (l->from == l->to) {
		buf_printf(d->b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" class=\"%s\"/>\n", from,
			   y, l->decisive ? "did" : "here");
		return;
	}
	buf_printf(d->b,
		   "<path d=\"M%.1f %.1fH%.1f\" class=\"say\"/><path d=\"M%.1f %.1fl%.1f "
		   "-4v8z\" class=\"tip\"/>\n",
		   from, y, to, to, y, back);
}

static void one_row(struct diagram *d, const struct story_line *l, double y)
{
	double left = d->x[l->from] < d->x[l->to] ? d->x[l->from] : d->x[l->to];

	if (l->decisive)
		buf_printf(d->b,
			   "<rect x=\"0\" y=\"%.1f\" width=\"%d\" height=\"%d\" "
			   "class=\"didrow\"/>\n",
			   y - 22, CHART_WIDTH, STEP - 2);
	when(d, l, y);
	arrow(d, l, y);
	said(d, l, left + (l->from == l->to ? 9 : 4), l->from == l->to ? y + 4 : y - 5);
	packet(d, l, y);
}

static void diagram(struct buf *b, const struct sum_story *st, size_t index)
{
	struct diagram d = {.b = b, .s = &st->s, .index = index};
	size_t rows = st->s.count < ROWS_MAX ? st->s.count : ROWS_MAX, i;
	double bottom = HEAD + STEP * (double)rows + 6;

	place(&d);
	buf_printf(b,
		   "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Diagram of "
		   "the story\"><svg viewBox=\"0 0 %d %.0f\" role=\"group\" aria-label=\"Sequence "
		   "diagram; the same in words below\">\n",
		   CHART_WIDTH, bottom);
	actors(&d, bottom);
	for (i = 0; i < rows; i++)
		one_row(&d, &st->s.at[i], HEAD + STEP * (double)i + 22);
	buf_adds(b, "</svg></div>\n");
}

static void links(struct buf *b, const struct sum_story *st, size_t index, const struct series *sr)
{
	const struct story *s = &st->s;

	buf_adds(b, "<p>");
	html_text(b, st->check);
	if (s->to_ns >= s->from_ns && sr->end_ns >= s->from_ns)
		buf_printf(b,
			   ": at the till from %.3f s to %.3f s, <a href=\"#moment-%zu\">there on "
			   "the axis</a>",
			   (double)s->from_ns / 1e9, (double)s->to_ns / 1e9, index);
	buf_adds(b, ". Marked: what did it, as far as can be seen.</p>\n");
}

static void one_story(struct buf *b, const struct sum_story *st, size_t index,
		      const struct series *sr)
{
	cleanup_free char *cut = xstrndup(st->text ? st->text : "", TEXT_MAX);

	buf_printf(b, "<section id=\"story-%zu\" class=\"story\">\n<h3>Sale ", index);
	html_text(b, st->s.key);
	buf_adds(b, ": ");
	html_text(b, st->check);
	buf_adds(b, "</h3>\n");
	links(b, st, index, sr);
	if (st->s.count)
		diagram(b, st, index);
	if (st->s.torn) {
		buf_adds(b, "<p>What the printer left:</p>\n");
		html_paper(b, st->s.torn, 1);
	}
	buf_printf(b,
		   "<details%s><summary>In words</summary>\n<pre tabindex=\"0\" "
		   "data-json=\"/stories/%zu/text\">",
		   index ? "" : " open", index);
	html_text(b, cut);
	buf_adds(b, "</pre></details>\n</section>\n");
}

void html_stories(struct buf *b, const struct summary *s, const struct series *sr)
{
	size_t i;

	if (!s->stories_count)
		return;
	buf_printf(b, "<section>\n<h2 id=\"stories\">%s</h2>\n",
		   s->stories_count == 1 ? "The story" : "The stories");
	for (i = 0; i < s->stories_count; i++)
		one_story(b, &s->stories[i], i, sr);
	buf_adds(b, "</section>\n");
}
