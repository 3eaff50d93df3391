/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TESTS_UNIT_CHECK_CROWD_H
#define WD_TESTS_UNIT_CHECK_CROWD_H

/*
 * A shop for tests of the crowd: an experiment and a target filled by hand,
 * a loop, and a memory of everything the hooks were told.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hist.h"
#include "base/loop.h"
#include "conf/experiment.h"
#include "conf/target.h"
#include "crowd/driver.h"
#include "ledger/ledger.h"

#define KIT_LANES_MAX 64

struct kit {
	struct experiment x;
	struct target t;
	struct node nodes[KIT_LANES_MAX + 1];
	char names[KIT_LANES_MAX][16];
	char *lane_list[KIT_LANES_MAX], *backup_list[1];
	struct good goods[4];
	struct loop *loop;
	struct crowd *c;
	struct crowd_opts o;
	struct told *told; /* strings owned by the kit */
	size_t told_count;
	struct left *left;
	size_t left_count;
	struct buf lane_log; /* "lane-1 down; lane-2 backup opened; " */
	bool finished;
	int64_t first_ns;
	void (*on_told)(struct kit *k, const struct told *t);
};

static inline char *kit_copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static inline void kit_told_hook(void *arg, const struct told *t)
{
	struct kit *k = arg;
	struct told *n;

	if ((k->told_count & (k->told_count - 1)) == 0) /* full at each power of two */
		k->told = xrealloc(k->told,
				   (k->told_count ? 2 * k->told_count : 1) * sizeof(*k->told));
	n = &k->told[k->told_count++];
	*n = *t;
	n->key = kit_copy(t->key);
	n->lane = kit_copy(t->lane);
	n->receipt = kit_copy(t->receipt);
	n->currency = kit_copy(t->currency);
	n->tender = kit_copy(t->tender);
	n->basket = kit_copy(t->basket);
	n->error = kit_copy(t->error);
	if (k->on_told)
		k->on_told(k, t);
}

static inline void kit_left_hook(void *arg, const struct left *l)
{
	struct kit *k = arg;

	k->left = xrealloc(k->left, (k->left_count + 1) * sizeof(*k->left));
	k->left[k->left_count++] = *l; /* lane and why are static or the target's */
}

static inline void kit_lane_hook(void *arg, const char *lane, const char *did)
{
	struct kit *k = arg;

	buf_printf(&k->lane_log, "%s %s; ", lane, did);
}

static inline void kit_finished_hook(void *arg)
{
	((struct kit *)arg)->finished = true;
}

static inline struct dur kit_dur(int64_t ns, enum domain d)
{
	return (struct dur){ .ns = ns, .domain = d };
}

/* How much slower than usual this program is: tests/run and make valgrind say so. */
static inline int64_t kit_slowness(void)
{
	const char *text = getenv("CK_TIMEOUT_MULTIPLIER");
	int64_t n = text ? atoll(text) : 1;

	return n > 1 ? n : 1;
}

/* n lanes, human times zero, everybody at once; tests change what they are about. */
static inline void kit_init(struct kit *k, unsigned lanes)
{
	struct shoppers *s = &k->x.shoppers;

	memset(k, 0, sizeof(*k));
	assert(lanes <= KIT_LANES_MAX);
	assert(loop_new(&k->loop, NULL) == 0);
	for (unsigned i = 0; i < lanes; i++) {
		snprintf(k->names[i], sizeof(k->names[i]), "lane-%u", i + 1);
		k->lane_list[i] = k->names[i];
		k->nodes[i] = (struct node){ .name = k->names[i], .index = (int)i + 1 };
	}
	k->goods[0] = (struct good){ .sku = (char *)(uintptr_t)"4001", .price = 129, .weight = 1 };
	k->goods[1] = (struct good){ .sku = (char *)(uintptr_t)"4002", .price = 50, .weight = 2 };
	k->goods[2] = (struct good){ .sku = (char *)(uintptr_t)"4003", .price = 999, .weight = 1 };
	k->t.name = (char *)(uintptr_t)"kit";
	k->t.currency = (char *)(uintptr_t)"EUR";
	k->t.key.field = (char *)(uintptr_t)"key";
	k->t.nodes = k->nodes;
	k->t.nodes_count = lanes;
	k->t.lanes = (struct strlist){ .at = k->lane_list, .count = lanes };
	k->t.goods = k->goods;
	k->t.goods_count = 3;
	k->t.driver.kind = DRIVER_NULL;
	k->t.driver.refused_status.first = INT64_MIN;
	s->count = 10;
	s->arrivals = (struct arrivals){ .kind = ARRIVALS_CONSTANT, .per_s = 1000 };
	s->basket.range = (struct range){ 1, 4, 1 };
	s->patience.all.ns = -1;
	s->play.first = INT64_MIN;
	s->open_for.ns = s->trains.every.ns = -1;
	s->pace_milli = 1000;
	s->scan_time = kit_dur(2900 * NS_PER_MS, DOMAIN_SHOP);
	s->fixed_time = kit_dur(20 * NS_PER_S, DOMAIN_SHOP);
	s->step_timeout = kit_dur(300 * NS_PER_MS * kit_slowness(), DOMAIN_SYSTEM);
	s->retries = 2;
	s->human_zero = true;
	s->train_slack.ns = -1;
	k->x.warmup.ns = -1;
	k->o = (struct crowd_opts){
		.experiment = &k->x, .target = &k->t, .loop = k->loop, .seed = 7,
		.hooks = { .arg = k, .told = kit_told_hook, .left = kit_left_hook,
			   .lane = kit_lane_hook, .finished = kit_finished_hook },
	};
	k->o.epoch_ns = clock_now();
}

/* The last n lanes are spare. */
static inline void kit_backup(struct kit *k, const char *glob)
{
	k->backup_list[0] = (char *)(uintptr_t)glob;
	k->x.shoppers.backup = (struct strlist){ .at = k->backup_list, .count = 1 };
}

/* Until everybody has gone; 0, or -ETIMEDOUT. */
static inline int kit_run(struct kit *k, int64_t within_ns)
{
	return loop_run_until(k->loop, &k->finished, clock_now() + within_ns * kit_slowness());
}

static inline size_t kit_count(const struct kit *k, int outcome)
{
	size_t n = 0;

	for (size_t i = 0; i < k->told_count; i++)
		n += k->told[i].outcome == outcome;
	return n;
}

static inline void kit_free_str(const char *s)
{
	free((char *)(uintptr_t)s);
}

static inline void kit_done(struct kit *k)
{
	crowd_free(k->c);
	for (size_t i = 0; i < k->told_count; i++) {
		kit_free_str(k->told[i].key);
		kit_free_str(k->told[i].lane);
		kit_free_str(k->told[i].receipt);
		kit_free_str(k->told[i].currency);
		kit_free_str(k->told[i].tender);
		kit_free_str(k->told[i].basket);
		kit_free_str(k->told[i].error);
	}
	free(k->told);
	free(k->left);
	buf_done(&k->lane_log);
	loop_free(k->loop);
}

#endif
