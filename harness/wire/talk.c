/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Each end's bytes go through a small reader, in order and
 * once: a start line, fields, then a body by Content-Length, by chunks or to the
 * end of the connection (RFC 9112, section 6). Requests whose answer has not
 * begun stand in a ring, so that of a pipelined batch each answer is known for
 * what it answers: 1xx answers nothing, HEAD, 204 and 304 have no body, after 101
 * and a CONNECT the bytes are nobody's HTTP any more.
 *
 * What does not look like HTTP/1 is split by turns: the client that speaks after
 * the server (or first) asks, the server that speaks after the client answers;
 * the header has no end then, and only a FIN is an end. At each turn it may
 * prove to be HTTP after all.
 *
 * Bytes come out of order only where a node lost some before the wire; the few
 * such segments wait in a pool that all connections share.
 */
#include "wire/talk.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "wire/flow.h"

#define EARLY_MAX 2048
#define VERB_EXPECTS 0x80 /* "Expect: 100-continue", and none has come yet */

struct early {
	const struct flow *flow; /* NULL: free */
	uint64_t serial;         /* the flow's: its place may be another's by now */
	uint32_t seq;
	uint16_t len;
	uint8_t side, data[EARLY_MAX];
};
struct stash {
	unsigned used;
	struct early at[TALK_STASH];
};

/* One packet being read. */
struct ear {
	struct flow *f;
	struct talk *t;
	const struct talk_ears *to;
	unsigned side;
	uint32_t from; /* its first byte that is new */
};

struct stash *stash_new(void)
{
	return xcalloc(1, sizeof(struct stash));
}

void stash_free(struct stash *t)
{
	free(t);
}

void stash_reset(struct stash *t)
{
	for (unsigned i = 0; i < TALK_STASH; i++)
		t->at[i].flow = NULL;
	t->used = 0;
}

/* ---- requests and answers ---- */

static void decide(struct ear *e)
{
	struct talk *t = e->t;

	if (!t->deciding)
		return;
	t->deciding = false;
	t->tag[(t->first + t->count - 1u) % TALK_ASKED_MAX] =
		e->to->asked(e->to->arg, e->f, t->asked_at);
}

static void give_up(struct talk *t)
{
	t->side[0].state = t->side[1].state = TALK_UNKNOWN;
	t->count = 0;
	t->deciding = false;
}

static void not_http(struct talk *t)
{
	t->side[0].state = t->side[1].state = TALK_FREE;
}

/* False: more are open than can be remembered. */
static bool request_begins(struct ear *e)
{
	struct talk *t = e->t;
	unsigned last = (t->first + t->count) % TALK_ASKED_MAX;

	decide(e);
	if (t->count == TALK_ASKED_MAX) {
		give_up(t);
		return false;
	}
	t->count++;
	t->tag[last] = 0;
	t->verb[last] = 0;
	t->asked_at = t->side[0].at;
	t->head_len = 0;
	t->deciding = true;
	return true;
}

static void answer_begins(struct ear *e)
{
	struct talk *t = e->t;
	uint8_t tag = 0;

	decide(e);
	t->answered = 0;
	if (t->count) {
		tag = t->tag[t->first];
		t->answered = t->verb[t->first] & (uint8_t)~VERB_EXPECTS;
		if ((int32_t)(e->from - t->answer_at) > 0)
			t->answer_at = e->from; /* what came before has passed */
		t->first = (uint8_t)((t->first + 1) % TALK_ASKED_MAX);
		t->count--;
	}
	e->to->answer(e->to->arg, e->f, tag, t->answer_at);
}

/* ---- HTTP/1 ---- */

static bool interim(const struct talk *t)
{
	return t->status >= 100 && t->status < 200 && t->status != 101;
}

static void message_ends(struct ear *e, uint32_t at)
{
	struct talk_side *s = &e->t->side[e->side];

	s->state = TALK_LINE;
	s->line_len = 0;
	s->begun = false;
	if (e->side == 1 && !interim(e->t))
		e->to->end(e->to->arg, e->f, at);
}

/*
 * What there is of a status line may be a 1xx, behind which the answer is yet to come. Before its
 * first digit only the request tells: who asked for "100 Continue" and has not had it.
 */
static bool may_be_interim(const struct talk *t, const struct talk_side *s)
{
	if (s->line_len >= 12)
		return interim(t);
	if (s->line_len >= 10)
		return s->line[9] == '1';
	return t->count && t->verb[t->first] & VERB_EXPECTS;
}

/*
 * As soon as it is known what it is: an answer cannot be lost from its first byte on if that byte
 * is let through. Where that is known only later (may_be_interim) those few bytes are.
 */
static void answer_line(struct ear *e, bool whole)
{
	struct talk *t = e->t;
	struct talk_side *s = &t->side[1];
	size_t n = s->line_len < 7 ? s->line_len : 7;
	bool http = !memcmp(s->line, "HTTP/1.", n), known = whole || s->line_len >= 12;

	t->status = 0;
	if (s->line_len >= 12)
		for (int i = 9; i < 12; i++)
			t->status = (uint16_t)(t->status * 10 + (s->line[i] & 15));
	if (s->begun || (http && !known && may_be_interim(t, s)))
		return;
	s->begun = true;
	if (!interim(t))
		answer_begins(e);
	else if (t->count)
		t->verb[t->first] &= (uint8_t)~VERB_EXPECTS;
	if (!http)
		not_http(t);
}

static void head_ends(struct ear *e, uint32_t at)
{
	struct talk *t = e->t;
	struct talk_side *s = &t->side[e->side];
	bool answer = e->side == 1;

	if (!answer)
		decide(e);
	else if (!interim(t))
		e->to->head_end(e->to->arg, e->f, at);
	if (answer && (t->status == 101 || (t->answered == 'C' && t->status / 100 == 2))) {
		e->to->end(e->to->arg, e->f, at);
		not_http(t);
	} else if (answer && (interim(t) || t->answered == 'H' || t->status == 204 ||
			      t->status == 304)) {
		message_ends(e, at);
	} else if (s->chunked) {
		s->state = TALK_SIZE;
	} else if (answer && !s->length) {
		s->state = TALK_TO_END;
	} else if (s->length && s->left) {
		s->state = TALK_BODY;
	} else {
		message_ends(e, at);
	}
}

static void field(struct talk *t, struct talk_side *s)
{
	static const char length[] = "content-length:", coding[] = "transfer-encoding:";
	static const char expect[] = "expect:";

	if (!strncasecmp(s->line, length, sizeof(length) - 1)) {
		s->length = true;
		s->left = strtoull(s->line + sizeof(length) - 1, NULL, 10);
	} else if (!strncasecmp(s->line, coding, sizeof(coding) - 1)) {
		s->chunked = strcasestr(s->line + sizeof(coding) - 1, "chunked") != NULL;
	} else if (s == &t->side[0] && t->count &&
		   !strncasecmp(s->line, expect, sizeof(expect) - 1)) {
		t->verb[(t->first + t->count - 1u) % TALK_ASKED_MAX] |= VERB_EXPECTS;
	}
}

static void first_line(struct ear *e)
{
	struct talk_side *s = &e->t->side[e->side];

	s->chunked = s->length = false;
	s->left = 0;
	s->state = TALK_FIELDS;
	if (e->side == 1)
		answer_line(e, true);
	else if (!strstr(s->line, " HTTP/1.")) /* the end of a long line is kept: see take_line */
		not_http(e->t);
}

static void next_line(struct ear *e, uint32_t at)
{
	struct talk_side *s = &e->t->side[e->side];
	bool empty = s->line_len == 0;

	switch (s->state) {
	case TALK_FIELDS:
		if (empty)
			head_ends(e, at);
		else
			field(e->t, s);
		break;
	case TALK_SIZE:
		s->left = strtoull(s->line, NULL, 16);
		s->state = s->left ? TALK_CHUNK : TALK_TRAILER;
		break;
	case TALK_CHUNK_END:
		s->state = TALK_SIZE;
		break;
	default: /* TALK_TRAILER */
		if (empty)
			message_ends(e, at);
	}
}

/* A line is complete; `at` is behind it. */
static void line_done(struct ear *e, uint32_t at)
{
	struct talk_side *s = &e->t->side[e->side];

	s->line[s->line_len] = 0;
	if (s->state == TALK_LINE)
		first_line(e);
	else
		next_line(e, at);
	s->line_len = 0;
}

/* A line's first bytes are kept; of a start line that is too long, its last. */
static void keep_byte(struct talk_side *s, char c)
{
	const size_t tail = 16;

	if (s->line_len == TALK_LINE_MAX - 1) {
		if (s->state != TALK_LINE)
			return;
		memmove(s->line, s->line + s->line_len - tail, tail);
		s->line_len = (uint8_t)tail;
	}
	s->line[s->line_len++] = c;
}

/* ---- bytes ---- */

static void keep_head(struct ear *e, const uint8_t *b, size_t n)
{
	struct talk *t = e->t;
	size_t room = TALK_HEAD_MAX - t->head_len;

	if (e->side != 0 || !t->deciding)
		return;
	n = n < room ? n : room;
	memcpy(t->head + t->head_len, b, n);
	t->head_len = (uint8_t)(t->head_len + n);
	if (t->head_len == TALK_HEAD_MAX)
		decide(e);
}

/* The first byte of a message; a line's end between two messages is none. False: skip it. */
static bool begins(struct ear *e, uint8_t c)
{
	struct talk *t = e->t;

	if (c == '\r' || c == '\n')
		return false;
	if (e->side == 0)
		return request_begins(e);
	t->answer_at = t->side[1].at;
	return true;
}

/* Of those two the answer is framed otherwise. */
static void note_method(struct ear *e)
{
	struct talk *t = e->t;
	const char *line = t->side[0].line;

	if (!strncmp(line, "HEAD ", 5) || !strncmp(line, "CONNECT ", 8))
		t->verb[(t->first + t->count - 1u) % TALK_ASKED_MAX] = (uint8_t)line[0];
}

static size_t take_line(struct ear *e, const uint8_t *b)
{
	struct talk_side *s = &e->t->side[e->side];
	bool first = s->state == TALK_LINE;

	if (first && s->line_len == 0 && !begins(e, *b))
		return 1;
	keep_head(e, b, 1);
	if (*b == '\n') {
		line_done(e, s->at + 1);
		return 1;
	}
	if (*b != '\r')
		keep_byte(s, (char)*b);
	if (first && e->side == 1 && s->line_len == 12)
		answer_line(e, false);
	if (first && e->side == 0 && s->line_len == 8)
		note_method(e);
	return 1;
}

static size_t take_counted(struct ear *e, const uint8_t *b, size_t n)
{
	struct talk_side *s = &e->t->side[e->side];

	n = s->left < n ? (size_t)s->left : n;
	keep_head(e, b, n);
	s->left -= n;
	if (s->left)
		return n;
	if (s->state == TALK_CHUNK)
		s->state = TALK_CHUNK_END;
	else
		message_ends(e, s->at + (uint32_t)n);
	return n;
}

static size_t take(struct ear *e, const uint8_t *b, size_t n)
{
	switch (e->t->side[e->side].state) {
	case TALK_BODY:
	case TALK_CHUNK:
		return take_counted(e, b, n);
	case TALK_FREE:
		keep_head(e, b, n);
		return n;
	case TALK_UNKNOWN:
	case TALK_TO_END:
		return n;
	default:
		return take_line(e, b);
	}
}

static void read_bytes(struct ear *e, const uint8_t *b, size_t n)
{
	struct talk_side *s = &e->t->side[e->side];

	e->from = s->at;
	while (n) {
		size_t done = take(e, b, n);

		s->at += (uint32_t)done;
		b += done;
		n -= done;
	}
	if (e->side == 1 && s->state == TALK_LINE && s->line_len)
		answer_line(e, false); /* perhaps no more will be known in time */
}

/* What is new in data that begin at `seq`. False: something before it is missing. */
static bool read_at(struct ear *e, uint32_t seq, const uint8_t *b, size_t n)
{
	struct talk_side *s = &e->t->side[e->side];
	int32_t known = (int32_t)(s->at - seq);

	if (known < 0)
		return false;
	if ((size_t)known < n)
		read_bytes(e, b + known, n - (size_t)known);
	return true;
}

/* ---- what comes too early ---- */

static bool keep_early(struct stash *st, const struct ear *e, uint32_t seq, const struct packet *p)
{
	for (unsigned i = 0; i < TALK_STASH && p->len <= EARLY_MAX; i++) {
		struct early *x = &st->at[i];

		if (x->flow && x->flow->serial == x->serial)
			continue;
		st->used += !x->flow;
		*x = (struct early){ .flow = e->f, .serial = e->f->serial, .seq = seq,
				     .len = (uint16_t)p->len, .side = (uint8_t)e->side };
		memcpy(x->data, p->ip + p->data, p->len);
		return true;
	}
	return false;
}

static void read_early(struct stash *st, struct ear *e)
{
	for (unsigned i = 0; st->used && i < TALK_STASH; i++) {
		struct early *x = &st->at[i];

		if (x->flow != e->f || x->side != e->side || x->serial != e->f->serial)
			continue;
		if (!read_at(e, x->seq, x->data, x->len))
			continue;
		x->flow = NULL;
		st->used--;
		i = UINT32_MAX; /* it may have been what another one waits for */
	}
}

/* ---- packets ---- */

/* As a request line begins: a method in capitals and a space. */
static bool like_request(const uint8_t *b, size_t n)
{
	size_t i = 0;

	while (i < n && i < 20 && b[i] >= 'A' && b[i] <= 'Z')
		i++;
	return i > 0 && (i == n || b[i] == ' ');
}

/* The client takes its turn, or is met for the first time: from here on all is known. */
static void turn_begins(struct ear *e, uint32_t seq, const struct packet *p, uint32_t before)
{
	struct flow *f = e->f;
	struct talk *t = e->t;
	uint32_t heard = f->known[1] ? p->ack - f->isn[1] : 1;
	bool gap = t->followed && (int32_t)(seq - before) > 0; /* its first bytes: unknown */
	bool http = gap || like_request(p->ip + p->data, p->len);

	give_up(t);
	t->side[0] = (struct talk_side){ .at = gap ? before : seq };
	t->side[1] = (struct talk_side){ .at = heard };
	if (f->begun[1] && (int32_t)(f->next[1] - heard) > 0)
		t->side[1].at = f->next[1];
	t->side[0].state = t->side[1].state = http ? TALK_LINE : TALK_FREE;
	if (!http)
		request_begins(e);
}

static bool at_rest(const struct talk *t)
{
	unsigned a = t->side[0].state, b = t->side[1].state;

	return a == TALK_UNKNOWN || a == TALK_FREE || b == TALK_UNKNOWN || b == TALK_FREE;
}

static void fin(struct ear *e, uint32_t at)
{
	struct talk_side *s = &e->t->side[e->side];

	if (e->side == 1 && s->at == at && (s->state == TALK_TO_END || s->state == TALK_FREE))
		e->to->end(e->to->arg, e->f, at + 1);
}

void talk_hear(struct flow *f, struct stash *st, unsigned side, const struct packet *p,
	       const struct talk_news *n, const struct talk_ears *ears)
{
	struct ear e = { .f = f, .t = &f->talk, .to = ears, .side = side };
	struct talk_side *s = &e.t->side[side];
	uint32_t seq = p->seq - f->isn[side] + !!(p->flags & TCP_SYN);

	if (side == 0 && n->fresh && n->turn != 1 && at_rest(e.t))
		turn_begins(&e, seq, p, n->before);
	e.t->followed = true;
	e.from = s->at;
	if (s->state == TALK_UNKNOWN)
		return;
	if (side == 1 && n->fresh && n->turn != 2 && s->state == TALK_FREE) {
		e.t->answer_at = s->at;
		answer_begins(&e);
	}
	if (p->len && !read_at(&e, seq, p->ip + p->data, p->len) && !keep_early(st, &e, seq, p))
		give_up(e.t);
	read_early(st, &e);
	if (p->flags & TCP_FIN)
		fin(&e, seq + (uint32_t)p->len);
}
