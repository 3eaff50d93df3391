/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/links.h"

#include "stage/room.h"

struct wire *stage_wire(struct stage *st)
{
	return st->slot->wire;
}

struct disk *stage_disk(struct stage *st, const char *node)
{
	const struct stage_node *n = stage_node(st, node);

	return n ? n->disk : NULL;
}

struct shim *stage_shim(struct stage *st, const char *node)
{
	const struct stage_node *n = stage_node(st, node);

	return n ? n->shim : NULL;
}
