/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "report/html.h"

/* Length of the well-formed UTF-8 sequence at s that XML may hold, 0 when there is none. */
static size_t utf8_length(const unsigned char *s)
{
	uint32_t c;
	size_t n, i;

	if (*s < 0x80)
		return *s >= 0x20 || *s == '\n' || *s == '\t';
	n = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;
	if (*s < 0xc2 || *s > 0xf4)
		return 0;
	c = *s & (0x7f >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	return (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff ? 0 : n;
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	}
	return NULL;
}

void html_text(struct buf *out, const char *s)
{
	while (s && *s) {
		size_t n = utf8_length((const unsigned char *)s);
		const char *e = entity(*s);

		if (e)
			buf_adds(out, e);
		else if (n)
			buf_add(out, s, n);
		else
			buf_adds(out, "\xef\xbf\xbd");
		s += n ? n : 1;
	}
}
