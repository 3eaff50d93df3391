/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the bank: the input is what tills send on one connection. Whatever it
 * is, requests do not overlap, an answer is one HTTP answer of JSON, and money
 * adds up: nothing is captured beyond what was authorised, nothing given back
 * beyond that. With libFuzzer: clang -fsanitize=fuzzer,address,undefined;
 * -DFUZZ_MAIN builds a program that reads the files named as arguments instead.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bank/room.h"
#include "base/json.h"
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void on_record(void *arg, const struct bank_rec *r)
{
	(void)arg;
	REQUIRE(r->amount > 0 && r->what && r->rrn && r->key[0]);
}

static void check_answer(const struct bank_answer *a)
{
	struct buf out = {0};
	struct json_val v;
	const char *body;

	REQUIRE(a->captured <= a->authorised && a->reversed <= a->authorised);
	api_write(&out, a, true);
	body = strstr(out.data, "\r\n\r\n") + 4;
	REQUIRE(json_parse(body, out.len - (size_t)(body - out.data), &v, NULL) == 0);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	struct accounts *bank = accounts_new(on_record, NULL);
	struct http_request h;
	int64_t used;
	int status;

	while ((used = http_read(p, (size_t)(end - p), &h, &status)) > 0) {
		struct bank_request r;
		struct bank_answer a;
		const char *why;

		REQUIRE(used <= end - p);
		REQUIRE(!h.body_len || h.body + h.body_len <= p + used);
		if (api_read(&h, "reference", &r, &status, &why) == API_PAYMENT) {
			accounts_reference(bank, &r);
			accounts_nth(bank, r.op, r.reference);
			accounts_do(bank, &r, 1, size & 1 ? "51" : NULL, &a);
			check_answer(&a);
		}
		p += used;
	}
	REQUIRE(used == 0 || (used == -EPROTO && status >= 400));
	accounts_free(bank);
	return 0;
}

#include "tests/fuzz/replay.h"
