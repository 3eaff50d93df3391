/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each rule: off, the operation succeeds; on, it fails as declared, with exactly those hits;
 * healed, it is as before.
 */
#include <sys/statvfs.h>

#include "disk_world.h"

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

static void fill(struct buf *o)
{
	struct statvfs st;
	int fd, old;

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

static void copy(struct buf *o)
{
	int from = open("from", O_RDWR | O_CREAT | O_TRUNC, 0600), to;

	buf_printf(o, "%zd ", write(from, block, 8192));
	to = open("part", O_RDWR | O_CREAT | O_TRUNC, 0600);
	buf_printf(o, "%zd", copy_file_range(from, &(off_t){ 0 }, to, NULL, 1 << 20, 0));
}

static void size_of_part(struct buf *o)
{
	struct stat st = { 0 };

	stat("part", &st);
	buf_printf(o, "%lld", (long long)st.st_size);
}

/* What is copied inside the disk is written too, and as much is claimed as there was to copy. */
START_TEST(test_torn_copy)
{
	struct disk_rule r = rule_of(DISK_TORN, DISK_BIT(DISK_WRITE));
	struct world w = { 0 };
	char want[64];
	unsigned id;

	world_open(&w);
	snprintf(r.path, sizeof(r.path), "part");
	id = arm(&w, &r);
	expect(copy, "8192 8192");
	heal(&w, id);
	ck_assert_int_eq(w.count, 1);
	ck_assert_uint_eq(w.last.len, 8192);
	ck_assert_uint_lt(w.last.done, 8192);
	snprintf(want, sizeof(want), "%u", w.last.done);
	expect(size_of_part, want);
	expect(copy, "8192 8192");
	expect(size_of_part, "8192");
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

static Suite *suite(void)
{
	Suite *s = suite_create("disk rules");
	TCase *rules = tcase_create("rules");

	tcase_add_test(rules, test_error);
	tcase_add_test(rules, test_who);
	tcase_add_test(rules, test_draws);
	tcase_add_loop_test(rules, test_full, 0, 2);
	tcase_add_test(rules, test_full_late);
	tcase_add_test(rules, test_inodes);
	tcase_add_test(rules, test_short_write);
	tcase_add_test(rules, test_torn_write);
	tcase_add_test(rules, test_torn_copy);
	tcase_add_test(rules, test_misdirect);
	tcase_add_test(rules, test_bitrot);
	tcase_add_test(rules, test_slow);
	tcase_add_test(rules, test_unheard);
	tcase_set_timeout(rules, 30);
	suite_add_tcase(s, rules);
	return s;
}

int main(void)
{
	return disk_world_main(suite);
}
