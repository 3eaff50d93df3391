/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One scalar, as a person wrote it, becomes one typed
 * value; or a sentence that quotes it and says what is wrong. Numbers are read
 * as exact decimals (billionths in 128 bits), never through floating point, so
 * that `0.1s` is 100000000 ns everywhere and in every locale. Bounds are text
 * in the rows and are read by the same functions as the values they bound.
 */
#include "conf/opt.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

__extension__ typedef __int128 wide;
#define BILLION 1000000000

static int complain(char *why, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int complain(char *why, size_t len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* quoted - as much of a text as fits a message. */
#define QUOTED "\"%.60s\""

/* decimal - digits[.digits] as billionths; moves *p behind it. false: no number, or absurdly long.
 */
static bool decimal(const char **p, wide *ret)
{
	const char *s = *p;
	wide v = 0;
	int places = 0;

	if (!isdigit((unsigned char)*s))
		return false;
	for (; isdigit((unsigned char)*s); s++) {
		if (s - *p > 18)
			return false;
		v = 10 * v + (*s - '0');
	}
	if (*s == '.' && isdigit((unsigned char)s[1]))
		for (s++; isdigit((unsigned char)*s); s++, places++) {
			if (places == 9)
				return false;
			v = 10 * v + (*s - '0');
		}
	for (; places < 9; places++)
		v *= 10;
	*p = s;
	*ret = v;
	return true;
}

static const char *spaces(const char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

struct unit {
	const char *name;
	int64_t factor;
};

/* unit - the unit at p, letters only; NULL when it is none of them. */
static const struct unit *unit(const struct unit *units, const char **p)
{
	size_t len = 0;

	while (isalpha((unsigned char)(*p)[len]) || (unsigned char)(*p)[len] >= 0x80)
		len++;
	for (; units->name; units++) {
		if (strlen(units->name) != len || strncmp(units->name, *p, len) != 0)
			continue;
		*p += len;
		return units;
	}
	return NULL;
}

/* ---- durations ---- */

static const struct unit time_units[] = {
	{"ns", 1},
	{"us", 1000},
	{"\xc2\xb5s", 1000},
	{"ms", 1000000},
	{"s", BILLION},
	{"min", INT64_C(60) * BILLION},
	{"h", INT64_C(3600) * BILLION},
	{"d", INT64_C(86400) * BILLION},
	{NULL, 0},
};

/* duration_part - one number with its unit, added to *sum. */
static int duration_part(const char *text, const char **p, wide *sum, char *why, size_t why_len)
{
	const struct unit *u;
	wide v;

	if (!decimal(p, &v))
		return complain(why, why_len,
				QUOTED " is not a duration like 50ms, 2min or 1h30min", text);
	*p = spaces(*p);
	if (!**p || isdigit((unsigned char)**p))
		return complain(why, why_len, QUOTED " needs a unit (ms, us, s)", text);
	u = unit(time_units, p);
	if (!u && **p == 'm' && !isalpha((unsigned char)(*p)[1]))
		return complain(why, why_len, QUOTED ": \"m\" could be ms or min; write which",
				text);
	if (!u)
		return complain(why, why_len,
				QUOTED " has an unknown unit; known: ns, us, ms, s, min, h, d",
				text);
	*sum += v * u->factor / BILLION;
	if (*sum > INT64_MAX / 4)
		return complain(why, why_len, QUOTED " is longer than any experiment", text);
	return 0;
}

static int duration_domain(const char *text, const char *word, struct dur *ret, char *why,
			   size_t why_len)
{
	enum domain said = strcmp(word, "shop") == 0	 ? DOMAIN_SHOP
			   : strcmp(word, "system") == 0 ? DOMAIN_SYSTEM
							 : DOMAIN_NONE;

	if (strcmp(word, "real") == 0 || strcmp(word, "wall") == 0)
		return complain(why, why_len,
				ret->domain == DOMAIN_SHOP ?
				QUOTED ": this is shop time; real time is that divided by `pace:` "
				"(at 60x, 15min here are 15 s)" :
				QUOTED ": real time is written without a word, or with \"system\"",
				text);
	if (said == DOMAIN_NONE)
		return complain(why, why_len,
				QUOTED " is not a duration like 50ms, 2min or 1h30min", text);
	if (ret->domain != DOMAIN_EITHER && ret->domain != said)
		return complain(why, why_len, QUOTED ": this time is always %s time", text,
				ret->domain == DOMAIN_SHOP ? "shop" : "system");
	ret->domain = said;
	return 0;
}

int opt_parse_duration(const char *text, enum domain domain, struct dur *ret, char *why,
		       size_t why_len)
{
	struct dur d = {.domain = domain};
	const char *p = spaces(text);
	wide sum = 0;

	do {
		if (duration_part(text, &p, &sum, why, why_len) < 0)
			return -EINVAL;
		p = spaces(p);
	} while (isdigit((unsigned char)*p));
	if (*p && duration_domain(text, p, &d, why, why_len) < 0)
		return -EINVAL;
	if (d.domain == DOMAIN_EITHER)
		d.domain = DOMAIN_SYSTEM;
	d.ns = (int64_t)sum;
	*ret = d;
	return 0;
}

int64_t dur_wall(struct dur d, int64_t pace_milli)
{
	if (d.domain != DOMAIN_SHOP || d.ns <= 0 || pace_milli <= 0)
		return d.ns;
	return (int64_t)((wide)d.ns * 1000 / pace_milli);
}

/* ---- sizes, shares, paces, money, integers, ranges ---- */

static const struct unit size_units[] = {
	{"B", 1},	  {"kB", 1000},
	{"KB", 1000},	  {"MB", 1000000},
	{"GB", BILLION},  {"TB", INT64_C(1000) * BILLION},
	{"KiB", 1 << 10}, {"MiB", 1 << 20},
	{"GiB", 1 << 30}, {"TiB", INT64_C(1) << 40},
	{NULL, 0},
};

int opt_parse_size(const char *text, int64_t *ret, char *why, size_t why_len)
{
	const char *p = spaces(text);
	const struct unit *u;
	wide v;

	if (!decimal(&p, &v))
		return complain(why, why_len, QUOTED " is not a size like 64 KiB or 1MB", text);
	p = spaces(p);
	if (!*p)
		return complain(why, why_len, QUOTED " needs a unit (B, kB, KiB, MB, MiB)", text);
	u = unit(size_units, &p);
	if (!u || *spaces(p))
		return complain(
			why, why_len,
			QUOTED " has an unknown unit; known: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB",
			text);
	v = v * u->factor / BILLION;
	if (v > INT64_MAX / 4)
		return complain(why, why_len, QUOTED " is larger than any disk", text);
	*ret = (int64_t)v;
	return 0;
}

/* In bits: a line's speed is sold in those. */
static const struct unit speed_units[] = {
	{"B", 8},	       {"kB", 8000},
	{"KB", 8000},	       {"MB", 8000000},
	{"GB", INT64_C(8) * BILLION}, {"KiB", 8 << 10},
	{"MiB", 8 << 20},      {"GiB", INT64_C(8) << 30},
	{"bit", 1},	       {"kbit", 1000},
	{"Mbit", 1000000},     {"Gbit", BILLION},
	{NULL, 0},
};

int opt_parse_speed(const char *text, int64_t *ret, char *why, size_t why_len)
{
	const char *p = spaces(text);
	const struct unit *u;
	wide v;

	if (!decimal(&p, &v))
		return complain(why, why_len, QUOTED " is not a speed like 64 kB/s or 2 Mbit/s",
				text);
	p = spaces(p);
	if (!*p)
		return complain(why, why_len, QUOTED " needs a unit (kB/s, MB/s, kbit/s, Mbit/s)",
				text);
	u = unit(speed_units, &p);
	if (u && strncmp(p, "/s", 2) == 0)
		p += 2;
	if (!u || *spaces(p))
		return complain(why, why_len,
				QUOTED " has an unknown unit; known: B, kB, MB, GB, KiB, MiB, GiB, "
				"bit, kbit, Mbit, Gbit, each also with /s",
				text);
	v = v * u->factor / ((wide)8 * BILLION);
	if (v > INT64_MAX / 4)
		return complain(why, why_len, QUOTED " is faster than any line", text);
	*ret = (int64_t)v;
	return 0;
}

void opt_units(enum opt_type type, struct buf *out)
{
	const struct unit *u = type == OPT_DURATION ? time_units
			       : type == OPT_SIZE   ? size_units
						    : speed_units;

	for (const char *between = ""; u->name; u++, between = "|")
		buf_printf(out, "%s%s", between, u->name);
}

int opt_parse_ratio(const char *text, double *ret, char *why, size_t why_len)
{
	const char *p = spaces(text);
	wide v;

	if (!decimal(&p, &v))
		return complain(why, why_len, QUOTED " is not a share like 20%% or 0.5%%", text);
	p = spaces(p);
	if (!*p)
		return complain(why, why_len, QUOTED " needs a percent sign (20%%)", text);
	if (*p != '%' || *spaces(p + 1))
		return complain(why, why_len, QUOTED " is not a share like 20%% or 0.5%%", text);
	if (v > (wide)100 * BILLION)
		return complain(why, why_len, QUOTED " is more than 100%%", text);
	*ret = (double)(int64_t)v / (100.0 * BILLION);
	return 0;
}

static int parse_pace(const char *text, int64_t *ret, char *why, size_t why_len)
{
	const char *p = spaces(text);
	wide v;

	if (!decimal(&p, &v))
		return complain(why, why_len, QUOTED " is not a pace like 20x or 1.5x", text);
	if (!*p)
		return complain(why, why_len, QUOTED " needs an x (20x)", text);
	v = v * 1000 / BILLION;
	if (*p != 'x' || p[1] || v > INT64_MAX)
		return complain(why, why_len, QUOTED " is not a pace like 20x or 1.5x", text);
	*ret = (int64_t)v;
	return 0;
}

int opt_parse_int(const char *text, int64_t *ret, char *why, size_t why_len)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)*digits) || *end)
		return complain(why, why_len, QUOTED " is not a whole number", text);
	if (errno)
		return complain(why, why_len, QUOTED " is too large a number", text);
	return 0;
}

int opt_parse_money(const char *text, int64_t *ret, char *why, size_t why_len)
{
	const char *p = spaces(text), *digits = p;
	bool point;
	wide v;

	if (!decimal(&p, &v))
		return complain(why, why_len, QUOTED " is not an amount like 1295 or 12.95 EUR",
				text);
	point = memchr(digits, '.', (size_t)(p - digits)) != NULL;
	p = spaces(p);
	if (!*p && point)
		return complain(why, why_len,
				QUOTED " needs a currency (12.95 EUR), or write minor units (1295)",
				text);
	if (*p) {
		if (strlen(p) != 3 || strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
			return complain(why, why_len, QUOTED " has no currency code like EUR",
					text);
		v *= 100;
	}
	if (v % BILLION || v / BILLION > INT64_MAX / 4)
		return complain(why, why_len, QUOTED " is not an amount in whole cents", text);
	*ret = (int64_t)(v / BILLION);
	return 0;
}

static int parse_number(const char *text, double *ret, char *why, size_t why_len)
{
	const char *p = spaces(text);
	wide v;

	if (!decimal(&p, &v) || *p)
		return complain(why, why_len, QUOTED " is not a number like 2 or 0.5", text);
	*ret = (double)v / BILLION;
	return 0;
}

/* whole - one non-negative integer of a range. */
static bool whole(const char **p, int64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)**p))
		return false;
	errno = 0;
	*ret = strtoll(*p, &end, 10);
	*p = end;
	return errno == 0;
}

int opt_parse_range(const char *text, struct range *ret, char *why, size_t why_len)
{
	struct range r = {.last = INT64_MAX, .step = 1};
	const char *p = text;

	if (!whole(&p, &r.first))
		return complain(why, why_len, QUOTED " is not a range like 3, 1..12 or 2..20+3",
				text);
	if (!*p) {
		r.last = r.first;
		*ret = r;
		return 0;
	}
	if (strncmp(p, "..", 2) != 0)
		return complain(why, why_len, QUOTED " is not a range like 3, 1..12 or 2..20+3",
				text);
	p += 2;
	if (isdigit((unsigned char)*p) && !whole(&p, &r.last))
		return complain(why, why_len, QUOTED " is too large a number", text);
	if (*p == '+' && (p++, !whole(&p, &r.step) || r.step < 1))
		return complain(why, why_len, QUOTED ": the step after + must be 1 or more", text);
	if (*p)
		return complain(why, why_len, QUOTED " is not a range like 3, 1..12 or 2..20+3",
				text);
	if (r.last < r.first)
		return complain(why, why_len, QUOTED " ends before it begins", text);
	*ret = r;
	return 0;
}

/* ---- words ---- */

void opt_suggest(const char *word, const char *const *names, size_t count, char *ret,
		 size_t ret_len)
{
	const char *near = count ? str_nearest(word, names, count) : NULL;

	ret[0] = '\0';
	if (near)
		snprintf(ret, ret_len, "; did you mean \"%.80s\"?", near);
}

#define CHOICES_MAX 64

static int parse_enum(const struct opt *row, const char *text, int *ret, char *why, size_t why_len)
{
	const char *names[CHOICES_MAX];
	struct buf list = {0};
	char hint[128];
	size_t n;

	for (n = 0; n < CHOICES_MAX && row->values[n].name; n++) {
		if (strcmp(row->values[n].name, text) == 0) {
			buf_done(&list);
			*ret = (int)n;
			return 0;
		}
		buf_printf(&list, "%s%s", n ? ", " : "", row->values[n].name);
		names[n] = row->values[n].name;
	}
	opt_suggest(text, names, n, hint, sizeof(hint));
	complain(why, why_len, QUOTED " is not one of %s%s", text,
		 list.data ? list.data : "nothing", hint);
	buf_done(&list);
	return -EINVAL;
}

static int parse_bool(const struct opt *row, const char *text, bool *ret, char *why, size_t why_len)
{
	static const char *const yes[] = {"yes", "on", "True", "TRUE", "1", "y"};
	static const char *const no[] = {"no", "off", "False", "FALSE", "0", "n"};
	int choice;

	if (row->values) {
		if (parse_enum(row, text, &choice, why, why_len) < 0)
			return -EINVAL;
		*ret = choice == 1;
		return 0;
	}
	*ret = strcmp(text, "true") == 0;
	if (*ret || strcmp(text, "false") == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(text, yes[i]) == 0)
			return complain(why, why_len,
					QUOTED " is neither true nor false; write true", text);
		if (strcmp(text, no[i]) == 0)
			return complain(why, why_len,
					QUOTED " is neither true nor false; write false", text);
	}
	return complain(why, why_len, QUOTED " is neither true nor false", text);
}

/* parse_regex - /pattern/ or the pattern alone; it must compile. */
static int parse_regex(const char *text, char **ret, char *why, size_t why_len)
{
	size_t len = strlen(text);
	bool slashes = text[0] == '/';
	struct regex *re = NULL;
	struct err e = {0};
	char *pattern;

	if (slashes && (len < 2 || text[len - 1] != '/'))
		return complain(why, why_len, QUOTED " starts with / but does not end with /",
				text);
	pattern = slashes ? xstrndup(text + 1, len - 2) : xstrdup(text);
	if (!*pattern || regex_new(&re, pattern, &e) < 0) {
		free(pattern);
		return complain(why, why_len, "not a regular expression: %s",
				e.code ? e.msg : "it is empty");
	}
	regex_free(re);
	*ret = pattern;
	return 0;
}

/* ---- a row ---- */

/* parse_typed - the value without its bounds. */
static int parse_typed(const struct opt *row, const char *text, void *field, char *why,
		       size_t why_len)
{
	switch (row->type) {
	case OPT_BOOL:
		return parse_bool(row, text, field, why, why_len);
	case OPT_INT:
		return opt_parse_int(text, field, why, why_len);
	case OPT_DURATION:
		return opt_parse_duration(text, row->domain, field, why, why_len);
	case OPT_SIZE:
		return opt_parse_size(text, field, why, why_len);
	case OPT_SPEED:
		return opt_parse_speed(text, field, why, why_len);
	case OPT_RATIO:
		return opt_parse_ratio(text, field, why, why_len);
	case OPT_PACE:
		return parse_pace(text, field, why, why_len);
	case OPT_MONEY:
		return opt_parse_money(text, field, why, why_len);
	case OPT_NUMBER:
		return parse_number(text, field, why, why_len);
	case OPT_ENUM:
		return parse_enum(row, text, field, why, why_len);
	case OPT_RANGE:
		return opt_parse_range(text, field, why, why_len);
	case OPT_REGEX:
		return parse_regex(text, field, why, why_len);
	case OPT_STRING:
		*(char **)field = xstrdup(text);
		return 0;
	default:
		return complain(why, why_len, QUOTED ": a single value is not possible here", text);
	}
}

union value {
	bool flag;
	int64_t n;
	double x;
	int choice;
	struct dur d;
	struct range r;
	char *s;
};

/* beyond - is the value below (sign -1) or above (+1) the bound? */
static bool beyond(const struct opt *row, const void *field, const char *bound, int sign)
{
	union value v = {0};
	char why[128];

	if (!bound || parse_typed(row, bound, &v, why, sizeof(why)) < 0)
		return false;
	switch (row->type) {
	case OPT_INT:
	case OPT_SIZE:
	case OPT_SPEED:
	case OPT_PACE:
	case OPT_MONEY:
		return sign < 0 ? *(const int64_t *)field < v.n : *(const int64_t *)field > v.n;
	case OPT_RATIO:
	case OPT_NUMBER:
		return sign < 0 ? *(const double *)field < v.x : *(const double *)field > v.x;
	case OPT_DURATION:
		return sign < 0 ? ((const struct dur *)field)->ns < v.d.ns
				: ((const struct dur *)field)->ns > v.d.ns;
	case OPT_RANGE:
		return sign < 0 ? ((const struct range *)field)->first < v.r.first
				: ((const struct range *)field)->last > v.r.last;
	default:
		return false;
	}
}

int opt_value(const struct opt *row, const char *text, void *field, char *why, size_t why_len)
{
	if (parse_typed(row, text, field, why, why_len) < 0)
		return -EINVAL;
	if (beyond(row, field, row->min, -1))
		return complain(why, why_len, QUOTED " is less than %s", text, row->min);
	if (beyond(row, field, row->max, 1))
		return complain(why, why_len, QUOTED " is more than %s", text, row->max);
	return 0;
}
