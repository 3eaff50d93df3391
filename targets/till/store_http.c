/* SPDX-License-Identifier: Apache-2.0 */
/* The store's HTTP API: what the lanes ask for. */
#include "http_server.h"
#include "store.h"
#include "till.h"

#include <string.h>

#include <stdlib.h>

static struct reply trouble(int status, const char *why)
{
	return status == 409 ? reply_refused(why) : reply_error(status, why);
}

static struct reply with_booked(int status, const struct booked *b)
{
	return (struct reply){.status = status, .body = booked_encode(b)};
}

static struct reply get_health(void *arg, const struct request *rq)
{
	struct store *st = arg;

	(void)rq;
	if (atomic_load(&st->closing))
		return reply_error(503, "closing");
	return reply_ok(json_pack("{s:b}", "ok", 1));
}

static struct reply get_goods(void *arg, const struct request *rq)
{
	struct store *st = arg;
	json_t *list = json_array();
	sqlite3_stmt *s;

	(void)rq;
	db_lock(&st->reader);
	s = db_query(&st->reader, "SELECT sku, price FROM goods ORDER BY sku", "");
	while (db_row(s) == 1)
		json_array_append_new(list, json_pack("[s,I]", db_text(s, 0),
						      (json_int_t)sqlite3_column_int64(s, 1)));
	db_unlock(&st->reader);
	return reply_ok(json_pack("{s:o}", "goods", list));
}

static struct reply sell(struct store *st, const struct sale *s)
{
	char why[WHY_MAX] = "";
	struct booked b;
	int status = store_sell(st, s, &b, why);

	if (status > 201) {
		say("store no-sale key=%s lane=%s status=%d why=\"%s\"", s->key, s->lane, status,
		    why);
		return trouble(status, why);
	}
	say("store sale key=%s receipt=%s total=%lld offline=%d again=%d", s->key, b.receipt,
	    (long long)b.total, s->offline, b.again);
	return with_booked(status, &b);
}

static struct reply post_sale(void *arg, const struct request *rq)
{
	struct store *st = arg;
	struct sale s;
	struct reply r;

	if (atomic_load(&st->closing))
		return reply_error(503, "closing");
	if (!sale_decode(&s, rq->body))
		return reply_error(400, "not a sale");
	if (rq->idem)
		copy_text(s.idem, sizeof(s.idem), rq->idem);
	say("store booking sale key=%s lane=%s", s.key, s.lane);
	r = sell(st, &s);
	sale_done(&s);
	return r;
}

static struct reply get_sale(void *arg, const struct request *rq)
{
	struct booked b;
	int status = store_find(arg, rq->arg[0], &b);

	return status == 200 ? with_booked(status, &b) : reply_error(status, "not in the books");
}

/* What the bank charged it under, if the sale is in this state; "" else. */
static const char *payment_of(struct store *st, const char *key, const char *state, char *ret)
{
	struct booked b;

	if (store_find(st, key, &b) != 200 || strcmp(b.state, state))
		*b.payment = '\0';
	memcpy(ret, b.payment, sizeof(b.payment));
	return ret;
}

static struct reply post_void(void *arg, const struct request *rq)
{
	const char *key = body_text(rq, "key"), *lane = body_text(rq, "lane");
	char why[WHY_MAX] = "", payment[KEY_MAX];
	int status;

	if (!key || !lane)
		return reply_error(400, "key and lane, please");
	status = store_void(arg, key, lane, why);
	say("store void key=%s status=%d", key, status);
	if (status > 201)
		return trouble(status, why);
	return (struct reply){status, json_pack("{s:s,s:s,s:s}", "key", key, "state", "void",
						"payment", payment_of(arg, key, "void", payment))};
}

static struct reply post_undo(void *arg, const struct request *rq)
{
	const char *key = body_text(rq, "key"), *episode = body_text(rq, "episode");
	const char *lane = body_text(rq, "lane");
	char why[WHY_MAX] = "", payment[KEY_MAX];
	int status;

	if (!key || !episode || !lane)
		return reply_error(400, "key, episode and lane, please");
	status = store_undo(arg, key, episode, lane, why);
	say("store undo key=%s episode=%s status=%d", key, episode, status);
	if (status > 201)
		return trouble(status, why);
	return (struct reply){status, json_pack("{s:s,s:s}", "key", key, "payment",
						payment_of(arg, key, "paid", payment))};
}

static struct reply post_refund(void *arg, const struct request *rq)
{
	const char *key = body_text(rq, "key"), *of = body_text(rq, "of");
	const char *lane = body_text(rq, "lane");
	char why[WHY_MAX] = "";
	struct booked b;
	int status;

	if (!key || !of || !lane)
		return reply_error(400, "key, of and lane, please");
	status = store_refund(arg, key, of, lane, &b, why);
	say("store refund key=%s of=%s status=%d receipt=%s", key, of, status, b.receipt);
	return status > 201 ? trouble(status, why) : with_booked(status, &b);
}

static struct reply post_suspend(void *arg, const struct request *rq)
{
	const char *key = body_text(rq, "key"), *lane = body_text(rq, "lane");
	char *lines = json_dumps(json_object_get(rq->body, "lines"), JSON_COMPACT);
	int status;

	if (!key || !lane || !lines) {
		free(lines);
		return reply_error(400, "key, lane and lines, please");
	}
	status = store_suspend(arg, key, lane, lines);
	free(lines);
	say("store suspend key=%s lane=%s status=%d", key, lane, status);
	if (status > 201)
		return reply_error(status, "not suspended");
	return (struct reply){status, json_pack("{s:s,s:s}", "key", key, "state", "suspended")};
}

static struct reply get_suspended(void *arg, const struct request *rq)
{
	char why[WHY_MAX] = "";
	json_t *lines = NULL;
	int status = store_resume(arg, rq->arg[0], &lines, why);

	say("store resume key=%s status=%d", rq->arg[0], status);
	if (status != 200)
		return trouble(status, why);
	return reply_ok(json_pack("{s:s,s:o}", "key", rq->arg[0], "lines", lines));
}

static struct reply post_session(void *arg, const struct request *rq)
{
	const char *id = body_text(rq, "session"), *lane = body_text(rq, "lane");
	int status;

	if (!id || !lane)
		return reply_error(400, "session and lane, please");
	status = store_session_open(arg, id, lane);
	say("store session id=%s status=%d", id, status);
	return status == 200 ? reply_ok(json_pack("{s:s}", "session", id)) :
			       reply_error(status, "not opened");
}

static struct reply post_z(void *arg, const struct request *rq)
{
	const char *id = body_text(rq, "session"), *lane = body_text(rq, "lane");
	json_t *z = NULL;
	int status;

	if (!id || !lane)
		return reply_error(400, "session and lane, please");
	status = store_session_close(arg, id, lane, &z);
	say("store z-report session=%s status=%d", id, status);
	return status == 200 ? reply_ok(z) : reply_error(status, "no Z report");
}

static struct reply post_lane(void *arg, const struct request *rq)
{
	const char *lane = body_text(rq, "lane");
	int status;

	if (!lane)
		return reply_error(400, "lane, please");
	status = store_lane_report(arg, lane, body_int(rq, "queued", 0), body_int(rq, "aside", 0));
	return status == 200 ? reply_ok(json_pack("{s:b}", "ok", 1)) :
			       reply_error(status, "not noted");
}

const struct route store_routes[] = {
	{"GET", "/health", get_health},
	{"GET", "/goods", get_goods},
	{"POST", "/sales", post_sale},
	{"GET", "/sales/{}", get_sale},
	{"POST", "/voids", post_void},
	{"POST", "/undos", post_undo},
	{"POST", "/refunds", post_refund},
	{"POST", "/suspended", post_suspend},
	{"GET", "/suspended/{}", get_suspended},
	{"POST", "/sessions", post_session},
	{"POST", "/z-reports", post_z},
	{"POST", "/lanes", post_lane},
};
const size_t store_routes_count = sizeof(store_routes) / sizeof(store_routes[0]);
