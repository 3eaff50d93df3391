/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to a file and syncs it, in a thread; its exit status is the errno of that. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

static void *work(void *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) < 0)
		return (void *)(intptr_t)errno;
	return NULL;
}

int main(int argc, char *argv[])
{
	void *result = NULL;
	pthread_t t;

	if (argc < 2 || pthread_create(&t, NULL, work, argv[1]) != 0 || pthread_join(t, &result))
		return 99;
	return (int)(intptr_t)result;
}
