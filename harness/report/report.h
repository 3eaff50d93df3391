/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_REPORT_H
#define WD_REPORT_REPORT_H

#include <stdio.h>

#include "trial/trial.h"

struct report_in {
	const struct trial_in *in;
	const struct trial_out *out;
	const char *dir;	    /* where to write */
	const char *final_dir;	    /* where it will be found, for commands that reproduce */
	const char *program;	    /* how to call us; NULL: "worstday" */
	const struct strlist *sets; /* --set as given, for commands that reproduce; NULL: none */
};
/** report_write - verdict.json junit.xml report.html aggregates.json latency.hgrm repro.sh. */
int report_write(const struct report_in *r, struct err *e);
/** report_from_dir - rebuild report.html and print the terminal text from a results directory;
 * out NULL: only rebuild. */
int report_from_dir(const char *dir, FILE *out, bool colour, struct err *e);
/** report_show - print the terminal text of a results directory. @colour: ANSI. */
int report_show(const char *dir, FILE *out, bool colour, struct err *e);

#endif
