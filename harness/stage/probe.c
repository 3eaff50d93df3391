/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/room.h"

size_t stage_probes(struct probe *ret, size_t max)
{
	(void)ret;
	(void)max;
	return 0;
}
