/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CROWD_CURL_LOOP_H
#define WD_CROWD_CURL_LOOP_H

/*
 * libcurl's multi interface on base/loop.h. One net per lane: connections,
 * cookies and sockets of one node are never another's.
 */
#include <curl/curl.h>
#include <stdint.h>

#include "crowd/crowd.h"

struct net;

struct net_init {
	struct loop *loop;
	const struct crowd_world *world;
	const char *node; /* borrowed */
	/* a transfer has ended and is out of the net; priv: as given to net_add */
	void (*done)(void *priv, CURLcode result, int64_t at_ns);
};

int net_new(struct net **ret, const struct net_init *in, struct err *e);
void net_free(struct net *n);
/** net_prepare - set what an easy handle needs to live in this net. Once per handle. */
void net_prepare(struct net *n, CURL *easy);
/** net_add - start the transfer, now. done() follows, perhaps before this returns. */
void net_add(struct net *n, CURL *easy, void *priv);
/** net_remove - give up the transfer; its connection is closed. */
void net_remove(struct net *n, CURL *easy);
/** net_forget_cookies - a new shopper, a new session. */
void net_forget_cookies(struct net *n);

#endif
