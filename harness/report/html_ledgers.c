/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The five ledgers held against each other. Which rows show is chosen with
 * radio buttons and rules of the style sheet: they need no script, keep working
 * in a mail and can be used with the keyboard.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "judge/judge.h"
#include "report/html.h"
#include "report/series.h"
#include "report/summary.h"

/* As classes and ids: a word each. */
static const char *const words[MISMATCHES_COUNT] = {"lost",   "doubled", "phantom",
						    "amount", "charge",	 "unknown"};

static int64_t count_of(const struct summary *s, int i)
{
	const struct sum_reconciled *r = &s->reconciled;
	const int64_t n[MISMATCHES_COUNT] = {r->lost,	r->doubled, r->phantom,
					     r->amount, r->charge,  r->unknown};

	return n[i];
}

static void filters(struct buf *b, const struct summary *s, size_t rows)
{
	int i;

	buf_printf(b,
		   "<legend class=\"faint\">Show</legend>\n<input class=\"pick\" type=\"radio\" "
		   "name=\"f\" id=\"f-all\" checked><label for=\"f-all\">all %zu</label>\n",
		   rows);
	for (i = 0; i < MISMATCHES_COUNT; i++)
		buf_printf(
			b,
			"<input class=\"pick\" type=\"radio\" name=\"f\" id=\"f-%s\"><label "
			"for=\"f-%s\">%s <span data-json=\"/reconciled/%s\">%lld</span></label>\n",
			words[i], words[i], mismatch_names[i], words[i], (long long)count_of(s, i));
}

static void cell_money(struct buf *b, const struct summary *s, int64_t amount)
{
	struct buf text = {0};

	if (amount != INT64_MIN)
		judge_money(&text, amount, s->currency);
	buf_adds(b, "<td class=\"n\">");
	html_text(b, text.data);
	buf_adds(b, "</td>");
	buf_done(&text);
}

static void cell_key(struct buf *b, const struct summary *s, const char *key)
{
	size_t i;

	buf_adds(b, "<th scope=\"row\">");
	for (i = 0; i < s->stories_count && !str_eq(s->stories[i].s.key, key); i++)
		;
	if (i < s->stories_count)
		buf_printf(b, "<a href=\"#story-%zu\">", i);
	html_text(b, key);
	buf_adds(b, i < s->stories_count ? "</a></th>" : "</th>");
}

static void cell_paper(struct buf *b, const struct summary *s, const struct reconciled *r)
{
	if (!s->ledgers.has_paper)
		buf_adds(b, "<td></td><td></td>");
	else
		buf_printf(b, "<td>%lld%s</td><td>%lld</td>", (long long)r->papers,
			   r->torn ? ", torn" : "", (long long)r->pulses);
}

static void row(struct buf *b, const struct summary *s, const struct reconciled *r)
{
	const char *gap = "";
	char when[32] = "";
	int i;

	buf_adds(b, "<tr class=\"r");
	for (i = 0; i < MISMATCHES_COUNT; i++)
		if (r->what & INT64_C(1) << i)
			buf_printf(b, " %s", words[i]);
	buf_adds(b, "\">");
	cell_key(b, s, r->key);
	buf_adds(b, "<td>");
	for (i = 0; i < MISMATCHES_COUNT; i++)
		if (r->what & INT64_C(1) << i) {
			buf_printf(b, "%s%s", gap, mismatch_names[i]);
			gap = ", ";
		}
	buf_adds(b, "</td>");
	html_cell(b, NULL, r->lane);
	if (r->t_ns != INT64_MIN)
		snprintf(when, sizeof(when), "%.3f s", (double)r->t_ns / 1e9);
	html_cell(b, NULL, when);
	html_cell(b, NULL, *r->told ? r->told : "nobody");
	cell_money(b, s, r->told_total);
	html_number(b, NULL, r->books);
	cell_money(b, s, r->booked_total);
	cell_money(b, s, s->ledgers.has_bank ? r->net + r->hold : INT64_MIN);
	cell_paper(b, s, r);
	html_cell(b, NULL, r->resolved);
	buf_adds(b, "</tr>\n");
}

/* A ledger that nobody wrote is no proof of anything: say so. */
static void absent(struct buf *b, const struct summary *s)
{
	const struct sum_ledgers *l = &s->ledgers;

	if (s->format == 0 || (l->has_bank && l->has_paper && l->has_drawer))
		return;
	buf_adds(b, "<p id=\"absent\">Not played by the harness, so nothing is known of it here:");
	if (!l->has_bank)
		buf_adds(b, " <b>bank</b> (no node of the target has a <code>bank:</code>)");
	if (!l->has_paper)
		buf_printf(b,
			   "%s <b>paper</b> and <b>drawer</b> (none has "
			   "<code>devices:</code>)",
			   l->has_bank ? "" : ";");
	buf_adds(b, ".</p>\n");
}

static void table(struct buf *b, const struct summary *s, const struct series *sr)
{
	const struct sum_reconciled *r = &s->reconciled;
	size_t i;

	buf_printf(b,
		   "<p><span data-json=\"/reconciled/plain\">%lld</span> of <span "
		   "data-json=\"/reconciled/sales\">%lld</span> sales say the same in every ledger",
		   (long long)r->plain, (long long)r->sales);
	if (!sr->has_sales || !sr->sales.count) {
		buf_adds(b, ".</p>\n");
		return;
	}
	buf_printf(b, "; the others are below (at most %d of each sort).</p>\n<fieldset>\n",
		   RECONCILED_EACH);
	filters(b, s, sr->sales.count);
	html_table(b, "Sales that are not plain",
		   "Sale|What|Lane|Told at|Told|#Amount told|#In the books|#Amount booked|#Taken "
		   "by the "
		   "bank|Receipts|Drawer|How it ended");
	for (i = 0; i < sr->sales.count; i++)
		row(b, s, &sr->sales.at[i]);
	html_table_end(b);
	buf_adds(b, "</fieldset>\n");
}

/* ---- counts ---- */

struct count_row {
	const char *ledger, *what, *json;
	size_t offset;
};
#define ROW(l, w, f)                                                                               \
	{                                                                                          \
		l, w, "/ledgers/" #f, offsetof(struct sum_ledgers, f)                              \
	}

static void counts(struct buf *b, const struct summary *s)
{
	static const struct count_row rows[] = {
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

	html_table(b, "Counts of each ledger", "Ledger|What|#Count");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *base = (const char *)&s->ledgers;

		buf_adds(b, "<tr>");
		html_cell(b, NULL, rows[i].ledger);
		html_cell(b, NULL, rows[i].what);
		html_number(b, rows[i].json,
			    *(const int64_t *)(const void *)(base + rows[i].offset));
		buf_adds(b, "</tr>\n");
	}
	html_table_end(b);
}

void html_ledgers(struct buf *b, const struct summary *s, const struct series *sr)
{
	buf_adds(b, "<section>\n<h2 id=\"ledgers\">Five ledgers</h2>\n");
	absent(b, s);
	table(b, s, sr);
	counts(b, s);
	buf_adds(b, "</section>\n");
}
