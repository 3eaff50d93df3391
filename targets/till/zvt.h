/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_ZVT_H
#define TILL_ZVT_H

/* One command to a card terminal and what comes of it, in ZVT on a connected socket. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZVT_REGISTER = 0x0600, ZVT_PAY = 0x0601, ZVT_REPEAT = 0x0620, ZVT_REVERSE = 0x0630,
	ZVT_ABORT = 0x06b0 };
enum { ZVT_RESULT_NOTHING = 0x83, ZVT_RESULT_REVERSED = 0xb4 };

/** struct zvt_result - what the terminal told about a payment, and how the command ended. */
struct zvt_result {
	bool told;        /* there was a status information */
	int result;       /* of it: 0 is yes */
	int64_t amount;   /* cents; -1: it did not say */
	int64_t receipt;  /* -1 */
	int failed;       /* the command's end: 0 done, else why not */
};
struct zvt_patience {
	int64_t ack_ms, ms; /* ms < 0: for ever; each sign of life begins it anew */
};
/** zvt_command - 0: it came to its end; -EBUSY: the terminal says wait; -ETIMEDOUT and other
 * negative errno: nobody knows, and the connection is good for nothing more. */
int zvt_command(int fd, unsigned code, const unsigned char *data, size_t len,
		const struct zvt_patience *p, struct zvt_result *ret);
/** zvt_abort - whatever waits for a card shall not; acknowledged, or negative errno. */
int zvt_abort(int fd, const struct zvt_patience *p);
/** zvt_put_bcd - two digits in each of so many bytes; returns behind them. */
unsigned char *zvt_put_bcd(unsigned char *at, int64_t value, unsigned bytes);

#endif
