/* SPDX-License-Identifier: Apache-2.0 */
/* Names: finding, making, removing and moving them. Permissions were checked by the kernel. */
#include "disk/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/past.h"

static void renamed(struct fs *fs)
{
	__atomic_add_fetch(&fs->renamed, 1, __ATOMIC_ACQ_REL);
	past_forget_gone(fs);
	room_freed(fs);
}

/* The end of everything that makes a name: find it, and say what became of it. */
static void reply_made(fuse_req_t req, struct op *op, int error)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param e;

	if (!error)
		error = inode_find(fs, op->inode, op->name, &e);
	error = op_end(fs, op, error);
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_entry(req, &e);
}

/* A name that is not there is remembered too: SQLite asks for its journal again and again. */
void disk_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param e;
	OP(req, DISK_LOOKUP, inode_of(fs, parent), .name = name);
	int error = op_begin(fs, &op);

	if (error) {
		fuse_reply_err(req, op_end(fs, &op, error));
		return;
	}
	error = op_end(fs, &op, inode_find(fs, op.inode, name, &e));
	if (error && error != ENOENT)
		fuse_reply_err(req, error);
	else
		fuse_reply_entry(req, &e);
}

void disk_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fs *fs = fs_of(req);
	OP(req, DISK_CREATE, inode_of(fs, parent), .name = name);
	int error = op_begin(fs, &op), r;

	if (!error) {
		caller_enter(req);
		MAKE_ROOM(fs, r, mknodat(op.inode->fd, name, mode, rdev));
		error = r < 0 ? errno : 0;
		caller_leave(req);
	}
	reply_made(req, &op, error);
}

void disk_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs *fs = fs_of(req);
	OP(req, DISK_MKDIR, inode_of(fs, parent), .name = name);
	int error = op_begin(fs, &op), r;

	if (!error) {
		caller_enter(req);
		MAKE_ROOM(fs, r, mkdirat(op.inode->fd, name, mode));
		error = r < 0 ? errno : 0;
		caller_leave(req);
	}
	reply_made(req, &op, error);
}

void disk_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	OP(req, DISK_CREATE, inode_of(fs, parent), .name = name);
	int error = op_begin(fs, &op), r;

	if (!error) {
		caller_enter(req);
		MAKE_ROOM(fs, r, symlinkat(link, op.inode->fd, name));
		error = r < 0 ? errno : 0;
		caller_leave(req);
	}
	reply_made(req, &op, error);
}

void disk_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct proc_path from = proc_path(inode_of(fs, ino)->fd);
	OP(req, DISK_LINK, inode_of(fs, parent), .name = name);
	int error = op_begin(fs, &op);

	if (!error && linkat(AT_FDCWD, from.at, op.inode->fd, name, AT_SYMLINK_FOLLOW) < 0)
		error = errno;
	if (!error)
		renamed(fs);
	reply_made(req, &op, error);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, enum disk_op kind,
			int flags)
{
	struct fs *fs = fs_of(req);
	OP(req, kind, inode_of(fs, parent), .name = name);
	int error = op_begin(fs, &op);

	step_aside(fs);
	if (!error && unlinkat(op.inode->fd, name, flags) < 0)
		error = errno;
	if (!error)
		renamed(fs);
	fuse_reply_err(req, op_end(fs, &op, error));
}

void disk_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, DISK_UNLINK, 0);
}

void disk_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, DISK_RMDIR, AT_REMOVEDIR);
}

void disk_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		 const char *newname, unsigned int flags)
{
	struct fs *fs = fs_of(req);
	OP(req, DISK_RENAME, inode_of(fs, parent), .name = name,
	   .to_inode = inode_of(fs, newparent), .to_name = newname, .flags = (int)flags);
	int error = op_begin(fs, &op);

	step_aside(fs);
	if (!error && renameat2(op.inode->fd, name, op.to_inode->fd, newname, flags) < 0)
		error = errno;
	if (!error)
		renamed(fs);
	fuse_reply_err(req, op_end(fs, &op, error));
}

void disk_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct fs *fs = fs_of(req);

	inode_forget(fs, inode_of(fs, ino), nlookup);
	fuse_reply_none(req);
}

void disk_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct fs *fs = fs_of(req);

	for (size_t i = 0; i < count; i++)
		inode_forget(fs, inode_of(fs, forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}
