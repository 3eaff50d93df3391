// SPDX-License-Identifier: Apache-2.0
/*
 * The script driver: replies in any order, late, garbled, of another sale;
 * processes that die at any moment; and the program of SCRIPT.md, as printed.
 * The "script" of most tests is a forked function chosen by argv[0].
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "check_crowd.h"
#include "crowd/driver_script.h"
#include "tests/unit/suite.h"

#define S(text) ((char *)(uintptr_t)text)

struct shared {
	int starts, requests, ended;
	char last[4096];
};
static struct shared *shared;

/* ---- the scripts ---- */

static int64_t id_of(const char *line)
{
	struct json_val o, v;
	int64_t id = -1;

	if (json_parse(line, strlen(line), &o, NULL) == 0) {
		v = json_get(&o, "id");
		json_int64(&v, &id);
	}
	return id;
}

static void ok(int64_t id)
{
	printf("{\"id\":%lld,\"outcome\":\"ok\",\"receipt\":\"1-%lld\",\"total\":1295}\n",
	       (long long)id, (long long)id);
}

static bool is_op(const char *line, const char *op)
{
	char want[40];

	snprintf(want, sizeof(want), "\"op\":\"%s\"", op);
	return strstr(line, want) != NULL;
}

static void on_line(const char *mode, const char *line, int nth)
{
	static int64_t held;
	int64_t id = id_of(line);

	if (strcmp(mode, "reversed") == 0) {
		if (nth % 2) {
			held = id;
			return;
		}
		ok(id);
		ok(held);
	} else if (strcmp(mode, "silent-once") == 0) {
		if (nth == 1)
			held = id;
		else if (nth == 2)
			ok(held);
		if (nth > 1)
			ok(id);
	} else if (strcmp(mode, "dies") == 0 && shared->starts == 1) {
		_exit(3);
	} else if (strcmp(mode, "last-words") == 0 && is_op(line, "pay")) {
		ok(id);
		fflush(stdout);
		_exit(0);
	} else if (strcmp(mode, "garbage") == 0) {
		printf("hello\n\n[1]\n{\"id\":9999999,\"outcome\":\"ok\"}\n{\"outcome\":\"ok\"}\n");
		ok(id);
	} else if (strcmp(mode, "other-key") == 0) {
		printf("{\"id\":%lld,\"outcome\":\"ok\",\"key\":\"S999\"}\n", (long long)id);
	} else if (strcmp(mode, "no-outcome") == 0) {
		printf("{\"id\":%lld,\"outcome\":\"fine\"}\n", (long long)id);
	} else if (strcmp(mode, "refuses") == 0) {
		printf("{\"id\":%lld,\"outcome\":\"refused\",\"error\":\"declined\"}\n",
		       (long long)id);
	} else if (strcmp(mode, "endless") == 0) {
		for (int i = 0; i < 3 << 20; i++)
			putchar('x');
	} else if (strcmp(mode, "mute") != 0) {
		ok(id);
	}
}

static void script(const char *mode)
{
	static char line[65536];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	shared->starts++;
	for (int nth = 1; fgets(line, sizeof(line), stdin); nth++) {
		shared->requests++;
		memcpy(shared->last, line, sizeof(shared->last) - 1);
		on_line(mode, line, nth);
		fflush(stdout);
	}
	shared->ended++;
	_exit(0);
}

static int spawn(void *arg, const char *node, char *const argv[], const struct strmap *env,
		 int *ret_in, int *ret_out, int *ret_pidfd, struct err *e)
{
	int in[2], out[2];
	pid_t pid;

	(void)arg;
	(void)node;
	(void)env;
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return err_errno(e, errno, "pipe2");
	pid = fork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		close_range(3, ~0U, 0);
		if (strchr(argv[0], '/'))
			execv(argv[0], argv);
		script(argv[0]);
	}
	close(in[0]);
	close(out[1]);
	*ret_in = in[1];
	*ret_out = out[0];
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return 0;
}

/* ---- a shop ---- */

static struct kit k;
static char *argv0[3], *ops[] = { S("scan"), S("total"), S("pay"), S("open-session"), S("sell") };

static void setup(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	kit_init(&k, 1);
}

static void teardown(void)
{
	kit_done(&k);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* all are dead and buried */
	munmap(shared, sizeof(*shared));
}

static void use(const char *mode)
{
	argv0[0] = S(mode);
	k.t.driver.kind = DRIVER_SCRIPT;
	k.t.driver.script = (struct strlist){ .at = argv0, .count = 1 };
	k.t.driver.script_ops = (struct strlist){ .at = ops, .count = 3 };
	k.o.world.spawn = spawn;
}

static void shop(const char *mode)
{
	struct err e = { 0 };

	use(mode);
	ck_assert_msg(crowd_new(&k.c, &k.o, &e) == 0, "%s", e.msg);
	ck_assert_msg(crowd_open(k.c, clock_now() + 5 * NS_PER_S, &k.first_ns, &e) == 0, "%s",
		      e.msg);
	ck_assert_int_eq(kit_run(&k, 20 * NS_PER_S), 0);
}

static struct script_counts counts(void)
{
	return script_counts(crowd_driver(k.c));
}

START_TEST(sales)
{
	char want[200];

	snprintf(want, sizeof(want), "\"op\":\"pay\",\"key\":\"S9\",\"lane\":\"lane-1\","
		 "\"deadline_ms\":%lld,\"attempt\":1,\"shopper\":9,",
		 (long long)(k.x.shoppers.step_timeout.ns / NS_PER_MS));
	shop("fine");
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 10);
	ck_assert_int_eq(k.told[0].total, 1295);
	ck_assert_int_eq(shared->starts, 1);
	ck_assert_msg(strstr(shared->last, want) != NULL, "%s", shared->last);
	ck_assert_ptr_nonnull(strstr(shared->last, "\"tender\":\"cash\",\"amount\":1295,"));
	ck_assert_ptr_nonnull(strstr(shared->last, "\"items\":[{\"sku\":\"400"));
}
END_TEST

START_TEST(one_for_all_lanes_any_order)
{
	kit_done(&k);
	kit_init(&k, 2);
	k.x.shoppers.count = 2;
	k.x.shoppers.basket.range = (struct range){ 1, 1, 1 };
	k.x.shoppers.arrivals.per_s = 1e6;
	k.x.shoppers.step_timeout.ns = 5 * NS_PER_S;
	k.t.driver.at = S("lane-1");
	shop("reversed");
	ck_assert_int_eq(shared->starts, 1);
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 2);
	ck_assert_str_ne(k.told[0].lane, k.told[1].lane);
}
END_TEST

START_TEST(late_reply_is_ignored)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.step_timeout.ns = 50 * NS_PER_MS;
	shop("silent-once");
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 1);
	ck_assert_int_eq(counts().late, 1);
}
END_TEST

START_TEST(death_is_unknown_and_restarted)
{
	k.x.shoppers.count = 200;
	k.x.shoppers.arrivals.per_s = 200;
	k.x.shoppers.pace_milli = 1000 * 1000;
	k.x.shoppers.arrivals.per_s = .2;
	k.x.shoppers.retries = 0;
	shop("dies");
	ck_assert_int_eq(k.told[0].outcome, TOLD_UNKNOWN);
	ck_assert_str_eq(k.told[0].error, "the driver script went away");
	ck_assert_int_eq(k.told[199].outcome, TOLD_OK);
	ck_assert_str_eq(k.lane_log.data, "lane-1 down; lane-1 up; ");
	ck_assert_int_eq(shared->starts, 2);
	ck_assert_int_eq(counts().deaths, 1);
}
END_TEST

START_TEST(last_words_count)
{
	k.x.shoppers.count = 1;
	shop("last-words");
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
}
END_TEST

START_TEST(garbage_says_nothing)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.basket.range = (struct range){ 1, 1, 1 };
	shop("garbage");
	ck_assert_int_eq(k.told[0].outcome, TOLD_OK);
	ck_assert_int_eq(counts().garbage, 9); /* of three actions: hello, [1], without an id */
	ck_assert_int_eq(counts().late, 3);
}
END_TEST

static const struct {
	const char *mode, *error;
	int outcome;
} answers[] = {
	{ "other-key", "reply with another sale's key", TOLD_UNKNOWN },
	{ "no-outcome", "reply without a valid outcome", TOLD_UNKNOWN },
	{ "refuses", "declined", TOLD_REFUSED },
	{ "endless", "the driver script wrote an endless line", TOLD_UNKNOWN },
	{ "mute", "no answer within the step timeout", TOLD_UNKNOWN },
};

START_TEST(odd_answers)
{
	k.x.shoppers.count = 1;
	k.x.shoppers.retries = 0;
	shop(answers[_i].mode);
	ck_assert_int_eq(k.told[0].outcome, answers[_i].outcome);
	ck_assert_str_eq(k.told[0].error, answers[_i].error);
}
END_TEST

START_TEST(no_such_action)
{
	struct err e = { 0 };

	ops[0] = S("scna");
	use("fine");
	ck_assert_int_eq(crowd_new(&k.c, &k.o, &e), -EINVAL);
	ck_assert_str_eq(e.msg, "driver script: no such action: scna");
	k.c = NULL;
}
END_TEST

/* The program printed in SCRIPT.md works. */
static char *documented(void)
{
	char *path = xstrdup("/tmp/worstday-script.XXXXXX"), line[512];
	FILE *in = fopen("harness/crowd/SCRIPT.md", "re"), *out;
	bool inside = false;
	int fd;

	if (!in) {
		free(path);
		return NULL;
	}
	fd = mkstemp(path);
	out = fdopen(fd, "w");
	while (fgets(line, sizeof(line), in)) {
		if (strncmp(line, "```", 3) == 0)
			inside = strncmp(line, "```python", 9) == 0;
		else if (inside)
			fputs(line, out);
	}
	fclose(in);
	fclose(out);
	return path;
}

START_TEST(documentation_works)
{
	char *path = documented();

	ck_assert_ptr_nonnull(path); /* main() looked */
	argv0[1] = path;
	k.x.shoppers.step_timeout.ns = 10 * NS_PER_S;
	use("/usr/bin/python3");
	k.t.driver.script.count = 2;
	ck_assert_int_eq(crowd_new(&k.c, &k.o, NULL), 0);
	ck_assert_int_eq(crowd_open(k.c, clock_now() + 5 * NS_PER_S, &k.first_ns, NULL), 0);
	ck_assert_int_eq(kit_run(&k, 20 * NS_PER_S), 0);
	ck_assert_uint_eq(kit_count(&k, TOLD_OK), 10);
	ck_assert_int_eq(k.told[0].total, k.told[0].expected);
	unlink(path);
	free(path);
}
END_TEST

static Suite *suite(bool documentation)
{
	Suite *s = suite_create("crowd script");
	TCase *t = tcase_create("script");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, sales);
	tcase_add_test(t, one_for_all_lanes_any_order);
	tcase_add_test(t, late_reply_is_ignored);
	tcase_add_test(t, death_is_unknown_and_restarted);
	tcase_add_test(t, last_words_count);
	tcase_add_test(t, garbage_says_nothing);
	tcase_add_loop_test(t, odd_answers, 0, (int)(sizeof(answers) / sizeof(*answers)));
	tcase_add_test(t, no_such_action);
	if (documentation)
		tcase_add_test(t, documentation_works);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	bool documentation = access("harness/crowd/SCRIPT.md", R_OK) == 0 &&
			     access("/usr/bin/python3", X_OK) == 0;

	if (!documentation)
		printf("# SKIP documentation_works: run from the top folder, with python3\n");
	return suite_main(suite(documentation));
}
