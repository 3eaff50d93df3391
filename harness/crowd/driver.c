// SPDX-License-Identifier: Apache-2.0
/* What every driver needs. */
#include "crowd/driver.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"

void lines_json(const struct line *lines, size_t count, struct buf *out)
{
	bool first = true;

	buf_addc(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (lines[i].qty == 0)
			continue;
		buf_adds(out, first ? "{\"sku\":" : ",{\"sku\":");
		first = false;
		json_add_string(out, lines[i].sku);
		buf_adds(out, ",\"qty\":");
		buf_addi64(out, lines[i].qty);
		if (lines[i].price >= 0) {
			buf_adds(out, ",\"price\":");
			buf_addi64(out, lines[i].price);
		}
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

void answer_unknown(struct ask *a, bool transport, int64_t at_ns, const char *error)
{
	a->answered(a, &(struct answer){ .outcome = TOLD_UNKNOWN, .transport = transport,
					 .at_ns = at_ns, .total = -1, .error = error });
}

char *driver_at(const struct driver *d, const char *lane)
{
	const char *at = d->at;

	if (!at || strcmp(at, "${lane}") == 0 || strcmp(at, "${node}") == 0)
		return xstrdup(lane);
	return xstrdup(at);
}
