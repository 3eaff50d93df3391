/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_TAR_H
#define WD_EXPLORE_TAR_H

/*
 * As much of tar (POSIX ustar) as a bundle needs: regular files, their names and
 * whether they may be executed. Any tar reads what is written here; what is
 * read here may come from anybody, so everything else is refused: links,
 * devices, absolute names, "..", and what would not fit.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct err;

#define TAR_NAME_MAX 255

/** tar_put - append one file. -ENAMETOOLONG: ustar has no room for that name, or
 * tar_next() would not take it. */
int tar_put(FILE *to, const char *name, bool executable, const void *data, size_t len,
	    struct err *e);
/** tar_end - the two empty blocks. */
int tar_end(FILE *to, struct err *e);

/** struct tar_entry - one file of an archive in memory; data is borrowed. */
struct tar_entry {
	char name[TAR_NAME_MAX + 2];
	bool executable;
	const char *data;
	size_t len;
};
/** tar_next - the entry at *at, which moves on. 1; 0 at the end; -EINVAL with words. */
int tar_next(const char *text, size_t len, size_t *at, struct tar_entry *ret, struct err *e);

#endif
