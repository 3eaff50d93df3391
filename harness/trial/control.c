/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The socket is an abstract one, named after the user and
 * both processes: "worstday/UID/HARNESS/WORKER". It leaves nothing behind, and
 * it lives in the host's network namespace, so that no node can reach it. The
 * kernel tells who calls: only the worker's own user is answered.
 *
 *   question    text
 *   answer      ">text" ... "=CODE text"      (SOCK_SEQPACKET: one message each)
 */
#include "trial/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/pass.h"
#include "stage/tasks.h"

#define PREFIX "worstday/"
#define TALKS_MAX 16
#define ANSWER_WITHIN_S 600 /* a sale may take long; whoever waits can leave any time */

struct control_talk {
	struct loop_fd f; /* first: callbacks cast; fd owned; -1: free */
	struct control *all;
	bool busy;        /* a question waits for its answer */
};
struct control {
	struct loop_fd f; /* first; fd borrowed */
	struct loop *loop;
	struct control_talk talk[TALKS_MAX];
	void (*asked)(void *arg, struct control_talk *t, const char *text);
	void *arg;
};

static socklen_t address(struct sockaddr_un *a, const char *name)
{
	size_t n = strlen(name);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path + 1, name, n < sizeof(a->sun_path) - 1 ? n : 0);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

/* ---- the worker's side ---- */

int control_listen(pid_t harness)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a;
	char name[80];
	socklen_t len;

	snprintf(name, sizeof(name), PREFIX "%u/%d/%d", geteuid(), harness, getpid());
	len = address(&a, name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, TALKS_MAX) < 0)
		return -errno;
	return steal_fd(&fd);
}

static void hang_up(struct control_talk *t)
{
	loop_fd_set(t->all->loop, &t->f, 0);
	close(t->f.fd);
	t->f.fd = -1;
	t->busy = false;
}

static void on_question(struct loop_fd *f, uint32_t events)
{
	struct control_talk *t = (struct control_talk *)f;
	char text[CONTROL_TEXT_MAX];
	ssize_t n = recv(f->fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 && t->busy) { /* left without its answer: that is thrown away */
		loop_fd_set(t->all->loop, f, 0);
		return;
	}
	if (n <= 0) {
		hang_up(t);
		return;
	}
	text[n] = '\0';
	t->busy = true;
	loop_fd_set(t->all->loop, f, 0); /* one question at a time */
	t->all->asked(t->all->arg, t, text);
}

/* Root inside its user namespace is who started the harness; everybody else is not mapped. */
static bool is_us(int fd)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == 0 && c.uid == geteuid();
}

static void on_caller(struct loop_fd *f, uint32_t events)
{
	struct control *c = (struct control *)f;
	int fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC), size = 1 << 20;
	size_t i = 0;

	(void)events;
	while (i < TALKS_MAX && c->talk[i].f.fd >= 0)
		i++;
	if (fd < 0 || i == TALKS_MAX || !is_us(fd)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->talk[i] = (struct control_talk){ .f = { .fd = fd, .ready = on_question }, .all = c };
	loop_fd_set(c->loop, &c->talk[i].f, EPOLLIN);
}

struct control *control_serve(struct loop *loop, int fd,
			      void (*asked)(void *arg, struct control_talk *t, const char *text),
			      void *arg)
{
	struct control *c;

	if (fd < 0)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->f = (struct loop_fd){ .fd = fd, .ready = on_caller };
	c->loop = loop;
	c->asked = asked;
	c->arg = arg;
	for (size_t i = 0; i < TALKS_MAX; i++)
		c->talk[i].f.fd = -1;
	loop_fd_set(loop, &c->f, EPOLLIN);
	return c;
}

void control_end(struct control *c)
{
	if (!c)
		return;
	loop_fd_set(c->loop, &c->f, 0);
	for (size_t i = 0; i < TALKS_MAX; i++)
		if (c->talk[i].f.fd >= 0)
			hang_up(&c->talk[i]);
	free(c);
}

/* Who does not listen is not waited for: the worker has better to do. */
static void put(struct control_talk *t, const char *head, const char *text, size_t len,
		const int *fds, size_t n)
{
	struct buf b = { 0 };

	buf_adds(&b, head);
	buf_add(&b, text, len);
	pass_send(t->f.fd, b.data, b.len, fds, n);
	buf_done(&b);
}

void control_say(struct control_talk *t, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = len - at < CONTROL_TEXT_MAX - 64 ? len - at : CONTROL_TEXT_MAX - 64;

		put(t, ">", text + at, n, NULL, 0);
		at += n;
	}
}

void control_answer(struct control_talk *t, int code, const char *text, const int *fds, size_t n)
{
	char head[16];
	size_t len = strlen(text);

	snprintf(head, sizeof(head), "=%d ", code);
	put(t, head, text, len < CONTROL_TEXT_MAX - 64 ? len : CONTROL_TEXT_MAX - 64, fds, n);
	t->busy = false;
	loop_fd_set(t->all->loop, &t->f, EPOLLIN);
}

void control_enter(struct control_talk *t, struct stage *st, const char *where)
{
	struct err e = { 0 };
	int fd = stage_pidfd(st, where, &e);

	if (fd < 0) {
		control_answer(t, 64, e.msg, NULL, 0);
		return;
	}
	control_answer(t, 0, "", &fd, 1);
	close(fd);
}

/* ---- who asks ---- */

struct called {
	char name[80];
	size_t count;
	struct buf all; /* "HARNESS " of each */
};

static bool wanted(const char *trial, int harness, int worker)
{
	return !trial || atoi(trial) == harness || atoi(trial) == worker;
}

/* unix(7): an abstract name stands in there with an @ in front; 00010000 marks who listens. */
static void find(const char *trial, struct called *ret)
{
	cleanup_file FILE *f = fopen("/proc/net/unix", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "@" PREFIX);
		unsigned uid, flags;
		int harness, worker;

		if (!at || sscanf(at, "@" PREFIX "%u/%d/%d", &uid, &harness, &worker) != 3 ||
		    sscanf(line, "%*s %*s %*s %x", &flags) != 1 || !(flags & 0x10000) ||
		    uid != geteuid() || !wanted(trial, harness, worker))
			continue;
		snprintf(ret->name, sizeof(ret->name), PREFIX "%u/%d/%d", uid, harness, worker);
		buf_printf(&ret->all, "%s%d", ret->count++ ? ", " : "", worker);
	}
}

int control_call(const char *trial, struct err *e)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct timeval within = { .tv_sec = ANSWER_WITHIN_S };
	struct called c = { .count = 0 };
	struct sockaddr_un a;
	socklen_t len;
	int r = 0;

	find(trial, &c);
	if (c.count == 0 && trial)
		r = err_set(e, ENOENT, "no trial or shell of yours is called %s", trial);
	else if (c.count == 0)
		r = err_set(e, ENOENT, "no trial and no shell of yours is under way");
	else if (c.count > 1)
		r = err_set(e, EINVAL, "%zu trials are under way: say which with --trial (%s)",
			    c.count, c.all.data);
	buf_done(&c.all);
	if (r < 0)
		return r;
	len = address(&a, c.name);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within));
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, len) < 0)
		return err_errno(e, errno, "calling %s", c.name);
	return steal_fd(&fd);
}

int control_ask(int sock, const char *text, void (*said)(void *arg, const char *text, size_t len),
		void *arg, int *ret_fd, struct err *e)
{
	char answer[CONTROL_TEXT_MAX + 1], *rest;
	int fd = -1;
	ssize_t n;
	long code;

	if (ret_fd)
		*ret_fd = -1;
	if (send(sock, text, strlen(text), MSG_NOSIGNAL) < 0)
		return err_errno(e, errno, "asking");
	while ((n = pass_recv(sock, answer, sizeof(answer) - 1, &fd, 1, 0)) > 0 &&
	       answer[0] == '>')
		said(arg, answer + 1, (size_t)n - 1);
	if (n <= 0)
		return err_set(e, EPIPE, "it is over: nobody answers any more");
	answer[n] = '\0';
	code = strtol(answer + 1, &rest, 10);
	rest += *rest == ' ';
	if (ret_fd)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	if (*rest)
		said(arg, rest, strlen(rest));
	return (int)code;
}
