/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. ${...} is replaced in the tree, before any table reads
 * it, so that every message still points at the place in the file. Names that
 * are known on loading (vars:, target, and in nodes: node and index) become
 * text; in driver: the names that only a shopper can fill stay as they are for
 * the driver; anything else is an error there and then, because a typo in a
 * URL would otherwise surface as a refused sale.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/target_load.h"

#define NAMES_MAX 256
#define GROUP_MAX 200

const char *const runtime_vars[] = {"key",	"of",	   "op",    "lane",    "node",
				    "index",	"shopper", "sku",   "qty",     "price",
				    "tender",	"amount",  "total", "receipt", "attempt",
				    "currency", "items",   "item",  NULL};

/* ---- lookup ---- */

static bool is_runtime(const struct scope *s, const char *name)
{
	if (s->key_field && strcmp(name, s->key_field) == 0)
		return true;
	for (size_t i = 0; runtime_vars[i]; i++)
		if (strcmp(runtime_vars[i], name) == 0)
			return true;
	for (size_t i = 0; s->takes && i < s->takes->count; i++)
		if (strcmp(s->takes->at[i], name) == 0)
			return true;
	return false;
}

/* known - the text of a variable; NULL: none. @number: room for ${index}. */
static const char *known(const struct scope *s, const char *name, char number[16])
{
	if (strcmp(name, "target") == 0)
		return "/target";
	if (s->node && strcmp(name, "node") == 0)
		return s->node;
	if (s->node && strcmp(name, "index") == 0) {
		snprintf(number, 16, "%d", s->index);
		return number;
	}
	return s->vars ? strmap_get(s->vars, name) : NULL;
}

static void unknown(const struct scope *s, const char *name, const struct yaml_node *n,
		    const char *path)
{
	const char *names[NAMES_MAX];
	char hint[128];
	size_t k = 0;

	names[k++] = "target";
	if (s->node) {
		names[k++] = "node";
		names[k++] = "index";
	}
	for (size_t i = 0; s->vars && i < s->vars->count && k < NAMES_MAX / 4; i++)
		names[k++] = s->vars->at[i].key;
	for (size_t i = 0; s->runtime && runtime_vars[i]; i++)
		names[k++] = runtime_vars[i];
	for (size_t i = 0; s->runtime && s->takes && i < s->takes->count && k < NAMES_MAX; i++)
		names[k++] = s->takes->at[i];
	opt_suggest(name, names, k, hint, sizeof(hint));
	diag_error(s->diag, n->mark, "%s: unknown variable \"${%s}\"%s", path, name, hint);
	if (!s->runtime && is_runtime(s, name))
		diag_note(s->diag, (struct mark){0},
			  "${%s} is known only while shopping, in driver:", name);
	else if (!hint[0])
		diag_note(s->diag, (struct mark){0}, "write $${%s} for the literal text", name);
}

/* ---- text ---- */

/* expand_one - p is at "${": append what it stands for, return where it ends; NULL at no "}". */
static const char *expand_one(const struct scope *s, const char *p, const struct yaml_node *n,
			      const char *path, struct buf *out)
{
	const char *end = strchr(p, '}');
	cleanup_free char *name = NULL;
	const char *value;
	char number[16];

	if (!end) {
		diag_error(s->diag, n->mark,
			   "%s: \"${\" without \"}\" (write $${ for the literal text)", path);
		return NULL;
	}
	name = xstrndup(p + 2, (size_t)(end - p - 2));
	if (s->runtime && strlen(name) > 5 && strcmp(name + strlen(name) - 5, ":text") == 0)
		name[strlen(name) - 5] =
			'\0'; /* the driver's business: a number as a JSON string */
	value = known(s, name, number);
	if (value)
		buf_adds(out, value);
	else if (s->runtime && is_runtime(s, name))
		buf_add(out, p, (size_t)(end + 1 - p));
	else
		unknown(s, name, n, path);
	return end + 1;
}

static char *expand_text(const struct scope *s, const char *p, const struct yaml_node *n,
			 const char *path)
{
	struct buf out = {0};

	while (p && *p) {
		const char *next = strchr(p, '$');

		buf_add(&out, p, next ? (size_t)(next - p) : strlen(p));
		if (!next)
			break;
		p = next;
		if (strncmp(p, "$${", 3) == 0) {
			buf_adds(&out, s->runtime ? "$${" : "${");
			p += 3;
		} else if (p[1] == '{') {
			p = expand_one(s, p, n, path, &out);
		} else {
			buf_addc(&out, *p++);
		}
	}
	return buf_steal(&out);
}

/* ---- trees ---- */

static void expand_map(const struct scope *s, const struct yaml_node *n, const char *path,
		       struct yaml_node *copy)
{
	for (size_t i = 0; i < n->count; i++) {
		cleanup_free char *below =
			xasprintf("%s%s%s", path, path[0] ? "." : "", n->keys[i].name);
		struct yaml_node key = {.mark = n->keys[i].mark};
		cleanup_free char *name = expand_text(s, n->keys[i].name, &key, below);

		yaml_put(copy, name, n->keys[i].mark, scope_expand(s, n->items[i], below));
	}
}

struct yaml_node *scope_expand(const struct scope *s, const struct yaml_node *n, const char *path)
{
	struct yaml_node *copy = yaml_new(n->type, n->mark);

	copy->plain = n->plain;
	if (n->type == NODE_SCALAR) {
		copy->text = expand_text(s, n->text, n, path);
		copy->len = strlen(copy->text);
	} else if (n->type == NODE_MAP) {
		expand_map(s, n, path, copy);
	}
	for (size_t i = 0; n->type == NODE_LIST && i < n->count; i++) {
		cleanup_free char *below = xasprintf("%s[%zu]", path, i);

		yaml_push(copy, scope_expand(s, n->items[i], below));
	}
	return copy;
}

void scope_takes(const struct yaml_node *n, struct strlist *ret)
{
	for (size_t i = 0; n && i < n->count; i++) {
		const struct yaml_node *item = n->items[i];

		if (n->type == NODE_MAP && strcmp(n->keys[i].name, "take") == 0 &&
		    item->type == NODE_MAP) {
			for (size_t j = 0; j < item->count; j++)
				strlist_add(ret, item->keys[j].name, item->keys[j].mark);
		} else {
			scope_takes(item, ret);
		}
	}
}

/* ---- groups of nodes ---- */

/* bounds_of - the numbers of "{1..3}". */
static bool bounds_of(const char *brace, const char *end, long *first, long *last)
{
	char *p;

	if (!isdigit((unsigned char)brace[1]))
		return false;
	*first = strtol(brace + 1, &p, 10);
	if (strncmp(p, "..", 2) != 0 || !isdigit((unsigned char)p[2]))
		return false;
	*last = strtol(p + 2, &p, 10);
	return p == end && *last >= *first && *last - *first < GROUP_MAX && *last < 1000000;
}

int group_expand(const char *name, struct mark at, struct strlist *ret, int *ret_first,
		 struct diag *diag)
{
	const char *brace = strchr(name, '{'), *end = brace ? strchr(brace, '}') : NULL;
	long first, last;

	*ret_first = 1;
	if (!brace) {
		strlist_add(ret, name, at);
		return 0;
	}
	if (!end || !bounds_of(brace, end, &first, &last)) {
		diag_error(diag, at,
			   "nodes: \"%s\" is not a group like lane-{1..3} (at most %d nodes)", name,
			   GROUP_MAX);
		return -EINVAL;
	}
	*ret_first = (int)first;
	for (long i = first; i <= last; i++) {
		cleanup_free char *one =
			xasprintf("%.*s%ld%s", (int)(brace - name), name, i, end + 1);

		strlist_add(ret, one, at);
	}
	return 0;
}
