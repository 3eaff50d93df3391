/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/links.h"

#include "stage/room.h"

struct wire *stage_wire(struct stage *st)
{
	return st->slot->wire;
}
