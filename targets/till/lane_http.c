/* SPDX-License-Identifier: Apache-2.0 */
/* The lane's HTTP API: what the cashier's screen calls. */
#include "lane.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static struct reply trouble(int status, const char *why)
{
	if (status == 409)
		return reply_refused(why);
	return reply_error(status, *why ? why : status == 404 ? "no such sale" : "it failed");
}

static struct reply answer(int status, const char *key, const struct booked *b, const char *why)
{
	json_t *body;

	if (status > 201)
		return trouble(status, why);
	body = booked_encode(b);
	json_object_set_new(body, "key", json_string(key));
	if (!*b->receipt)
		json_object_del(body, "receipt");
	return (struct reply){.status = status, .body = body};
}

/* A key goes into paths and logs: letters, digits, and . _ : - */
static bool good_key(const char *key)
{
	size_t n = 0;

	if (!key)
		return false;
	while (isalnum((unsigned char)key[n]) || (key[n] && strchr("._:-", key[n])))
		n++;
	return n && !key[n] && n < KEY_MAX;
}

static struct reply post_begin(void *arg, const struct request *rq)
{
	const char *key = body_text(rq, "key");
	struct booked b;

	if (!good_key(key))
		return reply_error(400, "key: letters, digits and . _ : -");
	return answer(lane_begin(arg, key, &b), key, &b, "");
}

static struct reply post_line(void *arg, const struct request *rq)
{
	struct scan in = {body_text(rq, "sku"), body_int(rq, "qty", 1), body_int(rq, "line", 0)};
	char why[WHY_MAX] = "";
	struct booked b;
	int status;

	if (!in.sku || !good_key(rq->arg[0]))
		return reply_error(400, "key and sku, please");
	status = lane_add(arg, rq->arg[0], &in, &b, why);
	return answer(status, rq->arg[0], &b, why);
}

/* On the screen: this line is next. Then it is scanned, and the screen is looked at. */
static struct reply post_screen(void *arg, const struct request *rq)
{
	const char *key = body_text(rq, "key");
	int64_t line = body_int(rq, "line", 0), qty = body_int(rq, "qty", 1);

	if (!good_key(key) || line < 1)
		return reply_error(400, "key and line, please");
	if (scanner_expect(arg, key, line, qty) != 200)
		return reply_error(404, "there is no scanner");
	return reply_ok(json_pack("{s:s,s:I}", "key", key, "line", (json_int_t)line));
}

static struct reply get_screen(void *arg, const struct request *rq)
{
	char why[WHY_MAX] = "";
	struct booked b;
	int status = scanner_result(arg, &b, why);

	return answer(status, rq->arg[0], &b, why);
}

static struct reply get_total(void *arg, const struct request *rq)
{
	struct booked b;

	return answer(lane_total(arg, rq->arg[0], &b), rq->arg[0], &b, "");
}

static struct reply post_pay(void *arg, const struct request *rq)
{
	const char *tender = body_text(rq, "tender");
	struct payment p = {.tender = tender, .amount = body_int(rq, "amount", -1)};
	char why[WHY_MAX] = "";
	struct booked b;
	struct reply r;

	if (!tender)
		return reply_error(400, "tender, please");
	r = answer(lane_pay(arg, rq->arg[0], &p, &b, why), rq->arg[0], &b, why);
	if (r.status <= 201)
		json_object_set_new(r.body, "change", json_integer(p.change));
	return r;
}

static struct reply post_override(void *arg, const struct request *rq)
{
	const char *key = body_text(rq, "key");
	int64_t price = body_int(rq, "amount", -1);
	char why[WHY_MAX] = "";
	struct booked b;

	if (!good_key(key) || price < 0)
		return reply_error(400, "key and amount, please");
	return answer(lane_override(arg, key, price, &b, why), key, &b, why);
}

static struct reply post_void(void *arg, const struct request *rq)
{
	struct booked b = {.state = "void"};
	char why[WHY_MAX] = "";

	return answer(lane_void(arg, rq->arg[0], why), rq->arg[0], &b, why);
}

static struct reply post_refund(void *arg, const struct request *rq)
{
	const char *of = rq->arg[0], *key = body_text(rq, "key");
	char why[WHY_MAX] = "", own_key[KEY_MAX];
	struct booked b = {0};

	if (!key && snprintf(own_key, sizeof(own_key), "%.80s.refund", of))
		key = own_key;
	if (!good_key(key))
		return reply_error(400, "key: letters, digits and . _ : -");
	return answer(lane_refund(arg, key, of, &b, why), key, &b, why);
}

static struct reply post_suspend(void *arg, const struct request *rq)
{
	struct booked b = {.state = "suspended"};
	char why[WHY_MAX] = "";

	return answer(lane_suspend(arg, rq->arg[0], why), rq->arg[0], &b, why);
}

static struct reply post_resume(void *arg, const struct request *rq)
{
	char why[WHY_MAX] = "";
	struct booked b = {0};
	int status = lane_resume(arg, rq->arg[0], &b, why);

	return answer(status, rq->arg[0], &b, why);
}

static struct reply post_reprint(void *arg, const struct request *rq)
{
	struct booked b = {0};

	return answer(lane_reprint(arg, rq->arg[0], &b), rq->arg[0], &b, "");
}

static struct reply post_session_open(void *arg, const struct request *rq)
{
	char id[KEY_MAX];
	int status = lane_session_open(arg, id, sizeof(id));

	(void)rq;
	if (status > 201)
		return reply_error(status, "session not opened");
	return (struct reply){status, json_pack("{s:s}", "session", id)};
}

static struct reply post_session_close(void *arg, const struct request *rq)
{
	char why[WHY_MAX] = "";
	json_t *z = NULL;
	int status = lane_session_close(arg, &z, why);

	(void)rq;
	return status == 200 ? reply_ok(z) : trouble(status, why);
}

static struct reply get_health(void *arg, const struct request *rq)
{
	struct lane *l = arg;
	size_t prices;

	(void)rq;
	pthread_mutex_lock(&l->mutex);
	prices = l->prices_count;
	pthread_mutex_unlock(&l->mutex);
	if (atomic_load(&l->closing) || !prices)
		return reply_error(503, prices ? "closing" : "no price list yet");
	return reply_ok(json_pack("{s:b,s:b,s:I}", "ok", 1, "online", lane_online(l), "prices",
				  (json_int_t)prices));
}

static struct reply get_offline(void *arg, const struct request *rq)
{
	struct lane *l = arg;
	struct queue_length q;

	(void)rq;
	lane_offline_length(l, &q);
	return reply_ok(json_pack("{s:b,s:I,s:I,s:I}", "online", lane_online(l), "queued",
				  (json_int_t)q.queued, "aside", (json_int_t)q.aside, "total",
				  (json_int_t)q.total));
}

const struct route lane_routes[] = {
	{"POST", "/session/open", post_session_open},
	{"POST", "/session/close", post_session_close},
	{"POST", "/sales", post_begin},
	{"POST", "/sales/{}/lines", post_line},
	{"POST", "/screen", post_screen},
	{"GET", "/screen/{}", get_screen},
	{"GET", "/sales/{}/total", get_total},
	{"POST", "/sales/{}/pay", post_pay},
	{"POST", "/sales/{}/void", post_void},
	{"POST", "/sales/{}/refund", post_refund},
	{"POST", "/sales/{}/suspend", post_suspend},
	{"POST", "/sales/{}/resume", post_resume},
	{"POST", "/sales/{}/reprint", post_reprint},
	{"POST", "/override", post_override},
	{"GET", "/health", get_health},
	{"GET", "/offline", get_offline},
};
const size_t lane_routes_count = sizeof(lane_routes) / sizeof(lane_routes[0]);
