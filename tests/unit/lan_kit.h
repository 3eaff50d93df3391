/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TESTS_LAN_KIT_H
#define WD_TESTS_LAN_KIT_H

/*
 * Real nodes on a real wire, for tests that are root (or a user namespace's):
 *
 *   this process ("the host")    node 0 ─ eth0 ─┐
 *      own empty network         node 1 ─ eth0 ─┼─ switch
 *                                node 2 ─ eth0 ─┘
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/gate.h"
#include "base/loop.h"
#include "wire/room.h"

#define LAN_NODES 3

struct lan {
	struct wire *wire;
	struct loop *loop;
	int home, net[LAN_NODES];
	unsigned rules[WIRE_RULES_MAX], rules_count;
	uint64_t hits; /* altered packets that the wire told of */
};

/** lan_can - may this process make networks? */
static inline bool lan_can(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) < 0 || open("/dev/net/tun", O_RDWR) < 0);
	waitpid(pid, &status, 0);
	return status == 0;
}

static inline void lan_open(struct lan *l)
{
	struct err e = { 0 };

	*l = (struct lan){ 0 };
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	l->home = open("/proc/thread-self/ns/net", O_RDONLY);
	ck_assert_msg(wire_new(&l->wire, &e) == 0, "%s", e.msg);
	ck_assert_msg(loop_new(&l->loop, &e) == 0, "%s", e.msg);
	for (unsigned i = 0; i < LAN_NODES; i++) {
		ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
		l->net[i] = open("/proc/thread-self/ns/net", O_RDONLY);
		ck_assert_int_eq(setns(l->home, CLONE_NEWNET), 0);
		ck_assert_msg(wire_attach(l->wire, l->net[i], i, &e) == 0, "%s", e.msg);
	}
}

/** lan_socket - a socket that lives in a node. */
static inline int lan_socket(const struct lan *l, unsigned node, int family, int type, int proto)
{
	int fd;

	ck_assert_int_eq(setns(l->net[node], CLONE_NEWNET), 0);
	fd = socket(family, type | SOCK_CLOEXEC, proto);
	ck_assert_int_eq(setns(l->home, CLONE_NEWNET), 0);
	ck_assert_msg(fd >= 0, "socket %d, %d, %d: %s", family, type, proto, strerror(errno));
	return fd;
}

static inline struct sockaddr_in lan_addr(unsigned node, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(0x0a4d0001u + node) };
}

static inline struct sockaddr_in6 lan_addr6(unsigned node, uint16_t port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	a.sin6_addr.s6_addr[0] = 0xfd;
	a.sin6_addr.s6_addr[1] = 0x77;
	a.sin6_addr.s6_addr[15] = (uint8_t)(node + 1);
	return a;
}

/** lan_bound - a datagram socket of a node on a port of all its addresses, non-blocking. */
static inline int lan_bound(const struct lan *l, unsigned node, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = lan_socket(l, node, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	return fd;
}

/** lan_tcp - a connection from one node to another; ret[0] is the client's end. */
static inline void lan_tcp(const struct lan *l, unsigned from, unsigned to, uint16_t port,
			   int ret[2])
{
	struct sockaddr_in a = lan_addr(to, port);
	int server = lan_socket(l, to, AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	ck_assert_int_eq(bind(server, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(server, 5), 0);
	ret[0] = lan_socket(l, from, AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(ret[0], (struct sockaddr *)&a, sizeof(a)), 0);
	ret[1] = accept(server, NULL, NULL);
	ck_assert_int_ge(ret[1], 0);
	setsockopt(ret[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(ret[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(server);
}

/** lan_heard - a datagram within `ms`; its size, -1: none. */
static inline int lan_heard(int fd, void *buf, size_t size, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 ? (int)recv(fd, buf, size, 0) : -1;
}

static inline void lan_hit(void *arg, const struct wire_hit *h)
{
	((struct lan *)arg)->hits += h->count;
}

/** lan_rule - every packet between two nodes; to be filled in further. */
static inline struct wire_rule lan_rule(enum wire_effect effect, int fault, unsigned a, unsigned b)
{
	struct wire_rule r = { .effect = effect, .fault = fault, .seed = 1, .gate = gate_all(),
			       .chance = 1, .a = { UINT64_C(1) << a }, .b = { UINT64_C(1) << b } };

	snprintf(r.name, sizeof(r.name), "lan.%d", fault);
	return r;
}

static inline unsigned lan_arm(struct lan *l, const struct wire_rule *r)
{
	struct err e = { 0 };
	unsigned id = 0;

	ck_assert_msg(wire_rule_add(l->wire, l->loop, r, lan_hit, l, &id, &e) >= 0, "%s", e.msg);
	l->rules[l->rules_count++] = id;
	return id;
}

static inline void lan_heal(struct lan *l, unsigned id)
{
	struct err e = { 0 };

	ck_assert_msg(wire_rule_del(l->wire, id, &e) >= 0, "%s", e.msg);
	for (unsigned i = 0; i < l->rules_count; i++)
		if (l->rules[i] == id)
			l->rules[i--] = l->rules[--l->rules_count];
}

static inline void lan_close(struct lan *l)
{
	while (l->rules_count)
		lan_heal(l, l->rules[0]);
	wire_free(l->wire);
	loop_free(l->loop);
	for (unsigned i = 0; i < LAN_NODES; i++)
		close(l->net[i]);
	close(l->home);
}

/** lan_switch - the process that switches: this one's only child that it did not fork itself. */
static inline pid_t lan_switch(void)
{
	char text[64];
	int pid = 0;
	FILE *f;

	snprintf(text, sizeof(text), "/proc/self/task/%d/children", getpid());
	f = fopen(text, "r");
	ck_assert(f && fscanf(f, "%d", &pid) == 1);
	fclose(f);
	return pid;
}

#endif
