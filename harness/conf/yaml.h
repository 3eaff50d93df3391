/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CONF_YAML_H
#define WD_CONF_YAML_H

/*
 * A YAML document as a tree that remembers where everything stood. Scalars are
 * text: meaning comes from the option tables. Duplicate keys, anchors,
 * aliases, merge keys, tags and several documents are errors.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

struct err;

enum node_type { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct yaml_node {
	enum node_type type;
	struct mark mark; /* where the value starts */
	char *text;	  /* scalar: owned, NUL-terminated */
	size_t len;
	bool plain;   /* scalar written without quotes */
	size_t count; /* list: items; map: pairs */
	struct yaml_node **items;
	struct yaml_key { /* map only, parallel to items */
		char *name;
		struct mark mark;
	} * keys;
	char **files; /* root only, owned: names that marks of --set values point to */
	size_t files_count;
};

#define YAML_DEPTH_MAX 64	/* nesting beyond it is an error */
#define YAML_SIZE_MAX (4 << 20) /* bytes in a file */
#define YAML_PAIRS_MAX 10000	/* keys in one map */

/** yaml_clean - is this text that may be read: UTF-8, no control characters, not too large? The
 * first offence goes into diag. (libyaml's emitter never returns from bytes that are not UTF-8.) */
bool yaml_clean(const char *file, const char *text, size_t len, struct diag *diag);
/** yaml_load - parse text; NULL when there were errors (they are in diag). Caller frees. */
struct yaml_node *yaml_load(const char *file, const char *text, size_t len, struct diag *diag);
struct buf;
/** yaml_read - the text of a file; -errno and a message at file:0 when it cannot be read. */
int yaml_read(const char *path, struct buf *out, struct diag *diag);
/** yaml_load_file - the same from disk; a missing file is an error at file:0. */
struct yaml_node *yaml_load_file(const char *path, struct diag *diag);
/** yaml_tree_free - NULL is fine. (libyaml exports a yaml_free of its own; ours must not shadow
 * it.) */
void yaml_tree_free(struct yaml_node *n);
/** yaml_get - the value of a key; NULL: absent, or not a map. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/** yaml_key_mark - where a key of a map stands; the map's own mark when it is absent. */
struct mark yaml_key_mark(const struct yaml_node *map, const char *key);
/** yaml_empty - no node at all, or a plain nothing, `~` or `null`. */
bool yaml_empty(const struct yaml_node *n);
/** yaml_new, yaml_push, yaml_put - building trees; push and put take over the child. */
struct yaml_node *yaml_new(enum node_type type, struct mark mark);
void yaml_push(struct yaml_node *list, struct yaml_node *item);
void yaml_put(struct yaml_node *map, const char *key, struct mark key_mark,
	      struct yaml_node *value);
/** yaml_keep_file - marks of the tree point to this name: the root takes it over. */
void yaml_keep_file(struct yaml_node *root, char *file);
/** yaml_drop - take a key away; nothing when it is absent. */
void yaml_drop(struct yaml_node *map, const char *key);
/**
 * yaml_over - lay a map over another one: maps key by key, all else as a whole, a plain `~` takes a
 * key away. What is laid leaves @top, which is still the caller's to free.
 */
void yaml_over(struct yaml_node *low, struct yaml_node *top);
/**
 * yaml_set - `--set path=value`: put a value (itself parsed as YAML flow) at
 * "shoppers.count" or "faults[0].net.drop.rate"; makes missing maps. Marks of
 * the new value point into "--set path=value". -EINVAL with err.
 */
int yaml_set(struct yaml_node **root, const char *assignment, struct diag *diag);
/** yaml_write - canonical text of the tree (resolved.yml). */
void yaml_write(const struct yaml_node *n, struct buf *out);

#endif
