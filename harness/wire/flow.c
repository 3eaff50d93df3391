/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Three tables of fixed size, all keyed by a hash:
 *
 *   flows   by both ends' node and port; a few neighbouring slots are tried;
 *           when none is free, one that has ended is taken over, else one about
 *           which nothing was decided, each time the one unused for longest.
 *           Forgetting one in use is counted and told: its packets are then
 *           those of another connection, with a decision of its own
 *   kinds   by (client, server, port, IP version): how many connections so
 *           far, which gives the next its ordinal; apart by version, because
 *           clients that try both at once do so by the clock
 *   ranges  by (flow, side, sequence number, kind of packet): how often a
 *           repeated range has passed, so that each repetition gets a decision
 *           of its own and a dropped packet is not dropped for ever
 *
 * TCP connections are seen from SYN to FIN or RST, whether a fault is armed or
 * not, so ordinals do not depend on when that happens. A connection whose SYN was
 * never seen starts where it was met; the lower port is taken for the server's.
 * UDP and ICMP are seen only on impaired links: their ordinals count from there.
 */
#include "wire/flow.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/draw.h"

#define TRIES 16
#define RANGE_WAYS 4

struct kind {
	uint64_t key; /* 0: free */
	uint64_t count;
};
struct range_seen {
	uint32_t tag, count; /* count 0: free */
};
struct flows {
	struct flow *flow;        /* mapped, FLOWS_MAX */
	struct kind *kind;        /* mapped, FLOW_KINDS_MAX */
	struct range_seen *range; /* mapped, FLOW_RANGES_MAX */
	uint64_t serial, packets, forgotten;
};

static void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

struct flows *flows_new(void)
{
	struct flows *t = xcalloc(1, sizeof(*t));

	t->flow = pages(FLOWS_MAX * sizeof(*t->flow));
	t->kind = pages(FLOW_KINDS_MAX * sizeof(*t->kind));
	t->range = pages(FLOW_RANGES_MAX * sizeof(*t->range));
	return t;
}

void flows_free(struct flows *t)
{
	if (!t)
		return;
	munmap(t->flow, FLOWS_MAX * sizeof(*t->flow));
	munmap(t->kind, FLOW_KINDS_MAX * sizeof(*t->kind));
	munmap(t->range, FLOW_RANGES_MAX * sizeof(*t->range));
	free(t);
}

void flows_reset(struct flows *t)
{
	/* Gives the pages back: they read as zero afterwards. */
	madvise(t->flow, FLOWS_MAX * sizeof(*t->flow), MADV_DONTNEED);
	madvise(t->kind, FLOW_KINDS_MAX * sizeof(*t->kind), MADV_DONTNEED);
	madvise(t->range, FLOW_RANGES_MAX * sizeof(*t->range), MADV_DONTNEED);
	t->serial = t->packets = t->forgotten = 0;
}

uint64_t flows_serial(const struct flows *t)
{
	return t->serial;
}

uint64_t flows_forgotten(const struct flows *t)
{
	return t->forgotten;
}

void flows_each(struct flows *t, void (*fn)(struct flow *f, void *arg), void *arg)
{
	for (size_t i = 0; t->serial && i < FLOWS_MAX; i++)
		if (t->flow[i].key)
			fn(&t->flow[i], arg);
}

static uint64_t hash(uint64_t a, uint64_t b)
{
	return draw_siphash(0x77697265, b, &a, sizeof(a));
}

/* ---- which connection ---- */

/* Both ends in an order that does not depend on the direction; never 0. */
static uint64_t key_of(const struct packet *p, unsigned from, unsigned to)
{
	uint64_t x = (uint64_t)from << 16 | p->sport, y = (uint64_t)to << 16 | p->dport;
	uint64_t lo = x < y ? x : y, hi = x < y ? y : x;

	return lo << 33 | hi << 9 | (uint64_t)p->v6 << 8 | p->proto | UINT64_C(1) << 57;
}

/* How much would be lost with it. UDP never ends; what was not heard for long, has. */
static unsigned worth(const struct flow *f)
{
	if (f->ended >= 3 || f->protocol != IPPROTO_TCP)
		return 0;
	return f->fate == FATE_NONE || f->fate == FATE_DEAD ? 1 : 2;
}

static bool forget_rather(const struct flow *f, const struct flow *than)
{
	return worth(f) != worth(than) ? worth(f) < worth(than) : f->used < than->used;
}

static struct flow *find(struct flows *t, uint64_t key, bool *ret_found)
{
	uint64_t h = hash(key, 0);
	struct flow *old = NULL;

	for (unsigned i = 0; i < TRIES; i++) {
		struct flow *f = &t->flow[(h + i) % FLOWS_MAX];

		*ret_found = f->key == key;
		if (*ret_found || !f->key)
			return f;
		if (!old || forget_rather(f, old))
			old = f;
	}
	return old;
}

static uint32_t next_of_kind(struct flows *t, const struct flow *f)
{
	uint64_t key = (uint64_t)f->node[0] << 40 | (uint64_t)f->node[1] << 24 |
		       (uint64_t)f->port << 8 | f->protocol | UINT64_C(1) << 56 |
		       (uint64_t)f->v6 << 57;
	uint64_t h = hash(key, 1);
	struct kind *k = &t->kind[h % FLOW_KINDS_MAX];

	for (unsigned i = 0; i < TRIES; i++) {
		struct kind *at = &t->kind[(h + i) % FLOW_KINDS_MAX];

		if (at->key == key || !at->key) {
			k = at;
			break;
		}
	}
	k->key = key;
	return (uint32_t)++k->count;
}

/* Who asked? The sender of the SYN; without one, whoever has the higher port. */
static bool from_client(const struct packet *p)
{
	if (p->proto == IPPROTO_TCP && p->flags & TCP_SYN)
		return !(p->flags & TCP_ACK);
	return !p->ports || p->proto == IPPROTO_UDP || p->sport >= p->dport;
}

static void begin(struct flows *t, struct flow *f, uint64_t key, const struct packet *p,
		  unsigned from, unsigned to)
{
	bool client = from_client(p);

	memset(f, 0, sizeof(*f));
	f->key = key;
	f->serial = ++t->serial;
	f->node[0] = (uint16_t)(client ? from : to);
	f->node[1] = (uint16_t)(client ? to : from);
	f->port = !p->ports ? 0 : client ? p->dport : p->sport;
	f->protocol = p->proto;
	f->v6 = p->v6;
	f->nth = next_of_kind(t, f);
}

static bool is_new(const struct flow *f, const struct packet *p)
{
	return p->proto == IPPROTO_TCP && (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	       !(f->known[0] && f->isn[0] == p->seq);
}

struct flow *flow_of(struct flows *t, const struct packet *p, unsigned from, unsigned to)
{
	uint64_t key = key_of(p, from, to);
	bool found;
	struct flow *f = find(t, key, &found);
	unsigned side;

	t->forgotten += !found && f->key && worth(f) > 0;
	if (!found || is_new(f, p))
		begin(t, f, key, p, from, to);
	f->used = ++t->packets;
	side = flow_side(f, p, from);
	if (p->proto == IPPROTO_TCP && p->ports && (!f->known[side] || p->flags & TCP_SYN)) {
		f->isn[side] = p->flags & TCP_SYN ? p->seq : p->seq - 1;
		f->known[side] = true;
	}
	if (p->flags & (TCP_FIN | TCP_RST))
		f->ended |= p->flags & TCP_RST ? 3 : (uint8_t)(1u << side);
	return f;
}

/* ---- which packet of it ---- */

static uint32_t times_seen(struct flows *t, uint64_t object, uint64_t hit)
{
	uint64_t h = hash(object, hit);
	struct range_seen *set = &t->range[h % (FLOW_RANGES_MAX / RANGE_WAYS) * RANGE_WAYS];
	uint32_t tag = (uint32_t)(h >> 32);
	struct range_seen *r = &set[(h >> 24) % RANGE_WAYS];

	for (unsigned i = 0; i < RANGE_WAYS; i++) {
		if (set[i].count && set[i].tag == tag)
			return set[i].count++;
		if (!set[i].count)
			r = &set[i];
	}
	*r = (struct range_seen){ tag, 1 };
	return 0;
}

/* Not the order of arrival and nothing that differs between runs: see DESIGN, draws. */
static uint64_t object_of(const struct flow *f, unsigned side)
{
	uint8_t b[16] = { (uint8_t)f->node[0], (uint8_t)(f->node[0] >> 8), (uint8_t)f->node[1],
			  (uint8_t)(f->node[1] >> 8), (uint8_t)f->port, (uint8_t)(f->port >> 8),
			  f->protocol, (uint8_t)side, (uint8_t)f->nth, (uint8_t)(f->nth >> 8),
			  (uint8_t)(f->nth >> 16), (uint8_t)(f->nth >> 24), f->v6 };

	return draw_siphash(0, 0, b, sizeof(b));
}

enum kind_of_packet { WITH_SPAN = 1, BARE_ACK, RESET };

/*
 * How often has this range passed? What lies beyond everything sent so far, and a bare
 * acknowledgement beyond the last one, need no memory; the table is left for repetitions, so that
 * however much goes by in between, it still knows of them.
 */
static uint32_t passes(struct flows *t, struct flow *f, unsigned side, enum kind_of_packet kind,
		       const struct ident *id)
{
	bool ahead = !f->acks[side] || (int32_t)(id->seq - f->ack_seq[side]) > 0;

	if (kind == WITH_SPAN && (!f->begun[side] || (int32_t)(id->seq - f->next[side]) >= 0))
		return 0;
	if (kind == BARE_ACK && ahead) {
		f->ack_seq[side] = id->seq;
		f->acks[side] = 1;
		return 0;
	}
	if (kind == BARE_ACK && id->seq == f->ack_seq[side])
		return f->acks[side]++;
	return times_seen(t, id->object, id->hit) + (kind != RESET);
}

struct ident flow_ident(struct flows *t, struct flow *f, unsigned side, const struct packet *p)
{
	struct ident id = { .object = object_of(f, side) };
	uint64_t n = ++f->packets[side];
	enum kind_of_packet kind;

	if (p->proto != IPPROTO_TCP || !p->ports) {
		id.hit = n;
		id.seq = (uint32_t)n;
		return id;
	}
	kind = p->flags & TCP_RST ? RESET : packet_span(p) ? WITH_SPAN : BARE_ACK;
	id.seq = p->seq - f->isn[side];
	id.hit = (uint64_t)id.seq << 32 | (uint64_t)kind << 28;
	id.again = passes(t, f, side, kind, &id);
	id.hit |= id.again & 0xfffffff;
	return id;
}

bool flow_follow(struct flow *f, unsigned side, const struct packet *p)
{
	uint32_t seq = p->seq - f->isn[side], end = seq + packet_span(p);

	if (f->begun[side] && (int32_t)(end - f->next[side]) <= 0)
		return false;
	f->begun[side] = true;
	f->next[side] = end;
	if (!p->len)
		return false;
	f->turn = (uint8_t)(side + 1);
	return true;
}
