/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CROWD_TEMPLATE_H
#define WD_CROWD_TEMPLATE_H

/*
 * Text with ${variables}, compiled once and rendered per request. What a
 * value turns into depends on where it stands:
 *
 *   URL, form     percent-encoded
 *   JSON          within a string: escaped. A string that is nothing but one
 *                 ${variable} becomes the value itself: qty, price, amount,
 *                 total, item, shopper, attempt, index, seed and values taken
 *                 from JSON numbers are numbers, items (or lines) is a list,
 *                 an absent value is null.
 *                 "${amount:text}" stays a string.
 *   header        control characters left out
 *   raw           as it is
 *
 * "$${" is a literal "${".
 */
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;
struct tmpl;

enum tmpl_esc { TMPL_RAW, TMPL_URL, TMPL_JSON, TMPL_HEADER };

/** struct var - a value. bare: it is JSON already (a number, a list). text NULL: absent. */
struct var {
	const char *text;
	size_t len;
	bool bare;
};

/** struct tmpl_names - what names mean, at compile time. */
struct tmpl_names {
	void *arg;
	/* slot of a variable, or -1; *ret_const: the name stands for this text instead */
	int (*find)(void *arg, const char *name, const char **ret_const);
};
/** struct tmpl_values - what slots hold, at render time; asked only for those used. */
struct tmpl_values {
	void *arg;
	struct var (*get)(void *arg, int slot);
};

int tmpl_new(struct tmpl **ret, const char *text, enum tmpl_esc esc, const struct tmpl_names *names,
	     struct err *e);
void tmpl_free(struct tmpl *t);
/** tmpl_constant - the whole text when no variable is left in it, else NULL. */
const char *tmpl_constant(const struct tmpl *t);
/** tmpl_render - append to out. */
void tmpl_render(const struct tmpl *t, const struct tmpl_values *v, struct buf *out);
/** tmpl_url_escape - append percent-encoded text (RFC 3986 unreserved stays). */
void tmpl_url_escape(struct buf *out, const char *s, size_t len);

#endif
