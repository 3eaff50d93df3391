/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booking as it should not be done: the bugs that take a part of a sale out of
 * its one transaction. What is right is in store_sale.c.
 */
#include "store_loose.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "till.h"

/* Somebody will make room; the lock is kept, so that nobody overtakes. */
void loose_wait(void)
{
	say("store waits for space");
	poll(NULL, 0, 1000);
}

int64_t loose_number(struct store *st, const char *series)
{
	int64_t number;

	db_lock(&st->db);
	number = store_next_number(&st->db, series);
	db_unlock(&st->db);
	return number < 0 ? 0 : number;
}

int loose_stock_after(struct store *st, const struct sale *s, struct booked *ret, char *why)
{
	struct booking how = {.stock_elsewhere = true};
	int status = store_book(st, s, &how, ret, why);

	if (status != 201)
		return status;
	say("store sale posted key=%s stock follows", s->key);
	db_lock(&st->db);
	db_end(&st->db, db_begin(&st->db) ? 0 : store_move_stock(&st->db, s));
	db_unlock(&st->db);
	return status;
}

static void read_quantities(struct store *st, const struct sale *s, int64_t *qty)
{
	db_lock(&st->reader);
	for (size_t i = 0; i < s->count; i++)
		qty[i] = db_number(&st->reader, 0, "SELECT qty FROM stock WHERE sku = ?", "t",
				   s->lines[i].sku);
	db_unlock(&st->reader);
}

static void write_quantities(struct store *st, const struct sale *s, const int64_t *qty)
{
	int rc;

	db_lock(&st->db);
	rc = db_begin(&st->db);
	for (size_t i = 0; i < s->count && !rc; i++) {
		int64_t left = qty[i];

		for (size_t k = 0; k < s->count; k++)
			if (!strcmp(s->lines[k].sku, s->lines[i].sku))
				left -= s->lines[k].qty;
		rc = db_run(&st->db, "UPDATE stock SET qty = ? WHERE sku = ?", "it", left,
			    s->lines[i].sku);
	}
	db_end(&st->db, rc);
	db_unlock(&st->db);
}

int loose_stock_around(struct store *st, const struct sale *s, struct booked *ret, char *why)
{
	struct booking how = {.stock_elsewhere = true};
	int64_t *qty = calloc(s->count, sizeof(*qty));
	int status;

	if (!qty)
		return 500;
	read_quantities(st, s, qty);
	status = store_book(st, s, &how, ret, why);
	if (status == 201)
		write_quantities(st, s, qty);
	free(qty);
	return status;
}

bool loose_draft(struct store *st, const struct sale *s, struct booked *ret)
{
	bool draft;

	db_lock(&st->reader);
	draft = db_number(&st->reader, 0, "SELECT count(*) FROM suspended WHERE key = ?", "t",
			  s->key) > 0;
	db_unlock(&st->reader);
	if (!draft)
		return false;
	*ret = (struct booked){.total = s->total, .offline = true};
	copy_text(ret->state, sizeof(ret->state), "open");
	return true;
}

void loose_bought_together(struct store *st, const struct sale *s)
{
	db_lock(&st->db);
	for (size_t i = 0; i < s->count; i++)
		db_number(&st->db, 0,
			  "SELECT count(*) FROM lines a, lines b"
			  " WHERE +a.sale = +b.sale AND (a.sku = ?1 OR b.sku = ?1)", "t",
			  s->lines[i].sku);
	db_unlock(&st->db);
}
