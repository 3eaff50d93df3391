/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/mask.h"

#define DIGITS_MIN 13
#define DIGITS_MAX 19
#define SHOWN_FIRST 6
#define SHOWN_LAST 4

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* passes_luhn - over the digits in s[0..len), whatever is between them. */
static bool passes_luhn(const char *s, size_t len)
{
	unsigned sum = 0;
	bool twice = false;

	for (size_t i = len; i-- > 0;) {
		unsigned digit;

		if (!is_digit(s[i]))
			continue;
		digit = (unsigned)(s[i] - '0');
		if (twice)
			digit = digit * 2 - (digit > 4 ? 9 : 0);
		sum += digit;
		twice = !twice;
	}
	return sum % 10 == 0;
}

static size_t run_end(const char *s, size_t len, size_t at)
{
	while (at < len && is_digit(s[at]))
		at++;
	return at;
}

/*
 * candidate_end - s[at] starts a run of digits; where a number that starts
 * here would end, and how many digits it has.
 */
static size_t candidate_end(const char *s, size_t len, size_t at, size_t *ret_digits)
{
	size_t end = run_end(s, len, at), digits = end - at, group = digits;

	while (digits <= DIGITS_MAX && group >= 4 && group <= 6 && end + 1 < len &&
	       (s[end] == ' ' || s[end] == '-') && is_digit(s[end + 1])) {
		size_t next = run_end(s, len, end + 1);

		group = next - end - 1;
		digits += group;
		end = next;
	}
	*ret_digits = digits;
	return end;
}

bool mask_find(const char *s, size_t len, size_t from, size_t *ret_start, size_t *ret_len)
{
	for (size_t at = from; at + DIGITS_MIN <= len;) {
		size_t end, digits;

		if (!is_digit(s[at])) {
			at++;
			continue;
		}
		end = candidate_end(s, len, at, &digits);
		if (digits >= DIGITS_MIN && digits <= DIGITS_MAX && s[at] >= '2' &&
		    passes_luhn(s + at, end - at)) {
			*ret_start = at;
			*ret_len = end - at;
			return true;
		}
		at = run_end(s, len, at);
	}
	return false;
}

static void mask_one(char *s, size_t len)
{
	size_t digits = 0, nth = 0;

	for (size_t i = 0; i < len; i++)
		digits += is_digit(s[i]);
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(s[i]))
			continue;
		if (nth >= SHOWN_FIRST && nth + SHOWN_LAST < digits)
			s[i] = '*';
		nth++;
	}
}

void mask_cards(char *s, size_t len)
{
	size_t at = 0, n;

	while (mask_find(s, len, at, &at, &n)) {
		mask_one(s + at, n);
		at += n;
	}
}
