/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Namespaces take processes, mounts and interfaces with
 * them; directories on the host's disks they do not. The guardian is a small
 * process forked at the start, in a session of its own so that no Ctrl-C
 * reaches it, that holds a pidfd of the harness and a socket on which it is
 * told of directories (by the harness and by its workers, which inherit the
 * other end). When the harness is gone it removes what is still on its list
 * and exits. Should it be killed too, the next run's guardian_sweep finds the
 * leftovers by their names, .tmp-<pid>-<start time>..., and by nobody having
 * that pid and start time any more.
 *
 * The one piece of state of the process is the socket: it stands for the
 * process, not for a trial.
 */
#include "stage/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define WORD_MAX 4096 /* one letter, '+' or '-', and a path */
#define TRIES 40
#define TRY_EVERY (50 * NS_PER_MS)
#define SWEEP_DEPTH 4

static int guardian_sock = -1;

/* ---- the guardian's side ---- */

static void list_set(struct strlist *l, const char *word)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->at[i], word + 1))
			continue;
		free(l->at[i]);
		l->at[i] = l->at[--l->count];
		break;
	}
	if (word[0] != '+')
		return;
	l->at = xrealloc(l->at, (l->count + 1) * sizeof(*l->at));
	l->at[l->count++] = xstrdup(word + 1);
}

/* Hear everything that was said. Returns false when nobody can say anything any more. */
static bool listen_all(int sock, struct strlist *l)
{
	char word[WORD_MAX + 1];
	ssize_t n;

	while ((n = recv(sock, word, WORD_MAX, MSG_DONTWAIT)) > 0) {
		word[n] = '\0';
		list_set(l, word);
	}
	return n < 0;
}

/* Workers die with the harness, but not in the same instant: try until nothing comes back. */
static void remove_all(const struct strlist *l)
{
	bool left = l->count > 0;

	for (int i = 0; left && i < TRIES; i++) {
		left = i < 2; /* one look back */
		for (size_t k = 0; k < l->count; k++) {
			cleanup_free char *link = xasprintf("%s.link", l->at[k]);

			left |= remove_tree(l->at[k]) < 0;
			unlink(link); /* what would have become `latest` */
		}
		if (left)
			clock_sleep_until(clock_now() + TRY_EVERY);
	}
}

static _Noreturn void guardian_main(int sock, int harness)
{
	struct strlist dirs = { 0 };
	struct pollfd p[2] = { { .fd = harness, .events = POLLIN },
			       { .fd = sock, .events = POLLIN } };

	while (!p[0].revents) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			_exit(1);
		if (p[1].revents && !listen_all(sock, &dirs))
			p[1].fd = -1;
	}
	listen_all(sock, &dirs);
	remove_all(&dirs);
	_exit(0);
}

static _Noreturn void guardian_enter(int sock, int harness)
{
	int null = open("/dev/null", O_RDWR), high_sock, high_harness;
	static const int deaf[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };

	setsid();
	prctl(PR_SET_NAME, "guardian");
	for (size_t i = 0; i < ARRAY_SIZE(deaf); i++)
		signal(deaf[i], SIG_IGN);
	high_sock = fcntl(sock, F_DUPFD, 64);
	high_harness = fcntl(harness, F_DUPFD, 64);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (high_sock < 0 || high_harness < 0 || dup2(high_sock, 3) < 0 ||
	    dup2(high_harness, 4) < 0)
		_exit(1);
	close_range(5, ~0U, 0);
	if (chdir("/") < 0)
		_exit(1);
	guardian_main(3, 4);
}

/* ---- the harness's side ---- */

int guardian_start(struct err *e)
{
	cleanup_close int harness = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int sv[2];
	pid_t pid;

	if (guardian_sock >= 0)
		return 0;
	if (harness < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "starting the guardian");
	pid = fork();
	if (pid == 0)
		guardian_enter(sv[1], harness);
	close(sv[1]);
	if (pid < 0) {
		close(sv[0]);
		return err_errno(e, errno, "starting the guardian");
	}
	guardian_sock = sv[0];
	return 0;
}

/* The guardian has another working directory. What is named need not be there yet, or any more. */
static char *absolute(const char *dir)
{
	const char *slash = strrchr(dir, '/');
	cleanup_free char *up = slash ? xasprintf("%.*s", (int)(slash - dir) + 1, dir)
				      : xstrdup(".");
	cleanup_free char *real = realpath(up, NULL);

	return real ? xasprintf("%s/%s", real, slash ? slash + 1 : dir) : xstrdup(dir);
}

static int tell(char op, const char *dir)
{
	cleanup_free char *path = absolute(dir);
	cleanup_free char *word = xasprintf("%c%s", op, path);

	if (guardian_sock < 0)
		return -ENOTCONN;
	if (strlen(word) >= WORD_MAX)
		return -ENAMETOOLONG;
	return send(guardian_sock, word, strlen(word), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int guardian_add(const char *dir)
{
	return tell('+', dir);
}

int guardian_drop(const char *dir)
{
	return tell('-', dir);
}

/* ---- leftovers of the past ---- */

/* When process pid started, in ticks since boot; 0: there is none. */
static unsigned long long start_time(pid_t pid)
{
	char path[64], text[1024];
	cleanup_close int fd = -1;
	const char *p;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

char *guardian_name(void)
{
	return xasprintf(".tmp-%d-%llu", getpid(), start_time(getpid()));
}

static bool orphaned(const char *name)
{
	unsigned long long started;
	int pid;

	return sscanf(name, ".tmp-%d-%llu", &pid, &started) == 2 && start_time(pid) != started;
}

static int sweep(int dir, const char *path, int depth)
{
	DIR *d = fdopendir(dir);
	int removed = 0;

	if (!d) {
		close(dir);
		return 0;
	}
	for (struct dirent *ent; (ent = readdir(d));) {
		cleanup_free char *full = xasprintf("%s/%s", path, ent->d_name);
		int sub;

		if (orphaned(ent->d_name))
			removed += remove_tree(full) == 0;
		if (ent->d_name[0] == '.' || depth == 0)
			continue;
		sub = openat(dirfd(d), ent->d_name,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			removed += sweep(sub, full, depth - 1);
	}
	closedir(d);
	return removed;
}

int guardian_sweep(const char *root)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : sweep(fd, root, SWEEP_DEPTH);
}
