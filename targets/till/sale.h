/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_SALE_H
#define TILL_SALE_H

/* A sale as it travels from lane to store, at once or out of the offline queue. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_MAX 96
#define IDEM_MAX 128
#define NAME_MAX_ 32
#define LINES_MAX 1000

struct line {
	char sku[NAME_MAX_];
	int64_t qty, price; /* pieces, cents per piece */
};

struct sale {
	char key[KEY_MAX];   /* the basket, whoever asks and however often */
	char idem[IDEM_MAX]; /* Idempotency-Key of the request that books it: the key */
	char episode[KEY_MAX]; /* one go at paying, with its retries: what can be undone */
	char payment[KEY_MAX]; /* what the bank charged it under; "": no bank was asked */
	char lane[NAME_MAX_], tender[NAME_MAX_];
	int64_t total, amount; /* cents: of the lines; handed over */
	int64_t created_ms;
	int64_t number;      /* offline: already given by the lane; 0: the store gives one */
	bool offline, manual;
	struct line *lines;  /* owned */
	size_t count, room;
};

/** struct booked - what the shopper gets: the sale's identity in the books. */
struct booked {
	char receipt[KEY_MAX]; /* "lane-1-17", offline "lane-1-o-5" */
	char state[NAME_MAX_]; /* paid, void, refunded */
	char payment[KEY_MAX]; /* the one it was paid with, which may be another lane's */
	char tender[NAME_MAX_];
	int64_t total;
	bool offline;
	bool again;            /* it had been booked before */
};

/** sale_add - one more line; false: too many. */
bool sale_add(struct sale *s, const char *sku, int64_t qty, int64_t price);
/** sale_total - cents: the sum over the lines. */
int64_t sale_total(const struct sale *s);
void sale_done(struct sale *s);
/** sale_copy - deep; the caller frees with sale_done. */
void sale_copy(struct sale *to, const struct sale *from);

/** sale_encode, sale_decode - the JSON body of POST /sales; decode: false if it makes no sense. */
json_t *sale_encode(const struct sale *s);
bool sale_decode(struct sale *ret, const json_t *body);
/** lines_encode, lines_decode - [["sku", qty, price], ...]. */
json_t *lines_encode(const struct sale *s);
bool lines_decode(struct sale *s, const json_t *lines);

json_t *booked_encode(const struct booked *b);
bool booked_decode(struct booked *ret, const json_t *body);

/** copy_text - into a fixed field; false: does not fit. */
bool copy_text(char *to, size_t size, const char *from);

#endif
