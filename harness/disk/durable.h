/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DISK_DURABLE_H
#define WD_DISK_DURABLE_H

/*
 * What a power cut may leave of a disk: from a log of operations (disk/oplog.h), a place in it and
 * a draw to one legal crash state, under a named model of durability. Pure: no file is touched
 * until crash_write().
 *
 *   strict           what POSIX promises and nothing more
 *   ext4-ordered     ext4 as Debian mounts it: data=ordered, auto_da_alloc, delayed allocation
 *   ext4-writeback   ext4 with data=writeback
 *
 * In all of them, what nobody has synced may be lost, kept, torn between two sectors of 512 bytes
 * or overtaken by what was written later; what was synced is there, and a byte that nobody wrote
 * is as it was (a disk does not spoil a sector's neighbours: SQLite's "powersafe overwrite").
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct log_rec;

/**
 * struct history - a log, understood. Operations are numbered from 0; what was there at first is
 * none of them.
 */
struct history;
/** history_new - -EINVAL when the log makes no sense. The log is borrowed until history_free. */
int history_new(struct history **ret, const void *log, size_t bytes, struct err *e);
void history_free(struct history *h);
size_t history_count(const struct history *h);
/** history_op - number i; borrowed from the log. */
const struct log_rec *history_op(const struct history *h, size_t i);
/** history_about - the path of what number i is about, as a node sees it below its data directory:
 * "store.db-wal". Caller frees. */
char *history_about(const struct history *h, size_t i);

/** history_who - the process of a service that did number i: "store/store/0"; "": nobody knows.
 * Caller frees. */
char *history_who(const struct history *h, size_t i);

struct buf;
/** history_tell - a line of JSON for each operation, without its data; times from epoch_ns. */
void history_tell(const struct history *h, int64_t epoch_ns, struct buf *out);

enum durability { DURABLE_STRICT, DURABLE_ORDERED, DURABLE_WRITEBACK, DURABLE_MODELS };
extern const char *const durability_names[DURABLE_MODELS];

/** struct crash_at - which state. Equal values give equal states. */
struct crash_at {
	int model;     /* enum durability */
	size_t ops;    /* the first so many operations had happened */
	uint64_t seed;
	uint64_t nth;  /* of this place: CRASH_NOTHING ..., then one draw each */
};
/* The first states of every place are its corners. */
enum { CRASH_NOTHING, CRASH_ALL, CRASH_NAMES, CRASH_DATA, CRASH_DRAWN };

/** struct loss - what a file lost, or a name. */
struct loss {
	char *path;           /* owned; "0/store.db-wal" */
	const struct log_rec **lost; /* owned; the operations that are gone, in order */
	size_t count, torn;   /* how many; and of some a part is there */
	size_t since_sync;    /* all of this file that nothing had made durable */
	int64_t bytes;        /* of data, in those lost */
	int64_t synced_ns;    /* its last fsync before; 0: none */
};
/** struct crash - one state: names, and what the files that have one hold. */
struct crash;
/** crash_new - make that state. -EFBIG: a file is too large to be kept in memory twice. */
int crash_new(struct crash **ret, struct history *h, const struct crash_at *at, struct err *e);
void crash_free(struct crash *c);
/** crash_digest - equal states have equal ones. */
uint64_t crash_digest(const struct crash *c);
/** crash_certain - nothing was lost that had happened: the only state there is. */
bool crash_certain(const struct crash *c);
/** crash_losses - borrowed; *ret_count of them. */
const struct loss *crash_losses(const struct crash *c, size_t *ret_count);
/**
 * crash_lost_text - which operation first wrote this text, if every write that has it is lost;
 * CRASH_KEPT: not every one; CRASH_UNWRITTEN: none has it. A digit may not follow it.
 */
#define CRASH_KEPT SIZE_MAX
#define CRASH_UNWRITTEN (SIZE_MAX - 1)
size_t crash_lost_text(const struct crash *c, const char *text);
/** crash_fate - of a write that is lost: "was never synced", or why else. */
const char *crash_fate(const struct crash *c, size_t op);
/** crash_write - the folder `sub` of the state ("" the root, "0", ...) into dir_fd, which is empty
 * and gets that folder's mode and owner where we may. */
int crash_write(const struct crash *c, const char *sub, int dir_fd, struct err *e);

#endif
