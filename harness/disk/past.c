/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The file below always holds what the program reads: the
 * newest. Beside it, for each block of 4 KiB that was written since the last
 * fsync that succeeded, is kept what it held then, which is what a disk would
 * have. A block is
 *
 *   clean   not here           write ──► dirty ──► fsync succeeds ──► clean
 *   dirty   newer in memory                │
 *   lost    newer in memory,               └─► fsync fails ──► lost ──► evicted: old again
 *           and nobody writes it back                           │
 *                                          dirty ◄── write ◄────┘
 *
 * That is what Linux does on ext4 and XFS: a page whose write-back failed is
 * marked clean, its owner is told once, the next fsync finds nothing to write
 * and succeeds, and whoever reads sees the page until it is evicted. A write to
 * the page makes all of it dirty again. On btrfs the old data show at once. A
 * file that had grown keeps its length, with zeros there: as ext4's, whose
 * metadata get through. (The fsync thread of PostgreSQL's list, 2018; Rebello
 * et al., Can Applications Recover from fsync Failures?, ATC 2020.)
 *
 * There is at most one copy of each kind for a block of the disk, so this takes
 * twice the disk's size at most. One lock is held from before a write to behind
 * it, so that what is kept belongs to what was written; only while a rule wants
 * it is anybody here.
 */
#include "disk/past.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "disk/room.h"

#define FILES 1024
#define BLOCKS 256

struct block {
	struct block *next;   /* in its bucket */
	int64_t no;
	char *synced, *before; /* owned; NULL: not kept */
	uint64_t writes;
	bool dirty;           /* with synced: newer than it; else lost */
};

struct file {
	struct file *next;    /* in its bucket */
	dev_t dev;
	ino_t ino;
	int fd;               /* owned */
	struct fs *fs;        /* borrowed */
	struct block *bucket[BLOCKS];
};

struct past {
	pthread_mutex_t lock;
	unsigned kinds;       /* also read without the lock */
	int64_t since_ns;     /* what is on the disk is kept since then */
	struct file *bucket[FILES];
};

struct past *past_new(void)
{
	struct past *p = xcalloc(1, sizeof(*p));

	pthread_mutex_init(&p->lock, NULL);
	return p;
}

static bool wanted(const struct past *p)
{
	return __atomic_load_n(&p->kinds, __ATOMIC_ACQUIRE) != 0;
}

/* ---- the tables ---- */

static struct file **file_at(struct past *p, const struct inode *i)
{
	struct file **at = &p->bucket[(i->ino + i->dev) % FILES];

	while (*at && ((*at)->ino != i->ino || (*at)->dev != i->dev))
		at = &(*at)->next;
	return at;
}

/* Its own descriptor, which also keeps the number from another file. NULL: it has no name left. */
static struct file *file_of(struct fs *fs, const struct inode *i)
{
	struct file **at = file_at(fs->past, i);
	struct proc_path path = proc_path(i->fd);
	struct stat st;
	int fd;

	if (*at || fstat(i->fd, &st) < 0 || !st.st_nlink)
		return *at;
	fd = open(path.at, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		host_failed(fs, errno, "remembering what a file held");
		return NULL;
	}
	*at = xcalloc(1, sizeof(**at));
	**at = (struct file){ .dev = i->dev, .ino = i->ino, .fd = fd, .fs = fs };
	return *at;
}

static struct block **block_at(struct file *f, int64_t no)
{
	struct block **at = &f->bucket[(uint64_t)no % BLOCKS];

	while (*at && (*at)->no != no)
		at = &(*at)->next;
	return at;
}

static struct block *block_of(struct file *f, int64_t no)
{
	struct block **at = block_at(f, no);

	if (!*at) {
		*at = xcalloc(1, sizeof(**at));
		(*at)->no = no;
	}
	return *at;
}

/* Takes the block out when nothing is kept of it; true: *at is another one now. */
static bool block_drop(struct block **at)
{
	struct block *b = *at;

	if (b->synced || b->before)
		return false;
	*at = b->next;
	free(b);
	return true;
}

static void forget(char **copy)
{
	free(*copy);
	*copy = NULL;
}

/* fn may forget copies; *sum is its. */
static void blocks_each(struct file *f, void (*fn)(struct file *f, struct block *b, int64_t *sum),
			int64_t *sum)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct block **at = &f->bucket[i];

		while (*at) {
			fn(f, *at, sum);
			if (!block_drop(at))
				at = &(*at)->next;
		}
	}
}

static void files_each(struct past *p, void (*fn)(struct file *f, struct block *b, int64_t *sum))
{
	int64_t sum = 0;

	for (unsigned i = 0; i < FILES; i++)
		for (struct file *f = p->bucket[i]; f; f = f->next)
			blocks_each(f, fn, &sum);
}

/* ---- blocks ---- */

/* What the file has there now, zeros behind its end. */
static void copy_now(const struct file *f, int64_t no, char **copy)
{
	ssize_t n;

	if (!*copy)
		*copy = xmalloc(PAST_BLOCK);
	n = pread(f->fd, *copy, PAST_BLOCK, no * PAST_BLOCK);
	n = n < 0 ? 0 : n;
	memset(*copy + n, 0, PAST_BLOCK - (size_t)n);
}

/* The old data show; the file keeps its length. */
static void revert(const struct file *f, const struct block *b)
{
	int64_t at = b->no * PAST_BLOCK, left;
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return;
	left = st.st_size - at;
	if (left > PAST_BLOCK)
		left = PAST_BLOCK;
	if (left > 0)
		record_revert(f->fs, f->ino, at, b->synced, (size_t)left);
	while (left > 0) {
		ssize_t n = pwrite(f->fd, b->synced + (at - b->no * PAST_BLOCK), (size_t)left, at);

		if (n <= 0)
			return; /* a hole by now, and no room: zeros are as lost as can be */
		at += n;
		left -= n;
	}
}

static void evict(struct file *f, struct block *b, int64_t *sum)
{
	(void)sum;
	if (!b->synced || b->dirty)
		return;
	revert(f, b);
	forget(&b->synced);
}

static void settle(struct file *f, struct block *b, int64_t *sum)
{
	(void)f;
	(void)sum;
	if (b->dirty)
		forget(&b->synced);
	b->dirty = false;
}

static void lose(struct file *f, struct block *b, int64_t *sum)
{
	(void)f;
	*sum += b->dirty ? PAST_BLOCK : 0;
	b->dirty = false;
}

static void forget_synced(struct file *f, struct block *b, int64_t *sum)
{
	evict(f, b, sum);
	forget(&b->synced);
	b->dirty = false;
}

static void forget_before(struct file *f, struct block *b, int64_t *sum)
{
	(void)f;
	(void)sum;
	forget(&b->before);
	b->writes = 0;
}

static void forget_all(struct file *f, struct block *b, int64_t *sum)
{
	forget_before(f, b, sum);
	forget(&b->synced);
}

/* Files without a name, or all: what they take must be free when their last user goes. */
static void files_drop(struct past *p, bool all)
{
	for (unsigned i = 0; i < FILES; i++) {
		struct file **at = &p->bucket[i];

		while (*at) {
			struct file *f = *at;
			int64_t sum = 0;
			struct stat st;

			if (!all && fstat(f->fd, &st) == 0 && st.st_nlink > 0) {
				at = &f->next;
				continue;
			}
			blocks_each(f, forget_all, &sum);
			*at = f->next;
			close(f->fd);
			free(f);
		}
	}
}

/* ---- what the room sees ---- */

void past_keep(struct fs *fs, unsigned kinds)
{
	struct past *p = fs->past;

	record_lock(fs);
	pthread_mutex_lock(&p->lock);
	if (kinds & ~p->kinds & PAST_SYNCED)
		p->since_ns = clock_now();
	if (p->kinds & ~kinds & PAST_SYNCED)
		files_each(p, forget_synced);
	if (p->kinds & ~kinds & PAST_WRITTEN)
		files_each(p, forget_before);
	if (!kinds)
		files_drop(p, true);
	__atomic_store_n(&p->kinds, kinds, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&p->lock);
	record_unlock(fs);
}

bool past_write(struct fs *fs, const struct inode *i, int64_t off, size_t len)
{
	struct past *p = fs->past;
	struct file *f;

	if (!wanted(p))
		return false;
	pthread_mutex_lock(&p->lock);
	f = file_of(fs, i);
	for (int64_t no = off / PAST_BLOCK; f && no * PAST_BLOCK < off + (int64_t)len; no++) {
		struct block *b = block_of(f, no);

		if (p->kinds & PAST_SYNCED) {
			if (!b->synced)
				copy_now(f, no, &b->synced);
			b->dirty = true;
		}
		if (p->kinds & PAST_WRITTEN) {
			copy_now(f, no, &b->before);
			b->writes++;
		}
	}
	return true;
}

bool past_written(struct fs *fs)
{
	bool before = fs->past->kinds & PAST_WRITTEN;

	pthread_mutex_unlock(&fs->past->lock);
	return before;
}

static void zero_from(struct block *b, int64_t from, int64_t to)
{
	from -= b->no * PAST_BLOCK;
	to -= b->no * PAST_BLOCK;
	from = from < 0 ? 0 : from;
	to = to > PAST_BLOCK ? PAST_BLOCK : to;
	if (from >= to)
		return;
	if (from == 0 && to == PAST_BLOCK) {
		forget(&b->synced);
		forget(&b->before);
		return;
	}
	if (b->synced)
		memset(b->synced + from, 0, (size_t)(to - from));
	if (b->before)
		memset(b->before + from, 0, (size_t)(to - from));
}

void past_cut(struct fs *fs, const struct inode *i, int64_t off, int64_t len)
{
	struct past *p = fs->past;
	int64_t end = len > 0 ? off + len : INT64_MAX;
	struct file *f;

	if (!wanted(p))
		return;
	pthread_mutex_lock(&p->lock);
	f = *file_at(p, i);
	for (unsigned k = 0; f && k < BLOCKS; k++) {
		struct block **at = &f->bucket[k];

		while (*at) {
			zero_from(*at, off, end);
			if (!block_drop(at))
				at = &(*at)->next;
		}
	}
	pthread_mutex_unlock(&p->lock);
}

/* On each of the file's blocks; sum of what fn says. */
static int64_t on_file(struct fs *fs, const struct inode *i,
		       void (*fn)(struct file *f, struct block *b, int64_t *sum))
{
	struct file *f = *file_at(fs->past, i);
	int64_t sum = 0;

	if (f)
		blocks_each(f, fn, &sum);
	return sum;
}

void past_synced(struct fs *fs, const struct inode *i)
{
	if (!wanted(fs->past))
		return;
	pthread_mutex_lock(&fs->past->lock);
	on_file(fs, i, settle);
	pthread_mutex_unlock(&fs->past->lock);
}

void past_synced_all(struct fs *fs)
{
	if (!wanted(fs->past))
		return;
	pthread_mutex_lock(&fs->past->lock);
	files_each(fs->past, settle);
	pthread_mutex_unlock(&fs->past->lock);
}

int64_t past_lose(struct fs *fs, const struct inode *i, bool now)
{
	int64_t bytes;

	record_lock(fs);
	pthread_mutex_lock(&fs->past->lock);
	bytes = on_file(fs, i, lose);
	if (bytes)
		record_lost(fs, i->ino, fs->past->since_ns);
	if (now)
		on_file(fs, i, evict);
	pthread_mutex_unlock(&fs->past->lock);
	record_unlock(fs);
	return bytes;
}

void past_evict(struct fs *fs)
{
	record_lock(fs);
	pthread_mutex_lock(&fs->past->lock);
	files_each(fs->past, evict);
	pthread_mutex_unlock(&fs->past->lock);
	record_unlock(fs);
}

bool past_before(struct fs *fs, const struct inode *i, int64_t block, char ret[PAST_BLOCK],
		 uint64_t *ret_writes)
{
	struct past *p = fs->past;
	const struct block *b;
	struct file *f;
	bool kept;

	pthread_mutex_lock(&p->lock);
	f = *file_at(p, i);
	b = f ? *block_at(f, block) : NULL;
	kept = b && b->before;
	if (kept) {
		memcpy(ret, b->before, PAST_BLOCK);
		*ret_writes = b->writes;
	}
	pthread_mutex_unlock(&p->lock);
	return kept;
}

void past_forget_gone(struct fs *fs)
{
	struct past *p = fs->past;

	if (!wanted(p))
		return;
	pthread_mutex_lock(&p->lock);
	files_drop(p, false);
	pthread_mutex_unlock(&p->lock);
}
