/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_COUNTER_ESCPOS_H
#define WD_COUNTER_ESCPOS_H

/*
 * What a receipt printer understands of the bytes it gets: text, line by line
 * and as UTF-8, cuts, drawer pulses and questions about its state. All other
 * ESC/POS commands are known by their length and change nothing here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESCPOS_LINE_MAX 512 /* bytes of UTF-8; a longer line is broken */

enum escpos_ask {
	ASK_REAL_TIME, /* DLE EOT n: answered whatever the printer is doing */
	ASK_STATUS,    /* GS r n: answered when its turn comes */
	ASK_AUTOMATIC, /* GS a n: which changes to report by itself */
	ASK_IDENTITY,  /* GS I n */
	ASK_RECOVER,   /* DLE ENQ n */
};

/** struct escpos_out - what comes of it. False: not now; the byte that led there is not taken. */
struct escpos_out {
	void *arg;
	bool (*line)(void *arg, const char *text, size_t len);
	bool (*cut)(void *arg);
	bool (*pulse)(void *arg, int pin);
	void (*ask)(void *arg, enum escpos_ask what, int n);
	void (*begin)(void *arg); /* ESC @ */
};

/** struct escpos - one printer's mind; zero-initialise. */
struct escpos {
	uint8_t state, prefix, command;
	uint8_t arg[8];
	uint8_t have, want;   /* arguments */
	int64_t skip;         /* bytes of data to pass over */
	bool until_nul;       /* ... or up to a NUL */
	int page;             /* code page, as ESC t has it */
	size_t len;
	char text[ESCPOS_LINE_MAX];
};

/** escpos_feed - bytes in; returns how many were taken: fewer when somebody said "not now". */
size_t escpos_feed(struct escpos *p, const struct escpos_out *out, const uint8_t *data, size_t len);
/** escpos_off - the power is gone: what was under way is forgotten. Returns the length of the line
 * that was begun, in p->text. */
size_t escpos_off(struct escpos *p);
/** escpos_utf8 - one byte of a code page; returns how many bytes of UTF-8 (1 to 3). Pure. */
size_t escpos_utf8(int page, uint8_t byte, char ret[static 4]);

#endif
