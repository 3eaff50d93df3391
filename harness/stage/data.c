/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data directories of a trial: folders on the trial's tmpfs, bound into
 * their nodes, filled from the prepared data if the target has `prepare:`
 * steps, else from the seed folder. All of it belongs to the one id that
 * services really have.
 *
 * A node whose disk may fail has a tmpfs of its own, filled at once, and between
 * it and the node a file system of ours (disk/):
 *
 *   <trial>/back-<node>/<n>    the data
 *   <trial>/disk-<node>/<n>    the same through the disk; bound into the node
 */
#include "stage/room.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

char *target_path(const struct target *t, const char *path)
{
	return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", t->folder, path);
}

static bool wants_disk(const struct stage_node *n)
{
	const struct strlist *disks = n->st->o.disks;

	for (size_t i = 0; disks && n->conf->data_count && i < disks->count; i++)
		if (str_glob(disks->at[i], n->conf->name))
			return true;
	return false;
}

static int folders_open(struct stage_node *n, const char *back, const char *at, struct err *e)
{
	uid_t id = n->st->slot->service_id;

	for (size_t k = 0; k < n->conf->data_count; k++) {
		struct data_at *d = &n->data[k];
		const char *real;

		d->path = n->conf->data[k].path;
		d->back = back ? xasprintf("%s/%zu", back, k) : NULL;
		d->host = at ? xasprintf("%s/%zu", at, k)
			     : xasprintf("%s/data-%u-%zu", n->st->dir, n->index, k);
		real = d->back ? d->back : d->host;
		if (mkdir(real, 0755) < 0 || chown(real, id, id) < 0)
			return err_errno(e, errno, "making %s", real);
	}
	return 0;
}

static int node_fill(const struct stage_node *n, struct err *e);

/* Filled before it is mounted, so that the kernel learns nothing that is not true later. */
static int disk_open(struct stage_node *n, struct err *e)
{
	const struct stage *st = n->st;
	cleanup_free char *back = xasprintf("%s/back-%u", st->dir, n->index);
	cleanup_free char *at = xasprintf("%s/disk-%u", st->dir, n->index);
	cleanup_free const char **dirs = xcalloc(n->conf->data_count, sizeof(*dirs));
	struct disk_opts o = { .name = n->conf->name, .backing = back, .mount = at, .dirs = dirs,
			       .dirs_count = n->conf->data_count };
	int64_t bytes = memory_bytes() / 4 / st->slot->jobs / (int64_t)st->nodes_count;
	int r;

	if (mkdir(back, 0755) < 0 || mkdir(at, 0755) < 0)
		return err_errno(e, errno, "making folders in %s", st->dir);
	r = mount_tmpfs(back, 0755, bytes);
	if (r < 0)
		return err_errno(e, -r, "mounting a tmpfs at %s", back);
	r = folders_open(n, back, at, e);
	if (r == 0)
		r = node_fill(n, e);
	for (size_t k = 0; k < n->conf->data_count; k++)
		dirs[k] = n->data[k].path;
	return r < 0 ? r : disk_new(&n->disk, &o, e);
}

static int node_data_open(struct stage_node *n, struct err *e)
{
	n->data = xcalloc(n->conf->data_count + 1, sizeof(*n->data));
	return wants_disk(n) ? disk_open(n, e) : folders_open(n, NULL, NULL, e);
}

void data_close(struct stage_node *n)
{
	for (size_t k = 0; n->data && k < n->conf->data_count; k++) {
		free(n->data[k].host);
		free(n->data[k].back);
	}
	free(n->data);
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

static int node_fill(const struct stage_node *n, struct err *e)
{
	for (size_t k = 0; k < n->conf->data_count; k++) {
		const struct data_at *d = &n->data[k];
		cleanup_free char *from = data_source(n->st, n, k);

		if (from && copy_tree(from, d->back ? d->back : d->host, n->st->slot->service_id,
				      e) < 0)
			return err_wrap(e, "data %s of node %s", d->path, n->conf->name);
	}
	return 0;
}

int data_fill(struct stage *st, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < st->nodes_count; i++)
		if (!st->nodes[i].disk)
			r = node_fill(&st->nodes[i], e);
	return r;
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
