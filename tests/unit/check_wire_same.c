/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same packet, the same decision. Sessions with retransmissions go through the impairments
 * twice, at other times, mixed otherwise, from other ports with other initial sequence numbers, and
 * as large frames instead of small ones; what was decided has to be the same every time.
 *
 * What a packet is: (client, server, port, the nth connection of these, direction, offset in the
 * direction's bytes, kind, pass). A large frame is none: each of the packets that a network card
 * would have made of it is. So two runs are compared by what their packets have in common: a
 * stream that is cut at other offsets, because its writer was slower, has other packets.
 */
#include <check.h>

#include "base/clock.h"
#include "base/draw.h"
#include "wire/room.h"
#include "wire_kit.h"
#include "tests/unit/suite.h"

#define CONNS 12
#define EVENTS_MAX 1000
#define MSS 1448

/* ---- sessions ---- */

struct ev {
	uint8_t side, flags;
	uint32_t seq; /* from the direction's start: the SYN is 0, the first byte 1 */
	uint32_t len;
};
struct session {
	struct ev ev[EVENTS_MAX];
	unsigned count;
};

static uint64_t roll(const char *name, uint64_t object, uint64_t hit, uint64_t n)
{
	return draw_u64((struct draw){ 4711, name, object, hit }) % n;
}

static void add(struct session *s, unsigned side, uint8_t flags, uint32_t seq, uint32_t len)
{
	ck_assert_uint_lt(s->count, EVENTS_MAX);
	s->ev[s->count++] = (struct ev){ (uint8_t)side, flags, seq, len };
}

/* `bytes` from one side in segments; some are sent again a little later, now and then twice. */
static uint32_t speak(struct session *s, unsigned c, unsigned side, uint32_t seq, uint32_t bytes,
		      uint32_t other)
{
	uint32_t end = seq + bytes, at = seq;

	while (at < end) {
		uint32_t n = end - at < MSS ? end - at : MSS;

		add(s, side, TCP_ACK | (at + n == end ? TCP_PSH : 0), at, n);
		for (uint64_t i = roll("again", c, s->count, 8); i >= 6; i--)
			add(s, side, TCP_ACK, at, n);
		if (roll("ack", c, s->count, 2))
			add(s, !side, TCP_ACK, other, 0);
		at += n;
	}
	add(s, !side, TCP_ACK, other, 0);
	return end;
}

static void session_make(struct session *s, unsigned c)
{
	uint32_t seq[2] = { 1, 1 };

	s->count = 0;
	add(s, 0, TCP_SYN, 0, 0);
	if (c % 3 == 0)
		add(s, 0, TCP_SYN, 0, 0);
	add(s, 1, TCP_SYN | TCP_ACK, 0, 0);
	add(s, 0, TCP_ACK, 1, 0);
	for (unsigned round = 0; round < 12; round++) {
		uint32_t ask = 100 + (uint32_t)roll("ask", c, round, 2500);
		uint32_t say = 40 + (uint32_t)roll("say", c, round, 20000);

		seq[0] = speak(s, c, 0, seq[0], ask, seq[1]);
		seq[1] = speak(s, c, 1, seq[1], say, seq[0]);
	}
	add(s, 0, TCP_FIN | TCP_ACK, seq[0], 0);
	add(s, 1, TCP_FIN | TCP_ACK, seq[1], 0);
	add(s, 0, TCP_ACK, seq[0] + 1, 0);
}

/* ---- runs ---- */

enum mix { ROUND_ROBIN, ONE_BY_ONE, AT_RANDOM };

/** struct way - what differs between two runs of the same sessions. */
struct way {
	enum mix mix;
	int64_t gap_ns;      /* at most, between two packets */
	uint64_t salt;       /* ports and initial sequence numbers */
	unsigned bystanders; /* datagrams of other nodes in between, each of its own */
};

static const struct {
	enum wire_effect effect;
	const char *name;
	double chance;
} effects[] = {
	{ WIRE_DROP, "net.drop", 0.05 }, { WIRE_DELAY, "net.delay", 0.1 },
	{ WIRE_DUPLICATE, "net.duplicate", 0.05 }, { WIRE_CORRUPT, "net.corrupt", 0.05 },
	{ WIRE_DROP, "net.drop", 0.8 },
};

static void arm(struct kit *k)
{
	for (int i = 0; i < (int)(sizeof(effects) / sizeof(effects[0])); i++) {
		struct wire_rule r = kit_rule(effects[i].effect, effects[i].name, i, 20250428);

		r.chance = effects[i].chance;
		r.delay_ns = 3 * NS_PER_MS;
		r.jitter_ns = r.effect == WIRE_DELAY ? 2 * NS_PER_MS : 0;
		r.shape = WIRE_NORMAL;
		r.overtake = true;
		r.bits = 2;
		if (i == 4) {
			r.burst_enter = 0.02;
			r.burst_leave = 0.3;
		}
		ck_assert_int_ge(impair_add(k->im, &r, 0), 0);
	}
	struct wire_rule r = kit_rule(WIRE_REPLY_LATE, "net.reply-late", 5, 20250428);

	r.gate = (struct gate){ .first = 2, .last = 2, .step = 1, .probability = -1 };
	r.a[0] = 4; /* nodes 2 and 3: bystanders only */
	r.b[0] = 8;
	r.delay_ns = NS_PER_S;
	ck_assert_int_ge(impair_add(k->im, &r, 0), 0);
}

static void send_event(struct kit *k, const struct way *w, unsigned c, const struct ev *e)
{
	uint16_t port = (uint16_t)(32768 + roll("port", w->salt, c, 200) * 100 + c);
	uint32_t isn[2] = { (uint32_t)roll("isn", w->salt, c * 2, UINT32_MAX),
			    (uint32_t)roll("isn", w->salt, c * 2 + 1, UINT32_MAX) };
	struct kit_tcp t = { .from = e->side, .to = !e->side, .sport = e->side ? 8080 : port,
			     .dport = e->side ? port : 8080, .seq = isn[e->side] + e->seq,
			     .ack = e->flags & TCP_ACK ? isn[!e->side] + 1 : 0, .flags = e->flags,
			     .len = e->len };
	static uint8_t frame[KIT_FRAME_MAX];

	kit_send(k, e->side, !e->side, frame, kit_tcp(frame, &t));
}

static void bystand(struct kit *k, uint64_t salt, unsigned n)
{
	static uint8_t frame[KIT_FRAME_MAX];

	for (unsigned i = 0; i < n; i++) {
		uint16_t port = (uint16_t)roll("by", salt, k->sent, 60000);

		kit_send(k, 2, 3, frame, kit_udp(frame, 2, 3, port, 53, i, 40));
	}
}

/* Which connection goes on? A connection begins after the one before it, as its number says. */
static unsigned pick(const struct way *w, const unsigned *at, const struct session *s, uint64_t n)
{
	unsigned c = w->mix == AT_RANDOM ? (unsigned)roll("mix", w->salt, n, CONNS) :
		     w->mix == ROUND_ROBIN ? (unsigned)(n % CONNS) : 0;

	while (at[c] == s[c].count)
		c = (c + 1) % CONNS;
	while (c && !at[c] && !at[c - 1])
		c--;
	return c;
}

static void run(struct kit *k, const struct way *w)
{
	static struct session s[CONNS];
	unsigned at[CONNS] = { 0 }, left = 0;

	for (unsigned c = 0; c < CONNS; c++) {
		session_make(&s[c], c);
		left += s[c].count;
	}
	kit_open(k);
	arm(k);
	for (uint64_t n = 0; left; n++, left--) {
		unsigned c = pick(w, at, s, n);

		send_event(k, w, c, &s[c].ev[at[c]++]);
		bystand(k, w->salt, w->bystanders);
		kit_to(k, k->now + (int64_t)roll("gap", w->salt, n, (uint64_t)w->gap_ns));
	}
	kit_to(k, INT64_MAX / 2);
}

/* ---- the log ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every hit as a line of text, in the order of the text; the time only when asked for. */
static char *event_log(const struct kit *k, bool times)
{
	char **line = xcalloc(k->hits_count + 1, sizeof(*line));
	struct buf all = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < k->hits_count; i++) {
		const struct wire_hit *h = &k->hits[i];

		ck_assert_uint_eq(h->count, 1);
		line[n++] = xasprintf("%lld %u>%u/%u#%u %u to %u seq %u+%u flags %u pass %u: "
				      "rule %u did %u %lld\n", times ? (long long)h->t_ns : 0LL,
				      h->client, h->server, h->port, h->nth, h->from, h->to,
				      h->seq, h->len, h->flags, h->again, h->rule, h->did,
				      (long long)h->ns);
	}
	if (!times)
		qsort(line, n, sizeof(*line), by_text);
	for (size_t i = 0; i < n; i++) {
		buf_adds(&all, line[i]);
		free(line[i]);
	}
	free(line);
	return all.data;
}

static void same_log(const struct way *a, const struct way *b, bool times)
{
	struct kit k[2];
	char *log[2];

	run(&k[0], a);
	run(&k[1], b);
	for (int i = 0; i < 2; i++)
		log[i] = event_log(&k[i], times);
	ck_assert_uint_gt(k[0].hits_count, 500);
	for (size_t i = 0; log[0][i] || log[1][i]; i++)
		if (log[0][i] != log[1][i])
			ck_abort_msg("after %zu bytes:\n%.99s\nnot\n%.99s", i, log[0] + i,
				     log[1] + i);
	printf("# the same %zu events over %zu bytes\n", k[0].hits_count, strlen(log[0]));
	for (int i = 0; i < 2; i++) {
		kit_close(&k[i]);
		free(log[i]);
	}
}

static const struct way plain = { ROUND_ROBIN, 200000, 1, 0 };
static const struct way ways[] = {
	{ ROUND_ROBIN, 50 * NS_PER_MS, 1, 0 },  /* slower */
	{ ROUND_ROBIN, 100, 1, 0 },             /* faster */
	{ ONE_BY_ONE, 200000, 1, 0 },
	{ AT_RANDOM, 200000, 2, 0 },            /* and other ports and sequence numbers */
	{ AT_RANDOM, NS_PER_MS, 3, 30 },        /* and 60,000 other packets in between */
};

/* Timing and all: a replay. */
START_TEST(replayed)
{
	same_log(&plain, &plain, true);
	same_log(&ways[4], &ways[4], true);
}
END_TEST

START_TEST(mixed_otherwise)
{
	same_log(&plain, &ways[_i], false);
}
END_TEST

/* Another seed decides otherwise: the tests above compare something. */
START_TEST(another_seed)
{
	struct wire_rule r = kit_rule(WIRE_DROP, "net.drop", 0, 1);
	uint64_t lost[2];
	uint8_t frame[256];

	r.chance = 0.5;
	for (int i = 0; i < 2; i++) {
		struct kit k;

		r.seed = (uint64_t)i;
		kit_open(&k);
		impair_add(k.im, &r, 0);
		lost[i] = 0;
		for (uint32_t j = 0; j < 64; j++) {
			uint64_t before = k.lost;

			kit_send(&k, 0, 1, frame, kit_udp(frame, 0, 1, 40000, 5000, j, 10));
			lost[i] |= (k.lost - before) << j;
		}
		kit_close(&k);
	}
	ck_assert(lost[0] != lost[1]);
}
END_TEST

/* ---- a capture ---- */

/* Two sales of the reference till over a healthy wire, with their lookups; `pcap: all` wrote it. */
#define CAPTURE "tests/unit/two-sales.pcapng"
enum { PACKET_BLOCK = 6, PACKETS_MAX = 200 };

struct captured_packet {
	int64_t t_ns;
	int from, to;
	size_t len;
	uint8_t frame[VNET + 1600];
};

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* False: it went to the name server, or came from there. */
static bool between_nodes(struct captured_packet *c)
{
	const uint8_t *ip = c->frame + VNET;
	uint8_t back[60];
	bool v6 = ip[0] >> 4 == 6;

	memcpy(back, ip, sizeof(back));
	memcpy(back + (v6 ? 24 : 16), ip + (v6 ? 8 : 12), v6 ? 16 : 4);
	c->from = switch_dest(back, sizeof(back));
	c->to = switch_dest(ip, c->len - VNET);
	return c->from >= 0 && c->to >= 0;
}

static unsigned capture_read(struct captured_packet *ret)
{
	static uint8_t file[64 << 10];
	FILE *f = fopen(CAPTURE, "r");
	unsigned count = 0;
	size_t size;

	ck_assert_msg(f, "no " CAPTURE);
	size = fread(file, 1, sizeof(file), f);
	fclose(f);
	for (size_t at = 0; at + 12 <= size; at += le32(file + at + 4)) {
		struct captured_packet *c = &ret[count];
		const uint8_t *b = file + at;

		if (le32(b) != PACKET_BLOCK)
			continue;
		ck_assert_uint_lt(count, PACKETS_MAX);
		ck_assert_uint_le(le32(b + 20), sizeof(c->frame) - VNET);
		memset(c, 0, sizeof(*c));
		c->t_ns = (int64_t)((uint64_t)le32(b + 12) << 32 | le32(b + 16));
		c->len = VNET + le32(b + 20);
		memcpy(c->frame + VNET, b + 28, c->len - VNET);
		count += between_nodes(c);
	}
	return count;
}

/* @pace: of its time, in per cent. */
static char *capture_replay(int64_t pace, bool times)
{
	static const enum wire_effect what[] = { WIRE_DROP, WIRE_DELAY, WIRE_DUPLICATE,
						 WIRE_CORRUPT };
	static struct captured_packet c[PACKETS_MAX];
	unsigned count = capture_read(c);
	struct kit k;
	char *log;

	ck_assert_uint_gt(count, 50);
	kit_open(&k);
	for (int i = 0; i < 4; i++) {
		struct wire_rule r = kit_rule(what[i], "capture", i, 20250428);

		r.a[0] = r.b[0] = 0xff;
		r.chance = 0.3;
		r.delay_ns = NS_PER_MS;
		r.jitter_ns = r.effect == WIRE_DELAY ? NS_PER_MS : 0;
		r.overtake = true;
		r.bits = 1;
		ck_assert_int_ge(impair_add(k.im, &r, 0), 0);
	}
	for (unsigned i = 0; i < count; i++) {
		kit_to(&k, (c[i].t_ns - c[0].t_ns) * pace / 100);
		kit_send(&k, (unsigned)c[i].from, (unsigned)c[i].to, c[i].frame, c[i].len);
	}
	kit_to(&k, INT64_MAX / 2);
	ck_assert_uint_gt(k.hits_count, count / 2);
	log = event_log(&k, times);
	printf("# %u captured packets, %zu events, %zu bytes\n", count, k.hits_count, strlen(log));
	kit_close(&k);
	return log;
}

/* Twice: the same bytes. At other paces the times differ, and nothing else. */
START_TEST(a_capture_replayed)
{
	static const int64_t paces[] = { 100, 1, 37, 5000 };
	char *one = capture_replay(100, true), *two = capture_replay(100, true);

	ck_assert_str_eq(one, two);
	free(one);
	free(two);
	one = capture_replay(100, false);
	for (size_t i = 0; i < sizeof(paces) / sizeof(*paces); i++) {
		two = capture_replay(paces[i], false);
		ck_assert_str_eq(one, two);
		free(two);
	}
	two = capture_replay(1, true);
	ck_assert_str_ne(one, two);
	free(one);
	free(two);
}
END_TEST

/* ---- large frames ---- */

#define STREAM (1 << 20)

static void open_session(struct kit *k, const char *name, double chance)
{
	static uint8_t frame[256];
	struct kit_tcp syn = { 0, 1, 40000, 8080, 99, 0, TCP_SYN, 0, 0 },
		       ack = { 1, 0, 8080, 40000, 777, 100, TCP_SYN | TCP_ACK, 0, 0 };
	struct wire_rule r = kit_rule(WIRE_DROP, name, 0, 5);

	r.chance = chance;
	kit_open(k);
	kit_send(k, 0, 1, frame, kit_tcp(frame, &syn));
	kit_send(k, 1, 0, frame, kit_tcp(frame, &ack));
	impair_add(k->im, &r, 0);
}

/* Bytes [from, to) of the stream as frames of up to `pieces` segments each. */
static void send_range(struct kit *k, uint32_t from, uint32_t to, unsigned pieces)
{
	static uint8_t frame[KIT_FRAME_MAX];

	for (uint32_t at = from; at < to;) {
		uint32_t n = pieces ? pieces : 1 + (uint32_t)roll("pieces", 0, at, 44), len;
		struct kit_tcp t = { 0, 1, 40000, 8080, 100 + at, 778, TCP_ACK, 0, 0 };

		len = to - at < n * MSS ? to - at : n * MSS;
		t.len = len;
		t.gso = len > MSS ? MSS : 0;
		t.flags = at + len == to ? TCP_ACK | TCP_PSH : TCP_ACK;
		kit_send(k, 0, 1, frame, kit_tcp(frame, &t));
		at += len;
	}
}

/* What arrived: sequence numbers, flags, lengths and bytes. */
static uint64_t arrived(const struct kit *k)
{
	uint64_t h = 0;

	for (size_t i = 0; i < k->outs_count; i++) {
		uint64_t x[4] = { h, k->outs[i].tag, k->outs[i].len, k->outs[i].flags };

		ck_assert(k->outs[i].sum_ok);
		h = kit_digest(x, sizeof(x));
	}
	return h;
}

/* Sent once, and a part of it again: whatever the frames are, the packets are the same, and
 * what is decided is about packets. */
START_TEST(large_frames)
{
	static const unsigned sizes[] = { 1, 2, 7, 44, 0 }; /* 0: of different sizes */
	uint64_t want = 0, want_lost = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct kit k;

		open_session(&k, "net.drop", 0.3);
		send_range(&k, 0, STREAM, sizes[i]);
		send_range(&k, 20 * MSS, 60 * MSS, sizes[i]);
		send_range(&k, 30 * MSS, 31 * MSS, 1); /* one alone, as a retransmission is */
		if (i == 0) {
			want = arrived(&k);
			want_lost = k.lost;
			ck_assert_uint_gt(k.lost, STREAM / MSS / 5);
		}
		ck_assert_uint_eq(k.lost, want_lost);
		ck_assert_uint_eq(arrived(&k), want);
		kit_close(&k);
	}
}
END_TEST

/* ---- passes ---- */

/* A repetition gets a decision of its own, which does not depend on how much else went by in the
 * meantime: the wire must not forget the first pass, or a lost packet would be lost for ever. */
START_TEST(passes_survive_traffic)
{
	enum { PACKETS = 64, PASSES = 4, OTHERS = 150000 };
	uint64_t lost[2][PASSES] = { { 0 } };

	for (int busy = 0; busy < 2; busy++) {
		static uint8_t frame[KIT_FRAME_MAX];
		struct kit k;

		open_session(&k, "net.drop", 0.5);
		for (int pass = 0; pass < PASSES; pass++) {
			for (uint32_t i = 0; i < PACKETS; i++) {
				uint64_t before = k.lost;

				send_range(&k, i * MSS, (i + 1) * MSS, 1);
				lost[busy][pass] |= (k.lost - before) << i;
			}
			for (uint32_t i = 0; busy && i < OTHERS; i++) {
				uint32_t seq = ((uint32_t)pass * OTHERS + i) * 100;
				struct kit_tcp t = { 0, 1, 50000, 8080, seq, 1, TCP_ACK, 100, 0 };

				kit_send(&k, 0, 1, frame, kit_tcp(frame, &t));
			}
		}
		kit_close(&k);
	}
	for (int pass = 0; pass < PASSES; pass++) {
		ck_assert_uint_eq(lost[0][pass], lost[1][pass]);
		ck_assert(!pass || lost[0][pass] != lost[0][pass - 1]);
	}
}
END_TEST

/* A keepalive repeats a byte that was sent before, an answer to it an acknowledgement: each gets
 * through in the end. */
START_TEST(nothing_is_lost_for_ever)
{
	static const struct {
		const char *what;
		uint32_t seq;
		size_t len;
		uint8_t flags;
	} rows[] = {
		{ "data", 2000, 100, TCP_ACK }, { "keepalive", 1999, 0, TCP_ACK },
		{ "keepalive with a byte", 1999, 1, TCP_ACK }, { "ack", 2000, 0, TCP_ACK },
		{ "FIN", 2100, 0, TCP_ACK | TCP_FIN }, { "RST", 2000, 0, TCP_RST },
	};
	static uint8_t frame[KIT_FRAME_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kit_tcp other = { 0, 1, 40000, 8080, 2000, 778, TCP_ACK, 0, 0 };
		unsigned passed = 0;
		struct kit k;

		open_session(&k, "net.drop", 0.8);
		send_range(&k, 0, 1900, 1);
		for (int n = 0; n < 200; n++) {
			struct kit_tcp t = { 0, 1, 40000, 8080, rows[i].seq, 778, rows[i].flags,
					     rows[i].len, 0 };
			uint64_t before = k.lost;

			kit_send(&k, 0, 1, frame, kit_tcp(frame, &t));
			passed += k.lost == before;
			if (n % 3 == 0)
				kit_send(&k, 0, 1, frame, kit_tcp(frame, &other));
		}
		ck_assert_msg(passed > 20 && passed < 60, "%s: %u of 200", rows[i].what, passed);
		kit_close(&k);
	}
}
END_TEST

/* ---- forgetting ---- */

static void connection(struct kit *k, uint32_t n, uint8_t flags, unsigned side)
{
	uint16_t port = (uint16_t)(10000 + n % 50000), server = (uint16_t)(1000 + n / 50000);
	struct kit_tcp t = { side, !side, side ? server : port, side ? port : server, 5000 * side,
			     5000 * !side, flags, flags & (TCP_SYN | TCP_FIN) ? 0 : 10, 0 };
	static uint8_t frame[KIT_FRAME_MAX];

	t.seq += !(flags & TCP_SYN);
	kit_send(k, side, !side, frame, kit_tcp(frame, &t));
}

/* A connection that was cut stays cut while 200,000 others come and end; as many in use at once
 * are too many, and that is not kept silent. */
START_TEST(what_is_forgotten)
{
	struct wire_rule r = kit_rule(WIRE_CUT, "net.cut", 0, 1);
	struct kit k;
	size_t outs;

	r.gate = (struct gate){ .first = 1, .last = 1, .step = 1, .probability = -1 };
	r.at = 0;
	kit_open(&k);
	ck_assert_int_ge(impair_add(k.im, &r, 0), 0);
	connection(&k, 0, TCP_SYN, 0);
	connection(&k, 0, TCP_SYN | TCP_ACK, 1);
	connection(&k, 0, TCP_ACK, 0); /* its first bytes: cut */
	ck_assert_uint_eq(k.hits_count, 1);
	for (uint32_t n = 1; n <= 200000; n++) {
		connection(&k, n, TCP_SYN, 0);
		connection(&k, n, TCP_FIN | TCP_ACK, 0);
		connection(&k, n, TCP_FIN | TCP_ACK, 1);
	}
	outs = k.outs_count;
	connection(&k, 0, TCP_ACK, 1);
	connection(&k, 0, TCP_ACK, 0);
	ck_assert_uint_eq(k.outs_count, outs);
	ck_assert_uint_eq(impair_forgotten(k.im), 0);
	impair_reset(k.im);
	for (uint32_t n = 0; n < 10000; n++)
		connection(&k, n, TCP_SYN, 0);
	ck_assert_uint_eq(impair_forgotten(k.im), 0);
	for (uint32_t n = 10000; n < 200000; n++)
		connection(&k, n, TCP_SYN, 0);
	ck_assert_uint_ge(impair_forgotten(k.im), 200000 - FLOWS_MAX);
	kit_close(&k);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wire_same");
	TCase *tc = tcase_create("same");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, replayed);
	tcase_add_loop_test(tc, mixed_otherwise, 0, (int)(sizeof(ways) / sizeof(ways[0])));
	tcase_add_test(tc, another_seed);
	tcase_add_test(tc, a_capture_replayed);
	tcase_add_test(tc, large_frames);
	tcase_add_test(tc, passes_survive_traffic);
	tcase_add_test(tc, nothing_is_lost_for_ever);
	tcase_add_test(tc, what_is_forgotten);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
