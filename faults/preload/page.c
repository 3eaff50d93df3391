/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Start-up, in the constructor or in the first hook that
 * is called before it, whichever comes first:
 *
 *   map the two files      without them every hook only passes on
 *   find out who we are    by the pid, in the table of processes:
 *
 *      our pid is in it                this is an exec of that process: one exec more
 *      our parent's is                 started by vfork or posix_spawn: one child more
 *      none is                         the service's main process: SHIM_ENV says which
 *
 * A child made by fork is entered by an atfork handler, in the order in which its parent forked;
 * one made by clone itself, when it first has something to tell. So a process has the same path in
 * every run, whatever its pid: ".2+1" is the second child of the main process, after one exec.
 *
 * A node that lost its power numbers its processes anew; SHIM_ENV then names another start than the
 * table. Else a pid that was used twice in a trial would be taken for an exec; pids are not.
 */
#include "faults/preload/preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/draw.h"

static const struct shim_rules none;
const struct shim_rules *preload_rules = &none;
struct preload_self preload_self;
void *preload_next[HOOKS];

static struct shim_hits *hits; /* NULL: not mapped */
static uint32_t told[SHIM_RULES]; /* by place: the serial that this process has told of */
static __thread uint32_t child __attribute__((tls_model("initial-exec"))); /* being forked */

extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
			     void *dso) __attribute__((weak)); /* not in every C library */
extern void *__dso_handle __attribute__((visibility("hidden")));

void *preload_find(enum preload_hook hook)
{
#define PRELOAD_NAME(fn) #fn,
	static const char *const names[HOOKS] = { PRELOAD_HOOKS(PRELOAD_NAME) };
#undef PRELOAD_NAME
	int saved = errno;
	void *p = dlsym(RTLD_NEXT, names[hook]);

	__atomic_store_n(&preload_next[hook], p, __ATOMIC_RELAXED);
	errno = saved;
	return p;
}

/* ---- the files ---- */

/* System calls: other libraries may have hooks of their own, and faults, on the functions. */
static void *map(const char *dir, const char *file, size_t size, bool writable)
{
	char path[256] = "";
	size_t len = strlen(dir);
	int fd;
	long p;

	if (len + 1 + strlen(file) >= sizeof(path))
		return NULL;
	memcpy(path, dir, len);
	path[len] = '/';
	memcpy(path + len + 1, file, strlen(file));
	fd = (int)syscall(SYS_openat, AT_FDCWD, path,
			      (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	p = syscall(SYS_mmap, NULL, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd,
		    0L);
	syscall(SYS_close, fd);
	return p == -1 ? NULL : (void *)p; /* NOLINT(performance-no-int-to-ptr) */
}

/* ---- who we are ---- */

static unsigned number(const char **p)
{
	unsigned n = 0;

	while (**p >= '0' && **p <= '9' && n < 100000000)
		n = 10 * n + (unsigned)(*(*p)++ - '0');
	return n;
}

/* "path.3" or "path+1"; one that has no room for more stays as it is. */
static void append(char path[SHIM_PATH_MAX], char sign, uint32_t n)
{
	size_t len = strlen(path), digits = 1;

	for (uint32_t rest = n; rest >= 10; rest /= 10)
		digits++;
	if (len + 1 + digits >= SHIM_PATH_MAX)
		return;
	path[len++] = sign;
	path[len + digits] = '\0';
	for (size_t i = digits; i > 0; i--, n /= 10)
		path[len + i - 1] = (char)('0' + n % 10);
}

static struct shim_process *entry_find(int32_t pid)
{
	for (uint32_t i = 0; i < SHIM_PROCESSES; i++) {
		struct shim_process *p = &hits->process[((uint32_t)pid + i) % SHIM_PROCESSES];
		int32_t has = __atomic_load_n(&p->pid, __ATOMIC_ACQUIRE);

		if (has == pid && __atomic_load_n(&p->written, __ATOMIC_ACQUIRE))
			return p;
		if (!has)
			return NULL;
	}
	return NULL;
}

static struct shim_process *entry_claim(int32_t pid)
{
	for (uint32_t i = 0; i < SHIM_PROCESSES; i++) {
		struct shim_process *p = &hits->process[((uint32_t)pid + i) % SHIM_PROCESSES];
		int32_t nobody = 0;

		if (__atomic_compare_exchange_n(&p->pid, &nobody, pid, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED) ||
		    nobody == pid) /* whoever had it before is dead */
			return p;
	}
	return NULL;
}

/* For draws: which service, which start of it, and the path below that. */
static uint64_t object(const struct preload_self *s)
{
	char whole[SHIM_NAME_MAX + SHIM_PATH_MAX + 16];
	size_t len = strnlen(preload_rules->service[s->service], SHIM_NAME_MAX - 1);

	memcpy(whole, preload_rules->service[s->service], len);
	whole[len] = '\0';
	memmove(whole + len + 1, s->path, strlen(s->path) + 1);
	whole[len] = '/';
	return draw_siphash(s->start, 0, whole, len + 1 + strlen(s->path));
}

/* Enter the process: one of `from` (a child, or after an exec), or a service's main process. */
static void become(int32_t pid, const struct preload_self *from, char sign, uint32_t n)
{
	struct preload_self s = *from;

	if (sign)
		append(s.path, sign, n);
	s.pid = pid;
	if (sign != '+') {
		s.entry = entry_claim(pid);
		if (s.entry) {
			s.entry->service = s.service;
			s.entry->start = s.start;
			s.entry->children = s.entry->execs = 0;
		}
	}
	if (s.entry) {
		memcpy(s.entry->path, s.path, sizeof(s.path));
		__atomic_store_n(&s.entry->written, 1, __ATOMIC_RELEASE);
	}
	s.object = object(&s);
	preload_self = s;
	__atomic_add_fetch(&hits->processes, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&hits->loaded[s.service], 1, __ATOMIC_RELAXED);
}

void preload_refused(void)
{
	if (hits && preload_self.pid)
		__atomic_add_fetch(&hits->refused[preload_self.service], 1, __ATOMIC_RELAXED);
}

static struct preload_self self_of(struct shim_process *p)
{
	struct preload_self s = { .service = p->service % SHIM_SERVICES, .start = p->start,
				  .entry = p };

	memcpy(s.path, p->path, sizeof(s.path));
	s.path[SHIM_PATH_MAX - 1] = '\0';
	return s;
}

/* Is it of the same life? Not to be known when the environment was cleaned. */
static bool is_of(const struct shim_process *p, const char *env, const struct preload_self *s)
{
	return !env || (p->service == s->service && p->start == s->start);
}

static void find_self(void)
{
	int32_t pid = (int32_t)syscall(SYS_getpid);
	struct shim_process *p = entry_find(pid);
	const char *env = getenv(SHIM_ENV);
	struct preload_self s = { 0 };

	if (env) {
		s.service = number(&env);
		env += *env == '.';
		s.start = number(&env);
	}
	if (p && is_of(p, env, &s)) {
		s = self_of(p);
		become(pid, &s, '+', __atomic_add_fetch(&p->execs, 1, __ATOMIC_RELAXED));
		return;
	}
	p = entry_find((int32_t)syscall(SYS_getppid));
	if (p && is_of(p, env, &s)) {
		s = self_of(p);
		become(pid, &s, '.', __atomic_add_fetch(&p->children, 1, __ATOMIC_RELAXED));
		return;
	}
	if (env && s.service < SHIM_SERVICES)
		become(pid, &s, 0, 0);
}

/* ---- fork ---- */

static void before_fork(void)
{
	if (preload_self.entry)
		child = __atomic_add_fetch(&preload_self.entry->children, 1, __ATOMIC_RELAXED);
}

/* We are the n-th child now of whoever we were. */
static void forked(uint32_t n)
{
	struct preload_self parent = preload_self;

	memset(told, 0, sizeof(told));
	preload_forget_calls();
	become((int32_t)syscall(SYS_getpid), &parent, '.', n);
}

static void in_child(void)
{
	int saved = errno;

	if (preload_self.pid)
		forked(child);
	errno = saved;
}

/* A child that no handler has told about. */
void preload_check_pid(void)
{
	struct shim_process *parent = preload_self.entry;
	int32_t pid = (int32_t)syscall(SYS_getpid);

	if (pid == preload_self.pid)
		return;
	forked(parent ? __atomic_add_fetch(&parent->children, 1, __ATOMIC_RELAXED) : 0);
}

/* ---- start-up ---- */

__attribute__((constructor)) static void start(void)
{
	static int begun;
	int saved = errno;
	const char *env = getenv(SHIM_ENV), *dir = env ? strchr(env, ':') : NULL;
	const struct shim_rules *r;

	if (__atomic_exchange_n(&begun, 1, __ATOMIC_ACQ_REL))
		return;
	dir = dir ? dir + 1 : SHIM_DIR;
	r = map(dir, SHIM_FILE_RULES, sizeof(*r), false);
	hits = map(dir, SHIM_FILE_HITS, sizeof(*hits), true);
	for (int i = 0; i < HOOKS; i++)
		preload_find((enum preload_hook)i);
	if (r && hits && r->magic == SHIM_MAGIC) {
		__atomic_store_n(&preload_rules, r, __ATOMIC_RELEASE);
		find_self();
		if (__register_atfork)
			__register_atfork(before_fork, NULL, in_child, &__dso_handle);
	}
	errno = saved;
}

/* ---- hits ---- */

bool preload_armed_out(uint32_t effects)
{
	return preload_armed(effects);
}

bool preload_once(unsigned place, uint32_t serial)
{
	return __atomic_exchange_n(&told[place], serial, __ATOMIC_RELAXED) != serial;
}

void preload_count(uint32_t serial)
{
	__atomic_add_fetch(&hits->fired[serial % SHIM_SERIALS], 1, __ATOMIC_RELAXED);
}

static struct shim_cell *cell_claim(uint32_t *ret_turn)
{
	uint32_t turn = __atomic_load_n(&hits->head, __ATOMIC_RELAXED);

	for (;;) {
		struct shim_cell *c = &hits->cell[turn % SHIM_CELLS];
		int32_t ahead = (int32_t)(__atomic_load_n(&c->turn, __ATOMIC_ACQUIRE) - turn);

		*ret_turn = turn;
		if (ahead < 0)
			return NULL; /* full */
		if (ahead > 0)
			turn = __atomic_load_n(&hits->head, __ATOMIC_RELAXED);
		else if (__atomic_compare_exchange_n(&hits->head, &turn, turn + 1, true,
						     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return c;
	}
}

void preload_tell(struct shim_hit *h)
{
	struct timespec ts = { 0 };
	struct shim_cell *c;
	uint32_t turn, mine;

	preload_check_pid();
	REAL(clock_gettime)(CLOCK_MONOTONIC, &ts);
	h->t_ns = preload_ns(&ts);
	h->service = preload_self.service;
	h->start = preload_self.start;
	memcpy(h->path, preload_self.path, sizeof(h->path));
	c = cell_claim(&turn);
	if (!c)
		return;
	mine = turn;
	c->hit = *h;
	__atomic_compare_exchange_n(&c->turn, &mine, turn + 1, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}
