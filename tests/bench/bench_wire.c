/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire against what else carries packets between two network namespaces here.
 *
 *   veth        a pair of the kernel's own          wire     our switch, pcap: altered
 *   slirp4netns, pasta   from a namespace to the one it runs in, through one TAP: they end TCP
 *               themselves and write into a socket, where the wire has two TUNs and two stacks
 *   forwarder   two TUNs and a process that reads from one and writes to the other
 *
 * All stand at the same time and take turns, a few milliseconds each; a ratio is taken within its
 * round, and the median of the ratios counts, with their quartiles. What forwarding a packet costs
 * is told by the CPU time of the forwarding process, which what else runs here changes little.
 * How exact a delay is: bench_wire_delay.c.
 * Needs root or a user namespace's root; slirp4netns and pasta are left out where they are absent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/gate.h"
#include "base/loop.h"
#include "tests/bench/bench.h"
#include "wire/room.h"

#define ROUNDS 40
#define BLAST_MS 40
#define PINGS 100
#define PORT 7000
#define NOBODY 65534

enum { VETH, WIRE, SLIRP, PASTA, PATHS };
static const char *const names[] = { "veth", "wire", "slirp4netns", "pasta" };

/* struct path - a way from one namespace to another, and the processes at its ends. */
struct path {
	int from, to;          /* namespaces; -1: there is no such path here */
	struct sockaddr_in at; /* of the far end, as the near end sees it */
	uint64_t *received;    /* shared memory */
	int ask, answer;       /* pipes to the near end */
};
struct order {
	int pings, blast_ms;
};
struct answer {
	uint64_t bytes;
	int64_t ns;            /* of the blast; of the median ping */
};

static int home;

static _Noreturn void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return system(line);
}

static void enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		fail("entering a namespace");
}

static int namespace_new(void)
{
	int ns;

	if (unshare(CLONE_NEWNET) < 0)
		fail("making a namespace");
	ns = open("/proc/thread-self/ns/net", O_RDONLY);
	run("ip link set lo up");
	enter(home);
	return ns;
}

static uint64_t *shared_page(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* ---- the ends ---- */

static int listen_in(int ns, uint16_t port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd, one = 1;

	enter(ns);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 5) < 0)
		fail("listening");
	enter(home);
	return fd;
}

/* Counts what comes on one connection; sends back what comes on the other. */
static _Noreturn void far_end(struct path *p, int listener)
{
	static char buf[256 << 10];
	int blast = accept(listener, NULL, NULL), echo = accept(listener, NULL, NULL), one = 1;

	setsockopt(echo, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (child() == 0)
		for (ssize_t n; (n = read(echo, buf, 1)) > 0;)
			if (write(echo, buf, 1) != 1)
				_exit(1);
	for (ssize_t n; (n = read(blast, buf, sizeof(buf))) > 0;)
		__atomic_fetch_add(p->received, (uint64_t)n, __ATOMIC_RELAXED);
	_exit(0);
}

static int dial(const struct path *p)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	for (int i = 0; connect(fd, (const struct sockaddr *)&p->at, sizeof(p->at)) < 0; i++) {
		if (i == 500)
			_exit(1);
		poll(NULL, 0, 10);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void blast(const struct path *p, int fd, int64_t ms, uint64_t *sent, struct answer *ret)
{
	static char buf[128 << 10];
	int64_t began = clock_now(), end = began + ms * NS_PER_MS;
	uint64_t before = *sent;

	while (clock_now() < end) {
		ssize_t n = write(fd, buf, sizeof(buf));

		if (n < 0)
			_exit(1);
		*sent += (uint64_t)n;
	}
	while (__atomic_load_n(p->received, __ATOMIC_RELAXED) < *sent)
		poll(NULL, 0, 1);
	ret->ns = clock_now() - began;
	ret->bytes = *sent - before;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(double *v, size_t n, double q)
{
	qsort(v, n, sizeof(*v), by_size);
	return v[(size_t)(q * (double)(n - 1))];
}

static int64_t ping(int fd, int count)
{
	double took[1000];
	char c = 'x';

	for (int i = 0; i < count; i++) {
		int64_t began = clock_now();

		if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
			_exit(1);
		took[i] = (double)(clock_now() - began);
	}
	return (int64_t)quantile(took, (size_t)count, 0.5);
}

static _Noreturn void near_end(const struct path *p, int ask, int answer)
{
	int fd, echo;
	uint64_t sent = 0;
	struct order o;

	enter(p->from);
	fd = dial(p);
	echo = dial(p);
	while (read(ask, &o, sizeof(o)) == sizeof(o)) {
		struct answer a = { 0 };

		if (o.pings)
			a.ns = ping(echo, o.pings);
		else
			blast(p, fd, o.blast_ms, &sent, &a);
		if (write(answer, &a, sizeof(a)) != sizeof(a))
			break;
	}
	_exit(0);
}

static bool ask(struct path *p, struct order o, struct answer *ret)
{
	struct pollfd f = { .fd = p->answer, .events = POLLIN };

	return write(p->ask, &o, sizeof(o)) == sizeof(o) && poll(&f, 1, 20000) == 1 &&
	       read(p->answer, ret, sizeof(*ret)) == sizeof(*ret);
}

static void path_start(struct path *p, int from, int to, const char *address)
{
	static uint16_t port = PORT; /* two paths may end in one namespace */
	int listener = listen_in(to, ++port), a[2], b[2];
	struct answer first;

	p->from = from;
	p->to = to;
	p->at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, address, &p->at.sin_addr);
	p->received = shared_page();
	if (pipe(a) < 0 || pipe(b) < 0)
		fail("pipe");
	if (child() == 0)
		far_end(p, listener);
	if (child() == 0)
		near_end(p, a[0], b[1]);
	close(listener);
	close(a[0]);
	close(b[1]);
	p->ask = a[1];
	p->answer = b[0];
	if (!ask(p, (struct order){ .pings = 10 }, &first))
		p->from = -1;
}

/* ---- the paths ---- */

static void veth_start(struct path *p)
{
	int a = namespace_new(), b = namespace_new();

	enter(a);
	if (run("ip link add v0 type veth peer name v1 netns /proc/%d/fd/%d", getpid(), b) ||
	    run("ip addr add 10.66.0.1/24 dev v0 && ip link set v0 up"))
		fail("making a veth pair");
	enter(b);
	if (run("ip addr add 10.66.0.2/24 dev v1 && ip link set v1 up"))
		fail("making a veth pair");
	enter(home);
	path_start(p, a, b, "10.66.0.2");
}

static struct wire *wire_start(struct path *p)
{
	static const char *const nodes[] = { "a", "b" };
	int ns[2] = { namespace_new(), namespace_new() };
	struct wire_capture_opts o = { .what = CAPTURE_ALTERED, .snap = 1600, .names = nodes,
				       .nodes = 2, .size_max = 64 << 20 };
	struct err e = { 0 };
	struct wire *w;
	int r = wire_new(&w, &e);

	for (unsigned i = 0; i < 2 && r >= 0; i++)
		r = wire_attach(w, ns[i], i, &e);
	o.fd = memfd_create("capture", 0);
	r = r < 0 ? r : wire_capture_begin(w, &o, &e);
	if (r < 0) {
		printf("SKIP: the wire: %s\n", e.msg);
		exit(0);
	}
	path_start(p, ns[0], ns[1], "10.77.0.2");
	return w;
}

/* In a shell of its own; it dies with us. pasta does not start where SIGPIPE is ignored already. */
static void foreign_run(const char *line)
{
	if (child())
		return;
	signal(SIGPIPE, SIG_DFL);
	_exit(execl("/bin/sh", "sh", "-c", line, (char *)NULL));
}

static bool missing(struct path *p, const char *program)
{
	p->from = -1;
	if (run("command -v %s >/dev/null", program) == 0)
		return false;
	printf("without %s: not installed (apt-get install slirp4netns passt)\n", program);
	return true;
}

static void foreign_try(struct path *p, const char *name, int ns, const char *address)
{
	if (ns >= 0)
		path_start(p, ns, home, address);
	if (p->from < 0)
		printf("without %s: nothing came through it\n", name);
}

static void slirp_start(struct path *p)
{
	char line[256];
	pid_t holder;
	int ns;

	if (missing(p, "slirp4netns"))
		return;
	ns = namespace_new();
	holder = child();
	if (holder == 0) {
		enter(ns);
		for (;;)
			pause();
	}
	snprintf(line, sizeof(line),
		 "exec slirp4netns --configure --mtu=65520 %d tap0 >/dev/null 2>&1", holder);
	foreign_run(line);
	foreign_try(p, "slirp4netns", ns, "10.0.2.2");
}

/*
 * pasta does not run as root: it becomes nobody, and then it may neither open a namespace that root
 * made nor write its own map of users. So nobody makes the namespace, in a user namespace of its
 * own, and pasta, as nobody, joins both.
 */
static _Noreturn void nobody_holds(int ready)
{
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* both are lost with a change of user */
	prctl(PR_SET_DUMPABLE, 1);
	if (write(ready, "", 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

static void pasta_start(struct path *p)
{
	char line[256], c;
	int ready[2], ns = -1;
	pid_t holder;

	if (missing(p, "pasta"))
		return;
	if (pipe(ready) < 0)
		fail("pipe");
	holder = child();
	if (holder == 0)
		nobody_holds(ready[1]);
	close(ready[1]);
	if (read(ready[0], &c, 1) == 1) {
		snprintf(line, sizeof(line), "/proc/%d/ns/net", holder);
		ns = open(line, O_RDONLY);
		snprintf(line, sizeof(line), "exec setpriv --pdeathsig KILL --reuid %d --regid %d "
			 "--clear-groups pasta -f --config-net -t none -u none %d >/dev/null 2>&1",
			 NOBODY, NOBODY, holder);
		foreign_run(line);
	}
	close(ready[0]);
	foreign_try(p, "pasta", ns, "10.44.0.1");
}

/* ---- the bare forwarder, and what a packet costs ---- */

static void say_address(const char *name, const char *address)
{
	if (run("ip addr add %s dev %s && ip link set %s up", address, name, name))
		fail("an address");
}

static int tun_open(const char *address)
{
	int fd = open("/dev/net/tun", O_RDWR);
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "t0" };

	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0)
		fail("making a TUN");
	say_address("t0", address);
	return fd;
}

static pid_t forwarder_start(int ret_ns[2], uint64_t *packets)
{
	int fd[2];
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		ret_ns[i] = namespace_new();
		enter(ret_ns[i]);
		fd[i] = tun_open(i ? "10.55.0.2/24" : "10.55.0.1/24");
		enter(home);
	}
	pid = child();
	if (pid == 0) {
		static char buf[65536];

		for (ssize_t n; (n = read(fd[0], buf, sizeof(buf))) > 0;)
			if (write(fd[1], buf, (size_t)n) == n)
				__atomic_fetch_add(packets, 1, __ATOMIC_RELAXED);
		_exit(0);
	}
	close(fd[0]);
	close(fd[1]);
	return pid;
}

static int64_t cpu_of(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t) < 0)
		return 0;
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int udp_in(int ns, const char *address, bool to)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd;

	enter(ns);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	inet_pton(AF_INET, address, &a.sin_addr);
	if ((to ? connect : bind)(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		fail("a datagram socket");
	enter(home);
	return fd;
}

/* As many small packets as get in within some milliseconds. */
static void flood(int fd, int64_t ms)
{
	static const char text[64];
	int64_t end = clock_now() + ms * NS_PER_MS;

	while (clock_now() < end)
		for (int i = 0; i < 50; i++)
			if (send(fd, text, sizeof(text), MSG_DONTWAIT) < 0)
				break;
}

static void hit(void *arg, const struct wire_hit *h)
{
	(void)arg;
	(void)h;
}

static unsigned arm(struct wire *w, struct loop *loop, enum wire_effect effect, int fault,
		    const struct wire_rule *more)
{
	struct wire_rule r = *more;
	struct err e = { 0 };
	unsigned id = 0;

	r.effect = effect;
	r.fault = fault;
	r.seed = 1;
	r.gate = gate_all();
	r.a[0] = 1;
	r.b[0] = 2;
	snprintf(r.name, sizeof(r.name), "bench.%d", fault);
	if (wire_rule_add(w, loop, &r, hit, NULL, &id, &e) < 0) {
		printf("arming: %s\n", e.msg);
		exit(1);
	}
	return id;
}

/* The process that switches: the wire's first child is ours alone to find. */
static pid_t find_switch(void)
{
	char line[64] = "";
	FILE *f = popen("pgrep -P $PPID -x wire", "r");
	pid_t pid = f && fgets(line, sizeof(line), f) ? (pid_t)atoi(line) : 0;

	if (f)
		pclose(f);
	return pid;
}

/* Packets per second of CPU, of the forwarder and the wire. False: one of them got no core. */
static bool impaired_round(struct wire *w, const uint64_t *bare, const pid_t pid[2],
			   const int from[2], double per_s[2])
{
	bool busy = true;

	for (int k = 0; k < 2; k++) {
		uint64_t n = k ? wire_counters(w, 0).packets : *bare;
		int64_t cpu = cpu_of(pid[k]);

		flood(from[k], 20);
		poll(NULL, 0, 3);
		n = (k ? wire_counters(w, 0).packets : *bare) - n;
		cpu = cpu_of(pid[k]) - cpu;
		busy = busy && n && cpu > 0;
		per_s[k] = (double)n * 1e9 / (double)(cpu > 0 ? cpu : 1);
	}
	return busy;
}

static void impaired(struct wire *w, const struct path *p, bool captured)
{
	static double ratio[ROUNDS];
	uint64_t *bare = shared_page();
	int ns[2], from[2], to[2];
	pid_t pid[2] = { forwarder_start(ns, bare), find_switch() };
	struct loop *loop;
	struct err e = { 0 };
	unsigned id[3];
	double kpps[2] = { 0 };
	int idles = 0;

	loop_new(&loop, &e);
	from[0] = udp_in(ns[0], "10.55.0.2", true);
	to[0] = udp_in(ns[1], "10.55.0.2", false);
	from[1] = udp_in(p->from, "10.77.0.2", true);
	to[1] = udp_in(p->to, "10.77.0.2", false);
	id[0] = arm(w, loop, WIRE_DROP, 0, &(struct wire_rule){ .chance = 0.01 });
	id[1] = arm(w, loop, WIRE_DELAY, 1,
		    &(struct wire_rule){ .chance = 1, .delay_ns = NS_PER_MS });
	id[2] = arm(w, loop, WIRE_RATE, 2,
		    &(struct wire_rule){ .chance = 1, .bytes_per_s = 1000000000,
					 .queue_bytes = 1000000, .burst_bytes = 10000 });
	for (int i = -2; i < ROUNDS; i++) {
		double per_s[2];

		if (!impaired_round(w, bare, pid, from, per_s) && ++idles < 10 * ROUNDS) {
			i--;
			continue;
		}
		if (i < 0)
			continue;
		ratio[i] = per_s[1] / per_s[0];
		kpps[0] += per_s[0] / ROUNDS / 1000;
		kpps[1] += per_s[1] / ROUNDS / 1000;
	}
	printf("  %s: forwarder %.0f, wire %.0f thousand packets per core and second\n",
	       captured ? "pcap: altered" : "pcap: off", kpps[0], kpps[1]);
	if (captured)
		printf("figure\timpaired (loss, delay, rate), every packet captured / forwarder\t"
		       "%.3f\tx\t-\t-\t%.3f\t%.3f\n",
		       quantile(ratio, ROUNDS, 0.5), quantile(ratio, ROUNDS, 0.25),
		       quantile(ratio, ROUNDS, 0.75));
	else
		figure("impaired (loss, delay, rate) / bare forwarder, packets per CPU second",
		       quantile(ratio, ROUNDS, 0.5), "x", ">=", 0.7,
		       quantile(ratio, ROUNDS, 0.25), quantile(ratio, ROUNDS, 0.75));
	for (int i = 0; i < 3; i++)
		wire_rule_del(w, id[i], &e);
	kill(pid[0], SIGKILL);
	for (int i = 0; i < 2; i++) {
		close(from[i]);
		close(to[i]);
	}
	loop_free(loop);
}

/* ---- throughput and round trips ---- */

static void compare(const char *words, double *v, size_t n, double limit)
{
	figure(words, quantile(v, n, 0.5), "x", ">=", limit, quantile(v, n, 0.25),
	       quantile(v, n, 0.75));
}

/* Gbit/s; 0: there is no such path, or it carries nothing any more (pasta has been seen to). */
static double rate_of(struct path *p, int k)
{
	struct answer a;

	if (p[k].from < 0)
		return 0;
	if (ask(&p[k], (struct order){ .blast_ms = BLAST_MS }, &a))
		return (double)a.bytes * 8 / (double)a.ns;
	if (k == VETH || k == WIRE) {
		printf("%s carries nothing any more\n", names[k]);
		exit(1);
	}
	printf("  %s carries nothing any more; its rounds until now count\n", names[k]);
	p[k].from = -1;
	return 0;
}

/* It decides much: one that paces hides what more copies cost. New namespaces have the host's. */
static void say_congestion_control(void)
{
	char name[32] = "?";
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "r");

	if (f && fscanf(f, "%31s", name) == 1)
		printf("  congestion control of all paths: %s\n", name);
	if (f)
		fclose(f);
}

static void throughput(struct path *p)
{
	static const struct { const char *words; int path; double limit; } rows[] = {
		{ "TCP between two nodes / veth", VETH, 0.65 },
		{ "TCP between two nodes / slirp4netns, node to host", SLIRP, 2 },
		{ "TCP between two nodes / pasta, node to host", PASTA, 1 },
	};
	static double ratio[PATHS][ROUNDS], sum[PATHS];
	size_t n[PATHS] = { 0 };

	say_congestion_control();
	for (int i = -2; i < ROUNDS; i++) {
		double rate[PATHS] = { 0 };

		for (int k = 0; k < PATHS; k++)
			rate[k] = rate_of(p, k);
		for (int k = 0; k < PATHS && i >= 0; k++)
			if (rate[k] > 0) {
				sum[k] += rate[k];
				ratio[k][n[k]++] = rate[WIRE] / rate[k];
			}
	}
	for (int k = 0; k < PATHS; k++)
		if (n[k])
			printf("  %s: %.2f Gbit/s, %zu rounds\n", names[k],
			       sum[k] / (double)n[k], n[k]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (n[rows[i].path])
			compare(rows[i].words, ratio[rows[i].path], n[rows[i].path],
				rows[i].limit);
}

static void round_trips(struct path *p)
{
	static double added[ROUNDS];
	double sum[2] = { 0 };

	for (int i = -2; i < ROUNDS; i++) {
		struct answer a[2];

		for (int k = 0; k < 2; k++)
			if (!ask(&p[k], (struct order){ .pings = PINGS }, &a[k]))
				fail(names[k]);
		if (i < 0)
			continue;
		added[i] = (double)(a[WIRE].ns - a[VETH].ns) / 1000;
		sum[0] += (double)a[VETH].ns / 1000 / ROUNDS;
		sum[1] += (double)a[WIRE].ns / 1000 / ROUNDS;
	}
	printf("  round trip: veth %.1f us, wire %.1f us\n", sum[0], sum[1]);
	figure("round trip added over veth, median", quantile(added, ROUNDS, 0.5), "us", "<=", 40,
	       quantile(added, ROUNDS, 0.25), quantile(added, ROUNDS, 0.75));
}

/* A small packet every 10 ms: the wire looks out for the next one, and gives it up. */
static void low_rate(const struct path *p)
{
	enum { PACKETS = 100, BLOCKS = 5 };
	double share[BLOCKS];
	pid_t pid = find_switch();
	int from = udp_in(p->from, "10.77.0.2", true), to = udp_in(p->to, "10.77.0.2", false);

	for (int i = 0; i < BLOCKS; i++) {
		int64_t cpu = cpu_of(pid), began = clock_now();

		for (int k = 0; k < PACKETS; k++) {
			if (send(from, "x", 1, 0) != 1)
				fail("send");
			poll(NULL, 0, 10);
		}
		share[i] = (double)(cpu_of(pid) - cpu) * 100 / (double)(clock_now() - began);
	}
	figure("the wire at 100 packets a second: of one core", quantile(share, BLOCKS, 0.5), "%",
	       "<=", 1, quantile(share, BLOCKS, 0), quantile(share, BLOCKS, 1));
	close(from);
	close(to);
}

int main(void)
{
	struct path p[PATHS];
	struct wire_capture_facts facts;
	struct err e = { 0 };
	struct wire *w;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (unshare(CLONE_NEWNET) < 0 || open("/dev/net/tun", O_RDWR | O_CLOEXEC) < 0) {
		printf("SKIP: needs root and /dev/net/tun: %s\n", strerror(errno));
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	home = open("/proc/thread-self/ns/net", O_RDONLY);
	run("ip link set lo up");
	run("ip link add host type veth peer name host1 && ip link set host1 up && "
	    "ip addr add 10.44.0.5/24 dev host && "
	    "ip link set host up && ip route add default via 10.44.0.1");
	w = wire_start(&p[WIRE]);
	veth_start(&p[VETH]);
	slirp_start(&p[SLIRP]);
	pasta_start(&p[PASTA]);
	throughput(p);
	round_trips(p);
	low_rate(&p[WIRE]);
	impaired(w, &p[WIRE], true);
	wire_capture_end(w, &facts, &e);
	impaired(w, &p[WIRE], false);
	wire_free(w);
	return 0;
}
