/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CONF_EXPERIMENT_H
#define WD_CONF_EXPERIMENT_H

#include "conf/opt.h"
#include "conf/when.h"

/**
 * struct conf_kind - a fault or a check as the loader sees it: a name and an
 * option table. faults/table.c and judge/table.c hand arrays of these in, so
 * that conf needs no arrow to them. Sorted by name.
 */
struct conf_kind {
	const char *name, *summary;
	struct opt_table opts;
	/* cross-field rules; mark points at the item; NULL: none */
	void (*check)(const void *opts, struct mark at, struct diag *diag);
	const void *ops;  /* the struct fault_ops / check_ops behind it */
	bool needs_books; /* checks: cannot judge without the books ... */
	bool needs_stock; /* ... nor without their stock */
};
struct conf_catalog {
	const struct conf_kind *faults, *checks;
	size_t faults_count, checks_count;
};

/** struct conf_item - one entry of `faults:` or `checks:`. */
struct conf_item {
	const struct conf_kind *kind;
	void *opts;	  /* owned, kind->opts.size bytes */
	struct when when; /* faults only */
	int64_t min_hits; /* faults only; default 1 */
	struct mark mark;
};

enum arrivals_kind { ARRIVALS_POISSON, ARRIVALS_CONSTANT, ARRIVALS_BURST };
/** struct arrivals - `poisson 4/min`, `constant 10/s`, `burst 20 every 10min`. Shop time. */
struct arrivals {
	enum arrivals_kind kind;
	double per_s;	  /* poisson, constant: shoppers per shop second */
	int64_t burst;	  /* burst: how many at once */
	int64_t every_ns; /* burst: shop ns between bursts */
	bool per_day;	  /* the rate was written as N/d */
};

/** struct sizes - `1..12`, or `{1..6: 60%, 7..40: 40%}`, which wins. */
struct sizes {
	struct range range;
	struct sizes_part {
		struct range range;
		double share;
	} part[8];
	size_t count; /* parts; 0: range */
};

/** struct patience - a time for all, or `{1min: 5%, 15min: 80%}`: who has left by then. */
struct patience {
	struct dur all; /* ns < 0: endless */
	struct patience_point {
		int64_t ns;   /* shop, ascending */
		double share; /* ascending; whoever is beyond the last stays */
	} point[8];
	size_t count; /* points; 0: all */
};

#define HOURS 24
/** struct hours - the share of a day's shoppers that each hour of the clock has. */
struct hours {
	double share[HOURS]; /* of the day; all zero: not given */
	int from, to;	     /* it is open from the hour `from` to before `to` */
};

/** struct trains - `{every: 20min, people: 10..40}`: so many come at once, beside all others. */
struct trains {
	struct dur every; /* shop; ns < 0: none come */
	struct range people;
};

/* Who is still served when the shop closes. */
enum at_close { AT_CLOSE_SERVE, AT_CLOSE_SEND_HOME, AT_CLOSE_CUT };

enum lane_choice { LANE_SHORTEST, LANE_RANDOM, LANE_POOL };

struct shoppers {
	int64_t count;
	int64_t first; /* ordinal of the first one: keys are made of it */
	struct arrivals arrivals;
	struct strlist lanes;  /* node names or globs; default: the target's lanes */
	struct strlist backup; /* lanes that open only when another dies */
	int lane_choice;       /* enum lane_choice */
	int like;	       /* read from the tree, where its values are put before */
	struct hours hours;
	struct range play; /* hours of the clock that are played; first INT64_MIN: all of hours */
	struct trains trains;
	struct dur open_for; /* shop; then it closes; ns < 0: when all have come */
	int at_close;	     /* enum at_close */
	struct sizes basket;
	struct weights pay;  /* tender mix */
	struct patience patience; /* queueing time after which one walks out */
	int64_t pace_milli;
	struct dur scan_time;	/* mean human time per item (2.9s shop, cv 0.5 lognormal) */
	struct strmap pay_time; /* tender → mean human time at the terminal, each a valid duration
				 * (defaults in crowd) */
	struct dur fixed_time;	/* greeting, bagging */
	struct dur step_timeout; /* system: a till that has not answered is unknown */
	struct dur open_within;	 /* system: lanes that have no session by then: no trial */
	int64_t retries;	 /* how often a cashier tries an unknown or failed step again */
	double retap;		 /* chance that an impatient shopper taps again while waiting */
	double train;		 /* share of shoppers with a train to catch */
	struct dur train_slack;	 /* a train leaves this long after arrival (shop) */
	double void_share, refund_share, suspend_share; /* shares of shoppers who do this */
	bool human_zero; /* `human: none`: all human times zero (benchmarks) */
};

enum expect_verdict { EXPECT_HOLDS, EXPECT_VIOLATED, EXPECT_INCONCLUSIVE };
struct expect {
	bool given;
	char *check; /* one of the file's checks */
	int verdict; /* enum expect_verdict */
	char *until; /* YYYY-MM-DD */
	char *why;
	struct mark mark;
};

enum baseline_mode { BASELINE_EACH, BASELINE_ONCE, BASELINE_NEVER };

/* Whose data lie on a disk that can fail: of the nodes that a fault names, or all. */
enum disks_mode { DISKS_AS_NEEDED, DISKS_ALWAYS };

enum pcap_mode { PCAP_ALTERED, PCAP_ALL, PCAP_OFF };

struct windows {	    /* recovery */
	struct dur width;   /* 5s */
	int64_t in_a_row;   /* 3 */
	double of_baseline; /* 90% */
};

/** struct experiment - one file, read and checked. Owned; experiment_free. */
struct experiment {
	char *path; /* as given */
	char *name; /* path below experiments/ without .yml: "smoke/process.kill" */
	char *text; /* verbatim */
	size_t text_len;
	struct yaml_node *tree; /* with --set applied: resolved.yml is written from it */
	char *title;
	char *target; /* name or path as written */
	struct mark target_mark;
	int64_t seed; /* < 0: not given */
	struct shoppers shoppers;
	struct strmap env; /* for every service of the target: {TILL_BUG: no-fsync} */
	struct conf_item *faults, *checks;
	size_t faults_count, checks_count;
	struct expect expect;
	int baseline;	   /* enum baseline_mode */
	struct dur settle; /* cap, system, default 120s */
	struct dur rest;   /* after trouble the books must stand still for so long; system */
	struct windows recovery;
	struct dur warmup;   /* shop; sales before it are not judged for timing */
	int64_t min_sales;   /* fewer judged sales make the trial inconclusive; default 1 */
	struct dur deadline; /* wall cap of the whole trial, system, default 30min */
	bool trace;	     /* logs/driver.<lane>.log */
	int disk;	     /* enum disks_mode */
	int pcap;	     /* enum pcap_mode */
	int64_t pcap_snap, pcap_size; /* bytes: of a packet, of the file */
	const struct yaml_node *faults_node, *checks_node; /* private: part of tree */
};

/**
 * experiment_load - read, type and check one file. @sets: `--set` assignments.
 * All errors go into diag; returns NULL then. The target file is loaded
 * separately (target_load) and cross-checked by experiment_check_target.
 */
struct experiment *experiment_load(const char *path, const struct conf_catalog *cat,
				   const struct strlist *sets, struct diag *diag);
void experiment_free(struct experiment *x);
/** shoppers_expected - how many come on average; not more than `count:`. */
double shoppers_expected(const struct shoppers *s);
/** shoppers_open_ns - how long the shop is open, shop ns; -1: until all have come. */
int64_t shoppers_open_ns(const struct shoppers *s);
struct target;
/** experiment_check_target - lanes, nodes and services named by the experiment exist; books are
 * there for the checks that need them. Faults check what they name themselves (check_target).
 * Errors into diag; 0 or -EINVAL. */
int experiment_check_target(const struct experiment *x, const struct target *t, struct diag *diag);
extern const struct opt_table experiment_table;

#endif
