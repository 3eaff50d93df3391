/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "report/summary.h"

void words_ns(struct buf *b, int64_t ns)
{
	if (ns < 0) {
		buf_addc(b, '-');
		ns = -ns;
	}
	if (ns < NS_PER_MS)
		buf_printf(b, "%lld us", (long long)(ns / NS_PER_US));
	else if (ns < NS_PER_S)
		buf_printf(b, "%.3g ms", (double)ns / (double)NS_PER_MS);
	else if (ns < 120 * NS_PER_S)
		buf_printf(b, "%.1f s", (double)ns / (double)NS_PER_S);
	else
		buf_printf(b, "%lld min %02lld s", (long long)(ns / (60 * NS_PER_S)),
			   (long long)(ns / NS_PER_S % 60));
}

void words_shell(struct buf *b, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./=:,@%+";

	if (*word && strspn(word, plain) == strlen(word)) {
		buf_adds(b, word);
		return;
	}
	buf_addc(b, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_adds(b, "'\\''");
		else
			buf_addc(b, *word);
	}
	buf_addc(b, '\'');
}
