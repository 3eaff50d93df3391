/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_STORE_H
#define TILL_STORE_H

/*
 * The store: what the shop knows. Functions return an HTTP status: 200 done
 * (also: had been done before), 201 done now, 409 refused, 5xx it failed; for
 * 409 and worse `why` says it in words.
 */
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "db.h"
#include "http_server.h"
#include "sale.h"

#define WHY_MAX 128

struct behind;
struct store {
	struct db db;          /* the one that writes */
	struct db reader;      /* for looking things up */
	struct behind *behind; /* owned; NULL but for a bug */
	atomic_bool closing;
};

/* store_db.c */
/** store_db_make - create or upgrade store.db in the folder. */
int store_db_make(struct db *db, const char *folder);
int store_db_open(struct store *st, const char *folder);
void store_db_close(struct store *st);

/* store_sale.c */
/** store_sell - book it: sale, lines, payment, stock and receipt number, all or nothing. */
int store_sell(struct store *st, const struct sale *s, struct booked *ret, char *why);
/** struct booking - how to book; all zero is how it should be. */
struct booking {
	int64_t number;       /* taken before */
	bool stock_elsewhere; /* the caller moves the stock */
};
int store_book(struct store *st, const struct sale *s, const struct booking *how,
	       struct booked *ret, char *why);
int store_move_stock(struct db *db, const struct sale *s);
/** store_find - what is in the books under this key: 200 or 404. */
int store_find(struct store *st, const char *key, struct booked *ret);

/* store_undo.c */
struct found {
	int64_t id, total;
	bool undone;
	char state[NAME_MAX_], tender[NAME_MAX_];
};
/** store_look - the sale of this key: 1 found, 0 not there, or negative errno. */
int store_look(struct db *db, const char *key, struct found *ret);
/** store_take_back - goods back on the shelf, money back to the shopper, the number stays. */
int store_take_back(struct db *db, const struct found *f, const char *key, const char *lane);
/** store_void - take a sale back; one not (yet) here can then never be booked. */
int store_void(struct store *st, const char *key, const char *lane, char *why);
/** store_refund - money back for the sale `of`: a record with a key and a receipt of its own. */
int store_refund(struct store *st, const char *key, const char *of, const char *lane,
		 struct booked *ret, char *why);

/* store_claim.c */
/** store_claim - this episode wants the sale. 1: it has been undone before; negative errno. */
int store_claim(struct db *db, const struct sale *s);
/** store_revive - an undone (or void) sale is wanted after all, as this one was paid. */
int store_revive(struct db *db, const struct sale *s);
/** store_undo - an episode was given up: void its sale unless another episode wants it. */
int store_undo(struct store *st, const char *key, const char *episode, const char *lane, char *why);

/* store_number.c */
/** store_next_number - the next of a series, in the caller's transaction; negative errno. */
int64_t store_next_number(struct db *db, const char *series);
/** store_note_receipt - this receipt belongs to that sale; 0, -EEXIST: to another one. */
int store_note_receipt(struct db *db, const char *series, int64_t number, const char *receipt,
		       const char *key, const char *kind);

/* store_session.c */
int store_session_open(struct store *st, const char *id, const char *lane);
/** store_session_close - the Z report: every sale of the lane that no Z has counted yet. */
int store_session_close(struct store *st, const char *id, const char *lane, json_t **ret);

/* store_suspend.c */
int store_suspend(struct store *st, const char *key, const char *lane, const char *lines);
/** store_resume - the lines of a suspended basket (caller frees); any lane, until it is sold. */
int store_resume(struct store *st, const char *key, json_t **ret_lines, char *why);

/* store_lanes.c */
/** store_lane_report - a lane says how many of its sales are not in the books yet. */
int store_lane_report(struct store *st, const char *lane, int64_t queued, int64_t aside);

/* store_http.c */
extern const struct route store_routes[];
extern const size_t store_routes_count;

#endif
