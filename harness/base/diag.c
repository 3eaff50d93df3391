/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Errors are kept in the order they were found, each with
 * its notes, and rendered at the end: location, message, the quoted line and a
 * caret. Columns count characters, so the padding under a line repeats its
 * tabs and puts one space for every other character. What is quoted comes
 * from a file that anybody may have written: control characters and bytes that
 * are not UTF-8 are replaced before they reach a terminal.
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

#define QUOTE_CHARS_MAX 160 /* longer lines are quoted in part */
#define QUOTE_BEFORE 60	    /* characters kept before the caret then */

struct item {
	struct mark at;
	char *message; /* owned */
	bool note;     /* belongs to the error before it */
};

struct source {
	char *file, *text; /* owned */
	size_t len;
	struct source *next;
};

struct diag {
	struct source *sources;
	struct item *items; /* owned */
	size_t items_count, items_size;
	size_t errors;
	bool dropping; /* the latest error was one too many: so are its notes */
};

struct diag *diag_new(void)
{
	return xcalloc(1, sizeof(struct diag));
}

void diag_free(struct diag *d)
{
	if (!d)
		return;
	for (struct source *s = d->sources, *next; s; s = next) {
		next = s->next;
		free(s->file);
		free(s->text);
		free(s);
	}
	for (size_t i = 0; i < d->items_count; i++)
		free(d->items[i].message);
	free(d->items);
	free(d);
}

void diag_source(struct diag *d, const char *file, const char *text, size_t len)
{
	struct source *s = xcalloc(1, sizeof(*s));

	s->file = xstrdup(file);
	s->text = xmalloc(len + 1);
	if (len)
		memcpy(s->text, text, len);
	s->text[len] = '\0';
	s->len = len;
	s->next = d->sources; /* a later text of the same name is found first */
	d->sources = s;
}

/* own_name - our copy of a file's name: whoever named it may be gone when this is rendered. */
static const char *own_name(struct diag *d, const char *file)
{
	const struct source *s = d->sources;

	if (!file)
		return NULL;
	while (s && strcmp(s->file, file) != 0)
		s = s->next;
	if (s)
		return s->file;
	diag_source(d, file, "", 0);
	return d->sources->file;
}

static void add_item(struct diag *d, struct mark at, bool note, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));
static void add_item(struct diag *d, struct mark at, bool note, const char *fmt, va_list ap)
{
	struct buf message = {0};

	if (d->items_count == d->items_size) {
		d->items_size = d->items_size ? 2 * d->items_size : 8;
		d->items = xrealloc(d->items, d->items_size * sizeof(*d->items));
	}
	buf_vprintf(&message, fmt, ap);
	at.file = own_name(d, at.file);
	d->items[d->items_count++] =
		(struct item){.at = at, .message = buf_steal(&message), .note = note};
}

void diag_error(struct diag *d, struct mark at, const char *fmt, ...)
{
	va_list ap;

	d->dropping = d->errors >= DIAG_ERRORS_MAX;
	if (d->dropping)
		return;
	d->errors++;
	va_start(ap, fmt);
	add_item(d, at, false, fmt, ap);
	va_end(ap);
}

void diag_note(struct diag *d, struct mark at, const char *fmt, ...)
{
	va_list ap;

	if (d->dropping)
		return;
	va_start(ap, fmt);
	add_item(d, at, true, fmt, ap);
	va_end(ap);
}

size_t diag_errors(const struct diag *d)
{
	return d->errors;
}

bool diag_full(const struct diag *d)
{
	return d->errors >= DIAG_ERRORS_MAX;
}

/* ---- rendering ---- */

/* find_line - the text of a 1-based line, without its end. NULL: not known. */
static const char *find_line(const struct diag *d, struct mark at, size_t *ret_len)
{
	const struct source *s = d->sources;
	const char *p, *end, *stop;
	uint32_t line = 1;

	while (s && (!at.file || strcmp(s->file, at.file) != 0))
		s = s->next;
	if (!s || at.line == 0)
		return NULL;
	end = s->text + s->len;
	for (p = s->text; line < at.line; line++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return NULL;
		p++;
	}
	stop = memchr(p, '\n', (size_t)(end - p));
	*ret_len = (size_t)((stop ? stop : end) - p);
	if (*ret_len && p[*ret_len - 1] == '\r')
		--*ret_len;
	return p;
}

/* char_len - bytes of the character at p; 0 when it is not UTF-8. */
static size_t char_len(const char *p, const char *end)
{
	unsigned char c = (unsigned char)*p;
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || n > (size_t)(end - p))
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* next_char - step over one character (a bad byte counts as one). */
static const char *next_char(const char *p, const char *end)
{
	size_t n = char_len(p, end);

	return p + (n ? n : 1);
}

static bool is_control(const char *p, size_t n)
{
	unsigned char c = (unsigned char)*p;

	/* U+0080..U+009F are controls too, and terminals obey them */
	return n == 1 ? (c < 0x20 && c != '\t') || c == 0x7f
		      : n == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0;
}

/* add_quoted - one character as it may be shown. */
static const char *add_quoted(struct buf *out, const char *p, const char *end)
{
	size_t n = char_len(p, end);

	if (n == 0)
		buf_adds(out, "\xef\xbf\xbd");
	else if (is_control(p, n))
		buf_addc(out, '?');
	else
		buf_add(out, p, n);
	return p + (n ? n : 1);
}

static void add_caret(struct buf *out, uint32_t len, uint32_t room)
{
	buf_addc(out, '^');
	for (uint32_t i = 1; i < len && i < room; i++)
		buf_addc(out, '~');
	buf_addc(out, '\n');
}

/* render_quote - the line and the caret under it. */
static void render_quote(const struct diag *d, struct mark at, struct buf *out)
{
	uint32_t col = 1, first = 1, shown = 0, chars = 0;
	const char *p, *end;
	struct buf pad = {0};
	size_t len;

	p = find_line(d, at, &len);
	if (!p || at.col == 0)
		return;
	end = p + len;
	for (const char *q = p; q < end; q = next_char(q, end))
		chars++;
	if (at.col > chars + 1)
		at.col = chars + 1;
	if (chars > QUOTE_CHARS_MAX && at.col > QUOTE_BEFORE + 1)
		first = at.col - QUOTE_BEFORE;
	buf_printf(out, "%5u | ", at.line);
	if (first > 1) {
		buf_adds(out, "...");
		buf_adds(&pad, "   ");
	}
	for (; col < first; col++)
		p = next_char(p, end);
	for (; p < end && shown < QUOTE_CHARS_MAX; col++, shown++) {
		if (col < at.col)
			buf_addc(&pad, *p == '\t' ? '\t' : ' ');
		p = add_quoted(out, p, end);
	}
	buf_adds(out, p < end ? "...\n" : "\n");
	buf_printf(out, "      | %s", pad.data ? pad.data : "");
	add_caret(out, at.len, first + shown > at.col ? first + shown - at.col : 1);
	buf_done(&pad);
}

static void render_item(const struct diag *d, const struct item *it, struct buf *out)
{
	if (it->at.file)
		buf_printf(out, "%s:", it->at.file);
	if (it->at.line)
		buf_printf(out, "%u:", it->at.line);
	if (it->at.line && it->at.col)
		buf_printf(out, "%u:", it->at.col);
	if (it->at.file || it->at.line)
		buf_addc(out, ' ');
	buf_printf(out, "%s: %s\n", it->note ? "note" : "error", it->message);
	if (!it->note)
		render_quote(d, it->at, out);
}

void diag_render(const struct diag *d, struct buf *out)
{
	for (size_t i = 0; i < d->items_count; i++)
		render_item(d, &d->items[i], out);
	if (diag_full(d))
		buf_printf(out, "too many errors: stopped after %d\n", DIAG_ERRORS_MAX);
}

static void json_members(struct json_out *o, const struct item *it)
{
	json_str(o, "file", it->at.file);
	json_i64(o, "line", it->at.line);
	json_i64(o, "col", it->at.col);
	json_str(o, "message", it->message);
}

void diag_render_json(const struct diag *d, struct buf *out)
{
	struct json_out o = {.buf = out};

	json_arr(&o, NULL);
	for (size_t i = 0; i < d->items_count;) {
		json_obj(&o, NULL);
		json_members(&o, &d->items[i++]);
		json_arr(&o, "notes");
		for (; i < d->items_count && d->items[i].note; i++) {
			json_obj(&o, NULL);
			json_members(&o, &d->items[i]);
			json_obj_end(&o);
		}
		json_arr_end(&o);
		json_obj_end(&o);
	}
	json_arr_end(&o);
}
