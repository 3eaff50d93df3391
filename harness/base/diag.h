/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_DIAG_H
#define WD_BASE_DIAG_H

/*
 * Diagnostics about files that people write:
 *
 *   experiments/x.yml:12:14: error: faults[0].delay: "50" needs a unit (ms, us, s)
 *      12 |   - net.delay: {delay: 50}
 *         |                        ^
 *   experiments/x.yml:11:1: note: in the list that starts here
 *
 * At most DIAG_ERRORS_MAX errors are kept per collection; then "too many errors".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIAG_ERRORS_MAX 20

struct buf;
struct diag;

/** struct mark - a place in a file; line, col from 1; col counts characters; line 0: none */
struct mark {
	const char *file; /* borrowed: lives as long as the document; a diag keeps a copy */
	uint32_t line, col;
	uint32_t len; /* characters to underline; 0 or 1 gives a lone caret */
};

struct diag *diag_new(void);
void diag_free(struct diag *d);
/** diag_source - give the text of a file, so that lines can be quoted; both are copied. */
void diag_source(struct diag *d, const char *file, const char *text, size_t len);
void diag_error(struct diag *d, struct mark at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** diag_note - attached to the latest error. */
void diag_note(struct diag *d, struct mark at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
size_t diag_errors(const struct diag *d);
/** diag_full - true once DIAG_ERRORS_MAX errors are in: stop looking. */
bool diag_full(const struct diag *d);
void diag_render(const struct diag *d, struct buf *out);
/** diag_render_json - an array of {file, line, col, message, notes}. */
void diag_render_json(const struct diag *d, struct buf *out);

#endif
