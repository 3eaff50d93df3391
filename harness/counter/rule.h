/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_COUNTER_RULE_H
#define WD_COUNTER_RULE_H

/* What a fault asks of the counter and what it hears back: plain values that go over a socket. */
#include <stdbool.h>
#include <stdint.h>

#include "base/gate.h"

#define COUNTER_RULES_MAX 32
#define COUNTER_PATTERN_MAX 128
#define COUNTER_NODES_MAX 704 /* of a target, devices among them */

enum counter_effect {
	COUNTER_PAPER_OUT,  /* nothing is printed from some place of a receipt on */
	COUNTER_COVER_OPEN, /* the same, and the reason it gives is another */
	COUNTER_BACKLOG,    /* the same, and it says that all is well and takes much more */
	COUNTER_RESET,      /* at some place: it forgets all it has, and its client */
	COUNTER_UNPLUG,     /* at some place: tell, and touch nothing any more */
	COUNTER_PAPER_LOW,  /* its answers say so */
	COUNTER_SILENT,     /* connections: takes everything, prints and says nothing */
	COUNTER_STALL,      /* connections: takes nothing */
	COUNTER_BUSY,       /* connections: reset at once */
	COUNTER_ONE_CLIENT, /* connections, while there is one: reset at once */
	COUNTER_GARBLE,     /* bytes: a bit of each is turned over */
	COUNTER_DRAWER,     /* pulses: the drawer stays shut, or open */
	COUNTER_DROP_CHARS, /* scans: some characters of the code are missing */
	COUNTER_DOUBLE,     /* scans: the code comes twice */
	COUNTER_MISREAD,    /* scans: a digit is another one */
	COUNTER_SLOW,       /* receipts: begun only delay_ns later */
	COUNTER_GONE,       /* switched off: told once, when that takes something from somebody */
	COUNTER_EFFECTS
};

/** struct counter_rule - one activation of one fault. */
struct counter_rule {
	uint32_t effect;   /* enum counter_effect */
	int32_t fault;     /* index in the experiment */
	char name[48];     /* "printer.paper-out.0.1": names the draws */
	uint64_t seed;
	uint64_t nodes[COUNTER_NODES_MAX / 64]; /* devices, bits by index */
	struct gate gate;  /* counts receipts begun, or connections, on these devices together */
	double chance;     /* of each, 0..1 */
	int64_t delay_ns;
	uint32_t way;      /* garble: 1 what it hears, 2 what it says; drawer: 1 stays open; drop:
			    * how many */
	int64_t line;      /* so many lines of the receipt get through */
	char behind[COUNTER_PATTERN_MAX]; /* instead: the last one is the first that matches */
};

/** struct counter_hit - one altered receipt, connection or answer. */
struct counter_hit {
	int64_t t_ns;      /* clock_now() */
	uint32_t rule;     /* as counter_rule_add gave it */
	uint32_t effect;
	uint32_t node;     /* the device, by index */
	uint64_t receipt;  /* how many-eth of that device, from 1; 0: none was begun */
	uint64_t line;     /* lines of it that are on paper; garble: the byte's place, from 1 */
};

#endif
