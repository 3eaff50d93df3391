/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_LANE_H
#define TILL_LANE_H

/*
 * The lane: one checkout. Functions that a cashier's key leads to return an
 * HTTP status: 200/201 done, 404 no such sale here, 409 refused and surely
 * not booked, 503 it failed or nobody knows; `why` says it in words.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "db.h"
#include "http_client.h"
#include "http_server.h"
#include "sale.h"
#include "till.h"

#define WHY_MAX 128
#define BUCKETS 1024
#define BASKETS_MAX 4096 /* remembered; the oldest are in the books or were left behind */

enum basket_state { BASKET_OPEN, BASKET_PAID, BASKET_SUSPENDED, BASKET_VOID };

struct basket {
	struct sale sale;
	enum basket_state state;
	struct booked booked; /* when paid */
	int64_t approved;     /* cents, by the bank, under sale.payment; 0: nothing, or settled */
	bool doubt;           /* the store may have booked it: we asked and heard nothing */
	int users;            /* threads at work on it; protected by lane mutex */
	int taps;             /* on "pay" */
	struct basket *next;  /* in its bucket */
	struct basket *newer; /* in order of age */
};

struct price {
	char sku[NAME_MAX_];
	int64_t price;
};

#define CODE_TEXT 64
enum scan_state { SCAN_NONE, SCAN_AWAITED, SCAN_GOOD, SCAN_BAD };
/* struct scanning - what the screen waits for the scanner to read. */
struct scanning {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum scan_state state; /* protected by mutex, like all below */
	char key[KEY_MAX], sku[NAME_MAX_], why[WHY_MAX];
	int64_t line, qty;
	int status;
	struct booked booked;
};

struct lane {
	const struct options *o;
	struct scanning scanning;
	struct client *client;
	struct client *bank;     /* NULL: none */
	struct terminal *terminal; /* owned; NULL: none */
	bool charges;            /* one of the two: payments have names of their own */
	struct db db;            /* offline.db: queue, price list, counters */
	pthread_mutex_t mutex;
	pthread_cond_t changed;  /* a basket is free, the queue has moved, or there is work */
	struct basket *buckets[BUCKETS];  /* protected by mutex, like all below */
	struct basket *oldest, *newest;
	size_t baskets;
	struct price *prices;    /* owned, sorted by sku */
	size_t prices_count;
	bool work;               /* for the sync thread */
	int64_t brought_ms;      /* BUG_SYNC_BY_CLOCK: how old what it brought last is */
	bool asked;              /* since the store went away; the sync thread's own */
	atomic_bool online, closing;
	int64_t started_ms;      /* with `episodes` names each go at paying */
	_Atomic int64_t episodes;
	_Atomic int64_t printer_rests_until; /* mono_ms */
	pthread_mutex_t printer_mutex;
	int printer_fd;          /* its serial line, -1: not open; protected by printer_mutex */
	pthread_t sync_thread;
};

/* lane_basket.c */
/** basket_claim - the basket of this key, for us alone until basket_release; NULL: none. */
struct basket *basket_claim(struct lane *l, const char *key);
/** basket_claim_new - the same, made when there is none. */
struct basket *basket_claim_new(struct lane *l, const char *key);
void basket_release(struct lane *l, struct basket *b);
/** basket_clear - no lines, open again; what we doubt we still doubt. */
void basket_clear(struct basket *b);

/* lane_sale.c */
/** lane_begin - an empty basket under this key, or what it was sold as: look at ret->receipt. */
int lane_begin(struct lane *l, const char *key, struct booked *ret);
/**
 * struct scan - an article on its way into a basket. line: its place, from 1;
 * scanning a line again replaces it and all behind it, and line 1 begins the
 * basket, so that a scan can be repeated when its answer was lost. 0: append.
 */
struct scan {
	const char *sku;
	int64_t qty, line;
};
int lane_add(struct lane *l, const char *key, const struct scan *in, struct booked *ret,
	     char *why);
int lane_total(struct lane *l, const char *key, struct booked *ret);
/** lane_recall - a sale this lane has forgotten: in its queue, or in the books. 200 or 404. */
int lane_recall(struct lane *l, const char *key, struct booked *ret);

/* lane_pay.c */
struct payment {
	const char *tender;
	int64_t amount; /* < 0: exactly the total */
	int64_t change; /* out */
};
int lane_pay(struct lane *l, const char *key, struct payment *p, struct booked *ret, char *why);
/** lane_override - by hand: cash, a typed price, flagged. */
int lane_override(struct lane *l, const char *key, int64_t price, struct booked *ret, char *why);

/* lane_undo.c */
int lane_void(struct lane *l, const char *key, char *why);
/** lane_refund - money back for the sale `of`, once, under the refund's own key. */
int lane_refund(struct lane *l, const char *key, const char *of, struct booked *ret, char *why);
int lane_reprint(struct lane *l, const char *key, struct booked *ret);

/* lane_suspend.c */
int lane_suspend(struct lane *l, const char *key, char *why);
int lane_resume(struct lane *l, const char *key, struct booked *ret, char *why);

/* lane_store.c */
/** lane_ask - ask the store, once more if it does not answer; then we are offline. */
void lane_ask(struct lane *l, const char *method, const char *path, const json_t *body,
	      struct answer *ret);
/** lane_ask_once - one try with its own key and time; tells nobody. */
void lane_ask_once(struct lane *l, const char *path, const char *idem, const json_t *body,
		   long timeout_ms, struct answer *ret);
bool lane_online(struct lane *l);
void lane_set_online(struct lane *l, bool online);
/** lane_verdict - the status to tell for an answer, and why. */
int lane_verdict(const struct answer *a, char *why);

/* lane_offline.c */
struct queued {
	int64_t id, attempts, created_ms;
	char kind[NAME_MAX_], key[KEY_MAX], receipt[KEY_MAX];
	json_t *body; /* owned */
};
struct queue_length {
	int64_t queued, aside, total, oldest_ms;
};
int lane_offline_open(struct lane *l);
/** lane_offline_sell - sell without the store: durable in the queue, numbered, within limits. */
int lane_offline_sell(struct lane *l, const struct sale *s, struct booked *ret, char *why);
/** lane_offline_void - take back a sale the store cannot be asked about now. */
int lane_offline_void(struct lane *l, const char *key);
/** lane_offline_undo - we give up this go at paying: should the store have booked it, undo that. */
int lane_offline_undo(struct lane *l, const struct sale *s);
/** lane_offline_find - sold offline here? 200 or 404. */
int lane_offline_find(struct lane *l, const char *key, struct booked *ret);
/** lane_offline_waiting - is anything of this key still to be brought to the store? */
bool lane_offline_waiting(struct lane *l, const char *key);
void lane_offline_length(struct lane *l, struct queue_length *ret);
/** lane_offline_next - the oldest waiting with id > after; false: none. Free with queued_done. */
bool lane_offline_next(struct lane *l, int64_t after, struct queued *ret);
void queued_done(struct queued *q);
/** lane_offline_mark - queued, synced or aside. */
void lane_offline_mark(struct lane *l, int64_t id, const char *state, const char *why);
int64_t lane_meta(struct lane *l, const char *name);
int lane_set_meta(struct lane *l, const char *name, int64_t value);

/* lane_sync.c */
int lane_sync_start(struct lane *l);
void lane_sync_stop(struct lane *l);
/** lane_sync_wake - there is something to bring to the store, or to ask. */
void lane_sync_wake(struct lane *l);
/** lane_sync_wait - until the queue is empty or the time is up. True: empty. */
bool lane_sync_wait(struct lane *l, int64_t ms);

/* lane_prices.c */
/** lane_prices_cached - the list as we last had it. */
void lane_prices_cached(struct lane *l);
/** lane_prices_fetch - today's, from the store. */
int lane_prices_fetch(struct lane *l);
/** lane_price - cents, < 0: unknown article. */
int64_t lane_price(struct lane *l, const char *sku);

/* lane_session.c */
int lane_session_open(struct lane *l, char *id, size_t size);
int lane_session_close(struct lane *l, json_t **ret, char *why);

/* card.c */
/** card_authorise - 0 approved, -EACCES declined (why says), -ETIMEDOUT no word. */
int card_authorise(struct lane *l, struct basket *b, char *why);
/** card_booked - the sale is in the books or in the queue, paid with ret->payment: ours, or not. */
void card_booked(struct lane *l, struct basket *b, const struct booked *ret);
/** card_reverse - the sale surely did not happen: the money goes back. */
void card_reverse(struct lane *l, struct basket *b);

/** card_begin - a payment with a new name, noted durably. @after: as payment_begin. 0 or -EIO. */
int card_begin(struct lane *l, struct sale *s, int64_t after);
/** card_over - this go at charging has failed; @charged: the money may be gone, and goes back.
 * Returns rc, with `why` set to text. */
int card_over(struct lane *l, struct basket *b, bool charged, int rc, char *why,
	      const char *text);
/** card_deliver - bring waiting reversals to whoever has charged; how many there were. */
int card_deliver(struct lane *l);

/* card_bank.c, card_zvt.c: the two who charge. Returns as card_authorise. */
int bank_authorise(struct lane *l, struct basket *b, char *why);
int terminal_authorise(struct lane *l, struct basket *b, char *why);
/** ..._give_back - true: it is settled, one way or the other. */
bool bank_give_back(struct lane *l, const char *payment);
bool terminal_give_back(struct lane *l, const char *payment);
struct terminal *terminal_new(const struct options *o);
void terminal_free(struct terminal *t);

/* lane_payments.c */
/**
 * payment_begin - noted, durably, before anybody is asked for money. @after: the receipt number
 * of the terminal's last payment before this; < 0: no terminal. 0 or negative errno.
 */
int payment_begin(struct lane *l, const struct sale *s, int64_t after);
/** payment_note - what came of it at the terminal: its receipt number, or "-": nothing. */
void payment_note(struct lane *l, const char *id, const char *receipt);
/** struct noted - a payment at the terminal, as we noted it. */
struct noted {
	char payment[KEY_MAX], receipt[KEY_MAX]; /* receipt "": nobody knows yet */
	int64_t after;                           /* < 0: not of this lane's terminal */
};
/** payment_noted - false: there is none of this name. */
bool payment_noted(struct lane *l, const char *id, struct noted *ret);
/** payments_unresolved - the oldest of which nobody knows what came of it; false: none. */
bool payments_unresolved(struct lane *l, struct noted *ret);
/** payment_settle - its sale has happened, or it was never charged: nothing more to do. */
void payment_settle(struct lane *l, const char *id);
/** payment_reverse - for later, durably; the sync thread brings it to the bank. */
void payment_reverse(struct lane *l, const char *id);
/** payments_recover - after a crash: what was begun and not settled is undone, sale and charge. */
void payments_recover(struct lane *l);
/** payments_next - the oldest reversal with id > after; false: none. */
bool payments_next(struct lane *l, int64_t after, int64_t *ret_id, char *ret_payment);

/* scanner.c */
/** scanner_start - listen, if there is one. 0 or negative errno. */
int scanner_start(struct lane *l);
void scanner_stop(struct lane *l);
/** scanner_expect - the next code is for this line of this sale. 200; 404: there is no scanner. */
int scanner_expect(struct lane *l, const char *key, int64_t line, int64_t qty);
/** scanner_result - wait for it. 200; 404: it has to be scanned again, why says. */
int scanner_result(struct lane *l, struct booked *ret, char *why);

/* print.c */
/** print_receipt - on paper if there is a printer that works; true then. */
bool print_receipt(struct lane *l, const struct sale *s, const struct booked *b, bool copy);

/* lane_http.c */
extern const struct route lane_routes[];
extern const size_t lane_routes_count;

#endif
