/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Two things are done to a tree after it was read: `--set`
 * changes one value, and resolved.yml is written from it.
 *
 * A `--set` path is keys joined by dots and [numbers]. Fault names hold dots
 * themselves ("faults[0].net.drop.rate"), so at every map the longest key that
 * the rest of the path starts with wins; only when none fits is the path split
 * at the next dot and a key is made. A list takes the number after its last
 * item to grow by one.
 *
 * Writing goes through libyaml's emitter, which knows when text needs quotes.
 * Plain text stays plain and quoted text stays quoted: in a request body
 * `12` is a number and `"12"` is not.
 */
#include "conf/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"

/* ---- --set ---- */

struct setting {
	const char *rest;	 /* of the path */
	const char *end;	 /* the '=' */
	struct mark mark;	 /* of the whole assignment */
	struct yaml_node *value; /* owned until placed */
	struct diag *diag;
};

static int set_error(struct setting *s, const char *why, const char *what, size_t len)
{
	diag_error(s->diag, s->mark, "%s \"%.*s\"", why, (int)len, what);
	return -EINVAL;
}

static bool key_ends(const struct setting *s, size_t len)
{
	const char *p = s->rest + len;

	return p == s->end || *p == '.' || *p == '[';
}

/* longest_key - index of the map's longest key that starts the rest of the path. */
static size_t longest_key(const struct setting *s, const struct yaml_node *map, size_t *ret_len)
{
	size_t best = SIZE_MAX;

	*ret_len = 0;
	for (size_t i = 0; i < map->count; i++) {
		size_t len = strlen(map->keys[i].name);

		if (len <= *ret_len || len > (size_t)(s->end - s->rest) ||
		    strncmp(map->keys[i].name, s->rest, len) != 0 || !key_ends(s, len))
			continue;
		best = i;
		*ret_len = len;
	}
	return best;
}

static int place(struct setting *s, struct yaml_node **slot);

/* step_over - after a key or an index: a dot before the next key is consumed. */
static int step_over(struct setting *s, size_t len)
{
	s->rest += len;
	if (s->rest < s->end && *s->rest == '.') {
		s->rest++;
		if (s->rest == s->end)
			return set_error(s, "--set: the path ends with a dot:", s->rest - 1, 1);
	}
	return 0;
}

static int place_in_map(struct setting *s, struct yaml_node *map)
{
	size_t len, i = longest_key(s, map, &len);
	char *name;

	if (i == SIZE_MAX) {
		len = strcspn(s->rest, ".[=");
		if (!len)
			return set_error(s, "--set: a key is missing before", s->rest,
					 (size_t)(s->end - s->rest) + 1);
		name = xstrndup(s->rest, len);
		yaml_put(map, name, s->mark, yaml_new(NODE_SCALAR, s->mark));
		free(name);
		i = map->count - 1;
		map->items[i]->text = xstrdup("");
		map->items[i]->plain = true;
	} else {
		map->keys[i].mark = s->mark;
	}
	if (step_over(s, len) < 0)
		return -EINVAL;
	return place(s, &map->items[i]);
}

static int place_in_list(struct setting *s, struct yaml_node *list)
{
	char *after;
	unsigned long i;

	if (*s->rest != '[' || !isdigit((unsigned char)s->rest[1]))
		return set_error(s, "--set: a list needs a number like [0] before", s->rest,
				 (size_t)(s->end - s->rest));
	i = strtoul(s->rest + 1, &after, 10);
	if (*after != ']' || after > s->end)
		return set_error(s, "--set: no ] after", s->rest, (size_t)(s->end - s->rest));
	if (i > list->count) {
		diag_error(s->diag, s->mark, "--set: [%lu] is beyond the list: it has %zu item%s",
			   i, list->count, list->count == 1 ? "" : "s");
		return -EINVAL;
	}
	if (i == list->count) {
		struct yaml_node *fresh = yaml_new(NODE_SCALAR, s->mark);

		fresh->text = xstrdup("");
		fresh->plain = true;
		yaml_push(list, fresh);
	}
	if (step_over(s, (size_t)(after + 1 - s->rest)) < 0)
		return -EINVAL;
	return place(s, &list->items[i]);
}

/* place - put the value at the rest of the path below *slot, which is a node already. */
static int place(struct setting *s, struct yaml_node **slot)
{
	if (s->rest == s->end) {
		yaml_tree_free(*slot);
		*slot = s->value;
		s->value = NULL;
		return 0;
	}
	if (yaml_empty(*slot)) {
		yaml_tree_free(*slot);
		*slot = yaml_new(*s->rest == '[' ? NODE_LIST : NODE_MAP, s->mark);
	}
	if ((*slot)->type == NODE_MAP)
		return place_in_map(s, *slot);
	if ((*slot)->type == NODE_LIST)
		return place_in_list(s, *slot);
	return set_error(s, "--set: there is a single value, nothing to go into, before", s->rest,
			 (size_t)(s->end - s->rest));
}

/* shift - a value was parsed alone: move its marks to where it stands in the assignment. */
static void shift(struct yaml_node *n, const char *file, uint32_t cols)
{
	n->mark.file = file;
	n->mark.col += n->mark.line == 1 ? cols : 0;
	for (size_t i = 0; i < n->count; i++) {
		shift(n->items[i], file, cols);
		if (n->type != NODE_MAP)
			continue;
		n->keys[i].mark.file = file;
		n->keys[i].mark.col += n->keys[i].mark.line == 1 ? cols : 0;
	}
}

/* parse_value - the text after '='; an empty one is the empty string. */
static struct yaml_node *parse_value(const char *file, const char *text, struct diag *diag)
{
	struct yaml_node *n;

	if (*text)
		return yaml_load(file, text, strlen(text), diag);
	n = yaml_new(NODE_SCALAR, (struct mark){.file = file, .line = 1, .col = 1});
	n->text = xstrdup("");
	return n;
}

void yaml_keep_file(struct yaml_node *root, char *file)
{
	root->files = xrealloc(root->files, (root->files_count + 1) * sizeof(*root->files));
	root->files[root->files_count++] = file;
}

int yaml_set(struct yaml_node **root, const char *assignment, struct diag *diag)
{
	struct setting s = {.rest = assignment, .end = strchr(assignment, '='), .diag = diag};
	char *file = xasprintf("--set %s", assignment);
	int err = -EINVAL;

	s.mark = (struct mark){.file = file, .line = 1, .col = 1};
	if (!*root)
		*root = yaml_new(NODE_MAP, s.mark);
	diag_source(diag, file, assignment, strlen(assignment));
	if (!yaml_clean(file, assignment, strlen(assignment), diag)) {
		err = -EINVAL;
	} else if (!s.end || s.end == assignment) {
		set_error(&s, "--set needs path=value, not", assignment, strlen(assignment));
	} else if ((s.value = parse_value(file, s.end + 1, diag)) != NULL) {
		s.mark.len = (uint32_t)(s.end - assignment);
		diag_source(diag, file, assignment, strlen(assignment));
		shift(s.value, file, (uint32_t)(s.end + 1 - assignment));
		err = place(&s, root);
		yaml_tree_free(s.value);
	}
	yaml_keep_file(*root, file);
	return err;
}

/* ---- writing ---- */

static int write_bytes(void *out, unsigned char *data, size_t len)
{
	buf_add(out, data, len);
	return 1;
}

static void emit(yaml_emitter_t *em, yaml_event_t *ev)
{
	if (!yaml_emitter_emit(em, ev))
		abort(); /* memory, or a tree that cannot be: never the user's doing */
}

static void emit_text(yaml_emitter_t *em, const char *text, size_t len, bool plain)
{
	yaml_event_t ev;
	yaml_scalar_style_t style = plain		      ? YAML_PLAIN_SCALAR_STYLE
				    : memchr(text, '\n', len) ? YAML_LITERAL_SCALAR_STYLE
							      : YAML_DOUBLE_QUOTED_SCALAR_STYLE;

	yaml_scalar_event_initialize(&ev, NULL, NULL, (const yaml_char_t *)text, (int)len, 1, 1,
				     style);
	emit(em, &ev);
}

static void emit_node(yaml_emitter_t *em, const struct yaml_node *n)
{
	yaml_event_t ev;

	if (n->type == NODE_SCALAR) {
		emit_text(em, n->text, n->len, n->plain);
		return;
	}
	if (n->type == NODE_LIST)
		yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
	else
		yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
	emit(em, &ev);
	for (size_t i = 0; i < n->count; i++) {
		if (n->type == NODE_MAP)
			emit_text(em, n->keys[i].name, strlen(n->keys[i].name), true);
		emit_node(em, n->items[i]);
	}
	if (n->type == NODE_LIST)
		yaml_sequence_end_event_initialize(&ev);
	else
		yaml_mapping_end_event_initialize(&ev);
	emit(em, &ev);
}

void yaml_write(const struct yaml_node *n, struct buf *out)
{
	yaml_emitter_t em;
	yaml_event_t ev;

	if (!yaml_emitter_initialize(&em))
		abort();
	yaml_emitter_set_output(&em, write_bytes, out);
	yaml_emitter_set_unicode(&em, 1);
	yaml_emitter_set_width(&em, -1);
	yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING);
	emit(&em, &ev);
	yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1);
	emit(&em, &ev);
	emit_node(&em, n);
	yaml_document_end_event_initialize(&ev, 1);
	emit(&em, &ev);
	yaml_stream_end_event_initialize(&ev);
	emit(&em, &ev);
	yaml_emitter_delete(&em);
}
