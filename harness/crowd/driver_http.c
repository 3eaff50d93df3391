// SPDX-License-Identifier: Apache-2.0
/*
 * The http driver: declared request sequences, no code.
 *
 * Theory of operation. A run is one ask on its way through the steps of its
 * action; each step is one request. Easy handles are made per lane and step,
 * set up once and reused, so that a request sets a URL and a body and nothing
 * else. What a reply means, in this order:
 *
 *   no reply, a reset, a timeout        unknown, transport
 *   broken HTTP, larger than 1 MiB      unknown
 *   refused: status and pattern match   refused (5xx only if the status range says so)
 *   fail-pattern, status not ok,        unknown
 *     ok-pattern missing, value missing
 *   else                                next step; after the last: ok
 *
 * libcurl sends a request again by itself when a kept-alive connection turns
 * out to be dead. For a till that may have booked it, that would be a second
 * sale which nobody asked for, so it is forbidden: PREREQFUNCTION is called
 * before each sending, and the second one of a request is an error.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crowd/curl_loop.h"
#include "crowd/http_conf.h"
#include "crowd/trace.h"

#define REPLY_MAX_BYTES (1 << 20)
#define HEADERS_MAX_BYTES (64 << 10)

struct http;
struct hlane;

/* struct req - an easy handle and its texts; belongs to a lane and a step. */
struct req {
	struct req *next; /* free list */
	CURL *easy;
	struct run *run; /* NULL: not in use */
	struct buf url, body, reply, headers;
	struct curl_slist *list; /* owned: headers with variables */
	char why[CURL_ERROR_SIZE];
	int sends;
	bool too_large;
};

/* struct run - an ask on its way through the steps. */
struct run {
	struct run *next; /* free list, or the lane's runs */
	struct hlane *lane;
	struct ask *ask;
	struct req *req;
	const struct hstep *step;
	unsigned index; /* of step within the action */
	int64_t total;
	uint64_t taken; /* bits of the takes that found something; for the trace only */
	bool offline;
	char receipt[64], currency[8];
};

struct value { /* a session variable */
	struct buf text;
	bool set, bare;
};

struct hlane {
	struct http *http;
	const char *name; /* borrowed */
	int index;        /* of the node in its group */
	char *at;         /* owned: node the requests leave from */
	struct net *net;
	struct req **idle;   /* owned array: free list per step serial */
	struct value *value; /* owned array: session variables */
	struct run *runs;    /* free list */
};

struct http {
	struct driver_init init;
	struct hconf conf;
	struct hlane *lane;           /* owned */
	struct curl_slist *connect_to; /* owned: node names → addresses */
	struct buf scratch;
	char number[24], error[320];
};

static void run_next(struct run *run);

/* ---- trace ---- */

static bool run_traced(const struct run *run)
{
	return trace_on(run->lane->http->init.opts) && run->step;
}

static struct trace trace_of(const struct run *run)
{
	return (struct trace){ run->lane->http->init.opts, run->lane->name, run->ask };
}

/* A probe says something only when nobody listened. */
static void run_trace_end(const struct run *run, int outcome, const char *error)
{
	struct trace t = trace_of(run);

	if (!run->step->conf && outcome != TOLD_OK)
		trace_note(&t, "looked whether the till is there:", error,
			   error ? strlen(error) : 0);
	else if (run->step->conf)
		trace_outcome(&t, outcome, error);
}

/* After the first required one that is missing, none was looked for. */
static void run_trace_missing(const struct run *run)
{
	const struct http_step *s = run->step->conf;
	struct trace t = trace_of(run);

	for (size_t i = 0; i < s->takes_count && i < 64; i++) {
		if (run->taken >> i & 1)
			continue;
		trace_took(&t, s->takes[i].name, NULL, 0);
		if (s->takes[i].required)
			return;
	}
}

/* ---- variables ---- */

static struct var var_text(const char *s)
{
	return (struct var){ .text = s, .len = s ? strlen(s) : 0 };
}

static struct var var_number(struct http *h, int64_t v, bool absent)
{
	int n = snprintf(h->number, sizeof(h->number), "%lld", (long long)v);

	if (absent)
		return (struct var){ 0 };
	return (struct var){ .text = h->number, .len = (size_t)n, .bare = true };
}

static struct var var_items(struct http *h, const struct ask *a)
{
	buf_reset(&h->scratch);
	lines_json(a->lines, a->lines_count, &h->scratch);
	return (struct var){ .text = h->scratch.data, .len = h->scratch.len, .bare = true };
}

static struct var var_session(const struct hlane *l, int slot)
{
	const struct value *v = &l->value[slot - SLOTS_BUILTIN];

	if (!v->set)
		return (struct var){ 0 };
	return (struct var){ .text = v->text.data ? v->text.data : "", .len = v->text.len,
			     .bare = v->bare };
}

static struct var var_get(void *arg, int slot)
{
	struct run *run = arg;
	struct http *h = run->lane->http;
	const struct ask *a = run->ask;

	switch (slot) {
	case V_KEY:
		return var_text(a->key);
	case V_OF:
		return var_text(a->of);
	case V_OP:
		return var_text(action_names[a->action]);
	case V_LANE:
		return var_text(run->lane->name);
	case V_INDEX:
		return var_number(h, run->lane->index, false);
	case V_SHOPPER:
		return var_number(h, a->shopper, a->shopper < 0);
	case V_SKU:
		return var_text(a->sku);
	case V_QTY:
		return var_number(h, a->qty, false);
	case V_PRICE:
		return var_number(h, a->price, a->price < 0);
	case V_TENDER:
		return var_text(a->tender);
	case V_AMOUNT:
		return var_number(h, a->amount, a->amount < 0);
	case V_TOTAL:
		return run->total >= 0 ? var_number(h, run->total, false) :
					 var_number(h, a->amount, a->amount < 0);
	case V_RECEIPT:
		return var_text(run->receipt[0] ? run->receipt : a->receipt);
	case V_CURRENCY:
		return var_text(run->currency[0] ? run->currency : h->conf.target->currency);
	case V_ATTEMPT:
		return var_number(h, a->attempt, false);
	case V_ITEMS:
	case V_LINES:
		return var_items(h, a);
	case V_SEED:
		return var_number(h, h->init.opts->seed, false);
	case V_ITEM:
		return var_number(h, a->item, a->item <= 0);
	default:
		return var_session(run->lane, slot);
	}
}

/* ---- facts ---- */

static bool is_no(const char *text, size_t len)
{
	static const char *const no[] = { "", "0", "false", "no", "null" };

	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		if (strlen(no[i]) == len && memcmp(no[i], text, len) == 0)
			return true;
	}
	return false;
}

/* Minor units from "1295", or from "12.95" / "12,95" (major units, two decimals). -1: neither. */
static int64_t money_of(const char *text, size_t len, bool major)
{
	int64_t v = 0;
	int decimals = -1;

	if (len == 0 || len > 15)
		return -1;
	for (size_t i = 0; i < len; i++) {
		char ch = text[i];

		if ((ch == '.' || ch == ',') && decimals < 0 && i > 0) {
			decimals = 0;
		} else if (ch >= '0' && ch <= '9') {
			if (decimals < 2)
				v = v * 10 + (ch - '0');
			else if (ch != '0')
				return -1; /* fractions of a cent */
			decimals += decimals >= 0;
		} else {
			return -1;
		}
	}
	if (decimals < 0)
		return major ? v * 100 : v;
	return decimals == 0 ? v * 100 : decimals == 1 ? v * 10 : v;
}

static void keep(char *to, size_t size, const char *text, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, text, len);
	to[len] = '\0';
}

static void take_fact(struct run *run, enum fact fact, const char *text, size_t len)
{
	switch (fact) {
	case FACT_RECEIPT:
		keep(run->receipt, sizeof(run->receipt), text, len);
		break;
	case FACT_CURRENCY:
		keep(run->currency, sizeof(run->currency), text, len);
		break;
	case FACT_TOTAL:
	case FACT_TOTAL_MAJOR:
		run->total = money_of(text, len, fact == FACT_TOTAL_MAJOR);
		break;
	case FACT_OFFLINE:
		run->offline = !is_no(text, len);
		break;
	case FACT_NONE:
		break;
	}
}

static void take_set(void *arg, size_t take, const char *text, size_t len, bool bare)
{
	struct run *run = arg;
	struct value *v;

	assert(run->step);
	if (run_traced(run)) {
		struct trace t = trace_of(run);

		run->taken |= take < 64 ? UINT64_C(1) << take : 0;
		trace_took(&t, run->step->conf->takes[take].name, text, len);
	}
	if (run->step->take_slot[take] < 0) {
		take_fact(run, run->step->take_fact[take], text, len);
		return;
	}
	v = &run->lane->value[run->step->take_slot[take] - SLOTS_BUILTIN];
	buf_reset(&v->text);
	buf_add(&v->text, text, len);
	v->set = true;
	v->bare = bare;
}

/* ---- requests ---- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct req *q = arg;

	if (q->reply.len + size * n > REPLY_MAX_BYTES) {
		q->too_large = true;
		return 0;
	}
	buf_add(&q->reply, data, size * n);
	return size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct req *q = arg;

	if (q->headers.len + size * n <= HEADERS_MAX_BYTES)
		buf_add(&q->headers, data, size * n);
	return size * n;
}

static int on_send(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct req *q = arg;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	return q->sends++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static const char *const method_names[] = {
	[HTTP_GET] = "GET",	[HTTP_POST] = "POST",	  [HTTP_PUT] = "PUT",
	[HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
};

static void set_method(CURL *easy, const struct hstep *s)
{
	int method = s->conf->method;

	if (s->body || method == HTTP_POST)
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	if (!(method == HTTP_POST || (method == HTTP_GET && !s->body)))
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method_names[method]);
}

static void set_common(struct hlane *l, struct req *q)
{
	CURL *easy = q->easy;

	net_prepare(l->net, easy);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, q->why);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, q);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, q);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, l->http->connect_to);
	curl_easy_setopt(easy, CURLOPT_IPRESOLVE, CURL_IPRESOLVE_V4);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	/* the till's own certificate, in its own network: nobody else is there to be imitated */
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "worstday");
}

static struct req *req_new(struct hlane *l, const struct hstep *s)
{
	struct req *q = xcalloc(1, sizeof(*q));

	q->easy = curl_easy_init();
	set_common(l, q);
	if (!s->conf) {
		curl_easy_setopt(q->easy, CURLOPT_CONNECT_ONLY, 1L);
		curl_easy_setopt(q->easy, CURLOPT_FRESH_CONNECT, 1L);
		return q;
	}
	set_method(q->easy, s);
	if (s->fixed)
		curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, s->fixed);
	if (takes_want_headers(s->takes) || trace_on(l->http->init.opts)) {
		curl_easy_setopt(q->easy, CURLOPT_HEADERFUNCTION, on_header);
		curl_easy_setopt(q->easy, CURLOPT_HEADERDATA, q);
	}
	return q;
}

static void req_free(struct req *q)
{
	curl_easy_cleanup(q->easy);
	curl_slist_free_all(q->list);
	buf_done(&q->url);
	buf_done(&q->body);
	buf_done(&q->reply);
	buf_done(&q->headers);
	free(q);
}

static struct req *req_get(struct hlane *l, const struct hstep *s)
{
	struct req *q = l->idle[s->serial];

	if (q)
		l->idle[s->serial] = q->next;
	else
		q = req_new(l, s);
	q->sends = 0;
	q->too_large = false;
	q->why[0] = '\0';
	buf_reset(&q->url);
	buf_reset(&q->body);
	buf_reset(&q->reply);
	buf_reset(&q->headers);
	return q;
}

/* A probe's connection is of no further use and closed with its handle. */
static void req_put(struct hlane *l, const struct hstep *s, struct req *q)
{
	q->run = NULL;
	if (!s->conf) {
		req_free(q);
		return;
	}
	q->next = l->idle[s->serial];
	l->idle[s->serial] = q;
}

static void render_headers(struct run *run, struct req *q, const struct tmpl_values *v)
{
	struct buf line = { 0 };

	curl_slist_free_all(q->list);
	q->list = NULL;
	for (size_t i = 0; i < run->step->headers; i++) {
		buf_reset(&line);
		buf_printf(&line, "%s: ", run->step->header[i].name);
		tmpl_render(run->step->header[i].value, v, &line);
		q->list = curl_slist_append(q->list, line.data);
	}
	q->list = curl_slist_append(q->list, "Expect:");
	curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, q->list);
	buf_done(&line);
}

static void run_send(struct run *run)
{
	const struct hstep *s = run->step;
	struct tmpl_values v = { .arg = run, .get = var_get };
	struct req *q = req_get(run->lane, s);

	run->req = q;
	q->run = run;
	tmpl_render(s->url, &v, &q->url);
	curl_easy_setopt(q->easy, CURLOPT_URL, q->url.data);
	if (s->conf) {
		if (s->body)
			tmpl_render(s->body, &v, &q->body);
		if (s->body || s->conf->method == HTTP_POST) {
			curl_easy_setopt(q->easy, CURLOPT_POSTFIELDSIZE, (long)q->body.len);
			curl_easy_setopt(q->easy, CURLOPT_POSTFIELDS,
					 q->body.data ? q->body.data : "");
		}
		if (!s->fixed)
			render_headers(run, q, &v);
	}
	if (s->conf && run_traced(run)) {
		struct trace t = trace_of(run);

		trace_request(&t, method_names[s->conf->method], q->url.data,
			      s->fixed ? s->fixed : q->list, &q->body);
	}
	run->taken = 0;
	net_add(run->lane->net, q->easy, q);
}

/* ---- replies ---- */

static struct run *run_get(struct hlane *l, struct ask *a)
{
	struct run *run = l->runs;

	if (run)
		l->runs = run->next;
	else
		run = xmalloc(sizeof(*run));
	*run = (struct run){ .lane = l, .ask = a, .total = -1 };
	a->priv = run;
	return run;
}

static void run_drop(struct run *run)
{
	struct hlane *l = run->lane;

	assert(!run->req || run->step);
	if (run->req)
		req_put(l, run->step, run->req);
	run->ask->priv = NULL;
	run->next = l->runs;
	l->runs = run;
}

/* The run's texts live until the callback is over: it is put away first but not yet reused by
 * others, so they are copied. */
static void run_end(struct run *run, int outcome, bool transport, int64_t at_ns, const char *error)
{
	struct ask *ask = run->ask;
	char receipt[sizeof(run->receipt)], currency[sizeof(run->currency)];
	struct answer a = { .outcome = outcome, .transport = transport, .offline = run->offline,
			    .at_ns = at_ns, .total = run->total, .error = error };

	if (run_traced(run))
		run_trace_end(run, outcome, error);
	memcpy(receipt, run->receipt, sizeof(receipt));
	memcpy(currency, run->currency, sizeof(currency));
	a.receipt = receipt[0] ? receipt : NULL;
	a.currency = currency[0] ? currency : NULL;
	run_drop(run);
	ask->answered(ask, &a);
}

/* "HTTP 503: the first line of the body", printable. */
static const char *reply_words(struct http *h, const char *what, long status,
			       const struct buf *body)
{
	size_t n = (size_t)snprintf(h->error, sizeof(h->error), "%s%sHTTP %ld%s", what,
				    what[0] ? ", " : "", status, body->len ? ": " : "");

	for (size_t i = 0; body->data && i < body->len && n < sizeof(h->error) - 1; i++) {
		unsigned char ch = (unsigned char)body->data[i];

		if (ch == '\n' || ch == '\r')
			break;
		h->error[n++] = ch < 0x20 || ch == 0x7f ? ' ' : (char)ch;
	}
	if (n > sizeof(h->error) - 1)
		n = sizeof(h->error) - 1;
	h->error[n] = '\0';
	return h->error;
}

static bool in_range(struct range r, long v)
{
	return v >= r.first && v <= r.last && (r.step <= 1 || (v - r.first) % r.step == 0);
}

static bool is_refused(const struct hconf *c, long status, const struct buf *body)
{
	bool any = c->driver->refused_status.first == INT64_MIN;

	if (any && !c->refused)
		return false;
	if (any ? status >= 500 : !in_range(c->driver->refused_status, status))
		return false;
	return !c->refused || regex_match(c->refused, body->data ? body->data : "", body->len);
}

static bool status_ok(const struct hstep *s, long status)
{
	if (s->conf->ok.first == 0 || s->conf->ok.first == INT64_MIN) /* not given */
		return status >= 200 && status <= 299;
	return in_range(s->conf->ok, status);
}

/* What keeps this reply from being a success; NULL: nothing. */
static const char *reply_fault(struct run *run, long status)
{
	const struct hstep *s = run->step;
	struct http *h = run->lane->http;
	struct req *q = run->req;
	struct reply_text text = { .body = q->reply.data ? q->reply.data : "",
				   .body_len = q->reply.len, .headers = q->headers.data,
				   .headers_len = q->headers.len };
	struct tmpl_values values = { .arg = run, .get = var_get };
	struct take_sink sink = { .arg = run, .set = take_set };
	const char *missing;
	int took;

	if (s->fail && regex_match(s->fail, text.body, text.body_len))
		return reply_words(h, "fail-pattern", status, &q->reply);
	if (!status_ok(s, status))
		return reply_words(h, "", status, &q->reply);
	if (s->ok && !regex_match(s->ok, text.body, text.body_len))
		return reply_words(h, "not the ok-pattern", status, &q->reply);
	took = takes_apply(s->takes, &text, &values, &sink, &missing);
	if (run_traced(run))
		run_trace_missing(run);
	if (took < 0) {
		snprintf(h->error, sizeof(h->error), "the reply has no %s", missing);
		return h->error;
	}
	return NULL;
}

/* Did nobody answer, or did somebody answer nonsense? */
static bool is_transport(CURLcode res)
{
	switch (res) {
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_WRITE_ERROR:
		return false;
	default:
		return true;
	}
}

static void run_failed(struct run *run, CURLcode res, int64_t at_ns)
{
	struct http *h = run->lane->http;
	const struct req *q = run->req;
	const char *why = q->why[0] ? q->why : curl_easy_strerror(res);

	if (q->too_large)
		why = "the reply is larger than 1 MiB";
	else if (q->sends > 1)
		why = "the kept-alive connection was dead (not sent again)";
	snprintf(h->error, sizeof(h->error), "%s", why);
	run_end(run, TOLD_UNKNOWN, is_transport(res) || q->sends > 1, at_ns, h->error);
}

static void on_done(void *priv, CURLcode res, int64_t at_ns)
{
	struct req *q = priv;
	struct run *run = q->run;
	struct http *h = run->lane->http;
	const char *fault;
	long status = 0;

	if (res != CURLE_OK) {
		run_failed(run, res, at_ns);
		return;
	}
	if (!run->step->conf) { /* the probe: somebody listens */
		run_end(run, TOLD_OK, false, at_ns, NULL);
		return;
	}
	curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
	if (run_traced(run)) {
		struct trace t = trace_of(run);

		trace_reply(&t, status, &q->headers, &q->reply);
	}
	if (is_refused(&h->conf, status, &q->reply)) {
		run_end(run, TOLD_REFUSED, false, at_ns, reply_words(h, "", status, &q->reply));
		return;
	}
	fault = reply_fault(run, status);
	if (fault) {
		run_end(run, TOLD_UNKNOWN, false, at_ns, fault);
		return;
	}
	if (run->index >= h->conf.driver->actions[run->ask->action].count) {
		run_end(run, TOLD_OK, false, at_ns, NULL);
		return;
	}
	req_put(run->lane, run->step, q);
	run->req = NULL;
	run_next(run);
}

/* ---- runs ---- */

static bool step_applies(struct run *run, const struct hstep *s)
{
	struct var v;
	bool same;

	if (s->only_slot < 0)
		return true;
	v = var_get(run, s->only_slot);
	same = v.text && v.len == strlen(s->only_value) &&
	       memcmp(v.text, s->only_value, v.len) == 0;
	return same != s->only_not;
}

/* The next step that applies; the action is done when none is left. */
static void run_next(struct run *run)
{
	const struct hconf *c = &run->lane->http->conf;
	const struct http_action *act = &c->driver->actions[run->ask->action];

	while (run->index < act->count) {
		run->step = &c->step[run->ask->action][run->index++];
		if (step_applies(run, run->step)) {
			run_send(run);
			return;
		}
	}
	run_end(run, TOLD_OK, false, clock_now(), NULL);
}

static void http_perform(void *d, struct ask *a)
{
	struct http *h = d;

	run_next(run_get(&h->lane[a->lane], a));
}

static void http_probe(void *d, struct ask *a)
{
	struct http *h = d;
	struct run *run = run_get(&h->lane[a->lane], a);

	run->step = &h->conf.probe;
	run_send(run);
}

static void http_cancel(void *d, struct ask *a)
{
	struct run *run = a->priv;

	(void)d;
	if (!run)
		return;
	if (run_traced(run))
		run_trace_end(run, TOLD_UNKNOWN, "no answer; the request was given up");
	net_remove(run->lane->net, run->req->easy);
	run_drop(run);
}

static bool http_can(const void *d, enum action a)
{
	return ((const struct http *)d)->conf.driver->actions[a].given;
}

static void http_leave(void *d, unsigned lane)
{
	struct http *h = d;
	struct hlane *l = &h->lane[lane];

	if (!h->conf.driver->session_per_shopper)
		return;
	for (size_t i = 0; i < h->conf.vars; i++)
		l->value[i].set = false;
	net_forget_cookies(l->net);
}

/* ---- life ---- */

static int lane_make(struct http *h, unsigned i, struct err *e)
{
	struct hlane *l = &h->lane[i];
	const struct node *node = target_node(h->conf.target, h->init.lanes[i]);
	struct net_init in = { .loop = h->init.opts->loop, .world = &h->init.opts->world,
			       .done = on_done };

	l->http = h;
	l->name = h->init.lanes[i];
	l->index = node ? node->index : (int)i + 1;
	l->at = driver_at(h->conf.driver, l->name);
	l->idle = xcalloc(h->conf.serials + 1, sizeof(struct req *));
	l->value = xcalloc(h->conf.vars + 1, sizeof(*l->value));
	in.node = l->at;
	return net_new(&l->net, &in, e);
}

static int http_make(void **ret, const struct driver_init *in, struct err *e)
{
	struct http *h = xcalloc(1, sizeof(*h));
	int r;

	*ret = h;
	h->init = *in;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r = hconf_make(&h->conf, &h->init, e);
	if (r < 0)
		return r;
	h->lane = xcalloc(in->lanes_count, sizeof(*h->lane));
	for (unsigned i = 0; i < in->lanes_count && r == 0; i++)
		r = lane_make(h, i, e);
	return r;
}

/* Node names are mapped to addresses here and never looked up. */
static void map_host(struct http *h, const char *name, const char *address)
{
	cleanup_free char *line = xasprintf("%s::%s:", name, address);

	h->connect_to = curl_slist_append(h->connect_to, line);
}

static int http_start(void *d, struct err *e)
{
	struct http *h = d;
	const struct crowd_world *w = &h->init.opts->world;

	(void)e;
	map_host(h, "localhost", "127.0.0.1");
	for (size_t i = 0; i < h->conf.target->nodes_count; i++) {
		const char *name = h->conf.target->nodes[i].name;
		const char *address = w->address ? w->address(w->arg, name) : NULL;

		if (address)
			map_host(h, name, address);
	}
	return 0;
}

static void lane_free(struct http *h, struct hlane *l)
{
	for (unsigned i = 0; l->idle && i < h->conf.serials; i++) {
		while (l->idle[i]) {
			struct req *q = l->idle[i];

			l->idle[i] = q->next;
			req_free(q);
		}
	}
	while (l->runs) {
		struct run *run = l->runs;

		l->runs = run->next;
		free(run);
	}
	for (size_t i = 0; l->value && i < h->conf.vars; i++)
		buf_done(&l->value[i].text);
	net_free(l->net);
	free(l->idle);
	free(l->value);
	free(l->at);
}

static void http_free(void *d)
{
	struct http *h = d;

	for (unsigned i = 0; h->lane && i < h->init.lanes_count; i++)
		lane_free(h, &h->lane[i]);
	free(h->lane);
	hconf_done(&h->conf);
	curl_slist_free_all(h->connect_to);
	buf_done(&h->scratch);
	free(h);
}

const struct driver_ops driver_http = {
	.name = "http",
	.make = http_make,
	.start = http_start,
	.can = http_can,
	.perform = http_perform,
	.cancel = http_cancel,
	.probe = http_probe,
	.leave = http_leave,
	.free = http_free,
};
