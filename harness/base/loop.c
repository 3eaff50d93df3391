/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One round: arm the timerfd for the earliest of the
 * first timer and the deadline, epoll_wait, dispatch the ready descriptors,
 * fire the timers that are due.
 *
 *  - A timerfd and not the timeout of epoll_pwait2, because the latter is
 *    rounded by the thread's timer slack (50 us), and a smaller slack would be
 *    inherited by every service we start. It is watched edge-triggered and
 *    never read: setting it anew clears it. It is set only when the earliest
 *    time changed, so a busy loop pays no system call for it.
 *  - Callbacks may do anything to any timer or descriptor. A descriptor that
 *    is no longer watched is also struck from the batches being dispatched,
 *    so its owner may free it at once. Callbacks may run the loop themselves.
 *  - A timer armed by a callback for a time already past fires in the next
 *    round, after the descriptors had their turn: nobody starves.
 */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hist.h"
#include "base/point.h"

#define BATCH_MAX 64

/* struct entry - the sort key beside the pointer, so that sifting touches only the heap. */
struct entry {
	int64_t at_ns;
	uint64_t order;
	struct loop_timer *timer;
};

/* struct batch - descriptors reported ready and not yet dispatched; one per nested run. */
struct batch {
	struct epoll_event events[BATCH_MAX];
	int next, count;
	struct batch *outer;
};

struct loop {
	int epfd, timerfd;  /* owned */
	int64_t timerfd_at; /* what timerfd was set to last; INT64_MAX: not set */
	struct entry *heap; /* owned; [1..heap_count] */
	uint32_t heap_count, heap_size;
	uint64_t order_next;
	struct batch *batch;   /* innermost run's, on its stack */
	struct hist *lateness; /* owned */
};

/* ---- life ---- */

static int loop_open(struct loop *l, struct err *e)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};

	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return err_errno(e, errno, "epoll_create1");
	l->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timerfd < 0)
		return err_errno(e, errno, "timerfd_create");
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->timerfd, &ev) < 0)
		return err_errno(e, errno, "epoll_ctl");
	return 0;
}

int loop_new(struct loop **ret, struct err *e)
{
	struct loop *l = xcalloc(1, sizeof(*l));
	int r;

	l->epfd = l->timerfd = -1;
	l->timerfd_at = INT64_MAX;
	l->lateness = hist_new();
	r = loop_open(l, e);
	if (r < 0) {
		loop_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	assert(!l->batch);
	if (l->timerfd >= 0)
		close(l->timerfd);
	if (l->epfd >= 0)
		close(l->epfd);
	hist_free(l->lateness);
	free(l->heap);
	free(l);
}

/* ---- timers ---- */

static bool before(const struct entry *a, const struct entry *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void place(struct loop *l, uint32_t slot, struct entry x)
{
	l->heap[slot] = x;
	x.timer->slot = slot;
}

static void sift_up(struct loop *l, uint32_t slot, struct entry x)
{
	while (slot > 1 && before(&x, &l->heap[slot / 2])) {
		place(l, slot, l->heap[slot / 2]);
		slot /= 2;
	}
	place(l, slot, x);
}

static void sift_down(struct loop *l, uint32_t slot, struct entry x)
{
	for (;;) {
		uint32_t child = 2 * slot;

		if (child > l->heap_count)
			break;
		if (child < l->heap_count && before(&l->heap[child + 1], &l->heap[child]))
			child++;
		if (!before(&l->heap[child], &x))
			break;
		place(l, slot, l->heap[child]);
		slot = child;
	}
	place(l, slot, x);
}

/* settle - x goes where it belongs, given that slot is free for it. */
static void settle(struct loop *l, uint32_t slot, struct entry x)
{
	if (slot > 1 && before(&x, &l->heap[slot / 2]))
		sift_up(l, slot, x);
	else
		sift_down(l, slot, x);
}

void loop_timer_at(struct loop *l, struct loop_timer *t, int64_t at_ns)
{
	uint32_t slot = t->slot;

	assert(t->fire);
	t->at_ns = at_ns;
	t->order = l->order_next++;
	if (!slot) {
		if (l->heap_count + 1 >= l->heap_size) {
			l->heap_size = l->heap_size ? 2 * l->heap_size : 64;
			l->heap = xrealloc(l->heap, l->heap_size * sizeof(*l->heap));
		}
		slot = ++l->heap_count;
	}
	settle(l, slot, (struct entry){at_ns, t->order, t});
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
	uint32_t slot = t->slot;
	struct entry last;

	if (!slot)
		return;
	assert(slot <= l->heap_count && l->heap[slot].timer == t);
	t->slot = 0;
	last = l->heap[l->heap_count--];
	if (last.timer != t)
		settle(l, slot, last);
}

/* fire_due - fire what was armed before this round and is due now. */
static void fire_due(struct loop *l, const bool *stop)
{
	uint64_t order_end = l->order_next;
	int64_t now = clock_now();

	while (!*stop && l->heap_count && l->heap[1].at_ns <= now && l->heap[1].order < order_end) {
		struct loop_timer *t = l->heap[1].timer;
		int64_t fired = clock_now();

		loop_timer_cancel(l, t);
		hist_add(l->lateness, fired - t->at_ns);
		t->fire(t, fired);
	}
}

/* ---- descriptors ---- */

/* strike - forget what the batches still hold for f. */
static void strike(struct loop *l, const struct loop_fd *f)
{
	for (struct batch *b = l->batch; b; b = b->outer)
		for (int i = b->next; i < b->count; i++)
			if (b->events[i].data.ptr == f)
				b->events[i].data.ptr = NULL;
}

int loop_fd_set(struct loop *l, struct loop_fd *f, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = f};
	int op = f->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (!events) {
		if (f->armed)
			epoll_ctl(l->epfd, EPOLL_CTL_DEL, f->fd, NULL); /* closed already: fine */
		f->armed = false;
		f->events = 0;
		strike(l, f);
		return 0;
	}
	assert(f->ready);
	if (f->armed && f->events == events)
		return 0;
	if (epoll_ctl(l->epfd, op, f->fd, &ev) < 0)
		return -errno;
	f->armed = true;
	f->events = events;
	return 0;
}

static void dispatch(struct batch *b, const bool *stop)
{
	while (b->next < b->count && !*stop) {
		const struct epoll_event *ev = &b->events[b->next++];
		struct loop_fd *f = ev->data.ptr;
		uint32_t events = f ? ev->events & (f->events | EPOLLERR | EPOLLHUP) : 0;

		if (events)
			f->ready(f, events);
	}
}

/* ---- running ---- */

static int set_timerfd(struct loop *l, int64_t at_ns)
{
	struct itimerspec its = {0};

	if (at_ns == l->timerfd_at)
		return 0; /* in the future, so it has not gone off yet */
	if (at_ns != INT64_MAX) {
		its.it_value.tv_sec = at_ns / NS_PER_S;
		its.it_value.tv_nsec = at_ns % NS_PER_S;
	}
	if (timerfd_settime(l->timerfd, TFD_TIMER_ABSTIME, &its, NULL) < 0)
		return -errno;
	l->timerfd_at = at_ns;
	return 0;
}

/* wait - fill the batch; returns at wake_ns at the latest. */
static int wait_ready(struct loop *l, struct batch *b, int64_t wake_ns)
{
	int timeout = 0, r;

	if (wake_ns > clock_now()) {
		r = set_timerfd(l, wake_ns);
		if (r < 0)
			return r;
		timeout = -1;
	}
	b->next = b->count = 0;
	r = point_fails(POINT_WAIT) ? -1 : epoll_wait(l->epfd, b->events, BATCH_MAX, timeout);
	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	b->count = r; /* the timerfd is among them, with a NULL pointer, when it went off */
	return 0;
}

static int round_once(struct loop *l, struct batch *b, const bool *stop, int64_t deadline_ns)
{
	int64_t wake_ns = deadline_ns;
	int r;

	if (l->heap_count && l->heap[1].at_ns < wake_ns)
		wake_ns = l->heap[1].at_ns;
	r = wait_ready(l, b, wake_ns);
	if (r < 0)
		return r;
	dispatch(b, stop);
	fire_due(l, stop);
	return 0;
}

int loop_run_until(struct loop *l, const bool *stop, int64_t deadline_ns)
{
	static const bool never = false;
	struct batch b = {.outer = l->batch};
	int r = 0;

	if (!stop)
		stop = &never;
	l->batch = &b;
	while (!*stop) {
		r = round_once(l, &b, stop, deadline_ns);
		if (r < 0)
			break;
		if (!*stop && clock_now() >= deadline_ns) {
			r = -ETIMEDOUT;
			break;
		}
	}
	l->batch = b.outer;
	return r;
}

struct hist *loop_lateness(struct loop *l)
{
	return l->lateness;
}

void loop_lateness_reset(struct loop *l)
{
	hist_reset(l->lateness);
}
