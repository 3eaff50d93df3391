/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. No process of ours is behind this: the library inside
 * the target's processes reads the rules and writes the hits, both in files on
 * the trial's tmpfs that are mapped on both sides.
 *
 *   arm     the table that does not count is filled, and `current` flips: in effect at once
 *   hits    looked for every POLL while a rule is armed; each carries its own time
 *   totals  counted apart from the ring, so that what found no room in it is known all the same
 *
 * A target that truncates its file of hits kills this worker by SIGBUS: its trial is broken then.
 * A process that dies between claiming a cell of the ring and filling it leaves a hole. It is
 * skipped when it is HOLE old, or when the rules end; the total still has the hit.
 */
#include "shim/shim.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include "shim/told.h"

#define POLL (5 * NS_PER_MS)
#define HOLE (200 * NS_PER_MS)
#define LISTED_MAX 1000        /* of one rule, told one by one; then in pieces */
#define PIECE NS_PER_S

static const char *const library_files[SHIM_LIBRARIES] = {
	[SHIM_CORE] = "preload.so", [SHIM_MEMORY] = "alloc.so",
	[SHIM_POINTS] = "fiu.so",
};

struct listener {
	uint32_t serial;       /* 0: none */
	void (*fn)(void *arg, const struct shim_told *t);
	void *arg;
	uint64_t told, listed;
	int64_t piece_ns;      /* when the last piece was told */
};

struct shim {
	char *node;                /* owned */
	uint32_t libraries;
	struct shim_rules *rules;  /* mapped */
	struct shim_hits *hits;    /* mapped */
	struct loop *loop;         /* borrowed while there are rules */
	struct loop_timer poll;
	struct listener listener[SHIM_RULES]; /* by the rule's place */
	unsigned count, services;
	uint32_t serials, tail;
	int64_t hole_ns; /* since when the cell at tail waits to be filled; 0: it does not */
};

/* ---- files ---- */

static void *file_map(const char *path, size_t size, mode_t mode, uid_t owner)
{
	int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	cleanup_close int fd = open(path, flags, mode);
	void *p;

	if (fd < 0)
		return NULL;
	/* A hole in a tmpfs that is full would kill the POS. */
	errno = posix_fallocate(fd, 0, (off_t)size);
	if (errno || fchmod(fd, mode) < 0 || fchown(fd, owner, owner) < 0)
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static int file_write(const char *path, const void *data, size_t len)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555);

	if (fd < 0)
		return -errno;
	return write(fd, data, len) == (ssize_t)len ? 0 : -EIO;
}

static int files_make(struct shim *s, const struct shim_opts *o)
{
	cleanup_free char *rules = xasprintf("%s/" SHIM_FILE_RULES, o->dir);
	cleanup_free char *place = xasprintf("%s/" SHIM_FILE_HITS, o->dir);
	int r = 0;

	if (mkdir(o->dir, 0755) < 0)
		return -errno;
	s->rules = file_map(rules, sizeof(*s->rules), 0444, 0);
	s->hits = file_map(o->hits, sizeof(*s->hits), 0600, o->owner);
	if (!s->rules || !s->hits)
		return -errno;
	for (unsigned i = 0; r == 0 && i < SHIM_LIBRARIES; i++) {
		cleanup_free char *library = xasprintf("%s/%s", o->dir, library_files[i]);
		size_t size;
		const void *image = shim_image(i, &size);

		r = s->libraries >> i & 1 ? file_write(library, image, size) : 0;
	}
	return r < 0 ? r : file_write(place, "", 0); /* where the hits are mounted */
}

int shim_new(struct shim **ret, const struct shim_opts *o, struct err *e)
{
	struct shim *s = xcalloc(1, sizeof(*s));
	int r;

	s->node = xstrdup(o->node);
	s->libraries = o->libraries | 1u << SHIM_CORE;
	r = files_make(s, o);
	if (r < 0) {
		shim_free(s);
		return err_errno(e, -r, "the preloaded library of node %s", o->node);
	}
	for (uint32_t i = 0; i < SHIM_CELLS; i++)
		s->hits->cell[i].turn = i;
	s->rules->magic = SHIM_MAGIC;
	*ret = s;
	return 0;
}

void shim_free(struct shim *s)
{
	if (!s)
		return;
	if (s->count)
		loop_timer_cancel(s->loop, &s->poll);
	if (s->rules)
		munmap(s->rules, sizeof(*s->rules));
	if (s->hits)
		munmap(s->hits, sizeof(*s->hits));
	free(s->node);
	free(s);
}

/* ---- services ---- */

int shim_service(struct shim *s, const char *name, struct err *e)
{
	for (unsigned i = 0; i < s->services; i++)
		if (str_eq(s->rules->service[i], name))
			return (int)i;
	if (s->services == SHIM_SERVICES || strlen(name) >= SHIM_NAME_MAX)
		return err_set(e, E2BIG, "node %s: %d services at most, with names of less than %d "
			       "bytes, where a fault is preloaded", s->node, SHIM_SERVICES,
			       SHIM_NAME_MAX);
	snprintf(s->rules->service[s->services], SHIM_NAME_MAX, "%s", name);
	return (int)s->services++;
}

char *shim_preload(const struct shim *s, const char *own)
{
	struct buf b = { 0 };

	for (unsigned i = 0; i < SHIM_LIBRARIES; i++)
		if (s->libraries >> i & 1)
			buf_printf(&b, "%s" SHIM_DIR "/%s", b.len ? ":" : "", library_files[i]);
	if (s->libraries >> SHIM_POINTS & 1)
		buf_adds(&b, ":" SHIM_POSIX_PRELOAD);
	if (own && *own)
		buf_printf(&b, ":%s", own);
	return buf_steal(&b);
}

uint64_t shim_services(const struct shim *s, const char *pattern)
{
	cleanup_free char *any = xasprintf("*/%s", pattern ? pattern : "*");
	uint64_t bits = 0;

	if (pattern && strchr(pattern, '/'))
		memmove(any, any + 2, strlen(any) - 1);
	for (unsigned i = 0; i < s->services; i++)
		if (str_glob(any, s->rules->service[i]))
			bits |= UINT64_C(1) << i;
	return bits;
}

uint32_t shim_loaded(const struct shim *s, const char *service)
{
	for (unsigned i = 0; i < s->services; i++)
		if (str_eq(s->rules->service[i], service))
			return __atomic_load_n(&s->hits->loaded[i], __ATOMIC_RELAXED);
	return 0;
}

uint64_t shim_refused(struct shim *s, const char *service)
{
	for (unsigned i = 0; i < s->services; i++)
		if (str_eq(s->rules->service[i], service))
			return __atomic_load_n(&s->hits->refused[i], __ATOMIC_RELAXED);
	return 0;
}

/* ---- hits ---- */

static struct listener *listener_of(struct shim *s, uint32_t serial)
{
	for (unsigned i = 0; serial && i < SHIM_RULES; i++)
		if (s->listener[i].serial == serial)
			return &s->listener[i];
	return NULL;
}

/* A record as the target left it: nothing of it is believed. */
static void tell(struct shim *s, struct shim_hit *h)
{
	struct listener *l = listener_of(s, h->serial);
	char process[SHIM_NAME_MAX + SHIM_PATH_MAX + 16];
	struct shim_told t = { .count = 1, .hit = h, .process = process };

	if (!l || l->listed >= LISTED_MAX || h->service >= s->services)
		return;
	h->path[SHIM_PATH_MAX - 1] = h->what[SHIM_WHAT_MAX - 1] = '\0';
	snprintf(process, sizeof(process), "%s/%" PRIu32 "%s", s->rules->service[h->service],
		 h->start, h->path);
	l->told++;
	l->listed++;
	l->fn(l->arg, &t);
}

/* One record; false: none is there. */
static bool fetch(struct shim *s, int64_t now, bool last)
{
	struct shim_cell *c = &s->hits->cell[s->tail % SHIM_CELLS];
	uint32_t mine = s->tail;
	struct shim_hit h;

	if (__atomic_load_n(&c->turn, __ATOMIC_ACQUIRE) == mine + 1) {
		h = c->hit;
		s->hole_ns = 0;
		__atomic_store_n(&c->turn, mine + SHIM_CELLS, __ATOMIC_RELEASE);
		s->tail++;
		tell(s, &h);
		return true;
	}
	if (__atomic_load_n(&s->hits->head, __ATOMIC_ACQUIRE) == mine)
		return false;
	if (!s->hole_ns)
		s->hole_ns = now;
	if (!last && now - s->hole_ns < HOLE)
		return false;
	if (__atomic_compare_exchange_n(&c->turn, &mine, s->tail + SHIM_CELLS, false,
					__ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		s->hole_ns = 0;
		s->tail++;
	}
	return true; /* skipped, or filled meanwhile: look again */
}

static void drain(struct shim *s, bool last)
{
	int64_t now = clock_now();

	/* Who writes into the ring at will cannot keep us here. */
	for (unsigned i = 0; i < 2 * SHIM_CELLS && fetch(s, now, last); i++)
		;
}

/* What was counted and not told one by one. */
static void tell_piece(struct shim *s, struct listener *l)
{
	uint64_t all = __atomic_load_n(&s->hits->fired[l->serial % SHIM_SERIALS],
				       __ATOMIC_RELAXED);
	struct shim_told t = { .count = all - l->told };

	if (all <= l->told || t.count > INT64_MAX)
		return;
	l->told = all;
	l->piece_ns = clock_now();
	l->fn(l->arg, &t);
}

static void on_poll(struct loop_timer *t, int64_t now)
{
	struct shim *s = (struct shim *)(void *)((char *)t - offsetof(struct shim, poll));

	loop_timer_at(s->loop, t, now + POLL); /* first: a listener may end the last rule */
	drain(s, false);
	for (unsigned i = 0; i < SHIM_RULES; i++)
		if (s->listener[i].serial && now - s->listener[i].piece_ns >= PIECE)
			tell_piece(s, &s->listener[i]);
}

/* ---- rules ---- */

static int64_t clock_reads(enum shim_clock clock)
{
	static const clockid_t ids[SHIM_CLOCKS] = {
		[SHIM_REALTIME] = CLOCK_REALTIME, [SHIM_TAI] = CLOCK_TAI,
		[SHIM_MONOTONIC] = CLOCK_MONOTONIC, [SHIM_RAW] = CLOCK_MONOTONIC_RAW,
		[SHIM_BOOTTIME] = CLOCK_BOOTTIME,
	};
	struct timespec ts = { 0 };

	clock_gettime(ids[clock], &ts); /* the real one, whatever clock.h may become */
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The table that does not count, as a copy of the one that does. */
static struct shim_table *table_begin(struct shim *s)
{
	uint32_t current = s->rules->current;
	struct shim_table *next = &s->rules->table[(current + 1) & 1];

	*next = s->rules->table[current & 1];
	return next;
}

static void table_flip(struct shim *s, struct shim_table *t)
{
	t->effects = 0;
	for (unsigned i = 0; i < SHIM_RULES; i++)
		t->effects |= t->at[i].serial ? SHIM_BIT(t->at[i].effect) : 0;
	__atomic_store_n(&s->rules->current, s->rules->current + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&s->rules->armed, t->effects, __ATOMIC_SEQ_CST);
}

int shim_rule_add(struct shim *s, struct loop *loop, const struct shim_rule *rule,
		  void (*fn)(void *arg, const struct shim_told *t), void *arg,
		  uint32_t *ret_serial, struct err *e)
{
	struct shim_table *t = table_begin(s);
	unsigned place = 0;

	assert(fn && (!s->count || s->loop == loop) && rule->effect < SHIM_EFFECTS);
	while (place < SHIM_RULES && (t->at[place].serial || s->listener[place].serial))
		place++;
	if (place == SHIM_RULES)
		return err_set(e, E2BIG, "node %s: more than %d faults of its libraries at once",
			       s->node, SHIM_RULES);
	t->at[place] = *rule;
	t->at[place].serial = ++s->serials;
	for (unsigned i = 0; i < SHIM_CLOCKS; i++)
		t->at[place].at[i] = clock_reads(i);
	__atomic_store_n(&s->hits->fired[s->serials % SHIM_SERIALS], 0, __ATOMIC_RELAXED);
	s->listener[place] = (struct listener){ .serial = s->serials, .fn = fn, .arg = arg,
						.piece_ns = clock_now() };
	table_flip(s, t);
	*ret_serial = s->serials;
	if (s->count++)
		return 0;
	s->loop = loop;
	s->poll.fire = on_poll;
	loop_timer_at(loop, &s->poll, clock_now() + POLL);
	return 0;
}

/* A steady clock never goes back: what it is ahead by when its rule ends, it keeps. */
static void settle(struct shim_rule *r)
{
	struct shim_table one = { .at = { [0] = *r } };
	unsigned service = (unsigned)__builtin_ctzll(r->services ? r->services : 1);
	uint32_t by;
	int64_t now = clock_reads(SHIM_MONOTONIC), ahead = 0;

	if (r->clocks & SHIM_STEADY)
		ahead = told_at(&one, service, SHIM_MONOTONIC, now, &by) - now;
	if (ahead <= 0) {
		*r = (struct shim_rule){ 0 };
		return;
	}
	r->effect = SHIM_JUMP;
	r->clocks &= SHIM_STEADY;
	r->by = ahead;
}

int shim_rule_del(struct shim *s, uint32_t serial, struct err *e)
{
	struct listener *l = listener_of(s, serial);
	struct shim_table *t;

	if (!l)
		return err_set(e, ENOENT, "node %s: its library knows no rule %" PRIu32, s->node,
			       serial);
	t = table_begin(s);
	settle(&t->at[l - s->listener]);
	table_flip(s, t);
	drain(s, true);
	tell_piece(s, l);
	l->serial = 0;
	if (--s->count == 0)
		loop_timer_cancel(s->loop, &s->poll);
	return 0;
}
