/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From paths to a checked plan. Targets are loaded once however many
 * experiments name them; their path may depend on the experiment's folder, so
 * they are told apart by the name as written and that folder.
 */
#include "explore/plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "faults/backend.h"
#include "faults/fault.h"

#define TARGET_FILE "target.yml"

static void files_add(struct files *f, char *path)
{
	f->at = xrealloc(f->at, (f->count + 1) * sizeof(*f->at));
	f->at[f->count++] = path;
}

void files_done(struct files *f)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		free(f->at[i]);
	free(f->at);
	*f = (struct files){0};
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_yaml(const char *name)
{
	size_t n = strlen(name);

	return (n > 4 && str_eq(name + n - 4, ".yml")) || (n > 5 && str_eq(name + n - 5, ".yaml"));
}

bool file_is_target(const char *path)
{
	struct diag *diag;
	struct yaml_node *root;
	bool target;

	if (str_eq(base_name(path), TARGET_FILE))
		return true;
	diag = diag_new();
	root = yaml_load_file(path, diag);
	target = root && root->type == NODE_MAP && yaml_get(root, "nodes") &&
		 !yaml_get(root, "target");
	yaml_tree_free(root);
	diag_free(diag);
	return target;
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int folder_find(struct files *ret, const char *path, struct err *e);

static int entry_find(struct files *ret, char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		free(path);
		return 0; /* a dangling link in a folder is nobody's experiment */
	}
	if (S_ISDIR(st.st_mode)) {
		int r = folder_find(ret, path, e);

		free(path);
		return r;
	}
	if (is_yaml(path))
		files_add(ret, path);
	else
		free(path);
	return 0;
}

static int folder_find(struct files *ret, const char *path, struct err *e)
{
	struct dirent **list = NULL;
	cleanup_free char *target = xasprintf("%s/" TARGET_FILE, path);
	int i, n, r = 0;

	if (access(target, F_OK) == 0) {
		files_add(ret, steal_ptr(&target));
		return 0;
	}
	n = scandir(path, &list, visible, alphasort);
	if (n < 0)
		return err_errno(e, errno, "reading folder %s", path);
	for (i = 0; i < n; i++) {
		if (r == 0)
			r = entry_find(ret, xasprintf("%s/%s", path, list[i]->d_name), e);
		free(list[i]);
	}
	free(list);
	return r;
}

int files_find(struct files *ret, const char *path, struct err *e)
{
	struct stat st;
	char *copy;

	if (stat(path, &st) < 0)
		return err_errno(e, errno, "%s", path);
	copy = xstrdup(path);
	while (strlen(copy) > 1 && copy[strlen(copy) - 1] == '/')
		copy[strlen(copy) - 1] = '\0';
	if (!S_ISDIR(st.st_mode)) {
		files_add(ret, copy);
		return 0;
	}
	{
		int r = folder_find(ret, copy, e);

		free(copy);
		return r;
	}
}

/* A target named by path is meant relative to the experiment's folder; by name it is one for all.
 */
static char *target_asked(const struct experiment *x)
{
	const char *slash = strrchr(x->path, '/');

	if (!strchr(x->target, '/') || !slash)
		return xstrdup(x->target);
	return xasprintf("%.*s: %s", (int)(slash - x->path), x->path, x->target);
}

static void target_keep(struct plan *p, char *asked, struct target *t)
{
	size_t n = p->targets_count++;

	p->targets = xrealloc(p->targets, (n + 1) * sizeof(struct target *));
	p->targets_asked = xrealloc(p->targets_asked, (n + 1) * sizeof(char *));
	p->targets[n] = t;
	p->targets_asked[n] = asked;
}

/* A target that was wrong is remembered too: its errors are told once, not once an experiment. */
static struct target *plan_target(struct plan *p, const struct experiment *x, struct diag *diag)
{
	char *asked = target_asked(x);
	size_t i;

	for (i = 0; i < p->targets_count; i++) {
		if (!str_eq(p->targets_asked[i], asked))
			continue;
		free(asked);
		if (!p->targets[i])
			diag_error(diag, x->target_mark, "the errors of target \"%s\" are above",
				   x->target);
		return p->targets[i];
	}
	target_keep(p, asked, target_load(x->target, x->target_mark, diag));
	return p->targets[i];
}

static void faults_check(const struct experiment *x, const struct target *t, struct diag *diag)
{
	size_t i;

	for (i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;

		if (ops->check_target)
			ops->check_target(x->faults[i].opts, t, x->faults[i].mark, diag);
		if (!ops->counts_hits && x->faults[i].when.on == ON_NOTHING &&
		    x->faults[i].when.nth.first != INT64_MIN)
			diag_error(diag, x->faults[i].when.mark,
				   "faults[%zu].when.nth: %s counts nothing by itself: say "
				   "what with `on:`", i, ops->name);
	}
	backend_check(x, t, diag);
}

int plan_check(const struct experiment *x, const struct target *t, struct diag *diag)
{
	size_t errors = diag_errors(diag);

	experiment_check_target(x, t, diag);
	faults_check(x, t, diag);
	return diag_errors(diag) > errors ? -EINVAL : 0;
}

int plan_add(struct plan *p, const char *path, const struct conf_catalog *cat,
	     const struct strlist *sets, struct diag *diag)
{
	size_t errors = diag_errors(diag);
	struct experiment *x = experiment_load(path, cat, sets, diag);
	struct target *t;

	if (!x)
		return -EINVAL;
	t = plan_target(p, x, diag);
	if (t)
		plan_check(x, t, diag);
	if (!t || diag_errors(diag) > errors) {
		experiment_free(x);
		return -EINVAL;
	}
	p->at = xrealloc(p->at, (p->count + 1) * sizeof(*p->at));
	p->at[p->count++] = (struct plan_entry){.experiment = x, .target = t};
	return 0;
}

static struct mark whole_file(const char *path)
{
	return (struct mark){.file = path};
}

static void plan_add_files(struct plan *p, const struct files *f, bool alone,
			   const struct conf_catalog *cat, const struct strlist *sets,
			   struct diag *diag)
{
	size_t i;

	for (i = 0; i < f->count && !diag_full(diag); i++) {
		if (!file_is_target(f->at[i]))
			plan_add(p, f->at[i], cat, sets, diag);
		else if (alone)
			diag_error(diag, whole_file(f->at[i]),
				   "this is a target, not an experiment; an experiment names it "
				   "with `target:`");
	}
}

int plan_load(struct plan *ret, char *const *paths, size_t count, const struct conf_catalog *cat,
	      const struct strlist *sets, struct diag *diag)
{
	size_t i;

	for (i = 0; i < count && !diag_full(diag); i++) {
		struct files f = {0};
		struct err e = {0};

		if (files_find(&f, paths[i], &e) < 0)
			diag_error(diag, whole_file(paths[i]), "%s", strerror(e.code));
		else if (f.count == 0)
			diag_error(diag, whole_file(paths[i]),
				   "no experiment files (.yml) in here");
		plan_add_files(ret, &f, f.count == 1, cat, sets, diag);
		files_done(&f);
	}
	return diag_errors(diag) ? -EINVAL : 0;
}

int plan_probe_fault(const struct conf_item *item, const struct target *t, char *why,
		     size_t why_len)
{
	const struct fault_ops *ops = item->kind->ops;
	int r = fault_probe(ops, item->opts, why, why_len);

	if (r >= 0 && ops->reach)
		r = ops->reach(item->opts, t, why, why_len);
	return r;
}

static void entry_probe(struct plan_entry *entry)
{
	const struct experiment *x = entry->experiment;
	struct buf why = {0};
	size_t i;

	for (i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		char text[512] = "";

		if (plan_probe_fault(&x->faults[i], entry->target, text, sizeof(text)) < 0)
			buf_printf(&why, "%s%s: %s", why.len ? "; " : "", ops->name, text);
	}
	if (why.len)
		entry->unsupported = buf_steal(&why);
	buf_done(&why);
}

void plan_probe(struct plan *p)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		entry_probe(&p->at[i]);
}

void plan_done(struct plan *p)
{
	size_t i;

	for (i = 0; i < p->count; i++) {
		experiment_free(p->at[i].experiment);
		free(p->at[i].unsupported);
	}
	for (i = 0; i < p->targets_count; i++) {
		target_free(p->targets[i]);
		free(p->targets_asked[i]);
	}
	free(p->at);
	free(p->targets);
	free(p->targets_asked);
	*p = (struct plan){0};
}
