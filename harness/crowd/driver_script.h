/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CROWD_DRIVER_SCRIPT_H
#define WD_CROWD_DRIVER_SCRIPT_H

#include "crowd/driver.h"

struct script_counts {
	int64_t late;    /* replies to asks that were given up */
	int64_t garbage; /* lines that are no reply */
	int64_t deaths;
};
/** script_counts - of crowd_driver(), when the driver is driver_script. */
struct script_counts script_counts(const void *d);

#endif
