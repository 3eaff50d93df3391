/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_BUF_H
#define WD_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct buf - a growing byte string, always NUL-terminated once written to.
 *
 * Zero-initialise. Allocation failure aborts the process (the trial then ends
 * "broken", never "holds"): nothing here returns an error.
 */
struct buf {
	char *data; /* owned; NULL while empty */
	size_t len, cap;
};

void buf_done(struct buf *b);
/** buf_reset - forget the contents, keep the memory. */
void buf_reset(struct buf *b);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addi64(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
/** buf_drop_front - remove the first n bytes (n <= len). */
void buf_drop_front(struct buf *b, size_t n);
/** buf_steal - hand over the heap string (never NULL, NUL-terminated); b is empty after. */
char *buf_steal(struct buf *b);

/** xmalloc, xcalloc, xrealloc, xstrdup, xasprintf - exit 4 with a message, never NULL. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
