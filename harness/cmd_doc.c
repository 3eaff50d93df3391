/* SPDX-License-Identifier: Apache-2.0 */
/* worstday doc: manual page, reference, completions and schemas, from this program's tables. */
#include "doc.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "conf/schema.h"
#include "report/summary.h"

static void doc_schema_experiment(struct buf *out)
{
	struct conf_catalog cat = cmd_catalog();

	schema_experiment(&cat, out);
}

static const struct {
	const char *name;
	void (*write)(struct buf *out);
} docs[] = {
	{"man", doc_man},
	{"reference", doc_reference},
	{"bash", doc_bash},
	{"zsh", doc_zsh},
	{"schema-experiment", doc_schema_experiment},
	{"schema-target", schema_target},
	{"schema-verdict", schema_verdict},
};

static int doc(const struct cli *c)
{
	const char *names[ARRAY_SIZE(docs)], *near;
	struct buf b = {0};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(docs); i++) {
		names[i] = docs[i].name;
		if (!str_eq(docs[i].name, c->words[0]))
			continue;
		docs[i].write(&b);
		if (fwrite(b.data, 1, b.len, stdout) != b.len || fflush(stdout))
			r = EXIT_BROKEN;
		buf_done(&b);
		return r;
	}
	near = str_nearest(c->words[0], names, ARRAY_SIZE(names));
	if (near)
		return cli_usage(&cmd_doc, "no page \"%s\"; did you mean \"%s\"?", c->words[0],
				 near);
	return cli_usage(&cmd_doc, "no page \"%s\" (%s)", c->words[0], cmd_doc.args);
}

static const struct cli_opt options[] = {CLI_OPT_END};

const struct cmd cmd_doc = {
	.name = "doc",
	.args = "man|reference|bash|zsh|schema-experiment|schema-target|schema-verdict",
	.summary = "print the manual page, the reference, completion, or a schema for editors",
	.about =
		"Prints one of them, as this very program understands files and options: the\n"
		"manual page (roff), the reference of every fault, check and key (Markdown),\n"
		"completion for bash or zsh, or the JSON Schema of experiment files, of target\n"
		"files or of verdict.json.\n"
		"The build puts all of them beside the program, in doc/.",
	.opts = options,
	.words = {"man reference bash zsh schema-experiment schema-target schema-verdict"},
	.words_min = 1,
	.words_max = 1,
	.run = doc,
};
