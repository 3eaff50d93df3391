/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CROWD_CROWD_H
#define WD_CROWD_CROWD_H

/*
 * The crowd: open-loop shoppers on one event loop. They arrive as scheduled
 * whatever the tills do, choose a lane, queue, scan, pay, get a receipt or
 * leave. Every choice is a draw from (seed, shopper), made when needed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct loop;
struct hist;
struct experiment;
struct shoppers;
struct target;
struct told;
struct left;
struct crowd;
struct strmap;

/** What the crowd needs from the stage, as callbacks (crowd knows no stage). */
struct crowd_world {
	void *arg;
	/* socket(2) inside the node's network namespace */
	int (*socket)(void *arg, const char *node, int domain, int type, int protocol);
	/* IPv4 address text of a node name, or NULL; "localhost" and IPs are the driver's */
	const char *(*address)(void *arg, const char *node);
	/* run a long-lived driver process in the node */
	int (*spawn)(void *arg, const char *node, char *const argv[], const struct strmap *env,
		     int *ret_in, int *ret_out, int *ret_pidfd, struct err *e);
};

struct crowd_hooks {
	void *arg;
	/* Called at the very instant the reply was read, before anything else is done: triggers
	 * `on: told ok` act from here. */
	void (*told)(void *arg, const struct told *t);
	void (*left)(void *arg, const struct left *l);
	void (*lane)(void *arg, const char *lane, const char *did); /* down, up, backup opened */
	/* Whose card is at hand at this lane from now on, by the sale's key; NULL: nobody's. Told
	 * before the till is asked for anything. NULL: costs nothing. */
	void (*card)(void *arg, const char *lane, const char *key);
	void (*finished)(void *arg); /* every shopper has left */
	/* What the drivers say and hear, as whole lines (crowd/trace.h); NULL: costs nothing. */
	void (*trace)(void *arg, const char *lane, const char *text, size_t len);
};

struct crowd_opts {
	const struct experiment *experiment;
	const struct target *target;
	struct loop *loop;
	struct crowd_world world;
	struct crowd_hooks hooks;
	int64_t seed;
	int64_t epoch_ns; /* told times are relative to it */
};

int crowd_new(struct crowd **ret, const struct crowd_opts *o, struct err *e);
void crowd_free(struct crowd *c);
/** crowd_open - start drivers, open sessions where the driver has open-session (runs the loop,
 * deadline_ns absolute), then schedule the first arrival: *ret_first_ns is its clock time. */
int crowd_open(struct crowd *c, int64_t deadline_ns, int64_t *ret_first_ns, struct err *e);
/** crowd_halt - no more arrivals; those at a till may finish; the queue leaves. */
void crowd_halt(struct crowd *c);
/** crowd_abort - drop everything in flight as unknown, now. */
void crowd_abort(struct crowd *c);
/** crowd_close - run the `close` action per lane where declared (Z report); runs the loop. */
int crowd_close(struct crowd *c, int64_t deadline_ns, struct err *e);

/** crowd_human_mean_ns - what one checkout takes of people's time on average, shop ns; 0 when the
 * experiment says `human: none`. */
double crowd_human_mean_ns(const struct shoppers *s);

struct crowd_progress {
	int64_t arrived, queued, at_till, ok, refused, unknown, left, missed;
	int64_t p50_ns, p95_ns; /* checkout (till reached → told), wall × pace */
	bool finished;
};
void crowd_progress(const struct crowd *c, struct crowd_progress *ret);
/** crowd_lateness - start error of requests and arrivals (ns) for the noise guard; borrowed. */
const struct hist *crowd_lateness(const struct crowd *c);

#endif
