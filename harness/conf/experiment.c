/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A file becomes a tree, `--set` changes the tree, and the
 * tree is read by experiment_table. Faults and checks are lists whose items
 * name a kind from the catalog; the kind's own table reads its options. Then
 * the rules that span several keys. Everything is reported, nothing is
 * repaired: after any error the experiment does not exist.
 *
 * Rules that need the target are in experiment_check_target, because one file
 * of the two may be fine without the other.
 */
#include "conf/experiment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "conf/crowd_rows.h"
#include "conf/target.h"

#define KINDS_MAX 256

struct load {
	struct experiment *x;
	const struct conf_catalog *cat;
	struct diag *diag;
};

/* struct kinds - the catalog of the list that is being read. */
struct kinds {
	const char *what, *list; /* "fault", "faults" */
	const struct conf_kind *at;
	size_t count;
	bool triggers; /* items take when: and min_hits: */
};

/* ---- items of faults: and checks: ---- */

static const struct conf_kind *find_kind(const struct kinds *k, const char *name)
{
	for (size_t i = 0; i < k->count; i++)
		if (strcmp(k->at[i].name, name) == 0)
			return &k->at[i];
	return NULL;
}

static bool is_trigger_key(const struct kinds *k, const char *name)
{
	return k->triggers && (strcmp(name, "when") == 0 || strcmp(name, "min_hits") == 0);
}

static bool is_when_key(const char *name)
{
	for (const struct opt *row = when_table.rows; row->type != OPT_END_; row++)
		if (strcmp(row->name, name) == 0)
			return true;
	return false;
}

static void unknown_kind(const struct kinds *k, const char *name, struct mark at, const char *path,
			 struct diag *diag)
{
	const char *names[KINDS_MAX];
	char hint[128];
	size_t n = 0;

	for (; n < k->count && n < KINDS_MAX - 2; n++)
		names[n] = k->at[n].name;
	if (k->triggers) {
		names[n++] = "when";
		names[n++] = "min_hits";
	}
	if (k->triggers && is_when_key(name)) {
		diag_error(diag, at, "%s: \"%s\" belongs in `when:`, as in when: {%s: ...}", path,
			   name, name);
		return;
	}
	opt_suggest(name, names, n, hint, sizeof(hint));
	diag_error(diag, at, "%s: there is no %s \"%s\"%s", path, k->what, name, hint);
	if (!hint[0])
		diag_note(diag, (struct mark){0}, "`worstday list %s` shows them all", k->list);
}

/* struct found - the one key of an item that names its kind. */
struct found {
	const struct conf_kind *kind;
	const struct yaml_node *options;
	struct mark mark;
};

static int find_in_map(const struct kinds *k, const struct yaml_node *n, const char *path,
		       struct found *ret, struct diag *diag)
{
	size_t errors = diag_errors(diag);

	for (size_t i = 0; i < n->count; i++) {
		const char *name = n->keys[i].name;
		const struct conf_kind *kind = find_kind(k, name);

		if (is_trigger_key(k, name))
			continue;
		if (!kind) {
			unknown_kind(k, name, n->keys[i].mark, path, diag);
		} else if (ret->kind) {
			diag_error(diag, n->keys[i].mark,
				   "%s: two %ss in one item: %s and %s (start a "
				   "new \"- \" item)",
				   path, k->what, ret->kind->name, name);
		} else {
			*ret = (struct found){kind, n->items[i], n->keys[i].mark};
		}
	}
	if (!ret->kind && diag_errors(diag) == errors)
		diag_error(diag, n->mark, "%s: names no %s", path, k->what);
	return diag_errors(diag) == errors ? 0 : -EINVAL;
}

static int find_item(const struct kinds *k, const struct yaml_node *n, const char *path,
		     struct found *ret, struct diag *diag)
{
	if (n->type == NODE_MAP)
		return find_in_map(k, n, path, ret, diag);
	if (n->type == NODE_LIST || yaml_empty(n)) {
		diag_error(diag, n->mark, "%s: expected the name of a %s", path, k->what);
		return -EINVAL;
	}
	ret->kind = find_kind(k, n->text);
	ret->mark = n->mark;
	if (ret->kind)
		return 0;
	unknown_kind(k, n->text, n->mark, path, diag);
	return -EINVAL;
}

static void read_min_hits(const struct yaml_node *n, const char *path, struct conf_item *it,
			  struct diag *diag)
{
	static const struct opt row = {.name = "min_hits", .type = OPT_INT, .min = "0"};
	char why[256] = "expected a whole number";

	if (n->type != NODE_SCALAR || opt_value(&row, n->text, &it->min_hits, why, sizeof(why)) < 0)
		diag_error(diag, n->mark, "%s.min_hits: %s", path, why);
}

static void read_trigger(const struct yaml_node *n, const char *path, struct conf_item *it,
			 struct diag *diag)
{
	const struct yaml_node *when = yaml_get(n, "when"), *hits = yaml_get(n, "min_hits");
	cleanup_free char *below = xasprintf("%s.when", path);

	if (when)
		when_parse_at(when, below, &it->when, diag);
	if (hits)
		read_min_hits(hits, path, it, diag);
}

static void read_item(const struct kinds *k, const struct yaml_node *n, const char *path,
		      struct conf_item *it, struct diag *diag)
{
	struct found f = {0};

	when_init(&it->when);
	it->min_hits = 1;
	it->mark = n->mark;
	if (find_item(k, n, path, &f, diag) == 0) {
		it->kind = f.kind;
		it->mark = f.mark;
		it->opts = xcalloc(1, f.kind->opts.size ? f.kind->opts.size : 1);
		if (opt_apply(f.kind->opts, f.options, f.mark, path, it->opts, diag) == 0 &&
		    f.kind->check)
			f.kind->check(it->opts, f.mark, diag);
	}
	if (k->triggers)
		read_trigger(n, path, it, diag);
}

static void read_items(const struct kinds *k, const struct yaml_node *n, struct conf_item **ret,
		       size_t *ret_count, struct diag *diag)
{
	if (yaml_empty(n))
		return;
	if (n->type != NODE_LIST) {
		diag_error(diag, n->mark, "%s: expected a list (\"- \" items)", k->list);
		return;
	}
	*ret = xcalloc(n->count ? n->count : 1, sizeof(**ret));
	for (size_t i = 0; i < n->count && !diag_full(diag); i++) {
		cleanup_free char *path = xasprintf("%s[%zu]", k->list, i);

		read_item(k, n->items[i], path, &(*ret)[i], diag);
		*ret_count = i + 1;
	}
}

static void items_free(struct conf_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (items[i].opts)
			opt_free(items[i].kind->opts, items[i].opts);
		free(items[i].opts);
		when_done(&items[i].when);
	}
	free(items);
}

/* ---- rules that span keys ---- */

static void check_fault_event(const struct experiment *x, size_t i, struct diag *diag)
{
	const struct when *w = &x->faults[i].when;
	const char *names[KINDS_MAX];
	char hint[128];
	size_t n = 0;

	if (w->on != ON_FAULT || !w->word)
		return;
	for (size_t j = 0; j < x->faults_count; j++) {
		if (!x->faults[j].kind || j == i)
			continue;
		if (str_glob(w->word, x->faults[j].kind->name))
			return;
		if (n < KINDS_MAX)
			names[n++] = x->faults[j].kind->name;
	}
	opt_suggest(w->word, names, n, hint, sizeof(hint));
	diag_error(diag, w->mark, "faults[%zu].when.on: no other fault in this file is \"%s\"%s", i,
		   w->word, hint);
}

/* A day that is in the calendar: no 30th of February. */
static bool is_date(const char *s)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	static const char form[] = "0000-00-00";
	int y, m, d;

	if (strlen(s) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	y = atoi(s);
	m = atoi(s + 5);
	d = atoi(s + 8);
	if (m < 1 || m > 12 || d < 1)
		return false;
	return d <= days[m - 1] ||
	       (m == 2 && d == 29 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

static void check_expect(const struct load *l, const struct yaml_node *n)
{
	const struct experiment *x = l->x;
	const char *names[KINDS_MAX];
	char hint[128];
	size_t k = 0;

	if (x->expect.until && !is_date(x->expect.until))
		diag_error(l->diag, yaml_get(n, "until")->mark,
			   "expect.until: \"%s\" is not a day like 2027-01-31", x->expect.until);
	if (!x->expect.check)
		return;
	for (size_t i = 0; i < x->checks_count; i++) {
		if (!x->checks[i].kind)
			return;
		if (strcmp(x->checks[i].kind->name, x->expect.check) == 0)
			return;
		if (k < KINDS_MAX)
			names[k++] = x->checks[i].kind->name;
	}
	opt_suggest(x->expect.check, names, k, hint, sizeof(hint));
	diag_error(l->diag, yaml_get(n, "check")->mark,
		   "expect.check: \"%s\" is not among this file's checks%s", x->expect.check, hint);
}

static void check_pay_times(const struct load *l)
{
	const struct strmap *m = &l->x->shoppers.pay_time;
	struct dur d;
	char why[256];

	for (size_t i = 0; i < m->count; i++)
		if (opt_parse_duration(m->at[i].value, DOMAIN_SHOP, &d, why, sizeof(why)) < 0)
			diag_error(l->diag, m->at[i].mark, "shoppers.pay_time.%s: %s", m->at[i].key,
				   why);
}

static void check_env(const struct load *l)
{
	const struct strmap *m = &l->x->env;

	for (size_t i = 0; i < m->count; i++)
		if (!m->at[i].key[0] || strchr(m->at[i].key, '='))
			diag_error(l->diag, m->at[i].mark,
				   "env: \"%s\" cannot be a variable's name", m->at[i].key);
}

static void check_whole(const struct load *l)
{
	struct experiment *x = l->x;

	if (x->checks_node && x->checks_count == 0 && !diag_errors(l->diag))
		diag_error(l->diag, x->checks_node->mark,
			   "checks: nothing is checked, so nothing could be found out");
	for (size_t i = 0; i < x->faults_count; i++)
		check_fault_event(x, i, l->diag);
	if (x->expect.given)
		check_expect(l, yaml_get(x->tree, "expect"));
	check_pay_times(l);
	shoppers_check(&x->shoppers, x->tree, l->diag);
	check_env(l);
}

/* ---- loading ---- */

/* experiment_name - the path below experiments/ without .yml. */
static char *experiment_name(const char *path)
{
	static const char folder[] = "experiments/";
	const char *name = strrchr(path, '/'), *p = path;
	size_t len;

	name = name ? name + 1 : path;
	while ((p = strstr(p, folder)) != NULL) {
		if (p == path || p[-1] == '/')
			name = p + strlen(folder);
		p += strlen(folder);
	}
	len = strlen(name);
	if (len > 4 && strcmp(name + len - 4, ".yml") == 0)
		len -= 4;
	else if (len > 5 && strcmp(name + len - 5, ".yaml") == 0)
		len -= 5;
	return xstrndup(name, len);
}

static int read_tree(const struct load *l, const struct strlist *sets)
{
	struct experiment *x = l->x;
	struct buf text = {0};
	int err = yaml_read(x->path, &text, l->diag);

	x->text_len = text.len;
	x->text = buf_steal(&text);
	if (err < 0)
		return err;
	x->tree = yaml_load(x->path, x->text, x->text_len, l->diag);
	if (!x->tree)
		return -EINVAL;
	for (size_t i = 0; sets && i < sets->count; i++)
		if (yaml_set(&x->tree, sets->at[i], l->diag) < 0)
			err = -EINVAL;
	preset_apply(&x->tree, l->diag);
	return err;
}

static void read_experiment(const struct load *l)
{
	struct experiment *x = l->x;
	struct kinds faults = {"fault", "faults", l->cat->faults, l->cat->faults_count, true};
	struct kinds checks = {"check", "checks", l->cat->checks, l->cat->checks_count, false};
	const struct yaml_node *target = yaml_get(x->tree, "target");

	opt_apply(experiment_table, x->tree, (struct mark){0}, "", x, l->diag);
	x->target_mark = target ? target->mark : x->tree->mark;
	x->expect.given = yaml_get(x->tree, "expect") != NULL;
	x->expect.mark = yaml_key_mark(x->tree, "expect");
	if (!yaml_get(x->tree, "seed"))
		x->seed = -1;
	if (!x->title)
		x->title = xstrdup(x->name);
	read_items(&faults, x->faults_node, &x->faults, &x->faults_count, l->diag);
	read_items(&checks, x->checks_node, &x->checks, &x->checks_count, l->diag);
	check_whole(l);
}

struct experiment *experiment_load(const char *path, const struct conf_catalog *cat,
				   const struct strlist *sets, struct diag *diag)
{
	struct load l = {.x = xcalloc(1, sizeof(struct experiment)), .cat = cat, .diag = diag};
	size_t errors = diag_errors(diag);

	l.x->path = xstrdup(path);
	l.x->name = experiment_name(path);
	if (read_tree(&l, sets) == 0)
		read_experiment(&l);
	if (diag_errors(diag) == errors && !diag_full(diag))
		return l.x;
	experiment_free(l.x);
	return NULL;
}

void experiment_free(struct experiment *x)
{
	if (!x)
		return;
	opt_free(experiment_table, x);
	items_free(x->faults, x->faults_count);
	items_free(x->checks, x->checks_count);
	yaml_tree_free(x->tree);
	free(x->path);
	free(x->name);
	free(x->text);
	free(x);
}

/* ---- against the target ---- */

static void unknown_node(const struct target *t, const char *word, struct mark at, const char *path,
			 struct diag *diag)
{
	const char **names = xcalloc(t->nodes_count + 1, sizeof(*names));
	char hint[128];

	for (size_t i = 0; i < t->nodes_count; i++)
		names[i] = t->nodes[i].name;
	opt_suggest(word, names, t->nodes_count, hint, sizeof(hint));
	diag_error(diag, at, "%s: \"%s\" matches no node of target %s%s", path, word, t->name,
		   hint);
	free(names);
}

static void check_lane_list(const struct strlist *l, const struct target *t, const char *path,
			    struct diag *diag)
{
	for (size_t i = 0; i < l->count; i++) {
		bool found = false;

		for (size_t n = 0; n < t->nodes_count && !found; n++)
			found = str_glob(l->at[i], t->nodes[n].name);
		if (!found)
			unknown_node(t, l->at[i], l->marks[i], path, diag);
	}
}

static void check_lanes(const struct experiment *x, const struct target *t, struct diag *diag)
{
	const struct strlist *lanes = &x->shoppers.lanes, *backup = &x->shoppers.backup;

	check_lane_list(lanes, t, "shoppers.lanes", diag);
	check_lane_list(backup, t, "shoppers.backup", diag);
	if (!lanes->count && !t->lanes.count)
		diag_error(diag, x->target_mark,
			   "target %s has no lanes; name some in shoppers.lanes", t->name);
	for (size_t i = 0; i < lanes->count; i++)
		for (size_t j = 0; j < backup->count; j++)
			if (strcmp(lanes->at[i], backup->at[j]) == 0)
				diag_error(
					diag, backup->marks[j],
					"shoppers.backup: \"%s\" is among the open lanes already",
					backup->at[j]);
}

/* Of books in SQL it is known beforehand what they are asked for. */
static void check_stock(const struct experiment *x, const struct target *t, struct diag *diag)
{
	bool by_sql = t->books.kind == BOOKS_SQLITE || t->books.kind == BOOKS_POSTGRES;

	for (size_t i = 0; by_sql && !t->books.stock && i < x->checks_count; i++)
		if (x->checks[i].kind && x->checks[i].kind->needs_stock)
			diag_error(diag, x->checks[i].mark,
				   "checks[%zu]: %s needs `books: stock:`, and target %s has none",
				   i, x->checks[i].kind->name, t->name);
}

static void check_books(const struct experiment *x, const struct target *t, struct diag *diag)
{
	check_stock(x, t, diag);
	if (t->books.kind != BOOKS_NONE)
		return;
	for (size_t i = 0; i < x->checks_count; i++)
		if (x->checks[i].kind->needs_books)
			diag_error(diag, x->checks[i].mark,
				   "checks[%zu]: %s needs the target's books, and target %s has no "
				   "books:",
				   i, x->checks[i].kind->name, t->name);
}

/* service_matches - "node/service" or a bare service name, globs allowed. */
static bool service_matches(const struct target *t, const char *word)
{
	for (size_t n = 0; n < t->nodes_count; n++)
		for (size_t s = 0; s < t->nodes[n].services_count; s++) {
			const char *name = t->nodes[n].services[s].name;
			cleanup_free char *full = xasprintf("%s/%s", t->nodes[n].name, name);

			if (str_glob(word, full) || str_glob(word, name))
				return true;
		}
	return false;
}

static bool prints(const struct target *t, const char *pattern)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		if (t->nodes[i].device.kind == DEVICE_ESCPOS &&
		    (!pattern || str_glob(pattern, t->nodes[i].name)))
			return true;
	return false;
}

/* A trigger that cannot come would leave every trial inconclusive: said before anything starts. */
static void check_events(const struct experiment *x, const struct target *t, struct diag *diag)
{
	for (size_t i = 0; i < x->faults_count; i++) {
		const struct when *w = &x->faults[i].when;

		if (w->on == ON_PRINTED && !prints(t, w->word))
			diag_error(diag, w->mark, "faults[%zu].when.on: target %s has no printer "
				   "%s%sthat could print it", i, t->name, w->word ? w->word : "",
				   w->word ? " " : "");
		else if (w->on == ON_BANK && !target_bank(t))
			diag_error(diag, w->mark, "faults[%zu].when.on: target %s has no node with "
				   "a `bank:`", i, t->name);
		else if (w->on == ON_MESSAGE)
			diag_error(diag, w->mark,
				   "faults[%zu].when.on: this version does not read messages on "
				   "the wire yet; `log /re/` reads a service's log",
				   i);
	}
}

static void check_services(const struct experiment *x, const struct target *t, struct diag *diag)
{
	for (size_t i = 0; i < x->faults_count; i++) {
		const struct when *w = &x->faults[i].when;

		if ((w->on != ON_STARTED && w->on != ON_LOG) || !w->word ||
		    service_matches(t, w->word))
			continue;
		diag_error(diag, w->mark,
			   "faults[%zu].when.on: \"%s\" matches no service of target %s", i,
			   w->word, t->name);
	}
}

int experiment_check_target(const struct experiment *x, const struct target *t, struct diag *diag)
{
	size_t errors = diag_errors(diag);

	check_lanes(x, t, diag);
	check_books(x, t, diag);
	check_events(x, t, diag);
	check_services(x, t, diag);
	return diag_errors(diag) == errors ? 0 : -EINVAL;
}
