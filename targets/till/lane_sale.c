/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scanning. A shopper who comes back with a key that was sold gets the old
 * receipt, whatever is scanned: a key is one basket, sold once.
 */
#include "lane.h"

#include <stdio.h>
#include <string.h>

static void describe(const struct basket *b, struct booked *ret)
{
	static const char *const names[] = {"open", "paid", "suspended", "void"};

	memset(ret, 0, sizeof(*ret));
	if (b->state == BASKET_PAID) {
		*ret = b->booked;
		return;
	}
	copy_text(ret->state, sizeof(ret->state), names[b->state]);
	ret->total = sale_total(&b->sale);
}

int lane_begin(struct lane *l, const char *key, struct booked *ret)
{
	struct basket *b = basket_claim_new(l, key);

	if (!b)
		return 503;
	if (b->state != BASKET_PAID && lane_offline_find(l, key, &b->booked) == 200)
		b->state = BASKET_PAID;
	if (b->state != BASKET_PAID)
		basket_clear(b);
	describe(b, ret);
	basket_release(l, b);
	return 201;
}

static int no(char *why, const char *text, int status)
{
	snprintf(why, WHY_MAX, "%s", text);
	return status;
}

static int add_line(struct lane *l, struct basket *b, const struct scan *in, char *why)
{
	int64_t price = lane_price(l, in->sku);

	if (b->state == BASKET_PAID)
		return 200;
	if (b->state != BASKET_OPEN)
		return no(why, "this basket is not open", 409);
	if (in->line > (int64_t)b->sale.count + 1)
		return no(why, "the lines before this one are not here", 404);
	if (price < 0 || in->qty < 1 || in->qty > 9999)
		return no(why, price < 0 ? "unknown article" : "quantity out of range", 409);
	if (in->line > 0)
		b->sale.count = (size_t)in->line - 1;
	if (!sale_add(&b->sale, in->sku, in->qty, price))
		return no(why, "basket is full", 409);
	return 200;
}

int lane_add(struct lane *l, const char *key, const struct scan *in, struct booked *ret, char *why)
{
	struct basket *b;
	int status;

	if (in->line == 1 && lane_begin(l, key, ret) > 201)
		return 503;
	b = basket_claim(l, key);
	if (!b)
		return 404;
	status = add_line(l, b, in, why);
	describe(b, ret);
	basket_release(l, b);
	return status;
}

int lane_total(struct lane *l, const char *key, struct booked *ret)
{
	struct basket *b = basket_claim(l, key);

	if (!b)
		return lane_recall(l, key, ret);
	describe(b, ret);
	basket_release(l, b);
	return 200;
}

int lane_recall(struct lane *l, const char *key, struct booked *ret)
{
	struct answer a;
	char path[KEY_MAX + 16];
	int status = lane_offline_find(l, key, ret);

	if (status == 200)
		return status;
	snprintf(path, sizeof(path), "/sales/%s", key);
	lane_ask(l, "GET", path, NULL, &a);
	status = a.status == 200 && booked_decode(ret, a.body) ? 200 : 404;
	answer_done(&a);
	return status;
}
