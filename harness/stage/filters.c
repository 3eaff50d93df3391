/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose system calls are looked at: services, never what the harness itself asks in a node, nor a
 * driver. The supervisor lives as long as the stage; a service's filter is made when it first
 * starts and is the same for all its runs.
 */
#include "stage/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "stage/links.h"

/* All of that node's disk is durable now; the program that asked for it waits until we know. */
static void on_sync(void *arg, unsigned node, const char *process, bool all)
{
	struct stage *st = arg;

	(void)process;
	(void)all;
	if (node < st->nodes_count && st->nodes[node].disk && !st->nodes[node].off)
		disk_sync(st->nodes[node].disk, NULL); /* it is gone: stage_alive says so */
}

static int tell_syncs(struct stage *st, struct err *e)
{
	uint64_t nodes[CALLS_NODES_MAX / 64] = { 0 };
	bool any = false;

	for (size_t i = 0; i < st->nodes_count; i++) {
		if (!data_on_disk(&st->nodes[i]))
			continue;
		nodes[i / 64] |= UINT64_C(1) << i % 64;
		any = true;
	}
	return any ? calls_on_sync(st->calls, st->o.loop, nodes, on_sync, st, e) : 0;
}

int filters_open(struct stage *st, struct err *e)
{
	int r;

	const struct target *t = st->o.target;
	cleanup_free struct calls_node *nodes = xcalloc(t->nodes_count + 1, sizeof(*nodes));
	struct calls_opts o = { .watch = st->o.calls, .watch_count = st->o.calls_count,
				.nodes = nodes, .nodes_count = target_wired(t) };

	if (!st->o.calls_count)
		return 0;
	for (size_t i = 0; i < o.nodes_count; i++) {
		snprintf(nodes[i].name, sizeof(nodes[i].name), "%s", t->nodes[i].name);
		snprintf(nodes[i].addr4, sizeof(nodes[i].addr4), WIRE_ADDR4_FMT,
			 (unsigned)i + 1);
		snprintf(nodes[i].addr6, sizeof(nodes[i].addr6), WIRE_ADDR6_FMT,
			 (unsigned)i + 1);
	}
	r = calls_new(&st->calls, &o, e);
	return r < 0 ? r : tell_syncs(st, e);
}

int filters_order(const struct stage_node *n, const char *process, struct order *ret, struct err *e)
{
	char service[CALLS_NAME], *slash;

	if (!n->st->calls || !process)
		return 0;
	snprintf(service, sizeof(service), "%s", process);
	slash = strrchr(service, '/');
	if (slash)
		*slash = '\0';
	ret->node = n->index;
	ret->process = process;
	return calls_program(n->st->calls, n->index, service, &ret->filter, e);
}

struct calls *stage_calls(struct stage *st)
{
	return st->calls;
}
