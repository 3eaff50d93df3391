/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "wire/rule.h"

void wire_did_words(unsigned did, int64_t ns, char *ret, size_t len)
{
	static const char *const words[DID_KINDS] = {
		[DID_DROP] = "dropped", [DID_DELAY] = "delayed", [DID_DUPLICATE] = "duplicated",
		[DID_CORRUPT] = "corrupted", [DID_QUEUE_FULL] = "dropped, the queue was full",
		[DID_REFUSE] = "refused", [DID_RESET] = "reset", [DID_CUT] = "cut",
		[DID_LOSE_REPLY] = "answer lost", [DID_HOLD_REPLY] = "answer held",
		[DID_SLOW] = "kept waiting or dropped by a full queue",
		[DID_UNHEARD] = "altered", [DID_NOT_LOST] = "answer got through whole",
		[DID_TAKEN] = "left alone",
	};
	const char *word = did < DID_KINDS ? words[did] : "?";

	if (ns <= 0)
		snprintf(ret, len, "%s", word);
	else
		snprintf(ret, len, "%s by %" PRId64 ".%03" PRId64 " ms", word, ns / NS_PER_MS,
			 ns % NS_PER_MS / NS_PER_US);
}
