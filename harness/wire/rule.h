/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_RULE_H
#define WD_WIRE_RULE_H

/*
 * What a fault asks of the wire and what it hears back: plain values that go
 * over a socket and through shared memory.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/gate.h"

#define WIRE_RULES_MAX 64
#define WIRE_PORTS_MAX 8
#define WIRE_PATTERN_MAX 256

enum wire_effect {
	WIRE_DROP,       /* chance, burst_*; with down_ns: only while down */
	WIRE_DELAY,      /* chance, delay_ns, jitter_ns, shape, overtake */
	WIRE_DUPLICATE,  /* chance, delay_ns: the copy's */
	WIRE_CORRUPT,    /* chance, bits, fix_sum */
	WIRE_RATE,       /* bytes_per_s, queue_bytes, burst_bytes */
	WIRE_MTU,        /* at: larger packets vanish */
	WIRE_REFUSE,     /* RST to every SYN */
	WIRE_RESET,      /* RST to both ends of a connection that is in use */
	WIRE_HALFOPEN,   /* connections older than the rule: silence */
	WIRE_REPLY_LOST, /* pattern, where, at: bytes of the answer let through; upto; reset */
	WIRE_REPLY_LATE, /* pattern, delay_ns */
	WIRE_CUT,        /* of_reply, at: bytes let through; reset */
	WIRE_ACCEPT_STALL, /* new connections: nothing of the client after its SYN */
	WIRE_EFFECTS
};

enum wire_way { WIRE_BOTH, WIRE_TO, WIRE_FROM };
enum wire_protocol { WIRE_ANY, WIRE_TCP, WIRE_UDP, WIRE_ICMP };
enum wire_backend { WIRE_SWITCH, WIRE_NETEM }; /* netem: the first five effects only */
enum wire_where { WIRE_AT_BYTE, WIRE_AT_HEAD, WIRE_AT_LAST };
enum wire_shape { WIRE_UNIFORM, WIRE_NORMAL, WIRE_EXPONENTIAL };

/** struct wire_rule - one activation of one fault. Nodes are bits by index. */
struct wire_rule {
	uint32_t effect;   /* enum wire_effect */
	int32_t fault;     /* index in the experiment: rules act in this order */
	char name[32];     /* "net.drop.0": names the draws */
	uint64_t seed;
	uint64_t a[4], b[4];
	uint8_t way, protocol, ports_count;
	uint8_t backend;   /* enum wire_backend */
	bool overtake, fix_sum, reset, of_reply;
	uint16_t ports[WIRE_PORTS_MAX]; /* either end */
	struct gate gate;  /* counts what the rule would act on: packets, connections or requests */
	double chance;     /* of each packet, 0..1 */
	double burst_enter, burst_leave; /* > 0: chance counts inside bursts only */
	int64_t delay_ns, jitter_ns, down_ns, up_ns;
	int64_t bytes_per_s, queue_bytes, burst_bytes, at;
	int64_t upto;      /* > 0: bytes of the request that get through; 0: all */
	int32_t shape, bits, where;
	char pattern[WIRE_PATTERN_MAX];  /* on the first bytes of a request; "": any */
};

enum wire_did {
	DID_DROP, DID_DELAY, DID_DUPLICATE, DID_CORRUPT, DID_QUEUE_FULL, DID_REFUSE, DID_RESET,
	DID_CUT, DID_LOSE_REPLY, DID_HOLD_REPLY, DID_SLOW,
	DID_UNHEARD, /* altered, and nobody knows how: the ring was full */
	/* Not altered, though chosen: */
	DID_NOT_LOST, /* an answer got through whole: it has no such byte */
	DID_TAKEN,    /* an answer or request on a connection that met another fault before */
	DID_KINDS
};

/** enum wire_counted - who knows of a hit: the wire saw it, or the kernel says only how many. */
enum wire_counted { SEEN, COUNTED, INFERRED };

/** struct wire_hit - one altered packet, or `count` of them when they came too fast to list. */
struct wire_hit {
	int64_t t_ns;
	uint64_t count;
	int64_t ns;          /* delays */
	uint32_t rule;       /* as wire_rule_add gave it */
	int32_t fault;       /* the rule's */
	uint32_t nth;        /* connection of its kind (client, server, port), from 1; 0: none */
	uint32_t seq, len;   /* TCP: from the connection's start; others: packet number */
	uint32_t again;      /* how many-eth time this range passes, from 0 */
	uint16_t from, to;   /* nodes */
	uint16_t client, server, port;
	uint8_t protocol, did, flags, v6;
	uint8_t counted;     /* enum wire_counted */
};

/** wire_did_alter - is it a hit, or only news of a packet that was left as it was? */
static inline bool wire_did_alter(unsigned did)
{
	return did != DID_NOT_LOST && did != DID_TAKEN;
}

/** wire_did_words - "dropped", "delayed by 50.000 ms": what was done, for people. */
void wire_did_words(unsigned did, int64_t ns, char *ret, size_t len);

#endif
