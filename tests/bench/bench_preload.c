/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hook costs while nothing is armed: this program starts itself with both libraries
 * preloaded and calls each function through its hook and without, in turns of some microseconds
 * each. The figure is the difference.
 */
#include <dlfcn.h>
#include <errno.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "bench.h"
#include "shim/shim.h"

#define CALLS 2000
#define TURNS 401

static struct {
	int (*clock_gettime)(clockid_t id, struct timespec *ts);
	int (*sem_timedwait)(sem_t *s, const struct timespec *at);
	void *(*malloc)(size_t size);
} bare, hook;
static sem_t sem;
static const struct timespec past = { .tv_sec = 1 };

static void read_clock(bool hooked)
{
	int (*fn)(clockid_t, struct timespec *) = hooked ? hook.clock_gettime : bare.clock_gettime;
	struct timespec ts;

	for (int i = 0; i < CALLS; i++)
		fn(CLOCK_REALTIME, &ts);
}

static void wait_sem(bool hooked)
{
	int (*fn)(sem_t *, const struct timespec *) = hooked ? hook.sem_timedwait
							     : bare.sem_timedwait;

	for (int i = 0; i < CALLS; i++) {
		sem_post(&sem);
		fn(&sem, &past);
	}
}

static void allocate(bool hooked)
{
	void *(*fn)(size_t) = hooked ? hook.malloc : bare.malloc;

	for (int i = 0; i < CALLS; i++)
		free(fn(48));
}

static double ns_each(void (*once)(bool), bool hooked)
{
	int64_t began = clock_now();

	once(hooked);
	return (double)(clock_now() - began) / CALLS;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void compare(const char *words, void (*once)(bool), double limit)
{
	double diff[TURNS];

	for (int i = 0; i < TURNS; i++) {
		bool first = i % 2;
		double a = ns_each(once, first), b = ns_each(once, !first);

		diff[i] = first ? a - b : b - a;
	}
	qsort(diff, TURNS, sizeof(*diff), by_value);
	figure(words, diff[TURNS / 2], "ns", "<=", limit, diff[TURNS / 4], diff[TURNS * 3 / 4]);
}

static int measure(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	*(void **)&bare.clock_gettime = dlsym(libc, "clock_gettime");
	*(void **)&bare.sem_timedwait = dlsym(libc, "sem_timedwait");
	*(void **)&bare.malloc = dlsym(libc, "malloc");
	*(void **)&hook.clock_gettime = dlsym(RTLD_DEFAULT, "clock_gettime");
	*(void **)&hook.sem_timedwait = dlsym(RTLD_DEFAULT, "sem_timedwait");
	*(void **)&hook.malloc = dlsym(RTLD_DEFAULT, "malloc");
	if (!libc || hook.malloc == bare.malloc || hook.clock_gettime == bare.clock_gettime) {
		printf("the libraries are not loaded\n");
		return 1;
	}
	sem_init(&sem, 0, 0);
	compare("preload: clock_gettime over the vDSO", read_clock, 20);
	compare("preload: sem_timedwait with its deadline over bare", wait_sem, 40);
	compare("preload: malloc over bare", allocate, 40);
	return 0;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/wd-bench-preload-XXXXXX";
	cleanup_free char *d = NULL, *hits = NULL, *preload = NULL, *which = NULL, *gone = NULL;
	struct shim_opts o = { .node = "n", .owner = getuid(), .libraries = 1u << SHIM_MEMORY };
	cleanup_free char *place = NULL;
	struct shim *shim = NULL;
	struct err e = { 0 };
	int status = 1;
	pid_t pid;

	if (argc > 1 && !strcmp(argv[1], "inside"))
		return measure();
	if (!mkdtemp(dir))
		return 1;
	o.dir = d = xasprintf("%s/d", dir);
	o.hits = hits = xasprintf("%s/h", dir);
	place = xasprintf("%s/d/" SHIM_FILE_HITS, dir);
	gone = xasprintf("rm -rf %s", dir);
	if (shim_new(&shim, &o, &e) < 0 || shim_service(shim, "n/s", &e) < 0 || unlink(place) < 0 ||
	    symlink(hits, place) < 0)
		printf("%s\n", e.msg);
	preload = xasprintf("LD_PRELOAD=%s/preload.so:%s/alloc.so", d, d);
	which = xasprintf(SHIM_ENV "=0.0:%s", d);
	pid = fork();
	if (pid == 0) {
		char *args[] = { argv[0], (char[]){ "inside" }, NULL };
		char *env[] = { preload, which, NULL };

		execve("/proc/self/exe", args, env);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	shim_free(shim);
	return system(gone) || status != 0;
}
