/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data directories of a trial: folders on the trial's tmpfs, bound into
 * their nodes, filled from the prepared data if the target has `prepare:`
 * steps, else from the seed folder. All of it belongs to the one id that
 * services really have.
 */
#include "stage/room.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

char *target_path(const struct target *t, const char *path)
{
	return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", t->folder, path);
}

static int node_data_open(struct stage_node *n, struct err *e)
{
	uid_t id = n->st->slot->service_id;

	n->data = xcalloc(n->conf->data_count + 1, sizeof(*n->data));
	for (size_t k = 0; k < n->conf->data_count; k++) {
		n->data[k].path = n->conf->data[k].path;
		n->data[k].host = xasprintf("%s/data-%u-%zu", n->st->dir, n->index, k);
		if (mkdir(n->data[k].host, 0755) < 0 || chown(n->data[k].host, id, id) < 0)
			return err_errno(e, errno, "making %s", n->data[k].host);
	}
	return 0;
}

int data_open(struct stage *st, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < st->nodes_count; i++)
		r = node_data_open(&st->nodes[i], e);
	return r;
}

static char *data_source(const struct stage *st, const struct stage_node *n, size_t k)
{
	const char *seed = n->conf->data[k].seed;

	if (st->prepared)
		return xasprintf("%s/%s/%zu", st->prepared, n->conf->name, k);
	return seed ? target_path(st->o.target, seed) : NULL;
}

int data_fill(struct stage *st, struct err *e)
{
	for (size_t i = 0; i < st->nodes_count; i++) {
		const struct stage_node *n = &st->nodes[i];

		for (size_t k = 0; k < n->conf->data_count; k++) {
			cleanup_free char *from = data_source(st, n, k);
			int r = from ? copy_tree(from, n->data[k].host, st->slot->service_id, e)
				     : 0;

			if (r < 0)
				return err_wrap(e, "data %s of node %s", n->data[k].path,
						n->conf->name);
		}
	}
	return 0;
}

char *stage_path(struct stage *st, const char *node, const char *path)
{
	const struct stage_node *n = stage_node(st, node);
	const char *best = NULL, *rest = NULL;
	size_t longest = 0;

	for (size_t k = 0; n && k < n->conf->data_count; k++) {
		size_t len = strlen(n->data[k].path);

		while (len > 1 && n->data[k].path[len - 1] == '/')
			len--;
		if (len < longest || strncmp(path, n->data[k].path, len) ||
		    (path[len] && path[len] != '/'))
			continue;
		longest = len;
		best = n->data[k].host;
		rest = path + len;
	}
	return best ? xasprintf("%s%s", best, rest) : NULL;
}
