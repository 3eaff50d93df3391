/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The worker's side of a disk:
 *
 *   mount   /dev/fuse, opened and mounted by the worker in its own namespaces, so that the
 *           node's init, forked later, finds it where the data are bound from
 *   fork    the server, which alone keeps the descriptor: when it ends, the kernel
 *           gives an error to whoever waits for the disk, and nothing hangs
 *   orders  rules over a socket, in effect when the answer comes
 *   hits    through shared memory; an eventfd, the bell, wakes the loop
 *   log     of operations, when asked for: memory that grows as it is used
 *   reboot  after a power cut: a new server, a new mount, the same rules
 *
 * The server dies with the worker, by PR_SET_PDEATHSIG and by end of file.
 */
#include "disk/room.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/beside.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"

enum { FD_BELL = BESIDE_FD_MORE, FD_FUSE };

struct listener {
	bool used;
	unsigned id;
	void (*fn)(void *arg, const struct disk_hit *h);
	void *arg;
	uint64_t lost; /* hits of this place that went unheard before */
	struct disk_rule rule;
};

struct disk {
	char *name;                 /* owned */
	struct beside server;
	struct disk_shared *shared; /* mapped */
	size_t shared_bytes;
	char *log;                  /* mapped; NULL: none is kept */
	size_t log_size;
	struct loop *loop;          /* borrowed while there are rules */
	struct loop_fd bell;        /* its descriptor is owned */
	struct listener listener[DISK_RULES_MAX]; /* by the rule's place */
	unsigned rules, owners;
};

/* ---- the server process ---- */

struct server_in {
	const struct disk *disk;
	const struct disk_opts *opts;
	pid_t worker;
};

static void server_main(void *arg)
{
	const struct server_in *in = arg;
	struct fs *fs = xcalloc(1, sizeof(*fs));

	fs->o = in->opts;
	fs->shared = in->disk->shared;
	fs->log = in->disk->log;
	fs->ctl = BESIDE_FD_CTL;
	fs->bell = FD_BELL;
	fs->worker = in->worker;
	serve_run(fs, FD_FUSE);
}

static int server_fork(struct disk *d, const struct disk_opts *o, int fuse, struct err *e)
{
	struct server_in in = { d, o, getpid() };
	int fds[] = { d->bell.fd, fuse };
	struct beside_opts b = { .name = "disk", .fds = fds, .fds_count = ARRAY_SIZE(fds),
				 .main = server_main, .arg = &in };

	return beside_fork(&d->server, &b, e);
}

/* ---- mounting ---- */

static int mount_fuse(const struct disk_opts *o, int *ret_fd, struct err *e)
{
	cleanup_free char *source = xasprintf("disk-%s", o->name), *options = NULL;
	cleanup_close int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, errno, "opening /dev/fuse");
	options = xasprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,"
			    "allow_other", fd);
	if (mount(source, o->mount, "fuse", MS_NOSUID | MS_NODEV | MS_NOSYMFOLLOW, options) < 0)
		return err_errno(e, errno, "mounting a FUSE file system at %s", o->mount);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int call(struct disk *d, const struct disk_order *o, const char *what, struct err *e)
{
	int reply;
	ssize_t n = send(d->server.ctl, o, sizeof(*o), MSG_NOSIGNAL);

	while (n == (ssize_t)sizeof(*o) || (n < 0 && errno == EINTR)) {
		n = recv(d->server.ctl, &reply, sizeof(reply), 0);
		if (n == (ssize_t)sizeof(reply))
			return reply < 0 ? err_errno(e, -reply, "the disk of node %s refused %s",
						     d->name, what) : reply;
	}
	return err_set(e, EPIPE, "the disk of node %s is gone", d->name);
}

static int greet(struct disk *d, const struct disk_opts *o, struct err *e)
{
	struct statfs st;
	int r = call(d, &(struct disk_order){ .op = DISK_HELLO }, "a greeting", e);

	if (r == 0 && statfs(o->mount, &st) < 0)
		r = err_errno(e, errno, "its first request");
	return r;
}

/* ---- hits ---- */

static void fetch_hits(struct disk *d)
{
	struct disk_hit h;

	while (hits_pop(&d->shared->hits, &h)) {
		const struct listener *l = &d->listener[h.rule % DISK_RULES_MAX];

		if (l->used && l->id == h.rule)
			l->fn(l->arg, &h);
	}
}

static void bell_rings(struct loop_fd *f, uint32_t events)
{
	struct disk *d = (struct disk *)(void *)((char *)f - offsetof(struct disk, bell));
	uint64_t rings;

	(void)events;
	if (read(f->fd, &rings, sizeof(rings)) < 0)
		return;
	fetch_hits(d);
}

/* ---- life ---- */

static int shared_open(struct disk *d, struct err *e)
{
	d->shared_bytes = sizeof(*d->shared) + hits_bytes(DISK_HITS, sizeof(struct disk_hit));
	d->bell = (struct loop_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				    .ready = bell_rings };
	d->shared = mmap(NULL, d->shared_bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (d->shared == MAP_FAILED)
		d->shared = NULL;
	if (d->bell.fd < 0 || !d->shared)
		return err_errno(e, errno, "eventfd or mmap");
	hits_init(&d->shared->hits, DISK_HITS, sizeof(struct disk_hit));
	return 0;
}

/* Address space; memory only as it is written to. Processes forked later have no part in it. */
static int log_open(struct disk *d, size_t bytes, struct err *e)
{
	void *at;

	if (!bytes)
		return 0;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return err_errno(e, errno, "memory for a log of operations");
	d->log = at;
	d->log_size = bytes;
	return 0;
}

struct disk_log disk_log_take(struct disk *d)
{
	struct disk_log l = { .room = d->log_size };

	assert(d->server.pidfd < 0);
	disk_log(d, &l.bytes);
	l.at = d->log;
	d->log = NULL;
	return l;
}

void disk_log_done(struct disk_log *l)
{
	if (l->at)
		munmap(l->at, l->room);
	*l = (struct disk_log){ 0 };
}

static void log_close(struct disk *d)
{
	struct disk_log l = { .at = d->log, .room = d->log_size };

	disk_log_done(&l);
	d->log = NULL;
}

static int serve(struct disk *d, const struct disk_opts *o, struct err *e)
{
	cleanup_close int fuse = -1;
	int r;

	__atomic_store_n(&d->shared->log_bytes, 0, __ATOMIC_RELEASE);
	r = log_open(d, o->log_bytes, e);
	if (r == 0)
		r = mount_fuse(o, &fuse, e);
	if (r == 0)
		r = server_fork(d, o, fuse, e);
	if (d->log)
		madvise(d->log, d->log_size, MADV_DONTFORK);
	if (fuse >= 0)
		close(steal_fd(&fuse)); /* only the server has it now */
	return r == 0 ? greet(d, o, e) : r;
}

int disk_new(struct disk **ret, const struct disk_opts *o, struct err *e)
{
	struct disk *d = xcalloc(1, sizeof(*d));
	int r;

	d->name = xstrdup(o->name);
	d->bell.fd = -1;
	d->server = (struct beside)BESIDE_NONE;
	r = shared_open(d, e);
	if (r == 0)
		r = serve(d, o, e);
	if (r < 0) {
		disk_free(d);
		return err_wrap(e, "the disk of node %s", o->name);
	}
	*ret = d;
	return 0;
}

void disk_free(struct disk *d)
{
	if (!d)
		return;
	beside_end(&d->server);
	log_close(d);
	if (d->bell.armed)
		loop_fd_set(d->loop, &d->bell, 0);
	if (d->bell.fd >= 0)
		close(d->bell.fd);
	if (d->shared)
		munmap(d->shared, d->shared_bytes);
	free(d->name);
	free(d);
}

int disk_alive(const struct disk *d, struct err *e)
{
	int failed = __atomic_load_n(&d->shared->failed, __ATOMIC_ACQUIRE);

	if (failed > 0)
		return err_set(e, EIO, "this host could not keep node %s's data (%s: %s): give it "
			       "more memory, or the target smaller data", d->name,
			       d->shared->failed_at, strerror(failed));
	if (!beside_alive(&d->server))
		return err_set(e, EPIPE, "the disk of node %s is gone", d->name);
	return 0;
}

void disk_served(const struct disk *d, int64_t *ret_count, int64_t *ret_ns)
{
	*ret_count = (int64_t)__atomic_load_n(&d->shared->served, __ATOMIC_RELAXED);
	*ret_ns = (int64_t)__atomic_load_n(&d->shared->served_ns, __ATOMIC_RELAXED);
}

void disk_owner(struct disk *d, pid_t keeper, const char *process)
{
	struct owner *o = &d->shared->owner[d->owners++ % DISK_OWNERS];

	__atomic_store_n(&o->keeper, 0, __ATOMIC_RELEASE);
	snprintf(o->process, sizeof(o->process), "%s", process);
	__atomic_store_n(&o->keeper, keeper, __ATOMIC_RELEASE);
	__atomic_store_n(&d->shared->owners, d->owners, __ATOMIC_RELEASE);
}

static uint64_t lost_of(const struct disk *d, unsigned id)
{
	return __atomic_load_n(&d->shared->lost_of[id % DISK_RULES_MAX], __ATOMIC_RELAXED);
}

/* What there was no room for has happened all the same: that much is told. */
static void tell_lost(const struct disk *d, const struct listener *l)
{
	struct disk_hit h = { .count = lost_of(d, l->id) - l->lost, .rule = l->id,
			      .unheard = true };

	if (h.count)
		l->fn(l->arg, &h);
}

/* ---- rules ---- */

int disk_rule_add(struct disk *d, struct loop *loop, const struct disk_rule *rule,
		  void (*fn)(void *arg, const struct disk_hit *h), void *arg, unsigned *ret_id,
		  struct err *e)
{
	struct disk_order o = { .op = DISK_RULE_ADD, .rule = *rule };
	struct listener *l;
	int r;

	assert(fn && (!d->rules || d->loop == loop));
	if (!d->rules) {
		d->loop = loop;
		r = loop_fd_set(loop, &d->bell, EPOLLIN);
		if (r < 0)
			return err_errno(e, -r, "listening to the disk");
	}
	r = call(d, &o, "a rule", e);
	if (r < 0) {
		if (!d->rules)
			loop_fd_set(loop, &d->bell, 0);
		return r;
	}
	l = &d->listener[(unsigned)r % DISK_RULES_MAX];
	*l = (struct listener){ .used = true, .id = (unsigned)r, .fn = fn, .arg = arg,
				 .lost = lost_of(d, (unsigned)r), .rule = *rule };
	d->rules++;
	*ret_id = (unsigned)r;
	return 0;
}

int disk_rule_del(struct disk *d, unsigned id, struct err *e)
{
	struct disk_order o = { .op = DISK_RULE_DEL, .index = id };
	struct listener *l = &d->listener[id % DISK_RULES_MAX];
	int r;

	if (!l->used || l->id != id)
		return err_set(e, ENOENT, "the disk knows no rule %u", id);
	r = call(d, &o, "the end of a rule", e);
	fetch_hits(d);
	tell_lost(d, l);
	l->used = false;
	if (!--d->rules)
		loop_fd_set(d->loop, &d->bell, 0);
	return r;
}

/* ---- power ---- */

int disk_hold(struct disk *d, struct err *e)
{
	return call(d, &(struct disk_order){ .op = DISK_HOLD }, "to stand still", e);
}

int disk_die(struct disk *d, struct err *e)
{
	return call(d, &(struct disk_order){ .op = DISK_DIE }, "to be off", e);
}

int disk_sync(struct disk *d, struct err *e)
{
	return call(d, &(struct disk_order){ .op = DISK_SYNC_ALL }, "a sync", e);
}

void disk_off(struct disk *d)
{
	beside_end(&d->server);
}

const void *disk_log(const struct disk *d, size_t *ret_bytes)
{
	*ret_bytes = d->log ? (size_t)__atomic_load_n(&d->shared->log_bytes, __ATOMIC_ACQUIRE) : 0;
	return d->log;
}

int disk_reboot(struct disk *d, const struct disk_opts *o, struct err *e)
{
	int r;

	beside_end(&d->server);
	log_close(d);
	memset(d->shared->owner, 0, sizeof(d->shared->owner));
	d->shared->owners = d->owners = 0;
	r = serve(d, o, e);
	for (unsigned i = 0; r >= 0 && i < DISK_RULES_MAX; i++)
		if (d->listener[i].used)
			r = call(d, &(struct disk_order){ .op = DISK_RULE_ADD, .again = true,
					.index = d->listener[i].id,
					.rule = d->listener[i].rule }, "a rule it had", e);
	return r < 0 ? err_wrap(e, "the disk of node %s", d->name) : 0;
}

/* ---- trying ---- */

static int try_in(const char *dir, struct err *e)
{
	cleanup_free char *back = xasprintf("%s/back", dir), *at = xasprintf("%s/at", dir);
	cleanup_free char *file = xasprintf("%s/file", at);
	struct disk_opts o = { .name = "doctor", .backing = back, .mount = at };
	struct disk *d = NULL;
	int r;

	if (mkdir(back, 0755) < 0 || mkdir(at, 0755) < 0 ||
	    mount("tmpfs", back, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m") < 0)
		return err_errno(e, errno, "a tmpfs for it");
	r = disk_new(&d, &o, e);
	if (r < 0)
		return r;
	{
		cleanup_close int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		char c = 0;

		if (fd < 0 || write(fd, "x", 1) != 1 || pread(fd, &c, 1, 0) != 1 || c != 'x')
			r = err_errno(e, errno, "writing and reading through it");
	}
	disk_free(d);
	umount2(at, MNT_DETACH);
	return r;
}

int disk_try(struct err *e)
{
	if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m") < 0)
		return err_errno(e, errno, "a tmpfs at /tmp");
	return try_in("/tmp", e);
}
