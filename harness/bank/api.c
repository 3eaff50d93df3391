/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/JSON payment API, in the shape that such APIs have (payments with
 * an id, Idempotency-Key, a reversal by id or by the original's key):
 *
 *   POST /v1/payments               {reference, amount, currency, capture, tid}
 *   POST /v1/payments/ID/capture    {amount}
 *   POST /v1/payments/ID/reverse
 *   POST /v1/reversals              {original}: the Idempotency-Key of a payment
 *   GET  /v1/payments/ID
 *   GET  /v1/payments?original=KEY
 *   GET  /health
 *
 * Amounts are minor units. 201 or 200 with `state` is the bank's word; a
 * decline is one, too. Anything else says nothing about money, except 4xx: the
 * request made no sense and nothing was done.
 */
#include "bank/room.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define PAYMENTS "/v1/payments"
#define AMOUNT_MAX INT64_C(1000000000000)

static enum api wrong(int *ret_status, const char **ret_why, int status, const char *why)
{
	*ret_status = status;
	*ret_why = why;
	return API_WRONG;
}

/* A text member into a caller's array. False: it is there and is no such text. */
static bool take_text(const struct json_val *body, const char *name, char *ret, size_t size)
{
	struct json_val v = json_get(body, name);
	struct buf text = { 0 };
	bool fits;

	if (v.type == JSON_NONE || v.type == JSON_NULL)
		return true;
	if (v.type != JSON_STRING)
		return false;
	json_string(&v, &text);
	fits = text.len < size && (!text.len || !memchr(text.data, '\0', text.len));
	if (fits && text.len)
		memcpy(ret, text.data, text.len + 1);
	buf_done(&text);
	return fits;
}

static bool take_amount(const struct json_val *body, int64_t *ret)
{
	struct json_val v = json_get(body, "amount");

	if (v.type == JSON_NONE)
		return true;
	return v.type == JSON_NUMBER && json_int64(&v, ret) == 0 && *ret > 0 && *ret <= AMOUNT_MAX;
}

static bool is_currency(const char *s)
{
	return strlen(s) == 3 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

static const char *read_body(const struct http_request *h, const char *field,
			     struct bank_request *ret)
{
	struct json_val body;

	if (!h->body_len)
		return NULL;
	if (json_parse(h->body, h->body_len, &body, NULL) < 0 || body.type != JSON_OBJECT)
		return "the body is not a JSON object";
	if (!take_amount(&body, &ret->amount))
		return "amount is not a positive whole number of minor units";
	if (!take_text(&body, field, ret->reference, sizeof(ret->reference)))
		return "the reference is not a text of at most 127 bytes";
	if (!take_text(&body, "currency", ret->currency, sizeof(ret->currency)))
		return "currency is not a code like EUR";
	if (!take_text(&body, "tid", ret->tid, sizeof(ret->tid)))
		return "tid is not a text of at most 31 bytes";
	if (!take_text(&body, "original", ret->original, sizeof(ret->original)))
		return "original is not a text of at most 127 bytes";
	{
		struct json_val v = json_get(&body, "capture");

		ret->capture = json_true(&v);
	}
	return NULL;
}

/* /v1/payments/ID[/VERB] */
static bool read_id(const char *path, struct bank_request *ret, const char **ret_verb)
{
	size_t n = strcspn(path, "/");

	if (!n || n >= sizeof(ret->id))
		return false;
	memcpy(ret->id, path, n);
	ret->id[n] = '\0';
	*ret_verb = path[n] ? path + n + 1 : "";
	return true;
}

static bool read_inquiry(const char *path, struct bank_request *ret)
{
	const char *verb;

	ret->op = BANK_INQUIRE;
	if (!strncmp(path, PAYMENTS "?original=", strlen(PAYMENTS "?original=")))
		return (size_t)snprintf(ret->original, sizeof(ret->original), "%s",
					path + strlen(PAYMENTS "?original=")) <
		       sizeof(ret->original) && ret->original[0];
	return !strncmp(path, PAYMENTS "/", strlen(PAYMENTS "/")) &&
	       read_id(path + strlen(PAYMENTS "/"), ret, &verb) && !*verb;
}

static bool read_post(const char *path, struct bank_request *ret)
{
	const char *verb;

	if (!strcmp(path, PAYMENTS)) {
		ret->op = BANK_AUTHORISE;
		return true;
	}
	if (!strcmp(path, "/v1/reversals")) {
		ret->op = BANK_REVERSE;
		return true;
	}
	if (strncmp(path, PAYMENTS "/", strlen(PAYMENTS "/")) ||
	    !read_id(path + strlen(PAYMENTS "/"), ret, &verb))
		return false;
	ret->op = strcmp(verb, "capture") ? BANK_REVERSE : BANK_CAPTURE;
	return ret->op == BANK_CAPTURE || !strcmp(verb, "reverse");
}

static const char *lacking(const struct bank_request *r)
{
	if (r->op == BANK_AUTHORISE)
		return !r->reference[0] ? "a payment needs a reference" :
		       r->amount < 0 ? "a payment needs an amount" :
		       !is_currency(r->currency) ? "a payment needs a currency" : NULL;
	if (!r->id[0] && !r->original[0])
		return "which payment? original is missing";
	return NULL;
}

enum api api_read(const struct http_request *h, const char *field, struct bank_request *ret,
		  int *ret_status, const char **ret_why)
{
	bool get = !strcmp(h->method, "GET"), post = !strcmp(h->method, "POST");
	const char *why;

	*ret = (struct bank_request){ .amount = -1 };
	if (get && !strcmp(h->path, "/health"))
		return API_HEALTH;
	if (!get && !post)
		return wrong(ret_status, ret_why, 405, "GET and POST only");
	if (get ? !read_inquiry(h->path, ret) : !read_post(h->path, ret))
		return wrong(ret_status, ret_why, 404, "there is nothing here");
	memcpy(ret->idem, h->idem, sizeof(ret->idem));
	why = get ? NULL : read_body(h, field, ret);
	if (!why)
		why = lacking(ret);
	return why ? wrong(ret_status, ret_why, 400, why) : API_PAYMENT;
}

void api_write_error(struct buf *out, int status, const char *why, bool keep)
{
	struct buf body = { 0 };
	struct json_out o = { .buf = &body };

	json_obj(&o, NULL);
	json_str(&o, "error", why);
	json_obj_end(&o);
	http_write(out, status, body.data, body.len, keep, false);
	buf_done(&body);
}

void api_write(struct buf *out, const struct bank_answer *a, bool keep)
{
	struct buf body = { 0 };
	struct json_out o = { .buf = &body };

	json_obj(&o, NULL);
	if (a->state) {
		json_str(&o, "id", a->id);
		json_str(&o, "state", a->state);
		json_str(&o, "reference", a->reference);
		json_i64(&o, "authorised", a->authorised);
		json_i64(&o, "captured", a->captured);
		json_i64(&o, "reversed", a->reversed);
		json_str(&o, "currency", a->currency);
	} else {
		json_str(&o, "error", a->why ? a->why : "it failed");
	}
	json_str(&o, "code", a->code);
	json_obj_end(&o);
	http_write(out, a->status, body.data, body.len, keep, a->replayed);
	buf_done(&body);
}
