/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What blocks held before. An fsync fails as on Linux: the next one succeeds, the data are read
 * until they are evicted and are then gone; a page that is written again is saved as a whole. A
 * stale read gives what was there before the last write.
 *
 * Buggy results: data that come back from the dead, or that an fsync had promised and are gone.
 */
#include <sqlite3.h>
#include <sys/mman.h>

#include "base/draw.h"
#include "disk_world.h"

#define PAGE 4096

static struct disk_rule failing(bool reverts)
{
	struct disk_rule r = rule_of(DISK_ERROR, DISK_BIT(DISK_FSYNC));

	r.lossy = true;
	r.reverts = reverts;
	return r;
}

static int put(int fd, char c, size_t len, off_t at)
{
	char text[4 * PAGE];

	memset(text, c, len);
	return pwrite(fd, text, len, at) == (ssize_t)len ? 0 : -1;
}

/* "A4096 B1 A4095": runs of one letter (0: zeros). */
static void runs(struct buf *o, const char *name)
{
	static char text[1 << 20];
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text)), k;

	for (ssize_t i = 0; i < n; i = k) {
		for (k = i; k < n && text[k] == text[i];)
			k++;
		buf_printf(o, "%c%zd ", text[i] ? text[i] : '0', k - i);
	}
	close(fd);
}

static void show(struct buf *o)
{
	runs(o, "f");
}

static void save(struct buf *o)
{
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);

	T(put(fd, 'A', 2 * PAGE, 0));
	T(fsync(fd));
}

static void lose(struct buf *o)
{
	int fd = open("f", O_RDWR);

	T(fsync(fd));
	T(put(fd, 'B', PAGE, 0));
	T(fsync(fd));
	T(fsync(fd));
	T(fdatasync(fd));
	runs(o, "f");
}

#define SAVED "put(fd, 'A', 2 * PAGE, 0) = 0 \nfsync(fd) = 0 \n"
#define LOST "fsync(fd) = 0 \nput(fd, 'B', PAGE, 0) = 0 \nfsync(fd) = -1 EIO\nfsync(fd) = 0 \n" \
	     "fdatasync(fd) = 0 \n"

/* Told once; then new data (or old: btrfs) until it is healed, and old ones from there on. */
START_TEST(test_lost)
{
	struct disk_rule r = failing(_i);
	struct world w = { 0 };
	unsigned id;

	world_open(&w);
	expect(save, SAVED);
	id = arm(&w, &r);
	expect(lose, _i ? LOST "A8192 " : LOST "B4096 A4096 ");
	expect(show, _i ? "A8192 " : "B4096 A4096 ");
	heal(&w, id);
	ck_assert_str_eq(w.hits.data, "fsync f EIO; ");
	ck_assert_int_eq(w.last.lost, PAGE);
	expect(show, "A8192 ");
	expect(lose, "fsync(fd) = 0 \nput(fd, 'B', PAGE, 0) = 0 \nfsync(fd) = 0 \nfsync(fd) = 0 \n"
	       "fdatasync(fd) = 0 \nB4096 A4096 ");
	expect(show, "B4096 A4096 ");
	world_close(&w);
}
END_TEST

/* Without it an fsync that fails takes nothing away. */
START_TEST(test_not_lost)
{
	struct disk_rule r = rule_of(DISK_ERROR, DISK_BIT(DISK_FSYNC));
	struct world w = { 0 };
	unsigned id;

	world_open(&w);
	expect(save, SAVED);
	id = arm(&w, &r);
	free(in_mnt(lose));
	heal(&w, id);
	ck_assert_int_eq(w.count, 4);
	expect(show, "B4096 A4096 ");
	world_close(&w);
}
END_TEST

static void lose_then_touch(struct buf *o)
{
	int fd = open("f", O_RDWR);

	T(put(fd, 'B', 2 * PAGE, 0));
	T(fsync(fd));
	T(put(fd, 'C', 1, 10));
	T(fsync(fd));
}

/* One byte makes the page dirty again, and all of it is written; its neighbour stays lost. */
START_TEST(test_touched_again)
{
	struct disk_rule r = failing(false);
	struct world w = { 0 };
	unsigned id;

	world_open(&w);
	free(in_mnt(save));
	r.gate.first = r.gate.last = r.gate.step = 1;
	id = arm(&w, &r);
	expect(lose_then_touch, "put(fd, 'B', 2 * PAGE, 0) = 0 \nfsync(fd) = -1 EIO\n"
	       "put(fd, 'C', 1, 10) = 0 \nfsync(fd) = 0 \n");
	expect(show, "B10 C1 B8181 ");
	heal(&w, id);
	ck_assert_int_eq(w.last.lost, 2 * PAGE);
	expect(show, "B10 C1 B4085 A4096 ");
	world_close(&w);
}
END_TEST

static void grow(struct buf *o)
{
	int fd = open("f", O_RDWR);

	T(put(fd, 'B', PAGE, 2 * PAGE + 100));
	T(fsync(fd));
}

/* The length got through, the data did not. */
START_TEST(test_grown)
{
	struct disk_rule r = failing(false);
	struct world w = { 0 };
	unsigned id;

	world_open(&w);
	free(in_mnt(save));
	id = arm(&w, &r);
	free(in_mnt(grow));
	expect(show, "A8192 0100 B4096 ");
	heal(&w, id);
	expect(show, "A8192 04196 ");
	world_close(&w);
}
END_TEST

static void others(struct buf *o)
{
	int fd = open("f", O_RDWR), gone = open("g", O_RDWR | O_CREAT, 0600);

	T(put(fd, 'B', 4 * PAGE, 0));
	T(ftruncate(fd, PAGE + 10));
	T(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 100));
	T(fsync(fd));
	T(rename("f", "h"));
	T(put(gone, 'G', PAGE, 0));
	T(fsync(gone));
	T(unlink("g"));
	T(put(gone, 'H', PAGE, 0));
	T(fsync(gone));
}

static void show_h(struct buf *o)
{
	runs(o, "h");
}

/* Truncated, punched, renamed, unlinked: the names and lengths are the program's. */
START_TEST(test_moved)
{
	struct disk_rule r = failing(false);
	struct world w = { 0 };
	unsigned id;
	char *got;

	world_open(&w);
	free(in_mnt(save));
	id = arm(&w, &r);
	got = in_mnt(others);
	ck_assert_ptr_nonnull(strstr(got, "unlink(\"g\") = 0"));
	free(got);
	expect(show_h, "0100 B4006 ");
	heal(&w, id);
	expect(show_h, "0100 A4006 ");
	world_close(&w);
}
END_TEST

/* ---- a model ---- */

#define PAGES 6
#define STEPS 200
#define BYTES (PAGES * PAGE)

struct model {
	char newest[BYTES], disk[BYTES];
	bool dirty[PAGES], lost[PAGES];
	int64_t size;
};

static uint64_t model_seed;

static int64_t dice(int step, int what, int64_t max)
{
	return draw_range((struct draw){ .seed = model_seed, .name = "model", .object =
					 (uint64_t)what, .hit = (uint64_t)step }, 0, max);
}

static void model_write(struct model *m, int fd, int step)
{
	int64_t off = dice(step, 1, BYTES - 1), len = dice(step, 2, step % 3 ? 200 : 9000) + 1;
	char c = (char)('a' + step % 26);

	if (off + len > BYTES)
		len = BYTES - off;
	for (int64_t p = off / PAGE; p * PAGE < off + len; p++) {
		if (!m->dirty[p] && !m->lost[p])
			memcpy(m->disk + p * PAGE, m->newest + p * PAGE, PAGE);
		m->dirty[p] = true;
		m->lost[p] = false;
	}
	memset(m->newest + off, c, (size_t)len);
	if (off + len > m->size)
		m->size = off + len;
	if (put(fd, c, (size_t)len, off) < 0)
		_exit(21);
}

static void model_sync(struct model *m, int fd)
{
	bool fails = fsync(fd) < 0, any = false;

	for (int p = 0; p < PAGES; p++) {
		any |= m->dirty[p];
		m->lost[p] |= m->dirty[p] && fails;
		m->dirty[p] = false;
	}
	if (fails && !any)
		_exit(22); /* there was nothing that could fail */
}

static void model_cut(struct model *m, int fd, int step)
{
	int64_t size = dice(step, 3, BYTES);

	if (ftruncate(fd, size) < 0)
		_exit(23);
	if (size < m->size) {
		memset(m->newest + size, 0, (size_t)(BYTES - size));
		memset(m->disk + size, 0, (size_t)(BYTES - size));
	}
	m->size = size;
}

/* What the model says is on the disk at the end. */
static void model_run(struct buf *o)
{
	static struct model m;
	int fd = open("m", O_RDWR | O_CREAT | O_TRUNC, 0600), other = open("m", O_RDWR);

	for (int step = 0; step < STEPS; step++) {
		int64_t kind = dice(step, 0, 9);
		char now[BYTES] = { 0 };

		if (kind < 5)
			model_write(&m, step % 2 ? fd : other, step);
		else if (kind < 9)
			model_sync(&m, step % 2 ? fd : other);
		else
			model_cut(&m, fd, step);
		if (pread(fd, now, BYTES, 0) != m.size || memcmp(now, m.newest, (size_t)m.size))
			_exit(24); /* memory shows the newest */
	}
	for (int p = 0; p < PAGES; p++)
		if (!m.lost[p] || m.dirty[p])
			memcpy(m.disk + (size_t)p * PAGE, m.newest + (size_t)p * PAGE, PAGE);
	buf_add(o, m.disk, (size_t)m.size);
	for (size_t i = 0; i < o->len; i++)
		o->data[i] = o->data[i] ? o->data[i] : '0';
}

static void model_show(struct buf *o)
{
	char text[BYTES];
	ssize_t n = read(open("m", O_RDONLY), text, BYTES);

	buf_add(o, text, n > 0 ? (size_t)n : 0);
	for (size_t i = 0; i < o->len; i++)
		o->data[i] = o->data[i] ? o->data[i] : '0';
}

START_TEST(test_model)
{
	struct disk_rule r = failing(false);
	struct world w = { 0 };

	world_open(&w);
	r.chance = 0.4;
	for (int i = 0; i < 8; i++) {
		char *want, *got;
		unsigned id;

		r.seed = model_seed = (uint64_t)(_i * 8 + i);
		id = arm(&w, &r);
		want = in_mnt(model_run);
		heal(&w, id);
		ck_assert_int_gt(w.count, 5);
		got = in_mnt(model_show);
		ck_assert_msg(!strcmp(want, got), "seed %d", (int)model_seed);
		free(want);
		free(got);
	}
	world_close(&w);
}
END_TEST

/* ---- SQLite ---- */

static void create(struct buf *o)
{
	sqlite3 *db;

	(void)o;
	sqlite3_open("db", &db);
	if (sqlite3_exec(db, "PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER)", NULL, NULL,
			 NULL) != SQLITE_OK)
		_exit(26);
	sqlite3_close(db);
}

/* The rows that were told, in the order of their numbers: one commit each. */
static void insert(struct buf *o)
{
	sqlite3 *db;

	sqlite3_open("db", &db);
	sqlite3_exec(db, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
	for (int i = 0; i < 60; i++) {
		char sql[64];
		int rc;

		snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d)", i);
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			buf_printf(o, "%d ", i);
		else if ((rc & 0xff) != SQLITE_IOERR)
			_exit(25);
	}
	sqlite3_close(db);
}

static int row(void *arg, int n, char **values, char **names)
{
	(void)n;
	(void)names;
	buf_printf(arg, "%s ", values[0]);
	return 0;
}

static void rows(struct buf *o)
{
	sqlite3 *db;

	sqlite3_open("db", &db);
	sqlite3_exec(db, "SELECT n FROM t ORDER BY n", row, o, NULL);
	sqlite3_exec(db, "PRAGMA integrity_check", row, o, NULL);
	sqlite3_close(db);
}

/* It gives up what an fsync did not take and writes the same pages again: nothing told is lost. */
START_TEST(test_sqlite)
{
	struct disk_rule r = failing(false);
	struct world w = { 0 };
	char *told, *got, want[1000];
	unsigned id;

	world_open(&w);
	free(in_mnt(create));
	r.chance = 0.3;
	r.seed = (uint64_t)_i;
	id = arm(&w, &r);
	told = in_mnt(insert);
	heal(&w, id);
	ck_assert_int_gt(w.count, 5);
	ck_assert_uint_lt(strlen(told), 160); /* not all of them were */
	got = in_mnt(rows);
	snprintf(want, sizeof(want), "%sok ", told);
	ck_assert_str_eq(got, want);
	free(told);
	free(got);
	world_close(&w);
}
END_TEST

/* ---- stale reads ---- */

/* Past the cache: what the disk gives. */
static void direct(struct buf *o)
{
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	int fd = open("f", O_RDONLY | O_DIRECT);

	T(pread(fd, page, 2 * PAGE, 0));
	buf_printf(o, "%c%c %c%c\n", page[0], page[PAGE - 1], page[PAGE], page[2 * PAGE - 1]);
}

static void write_twice(struct buf *o)
{
	int fd = open("f", O_RDWR);

	T(put(fd, 'B', PAGE, 0));
	T(put(fd, 'C', 10, 0));
}

#define SEEN "pread(fd, page, 2 * PAGE, 0) = 8192 \n"

START_TEST(test_stale)
{
	struct disk_rule r = rule_of(DISK_STALE, DISK_BIT(DISK_READ));
	struct world w = { 0 };
	unsigned id;

	world_open(&w);
	free(in_mnt(save));
	id = arm(&w, &r);
	expect(direct, SEEN "AA AA\n");
	free(in_mnt(write_twice));
	expect(direct, SEEN "BB AA\n");
	heal(&w, id);
	ck_assert_int_eq(w.count, 1);
	ck_assert_uint_eq(w.last.done, PAGE);
	expect(direct, SEEN "CB AA\n");
	expect(show, "C10 B4086 A4096 ");
	world_close(&w);
}
END_TEST

static void write_and_wait(struct buf *o)
{
	int fd = open("f", O_RDWR);
	int64_t until = clock_now() + 5 * NS_PER_S;
	char c = 'B';

	T(put(fd, 'B', PAGE, 0));
	while (c == 'B' && clock_now() < until)
		if (pread(fd, &c, 1, 100) != 1)
			_exit(27);
	buf_printf(o, "%c", c);
}

/* Through the cache: its pages are dropped behind each write. */
START_TEST(test_stale_cached)
{
	struct disk_rule r = rule_of(DISK_STALE, DISK_BIT(DISK_READ));
	struct world w = { 0 };
	unsigned id;

	world_open(&w);
	free(in_mnt(save));
	id = arm(&w, &r);
	expect(write_and_wait, "put(fd, 'B', PAGE, 0) = 0 \nA");
	heal(&w, id);
	expect(show, "B4096 A4096 ");
	world_close(&w);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("disk past");
	TCase *lost = tcase_create("lost"), *stale = tcase_create("stale");

	tcase_add_loop_test(lost, test_lost, 0, 2);
	tcase_add_test(lost, test_not_lost);
	tcase_add_test(lost, test_touched_again);
	tcase_add_test(lost, test_grown);
	tcase_add_test(lost, test_moved);
	tcase_add_loop_test(lost, test_model, 0, 3);
	tcase_add_loop_test(lost, test_sqlite, 0, 3);
	tcase_set_timeout(lost, 60);
	tcase_add_test(stale, test_stale);
	tcase_add_test(stale, test_stale_cached);
	tcase_set_timeout(stale, 30);
	suite_add_tcase(s, lost);
	suite_add_tcase(s, stale);
	return s;
}

int main(void)
{
	return disk_world_main(suite);
}
