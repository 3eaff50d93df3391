/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_UNIT_DISK_KIT_H
#define WD_UNIT_DISK_KIT_H

/*
 * A disk with a log of operations, for tests: <top>/back, a tmpfs, served at <top>/mnt; what
 * programs do in <top>/mnt/0 is in the log. In a mount namespace of the test's own. <top>/state
 * takes crash states.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "disk/disk.h"
#include "disk/durable.h"
#include "disk/history.h"

struct kit {
	char top[64], back[96], mnt[96], state[96];
	struct disk_opts opts;
	struct disk *disk;
	struct loop *loop;
};

static const char *const kit_dirs[] = { "/data" };

/** kit_possible - may this host do it? Says why not. */
static inline bool kit_possible(void)
{
	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0) {
		printf("# SKIP disk: needs root and /dev/fuse\n");
		return false;
	}
	return true;
}

static inline void kit_open(struct kit *k, size_t log_bytes)
{
	char path[128];
	struct err e = { 0 };

	memset(k, 0, sizeof(*k));
	strcpy(k->top, "/tmp/wd-kit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(k->top));
	snprintf(k->back, sizeof(k->back), "%s/back", k->top);
	snprintf(k->mnt, sizeof(k->mnt), "%s/mnt", k->top);
	snprintf(k->state, sizeof(k->state), "%s/state", k->top);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", k->top, "tmpfs", MS_NOSUID, "mode=755"), 0);
	ck_assert_int_eq(mkdir(k->back, 0755) | mkdir(k->mnt, 0755) | mkdir(k->state, 0755), 0);
	ck_assert_int_eq(mount("tmpfs", k->back, "tmpfs", MS_NOSUID, "mode=755,size=64m"), 0);
	snprintf(path, sizeof(path), "%s/0", k->back);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	k->opts = (struct disk_opts){ .name = "kit", .backing = k->back, .mount = k->mnt,
				      .dirs = kit_dirs, .dirs_count = 1,
				      .log_bytes = log_bytes };
	ck_assert_msg(disk_new(&k->disk, &k->opts, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(loop_new(&k->loop, &e), 0);
}

static inline void kit_close(struct kit *k)
{
	disk_free(k->disk);
	loop_free(k->loop);
	umount2(k->mnt, MNT_DETACH);
	umount2(k->back, MNT_DETACH);
	umount2(k->top, MNT_DETACH);
	rmdir(k->top);
}

/** kit_history - of all that was done so far. */
static inline struct history *kit_history(const struct kit *k)
{
	struct history *h;
	struct err e = { 0 };
	size_t bytes;
	const void *log = disk_log(k->disk, &bytes);

	ck_assert_msg(history_new(&h, log, bytes, &e) == 0, "%s", e.msg);
	return h;
}

static inline int kit_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

/** kit_state - that state lies in k->state, and nothing else; true: nothing was lost. */
static inline bool kit_state(const struct kit *k, struct history *h, const struct crash_at *at)
{
	struct err e = { 0 };
	struct crash *c;
	bool certain;
	int fd;

	ck_assert_int_eq(nftw(k->state, kit_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
	fd = open(k->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_msg(crash_new(&c, h, at, &e) == 0, "%s", e.msg);
	ck_assert_msg(crash_write(c, "0", fd, &e) == 0, "%s", e.msg);
	certain = crash_certain(c);
	crash_free(c);
	close(fd);
	return certain;
}

#endif
