/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/noise.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* proc(5): user nice system idle iowait irq softirq steal guest guest_nice */
static void read_stat(struct noise *n)
{
	cleanup_file FILE *f = fopen("/proc/stat", "re");
	int64_t v[8] = { 0 };

	if (f && fscanf(f, "cpu %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
			   " %" SCNd64 " %" SCNd64 " %" SCNd64,
			&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) == 8) {
		for (int i = 0; i < 8; i++)
			n->all_ticks += v[i];
		n->steal_ticks = v[7];
	}
	/* cppcheck-suppress resourceLeak ; cleanup_file closes it */
}

static void read_pressure(struct noise *n)
{
	cleanup_file FILE *f = fopen("/proc/pressure/cpu", "re");

	n->some_us = -1;
	if (f && fscanf(f, "some avg10=%*f avg60=%*f avg300=%*f total=%" SCNd64, &n->some_us) != 1)
		n->some_us = -1;
	/* cppcheck-suppress resourceLeak ; cleanup_file closes it */
}

void noise_read(struct noise *ret)
{
	*ret = (struct noise){ .at_ns = clock_now() };
	read_stat(ret);
	read_pressure(ret);
}

double noise_steal(const struct noise *from, const struct noise *to)
{
	int64_t all = to->all_ticks - from->all_ticks;

	return all > 0 ? (double)(to->steal_ticks - from->steal_ticks) / (double)all : 0;
}

double noise_pressure(const struct noise *from, const struct noise *to)
{
	int64_t us = (to->at_ns - from->at_ns) / NS_PER_US;

	if (from->some_us < 0 || to->some_us < 0 || us <= 0)
		return -1;
	return (double)(to->some_us - from->some_us) / (double)us;
}
