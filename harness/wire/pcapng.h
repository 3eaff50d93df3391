/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_PCAPNG_H
#define WD_WIRE_PCAPNG_H

/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), in this host's byte order, as its section
 * header says. Pure: each is built in the caller's memory, which has at least PCAPNG_BLOCK_MAX
 * bytes, and its size returned.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAPNG_TEXT_MAX 1024
#define PCAPNG_DATA_MAX 65536
#define PCAPNG_BLOCK_MAX (PCAPNG_DATA_MAX + PCAPNG_TEXT_MAX + 256)

/** pcapng_section - the first block. @comment: may be "". */
size_t pcapng_section(uint8_t *ret, const char *comment);
/** pcapng_interface - one node's; raw IP, nanoseconds. @index: of the node, for its addresses. */
size_t pcapng_interface(uint8_t *ret, const char *name, unsigned index, uint32_t snap);

struct pcapng_packet {
	unsigned interface;
	int64_t unix_ns;
	uint32_t len, snap;  /* of the packet; bytes kept of it */
	const uint8_t *data;
	bool inbound;        /* else outbound, as the node sees it */
	const char *comment; /* "": none */
};
size_t pcapng_packet(uint8_t *ret, const struct pcapng_packet *p);
/** pcapng_statistics - an interface's last block. @dropped: packets that are not in the file. */
size_t pcapng_statistics(uint8_t *ret, unsigned interface, int64_t unix_ns, uint64_t received,
			 uint64_t dropped);

#endif
