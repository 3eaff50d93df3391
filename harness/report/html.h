/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_HTML_H
#define WD_REPORT_HTML_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct latency;
struct series;
struct sum_story;
struct summary;

/** html_page - report.html: one file, no script, nothing fetched; dark and light. */
void html_page(const struct summary *s, const struct series *sr, struct buf *out);
/** html_text - escaped for element content and attribute values of HTML and XML; what is not
 * UTF-8, and control characters, become U+FFFD. NULL is nothing. */
void html_text(struct buf *out, const char *s);
/** chart_page - the charts as inline SVG on one time axis. */
void chart_page(const struct summary *s, const struct series *sr, struct buf *out);
/** reach_section - of each service: what its program is, which layers see it, what they saw. */
void reach_section(struct buf *b, const struct summary *s);

/* The page's parts. Private to report/. */
extern const char html_style[];
/** cell, cell_number - a table's. @json: where in verdict.json the same is found (RFC 6901), which
 * the tests compare; NULL: nowhere. */
void html_cell(struct buf *b, const char *json, const char *s);
void html_number(struct buf *b, const char *json, int64_t n);
/** html_table - up to its body: the headings, separated by '|', those with a '#' before them being
 * of numbers. html_table_end. @label: names it for who cannot see it. */
void html_table(struct buf *b, const char *label, const char *headings);
void html_table_end(struct buf *b);
/** html_said - the verdict in a sentence or three: what broke, whom it hurt, when, what did it. */
void html_said(struct buf *b, const struct summary *s);
/** html_stories - each violated promise's, as a diagram and as text. */
void html_stories(struct buf *b, const struct summary *s, const struct series *sr);
/** html_ledgers - the five ledgers reconciled: a table that filters, and the counts. */
void html_ledgers(struct buf *b, const struct summary *s, const struct series *sr);
/** html_latency - the histogram, and the parts of the day as a table. */
void html_latency(struct buf *b, const struct summary *s, const struct series *sr);
/** html_paper - a printed receipt as a picture. @torn: it ends in the middle. */
void html_paper(struct buf *b, const char *text, int torn);

#endif
