/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each kind of rule does to an operation. A draw is made of the seed, the
 * rule's name, the path below the data directory and how many-eth matching
 * operation on that path it is since the rule was armed; a rotten block, which
 * is rotten however often it is read, of its number instead.
 */
#include "disk/rules_room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/draw.h"
#include "disk/past.h"

#define HITS_LISTED 1000             /* one by one; more are counted in pieces */
#define HITS_PIECE_NS (NS_PER_S / 4)
#define SECTOR 512
#define BLOCK PAST_BLOCK

enum salt { SALT_CHANCE = 1, SALT_JITTER, SALT_PART = 4, SALT_BIT };

/* ---- telling ---- */

/* Under the rules' lock. */
static void push(struct fs *fs, const struct disk_hit *h)
{
	uint64_t one = 1, *lost = &fs->shared->lost_of[h->rule % DISK_RULES_MAX];

	if (!hits_push(&fs->shared->hits, h, h->count))
		__atomic_store_n(lost, *lost + h->count, __ATOMIC_RELAXED);
	if (write(fs->bell, &one, sizeof(one)) < 0)
		return; /* full of rings already: it will be heard */
}

void befall_tell_piece(struct slot *s, struct fs *fs, int64_t now)
{
	if (!s->piece)
		return;
	s->last.count = s->piece;
	s->piece = 0;
	s->piece_ns = now;
	push(fs, &s->last);
}

void befall_tell(struct slot *s, struct look *l, int error, size_t done, int64_t ns)
{
	const struct op *op = l->op;
	struct disk_hit *h = &s->last;

	*h = (struct disk_hit){ .t_ns = l->now, .count = 1, .off = op->off, .ns = ns,
				.rule = s->id, .len = (uint32_t)op->len, .op = op->kind,
				.effect = s->r.effect, .error = error, .done = (uint32_t)done,
				.nth = l->nth, .to = op->to, .lost = l->lost };
	if (s->listed < HITS_LISTED) {
		snprintf(h->path, sizeof(h->path), "%.*s", (int)sizeof(h->path) - 1, l->path);
		snprintf(h->process, sizeof(h->process), "%s", look_owner(l));
		s->listed++;
		push(l->fs, h);
		return;
	}
	if (!s->piece++)
		s->piece_ns = l->now;
	if (l->now - s->piece_ns >= HITS_PIECE_NS)
		befall_tell_piece(s, l->fs, l->now);
}

/* ---- deciding ---- */

/* How many-eth matching operation on that path. */
static uint64_t count(struct slot *s, uint64_t object)
{
	for (unsigned i = 0; i + 1 < COUNTERS; i++) {
		struct counter *c = &s->counter[(object + i) % (COUNTERS - 1)];

		if (!c->object)
			c->object = object;
		if (c->object == object)
			return ++c->n;
		if (i > 32)
			break; /* crowded: the rest share one */
	}
	return ++s->counter[COUNTERS - 1].n;
}

static struct draw dice(const struct slot *s, const struct look *l, enum salt salt)
{
	return (struct draw){ .seed = s->r.seed, .name = s->r.name, .object = l->object + salt,
			      .hit = l->nth };
}

static bool chosen(const struct slot *s, const struct look *l)
{
	return gate_lets(&s->r.gate, s->n, l->object, l->nth) &&
	       (s->r.chance >= 1 || draw_chance(dice(s, l, SALT_CHANCE), s->r.chance));
}

/* ---- the effects ---- */

static void do_error(struct slot *s, struct look *l)
{
	int64_t lost = 0;

	if (l->op->error || !chosen(s, l))
		return;
	if (s->r.lossy && l->op->kind == DISK_FSYNC) {
		lost = past_lose(l->fs, l->op->inode, s->r.reverts);
		if (!lost)
			return; /* nothing to write: as after a failure that was told of */
		l->op->inode->lied = true;
		l->op->drop = s->r.reverts;
	}
	l->op->error = s->r.error;
	l->lost = lost;
	befall_tell(s, l, s->r.error, 0, 0);
}

static void do_slow(struct slot *s, unsigned place, struct look *l)
{
	int64_t until = 0;

	if (chosen(s, l)) {
		int64_t ns = s->r.delay_ns;

		if (s->r.jitter_ns > 0)
			ns += draw_jitter(dice(s, l, SALT_JITTER), s->r.shape, s->r.jitter_ns);

		until = l->now + (ns > 0 ? ns : 0);
		if (s->r.stall && until > s->stall_until)
			s->stall_until = until;
	}
	if (s->r.stall && s->stall_until > l->now)
		until = s->stall_until;
	if (until <= l->now)
		return;
	befall_tell(s, l, 0, 0, until - l->now);
	if (until > l->until) {
		l->until = until;
		l->held_by = place;
	}
}

/* A part, and either the program is told (short) or not (torn: whole sectors, one at least). */
static void do_part(struct slot *s, struct look *l)
{
	struct op *op = l->op;
	bool torn = s->r.effect == DISK_TORN;
	size_t unit = torn ? SECTOR : 1;
	int64_t most = op->len ? (int64_t)((op->len - 1) / unit) : 0;

	if (op->error || op->part || op->astray || most < 1 || !chosen(s, l))
		return;
	op->part = (size_t)draw_range(dice(s, l, SALT_PART), 1, most) * unit;
	op->torn = torn;
	op->inode->lied |= torn;
	befall_tell(s, l, 0, op->part, 0);
}

/*
 * Some blocks further or nearer, inside the file as it will be, so that nothing shows in its size.
 * A file with no other place for it is written as it should be.
 */
static void do_astray(struct slot *s, struct look *l)
{
	struct op *op = l->op;
	int64_t end = op->off + (int64_t)op->len, block = op->off / BLOCK, last, to;
	struct stat st;

	if (op->error || op->part || op->astray || fstat(op->inode->fd, &st) < 0)
		return;
	if (st.st_size > end)
		end = st.st_size;
	last = (end - (int64_t)op->len - op->off % BLOCK) / BLOCK;
	if (last < 1 || !chosen(s, l))
		return;
	to = draw_range(dice(s, l, SALT_PART), 0, last - 1);
	to += to >= block;
	op->astray = true;
	op->to = to * BLOCK + op->off % BLOCK;
	op->inode->lied = true;
	befall_tell(s, l, 0, 0, 0);
}

/* What a full disk of a file system with blocks refuses, and a tmpfs does not. */
static void do_full(struct slot *s, struct look *l)
{
	struct op *op = l->op;
	int64_t used, files;

	if (s->r.effect != DISK_FULL || op->error || disk_used(l->fs, &used, &files) < 0)
		return;
	if (s->r.late ? op->kind != DISK_FSYNC || used - s->used_before <= s->r.left
		      : op->kind != DISK_MKDIR || used + BLOCK <= s->used_before + s->r.left)
		return;
	if (room_soon(l->fs)) {
		do_full(s, l);
		return;
	}
	op->error = s->r.error;
	befall_tell(s, l, s->r.error, 0, 0);
}

void befall_rot(struct slot *s, struct look *l, char *data, size_t len)
{
	int64_t first = l->op->off / BLOCK, last = (l->op->off + (int64_t)len - 1) / BLOCK;
	uint64_t rotten = 0;

	l->object = draw_object(l->path);
	for (int64_t b = first; len && b <= last; b++) {
		l->nth = (uint64_t)b;
		if (!draw_chance(dice(s, l, SALT_CHANCE), s->r.chance))
			continue;
		for (int i = 0; i < s->r.bits; i++) {
			struct draw d = dice(s, l, SALT_BIT);
			int64_t bit, at;

			d.object += (uint64_t)i * 64;
			bit = draw_range(d, 0, BLOCK * 8 - 1);
			at = b * BLOCK + bit / 8 - l->op->off;
			if (at < 0 || at >= (int64_t)len)
				continue;
			data[at] = (char)(data[at] ^ 1 << bit % 8);
			rotten++;
		}
	}
	if (!rotten)
		return;
	l->op->inode->lied = true;
	befall_tell(s, l, 0, rotten, 0);
}

/* Each block as it was before its last write, by a draw of that block and write. */
void befall_stale(struct slot *s, struct look *l, char *data, size_t len)
{
	int64_t off = l->op->off, end = off + (int64_t)len;
	uint64_t writes = 0;
	size_t stale = 0;
	char was[BLOCK];

	l->object = draw_object(l->path);
	for (int64_t b = off / BLOCK; b * BLOCK < end; b++) {
		int64_t from = b * BLOCK > off ? b * BLOCK : off;
		int64_t to = (b + 1) * BLOCK < end ? (b + 1) * BLOCK : end;
		struct draw d;

		if (!past_before(l->fs, l->op->inode, b, was, &writes))
			continue;
		l->nth = (uint64_t)b;
		d = dice(s, l, SALT_CHANCE);
		d.object += writes * 64;
		if (!draw_chance(d, s->r.chance) ||
		    !memcmp(data + (from - off), was + from % BLOCK, (size_t)(to - from)))
			continue;
		memcpy(data + (from - off), was + from % BLOCK, (size_t)(to - from));
		stale += (size_t)(to - from);
	}
	if (!stale)
		return;
	l->op->inode->lied = true;
	befall_tell(s, l, 0, stale, 0);
}

void befall_begin(struct slot *s, unsigned place, struct look *l)
{
	s->n++;
	l->lost = 0;
	l->object = draw_object(l->path);
	l->nth = count(s, l->object);
	switch (s->r.effect) {
	case DISK_ERROR:
		do_error(s, l);
		break;
	case DISK_SLOW:
		do_slow(s, place, l);
		break;
	case DISK_SHORT:
	case DISK_TORN:
		do_part(s, l);
		break;
	case DISK_ASTRAY:
		do_astray(s, l);
		break;
	case DISK_ROT:
	case DISK_STALE:
		l->op->rot |= gate_lets(&s->r.gate, s->n, l->object, l->nth);
		break;
	default:
		do_full(s, l);
		break;
	}
}
