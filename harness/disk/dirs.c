/* SPDX-License-Identifier: Apache-2.0 */
/* Listing folders. The offsets are those of the folder below, which are stable. */
#include "disk/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

/** struct listing - an open folder; the kernel holds its lock, so one thread at a time is here. */
struct listing {
	DIR *dir;              /* owned */
	struct dirent *next;   /* read, and not told yet */
	off_t at;              /* where `next` begins */
};

static struct listing *listing_of(const struct fuse_file_info *fi)
{
	return (struct listing *)(uintptr_t)fi->fh;
}

void disk_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct listing *l;
	int fd = -1;
	OP(req, DISK_LIST, inode_of(fs, ino));
	int error = op_begin(fs, &op);

	if (!error) {
		fd = openat(op.inode->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		error = fd < 0 ? errno : 0;
	}
	error = op_end(fs, &op, error);
	if (error) {
		if (fd >= 0)
			close(fd);
		fuse_reply_err(req, error);
		return;
	}
	l = xcalloc(1, sizeof(*l));
	l->dir = fdopendir(fd);
	fi->fh = (uint64_t)(uintptr_t)l;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

/* The entry at l->at; NULL at the end, or *ret_error. */
static const struct dirent *entry(struct listing *l, int *ret_error)
{
	if (!l->next) {
		errno = 0;
		l->next = readdir(l->dir);
		*ret_error = l->next ? 0 : errno;
	}
	return l->next;
}

static bool dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* One entry into buf; returns what it takes, more than size if it did not fit. */
static size_t put(fuse_req_t req, struct inode *dir, const struct dirent *d, char *buf,
		  size_t size, bool plus)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param e = { .attr = { .st_ino = d->d_ino,
						.st_mode = (mode_t)d->d_type << 12 } };
	size_t n;

	if (!plus)
		return fuse_add_direntry(req, buf, size, d->d_name, &e.attr, d->d_off);
	if (!dots(d->d_name) && inode_find(fs, dir, d->d_name, &e) != 0)
		e = (struct fuse_entry_param){ .attr = { .st_ino = d->d_ino,
							 .st_mode = (mode_t)d->d_type << 12 } };
	n = fuse_add_direntry_plus(req, buf, size, d->d_name, &e, d->d_off);
	if (n > size && e.ino)
		inode_forget(fs, inode_of(fs, e.ino), 1);
	return n;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi, bool plus)
{
	struct listing *l = listing_of(fi);
	struct fs *fs = fs_of(req);
	cleanup_free char *buf = xmalloc(size);
	size_t used = 0, n;
	const struct dirent *d;
	OP(req, DISK_LIST, inode_of(fs, ino));
	int error = op_begin(fs, &op);

	if (off != l->at) {
		seekdir(l->dir, off);
		l->next = NULL;
		l->at = off;
	}
	while (!error && (d = entry(l, &error))) {
		n = put(req, op.inode, d, buf + used, size - used, plus);
		if (n > size - used)
			break;
		used += n;
		l->at = d->d_off;
		l->next = NULL;
	}
	error = op_end(fs, &op, used ? 0 : error);
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_buf(req, buf, used);
}

void disk_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		  struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, false);
}

void disk_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, true);
}

void disk_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct listing *l = listing_of(fi);

	(void)ino;
	closedir(l->dir);
	free(l);
	fuse_reply_err(req, 0);
}

void disk_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	int fd = dirfd(listing_of(fi)->dir);
	OP(req, DISK_SYNC_DIR, inode_of(fs, ino), .flags = datasync);
	int error = op_begin(fs, &op);

	if (!error && (datasync ? fdatasync(fd) : fsync(fd)) < 0)
		error = errno;
	fuse_reply_err(req, op_end(fs, &op, error));
}
