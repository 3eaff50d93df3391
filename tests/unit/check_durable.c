/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of durability: for short histories, the whole set of states that a power cut may leave is
 * written down by hand, for each model, and must be what the library yields: none more (it would
 * be a false alarm) and none less (a bug would never be found).
 *
 * A state is the content of a and b: "a=new b=-"; - not there, 0 a zero byte, ? anything.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/draw.h"
#include "base/err.h"
#include "disk/crash.h"
#include "disk/durable.h"
#include "disk/history.h"
#include "disk/oplog.h"
#include "tests/unit/suite.h"

#define STATES 600
#define SETS_MAX 64
enum { ROOT = 1, A, B, C, DIR_D };

/* ---- writing a log by hand ---- */

struct pen {
	struct buf log;
	int64_t now;
};

static void put(struct pen *p, struct log_rec r, const char *name, const char *to,
		const void *data)
{
	static const char pad[8];
	size_t before = p->log.len;

	r.name_len = (uint16_t)(name ? strlen(name) : 0);
	r.to_len = (uint16_t)(to ? strlen(to) : 0);
	r.bytes = (uint32_t)log_size(&r);
	if (!r.begin_ns)
		r.begin_ns = ++p->now;
	if (!r.end_ns)
		r.end_ns = ++p->now;
	buf_add(&p->log, &r, sizeof(r));
	buf_add(&p->log, name, r.name_len);
	buf_add(&p->log, to, r.to_len);
	if (r.kind == LOG_WRITE)
		buf_add(&p->log, data, (size_t)r.len);
	buf_add(&p->log, pad, r.bytes - (p->log.len - before));
}

static void make_in(struct pen *p, uint64_t dir, uint64_t ino, const char *name, uint32_t mode)
{
	put(p, (struct log_rec){ .kind = LOG_MAKE, .ino = ino, .dir = dir, .mode = mode }, name,
	    NULL, NULL);
}

static void make(struct pen *p, uint64_t ino, const char *name)
{
	make_in(p, ROOT, ino, name, S_IFREG | 0644);
}

static void write_at(struct pen *p, uint64_t ino, int64_t off, const char *text)
{
	put(p, (struct log_rec){ .kind = LOG_WRITE, .ino = ino, .off = off,
				 .len = (int64_t)strlen(text) }, NULL, NULL, text);
}

static void size_to(struct pen *p, uint64_t ino, int64_t size)
{
	put(p, (struct log_rec){ .kind = LOG_SIZE, .ino = ino, .off = size }, NULL, NULL, NULL);
}

static void sync_of(struct pen *p, uint64_t ino, int flags)
{
	put(p, (struct log_rec){ .kind = LOG_SYNC, .ino = ino, .flags = (uint8_t)flags }, NULL,
	    NULL, NULL);
}

static void name_op(struct pen *p, enum log_kind kind, const char *name, const char *to)
{
	put(p, (struct log_rec){ .kind = (uint8_t)kind, .dir = ROOT, .to_dir = to ? ROOT : 0 },
	    name, to, NULL);
}

static void close_of(struct pen *p, uint64_t ino)
{
	put(p, (struct log_rec){ .kind = LOG_CLOSE, .ino = ino }, NULL, NULL, NULL);
}

/* At first there is a, "old", and what more says. */
static void begin(struct pen *p, void (*more)(struct pen *p))
{
	*p = (struct pen){ .now = 1000 };
	put(p, (struct log_rec){ .kind = LOG_ROOT, .ino = ROOT }, NULL, NULL, NULL);
	make(p, A, "a");
	write_at(p, A, 0, "old");
	if (more)
		more(p);
	put(p, (struct log_rec){ .kind = LOG_BASE }, NULL, NULL, NULL);
}

/* ---- reading a state ---- */

static size_t find(const struct crash *c, size_t dir, const char *name)
{
	for (size_t i = 0; i < c->names.size; i++) {
		const struct name_slot *s = &c->names.slot[i];

		if (s->hash && s->dir == dir && s->len == strlen(name) &&
		    !memcmp(s->name, name, s->len))
			return s->node;
	}
	return NO_NODE;
}

/* Runs of one byte are told once: "o" for 600 times o. */
static void see(const struct crash *c, const char *name, struct buf *b)
{
	size_t n = find(c, 0, name);
	const struct content *f = n == NO_NODE ? NULL : &c->content[n];

	buf_printf(b, "%s=%s", name, f ? "" : "-");
	for (int64_t i = 0; f && i < f->size; i++) {
		char k = f->at[i], say = k == 0 ? '0' : strchr("adelnowxyz12", k) ? k : '?';

		if (i && say == b->data[b->len - 1] && f->size > 16)
			continue;
		if (say == '?' && b->data[b->len - 1] == '?')
			continue;
		buf_addc(b, say);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct set {
	char *at[SETS_MAX];
	size_t count;
};

static void set_add(struct set *s, char *text)
{
	for (size_t i = 0; i < s->count; i++) {
		if (strcmp(s->at[i], text))
			continue;
		free(text);
		return;
	}
	ck_assert_msg(s->count < SETS_MAX, "more than %d states, such as %s", SETS_MAX, text);
	s->at[s->count++] = text;
	qsort(s->at, s->count, sizeof(*s->at), by_text);
}

static char *set_text(struct set *s)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < s->count; i++) {
		buf_printf(&b, "%s%s", i ? " | " : "", s->at[i]);
		free(s->at[i]);
	}
	return buf_steal(&b);
}

static char *states_of(const struct pen *p, int model, const char *const *names)
{
	struct history *h;
	struct err e = { 0 };
	struct set set = { .count = 0 };

	ck_assert_msg(history_new(&h, p->log.data, p->log.len, &e) == 0, "%s", e.msg);
	for (uint64_t nth = 0; nth < STATES; nth++) {
		struct crash_at at = { .model = model, .ops = h->ops, .seed = 7, .nth = nth };
		struct crash *c;
		struct buf b = { 0 };

		ck_assert_msg(crash_new(&c, h, &at, &e) == 0, "%s", e.msg);
		for (size_t i = 0; names[i]; i++) {
			if (i)
				buf_addc(&b, ' ');
			see(c, names[i], &b);
		}
		set_add(&set, buf_steal(&b));
		crash_free(c);
	}
	history_free(h);
	return set_text(&set);
}

/* ---- histories ---- */

static void in_place(struct pen *p)
{
	write_at(p, A, 0, "new");
}
static void in_place_synced(struct pen *p)
{
	write_at(p, A, 0, "new");
	sync_of(p, A, LOG_DATA_ONLY);
}
static void append(struct pen *p)
{
	write_at(p, A, 3, "new");
}
static void made_synced(struct pen *p)
{
	make(p, B, "b");
	write_at(p, B, 0, "new");
	sync_of(p, B, 0);
}
static void made_synced_whole(struct pen *p)
{
	made_synced(p);
	sync_of(p, ROOT, LOG_FOLDER);
}
static void renamed(struct pen *p)
{
	made_synced(p);
	name_op(p, LOG_RENAME, "b", "a");
}
static void renamed_whole(struct pen *p)
{
	renamed(p);
	sync_of(p, ROOT, LOG_FOLDER);
}
static void renamed_no_data(struct pen *p)
{
	make(p, B, "b");
	write_at(p, B, 0, "new");
	name_op(p, LOG_RENAME, "b", "a");
	sync_of(p, ROOT, LOG_FOLDER);
}
static void rewritten(struct pen *p)
{
	size_to(p, A, 0);
	write_at(p, A, 0, "new");
	close_of(p, A);
}
static void rewritten_then_other(struct pen *p)
{
	rewritten(p);
	make(p, C, "c");
	sync_of(p, C, 0);
}
static void rewritten_synced(struct pen *p)
{
	rewritten(p);
	sync_of(p, A, 0);
}
static void removed(struct pen *p)
{
	name_op(p, LOG_REMOVE, "a", NULL);
}
static void removed_whole(struct pen *p)
{
	removed(p);
	sync_of(p, ROOT, LOG_FOLDER);
}
static void removed_then_data(struct pen *p) /* in place, data only: no transaction is waited for */
{
	removed(p);
	write_at(p, C, 0, "new");
	sync_of(p, C, LOG_DATA_ONLY);
}
static void removed_then_made(struct pen *p) /* a transaction that began later is */
{
	removed(p);
	made_synced(p);
}
static void synced_all(struct pen *p) /* sync(): names and data of everything before it */
{
	renamed_no_data(p);
	write_at(p, C, 0, "one");
	put(p, (struct log_rec){ .kind = LOG_SYNC, .flags = LOG_ALL }, NULL, NULL, NULL);
	name_op(p, LOG_REMOVE, "c", NULL);
}
static void base_c(struct pen *p)
{
	make(p, C, "c");
	write_at(p, C, 0, "old");
}
static void same_sector(struct pen *p)
{
	write_at(p, A, 0, "n");
	write_at(p, A, 2, "x");
}
static void beside(struct pen *p) /* asked for before the write had returned: no promise */
{
	int64_t began = ++p->now;

	write_at(p, A, 0, "new");
	put(p, (struct log_rec){ .kind = LOG_SYNC, .ino = A, .begin_ns = began }, NULL, NULL, NULL);
}
static void by_itself(struct pen *p) /* O_DSYNC: this write, and not the one before */
{
	write_at(p, C, 0, "new");
	put(p, (struct log_rec){ .kind = LOG_WRITE, .ino = A, .len = 3, .flags = LOG_SYNCED |
				 LOG_DATA_ONLY }, NULL, NULL, "new");
}
static void swapped(struct pen *p)
{
	put(p, (struct log_rec){ .kind = LOG_RENAME, .dir = ROOT, .to_dir = ROOT,
				 .flags = LOG_SWAP }, "a", "c", NULL);
}
static void made_and_gone(struct pen *p)
{
	make(p, B, "b");
	name_op(p, LOG_REMOVE, "b", NULL);
	sync_of(p, ROOT, LOG_FOLDER);
}
static void dated(struct pen *p) /* fdatasync does not wait for a rename; fsync does */
{
	name_op(p, LOG_RENAME, "a", "b");
	sync_of(p, A, LOG_DATA_ONLY);
}
static void dated_whole(struct pen *p)
{
	name_op(p, LOG_RENAME, "a", "b");
	sync_of(p, A, 0);
}
static void linked(struct pen *p)
{
	put(p, (struct log_rec){ .kind = LOG_LINK, .ino = A, .dir = ROOT, .mode = S_IFREG | 0644 },
	    "b", NULL, NULL);
	write_at(p, A, 0, "new");
	sync_of(p, A, LOG_DATA_ONLY);
}
static void torn_page(struct pen *p) /* sectors of 512: 0 to 511 and 512 to 1023 */
{
	char text[1025];

	memset(text, 'n', 512);
	memset(text + 512, 'w', 512);
	text[1024] = '\0';
	write_at(p, C, 0, text);
}
static void lost(struct pen *p, int64_t since) /* an fsync failed, and the next succeeds */
{
	put(p, (struct log_rec){ .kind = LOG_LOST, .ino = A, .off = since }, NULL, NULL, NULL);
	sync_of(p, A, 0);
}
static void given_up(struct pen *p)
{
	write_at(p, A, 0, "new");
	lost(p, 0);
}
static void given_up_append(struct pen *p)
{
	write_at(p, A, 3, "new");
	lost(p, 0);
}
static void given_up_since(struct pen *p) /* what was written before nobody kept an eye on it */
{
	write_at(p, A, 0, "n");
	lost(p, p->now + 1);
}
static void given_up_touched(struct pen *p) /* dirty again, all of it */
{
	write_at(p, A, 0, "n");
	lost(p, 0);
	write_at(p, A, 2, "x");
}
static void given_up_touched_synced(struct pen *p)
{
	given_up_touched(p);
	sync_of(p, A, 0);
}
static void given_up_evicted(struct pen *p)
{
	given_up(p);
	put(p, (struct log_rec){ .kind = LOG_WRITE, .ino = A, .len = 3, .flags = LOG_REVERT },
	    NULL, NULL, "old");
	write_at(p, A, 2, "x");
	sync_of(p, A, 0);
}
static void given_up_sync_all(struct pen *p)
{
	write_at(p, A, 0, "new");
	put(p, (struct log_rec){ .kind = LOG_LOST, .ino = A }, NULL, NULL, NULL);
	put(p, (struct log_rec){ .kind = LOG_SYNC, .flags = LOG_ALL }, NULL, NULL, NULL);
}
static void base_torn(struct pen *p)
{
	char text[1025];

	memset(text, 'o', 512);
	memset(text + 512, 'd', 512);
	text[1024] = '\0';
	make(p, C, "c");
	write_at(p, C, 0, text);
}

static const char *const only_a[] = { "a", NULL }, *const a_b[] = { "a", "b", NULL },
	*const a_c[] = { "a", "c", NULL }, *const only_c[] = { "c", NULL };

static const struct row {
	const char *name;
	void (*base)(struct pen *p), (*then)(struct pen *p);
	const char *const *names;
	const char *want[DURABLE_MODELS]; /* NULL: as strict */
} rows[] = {
	{ "in place", NULL, in_place, only_a, { "a=new | a=old" } },
	{ "in place, synced", NULL, in_place_synced, only_a, { "a=new" } },
	{ "append", NULL, append, only_a,
	  { "a=old | a=old000 | a=oldnew", "a=old | a=oldnew", "a=old | a=old000 | a=oldnew" } },
	{ "made and synced", NULL, made_synced, a_b,
	  { "a=old b=- | a=old b=new", "a=old b=new", "a=old b=new" } },
	{ "made and synced, with its folder", NULL, made_synced_whole, a_b, { "a=old b=new" } },
	{ "renamed", NULL, renamed, a_b,
	  { "a=new b=- | a=old b=- | a=old b=new", "a=new b=- | a=old b=new",
	    "a=new b=- | a=old b=new" } },
	{ "renamed, with its folder", NULL, renamed_whole, a_b, { "a=new b=-" } },
	{ "renamed without its data", NULL, renamed_no_data, a_b,
	  { "a= b=- | a=000 b=- | a=new b=-", "a=new b=-", "a=000 b=- | a=? b=- | a=new b=-" } },
	{ "truncated and written", NULL, rewritten, only_a,
	  { "a= | a=000 | a=new | a=old", "a= | a=new | a=old",
	    "a= | a=000 | a=? | a=new | a=old" } },
	{ "truncated and written, then a later sync", NULL, rewritten_then_other, only_a,
	  { "a= | a=000 | a=new | a=old", "a=new", "a=000 | a=? | a=new" } },
	{ "truncated, written, synced", NULL, rewritten_synced, only_a, { "a=new" } },
	{ "removed", NULL, removed, only_a, { "a=- | a=old" } },
	{ "removed, with its folder", NULL, removed_whole, only_a, { "a=-" } },
	{ "removed, then data alone", base_c, removed_then_data, a_c,
	  { "a=- c=new | a=old c=new" } },
	{ "removed, then a file made", NULL, removed_then_made, a_b,
	  { "a=- b=- | a=- b=new | a=old b=- | a=old b=new", "a=- b=new", "a=- b=new" } },
	{ "one sector, twice", NULL, same_sector, only_a, { "a=nld | a=nlx | a=old" } },
	{ "a sync beside it", NULL, beside, only_a, { "a=new | a=old" } },
	{ "O_DSYNC", base_c, by_itself, a_c, { "a=new c=new | a=new c=old" } },
	{ "names swapped", base_c, swapped, a_c, { "a=old c=old" } },
	{ "made and removed", NULL, made_and_gone, a_b, { "a=old b=-" } },
	{ "renamed, fdatasync", NULL, dated, a_b, { "a=- b=old | a=old b=-" } },
	{ "renamed, fsync", NULL, dated_whole, a_b,
	  { "a=- b=old | a=old b=-", "a=- b=old", "a=- b=old" } },
	{ "linked", NULL, linked, a_b, { "a=new b=- | a=new b=new" } },
	{ "sync()", base_c, synced_all, a_c, { "a=new c=- | a=new c=one" } },
	{ "given up", NULL, given_up, only_a, { "a=old" } },
	{ "given up, appended", NULL, given_up_append, only_a, { "a=old | a=old000" , NULL,
	  "a=old | a=old000" } },
	{ "given up, from later on", NULL, given_up_since, only_a, { "a=nld" } },
	{ "given up, touched", NULL, given_up_touched, only_a, { "a=nlx | a=old" } },
	{ "given up, touched, synced", NULL, given_up_touched_synced, only_a, { "a=nlx" } },
	{ "given up, evicted, touched, synced", NULL, given_up_evicted, only_a, { "a=olx" } },
	{ "given up, sync()", NULL, given_up_sync_all, only_a, { "a=old" } },
	{ "torn", base_torn, torn_page, only_c, { "c=nd | c=nw | c=od | c=ow" } },
};

START_TEST(test_sets)
{
	const struct row *r = &rows[_i];

	for (int m = 0; m < DURABLE_MODELS; m++) {
		const char *want = r->want[m] ? r->want[m] : r->want[0];
		struct pen p;
		char *got;

		begin(&p, r->base);
		r->then(&p);
		got = states_of(&p, m, r->names);
		ck_assert_msg(!strcmp(got, want), "%s, %s:\n   got %s\n  want %s", r->name,
			      durability_names[m], got, want);
		free(got);
		buf_done(&p.log);
	}
}
END_TEST

/* ---- random histories: whatever happens, this is so ---- */

struct live {
	char text[3][20000];
	int64_t size[3];
	bool there[3];
};

static int64_t roll(uint64_t seed, uint64_t step, uint64_t what, int64_t hi)
{
	return draw_range((struct draw){ .seed = seed, .name = "test", .object = step,
					 .hit = what }, 0, hi);
}

static void random_step(struct pen *p, struct live *l, uint64_t seed, uint64_t step)
{
	uint64_t f = (uint64_t)roll(seed, step, 1, 2);
	int64_t off = roll(seed, step, 2, 9000), len = roll(seed, step, 3, 3000) + 1, size;
	static char text[4000];

	switch (roll(seed, step, 0, 9)) {
	case 0:
		sync_of(p, A + f, roll(seed, step, 4, 1) ? LOG_DATA_ONLY : 0);
		return;
	case 1:
		size = roll(seed, step, 5, 1) ? 0 : off;
		size_to(p, A + f, size);
		if (size > l->size[f])
			memset(l->text[f] + l->size[f], 0, (size_t)(size - l->size[f]));
		l->size[f] = size;
		return;
	case 2:
		sync_of(p, ROOT, LOG_FOLDER);
		return;
	default:
		memset(text, 'a' + (int)(step % 26), (size_t)len);
		text[len] = '\0';
		write_at(p, A + f, off, text);
		if (off > l->size[f])
			memset(l->text[f] + l->size[f], 0, (size_t)(off - l->size[f]));
		memcpy(l->text[f] + off, text, (size_t)len);
		l->size[f] = off + len > l->size[f] ? off + len : l->size[f];
		return;
	}
}

/* Everything kept is what was in memory; a place once visited is the same when visited again. */
START_TEST(test_random)
{
	static struct live l;
	struct history *h;
	struct err e = { 0 };
	struct pen p;
	uint64_t seen[40];

	memset(&l, 0, sizeof(l));
	memcpy(l.text[0], "old", l.size[0] = 3);
	begin(&p, NULL);
	make(&p, B, "b");
	make(&p, C, "c");
	for (uint64_t step = 0; step < 60; step++)
		random_step(&p, &l, (uint64_t)_i, step);
	ck_assert_msg(history_new(&h, p.log.data, p.log.len, &e) == 0, "%s", e.msg);
	for (int m = 0; m < DURABLE_MODELS; m++) {
		struct crash_at at = { .model = m, .ops = h->ops, .seed = 1, .nth = CRASH_ALL };
		struct crash *c;

		ck_assert_int_eq(crash_new(&c, h, &at, &e), 0);
		for (size_t f = 0; f < 3; f++) {
			size_t n = find(c, 0, f == 0 ? "a" : f == 1 ? "b" : "c");

			ck_assert_int_eq(c->content[n].size, l.size[f]);
			ck_assert_mem_eq(c->content[n].at, l.text[f], (size_t)l.size[f]);
		}
		ck_assert(crash_certain(c));
		crash_free(c);
		for (int round = 0; round < 2; round++)
			for (size_t i = 0; i < 40; i++) {
				size_t k = round ? 39 - i : i; /* forth, then back */
				struct crash_at any = { .model = m, .ops = k * h->ops / 39,
							.seed = 3, .nth = k };

				ck_assert_int_eq(crash_new(&c, h, &any, &e), 0);
				if (round)
					ck_assert(seen[k] == crash_digest(c));
				seen[k] = crash_digest(c);
				crash_free(c);
			}
	}
	history_free(h);
	buf_done(&p.log);
}
END_TEST

/* A log that makes no sense is refused, wherever it is cut or bent. */
START_TEST(test_nonsense)
{
	struct history *h;
	struct pen p;

	begin(&p, NULL);
	renamed_whole(&p);
	for (size_t n = 0; n < p.log.len; n += 8) {
		struct err e = { 0 };
		char *log = xmalloc(p.log.len);

		memcpy(log, p.log.data, p.log.len);
		if (history_new(&h, log, n, &e) == 0)
			history_free(h);
		else
			ck_assert_int_eq(e.code, EINVAL);
		log[n] = (char)(log[n] ^ 0x55);
		if (history_new(&h, log, p.log.len, &e) == 0)
			history_free(h);
		free(log);
	}
	buf_done(&p.log);
}
END_TEST

/* What is lost is told: which file, which operations, since when. */
START_TEST(test_losses)
{
	struct history *h;
	struct crash *c;
	struct err e = { 0 };
	struct crash_at at = { .model = DURABLE_STRICT, .ops = NEVER, .nth = CRASH_NOTHING };
	const struct loss *l;
	struct pen p;
	size_t n;

	begin(&p, NULL);
	in_place_synced(&p);
	write_at(&p, A, 0, "one");
	write_at(&p, A, 3, "two");
	ck_assert_int_eq(history_new(&h, p.log.data, p.log.len, &e), 0);
	ck_assert_int_eq(crash_new(&c, h, &at, &e), 0);
	l = crash_losses(c, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(l->path, "a");
	ck_assert_uint_eq(l->count, 2);
	ck_assert_uint_eq(l->torn, 0);
	ck_assert_uint_eq(l->since_sync, 2);
	ck_assert_int_eq(l->bytes, 6);
	ck_assert_int_eq(l->synced_ns, h->op[1]->end_ns);
	ck_assert(!crash_certain(c));
	crash_free(c);
	history_free(h);
	buf_done(&p.log);
}
END_TEST

/* Folders, links, second names, holes: written down as they were. */
START_TEST(test_write)
{
	char dir[] = "/tmp/wd-durable-XXXXXX", path[64], text[16] = "";
	struct crash_at at = { .model = DURABLE_STRICT, .ops = NEVER, .nth = CRASH_ALL };
	struct err e = { 0 };
	struct history *h;
	struct crash *c;
	struct stat st;
	struct pen p;
	int fd;

	begin(&p, NULL);
	make_in(&p, ROOT, DIR_D, "d", S_IFDIR | 0750);
	make_in(&p, DIR_D, B, "b", S_IFREG | 0640);
	linked(&p);
	write_at(&p, B, 1 << 20, "end");
	ck_assert_msg(history_new(&h, p.log.data, p.log.len, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(crash_new(&c, h, &at, &e), 0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	ck_assert_msg(crash_write(c, "", fd, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(fstatat(fd, "a", &st, 0), 0);
	ck_assert_uint_eq(st.st_nlink, 2);
	ck_assert_int_eq(fstatat(fd, "d", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0750);
	ck_assert_int_eq(fstatat(fd, "d/b", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(st.st_size, (1 << 20) + 3);
	ck_assert_int_lt(st.st_blocks, 1 << 10);
	snprintf(path, sizeof(path), "%s/d/b", dir);
	close(fd);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(pread(fd, text, 3, 1 << 20), 3);
	ck_assert_str_eq(text, "end");
	close(fd);
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	ck_assert_int_eq(system(path), 0);
	crash_free(c);
	history_free(h);
	buf_done(&p.log);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("durable");
	TCase *t = tcase_create("models");

	tcase_add_loop_test(t, test_sets, 0, sizeof(rows) / sizeof(*rows));
	tcase_add_loop_test(t, test_random, 0, 40);
	tcase_add_test(t, test_nonsense);
	tcase_add_test(t, test_losses);
	tcase_add_test(t, test_write);
	tcase_set_timeout(t, 30);
	suite_add_tcase(s, t);
	return suite_main(s);
}
