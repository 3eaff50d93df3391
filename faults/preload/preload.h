/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_PRELOAD_H
#define WD_PRELOAD_H

/*
 * The library that is preloaded into a node's services (LD_PRELOAD). It runs
 * inside somebody else's program, so it takes no lock, allocates nothing,
 * opens nothing after its start, keeps errno, and needs nothing of the C
 * library that was not there in 2012: it is mounted into any `rootfs:`.
 *
 *   page.c      the shared files, which process this is, telling hits
 *   clock.c     reading clocks
 *   deadline.c  waiting until a time of a clock
 *   decide.c    calls that may fail: which of them do
 *   resolver.c  names
 *   alloc/      memory, a library of its own
 */
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "shim/page.h"

#define EXPORT __attribute__((visibility("default")))
#define NS_PER_S INT64_C(1000000000)

/* The functions that are hooked: the next one of that name is what a hook calls. */
#define PRELOAD_HOOKS(X)                                                                           \
	X(clock_gettime) X(gettimeofday) X(time) X(timespec_get) X(clock_nanosleep)                \
	X(pthread_cond_timedwait) X(pthread_cond_clockwait) X(pthread_mutex_timedlock)             \
	X(pthread_mutex_clocklock) X(pthread_rwlock_timedrdlock) X(pthread_rwlock_timedwrlock)     \
	X(pthread_rwlock_clockrdlock) X(pthread_rwlock_clockwrlock) X(pthread_timedjoin_np)        \
	X(pthread_clockjoin_np) X(sem_timedwait) X(sem_clockwait) X(mq_timedsend)                  \
	X(mq_timedreceive) X(cnd_timedwait) X(mtx_timedlock) X(timer_settime) X(timerfd_settime)   \
	X(getaddrinfo) X(gethostbyname) X(gethostbyname2)

#define PRELOAD_ENUM(fn) HOOK_##fn,
enum preload_hook { PRELOAD_HOOKS(PRELOAD_ENUM) HOOKS };
#undef PRELOAD_ENUM

extern void *preload_next[HOOKS];
/** preload_find - look the next function of that name up; NULL: there is none. Keeps errno. */
void *preload_find(enum preload_hook hook);
static inline void *preload_next_of(enum preload_hook hook)
{
	void *p = __atomic_load_n(&preload_next[hook], __ATOMIC_RELAXED);

	return __builtin_expect(p != NULL, 1) ? p : preload_find(hook);
}
/** REAL - the function that a hook stands before. */
#define REAL(fn) ((__typeof__(&fn))preload_next_of(HOOK_##fn))

extern const struct shim_rules *preload_rules; /* of zeroes until the files are mapped */
/** preload_armed - does any rule have one of these effects? The only thing asked in good times. */
static inline bool preload_armed(uint32_t effects)
{
	return __builtin_expect(__atomic_load_n(&preload_rules->armed, __ATOMIC_RELAXED) & effects,
				0);
}

/** struct preload_self - this process; pid 0: not one of a service. */
struct preload_self {
	int32_t pid;
	uint32_t service, start;
	struct shim_process *entry; /* NULL: the table was full */
	uint64_t object;            /* its path, for draws */
	char path[SHIM_PATH_MAX];
};
extern struct preload_self preload_self;

/** preload_once - has a rule not been told of by this process yet? Then it is now. */
bool preload_once(unsigned place, uint32_t serial);
/** preload_count - one more altered call. */
void preload_count(uint32_t serial);
/** preload_tell - put a record of it into the ring; lost when that is full. Fills in t_ns, and who
 * this process is. */
void preload_tell(struct shim_hit *h);

/** struct preload_call - one call that rules may alter. @what: a name, or NULL; @error: for a rule
 * that names none. */
struct preload_call {
	enum shim_effect effect;
	const char *call, *what;
	uint64_t size;
	int error;
};
/** preload_decide - does a rule alter it? Then it is counted and told, and *ret is the rule. Keeps
 * errno. */
EXPORT bool preload_decide(const struct preload_call *c, struct shim_rule *ret);
/** preload_armed_out - preload_armed for the other libraries. */
EXPORT bool preload_armed_out(uint32_t effects);
/** preload_refused - the C library itself had no memory for a call. Keeps errno. */
EXPORT void preload_refused(void);
/** preload_still - is that rule still armed? */
bool preload_still(uint32_t serial);
/** preload_check_pid - this may be a child that no handler has told about. */
void preload_check_pid(void);
/** preload_forget_calls - a new process counts from one. */
void preload_forget_calls(void);

/** preload_told - the told time for a real one, and what that altered is counted and told. */
int64_t preload_told(enum shim_clock clock, int64_t real, const char *call);
/** preload_clock - of a clockid_t; SHIM_CLOCKS: one that no rule is about. */
enum shim_clock preload_clock(clockid_t id);

static inline int64_t preload_ns(const struct timespec *ts)
{
	return ts->tv_sec < INT64_MAX / NS_PER_S ? ts->tv_sec * NS_PER_S + ts->tv_nsec : INT64_MAX;
}
static inline struct timespec preload_ts(int64_t ns)
{
	int64_t s = ns / NS_PER_S - (ns % NS_PER_S < 0);

	return (struct timespec){ .tv_sec = s, .tv_nsec = ns - s * NS_PER_S };
}

#endif
