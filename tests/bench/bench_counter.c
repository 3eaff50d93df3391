/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices on serial lines: 64 lanes with five each, all in one /dev. A stub of a till sends each of
 * them 16 bytes every 100 ms, the last three a question, and waits for the answer; then they are
 * unplugged one by one, and the stub sees each of its descriptors hang up.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include "bench.h"
#include "conf/target.h"
#include "counter/counter.h"
#include "ledger/ledger.h"

#define DEVICES 320
#define ROUNDS 60
#define EVERY (100 * NS_PER_MS)
#define STUCK (10 * NS_PER_S)

static struct shared {
	int64_t pulled_ns[DEVICES], reply_ns[ROUNDS * DEVICES], seen_ns[DEVICES];
	volatile unsigned replies, seen, ready; /* 1: its /dev is there; 2: the lines are open */
	volatile int go;
} *shared;

static void die(const char *what)
{
	fprintf(stderr, "bench_counter: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void skip(const char *what)
{
	printf("SKIP: %s: %s\n", what, strerror(errno));
	exit(0);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void enter_userns(void)
{
	char uid[32], gid[32];

	snprintf(uid, sizeof(uid), "0 %u 1", getuid());
	snprintf(gid, sizeof(gid), "0 %u 1", getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		skip("user namespaces");
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", uid);
	put("/proc/self/gid_map", gid);
}

/* ---- the stub ---- */

static void make_dev(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=0755") < 0 ||
	    mkdir("/dev/pts", 0755) < 0 ||
	    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620") < 0)
		die("making /dev");
}

static int open_line(int i)
{
	char path[32];
	struct termios t;
	int fd;

	snprintf(path, sizeof(path), "/dev/ttyUSB%d", i);
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || tcgetattr(fd, &t) < 0)
		die(path);
	cfmakeraw(&t);
	if (tcsetattr(fd, TCSANOW, &t) < 0)
		die(path);
	return fd;
}

static void send_to(int fd, int64_t *ret_sent)
{
	static const char bytes[16] = "\x1b@\x1b@\x1b@\x1b@\x1b@\x1b@\x00\x10\x04\x01";

	*ret_sent = clock_now();
	if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		die("write");
}

static void exchange(int ep, const int *fd)
{
	static int64_t sent[DEVICES][ROUNDS];
	static unsigned answered[DEVICES];
	int64_t start = clock_now(), due, end = start + ROUNDS * EVERY + STUCK;
	unsigned next = 0;
	struct epoll_event ev[64];

	while (shared->replies < ROUNDS * DEVICES) {
		int n, ms;

		for (; next < ROUNDS * DEVICES; next++) {
			due = start + (int64_t)next * EVERY / DEVICES;
			if (due > clock_now())
				break;
			send_to(fd[next % DEVICES], &sent[next % DEVICES][next / DEVICES]);
		}
		if (clock_now() > end)
			die("an answer is missing");
		ms = next < ROUNDS * DEVICES ? 1 : 100;
		n = epoll_wait(ep, ev, 64, ms);
		for (int i = 0; i < n; i++) {
			unsigned k = ev[i].data.u32;
			char answer[16];
			ssize_t got = read(fd[k], answer, sizeof(answer)); /* one byte each */

			if (got < 1)
				die("read");
			while (got-- > 0)
				shared->reply_ns[shared->replies++] =
					clock_now() - sent[k][answered[k]++];
		}
	}
}

static void see_them_go(int ep, const int *fd)
{
	struct epoll_event ev[64];

	while (shared->seen < DEVICES) {
		int n = epoll_wait(ep, ev, 64, -1);

		for (int i = 0; i < n; i++) {
			unsigned k = ev[i].data.u32;
			char byte;

			if (!(ev[i].events & EPOLLHUP) || read(fd[k], &byte, 1) != 0)
				die("no hang-up");
			shared->seen_ns[k] = clock_now();
			epoll_ctl(ep, EPOLL_CTL_DEL, fd[k], NULL);
			shared->seen++;
		}
	}
}

static void await(int go)
{
	while (shared->go < go)
		poll(NULL, 0, 1);
}

static _Noreturn void stub(void)
{
	int fd[DEVICES], ep = epoll_create1(0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	make_dev();
	shared->ready = 1;
	await(1);
	for (int i = 0; i < DEVICES; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = (uint32_t)i };

		fd[i] = open_line(i);
		epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &ev);
	}
	exchange(ep, fd);
	shared->ready = 2;
	see_them_go(ep, fd);
	_exit(0);
}

/* ---- the counter ---- */

static pid_t stub_pid;

static pid_t init_of(void *arg, const char *node)
{
	(void)arg;
	(void)node;
	return stub_pid;
}

static void make_target(struct target *t)
{
	t->nodes = xcalloc(DEVICES + 1, sizeof(*t->nodes));
	t->nodes[0].name = xstrdup("lanes");
	for (int i = 0; i < DEVICES; i++) {
		struct node *n = &t->nodes[i + 1];

		n->name = xasprintf("printer%d-lanes", i);
		n->stands_at = xstrdup("lanes");
		n->device = (struct device){ .name = xasprintf("printer%d", i),
					     .kind = DEVICE_ESCPOS,
					     .serial = xasprintf("ttyUSB%d", i) };
	}
	t->nodes_count = DEVICES + 1;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void show(const char *words, int64_t *ns, size_t n, double limit)
{
	char text[128];

	qsort(ns, n, sizeof(*ns), by_value);
	snprintf(text, sizeof(text), "%s, p50", words);
	figure(text, (double)ns[n / 2] / 1e6, "ms", "<=", limit, (double)ns[n / 4] / 1e6,
	       (double)ns[n * 3 / 4] / 1e6);
	snprintf(text, sizeof(text), "%s, p99", words);
	figure(text, (double)ns[n * 99 / 100] / 1e6, "ms", "<=", limit,
	       (double)ns[n * 98 / 100] / 1e6, (double)ns[n * 995 / 1000] / 1e6);
}

/* Wait, in the loop's stead, for what the stub says. */
static void until(unsigned ready)
{
	while (shared->ready < ready) {
		if (waitpid(stub_pid, NULL, WNOHANG) > 0)
			exit(1);
		poll(NULL, 0, 5);
	}
}

static void unplug_all(struct counter *c, struct err *e)
{
	for (unsigned i = 0; i < DEVICES; i++) {
		shared->pulled_ns[i] = clock_now();
		if (counter_power(c, i + 1, false, NULL, e) < 0)
			die(e->msg);
		poll(NULL, 0, 2);
	}
	for (int64_t end = clock_now() + STUCK; shared->seen < DEVICES; poll(NULL, 0, 5))
		if (clock_now() > end)
			die("a hang-up is missing");
	for (unsigned i = 0; i < DEVICES; i++)
		shared->seen_ns[i] -= shared->pulled_ns[i];
}

int main(void)
{
	char dir[] = "/tmp/wd-bench-counter-XXXXXX", name[64];
	struct target t = { .name = name };
	struct counter_opts o = { .target = &t, .init = init_of };
	struct counter *c = NULL;
	struct err e = { 0 };

	snprintf(name, sizeof(name), "bench");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED || !mkdtemp(dir))
		die("beginning");
	enter_userns();
	stub_pid = fork();
	if (stub_pid == 0) {
		if (unshare(CLONE_NEWNS) < 0)
			die("unshare");
		stub();
	}
	until(1);
	make_target(&t);
	if (loop_new(&o.loop, &e) < 0 || ledger_open(&o.ledger, dir, clock_now(), &e) < 0 ||
	    counter_open(&c, &o, &e) < 0)
		die(e.msg);
	shared->go = 1;
	until(2);
	show("64 lanes with 5 devices: a 16-byte exchange", shared->reply_ns, ROUNDS * DEVICES, 1);
	unplug_all(c, &e);
	show("a device is unplugged: its descriptor hangs up", shared->seen_ns, DEVICES, 5);
	counter_close(c);
	kill(stub_pid, SIGKILL);
	ledger_close(o.ledger, &e);
	fflush(stdout);
	execlp("rm", "rm", "-rf", dir, NULL);
	return 1;
}
