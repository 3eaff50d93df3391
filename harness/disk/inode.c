/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files the kernel knows. Each is one O_PATH descriptor, which stays with
 * the file whatever becomes of its names, and goes when the kernel forgets it.
 * Two names of one file are one inode, so that the kernel's cache of it is one
 * too. Nobody else changes what lies below us, so what the kernel remembers of
 * names and attributes stays true for as long as it likes.
 */
#include "disk/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define REMEMBER_S 3600.0
#define ROOM_PATIENCE_NS (20 * NS_PER_MS)

struct inode *inode_of(struct fs *fs, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &fs->root : (struct inode *)(uintptr_t)ino;
}

struct proc_path proc_path(int fd)
{
	struct proc_path p;

	snprintf(p.at, sizeof(p.at), "/proc/self/fd/%d", fd);
	return p;
}

/* The C library's words act on this thread alone, as they must. */
void caller_enter(fuse_req_t req)
{
	const struct fuse_ctx *c = fuse_req_ctx(req);

	if (c->gid)
		setfsgid(c->gid);
	if (c->uid)
		setfsuid(c->uid);
}

void caller_leave(fuse_req_t req)
{
	const struct fuse_ctx *c = fuse_req_ctx(req);

	if (c->uid)
		setfsuid(0);
	if (c->gid)
		setfsgid(0);
}

/*
 * What a file took is free when its last name and its last user are gone; both reach us only after
 * the program has been told so, and it may write at once.
 */
void room_freed(struct fs *fs)
{
	__atomic_store_n(&fs->freed_ns, clock_now(), __ATOMIC_RELAXED);
}

bool room_soon(struct fs *fs)
{
	int64_t now = clock_now();

	if (now - __atomic_load_n(&fs->freed_ns, __ATOMIC_RELAXED) > ROOM_PATIENCE_NS)
		return false;
	step_aside(fs);
	clock_sleep_until(now + NS_PER_MS / 2);
	return true;
}

int host_failed(struct fs *fs, int error, const char *what)
{
	struct disk_shared *s = fs->shared;
	int32_t none = 0, claimed = -1;

	if (!__atomic_compare_exchange_n(&s->failed, &none, claimed, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return error;
	snprintf(s->failed_at, sizeof(s->failed_at), "%s", what);
	__atomic_store_n(&s->failed, error, __ATOMIC_RELEASE);
	return error;
}

/* ---- the table ---- */

static struct inode **bucket_of(struct fs *fs, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino + (uint64_t)dev * 31) * UINT64_C(0x9e3779b97f4a7c15);

	return &fs->bucket[(h >> 40) % INODE_BUCKETS];
}

/* The inode of that file, with a reference more; takes fd. */
static struct inode *remember(struct fs *fs, int fd, const struct stat *st)
{
	struct inode **at = bucket_of(fs, st->st_dev, st->st_ino), *i;

	pthread_mutex_lock(&fs->inodes_lock);
	for (i = *at; i; i = i->next)
		if (i->ino == st->st_ino && i->dev == st->st_dev)
			break;
	if (i) {
		close(fd);
	} else {
		i = xcalloc(1, sizeof(*i));
		*i = (struct inode){ .next = *at, .fd = fd, .dev = st->st_dev, .ino = st->st_ino };
		*at = i;
	}
	i->lookups++;
	pthread_mutex_unlock(&fs->inodes_lock);
	return i;
}

/* Takes fd, which may be -1 with errno. */
static int know(struct fs *fs, int fd, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){ .attr_timeout = REMEMBER_S,
					  .entry_timeout = REMEMBER_S };
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM
			       ? host_failed(fs, errno, "opening a file")
			       : errno;
	if (fstatat(fd, "", &ret->attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) {
		int error = errno;

		close(fd);
		return error;
	}
	ret->ino = inode_number(fs, remember(fs, fd, &ret->attr));
	return 0;
}

int inode_find(struct fs *fs, const struct inode *parent, const char *name,
	       struct fuse_entry_param *ret)
{
	return know(fs, openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), ret);
}

int inode_of_open(struct fs *fs, int fd, struct fuse_entry_param *ret)
{
	return know(fs, open(proc_path(fd).at, O_PATH | O_CLOEXEC), ret);
}

void inode_forget(struct fs *fs, struct inode *i, uint64_t lookups)
{
	struct inode **at;

	if (i == &fs->root)
		return;
	pthread_mutex_lock(&fs->inodes_lock);
	i->lookups -= lookups < i->lookups ? lookups : i->lookups;
	if (i->lookups) {
		pthread_mutex_unlock(&fs->inodes_lock);
		return;
	}
	for (at = bucket_of(fs, i->dev, i->ino); *at != i; at = &(*at)->next)
		;
	*at = i->next;
	pthread_mutex_unlock(&fs->inodes_lock);
	close(i->fd);
	free(i->path);
	free(i);
}

fuse_ino_t *inode_numbers(struct fs *fs, bool lied, size_t *ret_count)
{
	fuse_ino_t *list = NULL;
	size_t n = 0, size = 0;

	pthread_mutex_lock(&fs->inodes_lock);
	for (size_t b = 0; b < INODE_BUCKETS; b++) {
		for (const struct inode *i = fs->bucket[b]; i; i = i->next) {
			if (lied && !i->lied)
				continue;
			if (n == size) {
				size = size ? size * 2 : 256;
				list = xrealloc(list, size * sizeof(*list));
			}
			list[n++] = inode_number(fs, i);
		}
	}
	pthread_mutex_unlock(&fs->inodes_lock);
	*ret_count = n;
	return list;
}

/* ---- paths ---- */

/* What the kernel calls it now, below the backing folder: "0/store.db" becomes 0, "store.db". */
static void ask_path(const struct fs *fs, struct inode *i, char *text, size_t size)
{
	static const char deleted[] = " (deleted)";
	const size_t gone = sizeof(deleted) - 1, skip = strlen(fs->o->backing);
	struct proc_path p = proc_path(i->fd);
	ssize_t n = readlink(p.at, text, size - 1);
	char *rest;

	text[n < 0 ? 0 : n] = '\0';
	if ((size_t)n > gone && n > 0 && !strcmp(text + n - gone, deleted))
		text[(size_t)n - gone] = '\0';
	rest = n > (ssize_t)skip ? text + skip : text + strlen(text);
	i->dir = (unsigned)strtoul(rest + (*rest == '/'), &rest, 10);
	rest += *rest == '/';
	memmove(text, rest, strlen(rest) + 1);
}

const char *inode_path(struct fs *fs, struct inode *i)
{
	uint64_t now = __atomic_load_n(&fs->renamed, __ATOMIC_ACQUIRE);
	char text[8192];

	if (i->path && i->path_as_of == now)
		return i->path;
	ask_path(fs, i, text, sizeof(text));
	free(i->path);
	i->path = xstrdup(text);
	i->path_as_of = now;
	return i->path;
}
