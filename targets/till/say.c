/* SPDX-License-Identifier: Apache-2.0 */
#include "till.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	flockfile(stdout);
	vfprintf(stdout, fmt, ap);
	putc_unlocked('\n', stdout);
	fflush(stdout);
	funlockfile(stdout);
	va_end(ap);
}

static int64_t now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t wall_ms(void)
{
	return now_ms(CLOCK_REALTIME);
}

int64_t mono_ms(void)
{
	return now_ms(CLOCK_MONOTONIC);
}
