/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The server process of one disk:
 *
 *   a team of threads    takes requests (team.c)
 *   orders               the worker's rules, one at a time
 *   dropper              tells the kernel to forget cached pages; alone, because that
 *                        waits for reads that a rule may be holding back
 *
 * What the kernel is asked for at INIT, and why:
 *
 *   no write-back cache      a write is an operation when the program writes
 *   no AUTO_INVAL_DATA       only we change files: what is cached is true, also
 *                            where a file is mapped (SQLite's -shm)
 *   HANDLE_KILLPRIV_V2       else every write is two requests, one of which asks
 *                            for security.capability; libfuse 3.14 does not know the flag, so it
 *                            is put into its answer on the way. We keep our side
 *                            of it by not having CAP_FSETID: the file system
 *                            below then drops the bits itself.
 *   locks stay in the kernel flock, fcntl and OFD locks work as on any file
 *                            system, between all processes that go through the mount
 *
 * libfuse 3.14 has no word for O_TMPFILE either: it is asked to create a file with these flags.
 * Not passed on: sync() and syncfs() (they never arrive), reads that the kernel has cached.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "disk/past.h"
#include "disk/room.h"

#define DROP_PATIENCE_NS (100 * NS_PER_MS)

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want &= ~(unsigned)(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_READ |
				  FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
				  FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_HANDLE_KILLPRIV |
				  FUSE_CAP_POSIX_ACL);
	conn->want |= conn->capable & (FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_CACHE_SYMLINKS |
				       FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
	conn->max_background = 64;
	conn->time_gran = 1;
}

const struct fuse_lowlevel_ops disk_fuse_ops = {
	.init = on_init, .lookup = disk_lookup, .forget = disk_forget,
	.forget_multi = disk_forget_multi, .getattr = disk_getattr, .setattr = disk_setattr,
	.readlink = disk_readlink, .mknod = disk_mknod, .mkdir = disk_mkdir,
	.unlink = disk_unlink, .rmdir = disk_rmdir, .symlink = disk_symlink,
	.rename = disk_rename, .link = disk_link, .open = disk_open, .read = disk_read,
	.write = disk_write, .release = disk_release, .fsync = disk_fsync,
	.opendir = disk_opendir, .readdir = disk_readdir, .readdirplus = disk_readdirplus,
	.releasedir = disk_releasedir, .fsyncdir = disk_fsyncdir, .statfs = disk_statfs,
	.setxattr = disk_setxattr, .getxattr = disk_getxattr, .listxattr = disk_listxattr,
	.removexattr = disk_removexattr, .create = disk_create, .fallocate = disk_fallocate,
	.copy_file_range = disk_copy_file_range, .lseek = disk_lseek,
};

/* ---- the kernel's messages ---- */

/* Who takes a request answers it, and takes no other before. */
static _Thread_local int64_t asked_ns;

static void count_answer(struct fs *fs, const struct iovec *iov)
{
	const struct fuse_out_header *h = iov->iov_base;

	if (!h->unique)
		return; /* not asked for */
	__atomic_fetch_add(&fs->shared->served, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&fs->shared->served_ns, (uint64_t)(clock_now() - asked_ns),
			   __ATOMIC_RELAXED);
}

static ssize_t from_kernel(int fd, void *buf, size_t len, void *userdata)
{
	struct fs *fs = userdata;
	ssize_t n = read(fd, buf, len);
	struct fuse_in_header *h = buf;
	const struct fuse_init_in *in = (const void *)((const char *)buf + sizeof(*h));

	asked_ns = clock_now();
	if (!fs->greeted && n >= (ssize_t)(sizeof(*h) + 16) && h->opcode == FUSE_INIT)
		fs->kernel_flags = in->flags;
	if (n >= (ssize_t)sizeof(*h) && h->opcode == FUSE_TMPFILE)
		h->opcode = FUSE_CREATE; /* the same question and answer, told by its flags */
	return n;
}

static ssize_t to_kernel(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fs *fs = userdata;

	if (!fs->greeted) { /* nothing but INIT is under way before its answer */
		fs->greeted = true;
		if (count == 2 && iov[1].iov_len >= sizeof(struct fuse_init_out) &&
		    fs->kernel_flags & FUSE_HANDLE_KILLPRIV_V2)
			((struct fuse_init_out *)iov[1].iov_base)->flags |= FUSE_HANDLE_KILLPRIV_V2;
	}
	count_answer(fs, iov);
	return writev(fd, iov, count);
}

/* ---- forgetting what is cached ---- */

void cache_drop(struct fs *fs)
{
	int64_t by = clock_now() + DROP_PATIENCE_NS;
	const struct timespec until = { .tv_sec = by / NS_PER_S, .tv_nsec = by % NS_PER_S };
	uint64_t mine;

	step_aside(fs);
	pthread_mutex_lock(&fs->drop_lock);
	mine = ++fs->drop_wanted;
	fs->drop_all = true;
	pthread_cond_broadcast(&fs->drop_change);
	while (fs->drop_done < mine && clock_now() < by &&
	       !__atomic_load_n(&fs->held, __ATOMIC_ACQUIRE))
		pthread_cond_timedwait(&fs->drop_change, &fs->drop_lock, &until);
	pthread_mutex_unlock(&fs->drop_lock);
}

void cache_drop_soon(struct fs *fs, bool all)
{
	pthread_mutex_lock(&fs->drop_lock);
	fs->drop_wanted++;
	fs->drop_all |= all;
	pthread_cond_broadcast(&fs->drop_change);
	pthread_mutex_unlock(&fs->drop_lock);
}

static void *dropper(void *arg)
{
	struct fs *fs = arg;

	pthread_mutex_lock(&fs->drop_lock);
	for (;;) {
		uint64_t wanted;
		bool all_of_them;
		size_t n;

		while (fs->drop_done == fs->drop_wanted)
			pthread_cond_wait(&fs->drop_change, &fs->drop_lock);
		wanted = fs->drop_wanted;
		all_of_them = fs->drop_all;
		fs->drop_all = false;
		pthread_mutex_unlock(&fs->drop_lock);
		{
			cleanup_free fuse_ino_t *all = inode_numbers(fs, !all_of_them, &n);

			for (size_t i = 0; i < n; i++) /* gone meanwhile: nothing to forget */
				fuse_lowlevel_notify_inval_inode(fs->se, all[i], 0, 0);
		}
		pthread_mutex_lock(&fs->drop_lock);
		fs->drop_done = wanted;
		pthread_cond_broadcast(&fs->drop_change);
	}
	return NULL;
}

/* ---- orders ---- */

static int obey(struct fs *fs, struct disk_order *o)
{
	o->rule.name[sizeof(o->rule.name) - 1] = '\0';
	o->rule.path[sizeof(o->rule.path) - 1] = '\0';
	o->rule.service[sizeof(o->rule.service) - 1] = '\0';
	switch (o->op) {
	case DISK_HELLO:
		return 0;
	case DISK_RULE_ADD:
		return o->rule.effect < DISK_EFFECTS
			       ? rule_add(fs, &o->rule, o->again ? &o->index : NULL)
			       : -EINVAL;
	case DISK_RULE_DEL:
		return rule_del(fs, o->index);
	case DISK_HOLD:
		return record_hold(fs);
	case DISK_DIE:
		return record_die(fs);
	case DISK_SYNC_ALL:
		record_sync(fs);
		return 0;
	default:
		return -EINVAL;
	}
}

static void *orders(void *arg)
{
	struct fs *fs = arg;

	for (;;) {
		struct disk_order o;
		ssize_t n = recv(fs->ctl, &o, sizeof(o), 0);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(o))
			_exit(0); /* the worker is gone */
		r = obey(fs, &o);
		if (send(fs->ctl, &r, sizeof(r), MSG_NOSIGNAL) != (ssize_t)sizeof(r))
			_exit(0);
	}
	return NULL;
}

/* ---- life ---- */

static int drop_fsetid(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps) < 0)
		return -errno;
	caps[0].effective &= ~(1U << CAP_FSETID);
	caps[0].permitted &= ~(1U << CAP_FSETID);
	return syscall(SYS_capset, &head, caps) < 0 ? -errno : 0;
}

static void many_files(void)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		return;
	now.rlim_cur = now.rlim_max;
	setrlimit(RLIMIT_NOFILE, &now);
}

static int fs_open(struct fs *fs)
{
	pthread_condattr_t attr;
	int r;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&fs->drop_change, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&fs->drop_lock, NULL);
	pthread_mutex_init(&fs->inodes_lock, NULL);
	fs->root_fd = open(fs->o->backing, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fs->root_fd < 0)
		return -errno;
	fs->root = (struct inode){ .fd = fs->root_fd, .lookups = 2 };
	fs->rules = rules_new(fs);
	fs->past = past_new();
	umask(0);
	many_files();
	r = fs->log ? record_new(fs) : 0;
	return r < 0 ? r : drop_fsetid();
}

void serve_run(struct fs *fs, int fuse_fd)
{
	static const struct fuse_custom_io io = { .read = from_kernel, .writev = to_kernel };
	char name[] = "disk", *argv[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	pthread_t thread;

	if (fs_open(fs) < 0)
		return;
	fs->se = fuse_session_new(&args, &disk_fuse_ops, sizeof(disk_fuse_ops), fs);
	if (!fs->se || fuse_session_custom_io(fs->se, &io, fuse_fd) != 0)
		return;
	if (pthread_create(&thread, NULL, orders, fs) != 0 ||
	    pthread_create(&thread, NULL, dropper, fs) != 0)
		return;
	team_run(fs, fuse_fd);
}
