/* SPDX-License-Identifier: Apache-2.0 */
/* A node from the worker's side: its init, its network, its address. */
#include "stage/room.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define UP_WITHIN_MS 10000
#define SHARE_MIN (32 << 20)

/* Of the memory, all nodes of all workers together a tenth, but each enough to breathe. */
int64_t node_share(const struct stage_node *n)
{
	int64_t each = memory_bytes() / 10 / n->st->slot->jobs / (int64_t)n->st->nodes_count;

	return each > SHARE_MIN ? each : SHARE_MIN;
}

int node_start(struct stage_node *n, struct err *e)
{
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD,
		.exit_signal = SIGCHLD, .pidfd = (uint64_t)(uintptr_t)&n->pidfd,
	};
	int sv[2], size = 1 << 18;

	assert(n->net >= 0 && n->init == 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "socketpair");
	setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	n->init = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (n->init == 0)
		init_main(n, sv[1]);
	close(sv[1]);
	n->ctl = sv[0];
	if (n->init > 0)
		return 0;
	n->init = 0;
	return err_errno(e, errno, "making namespaces for node %s", n->conf->name);
}

int node_await(struct stage_node *n, struct err *e)
{
	struct pollfd p = { .fd = n->ctl, .events = POLLIN };
	struct err said;
	ssize_t got;

	if (poll(&p, 1, UP_WITHIN_MS) <= 0)
		return err_set(e, ETIMEDOUT, "node %s: not up in %d s", n->conf->name,
			       UP_WITHIN_MS / 1000);
	got = recv(n->ctl, &said, sizeof(said), 0);
	if (got != (ssize_t)sizeof(said))
		return err_set(e, EIO, "node %s: its init died", n->conf->name);
	if (!said.code)
		return 0;
	if (e)
		*e = said;
	return err_wrap(e, "node %s", n->conf->name);
}

void node_kill(struct stage_node *n)
{
	if (n->init > 0)
		kill(n->init, SIGKILL);
}

/* PID 1 is reaped when the last process of the node is. */
void node_reap(struct stage_node *n)
{
	while (n->init > 0 && waitpid(n->init, NULL, 0) < 0 && errno == EINTR)
		;
	n->init = 0;
	if (n->ctl >= 0)
		close(n->ctl);
	if (n->pidfd >= 0)
		close(n->pidfd);
	n->ctl = n->pidfd = -1;
}

struct stage_node *stage_node(struct stage *st, const char *name)
{
	for (size_t i = 0; i < st->nodes_count; i++)
		if (str_eq(st->nodes[i].conf->name, name))
			return &st->nodes[i];
	return NULL;
}

int stage_netns(struct stage *st, const char *node)
{
	const struct stage_node *n = stage_node(st, node);

	return n ? n->net : -ENOENT;
}

int stage_socket(struct stage *st, const char *node, int domain, int type, int protocol)
{
	int net = stage_netns(st, node), fd;

	if (net < 0 || (fd = net_enter(st->slot, net)) < 0)
		return net < 0 ? net : fd;
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		fd = -errno;
	net_leave(st->slot);
	return fd;
}

const char *stage_address(struct stage *st, const char *node)
{
	const struct node *host = target_host(st->o.target, node);
	const struct stage_node *n = host ? stage_node(st, host->name) : NULL;

	if (n)
		return n->addr4;
	return str_eq(node, "localhost") ? "127.0.0.1" : NULL;
}
