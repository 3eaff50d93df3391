/* SPDX-License-Identifier: Apache-2.0 */
#include "serial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

int serial_open(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), rc;
	struct termios t;

	if (fd < 0)
		return -errno;
	rc = tcgetattr(fd, &t) < 0 ? -errno : 0;
	if (!rc) {
		cfmakeraw(&t);
		cfsetspeed(&t, B115200);
		t.c_cflag |= CLOCAL | CREAD;
		rc = tcsetattr(fd, TCSANOW, &t) < 0 ? -errno : 0;
	}
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

bool serial_hung_up(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}
