/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CALLS_RULE_H
#define WD_CALLS_RULE_H

/*
 * What a fault asks of the supervisor of system calls and what it hears back:
 * plain values that go over a socket and through shared memory.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/draw.h"
#include "base/gate.h"

#define CALLS_RULES_MAX 64
#define CALLS_NODES_MAX 256
#define CALLS_PATH 192
#define CALLS_NAME 96
#define CALLS_ARGS 6
#define CALLS_MAX 192 /* rows of the table of calls */

/** struct calls_set - calls by their index in the table. */
struct calls_set {
	uint64_t bits[CALLS_MAX / 64];
};
static inline bool calls_has(const struct calls_set *s, unsigned i)
{
	return s->bits[i / 64] >> (i % 64) & 1;
}

/** struct calls_arg - argument number `index` is `value` in the bits of `mask`. */
struct calls_arg {
	uint32_t index;
	uint64_t mask, value;
};

enum calls_effect {
	CALLS_FAIL,        /* error instead of the call */
	CALLS_SLOW,        /* delay_ns, jitter_ns, shape: before it */
	CALLS_SHORT,       /* a part of the bytes is moved, and the program is told so */
	CALLS_SLOW_RETURN, /* as slow, but after its effect */
	CALLS_EFFECTS
};
enum calls_kind {
	CALLS_ANY, CALLS_FILE, CALLS_DIRECTORY, CALLS_SOCKET, CALLS_TCP, CALLS_UDP, CALLS_UNIX,
	CALLS_PIPE, CALLS_TTY, CALLS_DEVICE, CALLS_KINDS
};
/* What `nth:` counts. */
enum calls_count { CALLS_PER_FAULT, CALLS_PER_PROCESS, CALLS_PER_CALL };

/** struct calls_rule - one activation of one fault. */
struct calls_rule {
	uint32_t effect;
	int32_t fault;       /* index in the experiment: rules act in this order */
	char name[48];       /* "call.fail.0.1": names the draws */
	uint64_t seed;
	struct calls_set calls;
	uint64_t nodes[CALLS_NODES_MAX / 64]; /* bits by node index */
	char service[CALLS_NAME];  /* pattern of "node/service" or of "service"; "": any */
	char path[CALLS_PATH];     /* pattern; with a slash in front: the whole path; "": any */
	char peer[CALLS_NAME];     /* pattern of "node", "node:port", "address:port"; "": any */
	char process[CALLS_NAME];  /* pattern of the program's name; "": any */
	char thread[CALLS_NAME];   /* pattern of the thread's name; "": any */
	uint32_t kind;             /* enum calls_kind of its descriptor */
	uint32_t counts;           /* enum calls_count */
	struct calls_arg arg[CALLS_ARGS];
	uint32_t args;
	int64_t size_min, size_max; /* bytes to be moved; < 0: any */
	struct gate gate;
	double chance;
	int32_t error;       /* errno */
	int32_t shape;       /* enum draw_shape */
	int64_t delay_ns, jitter_ns;
	int64_t bytes;       /* short: so many; 0: drawn */
};

enum calls_did { CALLS_DID, CALLS_DID_NOT, CALLS_UNHEARD };
/** enum calls_why - why a call that was chosen was left alone. */
enum calls_why {
	CALLS_WHY_NONE, CALLS_WHY_FULL, CALLS_WHY_NO_PART, CALLS_WHY_DATAGRAM, CALLS_WHY_OWN,
	CALLS_WHY_LARGE, CALLS_WHY_SIGNALS, CALLS_WHY_GONE, CALLS_WHYS
};

/** struct calls_hit - one altered call, or `count` of them when they came too fast to list. */
struct calls_hit {
	int64_t t_ns;
	uint64_t count;
	int64_t ns;       /* delays */
	int64_t size, done; /* bytes asked for, moved; -1: none */
	uint32_t rule;    /* as calls_rule_add gave it */
	uint32_t call;    /* index in the table */
	uint32_t effect;
	uint32_t did;     /* enum calls_did */
	uint32_t why;     /* DID_NOT */
	uint32_t node;
	int32_t error;    /* what it returned instead, or 0 */
	uint64_t nth;     /* how many-eth matching call of that process */
	char object[CALLS_PATH];   /* path or peer; "" when nobody asked */
	char process[CALLS_NAME];  /* "store/store/0" */
};

#endif
