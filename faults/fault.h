/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_FAULT_H
#define WD_FAULTS_FAULT_H

/*
 * A fault is one file with one table. It knows its effect and nothing about
 * when: the trial arms it and heals it. See faults/README.md.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/gate.h"
#include "conf/experiment.h"
#include "conf/target.h"

struct bank;
struct counter;
struct loop;
struct stage;
struct terminals;

enum fault_layer {
	LAYER_NONE, LAYER_PROCESS, LAYER_NET, LAYER_DISK, LAYER_CALL, LAYER_LIB, LAYER_CLOCK,
	LAYER_RESOURCE, LAYER_DEVICE, LAYER_BANK
};

/**
 * struct run - what the trial lends a fault for one activation (one arm …
 * disarm). Several activations of one fault may overlap.
 */
struct run {
	struct stage *stage;
	struct bank *bank;       /* NULL: the target has none */
	struct counter *counter; /* NULL: the target has no devices */
	struct terminals *terminals; /* NULL: the target has no card terminals */
	struct loop *loop;
	const struct target *target;
	const struct experiment *experiment;
	int64_t seed;
	int fault;              /* index in the experiment */
	int64_t activation;     /* 1, 2, ... */
	struct gate gate;       /* counts_hits: which of the fault's own operations are hits */
	bool lasts;             /* `for:` was given: the effect must last until disarm */
	const char *cause_node; /* where the trigger came from; NULL: time or progress */
	const char *cause_service; /* "node/service"; NULL: not from a service */
	int64_t many;           /* the next run_fired stands for so many hits; 0: one */
	int64_t at_ns;          /* and happened at this clock_now() time; 0: now */
	/* the trial's own; faults call run_fired and run_skipped */
	void (*emit)(struct run *r, int kind, const char *node, const char *process,
		     const char *object, const char *did);
	void *trial;
};
/** run_fired - the target was altered: say where and what. @process: ordinal path or NULL. */
void run_fired(struct run *r, const char *node, const char *process, const char *object,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/** run_note - something worth a line that is no hit of its own. */
void run_note(struct run *r, const char *node, const char *object, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** run_skipped - there was nothing to alter this time (the process was already gone). */
void run_skipped(struct run *r, const char *node, const char *object, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

struct fault_ops {
	const char *name, *summary; /* "process.kill"; one line */
	enum fault_layer layer;
	const char *cost, *privilege; /* for the reference table: "none", "user namespaces" */
	struct opt_table opts;
	size_t state_size;
	bool momentary;         /* over as soon as it is done, unless `for:` makes it last */
	bool logs_disk;         /* needs the log of operations of the disks it names */
	bool (*hears_syncs)(const void *opts); /* of a disk: do sync() and syncfs() matter? */
	bool counts_hits;       /* has operations of its own for `when: {nth: …}` without `on:` */
	/* may this host do it? try it */
	int (*probe)(char *why, size_t why_len);
	/* cross-field rules */
	void (*check)(const void *opts, struct mark at, struct diag *diag);
	int (*check_target)(const void *opts, const struct target *t, struct mark at,
			    struct diag *d);
	int (*prepare)(struct run *r, const void *opts, void *state, struct err *e);
	/* returns once in effect */
	int (*arm)(struct run *r, const void *opts, void *state, struct err *e);
	/* idempotent; after a partial arm too */
	int (*disarm)(struct run *r, const void *opts, void *state, struct err *e);
	void (*release)(struct run *r, void *state);
	/* can the target's programs be reached by it? Negative and why: unsupported */
	int (*reach)(const void *opts, const struct target *t, char *why, size_t why_len);
	/* one sentence for the report */
	void (*describe)(const void *opts, struct buf *out);
	const char *example; /* YAML flow, for the reference */
};

extern const struct fault_ops *const fault_table[];
extern const size_t fault_table_count;
/** fault_kinds - the same as conf sees it; static storage, sorted by name. */
const struct conf_kind *fault_kinds(size_t *ret_count);
/** fault_table_check - each table complete? Returns 0, or -EINVAL naming the first gap. */
int fault_table_check(struct err *e);

#endif
