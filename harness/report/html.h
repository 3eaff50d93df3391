/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_HTML_H
#define WD_REPORT_HTML_H

struct buf;
struct series;
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

#endif
