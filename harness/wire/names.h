/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_NAMES_H
#define WD_WIRE_NAMES_H

/*
 * Names of nodes, answered on the wire by a responder of the wire's own (DNS,
 * RFC 1035 and 3596) at WIRE_DNS_HOST of both subnets, which is no node's.
 * What a fault asks of it and hears back are plain values, like those in
 * wire/rule.h.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/gate.h"

struct err;
struct loop;
struct wire;

#define WIRE_DNS_HOST 253      /* with WIRE_ADDR4_FMT and WIRE_ADDR6_FMT */
#define WIRE_NOBODY_HOST 254   /* an address of the subnets that nobody will ever have */
#define WIRE_DOMAIN "shop.test" /* what nodes search; .test is nobody's (RFC 6761) */
#define WIRE_NAMES_MAX 1024
#define WIRE_NAME_MAX 128
#define WIRE_DNS_RULES_MAX 64

/** struct wire_name - lower case, without a dot at the end; `own`: its node's, for PTR. */
struct wire_name {
	char text[WIRE_NAME_MAX];
	uint16_t node;
	bool own;
};
struct wire_names {
	uint32_t count;        /* 0: there is no responder */
	bool v6;               /* nodes have IPv6: AAAA is answered */
	struct wire_name at[WIRE_NAMES_MAX];
};

enum wire_dns_effect { WIRE_DNS_FAIL, WIRE_DNS_SLOW, WIRE_DNS_WRONG, WIRE_DNS_EFFECTS };
enum wire_dns_how { WIRE_DNS_NXDOMAIN, WIRE_DNS_SERVFAIL, WIRE_DNS_REFUSED, WIRE_DNS_SILENCE,
		    WIRE_DNS_HOWS };
enum wire_dns_type { WIRE_DNS_ANY, WIRE_DNS_A, WIRE_DNS_AAAA, WIRE_DNS_PTR, WIRE_DNS_TYPES };

/** struct wire_dns_rule - one activation of one fault on questions. */
struct wire_dns_rule {
	uint32_t effect;        /* enum wire_dns_effect */
	int32_t fault;          /* index in the experiment: rules act in this order */
	char name[32];          /* "dns.fail.0": names the draws */
	uint64_t seed;
	uint64_t nodes[4];      /* whose questions: bits by index */
	char pattern[WIRE_NAME_MAX]; /* glob on the name, with or without WIRE_DOMAIN; "": any */
	uint8_t type;           /* enum wire_dns_type: only these questions */
	uint8_t how;            /* fail: enum wire_dns_how */
	uint8_t shape;          /* slow: enum wire_shape */
	uint16_t host;          /* wrong: its last part on the wire, node + 1 or nobody's */
	uint32_t ttl_s;         /* wrong: how long the answer may be believed */
	struct gate gate;       /* counts the questions that the rule would alter */
	double chance;
	int64_t delay_ns, jitter_ns;
};

enum wire_dns_did { DNS_DID_CODE, DNS_DID_SILENCE, DNS_DID_LATE, DNS_DID_WRONG,
		    DNS_DID_UNHEARD, /* altered, and nobody knows how: the ring was full */
		    DNS_DIDS };

/** struct wire_dns_hit - one altered answer, or `count` when they came too fast to list. */
struct wire_dns_hit {
	int64_t t_ns, ns;       /* ns: late by */
	uint64_t count;
	uint32_t rule;
	uint32_t nth;           /* of this node, name and type, from 1, in this trial */
	uint16_t node, type;    /* who asked; the type's number in DNS */
	uint16_t host;
	uint8_t did, how, v6;   /* v6: the wrong address is an IPv6 one */
	char name[WIRE_NAME_MAX]; /* as asked, in lower case; a longer one is cut */
};

/** wire_names_set - what the responder knows, from now on; for this trial (see wire_reset). */
int wire_names_set(struct wire *w, const struct wire_names *names, struct err *e);
/** wire_dns_add - in effect when this returns; else like wire_rule_add. */
int wire_dns_add(struct wire *w, struct loop *loop, const struct wire_dns_rule *rule,
		 void (*fn)(void *arg, const struct wire_dns_hit *h), void *arg, unsigned *ret_id,
		 struct err *e);
/** wire_dns_del - over when this returns: what it held back is answered, its hits are told, then
 * DNS_DID_UNHEARD: how many more there were. */
int wire_dns_del(struct wire *w, unsigned id, struct err *e);

#endif
