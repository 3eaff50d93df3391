/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor of system calls, with children of this process in the place of services: off, a
 * call succeeds; on, it fails or waits exactly as the rule says, with exactly those hits; healed,
 * it is as before. Then what happens around it: who dies, forks, is signalled, filters himself.
 * Skipped where another process's memory cannot be read.
 */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "tests/unit/calls_world.h"
#include "tests/unit/suite.h"

/* ---- failing ---- */

static int three_syncs(void *arg)
{
	int fd = file(arg);

	for (int i = 0; i < 3; i++) {
		go_wait(i + 1);
		told->error[i] = fsync(fd) < 0 ? errno : 0;
		at(i + 1);
	}
	return 0;
}

START_TEST(fails_while_armed)
{
	struct calls_rule r = kit_rule("fsync", CALLS_FAIL);
	struct kit k;
	unsigned id;
	pid_t pid;

	open_kit(&k, "fsync write");
	pid = kit_start(&k, three_syncs, (void *)(uintptr_t)"store.db-wal");
	go(1);
	at_wait(1);
	snprintf(r.path, sizeof(r.path), "*.db-wal");
	id = kit_arm(&k, &r);
	go(2);
	at_wait(2);
	kit_heal(&k, id);
	go(3);
	ck_assert_int_eq(kit_end(pid), 0);
	ck_assert_int_eq(told->error[0], 0);
	ck_assert_int_eq(told->error[1], EIO);
	ck_assert_int_eq(told->error[2], 0);
	ck_assert_int_eq(k.hits, 1);
	ck_assert_str_eq(k.last.process, "store/pos/0");
	ck_assert_ptr_nonnull(strstr(k.last.object, "/store.db-wal"));
	kit_close(&k);
}
END_TEST

static int opens(void *arg)
{
	int top = open(dir, O_RDONLY | O_DIRECTORY), n = 0;
	char path[300];

	(void)arg;
	snprintf(path, sizeof(path), "%s/a.log", dir);
	told->error[n++] = open(path, O_CREAT | O_RDWR, 0600) < 0 ? errno : 0;
	told->error[n++] = openat(top, "a.log", O_RDONLY) < 0 ? errno : 0;
	told->error[n++] = openat(top, "b.log", O_CREAT | O_RDWR, 0600) < 0 ? errno : 0;
	told->error[n++] = chdir(dir) < 0 || open("a.log", O_RDONLY) < 0 ? errno : 0;
	return 0;
}

START_TEST(paths_of_all_kinds)
{
	struct calls_rule r = kit_rule("open", CALLS_FAIL);
	struct kit k;

	open_kit(&k, "open");
	snprintf(r.path, sizeof(r.path), "%.150s/a.log", dir);
	kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, opens, NULL)), 0);
	ck_assert_int_eq(told->error[0], EIO);
	ck_assert_int_eq(told->error[1], EIO);
	ck_assert_int_eq(told->error[2], 0);
	ck_assert_int_eq(told->error[3], EIO);
	kit_close(&k);
}
END_TEST

static int connects(void *arg)
{
	const uint16_t *port = arg;

	for (int i = 0; i < 4; i++) {
		struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port[i]),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		told->error[i] = connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
		close(fd);
	}
	return 0;
}

static int listening(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 16) == 0 &&
		  getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

/* "The third connect to the bank": two ports, and only one is meant. */
START_TEST(the_nth_connect_to_a_peer)
{
	struct calls_rule r = kit_rule("connect", CALLS_FAIL);
	uint16_t port[4];
	struct kit k;
	int a = listening(&port[1]), b = listening(&port[0]);

	port[2] = port[3] = port[1];
	open_kit(&k, "connect");
	snprintf(r.peer, sizeof(r.peer), "bank:%u", port[1]);
	r.gate.first = r.gate.last = 3;
	r.gate.step = 1;
	r.error = ETIMEDOUT;
	kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, connects, port)), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(told->error[i], 0);
	ck_assert_int_eq(told->error[3], ETIMEDOUT);
	close(a);
	close(b);
	kit_close(&k);
}
END_TEST

static int seeks(void *arg)
{
	int fd = file("f");

	(void)arg;
	for (int i = 0; i < 3; i++)
		told->error[i] = lseek(fd, 0, i) < 0 ? errno : 0;
	told->error[3] = write(fd, "0123456789", 10) < 0 ? errno : 0;
	told->error[4] = write(fd, "0", 1) < 0 ? errno : 0;
	told->error[5] = writev(fd, (struct iovec[]){ { (void *)(uintptr_t)"0123", 4 },
						      { (void *)(uintptr_t)"4567", 4 } }, 2) < 0
				 ? errno : 0;
	return 0;
}

START_TEST(arguments_and_sizes)
{
	struct calls_rule r = kit_rule("lseek", CALLS_FAIL), w = kit_rule("write", CALLS_FAIL);
	struct kit k;

	open_kit(&k, "lseek write");
	r.arg[r.args++] = (struct calls_arg){ .index = 2, .mask = ~UINT64_C(0), .value = SEEK_END };
	w.size_min = 8;
	kit_arm(&k, &r);
	kit_arm(&k, &w);
	ck_assert_int_eq(kit_end(kit_start(&k, seeks, NULL)), 0);
	ck_assert_int_eq(told->error[SEEK_SET], 0);
	ck_assert_int_eq(told->error[SEEK_CUR], 0);
	ck_assert_int_eq(told->error[SEEK_END], EIO);
	ck_assert_int_eq(told->error[3], EIO);
	ck_assert_int_eq(told->error[4], 0);
	ck_assert_int_eq(told->error[5], EIO);
	kit_close(&k);
}
END_TEST

/* ---- waiting ---- */

static int one_sync(void *arg)
{
	int fd = file(arg);
	int64_t before = clock_now();

	at(1);
	told->error[0] = fsync(fd) < 0 ? errno : 0;
	told->ns[0] = clock_now() - before;
	return 0;
}

START_TEST(held_for_a_while)
{
	struct calls_rule r = kit_rule("fsync", CALLS_SLOW);
	struct kit k;

	open_kit(&k, "fsync");
	r.delay_ns = 50 * NS_PER_MS;
	kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, one_sync, (void *)(uintptr_t)"f")), 0);
	ck_assert_int_eq(told->error[0], 0);
	ck_assert_int_ge(told->ns[0], 50 * NS_PER_MS);
	ck_assert_int_eq(k.hits, 0); /* not yet fetched */
	kit_close(&k);
}
END_TEST

/* Wait for the child to be held: its call is told when it begins. */
static void hit_wait(struct kit *k, uint64_t n)
{
	int64_t by = clock_now() + 20 * NS_PER_S;

	while (k->hits < n) {
		bool stop = false;

		ck_assert_msg(clock_now() < by, "%d hits", (int)k->hits);
		loop_run_until(k->loop, &stop, clock_now() + NS_PER_MS);
	}
}

START_TEST(healing_lets_go)
{
	struct calls_rule r = kit_rule("fsync", CALLS_SLOW);
	struct kit k;
	unsigned id;
	pid_t pid;

	open_kit(&k, "fsync");
	r.delay_ns = 3600 * NS_PER_S;
	id = kit_arm(&k, &r);
	pid = kit_start(&k, one_sync, (void *)(uintptr_t)"f");
	hit_wait(&k, 1);
	kit_heal(&k, id);
	ck_assert_int_eq(kit_end(pid), 0);
	ck_assert_int_eq(told->error[0], 0);
	kit_close(&k);
}
END_TEST

START_TEST(dying_while_held)
{
	struct calls_rule r = kit_rule("fsync", CALLS_SLOW);
	struct err e = { 0 };
	struct kit k;
	unsigned id;
	pid_t pid;

	open_kit(&k, "fsync");
	r.delay_ns = 3600 * NS_PER_S;
	id = kit_arm(&k, &r);
	for (int i = 0; i < 3; i++) {
		pid = kit_start(&k, one_sync, (void *)(uintptr_t)"f");
		hit_wait(&k, (uint64_t)i + 1);
		kill(pid, SIGKILL);
		ck_assert_int_eq(kit_end(pid), 1000 + SIGKILL);
	}
	kit_heal(&k, id);
	ck_assert_msg(calls_alive(k.calls, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(kit_end(kit_start(&k, one_sync, (void *)(uintptr_t)"f")), 0);
	ck_assert_int_eq(told->error[0], 0);
	kit_close(&k);
}
END_TEST

static volatile sig_atomic_t signalled;

static void on_signal(int sig)
{
	(void)sig;
	signalled = 1;
}

static int signalled_sync(void *arg)
{
	struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &act, NULL);
	one_sync(arg);
	told->error[1] = signalled;
	return 0;
}

/* As for a disk that does not answer: the handler runs when the call is over, once. */
START_TEST(signals_wait)
{
	struct calls_rule r = kit_rule("fsync", CALLS_SLOW);
	struct kit k;
	unsigned id;
	pid_t pid;

	open_kit(&k, "fsync");
	r.delay_ns = 3600 * NS_PER_S;
	id = kit_arm(&k, &r);
	pid = kit_start(&k, signalled_sync, (void *)(uintptr_t)"f");
	hit_wait(&k, 1);
	kill(pid, SIGUSR1);
	kit_heal(&k, id);
	ck_assert_int_eq(kit_end(pid), 0);
	ck_assert_int_eq(told->error[0], 0);
	ck_assert_int_eq(told->error[1], 1);
	ck_assert_int_eq(k.hits, 1);
	kit_close(&k);
}
END_TEST

/* ---- made in its place ---- */

static int moves(void *arg)
{
	int fd = file("f"), sv[2], p[2], n = 0;
	char buf[64] = "";

	(void)arg;
	told->error[n++] = (int32_t)write(fd, "0123456789", 10);
	told->error[n++] = (int32_t)lseek(fd, 0, SEEK_CUR);
	told->error[n++] = (int32_t)pwrite(fd, "ABCDEFGHIJ", 10, 4);
	told->error[n++] = (int32_t)pread(fd, buf, 10, 0);
	told->error[n++] = memcmp(buf, "012AAAA", 3);
	socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
	told->error[n++] = (int32_t)send(sv[0], "0123456789", 10, 0);
	told->error[n++] = (int32_t)recv(sv[1], buf, sizeof(buf), 0);
	told->error[n++] = pipe(p);
	told->error[n++] = (int32_t)writev(p[1], (struct iovec[]){
		{ (void *)(uintptr_t)"01", 2 }, { (void *)(uintptr_t)"2345", 4 } }, 2);
	told->error[n++] = (int32_t)readv(p[0], (struct iovec[]){ { buf, 1 }, { buf + 32, 9 } }, 2);
	told->error[n++] = buf[0] == '0' && buf[32] == '1' && buf[33] == '2';
	told->error[n++] = (int32_t)write(fd, "x", 1);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	told->error[n++] = write(p[1], "12345", 5) < 0 ? errno : 0;
	return 0;
}

START_TEST(short_by_us)
{
	struct calls_rule r = kit_rule("write", CALLS_SHORT);
	static const char *const words[] = { "write", "read", "send", "recv" };
	static const int32_t want[] = { 3, 3, 3, 3, 0, 3, 3, 0, 3, 3, 1, 1, EPIPE };
	struct kit k;

	open_kit(&k, "write read send recv");
	for (int i = 1; i < 4; i++) {
		struct calls_set more = kit_set(words[i]);

		for (int b = 0; b < CALLS_MAX / 64; b++)
			r.calls.bits[b] |= more.bits[b];
	}
	r.bytes = 3;
	kit_heal(&k, kit_arm(&k, &r));
	kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, moves, NULL)), 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_msg(told->error[i] == want[i], "%zu: %d, not %d", i, told->error[i],
			      want[i]);
	kit_close(&k);
}
END_TEST

static int reads_late(void *arg)
{
	const int *fd = arg;
	char buf[16];

	told->error[0] = (int32_t)read(fd[0], buf, sizeof(buf));
	return 0;
}

/* A read that waits for its data is cut too; one that still waits when healed is let be. */
START_TEST(a_read_that_waits)
{
	struct calls_rule r = kit_rule("read", CALLS_SHORT);
	struct kit k;
	int fd[2];

	r.bytes = 2;
	for (int heal = 0; heal < 2; heal++) {
		unsigned id;
		pid_t pid;

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		open_kit(&k, "read");
		id = kit_arm(&k, &r);
		pid = kit_start(&k, reads_late, fd);
		if (heal)
			kit_heal(&k, id);
		ck_assert_int_eq(write(fd[1], "0123456789", 10), 10);
		ck_assert_int_eq(kit_end(pid), 0);
		ck_assert_int_eq(told->error[0], heal ? 10 : 2);
		kit_close(&k);
		close(fd[0]);
		close(fd[1]);
	}
}
END_TEST

static int truncates(void *arg)
{
	int fd = file(arg);
	int64_t before;

	told->error[0] = (int32_t)write(fd, "0123456789", 10);
	at(1);
	before = clock_now();
	told->error[1] = ftruncate(fd, 4) < 0 ? errno : 0;
	told->ns[0] = clock_now() - before;
	told->error[2] = ftruncate(fd, -1) < 0 ? errno : 0;
	return 0;
}

/* The effect is there long before its program hears of it. */
START_TEST(late_after_its_effect)
{
	struct calls_rule r = kit_rule("ftruncate", CALLS_SLOW_RETURN);
	char path[300];
	struct kit k;
	struct stat st = { .st_size = -1 };
	int64_t by = clock_now() + 20 * NS_PER_S;
	unsigned id;
	pid_t pid;

	open_kit(&k, "ftruncate");
	r.delay_ns = 3600 * NS_PER_S;
	id = kit_arm(&k, &r);
	pid = kit_start(&k, truncates, (void *)(uintptr_t)"f");
	hit_wait(&k, 1);
	snprintf(path, sizeof(path), "%s/f", dir);
	while (st.st_size != 4 && clock_now() < by)
		ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 4);
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
	kit_heal(&k, id);
	ck_assert_int_eq(kit_end(pid), 0);
	ck_assert_int_eq(told->error[1], 0);
	ck_assert_int_eq(told->error[2], EINVAL);
	kit_close(&k);
}
END_TEST

/* ---- syncs ---- */

static int syncs_all(void *arg)
{
	int fd = file(arg);

	told->error[0] = syncfs(fd) < 0 ? errno : 0;
	at(1);
	return 0;
}

static void on_sync(void *arg, unsigned node, const char *process, bool all)
{
	int *count = arg;

	ck_assert_int_eq(node, 0);
	ck_assert_str_eq(process, "store/pos/0");
	ck_assert(!all);
	ck_assert_int_eq(told->at, 0); /* it waits for us */
	++*count;
}

START_TEST(syncs_are_told_first)
{
	uint64_t nodes[CALLS_NODES_MAX / 64] = { 1 };
	struct err e = { 0 };
	struct kit k;
	int count = 0;
	int64_t by = clock_now() + 20 * NS_PER_S;
	pid_t pid;

	open_kit(&k, "sync syncfs");
	ck_assert_int_eq(calls_on_sync(k.calls, k.loop, nodes, on_sync, &count, &e), 0);
	pid = kit_start(&k, syncs_all, (void *)(uintptr_t)"f");
	while (!__atomic_load_n(&told->at, __ATOMIC_ACQUIRE) && clock_now() < by) {
		bool stop = false;

		loop_run_until(k.loop, &stop, clock_now() + NS_PER_MS);
	}
	ck_assert_int_eq(kit_end(pid), 0);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(told->error[0], 0);
	kit_close(&k);
}
END_TEST

/* ---- descent ---- */

static int family(void *arg)
{
	int fd = file(arg);

	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0 && i == 1) {
			pid_t inner = fork();

			if (inner == 0)
				_exit(fsync(fd) < 0);
			_exit(kit_end(inner));
		}
		if (pid == 0 && i == 2)
			_exit(fsync(fd) < 0);
		if (pid == 0)
			_exit(1);
		told->error[i] = kit_end(pid);
	}
	return 0;
}

START_TEST(children_have_numbers)
{
	struct calls_rule r = kit_rule("fsync", CALLS_FAIL);
	struct kit k;

	for (int run = 0; run < 3; run++) {
		unsigned id;

		open_kit(&k, "fsync");
		id = kit_arm(&k, &r);
		ck_assert_int_eq(kit_end(kit_start(&k, family, (void *)(uintptr_t)"f")), 0);
		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(told->error[i], 1);
		kit_heal(&k, id);
		ck_assert_int_eq(k.hits, 2);
		ck_assert_str_eq(k.first.process, "store/pos/0/2.1");
		ck_assert_str_eq(k.last.process, "store/pos/0/3");
		kit_close(&k);
	}
}
END_TEST

static void next_pid(const char *pid)
{
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);

	if (write(fd, pid, strlen(pid)) < 0)
		_exit(98);
	close(fd);
}

/* Three children live, each a third of the way round from the one before; a fourth is asked for. */
static int all_round(void *arg)
{
	static const char *const at[] = { "12000", "24000", "3000" };
	int fd = file(arg), hold[2], r;
	char c;

	if (pipe(hold) < 0)
		return 97;
	for (unsigned i = 0; i < 3; i++) {
		next_pid(at[i]);
		if (fork() == 0) {
			close(hold[1]);
			_exit(read(hold[0], &c, 1) != 0);
		}
	}
	r = fork();
	if (r == 0)
		_exit(fsync(fd) < 0);
	r = kit_end(r);
	close(hold[1]);
	while (wait(NULL) > 0)
		;
	return r;
}

static void see_them_all(void)
{
	struct calls_rule r = kit_rule("fsync", CALLS_FAIL);
	struct kit k;
	unsigned id;

	open_kit(&k, "fsync");
	id = kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, all_round, (void *)(uintptr_t)"f")), 1);
	kit_heal(&k, id);
	ck_assert_int_eq(k.hits, 1);
	ck_assert_str_eq(k.first.process, "store/pos/0/4");
	kit_close(&k);
}

/*
 * In a PID namespace of their own, where pids are ours to give. Buggy result: the fourth has no
 * number, or the supervisor goes round and round and the parent never comes back from its fork.
 */
START_TEST(pids_come_round)
{
	pid_t pid = fork(), init;

	if (pid == 0) { /* which forks once only: with its child those namespaces end */
		if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
			_exit(95);
		init = fork();
		if (init)
			_exit(kit_end(init));
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("proc", "/proc", "proc", 0, NULL) < 0)
			_exit(96);
		see_them_all();
		_exit(0);
	}
	ck_assert_int_eq(kit_end(pid), 0);
}
END_TEST

static int replaced(void *arg)
{
	(void)arg;
	execl("/bin/sh", "sh", "-c", "exec sync -d \"$0\" 2>/dev/null", dir, NULL);
	return 99;
}

/* exec number 0 is the service's own; here the kit's child has none before. */
START_TEST(programs_have_numbers)
{
	struct calls_rule r = kit_rule("fsync", CALLS_FAIL);
	struct kit k;
	unsigned id;

	open_kit(&k, "fsync");
	id = kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, replaced, NULL)), 1);
	kit_heal(&k, id);
	ck_assert_int_eq(k.hits, 1);
	ck_assert_str_eq(k.last.process, "store/pos/0+1");
	kit_close(&k);
}
END_TEST

/* ---- who goes around ---- */

static int goes_around(void *arg)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = 1, .filter = &allow };

	(void)arg;
	told->error[0] = syscall(SYS_io_uring_setup, 8, NULL) < 0 ? errno : 0;
	told->error[1] = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				 SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog) < 0 ? errno : 0;
	told->error[2] = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? errno : 0;
	return 0;
}

START_TEST(rings_and_listeners)
{
	struct calls_facts f[4];
	struct kit k;

	open_kit(&k, "fsync");
	ck_assert_int_eq(kit_end(kit_start(&k, goes_around, NULL)), 0);
	ck_assert_int_eq(told->error[0], ENOSYS);
	ck_assert_int_eq(told->error[1], EBUSY);
	ck_assert_int_eq(told->error[2], 0);
	ck_assert_int_eq(calls_facts(k.calls, f, 4), 1);
	ck_assert_str_eq(f[0].service, "store/pos");
	ck_assert_int_eq(f[0].rings, 1);
	ck_assert_int_eq(f[0].listeners, 1);
	kit_close(&k);
}
END_TEST

/* ---- same decisions ---- */

static void *some_writes(void *arg)
{
	int fd = *(int *)arg;

	for (int i = 0; i < 16; i++) {
		int n = __atomic_fetch_add(&told->at, 1, __ATOMIC_RELAXED);

		told->error[n] = write(fd, "x", 1) < 0 ? errno : 0;
	}
	return NULL;
}

static int threads(void *arg)
{
	int fd = file(arg);
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, some_writes, &fd);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	return 0;
}

static uint64_t chosen[2][64];
static unsigned chosen_count[2], run_now;

static void note_hit(void *arg, const struct calls_hit *h)
{
	(void)arg;
	if (chosen_count[run_now] < 64)
		chosen[run_now][chosen_count[run_now]++] = h->nth;
}

/* Four threads race for 64 calls: which of them it hits is theirs, how many-eth are hit is ours. */
START_TEST(same_calls_are_hit)
{
	struct calls_rule r = kit_rule("write", CALLS_FAIL);
	struct kit k;

	r.chance = 0.3;
	for (run_now = 0; run_now < 2; run_now++) {
		unsigned id;
		int failed = 0;

		open_kit(&k, "write");
		k.on_hit = note_hit;
		told->at = 0;
		chosen_count[run_now] = 0;
		id = kit_arm(&k, &r);
		ck_assert_int_eq(kit_end(kit_start(&k, threads, (void *)(uintptr_t)"f")), 0);
		kit_heal(&k, id);
		for (int i = 0; i < 64; i++)
			failed += told->error[i] == EIO;
		ck_assert_int_eq(failed, chosen_count[run_now]);
		kit_close(&k);
	}
	ck_assert_int_gt(chosen_count[0], 5);
	ck_assert_int_lt(chosen_count[0], 40);
	ck_assert_int_eq(chosen_count[0], chosen_count[1]);
	ck_assert_int_eq(memcmp(chosen[0], chosen[1], sizeof(chosen[0])), 0);
}
END_TEST

/* ---- the table ---- */

START_TEST(the_table_is_sound)
{
	size_t n;

	for (unsigned i = 0; i < calls_count; i++) {
		const struct calls_call *c = &calls_table[i];
		char copy[512], *save = NULL;

		ck_assert_int_eq(calls_index(c->name), (int)i);
		snprintf(copy, sizeof(copy), "%s", c->errors);
		for (char *e = strtok_r(copy, " ", &save); e; e = strtok_r(NULL, " ", &save))
			ck_assert_msg(calls_errno(e) > 0, "%s: no errno %s", c->name, e);
		ck_assert_msg(!c->waits || calls_can_fail(c, "EINTR"), "%s: EINTR", c->name);
	}
	calls_words(&n);
	ck_assert_int_gt(n, calls_count);
	ck_assert_int_eq(calls_errno("EAGAIN"), EAGAIN);
	ck_assert_int_eq(calls_errno("EBADFD_"), 0);
}
END_TEST

START_TEST(words_stand_for_calls)
{
	struct calls_set set = { { 0 } };
	const char *why;

	ck_assert_int_eq(calls_word("write", &set, &why), 0);
	ck_assert(calls_has(&set, (unsigned)calls_index("pwrite64")));
	set = (struct calls_set){ { 0 } };
	ck_assert_int_eq(calls_word("write()", &set, &why), 0);
	ck_assert(calls_has(&set, (unsigned)calls_index("write")));
	ck_assert(!calls_has(&set, (unsigned)calls_index("pwrite64")));
	ck_assert_int_eq(calls_word("fdatasync", &set, &why), 0);
	ck_assert(!calls_has(&set, (unsigned)calls_index("fsync")));
	ck_assert_int_eq(calls_word("futex", &set, &why), -EPERM);
	ck_assert_ptr_nonnull(why);
	ck_assert_int_eq(calls_word("exit()", &set, &why), -EPERM);
	ck_assert_int_eq(calls_word("exits", &set, &why), -ENOENT);
	ck_assert_int_eq(calls_word("", &set, &why), -ENOENT);
	ck_assert_int_eq(calls_word("()", &set, &why), -ENOENT);
}
END_TEST

static bool can(void)
{
	char words[200];
	struct err e = { 0 };

	if (calls_try(words, sizeof(words), &e) == 0 && geteuid() == 0)
		return true;
	printf("# SKIP supervisor: %s\n", e.code ? e.msg : "needs root");
	return false;
}

int main(void)
{
	const TTest *const tests[] = {
		fails_while_armed, paths_of_all_kinds, the_nth_connect_to_a_peer,
		arguments_and_sizes, held_for_a_while, healing_lets_go, dying_while_held,
		signals_wait, children_have_numbers, pids_come_round, programs_have_numbers,
		rings_and_listeners, same_calls_are_hit, short_by_us, a_read_that_waits,
		late_after_its_effect, syncs_are_told_first,
	};
	Suite *s = suite_create("calls");
	bool able = can();
	TCase *t = tcase_create("table"), *w = tcase_create("supervisor");

	tcase_add_test(t, the_table_is_sound);
	tcase_add_test(t, words_stand_for_calls);
	suite_add_tcase(s, t);
	tcase_set_timeout(w, 30);
	tcase_add_checked_fixture(w, setup, teardown);
	for (size_t i = 0; able && i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(w, tests[i]);
	suite_add_tcase(s, w);
	return suite_main(s);
}
