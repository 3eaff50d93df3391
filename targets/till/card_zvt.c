/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The card terminal. Theory of operation: it is the terminal that charges, and
 * it gives each payment a receipt number. We note the last number that we know
 * of before we ask for a payment. When its result does not come, or is not the
 * one of what we asked for, the terminal's last payment (06 20) tells:
 *
 *   number as before      nothing was charged
 *   another one           it is ours, with its result
 *   busy                  it may wait for a card: that we end (06 B0)
 *   busy, unreachable     nobody knows yet: the shopper is told that it did not
 *                         work, and what was charged goes back as soon as we know
 *
 * For that the terminal's last payment must stay ours: while there is one that
 * nobody knows of, no other is begun.
 */
#include "bug.h"
#include "lane.h"
#include "net.h"
#include "zvt.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS 2000
#define ASK_MS 2000     /* for what needs nobody but the terminal */
#define FIND_OUT_MS 1500 /* the shopper waits so long for us to find out */
#define FIND_OUT_STEP_MS 100
#define CONFIG 0x08     /* it shall tell how it goes */

struct terminal {
	pthread_mutex_t mutex; /* one conversation at a time */
	int fd;                /* -1 */
	int64_t seen;          /* receipt number of its last payment; -1: not asked yet */
};

struct terminal *terminal_new(const struct options *o)
{
	struct terminal *t = calloc(1, sizeof(*t));

	(void)o;
	pthread_mutex_init(&t->mutex, NULL);
	t->fd = -1;
	t->seen = -1;
	return t;
}

void terminal_free(struct terminal *t)
{
	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	pthread_mutex_destroy(&t->mutex);
	free(t);
}

/* ---- conversation ---- */

static void hang_up(struct terminal *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static int command(struct lane *l, unsigned code, const unsigned char *data, size_t len,
		   int64_t ms, struct zvt_result *ret)
{
	struct zvt_patience p = {.ack_ms = l->o->terminal_ack_ms, .ms = ms};
	int rc;

	if (bug(BUG_WAIT_FOREVER_TERMINAL))
		p.ms = -1;
	rc = zvt_command(l->terminal->fd, code, data, len, &p, ret);
	if (rc && rc != -EBUSY)
		hang_up(l->terminal);
	return rc;
}

static int dial(struct lane *l)
{
	static const unsigned char reg[] = {0, 0, 0, CONFIG, 0x09, 0x78};
	struct zvt_result r;
	int fd;

	if (l->terminal->fd >= 0)
		return 0;
	fd = net_dial(l->o->terminal, CONNECT_MS);
	if (fd < 0)
		return fd;
	l->terminal->fd = fd;
	return command(l, ZVT_REGISTER, reg, sizeof(reg), ASK_MS, &r);
}

/* The terminal's last payment; receipt 0: it has had none. */
static int ask_last(struct lane *l, struct zvt_result *ret)
{
	static const unsigned char password[3];
	int rc = dial(l);

	if (!rc)
		rc = command(l, ZVT_REPEAT, password, sizeof(password), ASK_MS, ret);
	if (rc)
		return rc;
	if (!ret->told && ret->failed == ZVT_RESULT_NOTHING)
		ret->receipt = 0;
	return ret->receipt < 0 ? -EPROTO : 0;
}

/* ---- finding out ---- */

/* *ret: the terminal's receipt number if this was charged, 0: it was not. */
static int find_out(struct lane *l, const char *payment, int64_t after, int64_t *ret)
{
	struct zvt_result r;
	char text[24] = "-";
	int rc = ask_last(l, &r);

	if (rc)
		return rc;
	*ret = r.receipt != after && r.result == 0 ? r.receipt : 0;
	l->terminal->seen = r.receipt;
	if (*ret)
		snprintf(text, sizeof(text), "%lld", (long long)*ret);
	payment_note(l, payment, text);
	say("%s terminal payment=%s found-out receipt=%s", l->o->name, payment, text);
	return 0;
}

static int ready(struct lane *l)
{
	struct zvt_result r;
	struct noted n;
	int64_t receipt;
	int rc = dial(l);

	while (!rc && payments_unresolved(l, &n))
		rc = find_out(l, n.payment, n.after, &receipt);
	if (!rc && l->terminal->seen < 0) {
		rc = ask_last(l, &r);
		l->terminal->seen = rc ? -1 : r.receipt;
	}
	return rc;
}

/* What we asked for has no result that we could believe: is it the terminal's last payment? */
static int wait_and_find_out(struct lane *l, const char *payment, int64_t after, int64_t *ret)
{
	struct zvt_patience p = {.ack_ms = l->o->terminal_ack_ms};
	int64_t until = mono_ms() + FIND_OUT_MS, now;
	int rc;

	while ((rc = find_out(l, payment, after, ret)) != 0) {
		if (rc == -EBUSY && zvt_abort(l->terminal->fd, &p))
			hang_up(l->terminal);
		now = mono_ms();
		if (now + FIND_OUT_STEP_MS >= until)
			return rc;
		poll(NULL, 0, FIND_OUT_STEP_MS);
	}
	return 0;
}

/* ---- paying ---- */

static int decide(struct lane *l, struct basket *b, int64_t receipt, char *why)
{
	char text[24] = "-";

	if (receipt)
		snprintf(text, sizeof(text), "%lld", (long long)receipt);
	payment_note(l, b->sale.payment, text);
	if (!receipt)
		return card_over(l, b, false, -EACCES, why, "card declined");
	b->approved = b->sale.total;
	return 0;
}

static bool believable(const struct zvt_result *r, const struct sale *s, int64_t after)
{
	if (bug(BUG_TRUST_TERMINAL))
		return r->told;
	return r->told && r->amount == s->total && r->receipt > 0 && r->receipt != after;
}

static int pay(struct lane *l, struct basket *b, char *why)
{
	struct sale *s = &b->sale;
	unsigned char data[16] = {0x04};
	unsigned char *end = zvt_put_bcd(data + 1, s->total, 6);
	int64_t after = l->terminal->seen, receipt = 0;
	struct zvt_result r;
	int rc;

	*end++ = 0x49;
	end = zvt_put_bcd(end, 978, 2);
	rc = command(l, ZVT_PAY, data, (size_t)(end - data), l->o->terminal_ms, &r);
	say("%s terminal key=%s payment=%s amount=%lld rc=%d result=%d receipt=%lld failed=%d",
	    l->o->name, s->key, s->payment, (long long)s->total, rc, r.result,
	    (long long)r.receipt, r.failed);
	if (!rc && believable(&r, s, after)) {
		l->terminal->seen = r.receipt;
		return decide(l, b, r.result == 0 && !r.failed ? r.receipt : 0, why);
	}
	if (rc == -EBUSY) {
		payment_note(l, s->payment, "-");
		return card_over(l, b, false, -EACCES, why, "the card terminal is busy");
	}
	if (bug(BUG_SILENCE_IS_NO))
		return decide(l, b, 0, why);
	if (wait_and_find_out(l, s->payment, after, &receipt))
		return card_over(l, b, true, -ETIMEDOUT, why, "the card terminal does not answer");
	return decide(l, b, receipt, why);
}

int terminal_authorise(struct lane *l, struct basket *b, char *why)
{
	int rc;

	pthread_mutex_lock(&l->terminal->mutex);
	rc = ready(l);
	if (rc) {
		snprintf(why, WHY_MAX, "the card terminal is not ready");
		rc = -EACCES;
	} else if (card_begin(l, &b->sale, l->terminal->seen)) {
		snprintf(why, WHY_MAX, "cannot note the payment");
		rc = -EACCES;
	} else {
		rc = pay(l, b, why);
	}
	pthread_mutex_unlock(&l->terminal->mutex);
	return rc;
}

/* ---- giving back ---- */

static bool reverse(struct lane *l, const char *payment, int64_t receipt)
{
	unsigned char data[8] = {0, 0, 0, 0x87};
	struct zvt_result r;
	int rc = dial(l);

	zvt_put_bcd(data + 4, receipt, 2);
	if (!rc)
		rc = command(l, ZVT_REVERSE, data, 6, l->o->terminal_ms, &r);
	say("%s reversal payment=%s receipt=%lld rc=%d failed=%d", l->o->name, payment,
	    (long long)receipt, rc, rc ? -1 : r.failed);
	return !rc && (!r.failed || r.failed == ZVT_RESULT_REVERSED);
}

bool terminal_give_back(struct lane *l, const char *payment)
{
	struct noted n;
	int64_t receipt = 0;
	bool done = false;

	pthread_mutex_lock(&l->terminal->mutex);
	if (!payment_noted(l, payment, &n) || n.after < 0) {
		say("%s reversal payment=%s not this lane's: give it back in cash", l->o->name,
		    payment);
		done = true;
	} else if (*n.receipt || find_out(l, payment, n.after, &receipt) == 0) {
		if (*n.receipt)
			receipt = strtoll(n.receipt, NULL, 10); /* "-" is 0: nothing was charged */
		done = !receipt || reverse(l, payment, receipt);
	}
	pthread_mutex_unlock(&l->terminal->mutex);
	return done;
}
