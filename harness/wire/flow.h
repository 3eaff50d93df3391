/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_FLOW_H
#define WD_WIRE_FLOW_H

/*
 * Connections as they pass by. A connection is known by what it is to the
 * target (client node, server node, server port, the nth of them), not by its
 * ephemeral port or its initial sequence numbers, so that a decision about a
 * packet means the same in the next run.
 */
#include "wire/packet.h"
#include "wire/talk.h"

#define FLOWS_MAX 32768      /* connections remembered; which one is forgotten: see flow.c */
#define FLOW_KINDS_MAX 8192  /* (client, server, port) that are counted apart */
#define FLOW_RANGES_MAX 131072 /* sequence ranges that were sent again */

enum flow_fate {
	FATE_NONE,
	FATE_CUT,   /* fate_side's bytes from fate_seq on do not get through */
	FATE_LOSE,  /* the answer that begins at fate_seq gets lost */
	FATE_HOLD,  /* the answer from fate_seq on is held until fate_ns */
	FATE_GAG,   /* chosen by a rule that drops its packets one by one */
	FATE_SILENT, /* nothing passes any more */
	FATE_DEAD   /* whoever speaks gets a RST */
};

/** struct flow - ends are indices into the pairs: 0 the client, 1 the server. */
struct flow {
	uint64_t key;            /* 0: free */
	uint64_t serial;         /* order of being seen first */
	uint64_t used;           /* when last, in packets */
	uint64_t packets[2];     /* sent by */
	uint64_t burst[2];       /* bit per rule: in a bad stretch */
	uint64_t asked;          /* bit per rule: it has decided about this connection */
	int64_t fate_ns;
	uint32_t nth, isn[2], next[2]; /* next: relative; beyond what was sent so far */
	uint32_t fate_seq, fate_high;
	uint32_t fate_head, fate_end; /* behind the answer's header, behind it; 0: unknown */
	uint32_t ack_seq[2], acks[2]; /* bare acknowledgements: the highest, how many of it */
	uint16_t node[2], port;  /* port: the server's */
	uint8_t known[2], begun[2]; /* isn, next are valid */
	uint8_t protocol, v6, fate, fate_rule, fate_side, fate_told;
	bool fate_open;          /* the server is still saying that answer */
	uint8_t turn;            /* who spoke last: 1 client, 2 server */
	uint8_t ended;           /* bits: 1 the client's FIN, 2 the server's, 3 a RST */
	struct talk talk;
};

struct flows;
/** flows_new - all memory there will ever be; touched only as needed. */
struct flows *flows_new(void);
void flows_free(struct flows *t);
/** flows_reset - as new: another trial begins. */
void flows_reset(struct flows *t);
/** flows_serial - connections seen later have this serial or a higher one. */
uint64_t flows_serial(const struct flows *t);
/** flows_each - call fn for every connection. */
void flows_each(struct flows *t, void (*fn)(struct flow *f, void *arg), void *arg);

/** flows_forgotten - connections that were forgotten while in use, since flows_reset. */
uint64_t flows_forgotten(const struct flows *t);
/** flow_wanted - must every such packet be shown to flow_of, even on an unimpaired link? Cheap. */
static inline bool flow_wanted(const uint8_t *ip, size_t len)
{
	const uint8_t life = TCP_SYN | TCP_FIN | TCP_RST;

	if (len >= 40 && ip[0] == 0x45)
		return ip[9] == 6 && ip[33] & life;
	return len >= 60 && ip[0] >> 4 == 6 && ip[6] == 6 && ip[53] & life;
}
/** flow_of - the connection that a packet of node `from` to `to` belongs to; never NULL. */
struct flow *flow_of(struct flows *t, const struct packet *p, unsigned from, unsigned to);
/** flow_side - 0: the client sent it, 1: the server. */
static inline unsigned flow_side(const struct flow *f, const struct packet *p, unsigned from)
{
	return f->node[0] != f->node[1] ? f->node[0] != from : p->ports && p->sport == f->port;
}

/** struct ident - what a draw about one packet is made of. */
struct ident {
	uint64_t object, hit;
	uint32_t seq, again;
};
/** flow_ident - count the packet and say which one it is. Call once per packet. */
struct ident flow_ident(struct flows *t, struct flow *f, unsigned side, const struct packet *p);
/** flow_follow - whose turn and how far. True: data never seen. */
bool flow_follow(struct flow *f, unsigned side, const struct packet *p);

#endif
