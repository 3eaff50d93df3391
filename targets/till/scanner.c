/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The barcode scanner on a serial line. The screen says for which line of which
 * sale the next article is (scanner_expect); its code, when it comes, is taken
 * for that line and for no other, so a code that comes twice is one article. A
 * label is an EAN: the article's number and a check digit; what does not fit
 * was misread, and is scanned again.
 */
#include "lane.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bug.h"
#include "net.h"
#include "serial.h"

#define CODE_MS 1000  /* so long the screen waits for a code */
#define LOOK_MS 100

static bool fits(const char *code, size_t len)
{
	int sum = 0;

	for (size_t i = 0; i < len; i++) {
		if (code[i] < '0' || code[i] > '9')
			return false;
		sum += (code[i] - '0') * ((len - 1 - i) % 2 ? 3 : 1);
	}
	return (len == 8 || len == 12 || len == 13) && sum % 10 == 0;
}

/* One code: for the line that is waited for. */
static void heard(struct lane *l, const char *code, size_t len)
{
	struct scanning *s = &l->scanning;
	bool trust = bug(BUG_TRUST_SCANNER);

	pthread_mutex_lock(&s->mutex);
	if (s->state != SCAN_AWAITED && !(trust && *s->key)) {
		say("%s scanner stray code", l->o->name);
	} else if (!trust && !fits(code, len)) {
		say("%s scanner misread %.*s", l->o->name, (int)len, code);
		s->state = SCAN_BAD;
		snprintf(s->why, sizeof(s->why), "misread");
	} else {
		snprintf(s->sku, sizeof(s->sku), "%.*s", (int)(len - 1), code);
		if (s->state != SCAN_AWAITED)
			s->qty++; /* one more, then */
		s->status = lane_add(l, s->key, &(struct scan){s->sku, s->qty, s->line},
				     &s->booked, s->why);
		s->state = s->status <= 201 ? SCAN_GOOD : SCAN_BAD;
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->mutex);
}

/* What has come, code by code. Returns how much of a code is left over. */
static size_t codes(struct lane *l, char *text, size_t len)
{
	char *cr;

	while ((cr = memchr(text, '\r', len))) {
		size_t one = (size_t)(cr - text);

		if (one)
			heard(l, text, one);
		len -= one + 1;
		memmove(text, cr + 1, len);
	}
	return len < CODE_TEXT ? len : 0;
}

static void *listen(void *arg)
{
	struct lane *l = arg;
	char text[2 * CODE_TEXT];
	size_t len = 0;
	int fd = -1;

	while (!atomic_load(&l->closing)) {
		ssize_t n;

		if (fd < 0)
			fd = serial_open(l->o->scanner);
		if (fd < 0) {
			poll(NULL, 0, LOOK_MS); /* unplugged: look again */
			continue;
		}
		if (net_await(fd, POLLIN, mono_ms() + LOOK_MS) == -ETIMEDOUT)
			continue;
		n = read(fd, text + len, CODE_TEXT);
		if (n > 0) {
			len = codes(l, text, len + (size_t)n);
		} else {
			say("%s scanner-hung-up", l->o->name);
			close(fd);
			fd = -1;
			len = 0;
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

int scanner_start(struct lane *l)
{
	pthread_condattr_t attr;

	if (!l->o->scanner)
		return 0;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->scanning.changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&l->scanning.mutex, NULL);
	return pthread_create(&l->scanning.thread, NULL, listen, l) ? -EAGAIN : 0;
}

void scanner_stop(struct lane *l)
{
	atomic_store(&l->closing, true);
	if (l->o->scanner)
		pthread_join(l->scanning.thread, NULL);
}

int scanner_expect(struct lane *l, const char *key, int64_t line, int64_t qty)
{
	struct scanning *s = &l->scanning;

	if (!l->o->scanner)
		return 404;
	pthread_mutex_lock(&s->mutex);
	snprintf(s->key, sizeof(s->key), "%s", key);
	s->line = line;
	s->qty = qty;
	s->state = SCAN_AWAITED;
	pthread_mutex_unlock(&s->mutex);
	return 200;
}

int scanner_result(struct lane *l, struct booked *ret, char *why)
{
	struct scanning *s = &l->scanning;
	struct timespec end;
	int status;

	if (!l->o->scanner)
		return 404;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += CODE_MS / 1000;
	pthread_mutex_lock(&s->mutex);
	while (s->state == SCAN_AWAITED &&
	       pthread_cond_timedwait(&s->changed, &s->mutex, &end) == 0)
		;
	status = s->state == SCAN_GOOD ? 200 : 404; /* scan it again */
	*ret = s->booked;
	snprintf(why, WHY_MAX, "%s", s->state == SCAN_AWAITED ? "no code came" : s->why);
	if (s->state == SCAN_AWAITED)
		s->state = SCAN_NONE;
	pthread_mutex_unlock(&s->mutex);
	return status;
}
