/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DISK_PAST_H
#define WD_DISK_PAST_H

/*
 * What the blocks of files held before, while some rule wants to know: at the last fsync that
 * succeeded, or before the last write. Locks: the rules' may be held when one of these is called,
 * and the log's, never the other way round.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAST_BLOCK 4096 /* a page: what the kernel writes to a disk at once */

struct fs;
struct inode;
struct past;

enum past_kind {
	PAST_SYNCED = 1, /* what is on the disk, where memory has something newer */
	PAST_WRITTEN = 2 /* what was there before the last write */
};

struct past *past_new(void);
/** past_keep - from now on these kinds (ORed); what only other kinds needed is forgotten. */
void past_keep(struct fs *fs, unsigned kinds);
/**
 * past_write - these bytes are about to change. True: the caller must call past_written once they
 * have, and nothing else of this file in between.
 */
bool past_write(struct fs *fs, const struct inode *i, int64_t off, size_t len);
/** past_written - true: reads may show what was before, if they reach the disk. */
bool past_written(struct fs *fs);
/** past_cut - zeros from here on (a truncation), or so many of them (a hole; len > 0). */
void past_cut(struct fs *fs, const struct inode *i, int64_t off, int64_t len);
/** past_synced - fsync succeeded: what was written since the last one is on the disk. */
void past_synced(struct fs *fs, const struct inode *i);
/** past_synced_all - sync(): of every file. With the log's lock (record_lock). */
void past_synced_all(struct fs *fs);
/**
 * past_lose - writing back has failed: what was written since the last fsync will not be tried
 * again. @now: and what is on the disk shows at once. Returns how many bytes there were.
 */
int64_t past_lose(struct fs *fs, const struct inode *i, bool now);
/** past_evict - the memory is needed for something else: what is on the disk shows. */
void past_evict(struct fs *fs);
/**
 * past_before - what this block held before its last write, zeros where there was nothing, and how
 * many writes there have been. False: not written since it is kept.
 */
bool past_before(struct fs *fs, const struct inode *i, int64_t block, char ret[PAST_BLOCK],
		 uint64_t *ret_writes);
/** past_forget_gone - names went: files without any need no past. */
void past_forget_gone(struct fs *fs);

#endif
