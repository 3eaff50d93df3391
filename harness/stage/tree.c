/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking and signalling process trees through /proc/PID/task/TID/children.
 * That file is exact only for stopped processes, so signalling goes over the
 * tree again until two passes in a row find nobody new: a process that has
 * SIGKILL or SIGSTOP pending cannot fork any more, hence this ends. Orphans of
 * a walked process move to the keeper (a subreaper), which is the root of the
 * walk, and are found in the next pass.
 *
 * A pid cannot come to mean another process between the walk and the signal:
 * pids are handed out in a circle of at least 32768.
 */
#include "stage/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PASSES_MAX 1000

void tree_done(struct tree *t)
{
	free(t->pid);
	*t = (struct tree){ 0 };
}

static void add(struct tree *t, pid_t pid)
{
	if (t->count == t->size) {
		t->size = t->size ? t->size * 2 : 32;
		t->pid = xrealloc(t->pid, t->size * sizeof(*t->pid));
	}
	t->pid[t->count++] = pid;
}

static bool has(const struct tree *t, pid_t pid)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->pid[i] == pid)
			return true;
	return false;
}

char *proc_text(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf b = { 0 };
	char chunk[4096];
	ssize_t n;

	if (fd < 0)
		return NULL;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(&b, chunk, (size_t)n);
	return buf_steal(&b);
}

static bool zombie(pid_t pid)
{
	char path[64];
	cleanup_free char *text = NULL;
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	text = proc_text(path);
	p = text ? strrchr(text, ')') : NULL;
	return !p || strlen(p) < 3 || p[2] == 'Z' || p[2] == 'X';
}

static void children_of_task(struct tree *t, pid_t pid, const char *tid)
{
	char path[64];
	cleanup_free char *text = NULL;
	char *p, *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", pid, tid);
	text = proc_text(path);
	if (!text)
		return;
	for (p = text;; p = end) {
		long child = strtol(p, &end, 10);

		if (end == p)
			return;
		if (child > 0 && !zombie((pid_t)child) && !has(t, (pid_t)child))
			add(t, (pid_t)child);
	}
}

void tree_children(struct tree *t, pid_t pid)
{
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	if (!d)
		return;
	for (struct dirent *ent; (ent = readdir(d));)
		if (ent->d_name[0] != '.')
			children_of_task(t, pid, ent->d_name);
	closedir(d);
}

void tree_walk(struct tree *t, pid_t root)
{
	size_t i = t->count;

	tree_children(t, root);
	for (; i < t->count; i++)
		tree_children(t, t->pid[i]);
}

int tree_signal(pid_t root, pid_t but, int sig)
{
	struct tree done = { 0 }, now = { 0 };
	int n = 0, quiet = 0;

	for (int pass = 0; pass < PASSES_MAX && quiet < 2; pass++) {
		quiet++;
		now.count = 0;
		tree_walk(&now, root);
		for (size_t i = 0; i < now.count; i++) {
			if (now.pid[i] == but || has(&done, now.pid[i]))
				continue;
			add(&done, now.pid[i]);
			quiet = 0;
			n += kill(now.pid[i], sig) == 0;
		}
	}
	tree_done(&done);
	tree_done(&now);
	return n;
}
