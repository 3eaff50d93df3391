/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BANK_RULE_H
#define WD_BANK_RULE_H

/* What a fault asks of the bank and what it hears back: plain values that go over a socket. */
#include <stdbool.h>
#include <stdint.h>

#include "base/gate.h"

#define BANK_RULES_MAX 32
#define BANK_REFERENCE_MAX 128
#define BANK_CODE_MAX 4

/** enum bank_op - what a till asks of its bank. */
enum bank_op {
	BANK_AUTHORISE, BANK_CAPTURE, BANK_REVERSE, BANK_INQUIRE,
	BANK_ECHO, /* is anybody there? ISO 8583 only */
	BANK_OPS
};
#define BANK_BIT(op) (UINT32_C(1) << (op))
#define BANK_ALL_OPS (BANK_BIT(BANK_OPS) - 1)
/** bank_op_names - "authorise", "reverse", ...: for options and for reports. */
extern const char *const bank_op_names[BANK_OPS];

enum bank_effect {
	BANK_DECLINE, /* code: the answer is no; authorisations only */
	BANK_ERROR,   /* code: nothing is done, and the answer says so: 91, 96 */
	BANK_DOWN,    /* silent: nothing is done, nothing is said; else the connection is reset */
	BANK_DROP,    /* it is done; silent, or the connection is reset in place of an answer */
	BANK_SLOW,    /* it is done at once; the answer comes delay_ns later */
	BANK_TWICE,   /* the answer is sent twice */
	BANK_EFFECTS
};

/** struct bank_rule - one activation of one fault. */
struct bank_rule {
	uint32_t effect;  /* enum bank_effect */
	int32_t fault;    /* index in the experiment: rules act in this order */
	char name[48];    /* "bank.slow.0.1": names the draws */
	uint64_t seed;
	uint32_t ops;     /* BANK_BIT()s that it acts on */
	uint64_t from[4]; /* nodes whose requests it acts on, bits by index */
	struct gate gate; /* counts requests that match */
	double chance;    /* of each, 0..1 */
	int64_t delay_ns;
	bool silent;
	char code[BANK_CODE_MAX];
};

/** struct bank_hit - one altered request. */
struct bank_hit {
	int64_t t_ns;     /* clock_now() */
	uint32_t rule;    /* as bank_rule_add gave it */
	uint32_t op, effect;
	uint64_t nth;     /* how many-eth request of its kind under this reference */
	char code[BANK_CODE_MAX];
	bool approved;    /* and the till has not heard it */
	int32_t from;     /* index of the node it came from; -1: no node's address */
	char reference[BANK_REFERENCE_MAX];
};

#endif
