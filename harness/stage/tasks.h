/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_STAGE_TASKS_H
#define WD_STAGE_TASKS_H

/*
 * The processes of a service one by one: what they use, as /proc tells, and
 * limits on it (setrlimit(2), set from outside). Nothing here asks for more
 * than the worker may do to every process of its own nodes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct stage;

#define TASKS_MAX 512
/** struct tasks - processes as the worker sees them, the main one among them; TASKS_MAX at most. */
struct tasks {
	pid_t pid[TASKS_MAX];
	size_t count;
};
/** stage_tasks - those of a service ("node/name") that has been started; else none. */
void stage_tasks(struct stage *st, const char *service, struct tasks *ret);

/** task_runnable - does one of its threads run, or wait for a CPU, now? */
bool task_runnable(pid_t pid);
/** struct task_use - bytes of memory, and threads. */
struct task_use {
	int64_t data;     /* what RLIMIT_DATA counts: private and writable, used or not */
	int64_t anon, shared, resident; /* in memory: its own, shared without a file, all of it */
	int64_t threads;
};
/** task_use - false: it is gone. */
bool task_use(pid_t pid, struct task_use *ret);
/** task_files - how many of the descriptors below `below` it has open; negative: gone. */
int64_t task_files(pid_t pid, int64_t below);
/** task_waited_for - the port of a TCP socket of its own at which somebody waits: for a connection
 * to be accepted, or with @data also for bytes to be read; 0: nobody. */
unsigned task_waited_for(pid_t pid, bool data);
/** task_file_of - has it a regular file of exactly so many bytes open for writing? Its name into
 * ret. */
bool task_file_of(pid_t pid, int64_t size, char *ret, size_t len);

/** stage_pidfd - of a process to join: the main one of a service ("node/service"), or of the first
 * that runs on a node, or the node's init. Owned by the caller; -errno with words. */
int stage_pidfd(struct stage *st, const char *where, struct err *e);
/** stage_task_kill - SIGKILL to one process of a service. 0, -ESRCH or -ENOENT. */
int stage_task_kill(struct stage *st, const char *service, pid_t pid);

/**
 * stage_limit_take - no process of the service may have more than `most` of `resource` (RLIMIT_…)
 * until it is given back: those that run now, those that they start and those of a new start. Only
 * the soft limit is set, for nobody but the host's root could raise a hard one again. Where several
 * overlap the lowest counts. Caller gives it back, after a failure too.
 */
struct stage_limit;
int stage_limit_take(struct stage *st, const char *service, int resource, int64_t most,
		     struct stage_limit **ret, struct err *e);
/** stage_limit_again - for processes that have been started, or have raised their limit, since. */
void stage_limit_again(struct stage_limit *l);
/** stage_limit_refused - how often somebody was refused since; -1: nobody can tell. */
int64_t stage_limit_refused(const struct stage_limit *l);
/** stage_limit_give - NULL is fine. */
void stage_limit_give(struct stage_limit *l);

#endif
