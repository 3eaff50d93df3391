/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_DEVICE_H
#define WD_FAULTS_DEVICE_H

/* What the faults of devices share: which devices, where in a receipt, how long. */
#include "counter/rule.h"
#include "faults/fault.h"

/** struct device_opts - must be the first member, `device`, of the options of a device fault. */
struct device_opts {
	struct strlist device; /* names or patterns of device nodes */
	double rate;
	int64_t line;
	char *behind;          /* owned; NULL: by line */
	struct dur back;       /* ns < 0: until the fault is healed */
	char *as;              /* owned: its name in /dev then; NULL: as before */
};
/** DEVICE_WHICH, ... - option rows; struct @owner starts with `struct device_opts device`. */
#define DEVICE_WHICH(owner) \
	{ .name = "device", .type = OPT_STRLIST, .offset = offsetof(struct owner, device.device), \
	  .help = "which: hosts like printer-lane-1, or patterns", .example = "printer-lane-1" }
#define DEVICE_RATE(owner, things) \
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct owner, device.rate), \
	  .def = "100%", .help = "the chance of each " things ", drawn from the seed for the " \
	  "device and how many-eth of its it is", .example = "20%" }
#define DEVICE_PLACE(owner) \
	{ .name = "line", .type = OPT_INT, .offset = offsetof(struct owner, device.line), \
	  .def = "2", .min = "0", .max = "10000", \
	  .help = "so many lines of the receipt are printed before", .example = "5" }, \
	{ .name = "behind", .type = OPT_REGEX, .offset = offsetof(struct owner, device.behind), \
	  .optional = true, .help = "instead: the first line that matches is the last one", \
	  .example = "/TOTAL/" }
#define DEVICE_BACK(owner, words) \
	{ .name = "back", .type = OPT_DURATION, .offset = offsetof(struct owner, device.back), \
	  .domain = DOMAIN_SHOP, .optional = true, .min = "1ms", \
	  .help = words " after so long; without it: when the fault is healed", \
	  .example = "1min" }

#define DEVICE_AS(owner) \
	{ .name = "as", .type = OPT_STRING, .offset = offsetof(struct owner, device.as), \
	  .optional = true, .help = "on a serial line: its name in /dev from then on; without " \
	  "it: as before. Its link in /dev/serial/by-id stays what it was", \
	  .example = "ttyUSB1" }

/** struct device_state - a device fault's state. */
struct device_state {
	struct run *run;
	unsigned id;            /* of the rule */
	bool armed, at_once;
	int64_t back_ns;        /* < 0: not by itself */
	const char *as;         /* borrowed; NULL: as before */
	struct device_at *at;   /* owned */
	size_t count;
};

void device_check(const void *opts, struct mark at, struct diag *d);
int device_check_target(const void *opts, const struct target *t, struct mark at,
			struct diag *d);
/** device_check_wired - the same for a fault that only hosts on the wire can have. */
int device_check_wired(const void *opts, const struct target *t, struct mark at, struct diag *d);
/** device_check_printer, device_check_scanner - the same for what only such devices have. */
int device_check_printer(const void *opts, const struct target *t, struct mark at, struct diag *d);
int device_check_scanner(const void *opts, const struct target *t, struct mark at, struct diag *d);
/** device_check_name - `as`: none of them may have that name in a /dev where something else has. */
int device_check_name(const struct device_opts *o, const struct target *t, struct mark at,
		      struct diag *d);
/** device_rule - a rule of this effect with all that the shared options say. */
struct counter_rule device_rule(const struct run *r, const struct device_opts *o,
				enum counter_effect effect);
/** device_arm - hand the rule to the counter; hits become fired events. */
int device_arm(struct run *r, const struct counter_rule *rule, const struct device_opts *o,
	       void *state, struct err *e);
/** device_unplug - all of them, now; the first packet that is lost, or what else it takes from
 * somebody, is the hit. */
int device_unplug(struct run *r, const struct device_opts *o, void *state, struct err *e);
int device_disarm(struct run *r, const void *opts, void *state, struct err *e);
void device_release(struct run *r, void *state);
/** device_describe - "printer-lane-1, printer-lane-2". */
void device_describe(const struct device_opts *o, struct buf *out);
/** device_place - " behind line 5 of a receipt". */
void device_place(const struct device_opts *o, struct buf *out);

/** DEVICE_HOOKS - the members of struct fault_ops that are the same for all of them. */
#define DEVICE_HOOKS_BUT_CHECK \
	.layer = LAYER_DEVICE, .cost = "none", .privilege = "user namespaces", \
	.state_size = sizeof(struct device_state), .counts_hits = true, \
	.disarm = device_disarm, .release = device_release
#define DEVICE_HOOKS DEVICE_HOOKS_BUT_CHECK, .check_target = device_check_target

#endif
