/* SPDX-License-Identifier: Apache-2.0 */
/* worstday report: draw the reports of a results directory again. */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd_report.h"
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
    {.name = "file",
     .type = CLI_STRING,
     .offset = offsetof(struct cli, file),
     .arg = "NAME",
     .help = "print what happened to one file (or a pattern) on a disk that kept a log of "
	     "operations, as power.cut has it kept"},
    {.name = "from",
     .type = CLI_STRING,
     .offset = offsetof(struct cli, from),
     .arg = "TIME",
     .help = "with --file: not before 12.1s (real time since the trial began)"},
    {.name = "to",
     .type = CLI_STRING,
     .offset = offsetof(struct cli, to),
     .arg = "TIME",
     .help = "with --file: not after 12.3s"},
    CLI_OPT_END,
};

/* "12.1s" in ns; without a text what is said otherwise. */
static int moment(const char *text, const char *option, int64_t otherwise, int64_t *ret)
{
	struct dur d;
	char why[256];

	*ret = otherwise;
	if (!text)
		return 0;
	if (opt_parse_duration(text, DOMAIN_SYSTEM, &d, why, sizeof(why)) < 0) {
		fprintf(stderr, "worstday report: --%s: %s\n", option, why);
		return -EINVAL;
	}
	*ret = d.ns;
	return 0;
}

static int report_file(const struct cli *c)
{
	struct disk_question q = {.dir = c->words[0], .file = c->file, .out = stdout};
	struct err e = {0};

	if (moment(c->from, "from", 0, &q.from_ns) < 0 ||
	    moment(c->to, "to", INT64_MAX, &q.to_ns) < 0)
		return EXIT_USAGE;
	if (report_disk(&q, &e) == 0)
		return 0;
	fprintf(stderr, "worstday report: %s\n", e.msg);
	return EXIT_BAD_FILE;
}

static int report(const struct cli *c)
{
	const char *dir = c->words[0];
	struct err e = {0};
	int r;

	if (c->file)
		return report_file(c);
	r = report_from_dir(dir, c->quiet || c->json ? NULL : stdout, cmd_colour(STDOUT_FILENO),
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
    .words = {"DIR"},
    .words_min = 1,
    .words_max = 1,
    .run = report,
};
