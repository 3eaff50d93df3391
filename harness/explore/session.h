/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_SESSION_H
#define WD_EXPLORE_SESSION_H

/*
 * A session: a target that somebody works with, without shoppers and without a
 * schedule. Faults are armed and healed by hand, through the control socket;
 * what was done can be saved as an experiment.
 *
 *   session.c       its life       session_do.c    the words that can be said
 *   session_save.c  what was done as an experiment  publish.c  ports for people
 */
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "conf/experiment.h"
#include "explore/publish.h"
#include "shim/shim.h"
#include "trial/hosts.h"

struct control;
struct control_talk;
struct err;
struct ledger;
struct slot;
struct stage;
struct target;
struct told;
struct triggers;

struct session_in {
	/* whose shoppers `sell` takes; its faults are not armed, but prepared for */
	const struct experiment *experiment;
	const struct target *target;
	const struct conf_catalog *cat;
	struct slot *slot;
	const char *dir;   /* exists: logs, events */
	int control;       /* of control_listen */
	int ready;         /* written to once: a line, empty when the target is ready; or -1 */
	bool disks;        /* data lie on disks that may fail */
	bool preload;      /* services load our library, which clock.* and lib.* need */
	const struct publish *publish;
	size_t publish_count;
	const volatile sig_atomic_t *interrupted; /* stop */
};
/** session_run - until `quit`. Negative with words when the target does not start or the harness
 * failed. */
int session_run(const struct session_in *in, struct err *e);
/** session_word - the word number @i that can be said, what follows it and what it does; NULL
 * behind the last. */
const char *session_word(size_t i, const char **ret_args, const char **ret_help);

/* ---- what its files share ---- */

#define SESSION_FAULTS_MAX 1000

/** struct by_hand - one fault as it was armed. */
struct by_hand {
	char *text;             /* owned: "net.drop: {between: ...}" */
	struct experiment *in;  /* owned: where its options live */
	int64_t at_ns;          /* clock */
	int64_t for_ns;         /* as it was said; -1: until it was healed */
	int64_t healed_ns;      /* by hand; 0: not */
};
/** struct sold - one sale by hand. */
struct sold {
	int64_t at_ns;
	char key[32], lane[64], outcome[16];
};
struct asked {
	struct asked *next;
	struct control_talk *talk;
	char *text;             /* owned */
};
struct session {
	const struct session_in *in;
	struct loop *loop;
	struct ledger *ledger;
	struct stage *stage;
	struct triggers *triggers;
	struct control *control;
	struct publisher *publisher;
	struct experiment x;    /* the one that the faults by hand are faults of */
	struct by_hand *armed;  /* owned; parallel to x.faults */
	struct sold *sold;      /* owned */
	size_t sold_count;
	struct asked *first, **last;
	struct loop_timer tick;
	char *logs;             /* owned */
	struct strlist disks, logged; /* the stage borrows them */
	struct strlist shims[SHIM_LIBRARIES], points; /* and these */
	struct calls_watch *calls;           /* owned; the stage borrows it */
	struct hosts hosts;
	int64_t began_ns;
	bool wake, over;
};
/** session_do - one question, to its end: everything but `enter`, which needs no turn. */
void session_do(struct session *s, struct control_talk *t, const char *text);
/** session_save - what was done so far as an experiment file. */
int session_save(const struct session *s, const char *path, struct err *e);

#endif
