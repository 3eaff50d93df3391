/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Every packet passes here, so a packet costs one look
 * into one place of a table: connections are found by a hash of both ends and
 * take the place of whoever was there. A connection that lost its place begins
 * anew, so repetitions may be missed, but none are made up. The clock is read
 * for handshakes only.
 *
 * The round trip is that of the handshake, SYN to the client's ACK, as it was
 * seen here: it has the whole way in it, in both directions, with whatever is
 * armed on it. A handshake in which anything was repeated is not measured.
 */
#include "wire/tally.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "wire/packet.h"

enum { SHAKE_NONE, SHAKE_SYN, SHAKE_ANSWERED };

struct watched {
	uint64_t key;          /* 0: nobody */
	int64_t syn_ns;
	uint32_t next[2];      /* by side: beyond what was sent so far */
	uint8_t begun[2], shake, client;
};
struct tally {
	struct watched *at;    /* mapped, TALLY_FLOWS */
};
#define TALLY_SIZE (TALLY_FLOWS * sizeof(struct watched))

/* struct tcp - the few fields of a header that are needed here. */
struct tcp {
	uint32_t seq, span;
	uint16_t sport, dport;
	uint8_t flags;
};

struct tally *tally_new(void)
{
	struct tally *t = xcalloc(1, sizeof(*t));

	t->at = mmap(NULL, TALLY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->at == MAP_FAILED)
		abort();
	return t;
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	munmap(t->at, TALLY_SIZE);
	free(t);
}

void tally_reset(struct tally *t)
{
	madvise(t->at, TALLY_SIZE, MADV_DONTNEED);
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Offset of a TCP header in a whole packet; 0: it is something else. */
static size_t tcp_at(const uint8_t *ip, size_t len)
{
	if (len >= 40 && ip[0] >> 4 == 4 && ip[9] == IPPROTO_TCP && !(be16(ip + 6) & 0x3fff))
		return (size_t)(ip[0] & 15) * 4;
	if (len >= 60 && ip[0] >> 4 == 6 && ip[6] == IPPROTO_TCP)
		return 40;
	return 0;
}

static bool tcp_parse(struct tcp *t, const uint8_t *ip, size_t len)
{
	size_t at = tcp_at(ip, len), head;

	if (at < 20 || at + 20 > len)
		return false;
	head = (size_t)(ip[at + 12] >> 4) * 4;
	if (head < 20 || at + head > len)
		return false;
	*t = (struct tcp){ .seq = be32(ip + at + 4), .sport = be16(ip + at),
			   .dport = be16(ip + at + 2), .flags = ip[at + 13] };
	t->span = (uint32_t)(len - at - head) + !!(t->flags & TCP_SYN) + !!(t->flags & TCP_FIN);
	return true;
}

/* ---- connections ---- */

/* Finalizer of splitmix64 (public domain, Vigna): every bit of x reaches the low ones. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static struct watched *find(struct tally *t, const struct tcp *p, unsigned from, unsigned to,
			    unsigned *ret_side)
{
	uint64_t a = (uint64_t)from << 16 | p->sport, b = (uint64_t)to << 16 | p->dport;
	uint64_t key = a < b ? a << 32 | b : b << 32 | a;
	struct watched *w = &t->at[mix(key) % TALLY_FLOWS];

	*ret_side = a > b;
	key += key == 0;
	if (w->key != key || (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		bool again = w->key == key && w->shake == SHAKE_SYN && w->begun[*ret_side] &&
			     w->next[*ret_side] == p->seq + 1;

		if (!again)
			*w = (struct watched){ .key = key };
	}
	return w;
}

static void shaken(struct watched *w, struct wire_link *l)
{
	int64_t ns = clock_now() - w->syn_ns;

	w->shake = SHAKE_NONE;
	if (!l->handshakes || ns < l->rtt_min_ns)
		l->rtt_min_ns = ns;
	if (ns > l->rtt_max_ns)
		l->rtt_max_ns = ns;
	l->rtt_sum_ns += ns;
	l->handshakes++;
}

static void shake(struct watched *w, struct wire_link *l, const struct tcp *p, unsigned side,
		  bool again)
{
	if (again || p->flags & TCP_RST) {
		w->shake = SHAKE_NONE;
	} else if ((p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		w->shake = SHAKE_SYN;
		w->client = (uint8_t)side;
		w->syn_ns = clock_now();
	} else if (w->shake == SHAKE_SYN && side != w->client && p->flags & TCP_SYN) {
		w->shake = SHAKE_ANSWERED;
	} else if (w->shake == SHAKE_ANSWERED && side == w->client) {
		shaken(w, l);
	}
}

/* A probe for a peer that is still there repeats one byte, or none; that is no loss. */
static bool repeats(const struct watched *w, const struct tcp *p, unsigned side)
{
	uint32_t end = p->seq + p->span;

	if (!p->span || !w->begun[side] || (int32_t)(end - w->next[side]) > 0)
		return false;
	return p->span > 1 || p->flags & (TCP_SYN | TCP_FIN) || end != w->next[side];
}

static void follow(struct tally *t, struct wire_link *l, const struct tcp *p, unsigned from,
		   unsigned to, uint64_t packets)
{
	unsigned side;
	struct watched *w = find(t, p, from, to, &side);
	bool again = repeats(w, p, side);

	if (again)
		l->again += packets;
	if (p->span && !again) {
		w->begun[side] = 1;
		w->next[side] = p->seq + p->span;
	}
	if (w->shake != SHAKE_NONE || p->flags & TCP_SYN)
		shake(w, l, p, side, again);
}

void tally_packet(struct tally *t, struct wire_link *l, unsigned from, unsigned to,
		  const uint8_t *frame, size_t len)
{
	struct virtio_net_hdr h;
	uint64_t packets = 1;
	struct tcp p;

	memcpy(&h, frame, VNET);
	if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE && h.gso_size && len > VNET + h.hdr_len)
		packets = (len - VNET - h.hdr_len + h.gso_size - 1) / h.gso_size;
	l->packets += packets;
	l->bytes += len - VNET + (packets - 1) * h.hdr_len;
	if (tcp_parse(&p, frame + VNET, len - VNET))
		follow(t, l, &p, from, to, packets);
}
