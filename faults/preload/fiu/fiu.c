/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between libfiu and us: a library of its own, loaded with libfiu's POSIX preload where an
 * experiment has lib.fail. Each failure point asks this callback, which asks the rules; so what
 * fails is drawn from the experiment's seed and told like everything else, and libfiu's own
 * generator is not used.
 */
#include <fiu-control.h>
#include <stdint.h>
#include <string.h>

#include "faults/preload/preload.h"
#include "shim/points.h"

static int usual_error(const char *point)
{
	for (size_t i = 0; i < shim_points_count; i++)
		if (!strcmp(shim_points[i].name, point))
			return shim_points[i].error;
	return 0;
}

static int decide(const char *name, int *failnum, void **failinfo, unsigned int *flags)
{
	struct preload_call c = { .effect = SHIM_POINT, .call = "", .what = name };
	struct shim_rule r;

	(void)flags;
	if (!preload_armed_out(SHIM_BIT(SHIM_POINT)))
		return 0;
	c.error = usual_error(name);
	if (!preload_decide(&c, &r))
		return 0;
	*failnum = 1;
	*failinfo = (void *)(intptr_t)r.error; /* NOLINT(performance-no-int-to-ptr): its way */
	return 1;
}

__attribute__((constructor)) static void enable(void)
{
	for (size_t i = 0; i < shim_points_count; i++)
		fiu_enable_external(shim_points[i].name, 1, NULL, 0, decide);
}
