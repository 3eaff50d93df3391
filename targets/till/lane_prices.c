/* SPDX-License-Identifier: Apache-2.0 */
/* The price list: from the store at start, kept in offline.db for a start without it. */
#include "lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct list {
	struct price *at; /* owned */
	size_t count, room;
};

static bool list_add(struct list *list, const char *sku, int64_t price)
{
	struct price *grown;

	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		grown = realloc(list->at, list->room * sizeof(*grown));
		if (!grown)
			return false;
		list->at = grown;
	}
	list->at[list->count].price = price;
	return copy_text(list->at[list->count++].sku, NAME_MAX_, sku);
}

static int by_sku(const void *a, const void *b)
{
	return strcmp(((const struct price *)a)->sku, ((const struct price *)b)->sku);
}

static void adopt(struct lane *l, struct list *list, const char *where)
{
	if (list->count)
		qsort(list->at, list->count, sizeof(*list->at), by_sku);
	pthread_mutex_lock(&l->mutex);
	free(l->prices);
	l->prices = list->at;
	l->prices_count = list->count;
	pthread_mutex_unlock(&l->mutex);
	say("%s prices count=%zu from=%s", l->o->name, list->count, where);
}

void lane_prices_cached(struct lane *l)
{
	struct list list = {0};
	sqlite3_stmt *s;

	db_lock(&l->db);
	s = db_query(&l->db, "SELECT sku, price FROM prices", "");
	while (db_row(s) == 1)
		list_add(&list, db_text(s, 0), sqlite3_column_int64(s, 1));
	db_unlock(&l->db);
	adopt(l, &list, "cache");
}

static int keep(struct db *db, const struct list *list)
{
	int rc = db_begin(db);

	if (!rc)
		rc = db_run(db, "DELETE FROM prices", "");
	for (size_t i = 0; i < list->count && !rc; i++)
		rc = db_run(db, "INSERT OR REPLACE INTO prices VALUES(?, ?)", "ti",
			    list->at[i].sku, list->at[i].price);
	return db_end(db, rc);
}

static int read_list(const struct answer *a, struct list *list)
{
	json_t *goods = json_object_get(a->body, "goods"), *at;
	const char *sku;
	json_int_t price;
	size_t i;

	json_array_foreach(goods, i, at)
		if (json_unpack(at, "[s,I]", &sku, &price) || !list_add(list, sku, price))
			return -EINVAL;
	return a->status == 200 && list->count ? 0 : -EAGAIN;
}

int lane_prices_fetch(struct lane *l)
{
	struct list list = {0};
	struct answer a;
	int rc;

	lane_ask_once(l, "/goods", NULL, NULL, (long)l->o->timeout_ms, &a);
	rc = read_list(&a, &list);
	answer_done(&a);
	if (rc) {
		free(list.at);
		return rc;
	}
	db_lock(&l->db);
	keep(&l->db, &list);
	db_unlock(&l->db);
	adopt(l, &list, "store");
	return 0;
}

int64_t lane_price(struct lane *l, const char *sku)
{
	struct price wanted = {0}, *found = NULL;
	int64_t price = -1;

	if (!copy_text(wanted.sku, sizeof(wanted.sku), sku))
		return -1;
	pthread_mutex_lock(&l->mutex);
	if (l->prices_count)
		found = bsearch(&wanted, l->prices, l->prices_count, sizeof(wanted), by_sku);
	if (found)
		price = found->price;
	pthread_mutex_unlock(&l->mutex);
	return price;
}
