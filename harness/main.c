/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worstday: launch point-of-sale software, give it a bad day, say whether the
 * promises held. This file finds the verb and hands over; each verb is one
 * cmd_*.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/point.h"
#include "base/str.h"
#include "cmd.h"
#include "explore/version.h"
#include "faults/fault.h"
#include "judge/judge.h"

const struct cmd *const cmd_table[] = {
    &cmd_run,	 &cmd_validate, &cmd_list, &cmd_doctor,
    &cmd_replay, &cmd_report,	&cmd_init, &cmd_probe,
    &cmd_shell,	 &cmd_ctl,	&cmd_exec, &cmd_doc,
    &cmd_bundle,
};
const size_t cmd_table_count = ARRAY_SIZE(cmd_table);

const struct cli_exit cli_exits[] = {
	{"0", "holds", "every check held, every fault fired, every check had something to judge"},
	{"1", "violated", "a promise was broken, with a fault or without one (blame: baseline)"},
	{"2", "inconclusive", "a fault never fired, too little to judge, unreadable books, or a "
			      "host too busy to time anything"},
	{"3", "unsupported", "this host cannot do what the file asks; the remedy is printed"},
	{"4", "broken", "the harness itself failed: never a pass"},
	{"64", "usage", "the command line is wrong; nothing was launched"},
	{"65", "bad file", "a file is wrong; nothing was launched"},
	{"130", "interrupted", "by Ctrl-C: the first heals, judges and reports, the second stops "
			       "at once"},
	{"143", "terminated", "the same by SIGTERM"},
	{NULL, NULL, NULL},
};

static void usage_exits(FILE *out)
{
	size_t len = (size_t)fprintf(out, "Exit:");

	for (const struct cli_exit *x = cli_exits; x->code; x++) {
		size_t more = strlen(x->code) + strlen(x->word) + 3;

		if (len + more > 76)
			len = (size_t)fprintf(out, "\n     ") - 1;
		fprintf(out, " %s %s%s", x->code, x->word, x[1].code ? "," : ".");
		len += more;
	}
	fputc('\n', out);
}

static void usage(FILE *out)
{
	size_t i;

	fprintf(out, "Usage: worstday VERB [OPTION]... [WORD]...\n\n"
		     "Gives point-of-sale software a controlled bad day and says, with evidence,\n"
		     "whether its promises held.\n\nVerbs:\n");
	for (i = 0; i < cmd_table_count; i++)
		fprintf(out, "  %-10s %s\n", cmd_table[i]->name, cmd_table[i]->summary);
	fprintf(out, "\nworstday VERB --help shows the options of a verb, --version the "
		     "version.\n");
	usage_exits(out);
}

static int unknown_verb(const char *word)
{
	const char *names[16], *near;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cmd_table) && i < ARRAY_SIZE(names); i++)
		names[i] = cmd_table[i]->name; /* NOLINT(clang-analyzer-core.NullDereference) */
	near = str_nearest(word, names, i);
	fprintf(stderr, "worstday: no verb \"%s\"", word);
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fprintf(stderr, "\nTry: worstday --help\n");
	return EXIT_USAGE;
}

static const struct cmd *verb_find(const char *word)
{
	size_t i;

	for (i = 0; i < cmd_table_count; i++) {
		if (str_eq(cmd_table[i]->name, word))
			return cmd_table[i];
	}
	return NULL;
}

static int verb_run(const struct cmd *cmd, int argc, char **argv)
{
	struct cli c = {.program = argv[0], .argc = argc, .argv = argv};
	struct err e = {0};
	int r;

	if (fault_table_check(&e) < 0 || check_table_check(&e) < 0) {
		fprintf(stderr, "worstday: %s\n", e.msg);
		return EXIT_BROKEN;
	}
	r = cli_parse(cmd, argc - 1, argv + 1, &c);
	if (r < 0)
		r = cmd->run(&c);
	cli_done(&c);
	return r;
}

static int bad_point(const char *text)
{
	fprintf(stderr, "worstday: WORSTDAY_FAIL=%s: write a point and how many-eth time it fails, "
		"like ledger/write:3; points:", text);
	for (unsigned i = 0; points_name(i); i++)
		fprintf(stderr, " %s", points_name(i));
	fputc('\n', stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *fails = getenv("WORSTDAY_FAIL");
	const struct cmd *cmd;
	const char *word = argc > 1 ? argv[1] : "";

	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (str_eq(word, "--help") || str_eq(word, "-h") || str_eq(word, "help")) {
		usage(stdout);
		return 0;
	}
	if (str_eq(word, "--version")) {
		printf("worstday %s (%s)\n", WD_VERSION, version_commit());
		return 0;
	}
	if (points_begin(fails) < 0)
		return bad_point(fails);
	cmd = verb_find(word);
	return cmd ? verb_run(cmd, argc, argv) : unknown_verb(word);
}
