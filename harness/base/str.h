/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_STR_H
#define WD_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** str_eq - both NULL, or equal. */
bool str_eq(const char *a, const char *b);
/** str_glob - shell-like match of the whole of s: `*`, `?`, `[a-z]`; no path rules. */
bool str_glob(const char *pattern, const char *s);
/** str_distance - Damerau-Levenshtein distance (optimal string alignment), case-insensitive. */
size_t str_distance(const char *a, const char *b);
/**
 * str_nearest - the name most like `word`, or NULL when none is within half
 * the word's length (for "did you mean"). @names: array of n strings.
 */
const char *str_nearest(const char *word, const char *const *names, size_t n);

#define DUR_TEXT 32
/**
 * dur_text - the one way a time is written for people: "2.71 ms", "66.5 s",
 * "3 min 20 s", "2 h 05 min". About three figures, no zeroes that say nothing.
 * Into a caller's array of DUR_TEXT; returns it.
 */
const char *dur_text(char *buf, int64_t ns);

/**
 * struct regex - a compiled PCRE2 pattern (8-bit, UTF off). The only place
 * that knows the library.
 */
struct regex;
struct err;
/** regex_new - compile; free with regex_free. -EINVAL with the offset in the message. */
int regex_new(struct regex **ret, const char *pattern, struct err *e);
void regex_free(struct regex *re);
/** regex_match - does it match anywhere in s[0..len)? Match effort is bounded. */
bool regex_match(const struct regex *re, const char *s, size_t len);
/** struct regex_room - what one match needs, made beforehand: for paths that must not allocate. */
struct regex_room;
struct regex_room *regex_room_new(void);
void regex_room_free(struct regex_room *room);
/** regex_match_in - regex_match that allocates nothing; one thread per room. */
bool regex_match_in(const struct regex *re, struct regex_room *room, const char *s, size_t len);
/** regex_group1 - first group (or whole match without groups) as offsets; false: no match. */
bool regex_group1(const struct regex *re, const char *s, size_t len, size_t *ret_start,
		  size_t *ret_len);

#endif
