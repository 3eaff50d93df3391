/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the reader of bundles: whatever it is given, an entry lies within the text, its name stays
 * below the folder it would be written to, and the walk ends. Built like the other fuzzers.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "explore/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void name_stays(const char *name)
{
	int depth = 0;

	REQUIRE(name[0] && name[0] != '/' && strlen(name) <= TAR_NAME_MAX + 1);
	for (const char *p = name; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
		size_t n = strcspn(p, "/");

		depth += n == 2 && p[0] == '.' && p[1] == '.' ? -1 : 1;
		REQUIRE(n > 0 && depth > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct tar_entry t;
	struct err e = {0};
	size_t at = 0, before = 0;

	while (tar_next(text, size, &at, &t, &e) == 1) {
		REQUIRE(at > before && at <= size);
		REQUIRE(t.data >= text && t.data + t.len <= text + size);
		name_stays(t.name);
		before = at;
	}
	return 0;
}

#include "tests/fuzz/replay.h"
