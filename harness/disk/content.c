/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. What one file holds after a power cut. First its size, then its pages:
 *
 *   size    The changes of a file's size are one piece of metadata, so some first ones of them are
 *           there. Strictly, any number; with a journal those that truncate() made are there as
 *           far as the journal goes, and delayed allocation lets a write's new size join it at any
 *           time up to the file's sync (ext4: i_disksize is raised when blocks are allocated), in
 *           steps of a page. Where a file is renamed over another one, or closed after it was
 *           truncated to nothing, allocation is not delayed (auto_da_alloc): a pin.
 *
 *   pages   The kernel writes a page as it is in memory at that moment, with all that was written
 *           to it so far, so of a page some version between the last durable one and the newest
 *           is there; each page another one, because they are written in any order. The power may
 *           go while a page is written: some of its sectors are older then. A sector of 512 bytes
 *           is written whole or not at all.
 *
 * In ext4-ordered new blocks are on the disk before the size that shows them ("data ordering",
 * Documentation/admin-guide/ext4.rst, data=ordered). In ext4-writeback they need not be, and what
 * was there before may show. Strictly a size without its data shows zeros: POSIX would let it be
 * anything, but no file system shows one user's deleted data to another.
 *
 * Where writing back has failed (disk.error with `then: succeeds`), the kernel holds the page for
 * clean: it is as it was before, until somebody writes to it again, and then all of it is written.
 *
 * A truncation that is there takes with it what it cut off, whatever pages say; where it is not
 * there, nothing that was written behind it, into what would have been cut off, is there either:
 * that has other blocks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/draw.h"
#include "base/err.h"
#include "disk/crash.h"

#define SECTORS (CRASH_PAGE / CRASH_SECTOR)

/** struct pending - a change that is not durable before all that came earlier is. */
struct pending {
	const struct change *c;
	bool sizing;           /* it changed the size ... */
	bool sized;            /* ... and that is there */
	size_t pages, there;   /* that it wrote to; with it on them */
	bool half;             /* of one of them some sectors, or less than it wrote */
};
struct touch {
	int64_t page;
	size_t k;              /* index of the pending change */
};

struct work {
	struct crash *c;
	struct log_node *n;
	uint64_t id;           /* of the file, for draws */
	struct pending *pend;  /* owned */
	size_t count;
	int64_t size;          /* decided */
	size_t *cut;           /* owned: indices of the truncations among them */
	size_t cuts_count;
	struct touch *touch;   /* owned; by page, then in order */
	size_t touches;
	char *out;             /* owned: the content */
};

/* ---- what is certain ---- */

static size_t changes_at(const struct log_node *n, size_t p)
{
	size_t lo = n->based, hi = n->changes;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (n->change[mid].op < p)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void resize(struct log_node *n, int64_t size)
{
	if ((size_t)size > n->sure_room) {
		n->sure_room = (size_t)size + (size_t)size / 2 + 64;
		n->sure = xrealloc(n->sure, n->sure_room);
	}
	if (size > n->sure_size)
		memset(n->sure + n->sure_size, 0, (size_t)(size - n->sure_size));
	n->sure_size = size;
}

static void zero_in(char *at, int64_t size, int64_t off, int64_t len)
{
	if (off < size)
		memset(at + off, 0, (size_t)(len < size - off ? len : size - off));
}

static void make_sure(struct log_node *n, size_t to, size_t p)
{
	if (to < n->sure_n || p < n->sure_p)
		n->sure_n = 0, n->sure_size = 0;
	for (; n->sure_n < to; n->sure_n++) {
		const struct change *c = &n->change[n->sure_n];

		resize(n, c->size);
		if (c->r->kind == LOG_WRITE)
			memcpy(n->sure + c->r->off, log_data(c->r), (size_t)c->r->len);
		else if (c->r->kind == LOG_ZERO)
			zero_in(n->sure, n->sure_size, c->r->off, c->r->len);
	}
	n->sure_p = p;
}

/* How many leading changes are durable at p. */
static size_t durable_at(const struct log_node *n, size_t from, size_t count, size_t p)
{
	while (from < count && (from < n->based || n->change[from].kept_by < p))
		from++;
	return from;
}

/* ---- the size ---- */

/* Between how many of the changes of size may be there: *lo to *hi. */
static void size_bounds(const struct work *w, size_t first, size_t *lo, size_t *hi)
{
	const struct crash *c = w->c;
	bool journal = c->at.model != DURABLE_STRICT, open = true;
	size_t k = 0, pinned = 0;

	for (size_t i = 0; journal && i < w->n->pins; i++)
		if (w->n->pin[i].op < c->meta && w->n->pin[i].changes > pinned)
			pinned = w->n->pin[i].changes;
	*lo = *hi = 0;
	for (size_t i = 0; i < w->count; i++) {
		const struct pending *p = &w->pend[i];
		bool cut = journal && p->c->r->kind == LOG_SIZE;

		if (!p->sizing)
			continue;
		k++;
		if (p->c->kept_by < c->at.ops || first + i < pinned || (cut && p->c->op < c->meta))
			*lo = k;
		open &= !cut || p->c->op < c->meta;
		if (open)
			*hi = k;
	}
	if (*hi < *lo)
		*hi = *lo;
}

/* A size on its way from one change to the next: a page's end between them. */
static int64_t partial_size(const struct work *w, const struct change *next)
{
	int64_t first = next->size_before / CRASH_PAGE + 1, last = (next->size - 1) / CRASH_PAGE;

	if (next->r->kind != LOG_WRITE || first > last ||
	    !crash_draw_chance(w->c, "crash.size.partial", w->id, w->c->bias.torn))
		return -1;
	return crash_draw_range(w->c, "crash.size.page", w->id, first, last) * CRASH_PAGE;
}

static void choose_size(struct work *w, size_t first)
{
	double q = w->c->bias.sizes;
	size_t lo, hi, z, k = 0;
	int64_t partial;

	size_bounds(w, first, &lo, &hi);
	z = q <= 0 ? lo : q >= 1 ? hi
		: (size_t)crash_draw_range(w->c, "crash.size", w->id, (int64_t)lo, (int64_t)hi);
	w->size = w->n->sure_size;
	for (size_t i = 0; i < w->count; i++) {
		struct pending *p = &w->pend[i];

		if (!p->sizing)
			continue;
		if (k++ < z) {
			p->sized = true;
			w->size = p->c->size;
		} else if (k - 1 == z && z < hi) {
			partial = partial_size(w, p->c);
			if (partial > 0) {
				p->half = true;
				w->size = partial;
			}
		}
	}
}

/* ---- pages ---- */

static int by_page(const void *a, const void *b)
{
	const struct touch *x = a, *y = b;

	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return x->k < y->k ? -1 : x->k > y->k;
}

static void find_touches(struct work *w)
{
	for (size_t k = 0; k < w->count; k++) {
		const struct log_rec *r = w->pend[k].c->r;
		int64_t end = r->off + r->len;

		if (r->kind == LOG_SIZE || !r->len)
			continue;
		if (end > w->pend[k].c->size)
			end = w->pend[k].c->size; /* a hole behind the end */
		for (int64_t page = r->off / CRASH_PAGE; page * CRASH_PAGE < end; page++) {
			if ((w->touches & (w->touches - 1)) == 0)
				w->touch = xrealloc(w->touch, (w->touches ? w->touches * 2 : 4) *
						    sizeof(*w->touch));
			w->touch[w->touches++] = (struct touch){ .page = page, .k = k };
			w->pend[k].pages++;
		}
	}
	if (w->touches)
		qsort(w->touch, w->touches, sizeof(*w->touch), by_page);
}

static bool cuts(const struct change *c, int64_t page)
{
	return c->r->kind == LOG_SIZE && c->size < c->size_before &&
	       c->size < (page + 1) * CRASH_PAGE;
}

/* A new block, as nobody has written to it yet. */
static void fresh(const struct work *w, int64_t page, char *buf)
{
	uint64_t v = draw_siphash(w->c->at.seed, w->id + (uint64_t)page, "", 0);

	memset(buf, 0, CRASH_PAGE);
	if (w->c->at.model != DURABLE_WRITEBACK || !w->c->bias.stale)
		return;
	for (size_t i = 0; i < CRASH_PAGE; i += sizeof(v)) {
		v = (v * UINT64_C(6364136223846793005) + 1) | UINT64_C(0x8080808080808080);
		memcpy(buf + i, &v, sizeof(v));
	}
}

static void cut_page(const struct work *w, const struct pending *p, int64_t page, char *buf)
{
	int64_t at = page * CRASH_PAGE;

	if (!p->sized || !cuts(p->c, page))
		return;
	if (p->c->size > at)
		memset(buf + p->c->size - at, 0, (size_t)(at + CRASH_PAGE - p->c->size));
	else
		fresh(w, page, buf);
}

static void write_page(const struct log_rec *r, int64_t at, char *buf)
{
	int64_t from = r->off > at ? r->off - at : 0, to = r->off + r->len - at;

	to = to > CRASH_PAGE ? CRASH_PAGE : to;
	if (r->kind == LOG_WRITE)
		memcpy(buf + from, log_data(r) + (at + from - r->off), (size_t)(to - from));
	else
		memset(buf + from, 0, (size_t)(to - from));
}

/* The page with the first v of the touches a. */
static void build(const struct work *w, const struct touch *a, size_t v, int64_t page, char *buf)
{
	int64_t at = page * CRASH_PAGE, have = w->n->sure_size - at;
	size_t i = 0, x = 0;

	have = have < 0 ? 0 : have > CRASH_PAGE ? CRASH_PAGE : have;
	if (have) { /* an old block, with zeros behind the end */
		memset(buf, 0, CRASH_PAGE);
		memcpy(buf, w->n->sure + at, (size_t)have);
	} else {
		fresh(w, page, buf);
	}
	while (i < v || x < w->cuts_count) {
		if (x < w->cuts_count && (i >= v || w->cut[x] < a[i].k))
			cut_page(w, &w->pend[w->cut[x++]], page, buf);
		else
			write_page(w->pend[a[i++].k].c->r, at, buf);
	}
}

/* Was it given up? */
static bool gone(const struct work *w, const struct touch *a)
{
	return w->pend[a->k].c->lost_by < w->c->at.ops;
}

/* A version whose newest touch was given up is not on the disk. */
static size_t written_back(const struct work *w, const struct touch *a, size_t lo, size_t v)
{
	while (v > lo && gone(w, &a[v - 1]))
		v--;
	return v;
}

/* Between how many of the touches of a page may be there. */
static void page_bounds(const struct work *w, const struct touch *a, size_t n, size_t *lo,
			size_t *hi)
{
	size_t limit = w->count;

	for (size_t x = 0; x < w->cuts_count && limit == w->count; x++)
		if (!w->pend[w->cut[x]].sized && cuts(w->pend[w->cut[x]].c, a->page))
			limit = w->cut[x];
	*lo = *hi = 0;
	for (size_t i = 0; i < n; i++) {
		const struct pending *p = &w->pend[a[i].k];
		bool shown = p->sizing && (p->sized || p->half) && p->c->r->kind == LOG_WRITE &&
			     a->page * CRASH_PAGE < w->size && !gone(w, &a[i]);

		if (a[i].k < limit)
			*hi = i + 1;
		if (p->c->kept_by < w->c->at.ops ||
		    (shown && w->c->at.model == DURABLE_ORDERED))
			*lo = i + 1;
	}
	if (*hi < *lo)
		*hi = *lo;
}

static size_t choose_version(const struct work *w, uint64_t object, size_t lo, size_t hi)
{
	double q = w->c->bias.pages;

	if (lo == hi || q <= 0 || !crash_draw_chance(w->c, "crash.page", object, q))
		return lo;
	if (q >= 1 || crash_draw_chance(w->c, "crash.page.newest", object, 0.7))
		return hi;
	return (size_t)crash_draw_range(w->c, "crash.page.version", object, (int64_t)lo,
					(int64_t)hi);
}

static void choose_page(struct work *w, const struct touch *a, size_t n)
{
	uint64_t object = draw_siphash(w->id, (uint64_t)a->page, "", 0);
	int64_t at = a->page * CRASH_PAGE, room = w->size - at;
	int64_t live = w->pend[w->count - 1].c->size; /* as long as it was in memory */
	size_t lo, hi, now, old, mask = 0;
	char newer[CRASH_PAGE], older[CRASH_PAGE];

	page_bounds(w, a, n, &lo, &hi);
	old = now = written_back(w, a, lo, choose_version(w, object, lo, hi));
	if (now > lo && crash_draw_chance(w->c, "crash.torn", object, w->c->bias.torn)) {
		old = (size_t)crash_draw_range(w->c, "crash.torn.version", object, (int64_t)lo,
					       (int64_t)now - 1);
		old = written_back(w, a, lo, old);
		mask = (size_t)crash_draw_range(w->c, "crash.torn.sectors", object, 1,
						(1 << SECTORS) - 2);
	}
	build(w, a, now, a->page, newer);
	if (old != now)
		build(w, a, old, a->page, older);
	for (size_t s = 0; s < SECTORS && old != now; s++)
		if (mask >> s & 1)
			memcpy(newer + s * CRASH_SECTOR, older + s * CRASH_SECTOR, CRASH_SECTOR);
	if (room > 0)
		memcpy(w->out + at, newer, (size_t)(room < CRASH_PAGE ? room : CRASH_PAGE));
	for (size_t i = 0; i < now && (room > 0 || at >= live); i++) {
		w->pend[a[i].k].there += i < old;
		w->pend[a[i].k].half |= i >= old;
	}
}

static void choose_pages(struct work *w)
{
	int64_t kept = w->n->sure_size;

	for (size_t k = 0; k < w->count; k++)
		if (w->pend[k].sized && w->pend[k].c->size < kept)
			kept = w->pend[k].c->size;
	kept = kept < w->size ? kept : w->size;
	w->out = xcalloc(1, (size_t)w->size + 1);
	if (kept)
		memcpy(w->out, w->n->sure, (size_t)kept);
	for (size_t i = 0, end; i < w->touches; i = end) {
		for (end = i; end < w->touches && w->touch[end].page == w->touch[i].page; end++)
			;
		choose_page(w, w->touch + i, end - i);
	}
}

/* ---- what is gone ---- */

static void tell_losses(struct work *w, size_t node)
{
	struct loss *l = NULL;

	for (size_t k = 0; k < w->count; k++) {
		const struct pending *p = &w->pend[k];
		bool cut = p->c->r->kind == LOG_WRITE && p->sizing && !p->sized;
		bool whole = p->c->r->kind == LOG_SIZE ? p->sized : p->there == p->pages && !cut;

		if (whole)
			continue;
		if (!l)
			l = crash_loss_of(w->c, node);
		l->since_sync = w->count;
		crash_lose(l, p->c->r, p->there || p->half);
		w->c->certain = false;
	}
}

int crash_content(struct crash *c, size_t node, struct err *e)
{
	struct work w = { .c = c, .n = &c->h->node[node] };
	struct content *f = &c->content[node];
	size_t p = c->at.ops, count = changes_at(w.n, p), sure;
	char *path;

	if (f->done)
		return 0;
	f->done = true;
	for (size_t i = 0; i < count; i++)
		if (w.n->change[i].size > CRASH_FILE_MAX)
			return err_set(e, EFBIG, "a file of %" PRId64 " bytes is too large for "
				       "crash states: at most 2 GiB", w.n->change[i].size);
	sure = durable_at(w.n, p >= w.n->sure_p ? w.n->sure_n : 0, count, p);
	make_sure(w.n, sure, p);
	f->at = w.n->sure ? w.n->sure : "";
	f->size = w.n->sure_size;
	w.count = count - sure;
	if (!w.count)
		return 0;
	path = history_path(c->h, node, p);
	w.id = draw_object(path);
	free(path);
	w.pend = xcalloc(w.count, sizeof(*w.pend));
	w.cut = xcalloc(w.count, sizeof(*w.cut));
	for (size_t k = 0; k < w.count; k++) {
		const struct change *ch = &w.n->change[sure + k];

		w.pend[k].c = ch;
		w.pend[k].sizing = ch->size != ch->size_before;
		if (ch->r->kind == LOG_SIZE && ch->size < ch->size_before)
			w.cut[w.cuts_count++] = k;
	}
	choose_size(&w, sure);
	find_touches(&w);
	choose_pages(&w);
	tell_losses(&w, node);
	f->own = w.out;
	f->at = f->own;
	f->size = w.size;
	free(w.pend);
	free(w.cut);
	free(w.touch);
	return 0;
}
