/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_BUG_H
#define TILL_BUG_H

/*
 * Bugs that tills really have, one at a time: TILL_BUG=name. Each is what
 * somebody once thought good enough, behind one readable if.
 */
#include <stdbool.h>
#include <stdio.h>

enum bug {
	BUG_NONE,
	BUG_ACK_BEFORE_COMMIT,
	BUG_CLOCK_KEY,
	BUG_DOUBLE_TAP,
	BUG_DRAFT_WINS,
	BUG_FORGET_REVERSAL,
	BUG_HARDWIRED_DEVICE,
	BUG_IGNORE_DISK_FULL,
	BUG_IGNORE_SHORT_WRITE,
	BUG_LOST_OFFLINE_QUEUE,
	BUG_NO_FSYNC,
	BUG_NO_LEAP_DAY,
	BUG_NO_RESTART,
	BUG_OFFLINE_SYNC_TWICE,
	BUG_OVERLAP_RETRY,
	BUG_POISON_BLOCKS_QUEUE,
	BUG_PRINT_BEFORE_COMMIT,
	BUG_RECEIPT_GAP,
	BUG_RETRY_FSYNC,
	BUG_RETRY_WITHOUT_KEY,
	BUG_SILENCE_IS_NO,
	BUG_SLOW_LEAK,
	BUG_SPLIT_BOOKING,
	BUG_STAYS_OFFLINE,
	BUG_STOCK_READ_MODIFY_WRITE,
	BUG_SWALLOW_ERROR,
	BUG_SYNC_BY_CLOCK,
	BUG_TOTAL_FLOAT,
	BUG_TRUST_SCANNER,
	BUG_TRUST_TERMINAL,
	BUG_WAIT_FOR_SPACE,
	BUG_WAIT_FOREVER_PRINTER,
	BUG_WAIT_FOREVER_TERMINAL,
	BUGS_COUNT
};

/** bug - do we have this one? */
bool bug(enum bug b);
/** bug_select - by name; NULL, "", "none": no bug. False: there is no such bug. Once, first. */
bool bug_select(const char *name);
/** bug_list - `till bugs`: name, fault shape of FIELD-FAILURES, what provokes it, what it is. */
void bug_list(FILE *out);

#endif
