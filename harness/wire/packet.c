/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A packet is parsed once, by offsets that are checked
 * against the bytes really there; everything else works on that. Bytes after
 * the IP header's own total length are not looked at.
 *
 * Checksums: the kernel hands over TCP with the sum of the pseudo header in
 * place of the checksum and asks the device (us) to do the rest, and takes the
 * same back. A packet that is forwarded as it is, or a segment cut out of a
 * large frame, stays like that; one whose bytes were altered gets a complete
 * checksum first, since from then on it must be able to be wrong.
 */
#include "wire/packet.h"

#include <netinet/in.h>
#include <string.h>

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

/* ---- parsing ---- */

static void parse_tcp(struct packet *p)
{
	const uint8_t *t = p->ip + p->l4;
	size_t head;

	if (p->total - p->l4 < 20)
		return;
	head = (size_t)(t[12] >> 4) * 4;
	if (head < 20 || p->l4 + head > p->total)
		return;
	p->ports = true;
	p->seq = be32(t + 4);
	p->ack = be32(t + 8);
	p->flags = t[13];
	p->data = p->l4 + head;
	p->len = p->total - p->data;
}

static void parse_ports(struct packet *p)
{
	if (p->proto == IPPROTO_TCP) {
		parse_tcp(p);
	} else if (p->proto == IPPROTO_UDP && p->total - p->l4 >= 8) {
		p->ports = true;
		p->data = p->l4 + 8;
		p->len = p->total - p->data;
	}
	if (p->ports) {
		p->sport = be16(p->ip + p->l4);
		p->dport = be16(p->ip + p->l4 + 2);
	}
}

static void parse_v4(struct packet *p, size_t len)
{
	size_t head = (size_t)(p->ip[0] & 15) * 4, total = be16(p->ip + 2);
	uint16_t frag = be16(p->ip + 6);

	if (head < 20 || head > total || total > len)
		return;
	p->total = total;
	p->proto = p->ip[9];
	p->l4 = head;
	p->fragment = (frag & 0x3fff) != 0;
	if (!(frag & 0x1fff))
		parse_ports(p);
}

/* Steps over extension headers; the offset of the transport header, or 0. */
static size_t skip_v6(struct packet *p)
{
	size_t at = 40;
	uint8_t next = p->ip[6];

	while (at + 8 <= p->total) {
		p->proto = next;
		if (next == IPPROTO_FRAGMENT) {
			p->fragment = true;
			if (be16(p->ip + at + 2) & 0xfff8)
				return 0;
			next = p->ip[at];
			at += 8;
		} else if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
			   next == IPPROTO_DSTOPTS) {
			next = p->ip[at];
			at += ((size_t)p->ip[at + 1] + 1) * 8;
		} else {
			return at;
		}
	}
	p->proto = next;
	return 0;
}

static void parse_v6(struct packet *p, size_t len)
{
	p->v6 = true;
	p->total = 40u + be16(p->ip + 4);
	if (p->total > len) {
		p->total = len;
		return;
	}
	p->l4 = skip_v6(p);
	if (p->l4)
		parse_ports(p);
}

void packet_parse(struct packet *p, uint8_t *ip, size_t len)
{
	*p = (struct packet){ .ip = ip, .total = len };
	if (len >= 20 && ip[0] >> 4 == 4)
		parse_v4(p, len);
	else if (len >= 40 && ip[0] >> 4 == 6)
		parse_v6(p, len);
}

uint32_t packet_span(const struct packet *p)
{
	return (uint32_t)p->len + !!(p->flags & TCP_SYN) + !!(p->flags & TCP_FIN);
}

/* ---- checksums ---- */

static uint64_t sum_bytes(const uint8_t *p, size_t len, uint64_t sum)
{
	for (; len >= 2; p += 2, len -= 2)
		sum += be16(p);
	return len ? sum + (uint64_t)(p[0] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t sum_pseudo(const struct packet *p)
{
	uint64_t sum = p->proto + (uint64_t)(p->total - p->l4);

	return p->v6 ? sum_bytes(p->ip + 8, 32, sum) : sum_bytes(p->ip + 12, 8, sum);
}

/* Offset of the transport checksum from its header; -1: none that we know. */
static int sum_at(const struct packet *p)
{
	if (!p->l4 || p->fragment)
		return -1;
	if (p->ports)
		return p->proto == IPPROTO_TCP ? 16 : 6;
	if (p->total - p->l4 < 8)
		return -1;
	return p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6 ? 2 : -1;
}

static uint64_t sum_all(const struct packet *p)
{
	uint64_t sum = p->proto == IPPROTO_ICMP ? 0 : sum_pseudo(p);

	return sum_bytes(p->ip + p->l4, p->total - p->l4, sum);
}

bool packet_sum(const struct packet *p)
{
	int at = sum_at(p);
	uint16_t sum;

	if (at < 0)
		return false;
	put16(p->ip + p->l4 + at, 0);
	sum = (uint16_t)~fold(sum_all(p));
	put16(p->ip + p->l4 + at, sum || p->proto != IPPROTO_UDP ? sum : 0xffff);
	return true;
}

bool packet_sum_ok(const struct packet *p)
{
	return sum_at(p) < 0 || fold(sum_all(p)) == 0xffff;
}

static void sum_ip(uint8_t *ip)
{
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~fold(sum_bytes(ip, (size_t)(ip[0] & 15) * 4, 0)));
}

void packet_complete(uint8_t *frame, size_t frame_len)
{
	struct virtio_net_hdr h;
	size_t start, at, len = frame_len - VNET;
	uint8_t *ip = frame + VNET;

	memcpy(&h, frame, VNET);
	memset(frame, 0, VNET);
	start = h.csum_start;
	at = start + h.csum_offset;
	if (!(h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || at + 2 > len)
		return;
	put16(ip + at, (uint16_t)~fold(sum_bytes(ip + start, len - start, 0)));
}

/* ---- making packets ---- */

static void set_total(struct packet *p, size_t total)
{
	p->total = total;
	if (p->v6) {
		put16(p->ip + 4, (uint16_t)(total - 40));
	} else {
		put16(p->ip + 2, (uint16_t)total);
		sum_ip(p->ip);
	}
}

void packet_close(struct packet *p, size_t total)
{
	set_total(p, total);
	packet_sum(p);
}

size_t packet_shorten(struct packet *p, size_t keep)
{
	if (keep < p->len || p->flags & TCP_FIN) { /* a FIN is behind the last byte */
		p->len = keep < p->len ? keep : p->len;
		p->flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		p->ip[p->l4 + 13] = p->flags;
		set_total(p, p->data + p->len);
	}
	packet_sum(p);
	return p->total;
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t t[16];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

size_t packet_reset(const struct packet *p, bool back, uint32_t seq, uint32_t ack, uint8_t flags,
		    uint8_t *ret)
{
	size_t head = p->v6 ? 40 : 20;
	uint8_t *ip = ret + VNET, *t = ip + head;
	struct packet out;

	memset(ret, 0, VNET + head + 20);
	memcpy(ip, p->ip, head);
	if (p->v6)
		ip[6] = IPPROTO_TCP;
	else
		ip[0] = 0x45;
	memcpy(t, p->ip + p->l4, 4);
	if (back) {
		swap(t, t + 2, 2);
		swap(ip + (p->v6 ? 8 : 12), ip + (p->v6 ? 24 : 16), p->v6 ? 16 : 4);
	}
	put32(t + 4, seq);
	put32(t + 8, ack);
	t[12] = 5 << 4;
	t[13] = flags;
	out = (struct packet){ .ip = ip, .l4 = head, .proto = IPPROTO_TCP, .ports = true,
			       .v6 = p->v6 };
	set_total(&out, head + 20);
	packet_sum(&out);
	return VNET + head + 20;
}

/* ---- cutting up ---- */

bool segments_open(struct segments *s, uint8_t *frame, size_t frame_len)
{
	struct virtio_net_hdr h;

	if (frame_len <= VNET)
		return false;
	memcpy(&h, frame, VNET);
	*s = (struct segments){ .frame = frame, .size = h.gso_size };
	packet_parse(&s->p, frame + VNET, frame_len - VNET);
	return s->size >= SEGMENT_MIN && s->p.proto == IPPROTO_TCP && s->p.ports &&
	       !s->p.fragment && s->p.len > 0;
}

static void segment_flags(const struct segments *s, uint8_t *tcp, bool last)
{
	if (!last)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (s->index)
		tcp[13] &= (uint8_t)~TCP_CWR;
}

/* The sum of the pseudo header only: the receiver's kernel takes that as checked. */
static void segment_partial(struct packet *p, uint8_t *frame)
{
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .csum_start = (uint16_t)p->l4, .csum_offset = 16 };

	memcpy(frame, &h, VNET);
	put16(p->ip + p->l4 + 16, fold(sum_pseudo(p)));
}

size_t segments_next(struct segments *s, uint8_t *ret, size_t ret_max)
{
	size_t left = s->p.len - s->done, n = left < s->size ? left : s->size;
	struct packet p = s->p;

	if (!n || VNET + p.data + n > ret_max)
		return 0;
	p.ip = ret + VNET;
	memcpy(p.ip, s->p.ip, p.data);
	memcpy(p.ip + p.data, s->p.ip + p.data + s->done, n);
	if (!p.v6)
		put16(p.ip + 4, (uint16_t)(be16(p.ip + 4) + s->index));
	put32(p.ip + p.l4 + 4, p.seq + (uint32_t)s->done);
	segment_flags(s, p.ip + p.l4, n == left);
	set_total(&p, p.data + n);
	segment_partial(&p, ret);
	s->done += n;
	s->index++;
	return VNET + p.total;
}
