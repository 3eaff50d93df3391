/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: every read and write is one of the file below, at the place the kernel says. */
#include "disk/room.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "disk/past.h"

#define READ_SMALL 65536
#define SHORT 65536 /* bytes that are copied sooner than another thread is awake */
/*
 * What the descriptor below does not have: appending is the kernel's doing (it says where), and
 * reads and writes past the cache are aligned for a disk that this is not.
 */
#define NOT_BELOW (O_APPEND | O_DIRECT | O_NOFOLLOW | O_CREAT | O_EXCL | O_NOCTTY)

static int fd_of(const struct fuse_file_info *fi)
{
	return (int)fi->fh;
}

/* Nobody else writes to it, so the kernel may keep what it has cached; not what we lied about. */
static void opened(struct fuse_file_info *fi, int fd, const struct inode *i)
{
	fi->fh = (uint64_t)fd;
	fi->keep_cache = !i->lied;
}

static int host_errno(struct fs *fs, const char *what)
{
	int error = errno;

	if (error == EMFILE || error == ENFILE || error == ENOMEM)
		host_failed(fs, error, what);
	return error;
}

/*
 * A file without a name (O_TMPFILE) comes here too, see serve.c. The log of operations knows files
 * by their names, so with one it is refused, as by a file system that cannot.
 */
void disk_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		 struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param e = { .ino = 0 };
	bool unnamed = (fi->flags & O_TMPFILE) == O_TMPFILE;
	int fd = -1, flags = (fi->flags & ~NOT_BELOW) | (fi->flags & O_EXCL) |
			     (unnamed ? 0 : O_CREAT | O_NOFOLLOW);
	OP(req, DISK_CREATE, inode_of(fs, parent), .name = unnamed ? NULL : name);
	int error = unnamed && fs->recorder ? EOPNOTSUPP : op_begin(fs, &op);

	if (!error) {
		caller_enter(req);
		MAKE_ROOM(fs, fd, openat(op.inode->fd, unnamed ? "." : name, flags | O_CLOEXEC,
					 mode));
		error = fd < 0 ? host_errno(fs, "creating a file") : 0;
		caller_leave(req);
	}
	if (!error)
		error = unnamed ? inode_of_open(fs, fd, &e) : inode_find(fs, op.inode, name, &e);
	error = op_end(fs, &op, error);
	if (error) {
		if (fd >= 0)
			close(fd);
		fuse_reply_err(req, error);
		return;
	}
	opened(fi, fd, inode_of(fs, e.ino));
	if (fuse_reply_create(req, &e, fi) == -ENOENT)
		close(fd); /* whoever asked is gone */
}

void disk_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct proc_path p = proc_path(inode_of(fs, ino)->fd);
	int fd = -1;
	OP(req, DISK_OPEN, inode_of(fs, ino),
	   .writing = (fi->flags & O_ACCMODE) != O_RDONLY || fi->flags & O_TRUNC,
	   .flags = fi->flags);
	int error = op_begin(fs, &op);

	if (!error) {
		fd = open(p.at, (fi->flags & ~NOT_BELOW) | O_CLOEXEC);
		error = fd < 0 ? host_errno(fs, "opening a file") : 0;
	}
	if (!error && fi->flags & O_TRUNC)
		past_cut(fs, op.inode, 0, 0);
	error = op_end(fs, &op, error);
	if (error) {
		if (fd >= 0)
			close(fd);
		fuse_reply_err(req, error);
		return;
	}
	opened(fi, fd, op.inode);
	if (fuse_reply_open(req, fi) == -ENOENT)
		close(fd);
}

void disk_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);

	step_aside(fs); /* it may have been the last user of a large file */
	close(fd_of(fi));
	record_close(fs, inode_of(fs, ino));
	room_freed(fs);
	fuse_reply_err(req, 0);
}

void disk_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	char small[READ_SMALL];
	cleanup_free char *large = size > sizeof(small) ? xmalloc(size) : NULL;
	char *buf = large ? large : small;
	OP(req, DISK_READ, inode_of(fs, ino), .off = off, .len = size);
	int error = op_begin(fs, &op);
	ssize_t n;

	if (size > SHORT)
		step_aside(fs);
	n = error ? 0 : pread(fd_of(fi), buf, size, off);

	error = op_end(fs, &op, n < 0 ? errno : error);
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	if (op.rot)
		op_rot(fs, &op, buf, (size_t)n);
	fuse_reply_buf(req, buf, (size_t)n);
}

/* As much as goes: 0 or more bytes, or -errno when not one could be written. */
static ssize_t write_all(struct fs *fs, int fd, const char *buf, size_t size, off_t off)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n;

		MAKE_ROOM(fs, n, pwrite(fd, buf + done, size - done, off + (off_t)done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return done ? (ssize_t)done : n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Where it goes. Astray, the place it was meant for is still the file's: old, or all zeros. */
static int place(struct fs *fs, const struct op *op, int fd, off_t *off)
{
	int r;

	if (!op->astray)
		return 0;
	MAKE_ROOM(fs, r, fallocate(fd, 0, *off, (off_t)op->len));
	*off = op->to;
	return r < 0 ? errno : 0;
}

static void written(struct fs *fs, struct op *op)
{
	if (!past_written(fs))
		return;
	op->inode->lied = true;
	cache_drop_soon(fs, false); /* not now: the kernel may hold the page until we answer */
}

void disk_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	OP(req, DISK_WRITE, inode_of(fs, ino), .off = off, .len = size, .data = buf,
	   .flags = fi->flags);
	int error = op_begin(fs, &op);
	bool kept = false;
	ssize_t n;

	if (size > SHORT)
		step_aside(fs);
	if (!error)
		error = place(fs, &op, fd_of(fi), &off);
	if (!error)
		kept = past_write(fs, op.inode, off, size);
	n = error ? -error : write_all(fs, fd_of(fi), buf, op.part ? op.part : size, off);
	op.done = n > 0 ? (size_t)n : 0;
	if (kept)
		written(fs, &op);
	if (n > 0 && (size_t)n < (op.part ? op.part : size)) {
		op.part = (size_t)n;
		op_end(fs, &op, ENOSPC); /* a part has fitted: the next one will hear of it */
	} else {
		error = op_end(fs, &op, n < 0 ? (int)-n : 0);
	}
	if (n < 0)
		fuse_reply_err(req, error ? error : EIO);
	else
		fuse_reply_write(req, op.torn ? size : (size_t)n);
}

void disk_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	OP(req, DISK_FSYNC, inode_of(fs, ino), .flags = datasync);
	int error = op_begin(fs, &op);

	if (!error && (datasync ? fdatasync(fd_of(fi)) : fsync(fd_of(fi))) < 0)
		error = errno;
	if (!error)
		past_synced(fs, op.inode);
	if (op.drop)
		cache_drop(fs);
	fuse_reply_err(req, op_end(fs, &op, error));
}

void disk_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		    struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	OP(req, DISK_ALLOCATE, inode_of(fs, ino), .off = off, .len = (size_t)len, .flags = mode);
	int error = op_begin(fs, &op), r = 0;

	step_aside(fs);
	if (!error)
		MAKE_ROOM(fs, r, fallocate(fd_of(fi), mode, off, len));
	if (r < 0)
		error = errno;
	if (!error && mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		past_cut(fs, op.inode, off, len);
	fuse_reply_err(req, op_end(fs, &op, error));
}

void disk_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	off_t at = lseek(fd_of(fi), off, whence);

	(void)ino;
	if (at < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_lseek(req, at);
}

/* So much is there to be copied; the kernel's programs ask for more than that. */
static size_t there_is(int fd, off_t off, size_t len)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || off >= st.st_size)
		return 0;
	return (off_t)len < st.st_size - off ? len : (size_t)(st.st_size - off);
}

void disk_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			  struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			  struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct fs *fs = fs_of(req);
	size_t size = there_is(fd_of(fi_in), off_in, len < INT_MAX ? len : INT_MAX);
	OP(req, DISK_WRITE, inode_of(fs, ino_out), .off = off_out, .len = size,
	   .data_fd = fd_of(fi_out));
	int error = size ? op_begin(fs, &op) : 0;
	bool kept = false;
	ssize_t n = 0;

	(void)ino_in;
	step_aside(fs);
	if (!error)
		error = place(fs, &op, fd_of(fi_out), &off_out);
	if (!error && size)
		kept = past_write(fs, op.inode, off_out, size);
	if (!error && size)
		MAKE_ROOM(fs, n, copy_file_range(fd_of(fi_in), &off_in, fd_of(fi_out), &off_out,
						 op.part ? op.part : size, (unsigned)flags));
	error = n < 0 ? errno : error;
	op.done = n > 0 ? (size_t)n : 0;
	if (kept)
		written(fs, &op);
	error = op_end(fs, &op, error);
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_write(req, op.torn && (size_t)n == op.part ? size : (size_t)n);
}
