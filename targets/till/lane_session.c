/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cashier's session. It is opened by the lane, offline too, and closed by
 * the store, which alone knows what it sold: first everything in the queue
 * must be in the books. Closing again gives the same Z report.
 */
#include "lane.h"

#include <stdio.h>

#define CLOSE_WAITS_MS 5000

static void session_id(const struct lane *l, int64_t n, char *ret, size_t size)
{
	snprintf(ret, size, "%s-s%lld", l->o->name, (long long)n);
}

static json_t *session_body(const struct lane *l, const char *id)
{
	return json_pack("{s:s,s:s}", "session", id, "lane", l->o->name);
}

int lane_session_open(struct lane *l, char *id, size_t size)
{
	int64_t n = lane_meta(l, "session");
	struct answer a;
	json_t *body;

	if (lane_meta(l, "session-open")) {
		session_id(l, n, id, size);
		return 200;
	}
	session_id(l, ++n, id, size);
	if (lane_set_meta(l, "session", n) || lane_set_meta(l, "session-open", 1))
		return 503;
	body = session_body(l, id);
	lane_ask(l, "POST", "/sessions", body, &a);
	json_decref(body);
	answer_done(&a);
	say("%s session opened id=%s", l->o->name, id);
	return 201;
}

static int ask_for_z(struct lane *l, const char *id, json_t **ret, char *why)
{
	json_t *body = session_body(l, id);
	struct answer a;
	int status;

	lane_ask(l, "POST", "/z-reports", body, &a);
	json_decref(body);
	status = lane_verdict(&a, why);
	if (status == 200)
		*ret = json_incref(a.body);
	answer_done(&a);
	return status;
}

int lane_session_close(struct lane *l, json_t **ret, char *why)
{
	int64_t n = lane_meta(l, "session");
	char id[KEY_MAX];
	int status;

	if (!n) {
		snprintf(why, WHY_MAX, "no session was opened");
		return 409;
	}
	if (!lane_sync_wait(l, CLOSE_WAITS_MS)) {
		snprintf(why, WHY_MAX, "offline sales are not in the books yet");
		return 409;
	}
	session_id(l, n, id, sizeof(id));
	status = ask_for_z(l, id, ret, why);
	if (status == 200)
		lane_set_meta(l, "session-open", 0);
	say("%s session closed id=%s status=%d", l->o->name, id, status);
	return status;
}
