/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TESTS_DISK_WORLD_H
#define WD_TESTS_DISK_WORLD_H

/*
 * What the tests of the disk share:
 *
 *   <tmp>/plain    tmpfs          <tmp>/back ── disk ── <tmp>/mnt
 *
 * a user who works there, in a child, and what was told of it. Needs root (or a user namespace that
 * is root) and /dev/fuse; disk_world_main skips all otherwise, saying so.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "disk/disk.h"
#include "disk/rule.h"
#include "tests/unit/suite.h"

#define USER 12345

static char top[256], back[300], mnt[300], plain[300];
static char block[65536]; /* something to write */

/* Hits that came, in words: "write a.txt ENOSPC 4096@0; ". */
struct world {
	struct disk *disk;
	struct loop *loop;
	struct buf hits;
	int count;
	struct disk_hit last;
};

static inline void mount_all(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", top, "tmpfs", MS_NOSUID, "mode=755"), 0);
	ck_assert_int_eq(mkdir(back, 0755) | mkdir(mnt, 0755) | mkdir(plain, 0755), 0);
	ck_assert_int_eq(mount("tmpfs", back, "tmpfs", MS_NOSUID | MS_NODEV,
			       "mode=755,size=64m,nr_inodes=20000"), 0);
	ck_assert_int_eq(mount("tmpfs", plain, "tmpfs", MS_NOSUID | MS_NODEV,
			       "mode=755,size=64m,nr_inodes=20000"), 0);
}

static inline void world_open(struct world *w)
{
	static const char *const dirs[] = { "/var/lib/pos" };
	struct disk_opts o = { .name = "shop", .backing = back, .mount = mnt, .dirs = dirs,
			       .dirs_count = 1 };
	struct mount_attr links = { .attr_clr = MOUNT_ATTR_NOSYMFOLLOW }; /* as a node gets it */
	char path[400];
	struct err e = { 0 };

	mount_all();
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/0", i ? plain : back);
		ck_assert_int_eq(mkdir(path, 0755), 0);
		ck_assert_int_eq(chown(path, USER, USER), 0);
	}
	ck_assert_msg(disk_new(&w->disk, &o, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(mount_setattr(AT_FDCWD, mnt, 0, &links, sizeof(links)), 0);
	ck_assert_int_eq(loop_new(&w->loop, &e), 0);
}

static inline void world_close(struct world *w)
{
	disk_free(w->disk);
	loop_free(w->loop);
	buf_done(&w->hits);
}

/* Run fn in a child as the user, in dir; what it adds to its buffer comes back as text. */
static inline char *as_user(const char *dir, void (*fn)(struct buf *out))
{
	struct buf text = { 0 };
	char chunk[4096];
	int p[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		struct buf out = { 0 };

		close(p[0]);
		if (chdir(dir) < 0 || setgid(USER) < 0 || setuid(USER) < 0)
			_exit(1);
		umask(022);
		fn(&out);
		for (size_t done = 0; done < out.len; done += (size_t)n)
			if ((n = write(p[1], out.data + done, out.len - done)) <= 0)
				_exit(2);
		_exit(0);
	}
	close(p[1]);
	while ((n = read(p[0], chunk, sizeof(chunk))) > 0)
		buf_add(&text, chunk, (size_t)n);
	close(p[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child: %x", status);
	return buf_steal(&text);
}

static inline void note(struct buf *o, const char *what, long long r)
{
	buf_printf(o, "%s = %lld %s\n", what, r < 0 ? -1 : r, r < 0 ? strerrorname_np(errno) : "");
}
#define T(call) note(o, #call, (long long)(call))

static inline void on_hit(void *arg, const struct disk_hit *h)
{
	struct world *w = arg;

	w->count += (int)h->count;
	w->last = *h;
	buf_printf(&w->hits, "%s %s %s; ", disk_op_names[h->op], h->path,
		   h->error ? strerrorname_np(h->error) : "ok");
}

static inline struct disk_rule rule_of(enum disk_effect effect, uint32_t ops)
{
	return (struct disk_rule){ .effect = effect, .ops = ops, .name = "test.0.1", .seed = 7,
				   .error = EIO, .chance = 1, .gate = gate_all() };
}

static inline unsigned arm(struct world *w, const struct disk_rule *r)
{
	struct err e = { 0 };
	unsigned id = 0;

	buf_reset(&w->hits);
	w->count = 0;
	ck_assert_msg(disk_rule_add(w->disk, w->loop, r, on_hit, w, &id, &e) == 0, "%s", e.msg);
	return id;
}

static inline void heal(struct world *w, unsigned id)
{
	struct err e = { 0 };

	ck_assert_msg(disk_rule_del(w->disk, id, &e) == 0, "%s", e.msg);
}

static inline char *in_mnt(void (*fn)(struct buf *o))
{
	char dir[400];

	snprintf(dir, sizeof(dir), "%s/0", mnt);
	return as_user(dir, fn);
}

static inline void expect(void (*fn)(struct buf *o), const char *want)
{
	char *got = in_mnt(fn);

	ck_assert_str_eq(got, want);
	free(got);
}

/* In a child, so that what is mounted goes with it. */
static inline bool can(char *why, size_t len)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct err e = { 0 };

		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(1);
		_exit(disk_try(&e) == 0 ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	snprintf(why, len, "%s", WEXITSTATUS(status) == 1 ? "no mount namespaces" : "no /dev/fuse");
	return status == 0;
}

/** disk_world_main - the suite, in a place of its own, if this host can do it. */
static inline int disk_world_main(Suite *(*suite)(void))
{
	const char *tmp = getenv("TMPDIR");
	char why[64];
	int failed;

	if (!can(why, sizeof(why))) {
		printf("# SKIP all: %s\n", why);
		return 77;
	}
	snprintf(top, sizeof(top), "%s/wd-disk-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(top))
		return 1;
	snprintf(back, sizeof(back), "%s/back", top);
	snprintf(mnt, sizeof(mnt), "%s/mnt", top);
	snprintf(plain, sizeof(plain), "%s/plain", top);
	memset(block, 'b', sizeof(block)); /* there, so that a write is one request */
	failed = suite_main(suite());
	rmdir(top);
	return failed ? 1 : 0;
}

#endif
