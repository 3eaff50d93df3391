/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_REPORT_H
#define WD_REPORT_REPORT_H

#include <stdio.h>

#include "trial/trial.h"

struct report_in {
	const struct trial_in *in;
	const struct trial_out *out;
	const char *dir;        /* where to write */
	const char *final_dir;  /* where it will be found, for commands that reproduce */
};
/** report_write - verdict.json junit.xml report.html aggregates.json latency.hgrm repro.sh. */
int report_write(const struct report_in *r, struct err *e);
/** report_terminal - verdict, each check with its figure, the first violation's story, how to
 * reproduce. @colour: ANSI. */
void report_terminal(const struct report_in *r, FILE *out, bool colour);
/** report_from_dir - rebuild report.html and the terminal text from a results directory. */
int report_from_dir(const char *dir, FILE *out, bool colour, struct err *e);

#endif
