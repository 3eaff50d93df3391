/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. json_parse() checks a whole text once, without
 * recursion: the open containers are one bit each (object or array), so the
 * depth limit is the size of that bit set. Everything else works on text
 * already checked and may therefore skip: to the closing quote, to the
 * delimiter behind a number, to the bracket that matches.
 *
 * Strings are scanned eight bytes at a time: a word is skipped when it has no
 * quote, no backslash and no control character.
 *
 * Leniency, on purpose: bytes that are not UTF-8 are accepted inside strings
 * (a till that answers in Latin-1 has still answered), and lone surrogates
 * and \u0000 read as U+FFFD (our strings end at NUL). The writer never emits
 * invalid UTF-8.
 */
#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

#define DEPTH_MAX 128
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* ---- scanning ---- */

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

#define EACH_BYTE(x) (UINT64_C(0x0101010101010101) * (x))

/* has_zero - the high bit of each byte of w that is zero (exact for the lowest such byte). */
static inline uint64_t has_zero(uint64_t w)
{
	return (w - EACH_BYTE(1)) & ~w & EACH_BYTE(0x80);
}

/* special_bytes - non-zero when the word holds a quote, a backslash or a control character. */
static inline uint64_t special_bytes(uint64_t w)
{
	uint64_t control = (w - EACH_BYTE(0x20)) & ~w & EACH_BYTE(0x80);

	return control | has_zero(w ^ EACH_BYTE('"')) | has_zero(w ^ EACH_BYTE('\\'));
}

static inline bool is_special(char c)
{
	return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

/* skip_plain - to the first quote, backslash or control character, or the end. */
static inline const char *skip_plain(const char *p, const char *end)
{
	while (end - p >= 8) {
		uint64_t w, special;

		memcpy(&w, p, sizeof(w));
		special = special_bytes(w);
		if (special) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			return p + __builtin_ctzll(special) / 8;
#else
			break;
#endif
		}
		p += 8;
	}
	while (p < end && !is_special(*p))
		p++;
	return p;
}

static int hex_digit(char c)
{
	char lower = (char)(c | 0x20);

	if (is_digit(c))
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* struct check - the state of json_parse. */
struct check {
	const char *p, *end;
	const char *why; /* what is wrong at p */
	unsigned depth;
	uint64_t object[DEPTH_MAX / 64]; /* bit per open container */
};

static bool fail(struct check *c, const char *at, const char *why)
{
	c->p = at;
	c->why = why;
	return false;
}

static bool check_escape(struct check *c, const char *p)
{
	if (p + 1 >= c->end)
		return fail(c, p, "string is not closed");
	if (p[1] == 'u') {
		for (int i = 2; i < 6; i++)
			if (p + i >= c->end || hex_digit(p[i]) < 0)
				return fail(c, p, "\\u needs four hexadecimal digits");
		c->p = p + 6;
		return true;
	}
	if (!p[1] || !strchr("\"\\/bfnrt", p[1]))
		return fail(c, p, "unknown escape");
	c->p = p + 2;
	return true;
}

/* check_string - c->p is behind the opening quote; moves it behind the closing one. */
static bool check_string(struct check *c)
{
	for (;;) {
		const char *p = skip_plain(c->p, c->end);

		if (p >= c->end)
			return fail(c, p, "string is not closed");
		if (*p == '"') {
			c->p = p + 1;
			return true;
		}
		if (*p != '\\')
			return fail(c, p, "control character in a string");
		if (!check_escape(c, p))
			return false;
	}
}

static inline const char *skip_digits(const char *p, const char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

static bool check_number(struct check *c)
{
	const char *p = c->p, *end = c->end, *digits;

	if (*p == '-')
		p++;
	digits = p;
	p = skip_digits(p, end);
	if (p == digits)
		return fail(c, p, "expected a digit");
	if (*digits == '0' && p > digits + 1)
		return fail(c, digits, "number with a leading zero");
	if (p < end && *p == '.') {
		digits = ++p;
		p = skip_digits(p, end);
		if (p == digits)
			return fail(c, p, "expected a digit");
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		digits = p;
		p = skip_digits(p, end);
		if (p == digits)
			return fail(c, p, "expected a digit");
	}
	c->p = p;
	return true;
}

static bool check_word(struct check *c, const char *word, size_t len)
{
	if ((size_t)(c->end - c->p) < len || memcmp(c->p, word, len) != 0)
		return fail(c, c->p, "expected a value");
	c->p += len;
	return true;
}

static bool check_scalar(struct check *c)
{
	if (c->p >= c->end)
		return fail(c, c->p, "expected a value");
	switch (*c->p) {
	case '"':
		c->p++;
		return check_string(c);
	case 't':
		return check_word(c, "true", 4);
	case 'f':
		return check_word(c, "false", 5);
	case 'n':
		return check_word(c, "null", 4);
	default:
		if (*c->p != '-' && !is_digit(*c->p))
			return fail(c, c->p, "expected a value");
		return check_number(c);
	}
}

static bool in_object(const struct check *c)
{
	unsigned top = c->depth - 1;

	return c->object[top / 64] >> (top % 64) & 1;
}

/* check_key - a member's name and colon. */
static bool check_key(struct check *c)
{
	c->p = skip_space(c->p, c->end);
	if (c->p >= c->end || *c->p != '"')
		return fail(c, c->p, "expected a member name");
	c->p++;
	if (!check_string(c))
		return false;
	c->p = skip_space(c->p, c->end);
	if (c->p >= c->end || *c->p != ':')
		return fail(c, c->p, "expected ':'");
	c->p++;
	return true;
}

/* open_container - behind '{' or '['. *ret_empty: it was closed at once. */
static bool open_container(struct check *c, bool *ret_empty)
{
	bool object = *c->p == '{';
	uint64_t bit = UINT64_C(1) << (c->depth % 64);

	if (c->depth == DEPTH_MAX)
		return fail(c, c->p, "nested too deeply");
	if (object)
		c->object[c->depth / 64] |= bit;
	else
		c->object[c->depth / 64] &= ~bit;
	c->p = skip_space(c->p + 1, c->end);
	*ret_empty = c->p < c->end && *c->p == (object ? '}' : ']');
	if (*ret_empty) {
		c->p++;
		return true;
	}
	c->depth++;
	return !object || check_key(c);
}

/* check_behind - behind a value: close what ends here, up to the next value. */
static bool check_behind(struct check *c)
{
	while (c->depth) {
		bool object = in_object(c);

		c->p = skip_space(c->p, c->end);
		if (c->p < c->end && *c->p == ',') {
			c->p++;
			return !object || check_key(c);
		}
		if (c->p >= c->end || *c->p != (object ? '}' : ']'))
			return fail(c, c->p,
				    object ? "expected ',' or '}'" : "expected ',' or ']'");
		c->p++;
		c->depth--;
	}
	return true;
}

static bool check_value(struct check *c)
{
	bool complete = true;

	do {
		c->p = skip_space(c->p, c->end);
		if (c->p < c->end && (*c->p == '{' || *c->p == '[')) {
			if (!open_container(c, &complete))
				return false;
		} else {
			complete = true;
			if (!check_scalar(c))
				return false;
		}
		if (complete && !check_behind(c))
			return false;
	} while (c->depth);
	return true;
}

static enum json_type type_of(char c)
{
	switch (c) {
	case '"':
		return JSON_STRING;
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case 'n':
		return JSON_NULL;
	case 't':
	case 'f':
		return JSON_BOOL;
	default:
		return JSON_NUMBER;
	}
}

int json_parse(const char *text, size_t len, struct json_val *ret, struct err *e)
{
	struct check c = {.p = text, .end = text + len};
	const char *at, *behind;

	c.p = at = skip_space(c.p, c.end);
	if (!check_value(&c))
		goto bad;
	behind = c.p;
	c.p = skip_space(c.p, c.end);
	if (c.p < c.end) {
		c.why = "text behind the value";
		goto bad;
	}
	*ret = (struct json_val){type_of(*at), at, (size_t)(behind - at)};
	return 0;
bad:
	return err_set(e, EINVAL, "not JSON at offset %zu: %s", (size_t)(c.p - text), c.why);
}

/* ---- walking text that was checked ---- */

/* string_end - behind the closing quote of the string that opens at p. */
static inline const char *string_end(const char *p, const char *end)
{
	for (p++; p < end; p += 2) {
		p = skip_plain(p, end);
		if (p >= end || *p != '\\')
			return p < end ? p + 1 : end;
	}
	return end;
}

static const char *container_end(const char *p, const char *end)
{
	unsigned depth = 0;

	while (p < end) {
		char c = *p;

		if (c == '"') {
			p = string_end(p, end);
			continue;
		}
		p++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			break;
	}
	return p;
}

static inline const char *scalar_end(const char *p, const char *end)
{
	while (p < end && *p != ',' && *p != '}' && *p != ']' && !is_space(*p))
		p++;
	return p;
}

static inline const char *take_value(const char *p, const char *end, struct json_val *ret)
{
	ret->at = p;
	ret->type = type_of(*p);
	if (ret->type == JSON_STRING)
		p = string_end(p, end);
	else if (ret->type == JSON_OBJECT || ret->type == JSON_ARRAY)
		p = container_end(p, end);
	else
		p = scalar_end(p, end);
	ret->len = (size_t)(p - ret->at);
	return p;
}

void json_iter_init(struct json_iter *it, const struct json_val *container)
{
	*it = (struct json_iter){.object = container->type == JSON_OBJECT, .first = true};
	if (container->type == JSON_OBJECT || container->type == JSON_ARRAY) {
		it->p = container->at + 1;
		it->end = container->at + container->len - 1;
	}
}

bool json_next(struct json_iter *it, struct json_val *ret_key, struct json_val *ret_val)
{
	const char *p = skip_space(it->p, it->end);

	*ret_key = *ret_val = (struct json_val){0};
	if (p >= it->end)
		return false;
	if (!it->first)
		p = skip_space(p + 1, it->end); /* the comma */
	it->first = false;
	if (it->object) {
		p = skip_space(take_value(p, it->end, ret_key), it->end);
		p = skip_space(p + 1, it->end); /* the colon */
	}
	if (p >= it->end)
		return false;
	it->p = take_value(p, it->end, ret_val);
	return true;
}

struct json_val json_get(const struct json_val *object, const char *name)
{
	struct json_val key, val;
	struct json_iter it;

	if (object->type == JSON_OBJECT) {
		json_iter_init(&it, object);
		while (json_next(&it, &key, &val))
			if (json_key_is(&key, name))
				return val;
	}
	return (struct json_val){0};
}

/* get_index - the element of an array that an RFC 6901 token names. */
static struct json_val get_index(const struct json_val *array, const char *token)
{
	struct json_val key, val;
	struct json_iter it;
	size_t len = strlen(token);
	unsigned long index;

	if (!len || len > 9 || (size_t)(skip_digits(token, token + len) - token) != len ||
	    (token[0] == '0' && len > 1))
		return (struct json_val){0};
	index = strtoul(token, NULL, 10);
	json_iter_init(&it, array);
	while (json_next(&it, &key, &val))
		if (index-- == 0)
			return val;
	return (struct json_val){0};
}

/* take_token - one reference token with ~0 and ~1 undone; returns behind it. */
static const char *take_token(const char *p, struct buf *token)
{
	buf_reset(token);
	for (; *p && *p != '/'; p++) {
		if (p[0] == '~' && (p[1] == '0' || p[1] == '1'))
			buf_addc(token, *++p == '0' ? '~' : '/');
		else
			buf_addc(token, *p);
	}
	return p;
}

struct json_val json_pointer(const struct json_val *root, const char *pointer)
{
	struct json_val v = *root;
	struct buf token = {0};

	while (*pointer && v.type != JSON_NONE) {
		const char *name;

		if (*pointer != '/') {
			v = (struct json_val){0};
			break;
		}
		pointer = take_token(pointer + 1, &token);
		name = token.data ? token.data : "";
		v = v.type == JSON_ARRAY ? get_index(&v, name) : json_get(&v, name);
	}
	buf_done(&token);
	return v;
}

/* ---- values ---- */

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (unsigned)hex_digit(p[i]);
	return v;
}

static size_t put_utf8(char out[4], unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* take_unicode - p is at the backslash of \uXXXX; decodes it, with its pair if it has one. */
static const char *take_unicode(const char *p, const char *end, char out[4], size_t *ret_n)
{
	unsigned c = hex4(p + 2), low;

	p += 6;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		low = hex4(p + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		}
	}
	if (c == 0 || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	*ret_n = put_utf8(out, c);
	return p;
}

/* take_escape - p is at a backslash; decodes into out and returns behind it. */
static const char *take_escape(const char *p, const char *end, char out[4], size_t *ret_n)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *known;

	if (p[1] == 'u')
		return take_unicode(p, end, out, ret_n);
	known = strchr(from, p[1]);
	out[0] = known ? to[known - from] : p[1];
	*ret_n = 1;
	return p + 2;
}

bool json_key_is(const struct json_val *key, const char *name)
{
	const char *p, *end;
	size_t len, n;
	char out[4];

	if (key->type != JSON_STRING)
		return false;
	p = key->at + 1;
	end = key->at + key->len - 1;
	len = strlen(name);
	if (!memchr(p, '\\', (size_t)(end - p)))
		return (size_t)(end - p) == len && memcmp(p, name, len) == 0;
	while (p < end) {
		if (*p == '\\') {
			p = take_escape(p, end, out, &n);
		} else {
			out[0] = *p++;
			n = 1;
		}
		if (strncmp(name, out, n) != 0)
			return false;
		name += n;
	}
	return *name == '\0';
}

void json_string(const struct json_val *v, struct buf *b)
{
	const char *p = v->at, *end = v->at + v->len, *run;
	char out[4];
	size_t n;

	if (v->type != JSON_STRING) {
		buf_add(b, p, v->len);
		return;
	}
	for (p++, end--; p < end;) {
		run = p;
		p = skip_plain(p, end);
		buf_add(b, run, (size_t)(p - run));
		if (p >= end)
			break;
		p = take_escape(p, end, out, &n);
		buf_add(b, out, n);
	}
}

char *json_dup(const struct json_val *v)
{
	struct buf b = {0};

	json_string(v, &b);
	return buf_steal(&b);
}

/* struct decimal - mantissa × 10^exponent. */
struct decimal {
	uint64_t mantissa;
	int64_t exponent;
	bool negative, overflow;
};

/* take_digit - append a digit; zeros wait in `zeros` until a significant one follows. */
static void take_digit(struct decimal *d, unsigned digit, unsigned *zeros)
{
	if (digit == 0) {
		++*zeros;
		return;
	}
	for (; d->mantissa && *zeros; --*zeros)
		d->overflow |= __builtin_mul_overflow(d->mantissa, 10, &d->mantissa);
	d->overflow |= __builtin_mul_overflow(d->mantissa, 10, &d->mantissa);
	d->overflow |= __builtin_add_overflow(d->mantissa, digit, &d->mantissa);
	*zeros = 0;
}

static struct decimal take_decimal(const struct json_val *v)
{
	const char *p = v->at, *end = v->at + v->len;
	struct decimal d = {.negative = *p == '-'};
	bool fraction = false, minus;
	unsigned zeros = 0;
	int64_t exponent = 0;

	for (p += d.negative; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			fraction = true;
			continue;
		}
		take_digit(&d, (unsigned)(*p - '0'), &zeros);
		d.exponent -= fraction;
	}
	d.exponent += zeros; /* those at the end; leading ones only matter for 0 */
	if (p < end) {
		minus = *++p == '-';
		for (p += minus || *p == '+'; p < end; p++)
			if (exponent < 1000000000)
				exponent = exponent * 10 + (*p - '0');
		d.exponent += minus ? -exponent : exponent;
	}
	return d;
}

static int decimal_int64(struct decimal d, int64_t *ret)
{
	uint64_t limit = (uint64_t)INT64_MAX + d.negative;

	if (d.overflow)
		return d.exponent < 0 ? -EINVAL : -ERANGE;
	if (d.mantissa && d.exponent < 0)
		return -EINVAL;
	for (; d.mantissa && d.exponent > 0; d.exponent--)
		if (__builtin_mul_overflow(d.mantissa, 10, &d.mantissa))
			return -ERANGE;
	if (d.mantissa > limit)
		return -ERANGE;
	*ret = d.negative ? (int64_t)-d.mantissa : (int64_t)d.mantissa;
	return 0;
}

int json_int64(const struct json_val *v, int64_t *ret)
{
	const char *p, *end, *digits;
	int64_t n = 0;

	if (v->type != JSON_NUMBER)
		return -EINVAL;
	p = v->at;
	end = p + v->len;
	digits = p + (*p == '-');
	if (end - digits <= 18) { /* cannot overflow */
		for (p = digits; p < end && is_digit(*p); p++)
			n = n * 10 + (*p - '0');
		if (p == end) {
			*ret = *v->at == '-' ? -n : n;
			return 0;
		}
	}
	return decimal_int64(take_decimal(v), ret);
}

int json_double(const struct json_val *v, double *ret)
{
	char small[64], *text = small;

	if (v->type != JSON_NUMBER)
		return -EINVAL;
	if (v->len >= sizeof(small))
		text = xmalloc(v->len + 1);
	memcpy(text, v->at, v->len);
	text[v->len] = '\0';
	*ret = strtod(text, NULL); /* the program never sets LC_NUMERIC */
	if (text != small)
		free(text);
	return isfinite(*ret) ? 0 : -ERANGE;
}

bool json_true(const struct json_val *v)
{
	return v->type == JSON_BOOL && *v->at == 't';
}

/* ---- writing ---- */

/* utf8_len - bytes of the valid character at p; 0 when it is not valid UTF-8. */
static size_t utf8_len(const unsigned char *p, size_t room)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t n;

	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n > room)
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		hi = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		lo = 0x90; /* overlong */
	else if (p[0] == 0xf4)
		hi = 0x8f; /* beyond U+10FFFF */
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

size_t json_escape(char out[static 6], const char *p, size_t room, size_t *ret_n)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt", hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)*p;
	const char *known;
	size_t n;

	if (c >= 0x80) {
		n = utf8_len((const unsigned char *)p, room);
		*ret_n = n ? n : 3;
		memcpy(out, n ? p : REPLACEMENT, *ret_n);
		return n ? n : 1;
	}
	known = c ? strchr(from, c) : NULL;
	out[0] = '\\';
	if (known) {
		out[1] = to[known - from];
		*ret_n = 2;
	} else {
		memcpy(out + 1, "u00", 3);
		out[4] = hex[c >> 4];
		out[5] = hex[c & 15];
		*ret_n = 6;
	}
	return 1;
}

size_t json_plain(const char *s, size_t n)
{
	const char *p = s, *end = s + n;

	while (end - p >= 8) {
		uint64_t w;

		memcpy(&w, p, sizeof(w));
		if (special_bytes(w) | (w & EACH_BYTE(0x80)))
			break;
		p += 8;
	}
	while (p < end && !is_special(*p) && (unsigned char)*p < 0x80)
		p++;
	return (size_t)(p - s);
}

void json_add_stringn(struct buf *b, const char *s, size_t n)
{
	char out[6];

	buf_addc(b, '"');
	while (n) {
		size_t plain = json_plain(s, n), step, made;

		buf_add(b, s, plain);
		s += plain;
		n -= plain;
		if (!n)
			break;
		step = json_escape(out, s, n, &made);
		buf_add(b, out, made);
		s += step;
		n -= step;
	}
	buf_addc(b, '"');
}

void json_add_string(struct buf *b, const char *s)
{
	if (s)
		json_add_stringn(b, s, strlen(s));
	else
		buf_adds(b, "null");
}

static void newline(struct json_out *o)
{
	if (!o->pretty)
		return;
	buf_addc(o->buf, '\n');
	for (unsigned i = 0; i < o->depth; i++)
		buf_adds(o->buf, "  ");
}

/* begin - comma, line, key. */
static void begin(struct json_out *o, const char *key)
{
	if (o->depth) { /* values at the top level are the caller's to separate */
		if (o->comma[o->depth])
			buf_addc(o->buf, ',');
		o->comma[o->depth] = true;
		newline(o);
	}
	if (!key)
		return;
	json_add_string(o->buf, key);
	buf_adds(o->buf, o->pretty ? ": " : ":");
}

static void open_level(struct json_out *o, const char *key, char bracket)
{
	begin(o, key);
	buf_addc(o->buf, bracket);
	assert(o->depth + 1 < sizeof(o->comma) / sizeof(o->comma[0]));
	o->comma[++o->depth] = false;
}

static void close_level(struct json_out *o, char bracket)
{
	bool members = o->comma[o->depth];

	assert(o->depth);
	o->depth--;
	if (members)
		newline(o);
	buf_addc(o->buf, bracket);
}

void json_obj(struct json_out *o, const char *key)
{
	open_level(o, key, '{');
}

void json_obj_end(struct json_out *o)
{
	close_level(o, '}');
}

void json_arr(struct json_out *o, const char *key)
{
	open_level(o, key, '[');
}

void json_arr_end(struct json_out *o)
{
	close_level(o, ']');
}

void json_str(struct json_out *o, const char *key, const char *value)
{
	begin(o, key);
	json_add_string(o->buf, value);
}

void json_strn(struct json_out *o, const char *key, const char *value, size_t n)
{
	begin(o, key);
	json_add_stringn(o->buf, value, n);
}

void json_i64(struct json_out *o, const char *key, int64_t value)
{
	begin(o, key);
	buf_addi64(o->buf, value);
}

void json_u64(struct json_out *o, const char *key, uint64_t value)
{
	begin(o, key);
	buf_printf(o->buf, "%llu", (unsigned long long)value);
}

void json_f64(struct json_out *o, const char *key, double value)
{
	char text[40];

	begin(o, key);
	if (!isfinite(value)) {
		buf_adds(o->buf, "null");
		return;
	}
	/* the shortest of the two that reads back as the same number */
	snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		snprintf(text, sizeof(text), "%.17g", value);
	buf_adds(o->buf, text);
}

void json_bool(struct json_out *o, const char *key, bool value)
{
	begin(o, key);
	buf_adds(o->buf, value ? "true" : "false");
}

void json_null(struct json_out *o, const char *key)
{
	begin(o, key);
	buf_adds(o->buf, "null");
}

void json_raw(struct json_out *o, const char *key, const char *json)
{
	begin(o, key);
	buf_adds(o->buf, json);
}
