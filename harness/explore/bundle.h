/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_BUNDLE_H
#define WD_EXPLORE_BUNDLE_H

/*
 * A bundle: one tar with what is needed to read a trial and to run it again
 * elsewhere.
 *
 *   SHA256SUMS   of every other file, as sha256sum(1) checks it
 *   LEFT-OUT     what is not in here, and why; only when there is something
 *   result/      the results directory; card numbers in logs are masked
 *   tree/        the target's file and what it names, as it lies below the folder
 *                in which `bundle` was called; its path is the first line of TARGET
 *   TARGET       the target's file, below tree/
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct err;
struct target;

struct bundle_facts {
	size_t files, left_out;
	int64_t bytes;
};
/**
 * bundle_write - pack @dir and @t (NULL: no target) into @to, at most @bytes_max of content;
 * larger files are left out, the result's own before the target's. What was left out is also
 * told to @told, a line each.
 */
int bundle_write(FILE *to, const char *dir, const struct target *t, int64_t bytes_max,
		 FILE *told, struct bundle_facts *ret, struct err *e);
/**
 * bundle_unpack - into the empty folder @dir, after all hashes were found right. *ret_target: the
 * target's file below @dir, owned; NULL: there is none. -EINVAL: not a bundle, or a damaged one.
 */
int bundle_unpack(const char *path, const char *dir, char **ret_target, struct err *e);

#endif
