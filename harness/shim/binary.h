/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_SHIM_BINARY_H
#define WD_SHIM_BINARY_H

/*
 * What a service's program is, before it is launched: can a library be
 * preloaded into it, and does it ask that library for what faults alter?
 */
#include <stdbool.h>
#include <stddef.h>

#include "conf/target.h"

enum binary_kind {
	BINARY_UNKNOWN, /* not there yet, or not to be read from here */
	BINARY_GLIBC,   /* dynamic, the GNU C library */
	BINARY_MUSL,    /* dynamic, another C library */
	BINARY_STATIC,
	BINARY_FOREIGN  /* of another machine, or no program */
};

/** struct binary - @path: as the node sees it, behind scripts' #! lines; @go: reads clocks and asks
 * for memory by itself, even when it is dynamic. */
struct binary {
	enum binary_kind kind;
	bool go;
	char path[512];
	char loader[64]; /* its dynamic loader; "": none */
	char why[128];   /* UNKNOWN: what stood in the way */
};

/** binary_look - of one service of a node of the target. */
void binary_look(const struct target *t, const struct node *n, const struct service *s,
		 struct binary *ret);
/** binary_words - "dynamic (glibc)", "static, Go"; static storage. */
const char *binary_words(const struct binary *b);
/** binary_out_of_reach - why no library of ours acts in it; NULL: it can, or nobody knows yet. */
const char *binary_out_of_reach(const struct binary *b);

#endif
