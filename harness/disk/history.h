/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DISK_HISTORY_H
#define WD_DISK_HISTORY_H

/*
 * A log of operations, understood: which file each is about, what its names were, what a later
 * fsync has covered. No files are touched: a pure function of the log. Private to durable.c and
 * crash.c, and to who prints a log.
 *
 * "At p" means that the first p operations had happened.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk/durable.h"
#include "disk/oplog.h"

#define NEVER SIZE_MAX
#define NO_NODE SIZE_MAX

/** struct change - one that a file's content or size went through, in order. */
struct change {
	const struct log_rec *r;
	size_t op;
	int64_t size_before, size; /* of the file in memory, around it */
	size_t kept_by;         /* the operation that made it durable; NEVER */
	size_t lost_by;         /* the one that failed to, for good: never with kept_by; NEVER */
};
/** struct meta - an operation that changed what is known about a file or folder. */
struct meta {
	size_t op;
	int64_t end_ns;
	bool data;              /* fdatasync has to keep it too: existence, size */
};
/** struct pin - from that operation on, delayed allocations of the file are in the journal. */
struct pin {
	size_t op, changes;     /* the first so many */
};
/** struct called - a name that it was given. */
struct called {
	size_t op;              /* NEVER: from the beginning */
	size_t dir;             /* node */
	const char *name;       /* not terminated */
	size_t len;
};

/** struct log_node - a file, folder or link; by number in the history. */
struct log_node {
	uint64_t ino;
	uint32_t mode, uid, gid;
	const struct log_rec *made;
	struct change *change;  /* owned */
	struct meta *meta;      /* owned */
	struct called *called;  /* owned */
	struct pin *pin;        /* owned */
	size_t *names;          /* owned; folders: indices into history.name */
	size_t changes, metas, calleds, pins, names_count;
	struct synced {
		size_t op;
		int64_t end_ns;
	} *sync;                /* owned; of this node, in order */
	size_t syncs;
	size_t based;           /* leading changes that were there from the beginning */
	size_t settled;         /* leading changes that some fsync has covered */
	size_t names_settled;
	int64_t size;           /* in memory, at the end of the log */
	bool truncated;         /* to nothing, by somebody who has not closed it yet */
	/* what is certain of its content at sure_p: its first `sure_n` changes (content.c) */
	char *sure;             /* owned */
	int64_t sure_size;
	size_t sure_n, sure_p, sure_room;
};

/** struct naming - one operation on names. */
struct naming {
	const struct log_rec *r;
	size_t op;
	size_t node, over;      /* whom it is about; rename: whom it replaced, NO_NODE: nobody */
	size_t dir, to_dir;     /* nodes */
	size_t needs[2];        /* namings without which it cannot be; NEVER */
	size_t kept_by;         /* strict: the fsync of a folder that made it durable; NEVER */
};

/** struct names - which node each name of each folder leads to. Copied by value of its slots. */
struct names {
	struct name_slot {
		uint64_t hash;      /* 0: never used */
		size_t dir, node;   /* node NO_NODE: gone */
		const char *name;   /* borrowed from the log */
		size_t len;
		size_t last;        /* the naming that set it; NEVER */
	} *slot;                    /* owned */
	size_t size, used;          /* size: a power of two */
};
struct name_slot *names_get(struct names *t, size_t dir, const char *name, size_t len);
void names_copy(struct names *to, const struct names *from);
void names_done(struct names *t);

struct history {
	const struct log_rec **op; /* owned */
	size_t *op_node;        /* owned; whom each is about; NO_NODE */
	struct log_node *node;      /* owned; 0: the root */
	struct naming *name;    /* owned; of all folders, in order */
	struct floor {
		size_t sync, meta;  /* from this sync on, metadata before `meta` are durable */
	} *floor;               /* owned; meta rises */
	size_t ops, nodes, namings, floors;
	struct who {
		size_t op;          /* from that operation on */
		const struct log_rec *r;
	} *who;                 /* owned; in order */
	size_t whos;
	struct names base;      /* what was there at first */
	struct names now;       /* at the end of the log */
	size_t *by_ino;         /* owned; hash table of nodes */
	size_t by_ino_size;
	bool based;             /* LOG_BASE has been seen */
};
/** history_path - its last name at p, from below the root: "0/store.db". Caller frees. */
char *history_path(const struct history *h, size_t node, size_t p);

#endif
