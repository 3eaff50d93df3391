/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: what a node's processes use, as seen from outside. Buggy results: our own init and
 * keeper counted among them, CPU time that falls when a process ends, descriptors or memory of the
 * wrong one.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "stage/usage.h"
#include "tests/unit/suite.h"

#define FILES 20
#define BYTES (16 << 20)

static volatile int *spinning; /* shared: the service is at work */

/* A service: descriptors, memory, then work until it is killed. */
static _Noreturn void service(void)
{
	char *p = malloc(BYTES);

	for (int i = 0; i < FILES; i++)
		open("/dev/null", O_RDONLY);
	for (size_t i = 0; p && i < BYTES; i += 4096)
		((volatile char *)p)[i] = 1;
	for (;;)
		*spinning = 1;
}

static _Noreturn void keeper(void)
{
	pid_t pid = fork();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		service();
	}
	waitpid(pid, NULL, 0);
	*spinning = 2;
	for (;;)
		pause();
}

static pid_t node(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		keeper();
	}
	for (;;)
		pause();
}

static void await(int value)
{
	int64_t by = clock_now() + 10 * NS_PER_S;

	while (*spinning != value && clock_now() < by)
		poll(NULL, 0, 1);
	ck_assert_int_eq(*spinning, value);
}

static void look_until(struct usage *u, pid_t init, int64_t cpu_ns, struct node_usage *ret)
{
	int64_t by = clock_now() + 10 * NS_PER_S;

	do
		usage_look(u, init, ret);
	while (ret->cpu_ns < cpu_ns && clock_now() < by);
	ck_assert_int_ge(ret->cpu_ns, cpu_ns);
}

START_TEST(one_node)
{
	struct usage u = {0};
	struct node_usage now, later;
	pid_t init;

	spinning = mmap(NULL, sizeof(*spinning), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	init = node();
	await(1);
	usage_look(&u, init, &now);
	ck_assert_int_eq(now.processes, 1);
	ck_assert_int_ge(now.files, FILES);
	ck_assert_int_le(now.files, FILES + 40);
	ck_assert_int_ge(now.memory, BYTES);
	ck_assert_int_lt(now.memory, 8 * BYTES);
	look_until(&u, init, now.cpu_ns + 50 * NS_PER_MS, &later);
	kill(u.at[0].pid, SIGKILL);
	await(2);
	usage_look(&u, init, &now);
	ck_assert_int_eq(now.processes, 0);
	ck_assert_int_eq(now.files, 0);
	ck_assert_int_ge(now.cpu_ns, later.cpu_ns); /* what was used stays used */
	ck_assert_uint_eq(u.count, 0);
	kill(init, SIGKILL);
	waitpid(init, NULL, 0);
	usage_look(&u, init, &now); /* gone: nothing, and no error */
	ck_assert_int_eq(now.processes, 0);
	usage_look(&u, 0, &now);
	ck_assert_int_ge(now.cpu_ns, later.cpu_ns);
	usage_done(&u);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("usage");
	TCase *tc = tcase_create("usage");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, one_node);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
