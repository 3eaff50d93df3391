/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CROWD_ROOM_H
#define WD_CROWD_ROOM_H

/*
 * What the files of the crowd share.
 *
 *   arrivals.c ──► shopper ──► queue (of a lane, or the hall) ──► lane, cashier ──► told, gone
 *                     └── patience ends ──► left
 *
 * A waiting shopper is about 100 bytes and at most one timer; a sale exists only from
 * the till on and is taken from a free list, so that a million can queue.
 */
#include "base/buf.h"
#include "base/draw.h"
#include "base/hist.h"
#include "base/loop.h"
#include "conf/experiment.h"
#include "crowd/driver.h"

#define RETRY_SHOP_NS (INT64_C(5) * 1000000000)  /* cashier tries again after */
#define PROBE_SHOP_NS (INT64_C(5) * 1000000000)  /* looks after a dead till every */
#define PROBE_WALL_NS_MIN INT64_C(20000000)
#define RETAP_SHOP_NS (INT64_C(3) * 1000000000)  /* mean patience in front of a silent terminal */
#define RESUME_SHOP_NS (INT64_C(15) * 1000000000) /* between suspend and resume */

struct queue {
	struct shopper *head, *tail;
	int64_t len;
};

struct unit { /* one article in the hand */
	uint32_t line;
	bool scanned;
};
struct basket {
	struct unit *unit; /* owned */
	struct line *line; /* owned */
	uint32_t units, units_cap, lines, lines_cap;
};

/** struct visit - a sale in the making: a basket at a checkout, across all retries and lanes. */
struct visit {
	struct visit *next; /* free list */
	struct basket basket;
	char key[32], of[32];
	int64_t start_ns, system_ns, slowest_ns;
	int64_t attempts, total;
	uint64_t scans;      /* scan steps so far: the hit of the next draw */
	uint32_t unit;       /* the next one to scan */
	unsigned tender;     /* index into crowd.tenders */
	unsigned pays;       /* pay steps begun */
	const char *slowest; /* static */
	const char *kind;    /* static: NULL is a sale, "void", "override" */
	bool resume;         /* moved here: its basket waits to be resumed */
	bool suspended;      /* has been suspended, once is enough */
	bool parked;         /* is suspended now */
	bool offline, ok, told;
	bool doubt;          /* nobody knows what came of a try to pay */
	char receipt[64], currency[8], error[160];
};

struct shopper {
	struct shopper *next, *prev; /* in a queue; next: in the free list */
	struct queue *queue;         /* where it waits; NULL: at a till */
	struct visit *sale;           /* NULL until at a till for the first time */
	struct crowd *crowd;
	struct loop_timer patience;
	int64_t id, intended_ns, joined_ns; /* joined: the queue it is in now */
	uint32_t lane;  /* the lane last chosen */
	uint32_t moves; /* how often a lane failed this shopper */
};

enum step { /* in the order of a checkout; see shopper.c */
	STEP_GREET, STEP_RESUME, STEP_SCAN, STEP_PASS, STEP_SUSPEND, STEP_UNSUSPEND, STEP_TOTAL,
	STEP_VOID, STEP_PAY, STEP_SELL, STEP_OVERRIDE, STEP_BAG, STEP_REFUND, STEP_CLEAR,
	STEP_DONE, STEP_GONE, STEPS_COUNT
};

/* What a lane is doing right now: see lane_turn(). */
enum turn { TURN_IDLE, TURN_ENTER, TURN_PAUSE, TURN_ACT, TURN_ASKED };

enum lane_state { LANE_CLOSED, LANE_OPENING, LANE_DOWN, LANE_UP };

/** struct reply - an answer kept while the other of two taps is still out. */
struct reply {
	struct answer answer;
	char receipt[64], currency[8], error[160];
};

struct lane {
	struct crowd *crowd;
	const char *name; /* borrowed from the target */
	unsigned index;
	bool backup;
	enum lane_state state;
	struct queue queue;
	struct shopper *shopper; /* at the till */
	enum step step;
	enum turn turn;
	int64_t tries;           /* of this step */
	int64_t cursor_ns;       /* when the previous step ended, or the lane became free */
	int64_t intended_ns;     /* of this step */
	struct loop_timer human, deadline, probe;
	struct ask ask[2];       /* the second is the impatient tap */
	bool asked[2];           /* in flight */
	bool probing, closing, running;
	struct reply held;       /* first answer of two, not ok */
	bool holding;
	char error[160];         /* why the last probe failed */
};

struct counts {
	int64_t arrived, queued, at_till, ok, refused, unknown, left, missed, inside;
};

struct human {
	double scan_ns, greet_ns, bag_ns; /* shop */
	double *pay_ns;                   /* owned; per tender */
};

struct slab {
	struct slab *next;
};

struct crowd {
	struct crowd_opts o;
	const struct shoppers *conf;
	const struct driver_ops *ops;
	void *driver; /* owned */
	bool can[ACTIONS_COUNT];
	struct lane *lanes; /* owned */
	unsigned lanes_count;
	const char **names; /* owned array: lane names, parallel to lanes */
	struct queue hall;  /* the common queue, and where one waits when no lane is open */
	struct human human;
	char **tenders;		/* owned: what the POS is told */
	const char **manners;	/* owned array, borrowed: how it is paid (tender_manner) */
	double *tender_share; /* owned */
	unsigned tenders_count;
	double *goods_sum; /* owned: running sum of weights */
	uint32_t *markers; /* owned: goods of weight 0 */
	size_t markers_count;
	int64_t timeout_ns, warmup_ns, train_ns; /* wall; < 0: endless, none */
	int64_t pace_milli;
	/* arrivals */
	struct loop_timer arrival;
	struct stream {
		int64_t next_ns; /* shop, from the opening; INT64_MAX: nobody more */
		int64_t hit;	 /* of the next draw */
		double sum;	 /* by hours: shoppers that have come by then, as a real number */
		int64_t left;	 /* trains: who is still getting off */
	} walking, train;
	struct loop_timer closing;
	int64_t next_id, first_ns;
	bool arrivals_done, finished, halted, closed;
	/* memory */
	struct slab *slabs;
	struct shopper *shopper_free;
	struct visit *sale_free;
	struct buf text;
	struct counts n;
	struct hist *checkout, *lateness; /* owned */
	bool ready;          /* crowd_open, crowd_close: nothing left to wait for */
	unsigned waiting;    /* lanes that crowd_open or crowd_close still waits for */
};

/* arrivals.c */
void arrivals_start(struct crowd *c, int64_t first_ns);
void arrivals_stop(struct crowd *c);

/* human.c */
/** tender_manner - how a tender of `pay:` is paid: what comes behind its slash, or all of it. */
const char *tender_manner(const char *name);
int human_init(struct crowd *c, struct err *e);
void human_done(struct crowd *c);
/** human_wall - shop ns as wall ns; 0 when the experiment says `human: none`. */
int64_t human_wall(const struct crowd *c, double shop_ns);
/** pace_wall - shop ns as wall ns, whatever `human:` says. */
int64_t pace_wall(const struct crowd *c, int64_t shop_ns);
double human_scan(const struct crowd *c, int64_t shopper, uint64_t hit);
double human_pay(const struct crowd *c, int64_t shopper, unsigned tender, uint64_t hit);
struct draw crowd_draw(const struct crowd *c, const char *what, int64_t shopper, uint64_t hit);

/* basket.c */
int basket_init(struct crowd *c, struct err *e);
void basket_fill(struct crowd *c, struct visit *sale, int64_t shopper);
void basket_rescan(struct visit *sale);
/** basket_drop - the POS does not know this unit's article: it stays here. */
void basket_drop(struct visit *sale, uint32_t unit);
/** basket_mean - articles on average. */
double basket_mean(const struct shoppers *s);
int64_t basket_expected(const struct basket *b); /* -1: some price unknown */
bool basket_empty(const struct basket *b);
void basket_text(const struct basket *b, struct buf *out);

/* lane.c */
void lane_init(struct lane *l, struct crowd *c, unsigned index, const char *name, bool backup);
/** lane_join - choose a lane and queue there. @front: was being served when a lane failed. */
void lane_join(struct crowd *c, struct shopper *s, int64_t now_ns, bool front);
/** lane_elsewhere - could this lane's shopper be served at another lane? */
bool lane_elsewhere(const struct lane *l, bool this_one_dies);
/** lane_down - the till is dead: a backup opens, probing begins. The queue: lane_requeue(). */
void lane_down(struct lane *l, int64_t now_ns);
void lane_requeue(struct lane *l, int64_t now_ns);
/** lane_probe - open a session, or see whether anybody answers. */
void lane_probe(struct lane *l);
/** lane_close - the `close` action, without a shopper. */
void lane_close(struct lane *l);
/** lane_run - do all that can be done now. */
void lane_run(struct lane *l);
/** lane_clear - cancel what is in flight and all timers. */
void lane_clear(struct lane *l);
/** queue_leave - everybody in the queue goes. */
void queue_leave(struct queue *q, int64_t now_ns, const char *why);
void queue_remove(struct shopper *s);

/* shopper.c */
struct shopper *shopper_new(struct crowd *c, int64_t id, int64_t intended_ns);
/** patience_ns - wall ns from the intended arrival until this one walks out; < 0: never. */
int64_t patience_ns(const struct crowd *c, int64_t shopper);
/** shopper_gone - the last thing that happens to a shopper; may end the crowd. */
void shopper_gone(struct shopper *s);
/** shopper_wait - arm patience. */
void shopper_wait(struct shopper *s);
void shopper_leave(struct shopper *s, int64_t now_ns, const char *why);
void shopper_at_till(struct lane *l, struct shopper *s);
/** till_release - the shopper at this till goes home. */
void till_release(struct lane *l);
/** till_abort - told unknown, now, and gone. */
void till_abort(struct lane *l, int64_t now_ns, const char *why);

/* step.c: what a checkout consists of */
/** step_wanted - st, or the first step after it that this sale at this lane needs. */
enum step step_wanted(struct lane *l, enum step st);
/** step_action - enum action, or -1 for steps of human time only. */
int step_action(enum step st);
/** step_human - shop ns before the step is begun. */
double step_human(struct lane *l);
bool step_taps_twice(const struct lane *l);
void step_ask(struct lane *l, struct ask *a);
/** step_answered - decide, at the instant of the reply; returns the next step. */
enum step step_answered(struct lane *l, const struct answer *a);
/** step_passed - a step of human time only is over. */
enum step step_passed(struct lane *l);

/* tell.c */
void sale_tell(struct crowd *c, struct shopper *s, const char *lane, int64_t at_ns, int outcome,
	       const char *kind);
bool shopper_missed_train(const struct shopper *s, int64_t at_ns);
struct visit *sale_get(struct crowd *c, int64_t shopper);
void sale_put(struct crowd *c, struct visit *sale);
void crowd_check_finished(struct crowd *c);

#endif
