/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_SERVICE_H
#define WD_FAULTS_SERVICE_H

/* What the faults on services share: naming them, and walking over the named ones. */
#include "faults/fault.h"
#include "stage/stage.h"

/** SERVICE_TRIGGER - `service: trigger` means the service that the trigger came from. */
#define SERVICE_TRIGGER "trigger"

/** SERVICE_ROW - the `service:` option row; struct @owner has a member `char *service`. */
#define SERVICE_ROW(owner) \
	{ .name = "service", .type = OPT_STRING, .offset = offsetof(struct owner, service), \
	  .scalar = true, .example = "store/store", \
	  .help = "which service: NODE/NAME, a unique name, a pattern (lane-*/till), or " \
		  "`trigger`: the one that the trigger came from" }

/**
 * service_each - call fn for each running or held service that `name` selects.
 * Returns how many, or the first negative errno of fn.
 */
int service_each(struct run *r, const char *name,
		 int (*fn)(struct run *r, const struct service_state *s, void *arg, struct err *e),
		 void *arg, struct err *e);
/** service_check_target - does the pattern match any service of the target? Errors into diag. */
int service_check_target(const char *name, const struct target *t, struct mark at, struct diag *d);
/** service_process - the ordinal path of its current run, "store/store/0"; into ret. */
const char *service_process(const struct service_state *s, char *ret, size_t len);

#define SERVICE_SET_MAX 64
/** struct service_set - the services that one activation altered; the fault's state. */
struct service_set {
	char *name[SERVICE_SET_MAX]; /* owned */
	size_t count;
};
/** service_set_add - remember a name; -E2BIG when there are too many at once. */
int service_set_add(struct service_set *s, const char *name, struct err *e);
/** service_set_undo - call undo(stage, name, false) for each, empty the set; first error wins. */
int service_set_undo(struct service_set *s, struct run *r,
		     int (*undo)(struct stage *st, const char *service, bool on, struct err *e),
		     struct err *e);
/** service_set_release - a fault's `release` whose state is a service_set. */
void service_set_release(struct run *r, void *state);

#endif
