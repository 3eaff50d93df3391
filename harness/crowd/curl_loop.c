// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. libcurl says which sockets to watch and when to wake
 * it; the loop tells it what happened. Three things are ours:
 *
 *  - A transfer is pushed on at once when it is added, not at the next turn of
 *    the loop, unless we are called from within libcurl's own completion
 *    (then when that is over): the start error of a request is that small.
 *  - libcurl takes an idle connection's socket off the watch list after each
 *    reply and puts it back with the next request. We leave it in epoll and
 *    take it out only when something happens on it while idle, which saves two
 *    system calls a request.
 *  - Sockets are made by the world, inside the node's network namespace.
 */
#include "crowd/curl_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"

#define CONNECTIONS_MAX 4L

struct sock {
	struct sock *next;
	struct net *net;
	struct loop_fd fd;
	bool idle;
};

struct net {
	struct net_init init;
	CURLM *multi;       /* owned */
	CURLSH *share;      /* owned: cookies */
	CURL *cookies;      /* owned, made when needed */
	struct sock *socks; /* owned */
	struct loop_timer timer;
	bool pumping, kick;
};

/* ---- pumping ---- */

static void read_done(struct net *n)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(n->multi, &left)) != NULL) {
		CURL *easy = m->easy_handle;
		CURLcode result = m->data.result;
		char *priv = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &priv);
		curl_multi_remove_handle(n->multi, easy); /* m is gone now */
		n->init.done(priv, result, clock_now());
	}
}

static void pump(struct net *n, curl_socket_t fd, int mask)
{
	int running;

	if (n->pumping) {
		n->kick = true;
		return;
	}
	n->pumping = true;
	do {
		n->kick = false;
		curl_multi_socket_action(n->multi, fd, mask, &running);
		read_done(n);
		fd = CURL_SOCKET_TIMEOUT;
		mask = 0;
	} while (n->kick);
	n->pumping = false;
}

static void timer_fire(struct loop_timer *t, int64_t now_ns)
{
	struct net *n = (struct net *)(void *)((char *)t - offsetof(struct net, timer));

	(void)now_ns;
	pump(n, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct net *n = arg;

	(void)multi;
	if (timeout_ms < 0) {
		loop_timer_cancel(n->init.loop, &n->timer);
	} else if (timeout_ms == 0 && n->pumping) {
		n->kick = true;
	} else {
		loop_timer_at(n->init.loop, &n->timer, clock_now() + timeout_ms * NS_PER_MS);
	}
	return 0;
}

/* ---- sockets ---- */

static struct sock *sock_find(struct net *n, curl_socket_t fd)
{
	for (struct sock *s = n->socks; s; s = s->next) {
		if (s->fd.fd == fd)
			return s;
	}
	return NULL;
}

static void sock_ready(struct loop_fd *f, uint32_t events)
{
	struct sock *s = (struct sock *)(void *)((char *)f - offsetof(struct sock, fd));
	int mask = 0;

	if (s->idle) { /* the peer said something, likely goodbye: libcurl looks on reuse */
		loop_fd_set(s->net->init.loop, f, 0);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP))
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		mask |= CURL_CSELECT_ERR;
	pump(s->net, f->fd, mask);
}

static struct sock *sock_new(struct net *n, curl_socket_t fd)
{
	struct sock *s = xcalloc(1, sizeof(*s));

	s->net = n;
	s->fd.fd = fd;
	s->fd.ready = sock_ready;
	s->idle = true;
	s->next = n->socks;
	n->socks = s;
	return s;
}

static void sock_free(struct sock *s)
{
	struct sock **at = &s->net->socks;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	loop_fd_set(s->net->init.loop, &s->fd, 0);
	free(s);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct net *n = arg;
	struct sock *s = sock_find(n, fd);
	uint32_t events = 0;

	(void)easy;
	(void)assigned;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			s->idle = true;
		return 0;
	}
	if (!s)
		s = sock_new(n, fd);
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	s->idle = false;
	return loop_fd_set(n->init.loop, &s->fd, events) < 0 ? -1 : 0;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct net *n = arg;
	const struct crowd_world *w = n->init.world;
	int fd;

	(void)purpose;
	fd = w->socket ? w->socket(w->arg, n->init.node, a->family, a->socktype | SOCK_CLOEXEC,
				   a->protocol) :
			 socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	sock_new(n, fd);
	return fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
	struct sock *s = sock_find(arg, fd);

	if (s)
		sock_free(s);
	return close(fd);
}

/* ---- outside ---- */

static int net_make(struct net *n, struct err *e)
{
	n->multi = curl_multi_init();
	n->share = curl_share_init();
	if (!n->multi || !n->share)
		return err_set(e, ENOMEM, "libcurl cannot be initialised");
	curl_share_setopt(n->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
	curl_multi_setopt(n->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(n->multi, CURLMOPT_SOCKETDATA, n);
	curl_multi_setopt(n->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(n->multi, CURLMOPT_TIMERDATA, n);
	curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
	curl_multi_setopt(n->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	return 0;
}

int net_new(struct net **ret, const struct net_init *in, struct err *e)
{
	struct net *n = xcalloc(1, sizeof(*n));
	int r;

	n->init = *in;
	n->timer.fire = timer_fire;
	r = net_make(n, e);
	if (r < 0) {
		net_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	curl_easy_cleanup(n->cookies);
	curl_multi_cleanup(n->multi); /* closes idle connections through on_close() */
	curl_share_cleanup(n->share);
	loop_timer_cancel(n->init.loop, &n->timer);
	while (n->socks)
		sock_free(n->socks); /* NOLINT(clang-analyzer-unix.Malloc): it takes it off */
	free(n);
}

void net_prepare(struct net *n, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_SHARE, n->share);
	curl_easy_setopt(easy, CURLOPT_COOKIEFILE, ""); /* the shared jar, nothing from disk */
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, n);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, n);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

void net_add(struct net *n, CURL *easy, void *priv)
{
	bool outer = n->pumping;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, priv);
	n->pumping = true; /* on_timer() then only asks for a kick */
	curl_multi_add_handle(n->multi, easy);
	n->pumping = outer;
	pump(n, CURL_SOCKET_TIMEOUT, 0);
}

void net_remove(struct net *n, CURL *easy)
{
	curl_multi_remove_handle(n->multi, easy);
}

void net_forget_cookies(struct net *n)
{
	if (!n->cookies) {
		n->cookies = curl_easy_init();
		if (!n->cookies)
			return;
		curl_easy_setopt(n->cookies, CURLOPT_SHARE, n->share);
	}
	curl_easy_setopt(n->cookies, CURLOPT_COOKIELIST, "ALL");
}
