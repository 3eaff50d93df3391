/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_MANIFEST_H
#define WD_EXPLORE_MANIFEST_H

#include <stdint.h>

struct err;
struct experiment;
struct target;

/** struct manifest - what is needed to judge whether a trial can be repeated. Strings owned. */
struct manifest {
	char *experiment, *source; /* name; path as it was given */
	char *target, *digest;	   /* the target file's path, and its digest then */
	char *version, *commit;
	int64_t seed;
};
struct manifest_in {
	const struct experiment *experiment;
	const struct target *target;
	int64_t seed;
	int argc;
	char *const *argv;
};
/** manifest_write - manifest.json into dir, listing every file that is there with its size. */
int manifest_write(const char *dir, const struct manifest_in *in, struct err *e);
int manifest_read(struct manifest *ret, const char *dir, struct err *e);
void manifest_done(struct manifest *m);
/** inputs_write - experiment.yml (verbatim) and resolved.yml (with --set and the seed). */
int inputs_write(const char *dir, struct experiment *x, const struct target *t, int64_t seed,
		 struct err *e);

#endif
