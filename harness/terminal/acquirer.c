/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The terminal and its bank, over the wire like anybody
 * else: what befalls that link befalls payments. One connection, made when it
 * is needed; the socket was made in the terminal's network by the worker and is
 * connected again and again (AF_UNSPEC takes a TCP socket back to its start).
 *
 * One question at a time is the payment's or the till's. A purchase that may
 * have been heard and was not answered in time is owed a reversal: 0420, then
 * 0421, at growing intervals, until the bank has taken it.
 */
#include "terminal/room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OWNER_OF(type, member, p) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define OWE_FIRST_NS (500 * NS_PER_MS)
#define OWE_MAX_NS (INT64_C(30) * NS_PER_S)
#define STANS 999999

/* ---- the connection ---- */

static void hang_up(struct pt *p)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (!p->bank_open && !p->bank_dialling)
		return;
	loop_fd_set(stand_loop(p->stand), &p->bank, 0);
	connect(p->bank.fd, &none, sizeof(none));
	p->bank_open = p->bank_dialling = false;
	buf_reset(&p->bank_in);
	buf_reset(&p->bank_out);
	p->owing = 0;
}

static void unanswered(struct pt *p, bool sent)
{
	bool waited = p->asked;

	p->asked = 0;
	loop_timer_cancel(stand_loop(p->stand), &p->bank_late);
	if (waited)
		deal_unanswered(p, sent);
}

/* The way to the bank is broken. */
static void broken(struct pt *p)
{
	bool sent = p->bank_open;

	hang_up(p);
	unanswered(p, sent);
	acquirer_owe(p);
}

static bool push(struct pt *p)
{
	while (p->bank_open && p->bank_out.len) {
		ssize_t n = send(p->bank.fd, p->bank_out.data, p->bank_out.len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0)
			return false;
		buf_drop_front(&p->bank_out, (size_t)n);
	}
	loop_fd_set(stand_loop(p->stand), &p->bank,
		    EPOLLIN | (p->bank_out.len || p->bank_dialling ? EPOLLOUT : 0));
	return true;
}

/* What is in bank_out leaves, as soon as there is a connection. */
static void leave(struct pt *p)
{
	const struct sockaddr_in *to = &stand_conf(p->stand)->bank;

	if (!p->bank_open && !p->bank_dialling) {
		p->bank_dialling = true;
		if (connect(p->bank.fd, (const struct sockaddr *)to, sizeof(*to)) < 0 &&
		    errno != EINPROGRESS) {
			broken(p);
			return;
		}
	}
	if (!push(p))
		broken(p);
}

/* ---- messages ---- */

static unsigned next_stan(struct pt *p)
{
	p->stan = p->stan % STANS + 1;
	return p->stan;
}

static void write_message(struct pt *p, const char *mti, const struct deal *d, unsigned stan,
			  bool original)
{
	const struct stand_opts *o = stand_conf(p->stand);
	struct iso_msg m = { 0 };
	char amount[16], number[8], of[48], name[TERMINAL_KEY_MAX];
	int blanks = o->reference == ISO_RRN ? 12 : 0; /* of a fixed length */

	snprintf(amount, sizeof(amount), "%012lld", (long long)d->amount % 1000000000000);
	snprintf(number, sizeof(number), "%06u", stan % (STANS + 1));
	snprintf(of, sizeof(of), "0200%06u%s%022d", d->stan, d->sent_at, 0);
	memcpy(m.mti, mti, 5);
	iso_put(&m, ISO_PROCESSING, "000000");
	iso_put(&m, ISO_AMOUNT, amount);
	iso_put(&m, ISO_SENT_AT, d->sent_at);
	iso_put(&m, ISO_STAN, number);
	iso_put(&m, ISO_TID, o->at[stand_index(p->stand, p)].tid);
	iso_put(&m, ISO_CURRENCY, o->currency);
	snprintf(name, sizeof(name), "%-*s", blanks, d->key);
	if (d->key[0] && iso_fits(o->reference, (struct iso_text){ name, strlen(name) }))
		iso_put(&m, o->reference, name);
	if (original)
		iso_put(&m, ISO_ORIGINAL, of);
	iso_write(&p->bank_out, &m);
}

static void ask(struct pt *p, const char *mti, struct deal *d, unsigned stan, bool original)
{
	int64_t wait = stand_conf(p->stand)->at[stand_index(p->stand, p)].bank_ns;

	write_message(p, mti, d, stan, original);
	p->asked = stan;
	loop_timer_at(stand_loop(p->stand), &p->bank_late, clock_now() + wait);
	leave(p);
}

void acquirer_pay(struct pt *p, struct deal *d)
{
	d->stan = next_stan(p);
	ask(p, "0200", d, d->stan, false);
}

void acquirer_reverse(struct pt *p, struct deal *d)
{
	ask(p, "0400", d, next_stan(p), true);
}

static void bank_late(struct loop_timer *t, int64_t now)
{
	struct pt *p = OWNER_OF(struct pt, bank_late, t);

	(void)now;
	if (p->bank_dialling) /* nothing of it has left */
		broken(p);
	else
		unanswered(p, true);
}

/* ---- what is owed ---- */

unsigned acquirer_busy(const struct pt *p)
{
	unsigned n = 0;

	for (size_t i = 0; i < p->deals_count; i++)
		n += p->deals[i].owed;
	return n;
}

static struct deal *first_owed(struct pt *p)
{
	for (size_t i = 0; i < p->deals_count; i++)
		if (p->deals[i].owed)
			return &p->deals[i];
	return NULL;
}

static int64_t patience(const struct deal *d)
{
	int64_t wait = OWE_FIRST_NS;

	for (unsigned i = 1; i < d->owed_tries && wait < OWE_MAX_NS; i++)
		wait *= 2;
	return wait < OWE_MAX_NS ? wait : OWE_MAX_NS;
}

void acquirer_owe(struct pt *p)
{
	struct deal *d = p->off ? NULL : first_owed(p);

	if (!d || loop_timer_armed(&p->owe))
		return;
	loop_timer_at(stand_loop(p->stand), &p->owe,
		      d->owed_tries ? clock_now() + patience(d) : clock_now());
}

static void owe(struct loop_timer *t, int64_t now)
{
	struct pt *p = OWNER_OF(struct pt, owe, t);
	struct deal *d = p->off ? NULL : first_owed(p);

	if (!d)
		return;
	d->owed_tries++;
	p->owing = next_stan(p);
	p->owing_deal = (size_t)(d - p->deals);
	write_message(p, d->owed_tries > 1 ? "0421" : "0420", d, p->owing, true);
	loop_timer_at(stand_loop(p->stand), &p->owe, now + patience(d));
	leave(p);
}

static void taken(struct pt *p)
{
	struct deal *d = &p->deals[p->owing_deal];

	d->owed = false;
	if (d->state == DEAL_UNKNOWN)
		d->state = DEAL_REVERSED;
	p->owing = 0;
	loop_timer_cancel(stand_loop(p->stand), &p->owe);
	acquirer_owe(p);
}

/* ---- answers ---- */

static void answered(struct pt *p, const struct iso_msg *m)
{
	char stan[8], code[4], auth[8] = "";
	unsigned number;

	if (!iso_copy(m, ISO_STAN, stan, sizeof(stan)) ||
	    !iso_copy(m, ISO_CODE, code, sizeof(code)) || sscanf(stan, "%u", &number) != 1)
		return;
	iso_copy(m, ISO_AUTH, auth, sizeof(auth));
	if (p->asked == number) {
		p->asked = 0;
		loop_timer_cancel(stand_loop(p->stand), &p->bank_late);
		deal_answered(p, code, auth);
	} else if (p->owing == number && (!strcmp(code, "00") || !strcmp(code, "25"))) {
		taken(p);
	}
}

static bool read_answers(struct pt *p)
{
	struct iso_text text;
	struct iso_msg m;
	unsigned field;
	int64_t used;

	while ((used = iso_frame(p->bank_in.data, p->bank_in.len, &text)) > 0) {
		if (text.len && iso_read(text, &m, &field) < 0)
			return false;
		if (text.len)
			answered(p, &m);
		if (!p->bank_in.len) /* hung up meanwhile */
			return true;
		buf_drop_front(&p->bank_in, (size_t)used);
	}
	return used == 0;
}

static bool dialled(struct pt *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(p->bank.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		return false;
	p->bank_dialling = false;
	p->bank_open = true;
	return true;
}

static void bank_ready(struct loop_fd *fd, uint32_t events)
{
	struct pt *p = OWNER_OF(struct pt, bank, fd);
	char bytes[4096];
	ssize_t n;

	if ((p->bank_dialling && !dialled(p)) || (events & EPOLLOUT && !push(p))) {
		broken(p);
		return;
	}
	n = recv(fd->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		broken(p);
		return;
	}
	buf_add(&p->bank_in, bytes, (size_t)n);
	if (!read_answers(p))
		broken(p);
}

void acquirer_close(struct pt *p)
{
	p->asked = 0;
	loop_timer_cancel(stand_loop(p->stand), &p->bank_late);
	loop_timer_cancel(stand_loop(p->stand), &p->owe);
	hang_up(p);
}

void acquirer_open(struct pt *p, int fd)
{
	p->bank = (struct loop_fd){ .fd = fd, .ready = bank_ready };
	p->bank_late.fire = bank_late;
	p->owe.fire = owe;
}
