/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What faults on system calls cost. A child makes the same call (lseek, or recv on a socket for
 * peers) over and over: bare; filtered, but another call is named; notified, while a rule looks at
 * it and lets it be; under strace -f --seccomp-bpf -e inject. In turns, ROUNDS of them. Then a
 * thousand threads are held at once: how late each goes on, and how long they take when all are let
 * go at one instant; beside it, how late a thousand are that sleep by themselves. Needs root;
 * strace only for its own row.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "bench.h"
#include "tests/unit/calls_kit.h"

#define ROUNDS 13
#define TIMES 20000
#define HELD 1000
#define STARTS (2 * HELD + 8) /* where each one's beginning is, in what children share */

static int64_t *shared;   /* what children measure */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sorted(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
}

/* ns a call, the best of several slices: what the machine does meanwhile is nobody's cost. */
static double loop_lseek(int fd, int times)
{
	double best = 1e18;

	for (int slice = 0; slice < 10; slice++) {
		int64_t before = clock_now(), took;

		for (int i = 0; i < times / 10; i++)
			lseek(fd, i, SEEK_SET);
		took = clock_now() - before;
		if ((double)took / (times / 10) < best)
			best = (double)took / (times / 10);
	}
	return best;
}

static int child_lseek(void *arg)
{
	int fd = open("/tmp", O_RDONLY);

	(void)arg;
	shared[0] = (int64_t)(loop_lseek(fd, TIMES) * 1000);
	return 0;
}

static int child_peer(void *arg)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	double best = 1e18;
	char byte;

	(void)arg;
	if (bind(s, (struct sockaddr *)&a, n) < 0 || listen(s, 1) < 0 ||
	    getsockname(s, (struct sockaddr *)&a, &n) < 0 ||
	    connect(c, (struct sockaddr *)&a, n) < 0)
		return 1;
	for (int slice = 0; slice < 10; slice++) {
		int64_t before = clock_now();

		for (int i = 0; i < TIMES / 10; i++)
			recv(c, &byte, 1, MSG_DONTWAIT);
		if ((double)(clock_now() - before) / (TIMES / 10) < best)
			best = (double)(clock_now() - before) / (TIMES / 10);
	}
	shared[0] = (int64_t)(best * 1000);
	return 0;
}

static double bare(int (*fn)(void *arg))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(NULL));
	return kit_end(pid) == 0 ? (double)shared[0] / 1000 : -1;
}

static double filtered(const char *word, int (*fn)(void *arg), const struct calls_rule *r)
{
	struct kit k = { 0 };
	struct err e;
	double ns = -1;

	kit_watch(&k, word);
	if (kit_open(&k, &e) < 0)
		return -1;
	if (r)
		kit_arm(&k, r);
	if (kit_end(kit_start(&k, fn, NULL)) == 0)
		ns = (double)shared[0] / 1000;
	kit_close(&k);
	return ns;
}

static double under_strace(const char *self)
{
	char cmd[600];

	snprintf(cmd, sizeof(cmd), "strace -f --seccomp-bpf -o /dev/null -e trace=lseek "
		 "-e inject=lseek:error=EIO:when=65535 '%s' loop", self);
	FILE *p = popen(cmd, "r");
	double ns = -1;

	if (p && fscanf(p, "%lf", &ns) != 1)
		ns = -1;
	return p && pclose(p) == 0 ? ns : -1;
}

static void row(const char *words, double *v, const char *unit, double limit)
{
	sorted(v, ROUNDS);
	figure(words, v[ROUNDS / 2], unit, "<=", limit, v[ROUNDS / 4], v[ROUNDS * 3 / 4]);
}

static int costs(const char *self)
{
	static double plain[ROUNDS], other[ROUNDS], call[ROUNDS], path[ROUNDS], peer[ROUNDS],
		ratio[ROUNDS];
	struct calls_rule r = kit_rule("lseek", CALLS_FAIL), p = r,
			  q = kit_rule("recv", CALLS_FAIL);
	bool strace = system("command -v strace >/dev/null 2>&1") == 0;

	r.chance = 0;
	snprintf(p.path, sizeof(p.path), "*.none");
	snprintf(q.peer, sizeof(q.peer), "none");
	for (int i = 0; i < ROUNDS; i++) {
		double b = bare(child_lseek), s;

		plain[i] = b;
		other[i] = filtered("fsync", child_lseek, NULL) - b;
		call[i] = (filtered("lseek", child_lseek, &r) - b) / 1000;
		path[i] = (filtered("lseek", child_lseek, &p) - b) / 1000;
		peer[i] = (filtered("recv", child_peer, &q) - bare(child_peer)) / 1000;
		s = strace ? under_strace(self) : 0;
		ratio[i] = s > 0 ? (call[i] * 1000 + b) / s : -1;
	}
	sorted(plain, ROUNDS);
	printf("lseek, bare: %.0f ns\n", plain[ROUNDS / 2]);
	row("unfiltered call of a filtered process, added", other, "ns", 60);
	row("notified call left alone, by call and arguments", call, "us", 7);
	row("the same by path", path, "us", 15);
	row("the same by peer", peer, "us", 15);
	if (strace)
		row("the first, to strace -e inject", ratio, "x", 0.4);
	else
		printf("SKIP: strace is not installed (apt-get install strace)\n");
	return call[0] < 0 || peer[0] < -1 ? 1 : 0;
}

/* ---- a thousand held ---- */

static void *held_once(void *arg)
{
	int64_t *ended = arg;

	clock_sleep_until(ended[STARTS]); /* nobody holds it: the machine's own lateness */
	if (!shared[2 * HELD + 3])
		lseek(*(int *)(void *)&shared[2 * HELD + 2], 0, SEEK_SET);
	*ended = shared[2 * HELD + 1] = clock_now();
	return NULL;
}

static int a_thousand(void *arg)
{
	static pthread_t t[HELD];
	pthread_attr_t small;

	(void)arg;
	*(int *)(void *)&shared[2 * HELD + 2] = open("/tmp", O_RDONLY);
	prctl(PR_SET_TIMERSLACK, 1);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < HELD; i++)
		if (pthread_create(&t[i], &small, held_once, &shared[i]) != 0)
			return 1;
	for (int i = 0; i < HELD; i++)
		pthread_join(t[i], NULL);
	return 0;
}

static unsigned planned;

static void note(void *arg, const struct calls_hit *h)
{
	(void)arg;
	if (planned < HELD)
		shared[HELD + planned++] = h->t_ns + h->ns;
}

static void hits_wait(struct kit *k)
{
	int64_t by = clock_now() + 20 * NS_PER_S;

	while (k->hits < HELD && clock_now() < by) {
		bool stop = false;

		loop_run_until(k->loop, &stop, clock_now() + NS_PER_MS);
	}
}

static int int_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Sorted, each end meets the time that was planned for it. ms. */
static double late_p99(void)
{
	static double late[HELD];

	qsort(shared, HELD, sizeof(*shared), int_value);
	qsort(shared + HELD, HELD, sizeof(*shared), int_value);
	for (int i = 0; i < HELD; i++)
		late[i] = (double)(shared[i] - shared[HELD + i]) / NS_PER_MS;
	sorted(late, HELD);
	return late[HELD * 99 / 100];
}

/* When each is to begin: five in a ms; 0: at once. */
static void spread(int64_t first)
{
	for (int i = 0; i < HELD; i++)
		shared[STARTS + i] = first ? first + i * 200 * NS_PER_US : 0;
}

/* As many threads that sleep until as many times, without us. */
static double idle_lateness(void)
{
	int64_t first = clock_now() + 1500 * NS_PER_MS;
	double late;

	spread(first);
	memcpy(shared + HELD, shared + STARTS, HELD * sizeof(*shared));
	shared[2 * HELD + 3] = 1;
	late = bare(a_thousand) < 0 ? -1 : late_p99();
	shared[2 * HELD + 3] = 0;
	return late;
}

/* Each begins its call 200 us after the one before, so they end like that: five in a ms. */
static double lateness(void)
{
	struct calls_rule r = kit_rule("lseek", CALLS_SLOW);
	struct kit k = { .on_hit = note };
	struct err e;
	double late;

	kit_watch(&k, "lseek");
	if (kit_open(&k, &e) < 0)
		return -1;
	planned = 0;
	r.delay_ns = 1500 * NS_PER_MS;
	kit_arm(&k, &r);
	spread(clock_now() + 500 * NS_PER_MS);
	pid_t pid = kit_start(&k, a_thousand, NULL);

	hits_wait(&k);
	kit_end(pid);
	late = late_p99();
	kit_close(&k);
	return k.hits == HELD ? late : -1;
}

static int one_call(void *arg)
{
	(void)arg;
	lseek(open("/tmp", O_RDONLY), 0, SEEK_SET);
	shared[0] = clock_now();
	return 0;
}

/* Nobody else is held, and it is long. ms. */
static double one_delay(void)
{
	struct calls_rule r = kit_rule("lseek", CALLS_SLOW);
	struct kit k = { 0 };
	struct err e;

	kit_watch(&k, "lseek");
	if (kit_open(&k, &e) < 0)
		return -1;
	r.delay_ns = 10 * NS_PER_S;
	kit_arm(&k, &r);
	pid_t pid = kit_start(&k, one_call, NULL);

	kit_end(pid);
	while (!k.hits)
		loop_run_until(k.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	kit_close(&k);
	return (double)(shared[0] - k.last.t_ns - k.last.ns) / NS_PER_MS;
}

static double burst(void)
{
	struct calls_rule r = kit_rule("lseek", CALLS_SLOW);
	struct kit k = { 0 };
	struct err e;
	int64_t before;
	unsigned id;

	kit_watch(&k, "lseek");
	if (kit_open(&k, &e) < 0)
		return -1;
	r.delay_ns = 3600 * NS_PER_S;
	id = kit_arm(&k, &r);
	spread(0);
	pid_t pid = kit_start(&k, a_thousand, NULL);

	hits_wait(&k);
	before = clock_now();
	kit_heal(&k, id);
	kit_end(pid);
	kit_close(&k);
	return k.hits == HELD ? (double)(shared[2 * HELD + 1] - before) / NS_PER_MS : -1;
}

int main(int argc, char *argv[])
{
	static double late[ROUNDS], idle[ROUNDS], drained[ROUNDS];
	double one;
	size_t bytes = (STARTS + HELD) * sizeof(*shared);

	if (argc > 1) {
		printf("%.1f\n", loop_lseek(open("/tmp", O_RDONLY), TIMES));
		return 0;
	}
	shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || costs(argv[0]) != 0)
		return 1;
	for (int i = 0; i < ROUNDS; i++) {
		idle[i] = idle_lateness();
		late[i] = lateness();
		drained[i] = burst();
		if (late[i] < 0 || drained[i] < 0)
			return 1;
	}
	one = one_delay();
	figure("a delay of 10 s alone, error", one, "ms", "<=", 0.2, one, one);
	sorted(idle, ROUNDS);
	sorted(late, ROUNDS);
	printf("1,000 threads that sleep by themselves: p99 error %.3f ms\n", idle[ROUNDS / 2]);
	figure("1,000 delays at once, p99 error", late[ROUNDS / 2], "ms", "<=", 0.2,
	       late[0] > idle[ROUNDS / 2] ? late[0] - idle[ROUNDS / 2] : 0, late[ROUNDS - 1]);
	row("1,000 let go at one instant, drained in", drained, "ms", 30);
	return 0;
}
