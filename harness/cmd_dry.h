/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CMD_DRY_H
#define WD_CMD_DRY_H

struct cli;
struct plan;

/** dry_run - print the operations that the plan stands for; probes, launches nothing. */
int dry_run(const struct cli *c, struct plan *p);

#endif
