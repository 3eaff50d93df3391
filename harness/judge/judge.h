/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_JUDGE_JUDGE_H
#define WD_JUDGE_JUDGE_H

/*
 * Checks over ledgers. A check is one file with one ops table; it sees
 * ledgers, options and base, nothing else, and returns holds, violated (with
 * witnesses) or inconclusive. verdict.h combines them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conf/experiment.h"
#include "conf/target.h"
#include "ledger/ledger.h"

struct err;
struct crash_facts;

enum verdict {
	HOLDS,
	INCONCLUSIVE,
	UNSUPPORTED,
	VIOLATED,
	BROKEN,
	VERDICTS_COUNT
};							/* rising precedence */
extern const char *const verdict_names[VERDICTS_COUNT]; /* "holds", "inconclusive", ... */
/** verdict_exit - 0 holds, 1 violated, 2 inconclusive, 3 unsupported, 4 broken. */
int verdict_exit(enum verdict v);
static inline enum verdict verdict_worse(enum verdict a, enum verdict b)
{
	return a > b ? a : b;
}

/** struct fault_window - when a fault was in effect, from the event log. */
struct fault_window {
	int fault;
	int64_t armed_ns, healed_ns;
};

/** struct trial_facts - what the trial knows besides the ledgers; also in aggregates.json. */
struct trial_facts {
	int64_t open_ns;      /* first intended arrival */
	int64_t close_ns;     /* last shopper gone */
	int64_t heal_ns;      /* last heal; -1: no fault was armed */
	int64_t settled_ns;   /* quiescence; -1: never reached within the cap */
	int64_t late_p99_ns;  /* noise guard: crowd start error */
	int64_t timer_p99_ns; /* and loop timers */
	double steal;	      /* CPU steal share 0..1 over the trial */
	double pressure;      /* PSI cpu some share 0..1; < 0 unknown */
	bool books_read;      /* false: unreadable, books_why says */
	char books_why[256];
	bool has_start_books;
	char services[256]; /* which were not in their expected end state; "": all were */
	bool cut_short;	    /* the deadline passed: shoppers were sent home by us */
	bool faults_off; /* this is the good day: nothing was to be armed */
	/* good day, for comparison; rate < 0: no baseline */
	double baseline_rate; /* sales told ok per wall second */
	int64_t baseline_p95_ns;
	/* for the pace rule; <= 0 unknown: then taken from this trial's own healthy phase */
	int64_t baseline_system_p50_ns; /* the POS's own time per checkout, real */
	int64_t human_mean_ns;		/* human time per checkout, shop time */
	int64_t wire_overrun; /* packets lost by this machine: by no fault, on no link */
	/* wire.pcapng: packets in it, packets asked for that are not, and in words what it lacks */
	int64_t pcap_packets, pcap_missing;
	char pcap_note[256];
	struct crash_facts *crash; /* owned by the trial's outcome; NULL: none */
};

struct judge_in {
	const struct ledgers *ledgers;
	const struct sales *sales; /* joined once */
	const struct experiment *experiment;
	const struct target *target;
	const struct trial_facts *facts;
	const char *dir; /* results directory (custom check) */
};

/* the states that power cuts could have left, as far as they were tried (trial/crashes.c) */
#define CRASH_CHECKS 8
#define CRASH_WITNESSES 4
struct crash_facts {
	int64_t tried, of;    /* states; 0: none were explored */
	int64_t points;       /* places in the log */
	int64_t bad;          /* states that broke anything */
	/* a second cut, while they recovered from such a state */
	int64_t again_asked, recoveries, again_tried, again_of, again_bad;
	int64_t wall_ns;
	struct crash_promise {
		char check[40];	  /* which broke; "boot": services or books did not come back */
		int64_t states, again; /* in how many, of one cut and of two */
		size_t witnesses;
		struct {
			char key[64];
			char what[760];
		} witness[CRASH_WITNESSES];
	} promise[CRASH_CHECKS];
	size_t promises;
};

#define WITNESSES_MAX 20
struct judgement {
	enum verdict
		verdict;   /* HOLDS, VIOLATED or INCONCLUSIVE (BROKEN: the check itself failed) */
	char figure[256];  /* "p99 12.3 s" */
	char limit[160];   /* "<= 20 s"; may be empty */
	char why[512];	   /* one plain sentence */
	char margin[64];   /* "41 % to spare", "3.2 % over"; empty: nothing is allowed at all */
	double slack;	   /* the same as a share of the limit; valid when margin is not empty */
	int64_t judged;	   /* how much there was to judge */
	size_t violations; /* all of them */
	struct witness {
		char *key;  /* owned; may be NULL */
		char *what; /* owned; one sentence */
	} witness[WITNESSES_MAX];
	size_t witnesses;
};
void judgement_done(struct judgement *j);
/** judgement_witness - count a violation, keep the first WITNESSES_MAX with words. */
void judgement_witness(struct judgement *j, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct check_ops {
	const char *name, *summary;
	struct opt_table opts;
	bool timing;	  /* the noise guard can make it inconclusive */
	bool queue_based; /* the pace limit of DESIGN.md applies */
	/* does the pace limit apply with these options? NULL: as queue_based says */
	bool (*paced)(const void *opts);
	bool needs_books;
	bool needs_stock; /* of the books */
	bool any_ledger; /* may look at the books too, if there are any */
	/* with these options, does it speak about faults, so that the good day has nothing to say?
	 * NULL: no */
	bool (*about_faults)(const void *opts);
	/* cross-field rules, may be NULL */
	void (*check)(const void *opts, struct mark at, struct diag *diag);
	/* smallest limit in real ns that the noise guard compares with; 0: default. NULL: none */
	int64_t (*limit_ns)(const void *opts, const struct experiment *x);
	void (*judge)(const struct judge_in *in, const void *opts, struct judgement *ret);
	const char *example; /* YAML flow, for the reference */
};
extern const struct check_ops *const check_table[];
extern const size_t check_table_count;
/** check_table_check - each table complete, sorted? Returns 0, or -EINVAL naming the first gap. */
int check_table_check(struct err *e);
/** check_kinds - the same as conf sees it; static storage, sorted by name. */
const struct conf_kind *check_kinds(size_t *ret_count);

/** struct fault_tally - how often each fault of the experiment was armed and fired. */
struct fault_tally {
	int64_t armed, fired, skipped;
};

struct trial_verdict {
	enum verdict verdict;
	char blame[32];		  /* "", "baseline", "fault", "harness", "host" */
	char why[512];		  /* one plain sentence */
	struct judgement *checks; /* experiment->checks_count */
	struct fault_tally *faults;
	size_t checks_count, faults_count;
	bool expected; /* an expect: matched, so `verdict` was turned into holds */
	char expect_note[256];
};
/**
 * judge_trial - every check, the noise guard, fired faults, precedence,
 * expect:. Ledgers must be loaded. Caller frees with trial_verdict_done.
 */
int judge_trial(const struct judge_in *in, struct trial_verdict *ret, struct err *e);
void trial_verdict_done(struct trial_verdict *v);
/**
 * judge_day_times - of a day's checkouts outside any fault: the median of the POS's own time
 * (real ns) and the mean human time (shop ns). False, and zeroes, when there were none.
 */
bool judge_day_times(const struct judge_in *in, int64_t *ret_system_ns, int64_t *ret_human_ns);

/**
 * judge_windows - when faults were in effect, as disjoint windows in time
 * order (overlapping ones of any fault merged, fault -1 then). *ret is heap.
 */
size_t judge_windows(const struct ledgers *l, struct fault_window **ret);
/** judge_phase - which part of the day [from, to] belongs to: 0 healthy (before the first window),
 * 1 faulty (it touches one), 2 recovering (after or between). @w: of judge_windows. */
int judge_phase(const struct fault_window *w, size_t n, int64_t from, int64_t to);
/** judge_interval - 95 % confidence interval (Wilson) of a share seen k times in n; 0..1 for n = 0.
 */
void judge_interval(int64_t k, int64_t n, double *ret_lo, double *ret_hi);
/** judge_currency_exponent - decimals of a currency's minor unit: 2, but JPY 0, KWD 3, ... */
int judge_currency_exponent(const char *currency);
/** judge_money - "12.95 EUR" from minor units; currency may be NULL. */
void judge_money(struct buf *out, int64_t amount, const char *currency);

#endif
