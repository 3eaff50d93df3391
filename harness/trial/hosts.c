/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/hosts.h"

#include "bank/bank.h"
#include "base/err.h"
#include "conf/target.h"
#include "stage/stage.h"

static int socket_on(void *arg, const char *node, int domain, int type, int protocol)
{
	return stage_socket(arg, node, domain, type, protocol);
}

int hosts_open(struct hosts *ret, struct stage *st, const struct target *t, struct loop *loop,
	       struct ledger *l, struct err *e)
{
	if (!target_bank(t))
		return 0;
	return bank_open(&ret->bank, &(struct bank_opts){ .target = t, .loop = loop, .ledger = l,
							  .socket = socket_on, .arg = st }, e);
}

int hosts_alive(const struct hosts *h, struct err *e)
{
	return h->bank ? bank_alive(h->bank, e) : 0;
}

int hosts_sync(const struct hosts *h, struct err *e)
{
	return h->bank ? bank_sync(h->bank, e) : 0;
}

void hosts_close(struct hosts *h)
{
	bank_close(h->bank);
	h->bank = NULL;
}
