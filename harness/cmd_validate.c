/* SPDX-License-Identifier: Apache-2.0 */
/* worstday validate: read experiment and target files, launch nothing. */
#include "cmd.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "explore/hints.h"
#include "explore/plan.h"

static const struct cli_opt options[] = {
	{.name = "set",
	 .type = CLI_LIST,
	 .offset = offsetof(struct cli, sets),
	 .arg = "PATH=VALUE",
	 .help = "change a value of each experiment first; repeatable"},
	{.name = "quiet",
	 .letter = 'q',
	 .type = CLI_FLAG,
	 .offset = offsetof(struct cli, quiet),
	 .help = "say nothing about files that are right"},
	CLI_OPT_JSON,
	CLI_OPT_END,
};

struct validation {
	const struct cli *c;
	struct conf_catalog cat;
	struct plan plan; /* keeps targets, so that their errors are told once */
	struct buf json;  /* array members */
	size_t files, bad;
};

static void tell(struct validation *v, const char *path, const struct diag *diag)
{
	struct buf b = {0};

	v->files++;
	v->bad += diag_errors(diag) > 0;
	if (v->c->json) {
		diag_render_json(diag, &b);
		if (diag_errors(diag))
			buf_printf(&v->json, "%s%s", v->json.len ? ",\n" : "", b.data);
	} else if (diag_errors(diag)) {
		diag_render(diag, &b);
		fputs(b.data, stderr);
	} else if (!v->c->quiet) {
		printf("%s: ok\n", path);
	}
	buf_done(&b);
}

/* Valid, and yet hardly meant: told, but no error. */
static void warn(const struct validation *v, const struct plan_entry *e)
{
	struct buf b = {0};

	if (!v->c->quiet && hints_warn(e, &b))
		fputs(b.data, stderr);
	buf_done(&b);
}

static void validate_file(struct validation *v, const char *path)
{
	struct diag *diag = diag_new();

	if (file_is_target(path))
		target_free(target_load(path, (struct mark){0}, diag));
	else if (plan_add(&v->plan, path, &v->cat, &v->c->sets, diag) == 0)
		warn(v, &v->plan.at[v->plan.count - 1]);
	tell(v, path, diag);
	diag_free(diag);
}

static void validate_path(struct validation *v, const char *path)
{
	struct diag *diag = diag_new();
	struct files f = {0};
	struct err e = {0};
	size_t i;

	if (files_find(&f, path, &e) < 0)
		diag_error(diag, (struct mark){.file = path}, "%s", strerror(e.code));
	else if (f.count == 0)
		diag_error(diag, (struct mark){.file = path}, "no .yml files in here");
	if (diag_errors(diag))
		tell(v, path, diag);
	for (i = 0; i < f.count; i++)
		validate_file(v, f.at[i]);
	files_done(&f);
	diag_free(diag);
}

static int validate(const struct cli *c)
{
	struct validation v = {.c = c, .cat = cmd_catalog()};
	size_t i;

	for (i = 0; i < c->words_count; i++)
		validate_path(&v, c->words[i]);
	if (c->json)
		printf("[%s]\n", v.json.data ? v.json.data : "");
	buf_done(&v.json);
	plan_done(&v.plan);
	return v.bad ? EXIT_BAD_FILE : 0;
}

const struct cmd cmd_validate = {
	.name = "validate",
	.args = "[OPTION]... FILE|DIR...",
	.summary = "check experiment and target files",
	.about =
		"Reads the files as run would, targets and faults included, and launches nothing.\n"
		"Errors name file, line and column; at most 20 a file. Exit 65 when there are "
		"any.\n"
		"Warnings (valid, yet hardly meant) change nothing; --quiet leaves them out.\n"
		"--json prints an array with one array of errors for each file that has some.",
	.opts = options,
	.words = {"FILE"},
	.words_min = 1,
	.words_max = SIZE_MAX,
	.run = validate,
};
