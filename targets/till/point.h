/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_POINT_H
#define TILL_POINT_H

/*
 * Failure points of the till's own, libfiu's: off unless somebody enables them, as fiu-run or
 * worstday's lib.fail do.
 *
 *   till/db/commit    the transaction is taken back, and the caller hears of an error
 *   till/print/open   there is no way to the printer
 */
#define FIU_ENABLE 1
#include <fiu.h>

#endif
