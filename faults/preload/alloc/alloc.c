/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library of its own, loaded only where memory is to run out: who has hooks
 * on malloc stands before every program's own, and that is not done for a
 * clock. It asks the other one (preload.so) what to do.
 *
 * Looking the next malloc up may itself ask for memory, in old C libraries; it
 * gets it from a small room here, which is never given back.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "faults/preload/preload.h"

#define ROOM 8192

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_reallocarray)(void *, size_t, size_t);
static void *(*next_aligned)(size_t, size_t);
static int (*next_memalign)(void **, size_t, size_t);
static void (*next_free)(void *);

static char room[ROOM] __attribute__((aligned(16)));
static size_t used;
static __thread bool looking __attribute__((tls_model("initial-exec")));

static void *from_room(size_t size)
{
	size_t at = __atomic_fetch_add(&used, (size + 15) & ~(size_t)15, __ATOMIC_RELAXED);

	return at + size <= ROOM ? room + at : NULL;
}

static bool in_room(const void *p)
{
	return (const char *)p >= room && (const char *)p < room + ROOM;
}

__attribute__((constructor)) static void find(void)
{
	int saved = errno;

	looking = true;
	next_free = dlsym(RTLD_NEXT, "free");
	next_calloc = dlsym(RTLD_NEXT, "calloc");
	next_realloc = dlsym(RTLD_NEXT, "realloc");
	next_reallocarray = dlsym(RTLD_NEXT, "reallocarray");
	next_aligned = dlsym(RTLD_NEXT, "aligned_alloc");
	next_memalign = dlsym(RTLD_NEXT, "posix_memalign");
	__atomic_store_n(&next_malloc, (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc"),
			 __ATOMIC_RELEASE);
	looking = false;
	errno = saved;
}

/* Are the next ones known? */
static bool ready(void)
{
	if (__builtin_expect(!__atomic_load_n(&next_malloc, __ATOMIC_ACQUIRE), 0) && !looking)
		find();
	return !looking;
}

static bool refused(const char *call, size_t size)
{
	const struct preload_call c = { .effect = SHIM_ALLOC, .call = call, .size = size };
	struct shim_rule r;

	if (!preload_armed_out(SHIM_BIT(SHIM_ALLOC)) || !preload_decide(&c, &r))
		return false;
	errno = ENOMEM;
	return true;
}

/* What the next one gave; none for something is a refusal that nobody of ours had decided. */
static void *given(void *p, size_t size)
{
	if (__builtin_expect(!p, 0) && size && errno == ENOMEM)
		preload_refused();
	return p;
}

EXPORT void *malloc(size_t size)
{
	if (!ready())
		return from_room(size);
	return refused("malloc", size) ? NULL : given(next_malloc(size), size);
}

EXPORT void *calloc(size_t n, size_t size)
{
	size_t all;

	if (!ready())
		return from_room(n * size);
	if (!__builtin_mul_overflow(n, size, &all) && refused("calloc", all))
		return NULL;
	return given(next_calloc(n, size), n && size);
}

/* What is in the room moves out. */
static void *move_out(void *p, size_t size)
{
	size_t most = (size_t)(room + ROOM - (char *)p);
	void *to = ready() ? next_malloc(size) : from_room(size);

	if (to)
		memmove(to, p, size < most ? size : most);
	return to;
}

EXPORT void *realloc(void *p, size_t size)
{
	if (!ready() || (p && in_room(p)))
		return p ? move_out(p, size) : from_room(size);
	return size && refused("realloc", size) ? NULL : given(next_realloc(p, size), size);
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	size_t all;

	if (!ready() || (p && in_room(p)))
		return realloc(p, n * size);
	if (!__builtin_mul_overflow(n, size, &all) && all && refused("reallocarray", all))
		return NULL;
	return given(next_reallocarray(p, n, size), n && size);
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
	if (!ready())
		return NULL;
	return refused("aligned_alloc", size) ? NULL : given(next_aligned(align, size), size);
}

EXPORT int posix_memalign(void **ret, size_t align, size_t size)
{
	int saved = errno, r;

	if (!ready())
		return ENOMEM;
	if (!refused("posix_memalign", size)) {
		r = next_memalign(ret, align, size);
		if (r == ENOMEM)
			preload_refused();
		return r;
	}
	errno = saved;
	return ENOMEM;
}

EXPORT void free(void *p)
{
	if (!p || in_room(p))
		return;
	if (ready())
		next_free(p);
}
