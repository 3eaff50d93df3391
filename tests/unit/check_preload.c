/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purpose: what the preloaded library does inside a program. This program starts itself under it
 * (a "victim" that obeys lines on its standard input) and arms rules as a fault does.
 *
 *     suite ── rules, hits (two files) ── victim, with LD_PRELOAD
 *       └─────── "read time" / "-3600000" ──┘   by pipes
 *
 * Expected: each function that reads a clock tells what the rules say; who waits until a time of a
 * clock waits as long as he meant to; each process is known by its path; healed, all is as before.
 * Buggy result: a function that goes past the rules, a wait that lasts an hour, a hit of nobody.
 */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "shim/shim.h"
#include "tests/unit/suite.h"

#define HOUR (3600 * NS_PER_S)
#define WAIT_MS 40
#define EARLY_MS 15 /* a coarse clock is a tick behind */
#define LATE_MS 2000

/* ---- the victim ---- */

static int64_t raw(clockid_t id)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int64_t ns_of(struct timespec ts)
{
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct timespec ts_of(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
}

static int64_t hooked(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ns_of(ts);
}

static int64_t ahead_ms(void)
{
	return (hooked(CLOCK_REALTIME) - raw(CLOCK_REALTIME)) / NS_PER_MS;
}

/* Before any constructor, the library's own too: it must know the real function by then. */
static int64_t early_ms = -1;

static void early(void)
{
	early_ms = ahead_ms();
}
__attribute__((section(".preinit_array"), used)) static void (*const early_at)(void) = early;

static volatile int64_t in_handler;

static void on_signal(int sig)
{
	(void)sig;
	in_handler = ahead_ms();
}

/* In the middle of reads, most often: a handler that reads too must neither hang nor see half. */
static int64_t in_signal_ms(void)
{
	struct itimerval often = { .it_interval = { .tv_usec = 200 }, .it_value.tv_usec = 200 };
	int64_t until = raw(CLOCK_MONOTONIC) + 50 * NS_PER_MS, got;

	in_handler = INT64_MIN;
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &often, NULL);
	while (raw(CLOCK_MONOTONIC) < until || in_handler == INT64_MIN)
		hooked(CLOCK_REALTIME);
	got = in_handler;
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	return got;
}

static void *reads_often(void *arg)
{
	int64_t *most = arg;

	for (int i = 0; i < 20000; i++) {
		int64_t ms = ahead_ms();

		*most = llabs(ms) > llabs(*most) ? ms : *most;
	}
	return NULL;
}

static int64_t in_threads_ms(void)
{
	int64_t most[4] = { 0 };
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, reads_often, &most[i]) != 0)
			return INT64_MIN;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 1; i < 4; i++) /* each saw the same clock */
		if (llabs(most[i] - most[0]) > 1100)
			return INT64_MIN;
	return most[0];
}

/* A library that comes late, and asks for the clock by itself. */
static int64_t in_late_ms(void)
{
	void *late = dlopen(getenv("LATE"), RTLD_NOW | RTLD_LOCAL);
	int64_t (*now)(void) = late ? (int64_t (*)(void))(uintptr_t)dlsym(late, "late_now") : NULL;

	return now ? (now() - raw(CLOCK_REALTIME)) / NS_PER_MS : INT64_MIN;
}

/* By how many ms a function tells another time than there is. */
static int64_t read_ms(const char *fn)
{
	struct timespec ts = { 0 };
	struct timeval tv;

	if (!strcmp(fn, "gettimeofday")) {
		gettimeofday(&tv, NULL);
		return (tv.tv_sec * NS_PER_S + tv.tv_usec * 1000 - raw(CLOCK_REALTIME)) /
		       NS_PER_MS;
	}
	if (!strcmp(fn, "signal"))
		return in_signal_ms();
	if (!strcmp(fn, "threads"))
		return in_threads_ms();
	if (!strcmp(fn, "late"))
		return in_late_ms();
	if (!strcmp(fn, "early"))
		return early_ms;
	if (!strcmp(fn, "time"))
		return (time(NULL) - raw(CLOCK_REALTIME) / NS_PER_S) * 1000;
	if (!strcmp(fn, "timespec_get")) {
		timespec_get(&ts, TIME_UTC);
		return (ns_of(ts) - raw(CLOCK_REALTIME)) / NS_PER_MS;
	}
	if (!strcmp(fn, "monotonic"))
		return (hooked(CLOCK_MONOTONIC) - raw(CLOCK_MONOTONIC)) / NS_PER_MS;
	if (!strcmp(fn, "coarse"))
		return (hooked(CLOCK_REALTIME_COARSE) - raw(CLOCK_REALTIME_COARSE)) / NS_PER_MS;
	return ahead_ms();
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

/* Another thread's: our own would be an error. */
static void *hold(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_rwlock_wrlock(&rwlock);
	sem_post(arg);
	pause();
	return NULL;
}

static void wait_cond(const char *fn, const struct timespec *at, clockid_t id)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_condattr_t attr;
	pthread_cond_t c;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, id);
	pthread_cond_init(&c, &attr);
	pthread_mutex_lock(&m);
	if (!strcmp(fn, "cond_clockwait"))
		while (pthread_cond_clockwait(&c, &m, id, at) != ETIMEDOUT)
			;
	else
		while (pthread_cond_timedwait(&c, &m, at) != ETIMEDOUT)
			;
}

static void wait_mq(const char *fn, const struct timespec *at)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	char name[32], message[8] = "x";
	mqd_t q;

	snprintf(name, sizeof(name), "/wd-%d", getpid());
	q = mq_open(name, O_RDWR | O_CREAT, 0600, &attr);
	mq_unlink(name);
	if (!strcmp(fn, "mq_timedsend")) {
		mq_send(q, message, 8, 0);
		mq_timedsend(q, message, 8, 0, at);
	} else {
		mq_timedreceive(q, message, 8, NULL, at);
	}
	mq_close(q);
}

static void wait_c11(const char *fn, const struct timespec *at)
{
	mtx_t m;
	cnd_t c;

	mtx_init(&m, mtx_timed);
	cnd_init(&c);
	mtx_lock(&m);
	if (!strcmp(fn, "cnd_timedwait"))
		while (cnd_timedwait(&c, &m, at) != thrd_timedout)
			;
	else
		mtx_timedlock(&m, at);
}

static void wait_timer(const char *fn, const struct timespec *at, clockid_t id)
{
	struct itimerspec when = { .it_value = *at };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	uint64_t n;
	sigset_t set;
	timer_t t;
	int fd;

	if (!strcmp(fn, "timerfd")) {
		fd = timerfd_create(id, 0);
		timerfd_settime(fd, TFD_TIMER_ABSTIME |
				(id == CLOCK_REALTIME ? TFD_TIMER_CANCEL_ON_SET : 0), &when, NULL);
		if (read(fd, &n, sizeof(n)) < 0)
			printf("timerfd: %m\n");
		close(fd);
		return;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	timer_create(id, &ev, &t);
	timer_settime(t, TIMER_ABSTIME, &when, NULL);
	sigwaitinfo(&set, NULL);
	timer_delete(t);
}

static void wait_lock(const char *fn, const struct timespec *at, clockid_t id)
{
	static pthread_t other;
	static bool begun;
	static sem_t held;

	sem_init(&held, 0, 0);
	if (!strncmp(fn, "sem_", 4)) {
		if (!strcmp(fn, "sem_clockwait"))
			sem_clockwait(&held, id, at);
		else
			sem_timedwait(&held, at);
		return;
	}
	if (!begun && pthread_create(&other, NULL, hold, &held) == 0)
		while (sem_wait(&held) < 0)
			;
	begun = true;
	if (!strcmp(fn, "mutex_timedlock"))
		pthread_mutex_timedlock(&mutex, at);
	else if (!strcmp(fn, "mutex_clocklock"))
		pthread_mutex_clocklock(&mutex, id, at);
	else if (!strcmp(fn, "rwlock_timedrdlock"))
		pthread_rwlock_timedrdlock(&rwlock, at);
	else if (!strcmp(fn, "rwlock_timedwrlock"))
		pthread_rwlock_timedwrlock(&rwlock, at);
	else if (!strcmp(fn, "rwlock_clockrdlock"))
		pthread_rwlock_clockrdlock(&rwlock, id, at);
	else if (!strcmp(fn, "rwlock_clockwrlock"))
		pthread_rwlock_clockwrlock(&rwlock, id, at);
	else if (!strcmp(fn, "timedjoin"))
		pthread_timedjoin_np(other, NULL, at);
	else if (!strcmp(fn, "clockjoin"))
		pthread_clockjoin_np(other, NULL, id, at);
}

/* How many ms a wait until WAIT_MS from now, by the told clock, really takes. */
static int64_t wait_ms(const char *fn, clockid_t id)
{
	struct timespec at = ts_of(hooked(id) + WAIT_MS * NS_PER_MS);
	int64_t began = raw(CLOCK_MONOTONIC);

	if (!strncmp(fn, "cond_", 5))
		wait_cond(fn, &at, id);
	else if (!strncmp(fn, "mq_", 3))
		wait_mq(fn, &at);
	else if (!strncmp(fn, "cnd_", 4) || !strncmp(fn, "mtx_", 4))
		wait_c11(fn, &at);
	else if (!strncmp(fn, "timer", 5))
		wait_timer(fn, &at, id);
	else if (!strcmp(fn, "clock_nanosleep"))
		clock_nanosleep(id, TIMER_ABSTIME, &at, NULL);
	else
		wait_lock(fn, &at, id);
	return (raw(CLOCK_MONOTONIC) - began) / NS_PER_MS;
}

/* A grandchild by fork and one more by posix_spawn, each reading the clock once. */
static int64_t family(const char *self)
{
	char *argv[] = { (char *)(uintptr_t)self, (char[]){ "once" }, NULL };
	pid_t pid = fork();

	if (pid == 0) {
		hooked(CLOCK_REALTIME);
		pid = fork();
		if (pid == 0) {
			execv(self, argv);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	if (posix_spawn(&pid, self, NULL, NULL, argv, environ) == 0)
		waitpid(pid, NULL, 0);
	return 0;
}

static int victim(const char *self)
{
	char line[64];

	if (hooked(CLOCK_REALTIME) == 0)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		char what[16], fn[40];
		int64_t got = -1;

		if (sscanf(line, "%15s %39s", what, fn) != 2)
			return 1;
		if (!strcmp(what, "read"))
			got = read_ms(fn);
		else if (!strcmp(what, "wait"))
			got = wait_ms(fn, CLOCK_REALTIME);
		else if (!strcmp(what, "steady"))
			got = wait_ms(fn, CLOCK_MONOTONIC);
		else if (!strcmp(what, "family"))
			got = family(self);
		printf("%" PRId64 "\n", got);
		fflush(stdout);
	}
	return 0;
}

/* ---- the suite's end ---- */

static char *self;        /* path of this program */
static char dir[64];      /* of the test */
static struct shim *shim;
static struct loop *loop;
static struct {
	pid_t pid;
	FILE *in, *out;
} v;
static struct buf heard;  /* "process what\n" of each hit that was told by itself */
static uint64_t hits;

static void on_told(void *arg, const struct shim_told *t)
{
	(void)arg;
	hits += t->count;
	if (t->hit)
		buf_printf(&heard, "%s %s\n", t->process, t->hit->what);
}

static char *const *victim_env(void)
{
	static char *env[5];
	cleanup_free char *library = xasprintf("%s/d/preload.so", dir);

	env[0] = xasprintf("LD_PRELOAD=%s", library);
	env[1] = xasprintf(SHIM_ENV "=0.2:%s/d", dir);
	env[2] = xstrdup("PATH=/usr/bin:/bin");
	env[3] = xasprintf("LATE=%s/late.so", dir);
	return env;
}

static void victim_start(void)
{
	int in[2], out[2];

	ck_assert_int_eq(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	v.pid = fork();
	if (v.pid == 0) {
		char *argv[] = { self, (char[]){ "victim" }, NULL };

		dup2(in[0], 0);
		dup2(out[1], 1);
		execve(self, argv, victim_env());
		_exit(1);
	}
	close(in[0]);
	close(out[1]);
	v.in = fdopen(in[1], "w");
	v.out = fdopen(out[0], "r");
}

static int64_t ask(const char *what, const char *fn)
{
	int64_t got = INT64_MIN;

	fprintf(v.in, "%s %s\n", what, fn);
	fflush(v.in);
	ck_assert_msg(fscanf(v.out, "%" SCNd64, &got) == 1, "%s %s: no answer", what, fn);
	return got;
}

static void setup(void)
{
	struct err e = { 0 };
	cleanup_free char *hits_file = NULL, *d = NULL, *place = NULL;

	snprintf(dir, sizeof(dir), "/tmp/wd-preload-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	d = xasprintf("%s/d", dir);
	hits_file = xasprintf("%s/h", dir);
	place = xasprintf("%s/d/" SHIM_FILE_HITS, dir);
	ck_assert_msg(shim_new(&shim, &(struct shim_opts){ .node = "n", .dir = d,
		      .hits = hits_file, .owner = getuid() }, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(unlink(place) | symlink(hits_file, place), 0);
	ck_assert_int_eq(shim_service(shim, "n/s", &e), 0);
	ck_assert_int_eq(loop_new(&loop, &e), 0);
	victim_start();
}

static void teardown(void)
{
	cleanup_free char *gone = xasprintf("rm -rf %s", dir);

	fclose(v.in);
	kill(v.pid, SIGKILL);
	waitpid(v.pid, NULL, 0);
	fclose(v.out);
	shim_free(shim);
	loop_free(loop);
	buf_done(&heard);
	hits = 0;
	if (system(gone))
		printf("%s is left behind\n", dir);
}

static uint32_t arm(struct shim_rule r)
{
	struct err e = { 0 };
	uint32_t serial = 0;

	r.services = shim_services(shim, "s");
	ck_assert_uint_eq(r.services, 1);
	ck_assert_msg(shim_rule_add(shim, loop, &r, on_told, NULL, &serial, &e) == 0, "%s", e.msg);
	return serial;
}

static void heal(uint32_t serial)
{
	struct err e = { 0 };

	ck_assert_msg(shim_rule_del(shim, serial, &e) == 0, "%s", e.msg);
}

static bool about(int64_t got, int64_t ms)
{
	return got >= ms - 1100 && got <= ms + 1100; /* time() is in seconds */
}

static const char *const readers[] = { "clock_gettime", "gettimeofday", "time", "timespec_get",
				       "coarse" };

START_TEST(test_read)
{
	const char *fn = readers[_i];
	uint32_t serial;

	ck_assert(about(ask("read", fn), 0));
	serial = arm((struct shim_rule){ .effect = SHIM_JUMP, .by = -HOUR,
					 .clocks = SHIM_CALENDAR });
	ck_assert_msg(about(ask("read", fn), -3600000), "%s goes past it", fn);
	ck_assert(about(ask("read", "monotonic"), 0));
	heal(serial);
	ck_assert(about(ask("read", fn), 0));
	ck_assert_uint_ge(hits, 1);
	ck_assert_msg(strstr(heard.data, "n/s/2 "), "told: %s", heard.data);
}
END_TEST

/* Where a program may be when it asks. */
START_TEST(test_places)
{
	static const char *const places[] = { "signal", "threads", "late" };
	static const char source[] =
		"#include <time.h>\\nlong late_now(void) { struct timespec t; "
		"clock_gettime(CLOCK_REALTIME, &t); return t.tv_sec * 1000000000L + t.tv_nsec; }";
	cleanup_free char *build = xasprintf("printf '%s' | gcc -shared -fPIC -xc -o %s/late.so -",
					     source, dir);
	uint32_t serial;

	ck_assert_int_eq(system(build), 0);
	ck_assert(about(ask("read", "early"), 0));
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		ck_assert(about(ask("read", places[i]), 0));
		serial = arm((struct shim_rule){ .effect = SHIM_JUMP, .by = -HOUR,
						 .clocks = SHIM_CALENDAR });
		ck_assert_msg(about(ask("read", places[i]), -3600000), "%s goes past it",
			      places[i]);
		heal(serial);
		ck_assert(about(ask("read", places[i]), 0));
	}
}
END_TEST

/* Armed and healed under threads that read without a pause: half a rule is never seen. */
START_TEST(test_flips)
{
	int64_t got;

	fprintf(v.in, "read threads\n");
	fflush(v.in);
	for (int i = 0; i < 200; i++)
		heal(arm((struct shim_rule){ .effect = SHIM_JUMP, .by = -HOUR,
					     .clocks = SHIM_CALENDAR }));
	ck_assert_int_eq(fscanf(v.out, "%" SCNd64, &got), 1);
	ck_assert_msg(about(got, -3600000) || about(got, 0) || got == INT64_MIN, "%" PRId64, got);
	ck_assert(about(ask("read", "clock_gettime"), 0));
}
END_TEST

static const char *const waits[] = {
	"cond_timedwait", "cond_clockwait", "mutex_timedlock", "mutex_clocklock",
	"rwlock_timedrdlock", "rwlock_timedwrlock", "rwlock_clockrdlock", "rwlock_clockwrlock",
	"timedjoin", "clockjoin", "sem_timedwait", "sem_clockwait", "mq_timedsend",
	"mq_timedreceive", "cnd_timedwait", "mtx_timedlock", "timer", "timerfd", "clock_nanosleep",
};

static void right_wait(const char *what, const char *fn)
{
	int64_t ms = ask(what, fn);

	ck_assert_msg(ms >= WAIT_MS - EARLY_MS && ms < LATE_MS, "%s %s took %" PRId64 " ms", what,
		      fn, ms);
}

/* Whether the clock is behind or ahead, a moment is a moment. */
START_TEST(test_wait)
{
	for (int back = 0; back < 2; back++) {
		uint32_t serial = arm((struct shim_rule){ .effect = SHIM_JUMP,
							  .by = back ? -HOUR : HOUR,
							  .clocks = SHIM_CALENDAR });

		right_wait("wait", waits[_i]);
		if (!strncmp(waits[_i], "cond_", 5) || !strncmp(waits[_i], "timer", 5) ||
		    !strncmp(waits[_i], "clock_", 6))
			right_wait("steady", waits[_i]);
		heal(serial);
	}
	right_wait("wait", waits[_i]);
}
END_TEST

/* A clock that stands still, or is an hour off every other moment, hangs nobody either. */
START_TEST(test_wait_odd)
{
	static const struct shim_rule odd[] = {
		{ .effect = SHIM_FREEZE, .clocks = SHIM_CALENDAR },
		{ .effect = SHIM_STROBE, .clocks = SHIM_CALENDAR, .by = HOUR,
		  .every = 30 * NS_PER_MS },
		{ .effect = SHIM_STROBE, .clocks = SHIM_CALENDAR, .by = -HOUR,
		  .every = 30 * NS_PER_MS },
	};
	uint32_t serial = arm(odd[_i]);

	for (int k = 0; k < 5; k++) {
		int64_t ms = ask("wait", "cond_timedwait");

		ck_assert_msg(ms < LATE_MS, "took %" PRId64 " ms", ms);
	}
	heal(serial);
}
END_TEST

START_TEST(test_family)
{
	uint32_t serial = arm((struct shim_rule){ .effect = SHIM_JUMP, .by = HOUR,
						  .clocks = SHIM_CALENDAR });

	ask("read", "clock_gettime");
	ask("family", "x");
	heal(serial);
	ck_assert_str_eq(heard.data, "n/s/2 clock_gettime\n"
				     "n/s/2.1 clock_gettime\n"
				     "n/s/2.1.1+1 clock_gettime\n"
				     "n/s/2.2 clock_gettime\n");
	ck_assert_uint_eq(shim_loaded(shim, "n/s"), 5);
}
END_TEST

/* What a steady clock is ahead by when it is healed, it keeps. */
START_TEST(test_steady)
{
	uint32_t serial = arm((struct shim_rule){ .effect = SHIM_JUMP, .by = HOUR,
						  .clocks = SHIM_CALENDAR | SHIM_STEADY });

	ck_assert(about(ask("read", "monotonic"), 3600000));
	heal(serial);
	ck_assert(about(ask("read", "monotonic"), 3600000));
	ck_assert(about(ask("read", "clock_gettime"), 0));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("preload");
	TCase *t = tcase_create("inside");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_read, 0, ARRAY_SIZE(readers));
	tcase_add_loop_test(t, test_wait, 0, ARRAY_SIZE(waits));
	tcase_add_loop_test(t, test_wait_odd, 0, 3);
	tcase_add_test(t, test_places);
	tcase_add_test(t, test_flips);
	tcase_add_test(t, test_family);
	tcase_add_test(t, test_steady);
	suite_add_tcase(s, t);
	return s;
}

int main(int argc, char **argv)
{
	self = realpath("/proc/self/exe", NULL);
	if (argc > 1 && !strcmp(argv[1], "victim"))
		return victim(self);
	if (argc > 1 && !strcmp(argv[1], "once"))
		return hooked(CLOCK_REALTIME) == 0;
	return suite_main(suite());
}
