/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. As timedatectl(1) does it: /etc/localtime becomes a link to the zone's file,
 * in one step, and /etc/timezone its name. The file is a copy below the node's own /etc/zoneinfo:
 * nobody else opens that inode, so inotify on it tells of the node's programs alone, and whoever
 * takes the zone's name from the link (".../zoneinfo/Asia/Tokyo") finds it there.
 *
 * The node's /etc is reached through the root of its init, and no link in it is followed.
 */
#include "stage/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "stage/room.h"

#define ZONE_BYTES_MAX 65536
#define FRESH ".new-zone"
#define KEPT "%s.kept" /* what was there before us */

struct stage_zone {
	struct loop_fd opened; /* first: callbacks cast; its descriptor is owned */
	struct stage_zone *next, **list; /* the node's, the newest first */
	struct loop *loop;     /* borrowed */
	int etc;               /* owned: the node's /etc */
	char *name;            /* owned */
	void (*fn)(void *arg, size_t times);
	void *arg;
};

static const char *const files[] = { "localtime", "timezone" };

/* ---- in the node's /etc ---- */

static int etc_open(const struct stage_node *n, int *ret_root)
{
	cleanup_free char *path = xasprintf("/proc/%d/root", n->init);
	cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int etc = root < 0 ? -1 : openat(root, "etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
							       O_CLOEXEC);

	if (etc < 0)
		return -errno;
	*ret_root = steal_fd(&root);
	return etc;
}

static ssize_t zone_read(int root, const char *name, char *to, size_t size)
{
	cleanup_free char *path = xasprintf(ZONE_DIR "/%s", name);
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				.resolve = RESOLVE_IN_ROOT };
	cleanup_close int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	ssize_t n = fd < 0 ? -1 : read(fd, to, size);

	return n < 0 ? -errno : n;
}

static int write_at(int dir, const char *name, const char *data, size_t len)
{
	cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
							 O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	return write(fd, data, len) == (ssize_t)len ? 0 : -EIO;
}

/* The copy: zoneinfo/Asia/Tokyo. *ret_watch: an inotify that tells who opens it. */
static int copy_in(int etc, const char *name, const char *data, size_t len, int *ret_watch)
{
	cleanup_free char *rest = xasprintf("zoneinfo/%s", name), *where = NULL;
	cleanup_close int dir = fcntl(etc, F_DUPFD_CLOEXEC, 3), watch = -1;
	char *at = rest, *slash;
	int r;

	for (; dir >= 0 && (slash = strchr(at, '/')); at = slash + 1) {
		int below;

		*slash = '\0';
		if (mkdirat(dir, at, 0755) < 0 && errno != EEXIST)
			return -errno;
		below = openat(dir, at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(dir);
		dir = below;
	}
	if (dir < 0)
		return -errno;
	r = write_at(dir, at, data, len);
	if (r < 0)
		return r;
	where = xasprintf("/proc/self/fd/%d/%s", dir, at);
	watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch < 0 || inotify_add_watch(watch, where, IN_OPEN | IN_DONT_FOLLOW) < 0)
		return -errno;
	*ret_watch = steal_fd(&watch);
	return 0;
}

static int swap_in(const struct stage_zone *z)
{
	cleanup_free char *to = xasprintf("/etc/zoneinfo/%s", z->name);
	cleanup_free char *line = xasprintf("%s\n", z->name);
	int r;

	unlinkat(z->etc, FRESH, 0);
	if (symlinkat(to, z->etc, FRESH) < 0 || renameat(z->etc, FRESH, z->etc, files[0]) < 0)
		return -errno;
	r = write_at(z->etc, FRESH, line, strlen(line));
	return r < 0 ? r : renameat(z->etc, FRESH, z->etc, files[1]) < 0 ? -errno : 0;
}

/* What the node has of its own is put aside, and put back. */
static int keep(int etc, bool back)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char kept[32];
		int r;

		snprintf(kept, sizeof(kept), KEPT, files[i]);
		if (!back) {
			unlinkat(etc, kept, 0);
			r = linkat(etc, files[i], etc, kept, 0);
		} else {
			r = renameat(etc, kept, etc, files[i]);
			if (r < 0 && errno == ENOENT) /* there was none */
				r = unlinkat(etc, files[i], 0);
		}
		if (r < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* ---- who opens it ---- */

static void tell(struct stage_zone *z)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	size_t times = 0;
	ssize_t n;

	while ((n = read(z->opened.fd, buf, sizeof(buf))) > 0)
		times += (size_t)n / sizeof(struct inotify_event); /* of a file: without a name */
	if (times)
		z->fn(z->arg, times);
}

static void on_opened(struct loop_fd *f, uint32_t events)
{
	(void)events;
	tell((struct stage_zone *)(void *)f);
}

/* ---- life ---- */

static void zone_free(struct stage_zone *z)
{
	for (struct stage_zone **at = z->list; at && *at; at = &(*at)->next)
		if (*at == z) {
			*at = z->next;
			break;
		}
	if (z->opened.fd >= 0) {
		loop_fd_set(z->loop, &z->opened, 0);
		close(z->opened.fd);
	}
	if (z->etc >= 0)
		close(z->etc);
	free(z->name);
	free(z);
}

static int take(struct stage_zone *z, const struct stage_node *n)
{
	cleanup_free char *data = xmalloc(ZONE_BYTES_MAX);
	cleanup_close int root = -1;
	ssize_t len;
	int r;

	z->etc = etc_open(n, &root);
	if (z->etc < 0)
		return z->etc;
	len = zone_read(root, z->name, data, ZONE_BYTES_MAX);
	r = len < 0 ? (int)len : copy_in(z->etc, z->name, data, (size_t)len, &z->opened.fd);
	if (r == 0 && !*z->list)
		r = keep(z->etc, false);
	if (r == 0)
		r = swap_in(z);
	return r < 0 ? r : loop_fd_set(z->loop, &z->opened, EPOLLIN);
}

int stage_zone_take(struct stage *st, const char *node, const char *zone, struct loop *loop,
		    void (*fn)(void *arg, size_t times), void *arg, struct stage_zone **ret,
		    struct err *e)
{
	struct stage_node *n = stage_node(st, node);
	struct stage_zone *z;
	int r;

	if (!n || n->off)
		return err_set(e, ENOTCONN, "node %s is off", node);
	z = xcalloc(1, sizeof(*z));
	*z = (struct stage_zone){ .opened = { .fd = -1, .ready = on_opened }, .list = &n->zones,
				  .loop = loop, .etc = -1, .name = xstrdup(zone), .fn = fn,
				  .arg = arg };
	r = take(z, n);
	if (r < 0) {
		zone_free(z);
		return err_errno(e, -r, "the time zone %s on node %s", zone, node);
	}
	z->next = n->zones;
	n->zones = z;
	*ret = z;
	return 0;
}

int stage_zone_give(struct stage_zone *z, struct err *e)
{
	struct stage_zone **list;
	int r;

	if (!z)
		return 0;
	list = z->list;
	tell(z);
	if (*list != z)
		r = 0; /* a later one counts */
	else
		r = z->next ? swap_in(z->next) : keep(z->etc, true);
	zone_free(z);
	return r < 0 ? err_errno(e, -r, "putting the time zone back") : 0;
}
