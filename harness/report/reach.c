/* SPDX-License-Identifier: Apache-2.0 */
/* What the faults on system calls and inside processes could reach of each service. */
#include "base/buf.h"
#include "report/html.h"
#include "report/summary.h"

static void words(struct buf *b, const char *text)
{
	buf_adds(b, "<td>");
	html_text(b, text);
	buf_adds(b, "</td>");
}

static void number(struct buf *b, int64_t n)
{
	buf_printf(b, "<td class=\"n\">%lld</td>", (long long)n);
}

static const char *text(const char *s)
{
	return s ? s : "";
}

static void program(struct buf *b, const struct trial_reach *r)
{
	struct buf all = {0};

	buf_printf(&all, "%s: %s %s %s", text(r->program), text(r->linked), text(r->libc),
		   text(r->language));
	words(b, all.data);
	buf_done(&all);
}

static void beyond(struct buf *b, const struct trial_reach *r)
{
	struct buf all = {0};

	buf_adds(&all, text(r->beyond));
	if (r->rings)
		buf_printf(&all, "%sio_uring, denied %lld times", all.len ? "; " : "",
			   (long long)r->rings);
	if (r->listeners)
		buf_printf(&all, "%sa filter of its own that notifies, refused %lld times",
			   all.len ? "; " : "", (long long)r->listeners);
	words(b, all.data);
	buf_done(&all);
}

void reach_section(struct buf *b, const struct summary *s)
{
	if (!s->reach_count)
		return;
	buf_adds(b, "<section>\n<h2>What the faults could reach</h2>\n<div class=\"wide\"><table>\n"
		    "<tr><th>Service</th><th>Program</th><th>Seen by</th><th>Calls looked at</th>"
		    "<th>Their number</th><th>Altered</th><th>Library loaded</th>"
		    "<th>Out of reach</th></tr>\n");
	for (size_t i = 0; i < s->reach_count; i++) {
		const struct trial_reach *r = &s->reach[i];

		buf_adds(b, "<tr>");
		words(b, r->service);
		program(b, r);
		words(b, r->layers);
		words(b, r->filtered);
		number(b, r->calls);
		number(b, r->altered);
		number(b, r->loaded);
		beyond(b, r);
		buf_adds(b, "</tr>\n");
	}
	buf_adds(b, "</table></div>\n</section>\n");
}
