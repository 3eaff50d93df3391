/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The worker's end of one started process (a service, a
 * command, a driver script): a socket to its keeper and a pipe with its
 * output. Reports arrive on the loop and drive the hooks:
 *
 *   ordered ─ STARTED ─► on_started ─ EXITED ─► on_exited ─ GONE ─► on_gone
 *      └───── FAILED ────────────────────────────────────────────► on_gone
 *
 * Output is not read before the start is told, and it is drained before an exit is told, so that
 * the last words of a process come before its end. A keeper that vanishes makes the stage lost.
 *
 * Each line that is read as it comes wakes this worker, on a core that the target was using. So
 * where nobody waits for lines (proc_together) the pipe is read and then left alone for REST, and
 * watched again only when that found it empty. Who writes much is read without rests, lest the
 * pipe fills and we slow him down: it holds 64 KiB.
 */
#include "stage/room.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pass.h"
#include "base/str.h"

#define START_WITHIN_MS 10000
#define REST (5 * NS_PER_MS)
#define REST_BYTES_MAX 8192 /* of a batch, for a rest after it */

/* ---- words ---- */

const char *signal_name(int sig)
{
	const char *abbrev = sigabbrev_np(sig);

	return abbrev ? abbrev : "?";
}

void proc_ended(const struct proc *p, char *ret, size_t len)
{
	size_t n;

	if (p->failed)
		snprintf(ret, len, "could not be started: %s", p->why.msg);
	else if (WIFSIGNALED(p->status))
		snprintf(ret, len, "killed by SIG%s", signal_name(WTERMSIG(p->status)));
	else
		snprintf(ret, len, "exited with status %d", WEXITSTATUS(p->status));
	n = strlen(ret);
	if (p->left && !p->swept && n < len)
		snprintf(ret + n, len - n, ", leaving %u process%s behind (killed)", p->left,
			 p->left == 1 ? "" : "es");
}

/* ---- output ---- */

/* Reads once; returns how many bytes came, 0 when none are there now or ever again. */
static size_t drain(struct proc *p)
{
	char chunk[65536];
	ssize_t n;

	if (p->out.fd < 0)
		return 0;
	n = read(p->out.fd, chunk, sizeof(chunk));
	if (n > 0) {
		lines_feed(&p->lines, chunk, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		loop_fd_set(p->node->st->o.loop, &p->out, 0);
		close(p->out.fd);
		p->out.fd = -1;
	}
	return n > 0 ? (size_t)n : 0;
}

/* What is in the pipe now; one who floods cannot keep us here. */
static void drain_all(struct proc *p)
{
	for (int i = 0; i < 32 && p->out.fd >= 0; i++) {
		struct pollfd f = { .fd = p->out.fd, .events = POLLIN };

		if (poll(&f, 1, 0) <= 0)
			break;
		drain(p);
	}
	lines_flush(&p->lines);
}

static void out_ready(struct loop_fd *f, uint32_t events)
{
	struct proc *p = container_of(f, struct proc, out);
	size_t n = drain(p);

	(void)events;
	if (!p->together || p->out.fd < 0 || n == 0 || n > REST_BYTES_MAX)
		return;
	loop_fd_set(p->node->st->o.loop, &p->out, 0);
	loop_timer_at(p->node->st->o.loop, &p->rest, clock_now() + REST);
}

static void rest_over(struct loop_timer *t, int64_t now_ns)
{
	struct proc *p = container_of(t, struct proc, rest);
	size_t n = drain(p);

	if (p->out.fd < 0)
		return;
	if (n == 0 || n > REST_BYTES_MAX)
		loop_fd_set(p->node->st->o.loop, &p->out, EPOLLIN);
	else
		loop_timer_at(p->node->st->o.loop, &p->rest, now_ns + REST);
}

void proc_together(struct proc *p)
{
	p->together = true;
}

/* ---- reports ---- */

/* The pid behind a pidfd as this process's /proc numbers it; 0: gone. */
static pid_t pidfd_pid(int pidfd)
{
	char path[64], line[128];
	FILE *f;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid > 0 ? pid : 0;
}

static void got_started(struct proc *p, const int fds[2])
{
	p->main_fd = fds[0];
	p->keeper_fd = fds[1];
	p->main = pidfd_pid(fds[0]);
	p->keeper = pidfd_pid(fds[1]);
	p->started = true;
	loop_fd_set(p->node->st->o.loop, &p->out, EPOLLIN);
	if (p->on_started)
		p->on_started(p);
}

static void got_failed(struct proc *p, const struct report *r)
{
	p->failed = true;
	err_errno(&p->why, r->code, "%.*s", (int)sizeof(r->text), r->text);
	if (r->code == EACCES && p->node->st->slot->range)
		err_set(&p->why, EACCES, "%.*s: Permission denied (services run as nobody in "
			"particular: it must be readable and executable by all)",
			(int)sizeof(r->text), r->text);
}

static void got_exited(struct proc *p, int status, unsigned left)
{
	if (p->exited)
		return;
	drain_all(p);
	p->exited = true;
	p->main = 0;
	p->status = status;
	p->left = left;
	if (p->on_exited)
		p->on_exited(p);
}

/* The proc may not exist any more afterwards. */
static void got_gone(struct proc *p)
{
	if (p->started)
		got_exited(p, SIGKILL, 0);
	drain_all(p);
	p->gone = true;
	p->keeper = 0;
	loop_fd_set(p->node->st->o.loop, &p->chan, 0);
	p->node->st->wake = true;
	if (p->on_gone)
		p->on_gone(p);
}

/* A keeper says good-bye; this one did not, and for that no service is to blame. */
static void keeper_lost(struct proc *p)
{
	struct stage *st = p->node->st;

	if (!st->lost.code && !p->cut)
		err_set(&st->lost, EPIPE, "a keeper of node %s is gone", p->node->conf->name);
	if (p->started)
		return;
	p->failed = true;
	err_set(&p->why, EPIPE, "its %s", p->cut ? "node lost its power" : "keeper vanished");
}

/* One report; returns false when none is there or the proc is gone. */
static bool take(struct proc *p)
{
	struct report r = { 0 };
	int fds[2];
	ssize_t n = pass_recv(p->chan.fd, &r, sizeof(r), fds, 2, MSG_DONTWAIT);

	if (n == -ECONNRESET) /* it left an order unread; what it said before comes after that */
		n = pass_recv(p->chan.fd, &r, sizeof(r), fds, 2, MSG_DONTWAIT);
	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n != (ssize_t)sizeof(r) || r.kind == REPORT_GONE) {
		if (n != (ssize_t)sizeof(r) && !p->failed)
			keeper_lost(p);
		got_gone(p);
		return false;
	}
	if (r.kind == REPORT_STARTED)
		got_started(p, fds);
	else if (r.kind == REPORT_FAILED)
		got_failed(p, &r);
	else if (r.kind == REPORT_DAEMONISED)
		p->daemonised = true;
	else if (r.kind == REPORT_EXITED)
		got_exited(p, r.code, r.left);
	return true;
}

static void chan_ready(struct loop_fd *f, uint32_t events)
{
	struct proc *p = container_of(f, struct proc, chan);

	(void)events;
	while (take(p))
		;
}

/* ---- starting ---- */

static void env_set(struct strlist *env, const char *key, const char *value)
{
	size_t len = strlen(key);
	char *pair = xasprintf("%s=%s", key, value ? value : "");

	for (size_t i = 0; i < env->count; i++) {
		if (!strncmp(env->at[i], pair, len + 1)) {
			free(env->at[i]);
			env->at[i] = pair;
			return;
		}
	}
	env->at = xrealloc(env->at, (env->count + 2) * sizeof(*env->at));
	env->at[env->count++] = pair;
	env->at[env->count] = NULL;
}

static struct strlist env_make(const struct proc_opts *o, const struct account *a)
{
	struct strlist env = { 0 };

	env_set(&env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	env_set(&env, "HOME", a->home);
	env_set(&env, "USER", a->name);
	env_set(&env, "LOGNAME", a->name);
	env_set(&env, "LANG", "C.UTF-8");
	env_set(&env, "HOSTNAME", o->node->conf->name);
	for (size_t m = 0; m < ARRAY_SIZE(o->env); m++)
		for (size_t i = 0; o->env[m] && i < o->env[m]->count; i++)
			env_set(&env, o->env[m]->at[i].key, o->env[m]->at[i].value);
	return env;
}

static void env_done(struct strlist *env)
{
	for (size_t i = 0; i < env->count; i++)
		free(env->at[i]);
	free(env->at);
}

static int send_order(const struct proc_opts *o, int fds[ORDER_FDS], struct err *e)
{
	struct account a = node_account(o->node, o->user);
	uid_t outer = o->node->st->slot->service_id;
	struct strlist env = env_make(o, &a);
	struct order order = {
		.ids = {.uid = a.uid, .gid = a.gid, .outer_uid = outer, .outer_gid = outer},
		.forks = o->forks,
		.ours = o->ours,
		.argv = o->argv,
		.env = env.at,
		.cwd = o->cwd ? o->cwd : "/target",
	};
	int r = filters_order(o->node, o->process, &order, e);

	if (order.filter.bytes)
		fds[ORDER_CALLS] = calls_door(o->node->st->calls);
	if (r == 0)
		r = order_send(o->node->ctl, &order, fds, e);
	env_done(&env);
	return r;
}

static int log_open(const struct proc_opts *o)
{
	const char *folder = o->node->st->o.logs;
	cleanup_free char *path = NULL;

	if (!folder || !o->log)
		return -1;
	path = xasprintf("%s/%s", folder, o->log);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
}

/* How much of the cap an earlier run of the same service has left over. */
static int64_t log_left(int file, int64_t cap)
{
	int64_t size = file < 0 ? 0 : (int64_t)lseek(file, 0, SEEK_END);

	return cap - size > 0 ? cap - size : 0;
}

int proc_start(struct proc *p, const struct proc_opts *o, struct err *e)
{
	struct stage *st = o->node->st;
	cleanup_close int chan_near = -1, chan_far = -1, out_near = -1, out_far = -1;
	int sv[2], pp[2], r;

	p->node = o->node;
	p->main_fd = p->keeper_fd = p->chan.fd = p->out.fd = p->lines.file = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "socketpair");
	chan_near = sv[0];
	chan_far = sv[1];
	if (pipe2(pp, O_CLOEXEC) < 0)
		return err_errno(e, errno, "pipe");
	out_near = pp[0];
	out_far = pp[1];
	fcntl(out_near, F_SETFL, O_NONBLOCK);
	r = send_order(o, (int[ORDER_FDS]){ chan_far, o->in >= 0 ? o->in : st->null,
					    o->out >= 0 ? o->out : out_far, out_far,
					    st->null }, e);
	if (r < 0)
		return r;
	p->chan = (struct loop_fd){ .fd = steal_fd(&chan_near), .ready = chan_ready };
	p->out = (struct loop_fd){ .fd = steal_fd(&out_near), .ready = out_ready };
	p->rest = (struct loop_timer){ .fire = rest_over };
	p->lines.file = log_open(o);
	p->lines.left = log_left(p->lines.file, st->o.log_cap);
	p->next = st->procs;
	st->procs = p;
	loop_fd_set(st->o.loop, &p->chan, EPOLLIN); /* out: not before it has started */
	return 0;
}

int proc_await(struct proc *p, struct err *e)
{
	int64_t deadline = clock_now() + START_WITHIN_MS * NS_PER_MS;

	while (!p->started && !p->failed) {
		struct pollfd f = { .fd = p->chan.fd, .events = POLLIN };
		int64_t left = deadline - clock_now();

		if (left <= 0 || poll(&f, 1, (int)(left / NS_PER_MS) + 1) == 0)
			return err_set(e, ETIMEDOUT, "%s: it takes more than %d s to start",
				       p->node->conf->name, START_WITHIN_MS / 1000);
		take(p);
	}
	if (p->failed && e)
		*e = p->why;
	return p->failed ? -p->why.code : 0;
}

void proc_gone_free(struct proc *p)
{
	proc_done(p);
	free(p);
}

void proc_abandon(struct proc *p)
{
	p->on_started = p->on_exited = NULL;
	p->on_gone = proc_gone_free;
	p->lines.line = NULL;
	p->owner = NULL;
}

void proc_done(struct proc *p)
{
	struct stage *st = p->node->st;
	int *fds[] = { &p->main_fd, &p->keeper_fd, &p->chan.fd, &p->out.fd };

	for (struct proc **at = &st->procs; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	loop_timer_cancel(st->o.loop, &p->rest);
	if (p->chan.fd >= 0)
		loop_fd_set(st->o.loop, &p->chan, 0);
	if (p->out.fd >= 0)
		loop_fd_set(st->o.loop, &p->out, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	lines_done(&p->lines);
}

/* ---- signals ---- */

int proc_signal(struct proc *p, int sig, bool tree)
{
	int n = 0;

	if (!p->started || p->gone)
		return 0;
	p->swept |= tree && sig == SIGKILL;
	if (!p->exited && syscall(SYS_pidfd_send_signal, p->main_fd, sig, NULL, 0) == 0)
		n = 1;
	if ((tree || p->daemonised) && p->keeper)
		n += tree_signal(p->keeper, p->main, sig);
	if (tree && sig == SIGKILL)
		proc_sweep(p);
	return n;
}

void proc_sweep(struct proc *p)
{
	struct command c = { .kind = COMMAND_SWEEP };

	if (!p->gone && p->chan.fd >= 0 && send(p->chan.fd, &c, sizeof(c), MSG_NOSIGNAL) < 0)
		return; /* its keeper is gone, which the loop will hear */
}
