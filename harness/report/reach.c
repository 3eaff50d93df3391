/* SPDX-License-Identifier: Apache-2.0 */
/* What the faults on system calls and inside processes could reach of each service. */
#include "base/buf.h"
#include "report/html.h"
#include "report/summary.h"

static const char *text(const char *s)
{
	return s ? s : "";
}

static void program(struct buf *b, const struct trial_reach *r)
{
	struct buf all = {0};

	buf_printf(&all, "%s: %s %s %s", text(r->program), text(r->linked), text(r->libc),
		   text(r->language));
	html_cell(b, NULL, all.data);
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
	html_cell(b, NULL, all.data);
	buf_done(&all);
}

void reach_section(struct buf *b, const struct summary *s)
{
	if (!s->reach_count)
		return;
	buf_adds(b, "<section>\n<h2 id=\"reach\">What the faults could reach</h2>\n");
	html_table(b, "What the faults could reach",
		   "Service|Program|Seen by|Calls looked at|#Their number|#Altered|#Library "
		   "loaded|Out "
		   "of reach");
	for (size_t i = 0; i < s->reach_count; i++) {
		const struct trial_reach *r = &s->reach[i];

		buf_adds(b, "<tr>");
		html_cell(b, NULL, r->service);
		program(b, r);
		html_cell(b, NULL, r->layers);
		html_cell(b, NULL, r->filtered);
		html_number(b, NULL, r->calls);
		html_number(b, NULL, r->altered);
		html_number(b, NULL, r->loaded);
		beyond(b, r);
		buf_adds(b, "</tr>\n");
	}
	html_table_end(b);
	buf_adds(b, "</section>\n");
}
