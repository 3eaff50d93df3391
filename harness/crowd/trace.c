// SPDX-License-Identifier: Apache-2.0
/*
 * Composing the trace. Everything a POS sends may be in here, so texts are cut
 * at a cap, control characters are shown as dots, and card numbers are masked
 * last, over whole pieces: a number must not escape by being split.
 */
#include "crowd/trace.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "ledger/mask.h"

#define SHOWN_MAX 4096 /* bytes of a body, a line or a header block */

/* Headers of replies that say something about a till that does not do as expected. */
static const char *const telling[] = { "content-type", "location", "set-cookie",
				       "www-authenticate", "retry-after", "allow" };

static void send_off(const struct trace *t, struct buf *b)
{
	mask_cards(b->data, b->len);
	t->o->hooks.trace(t->o->hooks.arg, t->lane, b->data, b->len);
	buf_done(b);
}

static void add_head(const struct trace *t, struct buf *b, bool attempt)
{
	int64_t at = clock_now() - t->o->epoch_ns;

	buf_printf(b, "[%3lld.%06lld] %s%s%s", (long long)(at / NS_PER_S),
		   (long long)(at % NS_PER_S / NS_PER_US), action_names[t->ask->action],
		   t->ask->key ? " " : "", t->ask->key ? t->ask->key : "");
	if (attempt)
		buf_printf(b, " try %lld", (long long)(t->ask->attempt > 0 ? t->ask->attempt : 1));
	buf_adds(b, ": ");
}

static void add_text(struct buf *b, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)text[i];

		buf_addc(b, (ch < 0x20 && ch != '\t') || ch == 0x7f ? '.' : text[i]);
	}
}

/* Every line of the text behind "  M ". */
static void add_lines(struct buf *b, char mark, const char *text, size_t len)
{
	size_t shown = len < SHOWN_MAX ? len : SHOWN_MAX;

	while (shown) {
		const char *nl = memchr(text, '\n', shown);
		size_t n = nl ? (size_t)(nl - text) : shown, skip = nl ? n + 1 : n;

		buf_printf(b, "  %c ", mark);
		add_text(b, text, n && text[n - 1] == '\r' ? n - 1 : n);
		buf_addc(b, '\n');
		text += skip;
		shown -= skip;
	}
	if (len > SHOWN_MAX)
		buf_printf(b, "  %c ... (%zu bytes in all)\n", mark, len);
}

void trace_request(const struct trace *t, const char *method, const char *url,
		   const struct curl_slist *headers, const struct buf *body)
{
	struct buf b = { 0 };

	add_head(t, &b, true);
	buf_printf(&b, "%s ", method);
	add_text(&b, url, strlen(url));
	buf_addc(&b, '\n');
	for (; headers; headers = headers->next) {
		if (strcmp(headers->data, "Expect:") != 0)
			add_lines(&b, '>', headers->data, strlen(headers->data));
	}
	if (body->len)
		add_lines(&b, '>', body->data, body->len);
	send_off(t, &b);
}

static bool is_telling(const char *line, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(telling); i++) {
		size_t n = strlen(telling[i]);

		if (len > n && line[n] == ':' && strncasecmp(line, telling[i], n) == 0)
			return true;
	}
	return len > 2 && strncasecmp(line, "x-", 2) == 0;
}

static void add_headers(struct buf *b, const struct buf *headers)
{
	const char *p = headers->data, *end = p ? p + headers->len : NULL;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (is_telling(p, n))
			add_lines(b, '<', p, n);
		p += n + 1;
	}
}

void trace_reply(const struct trace *t, long status, const struct buf *headers,
		 const struct buf *body)
{
	struct buf b = { 0 };

	add_head(t, &b, false);
	buf_printf(&b, "HTTP %ld\n", status);
	add_headers(&b, headers);
	if (body->len)
		add_lines(&b, '<', body->data, body->len);
	send_off(t, &b);
}

void trace_line(const struct trace *t, char mark, const char *line, size_t len)
{
	struct buf b = { 0 };

	add_head(t, &b, mark == '>');
	buf_adds(&b, mark == '>' ? "to the script\n" : "the script says\n");
	add_lines(&b, mark, line, len);
	send_off(t, &b);
}

void trace_took(const struct trace *t, const char *name, const char *text, size_t len)
{
	struct buf b = { 0 };

	buf_printf(&b, text ? "  = took %s: " : "  = took nothing for %s", name);
	if (text)
		add_text(&b, text, len < SHOWN_MAX ? len : SHOWN_MAX);
	buf_addc(&b, '\n');
	send_off(t, &b);
}

void trace_outcome(const struct trace *t, int outcome, const char *why)
{
	struct buf b = { 0 };

	buf_printf(&b, "  = %s%s", outcome_names[outcome], why ? ": " : "");
	if (why)
		add_text(&b, why, strlen(why));
	buf_addc(&b, '\n');
	send_off(t, &b);
}

void trace_note(const struct trace *t, const char *words, const char *text, size_t len)
{
	struct buf b = { 0 };

	buf_printf(&b, "  ! %s\n", words);
	if (text)
		add_lines(&b, '<', text, len);
	send_off(t, &b);
}
