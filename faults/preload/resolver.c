/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's resolver, before it asks anybody: it fails, or takes its
 * time. Whoever is held back goes on when the fault is healed.
 */
#include "faults/preload/preload.h"

#include <errno.h>
#include <netdb.h>

#define LOOK_AGAIN (20 * INT64_C(1000000))

static void wait_for(const struct shim_rule *r)
{
	struct timespec now = { 0 };
	int64_t until, left;

	REAL(clock_gettime)(CLOCK_MONOTONIC, &now);
	until = preload_ns(&now) + r->by;
	while (preload_still(r->serial)) {
		struct timespec part;

		REAL(clock_gettime)(CLOCK_MONOTONIC, &now);
		left = until - preload_ns(&now);
		if (left <= 0)
			return;
		part = preload_ts(left < LOOK_AGAIN ? left : LOOK_AGAIN);
		REAL(clock_nanosleep)(CLOCK_MONOTONIC, 0, &part, NULL);
	}
}

/* 0: let it ask; else what it says. */
static int befalls(const char *call, const char *name)
{
	const struct preload_call c = { .effect = SHIM_RESOLVE, .call = call,
					.what = name ? name : "" };
	struct shim_rule r;
	int saved = errno;

	if (!preload_armed(SHIM_BIT(SHIM_RESOLVE)) || !preload_decide(&c, &r))
		return 0;
	if (r.by > 0)
		wait_for(&r);
	errno = r.error == EAI_SYSTEM ? EIO : saved;
	return r.error;
}

EXPORT int getaddrinfo(const char *restrict name, const char *restrict service,
		       const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
	int error = befalls("getaddrinfo", name);

	return error ? error : REAL(getaddrinfo)(name, service, hints, ret);
}

static int h_error(int error)
{
	return error == EAI_NONAME ? HOST_NOT_FOUND : error == EAI_AGAIN ? TRY_AGAIN : NO_RECOVERY;
}

EXPORT struct hostent *gethostbyname(const char *name)
{
	int error = befalls("gethostbyname", name);

	if (!error)
		return REAL(gethostbyname)(name);
	h_errno = h_error(error);
	return NULL;
}

EXPORT struct hostent *gethostbyname2(const char *name, int family)
{
	int error = befalls("gethostbyname2", name);

	if (!error)
		return REAL(gethostbyname2)(name, family);
	h_errno = h_error(error);
	return NULL;
}
