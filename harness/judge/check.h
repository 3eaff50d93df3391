/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_JUDGE_CHECK_H
#define WD_JUDGE_CHECK_H

/*
 * What the checks share: what a told outcome promises, what rows of the books
 * mean, samples and percentiles, phases, limits. Private to judge/.
 *
 * The promise of a key, from what its shopper was told:
 *
 *   sale      acknowledged          exactly one sale in the books, right amount
 *             refused               none
 *             unknown               at most one
 *   void      told ok               nothing left: every sale row taken back by a void or refund row
 *             else                  at most one
 *   refund    told ok               sold and given back: some row; at most one of each sort
 *             else                  at most one sale row, at most one refund row
 *
 * "acknowledged" overrides refused. A row of the books counts as void when its
 * state begins with void, cancel or storno; as refund when its state begins
 * with refund or return, or its amount is negative; as sale otherwise: which
 * rows are sales at all (not suspended, not open) is the target's SQL to say.
 */
#include "base/str.h"
#include "judge/judge.h"

enum kind { KIND_SALE, KIND_OVERRIDE, KIND_VOID, KIND_REFUND };
/** told_kind - the kind word as a number; unknown words are sales. */
enum kind told_kind(const struct told *t);
/** told_acked - the shopper may leave with the goods. */
static inline bool told_acked(const struct told *t)
{
	return t->acknowledged || t->outcome == TOLD_OK;
}
static inline bool told_refused(const struct told *t)
{
	return !told_acked(t) && t->outcome == TOLD_REFUSED;
}

/** Shoppers whom the harness sent home (deadline, Ctrl-C): the POS had no chance to serve them.
 * The crowd says so in `left.why` and `told.error`. */
static inline bool left_sent_home(const struct left *l)
{
	return str_eq(l->why, LEFT_SENT_HOME);
}
static inline bool told_cut_short(const struct told *t)
{
	return t->outcome == TOLD_UNKNOWN && !t->acknowledged && str_eq(t->error, TOLD_CUT_SHORT);
}
/** told_again - a second record of a shopper who was told before: a refund. */
static inline bool told_again(const struct told *t)
{
	return told_kind(t) == KIND_REFUND;
}
/** struct headcount - how many there were to serve, and how many left unserved on their own. */
struct headcount {
	int64_t all, served, left;
};
struct headcount headcount(const struct ledgers *l);

/** key_hash - 64 bits of a text (FNV-1a). */
uint64_t key_hash(const char *s);

/** struct row_refs - rows of the books in the order of their keys' hashes. */
struct row_refs {
	struct row_ref {
		uint64_t hash;
		const struct book *book;
	} * at; /* owned; sorted by hash, then order in the file */
	size_t count;
};
/** row_refs_fill - the keyed rows of one sort, of the start or of the end. */
void row_refs_fill(struct row_refs *r, const struct ledgers *l, enum book_what what, bool start);
/** row_refs_next - the rows of a key one by one; *at starts as SIZE_MAX; NULL at the end. */
const struct book *row_refs_next(const struct row_refs *r, const char *key, size_t *at);

/**
 * struct rows - sale rows by key: those of the end, for keys with several, and
 * those of the start, which are read again at the end and do not count there.
 */
struct rows {
	struct row_refs end, start;
};
void rows_build(struct rows *r, const struct judge_in *in);
void rows_done(struct rows *r);

struct samples;
/** struct tally_rows - the new rows of one key, by meaning. */
struct tally_rows {
	uint32_t sales, voids, refunds;
	const struct book *sale; /* first of each; NULL: none */
	const struct book *refund;
};
/** rows_tally - returns how many new rows there are. */
uint32_t rows_tally(const struct rows *r, const struct sale *s, struct tally_rows *ret);

/* What is wrong with one sale; each is told by the check that is about it. */
/** refunds_find - the shoppers who were given their money back, or may have been; sorted. */
void refunds_find(const struct ledgers *l, struct samples *ret);
bool sale_lost(const struct sale *s, const struct tally_rows *r, const struct samples *refunds);
static inline bool sale_doubled(const struct tally_rows *r)
{
	return r->sales > 1 || r->refunds > 1;
}
bool sale_phantom(const struct sale *s, const struct tally_rows *r);
/** sale_wrong_amount - @refunds: did any shopper ask for his money back? */
bool sale_wrong_amount(const struct judge_in *in, const struct sale *s,
		       const struct tally_rows *r, bool refunds);

/** row_is_sale - neither void nor refund. */
bool row_is_sale(const struct book *b);

/** sale_ambiguous - told twice under one key: nothing can be said; noted in j (see check_finish).
 */
bool sale_ambiguous(const struct sale *s, struct judgement *j);
/** books_unkeyed - sale rows without a key, less those that were there at the start. */
size_t books_unkeyed(const struct ledgers *l);

/**
 * check_finish - the verdict of a check that looked at j->judged things:
 * violated when there are violations, else inconclusive when nothing was
 * judged (`nothing` says what was missing) or a key was ambiguous, else holds.
 * Fills why unless it was set.
 */
void check_finish(struct judgement *j, const char *nothing, const char *holds_fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** check_margin - how far a figure is from its limit; of several the least. The limit is the most
 * that is allowed, or with `least` the least. No limit (0): no margin. */
void check_margin(struct judgement *j, double figure, double limit, bool least);
/** check_forget - the witnesses were within the limit: drop them. */
void check_forget(struct judgement *j);
/** check_inconclusive - say so, and why. */
void check_inconclusive(struct judgement *j, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** has_printer - does one of ours stand at this lane? */
bool has_printer(const struct target *t, const char *lane);
/** plural - "" for 1, "s" otherwise. */
static inline const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

#define TIME_TEXT (2 * DUR_TEXT + 16)
/**
 * real_text, shop_text, both_text - dur_text with its clock said, into a caller's array of
 * TIME_TEXT: "682 ms real", "66.5 s shop", "66.5 s shop (1.11 s real)". shop_text and
 * both_text take shop ns. At pace 1x the clocks are one and the word is left out.
 */
const char *real_text(char *buf, const struct experiment *x, int64_t ns);
const char *shop_text(char *buf, const struct experiment *x, int64_t ns);
const char *both_text(char *buf, const struct experiment *x, int64_t ns);
#define MONEY_TEXT 48
/** money_text - judge_money into a caller's array of MONEY_TEXT; returns it. */
const char *money_text(char *buf, int64_t amount, const char *currency);

/* ---- phases ---- */
enum during { DURING_ALL, DURING_FAULT, DURING_HEALTHY, DURING_RECOVERY };
extern const struct opt_value during_values[];
/**
 * during_of - which phase [from, to] belongs to: fault when it touches a
 * window, healthy before the first, recovery after or between.
 */
enum during during_of(const struct fault_window *w, size_t n, int64_t from, int64_t to);

/* ---- what devices did not do ---- */

/** struct device_days - when printers, and the drawers that hang on them, may have failed. */
struct device_days {
	struct device_day {
		const char *lane;
		struct fault_window *windows; /* owned */
		size_t windows_count;
		int64_t unused_ns; /* in order again since then, and not used; INT64_MAX */
	} *at; /* owned */
	size_t count;
	size_t unused; /* sales of which that was said */
};
void device_days(struct device_days *ret, const struct judge_in *in);
void device_days_done(struct device_days *d);
/**
 * device_missing - a receipt or pulse of this sale is missing. Excused: near a fault, unless its
 * device was put right (EVENT_BACK) and has printed for others again. Unused: it was put right
 * before the sale began, and never printed again.
 */
enum missing { MISSING, MISSING_EXCUSED, MISSING_UNUSED };
enum missing device_missing(struct device_days *d, const struct told *t);
/** device_unused - what could not be told for that is inconclusive, if nothing worse is known. */
void device_unused(const struct device_days *d, struct judgement *j);

/* ---- samples ---- */
struct samples {
	int64_t *at; /* owned */
	size_t count, cap;
	bool sorted;
};
void samples_add(struct samples *s, int64_t v);
void samples_sort(struct samples *s);
void samples_done(struct samples *s);
/** samples_percentile - nearest rank (exact); p in 0..1; s not empty; sorts. */
int64_t samples_percentile(struct samples *s, double p);
/** samples_rank_interval - a 95 % interval for percentile p by order statistics. *ret_hi is -1
 * when the samples are too few to bound it from above. */
void samples_rank_interval(struct samples *s, double p, int64_t *ret_lo, int64_t *ret_hi);
double samples_mean(const struct samples *s);

/* ---- limits: "3" or "2%" ---- */
struct limit {
	int64_t count;
	double ratio;
	bool is_ratio, given;
};
/* as it is written, for the schema */
#define LIMIT_PATTERN "[0-9]+|[0-9]+(\\.[0-9]+)? *%"
int limit_parse(const struct yaml_node *n, void *field, struct diag *diag);
/** limit_text - "<= 3" or "<= 2 %"; op is "<=" or ">=". */
void limit_text(const struct limit *l, const char *op, char *buf, size_t size);
/** limit_margin - check_margin of n, or of n of all where the limit is a share. */
void limit_margin(const struct limit *l, bool least, int64_t n, int64_t all, struct judgement *j);

/** pace_of - as a factor >= small positive. */
double pace_of(const struct experiment *x);
/** shop_ns - wall ns as shop ns: wall × pace. */
int64_t shop_ns(const struct experiment *x, int64_t wall_ns);

/** key of a told or book record, never NULL. */
static inline const char *key_text(const char *key)
{
	return key ? key : "";
}

#define CHECK(name) extern const struct check_ops check_##name;
#include "judge/list.h"
#undef CHECK

#endif
