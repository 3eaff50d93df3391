/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CMD_PROBE_H
#define WD_CMD_PROBE_H

/*
 * worstday probe: one sale through one lane, looked at closely. cmd_probe.c
 * runs it, cmd_probe_look.c finds out what is wrong, cmd_probe_show.c tells.
 */
#include "base/buf.h"
#include "cmd.h"
#include "conf/target.h"
#include "explore/suite.h"
#include "ledger/ledger.h"

/* The one shopper's number: the key S12345 is long enough to show a field too short for keys. */
#define PROBE_SHOPPER 12345

/** struct finding - something to change (bad) or to know about. */
struct finding {
	bool bad;
	char *what, *advice; /* owned; advice: what to change in the target file */
};

/** struct probe_rows - rows of one query at the end that were not there at the start. */
struct probe_rows {
	bool asked;		  /* the target has such a query */
	size_t before;		  /* rows at the start */
	const struct book **fresh; /* owned array */
	size_t count;
};

struct probing {
	const struct cli *c;
	const struct target *t; /* borrowed from the plan once it is loaded */
	const char *lane;
	char *dir;		     /* owned: where results go */
	char *cache;		     /* owned: prepared data; NULL: in dir */
	struct plan plan;
	struct suite suite;
	const struct suite_result *result; /* NULL: no trial ended */
	struct ledgers ledgers;
	const struct told *told; /* NULL: nobody was told anything */
	const char *key;	 /* of the sale; a guess while nobody was told anything */
	char *trace;		 /* owned, never NULL after the run */
	struct probe_rows rows[BOOK_WHATS];
	struct finding *findings;
	size_t findings_count;
};

extern const char *const probe_books_kind[]; /* "sqlite", ...; by enum books_kind */
extern const char *const probe_query[BOOK_WHATS]; /* "sales", ... */

/** probe_look - fill rows and findings from what the trial left. */
void probe_look(struct probing *p);
/** probe_wrong - is any finding bad? */
bool probe_wrong(const struct probing *p);
/** probe_show_text, probe_show_json - all of it; @code: the exit code to come. */
void probe_show_text(const struct probing *p, int code);
void probe_show_json(const struct probing *p, int code);

#endif
