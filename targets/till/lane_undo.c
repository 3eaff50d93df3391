/* SPDX-License-Identifier: Apache-2.0 */
/* Void, refund, reprint: what a cashier does about a sale that was, or may have been. */
#include "lane.h"

#include <stdio.h>
#include <string.h>

/* A sale that is void now was paid with this, wherever that was. */
static void give_back(struct lane *l, const struct answer *a)
{
	const char *payment = answer_text(a, "payment", "");

	if (l->charges && *payment)
		payment_reverse(l, payment);
}

/* Behind what is already waiting for this key, or at once, or later. */
static int void_at_store(struct lane *l, const char *key, char *why)
{
	json_t *body;
	struct answer a;
	int status;

	if (lane_offline_waiting(l, key) || !lane_online(l))
		return lane_offline_void(l, key);
	body = json_pack("{s:s,s:s}", "key", key, "lane", l->o->name);
	lane_ask(l, "POST", "/voids", body, &a);
	json_decref(body);
	status = a.status && a.status < 500 ? lane_verdict(&a, why) : lane_offline_void(l, key);
	if (a.status == 200 || a.status == 201)
		give_back(l, &a);
	answer_done(&a);
	return status;
}

int lane_void(struct lane *l, const char *key, char *why)
{
	struct basket *b = basket_claim(l, key);
	bool only_here = b && b->state == BASKET_OPEN && !b->doubt;
	int status = 200;

	if (!b)
		b = basket_claim_new(l, key);
	if (!b)
		return 503;
	if (b->approved)
		card_reverse(l, b);
	if (b->state != BASKET_VOID && !only_here)
		status = void_at_store(l, key, why);
	if (status <= 201)
		b->state = BASKET_VOID;
	say("%s void key=%s status=%d", l->o->name, key, status);
	basket_release(l, b);
	return status;
}

int lane_refund(struct lane *l, const char *key, const char *of, struct booked *ret, char *why)
{
	json_t *body = json_pack("{s:s,s:s,s:s}", "key", key, "of", of, "lane", l->o->name);
	struct answer a;
	int status;

	lane_ask(l, "POST", "/refunds", body, &a);
	json_decref(body);
	status = lane_verdict(&a, why);
	if (status <= 201 && !booked_decode(ret, a.body))
		status = 503;
	answer_done(&a);
	say("%s refund key=%s of=%s status=%d", l->o->name, key, of, status);
	return status;
}

int lane_reprint(struct lane *l, const char *key, struct booked *ret)
{
	struct basket *b = basket_claim(l, key);
	struct sale nothing = {0};
	int status;

	if (b && b->state == BASKET_PAID) {
		*ret = b->booked;
		print_receipt(l, &b->sale, ret, true);
		basket_release(l, b);
		return 200;
	}
	if (b)
		basket_release(l, b);
	status = lane_recall(l, key, ret);
	if (status == 200)
		print_receipt(l, &nothing, ret, true);
	return status;
}
