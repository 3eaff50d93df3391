/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_STAGE_LINKS_H
#define WD_STAGE_LINKS_H

/* The links between a stage's nodes, for the faults that act on them. */
struct stage;
struct wire;
/** stage_wire - borrowed. A node's index on it is its place in the target's `nodes:`. */
struct wire *stage_wire(struct stage *st);

#endif
