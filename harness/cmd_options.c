/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of the command line. Theory of operation: the rows of a verb become
 * an array for getopt_long(3); each value found is put where its row says.
 * getopt's own messages are off, so that ours can say "did you mean".
 */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "faults/fault.h"
#include "judge/judge.h"

#define OPTS_MAX 24

static size_t opts_count(const struct cli_opt *opts)
{
	size_t n = 0;

	while (opts[n].name)
		n++;
	return n;
}

int cli_usage(const struct cmd *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "worstday %s: ", cmd->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry: worstday %s --help\n", cmd->name);
	return EXIT_USAGE;
}

static int value_int(const struct cmd *cmd, const struct cli_opt *o, const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		return cli_usage(cmd, "--%s: \"%s\" is not a whole number", o->name, text);
	if (*ret < o->min || *ret > o->max)
		return cli_usage(cmd, "--%s: %s is outside %lld..%lld", o->name, text,
				 (long long)o->min, (long long)o->max);
	return -1;
}

static int value_choice(const struct cmd *cmd, const struct cli_opt *o, const char *text, int *ret)
{
	const char *near;
	size_t n = 0;

	for (; o->choices[n]; n++) {
		if (str_eq(o->choices[n], text)) {
			*ret = (int)n;
			return -1;
		}
	}
	near = str_nearest(text, o->choices, n);
	if (near)
		return cli_usage(cmd, "--%s: no choice \"%s\"; did you mean \"%s\"?", o->name, text,
				 near);
	return cli_usage(cmd, "--%s: no choice \"%s\" (%s)", o->name, text, o->arg);
}

static void value_list(struct strlist *l, const char *text)
{
	l->at = xrealloc(l->at, (l->count + 1) * sizeof(*l->at));
	l->at[l->count++] = xstrdup(text);
}

/* Put one value where its row says. -1, or an exit code. */
static int value_put(const struct cmd *cmd, const struct cli_opt *o, const char *text,
		     struct cli *ret)
{
	void *field = (char *)ret + o->offset;

	switch (o->type) {
	case CLI_FLAG:
		*(bool *)field = true;
		return -1;
	case CLI_INT:
		return value_int(cmd, o, text, field);
	case CLI_STRING:
		*(const char **)field = text;
		return -1;
	case CLI_LIST:
		value_list(field, text);
		return -1;
	case CLI_CHOICE:
		return value_choice(cmd, o, text, field);
	}
	return -1;
}

static int defaults(const struct cmd *cmd, struct cli *ret)
{
	const struct cli_opt *o;
	int r = -1;

	ret->seed = -1;
	ret->keep = -1;
	for (o = cmd->opts; o->name && r < 0; o++) {
		if (o->def)
			r = value_put(cmd, o, o->def, ret);
	}
	return r;
}

static void help(const struct cmd *cmd)
{
	const struct cli_opt *o;
	char left[64];

	printf("Usage: worstday %s %s\n\n%s\n", cmd->name, cmd->args, cmd->about);
	printf("\nOptions:\n");
	for (o = cmd->opts; o->name; o++) {
		snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : "",
			 o->letter ? o->letter : ' ', o->letter ? ", " : "   ", o->name,
			 o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-28s %s", left, o->help);
		if (o->def)
			printf(" (default %s)", o->def);
		putchar('\n');
	}
	printf("  %-28s %s\n", "    --help", "show this");
}

static int unknown_option(const struct cmd *cmd, const char *word, int letter)
{
	const char *names[OPTS_MAX + 1], *near;
	size_t n = 0, len;
	char name[64];

	if (letter)
		return cli_usage(cmd, "unknown option -%c", letter);
	for (; n < OPTS_MAX && cmd->opts[n].name; n++)
		names[n] = cmd->opts[n].name;
	names[n++] = "help";
	while (*word == '-')
		word++;
	len = strcspn(word, "=");
	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	near = str_nearest(name, names, n);
	if (near)
		return cli_usage(cmd, "unknown option --%s; did you mean --%s?", name, near);
	return cli_usage(cmd, "unknown option --%s", name);
}

/* The rows as getopt_long wants them: value = row index + 256, help is 'h' + 256 + OPTS_MAX. */
#define VALUE_ROW 256
#define VALUE_HELP (VALUE_ROW + OPTS_MAX)

static void getopt_tables(const struct cmd *cmd, struct option *longs, char *shorts)
{
	size_t i, n = opts_count(cmd->opts);

	if (cmd->words_end_options)
		*shorts++ = '+';
	*shorts++ = ':';
	for (i = 0; i < n; i++) {
		const struct cli_opt *o = &cmd->opts[i];

		longs[i].name = o->name;
		longs[i].has_arg = o->type == CLI_FLAG ? no_argument : required_argument;
		longs[i].val = VALUE_ROW + (int)i;
		if (!o->letter)
			continue;
		*shorts++ = o->letter;
		if (o->type != CLI_FLAG)
			*shorts++ = ':';
	}
	longs[n].name = "help";
	longs[n].val = VALUE_HELP;
	*shorts = '\0';
}

static const struct cli_opt *row_of(const struct cmd *cmd, int value)
{
	const struct cli_opt *o;

	if (value >= VALUE_ROW)
		return &cmd->opts[value - VALUE_ROW];
	for (o = cmd->opts; o->name; o++) {
		if (o->letter == value)
			return o;
	}
	return NULL;
}

/* One option as getopt found it. -1 to go on. */
static int option_found(const struct cmd *cmd, int value, char **argv, struct cli *ret)
{
	if (value == VALUE_HELP) {
		help(cmd);
		return 0;
	}
	if (value == ':')
		return cli_usage(cmd, "%s needs a value", argv[optind - 1]);
	if (value == '?' && optopt >= VALUE_ROW)
		return cli_usage(cmd, "%s takes no value", argv[optind - 1]);
	if (value == '?')
		return unknown_option(cmd, argv[optind - 1], optopt);
	return value_put(cmd, row_of(cmd, value), optarg, ret);
}

static int words_check(const struct cmd *cmd, const struct cli *c)
{
	if (c->words_count < cmd->words_min)
		return cli_usage(cmd, "what to %s is missing: worstday %s %s", cmd->name, cmd->name,
				 cmd->args);
	if (c->words_count > cmd->words_max)
		return cli_usage(cmd, "\"%s\" is one word too many", c->words[cmd->words_max]);
	return -1;
}

int cli_parse(const struct cmd *cmd, int argc, char **argv, struct cli *ret)
{
	struct option longs[OPTS_MAX + 2] = {0};
	char shorts[2 * OPTS_MAX + 3];
	int value, r;

	getopt_tables(cmd, longs, shorts);
	r = defaults(cmd, ret);
	opterr = 0;
	optind = 1;
	while (r < 0 && (value = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
		r = option_found(cmd, value, argv, ret);
	if (r >= 0)
		return r;
	ret->words = argv + optind;
	ret->words_count = (size_t)(argc - optind);
	return words_check(cmd, ret);
}

void cli_done(struct cli *c)
{
	size_t i;

	struct strlist *lists[] = {&c->sets, &c->publishes};

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t k = 0; k < lists[i]->count; k++)
			free(lists[i]->at[k]);
		free(lists[i]->at);
		*lists[i] = (struct strlist){0};
	}
}

struct conf_catalog cmd_catalog(void)
{
	struct conf_catalog c;

	c.faults = fault_kinds(&c.faults_count);
	c.checks = check_kinds(&c.checks_count);
	return c;
}

bool cmd_colour(int fd)
{
	const char *no = getenv("NO_COLOR");

	return isatty(fd) && !(no && *no);
}

bool cmd_ascii_only(void)
{
	locale_t here = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool utf8;

	if (!here)
		return true;
	utf8 = !strcmp(nl_langinfo_l(CODESET, here), "UTF-8");
	freelocale(here);
	return !utf8;
}
