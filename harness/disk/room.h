/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DISK_ROOM_H
#define WD_DISK_ROOM_H

/*
 * What the files of this room share; nobody else includes it.
 *
 *   disk.c                       the worker's end: fork, mount, orders, hits
 *   serve.c                      the server: session, threads, orders
 *   team.c                       its threads
 *   inode.c                      which files the kernel knows
 *   names.c files.c attrs.c dirs.c   the operations
 *   rules.c effects.c            what goes wrong with them
 *   record.c oplog.c             the log of them, and a cut of the power
 *   past.c                       what blocks held before
 */
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/hits.h"
#include "disk/disk.h"
#include "disk/rule.h"

#define DISK_HITS 2048
#define DISK_OWNERS 64

/** struct disk_shared - in memory that worker and server share. */
struct disk_shared {
	struct owner {
		int32_t keeper;              /* 0: none; written last */
		char process[DISK_NAME_MAX];
	} owner[DISK_OWNERS];                /* written by the worker only */
	uint32_t owners;                     /* how many there have been; worker only */
	int32_t failed;                      /* errno: what the disk lies on failed; server only */
	char failed_at[DISK_NAME_MAX];       /* written before it */
	uint64_t log_bytes;                  /* of the log of operations; server only */
	uint64_t served, served_ns;          /* requests answered, and their time; server only */
	uint64_t lost_of[DISK_RULES_MAX];    /* hits that found no room, by the rule's place */
	struct hits hits;                    /* must be last */
};

enum disk_order_op { DISK_HELLO = 1, DISK_RULE_ADD, DISK_RULE_DEL, DISK_HOLD, DISK_DIE,
		     DISK_SYNC_ALL };
/** struct disk_order - worker to server; the reply is an int, -errno or >= 0. */
struct disk_order {
	uint32_t op, index;
	bool again;            /* DISK_RULE_ADD: it had number `index` before the power was off */
	struct disk_rule rule;
};

/* ---- inodes ---- */

#define INODE_BUCKETS 16384

/** struct inode - one file that the kernel knows; its address is the number that the kernel has. */
struct inode {
	struct inode *next;    /* in its bucket */
	int fd;                /* owned, O_PATH */
	dev_t dev;
	ino_t ino;
	uint64_t lookups;      /* references that the kernel holds; under fs->inodes_lock */
	bool lied;             /* the kernel's cache is not what is on the disk */
	char *path;            /* owned; below its data directory; under fs->rules_lock */
	uint64_t path_as_of;   /* fs->renamed when it was made */
	unsigned dir;          /* which data directory */
};

struct rules;
struct team;

/** struct fs - one mounted disk, in its server. */
struct fs {
	struct fuse_session *se;
	struct team *team;
	const struct disk_opts *o;
	struct disk_shared *shared;
	int root_fd;           /* owned, O_PATH */
	int ctl, bell;
	pid_t worker;          /* its own requests meet no fault */
	uint32_t kernel_flags; /* what INIT offered */
	bool greeted;
	struct inode root;
	pthread_mutex_t inodes_lock;
	struct inode *bucket[INODE_BUCKETS];
	uint64_t renamed;      /* names that changed so far */
	uint64_t sized;        /* how often rules have changed the disk's size */
	int64_t freed_ns;      /* when something last went that may have taken room */
	pthread_mutex_t drop_lock;
	pthread_cond_t drop_change;
	uint64_t drop_wanted, drop_done; /* under drop_lock */
	bool drop_all;         /* under drop_lock; else those that are lied about */
	unsigned held;         /* who is held back by a rule now */
	struct rules *rules;   /* owned */
	struct recorder *recorder; /* owned; NULL: no log of operations is wanted */
	char *log;             /* where it goes; mapped, shared with the worker */
	struct past *past;     /* owned */
	uint32_t armed;        /* DISK_BIT()s that any rule acts on; read without a lock */
};

static inline struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}
struct inode *inode_of(struct fs *fs, fuse_ino_t ino);
static inline fuse_ino_t inode_number(const struct fs *fs, const struct inode *i)
{
	return i == &fs->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)i;
}
/** inode_find - open and remember parent/name, with one reference more. 0 or errno. */
int inode_find(struct fs *fs, const struct inode *parent, const char *name,
	       struct fuse_entry_param *ret);
/** inode_of_open - the same for a file that is open, and may have no name. */
int inode_of_open(struct fs *fs, int fd, struct fuse_entry_param *ret);
void inode_forget(struct fs *fs, struct inode *i, uint64_t lookups);
/** inode_numbers - of all that are known, or of those that are lied about; caller frees. */
fuse_ino_t *inode_numbers(struct fs *fs, bool lied, size_t *ret_count);
/** inode_path - below its data directory. Call under the rules' lock; valid as long. */
const char *inode_path(struct fs *fs, struct inode *i);
/** proc_path - "/proc/self/fd/N": for what the kernel does not do to an O_PATH descriptor. */
struct proc_path {
	char at[32];
};
struct proc_path proc_path(int fd);
/** caller_enter, caller_leave - this thread creates as whoever asks. */
void caller_enter(fuse_req_t req);
void caller_leave(fuse_req_t req);
/** room_soon - no room: is some perhaps on its way? Then waits a moment for it. */
bool room_soon(struct fs *fs);
void room_freed(struct fs *fs);
/** MAKE_ROOM - @call, again while it found no room and some is on its way. */
#define MAKE_ROOM(fs_, r_, call_)                                                                  \
	do {                                                                                       \
		(r_) = (call_);                                                                    \
	} while ((r_) < 0 && errno == ENOSPC && room_soon(fs_))
/** host_failed - it was not us: the worker will say so. Returns error. */
int host_failed(struct fs *fs, int error, const char *what);

/* ---- operations and what befalls them ---- */

/** struct op - one operation on its way. */
struct op {
	enum disk_op kind;
	struct inode *inode;   /* of the file, or of the folder that `name` is in */
	const char *name;      /* NULL: the inode itself */
	struct inode *to_inode; /* rename: the folder that it goes to, and its name there */
	const char *to_name;
	bool writing;          /* opened to be written to */
	int64_t off;
	size_t len;            /* 0: it has no extent */
	pid_t pid;             /* 0: the kernel's own (a mapped page) */
	/* what was decided */
	int error;             /* return this and do nothing */
	size_t part;           /* short, torn: so many bytes only; 0: all */
	bool torn;
	bool astray;           /* write it at `to`, and say nothing */
	int64_t to;
	bool rot;              /* op_rot() will have something to do */
	bool drop;             /* the cache shows what is no longer there */
	uint64_t sized;        /* fs->sized when it began */
	/* for the log of operations (record.c) */
	int flags;             /* open, write: O_*; allocate, rename: theirs; fsync: data only */
	const char *data;      /* written; NULL: copied, see data_fd */
	size_t done;           /* bytes that were written */
	int data_fd;           /* where they are now */
	int64_t begin_ns;      /* only while there is a log */
	bool recorded;         /* between record_begin and record_end */
};
/** owner_of - the service's process behind pid, or "". */
void owner_of(const struct fs *fs, pid_t pid, char ret[DISK_NAME_MAX]);
/** op_begin - may take its time. 0: go on, as op says; else the errno to return. */
int op_begin(struct fs *fs, struct op *op);
/** op_end - @error: what became of it (0: well). Returns the errno that the program is to see. */
int op_end(struct fs *fs, struct op *op, int error);
/** op_rot - what was read, before the program sees it: rotten, or stale. */
void op_rot(struct fs *fs, struct op *op, char *data, size_t len);
/** op_statfs - what statfs is to say. */
void op_statfs(struct fs *fs, struct statvfs *st);
#define OP(req_, kind_, inode_, ...)                                                               \
	struct op op = { .kind = (kind_), .inode = (inode_),                                       \
			 .pid = fuse_req_ctx(req_)->pid, __VA_ARGS__ }

/** rules_begin, rules_end - what op_begin and op_end have the rules do. */
int rules_begin(struct fs *fs, struct op *op);
int rules_end(struct fs *fs, struct op *op, int error);
/** record_new - keep a log from now on, beginning with what is there. 0 or -errno. */
int record_new(struct fs *fs);
/** record_begin - 0: go on; EIO: the power is off. Waits while it is about to be. */
int record_begin(struct fs *fs, struct op *op);
/** record_end - it is done, or failed with error: into the log. */
void record_end(struct fs *fs, struct op *op, int error);
void record_close(struct fs *fs, const struct inode *i);
/** record_hold - no operation begins any more; those that had are done and logged on return.
 * record_die - all who wait, and all who come, get EIO. 0, or -ENOENT: no log is kept. */
int record_hold(struct fs *fs);
int record_die(struct fs *fs);
/** record_sync - of everything; what is kept of the past hears of it too. */
void record_sync(struct fs *fs);
/** record_lock, record_unlock - nobody changes anything in between; nothing without a log. Taken
 * after the rules' lock and before the past's. With it: */
void record_lock(struct fs *fs);
void record_unlock(struct fs *fs);
/** record_lost - what was written to it since then, and not synced, will not get to the disk;
 * record_revert - and is no longer seen: that is there again. */
void record_lost(struct fs *fs, uint64_t ino, int64_t since_ns);
void record_revert(struct fs *fs, uint64_t ino, int64_t off, const char *data, size_t len);

/** rules_new - none armed; notes how large the disk is. */
struct rules *rules_new(const struct fs *fs);
/** rule_add, rule_del - in effect, or over, on return. Number or 0; -errno. @as: the number that
 * it had before the power was off; NULL: a new one. */
int rule_add(struct fs *fs, const struct disk_rule *r, const unsigned *as);
int rule_del(struct fs *fs, unsigned id);
/**
 * cache_drop - the kernel reads again what it reads from now on; waits for that a little, and not
 * at all while some rule holds anybody back, who may hold pages.
 */
void cache_drop(struct fs *fs);
/** cache_drop_soon - the same without waiting; of all, or of files that it was lied to about. */
void cache_drop_soon(struct fs *fs, bool all);

extern const struct fuse_lowlevel_ops disk_fuse_ops;

/* names.c */
void disk_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void disk_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void disk_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void disk_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name);
void disk_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void disk_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void disk_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void disk_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		 const char *newname, unsigned int flags);
void disk_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void disk_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
/* attrs.c */
void disk_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void disk_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,
		  struct fuse_file_info *fi);
void disk_readlink(fuse_req_t req, fuse_ino_t ino);
void disk_statfs(fuse_req_t req, fuse_ino_t ino);
void disk_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		   size_t size, int flags);
void disk_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void disk_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void disk_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
/* files.c */
void disk_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		 struct fuse_file_info *fi);
void disk_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void disk_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void disk_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		struct fuse_file_info *fi);
void disk_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void disk_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void disk_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		    struct fuse_file_info *fi);
void disk_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void disk_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			  struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			  struct fuse_file_info *fi_out, size_t len, int flags);
/* dirs.c */
void disk_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void disk_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		  struct fuse_file_info *fi);
void disk_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi);
void disk_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void disk_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

/** team_run - serve what comes over fd; does not return: the process ends with the mount. */
_Noreturn void team_run(struct fs *fs, int fd);
/** step_aside - what this thread does now may take longer: another one takes requests. */
void step_aside(struct fs *fs);
/** serve_run - the server process; returns when the worker or the mount is gone. */
void serve_run(struct fs *fs, int fuse_fd);

#endif
