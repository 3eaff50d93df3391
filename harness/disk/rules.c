/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Every operation passes op_begin and op_end. Without a
 * rule for its kind that is one comparison. Else the rules that match act on
 * it in the order of the experiment: an error is decided once, the longest
 * delay counts. Whoever is held back sleeps in op_begin until its time, or
 * until the rule is gone; the server has a thread for everybody.
 *
 * A full disk is really full: the file system below, which has nothing else on
 * it, is made as small as it has to be, so that everything that needs room
 * fails as it does on a full disk, what is there can still be overwritten, and
 * what is deleted makes room. What is seen here is only who met it, and with
 * what error. Had nobody made it small, then it is the host that is full.
 */
#include "disk/rules_room.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/draw.h"
#include "base/str.h"
#include "disk/past.h"

#define READ_OPS DISK_BIT(DISK_READ)
#define RESIZE_TRIES 50

const char *const disk_op_names[DISK_OPS] = {
	[DISK_LOOKUP] = "lookup", [DISK_STAT] = "stat", [DISK_CHANGE] = "change",
	[DISK_TRUNCATE] = "truncate", [DISK_READLINK] = "readlink", [DISK_CREATE] = "create",
	[DISK_MKDIR] = "mkdir", [DISK_LINK] = "link", [DISK_UNLINK] = "unlink",
	[DISK_RMDIR] = "rmdir", [DISK_RENAME] = "rename", [DISK_OPEN] = "open",
	[DISK_READ] = "read", [DISK_WRITE] = "write", [DISK_FSYNC] = "fsync",
	[DISK_SYNC_DIR] = "fsync-dir", [DISK_LIST] = "list", [DISK_ALLOCATE] = "allocate",
	[DISK_XATTR] = "xattr", [DISK_STATFS] = "statfs",
};

int disk_used(const struct fs *fs, int64_t *ret_bytes, int64_t *ret_files)
{
	struct statvfs st;

	if (fstatvfs(fs->root_fd, &st) < 0)
		return -errno;
	*ret_bytes = (int64_t)(st.f_blocks - st.f_bfree) * (int64_t)st.f_frsize;
	*ret_files = (int64_t)(st.f_files - st.f_ffree);
	return 0;
}

struct rules *rules_new(const struct fs *fs)
{
	struct rules *r = xcalloc(1, sizeof(*r));
	pthread_condattr_t attr;
	struct statvfs st;

	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->over, &attr);
	pthread_condattr_destroy(&attr);
	if (fstatvfs(fs->root_fd, &st) == 0) {
		r->bytes = (int64_t)st.f_blocks * (int64_t)st.f_frsize;
		r->files = (int64_t)st.f_files;
	}
	return r;
}

/* ---- matching ---- */

static pid_t parent_of(pid_t pid)
{
	char path[32], text[512], *close_paren;
	FILE *f;
	size_t n;
	int up = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	close_paren = strrchr(text, ')');
	if (!close_paren || sscanf(close_paren + 1, " %*c %d", &up) != 1)
		return 0;
	return up;
}

/* A service's process has its keeper among its ancestors. */
void owner_of(const struct fs *fs, pid_t pid, char ret[DISK_NAME_MAX])
{
	const struct disk_shared *s = fs->shared;

	ret[0] = '\0';
	for (int depth = 0; depth < 64 && pid > 1; depth++) {
		pid = parent_of(pid);
		for (unsigned i = 0; pid > 1 && i < DISK_OWNERS; i++) {
			if (__atomic_load_n(&s->owner[i].keeper, __ATOMIC_ACQUIRE) != pid)
				continue;
			snprintf(ret, DISK_NAME_MAX, "%s", s->owner[i].process);
			return;
		}
	}
}

const char *look_owner(struct look *l)
{
	if (!l->owner_known)
		owner_of(l->fs, l->op->pid, l->owner);
	l->owner_known = true;
	return l->owner;
}

static bool path_matches(const struct look *l, const char *pattern, const char *path)
{
	const struct disk_opts *o = l->fs->o;
	char whole[FULL_PATH + 256];

	if (*pattern != '/')
		return str_glob(pattern, path);
	if (l->op->inode->dir >= o->dirs_count)
		return false;
	snprintf(whole, sizeof(whole), "%s%s%s", o->dirs[l->op->inode->dir], *path ? "/" : "",
		 path);
	return str_glob(pattern, whole);
}

/* "store/store/0" is a process of "store/store". */
static bool service_matches(const char *pattern, const char *process)
{
	char name[DISK_NAME_MAX], any[DISK_NAME_MAX + 2];
	char *slash;

	snprintf(name, sizeof(name), "%s", process);
	slash = strrchr(name, '/');
	if (!slash)
		return false;
	*slash = '\0';
	snprintf(any, sizeof(any), "*/%s", pattern);
	return str_glob(strchr(pattern, '/') ? pattern : any, name);
}

static void look_open(struct look *l, struct fs *fs, struct op *op)
{
	const char *path = inode_path(fs, op->inode);

	l->fs = fs;
	l->op = op;
	l->to[0] = l->owner[0] = '\0';
	l->owner_known = false;
	l->until = l->lost = 0;
	l->now = clock_now();
	snprintf(l->path, sizeof(l->path), "%s%s%s", path, *path && op->name ? "/" : "",
		 op->name ? op->name : "");
	if (!op->to_name)
		return;
	path = inode_path(fs, op->to_inode);
	snprintf(l->to, sizeof(l->to), "%s%s%s", path, *path ? "/" : "", op->to_name);
}

bool rule_matches(const struct slot *s, struct look *l)
{
	if (!(s->r.ops & DISK_BIT(l->op->kind)))
		return false;
	if (s->r.writing && l->op->kind == DISK_OPEN && !l->op->writing)
		return false;
	if (s->r.path[0] && !path_matches(l, s->r.path, l->path) &&
	    !(l->to[0] && path_matches(l, s->r.path, l->to)))
		return false;
	return !s->r.service[0] || service_matches(s->r.service, look_owner(l));
}

/* ---- operations ---- */

/* Until its time has come, or the rule that holds it is gone. Under the lock. */
static void hold(struct rules *rules, const struct look *l)
{
	const struct timespec until = { .tv_sec = l->until / NS_PER_S,
					.tv_nsec = l->until % NS_PER_S };
	const struct slot *s = &rules->at[l->held_by];
	unsigned id = s->id;

	step_aside(l->fs);
	__atomic_add_fetch(&l->fs->held, 1, __ATOMIC_ACQ_REL);
	while (s->used && s->id == id && clock_now() < l->until)
		pthread_cond_timedwait(&rules->over, &rules->lock, &until);
	__atomic_sub_fetch(&l->fs->held, 1, __ATOMIC_ACQ_REL);
}

int rules_begin(struct fs *fs, struct op *op)
{
	struct rules *rules = fs->rules;
	struct look l;

	op->sized = __atomic_load_n(&fs->sized, __ATOMIC_ACQUIRE);
	if (!(__atomic_load_n(&fs->armed, __ATOMIC_ACQUIRE) & DISK_BIT(op->kind)) ||
	    op->pid == fs->worker)
		return 0;
	pthread_mutex_lock(&rules->lock);
	look_open(&l, fs, op);
	for (unsigned i = 0; i < rules->count; i++) {
		struct slot *s = &rules->at[rules->order[i]];

		if (rule_matches(s, &l))
			befall_begin(s, rules->order[i], &l);
	}
	if (l.until)
		hold(rules, &l);
	pthread_mutex_unlock(&rules->lock);
	return op->error;
}

static bool makes_files(enum disk_op kind)
{
	return kind == DISK_CREATE || kind == DISK_MKDIR || kind == DISK_LINK;
}

/* The rule that made the disk so small; NULL: none. */
static struct slot *who_limits(struct rules *rules, struct look *l)
{
	struct slot *found = NULL;

	for (unsigned i = 0; i < rules->count; i++) {
		struct slot *s = &rules->at[rules->order[i]];

		if (s->r.effect == DISK_INODES && makes_files(l->op->kind))
			return s;
		if (s->r.effect == DISK_FULL && !s->r.late && !found)
			found = s;
	}
	return found;
}

static int no_room(struct fs *fs, struct op *op)
{
	struct rules *rules = fs->rules;
	struct look l;
	struct slot *s;
	int error = ENOSPC;

	pthread_mutex_lock(&rules->lock);
	look_open(&l, fs, op);
	s = who_limits(rules, &l);
	if (s) {
		error = s->r.error;
		l.object = draw_object(l.path);
		l.nth = 0;
		befall_tell(s, &l, op->part ? 0 : error, op->part, 0);
	} else if (op->sized == __atomic_load_n(&fs->sized, __ATOMIC_ACQUIRE)) {
		host_failed(fs, ENOSPC, disk_op_names[op->kind]);
	}
	pthread_mutex_unlock(&rules->lock);
	return error;
}

int rules_end(struct fs *fs, struct op *op, int error)
{
	if (!error || op->error)
		return error;
	if (error == ENOSPC)
		return no_room(fs, op);
	if (error == EIO || error == EROFS)
		host_failed(fs, error, disk_op_names[op->kind]);
	return error;
}

int op_begin(struct fs *fs, struct op *op)
{
	int error;

	if (fs->recorder)
		op->begin_ns = clock_now();
	error = rules_begin(fs, op);
	return error ? error : record_begin(fs, op);
}

int op_end(struct fs *fs, struct op *op, int error)
{
	record_end(fs, op, error);
	return rules_end(fs, op, error);
}

void op_rot(struct fs *fs, struct op *op, char *data, size_t len)
{
	struct rules *rules = fs->rules;
	struct look l;

	pthread_mutex_lock(&rules->lock);
	look_open(&l, fs, op);
	for (unsigned i = 0; i < rules->count; i++) {
		struct slot *s = &rules->at[rules->order[i]];

		if (s->r.effect == DISK_STALE && rule_matches(s, &l))
			befall_stale(s, &l, data, len);
		else if (s->r.effect == DISK_ROT && rule_matches(s, &l))
			befall_rot(s, &l, data, len);
	}
	pthread_mutex_unlock(&rules->lock);
}

void op_statfs(struct fs *fs, struct statvfs *st)
{
	struct rules *rules = fs->rules;
	int64_t used = (int64_t)(st->f_blocks - st->f_bfree), block = (int64_t)st->f_frsize;

	pthread_mutex_lock(&rules->lock);
	for (unsigned i = 0; i < rules->count; i++) {
		const struct slot *s = &rules->at[rules->order[i]];
		int64_t left = (s->r.left + s->used_before) / block - used;

		if (s->r.effect != DISK_FULL)
			continue;
		if (s->r.hidden)
			st->f_blocks = (fsblkcnt_t)(rules->bytes / block);
		if (s->r.late)
			st->f_blocks = (fsblkcnt_t)(used + (left > 0 ? left : 0));
		st->f_bfree = st->f_bavail = st->f_blocks - (fsblkcnt_t)used;
	}
	pthread_mutex_unlock(&rules->lock);
}

/* ---- arming ---- */

static int resize(const struct fs *fs, int64_t bytes, int64_t files)
{
	char options[96];

	snprintf(options, sizeof(options), "size=%" PRId64 ",nr_inodes=%" PRId64, bytes, files);
	return mount(NULL, fs->o->backing, NULL,
		     MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOSYMFOLLOW, options) < 0 ? -errno : 0;
}

/*
 * As large as its nature and the rules allow; what is in use is in use. Counted before and after,
 * so that an operation that was under way meanwhile is known: its lack of room is no news.
 */
static int limit(struct fs *fs)
{
	const struct rules *rules = fs->rules;
	int64_t used = 0, files = 0, page = sysconf(_SC_PAGESIZE);
	int r = -EINVAL;

	__atomic_add_fetch(&fs->sized, 1, __ATOMIC_ACQ_REL);
	for (int i = 0; r == -EINVAL && i < RESIZE_TRIES; i++) { /* somebody writes meanwhile */
		int64_t bytes_max = rules->bytes, files_max = rules->files;

		r = disk_used(fs, &used, &files);
		for (unsigned k = 0; r == 0 && k < rules->count; k++) {
			const struct slot *s = &rules->at[rules->order[k]];
			int64_t bytes = s->r.left + s->used_before;

			if (s->r.effect == DISK_FULL && !s->r.late && bytes < bytes_max)
				bytes_max = bytes > used ? bytes : used;
			if (s->r.effect == DISK_INODES && bytes < files_max)
				files_max = bytes > files ? bytes : files;
		}
		if (r == 0)
			r = resize(fs, bytes_max > page ? bytes_max : page,
				   files_max > 0 ? files_max : 1);
	}
	__atomic_add_fetch(&fs->sized, 1, __ATOMIC_ACQ_REL);
	return r;
}

static void by_fault(struct rules *rules)
{
	for (unsigned i = 1; i < rules->count; i++)
		for (unsigned k = i; k > 0; k--) {
			unsigned *a = &rules->order[k - 1], *b = &rules->order[k], t = *a;

			if (rules->at[*a].r.fault <= rules->at[*b].r.fault)
				break;
			*a = *b;
			*b = t;
		}
}

static void arm_ops(struct fs *fs)
{
	unsigned kinds = 0;
	uint32_t ops = 0;

	for (unsigned i = 0; i < fs->rules->count; i++) {
		const struct disk_rule *r = &fs->rules->at[fs->rules->order[i]].r;

		ops |= r->ops;
		kinds |= r->lossy ? PAST_SYNCED : r->effect == DISK_STALE ? PAST_WRITTEN : 0;
	}
	past_keep(fs, kinds);
	__atomic_store_n(&fs->armed, ops, __ATOMIC_RELEASE);
}

static void remove_place(struct rules *rules, unsigned place)
{
	unsigned n = 0;

	for (unsigned i = 0; i < rules->count; i++)
		if (rules->order[i] != place)
			rules->order[n++] = rules->order[i];
	rules->count = n;
	rules->at[place].used = false;
}

static bool limits(const struct disk_rule *r)
{
	return (r->effect == DISK_FULL && !r->late) || r->effect == DISK_INODES;
}

static int add_locked(struct fs *fs, const struct disk_rule *r, const unsigned *as)
{
	struct rules *rules = fs->rules;
	unsigned place = 0;
	struct slot *s;
	int64_t used = 0, files = 0;
	int err = disk_used(fs, &used, &files);

	if (as)
		place = *as % DISK_RULES_MAX;
	while (place < DISK_RULES_MAX && rules->at[place].used)
		place++;
	if (err < 0 || place == DISK_RULES_MAX)
		return err < 0 ? err : -E2BIG;
	s = &rules->at[place];
	memset(s, 0, sizeof(*s));
	s->used = true;
	s->r = *r;
	if (as && *as / DISK_RULES_MAX >= rules->ids)
		rules->ids = *as / DISK_RULES_MAX;
	s->id = as ? *as : rules->ids * DISK_RULES_MAX + place;
	rules->ids++;
	s->used_before = r->effect == DISK_INODES ? files : used;
	if (r->share > 0)
		s->r.left = (int64_t)((double)s->used_before * (1 - r->share) / r->share);
	rules->order[rules->count++] = place;
	by_fault(rules);
	err = limits(r) ? limit(fs) : 0;
	if (err < 0) {
		remove_place(rules, place);
		return err;
	}
	arm_ops(fs);
	return (int)s->id;
}

int rule_add(struct fs *fs, const struct disk_rule *r, const unsigned *as)
{
	int id;

	if (r->ops & READ_OPS)
		cache_drop(fs); /* before: a read that it holds back holds its pages, too */
	pthread_mutex_lock(&fs->rules->lock);
	id = add_locked(fs, r, as);
	pthread_mutex_unlock(&fs->rules->lock);
	if (id >= 0 && r->ops & READ_OPS)
		cache_drop_soon(fs, true); /* and what was read meanwhile */
	return id;
}

int rule_del(struct fs *fs, unsigned id)
{
	struct rules *rules = fs->rules;
	unsigned place = id % DISK_RULES_MAX;
	struct slot *s = &rules->at[place];
	bool lied = s->r.effect == DISK_TORN || s->r.effect == DISK_ASTRAY ||
		    s->r.effect == DISK_ROT || s->r.effect == DISK_STALE || s->r.lossy;
	int err = -ENOENT;

	pthread_mutex_lock(&rules->lock);
	if (s->used && s->id == id) {
		befall_tell_piece(s, fs, clock_now());
		remove_place(rules, place);
		if (s->r.lossy)
			past_evict(fs);
		arm_ops(fs);
		err = limits(&s->r) ? limit(fs) : 0;
		pthread_cond_broadcast(&rules->over);
	}
	pthread_mutex_unlock(&rules->lock);
	if (err == 0 && lied)
		cache_drop(fs); /* what was lied about comes out now */
	return err;
}
