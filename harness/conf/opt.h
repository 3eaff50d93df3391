/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CONF_OPT_H
#define WD_CONF_OPT_H

/*
 * Option tables. One row describes one key: its type, where it lives in the
 * struct, its default (written as a person would), its bounds, its domain and
 * its help. Parser, defaults, bounds, `list` output, reference page and JSON
 * Schema all come from the rows; there is no second description.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "conf/yaml.h"

/** enum domain - whose clock a duration is on. Shop time is divided by `pace:`; system time is
 * real. */
enum domain { DOMAIN_NONE, DOMAIN_SHOP, DOMAIN_SYSTEM, DOMAIN_EITHER };

/** struct dur - a duration and its domain. ns < 0: not given. */
struct dur {
	int64_t ns;
	enum domain domain;
};
/** dur_wall - real ns. @pace_milli: pace times 1000 (20x is 20000). */
int64_t dur_wall(struct dur d, int64_t pace_milli);

/** struct range - first..last+step, integers; `12` is 12..12; last INT64_MAX for `3..`. */
struct range {
	int64_t first, last, step;
};

/** struct strlist - owned strings; a NULL follows the last, so that it serves as an argv. */
struct strlist {
	char **at;
	size_t count;
	struct mark *marks; /* parallel to at */
};
/** struct strmap - owned key → string. */
struct strmap {
	struct strpair {
		char *key, *value;
		struct mark mark;
	} * at;
	size_t count;
};
/** struct weights - `{card: 60%, cash: 40%}`; shares are scaled to sum 1 (must sum to 100 %). */
struct weights {
	struct weight {
		char *name;
		double share;
	} * at;
	size_t count;
};

enum opt_type {
	OPT_BOOL,     /* bool: true | false; with two `values`, those words for false and true */
	OPT_INT,      /* int64_t, bare number allowed */
	OPT_DURATION, /* struct dur: 50ms, 2min, 1h30min; a unit is mandatory */
	OPT_SIZE,     /* int64_t bytes: 64 KiB, 1MB; a unit is mandatory (B, kB, KiB, ...) */
	OPT_SPEED,    /* int64_t bytes per second: 64 kB/s, 2 Mbit/s, 64 kB; a unit is mandatory */
	OPT_RATIO,    /* double 0..1: 20%, or 0.2 is rejected (needs %) */
	OPT_PACE,     /* int64_t thousandths: 20x, 1.5x */
	OPT_MONEY,    /* int64_t minor units: bare integer of cents, or "12.95 EUR" */
	OPT_STRING,   /* char * owned */
	OPT_REGEX,    /* char * owned pattern text; written /.../ or plain; compiled when checked */
	OPT_ENUM,     /* int: index into `values` */
	OPT_RANGE,    /* struct range */
	OPT_STRLIST,  /* struct strlist; a lone scalar is a list of one */
	OPT_STRMAP,   /* struct strmap */
	OPT_WEIGHTS,  /* struct weights */
	OPT_STRUCT,   /* nested struct in place; `sub` */
	OPT_STRUCTLIST, /* struct optlist of nested structs; `sub` */
	OPT_STRUCTMAP,	/* struct optlist; each struct's first member is char *name from the key */
	OPT_CUSTOM,	/* `parse` does it; for the few that are none of the above */
	OPT_NUMBER,	/* double: a bare decimal, for the few that have no unit */
	OPT_NODE, /* const struct yaml_node *, borrowed: the caller reads it; `sub` is for help */
	OPT_END_  /* private: ends a table */
};

/** struct optlist - owned array of nested structs. */
struct optlist {
	void *at;
	size_t count;
	struct mark *marks; /* parallel: where each began */
};

struct opt_value { /* OPT_ENUM: a choice and its help; ends with name NULL */
	const char *name, *help;
};

/**
 * enum opt_shape - how the value of an OPT_CUSTOM or OPT_NODE row is written, for the schema. The
 * blocks are those of `elsewhere`, or of `sub`.
 */
enum opt_shape {
	SHAPE_WORD,	    /* a single value; with a table its block */
	SHAPE_TEXT,	    /* the same, but never a bare number */
	SHAPE_ANY,	    /* any tree */
	SHAPE_ONE_KEY,	    /* a map with exactly one of the table's keys */
	SHAPE_NAMED,	    /* a map of blocks by name */
	SHAPE_NAMED_LISTS,  /* the same; each a list of blocks, or one */
	SHAPE_LIST_OR_TEXT, /* a list of blocks, or a file's name */
	SHAPE_SHARES,	    /* a map of shares, or a single value */
	SHAPE_FAULTS,	    /* a list of what the catalog has */
	SHAPE_CHECKS,
};

struct opt;
struct opt_table {
	const struct opt *rows; /* ends with OPT_END */
	size_t size;		/* sizeof the struct it fills */
};

struct opt {
	const char *name;
	enum opt_type type;
	size_t offset;
	const char *def;       /* default as text; NULL: required unless `optional` */
	bool optional;	       /* absent leaves zero (dur.ns = -1, range.first = INT64_MIN) */
	const char *min, *max; /* bounds as text, or NULL */
	enum domain domain;    /* OPT_DURATION */
	const struct opt_value *values;
	struct opt_table sub;
	/* OPT_CUSTOM: fill *(field) from node; report into diag; return 0 or -EINVAL; `free`
	 * undoes. */
	int (*parse)(const struct yaml_node *n, void *field, struct diag *diag);
	/* the same, told where it is ("shoppers.arrivals") for its messages; wins over parse */
	int (*parse_at)(const struct yaml_node *n, const char *path, void *field,
			struct diag *diag);
	void (*free)(void *field);
	const char *help;    /* one line */
	const char *example; /* as written in a file; may be NULL */
	enum opt_shape shape;
	const struct opt_table *elsewhere; /* OPT_CUSTOM, OPT_NODE: a `sub` with help of its own */
	/* OPT_STRING, OPT_STRMAP (each value), OPT_CUSTOM: what the whole text looks like, for the
	 * schema; {duration} stands for a duration of the row's domain (none: shop). Only what
	 * ECMA-262 and Python read alike. */
	const char *pattern;
	bool scalar; /* a bare scalar (OPT_STRLIST: or list) in place of the map sets this row */
};
#define OPT_END                                                                                    \
	{                                                                                          \
		.type = OPT_END_                                                                   \
	}

/**
 * opt_apply - fill `out` (zeroed by the caller) from a map node: defaults,
 * types, bounds, unknown keys with "did you mean", missing keys. @path: "faults[2]" for messages.
 * All errors go to diag; returns 0 or -EINVAL. `n` NULL means an empty map.
 */
int opt_apply(struct opt_table table, const struct yaml_node *n, struct mark where,
	      const char *path, void *out, struct diag *diag);
/** opt_one - one row alone, into its place in out; @path is the row's own. 0 or -EINVAL. */
int opt_one(const struct opt *row, const struct yaml_node *n, const char *path, void *out,
	    struct diag *diag);
/** opt_defaults - the same for a block that is absent as a whole: defaults, nothing is missing. */
void opt_defaults(struct opt_table table, void *out);
/** opt_free - free what opt_apply put into the struct (not the struct). */
void opt_free(struct opt_table table, void *out);
/** opt_parse_duration etc. - single values, for tables' defaults and for tests. 0 or -EINVAL + why.
 */
int opt_parse_duration(const char *text, enum domain domain, struct dur *ret, char *why,
		       size_t why_len);
int opt_parse_size(const char *text, int64_t *ret, char *why, size_t why_len);
int opt_parse_speed(const char *text, int64_t *ret, char *why, size_t why_len);
int opt_parse_ratio(const char *text, double *ret, char *why, size_t why_len);
int opt_parse_range(const char *text, struct range *ret, char *why, size_t why_len);
int opt_parse_money(const char *text, int64_t *ret, char *why, size_t why_len);
int opt_parse_int(const char *text, int64_t *ret, char *why, size_t why_len);
/** opt_value - one scalar by its row: type and bounds. 0 or -EINVAL + why; owned strings are new.
 */
int opt_value(const struct opt *row, const char *text, void *field, char *why, size_t why_len);
/** opt_suggest - `; did you mean "x"?`, or nothing. names: count strings. Into ret (never too
 * long). */
void opt_suggest(const char *word, const char *const *names, size_t count, char *ret,
		 size_t ret_len);
/** strlist_add, strlist_done, strmap_get, strmap_set, strmap_done - owned lists and maps. */
void strlist_add(struct strlist *l, const char *s, struct mark mark);
void strlist_done(struct strlist *l);
const char *strmap_get(const struct strmap *m, const char *key);
/** strmap_set - replaces an earlier value. */
void strmap_set(struct strmap *m, const char *key, const char *value, struct mark mark);
void strmap_done(struct strmap *m);
/** opt_help - "name (type, default, bounds): help" lines, indented; nested tables too. */
struct buf;
void opt_help(struct opt_table table, unsigned indent, struct buf *out);
/** opt_help_type - what it says in those brackets: "duration, shop time, default 2.9s". */
void opt_help_type(const struct opt *row, struct buf *out);
/** opt_units - "ns|us|ms", the units of OPT_DURATION, OPT_SIZE or OPT_SPEED. */
void opt_units(enum opt_type type, struct buf *out);

#endif
