/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DISK_OPLOG_H
#define WD_DISK_OPLOG_H

/*
 * The log of operations of one disk: everything that changed it or asked for it to be kept, in the
 * order in which it was done, with its data. It begins with what was on the disk at first, up to
 * LOG_BASE, so it needs nothing else: any state that the disk was in, and any that a power cut
 * may leave of it (disk/durable.h), can be made from it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_kind {
	LOG_ROOT,    /* the first record: ino is the folder that everything is in */
	LOG_MAKE,    /* ino is now dir/name: a file, folder, link (data: where to), by its mode */
	LOG_LINK,    /* ino is now also dir/name */
	LOG_REMOVE,  /* dir/name is gone, file or folder */
	LOG_RENAME,  /* dir/name is now to_dir/to */
	LOG_WRITE,   /* data into ino at off */
	LOG_ZERO,    /* a hole in ino: len bytes at off, its size as it was */
	LOG_SIZE,    /* ino is now so long: off */
	LOG_SYNC,    /* fsync, or fdatasync (LOG_DATA_ONLY), of ino; of a folder too (LOG_FOLDER) */
	LOG_CLOSE,   /* one opening of ino was closed */
	LOG_ATTR,    /* mode, uid and gid of ino */
	LOG_BASE,    /* all before it was on the disk already, for good */
	LOG_LOST,    /* writing ino back has failed: what was written since `off` (clock_now) and
		      * not synced before will not be tried again */
	LOG_WHO,     /* who is behind pid from now on: name, the process of a service, "" when it is
		      * none ("store/store/0") */
	LOG_KINDS
};
#define LOG_DATA_ONLY 1 /* fdatasync; a write: O_DSYNC */
#define LOG_FOLDER 2
#define LOG_SWAP 4      /* rename: the two names have changed places */
#define LOG_ALL 16      /* of everything: sync(), syncfs(); ino is 0 */
#define LOG_REVERT 32   /* a write of ours: memory shows again what is on the disk anyway */
#define LOG_SYNCED 8    /* a write that returned only when it was kept: O_SYNC, O_DSYNC */

/** struct log_rec - a record; name, to and data follow, each as long as said. Host byte order. */
struct log_rec {
	uint32_t bytes;         /* of the whole record; a multiple of 8 */
	uint8_t kind, flags;
	uint16_t name_len, to_len;
	uint16_t reserved;
	uint32_t mode;
	uint32_t uid, gid;
	int32_t pid;            /* of who asked; 0: the kernel (a mapped page), or base */
	uint64_t ino, dir, to_dir;
	int64_t off;
	int64_t len;            /* of the data; LOG_ZERO: of the hole */
	int64_t begin_ns, end_ns; /* clock_now(); end: done, and not yet told */
};
static inline const char *log_name(const struct log_rec *r)
{
	return (const char *)(r + 1);
}
static inline const char *log_to(const struct log_rec *r)
{
	return log_name(r) + r->name_len;
}
static inline const char *log_data(const struct log_rec *r)
{
	return log_to(r) + r->to_len;
}
/** log_size - how many bytes a record of this takes. */
size_t log_size(const struct log_rec *r);
/** log_next - the record behind r (NULL: the first); NULL at the end, or where it makes no sense:
 * *ret_torn then. */
const struct log_rec *log_next(const void *log, size_t bytes, const struct log_rec *r,
			       bool *ret_torn);

/** log_kind_words - "write", "fsync", "rename": what was done, for people. */
const char *log_kind_words(const struct log_rec *r);

#endif
