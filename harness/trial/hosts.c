/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/hosts.h"

#include "bank/bank.h"
#include "base/err.h"
#include "conf/experiment.h"
#include "conf/target.h"
#include "counter/counter.h"
#include "stage/stage.h"
#include "terminal/terminal.h"

static int socket_on(void *arg, const char *node, int domain, int type, int protocol)
{
	return stage_socket(arg, node, domain, type, protocol);
}

static const char *address_of(void *arg, const char *node)
{
	return stage_address(arg, node);
}

static pid_t init_of(void *arg, const char *node)
{
	return stage_init(arg, node);
}

static int booted(void *arg, const char *node, struct err *e)
{
	return counter_booted(arg, node, e);
}

static bool has_devices(const struct target *t)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		if (node_on_counter(&t->nodes[i]))
			return true;
	return false;
}

int hosts_open(struct hosts *ret, struct stage *st, const struct target *t,
	       const struct experiment *x, struct loop *loop, struct ledger *l, struct err *e)
{
	int r = 0;

	if (target_bank(t))
		r = bank_open(&ret->bank, &(struct bank_opts){ .target = t, .loop = loop,
				      .ledger = l, .socket = socket_on, .arg = st }, e);
	if (r == 0 && has_devices(t))
		r = counter_open(&ret->counter, &(struct counter_opts){ .target = t, .loop = loop,
				 .ledger = l, .socket = socket_on, .init = init_of, .arg = st }, e);
	if (r == 0 && target_has_device(t, DEVICE_ZVT))
		r = terminals_open(&ret->terminals, &(struct terminals_opts){ .target = t,
				   .loop = loop, .pace_milli = x->shoppers.pace_milli,
				   .socket = socket_on, .address = address_of, .arg = st }, e);
	ret->stage = st;
	if (r == 0 && ret->counter)
		stage_when_on(st, booted, ret->counter);
	return r;
}

int hosts_alive(const struct hosts *h, struct err *e)
{
	int r = h->bank ? bank_alive(h->bank, e) : 0;

	if (r == 0 && h->terminals)
		r = terminals_alive(h->terminals, e);
	return r == 0 && h->counter ? counter_alive(h->counter, e) : r;
}

int hosts_sync(const struct hosts *h, struct err *e)
{
	int r = h->bank ? bank_sync(h->bank, e) : 0;

	return r == 0 && h->counter ? counter_sync(h->counter, true, e) : r;
}

bool hosts_owe(const struct hosts *h)
{
	return h->terminals && terminals_owe(h->terminals, NULL) != 0; /* no answer is no rest */
}

void hosts_close(struct hosts *h)
{
	if (h->stage)
		stage_when_on(h->stage, NULL, NULL);
	terminals_close(h->terminals);
	bank_close(h->bank);
	counter_close(h->counter);
	*h = (struct hosts){ 0 };
}
