/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_DB_LOOSE_H
#define TILL_DB_LOOSE_H

/** db_loose_sync - from now on SQLite takes an fsync's second answer for the truth. Once, first. */
void db_loose_sync(void);

#endif
