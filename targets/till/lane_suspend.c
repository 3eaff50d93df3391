/* SPDX-License-Identifier: Apache-2.0 */
/* Suspend here, resume at any lane: the store keeps the basket in between. */
#include "lane.h"

#include <stdio.h>

static int hand_over(struct lane *l, const struct basket *b, char *why)
{
	json_t *body = json_pack("{s:s,s:s,s:o}", "key", b->sale.key, "lane", l->o->name, "lines",
				 lines_encode(&b->sale));
	struct answer a;
	int status;

	lane_ask(l, "POST", "/suspended", body, &a);
	json_decref(body);
	status = lane_verdict(&a, why);
	answer_done(&a);
	return status;
}

int lane_suspend(struct lane *l, const char *key, char *why)
{
	struct basket *b = basket_claim(l, key);
	int status = 200;

	if (!b)
		return 404;
	if (b->state == BASKET_OPEN)
		status = hand_over(l, b, why);
	if (b->state == BASKET_OPEN && status <= 201)
		b->state = BASKET_SUSPENDED;
	say("%s suspend key=%s status=%d", l->o->name, key, status);
	basket_release(l, b);
	return status;
}

static int fetch(struct lane *l, struct basket *b, char *why)
{
	char path[KEY_MAX + 16];
	struct answer a;
	int status;

	snprintf(path, sizeof(path), "/suspended/%s", b->sale.key);
	lane_ask(l, "GET", path, NULL, &a);
	status = lane_verdict(&a, why);
	if (status == 200) {
		basket_clear(b);
		if (!lines_decode(&b->sale, json_object_get(a.body, "lines")))
			status = 503;
	}
	answer_done(&a);
	return status;
}

int lane_resume(struct lane *l, const char *key, struct booked *ret, char *why)
{
	struct basket *b = basket_claim_new(l, key);
	int status = 200;

	if (!b)
		return 503;
	if (b->state != BASKET_PAID)
		status = fetch(l, b, why);
	if (status <= 201) {
		*ret = b->booked;
		if (b->state != BASKET_PAID)
			ret->total = sale_total(&b->sale);
		copy_text(ret->state, sizeof(ret->state),
			  b->state == BASKET_PAID ? "paid" : "open");
	}
	say("%s resume key=%s status=%d", l->o->name, key, status);
	basket_release(l, b);
	return status;
}
