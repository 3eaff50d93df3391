/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A TUN interface belongs to the network namespace in
 * which /dev/net/tun was opened, so this file steps into the namespace, opens,
 * configures and steps back. Large frames stay large: with IFF_VNET_HDR and
 * the offloads below the kernel hands over up to 64 KiB of TCP payload as one
 * packet with its checksum still to be filled in, and takes the same back from
 * us on the other side; nothing is segmented or summed on the way.
 *
 * The interface is point-to-point in nature (no neighbours to resolve). Its
 * only route is the connected subnet: everything else is unreachable at once,
 * inside the node. IPv6 gets no link-local address and no duplicate address
 * detection, and is waited for: the kernel makes the route by which packets to
 * the address are taken in later, in a work queue, and drops them until then.
 */
#include "wire/room.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"

#define MTU 1500
/*
 * Frames that wait for the switch. One that finds no room is lost inside the node, on a link that
 * nobody impaired, so there is room for a while without a core: the kernel's own 500 are full after
 * 2 ms of small packets. Of frames of the MTU it is 19 MB of kernel memory.
 */
#define QUEUE 8192
#define LOCAL_WITHIN (2 * NS_PER_S)

static int nl_fail(struct err *e, int nlerr, const char *what)
{
	return err_set(e, EIO, "%s: %s", what, nl_geterror(nlerr));
}

static int tun_open(int *ret, struct err *e)
{
	cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	unsigned long offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (fd < 0)
		return err_errno(e, errno, "opening /dev/net/tun");
	memcpy(ifr.ifr_name, TUN_NAME, sizeof(TUN_NAME));
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return err_errno(e, errno, "making interface " TUN_NAME);
	if (ioctl(fd, TUNSETOFFLOAD, offload) < 0)
		return err_errno(e, errno, "setting the offloads of " TUN_NAME);
	*ret = steal_fd(&fd);
	return 0;
}

/* No autoconfigured IPv6 address; a kernel without IPv6 has no such file and needs none. */
static void quiet_ipv6(void)
{
	cleanup_close int fd = open("/proc/sys/net/ipv6/conf/" TUN_NAME "/addr_gen_mode",
				    O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1", 1) < 0)
		return;
}

static int link_up(struct nl_sock *sk, const char *name, unsigned mtu, int *ret_index,
		   struct err *e)
{
	struct rtnl_link *now = NULL, *want = NULL;
	int r = rtnl_link_get_kernel(sk, 0, name, &now);

	if (r < 0)
		return nl_fail(e, r, name);
	want = rtnl_link_alloc();
	if (!want) {
		rtnl_link_put(now);
		return err_set(e, ENOMEM, "%s: no memory", name);
	}
	rtnl_link_set_flags(want, IFF_UP);
	if (mtu) {
		rtnl_link_set_mtu(want, mtu);
		rtnl_link_set_txqlen(want, QUEUE);
	}
	r = rtnl_link_change(sk, now, want, 0);
	*ret_index = rtnl_link_get_ifindex(now);
	rtnl_link_put(want);
	rtnl_link_put(now);
	return r < 0 ? nl_fail(e, r, name) : 0;
}

static int address_add(struct nl_sock *sk, int ifindex, int family, const char *text, int prefix,
		       struct err *e)
{
	struct rtnl_addr *a = rtnl_addr_alloc();
	struct nl_addr *local = NULL;
	int r = a ? nl_addr_parse(text, family, &local) : -NLE_NOMEM;

	if (r == 0) {
		rtnl_addr_set_ifindex(a, ifindex);
		r = rtnl_addr_set_local(a, local);
		rtnl_addr_set_prefixlen(a, prefix);
		if (family == AF_INET6)
			rtnl_addr_set_flags(a, IFA_F_NODAD);
	}
	if (r == 0)
		r = rtnl_addr_add(sk, a, 0);
	nl_addr_put(local);
	rtnl_addr_put(a);
	return r < 0 ? nl_fail(e, r, text) : 0;
}

static int route_seen(struct nl_msg *msg, void *arg)
{
	const struct rtmsg *r = nlmsg_data(nlmsg_hdr(msg));

	*(bool *)arg = nlmsg_hdr(msg)->nlmsg_type == RTM_NEWROUTE && r->rtm_type == RTN_LOCAL;
	return NL_OK;
}

/* Would a packet to this IPv6 address be taken in? Asks the kernel which way it would go. */
static bool is_local(struct nl_sock *sk, const char *text)
{
	struct rtmsg head = { .rtm_family = AF_INET6, .rtm_dst_len = 128 };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_ACK);
	struct nl_addr *to = NULL;
	bool local = false;

	if (msg && nl_addr_parse(text, AF_INET6, &to) == 0 &&
	    nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) == 0 &&
	    nla_put_addr(msg, RTA_DST, to) == 0) {
		nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, route_seen, &local);
		nl_send_sync(sk, msg); /* frees msg */
		msg = NULL;
	}
	nlmsg_free(msg);
	nl_addr_put(to);
	return local;
}

static int await_local(const char *text, struct err *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	int64_t by = clock_now() + LOCAL_WITHIN;
	bool local = false;

	if (!sk || nl_connect(sk, NETLINK_ROUTE) < 0) {
		nl_socket_free(sk);
		return err_set(e, EIO, "netlink: no socket");
	}
	while (!(local = is_local(sk, text)) && clock_now() < by)
		poll(NULL, 0, 1);
	nl_socket_free(sk);
	return local ? 0 : err_set(e, ETIMEDOUT, "%s does not become usable", text);
}

static int addresses_add(struct nl_sock *sk, int ifindex, unsigned index, struct err *e)
{
	char text[64];
	int r;

	snprintf(text, sizeof(text), WIRE_ADDR4_FMT, index + 1);
	r = address_add(sk, ifindex, AF_INET, text, 24, e);
	if (r < 0 || access("/proc/sys/net/ipv6", F_OK) < 0)
		return r;
	snprintf(text, sizeof(text), WIRE_ADDR6_FMT, index + 1);
	r = address_add(sk, ifindex, AF_INET6, text, 64, e);
	return r < 0 ? r : await_local(text, e);
}

static int configure(unsigned index, struct err *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	int ifindex = 0, r;

	if (!sk)
		return err_set(e, ENOMEM, "netlink: no memory");
	r = nl_connect(sk, NETLINK_ROUTE);
	if (r < 0) {
		r = nl_fail(e, r, "netlink");
		goto out;
	}
	quiet_ipv6();
	r = link_up(sk, "lo", 0, &ifindex, e);
	if (r == 0)
		r = link_up(sk, TUN_NAME, MTU, &ifindex, e);
	if (r == 0)
		r = addresses_add(sk, ifindex, index, e);
out:
	nl_socket_free(sk);
	return r;
}

static int read_lost(uint64_t *ret, struct err *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	struct rtnl_link *l = NULL;
	int r = sk ? nl_connect(sk, NETLINK_ROUTE) : -NLE_NOMEM;

	if (r == 0)
		r = rtnl_link_get_kernel(sk, 0, TUN_NAME, &l);
	if (r == 0)
		*ret = rtnl_link_get_stat(l, RTNL_LINK_TX_DROPPED);
	rtnl_link_put(l);
	nl_socket_free(sk);
	return r < 0 ? nl_fail(e, r, TUN_NAME) : 0;
}

int tun_lost(int netns_fd, uint64_t *ret, struct err *e)
{
	cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int r;

	if (home < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
		return err_errno(e, errno, "entering the network of a node");
	r = read_lost(ret, e);
	if (setns(home, CLONE_NEWNET) < 0)
		return err_errno(e, errno, "leaving the network of a node");
	return r;
}

int tun_make(int netns_fd, unsigned index, int *ret_fd, struct err *e)
{
	cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	cleanup_close int fd = -1;
	int r;

	if (home < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
		return err_errno(e, errno, "entering the network of node %u", index);
	r = tun_open(&fd, e);
	if (r == 0)
		r = configure(index, e);
	if (setns(home, CLONE_NEWNET) < 0)
		return err_errno(e, errno, "leaving the network of node %u", index);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	return 0;
}
