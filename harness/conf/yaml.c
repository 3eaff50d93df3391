/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. libyaml turns the text into events and a recursive
 * reader builds the tree from them, at most YAML_DEPTH_MAX deep. The language
 * is deliberately smaller than YAML: what a reader could misread (anchors,
 * aliases, merge keys, tags, several documents, keys that are not text) is an
 * error that says what to write instead. libyaml accepts duplicate keys and
 * leaves scalars untyped, so the first is rejected here and the second is left
 * to the option tables.
 *
 * A syntax error ends the reading (libyaml cannot resume); everything else is
 * reported and reading goes on, so that one run shows all of them. libyaml's
 * marks count from 0 and in characters; ours count from 1.
 *
 * Lines: libyaml also breaks lines at NEL, LS, PS and a lone CR, editors do
 * not. These and control characters are refused before parsing, so that the
 * line numbers of messages are those of an editor.
 */
#include "conf/yaml.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/cleanup.h"

struct reader {
	yaml_parser_t parser;
	const char *file, *text;
	size_t len;
	struct diag *diag;
	bool failed; /* a syntax error: no more events */
};

/* ---- trees ---- */

struct yaml_node *yaml_new(enum node_type type, struct mark mark)
{
	struct yaml_node *n = xcalloc(1, sizeof(*n));

	n->type = type;
	n->mark = mark;
	return n;
}

void yaml_tree_free(struct yaml_node *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->count; i++) {
		yaml_tree_free(n->items[i]);
		if (n->keys)
			free(n->keys[i].name);
	}
	free(n->items);
	free(n->keys);
	free(n->text);
	for (size_t i = 0; i < n->files_count; i++)
		free(n->files[i]);
	free(n->files);
	free(n);
}

/* Arrays grow by doubling: full whenever count is 0 or a power of two. */
static bool full(size_t count)
{
	return (count & (count - 1)) == 0;
}

void yaml_push(struct yaml_node *list, struct yaml_node *item)
{
	if (full(list->count))
		list->items = xrealloc(list->items,
				       (list->count ? 2 * list->count : 1) * sizeof(*list->items));
	list->items[list->count++] = item;
}

void yaml_put(struct yaml_node *map, const char *key, struct mark key_mark, struct yaml_node *value)
{
	if (full(map->count))
		map->keys =
			xrealloc(map->keys, (map->count ? 2 * map->count : 1) * sizeof(*map->keys));
	map->keys[map->count] = (struct yaml_key){.name = xstrdup(key), .mark = key_mark};
	yaml_push(map, value);
}

static size_t key_index(const struct yaml_node *map, const char *key)
{
	if (!map || map->type != NODE_MAP)
		return SIZE_MAX;
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->keys[i].name, key) == 0)
			return i;
	return SIZE_MAX;
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	size_t i = key_index(map, key);

	return i == SIZE_MAX ? NULL : map->items[i];
}

struct mark yaml_key_mark(const struct yaml_node *map, const char *key)
{
	size_t i = key_index(map, key);

	return i == SIZE_MAX ? map->mark : map->keys[i].mark;
}

void yaml_drop(struct yaml_node *map, const char *key)
{
	size_t i = key_index(map, key);

	if (i == SIZE_MAX)
		return;
	yaml_tree_free(map->items[i]);
	free(map->keys[i].name);
	map->count--;
	memmove(&map->items[i], &map->items[i + 1], (map->count - i) * sizeof(*map->items));
	memmove(&map->keys[i], &map->keys[i + 1], (map->count - i) * sizeof(*map->keys));
}

void yaml_over(struct yaml_node *low, struct yaml_node *top)
{
	assert(low->type == NODE_MAP && top->type == NODE_MAP);
	for (size_t k = 0; k < top->count; k++) {
		struct yaml_node *v = top->items[k];
		size_t i = key_index(low, top->keys[k].name);

		top->items[k] = NULL;
		if (i == SIZE_MAX) {
			yaml_put(low, top->keys[k].name, top->keys[k].mark, v);
		} else if (v->type == NODE_SCALAR && v->plain && strcmp(v->text, "~") == 0) {
			yaml_drop(low, top->keys[k].name);
			yaml_tree_free(v);
		} else if (v->type == NODE_MAP && low->items[i]->type == NODE_MAP) {
			yaml_over(low->items[i], v);
			yaml_tree_free(v);
		} else {
			yaml_tree_free(low->items[i]);
			low->items[i] = v;
			low->keys[i].mark = top->keys[k].mark;
		}
	}
	for (size_t i = 0; i < top->files_count; i++)
		yaml_keep_file(low, top->files[i]);
	top->files_count = 0;
}

bool yaml_empty(const struct yaml_node *n)
{
	if (!n)
		return true;
	return n->type == NODE_SCALAR && n->plain &&
	       (n->len == 0 || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

/* ---- marks and errors ---- */

static struct mark mark_from(const struct reader *r, yaml_mark_t start)
{
	return (struct mark){.file = r->file,
			     .line = (uint32_t)start.line + 1,
			     .col = (uint32_t)start.column + 1};
}

static struct mark mark_span(const struct reader *r, const yaml_event_t *ev)
{
	struct mark m = mark_from(r, ev->start_mark);

	if (ev->end_mark.line == ev->start_mark.line)
		m.len = (uint32_t)(ev->end_mark.column - ev->start_mark.column);
	return m;
}

/* mark_at - the place of a byte offset, counted in characters. */
static struct mark mark_at(const struct reader *r, size_t offset)
{
	struct mark m = {.file = r->file, .line = 1, .col = 1};

	for (size_t i = 0; i < offset && i < r->len; i++) {
		if (r->text[i] == '\n') {
			m.line++;
			m.col = 1;
		} else if (((unsigned char)r->text[i] & 0xc0) != 0x80) {
			m.col++;
		}
	}
	return m;
}

/* char_at - the byte where a mark points (its line's ASCII is enough to recognise tabs). */
static const char *line_at(const struct reader *r, size_t line)
{
	const char *p = r->text, *end = r->text + r->len;

	while (line-- && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		p = nl ? nl + 1 : end;
	}
	return p;
}

/* tab_before - the column of a tab in the indentation of a line, or 0. */
static uint32_t tab_indent(const struct reader *r, size_t line)
{
	const char *p = line_at(r, line), *end = r->text + r->len;

	for (uint32_t col = 1; p < end && (*p == ' ' || *p == '\t'); p++, col++)
		if (*p == '\t')
			return col;
	return 0;
}

/* The line holds `${` inside a flow collection: the usual cause of a puzzling syntax error. */
static bool variable_in_line(const struct reader *r, size_t line)
{
	const char *p = line_at(r, line);
	const char *nl = memchr(p, '\n', (size_t)(r->text + r->len - p));

	return memmem(p, (size_t)((nl ? nl : r->text + r->len) - p), "${", 2) != NULL;
}

struct rewording {
	const char *theirs, *ours;
};
/* What libyaml says, and what it means to a person. */
static const struct rewording rewordings[] = {
	{"mapping values are not allowed in this context",
	 "a second \": \" here (quote the text if it is meant, or check the indentation)"},
	{"could not find expected ':'", "expected \"key: value\", found no \":\""},
	{"did not find expected key",
	 "expected another key here (check the indentation and the quotes)"},
	{"did not find expected '-' indicator",
	 "expected another \"- \" item here (check the indentation)"},
	{"did not find expected ',' or '}'", "expected \",\" or \"}\""},
	{"did not find expected ',' or ']'", "expected \",\" or \"]\""},
	{"found unexpected end of stream", "the file ends inside quotes"},
	{"found character that cannot start any token",
	 "text cannot start with this character; quote it"},
	{"did not find expected <document start>",
	 "unexpected text after the end of the document (check the indentation)"},
	{"did not find expected alphabetic or numeric character",
	 "a name must follow & or *; quote the text if it is meant"},
	{"block sequence entries are not allowed in this context",
	 "a list item (\"- \") is not allowed here (start it on a new line)"},
	{"did not find expected node content", "expected a value here"},
};

/* What libyaml was doing, as the thing that it was in. */
static const struct rewording contexts[] = {
	{"while parsing a flow mapping", "in the map in { }"},
	{"while parsing a flow sequence", "in the list in [ ]"},
	{"while parsing a block mapping", "in the map"},
	{"while parsing a block collection", "in the list"},
	{"while scanning a quoted scalar", "in the quoted text"},
	{"while scanning a simple key", "in the key"},
	{"while scanning a block scalar", "in the text"},
	{"while scanning a plain scalar", "in the text"},
};

static const char *reword(const struct rewording *table, size_t count, const char *theirs)
{
	for (size_t i = 0; i < count; i++)
		if (theirs && strcmp(theirs, table[i].theirs) == 0)
			return table[i].ours;
	return theirs ? theirs : "cannot be read as YAML";
}

static void scanner_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct mark at = mark_from(r, p->problem_mark);
	uint32_t tab = tab_indent(r, p->problem_mark.line);

	if (tab) {
		at.col = tab;
		diag_error(r->diag, at, "a tab is used for indentation; write spaces");
		return;
	}
	diag_error(r->diag, at, "%s", reword(rewordings, ARRAY_SIZE(rewordings), p->problem));
	if (variable_in_line(r, p->problem_mark.line))
		diag_note(
			r->diag, (struct mark){0},
			"between { } and [ ] a ${variable} must stand in quotes: \"${variable}\"");
	if (p->context && p->context_mark.line != p->problem_mark.line)
		diag_note(r->diag, mark_from(r, p->context_mark), "%s that starts here",
			  reword(contexts, ARRAY_SIZE(contexts), p->context));
}

static void parser_failed(struct reader *r)
{
	r->failed = true;
	if (r->parser.error == YAML_READER_ERROR)
		diag_error(r->diag, mark_at(r, r->parser.problem_offset),
			   "this is not UTF-8 text (%s)", r->parser.problem);
	else
		scanner_error(r);
}

/* next - the next event, zeroed after a syntax error. */
static bool next(struct reader *r, yaml_event_t *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (r->failed)
		return false;
	if (yaml_parser_parse(&r->parser, ret))
		return true;
	parser_failed(r);
	return false;
}

/* ---- building ---- */

static struct yaml_node *read_node(struct reader *r, const yaml_event_t *ev, unsigned depth);

static void refuse_extras(struct reader *r, const yaml_event_t *ev, const yaml_char_t *anchor,
			  const yaml_char_t *tag)
{
	if (anchor)
		diag_error(r->diag, mark_from(r, ev->start_mark),
			   "anchors (&%s) are not supported; quote the text if the & is meant",
			   (const char *)anchor);
	if (tag)
		diag_error(r->diag, mark_from(r, ev->start_mark),
			   "tags (%s) are not supported; quote the text if the ! is meant",
			   (const char *)tag);
}

static struct yaml_node *read_scalar(struct reader *r, const yaml_event_t *ev)
{
	struct yaml_node *n = yaml_new(NODE_SCALAR, mark_span(r, ev));

	refuse_extras(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	n->len = ev->data.scalar.length;
	n->text = xstrndup((const char *)ev->data.scalar.value, n->len);
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (memchr(ev->data.scalar.value, 0, n->len)) {
		diag_error(r->diag, n->mark, "text must not hold a NUL character (\\0)");
		n->len = strlen(n->text);
	}
	return n;
}

static struct yaml_node *read_list(struct reader *r, const yaml_event_t *ev, unsigned depth)
{
	struct yaml_node *n = yaml_new(NODE_LIST, mark_from(r, ev->start_mark));
	yaml_event_t e;

	refuse_extras(r, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
	while (next(r, &e) && e.type != YAML_SEQUENCE_END_EVENT) {
		yaml_push(n, read_node(r, &e, depth + 1));
		yaml_event_delete(&e);
	}
	yaml_event_delete(&e);
	return n;
}

static bool key_fits(struct reader *r, const struct yaml_node *map, const struct yaml_node *key)
{
	size_t i;

	if (key->type != NODE_SCALAR) {
		diag_error(r->diag, key->mark, "a key must be text");
		return false;
	}
	if (key->plain && strcmp(key->text, "<<") == 0) {
		diag_error(r->diag, key->mark,
			   "merge keys (<<) are not supported; write the keys out");
		return false;
	}
	if (map->count >= YAML_PAIRS_MAX) {
		diag_error(r->diag, key->mark, "more than %d keys in one map", YAML_PAIRS_MAX);
		r->failed = true;
		return false;
	}
	i = key_index(map, key->text);
	if (i == SIZE_MAX)
		return true;
	diag_error(r->diag, key->mark, "the key \"%s\" is given twice", key->text);
	diag_note(r->diag, map->keys[i].mark, "it was first given here");
	return false;
}

static struct yaml_node *read_map(struct reader *r, const yaml_event_t *ev, unsigned depth)
{
	struct yaml_node *n = yaml_new(NODE_MAP, mark_from(r, ev->start_mark));
	yaml_event_t e;

	refuse_extras(r, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
	while (next(r, &e) && e.type != YAML_MAPPING_END_EVENT) {
		struct yaml_node *key = read_node(r, &e, depth + 1), *value = NULL;

		yaml_event_delete(&e);
		if (next(r, &e))
			value = read_node(r, &e, depth + 1);
		if (value && key_fits(r, n, key))
			yaml_put(n, key->text, key->mark, value);
		else
			yaml_tree_free(value);
		yaml_tree_free(key);
		yaml_event_delete(&e);
	}
	yaml_event_delete(&e);
	return n;
}

static struct yaml_node *read_alias(struct reader *r, const yaml_event_t *ev)
{
	struct yaml_node *n = yaml_new(NODE_SCALAR, mark_span(r, ev));

	diag_error(r->diag, n->mark,
		   "aliases (*%s) are not supported; quote the text if the * is meant",
		   (const char *)ev->data.alias.anchor);
	n->text = xstrdup("");
	return n;
}

static struct yaml_node *read_node(struct reader *r, const yaml_event_t *ev, unsigned depth)
{
	if (depth > YAML_DEPTH_MAX) {
		diag_error(r->diag, mark_from(r, ev->start_mark), "nested deeper than %d levels",
			   YAML_DEPTH_MAX);
		r->failed = true;
		return yaml_new(NODE_LIST, mark_from(r, ev->start_mark));
	}
	switch (ev->type) {
	case YAML_SEQUENCE_START_EVENT:
		return read_list(r, ev, depth);
	case YAML_MAPPING_START_EVENT:
		return read_map(r, ev, depth);
	case YAML_ALIAS_EVENT:
		return read_alias(r, ev);
	default:
		return read_scalar(r, ev);
	}
}

static struct yaml_node *read_document(struct reader *r)
{
	struct yaml_node *root = NULL;
	yaml_event_t e;

	while (next(r, &e) && e.type != YAML_STREAM_END_EVENT) {
		if (e.type == YAML_DOCUMENT_START_EVENT && root) {
			diag_error(r->diag, mark_from(r, e.start_mark),
				   "a second document starts here; one file holds one");
			r->failed = true;
		} else if (e.type == YAML_SCALAR_EVENT || e.type == YAML_SEQUENCE_START_EVENT ||
			   e.type == YAML_MAPPING_START_EVENT || e.type == YAML_ALIAS_EVENT) {
			yaml_tree_free(root);
			root = read_node(r, &e, 0);
		}
		yaml_event_delete(&e);
	}
	yaml_event_delete(&e);
	if (!root && !r->failed)
		diag_error(r->diag, (struct mark){.file = r->file, .line = 1, .col = 1},
			   "the file is empty");
	return root;
}

/* ---- the text before libyaml sees it ---- */

/* utf8_len - bytes of the character at p, 0 when it is none (overlong forms, surrogates: libyaml).
 */
static size_t utf8_len(const char *p, size_t left)
{
	unsigned char c = (unsigned char)*p;
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* odd_at - length of a character at p that would upset line counting or a terminal, else 0. */
static size_t odd_at(const char *p, size_t left)
{
	unsigned char c = (unsigned char)*p;

	if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
		return 1;
	if (c == '\r' && (left < 2 || p[1] != '\n'))
		return 1;
	if (c == 0xc2 && left > 1 && (unsigned char)p[1] == 0x85)
		return 2;
	if (c == 0xe2 && left > 2 && (unsigned char)p[1] == 0x80 &&
	    ((unsigned char)p[2] == 0xa8 || (unsigned char)p[2] == 0xa9))
		return 3;
	return 0;
}

bool yaml_clean(const char *file, const char *text, size_t len, struct diag *diag)
{
	const struct reader reader = {.file = file, .text = text, .len = len}, *r = &reader;

	if (len > YAML_SIZE_MAX) {
		diag_error(diag, (struct mark){.file = file}, "the file is larger than %d MiB",
			   YAML_SIZE_MAX >> 20);
		return false;
	}
	for (size_t i = 0, n; i < r->len; i += n) {
		bool odd = odd_at(r->text + i, r->len - i) != 0;

		n = utf8_len(r->text + i, r->len - i);
		if (n && !odd)
			continue;
		diag_error(diag, mark_at(r, i),
			   n ? "a control character (0x%02x); is this a text file?"
			     : "this is not UTF-8 text (byte 0x%02x)",
			   (unsigned char)r->text[i]);
		return false;
	}
	return true;
}

struct yaml_node *yaml_load(const char *file, const char *text, size_t len, struct diag *diag)
{
	struct reader r = {.file = file, .text = text, .len = len, .diag = diag};
	size_t errors = diag_errors(diag);
	struct yaml_node *root;

	diag_source(diag, file, text, len);
	if (!yaml_clean(file, text, len, diag))
		return NULL;
	if (!yaml_parser_initialize(&r.parser)) {
		diag_error(diag, (struct mark){.file = file}, "out of memory");
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	root = read_document(&r);
	yaml_parser_delete(&r.parser);
	if (diag_errors(diag) == errors && !diag_full(diag))
		return root;
	yaml_tree_free(root);
	return NULL;
}

/* read_file - the whole of a regular file, at most one byte more than is allowed. */
static int read_file(const char *path, struct buf *out)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char chunk[16384];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && out->len <= YAML_SIZE_MAX)
		buf_add(out, chunk, (size_t)n);
	return n < 0 ? -errno : 0;
}

int yaml_read(const char *path, struct buf *out, struct diag *diag)
{
	int err = read_file(path, out);

	if (err == 0)
		return 0;
	/* gives the name a home in diag: the caller's may be gone when this is shown */
	diag_source(diag, path, "", 0);
	diag_error(diag, (struct mark){.file = path}, "cannot be read: %s", strerror(-err));
	return err;
}

struct yaml_node *yaml_load_file(const char *path, struct diag *diag)
{
	struct yaml_node *root = NULL;
	struct buf text = {0};

	if (yaml_read(path, &text, diag) == 0)
		root = yaml_load(path, text.data ? text.data : "", text.len, diag);
	buf_done(&text);
	return root;
}
