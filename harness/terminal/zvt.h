/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TERMINAL_ZVT_H
#define WD_TERMINAL_ZVT_H

/*
 * ZVT as bytes on TCP: class, instruction, one byte of length (0xff: two more, low one first),
 * data. Data are fields, each behind its number, some behind a few bytes at fixed places. No I/O.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define ZVT_DATA_MAX 4096 /* that anybody needs */

/** zvt_code - class and instruction as one number: 0x0601. */
enum zvt_code {
	ZVT_STATUS = 0x040f, ZVT_PROGRESS = 0x04ff, ZVT_ENQUIRY = 0x0501, ZVT_REGISTER = 0x0600,
	ZVT_PAY = 0x0601, ZVT_LOG_OFF = 0x0602, ZVT_DONE = 0x060f, ZVT_FAILED = 0x061e,
	ZVT_REPEAT = 0x0620, ZVT_REVERSE = 0x0630, ZVT_END_OF_DAY = 0x0650, ZVT_ABORT = 0x06b0,
	ZVT_ACK = 0x8000,
	ZVT_GOODS_NOT_ISSUED = 0x8466, ZVT_NOT_POSSIBLE = 0x8483, ZVT_PROTOCOL = 0x849a,
	ZVT_WAIT = 0x849c
};
/** Fields that we speak of, and what a result (field 27) may be. */
enum zvt_field {
	ZVT_F_AMOUNT = 0x04, ZVT_F_TRACE = 0x0b, ZVT_F_TIME = 0x0c, ZVT_F_DATE = 0x0d,
	ZVT_F_TYPE = 0x19, ZVT_F_PAN = 0x22, ZVT_F_RESULT = 0x27, ZVT_F_TERMINAL = 0x29,
	ZVT_F_AUTH = 0x3b, ZVT_F_CURRENCY = 0x49, ZVT_F_RECEIPT = 0x87
};
enum zvt_result {
	ZVT_OK = 0, ZVT_NOT_ISSUED = 0x66, ZVT_ABORTED = 0x6c, ZVT_NOTHING = 0x83,
	ZVT_NO_BANK = 0xa1, ZVT_REVERSED = 0xb4, ZVT_NO_REVERSAL = 0xb5, ZVT_SYSTEM = 0xff
};

/** struct zvt_apdu - one message; data is a slice of what it was read from. */
struct zvt_apdu {
	unsigned code;
	const uint8_t *data;
	size_t len;
};
/** zvt_frame - one message at the front. Bytes it takes; 0: more are needed; -EMSGSIZE. */
int64_t zvt_frame(const uint8_t *data, size_t len, struct zvt_apdu *ret);
/** zvt_find - a field among those of data[0..len): its bytes, *ret_len many; NULL: it is not there,
 * or something before it cannot be framed (*ret_len is then SIZE_MAX). */
const uint8_t *zvt_find(const uint8_t *data, size_t len, unsigned field, size_t *ret_len);
/** zvt_bcd - as a number; -1: these are not decimal digits. At most 9 bytes. */
int64_t zvt_bcd(const uint8_t *at, size_t len);

/** zvt_write - a message with these data. */
void zvt_write(struct buf *out, unsigned code, const void *data, size_t len);
/** zvt_add_bcd - a field (0: none, its bytes alone) of so many bytes, two digits in each. */
void zvt_add_bcd(struct buf *out, unsigned field, int64_t value, unsigned bytes);
void zvt_add_byte(struct buf *out, unsigned field, unsigned value);
void zvt_add_bytes(struct buf *out, unsigned field, const void *data, size_t len);

#endif
