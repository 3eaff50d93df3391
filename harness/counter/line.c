/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A serial line is a pty in the node's own devpts; its
 * slave is bound over an ordinary name, /dev/ttyUSB0, in the node's mount
 * namespace, which this process enters for that moment and leaves again.
 * Pulled out, the master is closed: the kernel hangs the slave up, as it does a
 * USB adapter's tty (read: end of file, write and ioctl: EIO, poll: HUP), and
 * name and link are taken away. A port that is built in (ttyS) stays.
 *
 * That nobody has the slave open is seen at the master (HUP); that somebody
 * has opened it is not, so it is watched with inotify.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "counter/room.h"

#define BY_ID "/dev/serial/by-id"
#define PATH_LEN 128

/* ---- the node's /dev ---- */

static int enter(pid_t init)
{
	cleanup_close int fd = init > 0 ? (int)syscall(SYS_pidfd_open, init, 0) : -1;

	if (init <= 0)
		return -ENODEV;
	return fd < 0 || setns(fd, CLONE_NEWNS) < 0 ? -errno : 0;
}

/* In a foreign /dev nothing more may be done: better no process than one that strays. */
static void leave(int home)
{
	if (setns(home, CLONE_NEWNS) < 0)
		_exit(1);
}

static void path_dev(const struct line *l, char ret[static PATH_LEN])
{
	snprintf(ret, PATH_LEN, "/dev/%s", l->name);
}

static void path_link(const struct line *l, char ret[static PATH_LEN])
{
	snprintf(ret, PATH_LEN, BY_ID "/%s", l->link);
}

static void path_slave(const struct line *l, char ret[static PATH_LEN])
{
	snprintf(ret, PATH_LEN, "/dev/pts/%u", l->slave);
}

/* As the kernel sets up a serial port that nobody has used yet. */
static int slave_settings(const char *slave)
{
	cleanup_close int fd = open(slave, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios t;

	if (fd < 0 || tcgetattr(fd, &t) < 0)
		return -errno;
	t.c_cflag = CS8 | CREAD | HUPCL | CLOCAL;
	cfsetspeed(&t, B9600);
	return tcsetattr(fd, TCSANOW, &t) < 0 ? -errno : 0;
}

static int slave_open(struct line *l)
{
	int fd = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), zero = 0, r;
	char slave[PATH_LEN];

	if (fd < 0)
		return -errno;
	if (ioctl(fd, TIOCSPTLCK, &zero) < 0 || ioctl(fd, TIOCGPTN, &l->slave) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	path_slave(l, slave);
	r = chmod(slave, 0666) < 0 ? -errno : slave_settings(slave);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int name_it(const struct line *l)
{
	char dev[PATH_LEN], slave[PATH_LEN], link[PATH_LEN], to[PATH_LEN];
	int fd;

	path_dev(l, dev);
	path_slave(l, slave);
	fd = open(dev, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	close(fd);
	if (mount(slave, dev, NULL, MS_BIND, NULL) < 0)
		return -errno;
	if (line_stays(l))
		return 0;
	path_link(l, link);
	snprintf(to, sizeof(to), "../../%s", l->name);
	if ((mkdir("/dev/serial", 0755) < 0 && errno != EEXIST) ||
	    (mkdir(BY_ID, 0755) < 0 && errno != EEXIST) || symlink(to, link) < 0)
		return -errno;
	return 0;
}

static void unname(const struct line *l)
{
	char dev[PATH_LEN], link[PATH_LEN];

	path_dev(l, dev);
	path_link(l, link);
	umount2(dev, MNT_DETACH);
	unlink(dev);
	if (!line_stays(l))
		unlink(link);
}

/* ---- plugging ---- */

static int plug(struct line *l, int inotify)
{
	char slave[PATH_LEN];
	int fd = slave_open(l), r;

	if (fd < 0)
		return fd;
	path_slave(l, slave);
	l->watch = inotify_add_watch(inotify, slave, IN_OPEN | IN_CLOSE);
	r = l->watch < 0 ? -errno : name_it(l); /* watched before anybody can open it */
	if (r == 0)
		return fd;
	unname(l);
	close(fd);
	return r;
}

int line_plug(struct line *l, int home, int inotify)
{
	int r = enter(l->init);

	if (r < 0)
		return r;
	r = plug(l, inotify);
	leave(home);
	l->open = false;
	return r;
}

void line_unplug(struct line *l, int home, int fd)
{
	close(fd); /* hangs up, first of all */
	l->watch = -1;
	l->open = false;
	if (enter(l->init) < 0)
		return; /* the node is gone, and its /dev with it */
	unname(l);
	leave(home);
}

/* Only to read: so that its closing is not taken for a client's. */
int line_flush(const struct line *l, int home)
{
	char slave[PATH_LEN];
	int r = enter(l->init), fd;

	if (r < 0)
		return r;
	path_slave(l, slave);
	fd = open(slave, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	r = fd < 0 || tcflush(fd, TCIFLUSH) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	leave(home);
	return r;
}
