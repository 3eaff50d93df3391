/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DISK_CRASH_H
#define WD_DISK_CRASH_H

/* Between durable.c, which decides what is left, content.c, which makes a file's content of that,
 * and crash.c, which writes it down. Private to them. */
#include "disk/durable.h"
#include "disk/history.h"

#define CRASH_SECTOR 512
#define CRASH_PAGE 4096
#define CRASH_FILE_MAX (INT64_C(1) << 31)

/** struct bias - how a state is drawn: chances that what is not durable is there all the same. */
struct bias {
	double names, sizes, pages, torn;
	bool stale;            /* new blocks show what was there, where the model lets them */
};

/** struct content - of one file in one state. */
struct content {
	const char *at;        /* size bytes */
	char *own;             /* owned; NULL: borrowed from the node */
	int64_t size;
	bool done;
};

struct crash {
	struct history *h;
	struct crash_at at;
	struct bias bias;
	size_t meta;           /* with a journal: operations on metadata before it are there */
	struct names names;    /* owned */
	struct content *content; /* owned; by node; of those that have a name */
	struct loss *loss;     /* owned */
	size_t losses;
	bool certain;
};

/** crash_floor - with a journal: what is promised at p. */
size_t crash_floor(const struct history *h, size_t p);
/** crash_draw_range - of this state, about one object. Uniform. */
int64_t crash_draw_range(const struct crash *c, const char *what, uint64_t object, int64_t lo,
			 int64_t hi);
bool crash_draw_chance(const struct crash *c, const char *what, uint64_t object, double chance);
/** crash_content - of node n; adds to the losses what it lacks. -EFBIG. */
int crash_content(struct crash *c, size_t n, struct err *e);
/** crash_lose - this operation on node n is not there (torn: in part). */
struct loss *crash_loss_of(struct crash *c, size_t n);
void crash_lose(struct loss *l, const struct log_rec *r, bool torn);

#endif
