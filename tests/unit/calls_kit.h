/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TESTS_CALLS_KIT_H
#define WD_TESTS_CALLS_KIT_H

/*
 * A supervisor and children whose calls it looks at, by the way that services go:
 *
 *   this process (keeper and worker) ── calls_install, calls_take ──► child: fn(arg)
 *        supervisor ◄── its notifications ────────────────────────────────┘
 *
 * For tests and benches that may read another process's memory (root, or no Yama).
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "calls/calls.h"
#include "calls/table.h"

struct kit {
	struct calls *calls;
	struct loop *loop;
	struct calls_watch watch[4];
	size_t watches;
	uint64_t hits;          /* all that were told */
	unsigned left_alone;
	struct calls_hit last, first;
	int runs;
	void (*on_hit)(void *arg, const struct calls_hit *h);
};

static inline struct calls_set kit_set(const char *word)
{
	struct calls_set set = { { 0 } };
	const char *why;

	if (calls_word(word, &set, &why) < 0)
		abort();
	return set;
}

static inline void kit_watch(struct kit *k, const char *word)
{
	struct calls_set set = kit_set(word);

	if (!k->watches)
		k->watch[k->watches++].nodes[0] = 1;
	for (size_t i = 0; i < CALLS_MAX / 64; i++)
		k->watch[0].calls.bits[i] |= set.bits[i];
}

static inline int kit_open(struct kit *k, struct err *e)
{
	static const struct calls_node nodes[] = { { .name = "store", .addr4 = "10.77.0.1" },
						   { .name = "bank", .addr4 = "127.0.0.1" } };
	struct calls_opts o = { .watch = k->watch, .watch_count = k->watches, .nodes = nodes,
				.nodes_count = 2 };
	int r = loop_new(&k->loop, e);

	return r < 0 ? r : calls_new(&k->calls, &o, e);
}

static inline void kit_close(struct kit *k)
{
	calls_free(k->calls);
	loop_free(k->loop);
}

static inline _Noreturn void kit_child(const struct calls_program *p, struct calls_page *page,
				       int failing, int (*fn)(void *arg), void *arg)
{
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	r = calls_install(p, page);
	if (r < 0 && write(failing, "x", 1) == 1)
		_exit(99);
	_exit(fn(arg));
}

/** kit_start - fn(arg) in a child that is looked at, run `runs` of "store/pos". Its pid. */
static inline pid_t kit_start(struct kit *k, int (*fn)(void *arg), void *arg)
{
	struct calls_page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct calls_program prog;
	char process[64];
	struct err e;
	int failing[2], pidfd, r;
	pid_t pid;

	if (page == MAP_FAILED || pipe(failing) < 0 ||
	    calls_program(k->calls, 0, "store/pos", &prog, &e) < 0)
		abort();
	pid = fork();
	if (pid == 0)
		kit_child(&prog, page, failing[1], fn, arg);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	snprintf(process, sizeof(process), "store/pos/%d", k->runs++);
	r = calls_take(page, pidfd, failing[0], calls_door(k->calls), 0, process);
	if (pid < 0 || r < 0)
		abort();
	close(failing[0]);
	close(failing[1]);
	close(pidfd);
	munmap(page, sizeof(*page));
	return pid;
}

/** kit_end - its exit status; 1000 + signal when it was killed. */
static inline int kit_end(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline void kit_hit(void *arg, const struct calls_hit *h)
{
	struct kit *k = arg;

	if (h->did == CALLS_DID_NOT) {
		k->left_alone++;
		return;
	}
	if (!k->hits)
		k->first = *h;
	k->hits += h->count;
	k->last = *h;
	if (k->on_hit)
		k->on_hit(arg, h);
}

static inline struct calls_rule kit_rule(const char *word, enum calls_effect effect)
{
	struct calls_rule r = { .effect = effect, .seed = 1, .calls = kit_set(word),
				.nodes = { 1 }, .gate = gate_all(), .chance = 1, .size_min = -1,
				.size_max = -1, .error = EIO, .name = "kit" };

	return r;
}

static inline unsigned kit_arm(struct kit *k, const struct calls_rule *r)
{
	struct err e = { 0 };
	unsigned id = 0;

	if (calls_rule_add(k->calls, k->loop, r, kit_hit, k, &id, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	return id;
}

static inline void kit_heal(struct kit *k, unsigned id)
{
	struct err e = { 0 };

	if (calls_rule_del(k->calls, id, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
}

#endif
