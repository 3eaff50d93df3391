/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_TERMINAL_H
#define WD_REPORT_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct buf;
struct plan;
struct suite;
struct summary;
struct trial_live;

/** terminal_trial - verdict, each check with its figure, the story of the first violation, how to
 * reproduce it. */
void terminal_trial(const struct summary *s, FILE *out, bool colour);
/** terminal_suite - a table: per experiment "violated k of n (95 % CI a..b)", reasons, the rest. */
void terminal_suite(const struct suite *s, const struct plan *p, FILE *out, bool colour);
/** terminal_suite_json - the same as one JSON object. */
void terminal_suite_json(const struct suite *s, const struct plan *p, struct buf *out);

/** struct live_view - what is happening, on stderr. Zero-initialise, set out and terminal. */
struct live_view {
	FILE *out;
	bool terminal, colour;
	int64_t started_ns, next_ns; /* next plain line */
	int lines;		     /* drawn and to be drawn over */
};
void live_show(struct live_view *v, const struct trial_live *live, size_t n, int64_t done,
	       int64_t total);
/** live_clear - take the block off the terminal. */
void live_clear(struct live_view *v);

#endif
