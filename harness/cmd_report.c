/* SPDX-License-Identifier: Apache-2.0 */
/* worstday report: draw the reports of a results directory again. */
#include "cmd.h"

#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "explore/store.h"
#include "report/report.h"

static const struct cli_opt options[] = {
    {.name = "quiet",
     .letter = 'q',
     .type = CLI_FLAG,
     .offset = offsetof(struct cli, quiet),
     .help = "only rewrite report.html"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli, json),
     .help = "print verdict.json instead of text"},
    CLI_OPT_END,
};

static int report(const struct cli *c)
{
	const char *dir = c->words[0];
	struct err e = {0};
	int r = report_from_dir(dir, c->quiet || c->json ? NULL : stdout, cmd_colour(STDOUT_FILENO),
				&e);

	if (r == 0 && c->json) {
		cleanup_free char *text = store_read(dir, "verdict.json", NULL, &e);

		fputs(text ? text : "", stdout);
	}
	if (r < 0)
		fprintf(stderr, "worstday report: %s\n", e.msg);
	return r < 0 ? EXIT_BAD_FILE : 0;
}

const struct cmd cmd_report = {
    .name = "report",
    .args = "[OPTION]... DIR",
    .summary = "show a trial again from its results directory",
    .about = "Prints the verdict of a finished trial and redraws its report.html and\n"
	     "aggregates.json from verdict.json and the ledgers. Judges nothing anew; exit 0\n"
	     "says that it was drawn, not that the promises held.",
    .opts = options,
    .words_min = 1,
    .words_max = 1,
    .run = report,
};
