/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Who waits until a time of the calendar clock has
 * computed that time from the clock as we told it. The kernel knows the real
 * one only, so each such deadline is translated when the wait begins: else a
 * clock that is an hour slow would make every wait of a second last for an
 * hour and a second less, and the POS would be blamed for our hang.
 *
 * Some functions do not say which clock they mean (a condition variable, a
 * timer); it is the one whose told time the deadline is nearer to. Whichever
 * that is for a deadline that has long passed, it has passed.
 *
 * A wait that is under way when a clock is moved ends when it would have. A timer with
 * TFD_TIMER_CANCEL_ON_SET is not cancelled. Futexes that a program waits for by itself do not come
 * by here.
 */
#include "faults/preload/preload.h"

#include <errno.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/timerfd.h>
#include <threads.h>

#include "shim/told.h"

#define UNKNOWN (-1) /* a clock that has to be guessed */

static int64_t now(clockid_t id)
{
	struct timespec ts = { 0 };

	REAL(clock_gettime)(id, &ts);
	return preload_ns(&ts);
}

static int64_t distance(clockid_t id, int64_t at)
{
	int64_t d = preload_told(preload_clock(id), now(id), NULL) - at;

	return d < 0 ? -d : d;
}

static int64_t translate(enum shim_clock clock, int64_t real_now, int64_t told)
{
	const struct shim_rules *rules = preload_rules;
	uint32_t current;
	int64_t real;

	do {
		current = __atomic_load_n(&rules->current, __ATOMIC_ACQUIRE);
		real = told_deadline(&rules->table[current & 1], preload_self.service, clock,
				     real_now, told);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&rules->current, __ATOMIC_RELAXED) != current);
	return real;
}

/* The real time for a told deadline, in *room; what is no valid time is left to who refuses it. */
static const struct timespec *real_time(clockid_t id, const struct timespec *at,
					struct timespec *room)
{
	enum shim_clock clock;
	int64_t told, real;

	if (!preload_armed(SHIM_CLOCK_EFFECTS) || !preload_self.pid || !at || at->tv_sec < 0 ||
	    at->tv_nsec < 0 || at->tv_nsec >= NS_PER_S)
		return at;
	told = preload_ns(at);
	if (id == UNKNOWN)
		id = distance(CLOCK_REALTIME, told) < distance(CLOCK_MONOTONIC, told)
			     ? CLOCK_REALTIME
			     : CLOCK_MONOTONIC;
	clock = preload_clock(id);
	if (clock == SHIM_CLOCKS)
		return at;
	real = translate(clock, now(id), told);
	*room = preload_ts(real > 0 ? real : 1);
	return room;
}

/* ---- threads ---- */

EXPORT int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
				  const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(pthread_cond_timedwait)(c, m, real_time(UNKNOWN, at, &room));
}

EXPORT int pthread_cond_clockwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
				  clockid_t id, const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(pthread_cond_clockwait)(c, m, id, real_time(id, at, &room));
}

EXPORT int pthread_mutex_timedlock(pthread_mutex_t *restrict m, const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(pthread_mutex_timedlock)(m, real_time(CLOCK_REALTIME, at, &room));
}

EXPORT int pthread_mutex_clocklock(pthread_mutex_t *restrict m, clockid_t id,
				   const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(pthread_mutex_clocklock)(m, id, real_time(id, at, &room));
}

EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict l,
				      const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(pthread_rwlock_timedrdlock)(l, real_time(CLOCK_REALTIME, at, &room));
}

EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict l,
				      const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(pthread_rwlock_timedwrlock)(l, real_time(CLOCK_REALTIME, at, &room));
}

EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict l, clockid_t id,
				      const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(pthread_rwlock_clockrdlock)(l, id, real_time(id, at, &room));
}

EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict l, clockid_t id,
				      const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(pthread_rwlock_clockwrlock)(l, id, real_time(id, at, &room));
}

EXPORT int pthread_timedjoin_np(pthread_t thread, void **ret, const struct timespec *at)
{
	struct timespec room;

	return REAL(pthread_timedjoin_np)(thread, ret, real_time(CLOCK_REALTIME, at, &room));
}

EXPORT int pthread_clockjoin_np(pthread_t thread, void **ret, clockid_t id,
				const struct timespec *at)
{
	struct timespec room;

	return REAL(pthread_clockjoin_np)(thread, ret, id, real_time(id, at, &room));
}

EXPORT int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(cnd_timedwait)(c, m, real_time(CLOCK_REALTIME, at, &room));
}

EXPORT int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(mtx_timedlock)(m, real_time(CLOCK_REALTIME, at, &room));
}

/* ---- processes ---- */

EXPORT int sem_timedwait(sem_t *restrict s, const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(sem_timedwait)(s, real_time(CLOCK_REALTIME, at, &room));
}

EXPORT int sem_clockwait(sem_t *restrict s, clockid_t id, const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(sem_clockwait)(s, id, real_time(id, at, &room));
}

EXPORT int mq_timedsend(mqd_t q, const char *message, size_t len, unsigned prio,
			const struct timespec *at)
{
	struct timespec room;

	return REAL(mq_timedsend)(q, message, len, prio, real_time(CLOCK_REALTIME, at, &room));
}

EXPORT ssize_t mq_timedreceive(mqd_t q, char *restrict message, size_t len,
			       unsigned *restrict prio, const struct timespec *restrict at)
{
	struct timespec room;

	return REAL(mq_timedreceive)(q, message, len, prio, real_time(CLOCK_REALTIME, at, &room));
}

/* ---- timers ---- */

EXPORT int clock_nanosleep(clockid_t id, int flags, const struct timespec *at,
			   struct timespec *left)
{
	struct timespec room;

	return REAL(clock_nanosleep)(id, flags,
				     flags & TIMER_ABSTIME ? real_time(id, at, &room) : at, left);
}

/* One that is being disarmed has no deadline. */
static const struct itimerspec *real_timer(bool absolute, const struct itimerspec *at,
					   struct itimerspec *room)
{
	struct timespec first;

	if (!absolute || !preload_armed(SHIM_CLOCK_EFFECTS) || !at ||
	    (!at->it_value.tv_sec && !at->it_value.tv_nsec))
		return at;
	*room = *at;
	room->it_value = *real_time(UNKNOWN, &at->it_value, &first);
	return room;
}

EXPORT int timer_settime(timer_t t, int flags, const struct itimerspec *restrict at,
			 struct itimerspec *restrict before)
{
	struct itimerspec room;

	return REAL(timer_settime)(t, flags, real_timer(flags & TIMER_ABSTIME, at, &room), before);
}

EXPORT int timerfd_settime(int fd, int flags, const struct itimerspec *at,
			   struct itimerspec *before)
{
	struct itimerspec room;

	return REAL(timerfd_settime)(fd, flags, real_timer(flags & TFD_TIMER_ABSTIME, at, &room),
				     before);
}
