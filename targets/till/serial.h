/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_SERIAL_H
#define TILL_SERIAL_H

/* Serial lines: what hangs on them may be pulled out at any time, and come back. */
#include <stdbool.h>

/** serial_open - raw, 115200 baud, not blocking; a descriptor or negative errno. */
int serial_open(const char *path);
/** serial_hung_up - is what it led to gone for good? */
bool serial_hung_up(int fd);

#endif
