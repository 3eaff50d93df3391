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

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "disk/durable.h"

char *target_path(const struct target *t, const char *path)
{
	return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", t->folder, path);
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

#define LOG_SHARE 16 /* of the memory, for a log of operations, and at most: */
#define LOG_MAX (INT64_C(1) << 30)

static bool wants(const struct strlist *patterns, const struct stage_node *n)
{
	for (size_t i = 0; patterns && n->conf->data_count && i < patterns->count; i++)
		if (str_glob(patterns->at[i], n->conf->name))
			return true;
	return false;
}

bool data_on_disk(const struct stage_node *n)
{
	return wants(n->st->o.disks, n);
}

/* struct disk_at - where the disk of a node is, and what disk_new is told. */
struct disk_at {
	char *back, *at;    /* owned */
	const char **dirs;  /* owned */
	struct disk_opts opts;
};

static void disk_at(struct disk_at *ret, const struct stage_node *n)
{
	const struct stage *st = n->st;
	int64_t log = memory_bytes() / LOG_SHARE / st->slot->jobs;

	ret->back = xasprintf("%s/back-%u", st->dir, n->index);
	ret->at = xasprintf("%s/disk-%u", st->dir, n->index);
	ret->dirs = xcalloc(n->conf->data_count, sizeof(*ret->dirs));
	for (size_t k = 0; k < n->conf->data_count; k++)
		ret->dirs[k] = n->conf->data[k].path;
	ret->opts = (struct disk_opts){ .name = n->conf->name, .backing = ret->back,
		.mount = ret->at, .dirs = ret->dirs, .dirs_count = n->conf->data_count };
	if (wants(st->o.logged, n))
		ret->opts.log_bytes = (size_t)(log < LOG_MAX ? log : LOG_MAX);
}

static void disk_at_done(struct disk_at *d)
{
	free(d->back);
	free(d->at);
	free(d->dirs);
}

/* The tmpfs below a disk; its natural size. */
static int backing_mount(const struct stage_node *n, const char *back, struct err *e)
{
	int64_t bytes = memory_bytes() / 4 / n->st->slot->jobs / (int64_t)n->st->nodes_count;
	int r = mount_tmpfs(back, 0755, bytes);

	return r < 0 ? err_errno(e, -r, "mounting a tmpfs at %s", back) : 0;
}

/* Filled before it is mounted, so that the kernel learns nothing that is not true later. */
static int disk_open(struct stage_node *n, struct err *e)
{
	struct disk_at d;
	int r = 0;

	disk_at(&d, n);
	if (mkdir(d.back, 0755) < 0 || mkdir(d.at, 0755) < 0)
		r = err_errno(e, errno, "making folders in %s", n->st->dir);
	if (r == 0)
		r = backing_mount(n, d.back, e);
	if (r == 0)
		r = folders_open(n, d.back, d.at, e);
	if (r == 0)
		r = node_fill(n, e);
	if (r == 0)
		r = disk_new(&n->disk, &d.opts, e);
	disk_at_done(&d);
	return r;
}

int data_replace(struct stage_node *n, const struct crash *c, struct err *e)
{
	cleanup_close int fd = -1;
	struct disk_at d;
	int r;

	disk_at(&d, n);
	umount2(d.at, MNT_DETACH);
	umount2(d.back, MNT_DETACH);
	r = backing_mount(n, d.back, e);
	if (r == 0) {
		fd = open(d.back, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? err_errno(e, errno, "opening %s", d.back) : crash_write(c, "", fd, e);
	}
	disk_at_done(&d);
	return r;
}

int data_plain(struct stage_node *n, struct err *e)
{
	struct disk_at d;
	int r;

	disk_at(&d, n);
	umount2(d.at, MNT_DETACH);
	umount2(d.back, MNT_DETACH);
	r = backing_mount(n, d.at, e);
	for (size_t k = 0; r == 0 && k < n->conf->data_count; k++)
		if (mkdir(n->data[k].host, 0755) < 0)
			r = err_errno(e, errno, "making %s", n->data[k].host);
	disk_at_done(&d);
	return r;
}

static int empty(const char *path)
{
	DIR *d = opendir(path);
	int r = d ? 0 : -errno;

	for (struct dirent *ent; r == 0 && (ent = readdir(d));) {
		cleanup_free char *in = xasprintf("%s/%s", path, ent->d_name);

		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, ".."))
			r = remove_tree(in);
	}
	if (d)
		closedir(d);
	return r;
}

int data_put(const struct stage_node *n, const struct crash *c, struct err *e)
{
	for (size_t k = 0; k < n->conf->data_count; k++) {
		const char *path = n->data[k].host;
		cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int r = fd < 0 ? -errno : empty(path);
		char sub[24];

		if (r < 0)
			return err_errno(e, -r, "emptying %s", path);
		snprintf(sub, sizeof(sub), "%zu", k);
		r = crash_write(c, sub, fd, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int data_serve(struct stage_node *n, struct err *e)
{
	struct disk_at d;
	int r;

	disk_at(&d, n);
	r = disk_reboot(n->disk, &d.opts, e);
	disk_at_done(&d);
	return r;
}

static int node_data_open(struct stage_node *n, struct err *e)
{
	n->data = xcalloc(n->conf->data_count + 1, sizeof(*n->data));
	return data_on_disk(n) ? disk_open(n, e) : folders_open(n, NULL, NULL, e);
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
