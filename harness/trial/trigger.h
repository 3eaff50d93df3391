/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TRIAL_TRIGGER_H
#define WD_TRIAL_TRIGGER_H

/*
 * When faults happen. The one place that evaluates `when:`: it is told what
 * goes on (a sale, a service, a log line), arms and heals faults, and writes
 * armed, fired, skipped and healed into the event log.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage/stage.h"

struct bank;
struct counter;
struct err;
struct experiment;
struct ledger;
struct loop;
struct target;
struct terminals;
struct told;
struct triggers;

struct triggers_in {
	const struct experiment *experiment;
	const struct target *target;
	struct stage *stage;
	struct bank *bank;       /* NULL: the target has none */
	struct counter *counter; /* NULL: it has no devices */
	struct terminals *terminals; /* NULL: it has no card terminals */
	struct loop *loop;
	struct ledger *ledger;
	int64_t seed;
	size_t by_hand; /* how many may be added: the experiment has room for so many more faults */
};

/** triggers_new - compile every `when:`; nothing is armed yet. Caller frees. */
int triggers_new(struct triggers **ret, const struct triggers_in *in, struct err *e);
/** triggers_free - also disarms what is still armed. */
void triggers_free(struct triggers *t);

/** triggers_open - the shop opens at open_ns (clock_now): `at:` and `after:` count from here. */
void triggers_open(struct triggers *t, int64_t open_ns);
/** triggers_told - a sale was told; call before anything else is done with it. */
void triggers_told(struct triggers *t, const struct told *told);
/** triggers_service - @ev of "node/service". */
void triggers_service(struct triggers *t, enum service_event ev, const char *node,
		      const char *service);
void triggers_log(struct triggers *t, const char *node, const char *service, const char *line,
		  size_t len);
/** triggers_add - the experiment has one more fault, behind those known; `at:` is from now. */
int triggers_add(struct triggers *t, struct err *e);
/** triggers_heal_one - disarm fault i, and arm it no more. */
void triggers_heal_one(struct triggers *t, size_t i);
/** triggers_hits - of fault i so far. triggers_armed - is it, now? */
int64_t triggers_hits(const struct triggers *t, size_t i);
bool triggers_armed(const struct triggers *t, size_t i);
/** triggers_heal - disarm everything and arm nothing more. */
void triggers_heal(struct triggers *t);

/** triggers_error - why arming or healing failed (the trial is broken), or NULL. */
const char *triggers_error(const struct triggers *t);
/** triggers_forget_error - whoever armed it by hand has been told. */
void triggers_forget_error(struct triggers *t);
int64_t triggers_active(const struct triggers *t);
/** triggers_active_names - the faults that are armed now, in the order of the file, with commas;
 * "..." at the end when they do not fit into @size bytes (at least 4). */
void triggers_active_names(const struct triggers *t, char *text, size_t size);
int64_t triggers_fired(const struct triggers *t);
/** triggers_disturbed - some fault that changes anything has fired. */
bool triggers_disturbed(const struct triggers *t);
/** triggers_healed_ns - clock_now time of the last heal; 0: none was armed. */
int64_t triggers_healed_ns(const struct triggers *t);
/** triggers_waiting - true while an `at:` still lies ahead: the shop is not over. */
bool triggers_waiting(const struct triggers *t);

#endif
