/* SPDX-License-Identifier: Apache-2.0 */
/* `till lane`: pick up the queue where we left it, serve the cashier until told to stop. */
#include "lane.h"
#include "lock.h"
#include "signals.h"

#include <stdlib.h>
#include <time.h>

static int serve(struct lane *l)
{
	int port;
	struct server *server =
		server_start(l->o->port, lane_routes, lane_routes_count, l, &port);

	if (!server)
		return 1;
	say("%s listening port=%d store=%s", l->o->name, port, l->o->store);
	signals_wait(-1);
	say("%s closing", l->o->name);
	server_stop(server);
	return 0;
}

static void prepare(struct lane *l, const struct options *o)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&l->mutex, NULL);
	pthread_mutex_init(&l->printer_mutex, NULL);
	l->printer_fd = -1;
	l->o = o;
	l->started_ms = wall_ms();
	atomic_store(&l->online, true);
}

static void forget_all(struct lane *l)
{
	struct basket *b = l->oldest, *newer;

	for (; b; b = newer) {
		newer = b->newer;
		sale_done(&b->sale);
		free(b);
	}
	free(l->prices);
}

static int work(struct lane *l)
{
	int rc;

	if (l->charges)
		payments_recover(l);
	lane_prices_cached(l);
	lane_prices_fetch(l);
	rc = lane_sync_start(l);
	if (rc)
		return 1;
	rc = scanner_start(l) ? 1 : serve(l);
	scanner_stop(l);
	lane_sync_stop(l);
	return rc;
}

int lane_main(const struct options *o)
{
	static struct lane l; /* one lane per process; too big for a stack */
	int lock = lock_take(o->data, o->name), rc = 1;

	if (lock < 0)
		return 1;
	prepare(&l, o);
	l.client = client_new(o->store);
	l.bank = o->bank ? client_new(o->bank) : NULL;
	l.terminal = o->terminal ? terminal_new(o) : NULL;
	l.charges = l.bank || l.terminal;
	if (l.client && !lane_offline_open(&l))
		rc = work(&l);
	db_close(&l.db);
	client_free(l.client);
	if (l.bank)
		client_free(l.bank);
	terminal_free(l.terminal);
	forget_all(&l);
	lock_drop(lock, o->data);
	say("%s stopped status=%d", o->name, rc);
	return rc;
}
