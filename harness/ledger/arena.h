/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_LEDGER_ARENA_H
#define WD_LEDGER_ARENA_H

#include <stddef.h>

/** struct arena - many small strings, freed together. */
struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);
/** arena_strn - a NUL-terminated copy of s[0..len) that lives as long as the arena. */
const char *arena_strn(struct arena *a, const char *s, size_t len);

#endif
