/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk without a fault: one script of POSIX behaviour, run on a plain tmpfs and through the
 * mount, must leave the same transcript line by line; many at once leave nothing wrong.
 */
#include <dirent.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "disk_world.h"

/* ---- the script: what POSIX programs do, and what they see ---- */

static void see(struct buf *o, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		buf_printf(o, "%s: %s\n", path, strerrorname_np(errno));
		return;
	}
	buf_printf(o, "%s: %o %u:%u links %u size %lld\n", path, st.st_mode, st.st_uid, st.st_gid,
		   S_ISDIR(st.st_mode) ? 0 : (unsigned)st.st_nlink,
		   S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size);
}

static void list(struct buf *o, const char *path)
{
	struct dirent **d;
	int n = scandir(path, &d, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		buf_printf(o, "%s/%s %d\n", path, d[i]->d_name, d[i]->d_type);
		free(d[i]);
	}
	if (n >= 0)
		free(d);
	note(o, "list", n);
}

static void show_text(struct buf *o, const char *path)
{
	char text[512];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	note(o, path, n);
	buf_add(o, text, n > 0 ? (size_t)n : 0);
	buf_addc(o, '\n');
	close(fd);
}

static void make(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static void script_create(struct buf *o)
{
	int fd;

	T(fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
	T(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
	T(open("none", O_RDONLY));
	T(open("a/b", O_RDONLY));
	T(open(".", O_WRONLY));
	T(write(fd, "hello world", 11));
	T(pwrite(fd, "J", 1, 0));
	T(lseek(fd, -5, SEEK_END));
	T(lseek(fd, -50, SEEK_END));
	see(o, "a");
	show_text(o, "a");
	T(open("a", O_RDONLY | O_DIRECTORY));
	T(open(".", O_RDONLY | O_DIRECTORY) >= 0);
	T(creat("u", 0777));
	see(o, "u");
	T(close(creat("secret", 0)));
	T(open("secret", O_RDONLY));
	T(access("secret", R_OK));
	T(access("a", R_OK | W_OK));
	T(access("a", X_OK));
	T(mkdir("d", 0755));
	T(mkdir("d", 0755));
	T(mkdir("none/d", 0755));
	T(mkdir("a/d", 0755));
	T(rmdir("a"));
	T(unlink("d"));
	T(rmdir("none"));
	T(mkdir("d/e", 0700));
	T(rmdir("d"));
	see(o, "d");
	list(o, "d");
	T(rmdir("d/e"));
	T(rmdir("d"));
	T(mkfifo("fifo", 0600));
	see(o, "fifo");
	T(mknod("dev", S_IFCHR | 0600, 0x103));
	T(chdir("none"));
	list(o, ".");
}

static void script_append(struct buf *o)
{
	char text[64];
	int a, b;

	T(a = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644));
	T(b = open("log", O_WRONLY | O_APPEND));
	T(write(a, "one ", 4));
	T(write(b, "two ", 4));
	T(write(a, "three", 5));
	T(lseek(a, 0, SEEK_CUR));
	T(read(a, text, 1));
	show_text(o, "log");
	T(ftruncate(a, 3));
	T(write(b, "!", 1));
	show_text(o, "log");
	T(truncate("log", 100));
	see(o, "log");
	T(truncate("log", -1));
	T(truncate("none", 0));
	T(truncate(".", 0));
	T(close(open("log", O_WRONLY | O_TRUNC)));
	see(o, "log");
}

static void script_links(struct buf *o)
{
	char text[64] = "";

	make("f", "text");
	T(link("f", "g"));
	T(link("f", "g"));
	T(link("none", "h"));
	T(link(".", "h"));
	see(o, "f");
	T(symlink("f", "s"));
	T(symlink("nowhere", "dangling"));
	T(symlink("loop", "loop"));
	T(readlink("s", text, sizeof(text) - 1));
	buf_printf(o, "-> %s\n", text);
	T(readlink("f", text, sizeof(text)));
	show_text(o, "s");
	T(open("dangling", O_RDONLY));
	T(open("loop", O_RDONLY));
	T(open("s", O_RDONLY | O_NOFOLLOW));
	T(link("s", "s2"));
	see(o, "s2");
	see(o, "s");
	T(unlink("f"));
	see(o, "g");
	show_text(o, "g");
	T(open("s", O_RDONLY));
	T(close(open("s", O_WRONLY | O_CREAT, 0600)));
	see(o, "f");
	T(chown("g", USER, USER));
	T(lchown("s", USER, USER));
	T(chown("g", 1, 1));
}

static void script_rename(struct buf *o)
{
	make("a", "a");
	make("b", "bb");
	T(mkdir("d", 0755));
	T(mkdir("e", 0755));
	make("e/x", "xxx");
	T(rename("a", "a2"));
	T(rename("none", "a"));
	T(rename("a2", "b"));
	show_text(o, "b");
	T(rename("b", "d"));
	T(rename("d", "b"));
	T(rename("d", "e"));
	T(rename("e", "d"));
	show_text(o, "d/x");
	T(rename("d", "d/inside"));
	T(rename("d/x", "x"));
	T(renameat2(AT_FDCWD, "b", AT_FDCWD, "x", RENAME_NOREPLACE));
	T(renameat2(AT_FDCWD, "b", AT_FDCWD, "x", RENAME_EXCHANGE));
	show_text(o, "b");
	show_text(o, "x");
	T(renameat2(AT_FDCWD, "b", AT_FDCWD, "none", RENAME_EXCHANGE));
	T(link("b", "b2"));
	T(rename("b", "b2"));
	see(o, "b");
	see(o, "b2");
	list(o, ".");
}

static void script_unlinked(struct buf *o)
{
	char text[64] = "";
	struct stat st;
	int fd;

	T(fd = open("gone", O_RDWR | O_CREAT, 0600));
	T(unlink("gone"));
	T(write(fd, "still here", 10));
	T(ftruncate(fd, 5));
	T(fstat(fd, &st));
	buf_printf(o, "links %u size %lld\n", (unsigned)st.st_nlink, (long long)st.st_size);
	T(pread(fd, text, sizeof(text), 0));
	buf_printf(o, "%s\n", text);
	T(fchmod(fd, 0644));
	T(fsync(fd));
	T(open("gone", O_RDONLY));
	T(mkdir("was", 0755));
	T(chdir("was"));
	T(rmdir("../was"));
	T(creat("x", 0600));
	T(chdir(".."));
}

static void script_modes(struct buf *o)
{
	struct timespec t[2] = { { .tv_sec = 1000000000, .tv_nsec = 123456789 },
				 { .tv_sec = 1000000001, .tv_nsec = 987654321 } };
	struct stat st;
	int fd;

	make("f", "x");
	T(chmod("f", 0600));
	see(o, "f");
	T(chmod("f", 06755));
	see(o, "f");
	T(fd = open("f", O_WRONLY));
	T(write(fd, "y", 1));
	see(o, "f");
	T(chmod("f", 06755));
	T(ftruncate(fd, 0));
	see(o, "f");
	T(chmod("f", 06755));
	T(chown("f", USER, USER));
	see(o, "f");
	T(utimensat(AT_FDCWD, "f", t, 0));
	T(stat("f", &st));
	buf_printf(o, "%lld.%09ld %lld.%09ld\n", (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
		   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	T(mkdir("d", 0700));
	make("d/x", "x");
	T(chmod("d", 0));
	T(open("d/x", O_RDONLY));
	T(open("d", O_RDONLY));
	T(creat("d/y", 0600));
	T(unlink("d/x"));
	T(chmod("d", 0500));
	T(creat("d/y", 0600));
	T(unlink("d/x"));
	T(rename("d/x", "x"));
	T(open("d/x", O_RDONLY) >= 0);
	T(chmod("d", 02755));
	T(mkdir("d/sub", 0755));
	see(o, "d/sub");
	T(chmod("/", 0700));
	T(chmod("..", 0700));
	T(creat("../above", 0600));
	T(mkdir("../above", 0700));
}

static void script_space(struct buf *o)
{
	struct stat st;
	char text[16] = "";
	int fd, to;

	T(fd = open("sparse", O_RDWR | O_CREAT, 0600));
	T(pwrite(fd, "x", 1, 1 << 20));
	T(lseek(fd, 0, SEEK_DATA));
	T(lseek(fd, 0, SEEK_HOLE));
	T(lseek(fd, 1 << 20, SEEK_HOLE));
	T(lseek(fd, 2 << 20, SEEK_DATA));
	T(fstat(fd, &st));
	buf_printf(o, "blocks %lld\n", (long long)st.st_blocks);
	T(fallocate(fd, 0, 0, 65536));
	T(fallocate(fd, FALLOC_FL_KEEP_SIZE, 2 << 20, 4096));
	T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 32768));
	T(fallocate(fd, 0, -1, 5));
	T(posix_fallocate(fd, 3 << 20, 100));
	T(fstat(fd, &st));
	buf_printf(o, "size %lld blocks %lld\n", (long long)st.st_size, (long long)st.st_blocks);
	T(pread(fd, text, 1, 1 << 20));
	buf_printf(o, "%s\n", text);
	T(to = open("copy", O_RDWR | O_CREAT, 0600));
	T(lseek(fd, 1 << 20, SEEK_SET));
	T(copy_file_range(fd, NULL, to, NULL, 10, 0));
	T(fdatasync(to));
	T(fsync(fd));
	T(syncfs(fd));
	see(o, "copy");
	T(fd = open(".", O_RDONLY | O_DIRECTORY));
	T(fsync(fd));
	T(fdatasync(fd));
}

static void script_xattr(struct buf *o)
{
	char text[64] = "";

	make("f", "x");
	T(getxattr("f", "user.none", text, sizeof(text)));
	T(setxattr("f", "user.a", "value", 5, 0));
	T(setxattr("f", "user.a", "value", 5, XATTR_CREATE));
	T(setxattr("f", "user.b", "value", 5, XATTR_REPLACE));
	T(getxattr("f", "user.a", NULL, 0));
	T(getxattr("f", "user.a", text, 2));
	T(getxattr("f", "user.a", text, sizeof(text)));
	buf_printf(o, "%s\n", text);
	T(listxattr("f", text, sizeof(text)));
	T(removexattr("f", "user.a"));
	T(removexattr("f", "user.a"));
}

static void script_names(struct buf *o)
{
	char longest[300];
	int fd;

	memset(longest, 'n', sizeof(longest));
	longest[255] = '\0';
	T(fd = creat(longest, 0600));
	T(close(fd));
	longest[255] = 'n';
	longest[256] = '\0';
	T(creat(longest, 0600));
	T(close(creat("\xff\xfe\x01 \"\\\n", 0600)));
	T(close(creat("-rf *", 0600)));
	T(open("", O_RDONLY));
	list(o, ".");
	for (int i = 0; i < 3000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "many-%d", i);
		close(creat(name, 0600));
	}
	list(o, ".");
}

static void script_map(struct buf *o)
{
	int fd = open("map", O_RDWR | O_CREAT, 0600);
	char *shared, *copy, text[8] = "";

	T(ftruncate(fd, 8192));
	shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	copy = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	T(shared != MAP_FAILED && copy != MAP_FAILED);
	memcpy(shared, "mapped", 6);
	T(pread(fd, text, 6, 0));
	buf_printf(o, "%s\n", text);
	T(pwrite(fd, "WRITE", 5, 0));
	buf_printf(o, "%.6s\n", shared);
	memcpy(copy, "mine", 4);
	buf_printf(o, "%.6s %.6s\n", shared, copy);
	T(msync(shared, 8192, MS_SYNC));
	if (fork() == 0) {
		memcpy(shared + 4096, "child", 5);
		_exit(0);
	}
	T(wait(NULL) > 0);
	buf_printf(o, "%.5s\n", shared + 4096);
	T(pread(fd, text, 5, 4096));
	buf_printf(o, "%.5s\n", text);
	T(ftruncate(fd, 10));
	T(ftruncate(fd, 8192));
	buf_printf(o, "after: %.6s %d\n", shared, shared[4096]);
}

static void script_locks(struct buf *o)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5 };
	int fd = open("lock", O_RDWR | O_CREAT, 0600), other = open("lock", O_RDWR);

	T(fcntl(fd, F_SETLK, &lock));
	T(flock(fd, LOCK_EX));
	T(flock(other, LOCK_EX | LOCK_NB));
	T(fcntl(other, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET,
						      .l_start = 30, .l_len = 5 }));
	fflush(stdout);
	if (fork() == 0) {
		struct flock want = lock;
		int bad = fcntl(fd, F_SETLK, &want) == 0;

		want.l_start = 20;
		bad |= fcntl(fd, F_SETLK, &want) < 0;
		want.l_start = 30;
		bad |= fcntl(fd, F_SETLK, &want) == 0;
		_exit(bad);
	}
	int status = 0;

	T(wait(&status) > 0);
	T(status);
	T(close(other));
	T(fcntl(fd, F_GETLK, &lock));
	T(lock.l_type == F_UNLCK);
}

static void script_direct(struct buf *o)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd, plain_fd;

	T(fd = open("direct", O_RDWR | O_CREAT | O_DIRECT, 0600));
	memset(page, 'd', 8192);
	T(write(fd, page, 8192));
	T(plain_fd = open("direct", O_RDWR));
	T(pwrite(plain_fd, "buffered", 8, 4096));
	memset(page, 0, 8192);
	T(pread(fd, page, 8192, 0));
	buf_printf(o, "%.3s %.10s\n", page, page + 4096);
	T(pwrite(fd, memset(page, 'e', 4096), 4096, 4096));
	T(pread(plain_fd, page, 3, 4096));
	buf_printf(o, "%.3s\n", page);
	T(open("sync", O_WRONLY | O_CREAT | O_SYNC, 0600));
}

static void script_socket(struct buf *o)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

	T(bind(s, (struct sockaddr *)&a, sizeof(a)));
	T(listen(s, 1));
	T(connect(c, (struct sockaddr *)&a, sizeof(a)));
	see(o, "sock");
	T(unlink("sock"));
}

static void script_unnamed(struct buf *o)
{
	char text[64] = "", at[64];
	struct stat st;
	int fd, other;

	T((fd = open(".", O_TMPFILE | O_RDWR, 0640)) >= 0);
	T(write(fd, "no name", 7));
	T(fstat(fd, &st));
	buf_printf(o, "%o links %u size %lld\n", st.st_mode, (unsigned)st.st_nlink,
		   (long long)st.st_size);
	list(o, ".");
	snprintf(at, sizeof(at), "/proc/self/fd/%d", fd);
	T(linkat(AT_FDCWD, at, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	see(o, "named");
	show_text(o, "named");
	T(pwrite(fd, "A", 1, 0));
	show_text(o, "named");
	T((other = open(".", O_TMPFILE | O_EXCL | O_RDWR, 0600)) >= 0);
	snprintf(at, sizeof(at), "/proc/self/fd/%d", other);
	T(linkat(AT_FDCWD, at, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
	T(pwrite(other, "x", 1, 10));
	T(pread(other, text, 20, 0));
	T(open("named", O_TMPFILE | O_RDWR, 0600));
	T(open(".", O_TMPFILE | O_RDONLY, 0600));
	T(close(other));
	list(o, ".");
}

static void (*const scripts[])(struct buf *o) = {
	script_create, script_append, script_links, script_rename, script_unlinked, script_modes,
	script_space, script_xattr, script_names, script_map, script_locks, script_direct,
	script_socket, script_unnamed,
};

/* The first line that differs, for a person to read. */
static void same_lines(const char *want, const char *got)
{
	while (*want && *got) {
		size_t n = strcspn(want, "\n"), m = strcspn(got, "\n");

		ck_assert_msg(n == m && !memcmp(want, got, n), "plain: %.*s\n disk: %.*s", (int)n,
			      want, (int)m, got);
		want += n + (want[n] == '\n');
		got += m + (got[m] == '\n');
	}
	ck_assert_msg(*want == *got, "one transcript is longer: %.80s%.80s", want, got);
}

START_TEST(test_like_plain)
{
	struct world w = { 0 };
	char dir[2][400];
	char *want, *got;

	world_open(&w);
	snprintf(dir[0], sizeof(dir[0]), "%s/0", plain);
	snprintf(dir[1], sizeof(dir[1]), "%s/0", mnt);
	want = as_user(dir[0], scripts[_i]);
	got = as_user(dir[1], scripts[_i]);
	ck_assert_int_gt(strlen(want), 20);
	same_lines(want, got);
	free(want);
	free(got);
	world_close(&w);
}
END_TEST

/* ---- many at once ---- */

static void churn(struct buf *o)
{
	int bad = 0;

	for (int i = 0; i < 60; i++) {
		char a[32], b[32];
		int fd;
		char *map;

		snprintf(a, sizeof(a), "c-%d-%d", getpid(), i);
		snprintf(b, sizeof(b), "r-%d-%d", getpid(), i);
		fd = open(a, O_RDWR | O_CREAT, 0600);
		bad += fd < 0 || pwrite(fd, block, 20000, 0) != 20000;
		map = mmap(NULL, 20480, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		memset(map, i, 20000);
		bad += rename(a, b) < 0 || ftruncate(fd, 100) < 0;
		bad += map[99] != i || pwrite(fd, "end", 3, 50000) != 3;
		bad += map[8192] != 0 || unlink(b) < 0;
		munmap(map, 20480);
		close(fd);
		fd = open("shared", O_RDWR | O_CREAT, 0600);
		bad += pwrite(fd, block, 1 + (size_t)i * 100, i) < 0 || ftruncate(fd, i * 50) < 0;
		close(fd);
	}
	buf_printf(o, "%d", bad);
}

static void churn_many(struct buf *o)
{
	int bad = 0, status;

	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			struct buf mine = { 0 };

			churn(&mine);
			_exit(strcmp(mine.data, "0") != 0);
		}
	while (wait(&status) > 0)
		bad += status != 0;
	unlink("shared");
	list(o, ".");
	buf_printf(o, "bad %d\n", bad);
}

static void many_open(struct buf *o)
{
	int bad = 0;

	for (int i = 0; i < 4000; i++) {
		char name[32];
		int fd;

		snprintf(name, sizeof(name), "open-%d", i);
		fd = open(name, O_RDWR | O_CREAT, 0600);
		bad += fd < 0 || write(fd, name, 8) != 8;
	}
	buf_printf(o, "%d", bad);
}

START_TEST(test_many)
{
	struct world w = { 0 };

	world_open(&w);
	expect(churn_many, "./. 4\n./.. 4\nlist = 2 \nbad 0\n");
	expect(many_open, "0");
	world_close(&w);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("disk");
	TCase *like = tcase_create("like a plain disk");

	tcase_add_loop_test(like, test_like_plain, 0, sizeof(scripts) / sizeof(*scripts));
	tcase_add_test(like, test_many);
	tcase_set_timeout(like, 60);
	suite_add_tcase(s, like);
	return s;
}

int main(void)
{
	return disk_world_main(suite);
}
