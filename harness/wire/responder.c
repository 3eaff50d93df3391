/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation.
 *
 *   frame to WIRE_DNS_HOST ─ UDP 53 ─► question ─► what is true ─► rules in the
 *        │                     │                                   file's order
 *        │  TCP 53: question(s)┘           answer now, late, wrong, or never
 *        ├─ TCP, other port: RST
 *        └─ anything else: dropped
 *
 * A question's identity is (node, name, type, the nth of these in the trial),
 * counted whether a rule is armed or not. A client that asks again because it
 * heard nothing asks the next one.
 *
 * TCP without connections: every segment carries what its answer needs (where
 * the answer begins is what the client has acknowledged), so a SYN gets a
 * SYN-ACK, a segment with whole questions gets their answers in one segment, a
 * FIN gets a FIN, and nothing is remembered. A question that is spread over
 * several segments gets a RST; resolvers write length and question at once.
 * That is RFC 7766 as far as a resolver can tell; UDP answers are never
 * truncated, so TCP is for those that prefer it.
 */
#include "wire/responder.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/draw.h"
#include "base/str.h"
#include "wire/dns.h"
#include "wire/packet.h"
#include "wire/queue.h"
#include "wire/rule.h"
#include "wire/wire.h"

#define LISTED_MAX 1000      /* hits of one rule told one by one; later ones in pieces of */
#define PIECE_NS 250000000   /* this long */
#define ORDINALS 4096        /* (node, name, type) that are counted apart; then some start anew */
#define TRIES 8
#define NS_SANE INT64_C(1000000000000000)
#define SEGMENT_MAX 1400     /* bytes of answers in one TCP segment */
#define FRAME_BYTES (VNET + 60 + SEGMENT_MAX)
_Static_assert(FRAME_BYTES <= QUEUE_FRAME_MAX, "an answer can wait");

struct slot {
	bool used;
	struct wire_dns_rule r;
	uint32_t generation;
	uint64_t order;
	int64_t n;              /* counted for the gate */
	uint64_t listed, piece; /* hits: told one by one; not told yet */
	int64_t piece_ns;
	struct wire_dns_hit last;
};
struct ordinal {
	uint64_t key; /* 0: free */
	uint32_t count;
};
struct responder {
	struct responder_out out;
	struct wire_names names;
	struct slot slot[WIRE_DNS_RULES_MAX];
	uint8_t order[WIRE_DNS_RULES_MAX]; /* slots in the order in which they act */
	unsigned count;
	uint32_t generation;
	uint64_t added;
	struct ordinal ordinal[ORDINALS];
	struct queue *queue; /* owned: answers that wait */
};

/** struct look - one question under the eyes of all rules, and what came of it. */
struct look {
	unsigned from;
	struct dns_answer answer;
	uint64_t object;
	uint32_t nth;
	int64_t now;
	bool silent;
	int64_t delay_ns;
	uint64_t held_by; /* bits of rules */
};

struct responder *responder_new(const struct responder_out *out)
{
	struct responder *r = xcalloc(1, sizeof(*r));

	r->out = *out;
	r->queue = queue_new();
	return r;
}

void responder_free(struct responder *r)
{
	if (!r)
		return;
	queue_free(r->queue);
	free(r);
}

void responder_reset(struct responder *r)
{
	while (responder_due(r) != INT64_MAX)
		queue_pop(r->queue);
	r->names.count = 0;
	r->count = 0;
	memset(r->slot, 0, sizeof(r->slot));
	memset(r->ordinal, 0, sizeof(r->ordinal));
}

int responder_names(struct responder *r, const struct wire_names *names)
{
	if (names->count > WIRE_NAMES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < names->count; i++)
		if (names->at[i].node >= WIRE_NODES_MAX ||
		    !memchr(names->at[i].text, 0, sizeof(names->at[i].text)))
			return -EINVAL;
	r->names = *names;
	return 0;
}

/* ---- rules ---- */

static bool span(int64_t ns)
{
	return ns >= 0 && ns <= NS_SANE;
}

/* What comes over the socket is checked once more: the switch must not stop for it. */
static bool sane(const struct wire_dns_rule *r)
{
	return r->effect < WIRE_DNS_EFFECTS && r->type < WIRE_DNS_TYPES && r->how < WIRE_DNS_HOWS &&
	       r->shape <= WIRE_EXPONENTIAL && isfinite(r->chance) && r->chance >= 0 &&
	       r->chance <= 1 && span(r->delay_ns) && span(r->jitter_ns) && r->host < 256 &&
	       memchr(r->name, 0, sizeof(r->name)) && memchr(r->pattern, 0, sizeof(r->pattern));
}

static bool acts_before(const struct slot *a, const struct slot *b)
{
	return a->r.fault != b->r.fault ? a->r.fault < b->r.fault : a->order < b->order;
}

static void survey(struct responder *r)
{
	r->count = 0;
	for (unsigned i = 0; i < WIRE_DNS_RULES_MAX; i++) {
		unsigned at;

		if (!r->slot[i].used)
			continue;
		for (at = r->count++;
		     at && acts_before(&r->slot[i], &r->slot[r->order[at - 1]]); at--)
			r->order[at] = r->order[at - 1];
		r->order[at] = (uint8_t)i;
	}
}

int responder_add(struct responder *r, const struct wire_dns_rule *rule)
{
	unsigned i = 0;

	if (!sane(rule))
		return -EINVAL;
	while (i < WIRE_DNS_RULES_MAX && r->slot[i].used)
		i++;
	if (i == WIRE_DNS_RULES_MAX)
		return -ENOSPC;
	r->slot[i] = (struct slot){ .used = true, .r = *rule, .order = r->added++,
				    .generation = ++r->generation & 0xffffff };
	survey(r);
	return (int)(r->slot[i].generation * WIRE_DNS_RULES_MAX + i);
}

static void tell_piece(struct responder *r, struct slot *s)
{
	if (!s->piece)
		return;
	s->last.count = s->piece;
	s->piece = 0;
	r->out.hit(r->out.arg, &s->last);
}

int responder_del(struct responder *r, unsigned id, int64_t now)
{
	unsigned bit = id % WIRE_DNS_RULES_MAX;
	struct slot *s = &r->slot[bit];

	if (!s->used || s->generation != id / WIRE_DNS_RULES_MAX)
		return -ENOENT;
	tell_piece(r, s);
	memset(s, 0, sizeof(*s));
	survey(r);
	queue_hasten(r->queue, UINT64_C(1) << bit, now);
	responder_release(r, now);
	return 0;
}

/* ---- deciding ---- */

static bool type_matches(const struct wire_dns_rule *r, unsigned type)
{
	static const uint16_t types[WIRE_DNS_TYPES] = { [WIRE_DNS_A] = DNS_TYPE_A,
							[WIRE_DNS_AAAA] = DNS_TYPE_AAAA,
							[WIRE_DNS_PTR] = DNS_TYPE_PTR };

	return r->type == WIRE_DNS_ANY || types[r->type] == type;
}

static bool name_matches(const char *pattern, const char *name)
{
	char local[DNS_TEXT_MAX];
	size_t len = dns_local(name);

	if (!*pattern || str_glob(pattern, name))
		return true;
	if (!name[len])
		return false;
	memcpy(local, name, len);
	local[len] = '\0';
	return str_glob(pattern, local);
}

static const uint8_t how_rcodes[WIRE_DNS_HOWS] = { [WIRE_DNS_NXDOMAIN] = DNS_NXDOMAIN,
						   [WIRE_DNS_SERVFAIL] = DNS_SERVFAIL,
						   [WIRE_DNS_REFUSED] = DNS_REFUSED };

/* Would this rule change anything? What it would not is no hit of it. */
static bool would_alter(const struct wire_dns_rule *r, const struct dns_answer *a)
{
	switch (r->effect) {
	case WIRE_DNS_FAIL:
		return r->how == WIRE_DNS_SILENCE || a->rcode != how_rcodes[r->how];
	case WIRE_DNS_WRONG:
		return a->rcode == DNS_NOERROR && a->host && a->host != r->host;
	default:
		return true;
	}
}

static bool matches(const struct slot *s, const struct look *l, const struct dns_question *q)
{
	return s->r.nodes[l->from / 64] >> (l->from % 64) & 1 &&
	       type_matches(&s->r, q->type) && would_alter(&s->r, &l->answer) &&
	       name_matches(s->r.pattern, q->name);
}

enum salt { SALT_CHANCE, SALT_JITTER, SALT_JITTER_2 };

static struct draw dice(const struct slot *s, const struct look *l, enum salt salt)
{
	return (struct draw){ .seed = s->r.seed, .name = s->r.name,
			      .object = l->object + UINT64_C(0x9e3779b97f4a7c15) * salt,
			      .hit = l->nth };
}

static int64_t delay_of(const struct slot *s, const struct look *l)
{
	double u = draw_unit(dice(s, l, SALT_JITTER)), j = (double)s->r.jitter_ns, v;

	if (s->r.jitter_ns <= 0)
		return s->r.delay_ns;
	if (s->r.shape == WIRE_UNIFORM)
		return s->r.delay_ns + (int64_t)(j * (2 * u - 1));
	if (s->r.shape == WIRE_EXPONENTIAL)
		return s->r.delay_ns + (int64_t)(-j * log1p(-u));
	v = draw_unit(dice(s, l, SALT_JITTER_2));
	return s->r.delay_ns + (int64_t)(j * sqrt(-2 * log1p(-u)) * cos(2 * M_PI * v));
}

static void hit(struct responder *r, unsigned bit, const struct look *l,
		const struct dns_question *q, enum wire_dns_did did, int64_t ns)
{
	struct slot *s = &r->slot[bit];
	size_t len = strlen(q->name);

	s->last = (struct wire_dns_hit){
		.t_ns = l->now, .ns = ns, .count = 1, .nth = l->nth, .node = (uint16_t)l->from,
		.rule = s->generation * WIRE_DNS_RULES_MAX + bit, .type = q->type,
		.host = s->r.host, .did = (uint8_t)did, .how = s->r.how, .v6 = l->answer.v6 };
	memcpy(s->last.name, q->name, len < WIRE_NAME_MAX ? len : WIRE_NAME_MAX - 1);
	if (s->listed < LISTED_MAX) {
		s->listed++;
		r->out.hit(r->out.arg, &s->last);
		return;
	}
	if (!s->piece++)
		s->piece_ns = l->now;
	if (l->now - s->piece_ns >= PIECE_NS)
		tell_piece(r, s);
}

static void apply(struct responder *r, unsigned bit, struct look *l, const struct dns_question *q)
{
	struct slot *s = &r->slot[bit];
	int64_t ns;

	if (s->r.effect == WIRE_DNS_FAIL && s->r.how == WIRE_DNS_SILENCE) {
		l->silent = true;
		hit(r, bit, l, q, DNS_DID_SILENCE, 0);
	} else if (s->r.effect == WIRE_DNS_FAIL) {
		l->answer = (struct dns_answer){ .rcode = how_rcodes[s->r.how] };
		hit(r, bit, l, q, DNS_DID_CODE, 0);
	} else if (s->r.effect == WIRE_DNS_WRONG) {
		l->answer.host = s->r.host;
		l->answer.ttl_s = s->r.ttl_s;
		hit(r, bit, l, q, DNS_DID_WRONG, 0);
	} else {
		ns = delay_of(s, l);
		if (ns <= 0)
			return;
		l->delay_ns += ns;
		l->held_by |= UINT64_C(1) << bit;
		hit(r, bit, l, q, DNS_DID_LATE, ns);
	}
}

/* Which one of its kind: an open table; when there is no place, one of it starts anew. */
static uint32_t next_of_kind(struct responder *r, uint64_t key)
{
	struct ordinal *at = &r->ordinal[key % ORDINALS];

	for (unsigned i = 0; i < TRIES; i++) {
		struct ordinal *o = &r->ordinal[(key + i) % ORDINALS];

		if (o->key == key || !o->key) {
			at = o;
			break;
		}
	}
	if (at->key != key)
		*at = (struct ordinal){ .key = key };
	return ++at->count;
}

static uint64_t object_of(const struct look *l, const struct dns_question *q)
{
	uint64_t h = draw_siphash(l->from, q->type, q->name, strlen(q->name));

	return h ? h : 1;
}

static void decide(struct responder *r, struct look *l, const struct dns_question *q)
{
	l->object = object_of(l, q);
	l->nth = next_of_kind(r, l->object);
	for (unsigned i = 0; i < r->count && !l->silent; i++) {
		unsigned bit = r->order[i];
		struct slot *s = &r->slot[bit];

		if (matches(s, l, q) && gate_lets(&s->r.gate, ++s->n, l->object, l->nth) &&
		    draw_chance(dice(s, l, SALT_CHANCE), s->r.chance))
			apply(r, bit, l, q);
	}
}

/* One message: what came of it in *l; the answer's size, 0: none. */
static size_t ask(struct responder *r, struct look *l, const uint8_t *msg, size_t len, uint8_t *ret)
{
	struct dns_question q;
	int rcode = dns_parse(msg, len, &q);

	if (rcode < 0)
		return 0;
	l->answer = (struct dns_answer){ .rcode = (unsigned)rcode };
	if (rcode == DNS_NOERROR) {
		dns_look(&r->names, &q, &l->answer);
		decide(r, l, &q);
	}
	return l->silent ? 0 : dns_write(&q, &l->answer, msg, ret);
}

/* ---- packets ---- */

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* An answer to p: IP header and ports, and where the transport header goes. */
static uint8_t *reply_begin(const struct packet *p, uint8_t *frame)
{
	uint8_t *ip = frame + VNET, *l4 = ip + (p->v6 ? 40 : 20);
	size_t from = p->v6 ? 8 : 12, to = p->v6 ? 24 : 16, n = p->v6 ? 16 : 4;

	memset(frame, 0, VNET + 60);
	ip[0] = p->v6 ? 0x60 : 0x45;
	ip[p->v6 ? 6 : 9] = p->proto;
	ip[p->v6 ? 7 : 8] = 64;
	memcpy(ip + from, p->ip + to, n);
	memcpy(ip + to, p->ip + from, n);
	put16(l4, p->dport);
	put16(l4 + 2, p->sport);
	return l4;
}

/* Lengths and checksums; the frame's size. `data`: where it ends. */
static size_t reply_end(const struct packet *p, uint8_t *frame, const uint8_t *end)
{
	struct packet out = { .ip = frame + VNET, .l4 = p->v6 ? 40 : 20, .proto = p->proto,
			      .ports = true, .v6 = p->v6 };
	size_t total = (size_t)(end - out.ip);

	if (p->proto == IPPROTO_UDP)
		put16(out.ip + out.l4 + 4, (unsigned)(total - out.l4));
	packet_close(&out, total);
	return VNET + total;
}

static void send_or_hold(struct responder *r, const struct look *l, const uint8_t *frame,
			 size_t len)
{
	struct waiting w = { .at_ns = l->now + l->delay_ns, .rules = l->held_by,
			     .from = (uint16_t)l->from, .to = (uint16_t)l->from,
			     .len = (uint16_t)len };

	if (l->delay_ns <= 0)
		r->out.deliver(r->out.arg, l->from, frame, len);
	else if (queue_push(r->queue, &w, frame) < 0)
		r->out.lost(r->out.arg, l->from);
}

static void udp(struct responder *r, struct look *l, const struct packet *p)
{
	uint8_t frame[FRAME_BYTES], *data = reply_begin(p, frame) + 8;
	size_t n = ask(r, l, p->ip + p->data, p->len, data);

	if (n)
		send_or_hold(r, l, frame, reply_end(p, frame, data + n));
	else
		r->out.lost(r->out.arg, l->from);
}

/* The header of a segment in answer to p; where its data go. */
static uint8_t *segment_begin(const struct packet *p, uint8_t *frame, uint32_t seq, uint8_t flags)
{
	uint8_t *t = reply_begin(p, frame);

	put32(t + 4, seq);
	put32(t + 8, p->seq + packet_span(p));
	t[12] = 5 << 4;
	t[13] = flags;
	put16(t + 14, 0xffff);
	return t + 20;
}

static void segment_send(struct responder *r, const struct look *l, const struct packet *p,
			 uint32_t seq, uint8_t flags)
{
	uint8_t frame[FRAME_BYTES], *data = segment_begin(p, frame, seq, flags);

	r->out.deliver(r->out.arg, l->from, frame, reply_end(p, frame, data));
}

static void reset(struct responder *r, unsigned from, const struct packet *p)
{
	uint8_t frame[PACKET_RESET_MAX];
	bool ack = p->flags & TCP_ACK;
	size_t n = packet_reset(p, true, ack ? p->ack : 0, ack ? 0 : p->seq + packet_span(p),
				ack ? TCP_RST : TCP_RST | TCP_ACK, frame);

	r->out.deliver(r->out.arg, from, frame, n);
}

/* The questions of a segment, their answers behind each other. -1: they are not all whole. */
static int segment_ask(struct responder *r, struct look *l, const struct packet *p, uint8_t *data)
{
	const uint8_t *at = p->ip + p->data, *end = at + p->len;
	uint8_t *out = data;
	int64_t late = 0;

	for (const uint8_t *m = at; m < end; m += 2 + (m[0] << 8 | m[1]))
		if (end - m < 2 || end - m - 2 < (m[0] << 8 | m[1]))
			return -1;
	for (size_t len; at < end; at += 2 + len) {
		size_t n;

		len = (size_t)(at[0] << 8 | at[1]);
		if (out + 2 + DNS_ANSWER_MAX > data + SEGMENT_MAX)
			return -1;
		l->silent = false;
		l->delay_ns = 0;
		n = ask(r, l, at + 2, len, out + 2);
		late = l->delay_ns > late ? l->delay_ns : late;
		put16(out, (unsigned)n);
		out += n ? 2 + n : 0;
	}
	l->delay_ns = late;
	return (int)(out - data);
}

static void segment(struct responder *r, struct look *l, const struct packet *p)
{
	uint8_t frame[FRAME_BYTES], *data, flags = p->flags & TCP_FIN;
	int n;

	data = segment_begin(p, frame, p->ack, TCP_ACK | TCP_PSH | flags);
	n = segment_ask(r, l, p, data);
	if (n < 0) {
		reset(r, l->from, p);
		return;
	}
	if (!n || l->delay_ns > 0) /* else the client would say it again */
		segment_send(r, l, p, p->ack, TCP_ACK);
	if (n)
		send_or_hold(r, l, frame, reply_end(p, frame, data + n));
}

static void tcp(struct responder *r, struct look *l, const struct packet *p)
{
	uint8_t id[4];

	if (p->flags & TCP_RST)
		return;
	if (p->dport != DNS_PORT) {
		reset(r, l->from, p);
	} else if (p->flags & TCP_SYN) {
		put32(id, p->seq);
		segment_send(r, l, p, (uint32_t)draw_siphash(l->from, p->sport, id, sizeof(id)),
			     TCP_SYN | TCP_ACK);
	} else if (p->len > 0) {
		segment(r, l, p);
	} else if (p->flags & TCP_FIN) {
		segment_send(r, l, p, p->ack, TCP_FIN | TCP_ACK);
	}
}

/* The last part of the address is all that differs from a node's. */
static bool is_ours(const struct packet *p)
{
	static const uint8_t us4[4] = { 10, 77, 0, WIRE_DNS_HOST };
	static const uint8_t us6[16] = { 0xfd, 0x77, [15] = WIRE_DNS_HOST };

	if (!p->l4)
		return false;
	return p->v6 ? !memcmp(p->ip + 24, us6, sizeof(us6))
		     : !memcmp(p->ip + 16, us4, sizeof(us4));
}

bool responder_frame(struct responder *r, unsigned from, uint8_t *frame, size_t len, int64_t now)
{
	struct look l = { .from = from, .now = now };
	struct packet p;

	if (!r->names.count || len <= VNET || from >= WIRE_NODES_MAX)
		return false;
	packet_parse(&p, frame + VNET, len - VNET);
	if (!is_ours(&p) || p.fragment || !p.ports)
		return false;
	if (p.proto == IPPROTO_TCP)
		tcp(r, &l, &p);
	else if (p.dport == DNS_PORT)
		udp(r, &l, &p);
	else
		return false;
	return true;
}

int64_t responder_due(const struct responder *r)
{
	const uint8_t *frame;
	const struct waiting *w = queue_first(r->queue, &frame);

	return w ? w->at_ns : INT64_MAX;
}

void responder_release(struct responder *r, int64_t now)
{
	const struct waiting *w;
	const uint8_t *frame;

	while ((w = queue_first(r->queue, &frame)) && w->at_ns <= now) {
		r->out.deliver(r->out.arg, w->to, frame, w->len);
		queue_pop(r->queue);
	}
}
