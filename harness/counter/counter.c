/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The worker's end of the counter. It makes the socket
 * that clients of each device connect to, hands all of them to the process
 * (desk.c), and writes down what the process tells: slips of paper, read with
 * the target file's patterns, and drawer pulses. A pulse belongs to the slip
 * that its client has just cut, else to the next one.
 */
#include "counter/counter.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/side.h"
#include "base/str.h"
#include "counter/room.h"
#include "ledger/ledger.h"

#define BACKLOG 16
#define PULSES_MAX 16

struct listener {
	bool used;
	unsigned id;
	void (*fn)(void *arg, const struct counter_hit *h);
	void *arg;
};

/* What the worker knows of a device: pulses whose receipt is still to come. */
struct seen {
	char *last_key;            /* owned; of the last slip; NULL: none */
	int64_t pulse[PULSES_MAX]; /* t_ns */
	unsigned pulses;
};

struct counter {
	struct side *side;        /* owned */
	struct ledger *ledger;    /* borrowed */
	const struct target *target;
	pid_t (*init)(void *arg, const char *node);
	void *arg;
	struct regex *key, *receipt, *total, *copy; /* owned; NULL: not given */
	struct seen *seen;        /* owned; by node */
	void (*printed)(void *arg, const struct node *device, const char *text, size_t len);
	void *printed_arg;
	struct desk_opts desk;
	struct listener listener[COUNTER_RULES_MAX];
};

/* ---- paper ---- */

/* The first group of a pattern, or NULL; caller frees. */
static char *find(const struct regex *re, const char *text, size_t len)
{
	size_t at, n;

	if (!re || !regex_group1(re, text, len, &at, &n))
		return NULL;
	return xstrndup(text + at, n);
}

int64_t paper_amount(const char *text)
{
	int64_t n = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9') {
			if (!strchr(".,' -", *c))
				return INT64_MIN;
			continue;
		}
		if (n > INT64_MAX / 100)
			return INT64_MIN;
		n = n * 10 + (*c - '0');
	}
	return strchr(text, '-') ? -n : n;
}

static void drawer(const struct counter *c, unsigned node, int64_t t_ns, const char *key)
{
	ledger_drawer(c->ledger, &(struct drawer_rec){
		.t_ns = t_ns - ledger_epoch(c->ledger), .key = key, .what = "pulse",
		.device = c->target->nodes[node].name });
}

static void pulses_with(const struct counter *c, unsigned node, const char *key)
{
	struct seen *s = &c->seen[node];

	for (unsigned i = 0; i < s->pulses; i++)
		drawer(c, node, s->pulse[i], key);
	s->pulses = 0;
}

static void on_slip(struct counter *c, const struct counter_news *n, const char *text, size_t len)
{
	cleanup_free char *line = xstrndup(text, len);
	cleanup_free char *receipt = find(c->receipt, text, len);
	cleanup_free char *total = find(c->total, text, len);
	char *key = find(c->key, text, len);

	ledger_paper(c->ledger, &(struct paper_rec){
		.t_ns = n->t_ns - ledger_epoch(c->ledger), .key = key, .receipt = receipt,
		.device = c->target->nodes[n->node].name, .text = line, .cut = n->cut,
		.total = total ? paper_amount(total) : INT64_MIN,
		.copy = c->copy && regex_match(c->copy, text, len) });
	pulses_with(c, n->node, key);
	free(c->seen[n->node].last_key);
	c->seen[n->node].last_key = key;
}

static void on_pulse(struct counter *c, const struct counter_news *n)
{
	struct seen *s = &c->seen[n->node];

	if (n->with_last)
		drawer(c, n->node, n->t_ns, s->last_key);
	else if (s->pulses < PULSES_MAX)
		s->pulse[s->pulses++] = n->t_ns;
	else
		drawer(c, n->node, n->t_ns, NULL);
}

static void news(void *arg, const void *message, size_t len)
{
	struct counter *c = arg;
	const struct counter_news *n = message;
	const struct listener *l;

	assert(len >= sizeof(*n) && n->node < c->target->nodes_count);
	switch (n->kind) {
	case NEWS_SLIP:
		on_slip(c, n, (const char *)(n + 1), len - sizeof(*n));
		return;
	case NEWS_PULSE:
		on_pulse(c, n);
		return;
	case NEWS_PRINTED:
		if (c->printed)
			c->printed(c->printed_arg, &c->target->nodes[n->node],
				   (const char *)(n + 1), len - sizeof(*n));
		return;
	default:
		l = &c->listener[n->hit.rule % COUNTER_RULES_MAX];
		if (l->used && l->id == n->hit.rule)
			l->fn(l->arg, &n->hit);
	}
}

/* ---- life ---- */

static int pattern(struct regex **ret, const char *text, struct err *e)
{
	return text ? regex_new(ret, text, e) : 0;
}

static int patterns(struct counter *c, struct err *e)
{
	const struct target *t = c->target;
	int r = pattern(&c->key, t->key.paper, e);

	if (r == 0)
		r = pattern(&c->receipt, t->paper.receipt, e);
	if (r == 0)
		r = pattern(&c->total, t->paper.total, e);
	return r == 0 ? pattern(&c->copy, t->paper.copy, e) : r;
}

static void device_of(const struct counter *c, const struct node *n, struct desk_device *ret)
{
	const struct device *d = &n->device;

	*ret = (struct desk_device){ .node = (unsigned)(n - c->target->nodes), .kind = d->kind,
				     .door = d->port > 0 };
	snprintf(ret->id, sizeof(ret->id), "%s", d->name);
	if (!d->serial)
		return;
	snprintf(ret->serial, sizeof(ret->serial), "%s", d->serial);
	ret->init = c->init(c->arg, n->stands_at);
}

/* *ret_doors: how many of them are on the wire. */
static int devices(struct counter *c, const struct counter_opts *o, int *fds, size_t *ret_doors,
		   struct err *e)
{
	for (size_t i = 0; i < o->target->nodes_count; i++) {
		const struct node *n = &o->target->nodes[i];

		if (!node_on_counter(n))
			continue;
		if (c->desk.count == WD_DEVICES_MAX || *ret_doors == SIDE_FDS_MAX)
			return err_set(e, E2BIG, "more than %d devices, or %zu on the wire",
				       WD_DEVICES_MAX, (size_t)SIDE_FDS_MAX);
		device_of(c, n, &c->desk.device[c->desk.count++]);
		if (!n->device.port)
			continue;
		fds[*ret_doors] = side_door(o->socket, o->arg, n->name, (int)n->device.port,
					    BACKLOG, e);
		if (fds[*ret_doors] < 0)
			return fds[*ret_doors];
		++*ret_doors;
	}
	return c->desk.count ? 0 : err_set(e, ENODEV, "there are no devices");
}

int counter_open(struct counter **ret, const struct counter_opts *o, struct err *e)
{
	struct counter *c = xcalloc(1, sizeof(*c));
	int fds[SIDE_FDS_MAX], r;
	size_t doors = 0;

	c->ledger = o->ledger;
	c->target = o->target;
	c->init = o->init;
	c->arg = o->arg;
	c->seen = xcalloc(o->target->nodes_count, sizeof(*c->seen));
	r = patterns(c, e);
	if (r == 0)
		r = devices(c, o, fds, &doors, e);
	if (r == 0)
		r = side_new(&c->side, &(struct side_opts){ .name = "counter", .run = desk_run,
				     .arg = &c->desk, .fds = fds, .fds_count = doors,
				     .loop = o->loop, .news = news, .news_arg = c }, e);
	for (size_t i = 0; i < doors; i++)
		close(fds[i]);
	if (r == 0)
		r = counter_sync(c, false, e);
	if (r < 0) {
		counter_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

void counter_close(struct counter *c)
{
	if (!c)
		return;
	side_free(c->side);
	for (size_t i = 0; i < c->target->nodes_count; i++)
		free(c->seen[i].last_key);
	regex_free(c->key);
	regex_free(c->receipt);
	regex_free(c->total);
	regex_free(c->copy);
	free(c->seen);
	free(c);
}

int counter_alive(const struct counter *c, struct err *e)
{
	return side_alive(c->side, e);
}

static int call(struct counter *c, enum counter_order_kind kind, unsigned id, const char *what,
		struct err *e)
{
	struct counter_order o = { .kind = kind, .id = id };

	return side_call(c->side, &o, sizeof(o), what, e);
}

int counter_sync(struct counter *c, bool last, struct err *e)
{
	int r = call(c, last ? ORDER_LAST : ORDER_SYNC, 0, "a greeting", e);

	for (size_t i = 0; last && i < c->target->nodes_count; i++)
		pulses_with(c, (unsigned)i, NULL);
	return r;
}

int counter_power(struct counter *c, unsigned node, bool on, const char *as, struct err *e)
{
	struct counter_order o = { .kind = on ? ORDER_ON : ORDER_OFF, .id = node };

	snprintf(o.as, sizeof(o.as), "%s", as ? as : "");
	return side_call(c->side, &o, sizeof(o), "power", e);
}

int counter_booted(struct counter *c, const char *node, struct err *e)
{
	struct counter_order o = { .kind = ORDER_BOOTED, .pid = c->init(c->arg, node) };
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->target->nodes_count; i++) {
		const struct node *n = &c->target->nodes[i];

		if (!n->device.serial || !str_eq(n->stands_at, node))
			continue;
		o.id = (uint32_t)i;
		r = side_call(c->side, &o, sizeof(o), "a new /dev", e);
	}
	return r;
}

int counter_printed(struct counter *c, void (*fn)(void *arg, const struct node *device,
		    const char *text, size_t len), void *arg, struct err *e)
{
	c->printed = fn;
	c->printed_arg = arg;
	return call(c, ORDER_WATCH, fn != NULL, "a reader of paper", e);
}

int counter_right(struct counter *c, unsigned node, struct err *e)
{
	return call(c, ORDER_RIGHT, node, "a helping hand", e);
}

int counter_rule_add(struct counter *c, const struct counter_rule *rule,
		     void (*fn)(void *arg, const struct counter_hit *h), void *arg,
		     unsigned *ret_id, struct err *e)
{
	struct counter_order o = { .kind = ORDER_RULE_ADD, .rule = *rule };
	int r = side_call(c->side, &o, sizeof(o), "a rule", e);

	if (r < 0)
		return r;
	c->listener[(unsigned)r % COUNTER_RULES_MAX] =
		(struct listener){ .used = true, .id = (unsigned)r, .fn = fn, .arg = arg };
	*ret_id = (unsigned)r;
	return 0;
}

int counter_rule_del(struct counter *c, unsigned id, struct err *e)
{
	struct listener *l = &c->listener[id % COUNTER_RULES_MAX];
	int r;

	if (!l->used || l->id != id)
		return err_set(e, ENOENT, "the counter knows no rule %u", id);
	r = call(c, ORDER_RULE_DEL, id, "the end of a rule", e);
	l->used = false;
	return r;
}
