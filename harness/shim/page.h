/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_SHIM_PAGE_H
#define WD_SHIM_PAGE_H

/*
 * What the harness and the library that is preloaded into a node's services
 * (faults/preload/) share: two files of the node, mapped by both.
 *
 *   rules   written by the harness, read-only for the node. There are two tables; `current` says
 *           which one counts. A change fills the other one and flips, so a reader never waits; one
 *           that was overtaken meanwhile reads again.
 *   hits    written by the node's processes, with atomics and without locks. The harness believes
 *           nothing in it: every number is bounded, every text is cut, before it is used.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/gate.h"

#define SHIM_MAGIC 0x77647368u
#define SHIM_RULES 32
#define SHIM_SERVICES 64
#define SHIM_NAME_MAX 96
#define SHIM_PATH_MAX 32
#define SHIM_WHAT_MAX 64
#define SHIM_CELLS 2048     /* a power of two */
#define SHIM_PROCESSES 4096 /* a power of two; no node may have more (stage/launch.c) */
#define SHIM_SERIALS 1024

/*
 * Where the files are in the node, and the variable that tells a service's process which it is:
 * "3.1", service 3 in its second start. "3.1:DIR", for tests: the files are somewhere else.
 */
#define SHIM_DIR "/.worstday"
#define SHIM_FILE_RULES "rules"
#define SHIM_FILE_HITS "hits"
#define SHIM_ENV "WORSTDAY_SHIM"

/** enum shim_clock - clocks of the kernel; the coarse ones count as the fine ones. */
enum shim_clock {
	SHIM_REALTIME, SHIM_TAI, SHIM_MONOTONIC, SHIM_RAW, SHIM_BOOTTIME, SHIM_CLOCKS
};
#define SHIM_CALENDAR (1u << SHIM_REALTIME | 1u << SHIM_TAI)
#define SHIM_STEADY (1u << SHIM_MONOTONIC | 1u << SHIM_RAW | 1u << SHIM_BOOTTIME)

enum shim_effect {
	SHIM_JUMP,   /* by: the clock is wrong by so much */
	SHIM_DRIFT,  /* rate: it gains so much of each second */
	SHIM_FREEZE, /* it stands still */
	SHIM_STROBE, /* by, every: wrong by so much in every second period */
	SHIM_ALLOC,  /* chance; size_min, size_max: no memory */
	SHIM_RESOLVE, /* chance; what: names; error: EAI_* or 0; by: so late */
	SHIM_POINT,  /* chance; what: failure points of libfiu; error: errno, 0: the point's own */
	SHIM_EFFECTS
};
#define SHIM_BIT(effect) (UINT32_C(1) << (effect))
#define SHIM_CLOCK_EFFECTS (SHIM_BIT(SHIM_JUMP) | SHIM_BIT(SHIM_DRIFT) | SHIM_BIT(SHIM_FREEZE) | \
			    SHIM_BIT(SHIM_STROBE))

/** struct shim_rule - one activation of one fault in one node. */
struct shim_rule {
	uint32_t serial;    /* numbers all rules of the node from 1 on; 0: this place is free */
	uint32_t effect;    /* enum shim_effect */
	uint64_t services;  /* bit n: acts on the node's service n */
	uint32_t clocks;    /* bit enum shim_clock: those that it acts on */
	int32_t fault;      /* index in the experiment */
	char name[48];      /* names the draws */
	uint64_t seed;
	struct gate gate;   /* counts calls that match, in each process */
	double chance;      /* of each, 0..1 */
	int64_t at[SHIM_CLOCKS]; /* when it was armed, by each clock */
	int64_t by, every;
	double rate;
	int32_t error;
	uint64_t size_min, size_max;
	char what[SHIM_WHAT_MAX]; /* pattern of what is asked for; "": any */
};

struct shim_table {
	uint32_t effects;   /* SHIM_BIT()s of the rules in it */
	struct shim_rule at[SHIM_RULES];
};

struct shim_rules {
	uint32_t magic;
	uint32_t armed;     /* effects of the current table: one look is enough when it is 0 */
	uint32_t current;   /* counted up; table[current & 1] counts */
	struct shim_table table[2];
	char service[SHIM_SERVICES][SHIM_NAME_MAX]; /* "store/store" */
};

/** struct shim_hit - one altered call that is told by itself. */
struct shim_hit {
	int64_t t_ns;       /* CLOCK_MONOTONIC, the real one */
	uint32_t serial;
	uint32_t service, start;
	int32_t error;
	int64_t by;         /* clocks: told time less real time */
	uint64_t size;      /* of memory asked for */
	uint64_t nth;       /* how many-eth matching call of this process */
	char path[SHIM_PATH_MAX]; /* below the service's main process: ".2+1" */
	char what[SHIM_WHAT_MAX]; /* the call, and what it was asked for */
};

/** struct shim_cell - its turn says whose it is: n: to be written n-th; n + 1: to be read. */
struct shim_cell {
	uint32_t turn;
	struct shim_hit hit;
};

/** struct shim_process - one that has loaded the library. */
struct shim_process {
	int32_t pid;        /* as the node numbers it; 0: free; claimed first */
	uint32_t service, start;
	uint32_t children, execs;
	char path[SHIM_PATH_MAX];
	uint32_t written;   /* the rest may be read */
};

struct shim_hits {
	uint32_t head;      /* cells claimed so far */
	uint32_t processes; /* loaded so far, exec and fork included */
	uint32_t loaded[SHIM_SERVICES]; /* the same by service */
	uint64_t refused[SHIM_SERVICES]; /* calls of malloc and its family that got nothing */
	uint64_t fired[SHIM_SERIALS];   /* altered calls, by serial % SHIM_SERIALS */
	struct shim_process process[SHIM_PROCESSES];
	struct shim_cell cell[SHIM_CELLS];
};

#endif
