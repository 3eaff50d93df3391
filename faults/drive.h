/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_DRIVE_H
#define WD_FAULTS_DRIVE_H

/* What the faults on disks share: whose disk, which files, arming a rule, telling its hits. */
#include "disk/rule.h"
#include "faults/fault.h"

/** struct drive_opts - must be the first member, `drive`, of the options of a fault on disks. */
struct drive_opts {
	struct strlist node;    /* names or patterns */
	struct strlist op;      /* words of disk_op_names, or any */
	char *path, *service;   /* owned; NULL: any */
};

extern const struct opt_value drive_errors[], drive_shapes[];
/** drive_error - the errno of a drive_errors choice. */
int drive_error(int choice);

/** DRIVE_NODE, ... - option rows; struct @owner starts with `struct drive_opts drive`. */
#define DRIVE_NODE(owner) \
	{ .name = "node", .type = OPT_STRLIST, .offset = offsetof(struct owner, drive.node), \
	  .help = "whose disk: nodes or patterns; all data directories of a node are one disk", \
	  .example = "store" }
#define DRIVE_PATH(owner) \
	{ .name = "path", .type = OPT_STRING, .offset = offsetof(struct owner, drive.path), \
	  .optional = true, \
	  .help = "only files like this pattern, below the data directory or from / (* takes /)", \
	  .example = "\"*.db-wal\"" }
#define DRIVE_SERVICE(owner) \
	{ .name = "service", .type = OPT_STRING, .offset = offsetof(struct owner, drive.service), \
	  .optional = true, .help = "only what processes of this service do", \
	  .example = "store/store" }
#define DRIVE_OP(owner, def_) \
	{ .name = "op", .type = OPT_STRLIST, .offset = offsetof(struct owner, drive.op), \
	  .def = def_, .help = "only these operations: read, write, fsync, fsync-dir, open, " \
	  "create, mkdir, link, unlink, rmdir, rename, truncate, allocate, change, xattr, list, " \
	  "lookup, stat, readlink, statfs, or any", .example = "[write, fsync]" }
#define DRIVE_RATE(owner) \
	{ .name = "rate", .type = OPT_RATIO, .offset = offsetof(struct owner, rate), \
	  .def = "100%", .help = "the chance of each operation, drawn from the seed for that " \
	  "file and how many-eth operation on it that is", .example = "20%" }

/** struct drive_state - a disk fault's state: one rule on each disk. */
struct drive_state {
	struct run *run;
	struct drive_armed *at; /* owned */
	size_t count;
};

int drive_probe(char *why, size_t why_len);
/** drive_check, drive_check_target - a disk fault's: the shared options. */
void drive_check(const void *opts, struct mark at, struct diag *d);
int drive_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d);
/** drive_rule - a rule of this effect with all that the shared options say; chance 1. */
struct disk_rule drive_rule(const struct run *r, const struct drive_opts *o,
			    enum disk_effect effect);
/** drive_arm - hand the rule to each disk; hits become fired events. */
int drive_arm(struct run *r, const struct disk_rule *rule, const struct drive_opts *o, void *state,
	      struct err *e);
/** drive_disarm, drive_release - a disk fault's. */
int drive_disarm(struct run *r, const void *opts, void *state, struct err *e);
void drive_release(struct run *r, void *state);
/** drive_meant - is that node one of them? */
bool drive_meant(const struct drive_opts *o, const char *node);
/** drive_describe - "on the disk of store (*.db-wal)". */
void drive_describe(const struct drive_opts *o, struct buf *out);
/** drive_disks - patterns of the nodes whose data must lie on a disk of ours. Adds to ret. */
void drive_disks(const struct experiment *x, struct strlist *ret);

/** drive_logged - patterns of those of them whose operations must be logged. Adds to ret. */
void drive_logged(const struct experiment *x, struct strlist *ret);

/** DRIVE_HOOKS - the members of struct fault_ops that are the same for all of them. */
#define DRIVE_HOOKS \
	.layer = LAYER_DISK, .cost = "25 us an operation on that disk", \
	.privilege = "user namespaces, /dev/fuse", .state_size = sizeof(struct drive_state), \
	.probe = drive_probe, .check_target = drive_check_target, .disarm = drive_disarm, \
	.release = drive_release

#endif
