/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The responder is authoritative for everything: a node's
 * name (alone or below WIRE_DOMAIN), its aliases and its addresses exist;
 * every other name does not, and NXDOMAIN says so at once. REFUSED would be the
 * other choice, but stub resolvers take that for a broken server, ask again
 * and tell the program "try again later", which no shop without an uplink
 * would hear from its router either.
 *
 *   A, AAAA    RFC 1035 3.4.1, RFC 3596 2.1; both for ANY
 *   PTR        RFC 1035 3.5, RFC 3596 2.5: the node's name below WIRE_DOMAIN
 *   other      the name exists, there is no such record: no error, no answer
 *   EDNS       RFC 6891: an OPT gets an OPT; version 0 only, else BADVERS
 *
 * The question goes back byte for byte, so its case is kept (some resolvers
 * check it). Answers may be kept by nobody (TTL 0), and negative ones carry no
 * SOA, which says the same (RFC 2308, 5): a fault that heals is over for every
 * client that plays by the rules. AA and RA are both set: the first because it
 * is true, the second because some resolvers take a server without it for lame.
 */
#include "wire/dns.h"

#include <string.h>

#define HEADER 12
#define FLAG_QR 0x8000
#define FLAG_AA 0x0400
#define FLAG_RD 0x0100
#define FLAG_RA 0x0080
#define OPCODE 0x7800
#define CLASS_IN 1
#define CLASS_ANY 255
#define EDNS_SIZE 1232 /* fits any path; our own answers are smaller anyway */

static const uint8_t net4[3] = { 10, 77, 0 }, net6[14] = { 0xfd, 0x77 };

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t *put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, v >> 16), v & 0xffff);
}

/* ---- parsing ---- */

/* One byte of a label as text: so that no name can look like another. */
static char *put_byte(char *at, uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		c = (uint8_t)(c + 32);
	if (c > 0x20 && c < 0x7f && c != '.' && c != '\\') {
		*at++ = (char)c;
		return at;
	}
	*at++ = '\\';
	*at++ = (char)('0' + c / 100);
	*at++ = (char)('0' + c / 10 % 10);
	*at++ = (char)('0' + c % 10);
	return at;
}

/* The name at msg[at], without compression, as text. The offset behind it; 0: malformed. */
static size_t read_name(const uint8_t *msg, size_t len, size_t at, char *ret)
{
	size_t begin = at;

	while (at < len && msg[at]) {
		size_t n = msg[at++];

		if (n > 63 || n > len - at || at + n - begin > 254)
			return 0;
		if (at - 1 > begin)
			*ret++ = '.';
		for (; n; n--)
			ret = put_byte(ret, msg[at++]);
	}
	*ret = '\0';
	return at < len ? at + 1 : 0;
}

/* Offset behind a name that may end in a pointer; 0: malformed. */
static size_t skip_name(const uint8_t *msg, size_t len, size_t at)
{
	while (at < len && msg[at]) {
		if (msg[at] >= 0xc0)
			return at + 2 <= len ? at + 2 : 0;
		if (msg[at] > 63)
			return 0;
		at += 1u + msg[at];
	}
	return at < len ? at + 1 : 0;
}

/* Steps over the other records; an OPT among the additional ones is noticed. An rcode. */
static int read_records(const uint8_t *msg, size_t len, struct dns_question *q)
{
	size_t others = (size_t)be16(msg + 6) + be16(msg + 8), all = others + be16(msg + 10);
	size_t at = q->end;
	int rcode = DNS_NOERROR;

	for (size_t i = 0; i < all; i++) {
		bool root = at < len && !msg[at];

		at = skip_name(msg, len, at);
		if (!at || len - at < 10 || len - at - 10 < be16(msg + at + 8))
			return DNS_FORMERR;
		if (i >= others && be16(msg + at) == DNS_TYPE_OPT) {
			if (q->edns || !root)
				return DNS_FORMERR;
			q->edns = true;
			if (msg[at + 5] > 0)
				rcode = DNS_BADVERS;
		}
		at += 10u + be16(msg + at + 8);
	}
	return rcode;
}

int dns_parse(const uint8_t *msg, size_t len, struct dns_question *ret)
{
	size_t at;
	unsigned class;
	int rcode;

	if (len < HEADER || be16(msg + 2) & FLAG_QR)
		return -1;
	ret->id = be16(msg);
	ret->flags = be16(msg + 2);
	ret->type = 0;
	ret->end = HEADER;
	ret->edns = false;
	ret->name[0] = '\0';
	if (ret->flags & OPCODE)
		return DNS_NOTIMP;
	at = be16(msg + 4) == 1 ? read_name(msg, len, HEADER, ret->name) : 0;
	if (!at || len - at < 4) {
		ret->name[0] = '\0';
		return DNS_FORMERR;
	}
	ret->type = be16(msg + at);
	class = be16(msg + at + 2);
	ret->end = at + 4;
	rcode = read_records(msg, len, ret);
	if (rcode != DNS_NOERROR)
		return rcode;
	return class == CLASS_IN || class == CLASS_ANY ? DNS_NOERROR : DNS_REFUSED;
}

/* ---- looking up ---- */

size_t dns_local(const char *name)
{
	size_t len = strlen(name), tail = strlen("." WIRE_DOMAIN);

	return len > tail && !strcmp(name + len - tail, "." WIRE_DOMAIN) ? len - tail : len;
}

static const struct wire_name *find_name(const struct wire_names *names, const char *name)
{
	size_t len = strlen(name), local = dns_local(name);

	/* an alias with dots in it is a full name already: nothing goes behind it */
	if (local < len && memchr(name, '.', local))
		local = len;
	for (size_t i = 0; i < names->count; i++) {
		const char *text = names->at[i].text;

		if (!strcmp(text, name) || (!strncmp(text, name, local) && !text[local]))
			return &names->at[i];
	}
	return NULL;
}

static const struct wire_name *own_name(const struct wire_names *names, unsigned host)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->at[i].own && names->at[i].node + 1u == host)
			return &names->at[i];
	return NULL;
}

/* "7.0.77.10": the host, 0 when it is none of ours. */
static unsigned reverse4(const char *s)
{
	unsigned host = 0;

	for (int digits = 0; *s >= '0' && *s <= '9' && digits < 3; digits++)
		host = host * 10 + (unsigned)(*s++ - '0');
	return !strcmp(s, ".0.77.10.in-addr.arpa") && host < 256 ? host : 0;
}

/* 32 nibbles from the last to the first: all of ours differ in the first four only. */
static unsigned reverse6(const char *s)
{
	unsigned host = 0;

	if (strlen(s) != 64 + 8 || strcmp(s + 64, "ip6.arpa") != 0)
		return 0;
	for (unsigned i = 0; i < 32; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *d = strchr(digits, s[2 * i]);
		unsigned v = d && *d ? (unsigned)(d - digits) : 16, byte = 15 - i / 2;

		if (v > 15 || s[2 * i + 1] != '.')
			return 0;
		if (i < 4)
			host |= v << (4 * i);
		else if (v != (i % 2 ? net6[byte] >> 4 : net6[byte] & 15u))
			return 0;
	}
	return host;
}

static void look_address(const struct wire_names *names, const struct dns_question *q,
			 const struct wire_name *found, struct dns_answer *ret)
{
	bool any = q->type == DNS_TYPE_ANY;

	ret->v4 = any || q->type == DNS_TYPE_A;
	ret->v6 = names->v6 && (any || q->type == DNS_TYPE_AAAA);
	ret->host = ret->v4 || ret->v6 ? found->node + 1u : 0;
}

void dns_look(const struct wire_names *names, const struct dns_question *q,
	      struct dns_answer *ret)
{
	const struct wire_name *found = find_name(names, q->name);
	unsigned host;

	*ret = (struct dns_answer){ .rcode = DNS_NOERROR };
	if (found) {
		look_address(names, q, found, ret);
		return;
	}
	host = reverse4(q->name);
	if (!host && names->v6)
		host = reverse6(q->name);
	found = host ? own_name(names, host) : NULL;
	if (found && (q->type == DNS_TYPE_PTR || q->type == DNS_TYPE_ANY))
		ret->ptr = found->text;
	else if (!found && strcmp(q->name, WIRE_DOMAIN) != 0)
		ret->rcode = DNS_NXDOMAIN;
}

/* ---- answering ---- */

/* The name of the question again (a pointer to it), type, class, TTL, and room for the length. */
static uint8_t *put_record(uint8_t *p, unsigned type, uint32_t ttl, size_t len)
{
	p = put16(p, 0xc000 | HEADER);
	p = put16(p, type);
	p = put16(p, CLASS_IN);
	p = put32(p, ttl);
	return put16(p, (unsigned)len);
}

static uint8_t *put_address4(uint8_t *p, const struct dns_answer *a)
{
	p = put_record(p, DNS_TYPE_A, a->ttl_s, 4);
	memcpy(p, net4, sizeof(net4));
	p[3] = (uint8_t)a->host;
	return p + 4;
}

static uint8_t *put_address6(uint8_t *p, const struct dns_answer *a)
{
	p = put_record(p, DNS_TYPE_AAAA, a->ttl_s, 16);
	memcpy(p, net6, sizeof(net6));
	return put16(p + sizeof(net6), a->host);
}

/* A text of labels as in a message, without the root at its end. */
static uint8_t *put_labels(uint8_t *p, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, ".");

		*p++ = (uint8_t)n;
		memcpy(p, text, n);
		p += n;
		text += n + (text[n] == '.');
	}
	return p;
}

static uint8_t *put_ptr(uint8_t *p, const struct dns_answer *a)
{
	uint8_t *data = put_record(p, DNS_TYPE_PTR, a->ttl_s, 0);
	uint8_t *end = put_labels(put_labels(data, a->ptr), WIRE_DOMAIN);

	*end++ = 0;
	put16(data - 2, (unsigned)(end - data));
	return end;
}

_Static_assert(HEADER + 255 + 4 + 16 + 28 + 11 <= DNS_ANSWER_MAX, "addresses fit");
_Static_assert(HEADER + 77 + 4 + 12 + WIRE_NAME_MAX + sizeof(WIRE_DOMAIN) + 2 + 11 <=
	       DNS_ANSWER_MAX, "a name fits");

size_t dns_write(const struct dns_question *q, const struct dns_answer *a, const uint8_t *msg,
		 uint8_t *ret)
{
	uint8_t *p = ret + q->end;
	unsigned flags = FLAG_QR | FLAG_AA | FLAG_RA | (q->flags & (OPCODE | FLAG_RD));

	memset(ret, 0, HEADER);
	memcpy(ret + HEADER, msg + HEADER, q->end - HEADER);
	put16(ret, q->id);
	put16(ret + 2, flags | (a->rcode & 15));
	put16(ret + 4, q->end > HEADER);
	if (a->rcode == DNS_NOERROR) {
		put16(ret + 6, (a->host ? (unsigned)a->v4 + a->v6 : 0) + (a->ptr != NULL));
		if (a->host && a->v4)
			p = put_address4(p, a);
		if (a->host && a->v6)
			p = put_address6(p, a);
		if (a->ptr)
			p = put_ptr(p, a);
	}
	if (q->edns) {
		put16(ret + 10, 1);
		*p++ = 0;
		p = put16(put16(p, DNS_TYPE_OPT), EDNS_SIZE);
		p = put16(put32(p, (uint32_t)a->rcode >> 4 << 24), 0);
	}
	return (size_t)(p - ret);
}
