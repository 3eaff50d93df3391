/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the JSON reader: what json_parse accepts must be walkable without
 * leaving the text, and every string in it must survive writing and reading.
 * With libFuzzer: clang -fsanitize=fuzzer,address,undefined. Without it, build
 * with -DFUZZ_MAIN: the inputs are then the files named as arguments.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

/* rewrite - a string, written and read again, is the same string. */
static void rewrite(const struct json_val *v)
{
	struct buf once = {0}, json = {0}, twice = {0};
	struct json_val again;

	json_string(v, &once);
	json_add_stringn(&json, once.data ? once.data : "", once.len);
	REQUIRE(json_parse(json.data, json.len, &again, NULL) == 0);
	json_string(&again, &twice);
	/* bytes that are not UTF-8 become U+FFFD once, and then stay */
	buf_reset(&json);
	json_add_stringn(&json, twice.data ? twice.data : "", twice.len);
	REQUIRE(json_parse(json.data, json.len, &again, NULL) == 0);
	buf_reset(&once);
	json_string(&again, &once);
	REQUIRE(once.len == twice.len);
	REQUIRE(!once.len || memcmp(once.data, twice.data, once.len) == 0);
	buf_done(&once);
	buf_done(&json);
	buf_done(&twice);
}

static void walk(const struct json_val *v, const struct json_val *root)
{
	struct json_val key, val;
	struct json_iter it;
	int64_t i;
	double d;

	REQUIRE(v->len && v->at >= root->at && v->at + v->len <= root->at + root->len);
	if (v->type == JSON_STRING)
		rewrite(v);
	if (v->type == JSON_NUMBER && json_int64(v, &i) == 0)
		REQUIRE(json_double(v, &d) == 0 && d == (double)i);
	json_iter_init(&it, v);
	while (json_next(&it, &key, &val)) {
		if (v->type == JSON_OBJECT)
			rewrite(&key);
		walk(&val, root);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char pointer[32] = "";
	struct json_val v;

	if (json_parse((const char *)data, size, &v, NULL) < 0)
		return 0;
	walk(&v, &v);
	memcpy(pointer, data, size < sizeof(pointer) - 1 ? size : sizeof(pointer) - 1);
	json_pointer(&v, pointer);
	json_get(&v, pointer);
	/* what was accepted is accepted again, alone */
	REQUIRE(json_parse(v.at, v.len, &v, NULL) == 0);
	return 0;
}

#include "tests/fuzz/replay.h"
