/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes everything that reads files people write. Three things must hold for
 * any bytes: no crash, no leak; a tree that was read, written and read again is
 * the same tree; and what is refused is refused with at least one message.
 * The first byte chooses the reader: tree, experiment, target, or --set.
 * With libFuzzer: clang -fsanitize=fuzzer,address,undefined. Without it, build
 * with -DFUZZ_MAIN: the inputs are then the files named as arguments.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/experiment.h"
#include "conf/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

/* One row of every type, so that every reader of values is reached. */
struct all {
	bool flag;
	int64_t n, size, speed, pace, money;
	struct dur d;
	double share, x;
	char *text, *regex;
	int choice;
	struct range range;
	struct strlist list;
	struct strmap map;
	struct weights weights;
};
#define ROW(member, t)                                                                             \
	.name = #member, .offset = offsetof(struct all, member), .type = (t), .optional = true,    \
	.help = ""
static const struct opt_value choices[] = {{"one", ""}, {"two", ""}, {NULL, NULL}};
static const struct opt rows[] = {{ROW(flag, OPT_BOOL)},
				  {ROW(n, OPT_INT), .min = "-5", .max = "5"},
				  {ROW(size, OPT_SIZE), .max = "1GiB"},
				  {ROW(speed, OPT_SPEED), .max = "1 Gbit/s"},
				  {ROW(pace, OPT_PACE)},
				  {ROW(money, OPT_MONEY)},
				  {ROW(d, OPT_DURATION), .domain = DOMAIN_EITHER, .max = "1h"},
				  {ROW(share, OPT_RATIO)},
				  {ROW(x, OPT_NUMBER)},
				  {ROW(text, OPT_STRING), .scalar = true},
				  {ROW(regex, OPT_REGEX)},
				  {ROW(choice, OPT_ENUM), .values = choices},
				  {ROW(range, OPT_RANGE)},
				  {ROW(list, OPT_STRLIST)},
				  {ROW(map, OPT_STRMAP)},
				  {ROW(weights, OPT_WEIGHTS)},
				  OPT_END};
static const struct conf_kind kinds[] = {
	{.name = "all.types", .summary = "", .opts = {rows, sizeof(struct all)}},
	{.name = "noop", .summary = "", .opts = {rows, sizeof(struct all)}},
};
static const struct conf_catalog catalog = {kinds, kinds, 2, 2};

static bool simple(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

static bool same(const struct yaml_node *a, const struct yaml_node *b)
{
	if (a->type != b->type || a->count != b->count)
		return false;
	if (a->type == NODE_SCALAR)
		return strcmp(a->text, b->text) == 0 && (a->plain == b->plain || !simple(a->text));
	for (size_t i = 0; i < a->count; i++)
		if ((a->type == NODE_MAP && strcmp(a->keys[i].name, b->keys[i].name) != 0) ||
		    !same(a->items[i], b->items[i]))
			return false;
	return true;
}

static void round_trip(const struct yaml_node *tree)
{
	struct diag *diag = diag_new();
	struct buf text = {0};
	struct yaml_node *again;

	yaml_write(tree, &text);
	again = yaml_load("again", text.data, text.len, diag);
	REQUIRE(again && same(tree, again));
	yaml_tree_free(again);
	buf_done(&text);
	diag_free(diag);
}

static bool fuzz_tree(const char *text, size_t len, struct diag *diag)
{
	struct yaml_node *tree = yaml_load("fuzz", text, len, diag);

	if (!tree)
		return false;
	round_trip(tree);
	yaml_tree_free(tree);
	return true;
}

static bool fuzz_set(const char *text, size_t len, struct diag *diag)
{
	static const char base[] = "a: 1\nfaults: [{net.drop: {rate: 1%}}, {net.drop.x: 2}]\n";
	struct yaml_node *tree = yaml_load("base", base, strlen(base), diag);
	cleanup_free char *assignment = xstrndup(text, len);
	bool ok = yaml_set(&tree, assignment, diag) == 0;

	if (ok)
		round_trip(tree);
	yaml_tree_free(tree);
	return ok;
}

/* memory_file - the readers of whole files want a path. */
static int memory_file(const char *text, size_t len, char path[64])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	REQUIRE(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static bool fuzz_experiment(const char *text, size_t len, struct diag *diag)
{
	char path[64];
	cleanup_close int fd = memory_file(text, len, path);
	struct experiment *x = experiment_load(path, &catalog, NULL, diag);
	struct buf words = {0};
	bool ok = x != NULL;

	for (size_t i = 0; x && i < x->faults_count; i++)
		when_describe(&x->faults[i].when, x->shoppers.pace_milli, &words);
	buf_done(&words);
	experiment_free(x);
	return ok;
}

static bool fuzz_target(const char *text, size_t len, struct diag *diag)
{
	char path[64];
	cleanup_close int fd = memory_file(text, len, path);
	struct target *t = target_load(path, (struct mark){0}, diag);
	bool ok = t != NULL;

	REQUIRE(!t || t->digest);
	target_free(t);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool (*const readers[])(const char *, size_t, struct diag *) = {
		fuzz_tree, fuzz_experiment, fuzz_target, fuzz_set};
	struct diag *diag = diag_new();
	struct buf out = {0};
	bool ok;

	if (size) {
		ok = readers[data[0] % 4]((const char *)data + 1, size - 1, diag);
		REQUIRE(ok == (diag_errors(diag) == 0));
		diag_render(diag, &out);
		REQUIRE(ok || out.len);
	}
	buf_done(&out);
	diag_free(diag);
	return 0;
}

#include "tests/fuzz/replay.h"
