/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the bank's ISO 8583: the input is what terminals send on one
 * connection. Whatever it is, messages and fields lie inside it and do not
 * overlap, what was read is written as it was, every answer can be read, and
 * money adds up. With libFuzzer: clang -fsanitize=fuzzer,address,undefined;
 * -DFUZZ_MAIN builds a program that reads the files named as arguments instead.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bank/room.h"
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
	REQUIRE(r->amount > 0 && r->what && r->rrn);
}

static void check_inside(struct iso_text all, const struct iso_msg *m)
{
	const char *end = all.at;

	for (unsigned i = 2; i <= ISO_FIELDS; i++) {
		if (!iso_has(m, i))
			continue;
		REQUIRE(m->f[i].at >= end && m->f[i].at + m->f[i].len <= all.at + all.len);
		REQUIRE(iso_fits(i, m->f[i]));
		end = m->f[i].at + m->f[i].len;
	}
}

static void check_readable(struct buf *b, const char *mti)
{
	struct iso_text text;
	struct iso_msg m;
	unsigned field;

	REQUIRE(iso_frame(b->data, b->len, &text) == (int64_t)b->len);
	REQUIRE(iso_read(text, &m, &field) == 0);
	REQUIRE(m.mti[2] == mti[2] + 1 && iso_has(&m, ISO_CODE));
	buf_done(b);
}

/* The same bytes again, but for a second bitmap that was empty. */
static void check_written(struct iso_text text, const struct iso_msg *m)
{
	struct buf b = { 0 };
	bool spare = (uint8_t)text.at[4] & 0x80 && !memcmp(text.at + 12, "\0\0\0\0\0\0\0\0", 8);

	iso_write(&b, m);
	REQUIRE(b.len == text.len + 2 - (spare ? 8 : 0));
	REQUIRE(spare || !memcmp(b.data + 2, text.at, text.len));
	buf_done(&b);
}

static void message(struct accounts *bank, struct iso_text text, const char *no)
{
	static const struct iso_conf conf = { .reference = ISO_PRIVATE, .currency = "EUR" };
	struct bank_request q;
	struct bank_answer a;
	struct buf b = { 0 };
	const char *code;
	struct iso_msg m;
	unsigned field;
	int err = iso_read(text, &m, &field);

	check_inside(text, &m);
	if (!err)
		check_written(text, &m);
	if ((err && field < 2) || !iso_asks(&m))
		return;
	if (err || iso_request(&m, &conf, &q, &code) == API_WRONG) {
		iso_refuse(&b, &m, err ? "30" : code);
	} else if (q.op == BANK_ECHO) {
		iso_answer(&b, &m, &(struct bank_answer){ .code = "00" });
	} else {
		accounts_reference(bank, &q);
		accounts_nth(bank, q.op, q.reference);
		accounts_do(bank, &q, 1, no, &a);
		REQUIRE(a.captured <= a.authorised && a.reversed <= a.authorised);
		iso_answer(&b, &m, &a);
	}
	check_readable(&b, m.mti);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	struct accounts *bank = accounts_new(on_record, NULL);
	struct iso_text text;
	int64_t used;

	while ((used = iso_frame(p, (size_t)(end - p), &text)) > 0) {
		REQUIRE(used <= end - p && text.at + text.len == p + used);
		if (text.len)
			message(bank, text, size & 1 ? "51" : NULL);
		p += used;
	}
	REQUIRE(used == 0 || used == -EMSGSIZE);
	accounts_free(bank);
	return 0;
}

#include "tests/fuzz/replay.h"
