/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a target the harness itself plays: the bank (a node's `bank:`). It is
 * a host on the wire, so every fault on links is good for it too.
 */
#include "conf/target.h"

const struct node *target_bank(const struct target *t)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		if (t->nodes[i].bank.http)
			return &t->nodes[i];
	return NULL;
}
