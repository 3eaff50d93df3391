/* SPDX-License-Identifier: Apache-2.0 */
#include "sale.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bug.h"
#include "till.h"

bool copy_text(char *to, size_t size, const char *from)
{
	return (size_t)snprintf(to, size, "%s", from) < size;
}

bool sale_add(struct sale *s, const char *sku, int64_t qty, int64_t price)
{
	struct line *l;

	if (s->count == LINES_MAX)
		return false;
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 8;

		l = realloc(s->lines, room * sizeof(*l));
		if (!l)
			return false;
		s->lines = l;
		s->room = room;
	}
	l = &s->lines[s->count];
	l->qty = qty;
	l->price = price;
	if (!copy_text(l->sku, sizeof(l->sku), sku))
		return false;
	s->count++;
	return true;
}

static int64_t total_in_float(const struct sale *s)
{
	float total = 0;

	for (size_t i = 0; i < s->count; i++)
		total += (float)s->lines[i].qty * ((float)s->lines[i].price / 100);
	return (int64_t)(total * 100);
}

int64_t sale_total(const struct sale *s)
{
	int64_t total = 0;

	if (bug(BUG_TOTAL_FLOAT))
		return total_in_float(s);
	for (size_t i = 0; i < s->count; i++)
		total += s->lines[i].qty * s->lines[i].price;
	return total;
}

void sale_done(struct sale *s)
{
	free(s->lines);
	s->lines = NULL;
	s->count = s->room = 0;
}

void sale_copy(struct sale *to, const struct sale *from)
{
	*to = *from;
	to->lines = NULL;
	to->count = to->room = 0;
	for (size_t i = 0; i < from->count; i++) {
		const struct line *l = &from->lines[i];

		if (!sale_add(to, l->sku, l->qty, l->price))
			abort();
	}
}

json_t *lines_encode(const struct sale *s)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < s->count; i++) {
		const struct line *l = &s->lines[i];

		json_array_append_new(lines, json_pack("[s,I,I]", l->sku, (json_int_t)l->qty,
						       (json_int_t)l->price));
	}
	return lines;
}

bool lines_decode(struct sale *s, const json_t *lines)
{
	size_t i;
	json_t *at;

	if (!json_is_array(lines))
		return false;
	json_array_foreach((json_t *)(uintptr_t)lines, i, at) {
		const char *sku;
		json_int_t qty, price;

		if (json_unpack(at, "[s,I,I]", &sku, &qty, &price) || qty == 0 || price < 0)
			return false;
		if (!sale_add(s, sku, qty, price))
			return false;
	}
	return true;
}

json_t *sale_encode(const struct sale *s)
{
	const char *shape = "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:b,s:b,s:o}";

	return json_pack(shape, "key", s->key, "idem", s->idem, "episode", s->episode,
			 "payment", s->payment, "lane", s->lane, "tender", s->tender, "currency",
			 CURRENCY, "total", (json_int_t)s->total, "amount", (json_int_t)s->amount,
			 "created", (json_int_t)s->created_ms, "number", (json_int_t)s->number,
			 "offline", s->offline, "manual", s->manual, "lines", lines_encode(s));
}

static bool fields_decode(struct sale *s, json_t *body, json_t **ret_lines)
{
	const char *shape = "{s:s,s:s,s:s,s?s,s:s,s:s,s:I,s:I,s:I,s:I,s:b,s:b,s:o}";
	const char *key, *idem, *episode, *lane, *tender, *payment = "";
	json_int_t total, amount, created, number;
	int offline, manual;

	if (json_unpack(body, shape, "key", &key, "idem", &idem, "episode", &episode,
			"payment", &payment, "lane", &lane, "tender", &tender, "total", &total,
			"amount", &amount, "created", &created, "number", &number, "offline",
			&offline, "manual", &manual, "lines", ret_lines))
		return false;
	s->total = total;
	s->amount = amount;
	s->created_ms = created;
	s->number = number;
	s->offline = offline;
	s->manual = manual;
	return *key && *idem && *lane && copy_text(s->key, sizeof(s->key), key) &&
	       copy_text(s->idem, sizeof(s->idem), idem) &&
	       copy_text(s->episode, sizeof(s->episode), episode) &&
	       copy_text(s->payment, sizeof(s->payment), payment) &&
	       copy_text(s->lane, sizeof(s->lane), lane) &&
	       copy_text(s->tender, sizeof(s->tender), tender);
}

bool sale_decode(struct sale *ret, const json_t *body)
{
	json_t *lines;

	memset(ret, 0, sizeof(*ret));
	if (fields_decode(ret, (json_t *)(uintptr_t)body, &lines) && lines_decode(ret, lines) &&
	    ret->count > 0)
		return true;
	sale_done(ret);
	return false;
}

json_t *booked_encode(const struct booked *b)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:b}", "receipt", b->receipt, "state", b->state,
			 "payment", b->payment, "tender", b->tender, "total",
			 (json_int_t)b->total, "currency", CURRENCY, "offline", b->offline);
}

bool booked_decode(struct booked *ret, const json_t *body)
{
	const char *receipt, *state, *payment = "", *tender = "";
	json_int_t total;
	int offline;

	memset(ret, 0, sizeof(*ret));
	if (json_unpack((json_t *)(uintptr_t)body, "{s:s,s:s,s?s,s?s,s:I,s:b}", "receipt",
			&receipt, "state", &state, "payment", &payment, "tender", &tender, "total",
			&total, "offline", &offline))
		return false;
	ret->total = total;
	ret->offline = offline;
	return copy_text(ret->receipt, sizeof(ret->receipt), receipt) &&
	       copy_text(ret->state, sizeof(ret->state), state) &&
	       copy_text(ret->payment, sizeof(ret->payment), payment) &&
	       copy_text(ret->tender, sizeof(ret->tender), tender);
}
