/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_STAGE_ZONE_H
#define WD_STAGE_ZONE_H

/* Another time zone under a node's programs. */
#include <stddef.h>

struct err;
struct loop;
struct stage;
struct stage_zone;

#define ZONE_DIR "/usr/share/zoneinfo"

/**
 * stage_zone_take - from when this returns the node's /etc/localtime is `zone` ("Asia/Tokyo", as
 * the node has it below ZONE_DIR), and /etc/timezone its name. fn is called from the loop with how
 * often it has been opened since it was last called: by whom, nobody can tell. Where several
 * overlap the last counts. The answer is owned by the caller. -ENOENT: no such zone there;
 * -ENOTCONN: the node is off.
 */
int stage_zone_take(struct stage *st, const char *node, const char *zone, struct loop *loop,
		    void (*fn)(void *arg, size_t times), void *arg, struct stage_zone **ret,
		    struct err *e);
/** stage_zone_give - as before; what was opened until now is told first. NULL: nothing. A node that
 * has lost its power meanwhile has its own zone already. */
int stage_zone_give(struct stage_zone *z, struct err *e);

#endif
