/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TESTS_WIRE_KIT_H
#define WD_TESTS_WIRE_KIT_H

/*
 * What the tests of the impairments share: packets made by hand, a clock that only goes where it
 * is told, and everything that came out, in order.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/gate.h"
#include "wire/impair.h"

#define KIT_FRAME_MAX (VNET + 65535)

/** struct kit_out - one frame that was delivered. */
struct kit_out {
	int64_t t_ns;
	uint32_t tag;          /* UDP: the first four bytes of its data; TCP: its sequence number */
	uint16_t to, len;      /* len: with the virtio header */
	uint8_t flags;         /* TCP's */
	bool sum_ok;           /* transport checksum; what is left to the device counts as right */
	uint64_t digest;       /* of all its bytes */
};

struct kit {
	struct impair *im;
	int64_t now;
	uint64_t lost, sent;
	size_t outs_count, hits_count;
	struct kit_out *outs;
	struct wire_hit *hits;
	size_t outs_size, hits_size;
	void (*seen)(void *arg, const uint8_t *frame, size_t len); /* every frame; may be NULL */
	void *arg;
};

static inline uint32_t kit_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void kit_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void kit_put32(uint8_t *p, uint32_t v)
{
	kit_put16(p, v >> 16);
	kit_put16(p + 2, v);
}

static inline uint64_t kit_digest(const void *data, size_t len)
{
	const uint8_t *b = data;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	return h;
}

static inline void kit_deliver(void *arg, unsigned to, const uint8_t *frame, size_t len)
{
	struct kit *k = arg;
	struct virtio_net_hdr h;
	struct packet p;
	struct kit_out *o;

	if (k->seen)
		k->seen(k->arg, frame, len);
	if (k->outs_count == k->outs_size) {
		k->outs_size = k->outs_size ? 2 * k->outs_size : 1024;
		k->outs = xrealloc(k->outs, k->outs_size * sizeof(*k->outs));
	}
	memcpy(&h, frame, VNET);
	packet_parse(&p, (uint8_t *)(uintptr_t)frame + VNET, len - VNET);
	o = &k->outs[k->outs_count++];
	*o = (struct kit_out){ .t_ns = k->now, .to = (uint16_t)to, .len = (uint16_t)len,
			       .flags = p.flags, .digest = kit_digest(frame, len) };
	o->tag = p.proto == 6 ? p.seq : p.len >= 4 ? kit_be32(p.ip + p.data) : 0;
	o->sum_ok = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM || packet_sum_ok(&p);
}

static inline void kit_hit(void *arg, const struct wire_hit *h)
{
	struct kit *k = arg;

	if (k->hits_count == k->hits_size) {
		k->hits_size = k->hits_size ? 2 * k->hits_size : 1024;
		k->hits = xrealloc(k->hits, k->hits_size * sizeof(*k->hits));
	}
	k->hits[k->hits_count++] = *h;
}

static inline void kit_lost(void *arg, unsigned from)
{
	struct kit *k = arg;

	(void)from;
	k->lost++;
}

static inline void kit_open(struct kit *k)
{
	struct impair_out out = { .arg = k, .deliver = kit_deliver, .hit = kit_hit,
				  .lost = kit_lost };

	*k = (struct kit){ 0 };
	k->im = impair_new(&out);
}

static inline void kit_close(struct kit *k)
{
	impair_free(k->im);
	free(k->outs);
	free(k->hits);
}

/** kit_to - time goes on to t; what waits is released when it is due. */
static inline void kit_to(struct kit *k, int64_t t)
{
	while (impair_due(k->im) <= t) {
		if (impair_due(k->im) > k->now)
			k->now = impair_due(k->im);
		impair_release(k->im, k->now);
	}
	if (t > k->now)
		k->now = t;
}

/** kit_send - one frame, now. The caller's bytes stay as they are. */
static inline void kit_send(struct kit *k, unsigned from, unsigned to, const uint8_t *frame,
			    size_t len)
{
	static uint8_t copy[KIT_FRAME_MAX];

	memcpy(copy, frame, len);
	k->sent++;
	impair_frame(k->im, from, to, copy, len, k->now);
}

/* ---- rules ---- */

/** kit_rule - between nodes 0 and 1, every packet, both ways. */
static inline struct wire_rule kit_rule(enum wire_effect effect, const char *name, int fault,
					uint64_t seed)
{
	struct wire_rule r = { .effect = effect, .fault = fault, .seed = seed, .a = { 1 },
			       .b = { 2 }, .gate = gate_all(), .chance = 1 };

	snprintf(r.name, sizeof(r.name), "%s.%d", name, fault);
	return r;
}

/* ---- packets ---- */

/** kit_sums - the checksums of an IPv4 or IPv6 packet as its bytes are. */
static inline void kit_sums(uint8_t *ip, size_t total)
{
	struct packet p;
	uint32_t sum = 0;

	if (ip[0] == 0x45) {
		kit_put16(ip + 10, 0);
		for (int i = 0; i < 20; i += 2)
			sum += kit_be32(ip + i) >> 16;
		sum = (sum & 0xffff) + (sum >> 16);
		kit_put16(ip + 10, ~(sum + (sum >> 16)));
	}
	packet_parse(&p, ip, total);
	packet_sum(&p);
}

static inline size_t kit_ip4(uint8_t *ip, unsigned from, unsigned to, uint8_t proto, size_t total)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	kit_put16(ip + 2, (uint32_t)total);
	ip[8] = 64;
	ip[9] = proto;
	kit_put32(ip + 12, 0x0a4d0001u + from);
	kit_put32(ip + 16, 0x0a4d0001u + to);
	kit_sums(ip, total);
	return total;
}

/** kit_udp - one datagram with `len` (>= 4) bytes of data that begin with tag. Its frame's size. */
static inline size_t kit_udp(uint8_t *frame, unsigned from, unsigned to, uint16_t sport,
			     uint16_t dport, uint32_t tag, size_t len)
{
	uint8_t *ip = frame + VNET, *u = ip + 20;

	memset(frame, 0, VNET);
	memset(u, 0, 8);
	kit_put16(u, sport);
	kit_put16(u + 2, dport);
	kit_put16(u + 4, (uint32_t)len + 8);
	for (size_t i = 4; i < len; i++)
		u[8 + i] = (uint8_t)(tag * 31 + i * 7);
	kit_put32(u + 8, tag);
	return VNET + kit_ip4(ip, from, to, 17, 28 + len);
}

/** struct kit_tcp - one TCP frame; with gso, a large one to be cut into pieces of that size. */
struct kit_tcp {
	unsigned from, to;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	size_t len;
	uint16_t gso;
};

/** kit_tcp - its data are a function of the sequence number, so that pieces can be compared. */
static inline size_t kit_tcp(uint8_t *frame, const struct kit_tcp *t)
{
	struct virtio_net_hdr h = { .flags = t->gso ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
				    .gso_type = t->gso ? VIRTIO_NET_HDR_GSO_TCPV4 :
							 VIRTIO_NET_HDR_GSO_NONE,
				    .hdr_len = t->gso ? 40 : 0, .gso_size = t->gso,
				    .csum_start = t->gso ? 20 : 0, .csum_offset = t->gso ? 16 : 0 };
	uint8_t *ip = frame + VNET, *tcp = ip + 20;

	memcpy(frame, &h, VNET);
	memset(tcp, 0, 20);
	kit_put16(tcp, t->sport);
	kit_put16(tcp + 2, t->dport);
	kit_put32(tcp + 4, t->seq);
	kit_put32(tcp + 8, t->ack);
	tcp[12] = 5 << 4;
	tcp[13] = t->flags;
	for (size_t i = 0; i < t->len; i++)
		tcp[20 + i] = (uint8_t)((t->seq + i) * 2654435761u >> 13);
	return VNET + kit_ip4(ip, t->from, t->to, 6, 40 + t->len);
}

#endif
