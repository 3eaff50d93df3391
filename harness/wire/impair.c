/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation.
 *
 *   frame ─ link impaired? ─no─────────────────────────────► forwarded as it is
 *               │yes
 *           large frame? cut into segments ─ each: connection, identity,
 *           fate, then every rule in order ─ dropped │ altered │ delivered
 *                                                    └ waits in the queue
 *
 * Segmenting is done here and not by taking the offloads away from the
 * interface, because frames that already lie in its queue would stay large,
 * and the node's other links would be slowed down with it.
 *
 * Order: packets of a link never overtake each other unless a rule asked for
 * it. So each link has a floor, the time at which the last waiting packet
 * leaves, and nobody leaves before it.
 *
 * A rule that is taken away lets go of what it alone held back: those packets
 * are delivered at once, in the order they would have had. Nothing is allocated here
 * after impair_new, but for the pattern of a rule when it is added.
 */
#include "wire/impair.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/effects.h"

#define SEGMENT_MAX QUEUE_FRAME_MAX

struct impair {
	struct impair_out out;
	struct slot slot[WIRE_RULES_MAX];
	uint8_t order[WIRE_RULES_MAX]; /* slots in the order in which they act */
	unsigned count;
	uint64_t links[WIRE_NODES_MAX][4]; /* impaired: bit `to` of row `from` */
	int64_t (*floor_ns)[WIRE_NODES_MAX]; /* mapped: [from][to] */
	struct flows *flows;   /* owned */
	struct queue *queue;   /* owned */
	struct stash *stash;   /* owned */
	bool listens;          /* some rule wants to know of requests and answers */
	uint32_t generation;
	uint64_t added;
	struct wire_seen seen;      /* of the packet at hand */
};

#define FLOORS_SIZE (sizeof(int64_t) * WIRE_NODES_MAX * WIRE_NODES_MAX)

struct impair *impair_new(const struct impair_out *out)
{
	struct impair *im = xcalloc(1, sizeof(*im));

	im->out = *out;
	im->flows = flows_new();
	im->queue = queue_new();
	im->stash = stash_new();
	im->floor_ns = mmap(NULL, FLOORS_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (im->floor_ns == MAP_FAILED)
		abort();
	return im;
}

static void slot_done(struct slot *s)
{
	regex_free(s->pattern);
	regex_room_free(s->room);
	memset(s, 0, sizeof(*s));
}

void impair_free(struct impair *im)
{
	if (!im)
		return;
	for (unsigned i = 0; i < WIRE_RULES_MAX; i++)
		slot_done(&im->slot[i]);
	flows_free(im->flows);
	queue_free(im->queue);
	stash_free(im->stash);
	munmap(im->floor_ns, FLOORS_SIZE);
	free(im);
}

/* ---- rules ---- */

#define BYTES_SANE 1000000000 /* as the options have it; at 1 byte/s still a time in int64 */

static bool span(int64_t ns)
{
	return ns >= 0 && ns <= NS_SANE;
}

static bool size(int64_t bytes)
{
	return bytes >= 0 && bytes <= BYTES_SANE;
}

static bool share(double x)
{
	return isfinite(x) && x >= 0 && x <= 1;
}

/* What comes over the socket is checked once more: the switch must not stop for it. */
static bool sane(const struct wire_rule *r)
{
	return r->effect < WIRE_EFFECTS && share(r->chance) && share(r->burst_enter) &&
	       share(r->burst_leave) && r->ports_count <= WIRE_PORTS_MAX && span(r->delay_ns) &&
	       span(r->jitter_ns) && span(r->down_ns) && span(r->up_ns) && size(r->at) &&
	       size(r->upto) && r->where >= 0 && r->where <= WIRE_AT_LAST &&
	       (r->effect != WIRE_RATE || r->bytes_per_s > 0) && size(r->queue_bytes) &&
	       size(r->burst_bytes) && r->bits >= 0 && r->bits <= 8 &&
	       memchr(r->name, 0, sizeof(r->name)) && memchr(r->pattern, 0, sizeof(r->pattern));
}

static bool acts_before(const struct slot *a, const struct slot *b)
{
	return a->r.fault != b->r.fault ? a->r.fault < b->r.fault : a->order < b->order;
}

/* Which links are impaired and who acts first, from the rules that are left. */
static void survey(struct impair *im)
{
	im->count = 0;
	im->listens = false;
	memset(im->links, 0, sizeof(im->links));
	for (unsigned i = 0; i < WIRE_RULES_MAX; i++) {
		const struct slot *s = &im->slot[i];
		unsigned at;

		if (!s->used)
			continue;
		im->listens |= effect_listens(s);
		for (at = im->count++; at && acts_before(s, &im->slot[im->order[at - 1]]); at--)
			im->order[at] = im->order[at - 1];
		im->order[at] = (uint8_t)i;
		for (unsigned n = 0; n < WIRE_NODES_MAX; n++)
			for (unsigned k = 0; k < 4; k++) {
				if (s->r.a[n / 64] >> (n % 64) & 1)
					im->links[n][k] |= s->r.b[k];
				if (s->r.b[n / 64] >> (n % 64) & 1)
					im->links[n][k] |= s->r.a[k];
			}
	}
}

static int compile(struct slot *s)
{
	struct err e = { 0 };

	if (!s->r.pattern[0])
		return 0;
	s->room = regex_room_new();
	return regex_new(&s->pattern, s->r.pattern, &e);
}

/* Bytes may have passed unread: what is known of requests begins anew. */
static void stop_hearing(struct flow *f, void *arg)
{
	(void)arg;
	memset(&f->talk, 0, sizeof(f->talk));
}

int impair_add(struct impair *im, const struct wire_rule *r, int64_t now)
{
	unsigned i = 0;
	struct slot *s;

	if (!sane(r))
		return -EINVAL;
	while (i < WIRE_RULES_MAX && im->slot[i].used)
		i++;
	if (i == WIRE_RULES_MAX)
		return -ENOSPC;
	s = &im->slot[i];
	*s = (struct slot){ .used = true, .r = *r, .armed_ns = now, .order = im->added++,
			    .serial = flows_serial(im->flows),
			    .generation = ++im->generation & 0xffffff };
	if (compile(s) < 0) {
		slot_done(s);
		return -EINVAL;
	}
	if (!im->listens && effect_listens(s)) {
		flows_each(im->flows, stop_hearing, NULL);
		stash_reset(im->stash);
	}
	survey(im);
	return (int)(s->generation * WIRE_RULES_MAX + i);
}

static void forget(struct flow *f, void *arg)
{
	unsigned bit = *(const unsigned *)arg;
	uint64_t mask = UINT64_C(1) << bit;

	f->burst[0] &= ~mask;
	f->burst[1] &= ~mask;
	f->asked &= ~mask;
	for (unsigned i = 0; i < TALK_ASKED_MAX; i++)
		if (f->talk.tag[i] == bit + 1)
			f->talk.tag[i] = 0;
	if (f->fate != FATE_NONE && f->fate != FATE_DEAD && f->fate_rule == bit)
		f->fate = FATE_NONE;
}

static void raise_floor(const struct waiting *w, void *arg)
{
	struct impair *im = arg;
	int64_t *floor = &im->floor_ns[w->from][w->to];

	if (w->at_ns > *floor)
		*floor = w->at_ns;
}

int impair_del(struct impair *im, unsigned id, int64_t now)
{
	unsigned bit = id % WIRE_RULES_MAX;
	struct slot *s = &im->slot[bit];

	if (!s->used || s->generation != id / WIRE_RULES_MAX)
		return -ENOENT;
	effect_tell_piece(s, &im->out);
	flows_each(im->flows, forget, &bit);
	slot_done(s);
	survey(im);
	queue_hasten(im->queue, UINT64_C(1) << bit, now);
	impair_release(im, now);
	madvise(im->floor_ns, FLOORS_SIZE, MADV_DONTNEED);
	queue_each(im->queue, raise_floor, im);
	return 0;
}

void impair_reset(struct impair *im)
{
	for (unsigned i = 0; i < WIRE_RULES_MAX; i++)
		slot_done(&im->slot[i]);
	survey(im);
	while (impair_due(im) != INT64_MAX)
		queue_pop(im->queue);
	madvise(im->floor_ns, FLOORS_SIZE, MADV_DONTNEED);
	stash_reset(im->stash);
	flows_reset(im->flows);
}

/* ---- packets ---- */

static bool impaired(const struct impair *im, unsigned from, unsigned to)
{
	return im->links[from][to / 64] >> (to % 64) & 1;
}

bool impair_wants(const struct impair *im, unsigned from, unsigned to, const uint8_t *frame,
		  size_t len)
{
	return len > VNET && (flow_wanted(frame + VNET, len - VNET) ||
			      (im->count && impaired(im, from, to)));
}

/* False: it goes nowhere, too many wait. */
static bool wait_or_go(struct impair *im, const struct look *l, int64_t at_ns, bool overtake)
{
	int64_t *floor = &im->floor_ns[l->from][l->to];
	size_t len = VNET + l->p.total;
	struct waiting w = { .rules = l->held_by, .from = (uint16_t)l->from,
			     .to = (uint16_t)l->to, .len = (uint16_t)len };

	if (!overtake && *floor > at_ns)
		at_ns = *floor;
	if (at_ns <= l->now) {
		im->out.deliver(im->out.arg, l->to, l->frame, len);
		return true;
	}
	w.at_ns = at_ns;
	if (len > QUEUE_FRAME_MAX || queue_push(im->queue, &w, l->frame) < 0) {
		im->out.lost(im->out.arg, l->from);
		return false;
	}
	if (!overtake)
		*floor = at_ns;
	return true;
}

static void tell(struct impair *im, const struct look *l, bool crowded)
{
	struct wire_seen *x = &im->seen;

	if (!im->out.seen)
		return;
	x->frame = l->frame;
	x->len = VNET + l->p.total;
	x->now = l->now;
	x->from = (uint16_t)l->from;
	x->to = (uint16_t)l->to;
	if (l->drop && !l->kept)
		x->what = x->notes ? SEEN_DROPPED : SEEN_CUT;
	else if (crowded)
		x->what = SEEN_CROWDED;
	else
		x->what = l->held_by && !x->notes ? SEEN_HELD : SEEN_PASSED;
	im->out.seen(im->out.arg, x);
}

static void finish(struct impair *im, const struct look *l)
{
	int64_t at = l->now + l->delay_ns;
	bool going;

	if (l->drop) {
		im->out.lost(im->out.arg, l->from);
		tell(im, l, false);
		return;
	}
	if (l->until_ns > at)
		at = l->until_ns;
	going = wait_or_go(im, l, at, l->overtake);
	tell(im, l, !going);
	if (l->copy_ns >= 0)
		wait_or_go(im, l, at + l->copy_ns, l->overtake || l->copy_ns > 0);
}

/* ---- requests and answers ---- */

struct listening {
	struct impair *im;
	struct look *l;
};

/* The first rule in order that wants the answer gets it; each counts the requests it matches. */
static uint8_t on_asked(void *arg, struct flow *f, uint32_t at)
{
	const struct listening *x = arg;
	uint8_t tag = 0;

	(void)f;
	for (unsigned i = 0; i < x->im->count; i++) {
		unsigned bit = x->im->order[i];
		struct slot *s = &x->im->slot[bit];

		if (!effect_listens(s) || !effect_matches(s, x->l) ||
		    !effect_asked(s, bit, x->l, at))
			continue;
		if (tag)
			effect_taken(s, bit, x->l);
		else
			tag = (uint8_t)(bit + 1);
	}
	return tag;
}

static void on_answer(void *arg, struct flow *f, uint8_t tag, uint32_t at)
{
	const struct listening *x = arg;

	if (f->fate == FATE_LOSE)
		effect_through(&x->im->slot[f->fate_rule], f->fate_rule, x->l, at);
	f->fate_open &= f->fate == FATE_HOLD;
	if (tag)
		effect_answer(&x->im->slot[tag - 1], tag - 1u, x->l, at);
}

static void on_head_end(void *arg, struct flow *f, uint32_t at)
{
	(void)arg;
	if (f->fate == FATE_LOSE && f->fate_open)
		f->fate_head = at;
}

static void on_end(void *arg, struct flow *f, uint32_t at)
{
	(void)arg;
	if (f->fate != FATE_LOSE || !f->fate_open)
		return;
	f->fate_end = at;
	f->fate_open = false;
}

/* What this packet adds to what is known of its connection. */
static void follow(struct impair *im, struct look *l)
{
	struct listening x = { im, l };
	struct talk_ears ears = { .arg = &x, .asked = on_asked, .answer = on_answer,
				  .head_end = on_head_end, .end = on_end };
	struct flow *f = l->flow;
	struct talk_news news = { .turn = f->turn };

	l->before = f->begun[l->side] ? f->next[l->side] : l->id.seq;
	l->fresh = flow_follow(f, l->side, &l->p);
	news.fresh = l->fresh;
	news.before = l->before;
	if (im->listens)
		talk_hear(f, im->stash, l->side, &l->p, &news, &ears);
}

/* One packet as on a cable. */
static void one(struct impair *im, unsigned from, unsigned to, uint8_t *frame, size_t len,
		int64_t now)
{
	struct look l = { .out = &im->out, .frame = frame, .from = from, .to = to, .now = now,
			  .copy_ns = -1, .seen = &im->seen };

	im->seen.notes = 0;
	packet_parse(&l.p, frame + VNET, len - VNET);
	l.flow = flow_of(im->flows, &l.p, from, to);
	l.side = flow_side(l.flow, &l.p, from);
	if (impaired(im, from, to)) {
		l.id = flow_ident(im->flows, l.flow, l.side, &l.p);
		if (l.p.proto == 6 && l.p.ports && !l.p.fragment)
			follow(im, &l);
	}
	if (!effect_fate(&l))
		for (unsigned i = 0; i < im->count && !l.drop; i++) {
			struct slot *s = &im->slot[im->order[i]];

			if (effect_matches(s, &l))
				effect_apply(s, im->order[i], &l);
		}
	finish(im, &l);
}

unsigned impair_frame(struct impair *im, unsigned from, unsigned to, uint8_t *frame, size_t len,
		      int64_t now)
{
	uint8_t piece[SEGMENT_MAX];
	struct virtio_net_hdr h;
	struct segments cut;
	unsigned count = 0;
	size_t n;

	if (len <= VNET || from >= WIRE_NODES_MAX || to >= WIRE_NODES_MAX)
		return 1;
	memcpy(&h, frame, VNET);
	if (h.gso_type == VIRTIO_NET_HDR_GSO_NONE || !impaired(im, from, to)) {
		one(im, from, to, frame, len, now);
		return 1;
	}
	if (!segments_open(&cut, frame, len)) {
		im->out.lost(im->out.arg, from);
		return 1;
	}
	for (; (n = segments_next(&cut, piece, sizeof(piece))) > 0; count++)
		one(im, from, to, piece, n, now);
	for (; cut.done < cut.p.len; cut.done += cut.size, count++) /* above any MTU of ours */
		im->out.lost(im->out.arg, from);
	return count;
}

int64_t impair_due(const struct impair *im)
{
	const uint8_t *frame;
	const struct waiting *w = queue_first(im->queue, &frame);

	return w ? w->at_ns : INT64_MAX;
}

uint64_t impair_forgotten(const struct impair *im)
{
	return flows_forgotten(im->flows);
}

unsigned impair_waiting(const struct impair *im)
{
	return queue_count(im->queue);
}

void impair_release(struct impair *im, int64_t now)
{
	const struct waiting *w;
	const uint8_t *frame;

	while ((w = queue_first(im->queue, &frame)) && w->at_ns <= now) {
		im->out.deliver(im->out.arg, w->to, frame, w->len);
		queue_pop(im->queue);
	}
}
