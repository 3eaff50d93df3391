/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A node as a cell in which crash states are tried, one after the other, when
 * the trial is over and all services have stopped: its disk's server is gone (the log is still
 * there), its data directories are plain folders on a tmpfs, and its init and network are fresh.
 * For each state the folders are emptied and filled, the node's services started, and killed again.
 * What they do is no event of the trial and leaves no log.
 */
#include "stage/room.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define DEAD_WITHIN (10 * NS_PER_S)

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
	if (r == 0)
		r = node_start(n, e);
	return r == 0 ? node_await(n, e) : r;
}

int stage_cell_start(struct stage *st, const char *node, const struct crash *c, struct err *e)
{
	struct stage_node *n = stage_node(st, node);
	char pattern[300], *patterns[] = { pattern, NULL };
	struct strlist only = { .at = patterns, .count = 1 };
	int r = data_put(n, c, e);

	snprintf(pattern, sizeof(pattern), "%s/*", node);
	for (size_t i = 0; i < st->svcs_count; i++)
		if (st->svcs[i].node == n)
			st->svcs[i].starts = 0; /* each state has the whole patience */
	return r < 0 ? r : stage_start_only(st, &only, e);
}

static bool any_up(const struct stage_node *n)
{
	for (size_t i = 0; i < n->st->svcs_count; i++)
		if (n->st->svcs[i].node == n && n->st->svcs[i].proc)
			return true;
	return false;
}

int stage_cell_stop(struct stage *st, const char *node, struct err *e)
{
	struct stage_node *n = stage_node(st, node);
	int64_t by = clock_now() + DEAD_WITHIN;
	int r = 0;

	st->stopping = true;
	for (size_t i = 0; i < st->svcs_count; i++) {
		struct svc *s = &st->svcs[i];

		if (s->node != n)
			continue;
		svc_stop(s);
		if (s->proc)
			proc_signal(s->proc, SIGKILL, true);
	}
	while (r == 0 && any_up(n)) {
		st->wake = false;
		r = loop_run_until(st->o.loop, &st->wake, by);
	}
	return r < 0 ? err_errno(e, -r, "ending what ran on a crash state") : 0;
}
