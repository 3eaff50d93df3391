/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.html: what a person reads after the exit code. One file that can be
 * mailed: no script, nothing fetched from anywhere, colours for light and dark.
 * Everything that comes from files or from the target goes through html_text.
 */
#include "report/html.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "report/series.h"
#include "report/summary.h"

void html_cell(struct buf *b, const char *json, const char *s)
{
	buf_adds(b, "<td");
	if (json)
		buf_printf(b, " data-json=\"%s\"", json);
	buf_addc(b, '>');
	html_text(b, s);
	buf_adds(b, "</td>");
}

void html_number(struct buf *b, const char *json, int64_t n)
{
	buf_adds(b, "<td class=\"n\"");
	if (json)
		buf_printf(b, " data-json=\"%s\"", json);
	buf_printf(b, ">%lld</td>", (long long)n);
}

void html_table(struct buf *b, const char *label, const char *headings)
{
	buf_printf(b,
		   "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>\n"
		   "<thead><tr>",
		   label);
	for (const char *p = headings; *p;) {
		size_t n = strcspn(p, "|");
		bool number = *p == '#';

		buf_printf(b, "<th scope=\"col\"%s>%.*s</th>", number ? " class=\"n\"" : "",
			   (int)(n - number), p + number);
		p += n + (p[n] == '|');
	}
	buf_adds(b, "</tr></thead>\n<tbody>\n");
}

void html_table_end(struct buf *b)
{
	buf_adds(b, "</tbody></table></div>\n");
}

/* The member of the i-th in a list of verdict.json. Into a caller's array; returns it. */
#define POINTER_TEXT 64
static const char *pointer(char *buf, const char *list, size_t i, const char *member)
{
	snprintf(buf, POINTER_TEXT, "/%s/%zu/%s", list, i, member);
	return buf;
}

static void head(struct buf *b, const struct summary *s)
{
	buf_adds(
		b,
		"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
	html_text(b, s->verdict);
	buf_adds(b, ": ");
	html_text(b, s->experiment);
	/* Whatever a hostile log would smuggle in: nothing runs, nothing is fetched. */
	buf_adds(b, "</title>\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
		    "'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n");
	buf_printf(b, "<style>\n%s</style>\n</head>\n<body>\n<main>\n", html_style);
}

static void headline(struct buf *b, const struct summary *s)
{
	char wall[DUR_TEXT];

	buf_adds(b, "<header>\n<span class=\"tag v-");
	html_text(b, s->verdict);
	buf_adds(b, "\" data-json=\"/verdict\">");
	html_text(b, s->verdict);
	buf_adds(b, "</span>\n<h1>");
	html_text(b, s->title ? s->title : s->experiment);
	buf_adds(b, "</h1>\n");
	html_said(b, s);
	if (s->expect_note && !str_eq(s->expect_note, s->why)) {
		buf_adds(b, "<p>");
		html_text(b, s->expect_note);
		buf_adds(b, "</p>\n");
	}
	buf_adds(b, "<p class=\"faint\">");
	html_text(b, s->experiment);
	buf_printf(b, " &middot; seed %lld &middot; target ", (long long)s->seed);
	html_text(b, s->target);
	buf_adds(b, " &middot; ");
	if (s->pace_milli > 0 && s->pace_milli != 1000)
		buf_printf(b, "pace %gx &middot; ", (double)s->pace_milli / 1000);
	buf_printf(b, "took %s", dur_text(wall, s->wall_ns));
	buf_adds(b, s->good_day ? " &middot; the good day: every fault off</p>\n" : "</p>\n");
	buf_adds(b, "</header>\n");
}

static void promise(struct buf *b, const struct sum_check *c, size_t i)
{
	char at[POINTER_TEXT];

	buf_adds(b, "<tr><th scope=\"row\">");
	html_text(b, c->name);
	if (c->promise) {
		buf_adds(b, "<span class=\"promise\">");
		html_text(b, c->promise);
		buf_adds(b, "</span>");
	}
	buf_adds(b, "</th><td class=\"t-");
	html_text(b, c->verdict);
	buf_printf(b, "\"><b data-json=\"%s\">", pointer(at, "checks", i, "verdict"));
	html_text(b, c->verdict);
	buf_adds(b, "</b></td>");
	html_cell(b, pointer(at, "checks", i, "figure"), c->figure);
	html_cell(b, pointer(at, "checks", i, "limit"), c->limit);
	html_cell(b, pointer(at, "checks", i, "margin"), c->margin);
	html_number(b, pointer(at, "checks", i, "judged"), c->judged);
	html_cell(b, pointer(at, "checks", i, "why"), c->why);
	buf_adds(b, "</tr>\n");
}

static void promises(struct buf *b, const struct summary *s)
{
	size_t i;

	buf_adds(b, "<section>\n<h2 id=\"promises\">Promises</h2>\n");
	html_table(b, "Promises", "Promise|Verdict|Figure|Limit|Margin|#Judged|Why");
	for (i = 0; i < s->checks_count; i++)
		promise(b, &s->checks[i], i);
	html_table_end(b);
	buf_adds(b, "</section>\n");
}

static void faults(struct buf *b, const struct summary *s)
{
	char at[POINTER_TEXT];
	size_t i;

	if (s->faults_count == 0)
		return;
	buf_adds(b, "<section>\n<h2 id=\"faults\">Faults</h2>\n");
	html_table(b, "Faults", "Fault|What it does|When|#Armed|#Fired|#Skipped");
	for (i = 0; i < s->faults_count; i++) {
		const struct sum_fault *f = &s->faults[i];

		buf_adds(b, "<tr>");
		html_cell(b, pointer(at, "faults", i, "name"), f->name);
		html_cell(b, pointer(at, "faults", i, "describe"), f->describe);
		html_cell(b, pointer(at, "faults", i, "when"), f->when);
		html_number(b, pointer(at, "faults", i, "armed"), f->armed);
		html_number(b, pointer(at, "faults", i, "fired"), f->fired);
		html_number(b, pointer(at, "faults", i, "skipped"), f->skipped);
		buf_adds(b, "</tr>\n");
	}
	html_table_end(b);
	buf_adds(b, "</section>\n");
}

static void cut_note(struct buf *b, int64_t n, const char *what)
{
	if (n)
		buf_printf(b, "<p class=\"faint\">%lld more %s.</p>\n", (long long)n, what);
}

/* The same numbers for who cannot see the charts, or wants them. */
static void numbers(struct buf *b, const struct series *sr)
{
	size_t i;

	buf_adds(b, "<details><summary>The numbers behind it</summary>\n");
	html_table(b, "Numbers by window of time",
		   "#From, s|#Came|#Told ok|#Refused|#Unknown|"
		   "#Walked out|#Missed the train|#In the queue|#At the tills");
	for (i = 0; i < sr->windows; i++) {
		const struct window *w = &sr->window[i];

		buf_printf(b, "<tr><td class=\"n\">%.6g</td>",
			   (double)i * (double)sr->width_ns / 1e9);
		html_number(b, NULL, w->arrived);
		html_number(b, NULL, w->ok);
		html_number(b, NULL, w->refused);
		html_number(b, NULL, w->unknown);
		html_number(b, NULL, w->left);
		html_number(b, NULL, w->missed);
		buf_printf(b, "<td class=\"n\">%.3g</td><td class=\"n\">%.3g</td></tr>\n",
			   (double)w->queue_milli / 1000, (double)w->till_milli / 1000);
	}
	html_table_end(b);
	buf_adds(b, "</details>\n");
}

static void charts(struct buf *b, const struct summary *s, const struct series *sr)
{
	buf_adds(b, "<section>\n<h2 id=\"day\">The shop over time</h2>\n<div class=\"wide\" "
		    "tabindex=\"0\" role=\"region\" aria-label=\"Charts\">\n");
	chart_page(s, sr, b);
	buf_adds(b, "</div>\n");
	cut_note(b, sr->hits_cut, "hits of faults are in events.ndjson");
	cut_note(b, sr->marks_cut, "events of services and lanes are in events.ndjson");
	cut_note(b, sr->lanes_cut, "sales were made at lanes that are not drawn");
	if (!sr->has_good && !s->good_day)
		buf_adds(b, "<p class=\"faint\">There was no good day to compare with.</p>\n");
	if (!sr->nodes)
		buf_adds(b, "<p class=\"faint\">What the nodes used was not recorded.</p>\n");
	numbers(b, sr);
	buf_adds(b, "</section>\n");
}

static void witnesses_of(struct buf *b, const struct sum_check *c)
{
	size_t i;

	buf_adds(b, "<h3>");
	html_text(b, c->name);
	buf_adds(b, "</h3>\n");
	if (c->violations > (int64_t)c->witnesses)
		buf_printf(b, "<p class=\"faint\">the first %zu of %lld</p>\n", c->witnesses,
			   (long long)c->violations);
	html_table(b, "Witnesses", "Sale|What");
	for (i = 0; i < c->witnesses; i++) {
		buf_adds(b, "<tr>");
		html_cell(b, NULL, c->witness[i].key);
		html_cell(b, NULL, c->witness[i].what);
		buf_adds(b, "</tr>\n");
	}
	html_table_end(b);
}

static void witnesses(struct buf *b, const struct summary *s)
{
	size_t n = 0, i;

	for (i = 0; i < s->checks_count; i++)
		n += s->checks[i].witnesses > 0;
	if (!n)
		return;
	buf_adds(b, "<section>\n<h2 id=\"witnesses\">Witnesses</h2>\n");
	for (i = 0; i < s->checks_count; i++)
		if (s->checks[i].witnesses)
			witnesses_of(b, &s->checks[i]);
	buf_adds(b, "</section>\n");
}

static void cell_time(struct buf *b, int64_t ns)
{
	char words[DUR_TEXT];

	buf_printf(b, "<td class=\"n\">%s</td>", ns > 0 ? dur_text(words, ns) : "");
}

static void link_row(struct buf *b, const struct trial_link *l)
{
	buf_adds(b, "<tr>");
	html_cell(b, NULL, l->from);
	html_cell(b, NULL, l->to);
	html_number(b, NULL, l->packets);
	html_number(b, NULL, l->bytes);
	html_number(b, NULL, l->dropped);
	html_number(b, NULL, l->again);
	html_number(b, NULL, l->handshakes);
	cell_time(b, l->rtt_min_ns);
	cell_time(b, l->rtt_mean_ns);
	cell_time(b, l->rtt_max_ns);
	buf_adds(b, "</tr>\n");
}

static void pcap(struct buf *b, const struct trial_facts *f)
{
	if (!f->pcap_packets && !f->pcap_note[0])
		return;
	buf_printf(b, "<p><a href=\"wire.pcapng\">wire.pcapng</a> has %lld packets",
		   (long long)f->pcap_packets);
	if (f->pcap_note[0]) {
		buf_adds(b, ": ");
		html_text(b, f->pcap_note);
	}
	buf_adds(b, ".</p>\n");
}

static void wire(struct buf *b, const struct summary *s)
{
	size_t i;

	if (!s->links_count)
		return;
	buf_adds(b, "<section>\n<h2 id=\"wire\">The wire</h2>\n");
	pcap(b, &s->facts);
	html_table(b, "Links",
		   "From|To|#Packets|#Bytes|#Dropped|#Sent again|#Connections opened|"
		   "#Round trip: least|#mean|#most");
	for (i = 0; i < s->links_count; i++)
		link_row(b, &s->links[i]);
	html_table_end(b);
	buf_adds(b, "</section>\n");
}

static void host(struct buf *b, const struct summary *s)
{
	char late[DUR_TEXT];

	buf_adds(b, "<section>\n<h2 id=\"noise\">How far to trust the clock</h2>\n<p>99 % of "
		    "requests and "
		    "arrivals started within ");
	html_text(b, dur_text(late, s->facts.late_p99_ns));
	buf_printf(b, " of their time; CPU steal %.1f %%", s->facts.steal * 100);
	if (s->facts.pressure >= 0)
		buf_printf(b, ", CPU pressure %.1f %%", s->facts.pressure * 100);
	buf_printf(b, "; timers of the harness fired within %s (99 %%)",
		   dur_text(late, s->facts.timer_p99_ns));
	if (s->facts.wire_overrun)
		buf_printf(b, "; %lld packets were lost by this machine, by no fault",
			   (long long)s->facts.wire_overrun);
	buf_adds(b, ".</p>\n</section>\n");
}

static void again(struct buf *b, const struct summary *s)
{
	buf_adds(b, "<section>\n<h2>Again</h2>\n<pre tabindex=\"0\">");
	html_text(b, s->reproduce);
	buf_adds(b, "\n");
	html_text(b, s->replay);
	buf_adds(b, "</pre>\n</section>\n");
}

/* Drawn from the results of another version, which may lack what this one shows. */
static void version(struct buf *b, const struct summary *s)
{
	if (s->format != SUMMARY_FORMAT)
		buf_printf(
			b,
			"<p class=\"faint\" id=\"version\">These results were written by another "
			"version of worstday (format %lld, this one's is %d): what it did not "
			"record is missing here.</p>\n",
			(long long)s->format, SUMMARY_FORMAT);
}

void html_page(const struct summary *s, const struct series *sr, struct buf *out)
{
	head(out, s);
	headline(out, s);
	version(out, s);
	promises(out, s);
	charts(out, s, sr);
	faults(out, s);
	html_stories(out, s, sr);
	html_latency(out, s, sr);
	html_ledgers(out, s, sr);
	witnesses(out, s);
	wire(out, s);
	reach_section(out, s);
	host(out, s);
	again(out, s);
	buf_adds(out, "</main>\n</body>\n</html>\n");
}
