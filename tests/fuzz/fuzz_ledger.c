/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the reading of a history: whatever is in told.ndjson and books.ndjson
 * (the input's two halves, parted at its first NUL), loading either fails with
 * a message or gives ledgers that can be joined, every string terminated.
 * With libFuzzer: clang -fsanitize=fuzzer,address,undefined; -DFUZZ_MAIN
 * builds a program that reads the files named as arguments instead.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void write_file(const char *dir, const char *name, const uint8_t *data, size_t size)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static void remove_files(const char *dir)
{
	static const char *const names[] = {"told.ndjson", "books.ndjson", "events.ndjson"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void join(const struct ledgers *l)
{
	size_t tolds = 0, books = 0;
	struct sales s;

	REQUIRE(sales_join(&s, l) == 0);
	for (size_t i = 0; i < s.count; i++) {
		REQUIRE(strlen(s.at[i].key) < 1000000);
		tolds += s.at[i].tolds;
		books += s.at[i].books;
	}
	REQUIRE(tolds == l->told_count && books + s.unkeyed <= l->book_count);
	sales_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t told = nul ? (size_t)(nul - data) : size;
	char dir[] = "/dev/shm/worstday-fuzz-XXXXXX";
	struct ledgers l;
	struct err e = {0};

	REQUIRE(mkdtemp(dir));
	write_file(dir, "told.ndjson", data, told);
	write_file(dir, "books.ndjson", data + told + !!nul, size - told - !!nul);
	write_file(dir, "events.ndjson", data, 0);
	if (ledgers_load(&l, dir, &e) == 0)
		join(&l);
	else
		REQUIRE(strstr(e.msg, ".ndjson:"));
	ledgers_done(&l);
	remove_files(dir);
	return 0;
}

#include "tests/fuzz/replay.h"
