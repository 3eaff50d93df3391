/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_STORE_H
#define WD_EXPLORE_STORE_H

/*
 * Where results lie:
 *
 *   OUT/<experiment>/.tmp-<pid>-<start time>-<n>/   while it is being written
 *   OUT/<experiment>/<utc>-<seed>/                  renamed when complete
 *   OUT/<experiment>/latest -> <utc>-<seed>
 *   OUT/.cache/                                     prepared data, good days
 */
#include <stddef.h>
#include <stdint.h>

struct err;

enum store_keep { KEEP_ALL, KEEP_FAILED, KEEP_NONE };
extern const char *const store_keep_names[]; /* ends with NULL */

/** struct store - one results directory in the making. Zero-initialise. */
struct store {
	char *parent; /* OUT/<experiment>; owned */
	char *temp;   /* owned; NULL when nothing is there */
	char *stem;   /* <utc>-<seed>; owned */
	char *final;  /* where it will be (or is) found; owned */
	int suffix;   /* the -2 of a name that was taken; 0: none */
};

/** store_check - make OUT and try whether it can be written to. */
int store_check(const char *out, struct err *e);
/** store_begin - make the temporary directory; n tells trials of one process apart. */
int store_begin(struct store *s, const char *out, const char *experiment, int64_t seed, int64_t n,
		struct err *e);
/**
 * store_publish - sync, rename to s->final, point `latest` at it. -EEXIST when
 * that name was taken meanwhile: s->final has moved on to the next one then;
 * write what mentions it again and call once more.
 */
int store_publish(struct store *s, struct err *e);
/** store_done - remove what was not published and free. */
void store_done(struct store *s);
/** store_write - a whole file in a directory. */
int store_write(const char *dir, const char *name, const void *data, size_t len, struct err *e);
/** store_read - a whole file; NULL with err when it cannot be read. Caller frees. */
char *store_read(const char *dir, const char *name, size_t *ret_len, struct err *e);
/** store_prune - of a published trial keep only what is small: verdict, manifest, how to repeat it.
 */
void store_prune(const char *dir);
/** store_remove - a directory and everything below; symlinks are not followed. */
int store_remove(const char *dir);
/** store_make - a directory and its parents. */
int store_make(const char *dir, struct err *e);

#endif
