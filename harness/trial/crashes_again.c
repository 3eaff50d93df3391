/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A second cut, while the services recover from the first. States of the first
 * that held, one after the other, the last of the day first and then far apart:
 *
 *   recover  its services are started on it, on a disk that keeps a log, until they are ready
 *   list     what a cut at any point of that log may leave, but for the state it began with
 *   try      a few of them like any state: what had been told is what had been at the first cut
 *
 * until as many second cuts were tried as were asked for, or no state is left to recover from. A
 * recovery that writes nothing has none.
 */
#include <errno.h>

#include "base/draw.h"
#include "base/err.h"
#include "disk/disk.h"
#include "judge/judge.h"
#include "stage/stage.h"
#include "trial/crashes_room.h"

#define EACH 10      /* second cuts of one recovery at most, unless all are wanted; fewer when */
#define RECOVERIES 8 /* else there were not so many of these */

static int try(struct crashes *s, struct history *h, const struct crash_at *at, struct err *e)
{
	struct crash *crash;
	bool well;
	int err = crash_new(&crash, h, at, e);

	if (err < 0)
		return err;
	s->second = (struct cut){ .h = h, .at = *at, .state = crash };
	err = crashes_try_state(s, crash, &well, e);
	s->facts->again_tried++;
	s->facts->again_bad += !well;
	s->second = (struct cut){ 0 };
	crash_free(crash);
	return err;
}

static int try_some(struct crashes *s, const struct disk_log *log, int64_t most, struct err *e)
{
	const struct crash_at *first = &s->first.at;
	struct draw d = { .seed = (uint64_t)s->in->seed, .name = "power.cut.again",
			  .object = first->ops, .hit = first->nth };
	struct candidates_of of = { .model = first->model, .seed = draw_u64(d), .most = most,
				    .stop = s->in->stop };
	struct candidates list = { 0 };
	int err = history_new(&of.h, log->at, log->bytes, e);
	int64_t n;

	if (err == 0)
		err = candidates_list(&list, &of, e);
	s->facts->again_of += (int64_t)list.count;
	n = (int64_t)list.count < most ? (int64_t)list.count : most;
	for (int64_t i = 0; err == 0 && i < n && !*s->in->stop; i++)
		err = try(s, of.h, &list.at[i * (int64_t)list.count / n].at, e);
	candidates_done(&list);
	history_free(of.h);
	return err;
}

/* From this state they were ready before. If they are not now, that is a broken promise too. */
static int recover(struct crashes *s, struct history *h, const struct candidate *c, int64_t most,
		   struct err *e)
{
	struct disk_log log = { 0 };
	struct err why = { 0 };
	struct crash *crash;
	int err = crash_new(&crash, h, &c->at, e);

	if (err < 0)
		return err;
	s->first = (struct cut){ .h = h, .at = c->at, .state = crash };
	err = stage_cell_recover(s->in->stage, s->node, crash, &log, &why);
	s->facts->recoveries++;
	if (err == 0)
		err = try_some(s, &log, most, e);
	else if (err == -EPIPE || stage_alive(s->in->stage, &why) < 0)
		err = (*e = why, -EPIPE);
	else
		err = (crashes_broken(s, "boot", NULL, why.msg), 0);
	disk_log_done(&log);
	crash_free(crash);
	return err;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	return b ? gcd(b, a % b) : a;
}

/* About 0.618 of n and without a common divisor: steps of it reach all of n, spread evenly. */
static uint64_t stride(uint64_t n)
{
	uint64_t s = n * 618 / 1000 + 1;

	while (gcd(s, n) != 1)
		s++;
	return s;
}

int crashes_again(struct crashes *s, struct history *h, struct candidates *of, int64_t most,
		  struct err *e)
{
	uint64_t n = of->count, step = n ? stride(n) : 0;
	int64_t each = most / RECOVERIES < EACH ? most / RECOVERIES + 1 : EACH;
	int err = 0;

	for (uint64_t i = 0; err == 0 && i < n && !*s->in->stop; i++) {
		const struct candidate *c = &of->at[n - 1 - i * step % n];
		int64_t left = most - s->facts->again_tried;

		if (left <= 0)
			break;
		if (c->held)
			err = recover(s, h, c, most == INT64_MAX || left < each ? left : each, e);
	}
	return err;
}
