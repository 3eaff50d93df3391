/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The terminal and its till. The till commands, the
 * terminal acknowledges (80 00) and then tells what comes of it, one message
 * after the other, each acknowledged by the till; a till that does not
 * acknowledge within T3 is hung up on. Whatever becomes of the connection, a
 * payment goes on and is the last one afterwards: that is what `repeat receipt`
 * (06 20) is for, and `abort` (06 B0) while no card was read.
 *
 * It listens to one till: a new connection takes the place of the old one.
 */
#include "terminal/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OWNER_OF(type, member, p) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define T3_NS (INT64_C(5) * NS_PER_S)
#define UNREAD_MAX ((size_t)64 << 10)
#define PASSWORD 3 /* bytes, in front of the fields of most commands; anything will do */

/* ---- the connection ---- */

void pt_hang_up(struct pt *p, bool reset)
{
	struct linger now = { .l_onoff = 1 };
	struct loop *l = stand_loop(p->stand);

	if (p->conn.fd < 0)
		return;
	loop_fd_set(l, &p->conn, 0);
	if (reset)
		setsockopt(p->conn.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(p->conn.fd);
	p->conn.fd = -1;
	p->mute = false;
	buf_reset(&p->in);
	buf_reset(&p->out);
	for (unsigned i = 0; i < p->tell_count; i++)
		buf_done(&p->tell[i]);
	p->tell_count = 0;
	loop_timer_cancel(l, &p->ack);
	p->orphan = true; /* and it waits on for its card: 06 B0 ends that */
	if (p->state == PT_TELL)
		deal_told(p); /* as far as that goes */
}

static void push(struct pt *p)
{
	while (p->conn.fd >= 0 && p->out.len) {
		ssize_t n = send(p->conn.fd, p->out.data, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR) && p->out.len < UNREAD_MAX)
			break;
		if (n < 0) {
			pt_hang_up(p, false);
			return;
		}
		buf_drop_front(&p->out, (size_t)n);
	}
	if (p->conn.fd >= 0)
		loop_fd_set(stand_loop(p->stand), &p->conn,
			    EPOLLIN | (p->out.len ? EPOLLOUT : 0));
}

/* At once, and nobody has to acknowledge it. */
static void answer(struct pt *p, unsigned code)
{
	zvt_write(&p->out, code, NULL, 0);
	push(p);
}

static void tell_first(struct pt *p)
{
	buf_add(&p->out, p->tell[0].data, p->tell[0].len);
	loop_timer_at(stand_loop(p->stand), &p->ack, clock_now() + T3_NS);
	push(p);
}

void pt_say(struct pt *p, unsigned code, const struct buf *data)
{
	if (!pt_connected(p) || p->tell_count == TELL_MAX)
		return;
	zvt_write(&p->tell[p->tell_count], code, data ? data->data : NULL, data ? data->len : 0);
	p->tell_count++;
	if (p->tell_count == 1)
		tell_first(p);
}

static void acknowledged(struct pt *p)
{
	if (!p->tell_count)
		return;
	loop_timer_cancel(stand_loop(p->stand), &p->ack);
	buf_done(&p->tell[0]);
	memmove(&p->tell[0], &p->tell[1], (TELL_MAX - 1) * sizeof(p->tell[0]));
	p->tell[TELL_MAX - 1] = (struct buf){ 0 };
	p->tell_count--;
	if (p->tell_count)
		tell_first(p);
	else if (p->state == PT_TELL)
		deal_told(p);
}

static void never_acknowledged(struct loop_timer *t, int64_t now)
{
	(void)now;
	pt_hang_up(OWNER_OF(struct pt, ack, t), false);
}

/* ---- what it tells ---- */

/* 16 digits, of which 4 are shown: E stands for one that is not. */
static const uint8_t pan[] = { 0xf0, 0xf8, 0x45, 0xee, 0xee, 0xee, 0xee, 0xee, 0x00, 0x00 };

void pt_status(struct pt *p, const struct deal *d)
{
	const struct stand_opts *o = stand_conf(p->stand);
	const char *at = d->sent_at; /* MMDDhhmmss */
	struct buf b = { 0 };

	zvt_add_byte(&b, ZVT_F_RESULT, d->result);
	zvt_add_bcd(&b, ZVT_F_AMOUNT, d->amount, 6);
	zvt_add_bcd(&b, ZVT_F_CURRENCY, atoi(o->currency), 2);
	zvt_add_bcd(&b, ZVT_F_TRACE, d->stan, 3);
	zvt_add_bcd(&b, ZVT_F_TIME, atoi(at + 4), 3);
	zvt_add_bcd(&b, ZVT_F_DATE, strtol((char[]){ at[0], at[1], at[2], at[3], 0 }, NULL, 10), 2);
	zvt_add_bcd(&b, ZVT_F_TERMINAL, atoi(o->at[stand_index(p->stand, p)].tid), 4);
	zvt_add_bcd(&b, ZVT_F_RECEIPT, d->receipt, 2);
	if (d->key[0] || d->auth[0])
		zvt_add_bytes(&b, ZVT_F_PAN, pan, sizeof(pan));
	if (d->auth[0]) {
		char auth[8] = "        ";

		memcpy(auth, d->auth, strlen(d->auth));
		zvt_add_bytes(&b, ZVT_F_AUTH, auth, sizeof(auth));
	}
	pt_say(p, ZVT_STATUS, &b);
	buf_done(&b);
}

static void failed(struct pt *p, unsigned result)
{
	struct buf b = { 0 };

	zvt_add_byte(&b, 0, result);
	pt_say(p, ZVT_FAILED, &b);
	buf_done(&b);
}

/* ---- commands ---- */

/* Fields behind so many bytes at fixed places; -1: it is not there, or makes no sense. */
static int64_t number(const struct zvt_apdu *a, size_t front, unsigned field)
{
	const uint8_t *at;
	size_t n;

	if (a->len < front)
		return -1;
	at = zvt_find(a->data + front, a->len - front, field, &n);
	return at ? zvt_bcd(at, n) : -1;
}

static void do_register(struct pt *p, const struct zvt_apdu *a)
{
	const struct stand_opts *o = stand_conf(p->stand);
	struct buf b = { 0 };

	if (a->len < PASSWORD + 1) {
		answer(p, ZVT_PROTOCOL);
		return;
	}
	p->config = a->data[PASSWORD];
	answer(p, ZVT_ACK);
	zvt_add_byte(&b, ZVT_F_TYPE, 0);
	zvt_add_bcd(&b, ZVT_F_TERMINAL, atoi(o->at[stand_index(p->stand, p)].tid), 4);
	zvt_add_bcd(&b, ZVT_F_CURRENCY, atoi(o->currency), 2);
	pt_say(p, ZVT_DONE, &b);
	buf_done(&b);
}

static void do_pay(struct pt *p, const struct zvt_apdu *a)
{
	int64_t amount = number(a, 0, ZVT_F_AMOUNT), currency = number(a, 0, ZVT_F_CURRENCY);

	if (amount <= 0 ||
	    (currency >= 0 && currency != atoi(stand_conf(p->stand)->currency))) {
		answer(p, ZVT_PROTOCOL);
	} else if (deal_heard(p)) {
		answer(p, ZVT_ACK);
		deal_begin(p, amount);
	}
}

static void do_reverse(struct pt *p, const struct zvt_apdu *a)
{
	int64_t receipt = number(a, PASSWORD, ZVT_F_RECEIPT);
	unsigned no;

	if (receipt < 0) {
		answer(p, ZVT_PROTOCOL);
		return;
	}
	answer(p, ZVT_ACK);
	no = deal_reverse(p, (unsigned)receipt);
	if (no)
		failed(p, no);
}

static void do_repeat(struct pt *p, const struct zvt_apdu *a)
{
	const struct deal *d = deal_last(p);

	(void)a;
	answer(p, ZVT_ACK);
	if (!d) {
		failed(p, ZVT_NOTHING);
		return;
	}
	pt_status(p, d);
	pt_say(p, ZVT_DONE, NULL);
}

static void do_end_of_day(struct pt *p, const struct zvt_apdu *a)
{
	struct buf b = { 0 };
	int64_t sum = 0;

	(void)a;
	for (size_t i = p->closed; i < p->deals_count; i++)
		if (p->deals[i].state == DEAL_APPROVED)
			sum += p->deals[i].amount;
	p->closed = p->deals_count;
	answer(p, ZVT_ACK);
	zvt_add_byte(&b, ZVT_F_RESULT, ZVT_OK);
	zvt_add_bcd(&b, ZVT_F_AMOUNT, sum, 6);
	pt_say(p, ZVT_STATUS, &b);
	pt_say(p, ZVT_DONE, NULL);
	buf_done(&b);
}

static void do_enquire(struct pt *p, const struct zvt_apdu *a)
{
	struct buf b = { 0 };

	(void)a;
	answer(p, ZVT_ACK);
	zvt_add_byte(&b, 0, 0); /* ready */
	pt_say(p, ZVT_DONE, &b);
	buf_done(&b);
}

static void do_log_off(struct pt *p, const struct zvt_apdu *a)
{
	(void)a;
	p->config = 0;
	answer(p, ZVT_ACK);
}

static void do_abort(struct pt *p, const struct zvt_apdu *a)
{
	(void)a;
	answer(p, ZVT_ACK);
	deal_cancel(p);
}

static const struct command {
	unsigned code;
	void (*run)(struct pt *p, const struct zvt_apdu *a);
	bool any_time;
} commands[] = {
	{ ZVT_REGISTER, do_register, false }, { ZVT_PAY, do_pay, false },
	{ ZVT_REVERSE, do_reverse, false },   { ZVT_REPEAT, do_repeat, false },
	{ ZVT_ENQUIRY, do_enquire, false },   { ZVT_END_OF_DAY, do_end_of_day, false },
	{ ZVT_LOG_OFF, do_log_off, false },   { ZVT_ABORT, do_abort, true },
};

static void command(struct pt *p, const struct zvt_apdu *a)
{
	bool busy = p->state != PT_IDLE || p->tell_count || p->reversing != SIZE_MAX;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].code != a->code)
			continue;
		if (busy && !commands[i].any_time)
			answer(p, ZVT_WAIT);
		else
			commands[i].run(p, a);
		return;
	}
	answer(p, ZVT_NOT_POSSIBLE);
}

static void heard(struct pt *p, const struct zvt_apdu *a)
{
	if (p->mute)
		return;
	if (a->code >> 8 != 0x80 && a->code >> 8 != 0x84) {
		command(p, a);
		return;
	}
	if (a->code == ZVT_GOODS_NOT_ISSUED)
		deal_not_issued(p);
	acknowledged(p);
}

static void conn_ready(struct loop_fd *fd, uint32_t events)
{
	struct pt *p = OWNER_OF(struct pt, conn, fd);
	char bytes[4096];
	struct zvt_apdu a;
	int64_t used;
	ssize_t n;

	if (events & EPOLLOUT)
		push(p);
	if (p->conn.fd < 0)
		return;
	n = recv(fd->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		pt_hang_up(p, false);
		return;
	}
	buf_add(&p->in, bytes, (size_t)n);
	while ((used = zvt_frame((uint8_t *)p->in.data, p->in.len, &a)) > 0) {
		heard(p, &a);
		if (!p->in.len) /* hung up meanwhile */
			return;
		buf_drop_front(&p->in, (size_t)used);
	}
	if (used < 0)
		pt_hang_up(p, true);
}

static void door_ready(struct loop_fd *fd, uint32_t events)
{
	struct pt *p = OWNER_OF(struct pt, door, fd);
	struct linger now = { .l_onoff = 1 };
	int s = accept4(fd->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (s < 0)
		return;
	if (p->off) {
		setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(s);
		return;
	}
	pt_hang_up(p, false);
	p->config = 0;
	p->conn = (struct loop_fd){ .fd = s, .ready = conn_ready };
	loop_fd_set(stand_loop(p->stand), &p->conn, EPOLLIN);
}

void pt_open(struct pt *p, struct stand *s, unsigned node, int door)
{
	*p = (struct pt){ .stand = s, .node = node, .reversing = SIZE_MAX };
	p->conn.fd = -1;
	p->ack.fire = never_acknowledged;
	p->wake.fire = deal_wake;
	for (unsigned i = 0; i < TERMINAL_EFFECTS; i++)
		p->fate[i] = NO_RULE;
	p->door = (struct loop_fd){ .fd = door, .ready = door_ready };
	loop_fd_set(stand_loop(s), &p->door, EPOLLIN);
}
