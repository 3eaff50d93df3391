/* SPDX-License-Identifier: Apache-2.0 */
/* str_glob apart from str.c: it needs no library, and runs inside other people's processes too. */
#include "base/str.h"

/*
 * class_match - is c in the class that starts behind the '[' at p? Sets *ret_end
 * behind the ']'; NULL when the class is not closed (the '[' is then literal).
 */
static bool class_match(const char *p, unsigned char c, const char **ret_end)
{
	bool negate = *p == '!' || *p == '^', in = false;
	const char *first = p + negate;

	for (p = first; *p && (*p != ']' || p == first); p++) {
		unsigned char lo = (unsigned char)*p, hi = lo;

		if (p[1] == '-' && p[2] && p[2] != ']') {
			hi = (unsigned char)p[2];
			p += 2;
		}
		in |= lo <= c && c <= hi;
	}
	*ret_end = *p ? p + 1 : NULL;
	return in != negate;
}

/* one_match - match one non-star pattern element; sets *ret_next behind it. */
static bool one_match(const char *p, char c, const char **ret_next)
{
	const char *end;

	if (*p == '[') {
		bool in = class_match(p + 1, (unsigned char)c, &end);

		if (end) {
			*ret_next = end;
			return in;
		}
	}
	*ret_next = p + 1;
	return *p == '?' || *p == c;
}

bool str_glob(const char *pattern, const char *s)
{
	const char *p = pattern, *star = NULL, *resume = NULL, *next;

	/* Only the latest star ever needs another try, so this is O(pattern × text). */
	while (*s) {
		if (*p == '*') {
			star = ++p;
			resume = s;
		} else if (*p && one_match(p, *s, &next)) {
			p = next;
			s++;
		} else if (star) {
			p = star;
			s = ++resume;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return *p == '\0';
}
