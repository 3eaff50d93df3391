/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the name server on the wire. The input is a packet for it (without
 * the virtio header), as a target may send it; the same bytes are also taken
 * for a bare question. Whatever they are, an answer is well formed: it is an
 * answer, has the id of the question, fits, and its packet's checksum is
 * right; and the question in it is the one that was asked.
 * With libFuzzer: clang -fsanitize=fuzzer,address,undefined; -DFUZZ_MAIN
 * builds a program that reads the files named as arguments instead.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dns.h"
#include "wire/packet.h"
#include "wire/responder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void on_deliver(void *arg, unsigned to, const uint8_t *frame, size_t len)
{
	uint8_t copy[2048];
	struct packet p;

	(void)arg;
	REQUIRE(to == 1 && len > VNET && len <= sizeof(copy));
	memcpy(copy, frame, len);
	packet_parse(&p, copy + VNET, len - VNET);
	REQUIRE(p.l4 && p.ports && p.total == len - VNET && packet_sum_ok(&p));
}

static void on_hit(void *arg, const struct wire_dns_hit *h)
{
	(void)arg;
	REQUIRE(h->node == 1 && memchr(h->name, 0, sizeof(h->name)));
}

static void on_lost(void *arg, unsigned from)
{
	(void)arg;
	REQUIRE(from == 1);
}

static void fill(struct wire_names *w)
{
	static const char *const names[] = { "store", "lane-1", "api.bank.example" };

	w->v6 = true;
	for (unsigned i = 0; i < 3; i++) {
		snprintf(w->at[i].text, sizeof(w->at[i].text), "%s", names[i]);
		w->at[i].node = (uint16_t)i;
		w->at[i].own = i < 2;
	}
	w->count = 3;
}

/* Every other question about the store fails, all others come late, some with another address. */
static struct responder *responder(const struct wire_names *w)
{
	static const struct responder_out out = { .deliver = on_deliver, .hit = on_hit,
						  .lost = on_lost };
	struct wire_dns_rule r = { .name = "dns.fail.0", .nodes = { 2 }, .gate = gate_all(),
				   .chance = 0.5, .how = WIRE_DNS_SERVFAIL, .pattern = "store" };
	struct responder *ret = responder_new(&out);

	REQUIRE(responder_names(ret, w) == 0 && responder_add(ret, &r) >= 0);
	r = (struct wire_dns_rule){ .effect = WIRE_DNS_SLOW, .name = "dns.slow.1", .nodes = { 2 },
				    .gate = gate_all(), .chance = 1, .delay_ns = 5,
				    .pattern = "l*" };
	REQUIRE(responder_add(ret, &r) >= 0);
	r = (struct wire_dns_rule){ .effect = WIRE_DNS_WRONG, .name = "dns.wrong.2",
				    .nodes = { 2 }, .gate = gate_all(), .chance = 0.5,
				    .host = WIRE_NOBODY_HOST };
	REQUIRE(responder_add(ret, &r) >= 0);
	return ret;
}

static void bare(const struct wire_names *w, const uint8_t *data, size_t size)
{
	struct dns_question q, again;
	struct dns_answer a = { 0 };
	uint8_t out[DNS_ANSWER_MAX];
	int rcode = dns_parse(data, size, &q);
	size_t n;

	if (rcode < 0)
		return;
	REQUIRE(q.end <= size && memchr(q.name, 0, sizeof(q.name)));
	a.rcode = (unsigned)rcode;
	if (!rcode)
		dns_look(w, &q, &a);
	n = dns_write(&q, &a, data, out);
	REQUIRE(n >= 12 && n <= sizeof(out) && out[2] & 0x80 && !(out[2] & 2));
	REQUIRE(!memcmp(out, data, 2));
	out[2] &= 0x7f; /* as if it were a question: it must be one that we understand */
	if (rcode == DNS_NOERROR)
		REQUIRE(dns_parse(out, n, &again) == DNS_NOERROR && !strcmp(q.name, again.name) &&
			q.edns == again.edns && q.type == again.type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_names names;
	static struct responder *r;
	uint8_t *frame;

	if (size > 65535)
		return 0;
	if (!r) {
		fill(&names);
		r = responder(&names);
	}
	frame = calloc(1, VNET + size);
	REQUIRE(frame);
	if (size)
		memcpy(frame + VNET, data, size);
	responder_frame(r, 1, frame, VNET + size, 0);
	responder_release(r, 10);
	REQUIRE(responder_due(r) == INT64_MAX);
	free(frame);
	bare(&names, data, size);
	return 0;
}

#include "tests/fuzz/replay.h"
