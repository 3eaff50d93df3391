/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, links' targets, extended attributes, and how full the disk is. */
#include "disk/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "disk/past.h"

#define REMEMBER_S 3600.0
#define CHANGES (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | \
		 FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)

static int look(const struct inode *i, struct stat *ret)
{
	return fstatat(i->fd, "", ret, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

static void reply_attr(fuse_req_t req, struct op *op, int error)
{
	struct stat st;

	if (!error)
		error = look(op->inode, &st);
	error = op_end(fs_of(req), op, error);
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_attr(req, &st, REMEMBER_S);
}

void disk_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	OP(req, DISK_STAT, inode_of(fs, ino));

	(void)fi;
	reply_attr(req, &op, op_begin(fs, &op));
}

/* As whoever asks: who may not set a group's bit must not have it set by us. */
static int change_mode(fuse_req_t req, const struct inode *i, mode_t mode)
{
	struct proc_path p = proc_path(i->fd);
	int error;

	caller_enter(req);
	error = chmod(p.at, mode) < 0 ? errno : 0;
	caller_leave(req);
	return error;
}

static struct timespec time_of(int set, int given, int now, struct timespec t)
{
	if (set & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return set & given ? t : (struct timespec){ .tv_nsec = UTIME_OMIT };
}

static int change(fuse_req_t req, const struct inode *i, const struct stat *a, int set)
{
	int error = 0;

	if (set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		uid_t uid = set & FUSE_SET_ATTR_UID ? a->st_uid : (uid_t)-1;
		gid_t gid = set & FUSE_SET_ATTR_GID ? a->st_gid : (gid_t)-1;

		if (fchownat(i->fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
			error = errno;
	}
	if (!error && set & FUSE_SET_ATTR_MODE)
		error = change_mode(req, i, a->st_mode);
	if (!error && set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)) {
		const struct timespec t[2] = {
			time_of(set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, a->st_atim),
			time_of(set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, a->st_mtim),
		};

		if (utimensat(i->fd, "", t, AT_EMPTY_PATH) < 0)
			error = errno;
	}
	return error;
}

static int truncate_to(struct fs *fs, struct inode *i, off_t size, struct fuse_file_info *fi,
		       fuse_req_t req)
{
	struct proc_path p = proc_path(i->fd);
	OP(req, DISK_TRUNCATE, i, .off = size);
	int error = op_begin(fs, &op);

	step_aside(fs);
	if (!error && (fi ? ftruncate((int)fi->fh, size) : truncate(p.at, size)) < 0)
		error = errno;
	if (!error)
		past_cut(fs, i, size, 0);
	return op_end(fs, &op, error);
}

void disk_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,
		  struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	OP(req, DISK_CHANGE, inode_of(fs, ino));
	int error = 0;

	if (set & FUSE_SET_ATTR_SIZE)
		error = truncate_to(fs, op.inode, attr->st_size, fi, req);
	if (error || !(set & CHANGES)) {
		struct stat st;

		error = error ? error : look(op.inode, &st);
		if (error)
			fuse_reply_err(req, error);
		else
			fuse_reply_attr(req, &st, REMEMBER_S);
		return;
	}
	error = op_begin(fs, &op);
	reply_attr(req, &op, error ? error : change(req, op.inode, attr, set));
}

void disk_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	char text[4097];
	OP(req, DISK_READLINK, inode_of(fs, ino));
	int error = op_begin(fs, &op);
	ssize_t n = error ? 0 : readlinkat(op.inode->fd, "", text, sizeof(text) - 1);

	error = op_end(fs, &op, n < 0 ? errno : error);
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	text[n] = '\0';
	fuse_reply_readlink(req, text);
}

void disk_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	struct statvfs st;
	OP(req, DISK_STATFS, inode_of(fs, ino));
	int error = op_begin(fs, &op);

	if (!error && fstatvfs(fs->root_fd, &st) < 0)
		error = errno;
	error = op_end(fs, &op, error);
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	op_statfs(fs, &st);
	fuse_reply_statfs(req, &st);
}

/* ---- extended attributes ---- */

void disk_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		   size_t size, int flags)
{
	struct fs *fs = fs_of(req);
	struct proc_path p = proc_path(inode_of(fs, ino)->fd);
	OP(req, DISK_XATTR, inode_of(fs, ino));
	int error = op_begin(fs, &op);

	if (!error && setxattr(p.at, name, value, size, flags) < 0)
		error = errno;
	fuse_reply_err(req, op_end(fs, &op, error));
}

void disk_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct fs *fs = fs_of(req);
	struct proc_path p = proc_path(inode_of(fs, ino)->fd);
	OP(req, DISK_XATTR, inode_of(fs, ino));
	int error = op_begin(fs, &op);

	if (!error && removexattr(p.at, name) < 0)
		error = errno;
	fuse_reply_err(req, op_end(fs, &op, error));
}

static void reply_xattr(fuse_req_t req, ssize_t n, const char *value, size_t size, int error)
{
	if (n < 0 || error)
		fuse_reply_err(req, error);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else
		fuse_reply_buf(req, value, (size_t)n);
}

void disk_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct proc_path p = proc_path(inode_of(fs_of(req), ino)->fd);
	cleanup_free char *value = size ? xmalloc(size) : NULL;
	ssize_t n = getxattr(p.at, name, value, size);

	reply_xattr(req, n, value, size, n < 0 ? errno : 0);
}

void disk_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct proc_path p = proc_path(inode_of(fs_of(req), ino)->fd);
	cleanup_free char *value = size ? xmalloc(size) : NULL;
	ssize_t n = listxattr(p.at, value, size);

	reply_xattr(req, n, value, size, n < 0 ? errno : 0);
}
