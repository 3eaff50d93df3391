/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gate.h"

#include <stdio.h>

#include "base/draw.h"

struct gate gate_all(void)
{
	return (struct gate){ .first = INT64_MIN, .probability = -1 };
}

static bool in_range(const struct gate *g, int64_t n)
{
	int64_t step = g->step > 0 ? g->step : 1;

	if (g->first == INT64_MIN)
		return true;
	return n >= g->first && n <= g->last && (n - g->first) % step == 0;
}

bool gate_lets(const struct gate *g, int64_t n, uint64_t object, uint64_t hit)
{
	char name[64];

	if (!in_range(g, n))
		return false;
	if (g->probability < 0)
		return true;
	snprintf(name, sizeof(name), "fault.%d.probability", g->fault);
	return draw_chance((struct draw){ .seed = g->seed, .name = name, .object = object,
					  .hit = hit }, g->probability);
}
