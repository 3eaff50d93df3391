/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/clock.h"

#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "conf/yaml.h"

const struct opt_value clock_which[] = {
	[CLOCK_OF_DAY] = { "realtime", "the time of day: CLOCK_REALTIME and its like" },
	[CLOCK_STEADY] = { "monotonic", "the clock that timeouts use: CLOCK_MONOTONIC, BOOTTIME" },
	[CLOCK_BOTH] = { "both", "as when a virtual machine is stopped and goes on" },
	{ NULL, NULL },
};

uint32_t clock_bits(int choice)
{
	static const uint32_t bits[] = { [CLOCK_OF_DAY] = SHIM_CALENDAR,
					 [CLOCK_STEADY] = SHIM_STEADY,
					 [CLOCK_BOTH] = SHIM_CALENDAR | SHIM_STEADY };

	return bits[choice];
}

int clock_parse_by(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	const char *text = n->type == NODE_SCALAR ? n->text : "";
	bool back = *text == '-';
	struct dur d = { 0 };
	char why[256];

	if (opt_parse_duration(text + (back || *text == '+'), DOMAIN_SYSTEM, &d, why,
			       sizeof(why)) < 0) {
		diag_error(diag, n->mark, "%s: %s; a clock that is behind has a minus: -1h", path,
			   why);
		return -EINVAL;
	}
	*(int64_t *)field = back ? -d.ns : d.ns;
	return 0;
}

void clock_by_check(const void *opts, struct mark at, struct diag *diag)
{
	const struct {
		struct hook_opts hook;
		int64_t by;
	} *o = opts;

	if (o->by == 0)
		diag_error(diag, at, "by: a clock that jumps by nothing is right");
}

void clock_amount(int64_t by, struct buf *out)
{
	char text[DUR_TEXT];

	buf_printf(out, "%s %s", dur_text(text, by < 0 ? -by : by), by < 0 ? "behind" : "ahead");
}

void clock_words(const struct shim_hit *h, char *ret, size_t len)
{
	struct buf b = { 0 };

	clock_amount(h->by, &b);
	snprintf(ret, len, "told a time that is %s", b.data);
	buf_done(&b);
}
