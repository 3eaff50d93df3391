/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The process that plays the devices, and what faults say
 * to them. Receipts begun and connections are what rules count; a rule that
 * has picked a receipt acts when so many lines of it are on paper, or behind a
 * line that matches. What happens is told to the worker at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/draw.h"
#include "base/side.h"
#include "base/str.h"
#include "counter/room.h"

#define NO_RULE UINT32_MAX

struct rule_at {
	bool used;
	unsigned id;
	int64_t counted;
	struct regex *behind; /* owned; NULL: by line */
	struct counter_rule rule;
};

struct desk {
	struct side_far *far;
	struct loop *loop;
	const struct desk_opts *o;
	struct gadget **gadgets;  /* owned, o->count */
	int home;                 /* owned: our mount namespace */
	struct loop_fd opened;    /* inotify: lines that were opened or closed */
	bool watched;             /* the worker wants to read along */
	int failed;               /* why not all devices stand there; -errno */
	struct rule_at rules[COUNTER_RULES_MAX];
	unsigned added;
	char message[sizeof(struct counter_news) + SLIP_TEXT_MAX + 4096];
};

struct loop *desk_loop(struct desk *d)
{
	return d->loop;
}

int desk_home(const struct desk *d)
{
	return d->home;
}

int desk_inotify(const struct desk *d)
{
	return d->opened.fd;
}

/* ---- telling ---- */

static void tell(struct desk *d, const struct counter_news *n, const char *text, size_t len)
{
	memcpy(d->message, n, sizeof(*n));
	if (len)
		memcpy(d->message + sizeof(*n), text, len);
	side_tell(d->far, d->message, sizeof(*n) + len);
}

static void hit_at(struct desk *d, const struct gadget *g, const struct rule_at *at, uint64_t line)
{
	struct counter_news n = { .kind = NEWS_HIT, .node = g->node, .t_ns = clock_now() };

	n.hit = (struct counter_hit){ .t_ns = n.t_ns, .rule = at->id, .effect = at->rule.effect,
				      .node = g->node, .receipt = g->receipts, .line = line };
	tell(d, &n, NULL, 0);
}

static void hit(struct desk *d, const struct gadget *g, const struct rule_at *at)
{
	hit_at(d, g, at, g->lines);
}

static void read_along(struct desk *d, const struct gadget *g, const char *text, size_t len)
{
	struct counter_news n = { .kind = NEWS_PRINTED, .node = g->node, .t_ns = clock_now() };

	if (d->watched)
		tell(d, &n, text, len);
}

void desk_slip(struct desk *d, struct printer *p, bool cut)
{
	struct counter_news n = { .kind = NEWS_SLIP, .node = p->g.node, .t_ns = clock_now(),
				  .cut = cut };

	memset(p->g.picked, 0, sizeof(p->g.picked));
	memset(p->g.passed, 0, sizeof(p->g.passed));
	tell(d, &n, p->slip.data, p->slip.len);
	if (cut)
		read_along(d, &p->g, "CUT", 3);
}

void desk_pulse(struct desk *d, struct printer *p)
{
	struct counter_news n = { .kind = NEWS_PULSE, .node = p->g.node, .t_ns = clock_now(),
				  .with_last = !p->slip.len && p->cut_here };

	tell(d, &n, NULL, 0);
	read_along(d, &p->g, "PULSE", 5);
}

/* ---- rules ---- */

static bool meant(const struct rule_at *at, const struct gadget *g)
{
	return at->used && at->rule.nodes[g->node / 64] >> (g->node % 64) & 1;
}

/* The device's how many-eth receipt, or connection, is what the draw is for. */
static bool chosen(struct rule_at *at, const struct gadget *g, uint64_t nth)
{
	const struct counter_rule *r = &at->rule;

	at->counted++;
	return gate_lets(&r->gate, at->counted, g->node, nth) &&
	       draw_chance((struct draw){ .seed = r->seed, .name = r->name, .object = g->node,
					  .hit = nth }, r->chance);
}

static bool of_receipts(unsigned effect)
{
	return effect <= COUNTER_UNPLUG || effect == COUNTER_SLOW;
}

int64_t desk_receipt(struct desk *d, struct gadget *g)
{
	int64_t wait = 0;

	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		g->picked[i] = meant(at, g) && of_receipts(at->rule.effect) &&
			       chosen(at, g, g->receipts);
		g->passed[i] = false;
		if (!g->picked[i] || at->rule.effect != COUNTER_SLOW)
			continue;
		hit(d, g, at);
		wait += at->rule.delay_ns;
	}
	return wait;
}

void desk_printed(struct desk *d, struct gadget *g, const char *text, size_t len)
{
	read_along(d, g, text, len);
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++)
		if (g->picked[i] && d->rules[i].behind)
			g->passed[i] |= regex_match(d->rules[i].behind, text, len);
}

static void stop(struct printer *p, const struct rule_at *at)
{
	p->g.stopped_by = at->id;
	p->paper_end |= at->rule.effect == COUNTER_PAPER_OUT;
	p->cover_open |= at->rule.effect == COUNTER_COVER_OPEN;
	p->backlog |= at->rule.effect == COUNTER_BACKLOG;
	p->g.deep = p->backlog;
	p->g.to_reset |= at->rule.effect == COUNTER_RESET;
	p->g.unplugged |= at->rule.effect == COUNTER_UNPLUG;
}

bool desk_line(struct desk *d, struct printer *p)
{
	struct gadget *g = &p->g;

	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		if (!g->picked[i] || !meant(at, g) || at->rule.effect > COUNTER_UNPLUG ||
		    (at->behind ? !g->passed[i] : (int64_t)g->lines < at->rule.line))
			continue;
		g->picked[i] = false;
		stop(p, at);
		hit(d, g, at);
		return false;
	}
	return true;
}

bool desk_low(struct desk *d, struct gadget *g, bool told)
{
	bool low = false;

	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		if (!meant(&d->rules[i], g) || d->rules[i].rule.effect != COUNTER_PAPER_LOW)
			continue;
		low = true;
		if (told && !g->silent)
			hit(d, g, &d->rules[i]);
	}
	return low;
}

static bool welcomes(unsigned effect, enum welcome *ret)
{
	*ret = effect == COUNTER_SILENT ? WELCOME_SILENT :
	       effect == COUNTER_STALL ? WELCOME_STALL : WELCOME_BUSY;
	return *ret != WELCOME_BUSY || effect == COUNTER_BUSY;
}

enum welcome desk_connect(struct desk *d, struct gadget *g)
{
	enum welcome as;
	enum welcome ret = WELCOME;

	g->connections++;
	for (unsigned i = 0; i < COUNTER_RULES_MAX && ret == WELCOME; i++) {
		struct rule_at *at = &d->rules[i];
		if (!meant(at, g) || !welcomes(at->rule.effect, &as) ||
		    !chosen(at, g, g->connections))
			continue;
		ret = as;
		g->silent_by = at->id;
		if (ret == WELCOME_BUSY)
			hit(d, g, at);
	}
	return ret;
}

bool desk_alone(struct desk *d, const struct gadget *g)
{
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++)
		if (meant(&d->rules[i], g) && d->rules[i].rule.effect == COUNTER_ONE_CLIENT)
			return true;
	return false;
}

bool desk_stranger(struct desk *d, struct gadget *g)
{
	g->strangers++;
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		if (!meant(at, g) || at->rule.effect != COUNTER_ONE_CLIENT ||
		    !chosen(at, g, g->strangers))
			continue;
		hit(d, g, at);
		return true;
	}
	return false;
}

void desk_garble(struct desk *d, struct gadget *g, bool heard, char *bytes, size_t len)
{
	uint64_t *count = heard ? &g->heard : &g->said;

	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		if (!meant(at, g) || at->rule.effect != COUNTER_GARBLE ||
		    !(at->rule.way & (heard ? 1 : 2)))
			continue;
		for (size_t k = 0; k < len; k++) {
			uint64_t nth = 2 * (*count + k + 1) + heard;

			if (!chosen(at, g, nth))
				continue;
			bytes[k] ^= (char)(1 << draw_range((struct draw){ .seed = at->rule.seed,
					    .name = "bit", .object = g->node, .hit = nth }, 0, 6));
			hit_at(d, g, at, *count + k + 1);
		}
	}
	*count += len;
}

enum drawer desk_drawer(struct desk *d, struct gadget *g)
{
	g->pulses++;
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		if (!meant(at, g) || at->rule.effect != COUNTER_DRAWER ||
		    !chosen(at, g, g->pulses))
			continue;
		g->stopped_by = at->id;
		hit(d, g, at);
		return at->rule.way ? DRAWER_STAYS_OPEN : DRAWER_STAYS_SHUT;
	}
	return DRAWER_OPENS;
}

static void drop_chars(const struct rule_at *at, const struct gadget *g, char *code)
{
	size_t len = strlen(code), n = at->rule.way < len ? at->rule.way : len;
	size_t from = (size_t)draw_range((struct draw){ .seed = at->rule.seed, .name = "from",
					 .object = g->node, .hit = g->receipts }, 0,
					 (int64_t)(len - n));

	memmove(code + from, code + from + n, len - from - n + 1);
}

/* Any digit but the last: so the check digit does not fit. */
static void misread(const struct rule_at *at, const struct gadget *g, char *code)
{
	struct draw d = { .seed = at->rule.seed, .name = "digit", .object = g->node,
			  .hit = g->receipts };
	size_t len = strlen(code);
	int64_t where = len > 1 ? draw_range(d, 0, (int64_t)len - 2) : 0;

	if (code[where] < '0' || code[where] > '9')
		return;
	d.name = "by";
	code[where] = (char)('0' + (code[where] - '0' + draw_range(d, 1, 9)) % 10);
}

size_t desk_scan(struct desk *d, struct gadget *g, const char *code, char *ret, size_t size)
{
	char told[CODE_MAX], before[CODE_MAX];
	bool twice = false;

	g->receipts++;
	snprintf(told, sizeof(told), "%s", code);
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		if (!meant(at, g) || at->rule.effect < COUNTER_DROP_CHARS ||
		    at->rule.effect > COUNTER_MISREAD || !chosen(at, g, g->receipts))
			continue;
		memcpy(before, told, sizeof(before));
		twice |= at->rule.effect == COUNTER_DOUBLE;
		if (at->rule.effect == COUNTER_DROP_CHARS)
			drop_chars(at, g, told);
		if (at->rule.effect == COUNTER_MISREAD)
			misread(at, g, told);
		if (at->rule.effect == COUNTER_DOUBLE || !str_eq(told, before))
			hit(d, g, at);
	}
	return (size_t)snprintf(ret, size, twice ? "%s\r%s\r" : "%s\r", told, told);
}

void desk_swallowed(struct desk *d, struct gadget *g)
{
	const struct rule_at *at = &d->rules[g->silent_by % COUNTER_RULES_MAX];

	if (g->told_silent)
		return;
	g->told_silent = true;
	hit(d, g, at);
}

void desk_gone(struct desk *d, struct gadget *g)
{
	if (g->told_gone)
		return;
	g->told_gone = true;
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++)
		if (meant(&d->rules[i], g) && d->rules[i].rule.effect == COUNTER_GONE)
			hit(d, g, &d->rules[i]);
}

/* ---- orders ---- */

/* No receipt under way knows it, but whoever has a line open all day does from now on. */
static void rule_news(struct desk *d, const struct rule_at *at, unsigned i, struct gadget *g)
{
	enum welcome as;

	(void)d;
	g->picked[i] = false;
	if (meant(at, g) && g->line.open && !g->silent && !g->stalled &&
	    welcomes(at->rule.effect, &as))
		gadget_welcome(g);
	gadget_watch(g);
}

static int rule_add(struct desk *d, const struct counter_rule *r)
{
	for (unsigned i = 0; i < COUNTER_RULES_MAX; i++) {
		struct rule_at *at = &d->rules[i];

		if (at->used)
			continue;
		*at = (struct rule_at){ .used = true, .rule = *r,
					.id = d->added++ * COUNTER_RULES_MAX + i };
		if (r->behind[0] && regex_new(&at->behind, r->behind, NULL) < 0) {
			at->used = false;
			return -EINVAL;
		}
		for (unsigned k = 0; k < d->o->count; k++)
			rule_news(d, at, i, d->gadgets[k]);
		return (int)at->id;
	}
	return -ENOSPC;
}

static int rule_del(struct desk *d, unsigned id)
{
	struct rule_at *at = &d->rules[id % COUNTER_RULES_MAX];

	if (!at->used || at->id != id)
		return -ENOENT;
	at->used = false;
	regex_free(at->behind);
	at->behind = NULL;
	for (unsigned k = 0; k < d->o->count; k++) {
		struct gadget *g = d->gadgets[k];

		if (g->stopped_by == id)
			g->kind->right(g);
		if (g->silent && g->silent_by == id)
			gadget_hang_up(g, true);
		if (g->stalled && g->silent_by == id)
			g->stalled = false;
		gadget_watch(g);
		if (g->slow && at->rule.effect == COUNTER_SLOW) /* what was held back goes on */
			loop_timer_at(d->loop, &g->wake, clock_now());
	}
	return 0;
}

static struct gadget *gadget_of(struct desk *d, unsigned node)
{
	for (unsigned k = 0; k < d->o->count; k++)
		if (d->gadgets[k]->node == node)
			return d->gadgets[k];
	return NULL;
}

static int order_one(struct gadget *g, const struct counter_order *o)
{
	switch (g ? o->kind : 0) {
	case ORDER_ON:
	case ORDER_OFF:
		return gadget_power(g, o->kind == ORDER_ON, o->as);
	case ORDER_RIGHT:
		g->kind->right(g);
		return 0;
	case ORDER_BOOTED:
		return gadget_booted(g, o->pid);
	default:
		return -ENODEV;
	}
}

static int order(void *arg, const void *message, size_t len)
{
	struct desk *d = arg;
	const struct counter_order *o = message;

	if (len != sizeof(*o))
		return -EINVAL;
	switch (o->kind) {
	case ORDER_RULE_ADD:
		return rule_add(d, &o->rule);
	case ORDER_RULE_DEL:
		return rule_del(d, o->id);
	case ORDER_LAST:
		for (unsigned k = 0; k < d->o->count; k++)
			d->gadgets[k]->kind->last(d->gadgets[k]);
		return 0;
	case ORDER_WATCH:
		d->watched = o->id;
		return 0;
	case ORDER_SYNC:
		return d->failed;
	default:
		return order_one(gadget_of(d, o->id), o);
	}
}

/* ---- life ---- */

/* Several openings may have become one event: each line is asked itself. */
static void opened(struct loop_fd *fd, uint32_t events)
{
	struct desk *d = OWNER_OF(struct desk, opened, fd);
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = read(fd->fd, buf, sizeof(buf));

	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *ev = (const void *)(buf + at);

		for (unsigned k = 0; k < d->o->count; k++)
			if (line_is(&d->gadgets[k]->line) && d->gadgets[k]->line.watch == ev->wd)
				gadget_look(d->gadgets[k], ev->mask & IN_CLOSE_WRITE);
		at += (ssize_t)(sizeof(*ev) + ev->len);
	}
}

static struct gadget *gadget_new(struct desk *d, const struct desk_device *o, int door)
{
	struct gadget *g = o->kind == DEVICE_BARCODE ? scanner_new(d->loop, door) : printer_new();

	g->desk = d;
	g->node = o->node;
	memcpy(g->line.name, o->serial, sizeof(g->line.name));
	g->line.init = o->init;
	g->line.watch = -1;
	if (!strncmp(o->serial, "ttyUSB", 6))
		snprintf(g->line.link, sizeof(g->line.link), "usb-worstday_%s-if00-port0", o->id);
	else if (!strncmp(o->serial, "ttyACM", 6))
		snprintf(g->line.link, sizeof(g->line.link), "usb-worstday_%s-if00", o->id);
	return g;
}

void desk_run(struct side_far *far, const int *fds, void *opts)
{
	struct desk *d = xcalloc(1, sizeof(*d));

	d->far = far;
	d->loop = side_loop(far);
	d->o = opts;
	d->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	d->opened = (struct loop_fd){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
				      .ready = opened };
	if (d->home < 0 || d->opened.fd < 0)
		d->failed = -errno;
	else
		loop_fd_set(d->loop, &d->opened, EPOLLIN);
	d->gadgets = xcalloc(d->o->count, sizeof(struct gadget *));
	for (unsigned k = 0; k < d->o->count; k++) {
		const struct desk_device *o = &d->o->device[k];
		int door = o->door ? *fds++ : -1, r;

		if (door >= 0)
			fcntl(door, F_SETFL, O_NONBLOCK);
		d->gadgets[k] = gadget_new(d, o, door);
		r = gadget_open(d->gadgets[k], *o->serial ? -1 : door);
		d->failed = d->failed ? d->failed : r;
	}
	side_serve(far, order, d);
	/* it dies with the worker: the kernel closes what is open */
}
