/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Every rule looks at a packet in the order of the
 * experiment's file, as the earlier ones left it. A dropped packet is seen by
 * no later rule; delays add up; a rate applies to what arrives after the
 * delays before it.
 *
 * A decision is a draw for the packet's identity (flow.h), never for the
 * moment: `salt` keeps the several draws for one packet apart.
 *
 * TCP-aware effects give a connection a fate, which its later packets meet:
 * one connection has one fate at a time, and the first rule wins. A reset is
 * sent to whoever speaks, with the sequence number he expects next, which he
 * himself says in every packet; so it is never out of window.
 *
 * Of several rules on one link: a partition before a refusal leaves nothing to
 * refuse; two rates are two lines in a row; of two copies one is made. So a rule
 * that always comes too late never fires, and a fault that never fired is told.
 */
#include "wire/effects.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/draw.h"
#include "base/str.h"

enum salt { SALT_CHANCE, SALT_BURST, SALT_JITTER, SALT_JITTER_2, SALT_WHERE };

static struct draw dice(const struct slot *s, const struct look *l, enum salt salt)
{
	return (struct draw){ .seed = s->r.seed, .name = s->r.name,
			      .object = l->id.object + UINT64_C(0x9e3779b97f4a7c15) * salt,
			      .hit = l->id.hit };
}

/* ---- which packets ---- */

static bool has(const uint64_t set[4], unsigned node)
{
	return set[node / 64] >> (node % 64) & 1;
}

/* A packet's way is its own; a connection's is that of its first SYN. */
static bool way_matches(const struct wire_rule *r, const struct look *l)
{
	bool conn = r->effect >= WIRE_REFUSE;
	unsigned x = conn ? l->flow->node[0] : l->from, y = conn ? l->flow->node[1] : l->to;
	bool to = has(r->a, x) && has(r->b, y);
	bool from = has(r->b, x) && has(r->a, y);

	return (to && r->way != WIRE_FROM) || (from && r->way != WIRE_TO);
}

static bool protocol_matches(const struct wire_rule *r, const struct packet *p)
{
	switch (r->protocol) {
	case WIRE_TCP:
		return p->proto == IPPROTO_TCP;
	case WIRE_UDP:
		return p->proto == IPPROTO_UDP;
	case WIRE_ICMP:
		return p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
	default:
		return true;
	}
}

static bool port_matches(const struct wire_rule *r, const struct packet *p)
{
	for (unsigned i = 0; i < r->ports_count; i++)
		if (p->ports && (p->sport == r->ports[i] || p->dport == r->ports[i]))
			return true;
	return r->ports_count == 0;
}

bool effect_matches(const struct slot *s, const struct look *l)
{
	return way_matches(&s->r, l) && protocol_matches(&s->r, &l->p) &&
	       port_matches(&s->r, &l->p);
}

static bool is_tcp(const struct look *l)
{
	return l->p.proto == IPPROTO_TCP && l->p.ports && !l->p.fragment;
}

/* ---- telling ---- */

void effect_tell_piece(struct slot *s, const struct impair_out *out)
{
	if (!s->piece)
		return;
	s->last.count = s->piece;
	s->piece = 0;
	out->hit(out->arg, &s->last);
}

/* @number: of the event that tells of it; 0: it is only counted. */
static void take_note(const struct slot *s, const struct look *l, enum wire_did did, int64_t ns,
		      uint32_t number)
{
	struct wire_seen *x = l->seen;

	if (x->notes == SEEN_NOTES_MAX)
		return;
	x->note[x->notes] = (struct seen_note){ .hit = number, .did = (uint8_t)did, .ns = ns };
	memcpy(x->note[x->notes++].name, s->r.name, sizeof(x->note[0].name));
}

static struct wire_hit hit_of(const struct slot *s, unsigned bit, const struct look *l,
			      enum wire_did did, int64_t ns)
{
	const struct flow *f = l->flow;

	return (struct wire_hit){
		.t_ns = l->now, .count = 1, .ns = ns, .rule = s->generation * WIRE_RULES_MAX + bit,
		.fault = s->r.fault,
		.nth = f->nth, .seq = l->id.seq, .len = (uint32_t)l->p.len, .again = l->id.again,
		.from = (uint16_t)l->from, .to = (uint16_t)l->to, .client = f->node[0],
		.server = f->node[1], .port = f->port, .protocol = l->p.proto,
		.did = (uint8_t)did, .flags = l->p.flags, .v6 = f->v6 };
}

/* Chosen, and not altered after all. No piece counts these: they are no hits. */
static void leave(struct slot *s, unsigned bit, const struct look *l, enum wire_did did)
{
	struct wire_hit h = hit_of(s, bit, l, did, 0);

	assert(!wire_did_alter(did));
	if (s->left++ < HITS_LISTED)
		l->out->hit(l->out->arg, &h);
}

static void hit(struct slot *s, unsigned bit, const struct look *l, enum wire_did did, int64_t ns)
{
	assert(wire_did_alter(did));
	s->last = hit_of(s, bit, l, did, ns);
	if (s->listed < HITS_LISTED) {
		s->listed++;
		l->out->hit(l->out->arg, &s->last);
		take_note(s, l, did, ns, l->out->number ? l->out->number(l->out->arg) : 0);
		return;
	}
	take_note(s, l, did, ns, 0);
	if (!s->piece++)
		s->piece_ns = l->now;
	if (l->now - s->piece_ns >= HITS_PIECE_NS)
		effect_tell_piece(s, l->out);
}

static void drop(struct slot *s, unsigned bit, struct look *l, enum wire_did did)
{
	l->drop = true;
	hit(s, bit, l, did, 0);
}

/* ---- deciding ---- */

/* The operation that `when:` counts has happened once more. */
static bool gate(struct slot *s, const struct look *l)
{
	return gate_lets(&s->r.gate, ++s->n, l->id.object, l->id.hit);
}

/* Gilbert-Elliott, one chain per connection and direction, stepped by its packets. */
static bool in_burst(struct slot *s, unsigned bit, struct look *l)
{
	uint64_t *bad = &l->flow->burst[l->side], mask = UINT64_C(1) << bit;
	struct draw d = dice(s, l, SALT_BURST);

	d.hit = l->flow->packets[l->side];
	if (draw_chance(d, *bad & mask ? s->r.burst_leave : s->r.burst_enter))
		*bad ^= mask;
	return *bad & mask;
}

static bool chosen(struct slot *s, unsigned bit, struct look *l)
{
	bool burst = s->r.burst_enter <= 0 || in_burst(s, bit, l);

	return gate(s, l) && burst && draw_chance(dice(s, l, SALT_CHANCE), s->r.chance);
}

/* ---- packets ---- */

static void do_drop(struct slot *s, unsigned bit, struct look *l)
{
	int64_t turn = s->r.down_ns + s->r.up_ns;

	if (s->r.up_ns > 0 && (l->now - s->armed_ns) % turn >= s->r.down_ns)
		return;
	if (chosen(s, bit, l))
		drop(s, bit, l, DID_DROP);
}

static int64_t jitter(const struct slot *s, const struct look *l)
{
	double u = draw_unit(dice(s, l, SALT_JITTER)), v, j = (double)s->r.jitter_ns;

	if (s->r.shape == WIRE_EXPONENTIAL)
		return (int64_t)(-j * log1p(-u));
	if (s->r.shape == WIRE_UNIFORM)
		return (int64_t)(j * (2 * u - 1));
	v = draw_unit(dice(s, l, SALT_JITTER_2));
	return (int64_t)(j * sqrt(-2 * log1p(-u)) * cos(2 * M_PI * v));
}

static void do_delay(struct slot *s, unsigned bit, struct look *l)
{
	int64_t ns = s->r.delay_ns;

	if (!chosen(s, bit, l))
		return;
	if (s->r.jitter_ns > 0)
		ns += jitter(s, l);
	if (ns <= 0)
		return;
	l->delay_ns += ns;
	l->overtake |= s->r.overtake;
	l->held_by |= UINT64_C(1) << bit;
	hit(s, bit, l, DID_DELAY, ns);
}

static void do_duplicate(struct slot *s, unsigned bit, struct look *l)
{
	if (!chosen(s, bit, l) || l->copy_ns >= 0) /* one copy of a packet is all there is */
		return;
	l->copy_ns = s->r.delay_ns;
	hit(s, bit, l, DID_DUPLICATE, s->r.delay_ns);
}

/* Turns a run of bits (at most eight, so that the checksum always notices) over. */
static void do_corrupt(struct slot *s, unsigned bit, struct look *l)
{
	const struct packet *p = &l->p;
	size_t at = s->r.fix_sum ? p->data : p->l4, bits;
	uint64_t first;

	if (!p->l4 || !at || at >= p->total || !chosen(s, bit, l))
		return;
	bits = (p->total - at) * 8;
	packet_complete(l->frame, VNET + p->total);
	first = draw_u64(dice(s, l, SALT_WHERE));
	for (int i = 0; i < s->r.bits; i++) {
		size_t b = (first + (uint64_t)i) % bits;

		p->ip[at + b / 8] ^= (uint8_t)(0x80 >> (b % 8));
	}
	if (s->r.fix_sum)
		packet_sum(p);
	hit(s, bit, l, DID_CORRUPT, 0);
}

/* A bucket that is empty sends later; what would wait behind too many bytes is dropped. */
static void do_rate(struct slot *s, unsigned bit, struct look *l)
{
	double per_byte = 1e9 / (double)s->r.bytes_per_s;
	int64_t *full = &s->full_ns[!(has(s->r.a, l->from) && has(s->r.b, l->to))];
	int64_t t = l->now + l->delay_ns, done, wait;
	int64_t from = t - (int64_t)((double)s->r.burst_bytes * per_byte);

	if (!gate(s, l))
		return;
	done = (*full > from ? *full : from) + (int64_t)((double)l->p.total * per_byte);
	wait = done - t;
	if (wait > NS_SANE || (double)wait > (double)s->r.queue_bytes * per_byte) {
		drop(s, bit, l, DID_QUEUE_FULL);
		return;
	}
	*full = done;
	if (wait <= 0)
		return;
	l->delay_ns += wait;
	l->held_by |= UINT64_C(1) << bit;
	hit(s, bit, l, DID_DELAY, wait);
}

static void do_mtu(struct slot *s, unsigned bit, struct look *l)
{
	if ((int64_t)l->p.total > s->r.at && gate(s, l))
		drop(s, bit, l, DID_DROP);
}

/* ---- connections ---- */

static void send_reset(const struct look *l, bool back, uint32_t seq, uint32_t ack, uint8_t flags)
{
	uint8_t frame[PACKET_RESET_MAX];
	size_t n = packet_reset(&l->p, back, seq, ack, flags, frame);

	l->out->deliver(l->out->arg, back ? l->from : l->to, frame, n);
	if (l->out->seen)
		l->out->seen(l->out->arg,
			     &(struct wire_seen){ .frame = frame, .len = n, .now = l->now,
					     .from = (uint16_t)(back ? l->to : l->from),
					     .to = (uint16_t)(back ? l->from : l->to),
					     .what = SEEN_MADE });
}

/* Both ends hear a RST now, or when they speak next. */
static void kill_flow(struct look *l, uint32_t seq)
{
	l->flow->fate = FATE_DEAD;
	if (l->p.flags & TCP_ACK)
		send_reset(l, true, l->p.ack, 0, TCP_RST);
	send_reset(l, false, seq, l->p.ack, TCP_RST | TCP_ACK);
}

static void set_fate(struct look *l, unsigned bit, enum flow_fate fate)
{
	l->flow->fate = (uint8_t)fate;
	l->flow->fate_rule = (uint8_t)bit;
	l->flow->fate_told = 0;
	l->flow->fate_ns = 0;
}

bool effect_fate(struct look *l)
{
	if (!is_tcp(l) || (l->flow->fate != FATE_DEAD && l->flow->fate != FATE_SILENT))
		return false;
	l->drop = true;
	if (l->flow->fate == FATE_DEAD && l->p.flags & TCP_ACK && !(l->p.flags & TCP_RST))
		send_reset(l, true, l->p.ack, 0, TCP_RST);
	return true;
}

static void do_refuse(struct slot *s, unsigned bit, struct look *l)
{
	if (!is_tcp(l) || (l->p.flags & (TCP_SYN | TCP_ACK)) != TCP_SYN || !gate(s, l))
		return;
	send_reset(l, true, 0, l->p.seq + packet_span(&l->p), TCP_RST | TCP_ACK);
	drop(s, bit, l, DID_REFUSE);
}

static void do_reset(struct slot *s, unsigned bit, struct look *l)
{
	if (!is_tcp(l) || l->p.flags & (TCP_SYN | TCP_RST) || !l->p.len || !chosen(s, bit, l))
		return;
	kill_flow(l, l->p.seq);
	drop(s, bit, l, DID_RESET);
}

/* Connections chosen once, by a rule that then drops their packets. `when:` counts connections. */
static bool gagged(struct slot *s, unsigned bit, struct look *l)
{
	struct flow *f = l->flow;
	uint64_t mask = UINT64_C(1) << bit;

	if (!(f->asked & mask)) {
		f->asked |= mask;
		if (f->fate == FATE_NONE && gate(s, l))
			set_fate(l, bit, FATE_GAG);
	}
	return f->fate == FATE_GAG && f->fate_rule == bit;
}

static void do_halfopen(struct slot *s, unsigned bit, struct look *l)
{
	if (is_tcp(l) && l->flow->serial <= s->serial && gagged(s, bit, l))
		drop(s, bit, l, DID_DROP);
}

/* What the client's first SYN has begun; the server's accept queue seems to be full. */
static void do_accept_stall(struct slot *s, unsigned bit, struct look *l)
{
	if (!is_tcp(l) || l->flow->serial <= s->serial || l->side != 0 ||
	    l->p.flags & (TCP_SYN | TCP_RST))
		return;
	if (gagged(s, bit, l))
		drop(s, bit, l, DID_DROP);
}

/* The packet that carries byte `keep` of its data goes only up to there. */
static void cut_here(struct slot *s, unsigned bit, struct look *l, int64_t keep, bool reset,
		     enum wire_did did)
{
	hit(s, bit, l, did, 0);
	if (keep > 0) {
		packet_complete(l->frame, VNET + l->p.total);
		packet_shorten(&l->p, (size_t)keep);
	}
	l->drop = keep <= 0;
	if (reset && keep > 0) { /* what is kept must arrive before the reset */
		l->out->deliver(l->out->arg, l->to, l->frame, VNET + l->p.total);
		l->kept = true;
	}
	if (reset) {
		kill_flow(l, l->p.seq + (uint32_t)(keep > 0 ? keep : 0));
		l->drop = true;
	}
}

/* The end that is to be cut speaks: what lies before the cut passes, the rest does not. */
static void meet_cut(struct slot *s, unsigned bit, struct look *l, enum wire_did did)
{
	struct flow *f = l->flow;
	int64_t keep = (int32_t)(f->fate_seq - l->id.seq);

	if (f->fate != FATE_CUT || f->fate_rule != bit || l->side != f->fate_side)
		return;
	if (l->p.flags & (TCP_RST | TCP_SYN) || keep >= (int64_t)packet_span(&l->p))
		return;
	if (keep < 0) { /* came too early: the cut itself is still to come */
		l->drop = true;
		return;
	}
	set_fate(l, bit, FATE_SILENT);
	cut_here(s, bit, l, keep, s->r.reset, did);
}

static void do_cut(struct slot *s, unsigned bit, struct look *l)
{
	uint32_t cut = (uint32_t)s->r.at + 1, end = l->id.seq + (uint32_t)l->p.len;

	if (!is_tcp(l))
		return;
	if (l->fresh && l->side == s->r.of_reply && l->flow->fate == FATE_NONE &&
	    (int32_t)(cut - l->before) >= 0 && (int32_t)(end - cut) > 0 && gate(s, l)) {
		set_fate(l, bit, FATE_CUT);
		l->flow->fate_side = l->side != 0;
		l->flow->fate_seq = cut;
	}
	meet_cut(s, bit, l, DID_CUT);
}

/* ---- answers ---- */

bool effect_listens(const struct slot *s)
{
	return s->used && (s->r.effect == WIRE_REPLY_LOST || s->r.effect == WIRE_REPLY_LATE);
}

static bool has_fate(const struct look *l)
{
	const struct flow *f = l->flow;
	bool over = f->fate == FATE_HOLD && f->fate_ns && l->now >= f->fate_ns;

	return f->fate != FATE_NONE && !over;
}

void effect_taken(struct slot *s, unsigned bit, const struct look *l)
{
	leave(s, bit, l, DID_TAKEN);
}

bool effect_asked(struct slot *s, unsigned bit, struct look *l, uint32_t at)
{
	struct flow *f = l->flow;
	uint64_t hit_of = (uint64_t)at << 32 | UINT64_C(7) << 28; /* no packet has that */

	if (s->pattern && !regex_match_in(s->pattern, s->room, (const char *)f->talk.head,
					  f->talk.head_len))
		return false;
	if (!gate_lets(&s->r.gate, ++s->n, l->id.object, hit_of))
		return false;
	if (s->r.upto <= 0)
		return true;
	if (has_fate(l)) {
		leave(s, bit, l, DID_TAKEN);
		return false;
	}
	set_fate(l, bit, FATE_CUT);
	f->fate_side = 0;
	f->fate_seq = at + (uint32_t)s->r.upto;
	if ((int32_t)(f->fate_seq - l->before) < 0) /* more of it has passed already */
		f->fate_seq = l->before;
	return false;
}

void effect_answer(struct slot *s, unsigned bit, struct look *l, uint32_t at)
{
	struct flow *f = l->flow;
	bool lose = s->r.effect == WIRE_REPLY_LOST, held = f->fate == FATE_HOLD && has_fate(l);

	if (lose && f->fate == FATE_LOSE) {
		hit(s, bit, l, DID_LOSE_REPLY, 0); /* behind one that is lost */
		return;
	}
	if (has_fate(l) && !(held && !lose)) {
		leave(s, bit, l, DID_TAKEN);
		return;
	}
	if (!held)
		f->fate_high = at;
	set_fate(l, bit, lose ? FATE_LOSE : FATE_HOLD);
	if (!held || lose)
		f->fate_seq = at;
	f->fate_head = f->fate_end = 0;
	f->fate_open = true;
}

/* Where the loss begins; false: not known (yet). */
static bool loss_begins(const struct slot *s, const struct flow *f, uint32_t *ret)
{
	*ret = s->r.where == WIRE_AT_HEAD ? f->fate_head :
	       s->r.where == WIRE_AT_LAST ? f->fate_end - 1 : f->fate_seq + (uint32_t)s->r.at;
	if (s->r.where == WIRE_AT_BYTE)
		return true;
	return s->r.where == WIRE_AT_HEAD ? f->fate_head > 0 : f->fate_end > 0;
}

static bool loses(unsigned bit, const struct flow *f)
{
	return f->fate == FATE_LOSE && f->fate_rule == bit;
}

void effect_through(struct slot *s, unsigned bit, struct look *l, uint32_t at)
{
	struct flow *f = l->flow;
	uint32_t from;

	if (!loses(bit, f) || f->fate_told)
		return;
	if (loss_begins(s, f, &from) && (int32_t)((f->fate_end ? f->fate_end : at) - from) > 0)
		return;
	leave(s, bit, l, DID_NOT_LOST);
	f->fate = FATE_NONE;
}

static void do_reply_lost(struct slot *s, unsigned bit, struct look *l)
{
	struct flow *f = l->flow;
	uint32_t from;
	int64_t keep;

	if (!is_tcp(l))
		return;
	meet_cut(s, bit, l, DID_LOSE_REPLY);
	if (!loses(bit, f) || l->side != 1 || l->p.flags & (TCP_RST | TCP_SYN))
		return;
	if (!f->fate_told && f->fate_end)
		effect_through(s, bit, l, f->fate_end);
	if (!loses(bit, f) || !loss_begins(s, f, &from))
		return;
	keep = (int32_t)(from - l->id.seq);
	if (!packet_span(&l->p) || keep >= (int64_t)packet_span(&l->p))
		return;
	if (f->fate_told && keep <= 0) { /* the server tries again: still the same lost answer */
		l->drop = true;
		return;
	}
	if (keep < 0 && !f->fate_told) { /* a later part of it, too early */
		l->drop = true;
		return;
	}
	cut_here(s, bit, l, keep, s->r.reset && !f->fate_told, DID_LOSE_REPLY);
	f->fate_told = 1;
}

/* The end of the answer before it, in the same packet, is not late. */
static void let_go(const struct look *l, size_t keep)
{
	uint8_t frame[QUEUE_FRAME_MAX];
	struct packet p;

	if (VNET + l->p.total > sizeof(frame))
		return;
	memcpy(frame, l->frame, VNET + l->p.total);
	packet_complete(frame, VNET + l->p.total);
	packet_parse(&p, frame + VNET, l->p.total);
	packet_shorten(&p, keep);
	l->out->deliver(l->out->arg, l->to, frame, VNET + p.total);
}

static void do_reply_late(struct slot *s, unsigned bit, struct look *l)
{
	struct flow *f = l->flow;
	uint32_t span = packet_span(&l->p), end = l->id.seq + span;
	int64_t before = (int32_t)(f->fate_seq - l->id.seq);

	if (!is_tcp(l) || f->fate != FATE_HOLD || f->fate_rule != bit || l->side != 1)
		return;
	if (l->p.flags & TCP_RST ? before > 0 : before >= (int64_t)span)
		return;
	if (f->fate_open) {
		f->fate_open = false;
		f->fate_ns = l->now + s->r.delay_ns;
		hit(s, bit, l, DID_HOLD_REPLY, s->r.delay_ns);
		if (before > 0)
			let_go(l, (size_t)before);
	}
	if (l->now >= f->fate_ns) {
		f->fate = FATE_NONE;
		return;
	}
	l->drop = span && (int32_t)(end - f->fate_high) <= 0; /* repeats what is being held */
	if (!l->drop)
		f->fate_high = end;
	l->until_ns = f->fate_ns;
	l->overtake = true;
	l->held_by |= UINT64_C(1) << bit;
}

void effect_apply(struct slot *s, unsigned bit, struct look *l)
{
	static void (*const effects[WIRE_EFFECTS])(struct slot *, unsigned, struct look *) = {
		[WIRE_DROP] = do_drop, [WIRE_DELAY] = do_delay,
		[WIRE_DUPLICATE] = do_duplicate, [WIRE_CORRUPT] = do_corrupt,
		[WIRE_RATE] = do_rate, [WIRE_MTU] = do_mtu, [WIRE_REFUSE] = do_refuse,
		[WIRE_RESET] = do_reset, [WIRE_HALFOPEN] = do_halfopen,
		[WIRE_REPLY_LOST] = do_reply_lost, [WIRE_REPLY_LATE] = do_reply_late,
		[WIRE_CUT] = do_cut, [WIRE_ACCEPT_STALL] = do_accept_stall,
	};

	effects[s->r.effect](s, bit, l);
}
