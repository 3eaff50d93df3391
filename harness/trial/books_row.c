/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Every reader hands over rows as text cells; here they
 * become struct book. Text is exact for every type a database may use: an
 * integer has no decimal point, a decimal, double or real has one, and that
 * is how minor and major units are told apart (see books.h).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "judge/judge.h"
#include "trial/books_room.h"

static const struct field_name {
	const char *name;
	enum books_field field;
} field_names[] = {
	{"key", FIELD_KEY},	      {"total", FIELD_TOTAL},	  {"amount", FIELD_TOTAL},
	{"currency", FIELD_CURRENCY}, {"receipt", FIELD_RECEIPT}, {"series", FIELD_SERIES},
	{"number", FIELD_NUMBER},     {"lane", FIELD_LANE},	  {"state", FIELD_STATE},
	{"time", FIELD_TIME},	      {"tender", FIELD_TENDER},	  {"sku", FIELD_SKU},
	{"qty", FIELD_QTY},	      {"why", FIELD_WHY},
};

int books_field(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(field_names); i++)
		if (strlen(field_names[i].name) == len &&
		    strncasecmp(field_names[i].name, name, len) == 0)
			return (int)field_names[i].field;
	return -1;
}

static const char *field_word(int field)
{
	for (size_t i = 0; i < ARRAY_SIZE(field_names); i++)
		if ((int)field_names[i].field == field)
			return field_names[i].name;
	return "?";
}

int books_map(struct books_map *m, const struct books_query *q, const char *const *names, size_t n,
	      struct err *e)
{
	struct buf has = {0};
	int err = 0;

	*m = (struct books_map){.query = q};
	for (int f = 0; f < FIELDS_COUNT; f++)
		m->column[f] = -1;
	for (size_t i = 0; i < n; i++) {
		int f = books_field(names[i], strlen(names[i]));

		buf_printf(&has, "%s%s", i ? ", " : "", names[i]);
		if (f >= 0 && m->column[f] < 0)
			m->column[f] = (int)i;
	}
	for (int f = 0; f < FIELDS_COUNT && !err; f++)
		if (q->required & 1u << f && m->column[f] < 0)
			err = err_set(e, EINVAL,
				      "books.%s yields no column \"%s\" (it has: %.300s)", q->name,
				      field_word(f), has.len ? has.data : "none");
	buf_done(&has);
	return err;
}

/* A row without a required value is one of the POS's faults to judge, not a reading error. */
static const char *cell(const struct books_map *m, const char *const *cells, enum books_field f)
{
	return m->column[f] < 0 ? NULL : cells[m->column[f]];
}

static const char *skip_blank(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/*
 * A decimal as a whole number of 10^-exponent: "12.95" by 2 is 1295. Without a
 * point the number is taken as it is when whole_is_minor. Digits beyond the
 * exponent must be zeros. false: not such a number.
 */
static bool decimal(const char *s, int exponent, bool whole_is_minor, int64_t *ret)
{
	bool minus, any = false;
	int64_t v = 0;
	int places = 0;

	s = skip_blank(s);
	minus = *s == '-';
	s += *s == '-' || *s == '+';
	for (; isdigit((unsigned char)*s); s++, any = true)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v))
			return false;
	if (*s == '.') {
		for (s++; isdigit((unsigned char)*s); s++, any = true) {
			if (places == exponent && *s != '0')
				return false;
			if (places == exponent)
				continue;
			places++;
			if (__builtin_mul_overflow(v, 10, &v) ||
			    __builtin_add_overflow(v, *s - '0', &v))
				return false;
		}
		whole_is_minor = false;
	}
	for (; !whole_is_minor && places < exponent; places++)
		if (__builtin_mul_overflow(v, 10, &v))
			return false;
	*ret = minus ? -v : v;
	return any && !*skip_blank(s);
}

static int bad_cell(const struct books_map *m, enum books_field f, const char *text,
		    const char *wanted, struct err *e)
{
	return err_set(e, EINVAL, "books.%s: row %lld has %s \"%.80s\", which is not %s",
		       m->query->name, (long long)m->row, field_word((int)f), text, wanted);
}

static int row_amount(const struct books_in *in, const struct books_map *m,
		      const char *const *cells, struct book *b, struct err *e)
{
	const char *text = cell(m, cells, FIELD_TOTAL);
	int exponent = judge_currency_exponent(b->currency ? b->currency : in->target->currency);

	if (!text || !*text || decimal(text, exponent, true, &b->total))
		return 0;
	return bad_cell(m, FIELD_TOTAL, text,
			"a whole number of minor units nor one with the currency's decimals", e);
}

static int row_qty(const struct books_map *m, const char *const *cells, struct book *b,
		   struct err *e)
{
	const char *text = cell(m, cells, FIELD_QTY);

	if (!text || !*text || decimal(text, 0, true, &b->qty))
		return 0;
	return bad_cell(m, FIELD_QTY, text, "a whole number", e);
}

/* A receipt "number" may well be text ("1-17"): it is then the receipt. */
static void row_number(const struct books_map *m, const char *const *cells, struct book *b)
{
	const char *text = cell(m, cells, FIELD_NUMBER);

	if (!text || !*text || decimal(text, 0, true, &b->number))
		return;
	b->number = INT64_MIN;
	if (!b->receipt)
		b->receipt = text;
}

int books_row(const struct books_in *in, struct books_map *m, const char *const *cells,
	      struct err *e)
{
	struct book b = {
		.what = m->query->what, .total = INT64_MIN, .number = INT64_MIN, .qty = INT64_MIN};
	int err;

	m->row++;
	b.key = cell(m, cells, FIELD_KEY);
	b.currency = cell(m, cells, FIELD_CURRENCY);
	b.receipt = cell(m, cells, FIELD_RECEIPT);
	b.series = cell(m, cells, FIELD_SERIES);
	b.lane = cell(m, cells, FIELD_LANE);
	b.state = cell(m, cells, FIELD_STATE);
	b.time = cell(m, cells, FIELD_TIME);
	b.tender = cell(m, cells, FIELD_TENDER);
	b.sku = cell(m, cells, FIELD_SKU);
	if (b.what == BOOK_INVARIANT) {
		b.series = m->query->name;
		b.state = cell(m, cells, FIELD_WHY);
	}
	row_number(m, cells, &b);
	err = row_amount(in, m, cells, &b, e);
	if (err >= 0)
		err = row_qty(m, cells, &b, e);
	if (err >= 0 && in->row)
		in->row(in->arg, &b);
	return err;
}

int books_count(const char *text, int64_t *ret, struct err *e)
{
	if (!text)
		*ret = 0; /* sum() over no rows */
	else if (!decimal(text, 0, true, ret))
		return err_set(e, EINVAL,
			       "books.queue yields \"%.80s\", which is not a whole number", text);
	return 0;
}
