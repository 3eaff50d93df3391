/* SPDX-License-Identifier: Apache-2.0 */
#include "bug.h"

#include <string.h>

/*
 * shape: the fault shapes of FIELD-FAILURES.md. needs: what provokes it; kill, hang, restart,
 * network, disk and load are there today, the others are faults to come.
 */
static const struct {
	const char *name, *shape, *needs, *summary;
} bugs[BUGS_COUNT] = {
	[BUG_NONE] = {"none", "-", "-", "the till as it should be"},
	[BUG_ACK_BEFORE_COMMIT] = {"ack-before-commit", "d", "kill, power",
				   "the store answers first and writes up to 50 ms later"},
	[BUG_CLOCK_KEY] = {"clock-key", "a b g", "hang, network, clock",
			   "idempotency keys are the time of day in ms"},
	[BUG_DOUBLE_TAP] = {"double-tap", "c", "load",
			    "two taps on pay are two payments"},
	[BUG_DRAFT_WINS] = {"draft-wins", "c", "network",
			    "a suspended basket's copy beats the offline sale it became"},
	[BUG_FORGET_REVERSAL] = {"forget-reversal", "e", "bank, kill",
				 "a charge is not taken back when the sale fails"},
	[BUG_HARDWIRED_DEVICE] = {"hardwired-device", "f", "device",
				  "the printer is /dev/ttyUSB0, whatever the shop says"},
	[BUG_IGNORE_DISK_FULL] = {"ignore-disk-full", "g", "disk",
				  "a commit that found no space counts as done"},
	[BUG_IGNORE_SHORT_WRITE] = {"ignore-short-write", "e f", "device",
				    "what the printer did not take is not sent again"},
	[BUG_LOST_OFFLINE_QUEUE] = {"lost-offline-queue", "d", "kill",
				    "the lane keeps its offline sales in memory"},
	[BUG_NO_FSYNC] = {"no-fsync", "d", "power", "SQLite with synchronous=OFF"},
	[BUG_NO_LEAP_DAY] = {"no-leap-day", "g", "clock",
			     "cards are dated by a calendar that has no 29 February"},
	[BUG_NO_RESTART] = {"no-restart", "d", "kill",
			    "a PID file left by a killed process stops the next one"},
	[BUG_OFFLINE_SYNC_TWICE] = {"offline-sync-twice", "a b", "hang, kill, network",
				    "each upload of an offline sale has a key of its own"},
	[BUG_OVERLAP_RETRY] = {"overlap-retry", "c", "hang, network",
			       "a hasty lane, and a store that looks before its transaction"},
	[BUG_POISON_BLOCKS_QUEUE] = {"poison-blocks-queue", "a b", "hang, network",
				     "any answer but \"created\" stops the queue, for ever"},
	[BUG_PRINT_BEFORE_COMMIT] = {"print-before-commit", "e", "printer",
				     "the receipt is cut before the sale is booked"},
	[BUG_RECEIPT_GAP] = {"receipt-gap", "a e", "hang, kill, network",
			     "the number is taken in a transaction of its own"},
	[BUG_RETRY_FSYNC] = {"retry-fsync", "d g", "disk",
			     "an fsync that failed is tried again, and its success counts"},
	[BUG_RETRY_WITHOUT_KEY] = {"retry-without-key", "a b", "hang, network",
				   "the second try is a new request with a new key"},
	[BUG_SILENCE_IS_NO] = {"silence-is-no", "a b f", "terminal",
			       "a terminal that has not answered is taken for one that said no"},
	[BUG_SLOW_LEAK] = {"slow-leak", "-", "load",
			   "every sale looks through all sales before it, without an index"},
	[BUG_SPLIT_BOOKING] = {"split-booking", "e", "kill",
			       "sale and stock are two transactions"},
	[BUG_STAYS_OFFLINE] = {"stays-offline", "a", "kill, network",
			       "a lane that lost the store asks for it once and never again"},
	[BUG_STOCK_READ_MODIFY_WRITE] = {"stock-read-modify-write", "c", "load",
					 "stock is read before and written after the sale"},
	[BUG_SWALLOW_ERROR] = {"swallow-error", "e g", "restart, disk",
			       "the store's error is told as paid"},
	[BUG_SYNC_BY_CLOCK] = {"sync-by-clock", "g", "clock and network",
			       "the queue brings what is younger than what it brought last"},
	[BUG_TOTAL_FLOAT] = {"total-float", "-", "load", "money is added up in a float"},
	[BUG_TRUST_SCANNER] = {"trust-scanner", "f", "device",
			       "no check digit is looked at, and a code that comes twice is two"},
	[BUG_TRUST_TERMINAL] = {"trust-terminal", "b f", "terminal",
				"a terminal's result is taken for the one that was asked for"},
	[BUG_WAIT_FOR_SPACE] = {"wait-for-space", "g", "disk",
				"a booking that found no space waits until there is some"},
	[BUG_WAIT_FOREVER_PRINTER] = {"wait-forever-printer", "f", "printer",
				      "no timeout on the printer"},
	[BUG_WAIT_FOREVER_TERMINAL] = {"wait-forever-terminal", "f", "terminal",
				       "no timeout on the card terminal"},
};

static enum bug selected; /* set once, before any thread */

bool bug(enum bug b)
{
	return selected == b;
}

bool bug_select(const char *name)
{
	if (!name || !*name)
		return true;
	for (int i = 0; i < BUGS_COUNT; i++) {
		if (strcmp(bugs[i].name, name))
			continue;
		selected = (enum bug)i;
		return true;
	}
	return false;
}

void bug_list(FILE *out)
{
	for (int i = BUG_NONE + 1; i < BUGS_COUNT; i++)
		fprintf(out, "%-24s %-6s %-14s %s\n", bugs[i].name, bugs[i].shape, bugs[i].needs,
			bugs[i].summary);
}
