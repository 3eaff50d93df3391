/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The worker's end of the bank. It makes the socket that
 * clients connect to inside the bank node's network and hands it to the
 * process (host.c); it writes down what the process tells, and passes hits to
 * whoever added their rule.
 */
#include "bank/bank.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bank/room.h"
#include "base/err.h"
#include "base/side.h"
#include "ledger/ledger.h"

#define BACKLOG 1024

struct listener {
	bool used;
	unsigned id;
	void (*fn)(void *arg, const struct bank_hit *h);
	void *arg;
};

struct bank {
	struct side *side;      /* owned */
	struct ledger *ledger;  /* borrowed */
	struct host_opts host;
	struct listener listener[BANK_RULES_MAX]; /* by the rule's place */
	void (*watch)(void *arg, const char *what, const char *key); /* NULL: nobody */
	void *watch_arg;
};

static const char *text(const char *s)
{
	return s[0] ? s : NULL;
}

/* Then the answer may leave; a process that is gone is told by bank_alive(). */
static void tell_watcher(struct bank *b, const struct bank_news *n)
{
	struct bank_order o = { .kind = ORDER_GO, .id = n->record.number };

	b->watch(b->watch_arg, n->record.what, n->record.key);
	side_call(b->side, &o, sizeof(o), "to go on", NULL);
}

static void news(void *arg, const void *message, size_t len)
{
	struct bank *b = arg;
	const struct bank_news *n = message;
	const struct listener *l;

	assert(len == sizeof(*n));
	if (n->kind == NEWS_RECORD) {
		ledger_bank(b->ledger, &(struct bank_rec){
			.t_ns = n->record.t_ns - ledger_epoch(b->ledger), .what = n->record.what,
			.key = text(n->record.key), .tid = text(n->record.tid),
			.stan = text(n->record.stan), .rrn = text(n->record.rrn),
			.currency = text(n->record.currency),
			.amount = n->record.amount });
		if (b->watch)
			tell_watcher(b, n);
		return;
	}
	l = &b->listener[n->hit.rule % BANK_RULES_MAX];
	if (l->used && l->id == n->hit.rule)
		l->fn(l->arg, &n->hit);
}

/* The sockets that clients connect to; how many, or -errno. */
static int doors(struct bank *b, const struct bank_opts *o, const struct node *n, int *fds,
		 struct err *e)
{
	const int64_t ports[] = { n->bank.http, n->bank.iso8583 };
	int count = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (!ports[i])
			continue;
		fds[count] = side_door(o->socket, o->arg, n->name, (int)ports[i], BACKLOG, e);
		if (fds[count] < 0) {
			int r = fds[count];

			while (count)
				close(fds[--count]);
			return r;
		}
		b->host.speaks[i] = true;
		count++;
	}
	return count;
}

int bank_open(struct bank **ret, const struct bank_opts *o, struct err *e)
{
	const struct node *n = target_bank(o->target);
	struct bank *b = xcalloc(1, sizeof(*b));
	int fds[2], count = doors(b, o, n, fds, e), r = count;

	b->ledger = o->ledger;
	b->host.field = o->target->key.bank ? o->target->key.bank : "reference";
	b->host.iso.reference = (unsigned)n->bank.iso_reference;
	snprintf(b->host.iso.currency, sizeof(b->host.iso.currency), "%s", o->target->currency);
	if (r > 0)
		r = side_new(&b->side, &(struct side_opts){ .name = "bank", .run = host_run,
				     .arg = &b->host, .fds = fds, .fds_count = (size_t)count,
				     .loop = o->loop, .news = news, .news_arg = b }, e);
	for (int i = 0; i < count; i++)
		close(fds[i]);
	if (r == 0)
		r = bank_sync(b, e);
	if (r < 0) {
		bank_close(b);
		return r;
	}
	*ret = b;
	return 0;
}

void bank_close(struct bank *b)
{
	if (!b)
		return;
	side_free(b->side);
	free(b);
}

int bank_alive(const struct bank *b, struct err *e)
{
	return side_alive(b->side, e);
}

int bank_sync(struct bank *b, struct err *e)
{
	struct bank_order o = { .kind = ORDER_SYNC };

	return side_call(b->side, &o, sizeof(o), "a greeting", e);
}

int bank_watch(struct bank *b, void (*fn)(void *arg, const char *what, const char *key), void *arg,
	       struct err *e)
{
	struct bank_order o = { .kind = ORDER_WATCH, .id = fn != NULL };

	b->watch = fn;
	b->watch_arg = arg;
	return side_call(b->side, &o, sizeof(o), "a watcher", e);
}

int bank_rule_add(struct bank *b, const struct bank_rule *rule,
		  void (*fn)(void *arg, const struct bank_hit *h), void *arg, unsigned *ret_id,
		  struct err *e)
{
	struct bank_order o = { .kind = ORDER_RULE_ADD, .rule = *rule };
	int r = side_call(b->side, &o, sizeof(o), "a rule", e);

	if (r < 0)
		return r;
	/* a hit may be waiting behind the answer, never before it */
	b->listener[(unsigned)r % BANK_RULES_MAX] =
		(struct listener){ .used = true, .id = (unsigned)r, .fn = fn, .arg = arg };
	*ret_id = (unsigned)r;
	return 0;
}

int bank_rule_del(struct bank *b, unsigned id, struct err *e)
{
	struct bank_order o = { .kind = ORDER_RULE_DEL, .id = id };
	struct listener *l = &b->listener[id % BANK_RULES_MAX];
	int r;

	if (!l->used || l->id != id)
		return err_set(e, ENOENT, "the bank knows no rule %u", id);
	r = side_call(b->side, &o, sizeof(o), "the end of a rule", e);
	l->used = false;
	return r;
}
