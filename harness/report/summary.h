/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_SUMMARY_H
#define WD_REPORT_SUMMARY_H

/*
 * The summary of a trial: what verdict.json holds, and the one thing that
 * terminal, JUnit and HTML are drawn from. So a report rebuilt from a results
 * directory says the same as the one written at once. All strings are owned.
 */
#include "judge/judge.h"
#include "trial/trial.h"

struct err;
struct json_out;
struct report_in;

struct sum_witness {
	char *key, *what;
};
struct sum_check {
	char *name, *verdict, *figure, *limit, *why;
	int64_t judged, violations;
	struct sum_witness *witness;
	size_t witnesses;
};
struct sum_fault {
	char *name, *describe, *when;
	int64_t armed, fired, skipped;
};
struct sum_phase {
	char *name;
	int64_t t_ns;
};
/** struct sum_ledgers - the five ledgers, counted and held against each other. */
struct sum_ledgers {
	int64_t told, ok, refused, unknown, acknowledged, left, missed_trains;
	int64_t books, matched, missing, duplicated, phantom, unkeyed;
	int64_t bank, paper, drawer;
};

struct summary {
	char *verdict, *blame, *why, *expect_note;
	char *experiment, *title, *source, *target, *digest, *currency;
	char *story_key, *story, *reproduce, *replay, *dir;
	int64_t exit, seed, pace_milli, wall_ns, own_ns, p95_ns;
	double rate;
	bool interrupted, expected, good_day; /* good_day: faults were off */
	struct trial_facts facts;
	struct sum_ledgers ledgers;
	struct sum_check *checks;
	size_t checks_count;
	struct sum_fault *faults;
	size_t faults_count;
	struct sum_phase *phases;
	size_t phases_count;
	struct trial_link *links;
	size_t links_count;
	struct trial_reach *reach;
	size_t reach_count;
};

void summary_build(struct summary *ret, const struct report_in *r);
void summary_json(const struct summary *s, struct buf *out);
/** summary_json_links - the member "links" of the object that is open in o. */
void summary_json_links(const struct summary *s, struct json_out *o);
/** summary_read - from DIR/verdict.json. */
int summary_read(struct summary *ret, const char *dir, struct err *e);
void summary_done(struct summary *s);
/** summary_violated - the first check that is violated, or NULL. */
const struct sum_check *summary_violated(const struct summary *s);

/* Words that several reports share. */
/** words_shell - quoted for a POSIX shell when it needs it. */
void words_shell(struct buf *b, const char *word);

#endif
