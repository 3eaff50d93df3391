/* SPDX-License-Identifier: Apache-2.0 */
/* worstday list: what there is, and what it can be told. */
#include "cmd.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cmd_dry.h"
#include "conf/when.h"
#include "explore/plan.h"
#include "faults/backend.h"
#include "faults/fault.h"
#include "judge/judge.h"

#define TARGETS "targets"
#define EXPERIMENTS "experiments"

static const struct cli_opt options[] = {CLI_OPT_JSON, CLI_OPT_END};

struct item {
	const char *name, *summary, *example;
	struct opt_table opts;
	const struct fault_ops *fault; /* NULL: none */
	char *owned[2]; /* name and summary when they are ours */
};
struct items {
	struct item *at;
	size_t count;
};

static struct item *items_add(struct items *l)
{
	l->at = xrealloc(l->at, (l->count + 1) * sizeof(*l->at));
	l->at[l->count] = (struct item){0};
	return &l->at[l->count++];
}

static void items_done(struct items *l)
{
	size_t i;

	for (i = 0; i < l->count; i++) {
		free(l->at[i].owned[0]);
		free(l->at[i].owned[1]);
	}
	free(l->at);
}

static void faults_get(struct items *l)
{
	size_t i;

	for (i = 0; i < fault_table_count; i++) {
		const struct fault_ops *f = fault_table[i];

		*items_add(l) = (struct item){
		    .name = f->name, .summary = f->summary, .example = f->example, .opts = f->opts,
		    .fault = f};
	}
}

static void checks_get(struct items *l)
{
	size_t i;

	for (i = 0; i < check_table_count; i++) {
		const struct check_ops *c = check_table[i];

		*items_add(l) = (struct item){
		    .name = c->name, .summary = c->summary, .example = c->example, .opts = c->opts};
	}
}

/* The title of a file: read as YAML only, so that a broken file is still listed. */
static char *title_of(const char *path)
{
	struct diag *diag = diag_new();
	struct yaml_node *root = yaml_load_file(path, diag), *title = NULL;
	char *text;

	if (root && root->type == NODE_MAP)
		title = yaml_get(root, "title");
	text = xstrdup(title && title->type == NODE_SCALAR ? title->text
		       : root				   ? ""
			      : "(cannot be read; see worstday validate)");
	yaml_tree_free(root);
	diag_free(diag);
	return text;
}

static void item_own(struct items *l, char *name, char *summary)
{
	struct item *i = items_add(l);

	i->name = i->owned[0] = name;
	i->summary = i->owned[1] = summary;
}

static void targets_get(struct items *l)
{
	struct dirent **list = NULL;
	int i, n = scandir(TARGETS, &list, NULL, alphasort);

	for (i = 0; i < n; i++) {
		cleanup_free char *path = xasprintf(TARGETS "/%s/target.yml", list[i]->d_name);

		if (list[i]->d_name[0] != '.' && access(path, F_OK) == 0)
			item_own(l, xstrdup(list[i]->d_name), title_of(path));
		free(list[i]);
	}
	free(list);
}

static void experiments_get(struct items *l)
{
	struct files f = {0};
	size_t i;

	files_find(&f, EXPERIMENTS, NULL);
	for (i = 0; i < f.count; i++) {
		const char *name = f.at[i] + sizeof(EXPERIMENTS);

		if (!file_is_target(f.at[i]))
			item_own(l, xstrdup(name), title_of(f.at[i]));
	}
	files_done(&f);
}

static bool told(struct diag *diag)
{
	struct buf b = {0};
	bool bad = diag_errors(diag) > 0;

	if (bad) {
		diag_render(diag, &b);
		fputs(b.data, stderr);
	}
	buf_done(&b);
	diag_free(diag);
	return bad;
}

static bool target_more(const struct item *i)
{
	struct diag *diag = diag_new();
	struct target *t = target_load(i->name, (struct mark){0}, diag);

	if (t && !diag_errors(diag))
		dry_target(t);
	target_free(t);
	return !told(diag);
}

static bool experiment_more(const struct item *i)
{
	cleanup_free char *path = xasprintf(EXPERIMENTS "/%s", i->name);
	struct conf_catalog cat = cmd_catalog();
	struct strlist sets = {0};
	struct diag *diag = diag_new();
	struct plan p = {0};
	struct cli c = {.seed = -1};

	if (plan_add(&p, path, &cat, &sets, diag) == 0)
		dry_run(&c, &p);
	plan_done(&p);
	return !told(diag);
}

/* The files that people write, key by key; what they all have comes first. */
static void keys_get(struct items *l)
{
	const struct item files[] = {
	    {.name = "experiment",
	     .summary = "the keys of an experiment file",
	     .opts = experiment_table},
	    {.name = "when",
	     .summary = "the trigger of a fault, `when:`",
	     .opts = when_table},
	    {.name = "target",
	     .summary = "the keys of a target file (target.yml)",
	     .opts = target_table},
	    {.name = "driver",
	     .summary = "`driver:` of a target file",
	     .opts = driver_table},
	    {.name = "books",
	     .summary = "`books:` of a target file",
	     .opts = books_table},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		*items_add(l) = files[i];
}

struct kind {
	const char *name;
	void (*get)(struct items *l);
	/* more about one, after its summary; false: it has errors, which were told. May be NULL */
	bool (*more)(const struct item *i);
	bool whole; /* without NAME: all of them in full */
};
static const struct kind kinds[] = {
    {.name = "faults", .get = faults_get},
    {.name = "checks", .get = checks_get},
    {.name = "keys", .get = keys_get, .whole = true},
    {.name = "targets", .get = targets_get, .more = target_more},
    {.name = "experiments", .get = experiments_get, .more = experiment_more},
};

static void print_json(const struct items *l, const char *only)
{
	struct buf b = {0};
	struct json_out o = {.buf = &b, .pretty = true};
	size_t i;

	json_arr(&o, NULL);
	for (i = 0; i < l->count; i++) {
		struct buf help = {0};

		if (only && !str_eq(only, l->at[i].name))
			continue;
		json_obj(&o, NULL);
		json_str(&o, "name", l->at[i].name);
		json_str(&o, "summary", l->at[i].summary);
		json_str(&o, "example", l->at[i].example);
		if (l->at[i].opts.rows)
			opt_help(l->at[i].opts, 0, &help);
		if (help.len)
			json_str(&o, "options", help.data);
		buf_reset(&help);
		if (l->at[i].fault)
			backend_help(l->at[i].fault, 0, &help);
		if (help.len)
			json_str(&o, "backends", help.data);
		json_obj_end(&o);
		buf_done(&help);
	}
	json_arr_end(&o);
	puts(b.data);
	buf_done(&b);
}

static void print_all(const struct items *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		printf("%-24s %s\n", l->at[i].name, l->at[i].summary);
}

static void print_backends(const struct fault_ops *f)
{
	struct buf b = {0};

	backend_help(f, 2, &b);
	if (b.len)
		printf("\nBack ends:\n%s", b.data);
	buf_done(&b);
}

static void print_one(const struct item *i)
{
	struct buf b = {0};

	printf("%s: %s\n", i->name, i->summary);
	if (i->opts.rows && i->opts.rows->type != OPT_END_) {
		opt_help(i->opts, 2, &b);
		printf("\nOptions:\n%s", b.data ? b.data : "");
		buf_reset(&b);
	}
	if (i->fault) {
		print_backends(i->fault);
		opt_help(when_table, 2, &b);
		printf("\nwhen: (every fault takes it)\n%s", b.data ? b.data : "");
	}
	if (i->example)
		printf("\nExample:\n  %s\n", i->example);
	buf_done(&b);
}

static void print_whole(const struct items *l)
{
	size_t i;

	for (i = 0; i < l->count; i++) {
		if (i)
			putchar('\n');
		print_one(&l->at[i]);
	}
}

static const struct item *items_find(const struct items *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->count; i++) {
		if (str_eq(l->at[i].name, name))
			return &l->at[i];
	}
	return NULL;
}

static const char *items_nearest(const struct items *l, const char *name)
{
	const char **names = xcalloc(l->count + 1, sizeof(char *)), *near;
	size_t i;

	for (i = 0; i < l->count; i++)
		names[i] = l->at[i].name;
	near = str_nearest(name, names, l->count);
	free(names);
	return near;
}

static int not_found(const struct kind *k, const struct items *l, const char *name)
{
	const char *near = items_nearest(l, name);

	if (near)
		return cli_usage(&cmd_list, "no \"%s\" among the %s; did you mean \"%s\"?", name,
				 k->name, near);
	return cli_usage(&cmd_list, "no \"%s\" among the %s", name, k->name);
}

static int print(const struct cli *c, const struct kind *k, const struct items *l)
{
	const char *only = c->words_count > 1 ? c->words[1] : NULL;
	const struct item *found = only ? items_find(l, only) : NULL;

	if (only && !found)
		return not_found(k, l, only);
	if (c->json)
		print_json(l, only);
	else if (found)
		print_one(found);
	else if (k->whole)
		print_whole(l);
	else
		print_all(l);
	return found && k->more && !c->json && !k->more(found) ? EXIT_BAD_FILE : 0;
}

static int list(const struct cli *c)
{
	const char *names[ARRAY_SIZE(kinds)], *near;
	struct items l = {0};
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		names[i] = kinds[i].name;
		if (!str_eq(kinds[i].name, c->words[0]))
			continue;
		kinds[i].get(&l);
		r = print(c, &kinds[i], &l);
		items_done(&l);
		return r;
	}
	near = str_nearest(c->words[0], names, i);
	if (near)
		return cli_usage(&cmd_list, "no list of \"%s\"; did you mean \"%s\"?", c->words[0],
				 near);
	return cli_usage(&cmd_list, "no list of \"%s\"", c->words[0]);
}

const struct cmd cmd_list = {
    .name = "list",
    .args = "faults|checks|keys|targets|experiments [NAME]",
    .summary = "what there is, and the options of each",
    .about = "Lists faults and checks, the keys of the files you write, and the targets and\n"
	     "experiments below the current folder. With NAME: that one in full.",
    .opts = options,
    .words = {"faults checks keys targets experiments", "NAME"},
    .words_min = 1,
    .words_max = 2,
    .run = list,
};
