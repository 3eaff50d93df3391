/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The worker's end of the card terminals. It makes their
 * sockets, one to listen for the till and one to reach the bank from, inside
 * the network of each, hands them to the process (stand.c) and passes on hits.
 * The bank writes its own ledger: nothing is written down here.
 */
#include "terminal/terminal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/side.h"
#include "base/str.h"
#include "terminal/room.h"

#define BACKLOG 16
#define SHOPPER_NS (INT64_C(60) * NS_PER_S) /* shop time: so long a terminal waits for a card */
#define TID_FIRST 20000000

struct listener {
	bool used;
	unsigned id;
	void (*fn)(void *arg, const struct terminal_hit *h);
	void *arg;
};

struct terminals {
	struct side *side; /* owned */
	const struct target *target;
	struct stand_opts stand;
	struct listener listener[TERMINAL_RULES_MAX];
};

static void news(void *arg, const void *message, size_t len)
{
	struct terminals *t = arg;
	const struct terminal_hit *h = message;
	const struct listener *l = &t->listener[h->rule % TERMINAL_RULES_MAX];

	assert(len == sizeof(*h));
	if (l->used && l->id == h->rule)
		l->fn(l->arg, h);
}

/* ---- life ---- */

static int add(struct terminals *t, const struct terminals_opts *o, unsigned index, int *fds,
	       struct err *e)
{
	const struct node *n = &o->target->nodes[index];
	unsigned i = t->stand.count;

	if (i == TERMINALS_MAX)
		return err_set(e, E2BIG, "more than %d card terminals", TERMINALS_MAX);
	fds[0] = side_door(o->socket, o->arg, n->name, (int)n->device.port, BACKLOG, e);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = o->socket(o->arg, n->name, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fds[1] < 0) {
		close(fds[0]);
		return err_errno(e, -fds[1], "a socket of %s", n->name);
	}
	t->stand.at[i].node = index;
	t->stand.at[i].bank_ns = n->device.bank_timeout.ns;
	snprintf(t->stand.at[i].tid, sizeof(t->stand.at[i].tid), "%08u", TID_FIRST + index);
	t->stand.count++;
	return 0;
}

static int find_bank(struct terminals *t, const struct terminals_opts *o, struct err *e)
{
	const struct node *bank = target_bank(o->target);
	const char *address = bank ? o->address(o->arg, bank->name) : NULL;
	const char *code = iso_currency_code(o->target->currency);

	t->stand.bank = (struct sockaddr_in){ .sin_family = AF_INET };
	if (!address || inet_pton(AF_INET, address, &t->stand.bank.sin_addr) != 1)
		return err_set(e, ENODEV, "there is no bank to ask");
	t->stand.bank.sin_port = htons((uint16_t)bank->bank.iso8583);
	t->stand.reference = (unsigned)bank->bank.iso_reference;
	if (!code)
		return err_set(e, EINVAL, "card terminals do not know the currency %s",
			       o->target->currency);
	snprintf(t->stand.currency, sizeof(t->stand.currency), "%s", code);
	return 0;
}

int terminals_open(struct terminals **ret, const struct terminals_opts *o, struct err *e)
{
	struct terminals *t = xcalloc(1, sizeof(*t));
	int fds[2 * TERMINALS_MAX], r;

	t->target = o->target;
	t->stand.shopper_ns = SHOPPER_NS / o->pace_milli * 1000;
	r = find_bank(t, o, e);
	for (size_t i = 0; r == 0 && i < o->target->nodes_count; i++)
		if (o->target->nodes[i].device.kind == DEVICE_ZVT)
			r = add(t, o, (unsigned)i, &fds[2 * t->stand.count], e);
	if (r == 0)
		r = side_new(&t->side, &(struct side_opts){ .name = "terminals", .run = stand_run,
				     .arg = &t->stand, .fds = fds,
				     .fds_count = 2 * (size_t)t->stand.count,
				     .loop = o->loop, .news = news, .news_arg = t }, e);
	for (unsigned i = 0; i < 2 * t->stand.count; i++)
		close(fds[i]);
	if (r == 0)
		r = terminals_owe(t, e);
	if (r < 0) {
		terminals_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

void terminals_close(struct terminals *t)
{
	if (!t)
		return;
	side_free(t->side);
	free(t);
}

int terminals_alive(const struct terminals *t, struct err *e)
{
	return side_alive(t->side, e);
}

/* ---- orders ---- */

int terminals_card(struct terminals *t, const char *lane, const char *key, struct err *e)
{
	struct stand_order o = { .kind = ORDER_CARD, .there = key != NULL };
	int r = 0;

	snprintf(o.key, sizeof(o.key), "%s", key ? key : "");
	for (unsigned i = 0; i < t->stand.count && r >= 0; i++) {
		o.id = t->stand.at[i].node;
		if (str_eq(t->target->nodes[o.id].stands_at, lane))
			r = side_call(t->side, &o, sizeof(o), "a card", e);
	}
	return r;
}

int terminals_owe(struct terminals *t, struct err *e)
{
	struct stand_order o = { .kind = ORDER_OWE };

	return side_call(t->side, &o, sizeof(o), "a look", e);
}

int terminals_rule_add(struct terminals *t, const struct terminal_rule *rule,
		       void (*fn)(void *arg, const struct terminal_hit *h), void *arg,
		       unsigned *ret_id, struct err *e)
{
	struct stand_order o = { .kind = ORDER_RULE_ADD, .rule = *rule };
	int r = side_call(t->side, &o, sizeof(o), "a rule", e);

	if (r < 0)
		return r;
	t->listener[(unsigned)r % TERMINAL_RULES_MAX] =
		(struct listener){ .used = true, .id = (unsigned)r, .fn = fn, .arg = arg };
	*ret_id = (unsigned)r;
	return 0;
}

int terminals_rule_del(struct terminals *t, unsigned id, struct err *e)
{
	struct stand_order o = { .kind = ORDER_RULE_DEL, .id = id };
	struct listener *l = &t->listener[id % TERMINAL_RULES_MAX];
	int r;

	if (!l->used || l->id != id)
		return err_set(e, ENOENT, "the terminals know no rule %u", id);
	r = side_call(t->side, &o, sizeof(o), "the end of a rule", e);
	l->used = false;
	return r;
}
