/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a suite. Theory of operation:
 *
 *   parent (loop: signals, sockets, a 200 ms tick)
 *     ├─ worker 0 ◄─ struct job ── struct suite_result ─►
 *     └─ worker 1      one at a time, over a seqpacket socket
 *
 * The parent has no threads and touches no namespace, so a fresh worker can be
 * forked at any time. A socket that closes while its worker owes a result
 * means a crash: that trial is broken, what it wrote so far is published as
 * evidence, and the suite goes on. Progress comes through memory shared with
 * the workers; it costs them nothing.
 */
#include "explore/suite.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "explore/manifest.h"
#include "explore/order.h"
#include "explore/worker.h"
#include "stage/stage.h"

#define TICK_NS (200 * NS_PER_MS)
#define STOP_NOW_NS (1 * NS_PER_S) /* second Ctrl-C: then the workers are killed */
#define LEAVE_MS 5000		   /* an idle worker may take this long to go */

struct parent;

/* One place for a worker. */
struct place {
	struct loop_fd watch; /* first: callbacks cast */
	struct parent *parent;
	pid_t pid; /* 0: nobody */
	int fd;
	bool busy;
	struct job job;
	struct trial_live *live;
};

struct parent {
	const struct suite_opts *o;
	struct suite *ret;
	struct loop *loop;
	struct loop_fd signals;
	struct loop_timer tick, stop_now;
	struct place place[SUITE_JOBS_MAX];
	struct trial_live *live; /* shared with the workers */
	bool *good_vague;	 /* owned; of each experiment of the plan, so far */
	struct order *order;	 /* owned; what is still to be begun */
	int64_t total;		 /* trials at most */
	bool enough;		 /* start no more */
	bool stop;		 /* leave the loop */
	struct err broken;	 /* nothing can be started any more */
};

static void results_add(struct parent *p, const struct suite_result *r)
{
	struct suite *s = p->ret;

	s->at = xrealloc(s->at, (s->count + 1) * sizeof(*s->at));
	s->at[s->count++] = *r;
	p->good_vague[r->experiment] |= r->good_vague;
	if (p->o->until_fail && r->verdict != HOLDS && r->verdict != INCONCLUSIVE)
		p->enough = true;
	if (p->o->hooks.ended)
		p->o->hooks.ended(p->o->hooks.arg, r);
}

/* ---- workers ---- */

static void place_close_others(struct parent *p, const struct place *mine)
{
	int64_t i;

	for (i = 0; i < p->o->jobs; i++) {
		if (&p->place[i] != mine && p->place[i].pid)
			close(p->place[i].fd);
	}
	close(p->signals.fd);
}

static void on_socket(struct loop_fd *f, uint32_t events);

static int place_fork(struct place *pl, struct err *e)
{
	struct parent *p = pl->parent;
	pid_t me = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, errno, "a socket for a worker");
	fflush(NULL);
	pl->live->phase = PHASE_DONE;
	pl->pid = fork();
	if (pl->pid < 0) {
		pl->pid = 0;
		close(pair[0]);
		close(pair[1]);
		return err_errno(e, errno, "starting a worker");
	}
	if (pl->pid == 0) {
		close(pair[0]);
		place_close_others(p, pl);
		if (getppid() != me)
			_exit(1);
		worker_main(p->o, pair[1], pl->live);
	}
	setpgid(pl->pid, pl->pid); /* both do: whoever comes first */
	close(pair[1]);
	pl->fd = pair[0];
	pl->watch = (struct loop_fd){.fd = pl->fd, .ready = on_socket};
	return loop_fd_set(p->loop, &pl->watch, EPOLLIN);
}

/* Wait for a worker that should be going; after `ms` it is made to. Returns the wait status. */
static int place_reap(struct place *pl, int ms)
{
	cleanup_close int pidfd = pidfd_open(pl->pid, 0);
	struct pollfd pfd = {.fd = pidfd, .events = POLLIN};
	int status = 0;

	loop_fd_set(pl->parent->loop, &pl->watch, 0);
	close(pl->fd);
	if (pidfd < 0 || poll(&pfd, 1, ms) != 1)
		kill(pl->pid, SIGKILL);
	while (waitpid(pl->pid, &status, 0) < 0 && errno == EINTR)
		;
	pl->pid = 0;
	return status;
}

/* ---- a worker that crashed ---- */

static char *crash_words(int status)
{
	if (WIFSIGNALED(status))
		return xasprintf("the worker of this trial was killed by signal %d (%s)",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return xasprintf("the worker of this trial left with exit code %d", WEXITSTATUS(status));
}

/* What a dead worker left behind in OUT/<experiment>: its temporary directory. Caller frees. */
static char *leftover_find(const char *parent, pid_t pid)
{
	cleanup_free char *prefix = xasprintf(".tmp-%ld-", (long)pid);
	DIR *d = opendir(parent);
	struct dirent *entry;
	char *found = NULL;

	while (d && !found && (entry = readdir(d))) {
		if (entry->d_type != DT_LNK &&
		    strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			found = xasprintf("%s/%s", parent, entry->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

static int crash_publish(struct parent *p, const struct job *j, const char *temp,
			 struct suite_result *r, struct err *e)
{
	const struct plan_entry *entry = &p->o->plan->at[j->experiment];
	struct trial_in in = {.experiment = entry->experiment,
			      .target = entry->target,
			      .seed = j->seed,
			      .faults = true,
			      .baseline_rate = -1};
	struct trial_out out = {.verdict = {.verdict = BROKEN, .blame = "harness"}};
	struct store s = {0};
	int err = store_begin(&s, p->o->out, entry->experiment->name, j->seed, j->number, e);

	snprintf(out.verdict.why, sizeof(out.verdict.why), "%s", r->why);
	if (err == 0) {
		rmdir(s.temp);
		err = rename(temp, s.temp) < 0 ? err_errno(e, errno, "keeping %s", temp) : 0;
	}
	in.dir = s.temp;
	do {
		if (err == 0 || err == -EEXIST)
			err = p->o->hooks.report(p->o->hooks.arg, &in, &out, s.temp, s.final, e);
		if (err == 0)
			err = store_publish(&s, e);
	} while (err == -EEXIST);
	if (err == 0)
		snprintf(r->dir, sizeof(r->dir), "%s", s.final);
	store_done(&s);
	return err;
}

/* What it was preparing; the guardian would remove it too, but may have died with it. */
static void cache_clean(const struct parent *p, pid_t pid)
{
	cleanup_free char *dir =
	    p->o->cache ? xstrdup(p->o->cache) : xasprintf("%s/.cache", p->o->out);
	char *left;

	while ((left = leftover_find(dir, pid))) {
		bool gone = store_remove(left) == 0;

		free(left);
		if (!gone)
			return;
	}
}

static void crashed(struct parent *p, const struct job *j, pid_t pid, int status)
{
	struct suite_result r = {
	    .number = j->number, .experiment = j->experiment, .seed = j->seed, .verdict = BROKEN};
	const char *name = p->o->plan->at[j->experiment].experiment->name;
	cleanup_free char *parent = xasprintf("%s/%s", p->o->out, name);
	cleanup_free char *temp = leftover_find(parent, pid);
	cleanup_free char *words = crash_words(status);
	struct err e = {0};

	cache_clean(p, pid);
	snprintf(r.why, sizeof(r.why), "%s", words);
	if (temp && p->ret->signal == 0 && crash_publish(p, j, temp, &r, &e) == 0)
		guardian_drop(temp);
	else if (temp)
		store_remove(temp);
	if (p->ret->signal == 0)
		results_add(p, &r);
}

/* ---- handing out trials ---- */

/* A trial this host cannot run is answered here and never reaches a worker. */
static bool refused(struct parent *p, const struct job *j)
{
	const struct plan_entry *entry = &p->o->plan->at[j->experiment];
	struct suite_result r = {.number = j->number,
				 .experiment = j->experiment,
				 .seed = j->seed,
				 .verdict = UNSUPPORTED};

	if (!entry->unsupported)
		return false;
	snprintf(r.why, sizeof(r.why), "%s", entry->unsupported);
	results_add(p, &r);
	return true;
}

static bool job_next(struct parent *p, struct job *ret)
{
	const struct job *under_way[SUITE_JOBS_MAX];
	size_t count = 0;

	for (int64_t i = 0; i < p->o->jobs; i++)
		if (p->place[i].busy)
			under_way[count++] = &p->place[i].job;
	while (!p->enough && order_next(p->order, under_way, count, ret)) {
		ret->good_vague = p->good_vague[ret->experiment];
		if (!refused(p, ret))
			return true;
	}
	return false;
}

static bool anyone_busy(const struct parent *p)
{
	int64_t i;

	for (i = 0; i < p->o->jobs; i++) {
		if (p->place[i].busy)
			return true;
	}
	return false;
}

static void place_feed(struct place *pl)
{
	struct parent *p = pl->parent;
	int r = 0;

	if (!job_next(p, &pl->job)) {
		p->stop = !anyone_busy(p);
		return;
	}
	if (!pl->pid)
		r = place_fork(pl, &p->broken);
	if (r == 0 && send(pl->fd, &pl->job, sizeof(pl->job), MSG_NOSIGNAL) < 0)
		r = err_errno(&p->broken, errno, "handing a trial to a worker");
	pl->busy = r == 0;
	if (r < 0)
		p->stop = p->enough = true;
}

static void on_socket(struct loop_fd *f, uint32_t events)
{
	struct place *pl = (struct place *)f;
	struct parent *p = pl->parent;
	struct suite_result r;
	ssize_t n = recv(pl->fd, &r, sizeof(r), MSG_DONTWAIT);
	pid_t pid = pl->pid;
	int status;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(r)) {
		pl->busy = false;
		results_add(p, &r);
	} else {
		bool owed = pl->busy;

		pl->busy = false;
		status = place_reap(pl, LEAVE_MS);
		if (owed)
			crashed(p, &pl->job, pid, status);
	}
	place_feed(pl);
}

/* ---- signals and the tick ---- */

static void workers_signal(struct parent *p, int signo)
{
	int64_t i;

	for (i = 0; i < p->o->jobs; i++) {
		if (p->place[i].pid && p->place[i].busy)
			kill(p->place[i].pid, signo);
	}
}

static void on_stop_now(struct loop_timer *t, int64_t now)
{
	struct parent *p = (struct parent *)((char *)t - offsetof(struct parent, stop_now));

	(void)now;
	workers_signal(p, SIGKILL);
}

static void on_signal(struct loop_fd *f, uint32_t events)
{
	struct parent *p = (struct parent *)((char *)f - offsetof(struct parent, signals));
	struct signalfd_siginfo si;

	(void)events;
	if (read(f->fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (p->ret->signal)
		loop_timer_at(p->loop, &p->stop_now, clock_now() + STOP_NOW_NS);
	else
		p->ret->signal = (int)si.ssi_signo;
	p->enough = true;
	workers_signal(p, (int)si.ssi_signo);
	p->stop = !anyone_busy(p);
}

static void on_tick(struct loop_timer *t, int64_t now)
{
	struct parent *p = (struct parent *)((char *)t - offsetof(struct parent, tick));

	if (p->o->hooks.tick)
		p->o->hooks.tick(p->o->hooks.arg, p->live, (size_t)p->o->jobs,
				 (int64_t)p->ret->count, p->total);
	loop_timer_at(p->loop, t, now + TICK_NS);
}

/* ---- start and end ---- */

static sigset_t stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return set;
}

void suite_hold_signals(void)
{
	sigset_t set = stop_signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int signals_take(struct parent *p, struct err *e)
{
	sigset_t set = stop_signals();

	suite_hold_signals();
	p->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p->signals.ready = on_signal;
	if (p->signals.fd < 0)
		return err_errno(e, errno, "taking signals");
	return loop_fd_set(p->loop, &p->signals, EPOLLIN);
}

static int parent_open(struct parent *p, struct err *e)
{
	size_t size = sizeof(*p->live) * (size_t)p->o->jobs;
	int64_t i;
	int r;

	p->signals.fd = -1;
	guardian_sweep(p->o->out);
	r = store_check(p->o->out, e);
	if (r == 0)
		r = guardian_start(e);
	if (r == 0)
		r = loop_new(&p->loop, e);
	if (r == 0)
		r = signals_take(p, e);
	if (r < 0)
		return r;
	p->live = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->live == MAP_FAILED)
		return err_errno(e, errno, "memory for the live view");
	for (i = 0; i < p->o->jobs; i++) {
		p->place[i].parent = p;
		p->place[i].live = &p->live[i];
		p->place[i].live->phase = PHASE_DONE;
	}
	p->tick.fire = on_tick;
	p->stop_now.fire = on_stop_now;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct suite_result *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static void parent_close(struct parent *p)
{
	int64_t i;

	for (i = 0; i < p->o->jobs; i++) {
		if (p->place[i].pid)
			shutdown(p->place[i].fd, SHUT_RDWR);
	}
	for (i = 0; i < p->o->jobs; i++) {
		if (p->place[i].pid)
			place_reap(&p->place[i], LEAVE_MS);
	}
	if (p->live && p->live != MAP_FAILED)
		munmap(p->live, sizeof(*p->live) * (size_t)p->o->jobs);
	if (p->signals.fd >= 0)
		close(p->signals.fd);
	if (p->loop)
		loop_free(p->loop);
	if (p->ret->count)
		qsort(p->ret->at, p->ret->count, sizeof(*p->ret->at), by_number);
}

int suite_run(const struct suite_opts *o, struct suite *ret, struct err *e)
{
	struct parent *p = xcalloc(1, sizeof(*p));
	int64_t i;
	int r;

	p->o = o;
	p->ret = ret;
	p->total = (int64_t)o->plan->count * o->seeds;
	p->order = order_new(o);
	p->good_vague = xcalloc(o->plan->count + 1, sizeof(*p->good_vague));
	r = parent_open(p, e);
	if (r == 0) {
		loop_timer_at(p->loop, &p->tick, clock_now());
		on_signal(&p->signals, EPOLLIN); /* one that came while files were read */
	}
	for (i = 0; r == 0 && i < o->jobs && !p->stop; i++)
		place_feed(&p->place[i]);
	if (r == 0 && anyone_busy(p)) {
		p->stop = p->broken.code != 0;
		r = loop_run_until(p->loop, &p->stop, INT64_MAX);
	}
	if (r == 0 && p->broken.code) {
		*e = p->broken;
		r = -e->code;
	}
	parent_close(p);
	free(p->good_vague);
	order_free(p->order);
	free(p);
	return r;
}
