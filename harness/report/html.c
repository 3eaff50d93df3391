/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.html: what a person reads after the exit code. One file that can be
 * mailed: no script, nothing fetched from anywhere, colours for light and dark.
 * Everything that comes from files or from the target goes through html_text.
 */
#include "report/html.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "report/series.h"
#include "report/summary.h"

#define STORY_MAX 200000 /* bytes of story shown; the ledgers have the rest */

static const char style[] =
	":root{color-scheme:light dark;--bg:#fbfaf8;--ink:#1d1f23;--faint:#6b7078;--rule:#dcdad5;"
	"--card:#fff;--ok:#2c7a5a;--unknown:#c2452d;--refused:#c9962b;--left:#9aa0a8;"
	"--p50:#3a6fb5;--p95:#8a4fb0;--queue:#b8741a;--band:#c2452d22;--fired:#c2452d}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#16181c;--ink:#e8e6e1;--faint:#989da6;"
	"--rule:#33373e;--card:#1e2126;--ok:#4fb38a;--unknown:#ea7258;--refused:#dcb04f;"
	"--left:#6c727b;--p50:#78a9ea;--p95:#c08ee2;--queue:#e0a04c;--band:#ea725826;"
	"--fired:#ea7258}}\n"
	"*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
	"font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",sans-serif}\n"
	"main{max-width:1040px;margin:0 auto;padding:2rem 1.25rem 4rem}\n"
	"h1{font-size:1.7rem;line-height:1.25;margin:.2rem 0 .4rem}h2{font-size:1.1rem;"
	"margin:2.2rem 0 .6rem}p{margin:.4rem 0}.faint{color:var(--faint)}\n"
	".tag{display:inline-block;padding:.15rem .7rem;border-radius:99px;color:#fff;"
	"font-weight:600;font-size:.9rem;letter-spacing:.02em}\n"
	".v-holds{background:#2c7a5a}.v-violated{background:#b93c25}.v-inconclusive{background:"
	"#8a6914}.v-unsupported,.v-broken{background:#5b616b}\n"
	".t-holds{color:var(--ok)}.t-violated{color:var(--unknown)}.t-inconclusive{color:"
	"var(--refused)}td b{font-weight:600}\n"
	"table{border-collapse:collapse;width:100%;font-size:.94rem}th{text-align:left;font-weight:"
	"600;color:var(--faint)}th,td{padding:.42rem .8rem .42rem 0;border-bottom:1px solid "
	"var(--rule);vertical-align:top}td:first-child,td[class^=t-]{white-space:nowrap}td.n{text-"
	"align:right;font-variant-numeric:tabular-nums}\n"
	".wide{overflow-x:auto}svg{display:block;width:100%;min-width:640px;height:auto}\n"
	"pre{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:.9rem "
	"1rem;overflow-x:auto;font:13px/1.55 ui-monospace,Menlo,Consolas,monospace;white-space:"
	"pre-wrap;overflow-wrap:anywhere}\n"
	".axis{stroke:var(--faint)}.grid{stroke:var(--rule);stroke-width:.7}.tick{font-size:11px;"
	"fill:var(--ink)}.mid{text-anchor:middle}.end{text-anchor:end}text.faint{fill:var(--faint)}"
	".panel{font-size:13px;font-weight:600;fill:var(--ink)}.faultname{font-size:12px;"
	"font-weight:600;fill:var(--fired)}\n"
	".band{fill:var(--band)}.fired{fill:var(--fired)}.ok{fill:var(--ok)}.refused{fill:"
	"var(--refused)}.unknown{fill:var(--unknown)}.left{fill:var(--left)}\n"
	".line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.p50{stroke:"
	"var(--p50)}.p95{stroke:var(--p95)}.queue{stroke:var(--queue);stroke-dasharray:5 4}"
	".box50{fill:var(--p50)}.box95{fill:var(--p95)}.boxq{fill:var(--queue)}\n"
	".gone{fill:var(--unknown)}.ready{fill:var(--ok)}.started{fill:var(--refused)}\n";

static void cell(struct buf *b, const char *s)
{
	buf_adds(b, "<td>");
	html_text(b, s);
	buf_adds(b, "</td>");
}

static void cell_number(struct buf *b, int64_t n)
{
	buf_printf(b, "<td class=\"n\">%lld</td>", (long long)n);
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
	buf_printf(b, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", style);
}

static void headline(struct buf *b, const struct summary *s)
{
	char wall[DUR_TEXT];

	buf_adds(b, "<header>\n<span class=\"tag v-");
	html_text(b, s->verdict);
	buf_adds(b, "\">");
	html_text(b, s->verdict);
	buf_adds(b, "</span>\n<h1>");
	html_text(b, s->title ? s->title : s->experiment);
	buf_adds(b, "</h1>\n<p>");
	html_text(b, s->why);
	buf_adds(b, "</p>\n");
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

static void promises(struct buf *b, const struct summary *s)
{
	size_t i;

	buf_adds(b,
		 "<section>\n<h2>Promises</h2>\n<div class=\"wide\"><table>\n<tr><th>Promise</th>"
		 "<th>Verdict</th><th>Figure</th><th>Limit</th><th>Why</th></tr>\n");
	for (i = 0; i < s->checks_count; i++) {
		const struct sum_check *c = &s->checks[i];

		buf_adds(b, "<tr>");
		cell(b, c->name);
		buf_adds(b, "<td class=\"t-");
		html_text(b, c->verdict);
		buf_adds(b, "\"><b>");
		html_text(b, c->verdict);
		buf_adds(b, "</b></td>");
		cell(b, c->figure);
		cell(b, c->limit);
		cell(b, c->why);
		buf_adds(b, "</tr>\n");
	}
	buf_adds(b, "</table></div>\n</section>\n");
}

static void faults(struct buf *b, const struct summary *s)
{
	size_t i;

	if (s->faults_count == 0)
		return;
	buf_adds(b, "<section>\n<h2>Faults</h2>\n<div class=\"wide\"><table>\n<tr><th>Fault</th>"
		    "<th>What it does</th><th>When</th><th>Armed</th><th>Fired</th><th>Skipped</th>"
		    "</tr>\n");
	for (i = 0; i < s->faults_count; i++) {
		const struct sum_fault *f = &s->faults[i];

		buf_adds(b, "<tr>");
		cell(b, f->name);
		cell(b, f->describe);
		cell(b, f->when);
		cell_number(b, f->armed);
		cell_number(b, f->fired);
		cell_number(b, f->skipped);
		buf_adds(b, "</tr>\n");
	}
	buf_adds(b, "</table></div>\n</section>\n");
}

static void charts(struct buf *b, const struct summary *s, const struct series *sr)
{
	buf_adds(b, "<section>\n<h2>The day</h2>\n<div class=\"wide\">\n");
	chart_page(s, sr, b);
	buf_adds(b, "</div>\n");
	if (sr->marks_cut)
		buf_printf(b, "<p class=\"faint\">%zu more events are in events.ndjson.</p>\n",
			   sr->marks_cut);
	buf_adds(b, "</section>\n");
}

static void story(struct buf *b, const struct summary *s)
{
	cleanup_free char *cut = NULL;

	if (!s->story)
		return;
	cut = xstrndup(s->story, STORY_MAX);
	buf_adds(b, "<section>\n<h2>The story of sale ");
	html_text(b, s->story_key);
	buf_adds(b, "</h2>\n<pre>");
	html_text(b, cut);
	buf_adds(b, "</pre>\n</section>\n");
}

static void witnesses(struct buf *b, const struct summary *s)
{
	const struct sum_check *c = summary_violated(s);
	size_t i;

	if (!c || c->witnesses == 0)
		return;
	buf_adds(b, "<section>\n<h2>Witnesses against ");
	html_text(b, c->name);
	buf_adds(b, "</h2>\n");
	if (c->violations > (int64_t)c->witnesses)
		buf_printf(b, "<p class=\"faint\">the first %zu of %lld</p>\n", c->witnesses,
			   (long long)c->violations);
	buf_adds(b, "<div class=\"wide\"><table>\n<tr><th>Sale</th><th>What</th></tr>\n");
	for (i = 0; i < c->witnesses; i++) {
		buf_adds(b, "<tr>");
		cell(b, c->witness[i].key);
		cell(b, c->witness[i].what);
		buf_adds(b, "</tr>\n");
	}
	buf_adds(b, "</table></div>\n</section>\n");
}

struct ledger_row {
	const char *ledger, *what;
	size_t offset;
};
#define ROW(l, w, f)                                                                               \
	{                                                                                          \
		l, w, offsetof(struct sum_ledgers, f)                                              \
	}

static void reconciliation(struct buf *b, const struct summary *s)
{
	static const struct ledger_row rows[] = {
		ROW("told", "sales that shoppers were told about", told),
		ROW("", "told ok", ok),
		ROW("", "told refused", refused),
		ROW("", "left in doubt (unknown)", unknown),
		ROW("", "walked out without a sale", left),
		ROW("", "trains missed", missed_trains),
		ROW("books", "sales recorded", books),
		ROW("", "told and recorded exactly once", matched),
		ROW("", "acknowledged but not recorded", missing),
		ROW("", "recorded more than once", duplicated),
		ROW("", "recorded but never told of", phantom),
		ROW("", "recorded without a key", unkeyed),
		ROW("bank", "records", bank),
		ROW("paper", "records", paper),
		ROW("drawer", "records", drawer),
	};
	size_t i;

	buf_adds(b, "<section>\n<h2>Five ledgers</h2>\n<div class=\"wide\"><table>\n<tr><th>Ledger"
		    "</th><th>What</th><th>Count</th></tr>\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *base = (const char *)&s->ledgers;

		buf_adds(b, "<tr>");
		cell(b, rows[i].ledger);
		cell(b, rows[i].what);
		cell_number(b, *(const int64_t *)(const void *)(base + rows[i].offset));
		buf_adds(b, "</tr>\n");
	}
	buf_adds(b, "</table></div>\n</section>\n");
}

static void cell_time(struct buf *b, int64_t ns)
{
	char words[DUR_TEXT];

	buf_printf(b, "<td class=\"n\">%s</td>", ns > 0 ? dur_text(words, ns) : "");
}

static void link_row(struct buf *b, const struct trial_link *l)
{
	buf_adds(b, "<tr>");
	cell(b, l->from);
	cell(b, l->to);
	cell_number(b, l->packets);
	cell_number(b, l->bytes);
	cell_number(b, l->dropped);
	cell_number(b, l->again);
	cell_number(b, l->handshakes);
	cell_time(b, l->rtt_min_ns);
	cell_time(b, l->rtt_mean_ns);
	cell_time(b, l->rtt_max_ns);
	buf_adds(b, "</tr>\n");
}

static void pcap(struct buf *b, const struct trial_facts *f)
{
	if (!f->pcap_packets && !f->pcap_note[0])
		return;
	buf_printf(b, "<p>wire.pcapng has %lld packets", (long long)f->pcap_packets);
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
	buf_adds(b, "<section>\n<h2>The wire</h2>\n");
	pcap(b, &s->facts);
	buf_adds(b, "<div class=\"wide\"><table>\n<tr><th>From</th><th>To</th><th>Packets</th>"
		    "<th>Bytes</th><th>Dropped</th><th>Sent again</th><th>Connections opened</th>"
		    "<th>Round trip: least</th><th>mean</th><th>most</th></tr>\n");
	for (i = 0; i < s->links_count; i++)
		link_row(b, &s->links[i]);
	buf_adds(b, "</table></div>\n</section>\n");
}

static void host(struct buf *b, const struct summary *s)
{
	char late[DUR_TEXT];

	buf_adds(b, "<section>\n<h2>How far to trust the clock</h2>\n<p>99 % of requests and "
		    "arrivals started within ");
	html_text(b, dur_text(late, s->facts.late_p99_ns));
	buf_printf(b, " of their time; CPU steal %.1f %%", s->facts.steal * 100);
	if (s->facts.pressure >= 0)
		buf_printf(b, ", CPU pressure %.1f %%", s->facts.pressure * 100);
	buf_adds(b, ".</p>\n</section>\n");
}

static void again(struct buf *b, const struct summary *s)
{
	buf_adds(b, "<section>\n<h2>Again</h2>\n<pre>");
	html_text(b, s->reproduce);
	buf_adds(b, "\n");
	html_text(b, s->replay);
	buf_adds(b, "</pre>\n</section>\n");
}

void html_page(const struct summary *s, const struct series *sr, struct buf *out)
{
	head(out, s);
	headline(out, s);
	promises(out, s);
	charts(out, s, sr);
	faults(out, s);
	story(out, s);
	witnesses(out, s);
	reconciliation(out, s);
	wire(out, s);
	reach_section(out, s);
	host(out, s);
	again(out, s);
	buf_adds(out, "</main>\n</body>\n</html>\n");
}
