/* SPDX-License-Identifier: Apache-2.0 */
#include "base/point.h"

#include <errno.h>
#define FIU_ENABLE 1 /* without it there are no points at all */
#include <fiu-control.h>
#include <fiu.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const struct {
	const char *name;
	int error;
} points[POINTS] = {
	[POINT_ALLOC] = { "base/alloc", ENOMEM },
	[POINT_FORK] = { "base/fork", EAGAIN },
	[POINT_ORDER] = { "base/order", EPIPE },
	[POINT_WAIT] = { "base/wait", EIO },
	[POINT_LEDGER_OPEN] = { "ledger/open", EMFILE },
	[POINT_LEDGER_READ] = { "ledger/read", EIO },
	[POINT_LEDGER_SYNC] = { "ledger/sync", EIO },
	[POINT_LEDGER_WRITE] = { "ledger/write", ENOSPC },
	[POINT_MOUNT] = { "stage/mount", ENOMEM },
	[POINT_STORE_MAKE] = { "store/make", ENOSPC },
	[POINT_STORE_RENAME] = { "store/rename", EIO },
	[POINT_STORE_SYNC] = { "store/sync", EIO },
	[POINT_STORE_WRITE] = { "store/write", ENOSPC },
};

bool points_asked;
/* Of each point: fails the so many-eth time; reached so often, by all our processes together. */
static struct {
	uint64_t nth[POINTS], reached[POINTS];
} *shared;

const char *points_name(unsigned i)
{
	return i < POINTS ? points[i].name : NULL;
}

static int find(const char *name, size_t len)
{
	for (int i = 0; i < POINTS; i++)
		if (strlen(points[i].name) == len && !memcmp(points[i].name, name, len))
			return i;
	return -1;
}

/* libfiu asks here, by name. */
static int decide(const char *name, int *failnum, void **failinfo, unsigned int *flags)
{
	int i = find(name, strlen(name));

	(void)failinfo;
	(void)flags;
	*failnum = points[i].error;
	return __atomic_add_fetch(&shared->reached[i], 1, __ATOMIC_RELAXED) == shared->nth[i];
}

static int ask_one(const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);
	int i = colon ? find(text, (size_t)(colon - text)) : -1;
	char *end;

	if (i < 0)
		return -EINVAL;
	shared->nth[i] = strtoull(colon + 1, &end, 10);
	if (end != text + len || !shared->nth[i])
		return -EINVAL;
	return fiu_enable_external(points[i].name, points[i].error, NULL, 0, decide) < 0 ? -ENOMEM
											 : 0;
}

int points_begin(const char *text)
{
	int r = 0;

	if (!text || !*text)
		return 0;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED || fiu_init(0) < 0)
		return -ENOMEM;
	for (size_t len; r == 0 && *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		r = ask_one(text, len);
	}
	points_asked = r == 0;
	return r;
}

int point_ask(enum point p)
{
	return fiu_fail(points[p].name);
}
