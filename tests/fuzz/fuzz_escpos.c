/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the printer's mind: the first byte of the input says how often a
 * printer says "not now" and in what pieces the rest comes. Whatever they are,
 * every byte is taken in the end, a line is UTF-8 and not too long, and the
 * pieces make no difference. With libFuzzer: clang
 * -fsanitize=fuzzer,address,undefined; -DFUZZ_MAIN builds a program that reads
 * the files named as arguments instead.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "counter/escpos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

struct seen {
	uint64_t sum;       /* of all that came, in its order */
	unsigned turn, every;
};

static void add(struct seen *s, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++)
		s->sum = (s->sum ^ b[i]) * UINT64_C(0x100000001b3);
}

static bool now(struct seen *s)
{
	return !s->every || ++s->turn % (s->every + 1) == 0;
}

static bool on_line(void *arg, const char *text, size_t len)
{
	struct buf once = {0};
	struct json_val v;

	REQUIRE(len <= ESCPOS_LINE_MAX);
	if (!now(arg))
		return false;
	json_add_stringn(&once, text, len);
	REQUIRE(json_parse(once.data, once.len, &v, NULL) == 0);
	REQUIRE(!strstr(once.data, "\xef\xbf\xbd")); /* no byte had to be replaced */
	buf_done(&once);
	add(arg, text, len);
	add(arg, "|", 1);
	return true;
}

static bool on_cut(void *arg)
{
	if (!now(arg))
		return false;
	add(arg, "C", 1);
	return true;
}

static bool on_pulse(void *arg, int pin)
{
	REQUIRE(pin == 2 || pin == 5);
	if (!now(arg))
		return false;
	add(arg, "P", 1);
	return true;
}

static void on_ask(void *arg, enum escpos_ask what, int n)
{
	int both[] = {(int)what, n};

	add(arg, both, sizeof(both));
}

static void on_begin(void *arg)
{
	add(arg, "B", 1);
}

static uint64_t feed(const uint8_t *data, size_t size, size_t piece, unsigned every)
{
	struct seen s = {.every = every};
	struct escpos_out out = {.arg = &s, .line = on_line, .cut = on_cut, .pulse = on_pulse,
				 .ask = on_ask, .begin = on_begin};
	struct escpos p = {0};
	size_t at = 0, idle = 0;

	while (at < size) {
		size_t n = size - at < piece ? size - at : piece;
		size_t used = escpos_feed(&p, &out, data + at, n);

		REQUIRE(used <= n);
		idle = used ? 0 : idle + 1;
		REQUIRE(idle < 64); /* "not now" is not "never" */
		at += used;
	}
	return s.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	REQUIRE(feed(data + 1, size - 1, size, 0) ==
		feed(data + 1, size - 1, 1 + data[0] % 16, data[0] / 64));
	return 0;
}

#include "tests/fuzz/replay.h"
