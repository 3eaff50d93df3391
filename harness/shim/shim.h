/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_SHIM_SHIM_H
#define WD_SHIM_SHIM_H

/*
 * The library preloaded into one node's services, seen from the worker: the
 * files it needs, the rules it obeys, the altered calls it tells of.
 */
#include <stddef.h>
#include <sys/types.h>

#include "shim/page.h"

struct err;
struct loop;
struct shim;

/** enum shim_library - what may be preloaded. */
enum shim_library { SHIM_CORE, SHIM_MEMORY, SHIM_POINTS, SHIM_LIBRARIES };
/** SHIM_POSIX_PRELOAD - libfiu's own, of this host: what SHIM_POINTS decides for. */
#define SHIM_POSIX_PRELOAD "/usr/lib/fiu/fiu_posix_preload.so"

struct shim_opts {
	const char *node;  /* its name, for messages */
	const char *dir;   /* made here: what the node sees at SHIM_DIR, read-only */
	const char *hits;  /* made here: what it sees at SHIM_DIR/hits, writable by `owner` */
	uid_t owner;
	uint32_t libraries; /* bits of enum shim_library; SHIM_CORE comes with each */
};
int shim_new(struct shim **ret, const struct shim_opts *o, struct err *e);
void shim_free(struct shim *s);
/** shim_service - the number of a service "node/name"; -E2BIG: too many. */
int shim_service(struct shim *s, const char *name, struct err *e);
/** shim_preload - what LD_PRELOAD must be, with what the service wants there itself (or NULL).
 * Caller frees. */
char *shim_preload(const struct shim *s, const char *own);
/** shim_services - bits of the services that match a pattern ("till", "lane-?/till"); NULL: all. */
uint64_t shim_services(const struct shim *s, const char *pattern);
/** shim_loaded - how many processes of a service have loaded the library so far. */
uint32_t shim_loaded(const struct shim *s, const char *service);

/** shim_refused - how often the C library of one of its processes had no memory; 0 without
 * SHIM_MEMORY. */
uint64_t shim_refused(struct shim *s, const char *service);

/** struct shim_told - altered calls: one, or `count` of which nothing more is known. */
struct shim_told {
	uint64_t count;
	const struct shim_hit *hit; /* NULL: no more is known */
	const char *process;        /* "store/store/0.2+1" */
};
/**
 * shim_rule_add - in effect when this returns; its number in *ret_serial. fn is called from the
 * loop. Sets serial and at[] of the rule. The shim borrows the loop until the last rule is gone.
 */
int shim_rule_add(struct shim *s, struct loop *loop, const struct shim_rule *r,
		  void (*fn)(void *arg, const struct shim_told *t), void *arg,
		  uint32_t *ret_serial, struct err *e);
/** shim_rule_del - over when this returns; what was not told yet is told before. A steady clock
 * that is ahead stays so: it never goes back. */
int shim_rule_del(struct shim *s, uint32_t serial, struct err *e);

/** shim_image - a library itself, as this program carries it. */
const void *shim_image(enum shim_library library, size_t *ret_size);

#endif
