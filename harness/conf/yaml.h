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
	struct mark mark;  /* where the value starts */
	char *text;        /* scalar: owned, NUL-terminated */
	size_t len;
	bool plain;        /* scalar written without quotes */
	size_t count;      /* list: items; map: pairs */
	struct yaml_node **items;
	struct yaml_key { /* map only, parallel to items */
		char *name;
		struct mark mark;
	} *keys;
};

/** yaml_load - parse text; NULL when there were errors (they are in diag). Caller frees. */
struct yaml_node *yaml_load(const char *file, const char *text, size_t len, struct diag *diag);
/** yaml_load_file - the same from disk; a missing file is an error at file:0. */
struct yaml_node *yaml_load_file(const char *path, struct diag *diag);
void yaml_free(struct yaml_node *n);
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/**
 * yaml_set - `--set path=value`: put a value (itself parsed as YAML flow) at
 * "shoppers.count" or "faults[0].net.drop.rate"; makes missing maps. Marks of
 * the new value point into "--set path=value". -EINVAL with err.
 */
int yaml_set(struct yaml_node **root, const char *assignment, struct diag *diag);
/** yaml_write - canonical text of the tree (resolved.yml). */
struct buf;
void yaml_write(const struct yaml_node *n, struct buf *out);

#endif
