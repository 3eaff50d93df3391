/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: what was written is what is read, and what could not be written or
 * read is said. Expected: exact lines, every field back, every tear and every
 * full disk named. Buggy results: a verdict from half a ledger, a card number
 * in a report, a sale joined to the wrong booking.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/draw.h"
#include "base/err.h"
#include "base/str.h"
#include "ledger/ledger.h"
#include "ledger/mask.h"
#include "tests/unit/suite.h"

static const char *const files[] = {"told.ndjson",  "books.ndjson",  "bank.ndjson",
				    "paper.ndjson", "drawer.ndjson", "events.ndjson"};

/* One directory for all: made and removed by the parent, so that a failed test leaves none. */
static char dir[64];

static char *path_of(const char *file)
{
	return xasprintf("%s/%s", dir, file);
}

static void empty_dir(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		char *path = path_of(files[i]);

		unlink(path);
		free(path);
	}
}

static char *read_text(const char *file)
{
	cleanup_free char *path = path_of(file);
	cleanup_close int fd = open(path, O_RDONLY);
	struct buf b = {0};
	char piece[4096];
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		buf_add(&b, piece, (size_t)n);
	return buf_steal(&b);
}

static void write_text(const char *file, const char *text, size_t len)
{
	cleanup_free char *path = path_of(file);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
}

static struct ledger *open_ledger(void)
{
	struct ledger *l = NULL;
	struct err e = {0};

	ck_assert_msg(ledger_open(&l, dir, clock_now(), &e) == 0, "%s", e.msg);
	return l;
}

static void close_ledger(struct ledger *l)
{
	struct err e = {0};

	ck_assert_msg(ledger_close(l, &e) == 0, "%s", e.msg);
}

static struct ledgers load(void)
{
	struct ledgers all;
	struct err e = {0};

	ck_assert_msg(ledgers_load(&all, dir, &e) == 0, "%s", e.msg);
	return all;
}

/* ---- lines ---- */

static const struct told full_told = {
	.key = "S42",
	.lane = "lane-1",
	.receipt = "1-17",
	.currency = "EUR",
	.tender = "card",
	.basket = "4006381333931*2 7*1",
	.kind = "refund",
	.error = "line 1\n\"line\" 2",
	.slowest = "pay",
	.shopper = 42,
	.intended_ns = 1,
	.start_ns = 2,
	.end_ns = INT64_MAX,
	.system_ns = 4,
	.slowest_ns = 5,
	.total = 1295,
	.expected = 1296,
	.attempts = 3,
	.outcome = TOLD_REFUSED,
	.acknowledged = true,
	.offline = true,
	.train_missed = true,
	.warm = true,
};

static void check_told(const struct told *a, const struct told *b)
{
	ck_assert(str_eq(a->key, b->key) && str_eq(a->lane, b->lane) &&
		  str_eq(a->receipt, b->receipt));
	ck_assert(str_eq(a->currency, b->currency) && str_eq(a->tender, b->tender));
	ck_assert(str_eq(a->basket, b->basket) && str_eq(a->kind, b->kind));
	ck_assert(str_eq(a->error, b->error) && str_eq(a->slowest, b->slowest));
	ck_assert_int_eq(a->shopper, b->shopper);
	ck_assert_int_eq(a->intended_ns, b->intended_ns);
	ck_assert_int_eq(a->start_ns, b->start_ns);
	ck_assert_int_eq(a->end_ns, b->end_ns);
	ck_assert_int_eq(a->system_ns, b->system_ns);
	ck_assert_int_eq(a->slowest_ns, b->slowest_ns);
	ck_assert_int_eq(a->total, b->total);
	ck_assert_int_eq(a->expected, b->expected);
	ck_assert_int_eq(a->attempts, b->attempts);
	ck_assert_int_eq(a->outcome, b->outcome);
	ck_assert(a->acknowledged == b->acknowledged && a->offline == b->offline);
	ck_assert(a->train_missed == b->train_missed && a->warm == b->warm);
}

START_TEST(test_told)
{
	struct told bare = {.key = "S1", .total = -1, .expected = -1, .shopper = -1};
	struct ledger *l = open_ledger();
	struct ledgers all;
	char *text;

	ledger_told(l, &full_told);
	ledger_told(l, &bare);
	close_ledger(l);
	text = read_text("told.ndjson");
	ck_assert_str_eq(
		text,
		"{\"told\":{\"key\":\"S42\",\"lane\":\"lane-1\",\"intended_ns\":1,\"start_ns\":2,"
		"\"end_ns\":9223372036854775807,\"outcome\":\"refused\",\"receipt\":\"1-17\","
		"\"total\":1295,"
		"\"currency\":\"EUR\",\"tender\":\"card\",\"basket\":\"4006381333931*2 7*1\","
		"\"kind\":\"refund\",\"error\":\"line 1\\n\\\"line\\\" 2\",\"slowest\":\"pay\","
		"\"shopper\":42,\"system_ns\":4,\"slowest_ns\":5,\"expected\":1296,\"attempts\":3,"
		"\"acknowledged\":true,\"offline\":true,\"train_missed\":true,\"warm\":true}}\n"
		"{\"told\":{\"key\":\"S1\",\"intended_ns\":0,\"start_ns\":0,\"end_ns\":0,"
		"\"outcome\":\"ok\"}}\n");
	free(text);
	all = load();
	ck_assert_uint_eq(all.told_count, 2);
	check_told(&all.told[0], &full_told);
	check_told(&all.told[1], &bare);
	ledgers_done(&all);
}
END_TEST

START_TEST(test_other_records)
{
	struct left left = {7, 100, 200, "lane-2", "patience", true};
	struct book book = {BOOK_STOCK, true,	"S1",	"EUR",	 "1-1",	    "A", "lane-1",
			    "final",	"cash", "SKU7", "12:00", INT64_MIN, 17,	 0};
	struct bank_rec bank = {.t_ns = 9, .key = "S1", .what = "captured", .stan = "000001",
				.amount = -5};
	struct paper_rec paper = {10, "printer", "S1", "1-1", "Ref S1", INT64_MIN, true, true};
	struct drawer_rec drawer = {11, "drawer", "S1", "cash-in", 500};
	struct ledger *l = open_ledger();
	struct ledgers all;

	ledger_left(l, &left);
	ledger_book(l, &book);
	ledger_bank(l, &bank);
	ledger_paper(l, &paper);
	ledger_drawer(l, &drawer);
	close_ledger(l);
	all = load();
	ck_assert_uint_eq(all.left_count, 1);
	ck_assert_int_eq(all.left->shopper, 7);
	ck_assert_int_eq(all.left->intended_ns, 100);
	ck_assert_int_eq(all.left->left_ns, 200);
	ck_assert_str_eq(all.left->why, "patience");
	ck_assert(all.left->train_missed);
	ck_assert_uint_eq(all.book_count, 1);
	ck_assert_int_eq(all.book->what, BOOK_STOCK);
	ck_assert(all.book->start);
	ck_assert_str_eq(all.book->sku, "SKU7");
	ck_assert_str_eq(all.book->time, "12:00");
	ck_assert_str_eq(all.book->series, "A");
	ck_assert_int_eq(all.book->total, INT64_MIN);
	ck_assert_int_eq(all.book->number, 17);
	ck_assert_int_eq(all.book->qty, 0);
	ck_assert_int_eq(all.bank->amount, -5);
	ck_assert_str_eq(all.bank->stan, "000001");
	ck_assert_str_eq(all.paper->text, "Ref S1");
	ck_assert_int_eq(all.paper->total, INT64_MIN);
	ck_assert(all.paper->cut);
	ck_assert_str_eq(all.drawer->what, "cash-in");
	ck_assert_int_eq(all.drawer->amount, 500);
	ledgers_done(&all);
}
END_TEST

START_TEST(test_events)
{
	static const char start[] =
		"{\"event\":{\"seq\":1,\"t_ns\":5,\"kind\":\"fired\",\"fault\":1,\"hit\":7,"
		"\"node\":\"store\",\"process\":\"store/0/0\",\"object\":\"store.db-wal\","
		"\"did\":\"ENOSPC on pwrite64 (4096)\"}}\n{\"event\":{\"seq\":2,\"t_ns\":";
	struct ledger *l = open_ledger();
	struct ledgers all;
	char *text;

	ledger_event(l, (struct event){.t_ns = 5,
				       .kind = EV_FIRED,
				       .fault = 1,
				       .hit = 7,
				       .node = "store",
				       .process = "store/0/0",
				       .object = "store.db-wal",
				       .did = "ENOSPC on pwrite64 (4096)"});
	ledger_event(l, (struct event){.kind = EV_PHASE, .fault = -1, .object = "open"});
	ledger_event(l, (struct event){.t_ns = 6, .kind = EV_ARMED, .fault = 0});
	close_ledger(l);
	text = read_text("events.ndjson");
	ck_assert_int_eq(strncmp(text, start, sizeof(start) - 1), 0);
	ck_assert_ptr_nonnull(strstr(text, ",\"kind\":\"phase\",\"object\":\"open\"}}\n"));
	ck_assert_ptr_nonnull(strstr(text, "\"kind\":\"armed\",\"fault\":0}}\n"));
	free(text);
	all = load();
	ck_assert_uint_eq(all.event_count, 3);
	ck_assert_int_eq(all.event[0].fault, 1);
	ck_assert_int_eq(all.event[1].fault, -1);
	ck_assert_int_gt(all.event[1].t_ns, 0); /* now, since the epoch */
	ck_assert_int_lt(all.event[1].t_ns, 60 * NS_PER_S);
	ck_assert_int_eq(all.event[2].fault, 0);
	ck_assert_int_eq(all.event[2].seq, 3);
	ck_assert_ptr_null(all.event[1].node);
	ledgers_done(&all);
}
END_TEST

/* Lines across the reader's pieces, one much longer than a piece, and the growth of everything. */
START_TEST(test_many_and_long)
{
	struct ledger *l = open_ledger();
	struct buf lengthy = {0};
	struct ledgers all;
	char key[32];

	for (int i = 0; i < 3000000; i++)
		buf_addc(&lengthy, i % 100 ? 'x' : '\n');
	for (int i = 0; i < 30000; i++) {
		struct told t = full_told;

		snprintf(key, sizeof(key), "S%d", i);
		t.key = key;
		t.error = i == 15000 ? lengthy.data : NULL;
		t.total = i;
		ledger_told(l, &t);
	}
	close_ledger(l);
	all = load();
	ck_assert_uint_eq(all.told_count, 30000);
	for (int i = 0; i < 30000; i++) {
		snprintf(key, sizeof(key), "S%d", i);
		ck_assert_str_eq(all.told[i].key, key);
		ck_assert_int_eq(all.told[i].total, i);
		ck_assert(str_eq(all.told[i].error, i == 15000 ? lengthy.data : NULL));
		ck_assert_ptr_eq(all.told[i].lane, all.told[0].lane); /* one copy */
	}
	ledgers_done(&all);
	buf_done(&lengthy);
}
END_TEST

START_TEST(test_flush)
{
	struct ledger *l = open_ledger();
	char *text;

	ledger_told(l, &full_told);
	ledger_flush(l);
	text = read_text("told.ndjson");
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	free(text);
	close_ledger(l);
}
END_TEST

/* ---- card numbers ---- */

static const struct {
	const char *text, *masked;
} masks[] = {
	{"4111111111111111", "411111******1111"},
	{"card 4111111111111111 ok", "card 411111******1111 ok"},
	{"4111 1111 1111 1111", "4111 11** **** 1111"},
	{"4111-1111-1111-1111.", "4111-11**-****-1111."},
	{"378282246310005", "378282*****0005"},
	{"3782 822463 10005", "3782 82**** *0005"},
	{"4222222222222", "422222***2222"},
	{"6304000000000000000", "630400*********0000"},
	{"5500005555555559,5555555555554444", "550000******5559,555555******4444"},
	{";4111111111111111=25121010000000001?", ";411111******1111=25121010000000001?"},
	{"4111111111111112", "4111111111111112"},		/* Luhn fails */
	{"41111111111111111111111", "41111111111111111111111"}, /* too long */
	{"411111111111", "411111111111"},			/* too short */
	{"1745832394123456789", "1745832394123456789"},		/* a time in ns */
	{"2025-04-28 12:34:56", "2025-04-28 12:34:56"},
	{"", ""},
	{"4111111111111111 4111111111111111", "411111******1111 411111******1111"},
	{"9999 4111111111111111", "9999 411111******1111"},
	{"x4111111111111111x", "x411111******1111x"},
};

START_TEST(test_mask)
{
	char *s = xstrdup(masks[_i].text);

	mask_cards(s, strlen(s));
	ck_assert_str_eq(s, masks[_i].masked);
	free(s);
}
END_TEST

START_TEST(test_masked_in_lines)
{
	struct told t = {.key = "4111111111111111", .error = "declined 4111111111111111",
			 .receipt = "20250428000019"}; /* as good as a card by its digits */
	struct paper_rec p = {.text = "VISA 4111 1111 1111 1111"};
	struct ledger *l = open_ledger();
	char *told, *paper;

	ledger_told(l, &t);
	ledger_paper(l, &p);
	close_ledger(l);
	told = read_text("told.ndjson");
	paper = read_text("paper.ndjson");
	ck_assert_ptr_nonnull(strstr(told, "\"declined 411111******1111\""));
	ck_assert_ptr_nonnull(strstr(told, "\"key\":\"4111111111111111\"")); /* identifies */
	ck_assert_ptr_nonnull(strstr(told, "\"receipt\":\"20250428000019\""));
	ck_assert_ptr_nonnull(strstr(paper, "\"VISA 4111 11** **** 1111\""));
	free(told);
	free(paper);
}
END_TEST

/* ---- bad files ---- */

static const char good_line[] =
	"{\"told\":{\"key\":\"S1\",\"intended_ns\":1,\"start_ns\":2,\"end_ns\":3,"
	"\"outcome\":\"ok\"}}\n";

static void write_others(void)
{
	write_text("books.ndjson", "", 0);
	write_text("events.ndjson", "", 0);
}

static const struct {
	const char *line, *message;
} bad_lines[] = {
	{"{\"told\":{\"key\":\"S1\"", "told.ndjson:2: not JSON at offset 19: expected ',' or '}'"},
	{"garbage", "told.ndjson:2: not JSON at offset 0: expected a value"},
	{"[]", "told.ndjson:2: not a record of this ledger"},
	{"{\"book\":{\"what\":\"sale\"}}", "told.ndjson:2: not a record of this ledger"},
	{"{\"told\":7}", "told.ndjson:2: not a record of this ledger"},
	{"{\"told\":{\"key\":7}}", "told.ndjson:2: \"key\" is not a string"},
	{"{\"told\":{\"total\":\"7\"}}", "told.ndjson:2: \"total\" is not an integer"},
	{"{\"told\":{\"total\":12.5}}", "told.ndjson:2: \"total\" is not an integer"},
	{"{\"told\":{\"total\":99999999999999999999}}",
	 "told.ndjson:2: \"total\" is not an integer"},
	{"{\"told\":{\"offline\":1}}", "told.ndjson:2: \"offline\" is not true or false"},
	{"{\"told\":{\"outcome\":\"maybe\"}}", "told.ndjson:2: \"outcome\" has an unknown value"},
	{"{\"told\":{\"outcome\":0}}", "told.ndjson:2: \"outcome\" is not a string"},
	{"{\"told\":{\"key\":\"S1\",\"intended_ns\":1,\"start_ns\":2,\"end_ns\":3}}",
	 "told.ndjson:2: \"outcome\" is missing"},
};

START_TEST(test_bad_line)
{
	cleanup_free char *text = xasprintf("%s%s\n%s", good_line, bad_lines[_i].line, good_line);
	struct ledgers all;
	struct err e = {0};

	write_others();
	write_text("told.ndjson", text, strlen(text));
	ck_assert_int_eq(ledgers_load(&all, dir, &e), -EINVAL);
	ck_assert_str_eq(e.msg, bad_lines[_i].message);
	ck_assert_ptr_null(all.told);
}
END_TEST

START_TEST(test_tolerated)
{
	static const char text[] =
		"{\"v\":2,\"told\":{\"new\":{\"x\":[1]},\"outcome\":\"unknown\",\"end_ns\":3.0,"
		"\"start_ns\":2,"
		"\"intended_ns\":1,\"receipt\":null,\"k\\u0065y\":1,\"key\":\"S\\u00fc\"}}\n"
		"\n"
		"{\"told\":{\"key\":\"S2\",\"intended_ns\":1,\"start_ns\":2,\"end_ns\":3,"
		"\"outcome\":\"ok\"}}";
	struct ledgers all;

	write_others();
	write_text("told.ndjson", text, sizeof(text) - 1);
	all = load();
	ck_assert_uint_eq(all.told_count, 2);
	ck_assert_str_eq(all.told[0].key, "S\xc3\xbc");
	ck_assert_int_eq(all.told[0].outcome, TOLD_UNKNOWN);
	ck_assert_int_eq(all.told[0].end_ns, 3);
	ck_assert_int_eq(all.told[0].total, -1);
	ck_assert_ptr_null(all.told[0].receipt);
	ck_assert_str_eq(all.told[1].key, "S2");
	ledgers_done(&all);
}
END_TEST

/* A file cut anywhere inside its last line is an error that names the line. */
START_TEST(test_torn)
{
	cleanup_free char *text = xasprintf("%s%s", good_line, good_line);
	size_t line = strlen(good_line);
	struct ledgers all;
	struct err e;

	write_others();
	for (size_t len = line + 1; len < 2 * line - 1; len++) {
		write_text("told.ndjson", text, len);
		ck_assert_int_eq(ledgers_load(&all, dir, &e), -EINVAL);
		ck_assert_int_eq(strncmp(e.msg, "the last line is torn: told.ndjson:2: ", 38), 0);
	}
}
END_TEST

START_TEST(test_missing)
{
	cleanup_free char *books = path_of("books.ndjson");
	struct ledgers all;
	struct err e = {0};

	write_others();
	write_text("told.ndjson", good_line, strlen(good_line));
	all = load(); /* no bank, paper, drawer */
	ck_assert_uint_eq(all.bank_count + all.paper_count + all.drawer_count, 0);
	ledgers_done(&all);
	unlink(books);
	ck_assert_int_eq(ledgers_load(&all, dir, &e), -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "books.ndjson: No such file or directory"));
	ledgers_done(&all); /* harmless */
}
END_TEST

/* ---- full disks ---- */

START_TEST(test_cannot_open)
{
	struct ledger *l = NULL;
	struct err e = {0};

	ck_assert_int_eq(ledger_open(&l, "/nowhere/at/all", 0, &e), -ENOENT);
	ck_assert_str_eq(e.msg, "making /nowhere/at/all/told.ndjson: No such file or directory");
	ck_assert_ptr_null(l);
}
END_TEST

static void expect_full(struct ledger *l, const char *message)
{
	struct err e = {0};

	for (int i = 0; i < 20000; i++)
		ledger_told(l, &full_told);
	ck_assert(ledger_failed(l));
	ck_assert_int_eq(ledger_close(l, &e), -ENOSPC);
	ck_assert_str_eq(e.msg, message);
}

START_TEST(test_dev_full)
{
	cleanup_free char *path = path_of("told.ndjson");

	ck_assert_int_eq(symlink("/dev/full", path), 0);
	expect_full(open_ledger(), "told.ndjson: write: No space left on device");
}
END_TEST

/* Nothing is flushed before the end: only ledger_close can find out. */
START_TEST(test_full_at_close)
{
	cleanup_free char *path = path_of("events.ndjson");
	struct err e = {0};
	struct ledger *l;

	ck_assert_int_eq(symlink("/dev/full", path), 0);
	l = open_ledger();
	ledger_event(l, (struct event){.kind = EV_NOTE, .fault = -1});
	ck_assert(!ledger_failed(l));
	ck_assert_int_eq(ledger_close(l, &e), -ENOSPC);
	ck_assert_str_eq(e.msg, "events.ndjson: write: No space left on device");
}
END_TEST

/* A real file system that fills up in the middle of a line. In its own mount namespace. */
START_TEST(test_full_tmpfs)
{
	struct ledgers all;
	struct err e = {0};

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("none", dir, "tmpfs", 0, "size=1m"), 0);
	expect_full(open_ledger(), "told.ndjson: write: No space left on device");
	/* and nobody takes what is there for a whole ledger */
	ck_assert_int_eq(ledgers_load(&all, dir, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, "the last line is torn: told.ndjson:"));
}
END_TEST

/* One flush, at the end, of which half fits: a short write is not a whole one. */
START_TEST(test_short_write)
{
	struct ledger *l;
	struct err e = {0};

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("none", dir, "tmpfs", 0, "size=64k"), 0);
	l = open_ledger();
	for (int i = 0; i < 250; i++)
		ledger_told(l, &full_told);
	ck_assert(!ledger_failed(l));
	ck_assert_int_eq(ledger_close(l, &e), -ENOSPC);
}
END_TEST

/* may_mount - can this user make a mount namespace with a tmpfs? Tried in a child. */
static bool may_mount(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		      mount("none", "/tmp", "tmpfs", 0, NULL));
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* ---- joining ---- */

START_TEST(test_join)
{
	struct told told[] = {
		{.key = "A"}, {.key = "B"}, {.key = ""}, {.key = "B", .total = 2}, {.key = NULL}};
	struct book book[] = {
		{.what = BOOK_SALE, .key = "P"},
		{.what = BOOK_SALE, .key = "A", .total = 1},
		{.what = BOOK_SALE, .key = "A", .total = 2},
		{.what = BOOK_SALE, .key = "B", .start = true},
		{.what = BOOK_PAYMENT, .key = "B"},
		{.what = BOOK_SALE, .key = ""},
		{.what = BOOK_SALE},
	};
	struct ledgers l = {.told = told, .told_count = 5, .book = book, .book_count = 7};
	struct sales s;

	ck_assert_int_eq(sales_join(&s, &l), 0);
	ck_assert_uint_eq(s.count, 5);
	ck_assert_uint_eq(s.unkeyed, 2);
	ck_assert_str_eq(s.at[0].key, "A");
	ck_assert_ptr_eq(s.at[0].told, &told[0]);
	ck_assert_ptr_eq(s.at[0].book, &book[1]);
	ck_assert_uint_eq(s.at[0].books, 2);
	ck_assert_uint_eq(s.at[0].tolds, 1);
	ck_assert_str_eq(s.at[1].key, "B");
	ck_assert_ptr_eq(s.at[1].told, &told[1]);
	ck_assert_ptr_null(s.at[1].book);
	ck_assert_uint_eq(s.at[1].books, 0);
	ck_assert_uint_eq(s.at[1].tolds, 2);
	ck_assert_str_eq(s.at[2].key, ""); /* two without a key are two sales */
	ck_assert_ptr_eq(s.at[2].told, &told[2]);
	ck_assert_ptr_eq(s.at[3].told, &told[4]);
	ck_assert_str_eq(s.at[4].key, "P"); /* phantom */
	ck_assert_ptr_null(s.at[4].told);
	ck_assert_uint_eq(s.at[4].tolds, 0);
	sales_done(&s);
}
END_TEST

START_TEST(test_join_empty)
{
	struct ledgers l = {0};
	struct sales s;

	ck_assert_int_eq(sales_join(&s, &l), 0);
	ck_assert_uint_eq(s.count, 0);
	sales_done(&s);
}
END_TEST

#define KEYS 5000

/* Random histories against plain counting. */
START_TEST(test_join_random)
{
	static struct told told[2 * KEYS];
	static struct book book[2 * KEYS];
	static char keys[KEYS][8];
	static unsigned tolds[KEYS], books[KEYS];
	struct ledgers l = {
		.told = told, .told_count = 2 * KEYS, .book = book, .book_count = 2 * KEYS};
	struct sales s;

	for (unsigned i = 0; i < KEYS; i++)
		snprintf(keys[i], sizeof(keys[i]), "S%u", i);
	for (unsigned i = 0; i < 2 * KEYS; i++) {
		struct draw d = {(uint64_t)_i, "join", i, 0};
		unsigned a = (unsigned)draw_range(d, 0, KEYS - 1), b;

		d.hit = 1;
		b = (unsigned)draw_range(d, 0, KEYS - 1);
		told[i].key = keys[a];
		tolds[a]++;
		book[i].key = keys[b];
		books[b]++;
	}
	ck_assert_int_eq(sales_join(&s, &l), 0);
	for (size_t i = 0; i < s.count; i++) {
		unsigned k = (unsigned)atoi(s.at[i].key + 1);

		ck_assert_uint_eq(s.at[i].tolds, tolds[k]);
		ck_assert_uint_eq(s.at[i].books, books[k]);
		tolds[k] = books[k] = 0;
	}
	for (unsigned k = 0; k < KEYS; k++)
		ck_assert_uint_eq(tolds[k] + books[k], 0);
	sales_done(&s);
}
END_TEST

static TCase *case_with_dir(Suite *s, const char *name)
{
	TCase *t = tcase_create(name);

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, empty_dir, NULL); /* before: the one before may have failed */
	suite_add_tcase(s, t);
	return t;
}

static Suite *make_suite(void)
{
	Suite *s = suite_create("ledger");
	TCase *lines = case_with_dir(s, "lines"), *bad = case_with_dir(s, "bad files");
	TCase *full = case_with_dir(s, "full disks"), *join = case_with_dir(s, "join");

	tcase_add_test(lines, test_told);
	tcase_add_test(lines, test_other_records);
	tcase_add_test(lines, test_events);
	tcase_add_test(lines, test_many_and_long);
	tcase_add_test(lines, test_flush);
	tcase_add_loop_test(lines, test_mask, 0, (int)ARRAY_SIZE(masks));
	tcase_add_test(lines, test_masked_in_lines);
	tcase_add_loop_test(bad, test_bad_line, 0, (int)ARRAY_SIZE(bad_lines));
	tcase_add_test(bad, test_tolerated);
	tcase_add_test(bad, test_torn);
	tcase_add_test(bad, test_missing);
	tcase_add_test(full, test_cannot_open);
	tcase_add_test(full, test_dev_full);
	tcase_add_test(full, test_full_at_close);
	if (may_mount()) {
		tcase_add_test(full, test_full_tmpfs);
		tcase_add_test(full, test_short_write);
	} else {
		puts("# SKIP test_full_tmpfs, test_short_write: may not mount (run as root)");
	}
	tcase_add_test(join, test_join);
	tcase_add_test(join, test_join_empty);
	tcase_add_loop_test(join, test_join_random, 0, 3);
	return s;
}

int main(void)
{
	int failed;

	snprintf(dir, sizeof(dir), "/tmp/worstday-check-ledger-XXXXXX");
	if (!mkdtemp(dir)) {
		perror(dir);
		return EXIT_FAILURE;
	}
	failed = suite_main(make_suite());
	empty_dir();
	rmdir(dir);
	return failed;
}
