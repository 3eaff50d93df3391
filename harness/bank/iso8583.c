/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields are a table. A message is taken only if every field of its bitmap
 * is one that we know, as long as it says and made of what it may be made of,
 * and nothing is left over: a host that guesses where a field ends reads the
 * next amount out of the middle of another field.
 */
#include "bank/iso8583.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a field is made of: digits, printable characters, bytes; or it is none that we take. */
enum content { NONE, DIGITS, TEXT, BYTES };
struct shape {
	uint8_t content;
	uint8_t digits; /* of its length: 0 fixed, 2, 3 */
	uint16_t max;   /* or exactly */
};
#define N(len) { DIGITS, 0, len }
#define A(len) { TEXT, 0, len }
#define B(len) { BYTES, 0, len }
#define LLN(max) { DIGITS, 2, max }
#define LLA(max) { TEXT, 2, max }
#define LLLA(max) { TEXT, 3, max }

/* ISO 8583:1987; 65 would be a third bitmap. */
static const struct shape shapes[ISO_FIELDS + 1] = {
	[2] = LLN(19), [3] = N(6), [4] = N(12), [5] = N(12), [6] = N(12), [7] = N(10), [8] = N(8),
	[9] = N(8), [10] = N(8), [11] = N(6), [12] = N(6), [13] = N(4), [14] = N(4), [15] = N(4),
	[16] = N(4), [17] = N(4), [18] = N(4), [19] = N(3), [20] = N(3), [21] = N(3), [22] = N(3),
	[23] = N(3), [24] = N(3), [25] = N(2), [26] = N(2), [27] = N(1), [28] = A(9), [29] = A(9),
	[30] = A(9), [31] = A(9), [32] = LLN(11), [33] = LLN(11), [34] = LLA(28), [35] = LLA(37),
	[36] = LLLA(104), [37] = A(12), [38] = A(6), [39] = A(2), [40] = A(3), [41] = A(8),
	[42] = A(15), [43] = A(40), [44] = LLA(25), [45] = LLA(76), [46] = LLLA(999),
	[47] = LLLA(999), [48] = LLLA(999), [49] = A(3), [50] = A(3), [51] = A(3), [52] = B(8),
	[53] = N(16), [54] = LLLA(120), [55] = LLLA(999), [56] = LLLA(999), [57] = LLLA(999),
	[58] = LLLA(999), [59] = LLLA(999), [60] = LLLA(999), [61] = LLLA(999), [62] = LLLA(999),
	[63] = LLLA(999), [64] = B(8), [66] = N(1), [67] = N(2), [68] = N(3), [69] = N(3),
	[70] = N(3), [71] = N(4), [72] = N(4), [73] = N(6), [74] = N(10), [75] = N(10),
	[76] = N(10), [77] = N(10), [78] = N(10), [79] = N(10), [80] = N(10), [81] = N(10),
	[82] = N(12), [83] = N(12), [84] = N(12), [85] = N(12), [86] = N(16), [87] = N(16),
	[88] = N(16), [89] = N(16), [90] = N(42), [91] = A(1), [92] = A(2), [93] = A(5),
	[94] = A(7), [95] = A(42), [96] = B(8), [97] = A(17), [98] = A(25), [99] = LLN(11),
	[100] = LLN(11), [101] = LLA(17), [102] = LLA(28), [103] = LLA(28), [104] = LLLA(100),
	[105 ... 127] = LLLA(999), [128] = B(8),
};

static bool made_of(enum content content, const char *at, size_t len)
{
	for (size_t i = 0; i < len && content != BYTES; i++) {
		unsigned char c = (unsigned char)at[i];

		if (content == DIGITS ? c < '0' || c > '9' : c < ' ' || c > '~')
			return false;
	}
	return content != NONE;
}

bool iso_fits(unsigned field, struct iso_text text)
{
	const struct shape *s;

	if (field < 2 || field > ISO_FIELDS || !text.at)
		return false;
	s = &shapes[field];
	return (s->digits ? text.len <= s->max : text.len == s->max) &&
	       made_of(s->content, text.at, text.len);
}

/* ---- reading ---- */

int64_t iso_frame(const char *data, size_t len, struct iso_text *ret)
{
	size_t n;

	*ret = (struct iso_text){ NULL, 0 };
	if (len < 2)
		return 0;
	n = (size_t)(uint8_t)data[0] << 8 | (uint8_t)data[1];
	if (n > ISO_MESSAGE_MAX)
		return -EMSGSIZE;
	if (len - 2 < n)
		return 0;
	*ret = (struct iso_text){ data + 2, n };
	return (int64_t)n + 2;
}

static bool take(struct iso_text *from, size_t len, struct iso_text *ret)
{
	if (from->len < len)
		return false;
	*ret = (struct iso_text){ from->at, len };
	from->at += len;
	from->len -= len;
	return true;
}

static bool take_field(struct iso_text *from, unsigned field, struct iso_text *ret)
{
	const struct shape *s = &shapes[field];
	struct iso_text length;
	size_t n = s->max;

	if (s->digits) {
		if (!take(from, s->digits, &length) || !made_of(DIGITS, length.at, length.len))
			return false;
		n = 0;
		for (size_t i = 0; i < length.len; i++)
			n = n * 10 + (size_t)(length.at[i] - '0');
	}
	return take(from, n, ret) && iso_fits(field, *ret);
}

int iso_read(struct iso_text data, struct iso_msg *ret, unsigned *ret_field)
{
	struct iso_text mti, map, more;
	size_t bits = 64;

	*ret = (struct iso_msg){ 0 };
	*ret_field = 0;
	if (!take(&data, 4, &mti) || !made_of(DIGITS, mti.at, 4))
		return -EBADMSG;
	memcpy(ret->mti, mti.at, 4);
	*ret_field = 1;
	if (!take(&data, 8, &map))
		return -EBADMSG;
	if ((uint8_t)map.at[0] & 0x80) {
		if (!take(&data, 8, &more))
			return -EBADMSG;
		bits = 128; /* the two lie behind one another */
	}
	for (unsigned i = 2; i <= bits; i++) {
		if (!((uint8_t)map.at[(i - 1) / 8] >> (7 - (i - 1) % 8) & 1))
			continue;
		*ret_field = i;
		if (!take_field(&data, i, &ret->f[i])) {
			ret->f[i] = (struct iso_text){ NULL, 0 };
			return -EBADMSG;
		}
	}
	*ret_field = ISO_FIELDS + 1;
	return data.len ? -EBADMSG : 0;
}

bool iso_copy(const struct iso_msg *m, unsigned field, char *ret, size_t size)
{
	struct iso_text t = m->f[field];

	while (t.len && t.at[t.len - 1] == ' ')
		t.len--;
	if (!t.at || t.len >= size)
		return false;
	memcpy(ret, t.at, t.len);
	ret[t.len] = '\0';
	return true;
}

/* ---- writing ---- */

void iso_put(struct iso_msg *m, unsigned field, const char *text)
{
	struct iso_text t = { text, strlen(text) };

	assert(iso_fits(field, t));
	m->f[field] = t;
}

void iso_write(struct buf *out, const struct iso_msg *m)
{
	size_t start = out->len, len;
	uint8_t map[16] = { 0 };
	unsigned bytes = 8;

	for (unsigned i = 2; i <= ISO_FIELDS; i++)
		if (m->f[i].at)
			map[(i - 1) / 8] |= (uint8_t)(1 << (7 - (i - 1) % 8));
	for (unsigned i = 8; i < 16; i++)
		if (map[i])
			bytes = 16;
	if (bytes == 16)
		map[0] |= 0x80;
	buf_add(out, "\0", 2);
	buf_add(out, m->mti, 4);
	buf_add(out, map, bytes);
	for (unsigned i = 2; i <= ISO_FIELDS; i++) {
		if (!m->f[i].at)
			continue;
		assert(iso_fits(i, m->f[i]));
		if (shapes[i].digits)
			buf_printf(out, "%0*zu", shapes[i].digits, m->f[i].len);
		buf_add(out, m->f[i].at, m->f[i].len);
	}
	len = out->len - start - 2;
	assert(len <= ISO_MESSAGE_MAX);
	out->data[start] = (char)(len >> 8);
	out->data[start + 1] = (char)len;
}

/* ---- ISO 4217, as far as shops in our tests have them ---- */

static const struct {
	const char *number, *name;
} currencies[] = {
	{ "036", "AUD" }, { "124", "CAD" }, { "156", "CNY" }, { "203", "CZK" }, { "208", "DKK" },
	{ "344", "HKD" }, { "348", "HUF" }, { "356", "INR" }, { "392", "JPY" }, { "484", "MXN" },
	{ "554", "NZD" }, { "578", "NOK" }, { "702", "SGD" }, { "710", "ZAR" }, { "752", "SEK" },
	{ "756", "CHF" }, { "826", "GBP" }, { "840", "USD" }, { "946", "RON" }, { "949", "TRY" },
	{ "978", "EUR" }, { "985", "PLN" }, { "986", "BRL" },
};
#define CURRENCIES (sizeof(currencies) / sizeof(currencies[0]))

const char *iso_currency(struct iso_text number)
{
	for (size_t i = 0; i < CURRENCIES && number.len == 3; i++)
		if (!memcmp(currencies[i].number, number.at, 3))
			return currencies[i].name;
	return NULL;
}

const char *iso_currency_code(const char *name)
{
	for (size_t i = 0; i < CURRENCIES; i++)
		if (!strcmp(currencies[i].name, name))
			return currencies[i].number;
	return NULL;
}
