/* SPDX-License-Identifier: Apache-2.0 */
/* A crash state as files: folder by folder, second names as links, holes where there are zeros. */
#include "disk/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#define DEPTH_MAX 64

struct writing {
	const struct crash *c;
	int top;               /* borrowed: where everything goes */
	char **first;          /* owned, and each: by node, where its first name is below top */
	char path[4096];       /* of what is being written, below top */
	struct err *e;
};

static int fail(struct writing *w, const char *what)
{
	return err_errno(w->e, errno, "%s %s of a crash state", what, w->path);
}

/* A page of zeros is left out. */
static int write_data(int fd, const struct content *f)
{
	static const char zeros[CRASH_PAGE];

	if (ftruncate(fd, f->size) < 0)
		return -1;
	for (int64_t at = 0; at < f->size;) {
		int64_t end = at;

		while (end < f->size && memcmp(f->at + end, zeros, (size_t)(f->size - end <
				CRASH_PAGE ? f->size - end : CRASH_PAGE)))
			end += CRASH_PAGE;
		end = end < f->size ? end : f->size;
		while (at < end) {
			ssize_t n = pwrite(fd, f->at + at, (size_t)(end - at), at);

			if (n <= 0)
				return -1;
			at += n;
		}
		at = end + (end < f->size ? CRASH_PAGE : 0);
	}
	return 0;
}

static int own(struct writing *w, int fd, const struct log_node *n)
{
	if (fchown(fd, n->uid, n->gid) < 0 && errno != EPERM)
		return fail(w, "giving away");
	return fchmod(fd, n->mode & 07777) < 0 ? fail(w, "changing the mode of") : 0;
}

static int write_file(struct writing *w, int dir_fd, const char *name, size_t node)
{
	const struct log_node *n = &w->c->h->node[node];
	cleanup_close int fd = -1;

	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write_data(fd, &w->c->content[node]) < 0)
		return fail(w, "writing");
	return own(w, fd, n);
}

static int write_folder(struct writing *w, int fd, size_t node, int depth);

static int write_link(struct writing *w, int dir_fd, const char *name, const struct log_node *n)
{
	cleanup_free char *target = xstrndup(log_data(n->made), (size_t)n->made->len);

	if (symlinkat(target, dir_fd, name) < 0)
		return fail(w, "making the link");
	if (fchownat(dir_fd, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EPERM)
		return fail(w, "giving away");
	return 0;
}

static int write_entry(struct writing *w, int dir_fd, const struct name_slot *s, int depth)
{
	const struct log_node *n = &w->c->h->node[s->node];
	cleanup_free char *name = xstrndup(s->name, s->len);
	cleanup_close int fd = -1;

	if (w->first[s->node])
		return linkat(w->top, w->first[s->node], dir_fd, name, 0) < 0 ? fail(w, "linking")
									      : 0;
	if (!S_ISDIR(n->mode))
		w->first[s->node] = xstrdup(w->path);
	if (S_ISREG(n->mode))
		return write_file(w, dir_fd, name, s->node);
	if (S_ISLNK(n->mode))
		return write_link(w, dir_fd, name, n);
	if (!S_ISDIR(n->mode)) /* a FIFO or a socket; devices nobody there can make */
		return mknodat(dir_fd, name, n->mode, 0) < 0 ? fail(w, "making") : 0;
	if (mkdirat(dir_fd, name, 0700) < 0)
		return fail(w, "making the folder");
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail(w, "opening") : write_folder(w, fd, s->node, depth + 1);
}

static int write_folder(struct writing *w, int fd, size_t node, int depth)
{
	const struct names *t = &w->c->names;
	size_t len = strlen(w->path);
	int err = depth > DEPTH_MAX ? err_set(w->e, ELOOP, "folders too deep for crash states") : 0;

	for (size_t i = 0; err == 0 && i < t->size; i++) {
		const struct name_slot *s = &t->slot[i];

		if (!s->hash || s->dir != node || s->node == NO_NODE)
			continue;
		snprintf(w->path + len, sizeof(w->path) - len, "%s%.*s", len ? "/" : "",
			 (int)s->len, s->name);
		err = write_entry(w, fd, s, depth);
		w->path[len] = '\0';
	}
	return err == 0 && node != 0 ? own(w, fd, &w->c->h->node[node]) : err;
}

int crash_write(const struct crash *c, const char *sub, int dir_fd, struct err *e)
{
	struct writing w = { .c = c, .top = dir_fd, .e = e };
	const struct names *t = &c->names;
	size_t node = *sub ? NO_NODE : 0;
	int err;

	for (size_t i = 0; *sub && i < t->size; i++)
		if (t->slot[i].hash && t->slot[i].dir == 0 && t->slot[i].len == strlen(sub) &&
		    !memcmp(t->slot[i].name, sub, t->slot[i].len))
			node = t->slot[i].node;
	if (node == NO_NODE)
		return err_set(e, ENOENT, "a crash state has no folder %s", sub);
	w.first = xcalloc(c->h->nodes + 1, sizeof(*w.first));
	err = write_folder(&w, dir_fd, node, 0);
	for (size_t i = 0; i < c->h->nodes; i++)
		free(w.first[i]);
	free(w.first);
	return err;
}
