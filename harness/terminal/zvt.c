/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal/zvt.h"

#include <errno.h>

/* How long a field is: so many bytes, or its length stands in front of it. */
enum { LL = 0xf2, LLL = 0xf3, TLV = 0xf4 }; /* 0xf1 0xf6: sixteen; 0xf0 0xf1 0xf6; as BER does */
static const uint8_t lengths[256] = {
	[0x01] = 1, [0x02] = 1, [0x03] = 1, [0x04] = 6, [0x05] = 1, [0x06] = TLV, [0x0b] = 3,
	[0x0c] = 3, [0x0d] = 2, [0x0e] = 2, [0x17] = 2, [0x19] = 1, [0x22] = LL, [0x23] = LL,
	[0x24] = LLL, [0x27] = 1, [0x29] = 4, [0x2a] = 15, [0x2d] = LL, [0x2e] = LLL, [0x37] = 3,
	[0x3a] = 2, [0x3b] = 8, [0x3c] = LLL, [0x3d] = 3, [0x49] = 2, [0x60] = LLL, [0x87] = 2,
	[0x88] = 3, [0x8a] = 1, [0x8b] = LL, [0x8c] = 1, [0x9a] = LLL, [0xa0] = 1, [0xa7] = LL,
	[0xaa] = 3, [0xaf] = LLL, [0xba] = 5, [0xc3] = LLL, [0xc4] = LLL, [0xf0] = LLL,
};

int64_t zvt_frame(const uint8_t *data, size_t len, struct zvt_apdu *ret)
{
	size_t head = 3, n;

	*ret = (struct zvt_apdu){ 0 };
	if (len < head)
		return 0;
	n = data[2];
	if (n == 0xff) {
		head = 5;
		if (len < head)
			return 0;
		n = (size_t)data[3] | (size_t)data[4] << 8;
	}
	if (n > ZVT_DATA_MAX)
		return -EMSGSIZE;
	if (len - head < n)
		return 0;
	*ret = (struct zvt_apdu){ (unsigned)data[0] << 8 | data[1], data + head, n };
	return (int64_t)(head + n);
}

/* The length in front of a field; how many bytes that took, 0: it makes no sense. */
static size_t varying(const uint8_t *at, size_t left, unsigned kind, size_t *ret)
{
	size_t digits = kind - 0xf0, n = 0;

	if (kind == TLV) {
		if (left && at[0] < 0x80)
			return *ret = at[0], 1;
		if (left > 1 && at[0] == 0x81)
			return *ret = at[1], 2;
		if (left > 2 && at[0] == 0x82)
			return *ret = (size_t)at[1] << 8 | at[2], 3;
		return 0;
	}
	for (size_t i = 0; i < digits; i++) {
		if (i == left || (at[i] & 0xf0) != 0xf0 || (at[i] & 0x0f) > 9)
			return 0;
		n = n * 10 + (at[i] & 0x0f);
	}
	*ret = n;
	return digits;
}

const uint8_t *zvt_find(const uint8_t *data, size_t len, unsigned field, size_t *ret_len)
{
	const uint8_t *at = data, *end = data + len;

	*ret_len = 0;
	while (at < end) {
		unsigned number = *at++;
		size_t n = lengths[number], left = (size_t)(end - at), front = 0;

		if (n > 0xf0)
			front = varying(at, left, (unsigned)n, &n);
		if (!lengths[number] || (lengths[number] > 0xf0 && !front) || left - front < n) {
			*ret_len = SIZE_MAX;
			return NULL;
		}
		at += front;
		if (number == field) {
			*ret_len = n;
			return at;
		}
		at += n;
	}
	return NULL;
}

int64_t zvt_bcd(const uint8_t *at, size_t len)
{
	int64_t n = 0;

	if (len > 9)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (at[i] >> 4 > 9 || (at[i] & 0x0f) > 9)
			return -1;
		n = n * 100 + (at[i] >> 4) * 10 + (at[i] & 0x0f);
	}
	return n;
}

void zvt_write(struct buf *out, unsigned code, const void *data, size_t len)
{
	buf_addc(out, (char)(code >> 8));
	buf_addc(out, (char)code);
	if (len < 0xff) {
		buf_addc(out, (char)len);
	} else {
		buf_addc(out, (char)0xff);
		buf_addc(out, (char)len);
		buf_addc(out, (char)(len >> 8));
	}
	if (len)
		buf_add(out, data, len);
}

void zvt_add_bcd(struct buf *out, unsigned field, int64_t value, unsigned bytes)
{
	uint8_t digits[9] = { 0 };

	for (unsigned i = bytes; i-- > 0; value /= 100)
		digits[i] = (uint8_t)(value % 100 / 10 << 4 | value % 10);
	zvt_add_bytes(out, field, digits, bytes);
}

void zvt_add_byte(struct buf *out, unsigned field, unsigned value)
{
	zvt_add_bytes(out, field, &(uint8_t){ (uint8_t)value }, 1);
}

void zvt_add_bytes(struct buf *out, unsigned field, const void *data, size_t len)
{
	if (field)
		buf_addc(out, (char)field);
	buf_add(out, data, len);
}
