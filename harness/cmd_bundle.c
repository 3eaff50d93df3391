/* SPDX-License-Identifier: Apache-2.0 */
/* worstday bundle: one file with what is needed to read a trial and to run it again elsewhere. */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "conf/target.h"
#include "explore/bundle.h"
#include "explore/manifest.h"

static const struct cli_opt options[] = {
	{.name = "size",
	 .type = CLI_STRING,
	 .offset = offsetof(struct cli, size),
	 .arg = "SIZE",
	 .def = "64 MiB",
	 .help = "what is larger than what is left of this is left out, and named"},
	CLI_OPT_END};

static int complain(const struct err *e, int code)
{
	fprintf(stderr, "worstday bundle: %s\n", e->msg);
	return code;
}

/* Named like the trial: scenario-reply-lost-20261125T221233Z-1.tar. */
static char *name_of(const struct manifest *m, const char *dir)
{
	cleanup_free char *real = realpath(dir, NULL);
	const char *stem = real ? strrchr(real, '/') + 1 : dir;
	char *name = xasprintf("%s-%s.tar", m->experiment, stem);

	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '-';
	return name;
}

/* The target as it is now; what it was then tells the manifest's digest. */
static struct target *target_of(const struct manifest *m)
{
	struct diag *diag = diag_new();
	struct target *t = m->target ? target_load(m->target, (struct mark){0}, diag) : NULL;

	if (!t)
		fprintf(stderr, "worstday bundle: note: without the target: %s is not valid here\n",
			m->target ? m->target : "(unknown)");
	else if (strcmp(t->digest, m->digest) != 0)
		fprintf(stderr, "worstday bundle: note: %s has changed since that trial\n",
			t->path);
	diag_free(diag);
	return t;
}

/* Written beside its name and renamed: half a bundle is none. */
static int write_to(const char *name, const char *dir, const struct target *t, int64_t most,
		    struct bundle_facts *facts, struct err *e)
{
	cleanup_free char *temp = xasprintf("%s.part", name);
	struct stat st;
	FILE *f;
	int r;

	if (stat(name, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(e, EEXIST, "%s is there, and no file", name);
	f = fopen(temp, "we");
	if (!f)
		return err_errno(e, errno, "%s", temp);
	r = bundle_write(f, dir, t, most, stderr, facts, e);
	if (r == 0 && (fflush(f) || fsync(fileno(f)) < 0))
		r = err_errno(e, errno, "%s", temp);
	if (fclose(f) && r == 0)
		r = err_errno(e, errno, "%s", temp);
	if (r == 0 && rename(temp, name) < 0)
		r = err_errno(e, errno, "%s", name);
	if (r < 0)
		unlink(temp);
	return r;
}

static int bundle(const struct cli *c)
{
	const char *dir = c->words[0];
	struct bundle_facts facts;
	struct manifest m = {0};
	struct target *t;
	struct err e = {0};
	char *name, why[256];
	int64_t most;
	int r;

	if (opt_parse_size(c->size, &most, why, sizeof(why)) < 0)
		return cli_usage(&cmd_bundle, "--size: %s", why);
	if (manifest_read(&m, dir, &e) < 0)
		return complain(&e, EXIT_BAD_FILE);
	name = c->words_count > 1 ? xstrdup(c->words[1]) : name_of(&m, dir);
	t = target_of(&m);
	r = write_to(name, dir, t, most, &facts, &e);
	if (r == 0)
		printf("wrote %s: %zu files, %lld bytes%s\n"
		       "next: worstday replay %s   (card numbers in logs are masked; look at what "
		       "else is in there before you hand it on)\n",
		       name, facts.files, (long long)facts.bytes,
		       facts.left_out ? ", some left out" : "", name);
	target_free(t);
	manifest_done(&m);
	free(name);
	return r < 0 ? complain(&e, EXIT_BROKEN) : 0;
}

const struct cmd cmd_bundle = {
	.name = "bundle",
	.args = "[OPTION]... DIR [FILE]",
	.summary = "pack a trial and its target into one file, to hand on",
	.about =
		"Packs the results directory DIR, the target's file and what that names (as far\n"
		"as it lies below this folder) into one tar, with a hash of each file. Elsewhere,\n"
		"`worstday replay FILE` checks the hashes and runs the trial again; any tar\n"
		"unpacks it to be read. FILE is named like the trial unless it is given.",
	.opts = options,
	.words = {"DIR", "FILE"},
	.words_min = 1,
	.words_max = 2,
	.run = bundle,
};
