/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Who keeps the log of operations (disk/oplog.h), in the server of a disk:
 *
 *   record_new     what is there already becomes the beginning of the log
 *   record_begin   just before an operation that changes something: takes the log's lock
 *   record_end     it is done: writes it down, lets the lock go; only then the program is told
 *
 * From before an operation is done until it is in the log nobody else changes anything, so the
 * order of the log is the order of what happened, also where threads write to one place. What a
 * rule holds back is held before that and delays nobody else here.
 *
 * The log is memory that worker and server share. When it is full the trial is broken: it is this
 * host that could not remember, and nothing that the POS did.
 *
 * A power cut goes through here too, because it must fall between two operations: record_hold lets
 * none begin any more, and nobody is told anything; once all who wait have a SIGKILL pending,
 * record_die sends them home with an error that they do not live to see.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "disk/oplog.h"
#include "disk/past.h"
#include "disk/room.h"

#define CHUNK 65536
#define DEPTH_MAX 64

enum power { POWER_ON, POWER_HELD, POWER_OFF };

#define KNOWN 1024 /* processes and threads that need no look any more */

struct recorder {
	pthread_mutex_t lock;
	pthread_cond_t change;
	int power;          /* enum power; written under lock, read without */
	char *at;           /* shared with the worker */
	uint64_t size, used;
	bool full;
	pid_t known[KNOWN]; /* by pid: the log says who that is */
	uint32_t owners;    /* as of so many: who was nobody may be somebody now */
};

/* ---- writing ---- */

/* A record and what follows it. Without data the caller fills them in; returns where, or NULL. */
static char *put(struct fs *fs, struct log_rec *r, const char *name, const char *to,
		 const void *data)
{
	struct recorder *k = fs->recorder;
	char *at = k->at + k->used, *p = at + sizeof(*r);

	r->name_len = (uint16_t)(name ? strlen(name) : 0);
	r->to_len = (uint16_t)(to ? strlen(to) : 0);
	r->bytes = (uint32_t)log_size(r);
	if (k->full || k->used + log_size(r) > k->size || log_size(r) > UINT32_MAX) {
		k->full = true;
		host_failed(fs, ENOSPC, "remembering what was done to it");
		return NULL;
	}
	memcpy(at, r, sizeof(*r));
	memcpy(p, name ? name : "", r->name_len);
	memcpy(p + r->name_len, to ? to : "", r->to_len);
	p += r->name_len + r->to_len;
	if (data && (r->kind == LOG_WRITE || r->kind == LOG_MAKE))
		memcpy(p, data, (size_t)r->len);
	k->used += r->bytes;
	__atomic_store_n(&fs->shared->log_bytes, k->used, __ATOMIC_RELEASE);
	return p;
}

/* The first time that we see it; again when a service has started, for a number comes round. */
static void put_who(struct fs *fs, pid_t pid)
{
	struct recorder *k = fs->recorder;
	uint32_t owners = __atomic_load_n(&fs->shared->owners, __ATOMIC_ACQUIRE);
	struct log_rec r = { .kind = LOG_WHO, .pid = pid };
	char name[DISK_NAME_MAX];

	if (owners != k->owners)
		memset(k->known, 0, sizeof(k->known));
	k->owners = owners;
	if (!pid || k->known[(unsigned)pid % KNOWN] == pid)
		return;
	k->known[(unsigned)pid % KNOWN] = pid;
	owner_of(fs, pid, name);
	put(fs, &r, name, NULL, NULL);
}

static struct log_rec rec(enum log_kind kind, const struct op *op, uint64_t ino)
{
	return (struct log_rec){ .kind = (uint8_t)kind, .ino = ino, .pid = op ? op->pid : 0,
				 .begin_ns = op ? op->begin_ns : 0,
				 .end_ns = op ? clock_now() : 0 };
}

/* dir/name has just been made, or linked: what is it? */
static void put_made(struct fs *fs, const struct op *op, enum log_kind kind, int dir_fd,
		     uint64_t dir, const char *name)
{
	struct log_rec r;
	struct stat st;
	char target[4096];
	ssize_t n = 0;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	r = rec(kind, op, st.st_ino);
	if (S_ISLNK(st.st_mode) && kind == LOG_MAKE)
		n = readlinkat(dir_fd, name, target, sizeof(target));
	r.dir = dir;
	r.mode = st.st_mode;
	r.uid = st.st_uid;
	r.gid = st.st_gid;
	r.len = n > 0 ? n : 0;
	put(fs, &r, name, NULL, target);
	if (op && S_ISREG(st.st_mode) && kind == LOG_MAKE) { /* O_TRUNC of one that was there */
		r = rec(LOG_SIZE, op, st.st_ino);
		r.off = st.st_size;
		put(fs, &r, NULL, NULL, NULL);
	}
}

static void put_size(struct fs *fs, const struct op *op, const struct inode *i)
{
	struct log_rec r = rec(LOG_SIZE, op, i->ino);
	struct stat st;

	if (fstatat(i->fd, "", &st, AT_EMPTY_PATH) < 0)
		return;
	r.off = st.st_size;
	put(fs, &r, NULL, NULL, NULL);
}

static void put_attr(struct fs *fs, const struct op *op)
{
	struct log_rec r = rec(LOG_ATTR, op, op->inode->ino);
	struct stat st;

	if (fstatat(op->inode->fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return;
	r.mode = st.st_mode;
	r.uid = st.st_uid;
	r.gid = st.st_gid;
	put(fs, &r, NULL, NULL, NULL);
}

static void put_write(struct fs *fs, const struct op *op)
{
	struct log_rec r = rec(LOG_WRITE, op, op->inode->ino);
	char *at;

	if (op->astray) /* room was made for it where it was meant to go */
		put_size(fs, op, op->inode);
	r.off = op->astray ? op->to : op->off;
	r.len = (int64_t)op->done;
	if (op->flags & O_DSYNC)
		r.flags = LOG_SYNCED | ((op->flags & O_SYNC) == O_SYNC ? 0 : LOG_DATA_ONLY);
	at = put(fs, &r, NULL, NULL, op->data);
	/* A copy inside the kernel: the data are where they went to. */
	if (at && !op->data && pread(op->data_fd, at, op->done, r.off) != (ssize_t)op->done)
		host_failed(fs, EIO, "reading back what was copied");
}

static void put_allocated(struct fs *fs, const struct op *op)
{
	struct log_rec r = rec(LOG_ZERO, op, op->inode->ino);

	if (op->flags & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
		r.off = op->off;
		r.len = (int64_t)op->len;
		put(fs, &r, NULL, NULL, NULL);
	}
	if (!(op->flags & FALLOC_FL_KEEP_SIZE))
		put_size(fs, op, op->inode);
}

static void put_names(struct fs *fs, const struct op *op)
{
	struct log_rec r = rec(op->kind == DISK_RENAME ? LOG_RENAME : LOG_REMOVE, op, 0);

	r.dir = op->inode->ino;
	if (op->kind == DISK_RENAME) {
		r.to_dir = op->to_inode->ino;
		r.flags = op->flags & RENAME_EXCHANGE ? LOG_SWAP : 0;
	}
	put(fs, &r, op->name, op->kind == DISK_RENAME ? op->to_name : NULL, NULL);
}

static void put_sync(struct fs *fs, const struct op *op)
{
	struct log_rec r = rec(LOG_SYNC, op, op->inode->ino);

	r.flags = (uint8_t)((op->flags ? LOG_DATA_ONLY : 0) |
			    (op->kind == DISK_SYNC_DIR ? LOG_FOLDER : 0));
	put(fs, &r, NULL, NULL, NULL);
}

static void put_op(struct fs *fs, const struct op *op)
{
	put_who(fs, op->pid);
	switch (op->kind) {
	case DISK_CREATE:
	case DISK_MKDIR:
	case DISK_LINK:
		put_made(fs, op, op->kind == DISK_LINK ? LOG_LINK : LOG_MAKE, op->inode->fd,
			 op->inode->ino, op->name);
		break;
	case DISK_OPEN: /* with O_TRUNC */
	case DISK_TRUNCATE:
		put_size(fs, op, op->inode);
		break;
	case DISK_WRITE:
		put_write(fs, op);
		break;
	case DISK_ALLOCATE:
		put_allocated(fs, op);
		break;
	case DISK_CHANGE:
		put_attr(fs, op);
		break;
	case DISK_FSYNC:
	case DISK_SYNC_DIR:
		put_sync(fs, op);
		break;
	default:
		put_names(fs, op);
		break;
	}
}

/* ---- around each operation ---- */

static bool changes(const struct op *op)
{
	const uint32_t ops = DISK_BIT(DISK_CHANGE) | DISK_BIT(DISK_TRUNCATE) |
			     DISK_BIT(DISK_CREATE) | DISK_BIT(DISK_MKDIR) | DISK_BIT(DISK_LINK) |
			     DISK_BIT(DISK_UNLINK) | DISK_BIT(DISK_RMDIR) | DISK_BIT(DISK_RENAME) |
			     DISK_BIT(DISK_WRITE) | DISK_BIT(DISK_FSYNC) | DISK_BIT(DISK_SYNC_DIR) |
			     DISK_BIT(DISK_ALLOCATE);

	return ops & DISK_BIT(op->kind) || (op->kind == DISK_OPEN && op->flags & O_TRUNC);
}

int record_begin(struct fs *fs, struct op *op)
{
	struct recorder *k = fs->recorder;

	if (!k || (__atomic_load_n(&k->power, __ATOMIC_ACQUIRE) == POWER_ON && !changes(op)))
		return 0;
	pthread_mutex_lock(&k->lock);
	while (k->power == POWER_HELD)
		pthread_cond_wait(&k->change, &k->lock);
	op->recorded = k->power == POWER_ON && changes(op);
	if (op->recorded)
		return 0; /* with the lock */
	op->error = k->power == POWER_ON ? 0 : EIO;
	pthread_mutex_unlock(&k->lock);
	return op->error;
}

void record_end(struct fs *fs, struct op *op, int error)
{
	if (!op->recorded)
		return;
	if (op->kind == DISK_WRITE ? op->done > 0 : !error)
		put_op(fs, op);
	op->recorded = false;
	pthread_mutex_unlock(&fs->recorder->lock);
}

void record_close(struct fs *fs, const struct inode *i)
{
	struct log_rec r = { .kind = LOG_CLOSE, .ino = i->ino };
	struct recorder *k = fs->recorder;

	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	r.begin_ns = r.end_ns = clock_now();
	if (k->power == POWER_ON)
		put(fs, &r, NULL, NULL, NULL);
	pthread_mutex_unlock(&k->lock);
}

void record_lock(struct fs *fs)
{
	if (fs->recorder)
		pthread_mutex_lock(&fs->recorder->lock);
}

void record_unlock(struct fs *fs)
{
	if (fs->recorder)
		pthread_mutex_unlock(&fs->recorder->lock);
}

static void put_now(struct fs *fs, struct log_rec r, const void *data)
{
	if (!fs->recorder || fs->recorder->power != POWER_ON)
		return;
	r.begin_ns = r.end_ns = clock_now();
	put(fs, &r, NULL, NULL, data);
}

void record_sync(struct fs *fs)
{
	record_lock(fs);
	put_now(fs, (struct log_rec){ .kind = LOG_SYNC, .flags = LOG_ALL }, NULL);
	past_synced_all(fs);
	record_unlock(fs);
}

void record_lost(struct fs *fs, uint64_t ino, int64_t since_ns)
{
	put_now(fs, (struct log_rec){ .kind = LOG_LOST, .ino = ino, .off = since_ns }, NULL);
}

void record_revert(struct fs *fs, uint64_t ino, int64_t off, const char *data, size_t len)
{
	put_now(fs, (struct log_rec){ .kind = LOG_WRITE, .flags = LOG_REVERT, .ino = ino,
				      .off = off, .len = (int64_t)len }, data);
}

static int power(struct fs *fs, enum power to)
{
	struct recorder *k = fs->recorder;

	if (!k)
		return -ENOENT;
	pthread_mutex_lock(&k->lock);
	__atomic_store_n(&k->power, to, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&k->change);
	pthread_mutex_unlock(&k->lock);
	return 0;
}

int record_hold(struct fs *fs)
{
	return power(fs, POWER_HELD);
}

int record_die(struct fs *fs)
{
	return power(fs, POWER_OFF);
}

/* ---- what was there already ---- */

static int base_data(struct fs *fs, int fd, uint64_t ino, int64_t size)
{
	struct log_rec r = { .kind = LOG_SIZE, .ino = ino, .off = size };
	off_t at = 0;

	put(fs, &r, NULL, NULL, NULL);
	while (at < size) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		hole = lseek(fd, data, SEEK_HOLE);
		for (at = data; at < hole;) {
			char chunk[CHUNK];
			size_t want = CHUNK < hole - at ? CHUNK : (size_t)(hole - at);
			ssize_t n = pread(fd, chunk, want, at);

			if (n <= 0)
				return n < 0 ? -errno : 0;
			r = (struct log_rec){ .kind = LOG_WRITE, .ino = ino, .off = at, .len = n };
			put(fs, &r, NULL, NULL, chunk);
			at += n;
		}
	}
	return 0;
}

static int base_folder(struct fs *fs, int fd, uint64_t ino, int depth);

/* One entry of a folder. A second name of a file is written down like the first: as a link. */
static int base_entry(struct fs *fs, int dir_fd, uint64_t dir, const char *name, int depth)
{
	struct stat st;
	cleanup_close int fd = -1;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	put_made(fs, NULL, LOG_MAKE, dir_fd, dir, name);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return 0;
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? base_folder(fs, fd, st.st_ino, depth + 1)
				   : base_data(fs, fd, st.st_ino, st.st_size);
}

static int base_folder(struct fs *fs, int fd, uint64_t ino, int depth)
{
	int mine = fcntl(fd, F_DUPFD_CLOEXEC, 3), err = 0;
	DIR *d = mine < 0 ? NULL : fdopendir(mine);

	if (!d || depth > DEPTH_MAX)
		err = d ? -ELOOP : -errno;
	for (struct dirent *ent; err == 0 && (ent = readdir(d));)
		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, ".."))
			err = base_entry(fs, fd, ino, ent->d_name, depth);
	if (d)
		closedir(d);
	else if (mine >= 0)
		close(mine);
	return err;
}

int record_new(struct fs *fs)
{
	struct recorder *k = xcalloc(1, sizeof(*k));
	struct log_rec root = { .kind = LOG_ROOT }, end = { .kind = LOG_BASE };
	cleanup_close int fd = open(fs->o->backing, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int err;

	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->change, NULL);
	k->at = fs->log;
	k->size = fs->o->log_bytes;
	fs->recorder = k;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	fs->root.ino = root.ino = st.st_ino;
	put(fs, &root, NULL, NULL, NULL);
	err = base_folder(fs, fd, st.st_ino, 0);
	end.begin_ns = end.end_ns = clock_now();
	put(fs, &end, NULL, NULL, NULL);
	return err;
}
