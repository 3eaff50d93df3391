/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crowd alone, with the null driver: shoppers per second through four
 * lanes with the told hook called, and the memory of a million who wait
 * because no lane opens. Limits: >= 100,000 shoppers/s; <= 200 MB.
 *
 *   bench_crowd [shoppers]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "../unit/check_crowd.h"
#include "bench.h"

#define ROUNDS 3
#define RATE_LIMIT 100000.0
#define MEMORY_LIMIT_MB 200.0

static int64_t told_n; /* of one round */

static void count_told(void *arg, const struct told *t)
{
	(void)arg;
	told_n += t->outcome == TOLD_OK && t->basket;
}

static double rss_mb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long total = 0, rss = 0;

	if (!f || fscanf(f, "%ld %ld", &total, &rss) != 2)
		rss = -1;
	if (f)
		fclose(f);
	return (double)rss * 4096 / 1e6;
}

static double throughput(int64_t count)
{
	struct kit k;
	int64_t start;
	double s;

	told_n = 0;
	kit_init(&k, 4);
	k.x.shoppers.count = count;
	k.x.shoppers.arrivals.per_s = 1e9;
	k.x.shoppers.basket.range = (struct range){ 1, 12, 1 };
	k.o.hooks.told = count_told;
	if (crowd_new(&k.c, &k.o, NULL) < 0)
		exit(1);
	start = clock_now();
	if (crowd_open(k.c, start + NS_PER_S, &k.first_ns, NULL) < 0 ||
	    kit_run(&k, 600 * NS_PER_S) < 0)
		exit(1);
	s = (double)(clock_now() - start) / 1e9;
	printf("crowd: %lld shoppers (%lld told ok) in %.2f s, RSS %.1f MB\n", (long long)count,
	       (long long)told_n, s, rss_mb());
	if (told_n != count)
		exit(1);
	kit_done(&k);
	return (double)count / s;
}

/* Everybody arrives, nobody is served: one till, and a shopper who pays for an hour. */
static double memory(int64_t count)
{
	struct kit k;
	struct crowd_progress p = { 0 };
	double mb;

	kit_init(&k, 1);
	k.x.shoppers.count = count;
	k.x.shoppers.arrivals.per_s = 1e9;
	k.x.shoppers.human_zero = false;
	k.x.shoppers.patience.all = kit_dur(3600 * NS_PER_S, DOMAIN_SYSTEM);
	k.x.shoppers.fixed_time = kit_dur(7200 * NS_PER_S, DOMAIN_SHOP);
	k.o.hooks.told = count_told;
	if (crowd_new(&k.c, &k.o, NULL) < 0 ||
	    crowd_open(k.c, clock_now() + NS_PER_S, &k.first_ns, NULL) < 0)
		exit(1);
	while (p.arrived < count) {
		loop_run_until(k.loop, &k.finished, clock_now() + 50 * NS_PER_MS);
		crowd_progress(k.c, &p);
	}
	mb = rss_mb();
	printf("crowd: %lld shoppers waiting at once, RSS %.1f MB\n", (long long)p.queued, mb);
	if (p.queued < count - 1) /* one is at the till */
		exit(1);
	kit_done(&k);
	return mb;
}

int main(int argc, char **argv)
{
	int64_t n = argc > 1 ? atoll(argv[1]) : 1000000;
	double mb = memory(n), low = 0, high = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double per_s = throughput(n);

		low = i == 0 || per_s < low ? per_s : low;
		high = per_s > high ? per_s : high;
	}
	figure("a million shoppers waiting", mb, "MB", "<=", MEMORY_LIMIT_MB, mb, mb);
	figure("shoppers through the null driver", high, "/s", ">=", RATE_LIMIT, low, high);
	return mb < 0;
}
