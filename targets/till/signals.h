/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_SIGNALS_H
#define TILL_SIGNALS_H

#include <stdint.h>

/** signals_hold - before any thread: TERM, INT and HUP wait for signals_wait; PIPE is ignored. */
void signals_hold(void);
/** signals_wait - until we are asked to stop, or ms have passed (negative: for ever). */
void signals_wait(int64_t ms);

#endif
