/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_LEDGER_MASK_H
#define WD_LEDGER_MASK_H

#include <stdbool.h>
#include <stddef.h>

/**
 * mask_find - the first card number (PAN) in s[from..len): 13 to 19 digits that
 * pass Luhn's check and start with 2 to 9, in one run or in groups of 4 to 6
 * parted by a single space or dash. (No bank card starts with 0 or 1, but
 * every Unix time in ms, us or ns does start with 1.)
 */
bool mask_find(const char *s, size_t len, size_t from, size_t *ret_start, size_t *ret_len);
/** mask_cards - overwrite all but the first six and last four digits of each with stars. */
void mask_cards(char *s, size_t len);

#endif
