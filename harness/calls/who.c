/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose call it is. A process is called by its descent, so that the next run knows it again:
 *
 *   store/store/0        the first run of the service's main process
 *   store/store/0+1      the same, in the program that it has replaced itself with
 *   store/store/0/2.1    the first child of its second child
 *
 * A child's number is the number of the fork that made it. Forks are seen before they happen
 * (filter.c), children only later, so at each fork, and when somebody new turns up, the parent's
 * children are looked through: who is new among them came of the fork before. A parent whose
 * threads fork at the same time has children in the order of its threads. Who has lost his parent
 * before he was seen is a child of the run, with a number of his own ("~1").
 */
#include "calls/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/draw.h"

#define FILE_MAX 4096

/* ---- what /proc says ---- */

static size_t slurp(const char *path, char *ret, size_t len)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, len - 1);

	ret[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Its thread group and its parent. False: it is gone. */
static bool status(pid_t tid, pid_t *ret_tgid, pid_t *ret_parent)
{
	char path[64], text[FILE_MAX];
	const char *tgid, *parent;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (!slurp(path, text, sizeof(text)))
		return false;
	tgid = strstr(text, "\nTgid:");
	parent = strstr(text, "\nPPid:");
	if (!tgid || !parent)
		return false;
	*ret_tgid = (pid_t)strtol(tgid + 6, NULL, 10);
	*ret_parent = (pid_t)strtol(parent + 6, NULL, 10);
	return *ret_tgid > 0;
}

/* ---- the table ---- */

static struct process **bucket(struct sup *s, pid_t pid)
{
	return &s->bucket[(unsigned)pid % ARRAY_SIZE(s->bucket)];
}

static struct process *find(struct sup *s, pid_t pid)
{
	struct process *p = *bucket(s, pid);

	while (p && p->pid != pid)
		p = p->next;
	return p;
}

static void name(struct process *p)
{
	if (p->execs)
		snprintf(p->name, sizeof(p->name), "%.80s+%u", p->path, p->execs);
	else
		snprintf(p->name, sizeof(p->name), "%s", p->path);
	p->object = draw_object(p->name);
}

static void forget(struct sup *s, struct process *p)
{
	struct process **at = bucket(s, p->pid);

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	for (size_t i = 0; i < ARRAY_SIZE(s->task); i++)
		if (s->task[i].process == p)
			s->task[i] = (struct task){ 0 };
	close(p->pidfd);
	free(p);
}

static struct process *make(struct sup *s, struct listener *at, pid_t pid, const char *path)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct process *p;

	if (pidfd < 0)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->pid = pid;
	p->pidfd = pidfd;
	p->at = at;
	snprintf(p->path, sizeof(p->path), "%s", path);
	name(p);
	p->next = *bucket(s, pid);
	*bucket(s, pid) = p;
	return p;
}

void who_arrived(struct sup *s, struct listener *at, pid_t pid)
{
	struct process *old = find(s, pid), *p;

	if (old)
		forget(s, old);
	p = make(s, at, pid, at->process);
	if (p)
		p->execs = UINT32_MAX; /* its first program is number 0 */
	at->main = p ? pid : 0;
}

void who_left(struct sup *s, struct listener *at)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->bucket); i++)
		for (struct process *p = s->bucket[i], *next; p; p = next) {
			next = p->next;
			if (p->at == at)
				forget(s, p);
		}
}

/* ---- descent ---- */

/* Numbered already? Then it is in the table, and is still the process that it was. */
static bool is_known(struct sup *s, pid_t pid)
{
	const struct process *p = find(s, pid);

	return p && (syscall(SYS_pidfd_send_signal, p->pidfd, 0, NULL, 0) == 0 || errno != ESRCH);
}

/*
 * Append the children in one of /proc/.../children that are not known yet. The kernel lists them in
 * the order of their birth, which their pids do not tell: those come round again.
 */
static void new_children(struct sup *s, const char *path, struct buf *pids)
{
	char text[FILE_MAX], *p, *end;

	slurp(path, text, sizeof(text));
	for (p = text;; p = end) {
		pid_t pid = (pid_t)strtol(p, &end, 10);

		if (end == p)
			return;
		if (!is_known(s, pid))
			buf_add(pids, &pid, sizeof(pid));
	}
}

/* Number those children of p that have come since it was last looked at. */
static void number_children(struct sup *s, struct process *p)
{
	char by = p == find(s, p->at->main) ? '/' : '.';
	struct buf pids = { 0 };
	char path[CALLS_NAME];
	uint32_t new, n;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", p->pid);
	d = opendir(path);
	for (struct dirent *ent; d && (ent = readdir(d));) {
		if (ent->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", p->pid, ent->d_name);
		new_children(s, path, &pids);
	}
	if (d)
		closedir(d);
	new = (uint32_t)(pids.len / sizeof(pid_t));
	n = p->forks > new ? p->forks - new : 0;
	for (uint32_t i = 0; i < new; i++) {
		pid_t pid;

		memcpy(&pid, pids.data + i * sizeof(pid), sizeof(pid));
		snprintf(path, sizeof(path), "%.80s%c%u", p->path, by, ++n);
		if (find(s, pid))
			forget(s, find(s, pid)); /* a pid that has come round again */
		make(s, p->at, pid, path);
	}
	buf_done(&pids);
}

void who_forks(struct sup *s, struct process *p)
{
	if (!p)
		return;
	if (p->forks)
		number_children(s, p);
	p->forks++;
}

void who_execs(struct process *p)
{
	if (!p)
		return;
	p->execs++;
	name(p);
}

static struct process *orphan(struct sup *s, struct listener *at, pid_t pid)
{
	char path[CALLS_NAME];

	snprintf(path, sizeof(path), "%.80s/~%u", at->process, ++at->orphans);
	return make(s, at, pid, path);
}

static struct process *adopt(struct sup *s, struct listener *at, pid_t pid, pid_t parent, int deep)
{
	struct process *up = find(s, parent), *p;
	pid_t tgid, above;

	if (!up && deep < 16 && status(parent, &tgid, &above) && above > 1 && find(s, above))
		up = adopt(s, at, parent, above, deep + 1);
	if (!up || up->at != at)
		return orphan(s, at, pid);
	number_children(s, up);
	p = find(s, pid);
	return p ? p : orphan(s, at, pid);
}

struct process *who_find(struct sup *s, struct listener *at, pid_t tid)
{
	struct task *t = &s->task[(unsigned)tid % ARRAY_SIZE(s->task)];
	pid_t tgid, parent;
	struct process *p;

	if (t->tid == tid && t->process && t->process->at == at)
		return t->process;
	if (!status(tid, &tgid, &parent))
		return NULL;
	p = find(s, tgid);
	if (p && (p->at != at ||
		  (syscall(SYS_pidfd_send_signal, p->pidfd, 0, NULL, 0) < 0 && errno == ESRCH))) {
		forget(s, p); /* its pid has come round again */
		p = NULL;
	}
	if (!p)
		p = adopt(s, at, tgid, parent, 0);
	*t = (struct task){ .tid = tid, .process = p };
	return p;
}
