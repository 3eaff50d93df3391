/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The kernel tells nobody when it refuses a fork for
 * RLIMIT_NPROC; a cgroup with the pids controller counts what it refused. So
 * where this host lets us make one below our own, the service's processes move
 * there while they are limited, and back afterwards:
 *
 *   UP/                        the cgroup that the worker is in
 *     .tmp-PID-START.worstday-N/   ours: pids.max, pids.events, cgroup.procs
 *
 * It is on the guardian's list before it is made, and gone when its last
 * process is. Needs write access to UP: root with cgroup v1, or a v2 subtree
 * that was delegated with the controller in it. Everybody else has RLIMIT_NPROC
 * and no count.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "stage/room.h"

#define TRIES 16

struct pids_group {
	char *up, *dir; /* owned */
};

/* The rest of the first line that has `word`, behind it; NULL. Into the text itself. */
static char *line_behind(char *text, const char *word)
{
	char *p = text ? strstr(text, word) : NULL;

	if (!p)
		return NULL;
	p += strlen(word);
	p[strcspn(p, "\n")] = '\0';
	return p;
}

/* Where the hierarchy with the pids controller is mounted; caller frees. */
static char *mounted_at(void)
{
	cleanup_free char *text = proc_text("/proc/self/mountinfo");
	char *save = NULL, at[4096];

	for (char *l = text ? strtok_r(text, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save)) {
		const char *kind = strstr(l, " - cgroup ");
		const char *list = kind ? strrchr(kind, ' ') : NULL;

		if (list && strstr(list, "pids") &&
		    sscanf(l, "%*d %*d %*s %*s %4095s", at) == 1)
			return xstrdup(at);
		if (strstr(l, " - cgroup2 ") && sscanf(l, "%*d %*d %*s %*s %4095s", at) == 1) {
			cleanup_free char *has = xasprintf("%s/cgroup.controllers", at);
			cleanup_free char *controllers = proc_text(has);

			if (controllers && strstr(controllers, "pids"))
				return xstrdup(at);
		}
	}
	return NULL;
}

/* The cgroup that we are in; caller frees. */
static char *our_own(void)
{
	cleanup_free char *text = proc_text("/proc/self/cgroup");
	cleanup_free char *again = text ? xstrdup(text) : NULL;
	cleanup_free char *at = mounted_at();
	const char *path = line_behind(text, ":pids:");

	if (!path)
		path = line_behind(again, "0::");
	return at && path ? xasprintf("%s%s", at, strcmp(path, "/") == 0 ? "" : path) : NULL;
}

static int put(const char *dir, const char *file, const char *text)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, file);
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int put_number(const char *dir, const char *file, int64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, n);
	return put(dir, file, text);
}

static char *get(const struct pids_group *g, const char *file)
{
	cleanup_free char *path = xasprintf("%s/%s", g->dir, file);

	return proc_text(path);
}

static int make(struct pids_group *g)
{
	cleanup_free char *name = guardian_name();

	for (int i = 0; i < TRIES; i++) {
		free(g->dir);
		g->dir = xasprintf("%s/%s.worstday-%d", g->up, name, i);
		if (access(g->dir, F_OK) == 0)
			continue;
		guardian_add(g->dir);
		if (mkdir(g->dir, 0755) == 0)
			return 0;
		guardian_drop(g->dir);
	}
	free(steal_ptr(&g->dir));
	return -EACCES;
}

struct pids_group *pids_group_new(void)
{
	struct pids_group *g = xcalloc(1, sizeof(*g));
	cleanup_free char *events = NULL;

	g->up = our_own();
	if (g->up)
		guardian_sweep(g->up);
	if (!g->up || make(g) < 0) {
		pids_group_free(g);
		return NULL;
	}
	events = get(g, "pids.events");
	if (put(g->dir, "pids.max", "max") == 0 && events && strstr(events, "max "))
		return g;
	pids_group_free(g);
	return NULL;
}

int pids_group_limit(struct pids_group *g, int64_t most)
{
	return most < 0 ? put(g->dir, "pids.max", "max") : put_number(g->dir, "pids.max", most);
}

/* A move that changes nothing would still make the kernel wait for all CPUs. */
int pids_group_add(struct pids_group *g, pid_t pid)
{
	cleanup_free char *in = get(g, "cgroup.procs");
	cleanup_free char *lines = xasprintf("\n%s", in ? in : "");
	char line[32];

	snprintf(line, sizeof(line), "\n%d\n", pid);
	if (strstr(lines, line))
		return 0;
	return put_number(g->dir, "cgroup.procs", pid);
}

int64_t pids_group_refused(const struct pids_group *g)
{
	cleanup_free char *text = get(g, "pids.events");
	const char *p = text ? strstr(text, "max ") : NULL;

	return p ? strtoll(p + 4, NULL, 10) : 0;
}

static void empty(struct pids_group *g)
{
	for (int i = 0; i < TRIES; i++) { /* until nobody was born meanwhile */
		cleanup_free char *in = get(g, "cgroup.procs");
		char *p = in, *end;

		if (!in || !*in)
			return;
		for (long pid; (pid = strtol(p, &end, 10)) > 0; p = end)
			put_number(g->up, "cgroup.procs", pid);
	}
}

void pids_group_free(struct pids_group *g)
{
	if (!g)
		return;
	if (g->dir) {
		empty(g);
		if (rmdir(g->dir) == 0)
			guardian_drop(g->dir);
	}
	free(g->dir);
	free(g->up);
	free(g);
}
