/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_LEDGER_LEDGER_H
#define WD_LEDGER_LEDGER_H

/*
 * The event log and the five ledgers: records, writing (one JSON object per
 * line, streamed) and reading back. All t_ns are nanoseconds since the trial's
 * epoch (its first instant); the event `phase open` marks the first intended
 * arrival, from which triggers and reports count.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum outcome { TOLD_OK, TOLD_REFUSED, TOLD_UNKNOWN, OUTCOMES_COUNT };
extern const char *const outcome_names[OUTCOMES_COUNT];

/** struct told - one sale as the shopper lived it, over all retries and lanes. Strings borrowed. */
struct told {
	const char *key, *lane, *receipt, *currency, *tender; /* receipt, currency may be NULL */
	const char *basket;      /* "SKU*2 SKU*1", sold goods; NULL unknown */
	const char *kind;        /* "sale", "void", "refund", "override"; NULL = sale */
	const char *error;       /* why not ok, one line; NULL */
	const char *slowest;     /* name of the slowest step */
	int64_t shopper;
	int64_t intended_ns;     /* arrival in the shop (queue) */
	int64_t start_ns;        /* reached the till */
	int64_t end_ns;          /* was told */
	int64_t system_ns;       /* the POS's own time, all steps, from intended step starts */
	int64_t slowest_ns;      /* longest single step */
	int64_t total;           /* as told by the POS; -1 unknown */
	int64_t expected;        /* by the price list; -1 unknown */
	int64_t attempts;        /* tries of the deciding step */
	int outcome;             /* enum outcome */
	bool acknowledged;       /* ok, or receipt cut, drawer, approval: see DESIGN.md */
	bool offline;            /* the POS said it sold offline */
	bool train_missed;
	bool warm;               /* within warm-up: not judged for timing */
};

/* What the harness did, not the POS: words in told.error and left.why that the judge knows. */
#define TOLD_CUT_SHORT "the trial was cut short"
#define TOLD_NO_ANSWER "no answer within the step timeout"
#define LEFT_SENT_HOME "closed"

/** struct left - a shopper who went without a sale. */
struct left {
	int64_t shopper, intended_ns, left_ns;
	const char *lane;
	const char *why; /* "patience", "no open lane" */
	bool train_missed;
};

/* BOOK_INVARIANT: a row that a `books: invariants:` query should not have yielded; series is the
 * invariant's name, state its `why` */
enum book_what {
	BOOK_SALE, BOOK_PAYMENT, BOOK_STOCK, BOOK_RECEIPT, BOOK_LINE, BOOK_INVARIANT, BOOK_WHATS
};
extern const char *const book_names[BOOK_WHATS];
/** struct book - one row of what the POS has recorded. */
struct book {
	int what;              /* enum book_what */
	bool start;            /* read before the first shopper (stock, and rows that were there) */
	const char *key, *currency, *receipt, *series, *lane, *state, *tender, *sku, *time;
	int64_t total;         /* sale, payment, line: amount; INT64_MIN unknown */
	int64_t number;        /* receipt number; INT64_MIN unknown */
	int64_t qty;           /* stock, line */
};

/** struct bank_rec, paper_rec, drawer_rec - the bank and counter rooms fill them. */
struct bank_rec {
	int64_t t_ns;
	const char *key, *tid, *stan, *rrn, *currency;
	const char *what; /* authorised, captured, reversed, declined */
	int64_t amount;
};
struct paper_rec {
	int64_t t_ns;
	const char *device, *key, *receipt, *text; /* masked text */
	int64_t total; /* INT64_MIN unknown */
	bool cut;
	bool copy;     /* it says that it is one */
};
struct drawer_rec {
	int64_t t_ns;
	const char *device, *key, *what; /* pulse, cash-in, change */
	int64_t amount;
};

enum event_kind {
	EV_PHASE,   /* object: stage, ready, open, close, heal, settle, stop, books, judged */
	EV_ARMED, EV_FIRED, EV_SKIPPED, EV_HEALED, /* faults; hit counts from 1 */
	EV_STARTED, EV_READY, EV_EXITED, EV_KILLED, /* services */
	EV_LANE,    /* crowd: object lane, did: down | up | backup opened */
	EV_LOG,     /* a service log line that a trigger or the story wants */
	EV_NOTE,    /* anything else worth a line */
	EVENT_KINDS
};
extern const char *const event_names[EVENT_KINDS];
/* What a note of a fault says of a device (object) that somebody has put right. */
#define EVENT_BACK "is in order again"

struct event {
	int64_t seq, t_ns;
	int kind;
	int fault; /* index in the experiment, -1: none */
	int64_t hit;
	const char *node, *process, *object, *did; /* NULL: absent */
};

/*
 * ---- writing ----
 * One thread writes. Lines are collected and written in large pieces; card
 * numbers (ledger/mask.h) are masked in every string but the identifying ones
 * (key, sku, basket, receipt, rrn).
 */
struct ledger;
/** ledger_open - make the files in dir (which exists). */
int ledger_open(struct ledger **ret, const char *dir, int64_t epoch_ns, struct err *e);
/** ledger_close - flush, fsync; the first write error of the whole life (-ENOSPC, ...). */
int ledger_close(struct ledger *l, struct err *e);
/** ledger_event - t_ns 0 means now; seq is assigned. Never fails here: see ledger_close. */
void ledger_event(struct ledger *l, struct event ev);
void ledger_told(struct ledger *l, const struct told *t);
void ledger_left(struct ledger *l, const struct left *t);
void ledger_book(struct ledger *l, const struct book *b);
void ledger_bank(struct ledger *l, const struct bank_rec *r);
void ledger_paper(struct ledger *l, const struct paper_rec *r);
void ledger_drawer(struct ledger *l, const struct drawer_rec *r);
/** ledger_day_over - what bank, paper and drawer tell from now on is of no sale, and is not kept: a
 * POS that is started on crash states may print and charge as it likes. */
void ledger_day_over(struct ledger *l);
/** ledger_flush - hand what is buffered to the kernel, so that readers and survivors see it. */
void ledger_flush(struct ledger *l);
/** ledger_failed - true once a write failed: the trial is broken and may stop early. */
bool ledger_failed(const struct ledger *l);
int64_t ledger_epoch(const struct ledger *l);

/* ---- reading ---- */
/** struct ledgers - everything in memory, strings in one arena. */
struct ledgers {
	struct told *told; size_t told_count;
	struct left *left; size_t left_count;
	struct book *book; size_t book_count;
	struct bank_rec *bank; size_t bank_count;
	struct paper_rec *paper; size_t paper_count;
	struct drawer_rec *drawer; size_t drawer_count;
	struct event *event; size_t event_count;
	struct arena *arena; /* owns every string */
};
/** ledgers_load - read the *.ndjson of a results directory. Missing bank/paper/drawer are empty.
 * A torn or corrupt line is an error naming file and line; unknown members are ignored. On
 * failure nothing is left to free. */
int ledgers_load(struct ledgers *ret, const char *dir, struct err *e);
/** ledgers_acknowledge - whoever got a cut receipt, or saw the drawer open for his cash, was
 * acknowledged, whatever he was told; ledgers_load does it. */
void ledgers_acknowledge(struct ledgers *l);
void ledgers_done(struct ledgers *l);

/* ---- joining: told × books by key ---- */
struct sale {
	const char *key;
	const struct told *told;   /* NULL: phantom */
	const struct book *book;   /* first row; NULL: none */
	uint32_t books;            /* how many rows carry the key, not counting those at start */
	uint32_t tolds;            /* told records with this key (must be 1) */
};
struct sales {
	struct sale *at;
	size_t count;
	size_t unkeyed; /* book rows of sales with an empty key */
};
int sales_join(struct sales *ret, const struct ledgers *l);
void sales_done(struct sales *s);

#endif
