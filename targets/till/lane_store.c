/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the store. When it does not answer we are offline, and stay so
 * until the sync thread has heard from it again: one shopper waits for the
 * dead store, not every shopper.
 */
#include "lane.h"

#include <stdio.h>
#include <string.h>

bool lane_online(struct lane *l)
{
	return atomic_load(&l->online);
}

void lane_set_online(struct lane *l, bool online)
{
	if (atomic_exchange(&l->online, online) == online)
		return;
	say("%s %s", l->o->name, online ? "online store answers" : "offline store does not answer");
	lane_sync_wake(l);
}

void lane_ask_once(struct lane *l, const char *path, const char *idem, const json_t *body,
		   long timeout_ms, struct answer *ret)
{
	client_call(l->client, body ? "POST" : "GET", path, idem, body, timeout_ms, ret);
}

void lane_ask(struct lane *l, const char *method, const char *path, const json_t *body,
	      struct answer *ret)
{
	bool sent = false;

	memset(ret, 0, sizeof(*ret));
	for (int try = 0; try < 2 && lane_online(l); try++) {
		client_call(l->client, method, path, NULL, body, (long)l->o->timeout_ms, ret);
		sent |= ret->sent;
		if (ret->status)
			return;
	}
	ret->sent = sent;
	lane_set_online(l, false);
}

int lane_verdict(const struct answer *a, char *why)
{
	if (a->status == 200 || a->status == 201)
		return a->status;
	if (a->status == 409) {
		snprintf(why, WHY_MAX, "%s", answer_text(a, "refused", "refused"));
		return 409;
	}
	snprintf(why, WHY_MAX, "%s", a->status ? answer_text(a, "error", "store failed") :
						 "store does not answer");
	return a->status || a->sent ? 503 : 409;
}
