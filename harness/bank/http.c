/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 as far as a payment API needs it (RFC 9112): a request line, header
 * fields, a body of Content-Length bytes. What cannot be framed with certainty
 * (chunked, two different lengths, folded fields) is refused and the connection
 * closed: a bank that guesses where a request ends charges the wrong one.
 */
#include "bank/room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct text {
	const char *at;
	size_t len;
};

static bool is(struct text t, const char *word)
{
	return t.len == strlen(word) && !strncasecmp(t.at, word, t.len);
}

static bool has_word(struct text t, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= t.len; i++)
		if (!strncasecmp(t.at + i, word, n))
			return true;
	return false;
}

/* Into a caller's array; false: does not fit, or has bytes that do not belong there. */
static bool copy(char *to, size_t size, struct text t)
{
	if (t.len >= size)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.at[i] < ' ' || t.at[i] == 127)
			return false;
	memcpy(to, t.at, t.len);
	to[t.len] = '\0';
	return true;
}

/* The line at *p, without its end; *p moves behind it. */
static bool next_line(const char **p, const char *end, struct text *ret)
{
	const char *nl = memchr(*p, '\n', (size_t)(end - *p));

	if (!nl)
		return false;
	*ret = (struct text){ *p, (size_t)(nl - *p) };
	if (ret->len && ret->at[ret->len - 1] == '\r')
		ret->len--;
	*p = nl + 1;
	return true;
}

static struct text trim(struct text t)
{
	while (t.len && (*t.at == ' ' || *t.at == '\t')) {
		t.at++;
		t.len--;
	}
	while (t.len && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
		t.len--;
	return t;
}

static bool read_start(struct text line, struct http_request *ret)
{
	const char *sp = memchr(line.at, ' ', line.len), *end = line.at + line.len, *sp2;
	struct text version;

	if (!sp || !copy(ret->method, sizeof(ret->method),
			 (struct text){ line.at, (size_t)(sp - line.at) }))
		return false;
	sp2 = memchr(sp + 1, ' ', (size_t)(end - sp - 1));
	if (!sp2 || sp[1] != '/' ||
	    !copy(ret->path, sizeof(ret->path), (struct text){ sp + 1, (size_t)(sp2 - sp - 1) }))
		return false;
	version = (struct text){ sp2 + 1, (size_t)(end - sp2 - 1) };
	ret->keep = is(version, "HTTP/1.1");
	return ret->keep || is(version, "HTTP/1.0");
}

/* struct fields - what of the header decides where the request ends. */
struct fields {
	int64_t length;	 /* -1: not said */
	bool chunked, expect;
};

static bool read_length(struct text v, int64_t *ret)
{
	int64_t n = 0;

	if (!v.len || v.len > 9)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (v.at[i] < '0' || v.at[i] > '9')
			return false;
		n = n * 10 + (v.at[i] - '0');
	}
	if (*ret >= 0 && *ret != n)
		return false;
	*ret = n;
	return true;
}

static bool read_field(struct text line, struct http_request *ret, struct fields *f)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct text name, value;

	if (!colon || colon == line.at || *line.at == ' ' || *line.at == '\t')
		return false;
	name = (struct text){ line.at, (size_t)(colon - line.at) };
	value = trim((struct text){ colon + 1, (size_t)(line.at + line.len - colon - 1) });
	if (is(name, "content-length"))
		return read_length(value, &f->length);
	if (is(name, "transfer-encoding"))
		f->chunked = true;
	else if (is(name, "idempotency-key"))
		return value.len && copy(ret->idem, sizeof(ret->idem), value);
	else if (is(name, "expect"))
		f->expect = has_word(value, "100-continue");
	else if (is(name, "connection"))
		ret->keep = has_word(value, "close") ? false :
			    has_word(value, "keep-alive") ? true : ret->keep;
	return true;
}

/* How long the head is, its empty line included; 0: not all here. */
static size_t head_len(const char *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (data[i] != '\n')
			continue;
		if (data[i + 1] == '\n')
			return i + 2;
		if (data[i + 1] == '\r' && i + 2 < len && data[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

static int read_head(const char *data, size_t len, struct http_request *ret, struct fields *f)
{
	const char *p = data, *end = data + len;
	struct text line;

	if (!next_line(&p, end, &line) || !read_start(line, ret))
		return 400;
	while (next_line(&p, end, &line) && line.len)
		if (!read_field(line, ret, f))
			return 400;
	if (f->chunked)
		return 411;
	return f->length > (int64_t)HTTP_BODY_MAX ? 413 : 0;
}

int64_t http_read(const char *data, size_t len, struct http_request *ret, int *ret_status)
{
	size_t look = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX, head = head_len(data, look);
	struct fields f = { .length = -1 };

	*ret = (struct http_request){ 0 };
	*ret_status = len >= HTTP_HEAD_MAX && !head ? 431 : 0;
	if (head)
		*ret_status = read_head(data, head, ret, &f);
	if (*ret_status)
		return -EPROTO;
	if (!head)
		return 0;
	ret->body_len = f.length > 0 ? (size_t)f.length : 0;
	ret->body = data + head;
	if (len - head >= ret->body_len)
		return (int64_t)(head + ret->body_len);
	ret->expect = f.expect && len == head;
	return 0;
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *words;
	} known[] = {
		{ 200, "OK" }, { 201, "Created" }, { 400, "Bad Request" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 409, "Conflict" }, { 411, "Length Required" },
		{ 413, "Content Too Large" }, { 422, "Unprocessable Content" },
		{ 431, "Request Header Fields Too Large" }, { 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].words;
	return "Unknown";
}

void http_write(struct buf *out, int status, const char *body, size_t len, bool keep, bool replayed)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
		   "Content-Length: %zu\r\n%s%s\r\n", status, reason(status), len,
		   replayed ? "Idempotent-Replayed: true\r\n" : "",
		   keep ? "" : "Connection: close\r\n");
	buf_add(out, body, len);
}
