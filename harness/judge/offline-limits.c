/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "judge/check.h"

/**
 * offline-limits: what was sold without the store, or the bank, kept to the shop's limits.
 *
 *   for every sale that was told ok, and offline, by one of `tenders`:
 *     told.total <= floor
 *   for every lane: not more than `count` of them, and not more than `sum`, one after another,
 *     which a sale of that lane told ok and online ends
 *
 * Whatever is not given is not limited. Judged: sales told ok and offline, by those tenders.
 */
struct options {
	struct strlist tenders;
	int64_t floor, sum, count;
};

static const struct opt rows[] = {
	{.name = "tenders", .type = OPT_STRLIST, .offset = offsetof(struct options, tenders),
	 .def = "[card]", .help = "the tenders that these limits are about"},
	{.name = "floor", .type = OPT_INT, .offset = offsetof(struct options, floor), .def = "0",
	 .min = "0", .help = "most that one such sale may be, in minor units; 0: no limit",
	 .example = "5000"},
	{.name = "sum", .type = OPT_INT, .offset = offsetof(struct options, sum), .def = "0",
	 .min = "0", .help = "most that a lane may sell so in a row, in minor units; 0: no limit"},
	{.name = "count", .type = OPT_INT, .offset = offsetof(struct options, count), .def = "0",
	 .min = "0", .help = "most such sales of a lane in a row; 0: no limit"},
	OPT_END};

static void check(const void *opts, struct mark at, struct diag *d)
{
	const struct options *o = opts;

	if (!o->floor && !o->sum && !o->count)
		diag_error(d, at, "offline-limits: no limit is given: floor, sum or count");
}

static bool meant(const struct options *o, const struct told *t)
{
	if (t->outcome != TOLD_OK || (t->kind && !str_eq(t->kind, "sale")))
		return false;
	for (size_t i = 0; i < o->tenders.count; i++)
		if (str_eq(o->tenders.at[i], t->tender))
			return true;
	return false;
}

/* What this lane had sold so in a row, with this one. */
static void row_of(const struct ledgers *l, const struct options *o, size_t at, int64_t *ret_count,
		   int64_t *ret_sum)
{
	*ret_count = *ret_sum = 0;
	for (size_t i = at + 1; i-- > 0;) {
		const struct told *t = &l->told[i];

		if (!str_eq(t->lane, l->told[at].lane) || t->outcome != TOLD_OK)
			continue;
		if (!t->offline)
			return;
		if (!meant(o, t))
			continue;
		++*ret_count;
		*ret_sum += t->total > 0 ? t->total : 0;
	}
}

static void judge_one(const struct judge_in *in, const struct options *o, size_t at,
		      struct judgement *ret)
{
	const struct told *t = &in->ledgers->told[at];
	const char *currency = t->currency ? t->currency : in->target->currency;
	char sum[MONEY_TEXT], most[MONEY_TEXT];
	int64_t count, together;

	row_of(in->ledgers, o, at, &count, &together);
	if (o->floor && t->total > o->floor)
		judgement_witness(ret, t->key, "%s sold %s offline, more than %s",
				  key_text(t->lane), money_text(sum, t->total, currency),
				  money_text(most, o->floor, currency));
	else if (o->count && count > o->count)
		judgement_witness(ret, t->key, "%s sold %" PRId64 " times offline in a row, more "
				  "than %" PRId64, key_text(t->lane), count, o->count);
	else if (o->sum && together > o->sum)
		judgement_witness(ret, t->key, "%s sold %s offline in a row, more than %s",
				  key_text(t->lane), money_text(sum, together, currency),
				  money_text(most, o->sum, currency));
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct options *o = opts;
	int64_t unknown = 0;

	for (size_t i = 0; i < in->ledgers->told_count; i++) {
		const struct told *t = &in->ledgers->told[i];

		if (!t->offline || !meant(o, t))
			continue;
		ret->judged++;
		unknown += (o->floor || o->sum) && t->total < 0;
		judge_one(in, o, i, ret);
	}
	if (unknown && !ret->violations)
		check_inconclusive(ret, "nobody knows the total of %" PRId64 " offline sale%s",
				   unknown, plural(unknown));
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " beyond a limit",
		 ret->violations, ret->judged);
	check_finish(ret, "nothing was sold offline by these tenders",
		     "all %" PRId64 " offline sale%s kept to the limits", ret->judged,
		     plural(ret->judged));
}

const struct check_ops check_offline_limits = {
	.name = "offline-limits",
	.summary = "offline sales keep to the shop's limits: floor, count and sum per lane",
	.opts = {rows, sizeof(struct options)},
	.check = check,
	.judge = judge,
	.example = "offline-limits: {floor: 5000}",
};
