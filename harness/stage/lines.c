/* SPDX-License-Identifier: Apache-2.0 */
/* Output of a process, cut into lines; a capped copy goes to a file as it comes. */
#include "stage/room.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAIL_MAX 2048

/* A disk that is full or slow is the ledger's concern, not a log's: give up quietly. */
static void keep(struct lines *l, const char *data, size_t len)
{
	static const char capped[] = "\n[log capped]\n";
	size_t fits = (int64_t)len <= l->left ? len : (size_t)l->left;

	if (l->file < 0 || l->left <= 0)
		return;
	if (fits && write(l->file, data, fits) < 0)
		l->left = 0;
	else
		l->left -= (int64_t)fits;
	if (fits < len || l->left == 0) {
		l->left = 0;
		if (write(l->file, capped, sizeof(capped) - 1) < 0)
			return;
	}
}

static void emit(struct lines *l, const char *line, size_t len)
{
	if (len && line[len - 1] == '\r')
		len--;
	if (l->tail.len > TAIL_MAX)
		buf_drop_front(&l->tail, l->tail.len - TAIL_MAX / 2);
	if (l->tail.len)
		buf_addc(&l->tail, '\n');
	buf_add(&l->tail, line, len < TAIL_MAX / 4 ? len : TAIL_MAX / 4);
	if (l->line)
		l->line(l->arg, line, len);
}

void lines_feed(struct lines *l, const char *data, size_t len)
{
	const char *nl;

	keep(l, data, len);
	while ((nl = memchr(data, '\n', len))) {
		size_t n = (size_t)(nl - data);

		if (l->part.len) {
			buf_add(&l->part, data, n);
			emit(l, l->part.data, l->part.len);
			buf_reset(&l->part);
		} else {
			emit(l, data, n);
		}
		data += n + 1;
		len -= n + 1;
	}
	buf_add(&l->part, data, len);
	if (l->part.len >= LINE_MAX_BYTES)
		lines_flush(l);
}

void lines_flush(struct lines *l)
{
	if (!l->part.len)
		return;
	emit(l, l->part.data, l->part.len);
	buf_reset(&l->part);
}

const char *lines_tail(struct lines *l)
{
	const char *p = l->tail.data ? l->tail.data : "";
	size_t n = 0;

	for (size_t i = l->tail.len; i > 0; i--)
		if (p[i - 1] == '\n' && ++n == 5)
			return p + i;
	return p;
}

void lines_done(struct lines *l)
{
	if (l->file >= 0)
		close(l->file);
	l->file = -1;
	buf_done(&l->part);
	buf_done(&l->tail);
}
