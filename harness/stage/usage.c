/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Below a node's init are our keepers, and below these the
 * services with all that they have forked. A process's own CPU clock
 * (clock_getcpuclockid(3)) tells nanoseconds for all its threads in one call,
 * where /proc/PID/stat tells hundredths of a second. How many descriptors it has
 * is the size of /proc/PID/fd since Linux 6.2; before, they are counted.
 */
#include "stage/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "stage/room.h"

static int64_t cpu_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		return -1;
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t memory_of(pid_t pid)
{
	char path[64];
	cleanup_free char *text = NULL;
	long pages = 0;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	text = proc_text(path);
	if (!text || sscanf(text, "%*s %ld", &pages) != 1)
		return 0;
	return pages * sysconf(_SC_PAGESIZE);
}

static int64_t files_of(pid_t pid)
{
	char path[64];
	struct stat st;
	int64_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	if (stat(path, &st) == 0 && st.st_size > 0)
		return st.st_size;
	d = opendir(path);
	if (!d)
		return 0;
	for (struct dirent *ent; (ent = readdir(d));)
		n += ent->d_name[0] != '.';
	closedir(d);
	return n;
}

static struct usage_seen *seen(struct usage *u, pid_t pid)
{
	for (size_t i = 0; i < u->count; i++)
		if (u->at[i].pid == pid)
			return &u->at[i];
	if (u->count == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 16;
		u->at = xrealloc(u->at, u->cap * sizeof(*u->at));
	}
	u->at[u->count] = (struct usage_seen){ .pid = pid };
	return &u->at[u->count++];
}

static void look_at(struct usage *u, pid_t pid, struct node_usage *ret)
{
	struct usage_seen *s = seen(u, pid);
	int64_t cpu = cpu_of(pid);

	s->round = u->round;
	if (cpu >= 0) {
		u->cpu_ns += cpu - (cpu >= s->cpu_ns ? s->cpu_ns : 0); /* less: another one */
		s->cpu_ns = cpu;
	}
	ret->memory += memory_of(pid);
	ret->files += files_of(pid);
	ret->processes++;
}

static void forget(struct usage *u)
{
	size_t kept = 0;

	for (size_t i = 0; i < u->count; i++)
		if (u->at[i].round == u->round)
			u->at[kept++] = u->at[i];
	u->count = kept;
}

void usage_look(struct usage *u, pid_t init, struct node_usage *ret)
{
	struct tree keepers = { 0 }, all = { 0 };

	*ret = (struct node_usage){ 0 };
	u->round++;
	if (init > 0)
		tree_children(&keepers, init);
	for (size_t i = 0; i < keepers.count; i++)
		tree_walk(&all, keepers.pid[i]);
	for (size_t i = 0; i < all.count; i++)
		look_at(u, all.pid[i], ret);
	forget(u);
	ret->cpu_ns = u->cpu_ns;
	tree_done(&keepers);
	tree_done(&all);
}

void usage_done(struct usage *u)
{
	free(u->at);
	*u = (struct usage){ 0 };
}
