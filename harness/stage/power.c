/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The power of one node. Off, in this order:
 *
 *   the wire   drops everything to and from it: whatever it still says nobody hears, and its peers
 *              see a line that has gone silent, not a connection that was closed
 *   the disk   lets no operation begin any more (disk_hold)
 *   init       is killed, and with PID 1 the kernel kills the whole node at once
 *   the disk   lets go of who waits for it: they die without seeing an answer
 *   sockets    of its network are destroyed, so that no kernel repeats anything for the dead
 *   the data   are what a power cut leaves of them: the caller says what (stage_power_data)
 *
 * and on: the disk is served anew from what it was left with, nothing of it cached; a new init, in
 * the same network, builds a new root (what was in /tmp, /run and /dev/shm is gone), for which
 * nobody waits; when it says that it has, what hangs on the node is there again (when_on), the wire
 * lets through, and every service that had been started is started, in `after:` order among those
 * of the node. What is asked of its services meanwhile (a restart, the end of a hold) waits for
 * that.
 */
#include "stage/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "disk/durable.h"
#include "wire/rule.h"

#define UP_WITHIN (10 * NS_PER_S)

/* ---- the wire ---- */

static void nobody_hears(void *arg, const struct wire_hit *h)
{
	(void)arg;
	(void)h;
}

static int wire_off(struct stage_node *n, int fault, struct err *e)
{
	struct stage *st = n->st;
	struct wire_rule rule = { .effect = WIRE_DROP, .fault = fault, .way = WIRE_BOTH,
				  .gate = gate_all(), .chance = 1 };

	snprintf(rule.name, sizeof(rule.name), "power.%u", n->index);
	rule.a[n->index / 64] = UINT64_C(1) << n->index % 64;
	for (size_t i = 0; i < st->nodes_count; i++)
		if (i != n->index)
			rule.b[i / 64] |= UINT64_C(1) << i % 64;
	return wire_rule_add(st->slot->wire, st->o.loop, &rule, nobody_hears, n, &n->silence, e);
}

/* ---- the processes ---- */

/* They are dead, which the loop will hear of; we may be in the middle of a line of one of them. */
static unsigned bury(struct stage_node *n)
{
	unsigned count = 0;

	for (struct proc *p = n->st->procs; p; p = p->next) {
		if (p->node != n || p->cut)
			continue;
		p->cut = p->swept = true;
		count += p->main != 0;
	}
	return count;
}

int power_kill(struct stage_node *n, struct err *e)
{
	struct stage *st = n->st;
	unsigned count;
	int r = n->disk ? disk_hold(n->disk, e) : 0;

	if (r < 0)
		return r;
	n->off = true;
	for (size_t i = 0; i < st->svcs_count; i++) {
		struct svc *s = &st->svcs[i];

		if (s->node != n)
			continue;
		s->by_us |= s->proc != NULL;
		loop_timer_cancel(st->o.loop, &s->restart);
	}
	node_kill(n);
	if (n->disk)
		r = disk_die(n->disk, e);
	node_reap(n);
	count = bury(n);
	if (r == 0)
		r = net_clean(st->slot, n->net, e);
	return r < 0 ? r : (int)count;
}

int stage_power_off(struct stage *st, const char *node, int fault, struct err *e)
{
	struct stage_node *n = stage_node(st, node);
	int r;

	if (!n)
		return err_set(e, ENOENT, "there is no node %s", node);
	if (n->off)
		return -EALREADY;
	r = wire_off(n, fault, e);
	if (r == 0)
		r = power_kill(n, e);
	return r < 0 ? err_wrap(e, "switching node %s off", node) : r;
}

/* Lines into a file of the trial's logs, as far as its cap goes. */
static void append(const struct stage *st, const char *node, const struct buf *b)
{
	cleanup_free char *path = xasprintf("%s/disk.%s.ndjson", st->logs, node);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
				    0644);
	int64_t left = fd < 0 ? 0 : st->o.log_cap - (int64_t)lseek(fd, 0, SEEK_END);
	size_t n = left < 0 ? 0 : (size_t)left < b->len ? (size_t)left : b->len;

	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, b->data + done, n - done);

		if (w <= 0)
			return; /* evidence; what it is evidence for is in the events */
		done += (size_t)w;
	}
}

static void tell_disk(const struct stage_node *n, bool cut)
{
	const struct stage *st = n->st;
	struct history *h;
	struct buf b = { 0 };
	size_t bytes = 0;
	const void *log = n->disk ? disk_log(n->disk, &bytes) : NULL;

	if (!log || !st->logs || history_new(&h, log, bytes, NULL) < 0)
		return;
	history_tell(h, st->o.epoch_ns, &b);
	if (cut)
		buf_printf(&b, "{\"op\":{\"t_ns\":%lld,\"what\":\"power cut\",\"file\":\"\"}}\n",
			   (long long)(clock_now() - st->o.epoch_ns));
	append(st, n->conf->name, &b);
	buf_done(&b);
	history_free(h);
}

void stage_disks_tell(struct stage *st)
{
	for (size_t i = 0; i < st->nodes_count; i++)
		if (!st->nodes[i].off) /* else it was told */
			tell_disk(&st->nodes[i], false);
}

int stage_power_data(struct stage *st, const char *node, const struct crash *c, struct err *e)
{
	struct stage_node *n = stage_node(st, node);

	if (!n || !n->off || !n->disk)
		return err_set(e, EINVAL, "node %s has no disk that is off", node);
	disk_off(n->disk);
	tell_disk(n, true);
	return data_replace(n, c, e);
}

/* ---- on again ---- */

/* Does a service of the same node, wanted like this one, have to be ready first? */
static bool waits(const struct svc *s)
{
	for (size_t a = 0; a < s->conf->after.count; a++) {
		const char *after = s->conf->after.at[a];
		const char *slash = strchr(after, '/');

		for (size_t i = 0; i < s->st->svcs_count; i++) {
			const struct svc *first = &s->st->svcs[i];

			if (first->node == s->node && first != s && first->wanted &&
			    !first->ready && !first->held &&
			    (slash ? str_glob(after, first->name)
				   : str_eq(after, first->conf->name)))
				return true;
		}
	}
	return false;
}

void power_boot(struct stage_node *n)
{
	for (size_t i = 0; i < n->st->svcs_count; i++) {
		struct svc *s = &n->st->svcs[i];

		if (s->node != n || !s->booting || s->proc || s->held || waits(s))
			continue;
		s->booting = false;
		svc_start(s, NULL);
	}
}

void power_forget(struct stage_node *n)
{
	loop_timer_cancel(n->st->o.loop, &n->on_at);
	if (n->rises.armed)
		loop_fd_set(n->st->o.loop, &n->rises, 0);
}

int power_risen(struct stage_node *n, struct err *e)
{
	struct stage *st = n->st;
	int r = node_await(n, e);

	return r == 0 && st->when_on ? st->when_on(st->when_on_arg, n->conf->name, e) : r;
}

/* Its init has built the root, or failed to. */
static int is_up(struct stage_node *n, struct err *e)
{
	struct stage *st = n->st;
	int r;

	power_forget(n);
	n->rising = false;
	r = power_risen(n, e);
	if (r < 0)
		return r;
	n->off = false;
	r = wire_rule_del(st->slot->wire, n->silence, e);
	for (size_t i = 0; i < st->svcs_count; i++)
		if (st->svcs[i].node == n)
			st->svcs[i].booting = st->svcs[i].wanted;
	if (r == 0 && !st->stopping)
		power_boot(n);
	return r;
}

static void rise(struct stage_node *n)
{
	struct err e = { 0 };

	if (is_up(n, &e) < 0 && !n->st->lost.code) {
		err_wrap(&e, "switching node %s on", n->conf->name);
		n->st->lost = e;
	}
	n->st->wake = true;
}

static void on_risen(struct loop_fd *f, uint32_t events)
{
	(void)events;
	rise(container_of(f, struct stage_node, rises));
}

/* It says so when it is asked, then. */
static void on_late(struct loop_timer *t, int64_t now_ns)
{
	(void)now_ns;
	rise(container_of(t, struct stage_node, on_at));
}

int stage_power_on(struct stage *st, const char *node, struct err *e)
{
	struct stage_node *n = stage_node(st, node);
	int r;

	if (!n || !n->off || n->rising)
		return 0;
	loop_timer_cancel(st->o.loop, &n->on_at);
	r = n->disk ? data_serve(n, e) : 0;
	if (r == 0)
		r = node_start(n, e);
	if (r < 0)
		return err_wrap(e, "switching node %s on", node);
	n->rising = true;
	n->rises = (struct loop_fd){ .fd = n->ctl, .ready = on_risen };
	n->on_at.fire = on_late;
	loop_timer_at(st->o.loop, &n->on_at, clock_now() + UP_WITHIN);
	r = loop_fd_set(st->o.loop, &n->rises, EPOLLIN);
	return r < 0 ? err_errno(e, -r, "waiting for node %s", node) : 0;
}

static void on_time(struct loop_timer *t, int64_t now_ns)
{
	struct stage_node *n = container_of(t, struct stage_node, on_at);
	struct err e = { 0 };

	(void)now_ns;
	if (stage_power_on(n->st, n->conf->name, &e) < 0 && !n->st->lost.code)
		n->st->lost = e;
}

void stage_power_on_at(struct stage *st, const char *node, int64_t at_ns)
{
	struct stage_node *n = stage_node(st, node);

	if (!n || !n->off || n->rising)
		return;
	n->on_at.fire = on_time;
	loop_timer_at(st->o.loop, &n->on_at, at_ns);
}

void stage_when_on(struct stage *st, int (*fn)(void *arg, const char *node, struct err *e),
		   void *arg)
{
	st->when_on = fn;
	st->when_on_arg = arg;
}

pid_t stage_init(struct stage *st, const char *node)
{
	const struct stage_node *n = stage_node(st, node);

	return n ? n->init : 0;
}

bool stage_power(struct stage *st, const char *node)
{
	const struct stage_node *n = stage_node(st, node);

	return n && !n->off;
}
