/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_PACKET_H
#define WD_WIRE_PACKET_H

/*
 * IP packets as the wire sees them: where the headers are, what a checksum
 * should be, how one is cut up, shortened or answered. Everything here is pure
 * and takes whatever bytes a target may send.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_net.h>

/** VNET - the virtio header in front of every frame on a TUN queue. */
#define VNET sizeof(struct virtio_net_hdr)

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_CWR = 128 };

/**
 * struct packet - a parsed packet; pointers into the caller's bytes. `proto` is 0 when even the
 * IP header makes no sense; `ports` is false for what has none (a later fragment, ICMP, a header
 * that is cut off). For TCP, `head` + `len` bytes are the packet, of which the last `len` are data.
 */
struct packet {
	uint8_t *ip;
	size_t total;       /* bytes of the packet, by its IP header */
	size_t l4;          /* offset of the transport header; 0: none */
	size_t data;        /* offset of the payload */
	size_t len;         /* bytes of payload */
	uint32_t seq, ack;  /* TCP */
	uint16_t sport, dport;
	uint8_t proto;      /* IPPROTO_TCP, ... */
	uint8_t flags;      /* TCP_... */
	bool v6, ports, fragment;
};

/** packet_parse - never fails: what cannot be understood is simply not there. */
void packet_parse(struct packet *p, uint8_t *ip, size_t len);
/** packet_span - sequence numbers a TCP packet takes up: its data, SYN and FIN. */
uint32_t packet_span(const struct packet *p);
/** packet_sum - fill in the transport checksum for the bytes as they are. False: it has none. */
bool packet_sum(const struct packet *p);
/** packet_sum_ok - is the transport checksum right? True for what has none. */
bool packet_sum_ok(const struct packet *p);
/** packet_complete - a frame whose checksum was left to the device gets it; clears the header. */
void packet_complete(uint8_t *frame, size_t frame_len);
/** packet_shorten - keep the first `keep` bytes of data of a TCP packet; returns its new size. */
size_t packet_shorten(struct packet *p, size_t keep);
/** packet_close - a packet that was just made is this long: lengths and checksums. */
void packet_close(struct packet *p, size_t total);
/**
 * packet_reset - a TCP RST with this sequence number as if sent along p (or, when `back`, in
 * answer to it), with a virtio header, into ret (PACKET_RESET_MAX). Returns the frame's size.
 */
#define PACKET_RESET_MAX (VNET + 60)
size_t packet_reset(const struct packet *p, bool back, uint32_t seq, uint32_t ack, uint8_t flags,
		    uint8_t *ret);

/** struct segments - a large TCP frame being cut into what would have been on a cable. */
struct segments {
	const uint8_t *frame;
	struct packet p;
	size_t size, done, index; /* payload bytes: of one, so far; how many so far */
};
/** SEGMENT_MIN - no kernel makes smaller ones (TCP_MIN_SND_MSS less options): see segments_open. */
#define SEGMENT_MIN 8
/**
 * segments_open - false: the frame cannot be cut (not TCP, not what its header says, or into so
 * many pieces that only somebody who wants to keep the wire busy would ask for it).
 */
bool segments_open(struct segments *s, uint8_t *frame, size_t frame_len);
/** segments_next - the next frame into ret (ret_max bytes); its size, 0: no more or too large. */
size_t segments_next(struct segments *s, uint8_t *ret, size_t ret_max);

#endif
