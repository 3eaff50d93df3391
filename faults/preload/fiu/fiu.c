/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between libfiu and us: a library of its own, loaded with libfiu's POSIX preload where an
 * experiment has lib.fail. Each failure point asks this callback, which asks the rules; so what
 * fails is drawn from the experiment's seed and told like everything else, and libfiu's own
 * generator is not used.
 */
#include <fiu-control.h>
#include <stdint.h>
#include <stdlib.h>
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

/* Those of the program's own. Each name stays where it is: libfiu does not copy it. */
static void enable_own(const char *names)
{
	static char own[2048];
	size_t at = 0;

	for (size_t len; names && *names && at < sizeof(own); names += len + (names[len] == ',')) {
		len = strcspn(names, ",");
		if (!len || at + len + 1 > sizeof(own))
			break;
		memcpy(own + at, names, len);
		fiu_enable_external(own + at, 1, NULL, 0, decide);
		at += len + 1;
	}
}

__attribute__((constructor)) static void enable(void)
{
	enable_own(getenv(SHIM_POINTS_ENV));
	for (size_t i = 0; i < shim_points_count; i++)
		fiu_enable_external(shim_points[i].name, 1, NULL, 0, decide);
}
