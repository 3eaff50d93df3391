/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A node as a cell in which crash states are tried, one after the other, when
 * the trial is over and all services have stopped: its disk's server is gone (the log is still
 * there), its data directories are plain folders on a tmpfs, and its init and network are fresh.
 * For each state the folders are emptied and filled, the node's services started, and killed again.
 * What they do is no event of the trial and leaves no log; but for one state it may be asked for:
 * the cell is then built anew around a disk that keeps one, and is a plain one again afterwards.
 */
#include "stage/room.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define DEAD_WITHIN (10 * NS_PER_S)

/* Nothing runs in it: the same node with a fresh root, around what its data lie on now. */
static int build(struct stage_node *n, struct err *e)
{
	int r = node_start(n, e);

	return r == 0 ? power_risen(n, e) : r;
}

int stage_cell_open(struct stage *st, const char *node, struct err *e)
{
	struct stage_node *n = stage_node(st, node);
	int r;

	if (!n || !n->disk || n->off)
		return err_set(e, EINVAL, "node %s has no disk with power", node);
	st->o.hooks.service = NULL;
	st->o.logs = NULL;
	node_kill(n);
	disk_off(n->disk);
	node_reap(n);
	for (struct proc *p = st->procs; p; p = p->next)
		p->cut |= p->node == n;
	r = data_plain(n, e);
	if (r == 0)
		r = net_clean(st->slot, n->net, e);
	return r == 0 ? build(n, e) : r;
}

static int start_all(struct stage_node *n, struct err *e)
{
	struct stage *st = n->st;
	char pattern[300], *patterns[] = { pattern, NULL };
	struct strlist only = { .at = patterns, .count = 1 };

	snprintf(pattern, sizeof(pattern), "%s/*", n->conf->name);
	for (size_t i = 0; i < st->svcs_count; i++)
		if (st->svcs[i].node == n)
			st->svcs[i].starts = 0; /* each state has the whole patience */
	return stage_start_only(st, &only, e);
}

int stage_cell_start(struct stage *st, const char *node, const struct crash *c, struct err *e)
{
	struct stage_node *n = stage_node(st, node);

	if (data_put(n, c, e) < 0)
		return -EPIPE; /* this host, and not the state */
	return start_all(n, e);
}

static bool any_up(const struct stage_node *n)
{
	for (size_t i = 0; i < n->st->svcs_count; i++)
		if (n->st->svcs[i].node == n && n->st->svcs[i].proc)
			return true;
	return false;
}

/* Killed, and heard of. */
static int await_dead(struct stage_node *n, struct err *e)
{
	struct stage *st = n->st;
	int64_t by = clock_now() + DEAD_WITHIN;
	int r = 0;

	while (r == 0 && any_up(n)) {
		st->wake = false;
		r = loop_run_until(st->o.loop, &st->wake, by);
	}
	return r < 0 ? err_errno(e, -r, "ending what ran on a crash state") : 0;
}

int stage_cell_stop(struct stage *st, const char *node, struct err *e)
{
	struct stage_node *n = stage_node(st, node);

	st->stopping = true;
	for (size_t i = 0; i < st->svcs_count; i++) {
		struct svc *s = &st->svcs[i];

		if (s->node != n)
			continue;
		svc_stop(s);
		if (s->proc)
			proc_signal(s->proc, SIGKILL, true);
	}
	return await_dead(n, e);
}

/* ---- a recovery that is cut ---- */

/* The cell around a disk again, with this on it. */
static int disk_in(struct stage_node *n, const struct crash *c, struct err *e)
{
	int r;

	node_kill(n);
	node_reap(n);
	for (struct proc *p = n->st->procs; p; p = p->next)
		p->cut |= p->node == n;
	r = data_replace(n, c, e);
	if (r == 0)
		r = data_serve(n, e);
	if (r == 0)
		r = net_clean(n->st->slot, n->net, e);
	return r == 0 ? build(n, e) : r;
}

static int disk_out(struct stage_node *n, struct disk_log *ret_log, struct err *e)
{
	int r;

	n->st->stopping = true;
	r = power_kill(n, e);
	if (r >= 0)
		r = await_dead(n, e);
	n->off = false;
	disk_off(n->disk);
	*ret_log = disk_log_take(n->disk);
	if (r == 0)
		r = data_plain(n, e);
	return r == 0 ? build(n, e) : r;
}

int stage_cell_recover(struct stage *st, const char *node, const struct crash *c,
		       struct disk_log *ret_log, struct err *e)
{
	struct stage_node *n = stage_node(st, node);
	struct err mine = { 0 };
	int r, out;

	*ret_log = (struct disk_log){ 0 };
	if (disk_in(n, c, e) < 0) {
		err_wrap(e, "a cell with a disk");
		return -EPIPE;
	}
	r = start_all(n, e);
	out = disk_out(n, ret_log, &mine);
	if (r == 0 && out == 0)
		return 0;
	disk_log_done(ret_log);
	if (out < 0) {
		*e = mine;
		return -EPIPE;
	}
	return r;
}
