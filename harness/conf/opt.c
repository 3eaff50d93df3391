/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. opt_apply walks the keys of a map in the order they
 * were written, finds each one's row and lets the row's type read the value
 * into the struct; then rows without a key get their default, by the same
 * functions, from the row's text. So a default, a bound and a file's value are
 * read by one parser.
 *
 * What a failure looks like: every message starts with the path of the value
 * ("faults[2].delay: ") and points at it; a note shows where the enclosing
 * block starts when that is on another line. After a failure the struct is
 * half filled and opt_free still frees exactly what is in it: owned fields are
 * written only when their value was read, and each key only once.
 */
#include "conf/opt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

#define WHY_MAX 512
#define ROWS_MAX 128
#define KNOWN_MAX 16 /* no more keys than that are listed in a message */

/* struct place - where we are, for messages. */
struct place {
	const char *path;
	struct mark where; /* where the block starts */
	struct diag *diag;
};

/* ---- lists and maps ---- */

void strlist_add(struct strlist *l, const char *s, struct mark mark)
{
	l->at = xrealloc(l->at, (l->count + 2) * sizeof(*l->at));
	l->marks = xrealloc(l->marks, (l->count + 1) * sizeof(*l->marks));
	l->at[l->count] = xstrdup(s);
	l->marks[l->count++] = mark;
	l->at[l->count] = NULL;
}

void strlist_done(struct strlist *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->at[i]);
	free(l->at);
	free(l->marks);
	*l = (struct strlist){0};
}

static struct strpair *pair(const struct strmap *m, const char *key)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->at[i].key, key) == 0)
			return &m->at[i];
	return NULL;
}

const char *strmap_get(const struct strmap *m, const char *key)
{
	const struct strpair *p = pair(m, key);

	return p ? p->value : NULL;
}

void strmap_set(struct strmap *m, const char *key, const char *value, struct mark mark)
{
	struct strpair *p = pair(m, key);

	if (!p) {
		m->at = xrealloc(m->at, (m->count + 1) * sizeof(*m->at));
		p = &m->at[m->count++];
		*p = (struct strpair){.key = xstrdup(key)};
	}
	free(p->value);
	p->value = xstrdup(value);
	p->mark = mark;
}

void strmap_done(struct strmap *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->at[i].key);
		free(m->at[i].value);
	}
	free(m->at);
	*m = (struct strmap){0};
}

static void weights_done(struct weights *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->at[i].name);
	free(w->at);
	*w = (struct weights){0};
}

/* ---- messages ---- */

static int complain(const struct place *p, struct mark at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int complain(const struct place *p, struct mark at, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	diag_error(p->diag, at, "%s%s%s", p->path, p->path[0] ? ": " : "", text.data);
	buf_done(&text);
	if (p->where.line && p->where.line != at.line)
		diag_note(p->diag, p->where, "in the block that starts here");
	return -EINVAL;
}

static char *path_below(const char *path, const char *key)
{
	return xasprintf("%s%s%s", path, path[0] ? "." : "", key);
}

static const char *kind_of(const struct yaml_node *n)
{
	return n->type == NODE_LIST ? "a list" : n->type == NODE_MAP ? "a map" : "a single value";
}

/* ---- one value ---- */

static void *field_of(const struct opt *row, void *out)
{
	return (char *)out + row->offset;
}

static int apply_scalar(const struct opt *row, const struct yaml_node *n, const struct place *p,
			void *field)
{
	char why[WHY_MAX];

	if (n->type != NODE_SCALAR)
		return complain(p, n->mark, "expected a single value, not %s", kind_of(n));
	if (yaml_empty(n) && row->type != OPT_STRING)
		return complain(p, n->mark, "there is no value");
	if (n->plain && n->len == 0)
		return complain(p, n->mark, "there is no value (write \"\" for an empty text)");
	if (opt_value(row, n->text, field, why, sizeof(why)) < 0)
		return complain(p, n->mark, "%s", why);
	return 0;
}

static int add_string(const struct yaml_node *n, const struct place *p, struct strlist *l)
{
	if (n->type != NODE_SCALAR)
		return complain(p, n->mark, "expected text here, not %s", kind_of(n));
	strlist_add(l, n->text, n->mark);
	return 0;
}

static int apply_strlist(const struct yaml_node *n, const struct place *p, struct strlist *l)
{
	int err = 0;

	if (yaml_empty(n))
		return complain(p, n->mark, "there is no value (write [] for an empty list)");
	if (n->type != NODE_LIST)
		return n->type == NODE_SCALAR ? add_string(n, p, l)
					      : complain(p, n->mark, "expected a list, not a map");
	for (size_t i = 0; i < n->count; i++)
		if (add_string(n->items[i], p, l) < 0)
			err = -EINVAL;
	return err;
}

static int apply_strmap(const struct yaml_node *n, const struct place *p, struct strmap *m)
{
	int err = 0;

	if (n->type != NODE_MAP)
		return complain(p, n->mark, "expected a map (key: value), not %s", kind_of(n));
	for (size_t i = 0; i < n->count; i++) {
		if (n->items[i]->type != NODE_SCALAR) {
			err = complain(p, n->items[i]->mark, "\"%s\": expected text, not %s",
				       n->keys[i].name, kind_of(n->items[i]));
			continue;
		}
		strmap_set(m, n->keys[i].name, yaml_empty(n->items[i]) ? "" : n->items[i]->text,
			   n->items[i]->mark);
	}
	return err;
}

static int apply_weight(const struct yaml_node *n, const char *name, const struct place *p,
			struct weight *ret)
{
	char why[WHY_MAX];

	if (n->type != NODE_SCALAR)
		return complain(p, n->mark, "\"%s\": expected a share like 60%%, not %s", name,
				kind_of(n));
	if (opt_parse_ratio(n->text, &ret->share, why, sizeof(why)) < 0)
		return complain(p, n->mark, "%s: %s", name, why);
	ret->name = xstrdup(name);
	return 0;
}

static int apply_weights(const struct yaml_node *n, const struct place *p, struct weights *w)
{
	double sum = 0;

	if (n->type == NODE_SCALAR && !yaml_empty(n)) {
		/* `pay: cash` is all cash */
		w->at = xcalloc(1, sizeof(*w->at));
		w->at[w->count++] = (struct weight){.name = xstrdup(n->text), .share = 1};
		return 0;
	}
	if (n->type != NODE_MAP || !n->count)
		return complain(p, n->mark,
				"expected a map of shares like {card: 60%%, cash: 40%%}");
	w->at = xcalloc(n->count, sizeof(*w->at));
	for (size_t i = 0; i < n->count; i++, w->count++) {
		if (apply_weight(n->items[i], n->keys[i].name, p, &w->at[i]) < 0)
			return -EINVAL;
		sum += w->at[i].share;
	}
	if (sum < 0.9999 || sum > 1.0001)
		return complain(p, n->mark, "the shares add up to %.10g%%, not 100%%", sum * 100);
	for (size_t i = 0; i < w->count; i++)
		w->at[i].share /= sum;
	return 0;
}

/* apply_each - a list (or a map whose keys are names) of structs. */
static int apply_each(const struct opt *row, const struct yaml_node *n, const struct place *p,
		      struct optlist *l)
{
	bool named = row->type == OPT_STRUCTMAP;
	int err = 0;

	l->at = xcalloc(n->count ? n->count : 1, row->sub.size);
	l->marks = xcalloc(n->count ? n->count : 1, sizeof(*l->marks));
	for (size_t i = 0; i < n->count; i++, l->count++) {
		void *one = (char *)l->at + i * row->sub.size;
		char *path = named ? path_below(p->path, n->keys[i].name)
				   : xasprintf("%s[%zu]", p->path, i);

		l->marks[i] = named ? n->keys[i].mark : n->items[i]->mark;
		if (named)
			*(char **)one = xstrdup(n->keys[i].name);
		if (opt_apply(row->sub, n->items[i], l->marks[i], path, one, p->diag) < 0)
			err = -EINVAL;
		free(path);
	}
	return err;
}

static int apply_structs(const struct opt *row, const struct yaml_node *n, const struct place *p,
			 struct optlist *l)
{
	struct yaml_node *only = (struct yaml_node *)(uintptr_t)n;
	const struct yaml_node one = {
		.type = NODE_LIST, .mark = n->mark, .count = 1, .items = &only};

	if (row->type == OPT_STRUCTMAP && n->type != NODE_MAP)
		return complain(p, n->mark, "expected a map of names, not %s", kind_of(n));
	if (row->type == OPT_STRUCTLIST && n->type == NODE_MAP)
		return apply_each(row, &one, p, l); /* one needs no dash */
	if (row->type == OPT_STRUCTLIST && n->type != NODE_LIST)
		return complain(p, n->mark, "expected a list (\"- \" items), not %s", kind_of(n));
	return apply_each(row, n, p, l);
}

static int apply_custom(const struct opt *row, const struct yaml_node *n, const struct place *p,
			void *field)
{
	if (row->parse_at)
		return row->parse_at(n, p->path, field, p->diag);
	return row->parse ? row->parse(n, field, p->diag) : 0;
}

static int apply_row(const struct opt *row, const struct yaml_node *n, const struct place *p,
		     void *out)
{
	void *field = field_of(row, out);

	switch (row->type) {
	case OPT_STRLIST:
		return apply_strlist(n, p, field);
	case OPT_STRMAP:
		return apply_strmap(n, p, field);
	case OPT_WEIGHTS:
		return apply_weights(n, p, field);
	case OPT_STRUCT:
		return opt_apply(row->sub, n, p->where, p->path, field, p->diag);
	case OPT_STRUCTLIST:
	case OPT_STRUCTMAP:
		return apply_structs(row, n, p, field);
	case OPT_CUSTOM:
		return apply_custom(row, n, p, field);
	case OPT_NODE:
		*(const struct yaml_node **)field = n;
		return 0;
	default:
		return apply_scalar(row, n, p, field);
	}
}

int opt_one(const struct opt *row, const struct yaml_node *n, const char *path, void *out,
	    struct diag *diag)
{
	struct place p = {.path = path, .diag = diag};

	return apply_row(row, n, &p, out);
}

/* ---- defaults ---- */

/* default_row - read the row's own text. A row that cannot read its default is a programming error.
 */
static void default_row(const struct opt *row, void *out)
{
	struct diag *diag = diag_new();
	struct place p = {.path = row->name, .diag = diag};
	struct yaml_node *n = NULL;
	char why[WHY_MAX];

	switch (row->type) {
	case OPT_STRLIST:
	case OPT_STRMAP:
	case OPT_WEIGHTS:
	case OPT_STRUCTLIST:
	case OPT_STRUCTMAP:
	case OPT_CUSTOM:
		n = yaml_load("default", row->def, strlen(row->def), diag);
		if (!n || apply_row(row, n, &p, out) < 0)
			abort();
		break;
	default:
		if (opt_value(row, row->def, field_of(row, out), why, sizeof(why)) < 0)
			abort();
	}
	yaml_tree_free(n);
	diag_free(diag);
}

static void unset_row(const struct opt *row, void *out)
{
	void *field = field_of(row, out);

	if (row->type == OPT_DURATION)
		*(struct dur *)field = (struct dur){.ns = -1, .domain = row->domain};
	else if (row->type == OPT_RANGE)
		*(struct range *)field = (struct range){.first = INT64_MIN};
	else if (row->type == OPT_STRUCT)
		opt_defaults(row->sub, field);
}

static void absent_row(const struct opt *row, void *out)
{
	if (row->def && row->type != OPT_STRUCT && row->type != OPT_NODE)
		default_row(row, out);
	else
		unset_row(row, out);
}

void opt_defaults(struct opt_table table, void *out)
{
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++)
		absent_row(row, out);
}

/* ---- a block ---- */

static const struct opt *find_row(struct opt_table table, const char *name)
{
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static const struct opt *scalar_row(struct opt_table table)
{
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++)
		if (row->scalar)
			return row;
	return NULL;
}

/* A word that resembles none of the keys: they are all shown, where they are few. */
static void note_known(const struct place *p, const char *const *names, size_t n)
{
	struct buf list = {0};

	for (size_t i = 0; i < n; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
	if (n <= KNOWN_MAX)
		diag_note(p->diag, (struct mark){0}, "known here: %s", list.data);
	buf_done(&list);
}

static int unknown_key(struct opt_table table, const struct yaml_key *key, const struct place *p)
{
	const char *names[ROWS_MAX];
	char hint[128];
	size_t n = 0;

	for (const struct opt *row = table.rows; row->type != OPT_END_ && n < ROWS_MAX; row++)
		names[n++] = row->name;
	opt_suggest(key->name, names, n, hint, sizeof(hint));
	if (n == 0)
		return complain(p, key->mark, "unknown key \"%s\": there are no options here",
				key->name);
	complain(p, key->mark, "unknown key \"%s\"%s", key->name, hint);
	if (!hint[0])
		note_known(p, names, n);
	return -EINVAL;
}

/* apply_keys - the keys of the map, as written; seen[i] for each row that was named. */
static int apply_keys(struct opt_table table, const struct yaml_node *n, const struct place *p,
		      void *out, bool *seen)
{
	int err = 0;

	for (size_t i = 0; i < n->count && !diag_full(p->diag); i++) {
		const struct opt *row = find_row(table, n->keys[i].name);
		struct place below = {.diag = p->diag, .where = n->keys[i].mark};
		char *path;

		if (!row) {
			err = unknown_key(table, &n->keys[i], p);
			continue;
		}
		seen[row - table.rows] = true;
		path = path_below(p->path, row->name);
		below.path = path;
		if (row->type != OPT_STRUCT && row->type != OPT_STRUCTLIST)
			below.where = p->where;
		if (apply_row(row, n->items[i], &below, out) < 0)
			err = -EINVAL;
		free(path);
	}
	return err;
}

static int apply_absent(struct opt_table table, const struct place *p, struct mark at, void *out,
			const bool *seen)
{
	int err = 0;

	for (const struct opt *row = table.rows; row->type != OPT_END_; row++) {
		if (seen[row - table.rows])
			continue;
		if (!row->def && !row->optional)
			err = complain(p, at, "\"%s\" is missing (%s)", row->name, row->help);
		absent_row(row, out);
	}
	return err;
}

/* May it stand in place of the map? A list may where the lone row takes one. */
static bool stands_alone(const struct opt *lone, const struct yaml_node *n)
{
	return n->type == NODE_SCALAR || (n->type == NODE_LIST && lone->type == OPT_STRLIST);
}

int opt_apply(struct opt_table table, const struct yaml_node *n, struct mark where,
	      const char *path, void *out, struct diag *diag)
{
	struct place p = {.path = path, .where = where, .diag = diag};
	const struct opt *lone = n ? scalar_row(table) : NULL;
	bool seen[ROWS_MAX] = {false};
	int err = 0, missing;

	if (n && n->type == NODE_MAP) {
		err = apply_keys(table, n, &p, out, seen);
	} else if (n && !yaml_empty(n) && lone && stands_alone(lone, n)) {
		seen[lone - table.rows] = true;
		err = apply_row(lone, n, &p, out);
	} else if (n && !yaml_empty(n)) {
		err = complain(&p, n->mark, "expected a map (key: value), not %s", kind_of(n));
		opt_defaults(table, out);
		return err;
	}
	missing = apply_absent(table, &p, where.line ? where : n ? n->mark : where, out, seen);
	return err < 0 ? err : missing;
}

/* ---- freeing ---- */

static void free_row(const struct opt *row, void *field)
{
	struct optlist *l = field;

	switch (row->type) {
	case OPT_STRING:
	case OPT_REGEX:
		free(*(char **)field);
		*(char **)field = NULL;
		break;
	case OPT_STRLIST:
		strlist_done(field);
		break;
	case OPT_STRMAP:
		strmap_done(field);
		break;
	case OPT_WEIGHTS:
		weights_done(field);
		break;
	case OPT_STRUCT:
		opt_free(row->sub, field);
		break;
	case OPT_STRUCTLIST:
	case OPT_STRUCTMAP:
		for (size_t i = 0; i < l->count; i++) {
			opt_free(row->sub, (char *)l->at + i * row->sub.size);
			if (row->type == OPT_STRUCTMAP)
				free(*(char **)((char *)l->at + i * row->sub.size));
		}
		free(l->at);
		free(l->marks);
		*l = (struct optlist){0};
		break;
	case OPT_CUSTOM:
		if (row->free)
			row->free(field);
		break;
	default:
		break;
	}
}

void opt_free(struct opt_table table, void *out)
{
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++)
		free_row(row, field_of(row, out));
}
