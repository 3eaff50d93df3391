/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_WIRE_SEEN_H
#define WD_WIRE_SEEN_H

/* What impair.c tells about a packet that it has dealt with: for captures and counters. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_NOTES_MAX 4 /* of one packet; more rules than that go unnamed */

/** struct seen_note - what one rule did to it. `hit` is the number of its event; 0: not listed. */
struct seen_note {
	char name[32];      /* the rule's: "net.drop.0" */
	uint32_t hit;
	uint8_t did;        /* enum wire_did */
	int64_t ns;
};
enum seen_what {
	SEEN_PASSED,        /* on its way, perhaps altered: the notes tell */
	SEEN_DROPPED,       /* by a rule that noted it */
	SEEN_CUT,           /* dropped or held for what was told of an earlier packet */
	SEEN_HELD,
	SEEN_CROWDED,       /* dropped: too many wait */
	SEEN_NOWHERE,       /* dropped: no node has that address */
	SEEN_MADE,          /* the wire's own, as if sent by `from` */
	SEEN_KINDS
};
struct wire_seen {
	const uint8_t *frame; /* with virtio header, as it goes on; a dropped one as it came */
	size_t len;
	int64_t now;
	uint16_t from, to;
	uint8_t what, notes;
	struct seen_note note[SEEN_NOTES_MAX];
};

#endif
