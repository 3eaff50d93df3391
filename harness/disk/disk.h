/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DISK_DISK_H
#define WD_DISK_DISK_H

/*
 * The disk of one node: a file system of ours (FUSE) over a folder, served by
 * a process of its own that dies with the worker. Whoever goes through the
 * mount point meets the faults; whoever reads the folder itself does not.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct loop;
struct disk;
struct disk_rule;
struct disk_hit;

struct disk_opts {
	const char *name;         /* of the node, for messages */
	const char *backing;      /* the folder: a file system of its own, a tmpfs */
	const char *mount;        /* an empty folder */
	const char *const *dirs;  /* backing/0, backing/1, ... as the node sees them */
	size_t dirs_count;
	size_t log_bytes;         /* keep a log of operations, so large at most; 0: none */
};
/**
 * disk_new - mount it and serve it. Needs an openable /dev/fuse and a user and mount namespace
 * of our own. The caller detaches the mount when it is done.
 */
int disk_new(struct disk **ret, const struct disk_opts *o, struct err *e);
/** disk_free - whoever still waits for it gets an error. */
void disk_free(struct disk *d);
/** disk_alive - -EPIPE: its process is gone; -EIO: what it lies on failed; words in e. */
int disk_alive(const struct disk *d, struct err *e);
/** disk_owner - @keeper is the parent of what runs as @process ("store/store/0"). */
void disk_owner(struct disk *d, pid_t keeper, const char *process);
/**
 * disk_rule_add - in effect when this returns; its number in *ret_id. fn is called from the loop
 * for every hit. The disk borrows the loop until the last rule is gone.
 */
int disk_rule_add(struct disk *d, struct loop *loop, const struct disk_rule *r,
		  void (*fn)(void *arg, const struct disk_hit *h), void *arg, unsigned *ret_id,
		  struct err *e);
/** disk_rule_del - over when this returns, and nothing is held back any more; the last hits are
 * reported before, then one that is `unheard`: how many more there were. */
int disk_rule_del(struct disk *d, unsigned id, struct err *e);
/**
 * disk_hold - the power goes: no operation begins any more, and whoever asks waits; those that had
 * begun are done and in the log when this returns. Kill the askers, then call disk_die, which gives
 * an error to all who wait. -ENOENT: it keeps no log.
 */
int disk_hold(struct disk *d, struct err *e);
int disk_die(struct disk *d, struct err *e);
/** disk_served - requests answered since it was mounted, and the time from question to answer of
 * all of them together. */
void disk_served(const struct disk *d, int64_t *ret_count, int64_t *ret_ns);
/** disk_sync - a program calls sync() or syncfs(), of which a disk in user space hears nothing. */
int disk_sync(struct disk *d, struct err *e);
/** disk_off - nobody is left who could ask: its server ends. The log can still be read. */
void disk_off(struct disk *d);
/** disk_log - the log of operations so far (disk/oplog.h); borrowed until disk_reboot or disk_free.
 * NULL: it keeps none. */
const void *disk_log(const struct disk *d, size_t *ret_bytes);
/** struct disk_log - a log that outlives its disk's next boot. */
struct disk_log {
	void *at;             /* owned: mapped, `room` bytes of address space; NULL: none */
	size_t bytes, room;
};
/** disk_log_take - it is the caller's now, as far as it goes, once the disk is off; at NULL: it
 * keeps none. Free it with disk_log_done. */
struct disk_log disk_log_take(struct disk *d);
void disk_log_done(struct disk_log *l);
/**
 * disk_reboot - the power is back: serve what lies in the backing folder now, at the same place,
 * which the caller has unmounted. Rules that are in effect stay so; they count operations anew.
 */
int disk_reboot(struct disk *d, const struct disk_opts *o, struct err *e);
/** disk_try - in a namespace of our own: mount one, write and read through it. */
int disk_try(struct err *e);

#endif
