/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FAULTS_POWER_H
#define WD_FAULTS_POWER_H

/* What the trial has to know of a power.cut that explores: whose log, which model, how many. */
#include <stdbool.h>
#include <stdint.h>

struct conf_item;
struct drive_opts;

struct power_explore {
	const struct drive_opts *drive; /* borrowed: whose disk */
	int model;             /* enum durability */
	int64_t states;        /* at most; INT64_MAX: all */
	int64_t again;         /* of a second cut; 0: none */
};
/** power_explores - is this fault one that explores? */
bool power_explores(const struct conf_item *item, struct power_explore *ret);

#endif
