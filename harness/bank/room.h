/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BANK_ROOM_H
#define WD_BANK_ROOM_H

/*
 * What the files of this room share; nobody else includes it.
 *
 *   accounts.c   the truth: payments, what may happen to each, idempotency; no I/O
 *   http.c       requests out of a stream of bytes; answers as bytes
 *   api.c        HTTP/JSON to what accounts.c understands and back
 *   iso8583.c    ISO 8583 messages out of a stream of bytes and back
 *   iso_api.c    those to what accounts.c understands and back
 *   rules.c      which faults a request meets
 *   conn.c       a connection: requests in either language, answers that wait
 *   host.c       the process: doors, orders, news
 *   bank.c       the worker's end
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bank/bank.h"
#include "bank/iso8583.h"
#include "base/buf.h"
#include "base/loop.h"

struct bank_rec;
struct side_far;

#define BANK_ID_MAX 32
#define BANK_TEXT_MAX 128

/** struct bank_request - one thing that a till asks. */
struct bank_request {
	enum bank_op op;
	char idem[BANK_TEXT_MAX]; /* idempotency key; "": none */
	char id[BANK_ID_MAX];     /* the payment, as the bank named it; "": by original */
	char original[BANK_TEXT_MAX]; /* the payment, by the key it was asked for with */
	char reference[BANK_REFERENCE_MAX]; /* the sale, as the till names it */
	char currency[4], tid[32], stan[8];
	int64_t amount;           /* minor units; < 0: all of it */
	bool capture;             /* with the authorisation: one message for both */
	bool forced;              /* an advice: it has happened. A capture without `original` is
				   * then a sale that was approved offline */
};

/** struct bank_answer - what the bank says. */
struct bank_answer {
	int status;               /* of HTTP */
	char code[BANK_CODE_MAX]; /* "00", "51", ... as ISO 8583 field 39 */
	const char *state;        /* authorised, captured, declined, reversed; NULL: error */
	const char *why;          /* errors: one sentence; NULL */
	char id[BANK_ID_MAX], reference[BANK_REFERENCE_MAX], currency[4];
	int64_t authorised, captured, reversed;
	bool replayed;            /* the idempotency key was known: nothing was done */
};

/* ---- accounts.c ---- */

struct accounts;
/** accounts_new - @record: told of each thing that happens to money; its strings are borrowed. */
struct accounts *accounts_new(void (*record)(void *arg, const struct bank_rec *r), void *arg);
void accounts_free(struct accounts *a);
/** accounts_do - one request. @decline: NULL, or the code with which the answer is no. */
void accounts_do(struct accounts *a, const struct bank_request *r, int64_t now_ns,
		 const char *decline, struct bank_answer *ret);
/** accounts_nth - this is the how many-eth request of its kind under this reference (from 1)? */
uint64_t accounts_nth(struct accounts *a, enum bank_op op, const char *reference);
/** accounts_reference - fills in what the request means, where it names a payment by its id. */
void accounts_reference(const struct accounts *a, struct bank_request *r);

/* ---- http.c ---- */

#define HTTP_HEAD_MAX ((size_t)16 << 10)
#define HTTP_BODY_MAX ((size_t)64 << 10)

/** struct http_request - slices point into the bytes it was read from. */
struct http_request {
	char method[8];
	char path[256];           /* with its query */
	char idem[BANK_TEXT_MAX]; /* Idempotency-Key */
	const char *body;
	size_t body_len;
	bool keep;                /* the connection stays open */
	bool expect;              /* 100-continue was asked for, and the body is not here yet */
};
/**
 * http_read - one request at the front of data[0..len). Bytes it took; 0: more are needed (then
 * ret->expect may be set); -EPROTO: no request, *ret_status is what to answer.
 */
int64_t http_read(const char *data, size_t len, struct http_request *ret, int *ret_status);
/** http_write - an answer with this body, as bytes. */
void http_write(struct buf *out, int status, const char *body, size_t len, bool keep,
		bool replayed);

/* ---- api.c ---- */

enum api { API_PAYMENT, API_HEALTH, API_WRONG };
/**
 * api_read - what an HTTP request asks. @field: the body's member that names the sale. API_WRONG:
 * *ret_status, *ret_why say what to answer.
 */
enum api api_read(const struct http_request *h, const char *field, struct bank_request *ret,
		  int *ret_status, const char **ret_why);
/** api_write - an answer as HTTP. */
void api_write(struct buf *out, const struct bank_answer *a, bool keep);
void api_write_error(struct buf *out, int status, const char *why, bool keep);

/* ---- iso_api.c ---- */

/** struct iso_conf - what of a message the target file says. */
struct iso_conf {
	unsigned reference;       /* the field that names the sale */
	char currency[4];         /* where field 49 does not say */
};
/** iso_asks - is it one that wants an answer? */
bool iso_asks(const struct iso_msg *m);
/** iso_request - what a message asks. API_WRONG: *ret_code is what to refuse it with. */
enum api iso_request(const struct iso_msg *m, const struct iso_conf *conf,
		     struct bank_request *ret, const char **ret_code);
/** iso_answer, iso_refuse - the answer to @m, as bytes. */
void iso_answer(struct buf *out, const struct iso_msg *m, const struct bank_answer *a);
void iso_refuse(struct buf *out, const struct iso_msg *m, const char *code);

/* ---- rules.c ---- */

struct rules {
	struct rule_at {
		bool used;
		unsigned id;
		int64_t hits;     /* requests that matched */
		struct bank_rule rule;
	} at[BANK_RULES_MAX];
	unsigned added;
};
/** rules_add - its number; -ENOSPC. */
int rules_add(struct rules *r, const struct bank_rule *rule);
int rules_del(struct rules *r, unsigned id);
/** struct fate - what becomes of a request, and through which rule (UINT32_MAX: none). */
struct fate {
	unsigned decline, error, down, drop, slow, twice;
	int64_t delay_ns;
};
#define NO_RULE UINT32_MAX
/** rules_decide - @from: index of the node that asks, -1: nobody's. */
void rules_decide(struct rules *r, const struct bank_request *q, int from, uint64_t nth,
		  struct fate *ret);
const struct bank_rule *rules_get(const struct rules *r, unsigned id);

/* ---- host.c ---- */

enum bank_order_kind { ORDER_RULE_ADD = 1, ORDER_RULE_DEL, ORDER_SYNC,
	ORDER_WATCH, ORDER_GO };
struct bank_order {
	uint32_t kind, id;
	struct bank_rule rule;
};
enum bank_news_kind { NEWS_RECORD = 1, NEWS_HIT };
/** struct bank_news - what the process tells: a line of the ledger, or a hit. */
struct bank_news {
	uint32_t kind;
	struct bank_hit hit;
	struct {
		int64_t t_ns, amount;
		uint32_t number; /* from 1 */
		char what[16], key[BANK_REFERENCE_MAX], tid[32], stan[8], rrn[BANK_ID_MAX];
		char currency[4];
	} record;
};
/** struct host_opts - what the process needs; in memory that it inherits. */
struct host_opts {
	const char *field;    /* of an HTTP body: the sale */
	struct iso_conf iso;
	bool speaks[2];       /* HTTP, ISO 8583: each has a door */
};
struct conn;
struct host {
	struct side_far *far;
	struct loop *loop;
	const struct host_opts *o;
	struct door {
		struct loop_fd fd;
		struct host *host;
		bool iso;
	} doors[2];
	struct accounts *accounts;
	struct rules rules;
	uint32_t records;     /* told so far */
	bool watched;         /* answers wait until the worker has done with their records */
	struct conn *conns;   /* owned */
	unsigned conns_count;
};
/** host_run - fds: where clients connect, for each language that it speaks. */
void host_run(struct side_far *far, const int *fds, void *opts);
/** host_hit - tell the worker. @from: index of the node that asks. */
void host_hit(struct host *h, unsigned rule, int from, const struct bank_request *q,
	      uint64_t nth, bool approved);

/* ---- conn.c ---- */

/** conn_new - @fd, accepted, is its own from now on. */
void conn_new(struct host *h, int fd, int from, bool iso);
/** conns_heal - what a rule held back is said now; who was left in silence (@down) is told that
 * nobody is there. */
void conns_heal(struct host *h, unsigned rule, bool down);
/** conns_go - the worker has done with all records up to this one. */
void conns_go(struct host *h, uint32_t record);
void conns_free(struct host *h);

#endif
