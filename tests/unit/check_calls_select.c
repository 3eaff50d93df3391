/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which calls a rule is about: by the kind of the descriptor, by the names of thread, process and
 * service, by node; and what `nth:` counts. Expected: exactly those that match fail, with as many
 * hits. Buggy result: a rule that is about more, or less.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "tests/unit/calls_world.h"
#include "tests/unit/suite.h"

#define OURS ENOANO /* no call here would fail with it by itself */

/* ---- kinds ---- */

enum { A_FILE, A_DIRECTORY, A_TCP, A_UDP, A_UNIX, A_PIPE, A_TTY, A_DEVICE, THINGS };

static int thing(int which)
{
	int pair[2];

	switch (which) {
	case A_FILE:
		return file("f");
	case A_DIRECTORY:
		return open(dir, O_RDONLY | O_DIRECTORY);
	case A_TCP:
		return socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	case A_UDP:
		return socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	case A_UNIX:
		return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0 ? -1
										     : pair[0];
	case A_PIPE:
		return pipe2(pair, O_NONBLOCK) < 0 ? -1 : pair[0];
	case A_TTY:
		pair[0] = posix_openpt(O_RDWR | O_NOCTTY);
		return pair[0] < 0 || unlockpt(pair[0]) < 0 ? -1 :
		       open(ptsname(pair[0]), O_RDWR | O_NOCTTY | O_NONBLOCK);
	default:
		return open("/dev/zero", O_RDONLY);
	}
}

static int reads_each(void *arg)
{
	(void)arg;
	for (int i = 0; i < THINGS; i++) {
		int fd = thing(i);
		char byte;

		if (fd < 0)
			return 1;
		told->error[i] = read(fd, &byte, 1) < 0 ? errno : 0;
	}
	return 0;
}

static const unsigned of_kind[CALLS_KINDS] = { /* bits of things */
	[CALLS_ANY] = (1 << THINGS) - 1,
	[CALLS_FILE] = 1 << A_FILE,
	[CALLS_DIRECTORY] = 1 << A_DIRECTORY,
	[CALLS_SOCKET] = 1 << A_TCP | 1 << A_UDP | 1 << A_UNIX,
	[CALLS_TCP] = 1 << A_TCP,
	[CALLS_UDP] = 1 << A_UDP,
	[CALLS_UNIX] = 1 << A_UNIX,
	[CALLS_PIPE] = 1 << A_PIPE,
	[CALLS_TTY] = 1 << A_TTY,
	[CALLS_DEVICE] = 1 << A_TTY | 1 << A_DEVICE,
};

START_TEST(kinds_of_descriptors)
{
	struct calls_rule r = kit_rule("read()", CALLS_FAIL);
	struct kit k;

	open_kit(&k, "read()");
	r.kind = (uint32_t)_i;
	r.error = OURS;
	kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, reads_each, NULL)), 0);
	for (int i = 0; i < THINGS; i++)
		ck_assert_msg((told->error[i] == OURS) == (of_kind[_i] >> i & 1),
			      "kind %d, thing %d: %s", _i, i, strerror(told->error[i]));
	kit_close(&k);
}
END_TEST

/* ---- names ---- */

static void *named(void *arg)
{
	int i = *(int *)arg, fd = file("f");

	prctl(PR_SET_NAME, i ? "printer" : "cashier-1");
	told->error[i] = fsync(fd) < 0 ? errno : 0;
	return NULL;
}

/* Its two threads, and what it does itself. */
static int by_name(void *arg)
{
	static int numbers[2] = { 0, 1 };
	pthread_t t[2];

	(void)arg;
	prctl(PR_SET_NAME, "till-store");
	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, named, &numbers[i]) != 0)
			return 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	told->error[2] = fsync(file("g")) < 0 ? errno : 0;
	return 0;
}

static const struct {
	const char *thread, *process, *service;
	uint64_t nodes;
	unsigned fails; /* bits: the first thread, the second, the main one */
} names[] = {
	{ "", "", "", 1, 7 },
	{ "cashier-*", "", "", 1, 1 },
	{ "printer", "", "", 1, 2 },
	{ "till-store", "", "", 1, 4 },
	{ "cash", "", "", 1, 0 },
	{ "", "till-*", "", 1, 7 },
	{ "", "cashier-*", "", 1, 0 },
	{ "printer", "till-store", "", 1, 2 },
	{ "", "", "pos", 1, 7 },
	{ "", "", "store/p*", 1, 7 },
	{ "", "", "store/other", 1, 0 },
	{ "", "", "", 2, 0 },
};

START_TEST(names_of_all_kinds)
{
	struct calls_rule r = kit_rule("fsync", CALLS_FAIL);
	struct kit k;
	unsigned id;

	open_kit(&k, "fsync");
	snprintf(r.thread, sizeof(r.thread), "%s", names[_i].thread);
	snprintf(r.process, sizeof(r.process), "%s", names[_i].process);
	snprintf(r.service, sizeof(r.service), "%s", names[_i].service);
	r.nodes[0] = names[_i].nodes;
	id = kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, by_name, NULL)), 0);
	kit_heal(&k, id);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(told->error[i], names[_i].fails >> i & 1 ? EIO : 0);
	ck_assert_int_eq(k.hits, __builtin_popcount(names[_i].fails));
	kit_close(&k);
}
END_TEST

/* ---- counting ---- */

/* Two children one after the other, each fsync, fdatasync, fsync, fdatasync. */
static int two_children(void *arg)
{
	(void)arg;
	for (int c = 0; c < 2; c++) {
		pid_t pid = fork();

		if (pid == 0) {
			int fd = file("f");

			for (int i = 0; i < 4; i++)
				told->error[4 * c + i] =
					(i % 2 ? fdatasync(fd) : fsync(fd)) < 0 ? errno : 0;
			_exit(0);
		}
		if (kit_end(pid) != 0)
			return 1;
	}
	return 0;
}

/* The third that matches, of what is counted together: bits of those eight that fail. */
static const struct {
	enum calls_count counts;
	unsigned fails;
} thirds[] = {
	{ CALLS_PER_FAULT, 1 << 2 },
	{ CALLS_PER_PROCESS, 1 << 2 | 1 << 6 },
	{ CALLS_PER_CALL, 1 << 4 | 1 << 5 },
};

START_TEST(what_nth_counts)
{
	struct calls_rule r = kit_rule("fsync", CALLS_FAIL);
	struct kit k;
	unsigned id;

	open_kit(&k, "fsync");
	r.counts = thirds[_i].counts;
	r.gate.first = r.gate.last = 3;
	r.gate.step = 1;
	id = kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, two_children, NULL)), 0);
	kit_heal(&k, id);
	for (int i = 0; i < 8; i++)
		ck_assert_msg((told->error[i] == EIO) == (thirds[_i].fails >> i & 1),
			      "counts %d, call %d: %s", _i, i, strerror(told->error[i]));
	ck_assert_int_eq(k.hits, __builtin_popcount(thirds[_i].fails));
	kit_close(&k);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("calls_select");
	TCase *t = tcase_create("select");
	char words[200];
	struct err e = { 0 };

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	if (calls_try(words, sizeof(words), &e) == 0 && geteuid() == 0) {
		tcase_add_loop_test(t, kinds_of_descriptors, 0, CALLS_KINDS);
		tcase_add_loop_test(t, names_of_all_kinds, 0, ARRAY_SIZE(names));
		tcase_add_loop_test(t, what_nth_counts, 0, ARRAY_SIZE(thirds));
	} else {
		printf("# SKIP supervisor: %s\n", e.code ? e.msg : "needs root");
	}
	suite_add_tcase(s, t);
	return suite_main(s);
}
