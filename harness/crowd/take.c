// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Each take has one source: a JSON pointer or a regex on
 * the body, a header, a cookie of this reply, or a text with variables. The
 * body is parsed as JSON at most once per reply, and only when a pointer asks.
 */
#include "crowd/take.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "crowd/template.h"

struct one {
	const struct take *conf; /* borrowed */
	struct regex *regex;
	struct tmpl *field;
};

struct takes {
	struct one *one; /* owned */
	size_t count;
	bool headers, json;
};

/* struct found - a value before it is handed on. */
struct found {
	struct buf text;
	bool there, bare;
};

/* ---- finding ---- */

static void find_pointer(const struct json_val *root, const char *pointer, struct found *f)
{
	struct json_val v = json_pointer(root, pointer);

	if (v.type == JSON_NONE || v.type == JSON_NULL)
		return;
	f->there = true;
	f->bare = v.type != JSON_STRING;
	json_string(&v, &f->text);
}

static void find_regex(const struct regex *re, const struct reply_text *r, struct found *f)
{
	size_t start, len;

	if (!regex_group1(re, r->body, r->body_len, &start, &len))
		return;
	f->there = true;
	buf_add(&f->text, r->body + start, len);
}

/* The next header line called name, from *at on: its value, trimmed. */
static bool next_header(const struct reply_text *r, const char *name, size_t *at,
			const char **ret_value, size_t *ret_len)
{
	size_t name_len = strlen(name);

	while (*at < r->headers_len) {
		const char *line = r->headers + *at;
		const char *nl = memchr(line, '\n', r->headers_len - *at);
		const char *end = nl ? nl : r->headers + r->headers_len;
		const char *v = line + name_len + 1;

		*at = (size_t)(end - r->headers) + 1;
		if ((size_t)(end - line) <= name_len || line[name_len] != ':' ||
		    strncasecmp(line, name, name_len) != 0)
			continue;
		while (v < end && (*v == ' ' || *v == '\t'))
			v++;
		while (end > v && strchr(" \t\r", end[-1]))
			end--;
		*ret_value = v;
		*ret_len = (size_t)(end - v);
		return true;
	}
	return false;
}

static void find_header(const struct reply_text *r, const char *name, struct found *f)
{
	const char *v;
	size_t at = 0, len;

	if (!next_header(r, name, &at, &v, &len))
		return;
	f->there = true;
	buf_add(&f->text, v, len);
}

static void find_cookie(const struct reply_text *r, const char *name, struct found *f)
{
	size_t at = 0, len, name_len = strlen(name);
	const char *v;

	while (next_header(r, "Set-Cookie", &at, &v, &len)) {
		const char *semi = memchr(v, ';', len);

		if (semi)
			len = (size_t)(semi - v);
		if (len <= name_len || v[name_len] != '=' || memcmp(v, name, name_len) != 0)
			continue;
		f->there = true;
		buf_reset(&f->text); /* the last one counts */
		buf_add(&f->text, v + name_len + 1, len - name_len - 1);
	}
}

static void find(const struct one *o, const struct reply_text *r, const struct json_val *root,
		 const struct tmpl_values *values, struct found *f)
{
	if (o->conf->pointer && root->type != JSON_NONE) {
		find_pointer(root, o->conf->pointer, f);
	} else if (o->regex) {
		find_regex(o->regex, r, f);
	} else if (o->conf->header) {
		find_header(r, o->conf->header, f);
	} else if (o->conf->cookie) {
		find_cookie(r, o->conf->cookie, f);
	} else if (o->field) {
		tmpl_render(o->field, values, &f->text);
		f->there = true;
	}
}

int takes_apply(const struct takes *t, const struct reply_text *r, const struct tmpl_values *values,
		const struct take_sink *sink, const char **ret_missing)
{
	struct json_val root = { .type = JSON_NONE };
	struct found f = { 0 };
	int result = 0;

	if (t->json && json_parse(r->body ? r->body : "", r->body_len, &root, NULL) < 0)
		root.type = JSON_NONE;
	for (size_t i = 0; i < t->count && result == 0; i++) {
		const struct one *o = &t->one[i];

		buf_reset(&f.text);
		f.there = f.bare = false;
		find(o, r, &root, values, &f);
		if (f.there) {
			sink->set(sink->arg, i, f.text.data ? f.text.data : "", f.text.len, f.bare);
		} else if (o->conf->required) {
			*ret_missing = o->conf->name;
			result = -ENOENT;
		}
	}
	buf_done(&f.text);
	return result;
}

/* ---- compiling ---- */

static int compile(struct takes *t, struct one *o, const struct tmpl_names *names, struct err *e)
{
	const struct take *c = o->conf;
	int r = 0;

	t->json |= c->pointer != NULL;
	t->headers |= c->header || c->cookie;
	if (c->regex)
		r = regex_new(&o->regex, c->regex, e);
	if (r == 0 && c->field)
		r = tmpl_new(&o->field, c->field, TMPL_RAW, names, e);
	return r < 0 ? err_wrap(e, "take %s", c->name) : 0;
}

int takes_new(struct takes **ret, const struct take *at, size_t count,
	      const struct tmpl_names *names, struct err *e)
{
	struct takes *t = xcalloc(1, sizeof(*t));
	int r = 0;

	t->count = count;
	t->one = xcalloc(count + 1, sizeof(*t->one));
	for (size_t i = 0; i < count && r == 0; i++) {
		t->one[i].conf = &at[i];
		r = compile(t, &t->one[i], names, e);
	}
	if (r < 0) {
		takes_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void takes_free(struct takes *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++) {
		regex_free(t->one[i].regex);
		tmpl_free(t->one[i].field);
	}
	free(t->one);
	free(t);
}

bool takes_want_headers(const struct takes *t)
{
	return t->headers;
}
