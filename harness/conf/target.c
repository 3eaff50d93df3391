/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Find the file, read it as a tree, take vars: out of it,
 * then read it in two passes: every section but nodes: from a copy of the tree
 * in which ${...} is replaced, and each node of each group from a copy of its
 * own, where ${node} and ${index} are known as well. The copies can be thrown
 * away: nothing but marks points to them, and marks point to t->path.
 *
 * Then the rules that span keys: names are unique and what is named exists.
 */
#include "conf/target.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "conf/target_load.h"

#define NODES_MAX 200  /* hosts on the wire */
#define DEVICES_MAX 500 /* that are none */
#define TARGETS_MAX 100

struct load {
	struct target *t;
	struct yaml_node *tree;
	struct strlist takes;
	struct diag *diag;
};

/* ---- finding the file ---- */

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* try_path - the file itself, or target.yml in the folder; NULL when neither is there. */
static char *try_path(const char *base, size_t base_len, const char *path)
{
	char *file = xasprintf("%.*s%s", (int)base_len, base, path);
	char *inside = xasprintf("%s/target.yml", file);

	if (is_file(file)) {
		free(inside);
		return file;
	}
	free(file);
	if (is_file(inside))
		return inside;
	free(inside);
	return NULL;
}

/* folder_len - length of "a/b/" in "a/b/c.yml". */
static size_t folder_len(const char *path, size_t len)
{
	while (len && path[len - 1] != '/')
		len--;
	return len;
}

/* find_upwards - below the current folder, then next to the asking file and in every folder above
 * it. */
static char *find_upwards(const char *path, const char *asking)
{
	char *found = try_path("", 0, path);
	cleanup_free char *real = asking ? realpath(asking, NULL) : NULL;
	size_t len = real ? strlen(real) : 0;

	while (!found && (len = folder_len(real ? real : "", len)) > 0) {
		found = try_path(real, len, path);
		len--;
	}
	return found;
}

/* find_path - a path is relative to the file that names it, or to the current folder. */
static char *find_path(const char *path, const char *asking)
{
	char *found = NULL;

	if (asking && path[0] != '/')
		found = try_path(asking, folder_len(asking, strlen(asking)), path);
	return found ? found : try_path("", 0, path);
}

static void not_found(const char *name, struct mark at, struct diag *diag)
{
	const char *names[TARGETS_MAX];
	DIR *dir = opendir("targets");
	struct dirent *e;
	char hint[128];
	size_t n = 0;

	while (dir && n < TARGETS_MAX && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			names[n++] = xstrdup(e->d_name);
	if (dir)
		closedir(dir);
	opt_suggest(name, names, n, hint, sizeof(hint));
	diag_error(diag, at, "target: there is no target \"%s\"%s", name, hint);
	diag_note(diag, (struct mark){0}, "%s",
		  strchr(name, '/') ? "a path is relative to this file or to the current folder"
				    : "a name stands for targets/NAME/target.yml");
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)names[i]);
}

static char *find_target(const char *name, struct mark at, struct diag *diag)
{
	bool path = strchr(name, '/') != NULL || (strlen(name) > 4 && strstr(name, ".y"));
	cleanup_free char *below = xasprintf("targets/%s/target.yml", name);
	char *found = path ? find_path(name, at.file) : find_upwards(below, at.file);

	if (!found)
		not_found(name, at, diag);
	return found;
}

/* ---- vars ---- */

static void read_vars(struct load *l)
{
	const struct yaml_node *vars = yaml_get(l->tree, "vars");
	struct scope s = {.vars = &l->t->vars, .diag = l->diag};

	for (size_t i = 0; vars && vars->type == NODE_MAP && i < vars->count; i++) {
		cleanup_free char *path = xasprintf("vars.%s", vars->keys[i].name);
		struct yaml_node *copy;

		if (vars->items[i]->type != NODE_SCALAR)
			continue; /* the table says so */
		for (size_t r = 0; runtime_vars[r]; r++)
			if (strcmp(runtime_vars[r], vars->keys[i].name) == 0)
				diag_error(l->diag, vars->keys[i].mark,
					   "%s: this name is the driver's; choose another", path);
		copy = scope_expand(&s, vars->items[i], path);
		strmap_set(&l->t->vars, vars->keys[i].name, copy->text, vars->items[i]->mark);
		yaml_tree_free(copy);
	}
}

/* ---- nodes ---- */

static bool is_host_name(const char *s)
{
	size_t len = strlen(s);

	if (!len || len > 40 || s[0] == '-' || s[len - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void read_data(struct node *n)
{
	n->data_count = n->data_map.count;
	n->data = xcalloc(n->data_count ? n->data_count : 1, sizeof(*n->data));
	for (size_t i = 0; i < n->data_count; i++) {
		const struct strpair *p = &n->data_map.at[i];

		n->data[i].path = xstrdup(p->key);
		n->data[i].seed = p->value[0] ? xstrdup(p->value) : NULL;
	}
}

static void read_services(struct node *n)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};

	n->services = n->services_list.at;
	n->services_count = n->services_list.count;
	for (size_t i = 0; i < n->services_count; i++) {
		struct service *s = &n->services[i];

		s->mark = n->services_list.marks[i];
		s->stop_signal = signals[s->stop_signal];
		if (!s->user && n->user)
			s->user = xstrdup(n->user);
		for (size_t e = 0; e < n->env.count; e++)
			if (!strmap_get(&s->env, n->env.at[e].key))
				strmap_set(&s->env, n->env.at[e].key, n->env.at[e].value,
					   n->env.at[e].mark);
	}
}

static struct node *add_node(struct target *t, const char *name, int index, struct mark at)
{
	struct node *n;

	t->nodes = xrealloc(t->nodes, (t->nodes_count + 1) * sizeof(*t->nodes));
	n = &t->nodes[t->nodes_count++];
	*n = (struct node){.name = xstrdup(name), .index = index, .mark = at};
	return n;
}

static void add_device(struct load *l, size_t at, struct device d)
{
	struct target *t = l->t;
	cleanup_free char *name = xasprintf("%s-%s", d.name ? d.name : "", t->nodes[at].name);
	struct node *n = add_node(t, name, t->nodes[at].index, d.mark);

	opt_apply(node_table, NULL, d.mark, name, n, l->diag);
	n->device = d;
	n->stands_at = xstrdup(t->nodes[at].name);
	if (!is_host_name(name))
		diag_error(l->diag, d.mark, "nodes.%s.devices: \"%s\" is no name for a host: "
			   "a-z, 0-9 and -, at most 40", n->stands_at, name);
}

/* Each device is a node of its own, behind all others: first those on the wire, then the rest. */
static void add_devices(struct load *l, bool wired, size_t most)
{
	struct target *t = l->t;
	size_t hosts = t->nodes_count;

	for (size_t at = 0; at < hosts; at++)
		for (size_t i = 0; i < t->nodes[at].devices.count; i++) {
			struct device d = t->nodes[at].devices.at[i];

			if (!d.kind || (d.port > 0) != wired)
				continue; /* or it has been said what is wrong with it */
			if (t->nodes_count == most) {
				diag_error(l->diag, d.mark, "nodes: more than %zu nodes and "
					   "devices", most);
				return;
			}
			add_device(l, at, d);
		}
}

static int read_node(struct load *l, const struct yaml_node *value, struct mark at,
		     const char *name, int index)
{
	struct target *t = l->t;
	struct scope s = {.vars = &t->vars,
			  .node = name,
			  .index = index,
			  .takes = &l->takes,
			  .diag = l->diag};
	cleanup_free char *path = xasprintf("nodes.%s", name);
	size_t errors = diag_errors(l->diag);
	struct yaml_node *copy;
	struct node *n;

	if (t->nodes_count == NODES_MAX) {
		diag_error(l->diag, at, "nodes: more than %d nodes", NODES_MAX);
		return -EINVAL;
	}
	n = add_node(t, name, index, at);
	if (!is_host_name(name))
		diag_error(l->diag, at,
			   "%s: a node's name is a host name: a-z, 0-9 and -, at most 40", path);
	copy = scope_expand(&s, value, path);
	opt_apply(node_table, copy, at, path, n, l->diag);
	yaml_tree_free(copy);
	read_data(n);
	read_services(n);
	return diag_errors(l->diag) == errors ? 0 : -EINVAL;
}

/* read_group - the nodes that one key stands for; errors are shown for the first that has some. */
static void read_group(struct load *l, const struct yaml_key *key, const struct yaml_node *value)
{
	struct strlist names = {0};
	int first;

	if (group_expand(key->name, key->mark, &names, &first, l->diag) == 0)
		for (size_t i = 0; i < names.count; i++)
			if (read_node(l, value, key->mark, names.at[i], first + (int)i) < 0)
				break;
	strlist_done(&names);
}

static void read_nodes(struct load *l)
{
	const struct yaml_node *nodes = yaml_get(l->tree, "nodes");

	if (!nodes)
		return; /* the table says so */
	if (nodes->type != NODE_MAP || !nodes->count) {
		diag_error(l->diag, nodes->mark, "nodes: expected a map of nodes by name");
		return;
	}
	for (size_t i = 0; i < nodes->count && !diag_full(l->diag); i++)
		read_group(l, &nodes->keys[i], nodes->items[i]);
	add_devices(l, true, NODES_MAX);
	add_devices(l, false, NODES_MAX + DEVICES_MAX);
}

/* ---- everything else ---- */

/* expand_sections - the tree without nodes: and vars: contents, ${...} replaced. */
static struct yaml_node *expand_sections(struct load *l)
{
	const struct yaml_node *field = yaml_get(yaml_get(l->tree, "key"), "field");
	struct yaml_node *copy = yaml_new(l->tree->type, l->tree->mark);

	for (size_t i = 0; l->tree->type == NODE_MAP && i < l->tree->count; i++) {
		const struct yaml_key *key = &l->tree->keys[i];
		struct scope s = {.vars = &l->t->vars,
				  .takes = &l->takes,
				  .diag = l->diag,
				  .key_field = field ? field->text : NULL,
				  .runtime = strcmp(key->name, "driver") == 0};

		if (strcmp(key->name, "vars") == 0)
			continue;
		if (strcmp(key->name, "nodes") == 0)
			yaml_put(copy, key->name, key->mark, yaml_new(NODE_MAP, key->mark));
		else
			yaml_put(copy, key->name, key->mark,
				 scope_expand(&s, l->tree->items[i], key->name));
	}
	return copy;
}

static void read_vars_type(struct load *l)
{
	const struct yaml_node *vars = yaml_get(l->tree, "vars");

	if (vars && vars->type != NODE_MAP)
		diag_error(l->diag, vars->mark, "vars: expected a map (name: text)");
	for (size_t i = 0; vars && vars->type == NODE_MAP && i < vars->count; i++)
		if (vars->items[i]->type != NODE_SCALAR)
			diag_error(l->diag, vars->items[i]->mark, "vars.%s: expected text",
				   vars->keys[i].name);
}

static void read_sections(struct load *l)
{
	struct target *t = l->t;
	struct yaml_node *copy = expand_sections(l);

	opt_apply(target_table, copy, (struct mark){0}, "", t, l->diag);
	t->prepare = t->prepare_list.at;
	t->prepare_count = t->prepare_list.count;
	if (t->goods_node)
		goods_read(t, t->goods_node, l->diag);
	t->goods_node = t->nodes_node = NULL;
	yaml_tree_free(copy);
}

/* read_lanes - names and globs become node names, in order. */
static void read_lanes(struct load *l)
{
	struct target *t = l->t;
	struct strlist names = {0}, given = t->lanes;
	bool asked = yaml_get(l->tree, "lanes") != NULL;
	char star[] = "lane-*", *stars[] = {star};
	struct mark none = {0};

	if (!asked)
		given = (struct strlist){.at = stars, .count = 1, .marks = &none};
	for (size_t i = 0; i < given.count; i++) {
		size_t before = names.count;

		for (size_t n = 0; n < t->nodes_count; n++)
			if (str_glob(given.at[i], t->nodes[n].name))
				strlist_add(&names, t->nodes[n].name, given.marks[i]);
		if (asked && names.count == before)
			diag_error(l->diag, given.marks[i], "lanes: \"%s\" matches no node",
				   given.at[i]);
	}
	strlist_done(&t->lanes);
	t->lanes = names;
}

/* ---- rules that span keys ---- */

static void need_node(struct load *l, const char *name, struct mark at, const char *path)
{
	const char **names = xcalloc(l->t->nodes_count + 1, sizeof(*names));
	char hint[128];

	for (size_t i = 0; i < l->t->nodes_count; i++)
		names[i] = l->t->nodes[i].name;
	if (name && !target_node(l->t, name)) {
		opt_suggest(name, names, l->t->nodes_count, hint, sizeof(hint));
		diag_error(l->diag, at, "%s: there is no node \"%s\"%s", path, name, hint);
	}
	free(names);
}

static void need_services(struct load *l, const struct strlist *names, const struct node *near,
			  const char *path)
{
	for (size_t i = 0; i < names->count; i++) {
		cleanup_free char *local =
			near ? xasprintf("%s/%s", near->name, names->at[i]) : NULL;

		if (target_service(l->t, names->at[i], NULL) ||
		    (local && target_service(l->t, local, NULL)))
			continue;
		diag_error(l->diag, names->marks[i], "%s: there is no service \"%s\" (or several)",
			   path, names->at[i]);
	}
}

/* host_path - relative to the target's folder; it must be there. */
static void host_path(struct load *l, const char *path, struct mark at, const char *what)
{
	cleanup_free char *full =
		path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", l->t->folder, path);
	int folder = (int)folder_len(l->t->path, strlen(l->t->path));

	if (access(full, F_OK) == 0)
		return;
	/* What lies beside the target's folder is made by a preparation that may not have run. */
	diag_error(l->diag, at, "%s: \"%s\": %s%s%.*s%s", what, path, strerror(errno),
		   path[0] == '/' || !folder ? "" : ", seen from ", path[0] == '/' ? 0 : folder,
		   l->t->path, strncmp(path, "../", 3) ? "" : "; not prepared yet? make targets");
}

static void check_paths(struct load *l, const struct node *n)
{
	cleanup_free char *data = xasprintf("nodes.%s.data", n->name);
	cleanup_free char *mounts = xasprintf("nodes.%s.mounts", n->name);

	for (size_t i = 0; i < n->data_map.count; i++) {
		const struct strpair *p = &n->data_map.at[i];

		if (p->key[0] != '/')
			diag_error(l->diag, p->mark,
				   "%s: \"%s\" must be an absolute path in the node", data, p->key);
		if (p->value[0])
			host_path(l, p->value, p->mark, data);
	}
	for (size_t i = 0; i < n->mounts.count; i++) {
		const struct strpair *p = &n->mounts.at[i];

		if (p->key[0] != '/')
			diag_error(l->diag, p->mark,
				   "%s: \"%s\" must be an absolute path in the node", mounts,
				   p->key);
		host_path(l, p->value, p->mark, mounts);
	}
}

static void check_ready(struct load *l, const struct service *s, const char *path)
{
	const struct ready *r = &s->ready;

	if (!!r->http + !!r->tcp + !!r->log + !!r->command > 1)
		diag_error(l->diag, s->mark, "%s.ready: keep one of http, tcp, log, command", path);
	if (r->tcp && !strchr(r->tcp, ':'))
		diag_error(l->diag, s->mark, "%s.ready.tcp: \"%s\" is not a port like \":5432\"",
			   path, r->tcp);
	if (r->http && r->http[0] != ':' && !strstr(r->http, "://"))
		diag_error(l->diag, s->mark, "%s.ready.http: \"%s\" is not like \":8080/health\"",
			   path, r->http);
}

static void check_node(struct load *l, const struct node *n)
{
	check_paths(l, n);
	for (size_t i = 0; i < n->services_count; i++) {
		const struct service *s = &n->services[i];
		cleanup_free char *path = xasprintf("nodes.%s.services[%zu]", n->name, i);
		cleanup_free char *after = xasprintf("%s.after", path);

		if (!s->name || !s->run.count) {
			diag_error(l->diag, s->mark, "%s.run: there is no command", path);
			continue;
		}
		if (strpbrk(s->name, "/ *?["))
			diag_error(l->diag, s->mark, "%s.name: \"%s\" must not hold / or blanks",
				   path, s->name);
		for (size_t j = 0; j < i; j++)
			if (str_eq(n->services[j].name, s->name))
				diag_error(l->diag, s->mark,
					   "%s.name: node %s has a service \"%s\" already", path,
					   n->name, s->name);
		check_ready(l, s, path);
		need_services(l, &s->after, n, after);
	}
}

/* Labels of a-z, 0-9, - and _ with dots between them. */
static bool is_domain_name(const char *s)
{
	size_t len = strlen(s);

	if (!len || len > 120 || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != len)
		return false;
	while (*s) {
		size_t n = strcspn(s, ".");

		if (!n || n > 63 || s[0] == '-' || s[n - 1] == '-' || !strcmp(s + n, "."))
			return false;
		s += n + (s[n] == '.');
	}
	return true;
}

static void check_aliases(struct load *l, const struct node *n)
{
	for (size_t i = 0; i < n->aliases.count; i++) {
		const char *name = n->aliases.at[i];

		if (!is_domain_name(name) || str_eq(name, "localhost"))
			diag_error(l->diag, n->aliases.marks[i],
				   "nodes.%s.aliases: \"%s\" is not a name like db or "
				   "bank.example.com, in lower case", n->name, name);
		for (size_t k = 0; k < l->t->nodes_count; k++) {
			const struct node *m = &l->t->nodes[k];
			bool twice = str_eq(m->name, name);

			for (size_t j = 0; j < m->aliases.count && (m != n || j < i); j++)
				twice |= m <= n && str_eq(m->aliases.at[j], name);
			if (twice)
				diag_error(l->diag, n->aliases.marks[i],
					   "nodes.%s.aliases: node %s has the name \"%s\" already",
					   n->name, m->name, name);
		}
	}
}

/* check_nodes - of a group, only the first node that has errors shows them. */
static void check_nodes(struct load *l)
{
	const struct target *t = l->t;
	struct mark bad = {0};

	for (size_t i = 0; i < t->nodes_count; i++) {
		struct mark at = t->nodes[i].mark;
		size_t errors = diag_errors(l->diag);

		if (at.line == bad.line && at.col == bad.col)
			continue;
		check_node(l, &t->nodes[i]);
		check_aliases(l, &t->nodes[i]);
		ours_check(t, &t->nodes[i], l->diag);
		if (diag_errors(l->diag) > errors)
			bad = at;
	}
}

static void check_names(struct load *l)
{
	struct target *t = l->t;

	for (size_t i = 0; i < t->nodes_count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(t->nodes[i].name, t->nodes[j].name) == 0)
				diag_error(l->diag, t->nodes[i].mark,
					   "nodes: there are two nodes \"%s\"", t->nodes[i].name);
	for (size_t i = 0; i < t->prepare_count; i++) {
		cleanup_free char *path = xasprintf("prepare[%zu].node", i);
		cleanup_free char *with = xasprintf("prepare[%zu].with", i);
		const struct node *n = target_node(t, t->prepare[i].node);

		need_node(l, t->prepare[i].node, t->prepare_list.marks[i], path);
		need_services(l, &t->prepare[i].with, n, with);
		if (!t->prepare[i].user && n)
			t->prepare[i].user = xstrdup(n->user);
	}
}

static void check_whole(struct load *l)
{
	struct target *t = l->t;

	if (strlen(t->currency) != 3 || strspn(t->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		diag_error(l->diag, yaml_get(l->tree, "currency")->mark,
			   "currency: \"%s\" is not a code like EUR", t->currency);
	check_nodes(l);
	check_names(l);
	need_node(l, t->books.node, yaml_key_mark(l->tree, "books"), "books.node");
	if (t->driver.at && !strstr(t->driver.at, "${"))
		need_node(l, t->driver.at, yaml_key_mark(l->tree, "driver"), "driver.at");
}

/* ---- loading ---- */

static void read_target(struct load *l)
{
	size_t errors = diag_errors(l->diag);

	scope_takes(yaml_get(l->tree, "driver"), &l->takes);
	read_vars_type(l);
	read_vars(l);
	read_sections(l);
	read_nodes(l);
	read_lanes(l);
	if (diag_errors(l->diag) == errors)
		check_whole(l);
}

static char *folder_of(const char *path)
{
	cleanup_free char *dir = xstrndup(path, folder_len(path, strlen(path)));
	char *real = realpath(dir[0] ? dir : ".", NULL);

	return real ? real : xstrdup(dir[0] ? dir : ".");
}

struct target *target_load(const char *name_or_path, struct mark at, struct diag *diag)
{
	struct load l = {.t = xcalloc(1, sizeof(struct target)), .diag = diag};
	size_t errors = diag_errors(diag);
	struct buf text = {0};

	l.t->path = find_target(name_or_path, at, diag);
	if (l.t->path && yaml_read(l.t->path, &text, diag) == 0) {
		l.t->folder = folder_of(l.t->path);
		l.tree = yaml_load(l.t->path, text.data ? text.data : "", text.len, diag);
		l.tree = target_like(l.tree, l.t->path, &text, &l.t->likes, diag);
	}
	if (l.tree)
		read_target(&l);
	if (diag_errors(diag) == errors && !diag_full(diag)) {
		l.t->digest = digest_target(l.t, text.data, text.len);
	} else {
		target_free(l.t);
		l.t = NULL;
	}
	yaml_tree_free(l.tree);
	strlist_done(&l.takes);
	buf_done(&text);
	return l.t;
}

static void node_done(struct node *n)
{
	opt_free(node_table, n);
	for (size_t i = 0; i < n->data_count; i++) {
		free(n->data[i].path);
		free(n->data[i].seed);
	}
	free(n->data);
	free(n->stands_at);
	free(n->name);
}

void target_free(struct target *t)
{
	if (!t)
		return;
	strlist_done(&t->likes);
	opt_free(target_table, t);
	for (size_t i = 0; i < t->nodes_count; i++)
		node_done(&t->nodes[i]);
	free(t->nodes);
	goods_free(t);
	free(t->path);
	free(t->folder);
	free(t->digest);
	free(t);
}

/* ---- asking ---- */

const struct node *target_host(const struct target *t, const char *name)
{
	const struct node *n = target_node(t, name);

	for (size_t i = 0; !n && i < t->nodes_count; i++)
		for (size_t j = 0; j < t->nodes[i].aliases.count; j++)
			if (str_eq(t->nodes[i].aliases.at[j], name))
				return &t->nodes[i];
	return n;
}

void target_no_node(const struct target *t, const char *word, struct mark at, const char *what,
		    struct diag *diag)
{
	const char **names = xcalloc(t->nodes_count + 1, sizeof(*names));
	const struct node *n = target_node(t, word);
	size_t hosts = target_wired(t);
	char hint[128];

	for (size_t i = 0; i < hosts; i++)
		names[i] = t->nodes[i].name;
	opt_suggest(word, names, hosts, hint, sizeof(hint));
	if (n && !node_wired(n))
		diag_error(diag, at, "%s: %s hangs on a serial line of %s and is on no wire", what,
			   word, n->stands_at);
	else
		diag_error(diag, at, "%s: target %s has no node \"%s\"%s", what, t->name, word,
			   hint);
	free(names);
}

const struct node *target_node(const struct target *t, const char *name)
{
	for (size_t i = 0; name && i < t->nodes_count; i++)
		if (strcmp(t->nodes[i].name, name) == 0)
			return &t->nodes[i];
	return NULL;
}

const struct service *target_service(const struct target *t, const char *name,
				     const struct node **ret_node)
{
	const char *slash = strchr(name, '/');
	const struct service *found = NULL;

	for (size_t i = 0; i < t->nodes_count; i++) {
		const struct node *n = &t->nodes[i];

		if (slash && (strlen(n->name) != (size_t)(slash - name) ||
			      strncmp(n->name, name, (size_t)(slash - name)) != 0))
			continue;
		for (size_t j = 0; j < n->services_count; j++) {
			if (!str_eq(n->services[j].name, slash ? slash + 1 : name))
				continue;
			if (found)
				return NULL; /* not unique */
			found = &n->services[j];
			if (ret_node)
				*ret_node = n;
		}
	}
	return found;
}
