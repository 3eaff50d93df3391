/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any order of operations, on a plain tmpfs and through a disk of ours: each must give the same
 * results, the same errors and the same data. Six names, six open files, four bytes for an
 * operation. Needs root and /dev/fuse; says so and does nothing otherwise.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "disk/disk.h"

#define FDS 6
#define OPS_MAX 200
#define SPAN 20000 /* bytes of a file that are played with */

struct side {
	int dir, fd[FDS];
	bool mapped;
	char said[OPS_MAX * 600];
	size_t len;
};

static char top[64];
static struct disk *disk;
static struct side side[2];
static const char *const names[] = { "a", "b", "d", "d/x", "d/y", "\xff\n " };

static void say(struct side *s, const char *what, long long r)
{
	s->len += (size_t)snprintf(s->said + s->len, sizeof(s->said) - s->len, "%s %lld %d\n",
				   what, r < 0 ? -1 : r, r < 0 ? errno : 0);
}

static const char *name_of(uint8_t b)
{
	return names[b % (sizeof(names) / sizeof(*names))];
}

static void say_file(struct side *s, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		say(s, "fstat", -1);
		return;
	}
	say(s, "size", S_ISREG(st.st_mode) ? st.st_size : 0);
	say(s, "links", S_ISREG(st.st_mode) ? (long long)st.st_nlink : 0);
	say(s, "mode", st.st_mode);
}

static void say_data(struct side *s, int fd, off_t at, size_t len)
{
	static char text[SPAN];
	ssize_t n = pread(fd, text, len, at);
	unsigned sum = 0;

	for (ssize_t i = 0; i < n; i++)
		sum = sum * 31 + (unsigned char)text[i];
	say(s, "read", n);
	say(s, "sum", sum);
}

static void do_open(struct side *s, const uint8_t *b)
{
	static const int flags[] = { O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL,
				     O_WRONLY | O_TRUNC, O_RDWR | O_APPEND | O_CREAT,
				     O_RDONLY | O_DIRECTORY, O_RDONLY | O_NOFOLLOW };
	int *fd = &s->fd[b[1] % FDS];

	if (*fd >= 0)
		close(*fd);
	*fd = openat(s->dir, name_of(b[2]), flags[b[3] % 8], 0640);
	say(s, "open", *fd < 0 ? -1 : 0);
}

static void do_unnamed(struct side *s, const uint8_t *b)
{
	int *fd = &s->fd[b[1] % FDS];
	char at[40];

	if (*fd >= 0)
		close(*fd);
	*fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | (b[3] & 1 ? O_EXCL : 0), 0600);
	say(s, "unnamed", *fd < 0 ? -1 : 0);
	snprintf(at, sizeof(at), "/proc/self/fd/%d", *fd);
	if (b[3] & 2)
		say(s, "link", linkat(AT_FDCWD, at, s->dir, name_of(b[2]), AT_SYMLINK_FOLLOW));
}

static void do_map(struct side *s, int fd, const uint8_t *b)
{
	struct stat st;
	off_t at = b[2] * 70;
	char *map;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || at + 50 > st.st_size)
		return;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say(s, "mmap", map == MAP_FAILED ? -1 : 0);
	s->mapped = true;
	if (map == MAP_FAILED)
		return;
	memset(map + at, b[3], 50);
	if (b[1] & 8)
		say(s, "msync", msync(map, (size_t)st.st_size, MS_SYNC));
	say(s, "mapped", map[st.st_size / 2]);
	munmap(map, (size_t)st.st_size);
}

static void do_fd(struct side *s, const uint8_t *b)
{
	static char text[SPAN];
	int fd = s->fd[b[1] % FDS];
	off_t at = b[2] * 70, far = b[3] * 60;
	size_t len = (size_t)b[3] * (b[1] & 16 ? 1 : 50) + 1;
	struct stat st;

	switch (b[0] % 10) {
	case 0:
		memset(text, b[2] ^ b[3], len);
		say(s, "pwrite", pwrite(fd, text, len, at));
		break;
	case 1:
		memset(text, b[3], len);
		say(s, "write", write(fd, text, len));
		break;
	case 2:
		say_data(s, fd, at, len);
		break;
	case 3:
		say(s, "ftruncate", ftruncate(fd, at));
		break;
	case 4:
		say(s, "fallocate", fallocate(fd, b[1] & 16 ? FALLOC_FL_KEEP_SIZE |
					      (b[1] & 32 ? FALLOC_FL_PUNCH_HOLE : 0) : 0, at,
					      far + 1));
		break;
	case 5:
		/* a folder's is the kernel's own; what is mapped is data once it is written back */
		if (!s->mapped && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			say(s, "seek", lseek(fd, at, (int[]){ SEEK_SET, SEEK_DATA, SEEK_HOLE,
							      SEEK_DATA }[b[3] % 4]));
		break;
	case 6:
		say(s, "fsync", b[3] & 1 ? fsync(fd) : fdatasync(fd));
		break;
	case 7:
		do_map(s, fd, b);
		break;
	case 8: {
		off_t from = at, to = far;
		int out = s->fd[(b[1] >> 4) % FDS];

		say(s, "copy", copy_file_range(fd, &from, out, &to, len, 0));
		break;
	}
	default:
		say_file(s, fd);
		break;
	}
}

static void do_name(struct side *s, const uint8_t *b)
{
	const char *name = name_of(b[1]), *other = name_of(b[2]);
	char text[100] = "";

	switch (b[0] % 10) {
	case 0:
		say(s, "unlink", unlinkat(s->dir, name, 0));
		break;
	case 1:
		say(s, "rename", renameat2(s->dir, name, s->dir, other, b[3] % 3));
		break;
	case 2:
		say(s, "link", linkat(s->dir, name, s->dir, other, 0));
		break;
	case 3:
		say(s, "mkdir", mkdirat(s->dir, name, 0750));
		break;
	case 4:
		say(s, "rmdir", unlinkat(s->dir, name, AT_REMOVEDIR));
		break;
	case 5:
		say(s, "symlink", symlinkat(other, s->dir, name));
		break;
	case 6:
		say(s, "readlink", readlinkat(s->dir, name, text, sizeof(text)));
		break;
	case 7:
		say(s, "chmod", fchmodat(s->dir, name, 0600 | b[3] % 8, 0));
		break;
	case 8:
		say(s, "access", faccessat(s->dir, name, F_OK, 0));
		break;
	default:
		do_unnamed(s, b);
		break;
	}
}

static void list(struct side *s)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		int fd = openat(s->dir, names[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

		say(s, names[i], fd < 0 ? -1 : 0);
		if (fd < 0)
			continue;
		say_file(s, fd);
		say_data(s, fd, 0, SPAN);
		close(fd);
	}
}

static void clear(struct side *s)
{
	for (int i = 0; i < FDS; i++) {
		if (s->fd[i] >= 0)
			close(s->fd[i]);
		s->fd[i] = -1;
	}
	for (size_t i = sizeof(names) / sizeof(*names); i-- > 0;)
		if (unlinkat(s->dir, names[i], 0) < 0)
			unlinkat(s->dir, names[i], AT_REMOVEDIR);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (unlinkat(s->dir, names[i], 0) < 0)
			unlinkat(s->dir, names[i], AT_REMOVEDIR);
}

static void run(struct side *s, const uint8_t *data, size_t size)
{
	s->len = 0;
	s->mapped = false;
	for (size_t i = 0; i + 4 <= size && i < 4 * OPS_MAX; i += 4) {
		const uint8_t *b = data + i;

		if (b[0] % 4 == 0)
			do_open(s, b);
		else if (b[0] % 4 == 1)
			do_name(s, b);
		else
			do_fd(s, b);
	}
	list(s);
	clear(s);
}

static void end(void)
{
	disk_free(disk);
	umount2(top, MNT_DETACH);
	rmdir(top);
}

static void begin(void)
{
	static char back[80], mnt[80], plain[80];
	struct disk_opts o = { .name = "fuzz", .backing = back, .mount = mnt };
	struct mount_attr links = { .attr_clr = MOUNT_ATTR_NOSYMFOLLOW }; /* as a node gets it */
	struct err e = { 0 };

	snprintf(top, sizeof(top), "/tmp/wd-fuzz-XXXXXX");
	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0 || !mkdtemp(top)) {
		puts("SKIP: needs root and /dev/fuse");
		exit(0);
	}
	snprintf(back, sizeof(back), "%s/back", top);
	snprintf(mnt, sizeof(mnt), "%s/mnt", top);
	snprintf(plain, sizeof(plain), "%s/plain", top);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", top, "tmpfs", 0, "size=1m") < 0 || mkdir(back, 0755) < 0 ||
	    mkdir(mnt, 0755) < 0 || mkdir(plain, 0755) < 0 ||
	    mount("tmpfs", back, "tmpfs", 0, "size=64m") < 0 ||
	    mount("tmpfs", plain, "tmpfs", 0, "size=64m") < 0 || disk_new(&disk, &o, &e) < 0 ||
	    mount_setattr(AT_FDCWD, mnt, 0, &links, sizeof(links)) < 0)
		abort();
	umask(022);
	atexit(end);
	side[0].dir = open(plain, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	side[1].dir = open(mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < FDS; i++)
		side[0].fd[i] = side[1].fd[i] = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	size_t n;

	if (!disk)
		begin();
	run(&side[0], data, size);
	run(&side[1], data, size);
	for (n = 0; n < side[0].len && side[0].said[n] == side[1].said[n];)
		n++;
	if (side[0].len != side[1].len || n < side[0].len || disk_alive(disk, &e) < 0) {
		while (n > 0 && side[0].said[n - 1] != '\n')
			n--;
		fprintf(stderr, "plain: %.*s\n disk: %.*s\n%s\n",
			(int)strcspn(side[0].said + n, "\n"), side[0].said + n,
			(int)strcspn(side[1].said + n, "\n"), side[1].said + n, e.msg);
		abort();
	}
	return 0;
}

#include "tests/fuzz/replay.h"
