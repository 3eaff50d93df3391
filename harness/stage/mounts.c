/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thin words around the mount system calls (the new ones of Linux 5.2 to 5.12:
 * a tree is cloned, made read-only while nobody sees it, then moved into place,
 * so that there is no moment at which it is writable).
 */
#include "stage/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/point.h"

#define INODE_BYTES 8192 /* a tmpfs of small files costs the kernel 1 KiB more for each */

static int bind_with(const char *from, const char *to, struct mount_attr attr)
{
	cleanup_close int fd = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
					 AT_RECURSIVE);

	if (fd < 0)
		return -errno;
	attr.attr_set |= MOUNT_ATTR_NOSUID;
	if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	return move_mount(fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

int mount_bind(const char *from, const char *to, bool read_only)
{
	if (point_fails(POINT_MOUNT))
		return -errno;
	return bind_with(from, to, (struct mount_attr){
		.attr_set = read_only ? MOUNT_ATTR_RDONLY : 0 });
}

int mount_bind_data(const char *from, const char *to)
{
	return bind_with(from, to, (struct mount_attr){ .attr_clr = MOUNT_ATTR_NOSYMFOLLOW });
}

int mount_tmpfs(const char *to, int mode, int64_t bytes)
{
	int64_t inodes = bytes / INODE_BYTES + 1; /* 0 would be no limit */
	cleanup_free char *options = xasprintf("mode=%04o,size=%lld,nr_inodes=%lld", mode,
					       (long long)bytes, (long long)inodes);

	return mount("tmpfs", to, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0 ? -errno : 0;
}

int64_t memory_bytes(void)
{
	int64_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? pages * size : 1 << 30;
}

int make_file(const char *path, const char *text, mode_t mode)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
				    mode);
	size_t len = text ? strlen(text) : 0;

	if (fd < 0)
		return -errno;
	return len && write(fd, text, len) != (ssize_t)len ? -EIO : 0;
}

int make_dirs(const char *path, mode_t mode)
{
	cleanup_free char *copy = xstrdup(path);

	for (char *p = copy + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(copy, mode) < 0 && errno != EEXIST ? -errno : 0;
}

static int remove_at(int dir, const char *name, dev_t dev);

static int remove_contents(int dir, const char *name, dev_t dev)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	for (struct dirent *ent; (ent = readdir(d));) {
		int one;

		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		one = remove_at(dirfd(d), ent->d_name, dev);
		r = r < 0 ? r : one;
	}
	closedir(d);
	return r;
}

static int remove_at(int dir, const char *name, dev_t dev)
{
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	if (st.st_dev != dev)
		return -EXDEV;
	r = remove_contents(dir, name, dev);
	if (r == -EACCES && fchmodat(dir, name, 0700, 0) == 0)
		r = remove_contents(dir, name, dev);
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? (r < 0 ? r : -errno) : 0;
}

int remove_tree(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return remove_at(AT_FDCWD, path, st.st_dev);
}
