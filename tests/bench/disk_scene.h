/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BENCH_DISK_SCENE_H
#define WD_BENCH_DISK_SCENE_H

/*
 * Where the benches of the disk work, each folder a tmpfs of its own:
 *
 *   <top>/plain      native
 *   <top>/disk       a disk of ours over <top>/back
 *   <top>/minimal    the minimal server over <top>/least
 *   <top>/logged     a disk of ours that keeps a log of operations, over <top>/kept
 *
 * Needs root and /dev/fuse. What is measured runs in a child, for the worker's own requests meet no
 * rule.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "bench.h"
#include "disk/disk.h"
#include "disk/rule.h"
#include "minimal_fuse.h"

#define ROUNDS 10
#define ROUNDS_MAX 1000

enum place { PLAIN, MINIMAL, OURS, LOGGED, PLACES };
struct scene {
	char top[200];
	char at[PLACES][256];
	struct disk *disk, *logged;
	struct loop *loop;
	pid_t minimal;
};

static inline int scene_tmpfs(const char *at)
{
	if (mkdir(at, 0755) < 0 || mount("tmpfs", at, "tmpfs", 0, "size=512m") < 0)
		return -errno;
	return 0;
}

static inline int scene_minimal(struct scene *s, const char *least)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[128];

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,"
		 "default_permissions,allow_other", fd);
	if (fd < 0 || mkdir(s->at[MINIMAL], 0755) < 0 ||
	    mount("minimal", s->at[MINIMAL], "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return -errno;
	s->minimal = fork();
	if (s->minimal == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		umask(0);
		_exit(minimal_fuse(least, fd) != 0);
	}
	close(fd);
	return s->minimal < 0 ? -errno : 0;
}

/** scene_open - mount all. */
static inline int scene_open(struct scene *s, struct err *e)
{
	static char back[256], least[256], kept[256];
	const char *tmp = getenv("TMPDIR");
	struct disk_opts o = { .name = "bench", .backing = back, .mount = s->at[OURS] },
			 logged = { .name = "logged", .backing = kept, .mount = s->at[LOGGED],
				    .log_bytes = 1 << 30 };
	int r;

	snprintf(s->top, sizeof(s->top), "%s/wd-bench-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(s->top) || chmod(s->top, 0755) < 0)
		return err_errno(e, errno, "mkdtemp");
	snprintf(back, sizeof(back), "%s/back", s->top);
	snprintf(least, sizeof(least), "%s/least", s->top);
	snprintf(kept, sizeof(kept), "%s/kept", s->top);
	snprintf(s->at[LOGGED], sizeof(s->at[0]), "%s/logged", s->top);
	snprintf(s->at[PLAIN], sizeof(s->at[0]), "%s/plain", s->top);
	snprintf(s->at[MINIMAL], sizeof(s->at[0]), "%s/minimal", s->top);
	snprintf(s->at[OURS], sizeof(s->at[0]), "%s/disk", s->top);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", s->top, "tmpfs", 0, "mode=755,size=1m") < 0)
		return err_errno(e, errno, "mounting");
	r = scene_tmpfs(s->at[PLAIN]);
	r = r < 0 ? r : scene_tmpfs(back);
	r = r < 0 ? r : scene_tmpfs(least);
	r = r < 0 ? r : scene_tmpfs(kept);
	r = r < 0 ? r : mkdir(s->at[OURS], 0755);
	r = r < 0 ? r : mkdir(s->at[LOGGED], 0755);
	r = r < 0 ? r : scene_minimal(s, least);
	if (r < 0)
		return err_errno(e, -r, "mounting");
	r = disk_new(&s->disk, &o, e);
	r = r < 0 ? r : disk_new(&s->logged, &logged, e);
	return r < 0 ? r : loop_new(&s->loop, e);
}

static inline void scene_close(struct scene *s)
{
	disk_free(s->disk);
	disk_free(s->logged);
	loop_free(s->loop);
	if (s->minimal > 0) {
		kill(s->minimal, SIGKILL);
		waitpid(s->minimal, NULL, 0);
	}
	umount2(s->top, MNT_DETACH);
	rmdir(s->top);
}

/** scene_measure - fn in a child, in that folder; what it returned, or -1. */
static inline double scene_measure(const struct scene *s, enum place p, double (*fn)(void))
{
	double got = -1;
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		return -1;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		got = chdir(s->at[p]) < 0 ? -1 : fn();
		_exit(write(ends[1], &got, sizeof(got)) != (ssize_t)sizeof(got));
	}
	close(ends[1]);
	if (read(ends[0], &got, sizeof(got)) != (ssize_t)sizeof(got))
		got = -1;
	close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return got;
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

/** quartile_figure - the median of n values, and where half of them lie. Sorts them. */
static inline void quartile_figure(const char *words, double *v, size_t n, const char *unit,
				   const char *bound, double limit)
{
	double m = median(v, n);

	figure(words, m, unit, bound, limit, v[n / 4], v[n * 3 / 4]);
}

static inline int scene_rounds(void)
{
	const char *wanted = getenv("ROUNDS");
	int n = wanted ? atoi(wanted) : ROUNDS;

	return n < 1 ? 1 : n > ROUNDS_MAX ? ROUNDS_MAX : n;
}

#endif
