/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A message is one packet of a SEQPACKET socket: a kind,
 * then its bytes. Answers travel among the news, so their order says what
 * happened first. While the worker waits for an answer it keeps the news that
 * come and tells them when it has it: whoever hears them may order again.
 */
#include "base/side.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/beside.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/point.h"

#define ANSWER_WITHIN (20 * NS_PER_S)
#define OWNER_OF(type, member, p) ((type *)(void *)((char *)(p) - offsetof(type, member)))

enum kind { NEWS, ANSWER };

struct packet {
	uint32_t kind;
	int32_t answer;
	char bytes[SIDE_MESSAGE_MAX];
} __attribute__((aligned(8))); /* whoever reads the bytes takes them for a struct */
#define PACKET_HEAD offsetof(struct packet, bytes)

struct side {
	const char *name;    /* borrowed: a literal */
	struct beside process;
	struct loop_fd ctl;  /* its descriptor is the process's */
	struct loop *loop;   /* borrowed */
	void (*news)(void *arg, const void *message, size_t len);
	void *arg;
	struct buf kept;     /* news in order: length, then bytes */
	bool telling;
	struct packet in;
};

struct side_far {
	struct loop *loop;   /* owned */
	struct loop_fd ctl;
	struct buf waiting;  /* packets the socket did not take: length, then bytes */
	int (*order)(void *arg, const void *message, size_t len);
	void *arg;
	bool over;
	char in[SIDE_MESSAGE_MAX] __attribute__((aligned(8)));
	struct packet out;
};

/* Each entry begins aligned: whoever reads it takes it for a struct. */
static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

static void keep(struct buf *b, const void *bytes, size_t len)
{
	static const char zeroes[8];

	buf_add(b, &len, sizeof(len));
	buf_add(b, bytes, len);
	buf_add(b, zeroes, padded(len) - len);
}

static size_t kept_len(const struct buf *b, size_t at)
{
	size_t len;

	memcpy(&len, b->data + at, sizeof(len));
	return len;
}

/* ---- the process ---- */

struct loop *side_loop(struct side_far *f)
{
	return f->loop;
}

/* 0 sent, 1 later; a worker that is gone ends it. */
static int push(struct side_far *f, const void *packet, size_t len)
{
	if (send(f->ctl.fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return 1;
	f->over = true;
	return 0;
}

static void push_waiting(struct side_far *f)
{
	size_t at = 0;

	while (at < f->waiting.len) {
		size_t len = kept_len(&f->waiting, at);

		if (push(f, f->waiting.data + at + sizeof(len), len))
			break;
		at += sizeof(len) + padded(len);
	}
	buf_drop_front(&f->waiting, at);
	loop_fd_set(f->loop, &f->ctl, EPOLLIN | (f->waiting.len ? EPOLLOUT : 0));
}

static void say(struct side_far *f, enum kind kind, int answer, const void *bytes, size_t len)
{
	assert(len <= SIDE_MESSAGE_MAX);
	f->out.kind = kind;
	f->out.answer = answer;
	if (len)
		memcpy(f->out.bytes, bytes, len);
	if (!f->waiting.len && push(f, &f->out, PACKET_HEAD + len) == 0)
		return;
	keep(&f->waiting, &f->out, PACKET_HEAD + len);
	loop_fd_set(f->loop, &f->ctl, EPOLLIN | EPOLLOUT);
}

void side_tell(struct side_far *f, const void *message, size_t len)
{
	say(f, NEWS, 0, message, len);
}

static void far_ready(struct loop_fd *fd, uint32_t events)
{
	struct side_far *f = OWNER_OF(struct side_far, ctl, fd);
	ssize_t n;

	if (events & EPOLLOUT)
		push_waiting(f);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = recv(fd->fd, f->in, sizeof(f->in), MSG_DONTWAIT);
	if (n > 0)
		say(f, ANSWER, f->order(f->arg, f->in, (size_t)n), NULL, 0);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		f->over = true;
}

void side_serve(struct side_far *f, int (*order)(void *arg, const void *message, size_t len),
		void *arg)
{
	f->order = order;
	f->arg = arg;
	f->ctl.ready = far_ready;
	if (loop_fd_set(f->loop, &f->ctl, EPOLLIN) == 0)
		loop_run_until(f->loop, &f->over, INT64_MAX);
}

static void far_main(void *arg)
{
	const struct side_opts *o = arg;
	struct side_far *f = xcalloc(1, sizeof(*f));
	int fds[SIDE_FDS_MAX];

	if (loop_new(&f->loop, NULL) < 0)
		return;
	for (size_t i = 0; i < o->fds_count; i++)
		fds[i] = BESIDE_FD_MORE + (int)i;
	f->ctl.fd = BESIDE_FD_CTL;
	o->run(f, fds, o->arg);
}

/* ---- the worker ---- */

static void tell_kept(struct side *s)
{
	struct buf now;
	size_t at = 0;

	if (s->telling) /* who orders from within a piece of news hears the next one later */
		return;
	s->telling = true;
	while (s->kept.len) {
		now = s->kept;
		s->kept = (struct buf){ 0 };
		for (at = 0; at < now.len; at += sizeof(size_t) + padded(kept_len(&now, at)))
			s->news(s->arg, now.data + at + sizeof(size_t), kept_len(&now, at));
		buf_done(&now);
	}
	s->telling = false;
}

/* 1: an answer; 0: news, kept; -EAGAIN: nothing there; -EPIPE: it is gone. */
static int take(struct side *s, int *ret_answer)
{
	ssize_t n = recv(s->ctl.fd, &s->in, sizeof(s->in), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
	if (n < (ssize_t)PACKET_HEAD)
		return -EPIPE;
	if (s->in.kind == ANSWER) {
		*ret_answer = s->in.answer;
		return 1;
	}
	keep(&s->kept, s->in.bytes, (size_t)n - PACKET_HEAD);
	return 0;
}

static void near_ready(struct loop_fd *fd, uint32_t events)
{
	struct side *s = OWNER_OF(struct side, ctl, fd);
	int answer, r;

	(void)events;
	do
		r = take(s, &answer);
	while (r >= 0);
	if (r == -EPIPE) /* side_alive tells */
		loop_fd_set(s->loop, fd, 0);
	tell_kept(s);
}

static int await(struct side *s, int *ret_answer)
{
	int64_t by = clock_now() + ANSWER_WITHIN;

	for (;;) {
		struct pollfd p = { .fd = s->ctl.fd, .events = POLLIN };
		int r = take(s, ret_answer);

		if (r == 1 || r == -EPIPE)
			return r;
		if (r == -EAGAIN && poll(&p, 1, 100) == 0 && clock_now() > by)
			return -ETIMEDOUT;
	}
}

int side_call(struct side *s, const void *order, size_t len, const char *what, struct err *e)
{
	int answer = 0, r;

	if (point_fails(POINT_ORDER) || send(s->ctl.fd, order, len, MSG_NOSIGNAL) < 0)
		return err_set(e, EPIPE, "the %s is gone", s->name);
	r = await(s, &answer);
	tell_kept(s);
	if (r < 0)
		return err_set(e, -r, r == -EPIPE ? "the %s is gone" : "the %s does not answer",
			       s->name);
	return answer < 0 ? err_errno(e, -answer, "the %s refused %s", s->name, what) : answer;
}

/* Both families where the host has both. */
int side_door(int (*make)(void *arg, const char *node, int domain, int type, int protocol),
	      void *arg, const char *node, int port, int backlog, struct err *e)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = six.sin6_port };
	cleanup_close int s = make(arg, node, AF_INET6, SOCK_STREAM, 0);
	int off = 0, r;

	if (s >= 0) {
		setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		r = bind(s, (struct sockaddr *)&six, sizeof(six));
	} else {
		s = make(arg, node, AF_INET, SOCK_STREAM, 0);
		if (s < 0)
			return err_errno(e, -s, "a socket on node %s", node);
		r = bind(s, (struct sockaddr *)&four, sizeof(four));
	}
	if (r < 0 || listen(s, backlog) < 0)
		return err_errno(e, errno, "listening on port %d of node %s", port, node);
	return steal_fd(&s);
}

static int fork_it(struct side *s, const struct side_opts *o, struct err *e)
{
	struct side_opts far = *o;
	struct beside_opts b = { .name = o->name, .fds = o->fds, .fds_count = o->fds_count,
				 .main = far_main, .arg = &far };
	int r = beside_fork(&s->process, &b, e);

	s->ctl.fd = s->process.ctl;
	return r;
}

int side_new(struct side **ret, const struct side_opts *o, struct err *e)
{
	struct side *s = xcalloc(1, sizeof(*s));
	int r;

	assert(o->fds_count <= SIDE_FDS_MAX && o->loop && o->news);
	s->name = o->name;
	s->loop = o->loop;
	s->news = o->news;
	s->arg = o->news_arg;
	s->process = (struct beside)BESIDE_NONE;
	s->ctl.fd = -1;
	s->ctl.ready = near_ready;
	r = fork_it(s, o, e);
	if (r == 0)
		r = loop_fd_set(s->loop, &s->ctl, EPOLLIN);
	if (r < 0) {
		side_free(s);
		return err_wrap(e, "starting the %s", o->name);
	}
	*ret = s;
	return 0;
}

void side_free(struct side *s)
{
	if (!s)
		return;
	if (s->ctl.armed)
		loop_fd_set(s->loop, &s->ctl, 0);
	beside_end(&s->process);
	buf_done(&s->kept);
	free(s);
}

int side_alive(const struct side *s, struct err *e)
{
	return beside_alive(&s->process) ? 0 : err_set(e, EPIPE, "the %s's process is gone",
						      s->name);
}
