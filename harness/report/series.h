/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_SERIES_H
#define WD_REPORT_SERIES_H

/*
 * What happened per window of time, and when faults were on and services came
 * and went: what charts are drawn from and aggregates.json holds. Never more
 * than SERIES_WINDOWS_MAX windows, however long the day was.
 */
#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"

struct buf;
struct summary;

#define SERIES_WINDOWS_MAX 120
#define SERIES_BANDS_MAX 200
#define SERIES_MARKS_MAX 400

struct window {
	int64_t arrived, ok, refused, unknown, left;
	int64_t queue_p50, queue_p95, checkout_p50, checkout_p95; /* wall ns; -1: nobody */
};
/** struct band - a fault in effect. */
struct band {
	int fault;
	int64_t from_ns, to_ns;
};
/** struct mark_at - one moment: a fault fired, or a service changed. Strings borrowed. */
struct mark_at {
	int kind; /* enum event_kind */
	int fault;
	int64_t t_ns;
	const char *what, *did; /* service or object */
};
/** struct series - times are ns from the first intended arrival. Holds borrowed strings of l. */
struct series {
	int64_t width_ns, end_ns;
	struct window window[SERIES_WINDOWS_MAX];
	size_t windows;
	struct band band[SERIES_BANDS_MAX];
	size_t bands;
	struct mark_at mark[SERIES_MARKS_MAX];
	size_t marks, marks_cut; /* cut: how many more there were */
};

struct series *series_new(const struct ledgers *l, const struct summary *s);
void series_free(struct series *s);
/** series_json - aggregates.json: windows, bands, counts and facts. */
void series_json(const struct series *sr, const struct summary *s, struct buf *out);

#endif
