/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shops by name, for `shoppers: {like: ...}`. A preset is written as in a file
 * and put into the tree where the file says nothing, so resolved.yml shows it
 * and every value of it can be overridden.
 *
 * Where the figures come from:
 *   sales a day     medium supermarkets 1,200 to 2,500, convenience stores 200 to 500 (trade
 *                   press); of a week Saturday has 17 %, Sunday 16 %, Thursday 12 % (2.5 million
 *                   receipts), so 1,750 on a working day are 2,200 on a Saturday
 *   hours           weekday peak 16 to 18 h (American Time Use Survey, 38,229 people);
 *                   convenience stores have over 35 % of their visits from 14 to 18 h (NPD
 *                   2012); the shape between is fitted to that, Saturday's is not known to differ
 *   baskets         over 60 % of baskets have at most 6 articles, in large stores too (dunnhumby,
 *                   7 million customers); the two larger thirds are plausible, their mean is 9.7
 *   tenders         euro area 2024: half of all payments in cash (ECB SPACE), contactless over
 *                   three quarters of the cards in Germany
 *   patience        10 % leave after 4 minutes (13,000 shoppers), 80 % would at 15; of a purchase
 *                   that is not essential 15 % after one minute, half of them after 30 s
 *   times           scanning, paying and packing have their defaults from human.c's sources
 * What is not sourced: the kiosk's baskets and everything about trains; voids, suspended and
 * returned sales are the field's usual orders of magnitude.
 */
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "conf/crowd_rows.h"

struct preset_value {
	const char *key, *value;
};

#define WEEKDAY_HOURS \
	"{8: 2%, 9: 4%, 10: 6%, 11: 7%, 12: 8%, 13: 7%, 14: 7%, 15: 8%, 16: 10%, 17: 12%, " \
	"18: 12%, 19: 9%, 20: 6%, 21: 2%}"
#define KIOSK_HOURS \
	"{6: 4%, 7: 6%, 8: 6%, 9: 5%, 10: 5%, 11: 6%, 12: 7%, 13: 6%, 14: 9%, 15: 9%, 16: 9%, " \
	"17: 9%, 18: 7%, 19: 5%, 20: 4%, 21: 3%}"
#define TENDERS \
	"{cash: 50%, card/contactless: 31%, card/contactless-pin: 8%, card/inserted: 5%, " \
	"card/mobile: 6%}"
#define SUPERMARKET \
	{"hours", WEEKDAY_HOURS}, {"basket", "{1..6: 60%, 7..18: 28%, 20..50: 12%}"}, \
		{"pay", TENDERS}, {"patience", "{1min: 2%, 4min: 10%, 15min: 80%}"}, \
		{"void_share", "1%"}, {"suspend_share", "0.5%"}, {"refund_share", "0.3%"}
#define KIOSK \
	{"hours", KIOSK_HOURS}, {"basket", "{1..3: 70%, 4..10: 30%}"}, {"pay", TENDERS}, \
		{"patience", "{30s: 7%, 1min: 15%, 15min: 80%}"}, {"void_share", "1%"}

static const struct preset_value supermarket_weekday[] = {
	{"arrivals", "poisson 1750/d"}, SUPERMARKET, {NULL, NULL}};
static const struct preset_value supermarket_saturday[] = {
	{"arrivals", "poisson 2200/d"}, SUPERMARKET, {NULL, NULL}};
static const struct preset_value convenience[] = {
	{"arrivals", "poisson 350/d"}, KIOSK, {NULL, NULL}};
static const struct preset_value station[] = {
	{"arrivals", "poisson 350/d"},
	KIOSK,
	{"trains", "{every: 20min, people: 5..25}"},
	{"train", "60%"},
	{"train_slack", "8min"},
	{NULL, NULL}};

const struct opt_value preset_names[] = {
	{"supermarket-weekday", "1,750 sales from 8 to 22 h, the peak from 16 to 19 h"},
	{"supermarket-saturday", "the same with 2,200 sales"},
	{"convenience", "350 sales of few articles from 6 to 22 h"},
	{"station", "the same, and every 20 minutes a train brings up to 25 people at once"},
	{NULL, NULL}};
static const struct preset_value *const presets[] = {supermarket_weekday, supermarket_saturday,
						     convenience, station};

/* Hours share out a day; arrivals that the file gives otherwise have none. */
static bool fits(const struct yaml_node *shoppers, const char *key)
{
	const struct yaml_node *arrivals = yaml_get(shoppers, "arrivals");

	if (!str_eq(key, "hours") || !arrivals || arrivals->type != NODE_SCALAR)
		return true;
	return arrivals->len > 2 && str_eq(arrivals->text + arrivals->len - 2, "/d");
}

static void put_all(struct yaml_node **tree, const struct preset_value *v, struct diag *diag)
{
	for (; v->key; v++) {
		const struct yaml_node *shoppers = yaml_get(*tree, "shoppers");
		cleanup_free char *set = xasprintf("shoppers.%s=%s", v->key, v->value);

		if (!yaml_get(shoppers, v->key) && fits(shoppers, v->key))
			yaml_set(tree, set, diag);
	}
}

void preset_apply(struct yaml_node **tree, struct diag *diag)
{
	const struct yaml_node *like = yaml_get(yaml_get(*tree, "shoppers"), "like");

	if (!like || like->type != NODE_SCALAR)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(presets); i++)
		if (str_eq(preset_names[i].name, like->text))
			put_all(tree, presets[i], diag);
}
