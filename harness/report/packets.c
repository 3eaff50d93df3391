/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in wire.pcapng the packets of a story are. The file is ours: its packets
 * carry comments "net.drop #0 hit 7: dropped" (wire/writer.c) that name an event
 * by fault and hit. A packet's number is what Wireshark shows: they count from 1.
 * The file may end anywhere (the disk was full, it was copied badly), so every
 * length is checked against what is left.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "report/summary.h"
#include "trial/evidence.h"

#define BLOCK_PACKET 6 /* Enhanced Packet Block */
#define PACKET_HEAD 28 /* of it, before the data */
#define OPTION_COMMENT 1
#define COMMENT_MAX 1024

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void note(struct story *s, int64_t fault, int64_t hit, int64_t number)
{
	for (size_t i = 0; i < s->count; i++) {
		struct story_line *l = &s->at[i];

		if (l->hit == hit && l->hit && l->fault == fault && !l->packet)
			l->packet = number;
	}
}

/* Each "#FAULT hit HIT:" in it. */
static void read_comment(struct story *s, const char *text, int64_t number)
{
	for (const char *p = text; (p = strstr(p, " #")); p += 2) {
		char *end;
		long fault = strtol(p + 2, &end, 10);

		if (!strncmp(end, " hit ", 5))
			note(s, fault, strtoll(end + 5, NULL, 10), number);
	}
}

static void read_options(struct story *s, const uint8_t *p, size_t left, int64_t number)
{
	while (left >= 4) {
		size_t len = u16(p + 2), whole = 4 + padded(len);
		char text[COMMENT_MAX + 1];

		if (!u16(p) || whole > left)
			return;
		if (u16(p) == OPTION_COMMENT && len <= COMMENT_MAX) {
			memcpy(text, p + 4, len);
			text[len] = '\0';
			read_comment(s, text, number);
		}
		p += whole;
		left -= whole;
	}
}

static void read_packet(struct story *s, const uint8_t *block, size_t len, int64_t number)
{
	size_t head, data;

	if (len < PACKET_HEAD + 4)
		return;
	data = padded(u32(block + 20));
	head = PACKET_HEAD + data;
	if (data > len || head + 4 > len)
		return;
	read_options(s, block + head, len - head - 4, number);
}

void packets_read(struct story *s, const uint8_t *data, size_t len)
{
	int64_t number = 0;

	for (size_t at = 0; len - at >= 12;) {
		size_t block = u32(data + at + 4);

		if (block < 12 || block % 4 || block > len - at)
			return;
		if (u32(data + at) == BLOCK_PACKET)
			read_packet(s, data + at, block, ++number);
		at += block;
	}
}

static bool wanted(const struct story *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].hit)
			return true;
	return false;
}

void packets_find(const char *dir, struct story *s)
{
	cleanup_free char *path = xasprintf("%s/" EVIDENCE_FILE, dir);
	cleanup_close int fd = wanted(s) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;
	void *at;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < 12)
		return;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return;
	packets_read(s, at, (size_t)st.st_size);
	munmap(at, (size_t)st.st_size);
}
