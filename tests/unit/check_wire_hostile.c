/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node that does its worst (it has every right over its own network, which a service of a target
 * has not): garbage, fragments, frames of any size, forged senders. The wire goes on, the other
 * nodes notice nothing, and nothing reaches the host.
 *
 * A forged sender inside the shop is let through: that is what a real LAN does, so a
 * target that trusts addresses is tested as it would run.
 */
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <signal.h>

#include "base/draw.h"
#include "lan_kit.h"
#include "wire_kit.h"
#include "tests/unit/suite.h"

/* ---- garbage ---- */

static int packet_socket(const struct lan *l, unsigned node, struct sockaddr_ll *ret)
{
	int fd = lan_socket(l, node, AF_PACKET, SOCK_RAW, 0), one = 1;

	*ret = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	ck_assert_int_eq(setns(l->net[node], CLONE_NEWNET), 0);
	ret->sll_ifindex = (int)if_nametoindex(TUN_NAME);
	ck_assert_int_eq(setns(l->home, CLONE_NEWNET), 0);
	ck_assert_int_gt(ret->sll_ifindex, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	return fd;
}

static uint64_t roll(uint64_t n, uint64_t which, uint64_t of)
{
	return draw_u64((struct draw){ 5, "garbage", which, n }) % of;
}

/* Frame n of the garbage: bytes by chance, or a packet with a few bytes turned, or a large one. */
static size_t garbage(uint8_t *frame, uint64_t n)
{
	struct kit_tcp t = { .from = (unsigned)roll(n, 1, 4), .to = (unsigned)roll(n, 2, 2),
			     .sport = (uint16_t)roll(n, 3, 65536), .dport = 8080,
			     .seq = (uint32_t)roll(n, 4, 5000), .ack = (uint32_t)roll(n, 5, 5000),
			     .flags = (uint8_t)roll(n, 6, 256), .len = roll(n, 7, 1400) };
	size_t len;

	switch (roll(n, 0, 4)) {
	case 0:
		len = VNET + 1 + roll(n, 8, 1490);
		memset(frame, 0, VNET);
		for (size_t i = VNET; i < len; i++)
			frame[i] = (uint8_t)roll(n, 100 + i, 256);
		frame[VNET] = roll(n, 9, 2) ? 0x45 : 0x60;
		return len;
	case 1:
		t.len = 1 + roll(n, 7, 40000);
		t.gso = (uint16_t)(1 + roll(n, 10, 4000));
		break;
	case 2:
		len = kit_udp(frame, t.from, t.to, t.sport, 53, 1, 4 + t.len);
		frame[VNET + roll(n, 11, 28)] = (uint8_t)roll(n, 12, 256);
		return len;
	default:
		break;
	}
	len = kit_tcp(frame, &t);
	for (uint64_t i = 0; i < roll(n, 13, 4); i++) /* not to the address: it should get there */
		frame[VNET + roll(n, 14 + i, 16)] = (uint8_t)roll(n, 20 + i, 256);
	return len;
}

static uint64_t throw_garbage(int fd, const struct sockaddr_ll *to, int64_t until)
{
	static uint8_t frame[KIT_FRAME_MAX];
	uint64_t sent = 0;

	for (uint64_t n = 0; clock_now() < until; n++) {
		size_t len = garbage(frame, n);

		sent += sendto(fd, frame, len, 0, (const void *)to, sizeof(*to)) == (ssize_t)len;
	}
	return sent;
}

static void arm_everything(struct lan *l)
{
	for (int i = 0; i < WIRE_EFFECTS; i++) {
		struct wire_rule r = lan_rule((enum wire_effect)i, i, 2, 0);

		r.b[0] = 3; /* the bad node and each of the good ones */
		r.chance = 0.1;
		r.delay_ns = 2 * NS_PER_MS;
		r.jitter_ns = NS_PER_MS;
		r.bits = 3;
		r.fix_sum = i % 2;
		r.at = i == WIRE_MTU ? 1000 : 100;
		r.bytes_per_s = 10000000;
		r.queue_bytes = 100000;
		if (i >= WIRE_REFUSE)
			r.gate.probability = 0.1;
		lan_arm(l, &r);
	}
}

/* Round trips on a connection until `until`; the longest. */
static int64_t ping_pong(const int pair[2], int64_t until, unsigned *ret_count)
{
	int64_t worst = 0;
	char c = 'x';

	for (*ret_count = 0; clock_now() < until; (*ret_count)++) {
		int64_t before = clock_now();

		for (int i = 0; i < 2; i++) {
			struct pollfd p = { .fd = pair[!i], .events = POLLIN };

			ck_assert_int_eq((int)write(pair[i], &c, 1), 1);
			ck_assert_int_eq(poll(&p, 1, 10000), 1);
			ck_assert_int_eq((int)read(pair[!i], &c, 1), 1);
		}
		if (clock_now() - before > worst)
			worst = clock_now() - before;
	}
	return worst;
}

/* Garbage from node 2 to nodes 0 and 1 through every effect; 0 and 1 talk all the while. */
START_TEST(garbage_from_a_node)
{
	struct lan l;
	struct sockaddr_ll to;
	int pair[2], fd, sent[2], status;
	int64_t until, worst;
	uint64_t n = 0;
	unsigned count;
	pid_t pid;

	lan_open(&l);
	lan_tcp(&l, 0, 1, 8080, pair);
	if (_i)
		arm_everything(&l);
	fd = packet_socket(&l, 2, &to);
	ck_assert_int_eq(pipe(sent), 0);
	until = clock_now() + NS_PER_S;
	pid = fork();
	if (pid == 0) {
		n = throw_garbage(fd, &to, until);
		_exit(write(sent[1], &n, sizeof(n)) != sizeof(n));
	}
	worst = ping_pong(pair, until, &count);
	ck_assert_int_eq((int)read(sent[0], &n, sizeof(n)), (int)sizeof(n));
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	printf("# %llu frames of garbage%s, %u round trips, the longest %.1f ms\n",
	       (unsigned long long)n, _i ? " through every effect" : "", count,
	       (double)worst / 1e6);
	ck_assert_uint_gt(n, 1000);
	ck_assert_uint_gt(wire_counters(l.wire, 2).packets, 1000);
	ck_assert_uint_gt(count, 100);
	ck_assert(wire_alive(l.wire));
	ping_pong(pair, clock_now() + NS_PER_MS, &count);
	ck_assert_uint_gt(count, 0);
	lan_close(&l);
}
END_TEST

/* ---- unusual but right ---- */

static void say(int fd, unsigned to, uint16_t port, const void *data, size_t len, bool v6)
{
	struct sockaddr_in a4 = lan_addr(to, port);
	struct sockaddr_in6 a6 = lan_addr6(to, port);

	ck_assert_int_eq((int)sendto(fd, data, len, 0, v6 ? (void *)&a6 : (void *)&a4,
				     v6 ? sizeof(a6) : sizeof(a4)), (int)len);
}

static void arrives(int from, int at, size_t len, bool v6)
{
	static uint8_t out[65536], in[65536];

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 13);
	say(from, 0, 5000, out, len, v6);
	ck_assert_int_eq(lan_heard(at, in, sizeof(in), 5000), (int)len);
	ck_assert(!memcmp(in, out, len));
}

/* Fragments of both versions and IPv6 headers in between, on a good link and through a delay. */
START_TEST(fragments_and_headers)
{
	static const uint8_t padding[8] = { 0, 0, 1, 4 };
	struct lan l;
	struct wire_rule r = lan_rule(WIRE_DELAY, 0, 2, 0);
	int at, from, from6;
	unsigned id = 0;

	lan_open(&l);
	at = lan_bound(&l, 0, 5000);
	from = lan_socket(&l, 2, AF_INET, SOCK_DGRAM, 0);
	from6 = lan_socket(&l, 2, AF_INET6, SOCK_DGRAM, 0);
	r.delay_ns = 5 * NS_PER_MS;
	for (int impaired = 0; impaired < 2; impaired++) {
		arrives(from, at, 9000, false);
		arrives(from6, at, 9000, true);
		if (impaired == 0)
			id = lan_arm(&l, &r);
	}
	ck_assert_int_eq(setsockopt(from6, IPPROTO_IPV6, IPV6_HOPOPTS, padding, 8), 0);
	ck_assert_int_eq(setsockopt(from6, IPPROTO_IPV6, IPV6_DSTOPTS, padding, 8), 0);
	arrives(from6, at, 100, true);
	arrives(from6, at, 5000, true);
	lan_heal(&l, id);
	ck_assert_uint_gt(l.hits, 14);
	lan_close(&l);
}
END_TEST

/* An interface that its node has given a larger MTU: such packets pass a good link, and what
 * does not fit into the queue of a bad one is counted as lost. */
START_TEST(jumbo)
{
	static const uint8_t too_much[3000];
	struct lan l;
	struct wire_rule r = lan_rule(WIRE_DELAY, 0, 2, 0);
	struct ifreq ifr = { .ifr_mtu = 65535 };
	uint64_t before;
	int at, from;

	lan_open(&l);
	at = lan_bound(&l, 0, 5000);
	from = lan_socket(&l, 2, AF_INET, SOCK_DGRAM, 0);
	memcpy(ifr.ifr_name, TUN_NAME, sizeof(TUN_NAME));
	ck_assert_int_eq(ioctl(from, SIOCSIFMTU, &ifr), 0);
	arrives(from, at, 60000, false);
	r.delay_ns = NS_PER_MS;
	lan_arm(&l, &r);
	before = wire_counters(l.wire, 2).dropped;
	say(from, 0, 5000, too_much, sizeof(too_much), false);
	for (int64_t by = clock_now() + NS_PER_S; wire_counters(l.wire, 2).dropped == before;)
		ck_assert(clock_now() < by);
	arrives(from, at, 1900, false);
	lan_close(&l);
}
END_TEST

/* ---- out of the shop ---- */

#define MARK "this must not get out"

static const struct {
	const char *what;
	int family;
	const char *address;
} outside[] = {
	{ "loopback", AF_INET, "127.0.0.1" },
	{ "the host's own address", AF_INET, "192.0.2.7" },
	{ "any host", AF_INET, "198.51.100.1" },
	{ "the gateway that a LAN would have", AF_INET, "10.77.0.254" },
	{ "this network", AF_INET, "0.0.0.0" },
	{ "broadcast", AF_INET, "255.255.255.255" },
	{ "broadcast of the shop", AF_INET, "10.77.0.255" },
	{ "all hosts", AF_INET, "224.0.0.1" },
	{ "mDNS", AF_INET, "224.0.0.251" },
	{ "link-local", AF_INET, "169.254.169.254" },
	{ "loopback", AF_INET6, "::1" },
	{ "the host's own address", AF_INET6, "2001:db8::7" },
	{ "all nodes of the link", AF_INET6, "ff02::1" },
	{ "all routers", AF_INET6, "ff02::2" },
	{ "all nodes of the interface", AF_INET6, "ff01::1" },
	{ "all nodes of the site", AF_INET6, "ff05::1" },
	{ "link-local", AF_INET6, "fe80::1" },
	{ "mapped IPv4", AF_INET6, "::ffff:192.0.2.7" },
	{ "another subnet", AF_INET6, "fd77:0:0:1::1" },
};

/* The host: addresses on an interface of its own, which is up, and all that it sees recorded. */
static int host_watch(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(system("ip link set lo up && ip addr add 192.0.2.7/24 dev lo && "
				"ip -6 addr add 2001:db8::7/64 dev lo nodad"), 0);
	return fd;
}

/* A packet with the mark to an address, written to the node's eth0 past its routing table. */
static size_t marked(uint8_t *frame, int family, const char *address, const char *source)
{
	uint8_t *ip = frame + VNET;
	size_t len = kit_udp(frame, 2, 0, 4000, 5000, 1, sizeof(MARK) + 4);
	size_t ulen = len - VNET - 20;

	if (family == AF_INET) {
		inet_pton(AF_INET, address, ip + 16);
		inet_pton(AF_INET, source, ip + 12);
		memcpy(ip + 32, MARK, sizeof(MARK));
		kit_sums(ip, len - VNET);
		return len;
	}
	memmove(ip + 40, ip + 20, ulen);
	memset(ip, 0, 40);
	ip[0] = 0x60;
	kit_put16(ip + 4, (uint32_t)ulen);
	ip[6] = 17;
	ip[7] = 64;
	inet_pton(AF_INET6, address, ip + 24);
	inet_pton(AF_INET6, source, ip + 8);
	memcpy(ip + 52, MARK, sizeof(MARK));
	kit_sums(ip, 40 + ulen);
	return VNET + 40 + ulen;
}

/* By sockets, which the node's routing table stops, and past it; with senders that are not its. */
static unsigned try_all(const struct lan *l)
{
	static const char *const sources[2][3] = { { "10.77.0.3", "192.0.2.7", "127.0.0.1" },
						   { "fd77::3", "2001:db8::7", "::1" } };
	uint8_t frame[512];
	struct sockaddr_ll to;
	int fd = packet_socket(l, 2, &to), one = 1;
	unsigned sent = 0;

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		bool v6 = outside[i].family == AF_INET6;
		struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(5000) };
		struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(5000),
					   .sin6_scope_id = (uint32_t)to.sll_ifindex };
		int s = lan_socket(l, 2, outside[i].family, SOCK_DGRAM, 0);

		inet_pton(outside[i].family, outside[i].address,
			  v6 ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr);
		setsockopt(s, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
		sendto(s, MARK, sizeof(MARK), 0, v6 ? (void *)&a6 : (void *)&a4,
		       v6 ? sizeof(a6) : sizeof(a4)); /* may be refused at once */
		close(s);
		for (int j = 0; j < 3; j++) {
			size_t len = marked(frame, outside[i].family, outside[i].address,
					    sources[v6][j]);

			to.sll_protocol = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);
			sent += sendto(fd, frame, len, 0, (void *)&to, sizeof(to)) == (ssize_t)len;
		}
	}
	close(fd);
	return sent;
}

static void until_switched(const struct lan *l, uint64_t packets)
{
	for (int64_t by = clock_now() + 5 * NS_PER_S; wire_counters(l->wire, 2).packets < packets;)
		ck_assert_msg(clock_now() < by, "%llu of %llu packets",
			      (unsigned long long)wire_counters(l->wire, 2).packets,
			      (unsigned long long)packets);
}

/* All of it goes past the switch and is dropped there; the host's interfaces see nothing, nor do
 * the other nodes; what is sent to a real neighbour arrives. */
START_TEST(nothing_gets_out)
{
	struct lan l;
	static char seen[65536];
	int watch, neighbour[2], from;
	unsigned sent;

	lan_open(&l);
	watch = host_watch();
	neighbour[0] = lan_bound(&l, 0, 5000);
	neighbour[1] = lan_bound(&l, 1, 5000);
	if (_i)
		arm_everything(&l);
	sent = try_all(&l);
	ck_assert_uint_eq(sent, 3 * sizeof(outside) / sizeof(outside[0]));
	until_switched(&l, sent);
	for (ssize_t n; (n = recv(watch, seen, sizeof(seen), 0)) > 0;)
		ck_assert_msg(!memmem(seen, (size_t)n, MARK, sizeof(MARK)), "the host saw it");
	ck_assert_int_eq(lan_heard(neighbour[0], seen, sizeof(seen), 0), -1);
	ck_assert_int_eq(lan_heard(neighbour[1], seen, sizeof(seen), 0), -1);
	ck_assert_uint_ge(wire_counters(l.wire, 2).dropped, sent);
	if (!_i) {
		from = lan_socket(&l, 2, AF_INET, SOCK_DGRAM, 0);
		say(from, 0, 5000, MARK, sizeof(MARK), false);
		ck_assert_int_eq(lan_heard(neighbour[0], seen, sizeof(seen), 5000), sizeof(MARK));
	}
	/* the watch is no blind one */
	from = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq((int)sendto(from, MARK, sizeof(MARK), 0,
				     (void *)&(struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(5), .sin_addr.s_addr = htonl(0xc0000207) },
				     sizeof(struct sockaddr_in)), (int)sizeof(MARK));
	ck_assert_int_gt(lan_heard(watch, seen, sizeof(seen), 1000), 0);
	lan_close(&l);
}
END_TEST

/* As on a real LAN: node 2 says that it is node 1, and node 0 believes it. */
START_TEST(forged_sender)
{
	struct lan l;
	struct sockaddr_ll to;
	struct sockaddr_in6 who = { 0 };
	socklen_t who_len = sizeof(who);
	uint8_t frame[512], seen[512];
	char text[64];
	size_t len;
	int at, fd;

	lan_open(&l);
	at = lan_bound(&l, 0, 5000);
	fd = packet_socket(&l, 2, &to);
	len = kit_udp(frame, 1, 0, 4000, 5000, 1, 10);
	ck_assert_int_eq((int)sendto(fd, frame, len, 0, (void *)&to, sizeof(to)), (int)len);
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = at, .events = POLLIN }, 1, 5000), 1);
	ck_assert_int_eq((int)recvfrom(at, seen, sizeof(seen), 0, (void *)&who, &who_len), 10);
	inet_ntop(AF_INET6, &who.sin6_addr, text, sizeof(text));
	ck_assert_str_eq(text, "::ffff:10.77.0.2");
	lan_close(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wire_hostile");
	TCase *tc = tcase_create("hostile");

	if (!lan_can()) {
		printf("# SKIP wire_hostile: not root, or no /dev/net/tun\n");
		return 0;
	}
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, garbage_from_a_node, 0, 2);
	tcase_add_test(tc, fragments_and_headers);
	tcase_add_test(tc, jumbo);
	tcase_add_loop_test(tc, nothing_gets_out, 0, 2);
	tcase_add_test(tc, forged_sender);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
