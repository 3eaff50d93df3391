/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money by card. With --bank the lane asks the payment host itself
 * (card_bank.c). Else, without --terminal, the cashier's own device does it and
 * the lane only applies the rules: online yes, offline up to the floor limit.
 * With --terminal HOST:PORT we speak one line each way (to be ZVT one day):
 *
 *   PAY <key> <cents>   →  OK <approval> | NO <reason>
 *   REV <key> <cents>   →  OK
 *
 * No word in time means nobody knows whether the card was charged, so we send
 * a reversal and tell the shopper it did not work.
 */
#include "bug.h"
#include "lane.h"
#include "net.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 5000
#define SHOPPER_MS 60000 /* finding the card takes its time */
#define REVERSAL_MS 5000

/* Reads up to the newline, which is cut off. */
static int read_answer(int fd, char *ret, size_t size, int64_t until)
{
	size_t len = 0;
	ssize_t n;
	int rc;

	while (len + 1 < size) {
		rc = net_await(fd, POLLIN, until);
		if (rc)
			return rc;
		n = read(fd, ret + len, 1);
		if (n <= 0)
			return -ECONNRESET;
		if (ret[len] == '\n')
			break;
		len++;
	}
	ret[len] = '\0';
	return 0;
}

static int converse(const char *address, const char *verb, const struct sale *s, int64_t ms,
		    char *answer, size_t size)
{
	char line[KEY_MAX + 48];
	int fd = net_dial(address, CONNECT_MS), n, rc = 0;

	if (fd < 0)
		return fd;
	n = snprintf(line, sizeof(line), "%s %s %lld\n", verb, s->key, (long long)s->total);
	if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
		rc = -EIO;
	if (!rc)
		rc = read_answer(fd, answer, size,
				 bug(BUG_WAIT_FOREVER_TERMINAL) ? -1 : mono_ms() + ms);
	close(fd);
	return rc;
}

static int by_rule(const struct lane *l, const struct sale *s, char *why)
{
	if (atomic_load(&l->online) || s->total <= l->o->floor)
		return 0;
	snprintf(why, WHY_MAX, "store offline, card over the floor limit");
	return -EACCES;
}

static int at_terminal(struct lane *l, struct basket *b, char *why)
{
	const struct sale *s = &b->sale;
	char answer[128] = "";
	int rc = converse(l->o->terminal, "PAY", s, SHOPPER_MS, answer, sizeof(answer));

	say("%s terminal key=%s amount=%lld answer=\"%s\" rc=%d", l->o->name, s->key,
	    (long long)s->total, answer, rc);
	if (!rc && !strncmp(answer, "OK", 2))
		return 0;
	snprintf(why, WHY_MAX, "%s", rc ? "card terminal does not answer" : "card declined");
	if (rc)
		card_reverse(l, b);
	return rc ? -ETIMEDOUT : -EACCES;
}

/* What the terminals' own calendar made of that day: no valid date, so no card. */
static bool no_such_day(void)
{
	time_t now = (time_t)(wall_ms() / 1000);
	struct tm tm;

	gmtime_r(&now, &tm);
	return bug(BUG_NO_LEAP_DAY) && tm.tm_mon == 1 && tm.tm_mday == 29;
}

int card_authorise(struct lane *l, struct basket *b, char *why)
{
	int rc = by_rule(l, &b->sale, why);

	if (rc)
		return rc;
	if (no_such_day()) {
		snprintf(why, WHY_MAX, "no valid date");
		return -EACCES;
	}
	return l->o->terminal ? at_terminal(l, b, why) : l->bank ? bank_authorise(l, b, why) : 0;
}

/*
 * One sale has one payment. When the books have it under another one, because
 * another go at paying got through before, ours goes back.
 */
void card_booked(struct lane *l, struct basket *b, const struct booked *ret)
{
	struct sale *s = &b->sale;

	if (!l->bank || !*s->payment)
		return;
	if (strcmp(ret->payment, s->payment))
		payment_reverse(l, s->payment);
	else
		payment_settle(l, s->payment);
	b->approved = 0;
}

void card_reverse(struct lane *l, struct basket *b)
{
	struct sale *s = &b->sale;
	char answer[128] = "";
	int rc = 0;

	if (l->bank && *s->payment)
		payment_reverse(l, s->payment);
	*s->payment = '\0';
	b->approved = 0;
	if (bug(BUG_FORGET_REVERSAL))
		return;
	if (l->o->terminal)
		rc = converse(l->o->terminal, "REV", s, REVERSAL_MS, answer, sizeof(answer));
	say("%s reversal key=%s amount=%lld rc=%d", l->o->name, s->key, (long long)s->total, rc);
}
