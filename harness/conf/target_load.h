/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CONF_TARGET_LOAD_H
#define WD_CONF_TARGET_LOAD_H

/* What the files that read a target share; nobody else includes it. */
#include "conf/target.h"

struct buf;

/** struct scope - which ${...} are known at a place of the target file. */
struct scope {
	const struct strmap *vars;
	const char *node; /* NULL outside of nodes: */
	int index;
	bool runtime;		     /* in driver: those are left for it */
	const char *key_field;	     /* key.field: the key by another name; NULL */
	const struct strlist *takes; /* names that `take:` defines */
	struct diag *diag;
};
/** scope_expand - a copy of the tree with every known ${...} replaced; unknown ones are reported.
 */
struct yaml_node *scope_expand(const struct scope *s, const struct yaml_node *n, const char *path);
/** scope_takes - collect the names that take: defines anywhere in the tree. */
void scope_takes(const struct yaml_node *n, struct strlist *ret);

/**
 * target_like - lay the tree of the file @path over those beside it that `like:` names. Takes over
 * the tree; the texts join @text, the names @likes. NULL: an error is in diag.
 */
struct yaml_node *target_like(struct yaml_node *tree, const char *path, struct buf *text,
			      struct strlist *likes, struct diag *diag);

/** group_expand - "lane-{1..3}" into three names with indexes; a plain name into one. -EINVAL +
 * diag. */
int group_expand(const char *name, struct mark at, struct strlist *ret, int *ret_first,
		 struct diag *diag);

extern const struct opt_table node_table, device_table, good_table;
/* OPT_CUSTOM parsers; field is the struct driver, struct books */
int driver_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag);
void driver_free(void *field);
int books_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag);
void books_free(void *field);
/* the same; field is a struct devices */
int devices_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag);
void devices_free(void *field);
int bank_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag);
extern const struct opt bank_rows[];
/* ours_check - a host that the harness plays has nothing else on it, and there is one bank. */
void ours_check(const struct target *t, const struct node *n, struct diag *diag);
/* goods: from the list in the file or from a CSV next to it */
void goods_read(struct target *t, const struct yaml_node *n, struct diag *diag);
void goods_free(struct target *t);

/** digest_target - SHA-256 of the target file and all files it names. Caller frees the hex text. */
char *digest_target(const struct target *t, const char *text, size_t len);

#endif
