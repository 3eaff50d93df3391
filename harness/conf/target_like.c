/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One target in several variants: `like: target.yml` lays a target file over another one of the
 * same folder, before anything of either is looked at. Maps are laid key by key, everything else
 * replaces what was there as a whole, and `~` takes a key of the lower file away. Marks go on
 * pointing to the file that each word stands in.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "conf/target_load.h"
#include "conf/yaml.h"

#define DEEP_MAX 4 /* files on top of one another */

/* The lower file's tree; NULL: an error is in diag. Its text joins `text`, for the digest. */
static struct yaml_node *lower(const char *top, const struct yaml_node *like, struct buf *text,
			       struct diag *diag)
{
	const char *slash = strrchr(top, '/');
	struct buf own = { 0 };
	struct yaml_node *n = NULL;
	char *path;

	if (like->type != NODE_SCALAR || !like->len || strchr(like->text, '/')) {
		diag_error(diag, like->mark,
			   "like: expected the name of a target file in this folder");
		return NULL;
	}
	path = xasprintf("%.*s%s", slash ? (int)(slash + 1 - top) : 0, top, like->text);
	if (yaml_read(path, &own, diag) == 0)
		n = yaml_load(path, own.data ? own.data : "", own.len, diag);
	if (n && n->type == NODE_MAP) {
		buf_addc(text, '\0');
		buf_add(text, own.data, own.len);
		yaml_keep_file(n, path);
		path = NULL;
	} else {
		if (n)
			diag_error(diag, n->mark, "expected a target: keys and values");
		diag_note(diag, like->mark, "wanted by `like:` here");
		yaml_tree_free(n);
		n = NULL;
	}
	free(path);
	buf_done(&own);
	return n;
}

struct yaml_node *target_like(struct yaml_node *tree, const char *path, struct buf *text,
			      struct strlist *likes, struct diag *diag)
{
	struct yaml_node *like;

	for (int deep = 1; tree && (like = yaml_get(tree, "like")); deep++) {
		struct yaml_node *low = NULL;

		if (deep == DEEP_MAX)
			diag_error(diag, like->mark,
				   "like: more than %d files on top of one another", DEEP_MAX);
		else
			low = lower(path, like, text, diag);
		if (low) {
			strlist_add(likes, like->text, like->mark);
			yaml_drop(tree, "like");
			yaml_over(low, tree);
		}
		yaml_tree_free(tree);
		tree = low;
	}
	return tree;
}
