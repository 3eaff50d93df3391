/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Every file has a buffer of its own, flushed in pieces
 * of about 128 KiB; a record is written by walking its member table, without
 * stdio and without allocation. Nothing fails while the trial runs: the first
 * write error is remembered, later lines are dropped, and ledger_failed() and
 * ledger_close() tell. A trial whose ledger is incomplete is broken, whatever
 * the checks would say.
 */
#include "ledger/ledger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/point.h"
#include "ledger/mask.h"
#include "ledger/record.h"

#define FLUSH_AT ((size_t)128 << 10)
#define NUMBER_MAX 20 /* characters of an int64 */

struct file {
	int fd;	    /* owned */
	char *data; /* owned; not yet written */
	size_t len, size;
	bool written; /* anything at all: worth an fsync */
};

struct ledger {
	struct file files[LEDGER_FILES];
	int64_t epoch_ns, seq;
	bool over;		  /* see ledger_day_over() */
	int errnum;		  /* first failure; 0: none */
	enum ledger_file failed;  /* where it was */
	const char *failed_doing; /* "write", "fsync" */
};

/* ---- files ---- */

static void fail(struct ledger *l, enum ledger_file file, const char *doing, int errnum)
{
	if (l->errnum)
		return;
	l->errnum = errnum;
	l->failed = file;
	l->failed_doing = doing;
}

static void flush_file(struct ledger *l, enum ledger_file file)
{
	struct file *f = &l->files[file];
	size_t done = 0;

	while (!l->errnum && done < f->len) {
		ssize_t n = point_fails(POINT_LEDGER_WRITE)
				    ? -1 : write(f->fd, f->data + done, f->len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			fail(l, file, "write", n == 0 ? EIO : errno);
	}
	f->written |= done > 0;
	f->len = 0;
}

static void free_ledger(struct ledger *l)
{
	for (unsigned i = 0; i < LEDGER_FILES; i++) {
		if (l->files[i].fd >= 0)
			close(l->files[i].fd);
		free(l->files[i].data);
	}
	free(l);
}

int ledger_open(struct ledger **ret, const char *dir, int64_t epoch_ns, struct err *e)
{
	struct ledger *l = xcalloc(1, sizeof(*l));

	l->epoch_ns = epoch_ns;
	for (unsigned i = 0; i < LEDGER_FILES; i++)
		l->files[i].fd = -1;
	for (unsigned i = 0; i < LEDGER_FILES; i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, ledger_file_names[i]);

		if (!point_fails(POINT_LEDGER_OPEN))
			l->files[i].fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (l->files[i].fd < 0) {
			int errnum = errno;

			free_ledger(l);
			return err_errno(e, errnum, "making %s", path);
		}
	}
	*ret = l;
	return 0;
}

void ledger_flush(struct ledger *l)
{
	for (unsigned i = 0; i < LEDGER_FILES; i++)
		flush_file(l, i);
}

static void sync_and_close(struct ledger *l, enum ledger_file file)
{
	struct file *f = &l->files[file];

	/* EINVAL, EROFS: not a thing that can be synced (a pipe, /dev/full) */
	if (f->written && (point_fails(POINT_LEDGER_SYNC) || fsync(f->fd) < 0) &&
	    errno != EINVAL && errno != EROFS)
		fail(l, file, "fsync", errno);
	if (close(f->fd) < 0)
		fail(l, file, "close", errno);
	f->fd = -1;
}

int ledger_close(struct ledger *l, struct err *e)
{
	int r = 0;

	ledger_flush(l);
	for (unsigned i = 0; i < LEDGER_FILES; i++) /* start all of them, then wait for each */
		if (l->files[i].written)
			sync_file_range(l->files[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (unsigned i = 0; i < LEDGER_FILES; i++)
		sync_and_close(l, i);
	if (l->errnum)
		r = err_errno(e, l->errnum, "%s: %s", ledger_file_names[l->failed],
			      l->failed_doing);
	free_ledger(l);
	return r;
}

bool ledger_failed(const struct ledger *l)
{
	return l->errnum != 0;
}

int64_t ledger_epoch(const struct ledger *l)
{
	return l->epoch_ns;
}

/* ---- lines ---- */

/* room - at least n bytes behind what is there. */
static inline char *room(struct file *f, size_t n)
{
	if (f->size - f->len < n) {
		f->size = f->size ? f->size : FLUSH_AT + (16 << 10);
		while (f->size - f->len < n)
			f->size *= 2;
		f->data = xrealloc(f->data, f->size);
	}
	return f->data + f->len;
}

static void put(struct file *f, const char *s, size_t n)
{
	memcpy(room(f, n), s, n);
	f->len += n;
}

static void put_number(struct file *f, int64_t v)
{
	char text[NUMBER_MAX], *p = text + sizeof(text);
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	put(f, p, (size_t)(text + sizeof(text) - p));
}

static void put_escaped(struct file *f, const char *s, size_t n)
{
	char *at = room(f, 6 * n + 2), *p = at;

	*p++ = '"';
	while (n) {
		size_t plain = json_plain(s, n), step, made;

		memcpy(p, s, plain);
		p += plain;
		s += plain;
		n -= plain;
		if (!n)
			break;
		step = json_escape(p, s, n, &made);
		p += made;
		s += step;
		n -= step;
	}
	*p++ = '"';
	f->len += (size_t)(p - at);
}

static void put_string(struct file *f, const char *s, bool whole)
{
	size_t n = strlen(s), at, len;
	char *masked;

	if (whole || !mask_find(s, n, 0, &at, &len)) {
		put_escaped(f, s, n);
		return;
	}
	masked = xstrdup(s);
	mask_cards(masked, n);
	put_escaped(f, masked, n);
	free(masked);
}

static void put_key(struct file *f, const struct member *m)
{
	/* the comma of the first member is the only one behind a brace */
	bool first = f->data[f->len - 1] == '{';

	put(f, m->text + first, m->text_len - first);
}

static void put_int(struct file *f, const struct member *m, int64_t v)
{
	if (v == m->absent && !(m->flags & MEMBER_REQUIRED))
		return;
	put_key(f, m);
	put_number(f, v);
}

static void put_member(struct file *f, const struct member *m, const char *at)
{
	const char *s;
	int v;

	switch (m->type) {
	case MEMBER_STRING:
		s = *(const char *const *)(const void *)at;
		if (!s && !(m->flags & MEMBER_REQUIRED))
			return;
		put_key(f, m);
		put_string(f, s ? s : "", m->flags & MEMBER_WHOLE);
		return;
	case MEMBER_INT64:
		put_int(f, m, *(const int64_t *)(const void *)at);
		return;
	case MEMBER_INT:
		put_int(f, m, *(const int *)(const void *)at);
		return;
	case MEMBER_BOOL:
		if (!*(const bool *)at)
			return;
		put_key(f, m);
		put(f, "true", 4);
		return;
	case MEMBER_ENUM:
		v = *(const int *)(const void *)at;
		assert(v >= 0 && v < m->names_count);
		put_key(f, m);
		put_string(f, m->names[v], true);
		return;
	}
}

static void put_record(struct ledger *l, enum record_kind kind, const void *rec)
{
	const struct record *r = &records[kind];
	struct file *f = &l->files[r->file];

	if (l->errnum)
		return;
	put(f, "{\"", 2);
	put(f, r->name, strlen(r->name));
	put(f, "\":{", 3);
	for (unsigned i = 0; i < r->members_count; i++)
		put_member(f, &r->members[i], (const char *)rec + r->members[i].offset);
	put(f, "}}\n", 3);
	if (f->len >= FLUSH_AT)
		flush_file(l, r->file);
}

void ledger_event(struct ledger *l, struct event ev)
{
	ev.seq = ++l->seq;
	if (!ev.t_ns)
		ev.t_ns = clock_now() - l->epoch_ns;
	put_record(l, RECORD_EVENT, &ev);
}

void ledger_told(struct ledger *l, const struct told *t)
{
	put_record(l, RECORD_TOLD, t);
}

void ledger_left(struct ledger *l, const struct left *t)
{
	put_record(l, RECORD_LEFT, t);
}

void ledger_book(struct ledger *l, const struct book *b)
{
	put_record(l, RECORD_BOOK, b);
}

void ledger_day_over(struct ledger *l)
{
	l->over = true;
}

void ledger_bank(struct ledger *l, const struct bank_rec *r)
{
	if (!l->over)
		put_record(l, RECORD_BANK, r);
}

void ledger_paper(struct ledger *l, const struct paper_rec *r)
{
	if (!l->over)
		put_record(l, RECORD_PAPER, r);
}

void ledger_drawer(struct ledger *l, const struct drawer_rec *r)
{
	if (!l->over)
		put_record(l, RECORD_DRAWER, r);
}
