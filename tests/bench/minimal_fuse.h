/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BENCH_MINIMAL_FUSE_H
#define WD_BENCH_MINIMAL_FUSE_H

/*
 * The least that a pass-through server with libfuse can be, for a disk of ours to be held against:
 * one flat folder, what SQLite asks of it, libfuse's own loop as it comes, and no thought of what
 * might go wrong. Same promises to the kernel about caching as ours.
 */
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define MIN_REMEMBER 3600.0
#define MIN_FILES 4096

static int min_root, min_file[MIN_FILES], min_files; /* O_PATH, by number - 2; never forgotten */
static ino_t min_ino[MIN_FILES];

static int min_fd(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? min_root : min_file[ino - 2];
}

static int min_find(const char *name, struct fuse_entry_param *e)
{
	int fd = openat(min_root, name, O_PATH | O_NOFOLLOW), i = 0;

	*e = (struct fuse_entry_param){ .attr_timeout = MIN_REMEMBER,
					.entry_timeout = MIN_REMEMBER };
	if (fd < 0 || fstat(fd, &e->attr) < 0)
		return errno;
	while (i < min_files && min_ino[i] != e->attr.st_ino)
		i++;
	if (i == MIN_FILES)
		return ENFILE;
	if (i == min_files) {
		min_ino[i] = e->attr.st_ino;
		min_file[min_files++] = fd;
	} else {
		close(fd);
	}
	e->ino = (fuse_ino_t)i + 2;
	return 0;
}

static void min_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	int error = min_find(name, &e);

	(void)parent;
	if (error && error != ENOENT)
		fuse_reply_err(req, error);
	else
		fuse_reply_entry(req, &e);
}

static void min_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (fstat(min_fd(ino), &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_attr(req, &st, MIN_REMEMBER);
}

static void min_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *a, int set,
			struct fuse_file_info *fi)
{
	char at[32];

	snprintf(at, sizeof(at), "/proc/self/fd/%d", min_fd(ino));
	if (set & FUSE_SET_ATTR_SIZE && truncate(at, a->st_size) < 0)
		fuse_reply_err(req, errno);
	else
		min_getattr(req, ino, fi);
}

static void min_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		       struct fuse_file_info *fi)
{
	int fd = openat(min_root, name, (fi->flags | O_CREAT) & ~O_NOFOLLOW, mode);
	struct fuse_entry_param e;

	(void)parent;
	if (fd < 0 || min_find(name, &e)) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = (uint64_t)fd;
	fi->keep_cache = 1;
	fuse_reply_create(req, &e, fi);
}

static void min_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	char at[32];
	int fd;

	snprintf(at, sizeof(at), "/proc/self/fd/%d", min_fd(ino));
	fd = open(at, fi->flags & ~(O_NOFOLLOW | O_APPEND | O_DIRECT));
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = (uint64_t)fd;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void min_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	char *buf = malloc(size);
	ssize_t n = buf ? pread((int)fi->fh, buf, size, off) : -1;

	(void)ino;
	if (n < 0)
		fuse_reply_err(req, EIO);
	else
		fuse_reply_buf(req, buf, (size_t)n);
	free(buf);
}

static void min_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	ssize_t n = pwrite((int)fi->fh, buf, size, off);

	(void)ino;
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, (size_t)n);
}

static void min_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_err(req, (datasync ? fdatasync : fsync)((int)fi->fh) < 0 ? errno : 0);
}

static void min_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	close((int)fi->fh);
	fuse_reply_err(req, 0);
}

static void min_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	fuse_reply_err(req, unlinkat(min_root, name, 0) < 0 ? errno : 0);
}

static void min_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;
	conn->want |= conn->capable & FUSE_CAP_EXPLICIT_INVAL_DATA;
}

static ssize_t min_from(int fd, void *buf, size_t len, void *userdata)
{
	(void)userdata;
	return read(fd, buf, len);
}

static ssize_t min_to(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	return writev(fd, iov, count);
}

/** minimal_fuse - serve the folder until the mount is gone. Its own process, please. */
static inline int minimal_fuse(const char *folder, int fuse_fd)
{
	static const struct fuse_lowlevel_ops ops = {
		.init = min_init, .lookup = min_lookup, .getattr = min_getattr,
		.setattr = min_setattr, .create = min_create, .open = min_open, .read = min_read,
		.write = min_write, .fsync = min_fsync, .release = min_release,
		.unlink = min_unlink,
	};
	static const struct fuse_custom_io io = { .read = min_from, .writev = min_to };
	char name[] = "minimal", *argv[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *se = fuse_session_new(&args, &ops, sizeof(ops), NULL);

	min_root = open(folder, O_PATH | O_DIRECTORY);
	if (!se || min_root < 0 || fuse_session_custom_io(se, &io, fuse_fd) != 0)
		return -1;
	return fuse_session_loop_mt(se, fuse_loop_cfg_create());
}

#endif
