/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_LOOP_H
#define WD_BASE_LOOP_H

/*
 * The event loop: epoll and one timer queue. Timers that are due fire in
 * (time, insertion) order. timerfd gives the precision; lateness of every
 * timer (fire time minus due time) is recorded for the noise guard.
 */
#include <stdbool.h>
#include <stdint.h>

struct hist;
struct loop;
struct err;

/** struct loop_timer - embed it; zero-initialise; armed while in the queue. */
struct loop_timer {
	int64_t at_ns;
	uint64_t order; /* private: insertion order, breaks ties */
	uint32_t slot;  /* private: 1-based heap index, 0 = not armed */
	void (*fire)(struct loop_timer *t, int64_t now_ns);
};

/** struct loop_fd - embed it; zero-initialise. `fd` is borrowed, never closed here. */
struct loop_fd {
	int fd;
	uint32_t events; /* EPOLLIN | EPOLLOUT as asked for */
	bool armed;      /* private */
	void (*ready)(struct loop_fd *f, uint32_t events);
};

int loop_new(struct loop **ret, struct err *e);
void loop_free(struct loop *l);

/** loop_timer_at - arm (or move) a timer; at_ns is absolute clock_now() time. */
void loop_timer_at(struct loop *l, struct loop_timer *t, int64_t at_ns);
void loop_timer_cancel(struct loop *l, struct loop_timer *t);
static inline bool loop_timer_armed(const struct loop_timer *t)
{
	return t->slot != 0;
}

/**
 * loop_fd_set - watch f->fd for `events`; 0 stops watching. Safe inside
 * callbacks, also its own; f may be freed at once. Stop watching before close().
 */
int loop_fd_set(struct loop *l, struct loop_fd *f, uint32_t events);

/**
 * loop_run_until - dispatch until *stop is true or the clock passes
 * deadline_ns (INT64_MAX: none). Returns 0 when stopped, -ETIMEDOUT at the
 * deadline, other negative errno when the kernel refuses.
 */
int loop_run_until(struct loop *l, const bool *stop, int64_t deadline_ns);

/** loop_lateness - timer lateness in ns since the last loop_lateness_reset; borrowed. */
struct hist *loop_lateness(struct loop *l);
void loop_lateness_reset(struct loop *l);

#endif
