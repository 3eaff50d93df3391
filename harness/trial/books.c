/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/books.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "trial/books_room.h"

#define BIT(f) (1u << (f))

const struct books_query books_queries[BOOKS_QUERIES] = {
	{"sales", BOOK_SALE, offsetof(struct books, sales), BIT(FIELD_KEY) | BIT(FIELD_TOTAL)},
	{"payments", BOOK_PAYMENT, offsetof(struct books, payments),
	 BIT(FIELD_KEY) | BIT(FIELD_TOTAL)},
	{"stock", BOOK_STOCK, offsetof(struct books, stock), BIT(FIELD_SKU) | BIT(FIELD_QTY)},
	{"receipts", BOOK_RECEIPT, offsetof(struct books, receipts), BIT(FIELD_NUMBER)},
	{"lines", BOOK_LINE, offsetof(struct books, lines),
	 BIT(FIELD_KEY) | BIT(FIELD_SKU) | BIT(FIELD_QTY)},
};

const char *books_sql(const struct target *t, const struct books_query *q)
{
	char *const *sql = (char *const *)((const char *)&t->books + q->sql);

	return *sql && **sql ? *sql : NULL;
}

bool books_sql_next(const struct target *t, size_t i, struct books_query *ret, const char **ret_sql)
{
	const struct strmap *more = &t->books.invariants;

	if (i < BOOKS_QUERIES) {
		*ret = books_queries[i];
		*ret_sql = books_sql(t, ret);
		return true;
	}
	i -= BOOKS_QUERIES;
	if (i >= more->count)
		return false;
	*ret = (struct books_query){.name = more->at[i].key, .what = BOOK_INVARIANT};
	*ret_sql = more->at[i].value;
	return true;
}

static int books_run(struct books_in *in, struct err *e)
{
	static int (*const readers[])(const struct books_in *, struct err *) = {
		[BOOKS_SQLITE] = books_sqlite,
		[BOOKS_POSTGRES] = books_postgres,
		[BOOKS_HTTP] = books_http,
		[BOOKS_COMMAND] = books_command,
	};
	int kind = in->target->books.kind;

	in->deadline_ns = clock_now() + BOOKS_DEADLINE_NS;
	if (kind <= BOOKS_NONE || (size_t)kind >= ARRAY_SIZE(readers))
		return 0;
	if (!in->target->books.node)
		return err_set(e, EINVAL, "books: no node is named to read them in");
	return readers[kind](in, e);
}

int books_each(struct stage *st, const struct target *t, bool stopped,
	       void (*row)(void *arg, const struct book *b), void *arg, struct err *e)
{
	struct books_in in = {.stage = st, .target = t, .stopped = stopped, .row = row, .arg = arg};

	return books_run(&in, e);
}

int books_queue(struct stage *st, const struct target *t, int64_t *ret_n, struct err *e)
{
	const struct books *b = &t->books;
	struct books_in in = {.stage = st, .target = t, .queue = true, .ret_queue = ret_n};
	bool by_sql = b->kind == BOOKS_SQLITE || b->kind == BOOKS_POSTGRES;

	*ret_n = -1;
	if (b->kind == BOOKS_NONE || (by_sql && (!b->queue || !*b->queue)))
		return -ENOENT;
	if (books_run(&in, e) < 0)
		return -(e && e->code ? e->code : EIO);
	return *ret_n < 0 ? -ENOENT : 0;
}

/* ---- into the ledger ---- */

/* Rows wait here until the whole reading has succeeded. */
struct kept {
	struct kept_row {
		struct book book; /* string members are offsets + 1 into text until handed on */
		size_t at[9];
	} * rows; /* owned */
	size_t count, cap;
	struct buf text;
};

static const size_t string_members[9] = {
	offsetof(struct book, key),	offsetof(struct book, currency),
	offsetof(struct book, receipt), offsetof(struct book, series),
	offsetof(struct book, lane),	offsetof(struct book, state),
	offsetof(struct book, tender),	offsetof(struct book, sku),
	offsetof(struct book, time),
};

static const char **member(struct book *b, size_t i)
{
	return (const char **)((char *)b + string_members[i]);
}

static void keep_row(void *arg, const struct book *b)
{
	struct kept *k = arg;
	struct kept_row *r;

	if (k->count == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 256;
		k->rows = xrealloc(k->rows, k->cap * sizeof(*k->rows));
	}
	r = &k->rows[k->count++];
	r->book = *b;
	for (size_t i = 0; i < ARRAY_SIZE(string_members); i++) {
		const char *s = *member(&r->book, i);

		r->at[i] = s ? k->text.len + 1 : 0;
		if (s)
			buf_add(&k->text, s, strlen(s) + 1);
	}
}

static void hand_on(struct kept *k, bool start, struct ledger *out)
{
	for (size_t n = 0; n < k->count; n++) {
		struct book *b = &k->rows[n].book;

		for (size_t i = 0; i < ARRAY_SIZE(string_members); i++)
			*member(b, i) =
				k->rows[n].at[i] ? k->text.data + k->rows[n].at[i] - 1 : NULL;
		b->start = start;
		ledger_book(out, b);
	}
}

int books_read(struct stage *st, const struct target *t, bool start, bool stopped,
	       struct ledger *out, struct err *e)
{
	struct kept k = {0};
	int err = books_each(st, t, stopped, keep_row, &k, e);

	if (err >= 0)
		hand_on(&k, start, out);
	free(k.rows);
	buf_done(&k.text);
	return err;
}

/* ---- digest ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static void digest_row(void *arg, const struct book *b)
{
	uint64_t h =
		mix(mix(mix(mix(1, (uint64_t)b->what), (uint64_t)b->total), (uint64_t)b->number),
		    (uint64_t)b->qty);
	struct book copy = *b;

	for (size_t i = 0; i < ARRAY_SIZE(string_members); i++) {
		const char *s = *member(&copy, i);

		h = mix(h, i + 1);
		for (; s && *s; s++)
			h = mix(h, (unsigned char)*s);
	}
	*(uint64_t *)arg += h; /* a sum: the order of rows does not matter */
}

int books_digest(struct stage *st, const struct target *t, uint64_t *ret_digest, struct err *e)
{
	*ret_digest = 0;
	return books_each(st, t, false, digest_row, ret_digest, e);
}
