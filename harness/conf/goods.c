/* SPDX-License-Identifier: Apache-2.0 */
/* goods: what is on the shelf, from the target file itself or from a CSV file next to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/target_load.h"

#define ROW(s, member) .name = #member, .offset = offsetof(struct s, member)

static const struct opt good_rows[] = {
	{ROW(good, sku), .type = OPT_STRING, .help = "the article's number"},
	{ROW(good, price), .type = OPT_MONEY, .optional = true,
	 .help = "in minor units, or 12.95 EUR"},
	{ROW(good, weight), .type = OPT_NUMBER, .def = "1", .help = "how popular it is"},
	OPT_END};
const struct opt_table good_table = {good_rows, sizeof(struct good)};

static struct good *add_good(struct target *t)
{
	t->goods = xrealloc(t->goods, (t->goods_count + 1) * sizeof(*t->goods));
	t->goods[t->goods_count] = (struct good){.price = -1};
	return &t->goods[t->goods_count++];
}

static void read_list(struct target *t, const struct yaml_node *n, struct diag *diag)
{
	for (size_t i = 0; i < n->count && !diag_full(diag); i++) {
		cleanup_free char *path = xasprintf("goods[%zu]", i);
		struct good *g = add_good(t);

		g->price = 0;
		opt_apply(good_table, n->items[i], n->items[i]->mark, path, g, diag);
		if (!yaml_get(n->items[i], "price"))
			g->price = -1;
	}
}

/* ---- CSV ---- */

/* csv_line - "sku,price[,weight]". */
static void csv_line(struct target *t, char *line, struct mark at, struct diag *diag)
{
	char *fields[4] = {NULL}, *rest = line, why[256];
	size_t n = 0;
	struct good *g;

	while (n < 4 && (fields[n] = strsep(&rest, ",")) != NULL)
		n++;
	if (n < 1 || n > 3 || !fields[0][0]) {
		diag_error(diag, at, "expected sku,price or sku,price,weight");
		return;
	}
	g = add_good(t);
	g->sku = xstrdup(fields[0]);
	g->weight = 1;
	if (n > 1 && fields[1][0] &&
	    opt_value(&good_rows[1], fields[1], &g->price, why, sizeof(why)) < 0)
		diag_error(diag, at, "price: %s", why);
	if (n > 2 && opt_value(&good_rows[2], fields[2], &g->weight, why, sizeof(why)) < 0)
		diag_error(diag, at, "weight: %s", why);
}

/* shown_path - as the reader would write it: next to the target file as it was named. */
static char *shown_path(const struct target *t, const char *name)
{
	const char *slash = strrchr(t->path, '/');

	if (name[0] == '/' || !slash)
		return xstrdup(name);
	return xasprintf("%.*s/%s", (int)(slash - t->path), t->path, name);
}

static void read_csv(struct target *t, const char *path, const char *shown, struct diag *diag)
{
	struct mark at = {.file = shown, .line = 0, .col = 1};
	struct buf text = {0};
	char *rest, *line;

	if (yaml_read(path, &text, diag) < 0) {
		buf_done(&text);
		return;
	}
	diag_source(diag, shown, text.data ? text.data : "", text.len);
	rest = text.data;
	while (!diag_full(diag) && (line = strsep(&rest, "\n")) != NULL) {
		at.line++;
		line[strcspn(line, "\r")] = '\0';
		if (*line && !(at.line == 1 && strncmp(line, "sku", 3) == 0))
			csv_line(t, line, at, diag);
	}
	buf_done(&text);
}

/* ---- both ---- */

static void check_weights(const struct target *t, const struct yaml_node *n, struct diag *diag)
{
	double sum = 0;

	for (size_t i = 0; i < t->goods_count; i++)
		sum += t->goods[i].weight;
	if (sum <= 0)
		diag_error(diag, n->mark, "goods: nothing to buy%s",
			   t->goods_count ? ": all weights are 0" : "");
}

void goods_read(struct target *t, const struct yaml_node *n, struct diag *diag)
{
	size_t errors = diag_errors(diag);

	if (n->type == NODE_LIST) {
		read_list(t, n, diag);
	} else if (n->type == NODE_SCALAR && n->len) {
		cleanup_free char *shown = NULL;

		t->goods_file = n->text[0] == '/' ? xstrdup(n->text)
						  : xasprintf("%s/%s", t->folder, n->text);
		shown = shown_path(t, n->text);
		read_csv(t, t->goods_file, shown, diag);
	} else {
		diag_error(diag, n->mark,
			   "goods: expected a list of {sku, price}, or the name of a CSV file");
	}
	if (diag_errors(diag) == errors)
		check_weights(t, n, diag);
}

void goods_free(struct target *t)
{
	for (size_t i = 0; i < t->goods_count; i++)
		opt_free(good_table, &t->goods[i]);
	free(t->goods);
	free(t->goods_file);
}
