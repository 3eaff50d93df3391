/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that stands still for an hour, with a program waiting for it, beside a wire:
 *
 *   node 0 ── switch ── node 1          <back> ── disk, held ── <mnt> ◄── a program, waiting
 *
 * Expected: packets pass, timers fire and orders are taken as if nothing was. Buggy result:
 * anything of these later than a second. (The crowd: tests/cases/disk-stall.sh.)
 */
#include "disk_kit.h"
#include "lan_kit.h"

#include "disk_world.h"

#define PACKETS 200

static pid_t waiter(void)
{
	char path[400];
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(path, sizeof(path), "%s/0/waits", mnt);
		_exit(fsync(open(path, O_RDWR | O_CREAT, 0600)) < 0);
	}
	return pid;
}


static int64_t fired_ns;

static void fired(struct loop_timer *t, int64_t now)
{
	(void)t;
	(void)now;
	fired_ns = clock_now();
}

/* The longest that one of them took. */
static int64_t slowest_packet(const struct lan *l)
{
	struct sockaddr_in6 there = lan_addr6(1, 9001);
	int a = lan_bound(l, 0, 9000), b = lan_bound(l, 1, 9001);
	int64_t worst = 0;

	for (int i = 0; i < PACKETS; i++) {
		int64_t before = clock_now();
		char c = (char)i;

		ck_assert_int_eq(sendto(a, &c, 1, 0, (struct sockaddr *)&there, sizeof(there)), 1);
		ck_assert_int_eq(lan_heard(b, &c, 1, 5000), 1);
		ck_assert_int_eq(c, (char)i);
		if (clock_now() - before > worst)
			worst = clock_now() - before;
	}
	close(a);
	close(b);
	return worst;
}

static int64_t slowest_timer(struct loop *loop)
{
	struct loop_timer t = { .fire = fired };
	int64_t worst = 0;

	for (int i = 0; i < 50; i++) {
		int64_t due = clock_now() + NS_PER_MS;

		loop_timer_at(loop, &t, due);
		for (fired_ns = 0; !fired_ns;)
			loop_run_until(loop, &(bool){ false }, clock_now() + NS_PER_MS);
		if (fired_ns - due > worst)
			worst = fired_ns - due;
	}
	return worst;
}

START_TEST(test_stall)
{
	struct disk_rule r = rule_of(DISK_SLOW, DISK_ALL_OPS);
	struct world w = { 0 };
	struct lan l;
	int status;
	unsigned id;
	pid_t pid;

	lan_open(&l);
	world_open(&w);
	r.delay_ns = 3600 * NS_PER_S;
	r.stall = true;
	id = arm(&w, &r);
	pid = waiter();
	while (!w.count)
		loop_run_until(w.loop, &(bool){ false }, clock_now() + NS_PER_MS);
	ck_assert_int_lt(slowest_packet(&l), NS_PER_S);
	ck_assert_int_lt(slowest_timer(w.loop), NS_PER_S);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0); /* it stood still all the time */
	heal(&w, id);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	world_close(&w);
	lan_close(&l);
}
END_TEST

/* All that is done to the disk when a node loses its power: with 16 MiB on it. */
static void cut(struct kit *k)
{
	struct crash_at at = { .model = DURABLE_STRICT, .ops = SIZE_MAX, .nth = CRASH_ALL };
	char path[128];
	struct err e = { 0 };
	struct history *h;
	int fd;

	snprintf(path, sizeof(path), "%s/0/much", k->mnt);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	for (int i = 0; i < 256; i++)
		ck_assert_int_eq(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
	close(fd);
	ck_assert_int_eq(disk_hold(k->disk, &e), 0);
	ck_assert_int_eq(disk_die(k->disk, &e), 0);
	h = kit_history(k);
	kit_state(k, h, &at);
	history_free(h);
	umount2(k->mnt, MNT_DETACH);
	ck_assert_msg(disk_reboot(k->disk, &k->opts, &e) == 0, "%s", e.msg);
}

/* Nor does a cut: the packets of others go on meanwhile. */
START_TEST(test_cut_alone)
{
	struct kit k;
	struct lan l;
	int status, cuts = 0;
	pid_t pid;

	lan_open(&l);
	kit_open(&k, 256 << 20);
	pid = fork();
	if (pid == 0) {
		int64_t until = clock_now() + NS_PER_S / 2, worst = 0, t;

		while (clock_now() < until)
			worst = (t = slowest_packet(&l)) > worst ? t : worst;
		_exit(worst >= NS_PER_S);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		cut(&k);
		cuts++;
	}
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(cuts, 0);
	kit_close(&k);
	lan_close(&l);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("disk stall");
	TCase *stall = tcase_create("beside a wire");

	if (lan_can()) {
		tcase_add_test(stall, test_stall);
		tcase_add_test(stall, test_cut_alone);
	} else {
		puts("# SKIP wire: needs root and /dev/net/tun");
	}
	tcase_set_timeout(stall, 30);
	suite_add_tcase(s, stall);
	return s;
}

int main(void)
{
	return disk_world_main(suite);
}
