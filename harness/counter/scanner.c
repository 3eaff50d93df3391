/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A barcode scanner on a serial line says each code that
 * it reads, and CR. What is held in front of it is posted to its host by HTTP:
 * an article's number, which is answered when the scanner has said it (200), or
 * could not, because nobody has its line open or it has no power (503). So any
 * driver can be the cashier's hand. What the POS sends to it (a beep) is taken
 * and means nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "counter/room.h"

#define HANDS 8

struct scanner;
/* A connection on which codes are posted. */
struct hand {
	struct loop_fd fd; /* fd -1: free */
	struct scanner *scanner;
	char text[REQUEST_MAX];
	size_t len;
};

struct scanner {
	struct gadget g;
	struct loop_fd door;
	struct loop *loop;
	struct hand hand[HANDS];
};


void barcode_label(const char *code, char *ret, size_t size)
{
	size_t len = strlen(code);
	int sum = 0;

	snprintf(ret, size, "%s", code);
	if ((len != 7 && len != 11 && len != 12) || strspn(code, "0123456789") != len)
		return;
	for (size_t i = 0; i < len; i++)
		sum += (code[i] - '0') * ((len - i) % 2 ? 3 : 1);
	snprintf(ret, size, "%s%d", code, (10 - sum % 10) % 10);
}

/* ---- hands ---- */

static void drop(struct hand *h)
{
	loop_fd_set(h->scanner->loop, &h->fd, 0);
	close(h->fd.fd);
	h->fd.fd = -1;
	h->len = 0;
}

static void answer(struct hand *h, int status, const char *words)
{
	char text[160];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n\r\n%s",
			 status, status == 200 ? "OK" : "No", strlen(words), words);

	if (send(h->fd.fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		drop(h);
}

static bool good_code(const char *code, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (code[i] <= ' ' || code[i] > '~')
			return false;
	return len > 0 && len < CODE_MAX - 1;
}

static void scan(struct hand *h, const char *body, size_t len)
{
	struct gadget *g = &h->scanner->g;
	char code[CODE_MAX], label[CODE_MAX + 1], told[2 * CODE_MAX + 8];
	size_t n;

	if (!good_code(body, len)) {
		answer(h, 400, "a code of 1 to 62 printable characters, please");
		return;
	}
	snprintf(code, sizeof(code), "%.*s", (int)len, body);
	barcode_label(code, label, sizeof(label));
	gadget_look(g, false); /* it may have been opened this very moment */
	if (gadget_dead(g) || !g->line.open || g->silent ||
	    g->out.len > GADGET_BUFFER) {
		answer(h, 503, "nobody hears it");
		return;
	}
	n = desk_scan(g->desk, g, label, told, sizeof(told));
	gadget_say(g, told, n);
	gadget_watch(g);
	answer(h, 200, "beep");
}

/* How long the body is: what Content-Length says; -1: nothing good. */
static int64_t body_len(const char *head, const char *end)
{
	static const char name[] = "\r\nContent-Length:";

	int64_t n = 0;
	const char *p = head;

	while (p + sizeof(name) - 1 < end && strncasecmp(p, name, sizeof(name) - 1))
		p++;
	if (p + sizeof(name) - 1 >= end)
		return 0;
	for (p += sizeof(name) - 1; p < end && *p == ' '; p++)
		;
	for (; p < end && *p >= '0' && *p <= '9' && n <= REQUEST_MAX; p++)
		n = n * 10 + (*p - '0');
	return p < end && *p != '\r' ? -1 : n;
}

int hand_request(const char *text, size_t len, size_t *ret_head, size_t *ret_body)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	int64_t want;

	if (!end)
		return len < REQUEST_MAX ? 0 : -EMSGSIZE;
	*ret_head = (size_t)(end - text) + 4;
	want = body_len(text, end);
	if (want < 0 || want > REQUEST_MAX - (int64_t)*ret_head)
		return -EPROTO;
	*ret_body = (size_t)want;
	return len >= *ret_head + *ret_body;
}

/* Whole requests in what has come so far. */
static void requests(struct hand *h)
{
	size_t head, body;
	int r;

	while ((r = hand_request(h->text, h->len, &head, &body)) > 0) {
		scan(h, h->text + head, body);
		if (h->fd.fd < 0)
			return;
		h->len -= head + body;
		memmove(h->text, h->text + head + body, h->len);
	}
	if (r < 0)
		drop(h);
}

static void hand_ready(struct loop_fd *fd, uint32_t events)
{
	struct hand *h = OWNER_OF(struct hand, fd, fd);
	ssize_t n = recv(fd->fd, h->text + h->len, REQUEST_MAX - h->len, MSG_DONTWAIT);

	(void)events;
	if (n <= 0) {
		drop(h);
		return;
	}
	h->len += (size_t)n;
	requests(h);
}

static void door_ready(struct loop_fd *fd, uint32_t events)
{
	struct scanner *s = OWNER_OF(struct scanner, door, fd);
	int c = accept4(fd->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	for (size_t i = 0; c >= 0 && i < HANDS; i++) {
		struct hand *h = &s->hand[i];

		if (h->fd.fd >= 0)
			continue;
		h->fd.fd = c;
		h->len = 0;
		loop_fd_set(s->loop, &h->fd, EPOLLIN);
		return;
	}
	if (c >= 0)
		close(c);
}

/* ---- the device ---- */

static void work(struct gadget *g)
{
	buf_reset(&g->in);
	gadget_watch(g);
}

static void nothing(struct gadget *g)
{
	(void)g;
}

struct gadget *scanner_new(struct loop *l, int door)
{
	static const struct gadget_kind kind = { .work = work, .gone = nothing, .off = nothing,
						 .right = nothing, .last = nothing };
	struct scanner *s = xcalloc(1, sizeof(*s));

	s->g.kind = &kind;
	s->loop = l;
	s->door = (struct loop_fd){ .fd = door, .ready = door_ready };
	for (size_t i = 0; i < HANDS; i++) {
		s->hand[i].scanner = s;
		s->hand[i].fd = (struct loop_fd){ .fd = -1, .ready = hand_ready };
	}
	loop_fd_set(l, &s->door, EPOLLIN);
	return &s->g;
}
