/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes what lies between reading a frame from a node and writing it to another: parsing, cutting
 * up, connections, every effect, the queue. The input is a list of steps: rules come and go, time
 * goes on, and frames arrive, some made of arbitrary bytes with an arbitrary virtio header, some
 * nearly right, so that the deeper parts are reached.
 *
 * Held: each packet is delivered, waits, or is counted as lost, exactly once when no rule makes
 * copies or resets; a large frame counts as the packets it is cut into; nothing is delivered that
 * is longer than what came in, a RST of ours apart; after a release nothing is due any more; hits
 * name a decision; no memory is allocated while a frame passes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/gate.h"
#include "wire/impair.h"
#include "wire/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_malloc_hook(const volatile void *p, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

enum { NODES = 4, STEPS_MAX = 200 };

struct fuzz {
	const uint8_t *at, *end;
	struct impair *im;
	int64_t now;
	size_t frame_max;     /* the longest that came in */
	uint64_t out, lost;
	bool may_add;         /* a rule that makes packets is, or was, there */
	unsigned rules[64], rules_count;
};

static bool passing; /* a frame: nothing may be allocated */

void __sanitizer_malloc_hook(const volatile void *p, size_t size)
{
	(void)p;
	(void)size;
	REQUIRE(!passing);
}

/* ---- the input ---- */

static uint8_t u8(struct fuzz *f)
{
	return f->at < f->end ? *f->at++ : 0;
}

static uint16_t u16(struct fuzz *f)
{
	uint16_t hi = u8(f);

	return (uint16_t)(hi << 8 | u8(f));
}

static void bytes(struct fuzz *f, void *to, size_t n)
{
	size_t left = (size_t)(f->end - f->at);

	memset(to, 0, n);
	memcpy(to, f->at, n < left ? n : left);
	f->at += n < left ? n : left;
}

/* ---- what comes out ---- */

static void deliver(void *arg, unsigned to, const uint8_t *frame, size_t len)
{
	struct fuzz *f = arg;
	volatile uint8_t sum = 0;

	REQUIRE(to < NODES);
	REQUIRE(len > VNET && (len <= f->frame_max || len <= PACKET_RESET_MAX));
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + frame[i]); /* every byte is there */
	f->out++;
}

static void hit(void *arg, const struct wire_hit *h)
{
	(void)arg;
	REQUIRE(h->did < DID_KINDS && h->count >= 1 && h->ns >= 0);
	REQUIRE(h->from < NODES && h->to < NODES);
}

static void lost(void *arg, unsigned from)
{
	struct fuzz *f = arg;

	REQUIRE(from < NODES);
	f->lost++;
}

/* ---- steps ---- */

static int64_t ns(struct fuzz *f)
{
	int64_t n = u16(f);

	return n << (u8(f) % 32);
}

static void rule_add(struct fuzz *f)
{
	static const char *const patterns[] = { "", "POST /sales", "^(GET|POST) ", "(a+)+$", "(" };
	struct wire_rule r = { .effect = u8(f) % (WIRE_EFFECTS + 1), .fault = u8(f), .seed = u8(f),
			       .a = { u8(f) }, .b = { u8(f) }, .gate = gate_all() };
	int id;

	r.chance = u8(f) / 200.0;
	r.burst_enter = u8(f) / 300.0;
	r.burst_leave = u8(f) / 200.0;
	r.way = u8(f) % 3;
	r.protocol = u8(f) % 4;
	r.overtake = u8(f) & 1;
	r.fix_sum = u8(f) & 1;
	r.reset = u8(f) & 1;
	r.of_reply = u8(f) & 1;
	r.ports_count = u8(f) % 3;
	r.ports[0] = 8080;
	r.ports[1] = u16(f);
	r.shape = u8(f) % 3;
	r.bits = u8(f) % 10;
	r.delay_ns = ns(f);
	r.jitter_ns = ns(f);
	r.down_ns = ns(f);
	r.up_ns = ns(f);
	r.bytes_per_s = ns(f);
	r.queue_bytes = ns(f);
	r.burst_bytes = ns(f);
	r.at = u16(f);
	if (u8(f) & 1)
		r.gate = (struct gate){ .first = u8(f) % 4, .last = u8(f), .step = 1 + u8(f) % 3,
					.probability = -1 };
	snprintf(r.name, sizeof(r.name), "fuzz.%d", r.fault);
	snprintf(r.pattern, sizeof(r.pattern), "%s", patterns[u8(f) % 5]);
	id = impair_add(f->im, &r, f->now);
	if (id < 0)
		return;
	f->may_add |= r.effect == WIRE_DUPLICATE || r.effect >= WIRE_REFUSE;
	REQUIRE(f->rules_count < 64);
	f->rules[f->rules_count++] = (unsigned)id;
}

static void rule_del(struct fuzz *f)
{
	unsigned i = f->rules_count ? u8(f) % f->rules_count : 0;

	if (!f->rules_count)
		return;
	REQUIRE(impair_del(f->im, f->rules[i], f->now) == 0);
	REQUIRE(impair_del(f->im, f->rules[i], f->now) < 0);
	f->rules[i] = f->rules[--f->rules_count];
}

static void time_passes(struct fuzz *f, int64_t by)
{
	f->now += by;
	passing = true;
	impair_release(f->im, f->now);
	passing = false;
	REQUIRE(impair_due(f->im) > f->now);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Nearly right: lengths fit, the rest is as it comes. */
static size_t nearly_right(struct fuzz *f, uint8_t *frame, size_t max)
{
	bool v6 = u8(f) & 1;
	size_t head = v6 ? 40 : 20, len = u16(f) % 3000, kind = u8(f) % 4, l4 = kind == 1 ? 8 : 20;
	uint8_t *ip = frame + VNET, *t = ip + head;

	if (VNET + head + l4 + len > max)
		len = 0;
	memset(frame, 0, VNET + head + l4 + len);
	bytes(f, t, l4);
	ip[v6 ? 6 : 9] = (uint8_t[]){ 6, 17, v6 ? 58 : 1, 6 }[kind];
	if (kind == 0 || kind == 3) {
		t[12] = 5 << 4;
		put16(t + (t[4] & 1 ? 0 : 2), 8080); /* few connections, that meet again */
		put16(t + (t[4] & 1 ? 2 : 0), 40000 + t[4] % 4 / 2);
		t[4] = t[5] = t[8] = t[9] = 0;
	}
	memcpy(t + l4, "POST /sales HTTP/1.1\r\n", len < 22 ? len : 22);
	if (v6) {
		ip[0] = 0x60;
		put16(ip + 4, l4 + len);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, head + l4 + len);
	}
	if (kind == 3 && len) {
		struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = 1,
					    .gso_size = u16(f), .csum_start = (uint16_t)head,
					    .csum_offset = 16 };

		memcpy(frame, &h, VNET);
	}
	return VNET + head + l4 + len;
}

/* How many packets a network card would make of this frame. */
static uint64_t pieces_of(uint8_t *frame, size_t len)
{
	struct virtio_net_hdr h;
	struct segments cut;

	memcpy(&h, frame, VNET);
	if (h.gso_type == VIRTIO_NET_HDR_GSO_NONE || !segments_open(&cut, frame, len))
		return 1;
	return (cut.p.len + cut.size - 1) / cut.size;
}

static uint64_t accounted(const struct fuzz *f)
{
	return f->out + f->lost + impair_waiting(f->im);
}

static void frame_arrives(struct fuzz *f, bool arbitrary)
{
	static uint8_t space[VNET + 65535];
	unsigned from = u8(f) % NODES, to = u8(f) % NODES;
	size_t len = VNET + 1 + u16(f) % 2600;
	uint64_t before = accounted(f), pieces, came;
	uint8_t *frame;

	if (arbitrary)
		bytes(f, space, len);
	else
		len = nearly_right(f, space, sizeof(space));
	frame = xmalloc(len); /* of exactly this size: a byte too far is seen */
	memcpy(frame, space, len);
	pieces = pieces_of(frame, len);
	if (len > f->frame_max)
		f->frame_max = len;
	passing = true;
	impair_wants(f->im, from, to, frame, len);
	impair_frame(f->im, from, to, frame, len, f->now);
	passing = false;
	came = accounted(f) - before;
	REQUIRE(came >= 1 && (f->may_add || came == 1 || came == pieces));
	REQUIRE(impair_waiting(f->im) <= QUEUE_MAX);
	free(frame);
}

static void step(struct fuzz *f)
{
	switch (u8(f) % 16) {
	case 0:
	case 1:
		rule_add(f);
		return;
	case 2:
		rule_del(f);
		return;
	case 3:
		time_passes(f, ns(f) % (100 * NS_PER_S));
		return;
	case 4:
		time_passes(f, u16(f));
		return;
	case 5:
	case 6:
	case 7:
	case 8:
		frame_arrives(f, true);
		return;
	default:
		frame_arrives(f, false);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;
	static struct impair *im;
	struct impair_out out = { &f, deliver, hit, lost };

	if (!im)
		im = impair_new(&out);
	f = (struct fuzz){ .at = data, .end = data + size, .im = im, .now = NS_PER_S };
	for (int i = 0; i < STEPS_MAX && f.at < f.end; i++)
		step(&f);
	while (impair_due(im) != INT64_MAX)
		time_passes(&f, impair_due(im) - f.now);
	REQUIRE(!impair_waiting(im));
	impair_reset(im);
	return 0;
}

#include "tests/fuzz/replay.h"
