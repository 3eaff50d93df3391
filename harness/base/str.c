/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/str.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t str_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), distance;
	size_t *rows = xmalloc(3 * (nb + 1) * sizeof(*rows));
	size_t *before = rows, *last = rows + nb + 1, *row = rows + 2 * (nb + 1);

	for (size_t j = 0; j <= nb; j++)
		last[j] = j;
	for (size_t i = 1; i <= na; i++) {
		int ca = tolower((unsigned char)a[i - 1]);
		size_t *free_row = before;

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			int cb = tolower((unsigned char)b[j - 1]);

			row[j] = min_size(min_size(last[j], row[j - 1]) + 1,
					  last[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]))
				row[j] = min_size(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = free_row;
	}
	distance = last[nb];
	free(rows);
	return distance;
}

const char *str_nearest(const char *word, const char *const *names, size_t n)
{
	size_t best = strlen(word) / 2 + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t d = str_distance(word, names[i]);

		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

/* ---- regular expressions ---- */

/* Enough for any honest pattern over a page of text; a runaway one stops in some 10 ms. */
#define MATCH_STEPS_MAX 1000000
#define MATCH_HEAP_KIB_MAX 8192

struct regex {
	pcre2_code *code;	     /* owned */
	pcre2_match_context *effort; /* owned; read only while matching */
};

int regex_new(struct regex **ret, const char *pattern, struct err *e)
{
	struct regex *re;
	PCRE2_SIZE at;
	int error;
	pcre2_code *code =
		pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);

	if (!code) {
		char text[256] = "";

		pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof(text));
		return err_set(e, EINVAL, "/%s/: at offset %zu: %s", pattern, (size_t)at, text);
	}
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* not available: the interpreter serves */
	re = xcalloc(1, sizeof(*re));
	re->code = code;
	re->effort = pcre2_match_context_create(NULL);
	if (!re->effort)
		abort();
	pcre2_set_match_limit(re->effort, MATCH_STEPS_MAX);
	pcre2_set_heap_limit(re->effort, MATCH_HEAP_KIB_MAX);
	*ret = re;
	return 0;
}

void regex_free(struct regex *re)
{
	if (!re)
		return;
	pcre2_match_context_free(re->effort);
	pcre2_code_free(re->code);
	free(re);
}

bool regex_group1(const struct regex *re, const char *s, size_t len, size_t *ret_start,
		  size_t *ret_len)
{
	/* Made per call, so that one pattern may be used by several threads. */
	pcre2_match_data *found = pcre2_match_data_create(2, NULL);
	PCRE2_SIZE *at;
	int n;

	if (!found)
		abort();
	n = pcre2_match(re->code, (PCRE2_SPTR)s, len, 0, 0, found, re->effort);
	if (n >= 0) {
		unsigned group = n != 1 && pcre2_get_ovector_pointer(found)[2] != PCRE2_UNSET;

		at = pcre2_get_ovector_pointer(found) + 2 * group;
		*ret_start = at[0];
		*ret_len = at[1] > at[0] ? at[1] - at[0] : 0;
	}
	pcre2_match_data_free(found);
	return n >= 0;
}

bool regex_match(const struct regex *re, const char *s, size_t len)
{
	size_t start, n;

	return regex_group1(re, s, len, &start, &n);
}

struct regex_room {
	pcre2_match_data *found; /* owned */
};

struct regex_room *regex_room_new(void)
{
	struct regex_room *room = xcalloc(1, sizeof(*room));

	room->found = pcre2_match_data_create(1, NULL);
	if (!room->found)
		abort();
	return room;
}

void regex_room_free(struct regex_room *room)
{
	if (!room)
		return;
	pcre2_match_data_free(room->found);
	free(room);
}

bool regex_match_in(const struct regex *re, struct regex_room *room, const char *s, size_t len)
{
	return pcre2_match(re->code, (PCRE2_SPTR)s, len, 0, 0, room->found, re->effort) >= 0;
}

/* ---- times ---- */

/* Three figures of value, then the unit; "10" rather than "10.0". */
static void dur_decimal(char *buf, const char *sign, double value, const char *unit)
{
	char number[24];
	size_t len;

	snprintf(number, sizeof(number), "%.*f", value < 9.995 ? 2 : 1, value);
	if (value >= 200)
		snprintf(number, sizeof(number), "%.0f", value);
	len = strlen(number);
	while (strchr(number, '.') && (number[len - 1] == '0' || number[len - 1] == '.'))
		number[--len] = '\0';
	snprintf(buf, DUR_TEXT, "%s%s %s", sign, number, unit);
}

/* "12 min", "2 min 05 s": a whole number of large units and what is left in small ones. */
static void dur_pair(char *buf, const char *sign, int64_t small, const char *large_unit,
		     const char *small_unit)
{
	if (small % 60)
		snprintf(buf, DUR_TEXT, "%s%" PRId64 " %s %02" PRId64 " %s", sign, small / 60,
			 large_unit, small % 60, small_unit);
	else
		snprintf(buf, DUR_TEXT, "%s%" PRId64 " %s", sign, small / 60, large_unit);
}

const char *dur_text(char *buf, int64_t ns)
{
	const char *sign = ns < 0 ? "-" : "";
	int64_t abs = ns == INT64_MIN ? INT64_MAX : ns < 0 ? -ns : ns;
	int64_t second = NS_PER_S, minute = 60 * second;

	if (abs == 0)
		snprintf(buf, DUR_TEXT, "0 s");
	else if (abs < NS_PER_MS)
		dur_decimal(buf, sign, (double)abs / (double)NS_PER_US, "us");
	else if (abs < second - NS_PER_MS / 2)
		dur_decimal(buf, sign, (double)abs / (double)NS_PER_MS, "ms");
	else if (abs < 2 * minute && abs != minute)
		dur_decimal(buf, sign, (double)abs / (double)second, "s");
	else if (abs < 120 * minute)
		dur_pair(buf, sign, abs / second, "min", "s");
	else
		dur_pair(buf, sign, abs / minute, "h", "min");
	return buf;
}
