/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The command is a process group of its own with the
 * results directory as its working directory; its standard output comes back
 * through a pipe. When the time is up the group is killed; should the worker be
 * killed, the kernel ends the command (but not what that has started).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "judge/check.h"

/**
 * custom: whatever a command of yours says about the ledgers.
 *
 *   exit 0: holds     1: violated     2: inconclusive     else, or too late: broken
 *
 * The command runs on the host, in the results directory (told.ndjson,
 * books.ndjson, events.ndjson, ... are there), which is also WORSTDAY_DIR;
 * WORSTDAY_EXPERIMENT and WORSTDAY_TARGET name the two files. One word is run
 * by sh -c, a list as it is; a program named with a relative path is looked
 * for beside the experiment file first. When violated, each line of standard
 * output is a witness, "KEY: text" or just text; otherwise its first line is
 * the reason given. Judged: once.
 */
struct options {
	struct strlist run;
	char *name;
	struct dur timeout;
};

static const struct opt rows[] = {{.name = "run",
				   .type = OPT_STRLIST,
				   .offset = offsetof(struct options, run),
				   .help = "command: one string for sh -c, or a list of words",
				   .example = "[./sum.py, -v]",
				   .scalar = true},
				  {.name = "name",
				   .type = OPT_STRING,
				   .offset = offsetof(struct options, name),
				   .optional = true,
				   .help = "what the report calls it"},
				  {.name = "timeout",
				   .type = OPT_DURATION,
				   .offset = offsetof(struct options, timeout),
				   .def = "60s",
				   .min = "1ms",
				   .domain = DOMAIN_SYSTEM,
				   .help = "then it is killed and the trial is broken"},
				  OPT_END};

#define OUTPUT_MAX (1 << 20)

/* "./x" beside the experiment file, if that is a program; else as written. Caller frees. */
static char *program(const struct experiment *x, const char *word)
{
	const char *slash = x->path ? strrchr(x->path, '/') : NULL;
	cleanup_free char *beside = NULL;
	char *full;

	if (word[0] == '/' || !strchr(word, '/'))
		return xstrdup(word);
	beside =
		slash ? xasprintf("%.*s/%s", (int)(slash - x->path), x->path, word) : xstrdup(word);
	full = access(beside, X_OK) == 0 ? realpath(beside, NULL) : NULL;
	return full ? full : xstrdup(word);
}

static void argv_build(const struct judge_in *in, const struct options *o, char **argv)
{
	size_t n = 0;

	if (o->run.count == 1) {
		argv[n++] = xstrdup("/bin/sh");
		argv[n++] = xstrdup("-c");
		argv[n++] = xstrdup(o->run.at[0]);
		return;
	}
	argv[n++] = program(in->experiment, o->run.at[0]);
	for (size_t i = 1; i < o->run.count; i++)
		argv[n++] = xstrdup(o->run.at[i]);
}

static char **env_build(const struct judge_in *in)
{
	size_t n = 0, kept = 0;
	char **env;

	while (environ[n])
		n++;
	env = xcalloc(n + 4, sizeof(*env));
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "WORSTDAY_", 9) != 0)
			env[kept++] = xstrdup(environ[i]);
	env[kept++] = xasprintf("WORSTDAY_DIR=%s", in->dir);
	env[kept++] = xasprintf("WORSTDAY_EXPERIMENT=%s", key_text(in->experiment->path));
	env[kept++] = xasprintf("WORSTDAY_TARGET=%s", key_text(in->target->path));
	return env;
}

static void words_free(char **words)
{
	for (size_t i = 0; words[i]; i++)
		free(words[i]);
	free(words);
}

/* In the new process. It ends with us: nobody else would look after it. */
static _Noreturn void become(const char *dir, int out, int said, char **argv, char **env,
			     pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && setpgid(0, 0) == 0 && dup2(null, 0) == 0 &&
	    dup2(out, 1) == 1 && chdir(dir) == 0)
		execvpe(argv[0], argv, env);
	err = errno;
	_exit(write(said, &err, sizeof(err)) == (ssize_t)sizeof(err) ? 127 : 126);
}

/* Returns once it runs; the pipe closes on exec, or says what failed. */
static int start(const char *dir, int out, char **argv, char **env, pid_t *ret)
{
	pid_t parent = getpid();
	int said[2], err = 0;

	if (pipe2(said, O_CLOEXEC) < 0)
		return -errno;
	*ret = fork();
	if (*ret == 0)
		become(dir, out, said[1], argv, env, parent);
	if (*ret < 0)
		err = errno;
	close(said[1]);
	if (err == 0 && read(said[0], &err, sizeof(err)) > 0)
		waitpid(*ret, NULL, 0);
	close(said[0]);
	return -err;
}

static int spawn(const struct judge_in *in, const struct options *o, int out, pid_t *ret)
{
	char **argv = xcalloc(o->run.count + 4, sizeof(*argv)), **env = env_build(in);
	int err;

	argv_build(in, o, argv);
	err = start(in->dir, out, argv, env, ret);
	words_free(argv);
	words_free(env);
	return err;
}

/* Wait for fd to be readable; false when the time is up. */
static bool wait_readable(int fd, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do {
		int64_t left = deadline - clock_now();

		if (left <= 0)
			return false;
		n = poll(&p, 1, (int)(left / NS_PER_MS > 60000 ? 60000 : left / NS_PER_MS + 1));
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n > 0;
}

static bool read_all(int fd, int64_t deadline, struct buf *out)
{
	char chunk[16384];
	ssize_t n;

	while (wait_readable(fd, deadline)) {
		n = read(fd, chunk, sizeof(chunk));
		if (n == 0)
			return true;
		if (n > 0 && out->len < OUTPUT_MAX)
			buf_add(out, chunk, (size_t)n);
	}
	return false;
}

/* Exit status, or -ETIMEDOUT. The group is gone afterwards. */
static int finish(pid_t pid, int64_t deadline, bool in_time)
{
	cleanup_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	int status = 0;

	if (in_time && fd >= 0)
		in_time = wait_readable(fd, deadline);
	if (!in_time)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL); /* children it left behind */
	return in_time ? status : -ETIMEDOUT;
}

/* Each line a witness; "KEY: text" when the part before the colon has no space. */
static void witnesses(char *text, struct judgement *ret)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t key = strcspn(line, ": \t");

		if (line[key] == ':' && line[key + 1] == ' ') {
			line[key] = '\0';
			judgement_witness(ret, line, "%s", line + key + 2);
		} else {
			judgement_witness(ret, NULL, "%s", line);
		}
	}
	if (!ret->violations)
		judgement_witness(ret, NULL, "the command says so (exit 1, no output)");
}

static void broken(struct judgement *ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void broken(struct judgement *ret, const char *fmt, ...)
{
	va_list ap;

	ret->verdict = BROKEN;
	va_start(ap, fmt);
	vsnprintf(ret->why, sizeof(ret->why), fmt, ap);
	va_end(ap);
}

static void interpret(const struct options *o, int status, struct buf *out, struct judgement *ret)
{
	const char *name = o->name ? o->name : o->run.at[0];
	char *text = buf_steal(out), limit[DUR_TEXT];
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	ret->judged = 1;
	snprintf(ret->figure, sizeof(ret->figure), "%.80s", name);
	if (code == 1 && status >= 0)
		witnesses(text, ret);
	text[strcspn(text, "\n")] = '\0';
	if (status == -ETIMEDOUT)
		broken(ret, "%.200s did not end within %s", name, dur_text(limit, o->timeout.ns));
	else if (code == 2)
		check_inconclusive(ret, "%s", *text ? text : "the command cannot tell (exit 2)");
	else if (WIFSIGNALED(status))
		broken(ret, "%.200s was killed by signal %d", name, WTERMSIG(status));
	else if (code != 0 && code != 1)
		broken(ret, "%.200s ended with exit code %d%s%.200s", name, code, *text ? ": " : "",
		       text);
	if (ret->verdict == HOLDS)
		check_finish(ret, "", "%s", *text ? text : "the command says so (exit 0)");
	free(text);
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	int64_t deadline = clock_now() + o->timeout.ns;
	struct buf out = {0};
	int fds[2], err;
	pid_t pid = 0;
	bool in_time;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		broken(ret, "no pipe for the command: %s", strerror(errno));
		return;
	}
	err = spawn(in, o, fds[1], &pid);
	close(fds[1]);
	if (err < 0) {
		close(fds[0]);
		broken(ret, "%.200s could not be started: %s", o->run.at[0], strerror(-err));
		return;
	}
	in_time = read_all(fds[0], deadline, &out);
	close(fds[0]);
	interpret(o, finish(pid, deadline, in_time), &out, ret);
}

static void check(const void *opts, struct mark at, struct diag *diag)
{
	const struct options *o = opts;

	if (o->run.count == 0 || !o->run.at[0][0])
		diag_error(diag, at, "custom: run: is empty");
}

const struct check_ops check_custom = {
	.name = "custom",
	.summary = "a command of yours reads the ledgers and judges",
	.opts = {rows, sizeof(struct options)},
	.any_ledger = true,
	.check = check,
	.judge = judge,
	.example = "custom: {run: [./sum.py], timeout: 10s}",
};
