/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results directories. Theory of operation: a trial writes into a directory
 * with a temporary name, which says by pid and start time whose it is, so that
 * the next run can tell leftovers from a neighbour's work. When every file is
 * there and on the disk, it is renamed without replacing anything. A reader
 * never sees half a result. `latest` is made beside and renamed over, so it
 * always points at something complete.
 */
#include "explore/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/point.h"
#include "base/str.h"
#include "stage/stage.h"

const char *const store_keep_names[] = {"all", "failed", "none", NULL};

int store_make(const char *dir, struct err *e)
{
	cleanup_free char *path = xstrdup(dir);
	char *p;

	for (p = path + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0777) < 0 && errno != EEXIST)
			return err_errno(e, errno, "making folder %s", path);
		*p = c;
		if (c == '\0')
			return 0;
	}
}

int store_write(const char *dir, const char *name, const void *data, size_t len, struct err *e)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	const char *p = data;

	if (fd < 0)
		return err_errno(e, errno, "writing %s", path);
	while (len > 0) {
		ssize_t n = point_fails(POINT_STORE_WRITE) ? -1 : write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "writing %s", path);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

char *store_read(const char *dir, const char *name, size_t *ret_len, struct err *e)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf b = {0};
	char chunk[16384];
	ssize_t n;

	if (fd < 0) {
		err_errno(e, errno, "reading %s", path);
		return NULL;
	}
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(&b, chunk, (size_t)n);
	if (n < 0) {
		err_errno(e, errno, "reading %s", path);
		buf_done(&b);
		return NULL;
	}
	if (ret_len)
		*ret_len = b.len;
	return buf_steal(&b);
}

/* Field 22 of /proc/self/stat, behind the last ')': with the pid it names a process for good. */
static unsigned long long start_time(void)
{
	cleanup_free char *text = store_read("/proc/self", "stat", NULL, NULL);
	char *p = text ? strrchr(text, ')') : NULL;
	int field;

	for (field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

int store_check(const char *out, struct err *e)
{
	cleanup_free char *name =
	    xasprintf(".tmp-%ld-%llu-probe", (long)getpid(), start_time());
	cleanup_free char *path = xasprintf("%s/%s", out, name);
	int r = store_make(out, e);

	if (r == 0)
		r = store_write(out, name, "x", 1, e);
	unlink(path); /* also one that could be made and not written */
	return r < 0 ? err_wrap(e, "results cannot be kept") : 0;
}

static char *stem_make(int64_t seed)
{
	time_t now = (time_t)(clock_wall() / NS_PER_S);
	char utc[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(utc, sizeof(utc), "%Y%m%dT%H%M%SZ", &tm);
	return xasprintf("%s-%lld", utc, (long long)seed);
}

/* The next name that is free right now; rename has the last word. */
static void final_choose(struct store *s)
{
	do {
		free(s->final);
		if (s->suffix)
			s->final = xasprintf("%s/%s-%d", s->parent, s->stem, s->suffix);
		else
			s->final = xasprintf("%s/%s", s->parent, s->stem);
		s->suffix = s->suffix ? s->suffix + 1 : 2;
	} while (access(s->final, F_OK) == 0);
}

int store_begin(struct store *s, const char *out, const char *experiment, int64_t seed, int64_t n,
		struct err *e)
{
	cleanup_free char *temp = NULL;
	int r;

	s->parent = xasprintf("%s/%s", out, experiment);
	s->stem = stem_make(seed);
	final_choose(s);
	r = store_make(s->parent, e);
	if (r < 0)
		return err_wrap(e, "results cannot be kept");
	temp = xasprintf("%s/.tmp-%ld-%llu-%lld", s->parent, (long)getpid(), start_time(),
			 (long long)n);
	guardian_add(temp);
	if (point_fails(POINT_STORE_MAKE) || mkdir(temp, 0777) < 0)
		return err_errno(e, errno, "results cannot be kept: making folder %s", temp);
	s->temp = steal_ptr(&temp);
	return 0;
}

/*
 * Set the file's pages moving without waiting. A file system with a journal
 * gives all of them their place then, so that the first fsync below commits
 * for every file and the others find little left to do.
 */
static void start_writing(int dir, const char *name)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0)
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a comfort: fsync decides */
}

static int sync_file(int dir, const char *name, struct err *e)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno == ELOOP ? 0 : err_errno(e, errno, "syncing %s", name);
	if ((point_fails(POINT_STORE_SYNC) || fsync(fd) < 0) && errno != EINVAL)
		return err_errno(e, errno, "syncing %s", name);
	return 0;
}

/* The files at the top, then the directory itself. Logs below may be lost in a power cut. */
static int sync_dir(const char *path, struct err *e)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!d)
		return err_errno(e, errno, "syncing %s", path);
	while ((entry = readdir(d)))
		if (entry->d_type == DT_REG)
			start_writing(dirfd(d), entry->d_name);
	rewinddir(d);
	while (r == 0 && (entry = readdir(d)))
		r = entry->d_type == DT_REG ? sync_file(dirfd(d), entry->d_name, e) : 0;
	if (r == 0 && fsync(dirfd(d)) < 0 && errno != EINVAL)
		r = err_errno(e, errno, "syncing %s", path);
	closedir(d);
	return r;
}

static int latest_point(const struct store *s, struct err *e)
{
	cleanup_free char *link = xasprintf("%s/latest", s->parent);
	cleanup_free char *made = xasprintf("%s.link", s->temp);
	const char *name = strrchr(s->final, '/') + 1;

	if (symlink(name, made) < 0 || rename(made, link) < 0) {
		int code = errno;

		unlink(made);
		return err_errno(e, code, "pointing %s at %s", link, name);
	}
	return 0;
}

/* Some file systems do not know RENAME_NOREPLACE; a plain rename never replaces a full folder. */
static int rename_new(const char *from, const char *to)
{
	if (point_fails(POINT_STORE_RENAME))
		return -1;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (rename(from, to) == 0)
		return 0;
	if (errno == ENOTEMPTY)
		errno = EEXIST;
	return -1;
}

int store_publish(struct store *s, struct err *e)
{
	int r = sync_dir(s->temp, e);

	if (r < 0)
		return r;
	if (rename_new(s->temp, s->final) < 0) {
		r = err_errno(e, errno, "renaming %s to %s", s->temp, s->final);
		if (r == -EEXIST)
			final_choose(s);
		return r;
	}
	r = latest_point(s, e);
	free(s->temp);
	s->temp = NULL;
	return r;
}

void store_done(struct store *s)
{
	if (s->temp)
		store_remove(s->temp);
	free(s->parent);
	free(s->temp);
	free(s->stem);
	free(s->final);
	*s = (struct store){0};
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

int store_remove(const char *dir)
{
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0)
		return -errno;
	return access(dir, F_OK) < 0 ? 0 : -ENOTEMPTY;
}

static bool is_small(const char *name)
{
	static const char *const names[] = {".",
					    "..",
					    "experiment.yml",
					    "resolved.yml",
					    "manifest.json",
					    "verdict.json",
					    "junit.xml",
					    "repro.sh"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_eq(names[i], name))
			return true;
	}
	return false;
}

void store_prune(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		cleanup_free char *path = xasprintf("%s/%s", dir, entry->d_name);

		if (!is_small(entry->d_name))
			store_remove(path);
	}
	if (d)
		closedir(d);
}
