/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_STAGE_PORTS_H
#define WD_STAGE_PORTS_H

/* A node without a free port to open a connection from. */
#include <stdbool.h>
#include <stdint.h>

struct err;
struct loop;
struct stage;
struct stage_ports;

/** struct ports_failed - a connect() that found no port, told when its socket is closed. */
struct ports_failed {
	bool v6;
	uint8_t addr[16]; /* where it was to lead: 4 or 16 bytes */
};
/**
 * stage_ports_take - from when this returns no TCP socket of the node gets a port by itself;
 * existing connections and explicit ports stay. fn is called from the loop for every connect that
 * failed for want of one. The answer is owned by the caller.
 */
int stage_ports_take(struct stage *st, const char *node, struct loop *loop,
		     void (*fn)(void *arg, const struct ports_failed *f), void *arg,
		     struct stage_ports **ret, struct err *e);
/** stage_ports_give - ports as before; what failed until now is told first. NULL: nothing. */
int stage_ports_give(struct stage_ports *p, uint64_t *ret_missed, struct err *e);

#endif
