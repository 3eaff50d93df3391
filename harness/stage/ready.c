/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Finding out that a service serves: by an HTTP reply, an
 * accepted connection, a log line, or a command that ends well. Everything but
 * the log line is tried again after a pause that grows from 2 to 100 ms, until
 * `within` is over. An attempt goes round the node's loopback addresses and its
 * address on the wire, for a service may listen on any of them. A command sees
 * all names in /etc/hosts: a fault on the target's questions must neither hide
 * that a service serves nor count what the harness asked as asked by it.
 */
#include "stage/room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

#define PAUSE_MIN (2 * NS_PER_MS)
#define PAUSE_MAX (100 * NS_PER_MS)
#define ATTEMPT_MAX (2 * NS_PER_S) /* one that hangs is given up */
#define PLACES_MAX 3

struct ready_try {
	struct svc *svc;
	struct loop_timer retry, attempt, within;
	struct loop_fd sock;
	struct proc *command;     /* owned */
	struct regex *log;        /* owned */
	int64_t pause;
	char host[128], path[1024];
	uint16_t port;
	struct sockaddr_storage place[PLACES_MAX];
	size_t places, next;      /* next: which to try */
	bool sent;
	char reply[64];           /* the first bytes of an HTTP reply */
	size_t got;
};

static void attempt(struct ready_try *t);

static void sock_close(struct ready_try *t)
{
	if (t->sock.fd < 0)
		return;
	loop_fd_set(t->svc->st->o.loop, &t->sock, 0);
	close(t->sock.fd);
	t->sock.fd = -1;
	loop_timer_cancel(t->svc->st->o.loop, &t->attempt);
}

/* This place did not answer: the next one at once, or all again after a pause. */
static void missed(struct ready_try *t)
{
	sock_close(t);
	if (++t->next < t->places) {
		attempt(t);
		return;
	}
	t->next = 0;
	loop_timer_at(t->svc->st->o.loop, &t->retry, clock_now() + t->pause);
	t->pause = t->pause * 3 / 2 < PAUSE_MAX ? t->pause * 3 / 2 : PAUSE_MAX;
}

/* ---- connections ---- */

static void http_send(struct ready_try *t)
{
	char text[1400];
	int n = snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: worstday\r\n"
			 "Accept: */*\r\nConnection: close\r\n\r\n",
			 t->path, t->host[0] ? t->host : "localhost", t->port);

	if (send(t->sock.fd, text, (size_t)n, MSG_NOSIGNAL) != n) {
		missed(t);
		return;
	}
	t->sent = true;
	t->got = 0;
	loop_fd_set(t->svc->st->o.loop, &t->sock, EPOLLIN);
}

/* "HTTP/1.1 204 No Content": enough when the status is there. */
static void http_read(struct ready_try *t)
{
	ssize_t n =
		recv(t->sock.fd, t->reply + t->got, sizeof(t->reply) - 1 - t->got, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		t->got += (size_t)n;
	t->reply[t->got] = '\0';
	if (t->got >= 12 && !strncmp(t->reply, "HTTP/1.", 7) && t->reply[9] == '2')
		svc_ready(t->svc); /* frees t */
	else if (t->got >= 12 || n <= 0)
		missed(t);
}

static void sock_ready(struct loop_fd *f, uint32_t events)
{
	struct ready_try *t = container_of(f, struct ready_try, sock);
	int error = 0;
	socklen_t len = sizeof(error);

	(void)events;
	if (t->sent) {
		http_read(t);
		return;
	}
	getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error)
		missed(t);
	else if (t->path[0])
		http_send(t);
	else
		svc_ready(t->svc); /* frees t */
}

static void connect_place(struct ready_try *t)
{
	struct stage_node *n = t->svc->node;
	const struct sockaddr_storage *to = &t->place[t->next];
	socklen_t len = to->ss_family == AF_INET ? sizeof(struct sockaddr_in)
						 : sizeof(struct sockaddr_in6);

	t->sent = false;
	t->sock.fd =
		stage_socket(n->st, n->conf->name, to->ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (t->sock.fd < 0 || (connect(t->sock.fd, (const struct sockaddr *)to, len) < 0 &&
			       errno != EINPROGRESS)) {
		missed(t);
		return;
	}
	loop_fd_set(n->st->o.loop, &t->sock, EPOLLOUT);
	loop_timer_at(n->st->o.loop, &t->attempt, clock_now() + ATTEMPT_MAX);
}

static void place_add(struct ready_try *t, const char *text)
{
	struct sockaddr_storage *ss = &t->place[t->places];
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(t->port);
		t->places++;
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(t->port);
		t->places++;
	}
}

static bool places_find(struct ready_try *t)
{
	struct stage_node *n = t->svc->node;
	const char *other = t->host[0] ? stage_address(n->st, t->host) : NULL;

	if (t->host[0] && !str_eq(t->host, "localhost")) {
		place_add(t, other ? other : t->host);
		return t->places > 0;
	}
	place_add(t, "127.0.0.1");
	place_add(t, n->addr4);
	place_add(t, "::1");
	return true;
}

/* "[http://][host]:port[/path]" */
static bool place_parse(struct ready_try *t, const char *text, bool http)
{
	const char *colon, *slash;
	long port;

	if (!strncmp(text, "http://", 7))
		text += 7;
	slash = strchr(text, '/');
	colon = strchr(text, ':');
	if (!colon || (slash && colon > slash)) {
		port = http ? 80 : 0;
		colon = slash ? slash : text + strlen(text);
	} else {
		port = strtol(colon + 1, NULL, 10);
	}
	if (port <= 0 || port > 65535 || (size_t)(colon - text) >= sizeof(t->host))
		return false;
	memcpy(t->host, text, (size_t)(colon - text));
	t->port = (uint16_t)port;
	if (http)
		snprintf(t->path, sizeof(t->path), "%s", slash ? slash : "/");
	return places_find(t);
}

/* ---- commands ---- */

static void command_gone(struct proc *p)
{
	struct ready_try *t = p->owner;
	bool ok = !p->failed && p->status == 0;

	proc_done(p);
	free(p);
	t->command = NULL;
	if (ok)
		svc_ready(t->svc); /* frees t */
	else
		missed(t);
}

static void command_run(struct ready_try *t)
{
	struct svc *s = t->svc;
	char *const argv[] = { (char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c",
			       s->conf->ready.command, NULL };
	struct proc_opts o = { .node = s->node, .user = s->conf->user, .argv = argv,
			       .cwd = s->conf->cwd, .in = -1, .out = -1, .ours = true,
			       .env = { &s->node->conf->env, &s->conf->env, s->st->o.env } };

	t->command = xcalloc(1, sizeof(*t->command));
	t->command->owner = t;
	t->command->on_gone = command_gone;
	if (proc_start(t->command, &o, NULL) < 0) {
		proc_done(t->command);
		free(t->command);
		t->command = NULL;
		missed(t);
	}
}

/* ---- life ---- */

static void attempt(struct ready_try *t)
{
	if (t->svc->conf->ready.command)
		command_run(t);
	else
		connect_place(t);
}

static void on_retry(struct loop_timer *timer, int64_t now_ns)
{
	(void)now_ns;
	attempt(container_of(timer, struct ready_try, retry));
}

static void on_attempt(struct loop_timer *timer, int64_t now_ns)
{
	(void)now_ns;
	missed(container_of(timer, struct ready_try, attempt));
}

static void on_within(struct loop_timer *timer, int64_t now_ns)
{
	struct ready_try *t = container_of(timer, struct ready_try, within);
	struct svc *s = t->svc;
	char why[128], text[DUR_TEXT];

	(void)now_ns;
	snprintf(why, sizeof(why), "was not ready within %s",
		 dur_text(text, s->conf->ready.within.ns));
	ready_end(s);
	svc_unready(s, why);
}

static bool first_try(struct ready_try *t)
{
	const struct ready *r = &t->svc->conf->ready;

	if (r->log)
		return regex_new(&t->log, r->log, NULL) == 0;
	if ((r->http && !place_parse(t, r->http, true)) ||
	    (r->tcp && !place_parse(t, r->tcp, false)))
		return false;
	attempt(t);
	return true;
}

void ready_begin(struct svc *s)
{
	const struct ready *r = &s->conf->ready;
	struct ready_try *t;

	ready_end(s);
	if (!r->http && !r->tcp && !r->log && !r->command) {
		svc_ready(s);
		return;
	}
	t = s->try = xcalloc(1, sizeof(*t));
	t->svc = s;
	t->pause = PAUSE_MIN;
	t->sock = (struct loop_fd){ .fd = -1, .ready = sock_ready };
	t->retry.fire = on_retry;
	t->attempt.fire = on_attempt;
	t->within.fire = on_within;
	if (r->within.ns > 0)
		loop_timer_at(s->st->o.loop, &t->within, clock_now() + r->within.ns);
	if (!first_try(t))
		svc_unready(s, "cannot be asked whether it is ready: bad `ready:`");
}

void ready_line(struct svc *s, const char *line, size_t len)
{
	if (s->try && s->try->log && regex_match(s->try->log, line, len))
		svc_ready(s);
}

void ready_end(struct svc *s)
{
	struct ready_try *t = s->try;
	struct loop *l = s->st->o.loop;

	if (!t)
		return;
	s->try = NULL;
	sock_close(t);
	loop_timer_cancel(l, &t->retry);
	loop_timer_cancel(l, &t->attempt);
	loop_timer_cancel(l, &t->within);
	if (t->command) {
		proc_sweep(t->command);
		proc_abandon(t->command);
	}
	regex_free(t->log);
	free(t);
}
