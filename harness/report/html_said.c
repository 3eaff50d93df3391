/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict in plain words, for who has ten seconds. */
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "report/html.h"
#include "report/summary.h"

static bool is_violated(const struct sum_check *c)
{
	return str_eq(c->verdict, verdict_names[VIOLATED]);
}

static const char *promise_of(const struct sum_check *c)
{
	return c->promise ? c->promise : c->name ? c->name : "a promise";
}

static void broken(struct buf *b, const struct summary *s)
{
	const char *gap = "";
	size_t i, n = 0;

	for (i = 0; i < s->checks_count; i++)
		n += is_violated(&s->checks[i]);
	buf_printf(b, "<p class=\"said\">%zu of %zu promises %s broken: ", n, s->checks_count,
		   n == 1 ? "was" : "were");
	for (i = 0; i < s->checks_count; i++) {
		const struct sum_check *c = &s->checks[i];

		if (!is_violated(c))
			continue;
		buf_printf(b, "%s<b>", gap);
		html_text(b, promise_of(c));
		buf_adds(b, "</b>");
		if (c->figure) {
			buf_adds(b, " (");
			html_text(b, c->figure);
			buf_addc(b, ')');
		}
		gap = "; ";
	}
	buf_adds(b, ".</p>\n");
}

static void deeds(struct buf *b, const struct story *s)
{
	const char *gap = ". What did it, as far as can be seen: ";
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (!s->at[i].decisive)
			continue;
		buf_printf(b, "%sat %.3f s <b>", gap, (double)s->at[i].t_ns / 1e9);
		html_text(b, s->at[i].text);
		buf_adds(b, "</b>");
		gap = "; ";
	}
}

static void culprit(struct buf *b, const struct summary *s)
{
	const struct story *st = s->stories_count ? &s->stories[0].s : NULL;

	if (!st)
		return;
	buf_adds(b, "<p class=\"said\">The first sale it hurt is <a href=\"#story-0\">");
	html_text(b, st->key);
	buf_adds(b, "</a>");
	if (st->to_ns >= st->from_ns)
		buf_printf(b, ", at the till from <a href=\"#moment-0\">%.3f s to %.3f s</a>",
			   (double)st->from_ns / 1e9, (double)st->to_ns / 1e9);
	deeds(b, st);
	buf_adds(b, ".</p>\n");
}

void html_said(struct buf *b, const struct summary *s)
{
	if (str_eq(s->verdict, verdict_names[VIOLATED]) && summary_violated(s)) {
		broken(b, s);
		culprit(b, s);
	}
	buf_adds(b, "<p data-json=\"/why\">");
	html_text(b, s->why);
	buf_adds(b, "</p>\n");
}
