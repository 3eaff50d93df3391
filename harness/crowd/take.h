/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CROWD_TAKE_H
#define WD_CROWD_TAKE_H

/* Values out of replies: compiled once, applied per reply. */
#include <stdbool.h>
#include <stddef.h>

#include "conf/target.h"

struct buf;
struct err;
struct tmpl_names;
struct tmpl_values;
struct takes;

/** struct reply_text - one HTTP reply. headers: all header lines, CRLF between; may be NULL. */
struct reply_text {
	const char *body, *headers;
	size_t body_len, headers_len;
};

/** struct take_sink - where values go; bare: text is a JSON number or container. */
struct take_sink {
	void *arg;
	void (*set)(void *arg, size_t take, const char *text, size_t len, bool bare);
};

int takes_new(struct takes **ret, const struct take *at, size_t count,
	      const struct tmpl_names *names, struct err *e);
void takes_free(struct takes *t);
bool takes_want_headers(const struct takes *t);
/** takes_apply - 0, or -ENOENT naming the first required value that is not there. */
int takes_apply(const struct takes *t, const struct reply_text *r, const struct tmpl_values *values,
		const struct take_sink *sink, const char **ret_missing);

#endif
