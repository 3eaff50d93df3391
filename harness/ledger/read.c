/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A file is read in pieces of 1 MiB; every line in it is
 * one JSON object {"RECORD":{members}}, checked whole by json_parse() and then
 * walked once. Members nearly always come in the order of the table, so each
 * is first compared with the one behind its predecessor. Strings are copied
 * into one arena; words with few values (lane, currency) go through a small
 * cache, so that a million lines share one "lane-1".
 */
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/point.h"
#include "ledger/arena.h"
#include "ledger/record.h"

#define PIECE ((size_t)1 << 20)
#define WORDS 256 /* slots of the word cache */

struct word {
	const char *s; /* in the arena */
	size_t len;
};

struct list {
	char *at; /* owned; records of one kind */
	size_t count, size;
};

struct reader {
	struct arena *arena; /* owned until handed over */
	struct list lists[RECORD_KINDS];
	struct word words[WORDS];
	struct buf scratch; /* for strings with escapes */
	const char *file;
	size_t line;
};

/* ---- strings ---- */

static const char *word_of(struct reader *r, const char *s, size_t len)
{
	unsigned hash = (unsigned)len;
	struct word *w;

	for (size_t i = 0; i < len; i++)
		hash = hash * 31 + (unsigned char)s[i];
	w = &r->words[hash % WORDS];
	if (!w->s || w->len != len || memcmp(w->s, s, len) != 0)
		*w = (struct word){arena_strn(r->arena, s, len), len};
	return w->s;
}

static const char *take_string(struct reader *r, const struct member *m, const struct json_val *v)
{
	const char *s = v->at + 1;
	size_t len = v->len - 2;

	if (memchr(s, '\\', len)) {
		buf_reset(&r->scratch);
		json_string(v, &r->scratch);
		s = r->scratch.data;
		len = r->scratch.len;
	}
	return m->flags & MEMBER_WORD ? word_of(r, s, len) : arena_strn(r->arena, s, len);
}

/* ---- members ---- */

static int bad_member(struct reader *r, const struct member *m, const char *what, struct err *e)
{
	size_t len;
	const char *name = member_name(m, &len);

	return err_set(e, EINVAL, "%s:%zu: \"%.*s\" %s", r->file, r->line, (int)len, name, what);
}

static int take_enum(struct reader *r, const struct member *m, const struct json_val *v, int *at,
		     struct err *e)
{
	for (int i = 0; i < m->names_count; i++) {
		if (json_key_is(v, m->names[i])) {
			*at = i;
			return 0;
		}
	}
	return bad_member(r, m, v->type == JSON_STRING ? "has an unknown value" : "is not a string",
			  e);
}

static int take_int(struct reader *r, const struct member *m, const struct json_val *v, char *at,
		    struct err *e)
{
	int64_t n;

	if (json_int64(v, &n) < 0)
		return bad_member(r, m, "is not an integer", e);
	if (m->type == MEMBER_INT64) {
		*(int64_t *)(void *)at = n;
		return 0;
	}
	if (n < INT_MIN || n > INT_MAX)
		return bad_member(r, m, "is out of range", e);
	*(int *)(void *)at = (int)n;
	return 0;
}

static int take_member(struct reader *r, const struct member *m, const struct json_val *v, char *at,
		       struct err *e)
{
	switch (m->type) {
	case MEMBER_STRING:
		if (v->type != JSON_STRING)
			return bad_member(r, m, "is not a string", e);
		*(const char **)(void *)at = take_string(r, m, v);
		return 0;
	case MEMBER_INT64:
	case MEMBER_INT:
		return take_int(r, m, v, at, e);
	case MEMBER_BOOL:
		if (v->type != JSON_BOOL)
			return bad_member(r, m, "is not true or false", e);
		*(bool *)at = json_true(v);
		return 0;
	case MEMBER_ENUM:
		return take_enum(r, m, v, (int *)(void *)at, e);
	}
	return 0;
}

static bool names_member(const struct json_val *key, const struct member *m)
{
	size_t len;
	const char *name = member_name(m, &len);

	return key->len == len + 2 && memcmp(key->at + 1, name, len) == 0;
}

/* find_member - the row of a key, looked for from `expected` on; NULL: not ours. */
static const struct member *find_member(const struct record *rec, unsigned expected,
					const struct json_val *key)
{
	for (unsigned n = 0; n < rec->members_count; n++) {
		unsigned i = expected + n;

		if (i >= rec->members_count)
			i -= rec->members_count;
		if (names_member(key, &rec->members[i]))
			return &rec->members[i];
	}
	return NULL;
}

/* ---- records ---- */

static char *list_add(struct list *list, size_t record_size)
{
	if (list->count == list->size) {
		list->size = list->size ? 2 * list->size : 1024;
		list->at = xrealloc(list->at, list->size * record_size);
	}
	return list->at + list->count++ * record_size;
}

/* set_absent - what a record is before its members are read. */
static void set_absent(const struct record *rec, char *at)
{
	memset(at, 0, rec->size);
	for (unsigned i = 0; i < rec->members_count; i++) {
		const struct member *m = &rec->members[i];

		if (m->type == MEMBER_INT64)
			*(int64_t *)(void *)(at + m->offset) = m->absent;
		else if (m->type == MEMBER_INT)
			*(int *)(void *)(at + m->offset) = (int)m->absent;
	}
}

static int check_required(struct reader *r, const struct record *rec, uint32_t seen, struct err *e)
{
	for (unsigned i = 0; i < rec->members_count; i++)
		if (rec->members[i].flags & MEMBER_REQUIRED && !(seen >> i & 1))
			return bad_member(r, &rec->members[i], "is missing", e);
	return 0;
}

static int take_record(struct reader *r, enum record_kind kind, const struct json_val *object,
		       struct err *e)
{
	const struct record *rec = &records[kind];
	char *at = list_add(&r->lists[kind], rec->size);
	struct json_val key, val;
	struct json_iter it;
	unsigned expected = 0;
	uint32_t seen = 0;
	int err;

	set_absent(rec, at);
	json_iter_init(&it, object);
	while (json_next(&it, &key, &val)) {
		const struct member *m = find_member(rec, expected, &key);

		if (!m || val.type == JSON_NULL)
			continue;
		expected = (unsigned)(m - rec->members);
		seen |= UINT32_C(1) << expected++;
		err = take_member(r, m, &val, at + m->offset, e);
		if (err < 0)
			return err;
	}
	return check_required(r, rec, seen, e);
}

/* ---- lines and files ---- */

static int take_line(struct reader *r, enum ledger_file file, const char *line, size_t len,
		     struct err *e)
{
	struct json_val v, key, val;
	struct json_iter it;
	int err = json_parse(line, len, &v, e);

	if (err < 0) {
		err_wrap(e, "%s:%zu", r->file, r->line);
		return err;
	}
	json_iter_init(&it, &v);
	while (json_next(&it, &key, &val))
		for (unsigned i = 0; i < RECORD_KINDS; i++)
			if (records[i].file == file && json_key_is(&key, records[i].name) &&
			    val.type == JSON_OBJECT)
				return take_record(r, i, &val, e);
	return err_set(e, EINVAL, "%s:%zu: not a record of this ledger", r->file, r->line);
}

/* take_lines - the complete lines of data[0..len); *ret_used: their bytes. */
static int take_lines(struct reader *r, enum ledger_file file, const char *data, size_t len,
		      size_t *ret_used, struct err *e)
{
	const char *p = data, *end = data + len, *newline;
	int err;

	while ((newline = memchr(p, '\n', (size_t)(end - p)))) {
		r->line++;
		err = newline > p ? take_line(r, file, p, (size_t)(newline - p), e) : 0;
		if (err < 0)
			return err;
		p = newline + 1;
	}
	*ret_used = (size_t)(p - data);
	return 0;
}

/* struct piece - the part of a file in memory: the rest of a line, then fresh bytes. */
struct piece {
	char *data; /* owned */
	size_t len, size;
};

/* fill - read on; 1, 0 at the end of the file, or negative errno. */
static int fill(int fd, struct piece *p)
{
	ssize_t n;

	if (p->size - p->len < PIECE / 2) { /* at first, and for a long line */
		p->size = p->size ? 2 * p->size : PIECE;
		p->data = xrealloc(p->data, p->size);
	}
	do
		n = read(fd, p->data + p->len, p->size - p->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	p->len += (size_t)n;
	return n > 0;
}

static int read_pieces(struct reader *r, enum ledger_file file, int fd, struct piece *p,
		       struct err *e)
{
	size_t used;
	int more, err;

	while ((more = fill(fd, p)) > 0) {
		err = take_lines(r, file, p->data, p->len, &used, e);
		if (err < 0)
			return err;
		memmove(p->data, p->data + used, p->len - used);
		p->len -= used;
	}
	if (more < 0)
		return err_errno(e, -more, "reading %s", r->file);
	if (!p->len)
		return 0;
	r->line++; /* no newline: whole if it can be read, else torn */
	err = take_line(r, file, p->data, p->len, e);
	return err < 0 ? err_wrap(e, "the last line is torn") : 0;
}

static int read_file(struct reader *r, enum ledger_file file, const char *dir, struct err *e)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, ledger_file_names[file]);
	cleanup_close int fd = point_fails(POINT_LEDGER_READ) ? -1
							      : open(path, O_RDONLY | O_CLOEXEC);
	bool optional = file == FILE_BANK || file == FILE_PAPER || file == FILE_DRAWER;
	struct piece p = {0};
	int err;

	r->file = ledger_file_names[file];
	r->line = 0;
	if (fd < 0)
		return errno == ENOENT && optional ? 0 : err_errno(e, errno, "opening %s", path);
	err = read_pieces(r, file, fd, &p, e);
	free(p.data);
	return err;
}

/* hand_over - give one list to its place in struct ledgers. */
#define HAND_OVER(r, ret, kind, field)                                                             \
	do {                                                                                       \
		(ret)->field = (void *)(r)->lists[kind].at;                                        \
		(ret)->field##_count = (r)->lists[kind].count;                                     \
	} while (0)

int ledgers_load(struct ledgers *ret, const char *dir, struct err *e)
{
	struct reader r = {.arena = arena_new()};
	struct ledgers all = {.arena = r.arena};
	int err = 0;

	for (unsigned i = 0; i < LEDGER_FILES && err == 0; i++)
		err = read_file(&r, i, dir, e);
	HAND_OVER(&r, &all, RECORD_TOLD, told);
	HAND_OVER(&r, &all, RECORD_LEFT, left);
	HAND_OVER(&r, &all, RECORD_BOOK, book);
	HAND_OVER(&r, &all, RECORD_BANK, bank);
	HAND_OVER(&r, &all, RECORD_PAPER, paper);
	HAND_OVER(&r, &all, RECORD_DRAWER, drawer);
	HAND_OVER(&r, &all, RECORD_EVENT, event);
	buf_done(&r.scratch);
	if (err < 0)
		ledgers_done(&all);
	else
		ledgers_acknowledge(&all);
	*ret = all;
	return err;
}

void ledgers_done(struct ledgers *l)
{
	free(l->told);
	free(l->left);
	free(l->book);
	free(l->bank);
	free(l->paper);
	free(l->drawer);
	free(l->event);
	arena_free(l->arena);
	*l = (struct ledgers){0};
}
