/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on requests and answers, over streams written by hand: which request is which on a
 * connection that is kept open, pipelined, cut into any pieces, repeated or out of order, and where
 * exactly an answer is lost. Each scene runs once without a fault first: everything arrives.
 */
#include <check.h>

#include "base/clock.h"
#include "wire_kit.h"
#include "tests/unit/suite.h"

#define CLIENT 0
#define SERVER 1
#define TEXT_MAX 8192

/** struct ends - what each end has received, by offset in the stream; resets and FINs. */
struct ends {
	struct kit k;
	uint8_t text[2][TEXT_MAX]; /* [0]: at the client */
	bool there[2][TEXT_MAX];
	unsigned resets[2], fins[2];
	uint32_t isn[2], sent[2];  /* sent: offset of the next byte of each end */
	uint16_t port;
};

static void on_frame(void *arg, const uint8_t *frame, size_t len)
{
	struct ends *x = arg;
	struct packet p;
	unsigned to;
	uint32_t at;

	packet_parse(&p, (uint8_t *)(uintptr_t)frame + VNET, len - VNET);
	if (p.proto != 6)
		return;
	to = p.dport == 8080 ? 1 : 0;
	ck_assert(packet_sum_ok(&p));
	x->resets[to] += !!(p.flags & TCP_RST);
	x->fins[to] += !!(p.flags & TCP_FIN);
	at = p.seq - x->isn[!to] - 1;
	for (size_t i = 0; i < p.len; i++) {
		ck_assert_uint_lt(at + i, TEXT_MAX - 1);
		x->text[to][at + i] = p.ip[p.data + i];
		x->there[to][at + i] = true;
	}
}

static void put(struct ends *x, unsigned side, uint32_t at, const char *s, size_t n, uint8_t flags)
{
	uint8_t frame[KIT_FRAME_MAX];
	struct kit_tcp t = { .from = side, .to = !side, .sport = side ? 8080 : x->port,
			     .dport = side ? x->port : 8080, .seq = x->isn[side] + 1 + at,
			     .ack = x->isn[!side] + 1 + x->sent[!side], .flags = flags, .len = n };
	size_t len = kit_tcp(frame, &t);

	memcpy(frame + VNET + 40, s, n);
	kit_sums(frame + VNET, len - VNET);
	kit_send(&x->k, side, !side, frame, len);
}

static void say(struct ends *x, unsigned side, const char *s)
{
	put(x, side, x->sent[side], s, strlen(s), TCP_ACK | TCP_PSH);
	x->sent[side] += (uint32_t)strlen(s);
}

static void say_bytewise(struct ends *x, unsigned side, const char *s)
{
	char one[2] = { 0 };

	for (; *s; s++) {
		one[0] = *s;
		say(x, side, one);
	}
}

static void handshake(struct ends *x)
{
	x->sent[0] = x->sent[1] = 0;
	put(x, CLIENT, (uint32_t)-1, "", 0, TCP_SYN);
	put(x, SERVER, (uint32_t)-1, "", 0, TCP_SYN | TCP_ACK);
	put(x, CLIENT, 0, "", 0, TCP_ACK);
}

static void ends_open(struct ends *x)
{
	memset(x, 0, sizeof(*x));
	x->isn[0] = 0xfffffff0; /* so that sequence numbers wrap */
	x->isn[1] = 5000;
	x->port = 40000;
	kit_open(&x->k);
	x->k.seen = on_frame;
	x->k.arg = x;
}

static void ends_close(struct ends *x)
{
	kit_close(&x->k);
}

/* Everything up to a gap. */
static const char *got(struct ends *x, unsigned side)
{
	size_t n = 0;

	while (x->there[side][n])
		n++;
	x->text[side][n] = 0;
	return (const char *)x->text[side];
}

static struct wire_rule lost(const char *pattern, enum wire_where where, int64_t at, bool reset)
{
	struct wire_rule r = kit_rule(WIRE_REPLY_LOST, "net.reply-lost", 0, 1);

	snprintf(r.pattern, sizeof(r.pattern), "%s", pattern);
	r.where = where;
	r.at = at;
	r.reset = reset;
	r.protocol = WIRE_TCP;
	return r;
}

static int arm(struct ends *x, const struct wire_rule *r)
{
	int id = impair_add(x->k.im, r, x->k.now);

	ck_assert_int_ge(id, 0);
	return id;
}

#define GET "GET /goods HTTP/1.1\r\nHost: s\r\n\r\n"
#define POST "POST /sales HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
#define EXPECT "POST /sales HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define OK_A "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\naaa"
#define OK_B "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nbbb"
#define HEAD_B "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n0\r\n\r\n"

/* ---- pipelining ---- */

typedef void speaker(struct ends *x, unsigned side, const char *s);
static speaker *const speakers[] = { say, say_bytewise };

/* Three requests at once; only the second one's answer is lost, from its first byte on. */
START_TEST(second_of_a_batch)
{
	struct ends x;
	struct wire_rule r = lost("^POST /sales", WIRE_AT_BYTE, 0, false);
	speaker *speak = speakers[_i];
	int id;

	ends_open(&x);
	handshake(&x);
	id = arm(&x, &r);
	speak(&x, CLIENT, GET POST GET);
	ck_assert_str_eq(got(&x, SERVER), GET POST GET);
	speak(&x, SERVER, OK_A OK_B);
	ck_assert_str_eq(got(&x, CLIENT), OK_A);
	ck_assert_uint_eq(x.k.hits_count, 1);
	ck_assert_uint_eq(x.k.hits[0].did, DID_LOSE_REPLY);
	put(&x, SERVER, strlen(OK_A), OK_B, strlen(OK_B), TCP_ACK); /* again: still lost */
	ck_assert_str_eq(got(&x, CLIENT), OK_A);
	impair_del(x.k.im, (unsigned)id, x.k.now);
	put(&x, SERVER, strlen(OK_A), OK_B, strlen(OK_B), TCP_ACK); /* healed: it arrives */
	ck_assert_str_eq(got(&x, CLIENT), OK_A OK_B);
	ends_close(&x);
}
END_TEST

/* nth counts requests, wherever they stand: the second POST of those in one segment. */
START_TEST(nth_request)
{
	struct ends x;
	struct wire_rule r = lost("^POST", WIRE_AT_BYTE, 0, true);

	r.gate.first = r.gate.last = 2;
	ends_open(&x);
	handshake(&x);
	arm(&x, &r);
	speakers[_i](&x, CLIENT, POST GET POST POST);
	speakers[_i](&x, SERVER, OK_A OK_A OK_B);
	ck_assert_str_eq(got(&x, CLIENT), OK_A OK_A);
	ck_assert_uint_ge(x.resets[CLIENT], 1);
	ck_assert_uint_ge(x.resets[SERVER], 1);
	ck_assert_uint_eq(x.k.hits_count, 1);
	ends_close(&x);
}
END_TEST

/* ---- where ---- */

static const struct {
	enum wire_where where;
	int64_t at;
	const char *ask, *answer, *arrives;
	unsigned hits, did;
} places[] = {
	{ WIRE_AT_BYTE, 5, POST, OK_B, "HTTP/", 1, DID_LOSE_REPLY },
	{ WIRE_AT_HEAD, 0, POST, OK_B, HEAD_B, 1, DID_LOSE_REPLY },
	{ WIRE_AT_LAST, 0, POST, OK_B, HEAD_B "bb", 1, DID_LOSE_REPLY },
	{ WIRE_AT_LAST, 0, POST, CHUNKED,
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n0\r\n\r", 1,
	  DID_LOSE_REPLY },
	{ WIRE_AT_LAST, 0, "POST /sales HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "3\r\nabc\r\n0\r\n\r\n", OK_B, HEAD_B "bb", 1, DID_LOSE_REPLY },
	{ WIRE_AT_LAST, 0, POST, "HTTP/1.1 204 No Content\r\n\r\n",
	  "HTTP/1.1 204 No Content\r\n\r", 1, DID_LOSE_REPLY },
	{ WIRE_AT_BYTE, 0, EXPECT, CONTINUE OK_B, CONTINUE, 1, DID_LOSE_REPLY },
	{ WIRE_AT_HEAD, 0, POST, "HTTP/1.1 200 OK\r\n\r\nto the end", "HTTP/1.1 200 OK\r\n\r\n", 1,
	  DID_LOSE_REPLY },
	{ WIRE_AT_BYTE, 4000, POST, OK_B, OK_B, 1, DID_NOT_LOST },
};

START_TEST(where_exactly)
{
	for (size_t s = 0; s < 2; s++) {
		struct ends x;
		struct wire_rule r = lost("^POST", places[_i].where, places[_i].at, false);

		ends_open(&x);
		handshake(&x);
		speakers[s](&x, CLIENT, places[_i].ask); /* off: everything arrives */
		speakers[s](&x, SERVER, places[_i].answer);
		ck_assert_str_eq(got(&x, CLIENT), places[_i].answer);
		ck_assert_uint_eq(x.k.hits_count, 0);
		x.port++;
		memset(x.there, 0, sizeof(x.there));
		arm(&x, &r);
		handshake(&x);
		speakers[s](&x, CLIENT, places[_i].ask);
		speakers[s](&x, SERVER, places[_i].answer);
		ck_assert_str_eq(got(&x, CLIENT), places[_i].arrives);
		ck_assert_uint_eq(x.k.hits_count, places[_i].hits);
		ck_assert_uint_eq(x.k.hits[0].did, places[_i].did);
		ends_close(&x);
	}
}
END_TEST

/*
 * A 1xx whose status line comes in two segments, cut anywhere, is not the answer. Without "Expect"
 * that is known from its first digit on.
 */
START_TEST(interim_in_two)
{
	const char *ask = _i < 10 ? EXPECT : POST;
	struct wire_rule r = lost("^POST", WIRE_AT_BYTE, 0, false);
	size_t cut = (size_t)_i;
	struct ends x;

	ends_open(&x);
	handshake(&x);
	arm(&x, &r);
	say(&x, CLIENT, ask);
	put(&x, SERVER, 0, CONTINUE, cut, TCP_ACK);
	put(&x, SERVER, (uint32_t)cut, &CONTINUE[cut], strlen(CONTINUE) - cut, TCP_ACK);
	x.sent[1] = strlen(CONTINUE);
	ck_assert_uint_eq(x.k.hits_count, 0);
	say_bytewise(&x, SERVER, OK_B);
	ck_assert_str_eq(got(&x, CLIENT), CONTINUE);
	ck_assert_uint_eq(x.k.hits_count, 1);
	ends_close(&x);
}
END_TEST

/* The end of the connection is the answer's last byte. */
START_TEST(last_is_a_fin)
{
	struct ends x;
	struct wire_rule r = lost("", WIRE_AT_LAST, 0, false);

	ends_open(&x);
	handshake(&x);
	arm(&x, &r);
	say(&x, CLIENT, GET);
	say(&x, SERVER, "HTTP/1.0 200 OK\r\n\r\nall");
	if (_i)
		put(&x, SERVER, x.sent[1], "", 0, TCP_ACK | TCP_FIN);
	else
		put(&x, SERVER, x.sent[1], "more", 4, TCP_ACK | TCP_FIN);
	ck_assert_str_eq(got(&x, CLIENT), _i ? "HTTP/1.0 200 OK\r\n\r\nall" :
					       "HTTP/1.0 200 OK\r\n\r\nallmore");
	ck_assert_uint_eq(x.fins[CLIENT], 0);
	ck_assert_uint_eq(x.k.hits_count, 1);
	ends_close(&x);
}
END_TEST

/* HEAD has no body: what follows is the next answer. */
START_TEST(head_has_no_body)
{
	struct ends x;
	struct wire_rule r = lost("^POST", WIRE_AT_BYTE, 0, false);

	ends_open(&x);
	handshake(&x);
	arm(&x, &r);
	speakers[_i](&x, CLIENT, "HEAD /x HTTP/1.1\r\n\r\n" POST);
	speakers[_i](&x, SERVER, HEAD_B OK_A);
	ck_assert_str_eq(got(&x, CLIENT), HEAD_B);
	ends_close(&x);
}
END_TEST

/* ---- disorder ---- */

START_TEST(out_of_order_and_again)
{
	static const char all[] = GET POST GET;
	struct ends x;
	struct wire_rule r = lost("^POST", WIRE_AT_BYTE, 0, false);
	uint32_t n = sizeof(all) - 1;

	ends_open(&x);
	arm(&x, &r);
	handshake(&x);
	put(&x, CLIENT, 50, all + 50, n - 50, TCP_ACK);
	put(&x, CLIENT, 50, all + 50, n - 50, TCP_ACK);
	put(&x, CLIENT, 20, all + 20, 30, TCP_ACK);
	put(&x, CLIENT, 0, all, 40, TCP_ACK);
	put(&x, CLIENT, 0, all, n, TCP_ACK);
	x.sent[0] = n;
	ck_assert_str_eq(got(&x, SERVER), all);
	say(&x, SERVER, OK_A);
	say(&x, SERVER, OK_B);
	ck_assert_str_eq(got(&x, CLIENT), OK_A);
	ck_assert_uint_eq(x.k.hits_count, 1);
	ends_close(&x);
}
END_TEST

/* Armed while the connection rests, or in the middle of an answer. */
START_TEST(armed_later)
{
	struct ends x;
	struct wire_rule r = lost("^POST", WIRE_AT_BYTE, 0, false);

	ends_open(&x);
	handshake(&x);
	say(&x, CLIENT, GET);
	say(&x, SERVER, OK_A);
	if (_i) {
		say(&x, CLIENT, GET);
		say(&x, SERVER, "HTTP/1.1 200 OK\r\nContent-");
	}
	arm(&x, &r);
	if (_i)
		say(&x, SERVER, "Length: 3\r\n\r\naaa");
	say(&x, CLIENT, GET POST);
	say(&x, SERVER, OK_A OK_B);
	ck_assert_uint_eq(strlen(got(&x, CLIENT)), strlen(OK_A) * (size_t)(2 + _i));
	ck_assert_uint_eq(x.k.hits_count, 1);
	ends_close(&x);
}
END_TEST

/* Not HTTP: who speaks after the other one. */
START_TEST(by_turns)
{
	struct ends x;
	struct wire_rule r = lost("^pay", WIRE_AT_BYTE, 2, false);

	ends_open(&x);
	handshake(&x);
	arm(&x, &r);
	say(&x, CLIENT, "status");
	say(&x, SERVER, "fine");
	say(&x, CLIENT, "p");
	say(&x, CLIENT, "ay 12");
	say(&x, SERVER, "approved");
	ck_assert_str_eq(got(&x, CLIENT), "fineap");
	ck_assert_uint_eq(x.k.hits_count, 1);
	ends_close(&x);
}
END_TEST

/* ---- the request cut, the answer late, the stream cut ---- */

START_TEST(request_up_to)
{
	struct ends x;
	struct wire_rule r = lost("^POST", WIRE_AT_BYTE, 0, false);

	r.upto = 10;
	ends_open(&x);
	handshake(&x);
	arm(&x, &r);
	say(&x, CLIENT, GET POST);
	ck_assert_str_eq(got(&x, SERVER), GET "POST /sale");
	ck_assert_uint_eq(x.k.hits_count, 1);
	ends_close(&x);
}
END_TEST

START_TEST(late)
{
	struct ends x;
	struct wire_rule r = lost("^POST", WIRE_AT_BYTE, 0, false);

	r.effect = WIRE_REPLY_LATE;
	r.delay_ns = 8 * NS_PER_S;
	ends_open(&x);
	handshake(&x);
	arm(&x, &r);
	say(&x, CLIENT, GET POST GET);
	say(&x, SERVER, OK_A OK_B);
	ck_assert_str_eq(got(&x, CLIENT), OK_A); /* the one before it is not late */
	put(&x, SERVER, 0, OK_A OK_B, strlen(OK_A OK_B), TCP_ACK); /* again: one is enough */
	say(&x, SERVER, OK_A);
	put(&x, SERVER, x.sent[1], "", 0, TCP_ACK | TCP_FIN);
	kit_to(&x.k, 8 * NS_PER_S - 1);
	ck_assert_str_eq(got(&x, CLIENT), OK_A);
	ck_assert_uint_eq(x.fins[CLIENT], 0);
	kit_to(&x.k, 8 * NS_PER_S);
	ck_assert_str_eq(got(&x, CLIENT), OK_A OK_B OK_A);
	ck_assert_uint_eq(x.fins[CLIENT], 1);
	ck_assert_uint_eq(x.k.hits_count, 1);
	ends_close(&x);
}
END_TEST

/* A loss chosen on a connection whose answer is being held is told to have come too late. */
START_TEST(chosen_twice)
{
	struct ends x;
	struct wire_rule hold = lost("^GET", WIRE_AT_BYTE, 0, false);
	struct wire_rule lose = lost(_i ? "" : "^POST", WIRE_AT_BYTE, 0, false);

	hold.effect = WIRE_REPLY_LATE;
	hold.delay_ns = NS_PER_S;
	lose.fault = 1;
	if (_i)
		lose.gate.first = lose.gate.last = 1; /* the same answer that is held */
	ends_open(&x);
	handshake(&x);
	arm(&x, &hold);
	arm(&x, &lose);
	say(&x, CLIENT, GET POST);
	say(&x, SERVER, OK_A OK_B);
	ck_assert_str_eq(got(&x, CLIENT), "");
	kit_to(&x.k, NS_PER_S);
	ck_assert_str_eq(got(&x, CLIENT), OK_A OK_B);
	ck_assert_uint_eq(x.k.hits_count, 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_eq(x.k.hits[i].did, x.k.hits[i].fault ? DID_TAKEN : DID_HOLD_REPLY);
	ck_assert_int_ne(x.k.hits[0].fault, x.k.hits[1].fault);
	ends_close(&x);
}
END_TEST

START_TEST(cut_at_byte)
{
	static const char text[] = "0123456789";
	struct ends x;
	struct wire_rule r = kit_rule(WIRE_CUT, "net.cut", 0, 1);

	r.at = 5;
	r.of_reply = _i != 0;
	r.reset = false;
	ends_open(&x);
	arm(&x, &r);
	handshake(&x);
	put(&x, _i ? SERVER : CLIENT, 7, text + 7, 3, TCP_ACK); /* too early */
	put(&x, _i ? SERVER : CLIENT, 0, text, 3, TCP_ACK);
	put(&x, _i ? SERVER : CLIENT, 3, text + 3, 4, TCP_ACK);
	put(&x, _i ? SERVER : CLIENT, 3, text + 3, 7, TCP_ACK);
	ck_assert_str_eq(got(&x, _i ? CLIENT : SERVER), "01234");
	ck_assert_uint_eq(x.k.hits_count, 1);
	ends_close(&x);
}
END_TEST

/* ---- connections ---- */

/* Connected, and nothing said ever arrives; new ones only, and the nth of those. */
START_TEST(accept_stall)
{
	struct ends x;
	struct wire_rule r = kit_rule(WIRE_ACCEPT_STALL, "net.accept-stall", 0, 1);
	int id;

	ends_open(&x);
	handshake(&x);
	id = arm(&x, &r);
	say(&x, CLIENT, "old");
	ck_assert_str_eq(got(&x, SERVER), "old");
	memset(x.there, 0, sizeof(x.there));
	x.port++;
	x.k.outs_count = 0;
	handshake(&x);
	ck_assert_uint_eq(x.k.outs_count, 2); /* SYN, SYN-ACK */
	say(&x, CLIENT, "new");
	ck_assert_str_eq(got(&x, SERVER), "");
	ck_assert_uint_eq(x.k.hits_count, 2);
	impair_del(x.k.im, (unsigned)id, x.k.now);
	put(&x, CLIENT, 0, "new", 3, TCP_ACK);
	ck_assert_str_eq(got(&x, SERVER), "new");
	ends_close(&x);
}
END_TEST

/* nth of halfopen chooses a connection, not a packet. */
START_TEST(halfopen_nth)
{
	struct ends x;
	struct wire_rule r = kit_rule(WIRE_HALFOPEN, "net.halfopen", 0, 1);

	r.gate.first = r.gate.last = 2;
	ends_open(&x);
	for (int i = 0; i < 3; i++, x.port++)
		handshake(&x);
	arm(&x, &r);
	x.port = 40000;
	for (int i = 0; i < 3; i++, x.port++) {
		x.sent[0] = (uint32_t)i * 10;
		say(&x, CLIENT, "0123456789");
	}
	ck_assert_str_eq(got(&x, SERVER), "0123456789");
	ck_assert(!x.there[SERVER][15] && x.there[SERVER][25]);
	ends_close(&x);
}
END_TEST

/* A fault on connections opened the other way is none. */
START_TEST(direction_of_the_connection)
{
	struct ends x;
	struct wire_rule r = lost("^POST", WIRE_AT_BYTE, 0, false);

	r.way = _i ? WIRE_FROM : WIRE_TO;
	ends_open(&x);
	handshake(&x);
	arm(&x, &r);
	say(&x, CLIENT, POST);
	say(&x, SERVER, OK_B);
	ck_assert_str_eq(got(&x, CLIENT), _i ? OK_B : "");
	ends_close(&x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wire_talk");
	TCase *tc = tcase_create("wire_talk");

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, second_of_a_batch, 0, 2);
	tcase_add_loop_test(tc, nth_request, 0, 2);
	tcase_add_loop_test(tc, where_exactly, 0, (int)(sizeof(places) / sizeof(places[0])));
	tcase_add_loop_test(tc, interim_in_two, 1, (int)strlen(CONTINUE));
	tcase_add_loop_test(tc, last_is_a_fin, 0, 2);
	tcase_add_loop_test(tc, head_has_no_body, 0, 2);
	tcase_add_test(tc, out_of_order_and_again);
	tcase_add_loop_test(tc, armed_later, 0, 2);
	tcase_add_test(tc, by_turns);
	tcase_add_test(tc, request_up_to);
	tcase_add_test(tc, late);
	tcase_add_loop_test(tc, chosen_twice, 0, 2);
	tcase_add_loop_test(tc, cut_at_byte, 0, 2);
	tcase_add_test(tc, accept_stall);
	tcase_add_test(tc, halfopen_nth);
	tcase_add_loop_test(tc, direction_of_the_connection, 0, 2);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
