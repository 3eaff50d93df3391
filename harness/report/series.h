/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_SERIES_H
#define WD_REPORT_SERIES_H

/*
 * What happened per window of time, when faults were on, services came and went
 * and nodes were busy: what charts are drawn from and aggregates.json holds, both
 * ways. Never more than SERIES_WINDOWS_MAX windows, however long the day was, and
 * never more marks than an eye can tell apart: the page of a million sales is as
 * small as that of a hundred.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "judge/reconcile.h"
#include "ledger/ledger.h"

struct buf;
struct err;
struct summary;

#define AGGREGATES_FILE "aggregates.json"
#define SERIES_FORMAT 2 /* of aggregates.json; another's is drawn from the ledgers */
#define SERIES_WINDOWS_MAX 120
#define SERIES_BANDS_MAX 200
#define SERIES_MARKS_MAX 400
#define SERIES_HITS_MAX 1200
#define SERIES_LANES_MAX 24
#define SERIES_NODES_MAX 24
#define SERIES_NAME 64
#define SERIES_BINS 90 /* ten to a decade, from 100 us on */

struct window {
	int64_t arrived, ok, refused, unknown, left, missed;
	int64_t queue_milli, till_milli; /* people, on average over it, in thousandths */
	int64_t queue_p50, queue_p95, checkout_p50, checkout_p95; /* wall ns; -1: nobody */
};
/** struct band - a fault in effect. */
struct band {
	int64_t fault, from_ns, to_ns;
};
/** struct hits - how often a fault fired within one window. */
struct hits {
	int64_t fault, window, count, first_ns;
	char did[160]; /* what the first one did */
};
/** struct mark_at - one moment: a service or a lane changed. */
struct mark_at {
	int64_t kind; /* enum event_kind */
	int64_t t_ns;
	char what[SERIES_NAME], did[160]; /* service or lane */
};
/** struct lane_series - by window. */
struct lane_series {
	char name[SERIES_NAME];
	int64_t ok[SERIES_WINDOWS_MAX], unknown[SERIES_WINDOWS_MAX], refused[SERIES_WINDOWS_MAX];
	int64_t busy_milli[SERIES_WINDOWS_MAX]; /* share of the time with somebody at the till */
};
/** struct node_series - by window; -1: not looked at in it. */
struct node_series {
	char name[SERIES_NAME];
	int64_t cpu_milli[SERIES_WINDOWS_MAX]; /* of one core, average */
	int64_t memory[SERIES_WINDOWS_MAX];    /* bytes resident, most */
	int64_t files[SERIES_WINDOWS_MAX];     /* descriptors open, most */
	int64_t disk_ns[SERIES_WINDOWS_MAX];   /* mean time of a request on a disk of ours */
	int64_t again[SERIES_WINDOWS_MAX];     /* TCP packets sent again */
};
/** struct phase_times - the sales of one part of the day; wall ns, -1: none. */
struct phase_times {
	int64_t sales, p50, p95, p99, max, queue_p95;
};
enum { PHASE_HEALTHY, PHASE_FAULTY, PHASE_RECOVERING, SERIES_PHASES };
extern const char *const series_phase_names[SERIES_PHASES];

/** struct latency - a histogram on a log scale, and percentiles as exact as base/hist.h is. */
struct latency {
	int64_t count, p50, p90, p95, p99, p999, max; /* wall ns */
	int64_t bin[SERIES_BINS];
};
/** latency_bin_ns - where bin i begins. */
int64_t latency_bin_ns(size_t i);

/** struct good_series - the good day's windows, over this one's axis. */
struct good_series {
	int64_t width_ns;
	struct window window[SERIES_WINDOWS_MAX];
	size_t windows;
	struct latency corrected;
};

/** struct series - times are ns from the first intended arrival. */
struct series {
	int64_t width_ns, end_ns;
	struct window window[SERIES_WINDOWS_MAX];
	size_t windows;
	struct band band[SERIES_BANDS_MAX];
	size_t bands;
	struct hits hit[SERIES_HITS_MAX];
	size_t hits;
	struct mark_at mark[SERIES_MARKS_MAX];
	size_t marks;
	int64_t hits_cut, marks_cut, lanes_cut; /* how many more there were */
	struct lane_series lane[SERIES_LANES_MAX];
	size_t lanes;
	struct node_series node[SERIES_NODES_MAX];
	size_t nodes;
	struct phase_times phase[SERIES_PHASES];
	struct latency corrected, uncorrected; /* from the intended arrival; from the till on */
	bool has_good;
	struct good_series good;
	bool has_sales;
	struct reconciliation sales;
};

/** series_new - from ledgers; @dir: with nodes.ndjson and perhaps baseline/, or NULL. @rec: NULL
 * unknown. */
struct series *series_new(const struct ledgers *l, const struct summary *s, const char *dir,
			  const struct reconciliation *rec);
void series_free(struct series *s);
/** series_good - take the good day from that trial's aggregates, DIR/FILE; none there is fine. */
void series_good(struct series *sr, const char *dir, const char *file);
/** series_json - aggregates.json. */
void series_json(const struct series *sr, const struct summary *s, struct buf *out);
/** series_read - aggregates.json of DIR. -EPROTO: it is another version's, or not one; NULL then.
 */
int series_read(struct series **ret, const char *dir, struct err *e);
/** series_nodes - nodes.ndjson of DIR, as trial/watch.h writes it; what is torn is left out. */
void series_nodes(struct series *sr, const char *dir, int64_t open_ns);

#endif
