/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_STAGE_LINKS_H
#define WD_STAGE_LINKS_H

/* What faults act on: the links between a stage's nodes, their disks, their preloaded library. */
#include <stdbool.h>
#include <stddef.h>

struct calls;
struct disk;
struct shim;
struct stage;
struct wire;
/** stage_wire - borrowed. A node's index on it is its place in the target's `nodes:`. */
struct wire *stage_wire(struct stage *st);
/** stage_probe_netem - may faults have `backend: netem` here? Tried in a child; -EOPNOTSUPP and
 * why, with the remedy. @bucket: with a token bucket. */
int stage_probe_netem(bool bucket, char *why, size_t why_len);
/** stage_disk - of that node; borrowed; NULL: it has none of ours. */
struct disk *stage_disk(struct stage *st, const char *node);
/** stage_shim - the library preloaded into that node's services; borrowed; NULL: none is. */
struct shim *stage_shim(struct stage *st, const char *node);
/** stage_calls - the supervisor of system calls; borrowed; NULL: nobody's calls are looked at. */
struct calls *stage_calls(struct stage *st);

#endif
