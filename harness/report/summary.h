/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_SUMMARY_H
#define WD_REPORT_SUMMARY_H

/*
 * The summary of a trial: what verdict.json holds, and the one thing that
 * terminal, JUnit and HTML are drawn from. So a report rebuilt from a results
 * directory says the same as the one written at once. All strings are owned.
 */
#include "judge/judge.h"
#include "judge/reconcile.h"
#include "judge/story.h"
#include "trial/trial.h"

struct err;
struct json_out;
struct json_val;
struct report_in;

#define SUMMARY_FORMAT 2 /* of verdict.json */
#define STORIES_MAX 8

struct sum_witness {
	char *key, *what;
};
struct sum_check {
	char *name, *promise, *verdict, *figure, *limit, *margin, *why;
	int64_t judged, violations;
	struct sum_witness *witness;
	size_t witnesses;
};
/** struct sum_story - one violated check's story. */
struct sum_story {
	char *check, *text; /* text: as the terminal shows it */
	struct story s;
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
	bool has_bank, has_paper, has_drawer; /* were they played at all? */
};
/** struct sum_reconciled - sales of each sort (judge/reconcile.h). */
struct sum_reconciled {
	int64_t sales, plain, lost, doubled, phantom, amount, charge, unknown;
};

struct summary {
	char *verdict, *blame, *why, *expect_note;
	char *experiment, *title, *source, *target, *digest, *currency;
	char *story_key, *story, *reproduce, *replay, *dir;
	int64_t format; /* SUMMARY_FORMAT; 0: of a version that had none */
	int64_t exit, seed, pace_milli, wall_ns, own_ns, p95_ns;
	double rate;
	bool interrupted, expected, good_day; /* good_day: faults were off */
	struct trial_facts facts;
	struct sum_ledgers ledgers;
	struct sum_reconciled reconciled;
	struct sum_check *checks;
	size_t checks_count;
	struct sum_story *stories; /* at most STORIES_MAX; the first is story_key's */
	size_t stories_count;
	struct sum_fault *faults;
	size_t faults_count;
	struct sum_phase *phases;
	size_t phases_count;
	struct trial_link *links;
	size_t links_count;
	struct trial_reach *reach;
	size_t reach_count;
};

/** summary_build - @rec: of judge_reconcile. */
void summary_build(struct summary *ret, const struct report_in *r,
		   const struct reconciliation *rec);
void summary_json(const struct summary *s, struct buf *out);
/** schema_verdict - the JSON Schema of verdict.json. */
void schema_verdict(struct buf *out);
/** summary_json_links - the member "links" of the object that is open in o. */
void summary_json_links(const struct summary *s, struct json_out *o);
/** summary_read - from DIR/verdict.json. */
int summary_read(struct summary *ret, const char *dir, struct err *e);
void summary_done(struct summary *s);
/* The member "stories" (story_json.c). */
void stories_write(struct json_out *o, const struct summary *s);
void stories_read(struct summary *s, const struct json_val *root);
void stories_done(struct summary *s);
/** summary_judge_in - what the judge saw, of a trial that has just ended. */
struct judge_in summary_judge_in(const struct report_in *r);
/** packets_find - fill in `packet` of lines that a packet in DIR/wire.pcapng belongs to. */
void packets_find(const char *dir, struct story *s);
/** packets_read - the same, of such a file's bytes. */
void packets_read(struct story *s, const uint8_t *data, size_t len);
/** summary_violated - the first check that is violated, or NULL. */
const struct sum_check *summary_violated(const struct summary *s);

/* Words that several reports share. */
/** words_shell - quoted for a POSIX shell when it needs it. */
void words_shell(struct buf *b, const char *word);

#endif
