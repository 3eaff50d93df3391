/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of operations: what it says is what is on the disk, whatever programs did and however
 * many at once; a cut of the power falls between two operations; after it the disk is served
 * again, with the rules that it had. Needs root and /dev/fuse.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/draw.h"
#include "disk/oplog.h"
#include "disk/rule.h"
#include "tests/unit/disk_kit.h"
#include "tests/unit/suite.h"

#define LOG (64 << 20)
#define STEPS 400
#define THREADS 4

static uint64_t seed;

#define LIST "find . -printf '%%p %%m %%n %%y %%U\\n' | sort"

static bool same_trees(const struct kit *k)
{
	char *command = xasprintf("diff -r --no-dereference %s/0 %s && cd %s/0 && " LIST " >%s/x "
				  "&& cd %s && " LIST " | diff %s/x -", k->back, k->state, k->back,
				  k->top, k->state, k->top);
	bool same = system(command) == 0;

	free(command);
	return same;
}

/* ---- many operations of every kind ---- */

static int64_t roll(int thread, int step, uint64_t what, int64_t hi)
{
	return draw_range((struct draw){ .seed = seed, .name = "test", .object = (uint64_t)thread,
					 .hit = (uint64_t)step * 8 + what }, 0, hi);
}

static void write_some(int thread, int step, int fd)
{
	char text[5000];
	size_t len = (size_t)roll(thread, step, 1, 4999);

	memset(text, 'a' + thread * 6 + step % 6, sizeof(text));
	if (pwrite(fd, text, len, roll(thread, step, 2, 20000)) < 0)
		_exit(2);
}

static void map_some(int thread, int step, int fd)
{
	char *p;

	if (ftruncate(fd, 16384) < 0)
		_exit(2);
	p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		_exit(3);
	memset(p + roll(thread, step, 1, 8000), 'm', (size_t)roll(thread, step, 2, 8000));
	msync(p, 16384, MS_SYNC);
	munmap(p, 16384);
}

static void name_some(int thread, int step, const char *dir)
{
	char a[64], b[64];

	snprintf(a, sizeof(a), "%s/n%d", dir, (int)roll(thread, step, 1, 5));
	snprintf(b, sizeof(b), "%s/n%d", dir, (int)roll(thread, step, 2, 5));
	switch (roll(thread, step, 3, 6)) {
	case 0:
		rename(a, b);
		break;
	case 1:
		if (link(a, b) < 0)
			rename(a, b);
		break;
	case 2:
		unlink(a);
		break;
	case 3:
		if (mkdir(a, 0700 + thread) < 0)
			rmdir(a);
		break;
	case 4:
		if (symlink("n1", a) < 0)
			chmod(b, 0600);
		break;
	case 5:
		renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
		break;
	default:
		close(open(a, O_RDWR | O_CREAT | O_TRUNC, 0640));
		break;
	}
}

/* Each thread has a folder of its own; "shared" belongs to all. */
static void *busy(void *arg)
{
	int thread = (int)(intptr_t)arg, own, shared;
	char dir[32], path[64];

	snprintf(dir, sizeof(dir), "t%d", thread);
	snprintf(path, sizeof(path), "%s/file", dir);
	if (mkdir(dir, 0755) < 0)
		_exit(1);
	own = open(path, O_RDWR | O_CREAT | (thread == 1 ? O_DSYNC : 0), 0644);
	shared = open("shared", O_RDWR | O_CREAT, 0644);
	for (int step = 0; step < STEPS; step++) {
		int fd = roll(thread, step, 0, 1) ? own : shared;

		switch (roll(thread, step, 7, 7)) {
		case 0:
			fsync(fd);
			break;
		case 1:
			if (ftruncate(fd, roll(thread, step, 1, 9000)) < 0)
				_exit(4);
			break;
		case 2:
			map_some(thread, step, own);
			break;
		case 3:
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 5000);
			fallocate(fd, 0, 5000, roll(thread, step, 2, 9000) + 1);
			break;
		case 4:
			lseek(shared, 0, SEEK_SET);
			copy_file_range(shared, NULL, own, NULL, 3000, 0);
			break;
		case 5:
			name_some(thread, step, dir);
			break;
		default:
			write_some(thread, step, fd);
			break;
		}
	}
	close(own);
	close(shared);
	return NULL;
}

static void do_busy(const struct kit *k)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t[THREADS];
		char dir[128];

		snprintf(dir, sizeof(dir), "%s/0", k->mnt);
		if (chdir(dir) < 0)
			_exit(9);
		for (intptr_t i = 0; i < THREADS; i++)
			pthread_create(&t[i], NULL, busy, (void *)i);
		for (int i = 0; i < THREADS; i++)
			pthread_join(t[i], NULL);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child: %x", status);
}

START_TEST(test_is_the_disk)
{
	struct crash_at at = { .model = DURABLE_STRICT, .ops = NEVER, .nth = CRASH_ALL };
	struct history *h;
	struct kit k;

	seed = (uint64_t)_i;
	kit_open(&k, LOG);
	do_busy(&k);
	h = kit_history(&k);
	ck_assert_uint_gt(h->ops, STEPS);
	for (size_t i = 1; i < h->ops; i++) { /* in the order in which they were done */
		ck_assert_int_le(h->op[i - 1]->end_ns, h->op[i]->end_ns);
		ck_assert_int_le(h->op[i]->begin_ns, h->op[i]->end_ns);
	}
	kit_state(&k, h, &at);
	ck_assert(same_trees(&k));
	history_free(h);
	kit_close(&k);
}
END_TEST

/* ---- a cut ---- */

static pid_t writer(const struct kit *k)
{
	pid_t pid = fork();

	if (pid == 0) {
		char path[128];
		int fd;

		snprintf(path, sizeof(path), "%s/0/f", k->mnt);
		fd = open(path, O_RDWR | O_CREAT, 0644);
		for (uint32_t i = 0;; i++)
			if (pwrite(fd, &i, sizeof(i), (off_t)i * 4 % 65536) < 0)
				_exit(1); /* nobody lives to see an error */
	}
	return pid;
}

static size_t log_bytes(const struct kit *k)
{
	size_t n;

	disk_log(k->disk, &n);
	return n;
}

static void await_log(const struct kit *k, size_t more_than)
{
	int64_t by = clock_now() + 10 * NS_PER_S;

	while (log_bytes(k) <= more_than && clock_now() < by)
		clock_sleep_until(clock_now() + NS_PER_MS);
	ck_assert_uint_gt(log_bytes(k), more_than);
}

static void on_hit(void *arg, const struct disk_hit *h)
{
	*(int *)arg += (int)h->count;
}

START_TEST(test_cut)
{
	struct crash_at at = { .model = DURABLE_STRICT, .ops = NEVER, .nth = CRASH_ALL };
	struct disk_rule rule = { .effect = DISK_ERROR, .name = "r", .ops = DISK_BIT(DISK_MKDIR),
				  .error = EIO, .gate = gate_all(), .chance = 1 };
	struct err e = { 0 };
	struct history *h;
	unsigned id, other;
	struct kit k;
	char path[128];
	int status, hits = 0;
	size_t end;
	pid_t pid;

	kit_open(&k, LOG);
	ck_assert_int_eq(disk_rule_add(k.disk, k.loop, &rule, on_hit, &hits, &other, &e), 0);
	ck_assert_int_eq(disk_rule_add(k.disk, k.loop, &rule, on_hit, &hits, &id, &e), 0);
	ck_assert_int_eq(disk_rule_del(k.disk, other, &e), 0);
	pid = writer(&k);
	await_log(&k, 100000);
	ck_assert_msg(disk_hold(k.disk, &e) == 0, "%s", e.msg);
	end = log_bytes(&k);
	clock_sleep_until(clock_now() + 20 * NS_PER_MS);
	ck_assert_uint_eq(log_bytes(&k), end);
	kill(pid, SIGKILL);
	ck_assert_int_eq(disk_die(k.disk, &e), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_uint_eq(log_bytes(&k), end);
	h = kit_history(&k);
	kit_state(&k, h, &at);
	ck_assert(same_trees(&k));
	history_free(h);
	umount2(k.mnt, MNT_DETACH);
	ck_assert_msg(disk_reboot(k.disk, &k.opts, &e) == 0, "%s", e.msg);
	ck_assert_uint_lt(log_bytes(&k), end); /* anew, with what is there */
	snprintf(path, sizeof(path), "%s/0/f", k.mnt);
	ck_assert_int_eq(access(path, R_OK), 0);
	snprintf(path, sizeof(path), "%s/0/d", k.mnt);
	pid = fork();
	if (pid == 0) /* the worker's own requests meet no fault */
		_exit(mkdir(path, 0700) < 0 ? errno : 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), EIO);
	ck_assert_msg(disk_rule_del(k.disk, id, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(hits, 1);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	kit_close(&k);
}
END_TEST

/* ---- an fsync that fails, and the next succeeds ---- */

/* In a child, which rules are about: each letter a step. Returns what the last fsync did. */
static int steps(const struct kit *k, const char *what)
{
	static char page[4096];
	char path[128];
	int status, fd, error = 0;
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(path, sizeof(path), "%s/0/f", k->mnt);
		fd = open(path, O_RDWR | O_CREAT, 0644);
		for (; *what; what++) {
			memset(page, *what, sizeof(page));
			if (*what == 's')
				error = fsync(fd) < 0 ? errno : 0;
			else if (pwrite(fd, page, *what == 'C' ? 1 : sizeof(page),
					*what == 'C' ? 10 : 0) < 0)
				_exit(100);
		}
		_exit(error);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

/* The letters at 0 and 10 in every state that a cut now may leave: one text, or "various". */
static const char *left(const struct kit *k)
{
	static char got[16];
	struct history *h = kit_history(k);
	char path[128];

	got[0] = '\0';
	snprintf(path, sizeof(path), "%s/f", k->state);
	for (uint64_t i = 0; i < 60; i++) {
		struct crash_at at = { .model = (int)i % DURABLE_MODELS, .ops = NEVER, .seed = 3,
				       .nth = i / DURABLE_MODELS };
		char text[11] = "", now[16];
		int fd;

		kit_state(k, h, &at);
		fd = open(path, O_RDONLY);
		ck_assert_int_eq(pread(fd, text, 11, 0), 11);
		close(fd);
		snprintf(now, sizeof(now), "%c%c", text[0], text[10]);
		if (i && strcmp(got, now))
			snprintf(now, sizeof(now), "various");
		snprintf(got, sizeof(got), "%s", now);
	}
	history_free(h);
	return got;
}

static void base_of(struct kit *k)
{
	char command[160];

	kit_open(k, LOG);
	ck_assert_int_eq(steps(k, "As"), 0);
	snprintf(command, sizeof(command), "sync -d %s/0", k->mnt);
	ck_assert_int_eq(system(command), 0); /* and the name of the file */
}

/* What the failed one had to write no later one gets to the disk, but with a page written again. */
START_TEST(test_given_up)
{
	struct disk_rule rule = { .effect = DISK_ERROR, .name = "r", .ops = DISK_BIT(DISK_FSYNC),
				  .error = EIO, .gate = gate_all(), .chance = 1, .lossy = true };
	struct err e = { 0 };
	struct kit k;
	int hits = 0;
	unsigned id;

	base_of(&k);
	ck_assert_str_eq(left(&k), "AA");
	ck_assert_int_eq(disk_rule_add(k.disk, k.loop, &rule, on_hit, &hits, &id, &e), 0);
	ck_assert_int_eq(steps(&k, "B"), 0);
	ck_assert_str_eq(left(&k), "various");
	ck_assert_int_eq(steps(&k, "s"), EIO);
	ck_assert_str_eq(left(&k), "AA");
	ck_assert_int_eq(steps(&k, "s"), 0);
	ck_assert_str_eq(left(&k), "AA");
	if (_i) /* healed: its pages are evicted */
		ck_assert_int_eq(disk_rule_del(k.disk, id, &e), 0);
	ck_assert_int_eq(steps(&k, "C"), 0);
	if (!_i)
		ck_assert_int_eq(disk_rule_del(k.disk, id, &e), 0);
	ck_assert_int_eq(steps(&k, "s"), 0);
	ck_assert_str_eq(left(&k), _i ? "AC" : "BC");
	ck_assert_int_eq(hits, 1);
	kit_close(&k);
}
END_TEST

/* sync(), of which the disk is told by somebody else, is one that has succeeded. */
START_TEST(test_sync_all)
{
	struct disk_rule rule = { .effect = DISK_ERROR, .name = "r", .ops = DISK_BIT(DISK_FSYNC),
				  .error = EIO, .gate = gate_all(), .chance = 1, .lossy = true };
	struct err e = { 0 };
	struct kit k;
	int hits = 0;
	unsigned id;

	base_of(&k);
	ck_assert_int_eq(disk_rule_add(k.disk, k.loop, &rule, on_hit, &hits, &id, &e), 0);
	ck_assert_int_eq(steps(&k, "B"), 0);
	ck_assert_int_eq(disk_sync(k.disk, &e), 0);
	ck_assert_str_eq(left(&k), "BB");
	ck_assert_int_eq(steps(&k, "s"), 0); /* it has nothing to write */
	ck_assert_int_eq(steps(&k, "Cs"), EIO);
	ck_assert_str_eq(left(&k), "BB");
	ck_assert_int_eq(disk_rule_del(k.disk, id, &e), 0);
	ck_assert_int_eq(hits, 1);
	kit_close(&k);
}
END_TEST

/* A log that is full is this host's doing, and said. */
START_TEST(test_full)
{
	struct err e = { 0 };
	struct kit k;
	char path[128];
	int64_t by = clock_now() + 10 * NS_PER_S;
	pid_t pid;

	kit_open(&k, 1 << 20);
	snprintf(path, sizeof(path), "%s/0/f", k.mnt);
	ck_assert_int_eq(disk_alive(k.disk, &e), 0);
	pid = writer(&k);
	while (disk_alive(k.disk, &e) == 0 && clock_now() < by)
		clock_sleep_until(clock_now() + NS_PER_MS);
	ck_assert_int_eq(disk_alive(k.disk, &e), -EIO);
	ck_assert_msg(strstr(e.msg, "remembering"), "%s", e.msg);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	kit_close(&k);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oplog");
	TCase *t = tcase_create("log");

	if (!kit_possible())
		return 0;
	tcase_add_loop_test(t, test_is_the_disk, 0, 4);
	tcase_add_test(t, test_cut);
	tcase_add_loop_test(t, test_given_up, 0, 2);
	tcase_add_test(t, test_sync_all);
	tcase_add_test(t, test_full);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_main(s);
}
