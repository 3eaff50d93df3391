/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DISK_RULES_ROOM_H
#define WD_DISK_RULES_ROOM_H

/* Between rules.c, which walks over the rules, and effects.c, which knows what each does. */
#include <sys/statvfs.h>

#include "disk/room.h"

#define COUNTERS 1024 /* paths that one rule counts apart; the rest share the last */
#define FULL_PATH 8192

/** struct slot - an armed rule. */
struct slot {
	bool used;
	struct disk_rule r;
	unsigned id;
	int64_t n;             /* operations that matched: for the gate */
	struct counter {
		uint64_t object, n; /* object 0: free */
	} counter[COUNTERS];
	int64_t stall_until;
	int64_t used_before;   /* late: bytes that were in use when it was armed */
	uint64_t listed, piece; /* hits: told one by one; not told yet */
	int64_t piece_ns;
	struct disk_hit last;  /* of the piece */
};

struct rules {
	pthread_mutex_t lock;
	pthread_cond_t over;   /* some rule went: whoever it held back looks again */
	struct slot at[DISK_RULES_MAX];
	unsigned order[DISK_RULES_MAX]; /* places in use, as in the experiment */
	unsigned count, ids;
	int64_t bytes, files;  /* how large the disk is by nature */
};

/** struct look - one operation under the eyes of the rules. */
struct look {
	struct fs *fs;
	struct op *op;
	char path[FULL_PATH];  /* below its data directory */
	char to[FULL_PATH];    /* rename; else empty */
	char owner[DISK_NAME_MAX]; /* process: "store/store/0" */
	bool owner_known;      /* owner was looked up */
	uint64_t object, nth;  /* of the rule in hand */
	int64_t now, until;    /* until: held back so long */
	unsigned held_by;      /* place of the rule that holds it longest */
	int64_t lost;          /* bytes that this fsync will never write */
};

/** look_owner - the service's process behind the operation, or "". */
const char *look_owner(struct look *l);
/** rule_matches - is this operation one of those that the rule is about? */
bool rule_matches(const struct slot *s, struct look *l);
/** befall_begin - what it does before the operation; counts it. @place: of the rule. */
void befall_begin(struct slot *s, unsigned place, struct look *l);
/** befall_tell - this happened to the operation. */
void befall_tell(struct slot *s, struct look *l, int error, size_t done, int64_t ns);
/** befall_tell_piece - tell the hits that were only counted. */
void befall_tell_piece(struct slot *s, struct fs *fs, int64_t now);
/** befall_rot, befall_stale - turn bits over in what was read; put there what was before. */
void befall_rot(struct slot *s, struct look *l, char *data, size_t len);
void befall_stale(struct slot *s, struct look *l, char *data, size_t len);
/** disk_used - bytes and files that are in use now. */
int disk_used(const struct fs *fs, int64_t *ret_bytes, int64_t *ret_files);

#endif
