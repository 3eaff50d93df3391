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

/* What the live view remembers of one worker's trial: a sample a second, the newest last. */
#define LIVE_SAMPLES 32
struct live_past {
	char experiment[96];
	bool baseline;
	int64_t next_ns;
	int64_t queued[LIVE_SAMPLES], p95_ns[LIVE_SAMPLES];
	size_t count;
};
#define LIVE_PASTS 16 /* workers beyond that are shown without a past */

/** struct live_view - what is happening, on stderr. Zero-initialise, set out and terminal. */
struct live_view {
	FILE *out;
	bool terminal, colour;
	bool plain_text;	     /* no characters beyond ASCII */
	int64_t started_ns, next_ns; /* next plain line */
	int lines;		     /* drawn and to be drawn over */
	char reach_of[96];	     /* the experiment whose reach was told last */
	struct live_past past[LIVE_PASTS];
};
/** live_show - draw the state of @n workers: on a terminal a block of five lines each, one line
 * each where they would not fit, over what was drawn before; elsewhere a line each every 5 s. */
void live_show(struct live_view *v, const struct trial_live *live, size_t n, int64_t done,
	       int64_t total);
/** live_clear - take the block off the terminal. */
void live_clear(struct live_view *v);

#endif
