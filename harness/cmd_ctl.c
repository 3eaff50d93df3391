/* SPDX-License-Identifier: Apache-2.0 */
/* worstday ctl: one word to a shell that is under way, as at its prompt. */
#include "cmd.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "trial/control.h"

static const struct cli_opt options[] = {CLI_OPT_TRIAL, CLI_OPT_END};

static void said(void *arg, const char *text, size_t len)
{
	(void)arg;
	fwrite(text, 1, len, stdout);
}

/* The words as one line. A file is named from where we are, not from where the shell is. */
static void line_of(const struct cli *c, struct buf *out)
{
	cleanup_free char *here = getcwd(NULL, 0);

	for (size_t i = 0; i < c->words_count; i++) {
		bool file = i == 1 && str_eq(c->words[0], "save") && c->words[i][0] != '/';

		buf_printf(out, "%s%s%s%s", i ? " " : "", file ? here : "", file ? "/" : "",
			   c->words[i]);
	}
}

static int ctl(const struct cli *c)
{
	struct err e = {0};
	cleanup_close int sock = control_call(c->trial, &e);
	struct buf line = {0};
	int code = sock;

	line_of(c, &line);
	if (sock >= 0)
		code = control_ask(sock, line.data, said, NULL, NULL, &e);
	buf_done(&line);
	fflush(stdout);
	if (code < 0) {
		fprintf(stderr, "worstday ctl: %s\n", e.msg);
		return EXIT_USAGE;
	}
	return code;
}

const struct cmd cmd_ctl = {
	.name = "ctl",
	.args = "[OPTION]... WORD...",
	.summary = "say something to a shell that is under way",
	.about =
		"The same words as at the prompt of `worstday shell`: faults, arm, heal, status,\n"
		"sell, books, log, save, quit; `worstday ctl help` lists them. Exit 0 when it was\n"
		"done, 1 for a sale that was not told ok, 64 when it could not be, 65 for a bad\n"
		"fault.",
	.opts = options,
	.words = {"SESSION", "FAULT"},
	.words_min = 1,
	.words_max = SIZE_MAX,
	.words_end_options = true,
	.run = ctl,
};
