/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Making a network namespace is cheap, unmaking one waits
 * for RCU (tens of milliseconds), so a slot keeps one per node index, with its
 * interface, and cleans it between trials: every TCP and UDP socket in it is
 * destroyed through SOCK_DIAG, TIME_WAIT included (a server without
 * SO_REUSEADDR can bind again at once), and TCP's metrics of its peers are
 * forgotten. A dump afterwards must be empty, else the namespace is thrown
 * away and the next trial gets a new one.
 *
 * There is nothing else to clean: the interface has no neighbours (NOARP), and
 * services have no capability over the namespace, so they cannot have made
 * routes, rules or filters. Unix sockets die with their processes. What the
 * wire laid between nodes for netem goes with wire_reset, before a new trial.
 *
 * The worker itself lives in an empty namespace (slot.home) and steps into a
 * node's for the time of one socket(2).
 */
#include "stage/room.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp_metrics.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CLEAN_ROUNDS 20

int net_enter(const struct slot *s, int netns_fd)
{
	assert(s->home >= 0);
	return setns(netns_fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

/* Not getting home would send every later socket astray: nothing can go on then. */
void net_leave(const struct slot *s)
{
	if (setns(s->home, CLONE_NEWNET) < 0)
		abort();
}

/* ---- sockets ---- */

/* struct sockets - what one dump found. */
struct sockets {
	struct inet_diag_msg *at; /* owned */
	size_t count, size;
};

static int socket_found(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct sockets *s = arg;

	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || nlmsg_datalen(h) < (int)sizeof(*s->at))
		return NL_SKIP;
	if (s->count == s->size) {
		s->size = s->size ? s->size * 2 : 64;
		s->at = xrealloc(s->at, s->size * sizeof(*s->at));
	}
	memcpy(&s->at[s->count++], nlmsg_data(h), sizeof(*s->at));
	return NL_OK;
}

static int request(struct nl_sock *sk, int type, int flags, const struct inet_diag_req_v2 *req)
{
	struct inet_diag_req_v2 copy = *req;
	int r = nl_send_simple(sk, type, flags, &copy, sizeof(copy));

	return r < 0 ? r : nl_recvmsgs_default(sk);
}

/* Destroy every socket of one family and protocol. Returns how many there were, or -errno. */
static int destroy_kind(struct nl_sock *sk, uint8_t family, uint8_t protocol)
{
	struct inet_diag_req_v2 req = { .sdiag_family = family, .sdiag_protocol = protocol,
					.idiag_states = ~0U };
	struct sockets found = { 0 };
	size_t n;
	int r;

	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, socket_found, &found);
	r = request(sk, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &req);
	n = found.count;
	for (size_t i = 0; i < n; i++) {
		req.id = found.at[i].id;
		req.sdiag_family = found.at[i].idiag_family;
		request(sk, SOCK_DESTROY, NLM_F_ACK, &req); /* the next dump tells */
	}
	free(found.at);
	return r == -NLE_OBJ_NOTFOUND ? 0 : r < 0 ? -EIO : (int)n;
}

static int destroy_all(struct nl_sock *sk)
{
	static const struct { uint8_t family, protocol; } kinds[] = {
		{ AF_INET, IPPROTO_TCP }, { AF_INET6, IPPROTO_TCP },
		{ AF_INET, IPPROTO_UDP }, { AF_INET6, IPPROTO_UDP },
	};
	int sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int n = destroy_kind(sk, kinds[i].family, kinds[i].protocol);

		if (n < 0)
			return n;
		sum += n;
	}
	return sum;
}

static int sockets_clean(struct err *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	int n = -ENOMEM;

	if (!sk || nl_connect(sk, NETLINK_SOCK_DIAG) < 0) {
		nl_socket_free(sk);
		return err_set(e, EIO, "sock_diag is not available");
	}
	for (int i = 0; i < CLEAN_ROUNDS && n != 0; i++) {
		n = destroy_all(sk);
		if (n < 0)
			break;
	}
	nl_socket_free(sk);
	if (n > 0)
		return err_set(e, EBUSY, "%d sockets cannot be removed", n);
	return n < 0 ? err_errno(e, -n, "sock_diag") : 0;
}

/* ---- TCP's memory of its peers: a generic netlink family, asked without libnl-genl ---- */

static struct nl_msg *genl_msg(int family, uint8_t cmd, int flags)
{
	struct genlmsghdr head = { .cmd = cmd, .version = 1 };
	struct nl_msg *msg = nlmsg_alloc_simple(family, flags);

	if (msg && nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int family_found(struct nl_msg *msg, void *arg)
{
	const struct nlattr *a = nlmsg_find_attr(nlmsg_hdr(msg), GENL_HDRLEN, CTRL_ATTR_FAMILY_ID);

	if (a)
		*(int *)arg = nla_get_u16(a);
	return NL_OK;
}

static int family_id(struct nl_sock *sk, const char *name)
{
	struct nl_msg *msg = genl_msg(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_REQUEST | NLM_F_ACK);
	int id = -1;

	if (!msg)
		return -1;
	nla_put_string(msg, CTRL_ATTR_FAMILY_NAME, name);
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, family_found, &id);
	return nl_send_sync(sk, msg) < 0 ? -1 : id; /* frees msg */
}

static int metrics_forget(struct err *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	struct nl_msg *msg = NULL;
	int r = sk ? nl_connect(sk, NETLINK_GENERIC) : -NLE_NOMEM;
	int family = r < 0 ? -1 : family_id(sk, TCP_METRICS_GENL_NAME);

	if (family >= 0)
		msg = genl_msg(family, TCP_METRICS_CMD_DEL, NLM_F_REQUEST | NLM_F_ACK);
	if (msg)
		r = nl_send_sync(sk, msg); /* frees msg */
	nl_socket_free(sk);
	return r < 0 ? err_set(e, EIO, "forgetting TCP metrics: %s", nl_geterror(r)) : 0;
}

int net_clean(struct slot *s, int netns_fd, struct err *e)
{
	int r = net_enter(s, netns_fd);

	if (r < 0)
		return err_errno(e, -r, "entering a pooled network namespace");
	r = sockets_clean(e);
	if (r == 0)
		r = metrics_forget(e);
	net_leave(s);
	return r;
}

/* ---- the pool ---- */

static int sysctl_set(const char *path, const char *value)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

/* Ports below 1024 and ping sockets for everybody: services have no capabilities. */
static int net_tune(const struct slot *s, struct err *e)
{
	const char *groups = s->range ? "0 1000" : "0 0";
	int r = sysctl_set("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");

	if (r < 0)
		return err_errno(e, -r, "opening ports below 1024 to services");
	sysctl_set("/proc/sys/net/ipv4/ping_group_range", groups); /* a comfort */
	return 0;
}

/*
 * Give pooled namespaces a table of connections of their own (Linux 6.1): a
 * dump of the host's table walks a hundred thousand buckets to find nothing.
 * Read from the namespace we are in when a new one is made.
 */
void net_small_tables(void)
{
	sysctl_set("/proc/sys/net/ipv4/tcp_child_ehash_entries", "8192");
}

static int net_make(struct slot *s, unsigned index, struct err *e)
{
	cleanup_close int fd = -1;
	int r;

	if (unshare(CLONE_NEWNET) < 0)
		return err_errno(e, errno, "making a network namespace");
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? err_errno(e, errno, "opening a network namespace") : net_tune(s, e);
	net_leave(s);
	if (r == 0)
		r = wire_attach(s->wire, fd, index, e);
	if (r < 0)
		return r;
	s->net[index] = steal_fd(&fd);
	return 0;
}

int net_take(struct slot *s, unsigned index, int *ret_fd, struct err *e)
{
	int r;

	if (index >= WIRE_NODES_MAX)
		return err_set(e, E2BIG, "more than %d nodes", WIRE_NODES_MAX);
	r = index == 0 ? wire_reset(s->wire, e) : 0; /* the first node of a new trial */
	if (r < 0)
		return r;
	if (s->net[index] < 0) {
		r = net_make(s, index, e);
		if (r < 0)
			return r;
	}
	*ret_fd = s->net[index];
	return 0;
}

void net_discard(struct slot *s, unsigned index)
{
	if (s->net[index] < 0)
		return;
	wire_detach(s->wire, index, NULL);
	close(s->net[index]);
	s->net[index] = -1;
}

void net_return(struct slot *s, unsigned index)
{
	if (s->net[index] < 0)
		return;
	if (!s->keep_net || net_clean(s, s->net[index], NULL) < 0)
		net_discard(s, index);
}
