/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Three shapes are understood:
 *
 *   [{"key": …, "total": …}, …]                           an array: sales
 *   {"sales": […], "stock": […], …, "queue": 0}           an object of arrays
 *   {"key": …, "total": …}\n{…}\n                         an object a line: sales, or
 *                                                         whatever its "what" says
 *
 * Members are columns; a row is turned into text cells in the order of the
 * fields, so that one rule serves databases and JSON alike.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "trial/books_room.h"

struct work {
	const struct books_in *in;
	struct books_map maps[BOOKS_QUERIES]; /* column f is field f, for all */
	struct buf text;		      /* of one row's cells */
};

static void maps_init(struct work *w)
{
	for (size_t i = 0; i < BOOKS_QUERIES; i++) {
		w->maps[i] = (struct books_map){.query = &books_queries[i]};
		for (int f = 0; f < FIELDS_COUNT; f++)
			w->maps[i].column[f] = f;
	}
}

/* Which members an object has, as offsets + 1 into w->text; 0: absent or null. */
static unsigned row_cells(struct work *w, const struct json_val *object, size_t *at)
{
	struct json_val key, val;
	struct json_iter it;
	unsigned has = 0;

	buf_reset(&w->text);
	json_iter_init(&it, object);
	while (json_next(&it, &key, &val)) {
		int f = key.len >= 2 ? books_field(key.at + 1, key.len - 2) : -1;

		if (f < 0)
			continue;
		has |= 1u << f;
		if (val.type == JSON_NULL)
			continue;
		at[f] = w->text.len + 1;
		json_string(&val, &w->text);
		buf_addc(&w->text, '\0');
	}
	return has;
}

static int take_row(struct work *w, struct books_map *m, const struct json_val *row, struct err *e)
{
	size_t at[FIELDS_COUNT] = {0};
	const char *cells[FIELDS_COUNT];
	unsigned has, missing;

	if (row->type != JSON_OBJECT)
		return err_set(e, EINVAL, "books.%s: row %lld is not an object", m->query->name,
			       (long long)m->row + 1);
	has = row_cells(w, row, at);
	missing = m->query->required & ~has;
	for (int f = 0; f < FIELDS_COUNT; f++) {
		if (missing & 1u << f) {
			static const char *const names[] = {[FIELD_KEY] = "key",
							    [FIELD_TOTAL] = "total",
							    [FIELD_SKU] = "sku",
							    [FIELD_QTY] = "qty",
							    [FIELD_NUMBER] = "number"};

			return err_set(e, EINVAL, "books.%s: row %lld has no \"%s\"",
				       m->query->name, (long long)m->row + 1, names[f]);
		}
		cells[f] = at[f] ? w->text.data + at[f] - 1 : NULL;
	}
	return books_row(w->in, m, cells, e);
}

static int take_rows(struct work *w, struct books_map *m, const struct json_val *array,
		     struct err *e)
{
	struct json_val key, val;
	struct json_iter it;
	int err = 0;

	if (array->type == JSON_NULL)
		return 0;
	if (array->type != JSON_ARRAY)
		return err_set(e, EINVAL, "books.%s: not an array", m->query->name);
	json_iter_init(&it, array);
	while (err >= 0 && json_next(&it, &key, &val))
		err = take_row(w, m, &val, e);
	return err;
}

/* A number, or rows of which the first has it. */
static int take_queue(struct work *w, struct json_val v, struct err *e)
{
	struct json_val key;
	struct json_iter it;
	cleanup_free char *text = NULL;

	while (v.type == JSON_ARRAY || v.type == JSON_OBJECT) {
		json_iter_init(&it, &v);
		if (!json_next(&it, &key, &v))
			return err_set(e, ENODATA, "books.queue is empty");
	}
	if (v.type == JSON_NONE || v.type == JSON_NULL)
		return 0;
	text = json_dup(&v);
	return books_count(text, w->in->ret_queue, e);
}

static bool is_collection(const struct json_val *object)
{
	if (json_get(object, "key").type != JSON_NONE)
		return false; /* a sale, whatever lists it has */
	if (json_get(object, "queue").type != JSON_NONE ||
	    json_get(object, "sales").type != JSON_NONE)
		return true;
	for (size_t i = 0; i < BOOKS_QUERIES; i++)
		if (json_get(object, books_queries[i].name).type == JSON_ARRAY)
			return true;
	return false;
}

static int take_collection(struct work *w, const struct json_val *object, struct err *e)
{
	int err = 0;

	if (w->in->queue)
		return take_queue(w, json_get(object, "queue"), e);
	/* Books that do not speak of sales do not say that there are none. */
	if (json_get(object, "sales").type == JSON_NONE)
		return err_set(e, EINVAL, "there is no \"sales\" (no sales would be [])");
	for (size_t i = 0; i < BOOKS_QUERIES && err >= 0; i++) {
		struct json_val v = json_get(object, books_queries[i].name);

		if (v.type != JSON_NONE)
			err = take_rows(w, &w->maps[i], &v, e);
	}
	return err;
}

/* "sale" or "sales" */
static bool names_query(const char *word, const char *query)
{
	size_t len = strlen(query);

	return strcmp(word, query) == 0 || (query[len - 1] == 's' && strlen(word) == len - 1 &&
					    strncmp(word, query, len - 1) == 0);
}

static int take_line(struct work *w, const struct json_val *row, struct err *e)
{
	struct json_val what = json_get(row, "what");
	cleanup_free char *word = what.type == JSON_STRING ? json_dup(&what) : NULL;

	if (word && strcmp(word, "queue") == 0)
		return w->in->queue ? take_queue(w, json_get(row, "n"), e) : 0;
	if (w->in->queue)
		return 0;
	for (size_t i = 0; i < BOOKS_QUERIES; i++)
		if (!word ? i == 0 : names_query(word, books_queries[i].name))
			return take_row(w, &w->maps[i], row, e);
	return err_set(e, EINVAL, "a row's \"what\" is \"%.40s\"", word);
}

static int take_lines(struct work *w, const char *text, size_t len, struct err *e)
{
	const char *end = text + len;
	long long number = 0;
	int err = 0;

	while (text < end && err >= 0) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((eol ? eol : end) - text);
		struct json_val v;

		number++;
		if (strspn(text, " \t\r") < n) {
			err = json_parse(text, n, &v, e);
			if (err >= 0)
				err = take_line(w, &v, e);
			if (err < 0)
				err = err_wrap(e, "line %lld", number);
		}
		text += n + 1;
	}
	return err;
}

/* Does a second line begin another value? */
static bool many_lines(const char *text)
{
	const char *eol = strchr(text, '\n');

	return text[0] == '{' && eol && eol > text && eol[1 + strspn(eol + 1, " \t\r\n")] == '{';
}

static int take_text(struct work *w, const char *text, size_t len, struct err *e)
{
	struct json_val v;
	int err;

	if (len == 0)
		return 0;
	if (many_lines(text))
		return take_lines(w, text, len, e);
	err = json_parse(text, len, &v, e);
	if (err < 0)
		return err_wrap(e, "\"%.60s\"", text);
	if (v.type == JSON_ARRAY)
		return w->in->queue ? 0 : take_rows(w, &w->maps[0], &v, e);
	if (v.type != JSON_OBJECT)
		return err_set(e, EINVAL, "\"%.60s\" is neither an array nor an object", text);
	return is_collection(&v) ? take_collection(w, &v, e) : take_line(w, &v, e);
}

int books_json(const struct books_in *in, const char *text, size_t len, struct err *e)
{
	struct work w = {.in = in};
	size_t blank = strspn(text, " \t\r\n");
	int err;

	maps_init(&w);
	err = take_text(&w, text + blank, len > blank ? len - blank : 0, e);
	buf_done(&w.text);
	return err;
}
