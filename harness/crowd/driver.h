/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CROWD_DRIVER_H
#define WD_CROWD_DRIVER_H

/*
 * A driver turns the cashier's actions into requests to the POS. The crowd
 * hands it an ask; the driver answers each ask exactly once, perhaps before
 * perform() has returned, unless the ask was cancelled. Drivers never decide
 * what happens next and keep no time of their own except for reconnecting.
 */
#include "conf/target.h"
#include "crowd/crowd.h"
#include "ledger/ledger.h"

struct buf;

/** struct line - so many of one article. */
struct line {
	const char *sku;    /* borrowed */
	int64_t price, qty; /* price < 0: unknown */
};

/** struct answer - what came of an ask. Strings are borrowed until the callback returns. */
struct answer {
	int outcome;    /* enum outcome */
	bool transport; /* nobody answered: no connection, reset, timeout, process gone */
	bool offline;   /* the POS said that it sold offline */
	int64_t at_ns;  /* clock when the reply was read */
	int64_t total;  /* minor units; -1: not said */
	const char *receipt, *currency, *error; /* NULL: not said */
};

/** struct ask - one action at one lane. Owned by the lane, stable until answered or cancelled. */
struct ask {
	enum action action;
	unsigned lane;             /* index into driver_init.lanes */
	const char *key, *of;      /* of: the key of the sale that a refund gives back, or NULL */
	const char *sku, *tender;  /* NULL where it makes no sense */
	const char *receipt;       /* of this sale, once told; or NULL */
	int64_t shopper;
	int64_t qty, price;        /* of a scan; price -1 unknown */
	int64_t item;              /* of a scan: the how-manieth article of the basket, from 1 */
	int64_t amount;            /* to pay, minor units; -1 unknown */
	int64_t attempt;           /* 1 = first try */
	const struct line *lines;  /* the basket; lines with qty 0 were taken out */
	size_t lines_count;
	int64_t intended_ns, deadline_ns;
	void (*answered)(struct ask *a, const struct answer *r);
	void *owner;               /* the crowd's */
	void *priv;                /* the driver's, while it works on it */
};

struct driver_init {
	const struct crowd_opts *opts;
	const char *const *lanes; /* node names */
	unsigned lanes_count;
	int64_t deadline_ms;      /* step_timeout, for those who want to know */
};

/** struct driver_ops - Required: all but leave. */
struct driver_ops {
	const char *name;
	/* make(): allocate and compile everything; touches no network and starts nothing */
	int (*make)(void **ret, const struct driver_init *in, struct err *e);
	/* start(): the nodes are up now */
	int (*start)(void *d, struct err *e);
	bool (*can)(const void *d, enum action a);
	void (*perform)(void *d, struct ask *a);
	/* cancel(): no answer may come any more; frees the driver's side of a */
	void (*cancel)(void *d, struct ask *a);
	/* probe(): does the lane's POS answer at all? Answered like any ask. */
	void (*probe)(void *d, struct ask *a);
	/* leave(): the lane's shopper has gone; forget what was theirs */
	void (*leave)(void *d, unsigned lane);
	void (*free)(void *d); /* accepts half-made; nothing is in flight */
};
extern const struct driver_ops driver_null, driver_http, driver_script;

/** crowd_new_driver - crowd_new with a driver of one's own (tests); *ops outlives the crowd. */
int crowd_new_driver(struct crowd **ret, const struct crowd_opts *o, const struct driver_ops *ops,
		     struct err *e);
/** crowd_driver - the driver's instance. */
void *crowd_driver(struct crowd *c);

/** lines_json - append [{"sku":…,"qty":…,"price":…}, …]; lines with qty 0 left out. */
void lines_json(const struct line *lines, size_t count, struct buf *out);
/** answer_unknown - tell the crowd that nothing is known. */
void answer_unknown(struct ask *a, bool transport, int64_t at_ns, const char *error);
/** driver_at - the node a lane's driver works from (`at:`), as owned text. */
char *driver_at(const struct driver *d, const char *lane);

#endif
