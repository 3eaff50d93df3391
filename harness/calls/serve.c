/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The supervisor's threads:
 *
 *   one for each run of a service   RECV, decide, answer: two system calls for a call that goes on
 *                                   unaltered. It waits in RECV itself and not in epoll, because
 *                                   SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP then hands it the caller's
 *                                   core at once (36 us without it, 6 us with it)
 *   main                            orders, listeners that come and go, and the time of those who
 *                                   are held: a heap, so that a thousand cost one thread
 *
 * A call waits for its answer exactly once: to go on, to fail, or later. Who is held by a rule goes
 * on at once when the rule goes. One who dies meanwhile is no error: the answer finds nobody
 * (ENOENT). With SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV signals that do not kill wait until the
 * answer, as they do for a call that waits for a disk.
 *
 * Nothing is allocated for a call; there is room for HELD_MAX that are held.
 */
#include "calls/room.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pass.h"
#include "base/str.h"

#define FD_DOOR APART_FD_MORE
#define AWAKE_NS (60 * NS_PER_US)

#if defined(__x86_64__)
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#else
#error "name this machine's AUDIT_ARCH here"
#endif


/* ---- answers ---- */

void serve_answer(const struct held *h)
{
	bool goes_on = !h->error && !h->made;
	struct seccomp_notif_resp r = { .id = h->id, .error = -h->error, .val = h->value,
					.flags = goes_on ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0 };

	while (ioctl(h->fd, SECCOMP_IOCTL_NOTIF_SEND, &r) < 0 && errno == EINTR)
		;
}

/*
 * To one who was held: on a core of its own. What the flag is for is the opposite, that asker and
 * answerer take turns on one; then those who go on at about the same time would queue for it.
 */
static void answer_held(const struct held *h)
{
	ioctl(h->fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 0UL);
	serve_answer(h);
	ioctl(h->fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

static void answer(int fd, uint64_t id, int32_t error)
{
	serve_answer(&(struct held){ .fd = fd, .id = id, .error = error });
}

/* ---- who is held: a heap, the earliest first; under the lock ---- */

static void swap(struct held *a, struct held *b)
{
	struct held t = *a;

	*a = *b;
	*b = t;
}

static void sift_up(struct held *h, unsigned i)
{
	for (; i && h[i].until < h[(i - 1) / 2].until; i = (i - 1) / 2)
		swap(&h[i], &h[(i - 1) / 2]);
}

static void sift_down(struct held *h, unsigned n, unsigned i)
{
	for (unsigned k; (k = 2 * i + 1) < n; i = k) {
		if (k + 1 < n && h[k + 1].until < h[k].until)
			k++;
		if (h[i].until <= h[k].until)
			return;
		swap(&h[i], &h[k]);
	}
}

static void take_out(struct sup *s, unsigned i)
{
	s->held[i] = s->held[--s->held_count];
	if (i < s->held_count) {
		sift_down(s->held, s->held_count, i);
		sift_up(s->held, i);
	}
}

bool serve_hold(struct sup *s, struct held h)
{
	uint64_t one = 1;
	bool first = !s->held_count || h.until < s->held[0].until;

	if (s->held_count == HELD_MAX)
		return false;
	s->held[s->held_count] = h;
	sift_up(s->held, s->held_count++);
	if (first && write(s->wake, &one, sizeof(one)) < 0)
		return true; /* it is awake already */
	return true;
}

void serve_release(struct sup *s, unsigned place)
{
	for (unsigned i = 0; i < s->held_count;) {
		struct held h = s->held[i];

		if (h.place != place) {
			i++;
			continue;
		}
		take_out(s, i);
		answer_held(&h);
		i = 0; /* the heap has moved */
	}
}

/* Lets go whose time has come; returns when the next one's does (0: nobody is held). */
static int64_t expire(struct sup *s)
{
	int64_t next;

	pthread_mutex_lock(&s->lock);
	while (s->held_count && s->held[0].until <= clock_now()) {
		struct held h = s->held[0];

		take_out(s, 0);
		answer_held(&h);
	}
	next = s->held_count ? s->held[0].until : 0;
	pthread_mutex_unlock(&s->lock);
	return next;
}

static void forget_held(struct sup *s, int fd)
{
	for (unsigned i = 0; i < s->held_count;)
		if (s->held[i].fd == fd) {
			take_out(s, i);
			i = 0;
		} else {
			i++;
		}
}

/* ---- one call ---- */

/* What is watched for our own sake. True: it is answered. */
static bool own(struct sup *s, struct look *l)
{
	int nr = l->req->data.nr;

	if (nr == s->nr_execveat || (nr == s->nr_execve && look_program(l)))
		who_execs(l->process);
	else if (nr == s->nr_fork || nr == s->nr_vfork || nr == s->nr_clone)
		who_forks(s, l->process);
	else if (nr == s->nr_clone3) {
		uint64_t flags = CLONE_THREAD;

		if (look_memory(l, l->req->data.args[0], &flags, sizeof(flags)) < 0 ||
		    !(flags & CLONE_THREAD))
			who_forks(s, l->process);
	} else if (nr == s->nr_seccomp) {
		l->at->facts->listeners++;
	} else if (nr == s->nr_ring) {
		l->at->facts->rings++;
		answer(l->at->fd, l->req->id, ENOSYS);
		return true;
	}
	return false;
}

/* Held until the worker has heard of it; then as long as a rule says. */
static bool tells_sync(struct sup *s, const struct look *l, struct held h)
{
	int nr = l->req->data.nr;

	if ((nr != s->nr_sync && nr != s->nr_syncfs) ||
	    !(s->sync_nodes[l->at->node / 64] >> (l->at->node % 64) & 1))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(s->waiting); i++)
		if (!s->waiting[i].ticket) {
			s->waiting[i] = (struct waiting){ .held = h, .ticket = ++s->sync_asked };
			s->shared->sync.process_node = l->at->node;
			s->shared->sync.all = nr == s->nr_sync;
			snprintf(s->shared->sync.process, sizeof(s->shared->sync.process), "%s",
				 l->process ? l->process->name : l->at->process);
			__atomic_store_n(&s->shared->sync.asked, s->sync_asked, __ATOMIC_RELEASE);
			apart_ring();
			return true;
		}
	return false;
}

static void decide(struct sup *s, struct look *l)
{
	int nr = l->req->data.nr, i = nr >= 0 && nr < (int)ARRAY_SIZE(s->index) ? s->index[nr] : -1;
	struct held h;

	l->process = who_find(s, l->at, (pid_t)l->req->pid);
	if (own(s, l))
		return;
	if (i >= 0) {
		l->index = (unsigned)i;
		l->call = &calls_table[i];
		ruling_decide(s->ruling, l);
	}
	if (l->error || l->until || l->perform.any)
		l->at->facts->altered++;
	if (l->perform.any && !l->error && perform(l))
		return;
	h = (struct held){ .until = l->until, .id = l->req->id, .fd = l->at->fd,
			   .error = l->error, .place = l->held_by };
	if (!l->error && tells_sync(s, l, h))
		return;
	if (!l->until || !serve_hold(s, h))
		answer_held(&h);
}

static void one_call(struct listener *at, const struct seccomp_notif *req)
{
	struct sup *s = at->sup;
	struct look l = { .sup = s, .at = at, .req = req, .size = -1 };
	int nr = req->data.nr, i = nr >= 0 && nr < (int)ARRAY_SIZE(s->index) ? s->index[nr] : -1;

	at->facts->calls++;
	if (req->data.arch != ARCH_NATIVE) {
		at->facts->foreign++;
		answer(at->fd, req->id, 0);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (i >= 0 && !ruling_any(s->ruling, (unsigned)i) && nr != s->nr_clone &&
	    nr != s->nr_clone3 && nr != s->nr_fork && nr != s->nr_vfork && nr != s->nr_sync &&
	    nr != s->nr_syncfs)
		answer(at->fd, req->id, 0); /* nobody is interested now */
	else
		decide(s, &l);
	pthread_mutex_unlock(&s->lock);
}

/* ---- listeners ---- */

static bool over(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static void *serve_listener(void *arg)
{
	struct listener *at = arg;
	size_t size = at->sup->req_bytes;
	struct seccomp_notif *req = xcalloc(1, size);

	for (;;) {
		memset(req, 0, size);
		if (ioctl(at->fd, SECCOMP_IOCTL_NOTIF_RECV, req) == 0)
			one_call(at, req);
		else if ((errno != EINTR && errno != ENOENT) || over(at->fd))
			break; /* ENOENT: that one has died; nothing is lost */
	}
	free(req);
	pthread_mutex_lock(&at->sup->lock);
	at->gone = true;
	pthread_mutex_unlock(&at->sup->lock);
	return NULL;
}

/* Threads whose run is over: no process of it is left. */
static void bury(struct sup *s)
{
	for (unsigned i = 0; i < CALLS_SERVICES_MAX; i++) {
		struct listener *at = &s->listener[i];

		if (!at->used || !(at->gone || over(at->fd)))
			continue;
		if (!at->gone) /* before Linux 6.11 RECV does not hear of the end */
			pthread_kill(at->thread, SIGUSR1);
		pthread_join(at->thread, NULL);
		pthread_mutex_lock(&s->lock);
		forget_held(s, at->fd);
		who_left(s, at);
		close(at->fd);
		at->used = false;
		pthread_mutex_unlock(&s->lock);
	}
}

static struct calls_facts *facts_of(struct sup *s, const char *service)
{
	struct calls_shared *sh = s->shared;
	uint32_t n = sh->services;

	for (uint32_t i = 0; i < n; i++)
		if (str_eq(sh->facts[i].service, service))
			return &sh->facts[i];
	if (n == CALLS_SERVICES_MAX)
		return &sh->facts[n - 1];
	snprintf(sh->facts[n].service, sizeof(sh->facts[n].service), "%s", service);
	__atomic_store_n(&sh->services, n + 1, __ATOMIC_RELEASE);
	return &sh->facts[n];
}

static pid_t pid_of(int pidfd)
{
	char path[64], line[128];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid;
}

static struct listener *place_free(struct sup *s)
{
	for (unsigned i = 0; i < CALLS_SERVICES_MAX; i++)
		if (!s->listener[i].used) {
			s->listener[i] = (struct listener){ .sup = s, .place = i };
			return &s->listener[i];
		}
	return NULL;
}

static void arrive(struct sup *s)
{
	uint64_t flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
	struct calls_arrival a;
	int fds[ARRIVAL_FDS];
	struct listener *at;
	char *slash;

	if (pass_recv(FD_DOOR, &a, sizeof(a), fds, ARRIVAL_FDS, MSG_DONTWAIT) !=
		    (ssize_t)sizeof(a) || fds[0] < 0)
		return;
	at = place_free(s);
	if (!at)
		abort(); /* more services than a target may have; the trial is broken then */
	at->fd = fds[ARRIVAL_LISTENER];
	at->node = a.node;
	at->killable = a.killable;
	snprintf(at->process, sizeof(at->process), "%s", a.process);
	snprintf(at->service, sizeof(at->service), "%s", a.process);
	slash = strrchr(at->service, '/');
	if (slash)
		*slash = '\0';
	at->facts = facts_of(s, at->service);
	ioctl(at->fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags); /* slower without */
	pthread_mutex_lock(&s->lock);
	who_arrived(s, at, pid_of(fds[ARRIVAL_PIDFD]));
	pthread_mutex_unlock(&s->lock);
	close(fds[ARRIVAL_PIDFD]);
	at->used = pthread_create(&at->thread, NULL, serve_listener, at) == 0;
	if (!at->used)
		abort();
}

/* ---- orders ---- */

static int sync_told(struct sup *s, uint32_t ticket)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->waiting); i++)
		if (s->waiting[i].ticket && s->waiting[i].ticket <= ticket) {
			struct held h = s->waiting[i].held;

			s->waiting[i].ticket = 0;
			if (h.until <= clock_now() || !serve_hold(s, h))
				serve_answer(&h);
		}
	return 0;
}

static int obey(struct sup *s, const struct calls_order *o)
{
	switch (o->op) {
	case CALLS_HELLO:
		return 0;
	case CALLS_RULE_ADD:
		return ruling_add(s->ruling, &o->rule);
	case CALLS_RULE_DEL:
		return ruling_del(s, o->index);
	case CALLS_SYNC_NODES:
		memcpy(s->sync_nodes, o->nodes, sizeof(s->sync_nodes));
		return 0;
	case CALLS_SYNC_TOLD:
		return sync_told(s, o->index);
	default:
		return -EINVAL;
	}
}

static void order(struct sup *s)
{
	struct calls_order o;
	ssize_t n = recv(APART_FD_CTL, &o, sizeof(o), MSG_DONTWAIT);
	int r;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		_exit(0); /* the worker is gone */
	if (n != (ssize_t)sizeof(o))
		return;
	pthread_mutex_lock(&s->lock);
	r = obey(s, &o);
	pthread_mutex_unlock(&s->lock);
	if (send(APART_FD_CTL, &r, sizeof(r), MSG_NOSIGNAL) < 0)
		_exit(0);
}

/* ---- the loop ---- */

/* @at: 0: never. Setting it takes back that it went off. */
static void timer_set(int fd, int64_t at)
{
	struct itimerspec t = { .it_value = { .tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S } };

	timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/*
 * A timer and not a timeout: poll() takes the liberty of being late by a thousandth of what it was
 * asked for. The last AWAKE_NS are spent awake where a core is free: to wake an idle one takes
 * as long.
 */
static int poll_until(struct sup *s, struct pollfd *p, nfds_t n, int64_t at)
{
	int64_t now = clock_now(), left = at ? at - now : INT64_MAX;
	int r = 0;

	if (left <= AWAKE_NS && (left <= 0 || spin_until(&s->spin, now))) {
		do
			r = poll(p, n, 0);
		while (r == 0 && clock_now() < at);
		return r;
	}
	timer_set(s->timer, at && left > AWAKE_NS ? at - AWAKE_NS : at);
	return poll(p, n, -1);
}

static void wait_until(struct sup *s, int64_t at)
{
	struct pollfd p[4 + CALLS_SERVICES_MAX] = { { .fd = APART_FD_CTL, .events = POLLIN },
						{ .fd = FD_DOOR, .events = POLLIN },
						{ .fd = s->wake, .events = POLLIN },
						{ .fd = s->timer, .events = POLLIN } };
	nfds_t n = 4;
	uint64_t wakes;

	for (unsigned i = 0; i < CALLS_SERVICES_MAX; i++)
		if (s->listener[i].used) /* nothing but its end */
			p[n++] = (struct pollfd){ .fd = s->listener[i].fd };
	if (poll_until(s, p, n, at) <= 0)
		return;
	if (p[2].revents && read(s->wake, &wakes, sizeof(wakes)) < 0)
		return;
	if (p[1].revents & POLLIN)
		arrive(s);
	if (p[0].revents)
		order(s);
	for (nfds_t i = 4; i < n; i++)
		if (p[i].revents) {
			bury(s);
			break;
		}
}

static void no_op(int sig)
{
	(void)sig;
}

static void numbers(struct sup *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->index); i++)
		s->index[i] = -1;
	for (unsigned i = 0; i < calls_count; i++) {
		int nr = filter_number(calls_table[i].name);

		if (nr >= 0 && nr < (int)ARRAY_SIZE(s->index))
			s->index[nr] = (int)i;
	}
	s->nr_clone = filter_number("clone");
	s->nr_clone3 = filter_number("clone3");
	s->nr_fork = filter_number("fork");
	s->nr_vfork = filter_number("vfork");
	s->nr_execve = filter_number("execve");
	s->nr_execveat = filter_number("execveat");
	s->nr_seccomp = filter_number("seccomp");
	s->nr_ring = filter_number("io_uring_setup");
	s->nr_sync = filter_number("sync");
	s->nr_syncfs = filter_number("syncfs");
}

static void prepare(struct sup *s)
{
	struct seccomp_notif_sizes sizes = { 0 };
	struct sigaction act = { .sa_handler = no_op }; /* no SA_RESTART: RECV must return */
	struct rlimit files;

	sigaction(SIGUSR1, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_TIMERSLACK, 1);
	clock_prompt();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
	s->req_bytes = sizes.seccomp_notif > sizeof(struct seccomp_notif)
			       ? sizes.seccomp_notif : sizeof(struct seccomp_notif);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	spin_init(&s->spin);
	s->held = xcalloc(HELD_MAX, sizeof(*s->held));
	s->ruling = ruling_new();
	pthread_mutex_init(&s->lock, NULL);
	numbers(s);
}

void serve_main(void *arg, void *shared)
{
	const struct calls_serve *o = arg;
	struct sup *s = xcalloc(1, sizeof(*s));

	s->shared = shared;
	s->nodes = o->nodes;
	s->nodes_count = o->nodes_count;
	hits_init(&s->shared->hits, CALLS_HITS, sizeof(struct calls_hit));
	prepare(s);
	for (;;)
		wait_until(s, expire(s));
}
