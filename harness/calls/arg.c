/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "calls/table.h"

/* strtoull(3) takes blanks and signs too. */
static bool number(const char *text, uint64_t *ret, const char **ret_end)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	*ret_end = end;
	return !errno;
}

bool calls_arg_read(const char *key, const char *value, struct calls_arg *ret)
{
	const char *end;
	uint64_t index;

	*ret = (struct calls_arg){ .mask = UINT64_MAX };
	if (!number(key, &index, &end) || *end || index >= CALLS_ARGS)
		return false;
	ret->index = (uint32_t)index;
	if (!number(value, &ret->value, &end))
		return false;
	if (*end == '&' && (!number(end + 1, &ret->mask, &end) || ret->value & ~ret->mask))
		return false;
	return !*end;
}
