/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names on the wire: DNS messages as a target may send them, what rules do to
 * answers, and real sockets in a network namespace:
 *
 *   node 1 ── eth0 ── switch ─┬─ eth0 ── node 0
 *                             └─ the responder, 10.77.0.253 and fd77::fd
 *
 * Expected: every rcode and type as in RFC 1035, 3596 and 6891; a malformed
 * question gets FORMERR or nothing, never a crash; the same questions get the
 * same decisions. The last tests need root and /dev/net/tun, else they are
 * skipped and say so.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "wire/dns.h"
#include "wire/packet.h"
#include "wire/responder.h"
#include "wire/room.h"
#include "wire/rule.h"
#include "tests/unit/suite.h"

/* ---- messages ---- */

static void name_add(struct wire_names *w, const char *text, uint16_t node, bool own)
{
	struct wire_name *n = &w->at[w->count++];

	snprintf(n->text, sizeof(n->text), "%s", text);
	n->node = node;
	n->own = own;
}

static struct wire_names *shop(void)
{
	static struct wire_names w;

	memset(&w, 0, sizeof(w));
	w.v6 = true;
	name_add(&w, "store", 0, true);
	name_add(&w, "lane-1", 1, true);
	name_add(&w, "bank", 2, true);
	name_add(&w, "api.bank.example", 2, false);
	name_add(&w, "db", 0, false);
	name_add(&w, "www.shop.test", 2, false);
	return &w;
}

/* A question as a resolver writes it. */
static size_t question(uint8_t *m, const char *name, unsigned type, bool edns)
{
	uint8_t *p = m + 12;

	memset(m, 0, 12);
	m[0] = 0xab;
	m[1] = 0xcd;
	m[2] = 1; /* RD */
	m[5] = 1;
	while (*name) {
		size_t n = strcspn(name, ".");

		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	*p++ = 0;
	*p++ = (uint8_t)(type >> 8);
	*p++ = (uint8_t)type;
	*p++ = 0;
	*p++ = 1;
	if (edns) {
		static const uint8_t opt[11] = { 0, 0, 41, 4, 208 };

		m[11] = 1;
		memcpy(p, opt, sizeof(opt));
		p += sizeof(opt);
	}
	return (size_t)(p - m);
}

/* What came back, in words: "0 A 10.77.0.1 AAAA fd77::1". */
static void words(const uint8_t *a, size_t len, char *ret, size_t max)
{
	size_t at = 12, n = 0, records;

	ck_assert_uint_ge(len, 12);
	records = (size_t)(a[6] << 8 | a[7]);
	n += (size_t)snprintf(ret, max, "%d", a[3] & 15);
	while (a[5] && a[at])
		at += 1u + a[at];
	at += a[5] ? 5 : 0;
	for (size_t i = 0; i < records; i++) {
		size_t size = (size_t)(a[at + 10] << 8 | a[at + 11]);
		const uint8_t *data = a + at + 12;
		char text[300] = "";

		ck_assert_uint_le(at + 12 + size, len);
		ck_assert_int_eq(a[at], 0xc0);
		ck_assert_int_eq(a[at + 1], 12);
		if (a[at + 3] == DNS_TYPE_A || a[at + 3] == DNS_TYPE_AAAA)
			inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text, sizeof(text));
		else
			for (size_t k = 0; data[k]; k += 1u + data[k])
				snprintf(text + strlen(text), 100, ".%.*s", data[k], data + k + 1);
		n += (size_t)snprintf(ret + n, max - n, " %d %s", a[at + 3], text);
		at += 12 + size;
	}
	if (a[11]) {
		ck_assert_uint_eq(at + 11, len);
		ck_assert_int_eq(a[at + 2], 41);
		n += (size_t)snprintf(ret + n, max - n, " opt %d", a[at + 5]);
		at += 11;
	}
	ck_assert_uint_eq(at, len);
}

static size_t answer_of(const uint8_t *m, size_t len, uint8_t *ret)
{
	struct dns_question q;
	struct dns_answer a = { 0 };
	int rcode = dns_parse(m, len, &q);

	if (rcode < 0)
		return 0;
	a.rcode = (unsigned)rcode;
	if (!rcode)
		dns_look(shop(), &q, &a);
	return dns_write(&q, &a, m, ret);
}

#define NIBBLES ".0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.7.d.f.ip6.arpa"

static const struct {
	const char *name;
	unsigned type;
	const char *want;
} lookups[] = {
	{ "store", 1, "0 1 10.77.0.1" },
	{ "store", 28, "0 28 fd77::1" },
	{ "store", 255, "0 1 10.77.0.1 28 fd77::1" },
	{ "store", 15, "0" }, /* no mail here: the name exists */
	{ "store", 65, "0" },
	{ "STORE.Shop.TEST", 1, "0 1 10.77.0.1" },
	{ "lane-1.shop.test", 28, "0 28 fd77::2" },
	{ "api.bank.example", 1, "0 1 10.77.0.3" },
	{ "api.bank.example.shop.test", 1, "3" },
	{ "db.shop.test", 1, "0 1 10.77.0.1" },
	{ "www.shop.test", 1, "0 1 10.77.0.3" },
	{ "www", 1, "3" },
	{ "bank.example", 1, "3" },
	{ "stor", 1, "3" },
	{ "stores", 1, "3" },
	{ "store.example", 28, "3" },
	{ "shop.test", 1, "0" },
	{ "", 2, "3" },
	{ "2.0.77.10.in-addr.arpa", 12, "0 12 .lane-1.shop.test" },
	{ "3.0.77.10.in-addr.arpa", 12, "0 12 .bank.shop.test" },
	{ "9.0.77.10.in-addr.arpa", 12, "3" },
	{ "999.0.77.10.in-addr.arpa", 12, "3" },
	{ "2.0.77.10.in-addr.arpa", 1, "0" },
	{ "2.0.77.11.in-addr.arpa", 12, "3" },
	{ "2.0.0.0.0.0.0.0" NIBBLES, 12, "0 12 .lane-1.shop.test" },
	{ "2.0.1.0.0.0.0.0" NIBBLES, 12, "3" },
	{ "2.0.0.0.1.0.0.0" NIBBLES, 12, "3" },
	{ "2.0.0.0.0.0.0.x" NIBBLES, 12, "3" },
};

START_TEST(lookups_by_type)
{
	uint8_t m[512], a[DNS_ANSWER_MAX];
	char text[256], opt[256];
	size_t len = question(m, lookups[_i].name, lookups[_i].type, false);
	size_t n = answer_of(m, len, a);

	words(a, n, text, sizeof(text));
	ck_assert_str_eq(text, lookups[_i].want);
	ck_assert_int_eq(a[0] << 8 | a[1], 0xabcd);
	ck_assert_int_eq(a[2], 0x85); /* QR, AA, RD as asked */
	ck_assert_int_eq(a[3] & 0xf0, 0x80); /* RA */
	ck_assert_int_eq(memcmp(m + 12, a + 12, len - 12), 0); /* case kept */
	len = question(m, lookups[_i].name, lookups[_i].type, true);
	words(a, answer_of(m, len, a), text, sizeof(text));
	snprintf(opt, sizeof(opt), "%s opt 0", lookups[_i].want);
	ck_assert_str_eq(text, opt);
}
END_TEST

START_TEST(no_ipv6)
{
	struct wire_names *w = shop();
	struct dns_question q;
	struct dns_answer a;
	uint8_t m[512];

	w->v6 = false;
	ck_assert_int_eq(dns_parse(m, question(m, "store", 28, false), &q), 0);
	dns_look(w, &q, &a);
	ck_assert(a.rcode == DNS_NOERROR && !a.host);
	ck_assert_int_eq(dns_parse(m, question(m, "store", 255, false), &q), 0);
	dns_look(w, &q, &a);
	ck_assert(a.host == 1 && a.v4 && !a.v6);
}
END_TEST

/* One byte of a good question is changed, or its end is missing. Want: an rcode, -1: no answer. */
static const struct {
	int at, value, cut, want;
} hostile[] = {
	{ 2, 0x81, 0, -1 },              /* an answer: answering it would be a loop */
	{ 2, 0x08, 0, DNS_NOTIMP },      /* IQUERY */
	{ 2, 0x28, 0, DNS_NOTIMP },      /* UPDATE */
	{ 5, 0, 0, DNS_FORMERR },        /* no question */
	{ 5, 2, 0, DNS_FORMERR },        /* two */
	{ 12, 0xc0, 0, DNS_FORMERR },    /* a pointer: to itself */
	{ 12, 64, 0, DNS_FORMERR },      /* a label of 64 */
	{ 12, 63, 0, DNS_FORMERR },      /* beyond the end */
	{ 22, 3, 0, DNS_REFUSED },       /* class CH */
	{ 22, 255, 0, DNS_NOERROR },     /* class ANY */
	{ 7, 1, 0, DNS_FORMERR },        /* claims two more records than there are */
	{ 10, 255, 0, DNS_FORMERR },
	{ 29, 1, 0, DNS_BADVERS },       /* EDNS version 1 */
	{ 23, 1, 0, DNS_FORMERR },       /* OPT whose name is not the root */
	{ 33, 200, 0, DNS_FORMERR },     /* its data go beyond the end */
	{ 0, 0xab, 1, DNS_FORMERR },     /* OPT cut off */
	{ 0, 0xab, 12, DNS_FORMERR },    /* and the class */
	{ 0, 0xab, 17, DNS_FORMERR },    /* and the name */
	{ 0, 0xab, 22, DNS_FORMERR },    /* a header, all alone */
	{ 0, 0xab, 23, -1 },             /* not even that */
};

START_TEST(hostile_messages)
{
	struct dns_question q;
	uint8_t m[512], a[DNS_ANSWER_MAX];
	size_t len = question(m, "store", 1, true), n;
	int rcode;

	ck_assert_uint_eq(len, 34);
	m[hostile[_i].at] = (uint8_t)hostile[_i].value;
	len -= (size_t)hostile[_i].cut;
	rcode = dns_parse(m, len, &q);
	ck_assert_int_eq(rcode, hostile[_i].want);
	n = answer_of(m, len, a);
	ck_assert(rcode < 0 ? n == 0 : n >= 12 && (a[3] & 15) == (rcode & 15));
	if (rcode == DNS_BADVERS)
		ck_assert_int_eq(a[n - 6], 1); /* the rcode's upper bits are in the OPT */
}
END_TEST

START_TEST(names_that_look_alike)
{
	struct dns_question q;
	uint8_t m[512], a[DNS_ANSWER_MAX];
	char text[64];
	size_t len = question(m, "storexlane", 1, false);

	m[18] = '.'; /* one label with a dot in it */
	ck_assert_int_eq(dns_parse(m, len, &q), 0);
	ck_assert_str_eq(q.name, "store\\046lane");
	m[18] = 0;
	ck_assert_int_eq(dns_parse(m, len, &q), 0);
	ck_assert_str_eq(q.name, "store\\000lane");
	words(a, answer_of(m, len, a), text, sizeof(text));
	ck_assert_str_eq(text, "3");
}
END_TEST

/* 255 bytes of name are the limit, and 256 are malformed. */
START_TEST(longest_name)
{
	char name[300];
	uint8_t m[512], a[DNS_ANSWER_MAX];
	struct dns_question q;
	size_t len;

	memset(name, 'x', sizeof(name));
	for (size_t i = 63; i < 254; i += 64)
		name[i] = '.';
	name[253] = '\0';
	len = question(m, name, 255, true);
	ck_assert_int_eq(dns_parse(m, len, &q), 0);
	ck_assert_uint_eq(q.end, 12 + 255 + 4);
	ck_assert_uint_le(answer_of(m, len, a), DNS_ANSWER_MAX);
	name[253] = 'x';
	name[254] = '\0';
	ck_assert_int_eq(dns_parse(m, question(m, name, 255, true), &q), DNS_FORMERR);
}
END_TEST

/* ---- rules, on frames made by hand ---- */

struct seen {
	struct responder *r;
	uint8_t frame[8][2048];
	size_t len[8];
	unsigned frames, lost, hits;
	struct wire_dns_hit hit[64];
};

static void on_deliver(void *arg, unsigned to, const uint8_t *frame, size_t len)
{
	struct seen *s = arg;
	struct packet p;

	(void)to;
	ck_assert(s->frames < 8 && len <= sizeof(s->frame[0]));
	memcpy(s->frame[s->frames], frame, len);
	packet_parse(&p, s->frame[s->frames] + VNET, len - VNET);
	ck_assert(p.l4 && p.ports && p.total == len - VNET);
	ck_assert(packet_sum_ok(&p));
	s->len[s->frames++] = len;
}

static void on_hit(void *arg, const struct wire_dns_hit *h)
{
	struct seen *s = arg;

	if (s->hits < 64)
		s->hit[s->hits] = *h;
	s->hits++;
}

static void on_lost(void *arg, unsigned from)
{
	(void)from;
	((struct seen *)arg)->lost++;
}

static void seen_open(struct seen *s)
{
	struct responder_out out = { .arg = s, .deliver = on_deliver, .hit = on_hit,
				     .lost = on_lost };

	memset(s, 0, sizeof(*s));
	s->r = responder_new(&out);
	ck_assert_int_eq(responder_names(s->r, shop()), 0);
}

static struct wire_dns_rule rule_of(enum wire_dns_effect effect)
{
	return (struct wire_dns_rule){ .effect = effect, .name = "dns.test.0", .seed = 7,
				       .nodes = { ~UINT64_C(0) }, .gate = gate_all(),
				       .chance = 1 };
}

/* One packet of node `from` to the responder; as if it came out of a TUN. */
static size_t packet_to(uint8_t *frame, unsigned from, uint8_t proto, const uint8_t *l4, size_t len)
{
	uint8_t *ip = frame + VNET;
	const uint8_t head[20] = { 0x45, 0, (uint8_t)((20 + len) >> 8), (uint8_t)(20 + len), 0, 0,
				   0, 0, 64, proto, 0, 0, 10, 77, 0, (uint8_t)(from + 1), 10, 77,
				   0, WIRE_DNS_HOST };

	memset(frame, 0, VNET);
	memcpy(ip, head, sizeof(head));
	memcpy(ip + 20, l4, len);
	return VNET + 20 + len;
}

static bool ask_at(struct seen *s, unsigned from, const char *name, unsigned type, int64_t now)
{
	uint8_t frame[1024], l4[600] = { 0x80, 0, 0, 53 };
	size_t n = 8 + question(l4 + 8, name, type, false);

	l4[4] = (uint8_t)(n >> 8);
	l4[5] = (uint8_t)n;
	return responder_frame(s->r, from, frame, packet_to(frame, from, IPPROTO_UDP, l4, n), now);
}

/* The answer to one question, in words; "-": none. */
static const char *ask(struct seen *s, unsigned from, const char *name, unsigned type)
{
	static char text[256];
	struct packet p;

	s->frames = 0;
	ck_assert(ask_at(s, from, name, type, 1000));
	if (!s->frames)
		return "-";
	packet_parse(&p, s->frame[0] + VNET, s->len[0] - VNET);
	ck_assert(p.proto == IPPROTO_UDP && p.sport == 53 && p.dport == 0x8000);
	words(p.ip + p.data, p.len, text, sizeof(text));
	return text;
}

START_TEST(rule_fail)
{
	static const char *const want[WIRE_DNS_HOWS] = { "3", "2", "5", "-" };
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_FAIL);
	int id;

	seen_open(&s);
	for (unsigned how = 0; how < WIRE_DNS_HOWS; how++) {
		r.how = (uint8_t)how;
		snprintf(r.pattern, sizeof(r.pattern), "store*");
		s.hits = 0;
		id = responder_add(s.r, &r);
		ck_assert_int_ge(id, 0);
		ck_assert_str_eq(ask(&s, 1, "store", 1), want[how]);
		ck_assert_uint_eq(s.hits, 1);
		ck_assert_str_eq(s.hit[0].name, "store");
		ck_assert(s.hit[0].node == 1 && s.hit[0].type == 1 && s.hit[0].count == 1);
		ck_assert_str_eq(ask(&s, 1, "Store.shop.test", 28), want[how]);
		ck_assert_uint_eq(s.hits, 2);
		ck_assert_str_eq(ask(&s, 1, "bank", 1), "0 1 10.77.0.3");
		ck_assert_uint_eq(s.hits, 2);
		ck_assert_int_eq(responder_del(s.r, (unsigned)id, 1000), 0);
		ck_assert_int_eq(responder_del(s.r, (unsigned)id, 1000), -ENOENT);
		ck_assert_str_eq(ask(&s, 1, "store", 1), "0 1 10.77.0.1");
		ck_assert_uint_eq(s.hits, 2);
	}
	responder_free(s.r);
}
END_TEST

/* What would be said anyway is no hit, and is not counted. */
START_TEST(nothing_to_alter)
{
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_FAIL);
	int id;

	seen_open(&s);
	r.how = WIRE_DNS_NXDOMAIN;
	id = responder_add(s.r, &r);
	ck_assert_str_eq(ask(&s, 1, "nobody", 1), "3");
	ck_assert_uint_eq(s.hits, 0);
	responder_del(s.r, (unsigned)id, 0);
	r = rule_of(WIRE_DNS_WRONG);
	r.host = 1;
	responder_add(s.r, &r);
	ck_assert_str_eq(ask(&s, 1, "store", 1), "0 1 10.77.0.1");
	ck_assert_str_eq(ask(&s, 1, "nobody", 1), "3");
	ck_assert_str_eq(ask(&s, 1, "store", 15), "0");
	ck_assert_uint_eq(s.hits, 0);
	ck_assert_str_eq(ask(&s, 1, "bank", 28), "0 28 fd77::1");
	ck_assert_uint_eq(s.hits, 1);
	responder_free(s.r);
}
END_TEST

START_TEST(rule_filters)
{
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_FAIL);

	seen_open(&s);
	r.how = WIRE_DNS_REFUSED;
	r.nodes[0] = 1u << 1;
	r.type = WIRE_DNS_AAAA;
	responder_add(s.r, &r);
	ck_assert_str_eq(ask(&s, 1, "store", 28), "5");
	ck_assert_str_eq(ask(&s, 1, "store", 1), "0 1 10.77.0.1");
	ck_assert_str_eq(ask(&s, 2, "store", 28), "0 28 fd77::1");
	ck_assert_uint_eq(s.hits, 1);
	responder_free(s.r);
}
END_TEST

START_TEST(rule_wrong)
{
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_WRONG);
	const uint8_t *ttl;

	seen_open(&s);
	r.host = WIRE_NOBODY_HOST;
	r.ttl_s = 3600;
	responder_add(s.r, &r);
	ck_assert_str_eq(ask(&s, 1, "store", 1), "0 1 10.77.0.254");
	ttl = s.frame[0] + s.len[0] - 10;
	ck_assert_int_eq(ttl[2] << 8 | ttl[3], 3600);
	ck_assert(s.hit[0].did == DNS_DID_WRONG && s.hit[0].host == WIRE_NOBODY_HOST);
	ck_assert_str_eq(ask(&s, 1, "store", 28), "0 28 fd77::fe");
	responder_free(s.r);
}
END_TEST

/* The nth of those it would alter; and the same questions, the same decisions. */
START_TEST(counting_and_drawing)
{
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_FAIL);
	char first[200] = "", second[200] = "";
	int id;

	seen_open(&s);
	r.how = WIRE_DNS_SERVFAIL;
	r.gate = (struct gate){ .first = 2, .last = 3, .step = 1, .probability = -1 };
	id = responder_add(s.r, &r);
	ck_assert_str_eq(ask(&s, 1, "store", 1), "0 1 10.77.0.1");
	ck_assert_str_eq(ask(&s, 1, "store", 1), "2");
	ck_assert_str_eq(ask(&s, 2, "bank", 28), "2");
	ck_assert_str_eq(ask(&s, 1, "store", 1), "0 1 10.77.0.1");
	ck_assert(s.hits == 2 && s.hit[0].nth == 2 && s.hit[1].nth == 1);
	responder_del(s.r, (unsigned)id, 0);
	r.gate = gate_all();
	r.chance = 0.5;
	for (int round = 0; round < 2; round++) {
		char *to = round ? second : first;

		responder_reset(s.r);
		responder_names(s.r, shop());
		responder_add(s.r, &r);
		for (unsigned i = 0; i < 100; i++) /* another order of the same questions */
			ask(&s, (round ? i / 50 : i % 2) + 1, "store", 1);
		s.hits = 0;
		for (unsigned i = 0; i < 100; i++)
			to[i] = *ask(&s, 1, "store", 1);
		to[100] = '\0';
		ck_assert(s.hits > 25 && s.hits < 75);
	}
	ck_assert_str_eq(first, second);
	responder_free(s.r);
}
END_TEST

START_TEST(late_and_healed)
{
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_SLOW), other = r;
	int id, id2;

	seen_open(&s);
	r.delay_ns = 1000000;
	other.delay_ns = 5;
	snprintf(other.pattern, sizeof(other.pattern), "bank");
	id = responder_add(s.r, &r);
	id2 = responder_add(s.r, &other);
	ck_assert_int_eq(responder_due(s.r), INT64_MAX);
	ck_assert(ask_at(&s, 1, "store", 1, 100));
	ck_assert(ask_at(&s, 1, "nobody", 1, 200));
	ck_assert(ask_at(&s, 1, "bank", 1, 300));
	ck_assert(s.frames == 0 && s.hits == 4);
	ck_assert_int_eq(responder_due(s.r), 1000100);
	responder_release(s.r, 1000099);
	ck_assert_uint_eq(s.frames, 0);
	responder_release(s.r, 1000100);
	ck_assert_uint_eq(s.frames, 1);
	/* healed: what it alone held goes now, what another holds too keeps waiting */
	ck_assert_int_eq(responder_del(s.r, (unsigned)id, 1000150), 0);
	ck_assert_uint_eq(s.frames, 2);
	ck_assert_int_eq(responder_due(s.r), 1000305);
	ck_assert_int_eq(responder_del(s.r, (unsigned)id2, 1000200), 0);
	ck_assert(s.frames == 3 && responder_due(s.r) == INT64_MAX);
	responder_free(s.r);
}
END_TEST

START_TEST(jitter_has_its_shape)
{
	static const double mean_us[] = { [WIRE_UNIFORM] = 1000, [WIRE_NORMAL] = 1000,
					  [WIRE_EXPONENTIAL] = 1100 };
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_SLOW);
	double sum = 0;

	seen_open(&s);
	r.delay_ns = 1000000;
	r.jitter_ns = 100000;
	r.shape = (uint8_t)_i;
	responder_add(s.r, &r);
	for (int i = 0; i < 900; i++) {
		s.hits = 0;
		ask(&s, 1, "store", 1);
		ck_assert(s.hits == 1 && s.hit[0].ns > 0);
		sum += (double)s.hit[0].ns / 1000;
	}
	ck_assert_double_eq_tol(sum / 900, mean_us[_i], 20);
	responder_free(s.r);
}
END_TEST

START_TEST(reset_forgets)
{
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_SLOW);

	seen_open(&s);
	r.delay_ns = 1000000;
	responder_add(s.r, &r);
	ck_assert_str_eq(ask(&s, 1, "store", 1), "-");
	ck_assert_uint_eq(s.hit[0].nth, 1);
	responder_reset(s.r);
	ck_assert_int_eq(responder_due(s.r), INT64_MAX);
	ck_assert(!ask_at(&s, 1, "store", 1, 0)); /* no names: nobody is there */
	responder_names(s.r, shop());
	ck_assert_str_eq(ask(&s, 1, "store", 1), "0 1 10.77.0.1");
	responder_add(s.r, &r);
	s.hits = 0;
	ask(&s, 1, "store", 1);
	ck_assert_uint_eq(s.hit[0].nth, 2); /* counted from the reset on */
	responder_free(s.r);
}
END_TEST

/* A client gone mad: listed to a point, then counted; nothing is forgotten. */
START_TEST(flood)
{
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_FAIL);
	int id;

	seen_open(&s);
	r.how = WIRE_DNS_SERVFAIL;
	id = responder_add(s.r, &r);
	for (int i = 0; i < 5000; i++)
		ask(&s, 1, "store", 1);
	ck_assert_uint_eq(s.hits, 1000);
	responder_del(s.r, (unsigned)id, 0);
	ck_assert_uint_eq(s.hits, 1001);
	responder_free(s.r);
}
END_TEST

START_TEST(rules_that_are_not_sane)
{
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_EFFECTS);
	static struct wire_names w;

	seen_open(&s);
	ck_assert_int_eq(responder_add(s.r, &r), -EINVAL);
	r = rule_of(WIRE_DNS_FAIL);
	r.chance = 1.5;
	ck_assert_int_eq(responder_add(s.r, &r), -EINVAL);
	r = rule_of(WIRE_DNS_SLOW);
	r.delay_ns = -1;
	ck_assert_int_eq(responder_add(s.r, &r), -EINVAL);
	memset(r.pattern, 'x', sizeof(r.pattern));
	r.delay_ns = 1;
	ck_assert_int_eq(responder_add(s.r, &r), -EINVAL);
	r.pattern[0] = '\0';
	for (int i = 0; i < WIRE_DNS_RULES_MAX; i++)
		ck_assert_int_ge(responder_add(s.r, &r), 0);
	ck_assert_int_eq(responder_add(s.r, &r), -ENOSPC);
	w.count = WIRE_NAMES_MAX + 1;
	ck_assert_int_eq(responder_names(s.r, &w), -EINVAL);
	w.count = 1;
	memset(w.at[0].text, 'x', WIRE_NAME_MAX);
	ck_assert_int_eq(responder_names(s.r, &w), -EINVAL);
	responder_free(s.r);
}
END_TEST

/* Whatever is addressed to the responder: it says whether it was for it, and lives. */
START_TEST(hostile_frames)
{
	static struct seen s;
	uint8_t frame[2048];
	uint32_t x = 1;

	seen_open(&s);
	for (int round = 0; round < 20000; round++) {
		uint8_t l4[600] = { 0x80, 0, 0, 53, 0, 60 };
		size_t n = 8 + question(l4 + 8, "store", 1, true), len;

		len = packet_to(frame, 1, round % 2 ? IPPROTO_UDP : IPPROTO_TCP, l4, n);
		for (int k = 0; k < 4; k++) {
			x = x * 1664525 + 1013904223;
			frame[VNET + (x >> 16) % (len - VNET)] = (uint8_t)(x >> 8);
		}
		s.frames = 0;
		responder_frame(s.r, 1, frame, len - (x >> 24) % 8, 0);
	}
	responder_free(s.r);
}
END_TEST

/* ---- real sockets ---- */

static int patience_s = 10; /* of a socket; a busy machine is no finding */

struct lan {
	struct wire *wire;
	struct loop *loop;
	int home, net[2];
};

static void lan_open(struct lan *l)
{
	struct err e = { 0 };

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	l->home = open("/proc/thread-self/ns/net", O_RDONLY);
	ck_assert_msg(wire_new(&l->wire, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(loop_new(&l->loop, &e), 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
		l->net[i] = open("/proc/thread-self/ns/net", O_RDONLY);
		ck_assert_int_eq(setns(l->home, CLONE_NEWNET), 0);
		ck_assert_msg(wire_attach(l->wire, l->net[i], i, &e) == 0, "%s", e.msg);
	}
	ck_assert_msg(wire_names_set(l->wire, shop(), &e) == 0, "%s", e.msg);
}

static int in_node(const struct lan *l, unsigned node, int family, int type)
{
	struct timeval t = { .tv_sec = patience_s };
	int fd;

	ck_assert_int_eq(setns(l->net[node], CLONE_NEWNET), 0);
	fd = socket(family, type | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(setns(l->home, CLONE_NEWNET), 0);
	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	return fd;
}

static int to_host(const struct lan *l, int family, int type, unsigned host, uint16_t port)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = in_node(l, 1, family, type), r;
	char text[64];

	snprintf(text, sizeof(text), WIRE_ADDR4_FMT, host);
	inet_pton(AF_INET, text, &a4.sin_addr);
	snprintf(text, sizeof(text), WIRE_ADDR6_FMT, host);
	inet_pton(AF_INET6, text, &a6.sin6_addr);
	r = family == AF_INET ? connect(fd, (struct sockaddr *)&a4, sizeof(a4))
			      : connect(fd, (struct sockaddr *)&a6, sizeof(a6));
	if (r < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

START_TEST(by_udp)
{
	int family = _i ? AF_INET6 : AF_INET, fd;
	uint8_t m[512], a[2048];
	char text[256];
	struct lan l;
	ssize_t n;

	lan_open(&l);
	fd = to_host(&l, family, SOCK_DGRAM, WIRE_DNS_HOST, 53);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt((int)send(fd, m, question(m, "Store", 255, true), 0), 0);
	n = recv(fd, a, sizeof(a), 0);
	ck_assert_int_gt((int)n, 0);
	words(a, (size_t)n, text, sizeof(text));
	ck_assert_str_eq(text, "0 1 10.77.0.1 28 fd77::1 opt 0");
	wire_free(l.wire);
	loop_free(l.loop);
}
END_TEST

/* Length and question in one piece, two at once, and an orderly end. */
START_TEST(by_tcp)
{
	int family = _i ? AF_INET6 : AF_INET, fd;
	uint8_t m[1024], a[2048];
	size_t n = question(m + 2, "store", 1, false), n2, got = 0;
	char text[256];
	struct lan l;

	lan_open(&l);
	fd = to_host(&l, family, SOCK_STREAM, WIRE_DNS_HOST, 53);
	ck_assert_msg(fd >= 0, "%s", strerror(-fd));
	m[0] = 0;
	m[1] = (uint8_t)n;
	n2 = question(m + 2 + n + 2, "nobody", 28, true);
	m[2 + n] = 0;
	m[2 + n + 1] = (uint8_t)n2;
	for (int round = 0; round < 3; round++) {
		ck_assert_int_gt((int)send(fd, m, 2 + n + 2 + n2, 0), 0);
		for (got = 0; got < 2 + n + 16 + 2 + n2;) {
			ssize_t part = recv(fd, a + got, sizeof(a) - got, 0);

			ck_assert_int_gt((int)part, 0);
			got += (size_t)part;
		}
		words(a + 2, (size_t)(a[0] << 8 | a[1]), text, sizeof(text));
		ck_assert_str_eq(text, "0 1 10.77.0.1");
		words(a + 2 + n + 16 + 2, n2, text, sizeof(text));
		ck_assert_str_eq(text, "3 opt 0");
	}
	shutdown(fd, SHUT_WR);
	ck_assert_int_eq((int)recv(fd, a, sizeof(a), 0), 0);
	close(fd);
	ck_assert_int_eq(to_host(&l, family, SOCK_STREAM, WIRE_DNS_HOST, 80), -ECONNREFUSED);
	wire_free(l.wire);
	loop_free(l.loop);
}
END_TEST

static void heard(void *arg, const struct wire_dns_hit *h)
{
	struct seen *s = arg;

	s->hit[s->hits++ % 64] = *h;
}

START_TEST(held_over_the_wire)
{
	static struct seen s;
	struct wire_dns_rule r = rule_of(WIRE_DNS_SLOW);
	struct pollfd p = { .events = POLLIN };
	struct err e = { 0 };
	uint8_t m[512];
	unsigned id;
	struct lan l;

	lan_open(&l);
	r.delay_ns = 60 * NS_PER_S;
	ck_assert_int_eq(wire_dns_add(l.wire, l.loop, &r, heard, &s, &id, &e), 0);
	p.fd = to_host(&l, AF_INET, SOCK_DGRAM, WIRE_DNS_HOST, 53);
	ck_assert_int_gt((int)send(p.fd, m, question(m, "store", 1, false), 0), 0);
	for (int64_t by = clock_now() + 10 * NS_PER_S; !s.hits;) {
		ck_assert(clock_now() < by);
		loop_run_until(l.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	}
	ck_assert(s.hit[0].did == DNS_DID_LATE && s.hit[0].ns == r.delay_ns);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(wire_dns_del(l.wire, id, &e), 0);
	ck_assert_int_eq(poll(&p, 1, 10000), 1);
	ck_assert_int_eq(wire_reset(l.wire, &e), 0);
	ck_assert_int_eq((int)recv(p.fd, m, sizeof(m), 0) > 0, 1);
	ck_assert_int_gt((int)send(p.fd, m, question(m, "store", 1, false), 0), 0);
	ck_assert_int_eq(poll(&p, 1, 50), 0); /* the next trial has no names yet */
	wire_free(l.wire);
	loop_free(l.loop);
}
END_TEST

static void counted(void *arg, const struct wire_dns_hit *h)
{
	uint64_t *n = arg;

	n[0] += h->count;
	n[1] += h->did == DNS_DID_UNHEARD;
}

/*
 * Nobody fetches hits while more questions are altered than the ring holds: what did not fit is
 * told of its own rule, and a rule whose hits all went unheard has fired nevertheless.
 */
START_TEST(more_than_the_ring)
{
	enum { FIRST = NAMES_RING + 100, THEN = 7 };
	static uint64_t n[2][2];
	struct wire_dns_rule r = rule_of(WIRE_DNS_FAIL);
	struct err e = { 0 };
	uint8_t m[512], a[2048];
	unsigned id[2];
	struct lan l;
	int fd;

	lan_open(&l);
	r.how = WIRE_DNS_SERVFAIL;
	snprintf(r.pattern, sizeof(r.pattern), "store");
	ck_assert_int_eq(wire_dns_add(l.wire, l.loop, &r, counted, n[0], &id[0], &e), 0);
	snprintf(r.pattern, sizeof(r.pattern), "bank");
	ck_assert_int_eq(wire_dns_add(l.wire, l.loop, &r, counted, n[1], &id[1], &e), 0);
	fd = to_host(&l, AF_INET, SOCK_DGRAM, WIRE_DNS_HOST, 53);
	for (int i = 0; i < FIRST + THEN; i++) {
		size_t len = question(m, i < FIRST ? "store" : "bank", 1, false);

		ck_assert_int_gt((int)send(fd, m, len, 0), 0);
		ck_assert_int_gt((int)recv(fd, a, sizeof(a), 0), 0);
	}
	ck_assert_int_eq(wire_dns_del(l.wire, id[1], &e), 0);
	ck_assert_int_eq(wire_dns_del(l.wire, id[0], &e), 0);
	ck_assert_uint_eq(n[0][0], FIRST);
	ck_assert_uint_eq(n[1][0], THEN);
	ck_assert(n[0][1] == 1 && n[1][1] == 1);
	wire_free(l.wire);
	loop_free(l.loop);
}
END_TEST

static void packets_counted(void *arg, const struct wire_hit *h)
{
	uint64_t *n = arg;

	n[0] += wire_did_alter(h->did) ? h->count : 0;
	n[1] += h->did == DID_UNHEARD;
}

/* The same with packets: each rule lists so many that all together are more than the ring holds. */
START_TEST(more_than_the_other_ring)
{
	enum { RULES = 6, PACKETS = 1000 };
	static uint64_t n[RULES][2];
	struct wire_rule r = { .effect = WIRE_DELAY, .name = "net.delay.0", .a = { 2 }, .b = { 1 },
			       .way = WIRE_TO, .protocol = WIRE_UDP, .gate = gate_all(),
			       .chance = 1, .delay_ns = 1 };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(9) };
	uint64_t unheard = 0;
	struct err e = { 0 };
	unsigned id[RULES];
	struct lan l;
	char c = 'x';
	int server, fd;

	lan_open(&l);
	server = in_node(&l, 0, AF_INET, SOCK_DGRAM);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&any, sizeof(any)), 0);
	for (int i = 0; i < RULES; i++, r.fault++)
		ck_assert_int_eq(wire_rule_add(l.wire, l.loop, &r, packets_counted, n[i], &id[i],
					       &e), 0);
	fd = to_host(&l, AF_INET, SOCK_DGRAM, 1, 9);
	for (int i = 0; i < PACKETS; i++) {
		ck_assert_int_eq((int)send(fd, &c, 1, 0), 1);
		ck_assert_int_eq((int)recv(server, &c, 1, 0), 1);
	}
	for (int i = 0; i < RULES; i++) {
		ck_assert_int_eq(wire_rule_del(l.wire, id[i], &e), 0);
		ck_assert_uint_eq(n[i][0], PACKETS);
		unheard += n[i][1];
	}
	ck_assert_uint_ge(unheard, 1);
	wire_free(l.wire);
	loop_free(l.loop);
}
END_TEST

static void packet_heard(void *arg, const struct wire_hit *h)
{
	ck_assert(h->v6);
	++*(unsigned *)arg;
}

/* Faults on packets act on IPv6 as on IPv4: a refused connection, and a lost one. */
START_TEST(ipv6_faults)
{
	static const enum wire_effect effects[] = { WIRE_REFUSE, WIRE_DROP };
	struct wire_rule r = { .effect = effects[_i], .name = "net.test.0", .a = { 2 }, .b = { 1 },
			       .protocol = WIRE_TCP, .ports = { 8080 }, .ports_count = 1,
			       .gate = gate_all(), .chance = 1 };
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(8080) };
	struct err e = { 0 };
	unsigned id, hits = 0;
	struct lan l;
	int server, fd;

	lan_open(&l);
	server = in_node(&l, 0, AF_INET6, SOCK_STREAM);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&any, sizeof(any)), 0);
	ck_assert_int_eq(listen(server, 5), 0);
	fd = to_host(&l, AF_INET6, SOCK_STREAM, 1, 8080);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(wire_rule_add(l.wire, l.loop, &r, packet_heard, &hits, &id, &e), 0);
	patience_s = _i ? 1 : 10;
	fd = to_host(&l, AF_INET6, SOCK_STREAM, 1, 8080);
	patience_s = 10;
	ck_assert_int_eq(fd, _i ? -EINPROGRESS : -ECONNREFUSED);
	ck_assert_int_eq(wire_rule_del(l.wire, id, &e), 0);
	ck_assert_uint_ge(hits, 1);
	fd = to_host(&l, AF_INET6, SOCK_STREAM, 1, 8080);
	ck_assert_int_ge(fd, 0);
	wire_free(l.wire);
	loop_free(l.loop);
}
END_TEST

/* ---- the suite ---- */

static bool can_wire(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) < 0 || open("/dev/net/tun", O_RDWR) < 0);
	waitpid(pid, &status, 0);
	return status == 0;
}

#define COUNT(x) (int)(sizeof(x) / sizeof((x)[0]))

static void add_messages(TCase *tc)
{
	tcase_add_loop_test(tc, lookups_by_type, 0, COUNT(lookups));
	tcase_add_test(tc, no_ipv6);
	tcase_add_loop_test(tc, hostile_messages, 0, COUNT(hostile));
	tcase_add_test(tc, names_that_look_alike);
	tcase_add_test(tc, longest_name);
}

static void add_rules(TCase *tc)
{
	tcase_add_test(tc, rule_fail);
	tcase_add_test(tc, nothing_to_alter);
	tcase_add_test(tc, rule_filters);
	tcase_add_test(tc, rule_wrong);
	tcase_add_test(tc, counting_and_drawing);
	tcase_add_test(tc, late_and_healed);
	tcase_add_loop_test(tc, jitter_has_its_shape, 0, 3);
	tcase_add_test(tc, reset_forgets);
	tcase_add_test(tc, flood);
	tcase_add_test(tc, rules_that_are_not_sane);
	tcase_add_test(tc, hostile_frames);
}

int main(void)
{
	Suite *s = suite_create("dns");
	TCase *tc = tcase_create("dns");

	tcase_set_timeout(tc, 60);
	add_messages(tc);
	add_rules(tc);
	if (can_wire()) {
		tcase_add_loop_test(tc, by_udp, 0, 2);
		tcase_add_loop_test(tc, by_tcp, 0, 2);
		tcase_add_test(tc, held_over_the_wire);
	tcase_add_test(tc, more_than_the_ring);
	tcase_add_test(tc, more_than_the_other_ring);
		tcase_add_loop_test(tc, ipv6_faults, 0, 2);
	} else {
		printf("# SKIP dns: not root, or no /dev/net/tun\n");
	}
	suite_add_tcase(s, tc);
	return suite_main(s);
}
