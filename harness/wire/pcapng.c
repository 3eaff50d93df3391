/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A block is type, length, body, options, length again,
 * all padded to 32 bits. A struct block grows at its end; block_end() writes
 * the length to both places.
 */
#include "wire/pcapng.h"

#include <assert.h>
#include <string.h>

#include "wire/wire.h"

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, STATISTICS = 5, PACKET = 6 };
enum { OPT_ENDS = 0, OPT_COMMENT = 1 };
enum { SHB_USERAPPL = 4 };
enum { IF_NAME = 2, IF_IPV4 = 4, IF_IPV6 = 5, IF_TSRESOL = 9 };
enum { EPB_FLAGS = 2 };
enum { ISB_RECEIVED = 4, ISB_DROPPED = 5 };
#define MAGIC 0x1a2b3c4du
#define LINKTYPE_RAW 101 /* an IPv4 or IPv6 packet, told apart by its version */

struct block {
	uint8_t *at;
	size_t len;
};

static void put(struct block *b, const void *data, size_t len)
{
	static const uint8_t zero[4];
	size_t pad = -len & 3;

	memcpy(b->at + b->len, data, len);
	memcpy(b->at + b->len + len, zero, pad);
	b->len += len + pad;
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

static struct block block_begin(uint8_t *at, uint32_t type)
{
	struct block b = { .at = at };

	put32(&b, type);
	put32(&b, 0);
	return b;
}

static size_t block_end(struct block *b)
{
	uint32_t len = (uint32_t)b->len + 4;

	memcpy(b->at + 4, &len, sizeof(len));
	put32(b, len);
	assert(b->len <= PCAPNG_BLOCK_MAX);
	return b->len;
}

static void option(struct block *b, uint16_t code, const void *data, size_t len)
{
	uint16_t head[2] = { code, (uint16_t)len };

	put(b, head, sizeof(head));
	put(b, data, len);
}

static void option_text(struct block *b, uint16_t code, const char *text)
{
	size_t len = strnlen(text, PCAPNG_TEXT_MAX / 2);

	if (len)
		option(b, code, text, len);
}

/* Times are two words, the higher one first. */
static void put_time(struct block *b, int64_t unix_ns)
{
	put32(b, (uint32_t)((uint64_t)unix_ns >> 32));
	put32(b, (uint32_t)unix_ns);
}

size_t pcapng_section(uint8_t *ret, const char *comment)
{
	struct block b = block_begin(ret, SECTION);
	const uint16_t version[2] = { 1, 0 };
	const int64_t unknown = -1; /* how long the section is */

	put32(&b, MAGIC);
	put(&b, version, sizeof(version));
	put(&b, &unknown, sizeof(unknown));
	option_text(&b, OPT_COMMENT, comment);
	option_text(&b, SHB_USERAPPL, "worstday");
	option(&b, OPT_ENDS, "", 0);
	return block_end(&b);
}

size_t pcapng_interface(uint8_t *ret, const char *name, unsigned index, uint32_t snap)
{
	struct block b = block_begin(ret, INTERFACE);
	const uint16_t link[2] = { LINKTYPE_RAW, 0 };
	uint8_t v4[8] = { 10, 77, 0, (uint8_t)(index + 1), 255, 255, 255, 0 };
	uint8_t v6[17] = { 0xfd, 0x77, [14] = (uint8_t)((index + 1) >> 8),
			   [15] = (uint8_t)(index + 1), [16] = 64 };
	const uint8_t nanoseconds = 9;

	put(&b, link, sizeof(link));
	put32(&b, snap);
	option_text(&b, IF_NAME, name);
	option(&b, IF_IPV4, v4, sizeof(v4));
	option(&b, IF_IPV6, v6, sizeof(v6));
	option(&b, IF_TSRESOL, &nanoseconds, 1);
	option(&b, OPT_ENDS, "", 0);
	return block_end(&b);
}

size_t pcapng_packet(uint8_t *ret, const struct pcapng_packet *p)
{
	struct block b = block_begin(ret, PACKET);
	uint32_t flags = p->inbound ? 1 : 2;

	assert(p->snap <= p->len && p->snap <= PCAPNG_DATA_MAX);
	put32(&b, p->interface);
	put_time(&b, p->unix_ns);
	put32(&b, p->snap);
	put32(&b, p->len);
	put(&b, p->data, p->snap);
	option_text(&b, OPT_COMMENT, p->comment);
	option(&b, EPB_FLAGS, &flags, sizeof(flags));
	option(&b, OPT_ENDS, "", 0);
	return block_end(&b);
}

size_t pcapng_statistics(uint8_t *ret, unsigned interface, int64_t unix_ns, uint64_t received,
			 uint64_t dropped)
{
	struct block b = block_begin(ret, STATISTICS);

	put32(&b, interface);
	put_time(&b, unix_ns);
	option(&b, ISB_RECEIVED, &received, sizeof(received));
	option(&b, ISB_DROPPED, &dropped, sizeof(dropped));
	option(&b, OPT_ENDS, "", 0);
	return block_end(&b);
}
