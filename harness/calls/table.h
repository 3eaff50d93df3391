/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CALLS_TABLE_H
#define WD_CALLS_TABLE_H

/* The system calls that can be altered: what their arguments mean and how they can really fail. */
#include <stdbool.h>
#include <stddef.h>

#include "calls/rule.h"

/** enum calls_by - how we can make the call in the program's place. */
enum calls_by {
	BY_NOBODY,  /* only the program can: its paths, its memory map, its descriptors */
	BY_FD,      /* nothing but the descriptor and numbers: fsync, ftruncate */
	BY_READ, BY_PREAD, BY_READV, BY_PREADV,     /* into the program's buffers */
	BY_WRITE, BY_PWRITE, BY_WRITEV, BY_PWRITEV, /* from them */
	BY_RECVFROM, BY_SENDTO, BY_SENDMSG, BY_RECVMSG,
	BY_CONNECT,
};

/** struct calls_call - one system call. Argument numbers count from 1; 0: it has no such one. */
struct calls_call {
	const char *name;    /* "pwrite64" */
	const char *family;  /* the word for it and all that do the same: "write" */
	unsigned char fd, path, dir, buf, size, addr, addr_len, vec, vec_count, msg;
	unsigned char by;    /* enum calls_by */
	bool waits;          /* may be interrupted by a signal: EINTR */
	const char *errors;  /* names between spaces: what it may return on a bad day */
};

extern const struct calls_call calls_table[];
extern const unsigned calls_count;

/** calls_index - of the call with this name; -1: there is none. */
int calls_index(const char *name);
/**
 * calls_word - add what a word means to the set: a family ("write": pwrite64, writev, ... too) or
 * one call ("pwrite64"; "write()" is that very call). 0; -ENOENT, and *ret_why is NULL; -EPERM for
 * one that must not be held, and *ret_why says why.
 */
int calls_word(const char *word, struct calls_set *set, const char **ret_why);
/** calls_words - all words, for "did you mean"; static storage. */
const char *const *calls_words(size_t *ret_count);
/** calls_can_fail - may the call return that error? @name: "EIO". */
bool calls_can_fail(const struct calls_call *c, const char *name);
/** calls_errno - the errno of that name; 0: there is none. */
int calls_errno(const char *name);
/** calls_errnos - the names of all errnos, for "did you mean"; static storage. */
const char *const *calls_errnos(size_t *ret_count);
/** calls_arg_read - "2" and "0x80000", or "0x80000&0x80000": that argument is so, in these bits.
 * Numbers as in C, without a sign; false: it is something else. */
bool calls_arg_read(const char *key, const char *value, struct calls_arg *ret);

#endif
