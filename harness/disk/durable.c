/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A state is made in two steps: which operations on names and metadata are
 * there, then, for each file that still has a name, which of its data (content.c). Rules and
 * their sources:
 *
 *   strict    Each operation on names is there or not, by itself and whole, unless an fsync of its
 *             folder has covered it. One that needs an earlier one (a rename of what was just
 *             made) is there only with it. That crashes reorder operations of different folders
 *             and files, and that a whole operation on names is nevertheless atomic on every
 *             file system of today, is what Pillai et al. measured: "All File Systems Are Not
 *             Created Equal", OSDI '14 (ALICE), tables 1 and 2. A rename is durable when either
 *             of its folders was synced, for it is one operation.
 *
 *   ext4-*    Operations on metadata are there up to some point and not beyond: jbd2 commits them
 *             in order, whole transactions at a time, and the timer may end one anywhere
 *             (Documentation/filesystems/ext4/journal, `commit=`). The point is not before what
 *             the last sync has promised (history.c, raise_floor).
 *
 * What is durable is always there. Removing the last name of a file removes the file: open files
 * are gone with the processes.
 */
#include "disk/durable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/draw.h"
#include "base/err.h"
#include "disk/crash.h"

const char *const durability_names[DURABLE_MODELS] = { "strict", "ext4-ordered",
						       "ext4-writeback" };

/* ---- draws ---- */

static struct draw dice(const struct crash *c, const char *what, uint64_t object)
{
	return (struct draw){ .seed = c->at.seed, .name = what, .object = object,
			      .hit = c->at.nth };
}

int64_t crash_draw_range(const struct crash *c, const char *what, uint64_t object, int64_t lo,
			 int64_t hi)
{
	return draw_range(dice(c, what, object), lo, hi);
}

bool crash_draw_chance(const struct crash *c, const char *what, uint64_t object, double chance)
{
	return chance > 0 && (chance >= 1 || draw_chance(dice(c, what, object), chance));
}

static struct bias bias_of(const struct crash *c)
{
	static const double chances[] = { 0, 0.1, 0.5, 0.9, 1 };
	struct bias b = { 0 };

	switch (c->at.nth) {
	case CRASH_NOTHING:
		break;
	case CRASH_ALL:
		b = (struct bias){ .names = 1, .sizes = 1, .pages = 1 };
		break;
	case CRASH_NAMES:
		b = (struct bias){ .names = 1, .sizes = 1 };
		break;
	case CRASH_DATA:
		b.pages = 1;
		break;
	default:
		b.names = chances[crash_draw_range(c, "crash.bias.names", 0, 0, 4)];
		b.sizes = chances[crash_draw_range(c, "crash.bias.sizes", 0, 0, 4)];
		b.pages = chances[crash_draw_range(c, "crash.bias.pages", 0, 0, 4)];
		b.torn = crash_draw_chance(c, "crash.bias.torn", 0, 0.5) ? 0.3 : 0;
		b.stale = crash_draw_chance(c, "crash.bias.stale", 0, 0.5);
		break;
	}
	return b;
}

/* ---- losses ---- */

struct loss *crash_loss_of(struct crash *c, size_t n)
{
	const struct log_node *node = &c->h->node[n];
	struct loss *l;

	c->loss = xrealloc(c->loss, (c->losses + 1) * sizeof(*c->loss));
	l = &c->loss[c->losses++];
	*l = (struct loss){ .path = history_path(c->h, n, c->at.ops) };
	for (size_t i = node->syncs; i > 0 && !l->synced_ns; i--)
		if (node->sync[i - 1].op < c->at.ops)
			l->synced_ns = node->sync[i - 1].end_ns;
	return l;
}

void crash_lose(struct loss *l, const struct log_rec *r, bool torn)
{
	if ((l->count & (l->count - 1)) == 0)
		l->lost = xrealloc(l->lost, (l->count ? l->count * 2 : 4) * sizeof(*l->lost));
	l->lost[l->count++] = r;
	l->torn += torn;
	l->bytes += r->kind == LOG_WRITE ? r->len : 0;
}

/* ---- names ---- */

size_t crash_floor(const struct history *h, size_t p)
{
	size_t lo = 0, hi = h->floors;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (h->floor[mid].sync < p)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? h->floor[lo - 1].meta : 0;
}

static void apply(struct names *t, const struct naming *n)
{
	const struct log_rec *r = n->r;
	struct name_slot *s = names_get(t, n->dir, log_name(r), r->name_len);

	if (r->kind == LOG_RENAME) {
		s->node = r->flags & LOG_SWAP ? n->over : NO_NODE;
		s = names_get(t, n->to_dir, log_to(r), r->to_len);
		s->node = n->node;
	} else {
		s->node = r->kind == LOG_REMOVE ? NO_NODE : n->node;
	}
}

/* Is this one there? There: those before it that are. */
static bool naming_there(const struct crash *c, size_t i, const bool *there)
{
	const struct naming *n = &c->h->name[i];

	if (c->at.model != DURABLE_STRICT)
		return n->op < c->meta;
	if (n->kept_by < c->at.ops)
		return true;
	for (int k = 0; k < 2; k++)
		if (n->needs[k] != NEVER && !there[n->needs[k]])
			return false;
	return crash_draw_chance(c, "crash.name", i, c->bias.names);
}

static void choose_meta(struct crash *c)
{
	size_t floor = crash_floor(c->h, c->at.ops), p = c->at.ops;

	if (c->bias.names <= 0)
		c->meta = floor;
	else if (c->bias.names >= 1)
		c->meta = p;
	else
		c->meta = (size_t)crash_draw_range(c, "crash.journal", 0, (int64_t)floor,
						   (int64_t)p);
}

static void choose_names(struct crash *c)
{
	const struct history *h = c->h;
	bool *there = xcalloc(h->namings + 1, sizeof(*there));

	names_copy(&c->names, &h->base);
	for (size_t i = 0; i < h->namings && h->name[i].op < c->at.ops; i++) {
		there[i] = naming_there(c, i, there);
		if (there[i]) {
			apply(&c->names, &h->name[i]);
			continue;
		}
		c->certain = false;
		crash_lose(crash_loss_of(c, h->name[i].node), h->name[i].r, false);
	}
	free(there);
}

/* ---- a state ---- */

static int reach(struct crash *c, struct err *e)
{
	for (size_t i = 0; i < c->names.size; i++) {
		const struct name_slot *s = &c->names.slot[i];
		int err;

		if (!s->hash || s->node == NO_NODE || !S_ISREG(c->h->node[s->node].mode))
			continue;
		err = crash_content(c, s->node, e);
		if (err < 0)
			return err;
	}
	return 0;
}

int crash_new(struct crash **ret, struct history *h, const struct crash_at *at, struct err *e)
{
	struct crash *c = xcalloc(1, sizeof(*c));
	int err;

	c->h = h;
	c->at = *at;
	if (c->at.ops > h->ops)
		c->at.ops = h->ops;
	c->certain = true;
	c->bias = bias_of(c);
	c->content = xcalloc(h->nodes, sizeof(*c->content));
	choose_meta(c);
	choose_names(c);
	err = reach(c, e);
	if (err < 0) {
		crash_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void crash_free(struct crash *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->h->nodes; i++)
		free(c->content[i].own);
	for (size_t i = 0; i < c->losses; i++) {
		free(c->loss[i].path);
		free(c->loss[i].lost);
	}
	free(c->loss);
	free(c->content);
	names_done(&c->names);
	free(c);
}

bool crash_certain(const struct crash *c)
{
	return c->certain;
}

const struct loss *crash_losses(const struct crash *c, size_t *ret_count)
{
	*ret_count = c->losses;
	return c->loss;
}

/* Not for enemies; a gigabyte of it is a fraction of a second. */
static uint64_t fold(const char *at, size_t size)
{
	uint64_t h = size, v = 0;

	for (; size >= sizeof(v); at += sizeof(v), size -= sizeof(v)) {
		memcpy(&v, at, sizeof(v));
		h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	v = 0;
	memcpy(&v, at, size);
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* A sum over the names, so that their order in the table does not matter. */
uint64_t crash_digest(const struct crash *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->names.size; i++) {
		const struct name_slot *s = &c->names.slot[i];
		const struct content *f;
		uint64_t h;

		if (!s->hash || s->node == NO_NODE)
			continue;
		f = &c->content[s->node];
		h = f->at ? fold(f->at, (size_t)f->size) : 0;
		sum += draw_siphash(s->hash ^ h, s->node + (uint64_t)f->size, "", 0);
	}
	return sum;
}
