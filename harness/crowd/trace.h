/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CROWD_TRACE_H
#define WD_CROWD_TRACE_H

/*
 * What a driver says and hears, as lines for people (`trace: true`, probe).
 * Nothing is composed when nobody listens: ask trace_on() first where that
 * costs. Line by line:
 *
 *   [  0.123456] pay S7 try 1: POST http://store:8080/sales
 *     > content-type: application/json       what was sent
 *     > {"key":"S7","total":258}
 *   [  0.130201] pay S7: HTTP 201
 *     < {"receipt":"1-17"}                   what came back
 *     = took receipt: 1-17                   or: took nothing for NAME
 *     = ok                                   or: refused: WHY, unknown: WHY
 *     ! words                                what belongs to no request
 */
#include <curl/curl.h>

#include "crowd/driver.h"

/** struct trace - whose lines they are. */
struct trace {
	const struct crowd_opts *o;
	const char *lane;
	const struct ask *ask; /* NULL for trace_note */
};

static inline bool trace_on(const struct crowd_opts *o)
{
	return o->hooks.trace != NULL;
}

/** trace_request - headers may be NULL. */
void trace_request(const struct trace *t, const char *method, const char *url,
		   const struct curl_slist *headers, const struct buf *body);
/** trace_reply - headers: CRLF between; only telling ones are shown. */
void trace_reply(const struct trace *t, long status, const struct buf *headers,
		 const struct buf *body);
/** trace_line - one line of a script's protocol; mark is '>' or '<'. */
void trace_line(const struct trace *t, char mark, const char *line, size_t len);
/** trace_took - text NULL: it was not in the reply. */
void trace_took(const struct trace *t, const char *name, const char *text, size_t len);
void trace_outcome(const struct trace *t, int outcome, const char *why);
/** trace_note - what belongs to no ask; text of it may be NULL. */
void trace_note(const struct trace *t, const char *words, const char *text, size_t len);

#endif
