/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TERMINAL_RULE_H
#define WD_TERMINAL_RULE_H

/* What a fault asks of the card terminals and what it hears back: plain values over a socket. */
#include <stdbool.h>
#include <stdint.h>

#include "base/gate.h"

#define TERMINAL_RULES_MAX 32
#define TERMINAL_KEY_MAX 128

enum terminal_effect {
	TERMINAL_NO_ACK,   /* the till's command is taken and neither acknowledged nor done */
	TERMINAL_DECLINE,  /* code: the card says no, and the bank is not asked */
	TERMINAL_SHOPPER,  /* the card is presented delay_ns later */
	TERMINAL_LOST,     /* the payment is made, its result never leaves: silent, or a reset */
	TERMINAL_LATE,     /* the result leaves delay_ns later */
	TERMINAL_TWICE,    /* the result is told twice */
	TERMINAL_PREVIOUS, /* the result told is that of the payment approved before */
	TERMINAL_REBOOT,   /* it boots behind the bank's answer, for delay_ns; keeps: what it did */
	TERMINAL_EFFECTS
};

/** struct terminal_rule - one activation of one fault. */
struct terminal_rule {
	uint32_t effect;   /* enum terminal_effect */
	int32_t fault;     /* index in the experiment: of two for one thing the first acts */
	char name[48];     /* "terminal.result-lost.0.1": names the draws */
	uint64_t seed;
	uint64_t nodes[4]; /* terminals, bits by index */
	struct gate gate;  /* counts payments that these terminals are asked for */
	double chance;     /* of each, 0..1 */
	int64_t delay_ns;
	bool silent, keeps;
	char code[4];      /* two digits */
};

/** struct terminal_hit - one altered payment. */
struct terminal_hit {
	int64_t t_ns;      /* clock_now() */
	uint32_t rule;     /* as terminals_rule_add gave it */
	uint32_t effect;
	uint32_t node;     /* the terminal, by index */
	uint64_t payment;  /* how many-eth that this terminal was asked for, from 1 */
	bool approved;     /* by the bank, and the till has not heard it */
	char key[TERMINAL_KEY_MAX]; /* of the sale whose card it is; "": nobody's that we know */
};

#endif
