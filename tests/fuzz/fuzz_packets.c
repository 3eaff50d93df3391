/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the reading of wire.pcapng for a story: the input is such a file, cut or damaged anywhere,
 * in a block of exactly its size. Held: nothing beside it is read; a line without a hit gets no
 * packet; numbers count from 1 and are no more than there could be blocks.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "report/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct story_line at[] = {{.fault = 0, .hit = 1},
				  {.fault = 0, .hit = 7},
				  {.fault = 1, .hit = 7},
				  {.fault = -1},
				  {.fault = 2}};
	struct story s = {.at = at, .count = sizeof(at) / sizeof(*at)};
	uint8_t *copy = xmalloc(size + !size);

	memcpy(copy, data, size);
	packets_read(&s, copy, size);
	for (size_t i = 0; i < s.count; i++)
		REQUIRE(at[i].packet >= 0 && (size_t)at[i].packet <= size / 12);
	REQUIRE(!at[3].packet && !at[4].packet);
	free(copy);
	return 0;
}

#include "tests/fuzz/replay.h"
