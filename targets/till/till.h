/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_TILL_H
#define TILL_TILL_H

/* What every part of the till knows: its options, its one currency, and how it speaks. */
#include <stdint.h>

#define CURRENCY "EUR"

struct options {
	const char *name;     /* lane-1 */
	const char *data;     /* folder that outlives us */
	const char *store;    /* http://store:8080 */
	const char *goods;    /* CSV for `till init` */
	const char *printer;  /* device path, or tcp:HOST:PORT; NULL: no printer */
	const char *terminal; /* host:port, ZVT; NULL: the cashier's own, approved by hand */
	const char *bank;     /* http://bank:8080, asked without a terminal; NULL: no bank */
	int port;
	int64_t timeout_ms;    /* how long a lane waits for the store, twice */
	const char *scanner;   /* a serial line; NULL: none */
	int64_t bank_ms;       /* and for the bank, once */
	int64_t terminal_ms;   /* for what comes of a command to the terminal */
	int64_t terminal_ack_ms; /* and for its acknowledgement */
	int64_t printer_rest_ms; /* a printer that failed is left alone for so long */
	int64_t floor;         /* offline limits: cents per card sale */
	int64_t offline_count; /* sales waiting */
	int64_t offline_sum;   /* cents waiting */
	int64_t offline_age_s; /* of the oldest one waiting */
	int64_t stock;         /* `till init`: pieces of each article */
};

/** say - one event, one line on stdout, out at once. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** wall_ms - the time of day, for receipts. */
int64_t wall_ms(void);
/** mono_ms - for deadlines. */
int64_t mono_ms(void);

int store_main(const struct options *o);
int lane_main(const struct options *o);
int init_main(const struct options *o);

#endif
