/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_PLAN_H
#define WD_EXPLORE_PLAN_H

/*
 * The plan: every experiment that was asked for, read, checked against its
 * target and its faults, before anything is launched.
 */
#include <stdbool.h>
#include <stddef.h>

#include "conf/experiment.h"
#include "conf/target.h"

struct err;

struct plan_entry {
	struct experiment *experiment; /* owned */
	struct target *target;	       /* owned by the plan: shared between entries */
	char *unsupported;	       /* owned: why this host cannot do it, and the remedy; NULL */
};

struct plan {
	struct plan_entry *at;
	size_t count;
	struct target **targets; /* owned; NULL: it had errors */
	char **targets_asked;	 /* parallel: as the experiments named them */
	size_t targets_count;
};

/** struct files - paths found, owned, sorted within each folder asked for. */
struct files {
	char **at;
	size_t count;
};
/**
 * files_find - a file stands for itself; a folder for every .yml below it. A
 * folder that holds a target.yml is a target: only that file counts in it.
 */
int files_find(struct files *ret, const char *path, struct err *e);
void files_done(struct files *f);
/** file_is_target - named target.yml, or with `nodes:` and no `target:` at its top level. */
bool file_is_target(const char *path);

/** plan_load - all experiments below `paths`. Errors go into diag; 0, or -EINVAL when there were
 * any. */
int plan_load(struct plan *ret, char *const *paths, size_t count, const struct conf_catalog *cat,
	      const struct strlist *sets, struct diag *diag);
/** plan_add - one experiment file and its target. */
int plan_add(struct plan *p, const char *path, const struct conf_catalog *cat,
	     const struct strlist *sets, struct diag *diag);
/** plan_check - an experiment against a target, its faults too. 0; -EINVAL, errors in diag. */
int plan_check(const struct experiment *x, const struct target *t, struct diag *diag);
/** plan_probe_fault - may this host do it, and does it reach this target's programs? Negative and
 * why, with the remedy. */
int plan_probe_fault(const struct conf_item *item, const struct target *t, char *why,
		     size_t why_len);
/** plan_probe - try the faults of every experiment here; fills `unsupported`. */
void plan_probe(struct plan *p);
void plan_done(struct plan *p);

#endif
