/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Every function that reads a clock asks the real one and
 * adds what the rules say. With nothing armed that is one look at one word.
 *
 * The first read that a rule alters is told by itself, in each process; all
 * are counted. What the C library reads for itself (the time in syslog, file
 * times of the kernel) does not come by here.
 */
#include "faults/preload/preload.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>

#include "shim/told.h"

enum shim_clock preload_clock(clockid_t id)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
		return SHIM_REALTIME;
	case CLOCK_TAI:
		return SHIM_TAI;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
		return SHIM_MONOTONIC;
	case CLOCK_MONOTONIC_RAW:
		return SHIM_RAW;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		return SHIM_BOOTTIME;
	default:
		return SHIM_CLOCKS; /* processor time and devices */
	}
}

static void tell(uint32_t serial, int64_t by, const char *call)
{
	struct shim_hit h = { .serial = serial, .by = by, .nth = 1 };

	for (size_t i = 0; i < sizeof(h.what) - 1 && call[i]; i++)
		h.what[i] = call[i];
	preload_tell(&h);
}

int64_t preload_told(enum shim_clock clock, int64_t real, const char *call)
{
	const struct shim_rules *rules = preload_rules;
	uint32_t serial[SHIM_RULES] = { 0 }, current, by;
	int64_t told;

	if (clock == SHIM_CLOCKS || !preload_self.pid)
		return real;
	do {
		const struct shim_table *t;

		current = __atomic_load_n(&rules->current, __ATOMIC_ACQUIRE);
		t = &rules->table[current & 1];
		told = told_at(t, preload_self.service, clock, real, &by);
		for (uint32_t left = by; left; left &= left - 1)
			serial[__builtin_ctz(left)] = t->at[__builtin_ctz(left)].serial;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&rules->current, __ATOMIC_RELAXED) != current);
	for (; call && by; by &= by - 1) {
		unsigned place = (unsigned)__builtin_ctz(by);

		preload_count(serial[place]);
		if (preload_once(place, serial[place]))
			tell(serial[place], told - real, call);
	}
	return told;
}

/* ---- the hooks ---- */

EXPORT int clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = REAL(clock_gettime)(id, ts);

	if (preload_armed(SHIM_CLOCK_EFFECTS) && r == 0)
		*ts = preload_ts(preload_told(preload_clock(id), preload_ns(ts), "clock_gettime"));
	return r;
}

EXPORT int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	int r = REAL(gettimeofday)(tv, tz);
	struct timeval *to = tv;
	struct timespec ts;

	__asm__("" : "+r"(to)); /* some do pass NULL, whatever the header says */
	if (!preload_armed(SHIM_CLOCK_EFFECTS) || r || !to)
		return r;
	ts = preload_ts(preload_told(SHIM_REALTIME, tv->tv_sec * NS_PER_S + tv->tv_usec * 1000,
				     "gettimeofday"));
	*tv = (struct timeval){ .tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000 };
	return 0;
}

EXPORT time_t time(time_t *ret)
{
	time_t t = REAL(time)(ret);
	struct timespec ts;

	if (!preload_armed(SHIM_CLOCK_EFFECTS))
		return t;
	REAL(clock_gettime)(CLOCK_REALTIME_COARSE, &ts); /* with its fraction: a jump has one too */
	t = preload_ts(preload_told(SHIM_REALTIME, preload_ns(&ts), "time")).tv_sec;
	if (ret)
		*ret = t;
	return t;
}

EXPORT int timespec_get(struct timespec *ts, int base)
{
	int r = REAL(timespec_get)(ts, base);

	if (preload_armed(SHIM_CLOCK_EFFECTS) && r == TIME_UTC)
		*ts = preload_ts(preload_told(SHIM_REALTIME, preload_ns(ts), "timespec_get"));
	return r;
}
