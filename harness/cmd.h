/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CMD_H
#define WD_CMD_H

/*
 * The command line: a table of verbs, and for each verb a table of options.
 * The rows are the only description of an option: parsing, defaults, bounds,
 * `--help` and "did you mean" all come from them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/experiment.h"

/* Exit codes that are no verdict's (see DESIGN "Verdicts and exit codes"). */
#define EXIT_USAGE 64
#define EXIT_BAD_FILE 65
#define EXIT_BROKEN 4
#define EXIT_UNSUPPORTED 3

/** struct cli - every option of every verb; a verb's rows say which of them it takes. */
struct cli {
	bool until_fail, dry_run, json, quiet, force;
	int64_t seeds, jobs;
	int64_t seed;	   /* -1: as in the file */
	const char *junit; /* NULL: none */
	const char *out;
	const char *lane, *keep_dir; /* probe, shell; NULL: not given */
	const char *trial;           /* ctl, exec: a pid; NULL: the only one */
	bool no_prompt, no_preload;  /* shell */
	struct strlist publishes;    /* owned; shell */
	const char *file, *from, *to; /* report; NULL: not given */
	const char *size;	     /* bundle */
	int keep;	     /* enum store_keep */
	int hold;	     /* run: 1 on-violation */
	struct strlist sets; /* owned */
	const char *program; /* as it was called */
	char *const *words;  /* what is left after the options; borrowed */
	size_t words_count;
	int argc; /* the whole command line, for the manifest; borrowed */
	char *const *argv;
};

enum cli_type { CLI_FLAG, CLI_INT, CLI_STRING, CLI_LIST, CLI_CHOICE };

/** struct cli_opt - one row; a table ends with name NULL. */
struct cli_opt {
	const char *name; /* without the dashes */
	char letter;	  /* short form, or 0 */
	enum cli_type type;
	size_t offset;		    /* in struct cli */
	const char *arg;	    /* what --help calls the value; NULL for flags */
	const char *def;	    /* default as text; NULL: unset (-1 for numbers) */
	int64_t min, max;	    /* CLI_INT */
	const char *const *choices; /* CLI_CHOICE: ends with NULL */
	const char *help;
};

struct cmd {
	const char *name, *args, *summary;
	const char *about; /* a paragraph for --help */
	const struct cli_opt *opts;
	/* For completion: what its words may be, one after the other, the last for all that follow:
	 * words to choose from, or one of FILE, DIR, TARGET, FAULT, SESSION (a word of the shell),
	 * NAME (of what the first word lists); "": anything. */
	const char *words[4];
	size_t words_min, words_max;
	bool words_end_options; /* what follows the first word is somebody else's */
	int (*run)(const struct cli *c);
};
extern const struct cmd *const cmd_table[];
extern const size_t cmd_table_count;
extern const struct cmd cmd_run, cmd_validate, cmd_list, cmd_doctor, cmd_replay, cmd_report,
    cmd_init, cmd_probe, cmd_shell, cmd_ctl, cmd_exec, cmd_doc, cmd_bundle;

/** struct cli_exit - one row of the exit codes; a table ends with code NULL. */
struct cli_exit {
	const char *code, *word; /* "64"; "usage" */
	const char *when;
};
extern const struct cli_exit cli_exits[];

#define CLI_OPT_JSON                                                                               \
	{                                                                                          \
		.name = "json", .type = CLI_FLAG, .offset = offsetof(struct cli, json),            \
		.help = "print JSON instead of text"                                               \
	}
#define CLI_OPT_TRIAL                                                                              \
	{                                                                                          \
		.name = "trial", .letter = 't', .type = CLI_STRING,                                \
		.offset = offsetof(struct cli, trial), .arg = "PID",                               \
		.help = "which, when several are under way: the worstday process or its worker"    \
	}
#define CLI_OPT_END                                                                                \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/**
 * cli_parse - fill ret from the words after the verb. Returns -1 to go on, or
 * the exit code when there is nothing left to do (0 after --help, 64).
 */
int cli_parse(const struct cmd *cmd, int argc, char **argv, struct cli *ret);
void cli_done(struct cli *c);
/** cli_usage - "worstday VERB: …" to stderr; returns EXIT_USAGE. */
int cli_usage(const struct cmd *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** cmd_catalog - the faults and checks that this program knows, as conf sees them. */
struct conf_catalog cmd_catalog(void);
/** cmd_colour - may this stream show colours? (a terminal, and NO_COLOR is not set) */
bool cmd_colour(int fd);
/** cmd_ascii_only - the locale of the environment is not UTF-8. */
bool cmd_ascii_only(void);

#endif
