/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes what a scanner's host is posted: whole requests come out of any bytes
 * the same however they are cut, none reaches beyond what has come, and a code
 * gets one digit at most. With libFuzzer: clang
 * -fsanitize=fuzzer,address,undefined; -DFUZZ_MAIN builds a program that reads
 * the files named as arguments instead.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counter/room.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void label(const char *body, size_t len)
{
	char code[CODE_MAX], ret[CODE_MAX + 1];

	if (len >= CODE_MAX)
		return;
	memcpy(code, body, len);
	code[len] = '\0';
	barcode_label(code, ret, sizeof(ret));
	REQUIRE(!strncmp(ret, code, strlen(code)) && strlen(ret) <= strlen(code) + 1);
}

/* The bodies, one after the other, as a sum; what comes is bounded as it is by the socket. */
static uint64_t feed(const uint8_t *data, size_t size, size_t piece)
{
	char *text = malloc(REQUEST_MAX); /* its end is watched */
	size_t len = 0, at = 0, head, body;
	uint64_t sum = 5381;
	int r = 0;

	while (r >= 0 && at < size) {
		size_t n = size - at < piece ? size - at : piece;

		n = n < REQUEST_MAX - len ? n : REQUEST_MAX - len;
		memcpy(text + len, data + at, n);
		len += n;
		at += n;
		while ((r = hand_request(text, len, &head, &body)) > 0) {
			REQUIRE(head >= 4 && head + body <= len);
			label(text + head, body);
			for (size_t i = 0; i < body; i++)
				sum = sum * 33 + (uint8_t)text[head + i];
			sum = sum * 33 + 1;
			len -= head + body;
			memmove(text, text + head + body, len);
		}
	}
	free(text);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		REQUIRE(feed(data + 1, size - 1, 1) == feed(data + 1, size - 1, 1 + data[0]));
	return 0;
}

#include "tests/fuzz/replay.h"
