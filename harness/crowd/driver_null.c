// SPDX-License-Identifier: Apache-2.0
/*
 * The null driver: a POS that takes no time. Every answer is ok and is dated
 * at the intended start, so a run with it shows the crowd's own cost and the
 * queueing of human times alone.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "crowd/driver.h"

static int null_make(void **ret, const struct driver_init *in, struct err *e)
{
	(void)in;
	(void)e;
	*ret = xcalloc(1, 1);
	return 0;
}

static int null_start(void *d, struct err *e)
{
	(void)d;
	(void)e;
	return 0;
}

static bool null_can(const void *d, enum action a)
{
	(void)d;
	return a != ACT_OPEN_SESSION && a != ACT_CLOSE && a != ACT_REPRINT && a != ACT_OVERRIDE;
}

static void null_perform(void *d, struct ask *a)
{
	(void)d;
	a->answered(a, &(struct answer){ .outcome = TOLD_OK, .at_ns = a->intended_ns,
					 .total = a->amount });
}

static void null_cancel(void *d, struct ask *a)
{
	(void)d;
	(void)a;
}

static void null_free(void *d)
{
	free(d);
}

const struct driver_ops driver_null = {
	.name = "null",
	.make = null_make,
	.start = null_start,
	.can = null_can,
	.perform = null_perform,
	.cancel = null_cancel,
	.probe = null_perform,
	.free = null_free,
};
