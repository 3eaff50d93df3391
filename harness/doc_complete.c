/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion for bash and zsh. Verbs, options and choices are written into the
 * scripts; names of faults, checks, targets and experiments are asked of the
 * program that is being typed, so that they are those of this checkout.
 */
#include "doc.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "explore/session.h"

/* Kinds of words that are no words to choose from, and what each shell calls for them. (zsh puts
 * options of its own in front of the first argument, unless there is a blank before the name.) */
static const struct kind {
	const char *name, *bash, *zsh;
} kinds[] = {
	{"FILE", "_worstday_files", "_files"},
	{"DIR", "_worstday_folders", "_files -/"},
	{"TARGET", "_worstday_target", " _worstday_target"},
	{"FAULT", "_worstday_names faults", " _worstday_names faults"},
	{"NAME", "_worstday_names \"$first\"", " _worstday_names $words[2]"},
};

static const struct kind *kind_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (str_eq(kinds[i].name, word))
			return &kinds[i];
	return NULL;
}

/* The words to choose from, with blanks between them. */
static void choices(struct buf *out, const char *word)
{
	const char *args, *help, *name;

	if (!str_eq(word, "SESSION")) {
		buf_adds(out, word);
		return;
	}
	for (size_t i = 0; (name = session_word(i, &args, &help)) != NULL; i++)
		buf_printf(out, "%s%s", i ? " " : "", name);
}

static void value_choices(struct buf *out, const struct cli_opt *o)
{
	for (size_t i = 0; o->choices[i]; i++)
		buf_printf(out, "%s%s", i ? " " : "", o->choices[i]);
}

/* ---- bash ---- */

static const char bash_head[] =
	"# SPDX-License-Identifier: Apache-2.0\n"
	"# bash completion for worstday, written by `worstday doc bash`. Needs no other package.\n"
	"\n"
	"_worstday_words() { # WORDS: those that begin with what is typed\n"
	"\tCOMPREPLY=($(compgen -W \"$1\" -- \"$cur\"))\n"
	"}\n"
	"_worstday_names() { # faults|checks|...: asked of the program that is being typed\n"
	"\t_worstday_words \"$(\"${COMP_WORDS[0]}\" list \"$1\" 2>/dev/null | cut -d' ' -f1)\"\n"
	"}\n"
	"_worstday_files() {\n"
	"\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"}\n"
	"_worstday_folders() {\n"
	"\tCOMPREPLY=($(compgen -d -- \"$cur\"))\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"}\n"
	"_worstday_target() {\n"
	"\tif [[ $cur == */* ]]; then _worstday_files; else _worstday_names targets; fi\n"
	"}\n"
	"\n"
	"_worstday() {\n"
	"\tlocal IFS=$' \\t\\n' cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	"\tlocal verb=${COMP_WORDS[1]} valued='' options='' first='' i n=0\n"
	"\tCOMPREPLY=()\n";

static const char bash_tail[] =
	"\tesac\n"
	"\t[[ $cur == = ]] && cur=''\n"
	"\t[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
	"\t_worstday_value && return\n"
	"\tif [[ $cur == -* ]]; then\n"
	"\t\t_worstday_words \"$options\"\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tfor ((i = 2; i < COMP_CWORD; i++)); do # which word is it?\n"
	"\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t=) ((i++)) ;;\n"
	"\t\t-*)\n"
	"\t\t\t[[ \" $valued \" == *\" ${COMP_WORDS[i]} \"* && ${COMP_WORDS[i+1]} != = ]] &&\n"
	"\t\t\t\t((i++))\n"
	"\t\t\t;;\n"
	"\t\t*)\n"
	"\t\t\t((n++))\n"
	"\t\t\t: \"${first:=${COMP_WORDS[i]}}\"\n"
	"\t\t\t;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\t_worstday_word \"$n\"\n"
	"}\n"
	"complete -F _worstday worstday\n";

static void bash_options(struct buf *out, const struct cmd *cmd)
{
	buf_printf(out, "\t%s)\n\t\toptions='", cmd->name);
	for (const struct cli_opt *o = cmd->opts; o->name; o++)
		buf_printf(out, "--%s ", o->name);
	buf_adds(out, "--help'\n\t\tvalued='");
	for (const struct cli_opt *o = cmd->opts; o->name; o++) {
		if (o->type == CLI_FLAG)
			continue;
		buf_printf(out, "--%s ", o->name);
		if (o->letter)
			buf_printf(out, "-%c ", o->letter);
	}
	buf_adds(out, "'\n\t\t;;\n");
}

/* The values of options, by verb and the word before. */
static void bash_values(struct buf *out, const struct cmd *cmd)
{
	for (const struct cli_opt *o = cmd->opts; o->name; o++) {
		const struct kind *k = o->arg ? kind_of(o->arg) : NULL;

		if (o->type == CLI_FLAG)
			continue;
		buf_printf(out, "\t%s:--%s", cmd->name, o->name);
		if (o->letter)
			buf_printf(out, " | %s:-%c", cmd->name, o->letter);
		buf_adds(out, ") ");
		if (o->choices) {
			buf_adds(out, "_worstday_words '");
			value_choices(out, o);
			buf_addc(out, '\'');
		} else {
			buf_adds(out, k ? k->bash : ":");
		}
		buf_adds(out, " ;;\n");
	}
}

static void bash_words(struct buf *out, const struct cmd *cmd)
{
	for (size_t i = 0; i < ARRAY_SIZE(cmd->words) && cmd->words[i]; i++) {
		const struct kind *k = kind_of(cmd->words[i]);
		bool last = i + 1 == ARRAY_SIZE(cmd->words) || !cmd->words[i + 1];

		if (last && cmd->words_max > i + 1)
			buf_printf(out, "\t%s:*) ", cmd->name);
		else
			buf_printf(out, "\t%s:%zu) ", cmd->name, i);
		if (k || !*cmd->words[i]) {
			buf_adds(out, k ? k->bash : ":");
		} else {
			buf_adds(out, "_worstday_words '");
			choices(out, cmd->words[i]);
			buf_addc(out, '\'');
		}
		buf_adds(out, " ;;\n");
	}
}

void doc_bash(struct buf *out)
{
	buf_adds(out, bash_head);
	buf_adds(out, "\tif ((COMP_CWORD == 1)); then\n\t\t_worstday_words '");
	for (size_t i = 0; i < cmd_table_count; i++)
		buf_printf(out, "%s ", cmd_table[i]->name);
	buf_adds(out, "--help --version'\n\t\treturn\n\tfi\n\tcase $verb in\n");
	for (size_t i = 0; i < cmd_table_count; i++)
		bash_options(out, cmd_table[i]);
	buf_adds(out, bash_tail);
	buf_adds(out, "_worstday_value() {\n\tcase \"$verb:$prev\" in\n");
	for (size_t i = 0; i < cmd_table_count; i++)
		bash_values(out, cmd_table[i]);
	buf_adds(out, "\t*) return 1 ;;\n\tesac\n\treturn 0\n}\n"
		      "_worstday_word() {\n\tcase \"$verb:$1\" in\n");
	for (size_t i = 0; i < cmd_table_count; i++)
		bash_words(out, cmd_table[i]);
	buf_adds(out, "\tesac\n}\n");
}

/* ---- zsh ---- */

static const char zsh_head[] =
	"#compdef worstday\n"
	"# SPDX-License-Identifier: Apache-2.0\n"
	"# zsh completion for worstday, written by `worstday doc zsh`.\n"
	"\n"
	"_worstday_names() { # faults|checks|...: asked of the program that is being typed\n"
	"\tlocal -a names\n"
	"\tnames=(${(f)\"$($program list $1 2>/dev/null | cut -d' ' -f1)\"})\n"
	"\tcompadd -a names\n"
	"}\n"
	"_worstday_target() {\n"
	"\tif [[ $PREFIX == */* ]]; then _files; else _worstday_names targets; fi\n"
	"}\n"
	"\n"
	"_worstday() {\n"
	"\tlocal program=$words[1]\n"
	"\tlocal -a verbs\n"
	"\tverbs=(\n";

static const char zsh_middle[] =
	"\t)\n"
	"\tif ((CURRENT == 2)); then\n"
	"\t\t_describe verb verbs\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tshift words\n"
	"\t((CURRENT--))\n"
	"\tcase $words[1] in\n";

/* Help inside '...[...]': quotes, brackets and colons mean something there. */
static void zsh_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_adds(out, "'\\'");
		else if (strchr("[]:\\", *text))
			buf_addc(out, '\\');
		buf_addc(out, *text);
	}
}

static void zsh_action(struct buf *out, const char *word)
{
	const struct kind *k = kind_of(word);

	if (k) {
		/* a blank before it: this word alone is done, nothing is put in front of it */
		buf_printf(out, "%s", k->zsh);
		return;
	}
	if (!*word)
		return;
	buf_addc(out, '(');
	choices(out, word);
	buf_addc(out, ')');
}

static void zsh_option(struct buf *out, const struct cli_opt *o)
{
	const char *many = o->type == CLI_LIST ? "*" : "";

	buf_adds(out, " \\\n\t\t\t");
	if (o->letter && !*many)
		buf_printf(out, "'(-%c --%s)'", o->letter, o->name);
	buf_adds(out, many[0] ? "'*'" : "");
	if (o->letter)
		buf_printf(out, "{-%c%s,--%s%s}", o->letter, o->type == CLI_FLAG ? "" : "+",
			   o->name, o->type == CLI_FLAG ? "" : "=");
	else
		buf_printf(out, "--%s%s", o->name, o->type == CLI_FLAG ? "" : "=");
	buf_adds(out, "'[");
	zsh_text(out, o->help);
	buf_addc(out, ']');
	if (o->type != CLI_FLAG) {
		buf_adds(out, ":value:");
		if (o->choices) {
			buf_addc(out, '(');
			value_choices(out, o);
			buf_addc(out, ')');
		} else {
			zsh_action(out, kind_of(o->arg) ? o->arg : "");
		}
	}
	buf_addc(out, '\'');
}

static void zsh_words(struct buf *out, const struct cmd *cmd)
{
	for (size_t i = 0; i < ARRAY_SIZE(cmd->words) && cmd->words[i]; i++) {
		bool last = i + 1 == ARRAY_SIZE(cmd->words) || !cmd->words[i + 1];

		buf_adds(out, " \\\n\t\t\t'");
		if (last && cmd->words_max > i + 1)
			buf_adds(out, "*:word:");
		else
			buf_printf(out, "%zu:word:", i + 1);
		zsh_action(out, cmd->words[i]);
		buf_addc(out, '\'');
	}
}

void doc_zsh(struct buf *out)
{
	buf_adds(out, zsh_head);
	for (size_t i = 0; i < cmd_table_count; i++) {
		buf_printf(out, "\t\t'%s:", cmd_table[i]->name);
		zsh_text(out, cmd_table[i]->summary);
		buf_adds(out, "'\n");
	}
	buf_adds(out, zsh_middle);
	for (size_t i = 0; i < cmd_table_count; i++) {
		buf_printf(out, "\t%s)\n\t\t_arguments -s -S", cmd_table[i]->name);
		for (const struct cli_opt *o = cmd_table[i]->opts; o->name; o++)
			zsh_option(out, o);
		buf_adds(out, " \\\n\t\t\t'--help[show this]'");
		zsh_words(out, cmd_table[i]);
		buf_adds(out, "\n\t\t;;\n");
	}
	buf_adds(out, "\tesac\n}\n\n_worstday \"$@\"\n");
}
