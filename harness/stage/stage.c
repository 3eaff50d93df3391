/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One trial's nodes:
 *
 *   stage_open   tmpfs, networks from the pool, all inits at once (they build
 *                their roots in parallel while the data are copied), then wait
 *   stage_start  services in `after:` order, ready or an error in words
 *   stage_stop   all at once: stop signal, stop_within, SIGKILL
 *   stage_free   kill the inits (and with them everything), wait, unmount,
 *                clean the networks
 *
 * Services that fill their disks fill a quarter of the memory at most; what else they may fill is
 * told in root.c. Links in a trial's data are not followed on this side: their targets are the
 * node's, and a link to a file of the host's must not be what somebody here opens.
 *
 * All waiting runs the loop that the caller gave, so shoppers, triggers and
 * logs go on meanwhile.
 */
#include "stage/room.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

#define STOP_GRACE (10 * NS_PER_S) /* beyond the longest stop_within */

/* ---- open ---- */

static void nodes_init(struct stage *st)
{
	const struct target *t = st->o.target;

	st->nodes_count = target_wired(t); /* a device on a serial line needs nothing here */
	st->nodes = xcalloc(st->nodes_count + 1, sizeof(*st->nodes));
	for (size_t i = 0; i < st->nodes_count; i++) {
		struct stage_node *n = &st->nodes[i];

		*n = (struct stage_node){ .st = st, .conf = &t->nodes[i], .index = (unsigned)i,
					  .net = -1, .ctl = -1, .pidfd = -1 };
		n->rootfs = n->conf->rootfs ? target_path(t, n->conf->rootfs) : NULL;
		snprintf(n->addr4, sizeof(n->addr4), WIRE_ADDR4_FMT, n->index + 1);
	}
}

static int dir_open(struct stage *st, struct err *e)
{
	struct mount_attr no_links = { .attr_set = MOUNT_ATTR_NOSYMFOLLOW };
	int r;

	st->dir = xasprintf("%s/trial-%d", st->slot->base, st->slot->mounts++);
	if (mkdir(st->dir, 0755) < 0)
		return err_errno(e, errno, "making %s", st->dir);
	r = mount_tmpfs(st->dir, 0755, memory_bytes() / 4 / st->slot->jobs);
	if (r == 0 && mount_setattr(AT_FDCWD, st->dir, 0, &no_links, sizeof(no_links)) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(e, -r, "mounting a tmpfs at %s", st->dir);
	st->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (st->null < 0)
		return err_errno(e, errno, "opening /dev/null");
	if (st->o.logs && mkdir(st->o.logs, 0777) < 0 && errno != EEXIST)
		return err_errno(e, errno, "making %s", st->o.logs);
	return 0;
}

static int nodes_open(struct stage *st, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < st->nodes_count; i++) {
		struct stage_node *n = &st->nodes[i];

		r = net_take(st->slot, n->index, &n->net, e);
		if (r == 0 && !node_ours(n->conf)) /* of ours, only the network is needed */
			r = node_start(n, e);
	}
	if (r == 0)
		r = names_tell(st, e);
	if (r == 0)
		r = data_fill(st, e);
	for (size_t i = 0; r == 0 && i < st->nodes_count; i++)
		r = node_ours(st->nodes[i].conf) ? 0 : node_await(&st->nodes[i], e);
	return r;
}

/* Data that lie on no disk of ours share the trial's tmpfs: full, the host has failed them. */
static void look_for_room(struct stage *st)
{
	struct statvfs v;

	if (st->lost.code || statvfs(st->dir, &v) < 0 || (v.f_bavail && v.f_favail))
		return;
	err_set(&st->lost, EIO, "this host could not keep the nodes' data (%s): give it more "
		"memory, or the target smaller data", strerror(ENOSPC));
}

/* Without its own processes the stage proves nothing: what then looks like a fault is none. */
int stage_alive(struct stage *st, struct err *e)
{
	if (!wire_alive(st->slot->wire))
		return err_set(e, EPIPE, "the wire's process is gone");
	if (st->calls && calls_alive(st->calls, e) < 0)
		return -EPIPE;
	for (size_t i = 0; i < st->nodes_count; i++) {
		struct pollfd p = { .fd = st->nodes[i].pidfd, .events = POLLIN };
		int r = st->nodes[i].disk ? disk_alive(st->nodes[i].disk, e) : 0;

		if (r < 0)
			return r;

		if (!st->nodes[i].off && poll(&p, 1, 0) > 0)
			return err_set(e, EPIPE, "the init of node %s is gone",
				       st->nodes[i].conf->name);
	}
	look_for_room(st);
	if (st->lost.code && e)
		*e = st->lost;
	return -st->lost.code;
}

int stage_open_from(struct slot *s, const struct stage_opts *o, const char *prepared,
		    struct stage **ret, struct err *e)
{
	struct stage *st = xcalloc(1, sizeof(*st));
	int r;

	assert(!s->busy && o->loop && o->target);
	s->busy = true;
	st->slot = s;
	st->o = *o;
	st->o.logs = st->logs = o->logs ? xstrdup(o->logs) : NULL;
	st->null = -1;
	st->prepared = prepared ? xstrdup(prepared) : NULL;
	nodes_init(st);
	r = slot_mend(s, e);
	if (r == 0)
		r = filters_open(st, e);
	if (r == 0)
		r = services_open(st, e);
	if (r == 0)
		r = dir_open(st, e);
	if (r == 0)
		r = data_open(st, e);
	for (size_t i = 0; r == 0 && i < st->nodes_count; i++)
		r = shim_open(&st->nodes[i], e);
	if (r == 0)
		r = nodes_open(st, e);
	if (r == 0)
		r = stage_alive(st, e);
	if (r < 0) {
		stage_free(st);
		return r;
	}
	*ret = st;
	return 0;
}

int stage_open(struct slot *s, const struct stage_opts *o, struct stage **ret, struct err *e)
{
	cleanup_free char *prepared = o->target->prepare_count ? data_cache(s, o->target) : NULL;

	return stage_open_from(s, o, prepared, ret, e);
}

/* ---- start ---- */

/* Does `after` name this service, as seen from node n? */
static bool named(const struct svc *s, const char *after, const struct stage_node *n)
{
	if (strchr(after, '/'))
		return str_glob(after, s->name);
	if (!str_eq(after, s->conf->name))
		return false;
	for (size_t i = 0; i < n->conf->services_count; i++)
		if (str_eq(n->conf->services[i].name, after))
			return s->node == n; /* its own node has one: that is meant */
	return true;
}

static bool chosen(const struct svc *s, const struct strlist *only)
{
	for (size_t i = 0; only && i < only->count; i++)
		if (str_glob(only->at[i], s->name) || str_eq(only->at[i], s->conf->name))
			return true;
	return !only;
}

static bool may_start(const struct stage *st, const struct svc *s, const struct strlist *only)
{
	for (size_t a = 0; a < s->conf->after.count; a++) {
		for (size_t i = 0; i < st->svcs_count; i++) {
			const struct svc *first = &st->svcs[i];

			if (first != s && !first->was_ready && chosen(first, only) &&
			    named(first, s->conf->after.at[a], s->node))
				return false;
		}
	}
	return true;
}

/* Start what may start now; *ret_left counts those not ready yet, *ret_busy those under way. */
static int start_round(struct stage *st, const struct strlist *only, size_t *ret_left,
		       size_t *ret_busy, struct err *e)
{
	*ret_left = *ret_busy = 0;
	for (size_t i = 0; i < st->svcs_count; i++) {
		struct svc *s = &st->svcs[i];

		if (!chosen(s, only) || (s->begun && s->was_ready))
			continue;
		++*ret_left;
		if (s->state == SVC_DOWN && !s->begun && may_start(st, s, only)) {
			int r = svc_start(s, e);

			if (r < 0)
				return r;
		}
		*ret_busy += s->state != SVC_DOWN;
	}
	return 0;
}

int stage_start_only(struct stage *st, const struct strlist *only, struct err *e)
{
	size_t left, busy;
	int r;

	st->stopping = false;
	st->failed = (struct err){ 0 };
	for (size_t i = 0; i < st->svcs_count; i++)
		if (st->svcs[i].state == SVC_DOWN) /* anew, after a stage_stop */
			st->svcs[i].was_ready = st->svcs[i].begun = false;
	for (;;) {
		st->wake = false;
		r = start_round(st, only, &left, &busy, e);
		if (r < 0 || (!left && !st->failed.code))
			return r;
		if (!busy && !st->failed.code)
			return err_set(e, EPROTO, "services wait for each other: see `after:`");
		if (!st->failed.code)
			r = loop_run_until(st->o.loop, &st->wake, INT64_MAX);
		if (st->failed.code) {
			if (e)
				*e = st->failed;
			return -st->failed.code;
		}
		if (r < 0)
			return err_errno(e, -r, "the loop");
	}
}

int stage_start(struct stage *st, struct err *e)
{
	return stage_start_only(st, NULL, e);
}

/* ---- stop ---- */

static void judge_end(struct stage *st, const struct svc *s)
{
	struct buf *b = &st->misbehaved;
	char did[256] = "is not running";
	bool running = s->proc && !s->proc->exited;

	if (!s->wanted || s->held || s->by_us)
		return;
	if (s->conf->end == END_RUNNING && !running)
		svc_last_words(s, did, sizeof(did));
	else if (s->conf->end == END_RUNNING && !s->ready)
		snprintf(did, sizeof(did), "runs, but is not ready (started %d times)", s->starts);
	else if (s->conf->end == END_EXITED && running)
		snprintf(did, sizeof(did), "still runs");
	else if (s->conf->end == END_EXITED && s->last_status != 0)
		svc_last_words(s, did, sizeof(did));
	else
		return;
	buf_printf(b, "%s%s %s (expected at the end: %s)", b->len ? "; " : "", s->name, did,
		   s->conf->end == END_RUNNING ? "running" : "exited");
}

static bool all_down(const struct stage *st)
{
	for (size_t i = 0; i < st->svcs_count; i++)
		if (st->svcs[i].proc)
			return false;
	return true;
}

int stage_stop(struct stage *st, struct err *e)
{
	int64_t longest = 0;
	int r = 0;

	if (!st->stopping)
		for (size_t i = 0; i < st->svcs_count; i++)
			judge_end(st, &st->svcs[i]);
	st->stopping = true;
	for (size_t i = 0; i < st->svcs_count; i++) {
		svc_stop(&st->svcs[i]);
		if (st->svcs[i].conf->stop_within.ns > longest)
			longest = st->svcs[i].conf->stop_within.ns;
	}
	for (int64_t by = clock_now() + longest + STOP_GRACE; r == 0 && !all_down(st);) {
		st->wake = false;
		r = loop_run_until(st->o.loop, &st->wake, by);
	}
	if (stage_alive(st, e) < 0)
		return -EPIPE;
	return r < 0 ? err_errno(e, -r, "stopping the services") : 0;
}

const char *stage_misbehaved(const struct stage *st)
{
	return st->misbehaved.len ? st->misbehaved.data : NULL;
}

/* ---- free ---- */

static void nodes_close(struct stage *st)
{
	/* First: who waits for a disk cannot die. */
	for (size_t i = 0; i < st->nodes_count; i++)
		disk_free(st->nodes[i].disk);
	for (size_t i = 0; i < st->nodes_count; i++) {
		power_forget(&st->nodes[i]);
		node_kill(&st->nodes[i]);
	}
	for (size_t i = 0; i < st->nodes_count; i++)
		node_reap(&st->nodes[i]);
	for (size_t i = 0; i < st->nodes_count; i++) {
		struct stage_node *n = &st->nodes[i];

		if (n->net >= 0)
			net_return(st->slot, n->index);
		data_close(n);
		shim_close(n);
		free(n->rootfs);
	}
	free(st->nodes);
	calls_free(st->calls); /* nobody is left who could wait for it */
}

void stage_free(struct stage *st)
{
	if (!st)
		return;
	services_close(st);
	while (st->procs) {
		struct proc *p = st->procs;

		proc_done(p); /* NOLINT(clang-analyzer-unix.Malloc): it takes itself off the list */
		free(p);
	}
	nodes_close(st);
	if (st->dir) {
		umount2(st->dir, MNT_DETACH);
		rmdir(st->dir);
	}
	if (st->null >= 0)
		close(st->null);
	st->slot->busy = false;
	buf_done(&st->misbehaved);
	free(st->prepared);
	free(st->logs);
	free(st->dir);
	free(st);
}

/* ---- other programs in a node ---- */

static void spawn_line(void *arg, const char *line, size_t len)
{
	const struct proc *p = arg;
	const struct stage_hooks *h = &p->node->st->o.hooks;

	if (h->log)
		h->log(h->arg, p->node->conf->name, "driver", line, len);
}

static int spawn(struct stage *st, const char *node, const char *user, char *const argv[],
		 const struct strmap *env, bool ours, struct spawned *ret, struct err *e)
{
	struct stage_node *n = stage_node(st, node);
	const char *slash = strrchr(argv[0], '/');
	cleanup_free char *log = xasprintf("%s.%s.log", node, slash ? slash + 1 : argv[0]);
	cleanup_close int in_far = -1, out_far = -1, in_near = -1, out_near = -1;
	struct proc *p;
	int pp[2], r;

	if (!n || node_ours(n->conf))
		return err_set(e, ENOENT, n ? "nothing can be started on node %s, which the "
			       "harness plays" : "there is no node %s", node);
	if (n->off)
		return err_set(e, EHOSTDOWN, "node %s has no power", node);
	if (pipe2(pp, O_CLOEXEC) < 0)
		return err_errno(e, errno, "pipe");
	in_far = pp[0];
	in_near = pp[1];
	if (pipe2(pp, O_CLOEXEC) < 0)
		return err_errno(e, errno, "pipe");
	out_near = pp[0];
	out_far = pp[1];
	p = xcalloc(1, sizeof(*p));
	r = proc_start(p, &(struct proc_opts){ .node = n, .user = user, .argv = argv, .in = in_far,
			       .out = out_far, .log = log, .ours = ours,
			       .env = { &n->conf->env, ours ? st->o.env : NULL, env } }, e);
	if (r < 0) {
		free(p);
		return r;
	}
	proc_abandon(p);
	p->on_gone = NULL; /* not while we wait */
	p->lines.line = spawn_line;
	p->lines.arg = p;
	if (!st->o.hooks.log)
		proc_together(p);
	r = proc_await(p, e);
	p->on_gone = proc_gone_free;
	if (r == 0)
		ret->pidfd = fcntl(p->main_fd, F_DUPFD_CLOEXEC, 3);
	if (r < 0 || ret->pidfd < 0) {
		if (r == 0)
			err_errno(e, errno, "dup");
		proc_sweep(p);
		return err_wrap(e, "node %s", node);
	}
	ret->in = steal_fd(&in_near);
	ret->out = steal_fd(&out_near);
	return 0;
}

int stage_spawn(struct stage *st, const char *node, const char *user, char *const argv[],
		const struct strmap *env, struct spawned *ret, struct err *e)
{
	return spawn(st, node, user, argv, env, false, ret, e);
}

int stage_spawn_ours(struct stage *st, const char *node, const char *user, char *const argv[],
		     const struct strmap *env, struct spawned *ret, struct err *e)
{
	return spawn(st, node, user, argv, env, true, ret, e);
}
