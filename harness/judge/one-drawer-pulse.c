/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/check.h"

/**
 * one-drawer-pulse: the drawer opens once for each cash sale, and for nothing else.
 *
 *   for every sale k in the books:
 *     paid in cash   pulses(k) = 1
 *     else           pulses(k) = 0
 *   for every pulse: it belongs to a sale in the books
 *
 * A cashier who had to try again may open it again: at most once a try. Near a
 * fault it may have stayed shut: the printer that it hangs on may have been what
 * was broken, as in receipts-match-books. Judged: sales in the books that say how
 * they were paid, of lanes with a printer.
 */
struct options {
	struct strlist cash;
};
static const struct opt rows[] = {
	{.name = "cash", .type = OPT_STRLIST, .offset = offsetof(struct options, cash),
	 .def = "[cash]", .help = "what the books call payments into the drawer"},
	OPT_END};

struct look {
	const struct judge_in *in;
	const struct options *o;
	const char **pulse; /* owned: keys, sorted */
	size_t count, unkeyed;
	struct rows rows;
	struct fault_window *windows;
	size_t windows_count;
	struct device_days days;
	struct judgement *ret;
};

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static size_t pulses_of(const struct look *k, const char *key)
{
	size_t lo = 0, hi = k->count, n = 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(k->pulse[mid], key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + n < k->count && !strcmp(k->pulse[lo + n], key))
		n++;
	return n;
}

static bool in_cash(const struct look *k, const char *tender)
{
	for (size_t i = 0; i < k->o->cash.count; i++)
		if (str_eq(k->o->cash.at[i], tender))
			return true;
	return false;
}

static void judge_one(struct look *k, const struct sale *s, size_t *ret_seen)
{
	size_t n = pulses_of(k, s->key), most = 1;
	const struct told *t = s->told;
	struct tally_rows r;
	bool cash, near;

	*ret_seen += n;
	rows_tally(&k->rows, s, &r);
	if (n && !r.sales && !r.voids && !r.refunds) {
		judgement_witness(k->ret, s->key, "the drawer opened, and the books have no such "
				  "sale");
		return;
	}
	if (!r.sale || !r.sale->tender || !t || !has_printer(k->in->target, t->lane))
		return;
	k->ret->judged++;
	cash = in_cash(k, r.sale->tender);
	near = during_of(k->windows, k->windows_count, t->start_ns, t->end_ns) == DURING_FAULT;
	if (t->attempts > 1)
		most = (size_t)t->attempts;
	if (!cash && n && !(near && t->attempts > 1))
		judgement_witness(k->ret, s->key, "paid by %s, and the drawer opened",
				  r.sale->tender);
	else if (cash && n > most)
		judgement_witness(k->ret, s->key, "the drawer opened %zu times for one cash sale",
				  n);
	else if (cash && !n && t->outcome == TOLD_OK && device_missing(&k->days, t) == MISSING)
		judgement_witness(k->ret, s->key, "paid in cash, and the drawer stayed shut");
}

static void judge(const struct judge_in *in, const void *opts, struct judgement *ret)
{
	const struct ledgers *l = in->ledgers;
	struct look k = {.in = in, .o = opts, .ret = ret};
	size_t seen = 0;

	if (!target_has_device(in->target, DEVICE_ESCPOS)) {
		check_inconclusive(ret, "the target has no printer that a drawer hangs on");
		return;
	}
	k.pulse = xcalloc(l->drawer_count + 1, sizeof(*k.pulse));
	for (size_t i = 0; i < l->drawer_count; i++) {
		if (!str_eq(l->drawer[i].what, "pulse"))
			continue;
		if (l->drawer[i].key)
			k.pulse[k.count++] = l->drawer[i].key;
		else
			k.unkeyed++;
	}
	qsort(k.pulse, k.count, sizeof(*k.pulse), by_text);
	rows_build(&k.rows, in);
	k.windows_count = judge_windows(l, &k.windows);
	device_days(&k.days, in);
	for (size_t i = 0; i < in->sales->count; i++)
		if (*in->sales->at[i].key)
			judge_one(&k, &in->sales->at[i], &seen);
	for (size_t i = seen; i < k.count; i++) /* of keys that nobody knows */
		judgement_witness(ret, NULL, "the drawer opened for a sale that nobody knows");
	device_unused(&k.days, ret);
	device_days_done(&k.days);
	rows_done(&k.rows);
	free(k.windows);
	free(k.pulse);
	snprintf(ret->figure, sizeof(ret->figure), "%zu of %" PRId64 " wrong", ret->violations,
		 ret->judged);
	if (k.unkeyed && ret->verdict == HOLDS && !ret->violations)
		check_inconclusive(ret, "%zu time%s the drawer opened with no receipt that tells "
				   "for what", k.unkeyed, plural((int64_t)k.unkeyed));
	check_finish(ret, "no sale in the books says how it was paid",
		     "the drawer opened as it should for %" PRId64 " sale%s", ret->judged,
		     plural(ret->judged));
}

const struct check_ops check_one_drawer_pulse = {
	.name = "one-drawer-pulse",
	.summary = "the drawer opens once for each cash sale, and for nothing else",
	.opts = {rows, sizeof(struct options)},
	.needs_books = true,
	.judge = judge,
	.example = "one-drawer-pulse: {cash: [cash]}",
};
