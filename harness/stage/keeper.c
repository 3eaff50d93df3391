/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One keeper per started service: parent of its main
 * process and subreaper of everything that comes from it, so that a daemon
 * that forks twice is still known to belong to its service. States:
 *
 *   running ── main exits ──► sweeping ── nobody left ──► gone
 *      └── main exits 0, forks: ──► daemons ── last one ends ──► gone
 *
 * The worker is told of each step; it may order a sweep (SIGKILL for all) at
 * any time. When the worker or init dies, the whole PID namespace dies too.
 */
#include "stage/room.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pass.h"

#define SWEEP_AGAIN_MS 2

struct keeper {
	int chan, signals;
	bool forks, main_gone, daemons, sweeping, empty;
	pid_t main;
	int status;
};

static void report(const struct keeper *k, struct report r, const int *fds, size_t n)
{
	if (pass_send(k->chan, &r, sizeof(r), fds, n) < 0)
		_exit(1); /* the worker has lost interest */
}

static uint32_t count_left(void)
{
	struct tree t = { 0 };
	uint32_t n;

	tree_walk(&t, getpid());
	n = (uint32_t)t.count;
	tree_done(&t);
	return n;
}

static void main_ended(struct keeper *k)
{
	uint32_t left = count_left();

	if (k->forks && k->status == 0 && left > 0) {
		k->daemons = true;
		report(k, (struct report){ .kind = REPORT_DAEMONISED }, NULL, 0);
		return;
	}
	report(k, (struct report){.kind = REPORT_EXITED, .code = k->status, .left = left}, NULL, 0);
	k->sweeping = true;
}

static void reap(struct keeper *k)
{
	struct signalfd_siginfo info;
	bool was_gone = k->main_gone;
	int status;
	pid_t pid;

	while (read(k->signals, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == k->main) {
			k->main_gone = true;
			k->status = status;
		} else if (k->daemons) {
			k->status = status; /* the last one's will be reported */
		}
	}
	k->empty = pid < 0 && errno == ECHILD;
	if (k->main_gone && !was_gone)
		main_ended(k);
}

static void obey(struct keeper *k)
{
	struct command c;
	ssize_t n = recv(k->chan, &c, sizeof(c), MSG_DONTWAIT);

	if (n == 0)
		_exit(1);
	if (n == (ssize_t)sizeof(c) && c.kind == COMMAND_SWEEP)
		k->sweeping = true;
}

static void step(struct keeper *k)
{
	struct pollfd p[2] = { { .fd = k->chan, .events = POLLIN },
			       { .fd = k->signals, .events = POLLIN } };

	if (k->sweeping)
		tree_signal(getpid(), 0, SIGKILL);
	poll(p, 2, k->sweeping ? SWEEP_AGAIN_MS : -1);
	if (p[0].revents)
		obey(k);
	if (p[1].revents || k->sweeping)
		reap(k);
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int start(struct keeper *k, const struct order *o, const int fds[ORDER_FDS])
{
	struct launched l = { 0 };
	struct report failed = { .kind = REPORT_FAILED };
	int r = o->ours ? names_ours() : 0, pidfds[2];

	if (r < 0)
		snprintf(l.what, sizeof(l.what), "giving it a hosts file");
	else
		r = launch(o, fds, &l);
	if (r < 0) {
		failed.code = -r;
		memcpy(failed.text, l.what, sizeof(failed.text));
		report(k, failed, NULL, 0);
		return r;
	}
	k->main = l.pid;
	pidfds[0] = l.pidfd;
	pidfds[1] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	report(k, (struct report){ .kind = REPORT_STARTED }, pidfds, 2);
	close(pidfds[0]);
	close(pidfds[1]);
	return 0;
}

_Noreturn void keeper_main(const struct order *o, const int fds[ORDER_FDS])
{
	struct keeper k = { .chan = fds[ORDER_CHAN], .forks = o->forks };

	prctl(PR_SET_NAME, "keeper");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || setsid() < 0)
		_exit(1);
	k.signals = signals_open();
	if (start(&k, o, fds) < 0)
		_exit(0);
	for (int i = ORDER_IN; i < ORDER_FDS; i++) /* the door too */
		close(fds[i]);
	while (!(k.empty && k.main_gone))
		step(&k);
	if (k.daemons)
		report(&k, (struct report){ .kind = REPORT_EXITED, .code = k.status }, NULL, 0);
	report(&k, (struct report){ .kind = REPORT_GONE }, NULL, 0);
	_exit(0);
}
