/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The root of a node, built by its init in the init's own
 * mount namespace, below <slot>/root, then entered with pivot_root; the host's
 * tree is detached, so nothing of it can be reached that was not bound here.
 *
 *   /usr, /bin, /lib ...   the host's, read-only      or   a rootfs: overlay
 *   /etc                   see etc.c                       with its changes on
 *   /tmp /run /var /home   empty, on tmpfs                 the trial's tmpfs
 *   /dev                   a handful of harmless devices, own pts and shm
 *   /proc /sys             the node's own; /proc/sys read-only
 *   /target                the target's folder, read-only
 *   data:                  from the trial's tmpfs, writable
 *   mounts:                read-only
 *   /.worstday             see preload.c; only where a fault needs it
 *
 * The steps are a table, so that an error says which one failed. proc is
 * mounted before the old root goes: the kernel allows a fresh proc only to
 * those who can see a whole one already.
 */
#include "stage/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

static int give(const struct stage_node *n, const char *path, mode_t mode)
{
	uid_t id = n->st->slot->service_id;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (chown(path, id, id) < 0 || chmod(path, mode) < 0)
		return -errno;
	return 0;
}

/* ---- system files ---- */

static int plain_system(void)
{
	static const char *const dirs[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr"};
	char from[16], link[256];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		ssize_t len;
		int r;

		snprintf(from, sizeof(from), "/%s", dirs[i]);
		len = readlink(from, link, sizeof(link) - 1);
		if (len < 0 && errno == ENOENT)
			continue;
		if (len >= 0) {
			link[len] = '\0';
			r = symlink(link, dirs[i]) < 0 ? -errno : 0;
		} else {
			r = mkdir(dirs[i], 0755) < 0 ? -errno : mount_bind(from, dirs[i], true);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int plain_dirs(const struct stage_node *n)
{
	static const struct { const char *path; mode_t mode; } dirs[] = {
		{ "tmp", 01777 }, { "run", 0755 }, { "run/lock", 01777 }, { "var", 0755 },
		{ "var/tmp", 01777 }, { "var/lib", 0755 }, { "var/log", 0755 },
		{ "var/cache", 0755 }, { "var/spool", 0755 }, { "home", 0755 }, { "root", 0700 },
		{ "srv", 0755 }, { "opt", 0755 }, { "mnt", 0755 },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++)
		r = give(n, dirs[i].path, dirs[i].mode);
	if (r == 0 && symlink("/run", "var/run") < 0)
		r = -errno;
	return r;
}

static int homes(const struct stage_node *n)
{
	for (size_t i = 0; i < n->conf->services_count; i++) {
		struct account a = node_account(n, n->conf->services[i].user);
		int r;

		if (a.home[0] != '/' || !a.home[1] || access(a.home + 1, F_OK) == 0 ||
		    !strncmp(a.home, "/nonexistent", 12))
			continue;
		r = make_dirs(a.home + 1, 0755);
		if (r == 0)
			r = give(n, a.home + 1, 0755);
		if (r < 0 && r != -EROFS)
			return r;
	}
	return 0;
}

static int plain_root(const struct stage_node *n, struct err *e)
{
	cleanup_free char *etc = xasprintf("%s/etc", n->st->slot->base);
	int r = mount_tmpfs(".", 0755, node_share(n));

	if (r == 0 && chdir(n->st->slot->root) < 0)
		r = -errno;
	if (r == 0)
		r = plain_system();
	if (r == 0)
		r = plain_dirs(n);
	if (r == 0 && (mkdir("etc", 0755) < 0 || mkdir(".etc", 0755) < 0))
		r = -errno;
	if (r == 0)
		r = mount_bind(etc, ".etc", true);
	return r < 0 ? err_errno(e, -r, "building the system folders") : 0;
}

/*
 * An overlay lets mount points and /etc files be made without touching the rootfs. What a node that
 * boots again has left there goes: only its data survive.
 */
static int rootfs_root(const struct stage_node *n, struct err *e)
{
	cleanup_free char *upper = xasprintf("%s/upper-%u", n->st->dir, n->index);
	cleanup_free char *work = xasprintf("%s/work-%u", n->st->dir, n->index);
	cleanup_free char *opts = xasprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr",
					    n->rootfs, upper, work);
	static const char *const fresh[] = { "tmp", "run", "var/tmp" };
	int r;

	if (strpbrk(n->rootfs, ",:\\"))
		return err_set(e, EINVAL, "rootfs %s: no comma, colon or backslash, please",
			       n->rootfs);
	r = remove_tree(upper);
	if (r == 0)
		r = remove_tree(work);
	if (r == 0 && (mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0))
		r = -errno;
	if (r < 0)
		return err_errno(e, -r, "making folders in %s", n->st->dir);
	if (mount("overlay", ".", "overlay", MS_NOSUID | MS_NODEV, opts) < 0)
		return err_errno(e, errno, "overlay over rootfs %s", n->rootfs);
	if (chdir(n->st->slot->root) < 0)
		return err_errno(e, errno, "entering rootfs %s", n->rootfs);
	for (size_t i = 0; i < ARRAY_SIZE(fresh); i++) {
		r = make_dirs(fresh[i], 0755);
		if (r == 0)
			r = mount_tmpfs(fresh[i], 01777, node_share(n));
		if (r < 0)
			return err_errno(e, -r, "a tmpfs at /%s", fresh[i]);
	}
	return 0;
}

/* ---- kernel file systems ---- */

static int dev_nodes(void)
{
	static const struct {
		const char *from, *to;
	} binds[] = {
		{"/dev/null", "dev/null"},	 {"/dev/zero", "dev/zero"},
		{"/dev/full", "dev/full"},	 {"/dev/random", "dev/random"},
		{"/dev/urandom", "dev/urandom"}, {"/dev/tty", "dev/tty"},
	};
	static const struct { const char *to, *link; } links[] = {
		{ "pts/ptmx", "dev/ptmx" }, { "/proc/self/fd", "dev/fd" },
		{ "/proc/self/fd/0", "dev/stdin" }, { "/proc/self/fd/1", "dev/stdout" },
		{ "/proc/self/fd/2", "dev/stderr" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(binds); i++) {
		int r = make_file(binds[i].to, NULL, 0666);

		if (r == 0 && mount(binds[i].from, binds[i].to, NULL, MS_BIND, NULL) < 0 &&
		    errno != ENOENT)
			r = -errno;
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i].to, links[i].link) < 0)
			return -errno;
	return 0;
}

static int kernel_dev(const struct stage_node *n)
{
	int r = mkdir("dev", 0755) < 0 && errno != EEXIST ? -errno : 0;

	if (r == 0)
		r = mount_tmpfs("dev", 0755, node_share(n));
	if (r < 0)
		return r;
	if (mkdir("dev/pts", 0755) < 0 || mkdir("dev/shm", 01777) < 0 ||
	    chmod("dev/shm", 01777) < 0)
		return -errno;
	r = dev_nodes();
	if (r == 0 && mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
			    "newinstance,ptmxmode=0666,mode=0620") < 0)
		r = -errno;
	return r;
}

static int kernel_proc(const struct stage_node *n)
{
	static const char *const masked[] = { "proc/kcore", "proc/sysrq-trigger", "proc/keys",
					      "proc/timer_list" };
	static const char *const closed[] = { "proc/sys", "proc/irq", "proc/bus", "proc/fs",
					      "proc/scsi", "proc/acpi" };
	int r;

	(void)n;
	if (mkdir("proc", 0555) < 0 && errno != EEXIST)
		return -errno;
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(closed); i++) {
		r = mount_bind(closed[i], closed[i], true);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(masked); i++)
		if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
			r = -errno;
	return r;
}

/* A comfort: some hosts show no whole sysfs to copy the right from. */
static int kernel_sys(const struct stage_node *n)
{
	(void)n;
	if (mkdir("sys", 0555) < 0 && errno != EEXIST)
		return -errno;
	mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
	return 0;
}

/* ---- the target's ---- */

/* Make a mount point like the source: a folder or a file. */
static int mount_point(const char *from, const char *to)
{
	cleanup_free char *parent = xstrdup(to);
	char *slash = strrchr(parent, '/');
	struct stat st;
	int r = 0;

	if (stat(from, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return make_dirs(to, 0755);
	if (slash) {
		*slash = '\0';
		r = make_dirs(parent, 0755);
	}
	return r < 0 || access(to, F_OK) == 0 ? r : make_file(to, NULL, 0644);
}

/* A folder of ours below one that is shown, as when one works in the target's folder, is empty. */
static int hide(const char *ours, const char *from, const char *to)
{
	cleanup_free char *real = realpath(from, NULL);
	size_t len = real ? strlen(real) : 0;
	cleanup_free char *at = NULL;

	if (!ours || !real || strncmp(ours, real, len) || ours[len] != '/')
		return 0;
	at = xasprintf("%s%s", to, ours + len);
	return access(at, F_OK) < 0 ? 0 : mount_tmpfs(at, 0555, 4096);
}

static int bind_in(const struct stage_node *n, const char *from, const char *path, struct err *e)
{
	const char *to = path + strspn(path, "/");
	int r = *to ? mount_point(from, to) : -EINVAL;

	if (r == 0)
		r = mount_bind(from, to, true);
	if (r == 0)
		r = hide(n->st->slot->out, from, to);
	if (r == 0)
		r = hide(n->st->slot->cache, from, to);
	return r < 0 ? err_errno(e, -r, "%s at %s", from, path) : 0;
}

static int data_in(const struct data_at *d, struct err *e)
{
	const char *to = d->path + strspn(d->path, "/");
	int r = *to ? mount_point(d->host, to) : -EINVAL;

	if (r == 0)
		r = mount_bind_data(d->host, to);
	return r < 0 ? err_errno(e, -r, "data: %s at %s", d->host, d->path) : 0;
}

static int target_binds(const struct stage_node *n, struct err *e)
{
	const struct target *t = n->st->o.target;
	int r = bind_in(n, t->folder, "/target", e);

	for (size_t i = 0; r == 0 && i < n->conf->mounts.count; i++) {
		const struct strpair *p = &n->conf->mounts.at[i];
		cleanup_free char *from = target_path(t, p->value);

		r = bind_in(n, from, p->key, e);
		if (r < 0)
			r = err_wrap(e, "mounts");
	}
	for (size_t i = 0; r == 0 && i < n->conf->data_count; i++)
		r = data_in(&n->data[i], e);
	return r < 0 ? r : shim_in(n, e);
}

static int enter(struct err *e)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_errno(e, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_errno(e, errno, "detaching the host's tree");
	return chdir("/") < 0 ? err_errno(e, errno, "chdir") : 0;
}

int root_build(const struct stage_node *n, struct err *e)
{
	static const struct {
		int (*build)(const struct stage_node *n);
		const char *what;
	} kernel[] = {
		{ kernel_proc, "mounting /proc" }, { kernel_sys, "making /sys" },
		{ kernel_dev, "making /dev" }, { homes, "making home folders" },
	};
	int r = chdir(n->st->slot->root) < 0 ? err_errno(e, errno, "%s", n->st->slot->root) : 0;

	if (r == 0)
		r = n->rootfs ? rootfs_root(n, e) : plain_root(n, e);
	if (r == 0)
		r = etc_write(n, "etc", e);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kernel); i++) {
		r = kernel[i].build(n);
		if (r < 0)
			r = err_errno(e, -r, "%s", kernel[i].what);
	}
	if (r == 0)
		r = target_binds(n, e);
	return r < 0 ? r : enter(e);
}
