/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk: one script of POSIX behaviour, run on a plain tmpfs and through the
 * mount, must leave the same transcript line by line; then each rule: off, the
 * operation succeeds; on, it fails as declared, with exactly those hits; healed,
 * it is as before.
 *
 *   <tmp>/plain    tmpfs          <tmp>/back ── disk ── <tmp>/mnt
 *
 * Needs root (or a user namespace that is root) and /dev/fuse; skipped
 * otherwise, saying so.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "disk/disk.h"
#include "disk/rule.h"
#include "tests/unit/suite.h"

#define USER 12345

static char top[256];
static char back[300], mnt[300], plain[300];

/* Hits that came, in words: "write a.txt ENOSPC 4096@0; ". */
struct world {
	struct disk *disk;
	struct loop *loop;
	struct buf hits;
	int count;
	struct disk_hit last;
};

static void mount_all(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", top, "tmpfs", MS_NOSUID, "mode=755"), 0);
	ck_assert_int_eq(mkdir(back, 0755) | mkdir(mnt, 0755) | mkdir(plain, 0755), 0);
	ck_assert_int_eq(mount("tmpfs", back, "tmpfs", MS_NOSUID | MS_NODEV,
			       "mode=755,size=64m,nr_inodes=20000"), 0);
	ck_assert_int_eq(mount("tmpfs", plain, "tmpfs", MS_NOSUID | MS_NODEV,
			       "mode=755,size=64m,nr_inodes=20000"), 0);
}

static void world_open(struct world *w)
{
	static const char *const dirs[] = { "/var/lib/pos" };
	struct disk_opts o = { .name = "shop", .backing = back, .mount = mnt, .dirs = dirs,
			       .dirs_count = 1 };
	struct mount_attr links = { .attr_clr = MOUNT_ATTR_NOSYMFOLLOW }; /* as a node gets it */
	char path[400];
	struct err e = { 0 };

	mount_all();
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/0", i ? plain : back);
		ck_assert_int_eq(mkdir(path, 0755), 0);
		ck_assert_int_eq(chown(path, USER, USER), 0);
	}
	ck_assert_msg(disk_new(&w->disk, &o, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(mount_setattr(AT_FDCWD, mnt, 0, &links, sizeof(links)), 0);
	ck_assert_int_eq(loop_new(&w->loop, &e), 0);
}

static void world_close(struct world *w)
{
	disk_free(w->disk);
	loop_free(w->loop);
	buf_done(&w->hits);
}

/* Run fn in a child as the user, in dir; what it adds to its buffer comes back as text. */
static char *as_user(const char *dir, void (*fn)(struct buf *out))
{
	struct buf text = { 0 };
	char chunk[4096];
	int p[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		struct buf out = { 0 };

		close(p[0]);
		if (chdir(dir) < 0 || setgid(USER) < 0 || setuid(USER) < 0)
			_exit(1);
		umask(022);
		fn(&out);
		for (size_t done = 0; done < out.len; done += (size_t)n)
			if ((n = write(p[1], out.data + done, out.len - done)) <= 0)
				_exit(2);
		_exit(0);
	}
	close(p[1]);
	while ((n = read(p[0], chunk, sizeof(chunk))) > 0)
		buf_add(&text, chunk, (size_t)n);
	close(p[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child: %x", status);
	return buf_steal(&text);
}

/* ---- the script: what POSIX programs do, and what they see ---- */

static void note(struct buf *o, const char *what, long long r)
{
	buf_printf(o, "%s = %lld %s\n", what, r < 0 ? -1 : r, r < 0 ? strerrorname_np(errno) : "");
}
#define T(call) note(o, #call, (long long)(call))

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

static void (*const scripts[])(struct buf *o) = {
	script_create, script_append, script_links, script_rename, script_unlinked, script_modes,
	script_space, script_xattr, script_names, script_map, script_locks, script_direct,
	script_socket,
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

/* ---- rules ---- */

static void on_hit(void *arg, const struct disk_hit *h)
{
	struct world *w = arg;

	w->count += (int)h->count;
	w->last = *h;
	buf_printf(&w->hits, "%s %s %s; ", disk_op_names[h->op], h->path,
		   h->error ? strerrorname_np(h->error) : "ok");
}

static struct disk_rule rule_of(enum disk_effect effect, uint32_t ops)
{
	return (struct disk_rule){ .effect = effect, .ops = ops, .name = "test.0.1", .seed = 7,
				   .error = EIO, .chance = 1, .gate = gate_all() };
}

static unsigned arm(struct world *w, const struct disk_rule *r)
{
	struct err e = { 0 };
	unsigned id = 0;

	buf_reset(&w->hits);
	w->count = 0;
	ck_assert_msg(disk_rule_add(w->disk, w->loop, r, on_hit, w, &id, &e) == 0, "%s", e.msg);
	return id;
}

static void heal(struct world *w, unsigned id)
{
	struct err e = { 0 };

	ck_assert_msg(disk_rule_del(w->disk, id, &e) == 0, "%s", e.msg);
}

static char *in_mnt(void (*fn)(struct buf *o))
{
	char dir[400];

	snprintf(dir, sizeof(dir), "%s/0", mnt);
	return as_user(dir, fn);
}

static void expect(void (*fn)(struct buf *o), const char *want)
{
	char *got = in_mnt(fn);

	ck_assert_str_eq(got, want);
	free(got);
}

static void two_writes(struct buf *o)
{
	int a = open("a.txt", O_RDWR | O_CREAT, 0600), b = open("b.log", O_RDWR | O_CREAT, 0600);

	T(write(a, "x", 1));
	T(write(b, "x", 1));
	T(fsync(a));
}

#define TWO_GOOD "write(a, \"x\", 1) = 1 \nwrite(b, \"x\", 1) = 1 \nfsync(a) = 0 \n"

START_TEST(test_error)
{
	struct disk_rule r = rule_of(DISK_ERROR, DISK_BIT(DISK_WRITE));
	struct world w = { 0 };
	unsigned id;

	world_open(&w);
	snprintf(r.path, sizeof(r.path), "*.txt");
	expect(two_writes, TWO_GOOD);
	id = arm(&w, &r);
	expect(two_writes, "write(a, \"x\", 1) = -1 EIO\nwrite(b, \"x\", 1) = 1 \nfsync(a) = 0 \n");
	heal(&w, id);
	ck_assert_str_eq(w.hits.data, "write a.txt EIO; ");
	expect(two_writes, TWO_GOOD);
	ck_assert_int_eq(w.count, 1);
	snprintf(r.path, sizeof(r.path), "/var/lib/pos/b.*");
	r.ops = DISK_BIT(DISK_OPEN);
	r.error = ENODEV;
	id = arm(&w, &r);
	free(in_mnt(two_writes));
	heal(&w, id);
	ck_assert_str_eq(w.hits.data, "open b.log ENODEV; ");
	world_close(&w);
}
END_TEST

/* The worker's own requests meet no fault; a service's process is known by its keeper. */
START_TEST(test_who)
{
	struct disk_rule r = rule_of(DISK_ERROR, DISK_BIT(DISK_WRITE));
	struct world w = { 0 };
	char path[400];
	unsigned id;
	int fd;

	world_open(&w);
	snprintf(r.path, sizeof(r.path), "*.txt");
	snprintf(r.service, sizeof(r.service), "pos");
	id = arm(&w, &r);
	expect(two_writes, TWO_GOOD);
	disk_owner(w.disk, getpid(), "shop/pos/3");
	free(in_mnt(two_writes));
	snprintf(path, sizeof(path), "%s/0/a.txt", mnt);
	fd = open(path, O_WRONLY);
	ck_assert_int_eq(write(fd, "y", 1), 1);
	close(fd);
	heal(&w, id);
	ck_assert_int_eq(w.count, 1);
	ck_assert_str_eq(w.last.process, "shop/pos/3");
	snprintf(r.service, sizeof(r.service), "other/*");
	id = arm(&w, &r);
	expect(two_writes, TWO_GOOD);
	heal(&w, id);
	ck_assert_int_eq(w.count, 0);
	world_close(&w);
}
END_TEST

static void hundred_writes(struct buf *o)
{
	int fd = open("h", O_RDWR | O_CREAT, 0600);

	for (int i = 0; i < 100; i++)
		buf_addc(o, write(fd, "x", 1) == 1 ? '.' : 'E');
}

/* The same seed and name decide the same; another name does not; nth lets one through. */
START_TEST(test_draws)
{
	struct disk_rule r = rule_of(DISK_ERROR, DISK_BIT(DISK_WRITE));
	struct world w = { 0 };
	char *once, *again, *other, *third;
	unsigned id;

	world_open(&w);
	r.chance = 0.3;
	id = arm(&w, &r);
	once = in_mnt(hundred_writes);
	heal(&w, id);
	ck_assert_int_gt(w.count, 10);
	ck_assert_int_lt(w.count, 60);
	id = arm(&w, &r);
	again = in_mnt(hundred_writes);
	heal(&w, id);
	ck_assert_str_eq(once, again);
	snprintf(r.name, sizeof(r.name), "test.0.2");
	id = arm(&w, &r);
	other = in_mnt(hundred_writes);
	heal(&w, id);
	ck_assert_str_ne(once, other);
	r.chance = 1;
	r.gate.first = r.gate.last = 3;
	r.gate.step = 1;
	id = arm(&w, &r);
	third = in_mnt(hundred_writes);
	heal(&w, id);
	ck_assert_int_eq(w.count, 1);
	ck_assert_int_eq((int)strcspn(third, "E"), 2);
	free(once);
	free(again);
	free(other);
	free(third);
	world_close(&w);
}
END_TEST

static char block[65536];

static void fill(struct buf *o)
{
	struct statvfs st;
	int fd, old;

	memset(block, 'b', sizeof(block)); /* there, so that a write is one request */
	T(old = open("old", O_RDWR));
	T(fd = open("new", O_RDWR | O_CREAT, 0600));
	T(write(fd, block, 65536));
	T(write(fd, block, 1));
	T(pwrite(old, block, 4096, 0));
	T(mkdir("dir", 0755));
	T(fallocate(fd, 0, 65536, 65536));
	T(close(creat("empty", 0600)));
	T(statvfs(".", &st));
	buf_printf(o, "left %llu\n", (unsigned long long)(st.f_bavail * st.f_frsize));
	T(unlink("old"));
	T(close(old));
	T(pwrite(fd, block, 4096, 8192));
	T(mkdir("dir", 0755));
	T(unlink("new"));
}

static void make_old(struct buf *o)
{
	int fd = open("old", O_RDWR | O_CREAT, 0600);

	T(write(fd, block, 8192));
	rmdir("dir");
	unlink("empty");
}

START_TEST(test_full)
{
	struct disk_rule r = rule_of(DISK_FULL, DISK_ALL_OPS);
	const char *e = _i ? "EDQUOT" : "ENOSPC";
	struct world w = { 0 };
	struct err err = { 0 };
	char want[2000], *got;
	unsigned id;

	world_open(&w);
	r.error = _i ? EDQUOT : ENOSPC;
	r.hidden = _i;
	r.left = 8192;
	free(in_mnt(make_old));
	id = arm(&w, &r);
	got = in_mnt(fill);
	heal(&w, id);
	snprintf(want, sizeof(want), "write(fd, block, 65536) = 8192 \n"
		 "write(fd, block, 1) = -1 %s\n"
		 "pwrite(old, block, 4096, 0) = 4096 \nmkdir(\"dir\", 0755) = -1 %s\n"
		 "fallocate(fd, 0, 65536, 65536) = -1 %s\nclose(creat(\"empty\", 0600)) = 0 \n"
		 "statvfs(\".\", &st) = 0 \n", e, e, e);
	ck_assert_msg(strstr(got, want), "%s", got);
	ck_assert(!!strstr(got, "left 0\n") == !_i);
	ck_assert_ptr_nonnull(strstr(got, "pwrite(fd, block, 4096, 8192) = 4096 \n"
				     "mkdir(\"dir\", 0755) = 0 \n"));
	snprintf(want, sizeof(want),
		 "write new ok; write new %s; mkdir dir %s; allocate new %s; ", e, e, e);
	ck_assert_str_eq(w.hits.data, want);
	ck_assert_msg(disk_alive(w.disk, &err) == 0, "%s", err.msg);
	free(got);
	free(in_mnt(make_old));
	got = in_mnt(fill);
	ck_assert_ptr_null(strstr(got, e));
	free(got);
	world_close(&w);
}
END_TEST

static void late(struct buf *o)
{
	struct statvfs st;
	int fd = open("late", O_RDWR | O_CREAT, 0600);

	T(write(fd, block, 4096));
	T(fsync(fd));
	T(write(fd, block, 65536));
	T(fsync(fd));
	T(statvfs(".", &st));
	buf_printf(o, "left %llu\n", (unsigned long long)st.f_bavail);
	T(ftruncate(fd, 4096));
	T(fdatasync(fd));
}

START_TEST(test_full_late)
{
	struct disk_rule r = rule_of(DISK_FULL, DISK_ALL_OPS);
	struct world w = { 0 };
	unsigned id;

	world_open(&w);
	r.late = true;
	r.error = ENOSPC;
	r.left = 8192;
	id = arm(&w, &r);
	expect(late, "write(fd, block, 4096) = 4096 \nfsync(fd) = 0 \n"
	       "write(fd, block, 65536) = 65536 \nfsync(fd) = -1 ENOSPC\nstatvfs(\".\", &st) = 0 \n"
	       "left 0\nftruncate(fd, 4096) = 0 \nfdatasync(fd) = 0 \n");
	heal(&w, id);
	ck_assert_str_eq(w.hits.data, "fsync late ENOSPC; ");
	world_close(&w);
}
END_TEST

static void files(struct buf *o)
{
	int fd;

	T((fd = creat("one", 0600)) >= 0);
	T(creat("two", 0600) >= 0);
	T(mkdir("three", 0600));
	T(write(fd, block, 4096));
	T(close(fd));
	T(unlink("one"));
	T(mkdir("three", 0600));
	unlink("two");
	rmdir("three");
}

START_TEST(test_inodes)
{
	struct disk_rule r = rule_of(DISK_INODES, DISK_BIT(DISK_CREATE) | DISK_BIT(DISK_MKDIR));
	struct world w = { 0 };
	char *got;
	unsigned id;

	world_open(&w);
	r.error = ENOSPC;
	r.left = 1;
	id = arm(&w, &r);
	got = in_mnt(files);
	heal(&w, id);
	ck_assert_msg(strstr(got, "creat(\"two\", 0600) >= 0 = 0 \n"
			     "mkdir(\"three\", 0600) = -1 ENOSPC\n"
			     "write(fd, block, 4096) = 4096 \n"), "%s", got);
	ck_assert_str_eq(w.hits.data, "create two ENOSPC; mkdir three ENOSPC; ");
	free(got);
	got = in_mnt(files);
	ck_assert_ptr_null(strstr(got, "two\", 0600) >= 0 = 0"));
	free(got);
	world_close(&w);
}
END_TEST

static void parts(struct buf *o)
{
	char text[8192];
	int fd = open("part", O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t same = 0;

	memset(text, 'p', sizeof(text));
	buf_printf(o, "%zd ", write(fd, text, sizeof(text)));
	memset(text, 0, sizeof(text));
	buf_printf(o, "%zd ", pread(fd, text, sizeof(text), 0));
	while (same < sizeof(text) && text[same] == 'p')
		same++;
	buf_printf(o, "%zu", same);
}

static void parts_again(struct buf *o)
{
	char text[8192] = "";
	size_t same = 0;
	int fd = open("part", O_RDONLY);

	buf_printf(o, "%zd ", read(fd, text, sizeof(text)));
	while (same < sizeof(text) && text[same] == 'p')
		same++;
	buf_printf(o, "%zu", same);
}

START_TEST(test_short_write)
{
	struct disk_rule r = rule_of(DISK_SHORT, DISK_BIT(DISK_WRITE));
	struct world w = { 0 };
	char want[64];
	unsigned id;

	world_open(&w);
	id = arm(&w, &r);
	{
		char *got = in_mnt(parts);

		heal(&w, id);
		ck_assert_int_eq(w.count, 1);
		ck_assert_uint_gt(w.last.done, 0);
		ck_assert_uint_lt(w.last.done, 8192);
		snprintf(want, sizeof(want), "%u %u %u", w.last.done, w.last.done, w.last.done);
		ck_assert_str_eq(got, want);
		free(got);
	}
	expect(parts, "8192 8192 8192");
	world_close(&w);
}
END_TEST

/* While the pages are cached nobody sees it. */
START_TEST(test_torn_write)
{
	struct disk_rule r = rule_of(DISK_TORN, DISK_BIT(DISK_WRITE));
	struct world w = { 0 };
	char want[64];
	unsigned id;

	world_open(&w);
	id = arm(&w, &r);
	expect(parts, "8192 8192 8192");
	heal(&w, id);
	ck_assert_int_eq(w.count, 1);
	ck_assert_uint_eq(w.last.done % 512, 0);
	ck_assert_uint_lt(w.last.done, 8192);
	snprintf(want, sizeof(want), "%u %u", w.last.done, w.last.done);
	expect(parts_again, want);
	world_close(&w);
}
END_TEST

static void four_blocks(struct buf *o)
{
	char text[16384];
	int fd = open("four", O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (int i = 0; i < 4; i++)
		memset(text + i * 4096, 'a' + i, 4096);
	buf_printf(o, "%zd ", write(fd, text, sizeof(text)));
}

static void block_two(struct buf *o)
{
	char text[4096];
	int fd = open("four", O_RDWR);

	memset(text, 'X', sizeof(text));
	T(pwrite(fd, text, sizeof(text), 4096));
	T(pread(fd, text, sizeof(text), 4096));
	buf_printf(o, "%c", text[0]);
}

static void block_five(struct buf *o)
{
	char text[4096];
	int fd = open("four", O_RDWR);

	memset(text, 'Y', sizeof(text));
	T(pwrite(fd, text, sizeof(text), 16384));
}

/* One letter for each block that is the same all through. */
static void letters(struct buf *o)
{
	char text[4096];
	int fd = open("four", O_RDONLY);

	while (read(fd, text, sizeof(text)) == (ssize_t)sizeof(text))
		buf_printf(o, "%c", memcmp(text, text + 1, sizeof(text) - 1) ? '?' :
			   text[0] ? text[0] : '0');
}

/* Seen at once is what was meant; once the cache is gone, what was overwritten instead. */
START_TEST(test_misdirect)
{
	struct disk_rule r = rule_of(DISK_ASTRAY, DISK_BIT(DISK_WRITE));
	struct world w = { 0 };
	char want[] = "abcd", five[] = "abcd0";
	unsigned id;

	world_open(&w);
	id = arm(&w, &r);
	expect(two_writes, TWO_GOOD); /* one block only: spared */
	ck_assert_int_eq(w.count, 0);
	heal(&w, id);
	expect(four_blocks, "16384 ");
	id = arm(&w, &r);
	expect(block_two, "pwrite(fd, text, sizeof(text), 4096) = 4096 \n"
	       "pread(fd, text, sizeof(text), 4096) = 4096 \nX");
	heal(&w, id);
	ck_assert_int_eq(w.count, 1);
	ck_assert(w.last.to % 4096 == 0 && w.last.to != 4096 && w.last.to < 16384);
	want[w.last.to / 4096] = 'X';
	expect(letters, want);

	memcpy(five, want, 4);
	id = arm(&w, &r);
	expect(block_five, "pwrite(fd, text, sizeof(text), 16384) = 4096 \n");
	heal(&w, id);
	ck_assert_int_eq(w.count, 1);
	ck_assert_int_lt(w.last.to, 16384);
	five[w.last.to / 4096] = 'Y';
	expect(letters, five);
	expect(block_two, "pwrite(fd, text, sizeof(text), 4096) = 4096 \n"
	       "pread(fd, text, sizeof(text), 4096) = 4096 \nX");
	five[1] = 'X';
	expect(letters, five);
	world_close(&w);
}
END_TEST

START_TEST(test_bitrot)
{
	struct disk_rule r = rule_of(DISK_ROT, DISK_BIT(DISK_READ));
	struct world w = { 0 };
	char *got, *again;
	unsigned id;

	world_open(&w);
	r.bits = 1;
	expect(parts, "8192 8192 8192");
	id = arm(&w, &r);
	got = in_mnt(parts_again);
	heal(&w, id);
	ck_assert_int_eq(w.count, 1);
	ck_assert_uint_eq(w.last.done, 2); /* two blocks, one bit each */
	ck_assert_str_ne(got, "8192 8192");
	expect(parts_again, "8192 8192");
	id = arm(&w, &r);
	again = in_mnt(parts_again);
	heal(&w, id);
	ck_assert_str_eq(got, again);
	free(got);
	free(again);
	world_close(&w);
}
END_TEST

static void fsyncs(struct buf *o)
{
	int fd = open("slow", O_RDWR | O_CREAT, 0600);
	int64_t before = clock_now();

	fsync(fd);
	buf_printf(o, "%lld", (long long)((clock_now() - before) / NS_PER_MS));
}

START_TEST(test_slow)
{
	struct disk_rule r = rule_of(DISK_SLOW, DISK_BIT(DISK_FSYNC));
	struct world w = { 0 };
	unsigned id;
	char *took;

	world_open(&w);
	r.delay_ns = 100 * NS_PER_MS;
	id = arm(&w, &r);
	took = in_mnt(fsyncs);
	heal(&w, id);
	ck_assert_int_ge(atoi(took), 100);
	ck_assert_int_eq(w.count, 1);
	free(took);
	took = in_mnt(fsyncs);
	ck_assert_int_lt(atoi(took), 100);
	free(took);
	world_close(&w);
}
END_TEST

/* Four files; the fourth's few writes come when there is no room left to tell of any. */
static const int floods[] = { 1000, 1000, 1000, 5 };

static void flood(struct buf *o)
{
	int bad = 0;

	for (int f = 0; f < 4; f++) {
		char name[2] = { (char)('a' + f), 0 };
		int fd = open(name, O_RDWR | O_CREAT, 0600);

		for (int i = 0; i < floods[f]; i++)
			bad += write(fd, "x", 1) != 1;
		close(fd);
	}
	buf_printf(o, "%d", bad);
}

static void counted(void *arg, const struct disk_hit *h)
{
	uint64_t *n = arg;

	n[0] += h->count;
	n[1] += h->unheard;
}

/*
 * Nobody fetches hits while more operations are altered than there is room for: what did not fit is
 * told of its own rule, and a rule whose hits all went unheard has fired nevertheless.
 */
START_TEST(test_unheard)
{
	struct disk_rule r = rule_of(DISK_ERROR, DISK_BIT(DISK_WRITE));
	uint64_t n[4][2] = { { 0 } };
	struct world w = { 0 };
	struct err e = { 0 };
	unsigned id[4];

	world_open(&w);
	for (int f = 0; f < 4; f++) {
		snprintf(r.path, sizeof(r.path), "%c", 'a' + f);
		ck_assert_int_eq(disk_rule_add(w.disk, w.loop, &r, counted, n[f], &id[f], &e), 0);
	}
	expect(flood, "3005");
	for (int f = 4; f-- > 0;)
		heal(&w, id[f]);
	for (int f = 0; f < 4; f++) {
		ck_assert_uint_eq(n[f][0], (unsigned)floods[f]);
		ck_assert_uint_eq(n[f][1], f >= 2);
	}
	expect(flood, "0");
	world_close(&w);
}
END_TEST

/* A child that waits for the disk; its pidfd is readable when it is through. */
static pid_t waiter(int *ret_started)
{
	char path[400];
	int p[2];
	pid_t pid;

	ck_assert_int_eq(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		int fd;

		snprintf(path, sizeof(path), "%s/0/waits", mnt);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		if (write(p[1], "s", 1) != 1)
			_exit(9);
		_exit(fsync(fd) == 0 ? 0 : errno == EIO ? 5 : 1);
	}
	close(p[1]);
	*ret_started = p[0];
	return pid;
}

/* Healing lets go of who is held back; so does the end of the server, with an error. */
START_TEST(test_let_go)
{
	struct disk_rule r = rule_of(DISK_SLOW, DISK_BIT(DISK_FSYNC));
	struct world w = { 0 };
	int64_t before;
	int started, status;
	unsigned id;
	char c;
	pid_t pid;

	world_open(&w);
	r.delay_ns = 3600 * NS_PER_S;
	r.stall = true;
	id = arm(&w, &r);
	pid = waiter(&started);
	ck_assert_int_eq(read(started, &c, 1), 1);
	while (!w.count)
		loop_run_until(w.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	before = clock_now();
	if (_i)
		disk_free(w.disk);
	else
		heal(&w, id);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_lt(clock_now() - before, 2 * NS_PER_S);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status) != 0, _i);
	if (_i)
		w.disk = NULL;
	world_close(&w);
}
END_TEST

static int ticks;

static void tick(struct loop_timer *t, int64_t now)
{
	(void)t;
	(void)now;
	ticks++;
}

/* A disk that stands still holds up neither the worker's loop nor its orders, nor other files. */
START_TEST(test_stall_alone)
{
	struct disk_rule r = rule_of(DISK_SLOW, DISK_BIT(DISK_FSYNC)), other;
	struct loop_timer timer = { .fire = tick };
	struct world w = { 0 };
	int64_t before;
	int started, status;
	unsigned id, second;
	struct err e = { 0 };
	char c;
	pid_t pid;

	world_open(&w);
	r.delay_ns = 3600 * NS_PER_S;
	r.stall = true;
	id = arm(&w, &r);
	pid = waiter(&started);
	ck_assert_int_eq(read(started, &c, 1), 1);
	while (!w.count)
		loop_run_until(w.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	before = clock_now();
	for (int i = 0; i < 20; i++) {
		loop_timer_at(w.loop, &timer, clock_now() + NS_PER_MS);
		while (ticks <= i)
			loop_run_until(w.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	}
	other = rule_of(DISK_ERROR, DISK_BIT(DISK_READ) | DISK_BIT(DISK_WRITE));
	snprintf(other.path, sizeof(other.path), "none");
	ck_assert_msg(disk_rule_add(w.disk, w.loop, &other, on_hit, &w, &second, &e) == 0, "%s",
		      e.msg);
	expect(parts, "8192 8192 8192");
	heal(&w, second);
	ck_assert_int_lt(clock_now() - before, 5 * NS_PER_S);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	heal(&w, id);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	world_close(&w);
}
END_TEST

/* ---- the host ---- */

static void fill_all(struct buf *o)
{
	int fd = open("big", O_RDWR | O_CREAT, 0600);

	while (write(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
		;
	T(write(fd, block, sizeof(block)));
}

/* Nobody made it small, and it is full: that was the host, and it is said. */
START_TEST(test_host_full)
{
	struct world w = { 0 };
	struct err e = { 0 };
	char *got;

	world_open(&w);
	ck_assert_int_eq(disk_alive(w.disk, &e), 0);
	got = in_mnt(fill_all);
	ck_assert_ptr_nonnull(strstr(got, "ENOSPC"));
	ck_assert_int_eq(disk_alive(w.disk, &e), -EIO);
	ck_assert_ptr_nonnull(strstr(e.msg, "this host could not keep node shop's data"));
	free(got);
	world_close(&w);
}
END_TEST

static void fill_for_ever(struct buf *o)
{
	int fd = open("fills", O_RDWR | O_CREAT, 0600);

	(void)o;
	for (;;) {
		for (int i = 0; i < 16; i++)
			if (write(fd, block, sizeof(block)) < 0 && errno != ENOSPC)
				_exit(1);
		if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
			_exit(1);
	}
}

/* Made small and large again under somebody who writes all the time: never the host's fault. */
START_TEST(test_full_again_and_again)
{
	struct disk_rule r = rule_of(DISK_FULL, DISK_ALL_OPS);
	struct world w = { 0 };
	struct err e = { 0 };
	char dir[400];
	int status;
	pid_t pid;

	world_open(&w);
	r.error = ENOSPC;
	r.left = 65536;
	snprintf(dir, sizeof(dir), "%s/0", mnt);
	pid = fork();
	if (pid == 0) {
		if (chdir(dir) < 0 || setgid(USER) < 0 || setuid(USER) < 0)
			_exit(1);
		fill_for_ever(NULL);
	}
	for (int i = 0; i < 1000; i++) {
		unsigned id = arm(&w, &r);

		loop_run_until(w.loop, &(bool){ false }, clock_now() + i % 8 * 100 * NS_PER_US);
		heal(&w, id);
		ck_assert_msg(disk_alive(w.disk, &e) == 0, "round %d: %s", i, e.msg);
	}
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	world_close(&w);
}
END_TEST

/* ---- databases ---- */

static void commits(struct buf *o)
{
	const char *mode = getenv("MODE");
	char sql[128];
	sqlite3 *db;

	(void)o;
	sqlite3_open("db", &db);
	snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s; PRAGMA synchronous=FULL;"
		 "CREATE TABLE IF NOT EXISTS t (n INTEGER)", mode);
	sqlite3_exec(db, sql, NULL, NULL, NULL);
	for (int i = 0; i < 400; i++)
		if (sqlite3_exec(db, "INSERT INTO t SELECT coalesce(max(n), 0) + 1 FROM t", NULL,
				 NULL, NULL) == SQLITE_OK && write(3, "c", 1) != 1)
			break;
	_exit(3);
}

static void count_rows(struct buf *o)
{
	sqlite3_stmt *s;
	sqlite3 *db;

	sqlite3_open("db", &db);
	if (sqlite3_prepare_v2(db, "SELECT (SELECT max(n) FROM t), count(*),"
			       " (SELECT integrity_check FROM pragma_integrity_check) FROM t", -1,
			       &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		buf_printf(o, "%d %d %s", sqlite3_column_int(s, 0), sqlite3_column_int(s, 1),
			   sqlite3_column_text(s, 2));
	sqlite3_finalize(s);
	sqlite3_close(db);
}

/* Killed in the middle of its commits, SQLite finds all that it had told, and no damage. */
START_TEST(test_sqlite_crash)
{
	int told = 0, max = 0, rows = 0, p[2], status;
	struct world w = { 0 };
	char c, dir[400], word[32] = "", *got;

	world_open(&w);
	setenv("MODE", _i % 2 ? "DELETE" : "WAL", 1);
	snprintf(dir, sizeof(dir), "%s/0", mnt);
	for (int round = 0; round < 3; round++) {
		pid_t pid;

		ck_assert_int_eq(pipe(p), 0);
		pid = fork();
		if (pid == 0) {
			dup2(p[1], 3);
			close_range(4, ~0U, 0);
			if (chdir(dir) < 0 || setgid(USER) < 0 || setuid(USER) < 0)
				_exit(1);
			commits(NULL);
		}
		close(p[1]);
		for (int i = 0; i < 20 + 17 * round && read(p[0], &c, 1) == 1; i++)
			told++;
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		while (read(p[0], &c, 1) == 1)
			told++;
		close(p[0]);
		ck_assert(WIFSIGNALED(status));
		got = in_mnt(count_rows);
		ck_assert_int_eq(sscanf(got, "%d %d %31s", &max, &rows, word), 3);
		ck_assert_str_eq(word, "ok");
		ck_assert_int_eq(max, rows);
		ck_assert_int_ge(rows, told);
		ck_assert_int_le(rows, told + round + 1);
		free(got);
	}
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
	TCase *like = tcase_create("like a plain disk"), *rules = tcase_create("rules"),
	      *host = tcase_create("host"), *db = tcase_create("databases");

	tcase_add_loop_test(like, test_like_plain, 0, sizeof(scripts) / sizeof(*scripts));
	tcase_add_test(like, test_many);
	tcase_set_timeout(like, 60);
	tcase_add_test(rules, test_error);
	tcase_add_test(rules, test_who);
	tcase_add_test(rules, test_draws);
	tcase_add_loop_test(rules, test_full, 0, 2);
	tcase_add_test(rules, test_full_late);
	tcase_add_test(rules, test_inodes);
	tcase_add_test(rules, test_short_write);
	tcase_add_test(rules, test_torn_write);
	tcase_add_test(rules, test_misdirect);
	tcase_add_test(rules, test_bitrot);
	tcase_add_test(rules, test_slow);
	tcase_add_test(rules, test_unheard);
	tcase_add_loop_test(rules, test_let_go, 0, 2);
	tcase_add_test(rules, test_stall_alone);
	tcase_set_timeout(rules, 30);
	tcase_add_test(host, test_host_full);
	tcase_add_test(host, test_full_again_and_again);
	tcase_set_timeout(host, 60);
	tcase_add_loop_test(db, test_sqlite_crash, 0, 2);
	tcase_set_timeout(db, 60);
	suite_add_tcase(s, like);
	suite_add_tcase(s, rules);
	suite_add_tcase(s, host);
	suite_add_tcase(s, db);
	return s;
}

/* In a child, so that what is mounted goes with it. */
static bool can(char *why, size_t len)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct err e = { 0 };

		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(1);
		_exit(disk_try(&e) == 0 ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	snprintf(why, len, "%s", WEXITSTATUS(status) == 1 ? "no mount namespaces" : "no /dev/fuse");
	return status == 0;
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	char why[64];
	int failed;

	if (!can(why, sizeof(why))) {
		printf("# SKIP all: %s\n", why);
		return 77;
	}
	snprintf(top, sizeof(top), "%s/wd-disk-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(top))
		return 1;
	snprintf(back, sizeof(back), "%s/back", top);
	snprintf(mnt, sizeof(mnt), "%s/mnt", top);
	snprintf(plain, sizeof(plain), "%s/plain", top);
	failed = suite_main(suite());
	rmdir(top);
	return failed ? 1 : 0;
}
