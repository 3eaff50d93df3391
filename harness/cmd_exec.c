/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worstday exec: a program inside a node of a trial or shell under way. Theory
 * of operation: the worker hands over a pidfd of a process that is there; we
 * join all its namespaces, its user namespace first, take its id in there and
 * its environment, and run. The program's terminal, pipes and Ctrl-C are those
 * of whoever typed this; it dies with the node.
 */
#include "cmd.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "trial/control.h"

static const struct cli_opt options[] = {CLI_OPT_TRIAL, CLI_OPT_END};

/* Who is joined, as /proc tells before we do. */
struct joined {
	unsigned uid, gid; /* as it sees itself */
	struct buf env;    /* NUL after each */
};

static void said(void *arg, const char *text, size_t len)
{
	buf_add(arg, text, len);
}

static FILE *proc_open(long pid, const char *file)
{
	cleanup_free char *path = xasprintf("/proc/%ld/%s", pid, file);

	return fopen(path, "re");
}

static long pid_of(int pidfd)
{
	cleanup_free char *path = xasprintf("/proc/self/fdinfo/%d", pidfd);
	cleanup_file FILE *f = fopen(path, "re");
	char line[128];
	long pid = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Pid: %ld", &pid);
	return pid;
}

/* The first id of its map is the one it has: a service's is the only one, a node's init is root. */
static int id_of(long pid, const char *map, unsigned *ret)
{
	cleanup_file FILE *f = proc_open(pid, map);

	return f && fscanf(f, "%u", ret) == 1 ? 0 : -ESRCH;
}

static int look_at(int pidfd, struct joined *j)
{
	long pid = pid_of(pidfd);
	cleanup_file FILE *f = proc_open(pid, "environ");
	char chunk[4096];
	size_t n;

	while (f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&j->env, chunk, n);
	return pid <= 0 || id_of(pid, "uid_map", &j->uid) < 0 ? -ESRCH :
								   id_of(pid, "gid_map", &j->gid);
}

static void take_env(const struct joined *j)
{
	const char *term = getenv("TERM");
	cleanup_free char *keep = term ? xstrdup(term) : NULL;

	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	for (const char *p = j->env.data; p && p < j->env.data + j->env.len; p += strlen(p) + 1) {
		const char *equal = strchr(p, '=');
		cleanup_free char *name = equal ? xstrndup(p, (size_t)(equal - p)) : NULL;

		if (name && *name)
			setenv(name, equal + 1, 1);
	}
	if (keep)
		setenv("TERM", keep, 1);
}

static _Noreturn void run(const struct joined *j, char *const argv[])
{
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		_exit(126);
	if (setresgid(j->gid, j->gid, j->gid) < 0 || setresuid(j->uid, j->uid, j->uid) < 0) {
		fprintf(stderr, "worstday exec: becoming its user: %s\n", strerror(errno));
		_exit(126);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (chdir("/target") < 0 && chdir("/") < 0)
		_exit(126);
	take_env(j);
	execvp(argv[0], argv);
	fprintf(stderr, "worstday exec: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Ctrl-C is for the program: it has the same terminal. */
static int wait_for(pid_t child)
{
	int status = 0;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int join(int pidfd, char *const argv[], struct err *e)
{
	struct joined j = {.uid = 0};
	pid_t child;
	int r = look_at(pidfd, &j);

	if (r == 0 && setns(pidfd, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
					   CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		r = -errno;
	if (r < 0) {
		buf_done(&j.env);
		return err_errno(e, -r, "entering it");
	}
	fflush(NULL);
	child = fork();
	if (child == 0)
		run(&j, argv);
	buf_done(&j.env);
	if (child < 0)
		return err_errno(e, errno, "fork");
	_exit(wait_for(child)); /* what runs at an exit may not find itself in two PID namespaces */
}

static int exec(const struct cli *c)
{
	struct err e = {0};
	cleanup_close int sock = control_call(c->trial, &e);
	cleanup_close int pidfd = -1;
	cleanup_free char *ask = xasprintf("enter %s", c->words[0]);
	struct buf words = {0};
	int code = sock < 0 ? sock : control_ask(sock, ask, said, &words, &pidfd, &e);

	if (code > 0)
		fprintf(stderr, "worstday exec: %s\n", words.data ? words.data : "refused");
	buf_done(&words);
	if (code == 0)
		code = join(pidfd, c->words + 1, &e);
	if (code < 0) {
		fprintf(stderr, "worstday exec: %s\n", e.msg);
		return EXIT_USAGE;
	}
	return code;
}

const struct cmd cmd_exec = {
	.name = "exec",
	.args = "[OPTION]... NODE[/SERVICE] COMMAND [ARGUMENT]...",
	.summary = "run psql, gdb or curl inside a node of a trial or shell under way",
	.about = "COMMAND sees what the service sees (of a node: its first that runs, else its\n"
		 "init): its files, network, processes, environment and user. The terminal is\n"
		 "yours. It ends with the node. Exits as COMMAND does.",
	.opts = options,
	.words = {""},
	.words_min = 2,
	.words_max = SIZE_MAX,
	.words_end_options = true,
	.run = exec,
};
