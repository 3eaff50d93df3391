/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes ZVT: the input is what a till sends to a card terminal on one connection. Whatever it is,
 * messages and fields lie inside it, and what was read is written as it was, but for a length in
 * its long form that was not needed. With libFuzzer: clang -fsanitize=fuzzer,address,undefined;
 * -DFUZZ_MAIN builds a program that reads the files named as arguments instead.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "terminal/zvt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void check_fields(const struct zvt_apdu *a)
{
	for (unsigned field = 0; field < 256; field++) {
		size_t n;
		const uint8_t *at = zvt_find(a->data, a->len, field, &n);

		REQUIRE(at ? at >= a->data && at + n <= a->data + a->len : !n || n == SIZE_MAX);
		if (at)
			REQUIRE(zvt_bcd(at, n) >= -1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *p = data, *end = data + size;
	struct zvt_apdu a;
	int64_t used;

	while ((used = zvt_frame(p, (size_t)(end - p), &a)) > 0) {
		struct buf b = { 0 };

		REQUIRE(used <= end - p && a.data + a.len == p + used);
		check_fields(&a);
		zvt_write(&b, a.code, a.data, a.len);
		REQUIRE(b.len == (size_t)used || (p[2] == 0xff && a.len < 0xff));
		REQUIRE(b.len != (size_t)used || !memcmp(b.data, p, b.len));
		buf_done(&b);
		p += used;
	}
	REQUIRE(used == 0 || used == -EMSGSIZE);
	return 0;
}

#include "tests/fuzz/replay.h"
