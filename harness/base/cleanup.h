/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_CLEANUP_H
#define WD_BASE_CLEANUP_H

/*
 * Scope-bound clean-up for heap, descriptors and streams (GCC and clang
 * `cleanup` attribute). Kernel state that needs an ordered undo uses one
 * forward `goto out` instead; never both for the same resource.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_fn(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file_fn(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define cleanup_free __attribute__((cleanup(cleanup_free_fn)))
#define cleanup_close __attribute__((cleanup(cleanup_close_fn)))
#define cleanup_file __attribute__((cleanup(cleanup_file_fn)))

/** steal_fd - hand over a descriptor: returns *fd and leaves -1 behind. */
static inline int steal_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

/** steal_ptr - hand over a heap pointer: yields *(pp) and leaves NULL behind. */
#define steal_ptr(pp)                                                                              \
	__extension__({                                                                            \
		__typeof__(*(pp)) steal_v_ = *(pp);                                                \
		*(pp) = NULL;                                                                      \
		steal_v_;                                                                          \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
