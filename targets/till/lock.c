/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bug.h"
#include "till.h"

static void path_in(const char *folder, char *ret, size_t size)
{
	snprintf(ret, size, "%s/till.lock", folder);
}

/* BUG_NO_RESTART: if the file is there, so must be the process. */
static int pid_file(const char *folder)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/till.pid", folder);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd >= 0)
		dprintf(fd, "%d\n", (int)getpid());
	return fd;
}

/* The kernel drops a flock with its process; the file itself means nothing. */
int lock_take(const char *folder, const char *who)
{
	char path[512];
	int fd, rc = 0;

	mkdir(folder, 0755);
	path_in(folder, path, sizeof(path));
	if (bug(BUG_NO_RESTART))
		fd = pid_file(folder);
	else
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		rc = -errno;
	if (!rc)
		return fd;
	say("%s cannot start folder=%s why=\"%s\"", who, folder, strerror(-rc));
	if (fd >= 0)
		close(fd);
	return rc;
}

void lock_drop(int fd, const char *folder)
{
	char path[512];

	if (bug(BUG_NO_RESTART)) {
		snprintf(path, sizeof(path), "%s/till.pid", folder);
		unlink(path);
	}
	close(fd);
}
