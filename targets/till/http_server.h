/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_HTTP_SERVER_H
#define TILL_HTTP_SERVER_H

/* HTTP in, JSON out: a table of routes over libmicrohttpd, one thread per connection. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_ARGS 2

struct request {
	char arg[PATH_ARGS][128]; /* what stood where the route has {} */
	const char *idem;         /* Idempotency-Key, or NULL */
	json_t *body;             /* an object; empty when there was no body */
};

struct reply {
	int status;
	json_t *body; /* owned by the server from here on */
};

struct route {
	const char *method, *path; /* "POST", "/sales/{}/pay" */
	struct reply (*run)(void *arg, const struct request *rq);
};

struct server;
/** server_start - listen (port 0: any; *ret_port says); arg goes to every handler. NULL: no. */
struct server *server_start(int port, const struct route *routes, size_t count, void *arg,
			    int *ret_port);
/** server_stop - finish what is running, then return. */
void server_stop(struct server *s);

struct reply reply_ok(json_t *body);
/** reply_refused - a business "no": 409 {"refused": why}. */
struct reply reply_refused(const char *why);
/** reply_error - everything else: {"error": why}. */
struct reply reply_error(int status, const char *why);

/** body_text - a member of the body, or NULL. */
const char *body_text(const struct request *rq, const char *name);
/** body_int - a member that is a number, or a number in quotes; otherwise `missing`. */
int64_t body_int(const struct request *rq, const char *name, int64_t missing);

#endif
