/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the parsing and making of packets: the input is one frame with its virtio header, in a
 * block of exactly its size. Held: offsets lie inside; a checksum that was filled in is right; a
 * shortened packet is what it was, less its end; a reset is a reset; the pieces of a large frame
 * are its bytes, each once, in order.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wire/flow.h"
#include "wire/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void parsed(const struct packet *p, const uint8_t *ip, size_t len)
{
	REQUIRE(p->ip == ip && p->total <= len && p->l4 <= p->total);
	REQUIRE(!p->ports || (p->l4 && p->data > p->l4 && p->data + p->len == p->total));
	REQUIRE(p->proto == 6 || !p->flags);
	packet_sum_ok(p);
}

static bool is_tcp(const struct packet *p)
{
	return p->proto == 6 && p->ports && !p->fragment;
}

static uint8_t *copy_of(const uint8_t *frame, size_t len)
{
	uint8_t *copy = xmalloc(len);

	memcpy(copy, frame, len);
	return copy;
}

static void cut(const uint8_t *frame, size_t len)
{
	uint8_t *copy = copy_of(frame, len), piece[2048];
	struct segments s;
	size_t n, at = 0;

	if (segments_open(&s, copy, len)) {
		uint32_t seq = s.p.seq;

		while ((n = segments_next(&s, piece, sizeof(piece))) > 0) {
			struct packet p;

			packet_parse(&p, piece + VNET, n - VNET);
			REQUIRE(n == VNET + p.total && is_tcp(&p) && p.v6 == s.p.v6);
			REQUIRE(p.len > 0 && p.len <= s.size && p.seq == seq + (uint32_t)at);
			REQUIRE(!memcmp(p.ip + p.data, s.p.ip + s.p.data + at, p.len));
			packet_complete(piece, n);
			REQUIRE(packet_sum_ok(&p));
			at += p.len;
			REQUIRE(at == s.done && at <= s.p.len);
		}
		REQUIRE(at == s.p.len || VNET + s.p.data + s.size > sizeof(piece) ||
			s.p.len - at < s.size);
	}
	free(copy);
}

static void shorten(const uint8_t *frame, size_t len, size_t keep)
{
	uint8_t *copy = copy_of(frame, len);
	struct packet p, again;

	packet_parse(&p, copy + VNET, len - VNET);
	if (is_tcp(&p)) {
		size_t want = keep < p.len ? keep : p.len, total = packet_shorten(&p, keep);

		REQUIRE(total <= len - VNET);
		packet_parse(&again, copy + VNET, total);
		REQUIRE(again.len == want && again.seq == p.seq && again.sport == p.sport);
		REQUIRE(packet_sum_ok(&again));
	}
	free(copy);
}

static void reset(const uint8_t *frame, size_t len, bool back)
{
	uint8_t *copy = copy_of(frame, len), *ret = xmalloc(PACKET_RESET_MAX);
	struct packet p, r;

	packet_parse(&p, copy + VNET, len - VNET);
	if (is_tcp(&p)) {
		size_t n = packet_reset(&p, back, 7, 9, TCP_RST, ret);

		REQUIRE(n <= PACKET_RESET_MAX);
		packet_parse(&r, ret + VNET, n - VNET);
		REQUIRE(is_tcp(&r) && r.flags == TCP_RST && r.seq == 7 && packet_sum_ok(&r));
		REQUIRE(r.sport == (back ? p.dport : p.sport) && r.v6 == p.v6);
	}
	free(ret);
	free(copy);
}

static void flow(const uint8_t *frame, size_t len)
{
	static struct flows *t;
	uint8_t *copy = copy_of(frame, len);
	struct packet p;
	struct flow *f;
	unsigned side;

	t = t ? t : flows_new();
	flow_wanted(copy + VNET, len - VNET);
	packet_parse(&p, copy + VNET, len - VNET);
	f = flow_of(t, &p, 0, 1);
	side = flow_side(f, &p, 0);
	REQUIRE(f && side < 2 && f->nth);
	REQUIRE(flow_ident(t, f, side, &p).again == 0 || p.proto == 6);
	if (is_tcp(&p))
		flow_follow(f, side, &p);
	REQUIRE(f->head_len <= FLOW_HEAD_MAX);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame;
	struct packet p;

	if (size <= VNET)
		return 0;
	frame = copy_of(data, size);
	packet_parse(&p, frame + VNET, size - VNET);
	parsed(&p, frame + VNET, size - VNET);
	cut(frame, size);
	shorten(frame, size, p.len / 2);
	shorten(frame, size, p.len + 1);
	reset(frame, size, true);
	reset(frame, size, false);
	flow(frame, size);
	packet_complete(frame, size);
	if (packet_sum(&p))
		REQUIRE(packet_sum_ok(&p));
	free(frame);
	return 0;
}

#include "tests/fuzz/replay.h"
