/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One pass over the log. A sync covers what had *returned* before it was
 * *asked for* (end <= begin): what ran beside it may have come too late for it, and a program that
 * did not wait was promised nothing. For each change and each name the first sync that covers it
 * is noted, so that "durable at p" is one comparison later.
 *
 * What a sync of which object covers:
 *
 *   data and size of a file   fsync or fdatasync of the file. POSIX.1-2017 fsync(): all data and
 *                             metadata to retrieve it; fdatasync(): as "synchronized I/O data
 *                             integrity completion", which has the size in it. A write to a file
 *                             opened O_SYNC or O_DSYNC: that write alone (open(2)).
 *   a name, strictly          fsync of its folder and nothing else: fsync(2), "does not necessarily
 *                             ensure that the entry in the directory ... has also reached disk".
 *                             A folder's names are its data, so fdatasync does too (SQLite
 *                             relies on that, os_unix.c).
 *   metadata, with a journal  transactions are committed in order (jbd2), so a sync that commits
 *                             the one with the object's last change commits all before it: ext4
 *                             remembers in i_sync_tid, and in i_datasync_tid for fdatasync, which
 *                             one that is. Operations after that change are not promised: their
 *                             transaction may be a later one.
 */
#include "disk/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/draw.h"
#include "base/err.h"

#define GROW(array, count)                                                                         \
	do {                                                                                       \
		if (((count) & ((count) - 1)) == 0)                                                \
			(array) = xrealloc((array),                                           \
					  ((count) ? (count) * 2 : 4) * sizeof(*(array))); \
	} while (0)

/* ---- names ---- */

static uint64_t name_hash(size_t dir, const char *name, size_t len)
{
	uint64_t h = draw_siphash(dir, 0x6e616d65, name, len);

	return h ? h : 1;
}

static struct name_slot *slot_for(struct names *t, uint64_t h, size_t dir, const char *name,
				  size_t len)
{
	size_t i = h & (t->size - 1);

	while (t->slot[i].hash) {
		struct name_slot *s = &t->slot[i];

		if (s->hash == h && s->dir == dir && s->len == len && !memcmp(s->name, name, len))
			return s;
		i = (i + 1) & (t->size - 1);
	}
	return &t->slot[i];
}

static void names_grow(struct names *t)
{
	struct names old = *t;

	t->size = old.size ? old.size * 2 : 64;
	t->slot = xcalloc(t->size, sizeof(*t->slot));
	for (size_t i = 0; i < old.size; i++) {
		const struct name_slot *s = &old.slot[i];

		if (s->hash)
			*slot_for(t, s->hash, s->dir, s->name, s->len) = *s;
	}
	free(old.slot);
}

struct name_slot *names_get(struct names *t, size_t dir, const char *name, size_t len)
{
	uint64_t h = name_hash(dir, name, len);
	struct name_slot *s;

	if ((t->used + 1) * 2 > t->size)
		names_grow(t);
	s = slot_for(t, h, dir, name, len);
	if (!s->hash) {
		*s = (struct name_slot){ .hash = h, .dir = dir, .node = NO_NODE, .name = name,
					 .len = len, .last = NEVER };
		t->used++;
	}
	return s;
}

void names_copy(struct names *to, const struct names *from)
{
	*to = *from;
	to->slot = xmalloc(from->size * sizeof(*to->slot) + 1);
	if (from->size)
		memcpy(to->slot, from->slot, from->size * sizeof(*to->slot));
}

void names_done(struct names *t)
{
	free(t->slot);
	*t = (struct names){ 0 };
}

/* ---- nodes ---- */

static size_t *ino_slot(const struct history *h, uint64_t ino)
{
	size_t i = (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (h->by_ino_size - 1);

	while (h->by_ino[i] != NO_NODE && h->node[h->by_ino[i]].ino != ino)
		i = (i + 1) & (h->by_ino_size - 1);
	return &h->by_ino[i];
}

static void by_ino_grow(struct history *h)
{
	h->by_ino_size = h->by_ino_size ? h->by_ino_size * 2 : 256;
	h->by_ino = xrealloc(h->by_ino, h->by_ino_size * sizeof(*h->by_ino));
	for (size_t i = 0; i < h->by_ino_size; i++)
		h->by_ino[i] = NO_NODE;
	for (size_t n = 0; n < h->nodes; n++)
		*ino_slot(h, h->node[n].ino) = n;
}

static size_t node_of(const struct history *h, uint64_t ino)
{
	return h->nodes ? *ino_slot(h, ino) : NO_NODE;
}

static size_t node_new(struct history *h, const struct log_rec *r)
{
	size_t n = node_of(h, r->ino);

	if (n != NO_NODE)
		return n;
	n = h->nodes;
	GROW(h->node, h->nodes);
	h->node[h->nodes++] = (struct log_node){
		.ino = r->ino, .made = r, .uid = r->uid, .gid = r->gid,
		.mode = r->kind == LOG_ROOT ? S_IFDIR | 0755 : r->mode,
	};
	if (h->nodes * 2 > h->by_ino_size)
		by_ino_grow(h);
	else
		*ino_slot(h, r->ino) = n;
	return n;
}

static void add_meta(struct log_node *n, const struct log_rec *r, size_t op, bool data)
{
	GROW(n->meta, n->metas);
	n->meta[n->metas++] = (struct meta){ .op = op, .end_ns = r->end_ns, .data = data };
}

static void add_called(struct log_node *n, size_t op, size_t dir, const char *name, size_t len)
{
	GROW(n->called, n->calleds);
	n->called[n->calleds++] = (struct called){ .op = op, .dir = dir, .name = name, .len = len };
}

static void add_pin(struct log_node *n, size_t op)
{
	GROW(n->pin, n->pins);
	n->pin[n->pins++] = (struct pin){ .op = op, .changes = n->changes };
}

char *history_path(const struct history *h, size_t node, size_t p)
{
	struct buf b = { 0 };

	for (int depth = 0; node != 0 && depth < 64; depth++) {
		const struct log_node *n = &h->node[node];
		const struct called *c = NULL;
		struct buf longer = { 0 };

		for (size_t i = 0; i < n->calleds; i++)
			if (n->called[i].op == NEVER || n->called[i].op < p)
				c = &n->called[i];
		if (!c)
			break;
		buf_add(&longer, c->name, c->len);
		if (b.len)
			buf_printf(&longer, "/%s", b.data);
		buf_done(&b);
		b = longer;
		node = c->dir;
	}
	return buf_steal(&b);
}

/* ---- operations on names ---- */

static size_t naming_new(struct history *h, const struct log_rec *r, size_t op)
{
	GROW(h->name, h->namings);
	h->name[h->namings] = (struct naming){ .r = r, .op = op, .node = NO_NODE, .over = NO_NODE,
					       .dir = node_of(h, r->dir), .to_dir = NO_NODE,
					       .needs = { NEVER, NEVER }, .kept_by = NEVER };
	return h->namings++;
}

static void in_folder(struct history *h, size_t dir, size_t naming, const struct log_rec *r,
		      size_t op)
{
	struct log_node *d = &h->node[dir];

	GROW(d->names, d->names_count);
	d->names[d->names_count++] = naming;
	add_meta(d, r, op, true);
}

/* A name is about to change: who changed it last? */
static struct name_slot *turn(struct history *h, size_t naming, int which, size_t dir,
			      const char *name, size_t len)
{
	struct name_slot *s = names_get(&h->now, dir, name, len);

	h->name[naming].needs[which] = s->last;
	s->last = naming;
	return s;
}

static int take_made(struct history *h, const struct log_rec *r, size_t op)
{
	size_t dir = node_of(h, r->dir), n, naming;
	struct name_slot *s;

	if (dir == NO_NODE)
		return -EINVAL;
	n = node_new(h, r);
	s = names_get(&h->now, dir, log_name(r), r->name_len);
	if (s->node == n)
		return 0; /* it was there, and only opened */
	s->node = n;
	add_called(&h->node[n], h->based ? op : NEVER, dir, log_name(r), r->name_len);
	if (!h->based)
		return 0;
	naming = naming_new(h, r, op);
	h->name[naming].node = n;
	turn(h, naming, 0, dir, log_name(r), r->name_len);
	in_folder(h, dir, naming, r, op);
	add_meta(&h->node[n], r, op, r->kind == LOG_MAKE);
	return 0;
}

static int take_removed(struct history *h, const struct log_rec *r, size_t op)
{
	size_t dir = node_of(h, r->dir), naming;
	struct name_slot *s;

	if (dir == NO_NODE)
		return -EINVAL;
	naming = naming_new(h, r, op);
	s = turn(h, naming, 0, dir, log_name(r), r->name_len);
	if (s->node == NO_NODE)
		return -EINVAL;
	h->name[naming].node = s->node;
	add_meta(&h->node[s->node], r, op, false);
	s->node = NO_NODE;
	in_folder(h, dir, naming, r, op);
	return 0;
}

static int take_renamed(struct history *h, const struct log_rec *r, size_t op)
{
	size_t dir = node_of(h, r->dir), to_dir = node_of(h, r->to_dir), naming, moved, over;
	struct name_slot *from, *to;

	if (dir == NO_NODE || to_dir == NO_NODE)
		return -EINVAL;
	/* Both are there before either is looked at: then none moves. */
	names_get(&h->now, to_dir, log_to(r), r->to_len);
	names_get(&h->now, dir, log_name(r), r->name_len);
	naming = naming_new(h, r, op);
	h->name[naming].to_dir = to_dir;
	from = names_get(&h->now, dir, log_name(r), r->name_len);
	to = names_get(&h->now, to_dir, log_to(r), r->to_len);
	moved = from->node;
	over = to->node;
	if (moved == NO_NODE)
		return -EINVAL;
	if (moved == over) { /* two names of one file: nothing happens (rename(2)) */
		h->namings--;
		return 0;
	}
	turn(h, naming, 0, dir, log_name(r), r->name_len);
	turn(h, naming, 1, to_dir, log_to(r), r->to_len);
	h->name[naming].node = moved;
	h->name[naming].over = over;
	from->node = r->flags & LOG_SWAP ? over : NO_NODE;
	to->node = moved;
	add_called(&h->node[moved], op, to_dir, log_to(r), r->to_len);
	add_meta(&h->node[moved], r, op, false);
	if (over != NO_NODE) {
		add_meta(&h->node[over], r, op, false);
		if (r->flags & LOG_SWAP)
			add_called(&h->node[over], op, dir, log_name(r), r->name_len);
		else
			add_pin(&h->node[moved], op);
	}
	in_folder(h, dir, naming, r, op);
	if (to_dir != dir)
		in_folder(h, to_dir, naming, r, op);
	return 0;
}

/* ---- operations on files ---- */

/* With a journal: what a sync of this node, asked for at begin, has promised at least. */
static void raise_floor(struct history *h, const struct log_node *n, size_t sync, bool data_only,
			int64_t begin_ns)
{
	size_t meta = 0, last = h->floors ? h->floor[h->floors - 1].meta : 0;

	for (size_t i = n->metas; i > 0 && !meta; i--)
		if (n->meta[i - 1].end_ns <= begin_ns && (!data_only || n->meta[i - 1].data))
			meta = n->meta[i - 1].op + 1;
	if (meta <= last)
		return;
	GROW(h->floor, h->floors);
	h->floor[h->floors++] = (struct floor){ .sync = sync, .meta = meta };
}

static int take_change(struct history *h, const struct log_rec *r, size_t op, size_t *ret_node)
{
	size_t at = node_of(h, r->ino);
	struct log_node *n = at == NO_NODE ? NULL : &h->node[at];
	int64_t size;

	*ret_node = at;
	if (!n || r->off < 0 || r->off > INT64_MAX - r->len)
		return -EINVAL;
	size = r->kind == LOG_SIZE ? r->off : r->kind == LOG_ZERO ? n->size : r->off + r->len;
	if (r->kind == LOG_WRITE && size < n->size)
		size = n->size;
	if (r->kind == LOG_SIZE && size == n->size)
		return 0;
	GROW(n->change, n->changes);
	n->change[n->changes++] = (struct change){ .r = r, .op = op, .size_before = n->size,
		.size = size, .lost_by = NEVER, .kept_by = !h->based ? 0 :
			r->flags & (LOG_SYNCED | LOG_REVERT) ? op : NEVER };
	if (h->based && size != n->size)
		add_meta(n, r, op, true);
	if (r->kind == LOG_SIZE && size == 0)
		n->truncated = true;
	n->size = size;
	if (h->based && r->flags & LOG_SYNCED)
		raise_floor(h, n, op, r->flags & LOG_DATA_ONLY, r->end_ns);
	return 0;
}

/* It is durable, and so is all without which it could not be. */
static void keep_naming(struct history *h, size_t naming, size_t sync)
{
	while (naming != NEVER && h->name[naming].kept_by > sync) {
		h->name[naming].kept_by = sync;
		if (h->name[naming].needs[1] != NEVER)
			keep_naming(h, h->name[naming].needs[1], sync);
		naming = h->name[naming].needs[0];
	}
}

/* What of this node had returned by then is durable. */
static void settle(struct history *h, struct log_node *n, const struct log_rec *r, size_t op)
{
	bool names = r->flags & (LOG_FOLDER | LOG_ALL);

	for (; n->settled < n->changes; n->settled++) {
		struct change *c = &n->change[n->settled];

		if (c->r->end_ns > r->begin_ns)
			break;
		if (c->kept_by > op && c->lost_by == NEVER)
			c->kept_by = op;
	}
	for (; names && n->names_settled < n->names_count; n->names_settled++) {
		size_t naming = n->names[n->names_settled];

		if (h->name[naming].r->end_ns > r->begin_ns)
			break;
		keep_naming(h, naming, op);
	}
	GROW(n->sync, n->syncs);
	n->sync[n->syncs++] = (struct synced){ .op = op, .end_ns = r->end_ns };
}

/* sync(), syncfs(): a promise about everything (Linux waits for it, unlike POSIX's sync()). */
static int take_sync_all(struct history *h, const struct log_rec *r, size_t op)
{
	for (size_t i = 0; i < h->nodes; i++)
		settle(h, &h->node[i], r, op);
	GROW(h->floor, h->floors);
	h->floor[h->floors++] = (struct floor){ .sync = op, .meta = op };
	return 0;
}

static int take_sync(struct history *h, const struct log_rec *r, size_t op, size_t *ret_node)
{
	size_t at = r->flags & LOG_ALL ? 0 : node_of(h, r->ino);
	struct log_node *n = at == NO_NODE ? NULL : &h->node[at];

	*ret_node = at;
	if (!n)
		return -EINVAL;
	if (r->flags & LOG_ALL)
		return take_sync_all(h, r, op);
	settle(h, n, r, op);
	raise_floor(h, n, op, r->flags & LOG_DATA_ONLY, r->begin_ns);
	return 0;
}

/* Pages that were dirty are clean now, and not on the disk: only a later write to one of them gets
 * it there, all of it (content.c). */
static int take_lost(struct history *h, const struct log_rec *r, size_t op)
{
	size_t at = node_of(h, r->ino);
	struct log_node *n = at == NO_NODE ? NULL : &h->node[at];

	if (!n)
		return -EINVAL;
	for (size_t i = n->settled; i < n->changes; i++) {
		struct change *c = &n->change[i];

		if (c->r->kind == LOG_WRITE && c->r->end_ns >= r->off && c->kept_by == NEVER &&
		    c->lost_by == NEVER)
			c->lost_by = op;
	}
	return 0;
}

static int take_close(struct history *h, const struct log_rec *r, size_t op)
{
	size_t at = node_of(h, r->ino);

	if (at == NO_NODE)
		return 0;
	if (h->node[at].truncated)
		add_pin(&h->node[at], op);
	h->node[at].truncated = false;
	return 0;
}

/* Always kept, in every state: modes and owners are not what is asked about here. */
static int take_attr(struct history *h, const struct log_rec *r, size_t op)
{
	size_t at = node_of(h, r->ino);
	struct log_node *n = at == NO_NODE ? NULL : &h->node[at];

	if (!n)
		return -EINVAL;
	n->mode = r->mode;
	n->uid = r->uid;
	n->gid = r->gid;
	add_meta(n, r, op, false);
	return 0;
}

/* ---- the log ---- */

static void take_base(struct history *h)
{
	h->based = true;
	names_copy(&h->base, &h->now);
	for (size_t i = 0; i < h->nodes; i++) {
		h->node[i].settled = h->node[i].based = h->node[i].changes;
		h->node[i].truncated = false;
	}
}

static int take(struct history *h, const struct log_rec *r, size_t op, size_t *ret_node)
{
	int err = -EINVAL;

	switch (r->kind) {
	case LOG_MAKE:
	case LOG_LINK:
		err = take_made(h, r, op);
		break;
	case LOG_REMOVE:
		err = take_removed(h, r, op);
		break;
	case LOG_RENAME:
		err = take_renamed(h, r, op);
		break;
	case LOG_WRITE:
	case LOG_ZERO:
	case LOG_SIZE:
		return take_change(h, r, op, ret_node);
	case LOG_SYNC:
		return take_sync(h, r, op, ret_node);
	case LOG_CLOSE:
		err = take_close(h, r, op);
		break;
	case LOG_ATTR:
		err = take_attr(h, r, op);
		break;
	case LOG_LOST:
		err = take_lost(h, r, op);
		break;
	default:
		break;
	}
	if (r->ino)
		*ret_node = node_of(h, r->ino);
	else if (err == 0 && h->namings)
		*ret_node = h->name[h->namings - 1].node;
	return err;
}

static int take_record(struct history *h, const struct log_rec *r)
{
	size_t node = NO_NODE;
	int err;

	if (r->kind == LOG_ROOT && !h->nodes) {
		by_ino_grow(h);
		node_new(h, r);
		return 0;
	}
	if (!h->nodes)
		return -EINVAL;
	if (r->kind == LOG_BASE && !h->based) {
		take_base(h);
		return 0;
	}
	if (r->kind == LOG_WHO) {
		GROW(h->who, h->whos);
		h->who[h->whos++] = (struct who){ .op = h->ops, .r = r };
		return 0;
	}
	err = take(h, r, h->ops, &node);
	if (err < 0 || !h->based)
		return err;
	if ((h->ops & (h->ops - 1)) == 0)
		h->op_node = xrealloc(h->op_node, (h->ops ? h->ops * 2 : 4) * sizeof(*h->op_node));
	GROW(h->op, h->ops);
	h->op_node[h->ops] = node;
	h->op[h->ops++] = r;
	return 0;
}

int history_new(struct history **ret, const void *log, size_t bytes, struct err *e)
{
	struct history *h = xcalloc(1, sizeof(*h));
	const struct log_rec *r = NULL;
	bool torn = false;
	int err = 0;

	while (err == 0 && (r = log_next(log, bytes, r, &torn)))
		err = take_record(h, r);
	if (err == 0 && (torn || !h->based))
		err = -EINVAL;
	if (err < 0) {
		err_set(e, -err, "the log of operations makes no sense at operation %zu (%s)",
			h->ops, r ? log_kind_words(r) : torn ? "torn" : "it has no beginning");
		history_free(h);
		return err;
	}
	*ret = h;
	return 0;
}

void history_free(struct history *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->nodes; i++) {
		struct log_node *n = &h->node[i];

		free(n->change);
		free(n->meta);
		free(n->called);
		free(n->pin);
		free(n->sync);
		free(n->names);
		free(n->sure);
	}
	names_done(&h->base);
	names_done(&h->now);
	free(h->node);
	free(h->name);
	free(h->floor);
	free(h->who);
	free(h->op);
	free(h->op_node);
	free(h->by_ino);
	free(h);
}
