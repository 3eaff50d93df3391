/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for system calls and errnos, and what arguments must be ("2: 0x80000&0x80000"), as a file
 * may have them: each line of the input is one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "calls/table.h"

/* What is read says itself again, and is read as the same. */
static void argument(char *line)
{
	char *value = strchr(line, ':'), key[32], again[64];
	struct calls_arg a, b;

	if (!value)
		return;
	*value++ = '\0';
	value += *value == ' ';
	if (calls_arg_read(line, value, &a)) {
		if (a.index >= CALLS_ARGS || a.value & ~a.mask)
			abort();
		snprintf(key, sizeof(key), "%u", a.index);
		snprintf(again, sizeof(again), "%#llx&%#llx", (unsigned long long)a.value,
			 (unsigned long long)a.mask);
		if (!calls_arg_read(key, again, &b) || a.index != b.index || a.mask != b.mask ||
		    a.value != b.value)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *save = NULL;

	for (char *w = strtok_r(text, "\n", &save); w; w = strtok_r(NULL, "\n", &save)) {
		struct calls_set set = { { 0 } };
		const char *why;
		int r = calls_word(w, &set, &why);
		bool any = false;

		for (unsigned i = 0; i < CALLS_MAX; i++) {
			any |= calls_has(&set, i);
			if (calls_has(&set, i) && i >= calls_count)
				abort();
		}
		if (any != (r == 0) || (r < 0 && !why != (r != -1)))
			abort();
		if (calls_errno(w) && !calls_can_fail(&calls_table[0], w) &&
		    calls_errno(w) == calls_errno("EIO"))
			abort();
		argument(w);
	}
	free(text);
	return 0;
}

#include "tests/fuzz/replay.h"
