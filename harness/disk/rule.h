/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DISK_RULE_H
#define WD_DISK_RULE_H

/*
 * What a fault asks of a disk and what it hears back: plain values that go
 * over a socket and through shared memory.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/gate.h"

#define DISK_RULES_MAX 32
#define DISK_PATH_MAX 160
#define DISK_NAME_MAX 96

/** enum disk_op - what a program does to its disk, as a person would say it. */
enum disk_op {
	DISK_LOOKUP, DISK_STAT, DISK_CHANGE, DISK_TRUNCATE, DISK_READLINK, DISK_CREATE, DISK_MKDIR,
	DISK_LINK, DISK_UNLINK, DISK_RMDIR, DISK_RENAME, DISK_OPEN, DISK_READ, DISK_WRITE,
	DISK_FSYNC, DISK_SYNC_DIR, DISK_LIST, DISK_ALLOCATE, DISK_XATTR, DISK_STATFS, DISK_OPS
};
#define DISK_BIT(op) (UINT32_C(1) << (op))
#define DISK_ALL_OPS (DISK_BIT(DISK_OPS) - 1)
/** disk_op_names - "write", "fsync", ...: for options and for reports. */
extern const char *const disk_op_names[DISK_OPS];

enum disk_effect {
	DISK_ERROR,  /* chance; error instead of the operation; lossy, reverts: of fsync */
	DISK_SLOW,   /* chance, delay_ns, jitter_ns, shape; stall: all that match wait with it */
	DISK_SHORT,  /* chance; a write that writes a part and says so */
	DISK_TORN,   /* chance; a write that writes a part and says that it wrote all */
	DISK_ASTRAY, /* chance; a write that goes to another place of its file */
	DISK_ROT,    /* chance of each block of 4 KiB, bits: what is read has bits turned over */
	DISK_STALE,  /* chance of each block and write: what is read is from before that write */
	DISK_FULL,   /* error; left: bytes; late: only fsync tells; hidden: statfs does not */
	DISK_INODES, /* error; left: files */
	DISK_EFFECTS
};

/** struct disk_rule - one activation of one fault on one disk. */
struct disk_rule {
	uint32_t effect;  /* enum disk_effect */
	int32_t fault;    /* index in the experiment: rules act in this order */
	char name[48];    /* "disk.error.0.1": names the draws */
	uint64_t seed;
	uint32_t ops;     /* DISK_BIT()s that it acts on */
	int32_t error;    /* errno */
	char path[DISK_PATH_MAX];    /* pattern; from /: as the node sees it; "": any */
	char service[DISK_NAME_MAX]; /* pattern of "node/service"; "": any process */
	struct gate gate; /* counts operations that match */
	double chance;    /* of each, 0..1 */
	int64_t delay_ns, jitter_ns;
	int32_t shape, bits; /* shape: enum draw_shape */
	bool stall, late, hidden;
	bool lossy;       /* of fsync: fails where there is something to write, which is lost */
	bool reverts;     /* lossy: and what is on the disk shows at once */
	bool writing;     /* of open: only those that want to write */
	int64_t left;     /* bytes, or files */
	double share;     /* > 0: instead of left, so full is it made (0.98: 98 %) */
};

/** struct disk_hit - one altered operation, or `count` of them when they came too fast to list. */
struct disk_hit {
	int64_t t_ns;
	uint64_t count;
	int64_t off;
	int64_t ns;       /* delays */
	uint32_t rule;    /* as disk_rule_add gave it */
	uint32_t len;     /* 0: it has no extent */
	uint32_t op, effect;
	int32_t error;    /* what it returned instead, or 0 */
	uint32_t done;    /* short and torn: bytes that were written; rot: bits; stale: bytes */
	int64_t lost;     /* lossy: bytes that will not be written back */
	int64_t to;       /* astray: where they were written */
	uint64_t nth;     /* how many-eth matching operation on this path */
	bool unheard;     /* altered, and nobody knows how: there was no room to tell */
	char path[DISK_PATH_MAX];    /* below its data directory */
	char process[DISK_NAME_MAX]; /* "store/store/0"; "": none, or not a service's */
};

#endif
