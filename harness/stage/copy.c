/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying trees of data: clone the extents where the file system can, let the
 * kernel copy where it will, read and write otherwise. Holes stay holes.
 * Sockets and devices are left out.
 */
#include "stage/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CHUNK (256 * 1024)

/* struct copying - the same for the whole tree. */
struct copying {
	uid_t owner;
	bool public_only; /* leave out what others may not read */
	char *chunk;      /* owned, CHUNK bytes */
	char path[4096];  /* of what is being copied, for messages */
};

static int copy_plain(struct copying *c, int from, int to, off_t at, off_t end)
{
	while (at < end) {
		size_t want = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		ssize_t n = pread(from, c->chunk, want, at);

		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t done = 0, w; done < n; done += w) {
			w = pwrite(to, c->chunk + done, (size_t)(n - done), at + done);
			if (w < 0)
				return -errno;
		}
		at += n;
	}
	return 0;
}

static int copy_span(struct copying *c, int from, int to, off_t at, off_t end)
{
	while (at < end) {
		loff_t in = at, out = at;
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - at), 0);

		if (n <= 0)
			return copy_plain(c, from, to, at, end);
		at += n;
	}
	return 0;
}

static int copy_bytes(struct copying *c, int from, int to, off_t size)
{
	off_t at = 0;

	if (size == 0 || ioctl(to, FICLONE, from) == 0)
		return 0;
	if (size <= CHUNK)
		return copy_plain(c, from, to, 0, size);
	if (ftruncate(to, size) < 0)
		return -errno;
	while (at < size) {
		off_t data = lseek(from, at, SEEK_DATA), hole;
		int r;

		if (data < 0 && errno == ENXIO)
			return 0;
		hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return copy_span(c, from, to, at, size);
		r = copy_span(c, from, to, data, hole);
		if (r < 0)
			return r;
		at = hole;
	}
	return 0;
}

/* Owner, mode and times, through the open descriptor. */
static int finish(const struct copying *c, int fd, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchown(fd, c->owner, c->owner) < 0 || fchmod(fd, st->st_mode & 01777) < 0)
		return -errno;
	return futimens(fd, times) < 0 ? -errno : 0;
}

static int copy_file(struct copying *c, int fromdir, int todir, const char *from, const char *to,
		     const struct stat *st)
{
	cleanup_close int in = openat(fromdir, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int out = -1;
	int r;

	if (in < 0)
		return -errno;
	out = openat(todir, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	r = copy_bytes(c, in, out, st->st_size);
	return r < 0 ? r : finish(c, out, st);
}

static int copy_link(struct copying *c, int fromdir, int todir, const char *from, const char *to)
{
	char target[4096];
	ssize_t n = readlinkat(fromdir, from, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (symlinkat(target, todir, to) < 0)
		return -errno;
	return fchownat(todir, to, c->owner, c->owner, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_entry(struct copying *c, int fromdir, int todir, const char *from, const char *to);

static int copy_entries(struct copying *c, int from, int to)
{
	DIR *d = fdopendir(from); /* takes from */
	size_t len = strlen(c->path);
	int r = 0;

	if (!d) {
		r = -errno;
		close(from);
		return r;
	}
	for (struct dirent *ent; r == 0 && (ent = readdir(d));) {
		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
			continue;
		snprintf(c->path + len, sizeof(c->path) - len, "/%s", ent->d_name);
		r = copy_entry(c, from, to, ent->d_name, ent->d_name);
		if (r == 0)
			c->path[len] = '\0';
	}
	closedir(d);
	return r;
}

static int copy_dir(struct copying *c, int fromdir, int todir, const char *from, const char *to,
		    const struct stat *st)
{
	cleanup_close int out = -1;
	int in, r;

	if (mkdirat(todir, to, 0700) < 0)
		return -errno;
	out = openat(todir, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	in = openat(fromdir, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0 || in < 0) {
		r = -errno;
		if (in >= 0)
			close(in);
		return r;
	}
	r = copy_entries(c, in, out);
	return r < 0 ? r : finish(c, out, st);
}

static int copy_entry(struct copying *c, int fromdir, int todir, const char *from, const char *to)
{
	struct stat st;

	if (fstatat(fromdir, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return copy_link(c, fromdir, todir, from, to);
	if (c->public_only && !(st.st_mode & S_IROTH))
		return 0;
	if (S_ISREG(st.st_mode))
		return copy_file(c, fromdir, todir, from, to, &st);
	if (S_ISDIR(st.st_mode))
		return copy_dir(c, fromdir, todir, from, to, &st);
	if (S_ISFIFO(st.st_mode))
		return mkfifoat(todir, to, st.st_mode & 0777) < 0 ? -errno : 0;
	return 0;
}

int copy_tree(const char *from, const char *to, uid_t owner, struct err *e)
{
	struct copying c = { .owner = owner };
	cleanup_close int out = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int in = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	struct stat st;

	if (in < 0 || out < 0 || fstat(in, &st) < 0) {
		r = -errno;
		if (in >= 0)
			close(in);
		return err_errno(e, -r, "copying %s", from);
	}
	c.chunk = xmalloc(CHUNK);
	snprintf(c.path, sizeof(c.path), "%s", from);
	r = copy_entries(&c, in, out);
	if (r == 0)
		r = finish(&c, out, &st);
	free(c.chunk);
	return r < 0 ? err_errno(e, -r, "copying %s", c.path) : 0;
}

int copy_public(const char *from, const char *to)
{
	struct copying c = { .public_only = true, .chunk = xmalloc(CHUNK) };
	int r;

	snprintf(c.path, sizeof(c.path), "%s", from);
	r = copy_entry(&c, AT_FDCWD, AT_FDCWD, from, to);
	free(c.chunk);
	return r;
}
