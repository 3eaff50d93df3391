/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CMD_DRY_H
#define WD_CMD_DRY_H

struct cli;
struct plan;
struct target;

/** dry_run - print the operations that the plan stands for; probes, launches nothing. */
int dry_run(const struct cli *c, struct plan *p);
/** dry_target - what a target is made of: nodes, services, lanes, driver, books. */
void dry_target(const struct target *t);
/** dry_warnings - what is valid and yet hardly meant (explore/hints.h), on stderr. */
void dry_warnings(const struct plan *p);

#endif
