/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CMD_REPORT_H
#define WD_CMD_REPORT_H

#include <stdint.h>
#include <stdio.h>

struct err;

/** struct disk_question - what happened to which file, and when, since the trial began? */
struct disk_question {
	const char *dir, *file; /* results; pattern below a data directory: "*.db-wal" */
	int64_t from_ns, to_ns;
	FILE *out;
};
/** report_disk - one line for each operation, of all disks that kept a log. 0 or -errno. */
int report_disk(const struct disk_question *q, struct err *e);

#endif
