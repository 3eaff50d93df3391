// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The text is cut into parts at compile time: literals
 * and variables, each variable with the way it is written out. Constants (the
 * target's `vars:`) are folded into literals through the same writer. Whether
 * a JSON variable stands within a string is found by following the quotes.
 */
#include "crowd/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum put { PUT_RAW, PUT_URL, PUT_HEADER, PUT_JSON_INNER, PUT_JSON_VALUE, PUT_JSON_STRING };

struct part {
	enum put put;
	int slot;   /* -1: literal */
	char *text; /* owned; literal */
	size_t len;
};

struct tmpl {
	struct part *part; /* owned */
	size_t count, cap;
};

/* struct scan - compiling. */
struct scan {
	struct tmpl *t;
	struct buf lit;
	enum tmpl_esc esc;
	const struct tmpl_names *names;
	bool in_string; /* JSON */
};

/* ---- writing values ---- */

void tmpl_url_escape(struct buf *out, const char *s, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)s[i];

		if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		    (ch >= '0' && ch <= '9') || (ch && strchr("-._~", ch))) {
			buf_addc(out, (char)ch);
			continue;
		}
		buf_addc(out, '%');
		buf_addc(out, hex[ch >> 4]);
		buf_addc(out, hex[ch & 15]);
	}
}

static void put_header(struct buf *out, const struct var *v)
{
	for (size_t i = 0; i < v->len; i++) {
		if ((unsigned char)v->text[i] >= 0x20 && v->text[i] != 0x7f)
			buf_addc(out, v->text[i]);
	}
}

/* As a JSON string without its quotes. */
static void put_inner(struct buf *out, const struct var *v)
{
	struct buf quoted = { 0 };

	json_add_stringn(&quoted, v->text, v->len);
	buf_add(out, quoted.data + 1, quoted.len - 2);
	buf_done(&quoted);
}

static void put(struct buf *out, enum put how, const struct var *v)
{
	if (!v->text) {
		if (how == PUT_JSON_VALUE)
			buf_adds(out, "null");
		else if (how == PUT_JSON_STRING)
			buf_adds(out, "\"\"");
		return;
	}
	switch (how) {
	case PUT_RAW:
		buf_add(out, v->text, v->len);
		break;
	case PUT_URL:
		tmpl_url_escape(out, v->text, v->len);
		break;
	case PUT_HEADER:
		put_header(out, v);
		break;
	case PUT_JSON_INNER:
		put_inner(out, v);
		break;
	case PUT_JSON_VALUE:
	case PUT_JSON_STRING:
		if (v->bare && how == PUT_JSON_VALUE)
			buf_add(out, v->text, v->len);
		else
			json_add_stringn(out, v->text, v->len);
		break;
	}
}

/* ---- compiling ---- */

static struct part *part_add(struct tmpl *t)
{
	if (t->count == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 4;
		t->part = xrealloc(t->part, t->cap * sizeof(*t->part));
	}
	t->part[t->count] = (struct part){ .slot = -1 };
	return &t->part[t->count++];
}

static void flush_literal(struct scan *s)
{
	struct part *p;

	if (s->lit.len == 0)
		return;
	p = part_add(s->t);
	p->len = s->lit.len;
	p->text = buf_steal(&s->lit);
}

/* Is the variable alone in its JSON string? Then the opening quote is the literal's last byte. */
static bool alone(const struct scan *s, const char *after)
{
	size_t n = s->lit.len;

	return s->in_string && *after == '"' && n > 0 && s->lit.data[n - 1] == '"' &&
	       (n < 2 || s->lit.data[n - 2] != '\\');
}

static enum put how_to_put(struct scan *s, bool is_alone, bool as_text)
{
	switch (s->esc) {
	case TMPL_RAW:
		return PUT_RAW;
	case TMPL_URL:
		return PUT_URL;
	case TMPL_HEADER:
		return PUT_HEADER;
	case TMPL_JSON:
		break;
	}
	if (s->in_string && !is_alone)
		return PUT_JSON_INNER;
	return as_text ? PUT_JSON_STRING : PUT_JSON_VALUE;
}

static int add_variable(struct scan *s, const char *name, enum put how, struct err *e)
{
	const char *constant = NULL;
	int slot = s->names->find(s->names->arg, name, &constant);
	struct part *p;

	if (constant) {
		struct var v = { .text = constant, .len = strlen(constant) };

		put(&s->lit, how, &v);
		return 0;
	}
	if (slot < 0)
		return err_set(e, EINVAL, "no such variable: ${%s}", name);
	flush_literal(s);
	p = part_add(s->t);
	p->slot = slot;
	p->put = how;
	return 0;
}

/* @at: behind "${". *ret_next: behind the variable (and its closing quote, if that goes too). */
static int scan_variable(struct scan *s, const char *at, const char **ret_next, struct err *e)
{
	const char *end = strchr(at, '}');
	bool is_alone, as_text = false;
	char name[64];
	size_t len;

	if (!end)
		return err_set(e, EINVAL, "\"${\" without \"}\" in \"%.60s\"", at - 2);
	len = (size_t)(end - at);
	if (len > 5 && memcmp(end - 5, ":text", 5) == 0) {
		as_text = true;
		len -= 5;
	}
	if (len == 0 || len >= sizeof(name))
		return err_set(e, EINVAL, "bad variable name in \"%.60s\"", at - 2);
	memcpy(name, at, len);
	name[len] = '\0';
	*ret_next = end + 1;
	is_alone = s->esc == TMPL_JSON && alone(s, end + 1);
	if (is_alone) { /* both quotes go: the value brings its own where it needs them */
		s->lit.len--;
		s->in_string = false;
		++*ret_next;
	}
	return add_variable(s, name, how_to_put(s, is_alone, as_text), e);
}

static const char *scan_literal(struct scan *s, const char *p)
{
	if (p[0] == '$' && p[1] == '$' && p[2] == '{') {
		buf_adds(&s->lit, "${");
		return p + 3;
	}
	if (s->esc == TMPL_JSON && *p == '\\' && p[1]) {
		buf_add(&s->lit, p, 2);
		return p + 2;
	}
	if (s->esc == TMPL_JSON && *p == '"')
		s->in_string = !s->in_string;
	buf_addc(&s->lit, *p);
	return p + 1;
}

int tmpl_new(struct tmpl **ret, const char *text, enum tmpl_esc esc, const struct tmpl_names *names,
	     struct err *e)
{
	struct scan s = { .t = xcalloc(1, sizeof(*s.t)), .esc = esc, .names = names };
	int r = 0;

	while (*text && r == 0) {
		if (text[0] == '$' && text[1] == '{')
			r = scan_variable(&s, text + 2, &text, e);
		else
			text = scan_literal(&s, text);
	}
	flush_literal(&s);
	buf_done(&s.lit);
	if (r < 0) {
		tmpl_free(s.t);
		return r;
	}
	*ret = s.t;
	return 0;
}

void tmpl_free(struct tmpl *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->part[i].text);
	free(t->part);
	free(t);
}

const char *tmpl_constant(const struct tmpl *t)
{
	if (t->count == 0)
		return "";
	return t->count == 1 && t->part[0].slot < 0 ? t->part[0].text : NULL;
}

void tmpl_render(const struct tmpl *t, const struct tmpl_values *v, struct buf *out)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct part *p = &t->part[i];

		if (p->slot < 0) {
			buf_add(out, p->text, p->len);
		} else {
			struct var x = v->get(v->arg, p->slot);

			put(out, p->put, &x);
		}
	}
}
