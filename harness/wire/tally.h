/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_TALLY_H
#define WD_WIRE_TALLY_H

/* What goes over each link, for the report: counted as it leaves a node, on good days too. */
#include <stddef.h>
#include <stdint.h>

#define TALLY_FLOWS 16384 /* TCP connections watched; more share places, and some go unwatched */

/** struct wire_link - one direction of a link. Packets are what would be on a cable. */
struct wire_link {
	uint64_t packets, bytes, dropped;
	uint64_t again;       /* TCP packets that repeat data sent before */
	uint64_t handshakes;  /* TCP connections opened this way; times: SYN to the last ACK */
	int64_t rtt_min_ns, rtt_max_ns, rtt_sum_ns;
};
struct tally;
struct tally *tally_new(void);
void tally_free(struct tally *t);
void tally_reset(struct tally *t);
/** tally_packet - a frame with its virtio header, as node `from` sends it to `to`. */
void tally_packet(struct tally *t, struct wire_link *l, unsigned from, unsigned to,
		  const uint8_t *frame, size_t len);

#endif
