/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page: what is no table is written here, in roff's man macros. */
#include "doc.h"

#include <string.h>

#include "base/buf.h"
#include "explore/session.h"
#include "explore/version.h"

#define FILL_COLUMNS 50 /* a line is broken at the first blank behind these */

static void man_char(struct buf *out, char c)
{
	if (c == '\\')
		buf_adds(out, "\\e");
	else if (c == '-')
		buf_adds(out, "\\-");
	else if (c == '\'')
		buf_adds(out, "\\(aq");
	else if (c == '`')
		buf_adds(out, "\\(ga");
	else
		buf_addc(out, c);
}

/* Plain text as roff: no line may begin with a control character, and dashes are dashes. */
static void man_lines(struct buf *out, const char *text, size_t columns)
{
	size_t start = out->len;

	for (; *text; text++) {
		bool end = *text == '\n' || (*text == ' ' && out->len - start > columns);

		if (out->len == start && (*text == '.' || *text == '\''))
			buf_adds(out, "\\&");
		if (end)
			buf_addc(out, '\n');
		else
			man_char(out, *text);
		if (end)
			start = out->len;
	}
}

static void man_text(struct buf *out, const char *text)
{
	man_lines(out, text, FILL_COLUMNS);
}

/* An example, as it is typed. */
static void man_verbatim(struct buf *out, const char *text)
{
	buf_adds(out, ".PP\n.nf\n.RS 4\n");
	man_lines(out, text, SIZE_MAX);
	buf_adds(out, ".RE\n.fi\n");
}

static void man_paragraph(struct buf *out, const char *text)
{
	buf_adds(out, ".PP\n");
	man_text(out, text);
	buf_addc(out, '\n');
}

static void man_option(struct buf *out, const struct cli_opt *o)
{
	buf_adds(out, ".TP\n");
	if (o->letter)
		buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
	buf_adds(out, "\\fB\\-\\-");
	man_text(out, o->name);
	buf_adds(out, "\\fR");
	if (o->arg) {
		buf_adds(out, " \\fI");
		man_text(out, o->arg);
		buf_adds(out, "\\fR");
	}
	buf_addc(out, '\n');
	man_text(out, o->help);
	if (o->def) {
		buf_adds(out, "\n(default ");
		man_text(out, o->def);
		buf_addc(out, ')');
	}
	buf_addc(out, '\n');
}

/* What can be said to a shell. */
static void man_session(struct buf *out)
{
	const char *args, *help, *name;

	for (size_t i = 0; (name = session_word(i, &args, &help)) != NULL; i++) {
		buf_printf(out, ".TP\n.B %s", name);
		if (*args) {
			buf_adds(out, " \\fR");
			man_text(out, args);
		}
		buf_addc(out, '\n');
		man_text(out, help);
		buf_addc(out, '\n');
	}
}

static void man_verb(struct buf *out, const struct cmd *cmd)
{
	buf_printf(out, ".SS \"%s\"\n.B worstday %s\n", cmd->summary, cmd->name);
	man_text(out, cmd->args);
	buf_addc(out, '\n');
	man_paragraph(out, cmd->about);
	for (const struct cli_opt *o = cmd->opts; o->name; o++)
		man_option(out, o);
	if (cmd == &cmd_ctl)
		man_session(out);
}

static void man_exits(struct buf *out)
{
	buf_adds(out, ".SH EXIT STATUS\n");
	for (const struct cli_exit *x = cli_exits; x->code; x++) {
		buf_printf(out, ".TP\n.B %s\n%s:\n", x->code, x->word);
		man_text(out, x->when);
		buf_addc(out, '\n');
	}
	man_paragraph(out, "Over several trials the worst counts: broken, violated, unsupported, "
			   "inconclusive, holds.");
}

static const char description[] =
	"worstday launches point-of-sale software on one Linux machine, gives it a controlled "
	"bad day while shoppers buy, and says with evidence whether its promises held: no sale "
	"lost, nobody charged twice, back on its feet in time. What goes wrong, who comes to buy "
	"and what must hold stand in an experiment file; how the software is launched, sold "
	"through and read stands in a target file.";

static const char experiment[] =
	"# experiments/kill.yml\n"
	"title: The store's server is killed in the middle of trading\n"
	"target: till\n"
	"seed: 1\n"
	"shoppers: {count: 12, arrivals: constant 60/min, basket: 1..3, pace: 400x}\n"
	"faults:\n"
	"  - process.kill: {service: store/store}\n"
	"    when: {on: told ok, nth: 3}\n"
	"checks: [no-lost-sale, no-duplicate-sale]\n";

static const char *const files[][2] = {
	{"experiments/", "experiment files; \"worstday list experiments\""},
	{"targets/NAME/target.yml", "target files; \"worstday list targets\""},
	{"results/EXPERIMENT/latest/",
	 "the newest trial: verdict.json, report.html, junit.xml, the five ledgers, "
	 "events.ndjson, logs/ and repro.sh"},
};

static void man_files(struct buf *out)
{
	buf_adds(out, ".SH FILES\n");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		buf_adds(out, ".TP\n.I ");
		man_text(out, files[i][0]);
		buf_addc(out, '\n');
		man_text(out, files[i][1]);
		buf_addc(out, '\n');
	}
	man_paragraph(out, "All keys of both kinds of files: \"worstday list keys\". For an "
			   "editor that knows JSON Schema (VS Code with its YAML extension) the "
			   "first line of a file names its schema, as \"worstday init\" writes "
			   "it:");
	man_verbatim(out, "# yaml-language-server: $schema=PATH/experiment.schema.json\n");
}

static void man_environment(struct buf *out)
{
	buf_adds(out, ".SH ENVIRONMENT\n"
		      ".TP\n.B NO_COLOR\nIf set and not empty: no colours on a terminal.\n"
		      ".TP\n.B TMPDIR\nWhere trials live while they run; default /tmp.\n");
}

void doc_man(struct buf *out)
{
	buf_printf(out,
		   ".\\\" SPDX-License-Identifier: Apache-2.0\n"
		   ".\\\" Written by `worstday doc man`.\n"
		   ".TH WORSTDAY 1 \"%s\" \"worstday %s\" \"User Commands\"\n"
		   ".SH NAME\n"
		   "worstday \\- give point\\-of\\-sale software a bad day and judge it\n"
		   ".SH SYNOPSIS\n"
		   ".B worstday\n"
		   "\\fIVERB\\fR [\\fIOPTION\\fR]... [\\fIWORD\\fR]...\n"
		   ".SH DESCRIPTION\n",
		   WD_RELEASED, WD_VERSION);
	man_text(out, description);
	buf_addc(out, '\n');
	man_paragraph(out, "An experiment, and its trial:");
	man_verbatim(out, experiment);
	man_verbatim(out, "$ worstday run experiments/kill.yml\n");
	buf_adds(out, ".SH VERBS\n");
	for (size_t i = 0; i < cmd_table_count; i++)
		man_verb(out, cmd_table[i]);
	man_exits(out);
	man_files(out);
	man_environment(out);
	buf_adds(out, ".SH SEE ALSO\n"
		      "\"worstday doc reference\" prints every fault, check and key,\n"
		      "each with an example.\n");
}
