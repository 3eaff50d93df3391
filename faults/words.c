/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/words.h"

#include "base/str.h"

void words_share(struct buf *out, double share, const char *things)
{
	if (share >= 1)
		buf_printf(out, "all %s", things);
	else
		buf_printf(out, "%.4g %% of %s", share * 100, things);
}

void words_later(struct buf *out, int64_t delay_ns, int64_t jitter_ns)
{
	char delay[DUR_TEXT], jitter[DUR_TEXT];

	buf_adds(out, dur_text(delay, delay_ns));
	if (jitter_ns > 0)
		buf_printf(out, " ± %s", dur_text(jitter, jitter_ns));
}
