/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_BOOKS_ROOM_H
#define WD_TRIAL_BOOKS_ROOM_H

/* Between the readers of books (one file per kind). Private to trial/books*.c. */
#include "base/clock.h"
#include "conf/target.h"
#include "ledger/ledger.h"

struct buf;
struct err;
struct stage;

#define BOOKS_DEADLINE_NS (60 * NS_PER_S) /* one whole reading */
#define BOOKS_BYTES_MAX (256 << 20)	  /* of an HTTP body or a command's output */

enum books_field {
	FIELD_KEY,
	FIELD_TOTAL,
	FIELD_CURRENCY,
	FIELD_RECEIPT,
	FIELD_SERIES,
	FIELD_NUMBER,
	FIELD_LANE,
	FIELD_STATE,
	FIELD_TIME,
	FIELD_TENDER,
	FIELD_SKU,
	FIELD_QTY,
	FIELD_WHY,
	FIELDS_COUNT
};

/** struct books_query - one of the things that can be asked. */
struct books_query {
	const char *name;  /* "sales" */
	int what;	   /* enum book_what; BOOK_WHATS: the queue */
	size_t sql;	   /* offset of its SQL in struct books */
	unsigned required; /* bit per field */
};
#define BOOKS_QUERIES 5
extern const struct books_query books_queries[BOOKS_QUERIES];
/** books_sql - the query's text, NULL when not declared. */
const char *books_sql(const struct target *t, const struct books_query *q);
/**
 * books_sql_next - the i-th thing to ask by SQL: the queries above, then the invariants, which
 * need no column. *ret_sql NULL: not declared. False when there are no more.
 */
bool books_sql_next(const struct target *t, size_t i, struct books_query *ret,
		    const char **ret_sql);

/** struct books_in - what every reader gets. */
struct books_in {
	struct stage *stage;
	const struct target *target;
	bool stopped;
	bool queue; /* read only the queue */
	int64_t deadline_ns;
	void (*row)(void *arg, const struct book *b);
	void *arg;
	int64_t *ret_queue; /* with queue */
};

/** struct books_map - which column holds which field. */
struct books_map {
	const struct books_query *query;
	int column[FIELDS_COUNT]; /* -1: none */
	int64_t row;		  /* rows seen, for messages */
};
/** books_map - by column names. -EINVAL naming a required column that is missing. */
int books_map(struct books_map *m, const struct books_query *q, const char *const *names, size_t n,
	      struct err *e);
/** books_field - index of a column's name, -1 unknown. */
int books_field(const char *name, size_t len);
/** books_row - one row as text cells (NULL: SQL NULL) in column order; calls in->row. */
int books_row(const struct books_in *in, struct books_map *m, const char *const *cells,
	      struct err *e);
/** books_count - a cell of the queue query. */
int books_count(const char *cell, int64_t *ret, struct err *e);
/** books_json - rows out of JSON text: an array of sales, an object of arrays, or lines. */
int books_json(const struct books_in *in, const char *text, size_t len, struct err *e);

int books_sqlite(const struct books_in *in, struct err *e);
int books_postgres(const struct books_in *in, struct err *e);
int books_http(const struct books_in *in, struct err *e);
int books_command(const struct books_in *in, struct err *e);

#endif
