/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CONF_WHEN_H
#define WD_CONF_WHEN_H

#include "base/gate.h"
#include "conf/opt.h"

enum when_on {
	ON_NOTHING,
	ON_TOLD,    /* told ok | refused | unknown      word = outcome */
	ON_STARTED, /* started SERVICE                  word = service name or glob */
	ON_FAULT,   /* fault NAME armed|fired|healed    word = fault name, word2 = what */
	ON_LOG,	    /* log [SERVICE] /regex/            word = service glob or NULL, pattern */
	ON_PRINTED, /* printed [DEVICE] /regex/: a line on paper, CUT, or PULSE */
	ON_BANK,    /* bank authorised | captured | reversed | declined   word = which */
	ON_MESSAGE, /* message /regex/ on the wire */
};

/** struct when - the trigger of a fault; evaluated in trial/trigger.c only. */
struct when {
	struct dur at;	     /* from the first intended arrival; .ns < 0: not given */
	struct dur for_;     /* arm → heal */
	int64_t after_sales; /* `after: 40 sales`; -1: not given */
	int64_t for_sales;   /* `for: 5 sales`; -1: not given */
	struct range
		nth; /* hits of the matched operation, or of `on:` events; first INT64_MIN: none */
	double probability; /* < 0: not given */
	enum when_on on;
	char *word, *word2, *pattern; /* owned */
	bool given;		      /* there was a `when:` */
	struct mark mark;
};

/* The rows are for help and for reading; they fill a struct of when.c's own, not struct when. */
extern const struct opt_table when_table;
/** when_init - as if there were no `when:`: in effect from the first arrival to the end. */
void when_init(struct when *w);
/** when_parse_at - read `when:`; @path ("faults[2].when") for messages. @ret is valid after errors
 * too. */
int when_parse_at(const struct yaml_node *n, const char *path, struct when *ret, struct diag *diag);
int when_parse(const struct yaml_node *n, struct when *ret, struct diag *diag);
void when_done(struct when *w);
/** when_describe - "after 40 sales, for 15 s shop (250 ms real)" in plain words.
 * @pace_milli: the experiment's, which tells how long that is for the machine. */
void when_describe(const struct when *w, int64_t pace_milli, struct buf *out);

/** when_gate - its `nth:` and `probability:`, ready to ask. */
struct gate when_gate(const struct when *w, uint64_t seed, int fault);

#endif
