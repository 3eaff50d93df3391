/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The kernel's side of netem.c, in netlink. A socket
 * belongs to the network namespace in which it was opened, so one per node is
 * opened inside and used from outside.
 *
 *   10.77.0.1  node a ── "netem-2" ════ veth ════ "netem-1" ── node b  10.77.0.2
 *               10.77.0.2/32 dev netem-2          10.77.0.1/32 dev netem-1
 *
 *   each end:   root 1: netem ── 1:1 ── 2: tbf
 *
 * Neither end has an address of its own: the nodes keep theirs on the wire's
 * interface, and a host route to the peer, more specific than the subnet,
 * carries the traffic over the pair. Both ends have the same link address and
 * no ARP: then the kernel needs no neighbour and netem meets no packet but
 * the target's. One segment per packet (IFLA_GSO_MAX_SEGS), because netem
 * would drop and delay 64 KiB of TCP as if they were one packet on a cable.
 *
 * libnl-route makes links and routes and reads statistics. The options of the
 * qdiscs are written as attributes: it knows neither loss models nor
 * nanoseconds of netem, nor the size table that takes the 14 bytes of the link
 * header off again for the token bucket.
 *
 * netem_change() keeps what a request leaves out, so every request says all.
 */
#include "wire/netem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <math.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/route.h>
#include <netlink/route/tc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "wire/room.h"

#define MTU 1500
#define LINK_HEADER 14
#define NS_PER_TICK 64          /* PSCHED_SHIFT: for kernels without TCA_NETEM_LATENCY64 */
#define ROOT_HANDLE 0x10000     /* 1: */
#define CHILD_HANDLE 0x20000    /* 2: */
#define CHILD_PARENT 0x10001    /* 1:1 */
#define DELAY_SAMPLES 4096
#define SPREAD 8192             /* NETEM_DIST_SCALE */

static int nl_fail(struct err *e, int nlerr, const char *what)
{
	int code = nlerr == -NLE_OBJ_NOTFOUND ? ENOENT : nlerr == -NLE_PERM ? EPERM : EIO;

	return err_set(e, code, "%s: %s", what, nl_geterror(nlerr));
}

/* ---- sockets ---- */

int netem_socket(int netns_fd, struct nl_sock **ret, struct err *e)
{
	cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct nl_sock *sk = nl_socket_alloc();
	int r = sk ? 0 : -NLE_NOMEM;

	if (home < 0 || setns(netns_fd, CLONE_NEWNET) < 0) {
		nl_socket_free(sk);
		return err_errno(e, errno, "entering the network of a node");
	}
	if (r == 0)
		r = nl_connect(sk, NETLINK_ROUTE);
	if (setns(home, CLONE_NEWNET) < 0)
		abort(); /* every later socket would go astray */
	if (r < 0) {
		nl_socket_free(sk);
		return nl_fail(e, r, "netlink");
	}
	*ret = sk;
	return 0;
}

void netem_socket_free(struct nl_sock *sk)
{
	nl_socket_free(sk);
}

/* ---- the pair ---- */

static void end_name(const struct veth_end *end, char ret[IFNAMSIZ])
{
	snprintf(ret, IFNAMSIZ, "netem-%u", end->peer + 1);
}

static void dress(struct rtnl_link *l, const struct veth_end *end, struct nl_addr *mac)
{
	char name[IFNAMSIZ];

	end_name(end, name);
	rtnl_link_set_name(l, name);
	rtnl_link_set_mtu(l, MTU);
	rtnl_link_set_addr(l, mac);
}

static int pair_add(struct veth_end end[2], struct err *e)
{
	static const uint8_t same[6] = { 0x02, 'n', 'e', 't', 'e', 'm' };
	struct rtnl_link *l = rtnl_link_veth_alloc();
	struct rtnl_link *peer = l ? rtnl_link_veth_get_peer(l) : NULL;
	struct nl_addr *mac = nl_addr_build(AF_LLC, same, sizeof(same));
	int r = -NLE_NOMEM;

	if (l && peer && mac) {
		dress(l, &end[0], mac);
		dress(peer, &end[1], mac);
		rtnl_link_set_ns_fd(peer, end[1].net);
		r = rtnl_link_add(end[0].sk, l, NLM_F_CREATE | NLM_F_EXCL);
	}
	if (peer)
		rtnl_link_put(peer);
	if (l)
		rtnl_link_put(l);
	nl_addr_put(mac);
	return r < 0 ? nl_fail(e, r, "making a veth pair") : 0;
}

static int end_find(struct veth_end *end, struct err *e)
{
	struct rtnl_link *l = NULL;
	char name[IFNAMSIZ];
	int r;

	end_name(end, name);
	r = rtnl_link_get_kernel(end->sk, 0, name, &l);
	if (r < 0)
		return nl_fail(e, r, name);
	end->ifindex = rtnl_link_get_ifindex(l);
	rtnl_link_put(l);
	return 0;
}

/* One segment a packet, and no IPv6 address made up. Tells the reply's error as libnl does. */
static int end_tune(const struct veth_end *end)
{
	struct ifinfomsg i = { .ifi_family = AF_UNSPEC, .ifi_index = end->ifindex };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK);
	struct nlattr *spec, *inet6;

	if (!m || nlmsg_append(m, &i, sizeof(i), NLMSG_ALIGNTO) < 0)
		return nlmsg_free(m), -NLE_NOMEM;
	nla_put_u32(m, IFLA_GSO_MAX_SEGS, 1);
	if (access("/proc/sys/net/ipv6", F_OK) == 0) {
		spec = nla_nest_start(m, IFLA_AF_SPEC);
		inet6 = nla_nest_start(m, AF_INET6);
		nla_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
		nla_nest_end(m, inet6);
		nla_nest_end(m, spec);
	}
	return nl_send_sync(end->sk, m); /* frees m */
}

static int end_up(const struct veth_end *end)
{
	struct ifinfomsg i = { .ifi_family = AF_UNSPEC, .ifi_index = end->ifindex,
			       .ifi_flags = IFF_UP | IFF_NOARP, .ifi_change = IFF_UP | IFF_NOARP };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK);

	if (!m || nlmsg_append(m, &i, sizeof(i), NLMSG_ALIGNTO) < 0)
		return nlmsg_free(m), -NLE_NOMEM;
	return nl_send_sync(end->sk, m); /* frees m */
}

int veth_make(struct veth_end end[2], struct err *e)
{
	static const struct netem_plan nothing;
	int r = pair_add(end, e), nlerr;

	for (int i = 0; i < 2 && r == 0; i++)
		r = end_find(&end[i], e);
	for (int i = 0; i < 2 && r == 0; i++) {
		nlerr = end_tune(&end[i]);
		if (nlerr == 0)
			nlerr = end_up(&end[i]);
		if (nlerr < 0)
			r = nl_fail(e, nlerr, "setting up a veth pair");
	}
	for (int i = 0; i < 2 && r == 0; i++)
		r = veth_shape(&end[i], &nothing, e);
	if (r < 0 && end[0].ifindex)
		veth_remove(&end[0]);
	return r;
}

void veth_remove(const struct veth_end *end)
{
	struct rtnl_link *l = rtnl_link_alloc();

	if (!l)
		return;
	rtnl_link_set_ifindex(l, end->ifindex);
	rtnl_link_delete(end->sk, l);
	rtnl_link_put(l);
}

/* ---- routes ---- */

static int route_one(const struct veth_end *end, bool on, int family, const char *to,
		     const char *from)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *dst = NULL, *src = NULL;
	int r = route && hop ? nl_addr_parse(to, family, &dst) : -NLE_NOMEM;

	if (r == 0)
		r = nl_addr_parse(from, family, &src);
	if (r == 0) {
		rtnl_route_set_family(route, (uint8_t)family);
		rtnl_route_set_scope(route, family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
		rtnl_route_set_table(route, RT_TABLE_MAIN);
		rtnl_route_set_protocol(route, RTPROT_STATIC);
		rtnl_route_set_dst(route, dst);
		rtnl_route_set_pref_src(route, src);
		rtnl_route_nh_set_ifindex(hop, end->ifindex);
		rtnl_route_add_nexthop(route, steal_ptr(&hop));
		r = on ? rtnl_route_add(end->sk, route, 0) : rtnl_route_delete(end->sk, route, 0);
	}
	if (hop)
		rtnl_route_nh_free(hop);
	if (route)
		rtnl_route_put(route);
	nl_addr_put(dst);
	nl_addr_put(src);
	return r;
}

int veth_route(const struct veth_end *end, bool on, struct err *e)
{
	char to[64], from[64];
	int r;

	snprintf(to, sizeof(to), WIRE_ADDR4_FMT "/32", end->peer + 1);
	snprintf(from, sizeof(from), WIRE_ADDR4_FMT, end->node + 1);
	r = route_one(end, on, AF_INET, to, from);
	if (r == 0 && access("/proc/sys/net/ipv6", F_OK) == 0) {
		snprintf(to, sizeof(to), WIRE_ADDR6_FMT "/128", end->peer + 1);
		snprintf(from, sizeof(from), WIRE_ADDR6_FMT, end->node + 1);
		r = route_one(end, on, AF_INET6, to, from);
	}
	return r < 0 ? nl_fail(e, r, "a route over a veth pair") : 0;
}

/* ---- qdiscs ---- */

/* The next quantile of the normal distribution, by Newton's method from a smaller one. */
static double quantile_after(double x, double u)
{
	for (int i = 0; i < 8; i++)
		x -= (0.5 * erfc(-x * M_SQRT1_2) - u) * sqrt(2 * M_PI) * exp(x * x / 2);
	return x;
}

double netem_delays(int shape, int16_t *ret, size_t count)
{
	/* The tail of an exponential is long: 16 jitters fit, by a spread of four. */
	double wide = shape == WIRE_EXPONENTIAL ? 4 : 1, x = -4;

	for (size_t i = 0; i < count; i++) {
		double u = ((double)i + 0.5) / (double)count, t = 2 * u - 1;

		if (shape == WIRE_EXPONENTIAL)
			t = -log1p(-u) / wide;
		else if (shape == WIRE_NORMAL)
			t = x = quantile_after(x, u);
		t = round(t * SPREAD);
		ret[i] = (int16_t)(t > INT16_MAX ? INT16_MAX : t < -INT16_MAX ? -INT16_MAX : t);
	}
	return wide;
}

static uint32_t chance32(double p)
{
	return p >= 1 ? UINT32_MAX : p <= 0 ? 0 : (uint32_t)(p * 4294967296.0);
}

static uint32_t ticks(int64_t ns)
{
	int64_t t = ns / NS_PER_TICK;

	return t > UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

static void put_loss(struct nl_msg *m, const struct netem_plan *p)
{
	struct tc_netem_gemodel ge = { .p = chance32(p->burst_enter),
				       .r = chance32(p->burst_leave),
				       .h = chance32(1 - p->loss) /* what a bad stretch spares */ };
	struct nlattr *nest;

	if (p->burst_leave <= 0)
		return;
	nest = nla_nest_start(m, TCA_NETEM_LOSS);
	nla_put(m, NETEM_LOSS_GE, sizeof(ge), &ge);
	nla_nest_end(m, nest);
}

static void put_delay(struct nl_msg *m, const struct netem_plan *p)
{
	/* With a rate netem counts from the last packet in its queue, so nobody overtakes. */
	struct tc_netem_rate rate = { .rate = p->jitter_ns > 0 && !p->overtake ? UINT32_MAX : 0 };
	struct tc_netem_reorder order = { .probability = chance32(1 - p->held) };
	int16_t samples[DELAY_SAMPLES];
	int64_t jitter = p->jitter_ns;

	if (jitter > 0) {
		jitter = (int64_t)((double)jitter *
				   netem_delays(p->shape, samples, DELAY_SAMPLES));
		nla_put(m, TCA_NETEM_DELAY_DIST, sizeof(samples), samples);
	}
	if (p->held <= 0 || p->held >= 1)
		order.probability = 0;
	nla_put(m, TCA_NETEM_REORDER, sizeof(order), &order);
	nla_put(m, TCA_NETEM_RATE, sizeof(rate), &rate);
	nla_put_s64(m, TCA_NETEM_LATENCY64, p->delay_ns);
	nla_put_s64(m, TCA_NETEM_JITTER64, jitter);
}

/* Sizes without the link header, for the token bucket; only a root qdisc may have a size table. */
static void put_sizes(struct nl_msg *m)
{
	struct tc_sizespec size = { .overhead = -LINK_HEADER,
				    .linklayer = TC_LINKLAYER_ETHERNET };
	struct nlattr *nest = nla_nest_start(m, TCA_STAB);

	nla_put(m, TCA_STAB_BASE, sizeof(size), &size);
	nla_nest_end(m, nest);
}

static void put_netem(struct nl_msg *m, const struct netem_plan *p)
{
	struct tc_netem_qopt q = { .limit = NETEM_QUEUE, .latency = ticks(p->delay_ns),
				   .jitter = ticks(p->jitter_ns),
				   .loss = p->burst_leave > 0 ? 0 : chance32(p->loss),
				   .duplicate = chance32(p->duplicate),
				   /* every (1 - held)th at once, the others later */
				   .gap = p->held > 0 && p->held < 1 };
	struct tc_netem_corrupt corrupt = { .probability = chance32(p->corrupt) };
	struct tc_netem_corr none = { 0 };
	struct nlattr *nest;

	put_sizes(m);
	nest = nla_nest_start(m, TCA_OPTIONS);
	nlmsg_append(m, &q, sizeof(q), NLMSG_ALIGNTO);
	nla_put(m, TCA_NETEM_CORR, sizeof(none), &none);
	nla_put(m, TCA_NETEM_CORRUPT, sizeof(corrupt), &corrupt);
	put_loss(m, p);
	put_delay(m, p);
	nla_nest_end(m, nest);
}

/* A token bucket that lets everything through is how one is taken away: what waits goes on. */
static void put_tbf(struct nl_msg *m, const struct netem_plan *p)
{
	uint64_t rate = p->bytes_per_s ? (uint64_t)p->bytes_per_s : UINT32_MAX;
	uint32_t burst = p->bytes_per_s ? (uint32_t)p->burst_bytes : 1 << 20;
	struct tc_tbf_qopt q = {
		.rate = { .rate = rate >= UINT32_MAX ? UINT32_MAX : (uint32_t)rate,
			  .linklayer = TC_LINKLAYER_ETHERNET },
		.limit = p->bytes_per_s ? (uint32_t)p->queue_bytes : 1 << 30,
	};
	struct nlattr *nest = nla_nest_start(m, TCA_OPTIONS);

	nla_put(m, TCA_TBF_PARMS, sizeof(q), &q);
	nla_put_u32(m, TCA_TBF_BURST, burst);
	if (rate >= UINT32_MAX)
		nla_put_u64(m, TCA_TBF_RATE64, rate);
	nla_nest_end(m, nest);
}

static int qdisc_set(const struct veth_end *end, uint32_t handle, uint32_t parent,
		     const char *kind, void (*put)(struct nl_msg *m, const struct netem_plan *p),
		     const struct netem_plan *p)
{
	struct tcmsg t = { .tcm_family = AF_UNSPEC, .tcm_ifindex = end->ifindex,
			   .tcm_handle = handle, .tcm_parent = parent };
	struct nl_msg *m = nlmsg_alloc_size(4096 + DELAY_SAMPLES * sizeof(int16_t));
	struct nlmsghdr *h = m ? nlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, RTM_NEWQDISC, 0,
					   NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
					   NLM_F_REPLACE) : NULL;

	if (!h || nlmsg_append(m, &t, sizeof(t), NLMSG_ALIGNTO) < 0)
		return nlmsg_free(m), -NLE_NOMEM;
	nla_put_string(m, TCA_KIND, kind);
	put(m, p);
	return nl_send_sync(end->sk, m); /* frees m */
}

int veth_shape(struct veth_end *end, const struct netem_plan *p, struct err *e)
{
	int r = qdisc_set(end, ROOT_HANDLE, TC_H_ROOT, "netem", put_netem, p);

	if (r < 0)
		return nl_fail(e, r, "qdisc netem");
	if (!p->bytes_per_s && !end->bucket)
		return 0;
	r = qdisc_set(end, CHILD_HANDLE, CHILD_PARENT, "tbf", put_tbf, p);
	end->bucket = true;
	return r < 0 ? nl_fail(e, r, "qdisc tbf") : 0;
}

static uint64_t stat_of(struct rtnl_qdisc *q, enum rtnl_tc_stat stat)
{
	return q ? rtnl_tc_get_stat(TC_CAST(q), stat) : 0;
}

int veth_counts(const struct veth_end *end, struct netem_counts *ret, struct err *e)
{
	struct nl_cache *cache = NULL;
	int r = rtnl_qdisc_alloc_cache(end->sk, &cache);
	struct rtnl_qdisc *root, *child;

	if (r < 0)
		return nl_fail(e, r, "reading the statistics of netem");
	root = rtnl_qdisc_get(cache, end->ifindex, ROOT_HANDLE);
	child = rtnl_qdisc_get(cache, end->ifindex, CHILD_HANDLE);
	*ret = (struct netem_counts){
		.passed = stat_of(root, RTNL_TC_PACKETS),
		.queue_full = stat_of(child, RTNL_TC_DROPS),
		.waited = stat_of(child, RTNL_TC_OVERLIMITS),
		.queued = stat_of(root, RTNL_TC_QLEN),
	};
	/* What the bucket drops netem counts too. */
	ret->lost = stat_of(root, RTNL_TC_DROPS) - ret->queue_full;
	if (child)
		rtnl_qdisc_put(child);
	if (root)
		rtnl_qdisc_put(root);
	nl_cache_free(cache);
	return root ? 0 : err_set(e, ENOENT, "netem is gone from a link");
}
