/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_BACKEND_H
#define WD_FAULTS_BACKEND_H

/*
 * Faults on links have two back ends: the wire, which does everything, and the
 * kernel's netem, which does some of it. One table says for each option of
 * each fault how both do it and what they cannot do; what it calls impossible
 * is refused when a file is read, before anything is launched.
 */
#include "faults/fault.h"

/** struct backend_row - one option of one fault ("*": of all that have both back ends). */
struct backend_row {
	const char *fault, *option; /* "when.nth" and the like: not a row of the option table */
	const char *wire, *netem;   /* how it is done, and its limits */
	const char *only;           /* the one value netem can do, as text; "": not given */
	const char *min, *max;      /* netem's bounds, as text; NULL: the option's own */
};
extern const struct backend_row backend_table[];
extern const size_t backend_table_count;

/** backend_row_for - the row of an option; its own before the one of all. NULL: none. */
const struct backend_row *backend_row_for(const char *fault, const char *option);
/** backend_has - has this fault the choice? */
bool backend_has(const struct fault_ops *ops);
/** backend_is_netem - was netem chosen? */
bool backend_is_netem(const struct fault_ops *ops, const void *opts);
/** backend_check - all faults of an experiment against the table, and against each other. */
void backend_check(const struct experiment *x, const struct target *t, struct diag *d);
/** backend_help - the table of one fault as text; nothing when it has no choice. */
void backend_help(const struct fault_ops *ops, unsigned indent, struct buf *out);

/** fault_probe - may this host do it, with these options? Negative and why, with the remedy. */
int fault_probe(const struct fault_ops *ops, const void *opts, char *why, size_t why_len);

#endif
