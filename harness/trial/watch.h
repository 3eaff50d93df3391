/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_WATCH_H
#define WD_TRIAL_WATCH_H

/*
 * What the nodes use while the shop is open: CPU, memory, descriptors, the time
 * their disk takes, packets sent again. A process beside the worker looks, so
 * that no sale and no fault ever waits for it.
 */
#include <stdint.h>

struct err;
struct stage;
struct target;
struct watch;

#define WATCH_FILE "nodes.ndjson" /* read by report/series.h; what is missing is missing there */

/** watch_begin - into DIR/nodes.ndjson from now on; of nodes that have services. @epoch_ns: of the
 * events. */
int watch_begin(struct watch **ret, struct stage *st, const struct target *t, const char *dir,
		int64_t epoch_ns, struct err *e);
/** watch_tick - tell it where the nodes' processes are now; often, it costs nothing. */
void watch_tick(struct watch *w);
void watch_end(struct watch *w);

#endif
