/* SPDX-License-Identifier: Apache-2.0 */
/* `till init`: the store's books before the first day: articles, prices, stock. */
#include "lock.h"
#include "store.h"
#include "till.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line "sku,price[,weight]"; 1: taken, 0: heading, comment or empty, or -EINVAL. */
static int read_line(struct db *db, const char *text, int64_t stock)
{
	char sku[NAME_MAX_];
	long long price;
	int rc;

	if (*text == '#' || *text == '\n' || !strncmp(text, "sku,", 4))
		return 0;
	if (sscanf(text, "%31[^,],%lld", sku, &price) != 2 || price < 0)
		return -EINVAL;
	rc = db_run(db, "INSERT OR REPLACE INTO goods VALUES(?, ?)", "ti", sku, (int64_t)price);
	if (!rc)
		rc = db_run(db, "INSERT OR IGNORE INTO stock VALUES(?, ?)", "ti", sku, stock);
	return rc ? rc : 1;
}

static int read_goods(struct db *db, const char *path, int64_t stock)
{
	FILE *in = fopen(path, "re");
	char text[256];
	int rc = 0, count = 0, at = 0;

	if (!in) {
		say("init cannot read file=%s why=\"%s\"", path, strerror(errno));
		return -errno;
	}
	while (rc >= 0 && fgets(text, sizeof(text), in)) {
		at++;
		rc = read_line(db, text, stock);
		count += rc == 1;
	}
	fclose(in);
	if (rc < 0)
		say("init file=%s line=%d why=\"%s\"", path, at, strerror(-rc));
	else
		say("init goods=%d stock=%lld", count, (long long)stock);
	return rc < 0 ? rc : 0;
}

int init_main(const struct options *o)
{
	struct db db = {0};
	int lock = lock_take(o->data, "init"), rc;

	if (lock < 0)
		return 1;
	rc = store_db_make(&db, o->data);
	if (!rc)
		rc = db_begin(&db);
	if (!rc)
		rc = db_end(&db, o->goods ? read_goods(&db, o->goods, o->stock) : 0);
	db_close(&db);
	lock_drop(lock, o->data);
	return rc ? 1 : 0;
}
