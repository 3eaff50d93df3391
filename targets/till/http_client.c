/* SPDX-License-Identifier: Apache-2.0 */
#include "http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MAX 8
#define ANSWER_MAX (8 << 20)

struct client {
	char *base; /* owned */
	pthread_mutex_t mutex;
	CURL *idle[IDLE_MAX]; /* with their connections; protected by mutex */
	size_t count;         /* protected by mutex */
};

struct text {
	char *at; /* owned */
	size_t len;
};

struct client *client_new(const char *base)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	c->base = strdup(base);
	pthread_mutex_init(&c->mutex, NULL);
	return c;
}

void client_free(struct client *c)
{
	while (c->count)
		curl_easy_cleanup(c->idle[--c->count]);
	pthread_mutex_destroy(&c->mutex);
	free(c->base);
	free(c);
	curl_global_cleanup();
}

static CURL *take(struct client *c)
{
	CURL *h = NULL;

	pthread_mutex_lock(&c->mutex);
	if (c->count)
		h = c->idle[--c->count];
	pthread_mutex_unlock(&c->mutex);
	return h ? h : curl_easy_init();
}

static void give_back(struct client *c, CURL *h)
{
	pthread_mutex_lock(&c->mutex);
	if (c->count < IDLE_MAX) {
		c->idle[c->count++] = h;
		h = NULL;
	}
	pthread_mutex_unlock(&c->mutex);
	curl_easy_cleanup(h);
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
	struct text *t = arg;
	size_t len = size * n;
	char *grown;

	if (t->len + len > ANSWER_MAX)
		return 0;
	grown = realloc(t->at, t->len + len);
	if (!grown)
		return 0;
	t->at = grown;
	memcpy(t->at + t->len, data, len);
	t->len += len;
	return len;
}

static struct curl_slist *headers_for(const char *idem)
{
	struct curl_slist *l = curl_slist_append(NULL, "Content-Type: application/json");
	char line[192];

	l = curl_slist_append(l, "Expect:");
	if (!idem)
		return l;
	snprintf(line, sizeof(line), "Idempotency-Key: %s", idem);
	return curl_slist_append(l, line);
}

static void set_up(CURL *h, const char *url, const char *method, const char *body, long timeout_ms)
{
	curl_easy_reset(h); /* keeps the connection */
	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_data);
	if (!strcmp(method, "POST"))
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, body ? body : "");
	else
		curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
}

static bool never_left(CURLcode rc)
{
	return rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST;
}

void client_call(struct client *c, const char *method, const char *path, const char *idem,
		 const json_t *body, long timeout_ms, struct answer *ret)
{
	CURL *h = take(c);
	struct curl_slist *headers = headers_for(idem);
	char *out = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct text in = {0};
	char url[512];
	long status = 0;
	CURLcode rc;

	memset(ret, 0, sizeof(*ret));
	snprintf(url, sizeof(url), "%s%s", c->base, path);
	set_up(h, url, method, out, timeout_ms);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, &in);
	rc = curl_easy_perform(h);
	ret->sent = !never_left(rc);
	if (rc == CURLE_OK) {
		curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
		ret->status = (int)status;
		ret->body = json_loadb(in.at ? in.at : "", in.len, 0, NULL);
	}
	free(in.at);
	free(out);
	curl_slist_free_all(headers);
	give_back(c, h);
}

void answer_done(struct answer *a)
{
	json_decref(a->body);
	a->body = NULL;
}

const char *answer_text(const struct answer *a, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(a->body, name));

	return text ? text : otherwise;
}
