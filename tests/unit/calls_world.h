/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TESTS_CALLS_WORLD_H
#define WD_TESTS_CALLS_WORLD_H

/* A folder, and memory in which a child of this process tells and is told to go on. */
#include <check.h>
#include <fcntl.h>
#include <sched.h>

#include "tests/unit/calls_kit.h"

/* What a child tells, in memory that both share. */
struct told {
	int32_t go, at, error[64];
	int64_t ns[64];
};
static struct told *told;
static char dir[256];

static inline void go_wait(int32_t n)
{
	while (__atomic_load_n(&told->go, __ATOMIC_ACQUIRE) < n)
		sched_yield();
}

static inline void go(int32_t n)
{
	__atomic_store_n(&told->go, n, __ATOMIC_RELEASE);
}

/* Wait until the child is at step n. */
static inline void at_wait(int32_t n)
{
	int64_t by = clock_now() + 20 * NS_PER_S;

	while (__atomic_load_n(&told->at, __ATOMIC_ACQUIRE) < n) {
		ck_assert_msg(clock_now() < by, "the child is at %d, not at %d", told->at, n);
		sched_yield();
	}
}

static inline void at(int32_t n)
{
	__atomic_store_n(&told->at, n, __ATOMIC_RELEASE);
}

static inline int file(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, O_RDWR | O_CREAT, 0644);
}

static inline void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/wd-calls-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert(mkdtemp(dir));
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(told != MAP_FAILED);
}

static inline void teardown(void)
{
	char cmd[300];

	munmap(told, sizeof(*told));
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static inline void open_kit(struct kit *k, const char *words)
{
	char copy[128], *save = NULL;
	struct err e = { 0 };

	*k = (struct kit){ 0 };
	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		kit_watch(k, w);
	ck_assert_msg(kit_open(k, &e) == 0, "%s", e.msg);
}

#endif
