// SPDX-License-Identifier: Apache-2.0
/*
 * Baskets: which articles a shopper brings, and the key that is planted in
 * the sale.
 *
 *   key plant   key      basket
 *   field       S<i>     drawn by popularity
 *   amount      <cents>  one article at a typed price that no other sale has
 *   marker      the sku  drawn, and one article of weight 0 that is this shopper's own
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "crowd/room.h"

#define AMOUNT_BASE 1000
#define NAMELESS "item" /* the target declares no goods */

int basket_init(struct crowd *c, struct err *e)
{
	const struct target *t = c->o.target;
	double sum = 0;

	c->goods_sum = xcalloc(t->goods_count + 1, sizeof(*c->goods_sum));
	c->markers = xcalloc(t->goods_count + 1, sizeof(*c->markers));
	for (size_t i = 0; i < t->goods_count; i++) {
		sum += t->goods[i].weight > 0 ? t->goods[i].weight : 0;
		c->goods_sum[i] = sum;
		if (t->goods[i].weight <= 0)
			c->markers[c->markers_count++] = (uint32_t)i;
	}
	if (t->key.plant == KEY_MARKER && c->markers_count < (size_t)c->conf->count)
		return err_set(e, EINVAL,
			       "key: marker needs one article of weight 0 for each of %lld "
			       "shoppers; the target has %zu",
			       (long long)c->conf->count, c->markers_count);
	return 0;
}

/* The first good whose running sum is beyond x. */
static size_t good_at(const struct crowd *c, double x)
{
	size_t lo = 0, hi = c->o.target->goods_count - 1;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->goods_sum[mid] > x)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static uint32_t line_for(struct basket *b, const char *sku, int64_t price)
{
	for (uint32_t i = 0; i < b->lines; i++) {
		if (b->line[i].sku == sku || strcmp(b->line[i].sku, sku) == 0)
			return i;
	}
	if (b->lines == b->lines_cap) {
		b->lines_cap = b->lines_cap ? b->lines_cap * 2 : 8;
		b->line = xrealloc(b->line, b->lines_cap * sizeof(*b->line));
	}
	b->line[b->lines] = (struct line){ .sku = sku, .price = price };
	return b->lines++;
}

static void add(struct basket *b, const char *sku, int64_t price)
{
	uint32_t line = line_for(b, sku, price);

	if (b->units == b->units_cap) {
		b->units_cap = b->units_cap ? b->units_cap * 2 : 16;
		b->unit = xrealloc(b->unit, b->units_cap * sizeof(*b->unit));
	}
	b->line[line].qty++;
	b->unit[b->units++] = (struct unit){ .line = line };
}

static void add_good(const struct crowd *c, struct basket *b, int64_t shopper, uint64_t hit)
{
	const struct target *t = c->o.target;
	const struct good *g;
	double sum;

	if (t->goods_count == 0 || c->goods_sum[t->goods_count - 1] <= 0) {
		add(b, NAMELESS, -1);
		return;
	}
	sum = c->goods_sum[t->goods_count - 1];
	g = &t->goods[good_at(c, draw_unit(crowd_draw(c, "shopper.good", shopper, hit)) * sum)];
	add(b, g->sku, g->price);
}

static double range_mean(struct range r)
{
	return (double)(r.first + r.last) / 2;
}

double basket_mean(const struct shoppers *s)
{
	double mean = 0;

	for (size_t i = 0; i < s->basket.count; i++)
		mean += s->basket.part[i].share * range_mean(s->basket.part[i].range);
	return s->basket.count ? mean : range_mean(s->basket.range);
}

/* Which range: of several, by their shares. */
static struct range basket_range(const struct crowd *c, int64_t shopper)
{
	const struct sizes *s = &c->conf->basket;
	double shares[ARRAY_SIZE(s->part)];

	for (size_t i = 0; i < s->count; i++)
		shares[i] = s->part[i].share;
	if (!s->count)
		return s->range;
	return s->part[draw_pick(crowd_draw(c, "shopper.basket-kind", shopper, 0), shares,
				 (unsigned)s->count)].range;
}

static int64_t basket_size(const struct crowd *c, int64_t shopper)
{
	struct range r = basket_range(c, shopper);
	int64_t step = r.step > 0 ? r.step : 1, last = r.last < 100000 ? r.last : 100000;

	if (r.first < 1 || last <= r.first)
		return r.first < 1 ? 1 : r.first;
	return r.first + step * draw_range(crowd_draw(c, "shopper.basket", shopper, 0), 0,
					   (last - r.first) / step);
}

/* As the field does it: the amount itself is the mark, so it is typed, not scanned. */
static void fill_amount(struct crowd *c, struct visit *sale, int64_t shopper)
{
	const struct target *t = c->o.target;

	add(&sale->basket, t->goods_count ? t->goods[0].sku : NAMELESS, AMOUNT_BASE + shopper);
	snprintf(sale->key, sizeof(sale->key), "%lld", (long long)(AMOUNT_BASE + shopper));
}

void basket_fill(struct crowd *c, struct visit *sale, int64_t shopper)
{
	const struct target *t = c->o.target;
	struct basket *b = &sale->basket;
	int64_t n = basket_size(c, shopper);

	b->units = b->lines = 0;
	snprintf(sale->of, sizeof(sale->of), "R%lld", (long long)shopper);
	if (t->key.plant == KEY_AMOUNT) {
		fill_amount(c, sale, shopper);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		add_good(c, b, shopper, (uint64_t)i);
	snprintf(sale->key, sizeof(sale->key), "S%lld", (long long)shopper);
	if (t->key.plant == KEY_MARKER) {
		const struct good *g = &t->goods[c->markers[shopper - c->conf->first]];

		add(b, g->sku, g->price);
		snprintf(sale->key, sizeof(sale->key), "%s", g->sku);
	}
}

void basket_rescan(struct visit *sale)
{
	struct basket *b = &sale->basket;

	for (uint32_t i = 0; i < b->units; i++)
		b->unit[i].scanned = false;
	sale->unit = 0;
}

void basket_drop(struct visit *sale, uint32_t unit)
{
	struct basket *b = &sale->basket;

	b->line[b->unit[unit].line].qty--;
	memmove(&b->unit[unit], &b->unit[unit + 1],
		(b->units - unit - 1) * sizeof(*b->unit));
	b->units--;
}

int64_t basket_expected(const struct basket *b)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < b->lines; i++) {
		if (b->line[i].price < 0)
			return -1;
		sum += b->line[i].price * b->line[i].qty;
	}
	return sum;
}

bool basket_empty(const struct basket *b)
{
	return b->units == 0;
}

void basket_text(const struct basket *b, struct buf *out)
{
	for (uint32_t i = 0; i < b->lines; i++) {
		if (b->line[i].qty == 0)
			continue;
		if (out->len)
			buf_addc(out, ' ');
		buf_adds(out, b->line[i].sku);
		buf_addc(out, '*');
		buf_addi64(out, b->line[i].qty);
	}
}
