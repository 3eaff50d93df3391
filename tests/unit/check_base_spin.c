/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the wire stays awake for the next packet: while that pays, on a machine with a core to
 * spare, and hardly ever otherwise. The clock and the count of those who want to run are ours.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/spin.h"
#include "tests/unit/suite.h"

static void running(struct spin *s, const char *text)
{
	if (s->load < 0)
		s->load = memfd_create("loadavg", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(s->load, 0), 0);
	ck_assert_int_eq((int)pwrite(s->load, text, strlen(text), 0), (int)strlen(text));
}

static struct spin idle_machine(void)
{
	struct spin s = { .load = -1, .cpus = 2 };

	running(&s, "0.20 0.18 0.12 1/80 11206\n");
	return s;
}

/* One packet after another: each is waited for. */
START_TEST(while_it_pays)
{
	struct spin s = idle_machine();

	for (int64_t now = NS_PER_S; now < 2 * NS_PER_S; now += SPIN_NS / 4) {
		ck_assert_int_eq(spin_until(&s, now), now + SPIN_NS);
		spin_end(&s, SPIN_PACKET);
	}
	spin_done(&s);
}
END_TEST

/* A packet now and then: of a thousand turns hardly any are spent; a packet in time, and it is as
 * at first. */
START_TEST(while_it_does_not)
{
	struct spin s = idle_machine();
	int64_t now = NS_PER_S;
	int tries = 0;

	for (int i = 0; i < 1000; i++, now += 10 * NS_PER_MS) {
		if (!spin_until(&s, now))
			continue;
		spin_end(&s, SPIN_NOTHING);
		tries++;
	}
	ck_assert_int_ge(tries, 15);
	ck_assert_int_le(tries, 25);
	for (int i = 0; i <= SPIN_SKIP_MAX && !spin_until(&s, now); i++)
		;
	spin_end(&s, SPIN_PACKET);
	ck_assert_int_ne(spin_until(&s, now), 0);
	spin_end(&s, SPIN_CUT_SHORT);
	ck_assert_int_ne(spin_until(&s, now), 0);
	spin_done(&s);
}
END_TEST

/* Pushed off its core once, it does not try again for a long row of turns. */
START_TEST(somebody_else_wanted_the_core)
{
	struct spin s = idle_machine();
	int turns = 0;

	ck_assert_int_ne(spin_until(&s, NS_PER_S), 0);
	spin_end(&s, SPIN_PUSHED);
	while (!spin_until(&s, NS_PER_S))
		turns++;
	ck_assert_int_eq(turns, SPIN_SKIP_MAX);
	spin_done(&s);
}
END_TEST

static const struct {
	const char *load;
	bool awake;
} machines[] = {
	{ "0.00 0.00 0.00 0/1 1\n", true },    { "0.20 0.18 0.12 2/80 11206\n", true },
	{ "0.20 0.18 0.12 3/80 11206\n", false }, { "11.20 0.18 0.12 12/80 11206\n", false },
	{ "", false },			       { "0.20 0.18\n", false },
	{ "0.20 0.18 0.12 x/80 1\n", false },  { "0.20 0.18 0.12 2", false },
};

/* As many as there are cores is one for each; what cannot be read is no idle machine. That there
 * is room counts once, that there is none for a while. */
START_TEST(cores_to_spare)
{
	struct spin s = idle_machine();

	running(&s, machines[_i].load);
	ck_assert_int_eq(spin_until(&s, NS_PER_S) != 0, machines[_i].awake);
	running(&s, machines[_i].awake ? "1 1 1 9/9 9\n" : "1 1 1 1/9 9\n");
	ck_assert_int_eq(spin_until(&s, NS_PER_S + SPIN_CROWD_NS - 1), 0);
	ck_assert_int_eq(spin_until(&s, NS_PER_S + SPIN_CROWD_NS) != 0, !machines[_i].awake);
	spin_done(&s);
}
END_TEST

START_TEST(this_machine)
{
	struct spin s;

	spin_init(&s);
	ck_assert_int_ge(s.load, 0);
	ck_assert_uint_ge(s.cpus, 1);
	s.cpus = 100000; /* more than can want to run */
	ck_assert_int_ne(spin_until(&s, NS_PER_S), 0);
	s.cpus = 0;
	ck_assert_int_eq(spin_until(&s, 2 * NS_PER_S), 0);
	spin_done(&s);
	ck_assert_int_eq(spin_until(&s, 3 * NS_PER_S), 0); /* nothing to look at any more */
	spin_done(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wire_spin");
	TCase *tc = tcase_create("spin");

	tcase_add_test(tc, while_it_pays);
	tcase_add_test(tc, while_it_does_not);
	tcase_add_test(tc, somebody_else_wanted_the_core);
	tcase_add_loop_test(tc, cores_to_spare, 0, sizeof(machines) / sizeof(*machines));
	tcase_add_test(tc, this_machine);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
