/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BANK_ISO8583_H
#define WD_BANK_ISO8583_H

/*
 * ISO 8583:1987 messages as bytes: four digits of message type, a bitmap of 8 or 16 bytes, fields
 * in ASCII (lengths too), those of type b as bytes; on TCP behind a length of two bytes, high one
 * first, that does not count itself. No I/O, nothing allocated.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define ISO_FIELDS 128
#define ISO_MESSAGE_MAX 4096 /* bytes of a message that is taken, without its length */

/** enum iso_field - those that we speak of by name. */
enum iso_field {
	ISO_PAN = 2, ISO_PROCESSING = 3, ISO_AMOUNT = 4, ISO_SENT_AT = 7, ISO_STAN = 11,
	ISO_TIME = 12, ISO_DATE = 13, ISO_RRN = 37, ISO_AUTH = 38, ISO_CODE = 39, ISO_TID = 41,
	ISO_MERCHANT = 42, ISO_PRIVATE = 48, ISO_CURRENCY = 49, ISO_NETWORK = 70,
	ISO_ORIGINAL = 90
};

/** struct iso_text - bytes of somebody else; at NULL: not there. */
struct iso_text {
	const char *at;
	size_t len;
};
/** struct iso_msg - its fields by number, 2..128; slices of what it was read from or made of. */
struct iso_msg {
	char mti[5];
	struct iso_text f[ISO_FIELDS + 1];
};

/**
 * iso_frame - one message at the front of data[0..len). Bytes it takes with its length; 0: more
 * are needed; -EMSGSIZE: nobody sends such a long one. *ret: the message; a length of 0 is a sign
 * of life without one.
 */
int64_t iso_frame(const char *data, size_t len, struct iso_text *ret);
/**
 * iso_read - a message. 0, or -EBADMSG: *ret_field is not what it should be (0: the type, 1: the
 * bitmap, 129: bytes behind the last one), and ret has those before it.
 */
int iso_read(struct iso_text data, struct iso_msg *ret, unsigned *ret_field);
/** iso_has - is it there? */
static inline bool iso_has(const struct iso_msg *m, unsigned field)
{
	return m->f[field].at != NULL;
}
/** iso_put - a field of this text, borrowed. It must be one that iso_fits. */
void iso_put(struct iso_msg *m, unsigned field, const char *text);
/** iso_fits - is this what the field may hold: length and characters? */
bool iso_fits(unsigned field, struct iso_text text);
/** iso_copy - a field as text; false: it is not there, or does not fit. Blanks at its end go. */
bool iso_copy(const struct iso_msg *m, unsigned field, char *ret, size_t size);
/** iso_write - the message behind its length. */
void iso_write(struct buf *out, const struct iso_msg *m);

/** iso_currency - "EUR" for 978; NULL: we know no such currency. iso_currency_code - back. */
const char *iso_currency(struct iso_text number);
const char *iso_currency_code(const char *name);

#endif
