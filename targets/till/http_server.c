/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: libmicrohttpd gives every connection its own thread, so
 * a handler may wait (for the store, the terminal, the printer) without
 * holding up anybody else's. It calls us once with the headers, then with
 * pieces of the body, then once more to answer.
 */
#include "http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "till.h"

#define BODY_MAX (1 << 20)
#define CONNECTIONS_MAX 256

struct server {
	struct MHD_Daemon *daemon;
	const struct route *routes;
	size_t count;
	void *arg;
};

struct upload {
	char *data; /* owned */
	size_t len;
	bool too_big;
};

struct reply reply_ok(json_t *body)
{
	return (struct reply){.status = 200, .body = body};
}

struct reply reply_refused(const char *why)
{
	return (struct reply){.status = 409, .body = json_pack("{s:s}", "refused", why)};
}

struct reply reply_error(int status, const char *why)
{
	return (struct reply){.status = status, .body = json_pack("{s:s}", "error", why)};
}

const char *body_text(const struct request *rq, const char *name)
{
	return json_string_value(json_object_get(rq->body, name));
}

int64_t body_int(const struct request *rq, const char *name, int64_t missing)
{
	const json_t *v = json_object_get(rq->body, name);
	const char *text = json_string_value(v);
	char *end;
	int64_t n;

	if (json_is_integer(v))
		return json_integer_value(v);
	if (!text || !*text)
		return missing;
	errno = 0;
	n = strtoll(text, &end, 10);
	return *end || errno ? missing : n;
}

/* Does `path` match the route's pattern? {} takes one segment. */
static bool path_matches(const char *pattern, const char *path, struct request *rq)
{
	size_t args = 0, len;

	while (*pattern && *path) {
		if (strncmp(pattern, "{}", 2)) {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		len = strcspn(path, "/");
		if (args == PATH_ARGS || !len || len >= sizeof(rq->arg[0]))
			return false;
		memcpy(rq->arg[args], path, len);
		rq->arg[args++][len] = '\0';
		path += len;
		pattern += 2;
	}
	return !*pattern && !*path;
}

static const struct route *find_route(const struct server *s, const char *method, const char *path,
				      struct request *rq)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->routes[i].method, method) &&
		    path_matches(s->routes[i].path, path, rq))
			return &s->routes[i];
	return NULL;
}

static enum MHD_Result send_reply(struct MHD_Connection *c, struct reply r)
{
	char *text = json_dumps(r.body, JSON_COMPACT);
	struct MHD_Response *out;
	enum MHD_Result ok = MHD_NO;

	json_decref(r.body);
	if (!text)
		return MHD_NO;
	out = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (out) {
		MHD_add_response_header(out, "Content-Type", "application/json");
		ok = MHD_queue_response(c, (unsigned)r.status, out);
		MHD_destroy_response(out);
	}
	return ok;
}

static struct reply run_request(const struct server *s, struct MHD_Connection *c, const char *path,
				const char *method, const struct upload *up)
{
	struct request rq = {0};
	const struct route *route = find_route(s, method, path, &rq);
	struct reply r;

	if (!route)
		return reply_error(404, "no such page");
	if (up->too_big)
		return reply_error(413, "body too big");
	rq.idem = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Idempotency-Key");
	rq.body = up->len ? json_loadb(up->data, up->len, 0, NULL) : json_object();
	if (!json_is_object(rq.body))
		r = reply_error(400, "body is not a JSON object");
	else
		r = route->run(s->arg, &rq);
	json_decref(rq.body);
	return r;
}

static void upload_more(struct upload *up, const char *data, size_t len)
{
	char *grown;

	if (up->len + len > BODY_MAX) {
		up->too_big = true;
		return;
	}
	grown = realloc(up->data, up->len + len);
	if (!grown) {
		up->too_big = true;
		return;
	}
	up->data = grown;
	memcpy(up->data + up->len, data, len);
	up->len += len;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	struct upload *up = *state;

	(void)version;
	if (!up) {
		*state = calloc(1, sizeof(*up));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*size) {
		upload_more(up, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return send_reply(c, run_request(cls, c, path, method, up));
}

static void on_end(void *cls, struct MHD_Connection *c, void **state,
		   enum MHD_RequestTerminationCode why)
{
	struct upload *up = *state;

	(void)cls;
	(void)c;
	(void)why;
	if (up)
		free(up->data);
	free(up);
	*state = NULL;
}

struct server *server_start(int port, const struct route *routes, size_t count, void *arg,
			    int *ret_port)
{
	struct server *s = calloc(1, sizeof(*s));
	const union MHD_DaemonInfo *info;

	if (!s)
		return NULL;
	s->routes = routes;
	s->count = count;
	s->arg = arg;
	s->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL,
		(uint16_t)port, NULL, NULL, on_request, s, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
		MHD_OPTION_END);
	if (!s->daemon) {
		say("cannot listen port=%d why=\"%s\"", port, strerror(errno));
		free(s);
		return NULL;
	}
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
	*ret_port = info ? info->port : port;
	return s;
}

void server_stop(struct server *s)
{
	MHD_stop_daemon(s->daemon);
	free(s);
}
