/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_TALK_H
#define WD_WIRE_TALK_H

/*
 * Who asks what on a connection, and where each answer begins, where its header ends and where it
 * ends itself. HTTP/1 is read as it is framed; of anything else it is known who speaks.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALK_ASKED_MAX 32 /* requests whose answer has not begun */
#define TALK_LINE_MAX 64  /* first bytes of a line that are looked at */
#define TALK_HEAD_MAX 128 /* first bytes of a request that a pattern sees */
#define TALK_STASH 64     /* segments that came too early, over all connections */

enum talk_state {
	TALK_UNKNOWN, /* met in the middle: wait until the client speaks after the server */
	TALK_FREE,    /* not HTTP/1: whoever begins to speak begins a request or an answer */
	TALK_LINE, TALK_FIELDS,
	TALK_BODY,
	TALK_SIZE, TALK_CHUNK, TALK_CHUNK_END, TALK_TRAILER,
	TALK_TO_END   /* an answer that ends with the connection */
};

/** struct talk_side - what one end says. Sequence numbers are relative, as in struct flow. */
struct talk_side {
	uint64_t left;   /* of a body or a chunk */
	uint32_t at;     /* the next byte to be read */
	uint8_t state, line_len;
	bool chunked, length, begun; /* begun: this message's beginning was told */
	char line[TALK_LINE_MAX];
};

/** struct talk - all zero: nothing known yet. */
struct talk {
	struct talk_side side[2];      /* 0: the client */
	uint32_t asked_at, answer_at;  /* first byte of the latest of each */
	uint16_t status;
	uint8_t answered;              /* verb of what is being answered */
	uint8_t tag[TALK_ASKED_MAX];   /* ring: what `asked` returned */
	uint8_t verb[TALK_ASKED_MAX];  /* first letter of its method: H(EAD), C(ONNECT); 0x80 */
	uint8_t first, count, head_len;
	bool followed;                 /* every packet was heard since one of before */
	bool deciding;                 /* the latest request's first bytes are not complete */
	uint8_t head[TALK_HEAD_MAX];   /* of the latest request */
};

struct flow;
struct packet;
struct stash;
/** struct talk_ears - told while a packet is read, in the order of the bytes. */
struct talk_ears {
	void *arg;
	/* a request that begins at `at`: head holds its first bytes (128, or all of its header, or
	 * all before the server answered). What is returned comes back with its answer. */
	uint8_t (*asked)(void *arg, struct flow *f, uint32_t at);
	/* its final answer begins; has its header's end before `at`; ends before `at` (a FIN that
	 * marks the end counts as its last byte) */
	void (*answer)(void *arg, struct flow *f, uint8_t tag, uint32_t at);
	void (*head_end)(void *arg, struct flow *f, uint32_t at);
	void (*end)(void *arg, struct flow *f, uint32_t at);
};

struct stash *stash_new(void);
void stash_free(struct stash *t);
void stash_reset(struct stash *t);
/** struct talk_news - what flow_follow has made of the packet. */
struct talk_news {
	bool fresh;      /* it has data never seen before */
	uint8_t turn;    /* who spoke before: 1 client, 2 server, 0 nobody */
	uint32_t before; /* how far its sender had got before */
};
/**
 * talk_hear - one TCP packet. Repeated bytes are not read again; a segment that comes too early is
 * kept, and if there is no room for it the connection is given up until the next turn.
 */
void talk_hear(struct flow *f, struct stash *t, unsigned side, const struct packet *p,
	       const struct talk_news *news, const struct talk_ears *ears);

#endif
