/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_STAGE_USAGE_H
#define WD_STAGE_USAGE_H

/*
 * What the processes of a node use: looked up in /proc and at their CPU clocks,
 * from outside, by whoever is in the worker's PID namespace.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** struct usage - one node's, over time. Zero-initialise; usage_done frees. */
struct usage {
	struct usage_seen {
		pid_t pid;
		int64_t cpu_ns;
		uint64_t round;
	} * at; /* owned: processes that were there the last time */
	size_t count, cap;
	uint64_t round;
	int64_t cpu_ns; /* of all processes there ever were, as far as seen: never falls */
};
/** struct node_usage - now: bytes resident (shared pages count for each), descriptors, processes.
 */
struct node_usage {
	int64_t cpu_ns, memory, files, processes;
};
/**
 * usage_look - @init: of stage_init. The node's init and keepers are ours and do not count. What a
 * process used since it was last looked at is lost when it ends.
 */
void usage_look(struct usage *u, pid_t init, struct node_usage *ret);
void usage_done(struct usage *u);

#endif
