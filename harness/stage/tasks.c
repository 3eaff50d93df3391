/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc tells of the processes of a service. Whatever cannot be read is
 * that of a process which has just ended: nothing is said then.
 *
 * Reads of /proc/PID/fd need CAP_SYS_PTRACE over the service's user namespace,
 * which the worker has as root of the one above.
 */
#include "stage/tasks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "stage/room.h"

#define PORTS_MAX 64

void stage_tasks(struct stage *st, const char *service, struct tasks *ret)
{
	const struct svc *s = svc_find(st, service);
	struct tree t = { 0 };

	ret->count = 0;
	if (!s || !s->proc || !s->proc->started || s->proc->gone || !s->proc->keeper)
		return;
	tree_walk(&t, s->proc->keeper);
	ret->count = t.count < TASKS_MAX ? t.count : TASKS_MAX;
	if (ret->count)
		memcpy(ret->pid, t.pid, ret->count * sizeof(*ret->pid));
	tree_done(&t);
}

/* ---- time and memory ---- */

bool task_runnable(pid_t pid)
{
	cleanup_free char *path = xasprintf("/proc/%d/task", pid);
	bool found = false;
	DIR *d = opendir(path);

	for (struct dirent *ent; d && !found && (ent = readdir(d));) {
		cleanup_free char *stat = xasprintf("%s/%.20s/stat", path, ent->d_name);
		cleanup_free char *text = ent->d_name[0] == '.' ? NULL : proc_text(stat);
		const char *p = text ? strrchr(text, ')') : NULL;

		found = p && strncmp(p, ") R", 3) == 0;
	}
	if (d)
		closedir(d);
	return found;
}

/* A line of /proc/PID/status: its number; kilobytes become bytes. */
static int64_t status_line(const char *text, const char *name)
{
	const char *p = strstr(text, name);
	int64_t n;
	char unit[4] = "";

	if (!p || sscanf(p + strlen(name), " %" SCNd64 " %3[kB]", &n, unit) < 1)
		return 0;
	return unit[0] ? n * 1024 : n;
}

bool task_use(pid_t pid, struct task_use *ret)
{
	cleanup_free char *path = xasprintf("/proc/%d/status", pid);
	cleanup_free char *text = proc_text(path);

	*ret = (struct task_use){ 0 };
	if (!text || !strstr(text, "\nVmData:")) /* a zombie has no memory */
		return false;
	ret->data = status_line(text, "\nVmData:");
	ret->anon = status_line(text, "\nRssAnon:");
	ret->shared = status_line(text, "\nRssShmem:");
	ret->resident = status_line(text, "\nVmRSS:");
	ret->threads = status_line(text, "\nThreads:");
	return true;
}

/* ---- files ---- */

int64_t task_files(pid_t pid, int64_t below)
{
	cleanup_free char *path = xasprintf("/proc/%d/fd", pid);
	DIR *d = opendir(path);
	int64_t n = 0;

	if (!d)
		return -errno;
	for (struct dirent *ent; (ent = readdir(d));)
		n += ent->d_name[0] != '.' && strtoll(ent->d_name, NULL, 10) < below;
	closedir(d);
	return n;
}

/* Every descriptor of a process, until one is found. */
static bool any_file(pid_t pid,
		     bool (*fn)(int dir, const char *fd, const char *leads_to, void *arg),
		     void *arg)
{
	cleanup_free char *path = xasprintf("/proc/%d/fd", pid);
	DIR *d = opendir(path);
	char to[4096];
	bool found = false;

	for (struct dirent *ent; d && !found && (ent = readdir(d));) {
		ssize_t n = readlinkat(dirfd(d), ent->d_name, to, sizeof(to) - 1);

		if (n <= 0)
			continue;
		to[n] = '\0';
		found = fn(dirfd(d), ent->d_name, to, arg);
	}
	if (d)
		closedir(d);
	return found;
}

struct file_of {
	int64_t size;
	char *ret;
	size_t len;
};

static bool is_file_of(int dir, const char *fd, const char *leads_to, void *arg)
{
	const struct file_of *want = arg;
	struct stat st, link;

	/* The link's own mode says how it is open: a w for writing. */
	if (leads_to[0] != '/' || fstatat(dir, fd, &link, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !(link.st_mode & S_IWUSR) || fstatat(dir, fd, &st, 0) < 0)
		return false;
	if (!S_ISREG(st.st_mode) || st.st_size != want->size)
		return false;
	snprintf(want->ret, want->len, "%s", leads_to);
	return true;
}

bool task_file_of(pid_t pid, int64_t size, char *ret, size_t len)
{
	struct file_of want = { size, ret, len };

	return any_file(pid, is_file_of, &want);
}

/* ---- who waits at its door ---- */

struct doors {
	struct door {
		unsigned long inode;
		unsigned port;
	} at[PORTS_MAX];
	size_t count;
	unsigned found;
};

/* proc(5): of a socket in LISTEN (0A) the receive queue is how many connections wait, of others how
 * many bytes; those of a connection that the peer has closed (not 01) may wait for ever. */
static void doors_read(struct doors *d, pid_t pid, const char *table, bool data)
{
	cleanup_free char *path = xasprintf("/proc/%d/net/%s", pid, table);
	cleanup_free char *text = proc_text(path);
	char *save = NULL;

	if (!text)
		return;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		unsigned port, state, queue;
		unsigned long inode;

		if (sscanf(l,
			   " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%x %*x:%*x %*x %*u %*u %lu",
			   &port, &state, &queue, &inode) != 4)
			continue;
		if (queue > 0 && (state == 0x0a || (data && state == 0x01)) &&
		    d->count < PORTS_MAX)
			d->at[d->count++] = (struct door){ inode, port };
	}
}

static bool is_door(int dir, const char *fd, const char *leads_to, void *arg)
{
	struct doors *d = arg;
	unsigned long inode;

	(void)dir;
	(void)fd;
	if (sscanf(leads_to, "socket:[%lu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < d->count; i++)
		if (d->at[i].inode == inode)
			d->found = d->at[i].port;
	return d->found != 0;
}

unsigned task_waited_for(pid_t pid, bool data)
{
	struct doors d = { .count = 0 };

	doors_read(&d, pid, "tcp", data);
	doors_read(&d, pid, "tcp6", data);
	return d.count && any_file(pid, is_door, &d) ? d.found : 0;
}

/* ---- joining one ---- */

static bool is_there(const struct svc *s, const char *where)
{
	return s->proc && s->proc->started && !s->proc->exited &&
	       (str_eq(s->name, where) || str_eq(s->node->conf->name, where));
}

static int nowhere(struct stage *st, const char *where, struct err *e)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < st->nodes_count; i++)
		buf_printf(&b, " %s", st->nodes[i].conf->name);
	if (svc_find(st, where))
		err_set(e, ENOENT, "%s does not run now", where);
	else
		err_set(e, ENOENT, "there is no node or service %s; nodes:%s", where, b.data);
	buf_done(&b);
	return -ENOENT;
}

int stage_pidfd(struct stage *st, const char *where, struct err *e)
{
	const struct stage_node *n = stage_node(st, where);
	int fd = n ? n->pidfd : -1;

	for (size_t i = 0; i < st->svcs_count; i++) {
		if (!is_there(&st->svcs[i], where))
			continue;
		fd = st->svcs[i].proc->main_fd;
		break;
	}
	if (fd < 0)
		return nowhere(st, where, e);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_errno(e, errno, "dup") : fd;
}

/* ---- the end of one ---- */

int stage_task_kill(struct stage *st, const char *service, pid_t pid)
{
	struct svc *s = svc_find(st, service);

	if (!s || !s->proc)
		return -ENOENT;
	if (pid == s->proc->main)
		return stage_signal(st, service, SIGKILL, false, NULL) > 0 ? 0 : -ESRCH;
	return kill(pid, SIGKILL) < 0 ? -errno : 0;
}
