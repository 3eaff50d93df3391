/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_HTTP_CLIENT_H
#define TILL_HTTP_CLIENT_H

/* HTTP out: keep-alive connections to one server, taken by whichever thread asks. */
#include <jansson.h>
#include <stdbool.h>

struct client;

/** struct answer - status 0: none came; then `sent` says whether the request may have arrived. */
struct answer {
	int status;
	bool sent;
	json_t *body; /* owned; NULL if it was no JSON */
};

/** client_new - base: "http://store:8080"; copied. NULL: out of memory. */
struct client *client_new(const char *base);
void client_free(struct client *c);
/**
 * client_call - one request, waiting at most timeout_ms. idem: its
 * Idempotency-Key or NULL. body: sent as JSON when not NULL; borrowed.
 * Any thread. Caller frees ret->body.
 */
void client_call(struct client *c, const char *method, const char *path, const char *idem,
		 const json_t *body, long timeout_ms, struct answer *ret);
void answer_done(struct answer *a);
/** answer_text - a member of its body, or `otherwise`. */
const char *answer_text(const struct answer *a, const char *name, const char *otherwise);

#endif
