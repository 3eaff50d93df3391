/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_STAGE_STAGE_H
#define WD_STAGE_STAGE_H

/*
 * The stage: a slot holds what is kept between trials (user namespace, pooled
 * network namespaces, the wire); a stage is the nodes of one trial.
 *
 *   worker (user + mount namespace of the run)
 *     └─ per node: init (PID 1 of the node; own mount, PID, IPC, UTS namespace;
 *        │         network namespace from the pool)
 *        └─ per service: keeper (subreaper) ─ main process ─ …
 *
 * Everything dies with the worker (PR_SET_PDEATHSIG and namespaces); data lives
 * on a tmpfs of the worker's mount namespace and dies with it too.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct loop;
struct slot;
struct stage;
struct target;
struct strlist;
struct strmap;
struct calls_watch;

struct slot_opts {
	const char *cache;  /* folder for prepared data; made when missing */
	const char *out;    /* results: hidden from nodes that mount a folder above; or NULL */
	int jobs;           /* workers that share this host's memory; 0: one */
	bool keep_net;      /* pool network namespaces between trials (default true in run) */
};
/** slot_new - call once per worker, before any thread: unshares the user and mount namespace. */
int slot_new(struct slot **ret, const struct slot_opts *o, struct err *e);
void slot_free(struct slot *s);

/** struct probe - one line of `doctor`. */
struct probe {
	const char *name;
	bool ok;
	bool spare;       /* ok, and not there: only some faults want it, and they say so */
	char why[256];    /* what was tried and how it failed */
	char remedy[256]; /* what would make it work */
};
/** stage_probes - try each thing the stage needs, in a child; returns the count (<= max). */
size_t stage_probes(struct probe *ret, size_t max);
/** stage_probe_disk - can this host give a node a disk of ours? < 0: no, with why and remedy. */
int stage_probe_disk(char *why, size_t why_len);
/** stage_probe_calls - can system calls of a service be held and made to fail? As above. */
int stage_probe_calls(char *why, size_t why_len);

enum service_event { SERVICE_STARTED, SERVICE_READY, SERVICE_EXITED, SERVICE_KILLED };

struct stage_hooks {
	void *arg;
	/* service: "node/name"; process: its ordinal path "store/0/0" (starts so far); did: words
	 */
	void (*service)(void *arg, enum service_event ev, const char *node, const char *service,
			const char *process, const char *did);
	/*
	 * One line of output, without newline. NULL when nobody waits for lines: a chatty
	 * service's are then read together, every few milliseconds, at less cost to it.
	 */
	void (*log)(void *arg, const char *node, const char *service, const char *line, size_t len);
};

struct stage_opts {
	const struct target *target;
	const struct strmap *env;  /* experiment's env:, for every service */
	const char *logs;          /* folder for <node>.<service>.log; NULL: no logs kept */
	int64_t log_cap;           /* bytes per log file; then it says "[log capped]" */
	struct loop *loop;
	struct stage_hooks hooks;
	int64_t seed;
	const struct strlist *disks; /* nodes whose data lie on a disk of ours: patterns; or NULL */
	const struct strlist *logged; /* of these, who keeps a log of operations; or NULL */
	int64_t epoch_ns;          /* what the times of such a log count from */
	const struct strlist *shims; /* nodes whose services get a library of ours preloaded: a list
				      * for each enum shim_library; or NULL */
	const struct strlist *points; /* failure points of the target's own; or NULL */
	const struct calls_watch *calls; /* system calls that faults may be about; borrowed */
	size_t calls_count;
};

/**
 * stage_prepare - run the target's prepare: steps when their cache entry is
 * missing. *ret_ran tells. Uses a stage of its own.
 */
int stage_prepare(struct slot *s, const struct stage_opts *o, bool *ret_ran, struct err *e);

/** stage_open - nodes up with fresh data, nothing started yet. */
int stage_open(struct slot *s, const struct stage_opts *o, struct stage **ret, struct err *e);
/** stage_start - start all services in `after:` order and wait until ready (runs the loop).
 * -EPROTO with words when one is not ready in time, exits, ... : the target's fault, not ours. */
int stage_start(struct stage *st, struct err *e);
/** stage_stop - stop signal, wait stop_within, SIGKILL; all services of all nodes; runs the loop.
 * -EPIPE as stage_alive. */
int stage_stop(struct stage *st, struct err *e);
/** stage_alive - negative errno with words when a process of ours (wire, init, keeper) died, or
 * this host failed the nodes' data: broken. */
int stage_alive(struct stage *st, struct err *e);
/** stage_free - kill what is left, unmount, return namespaces to the pool. */
void stage_free(struct stage *st);

/** What services did that they should not: unexpected end states as words; NULL: none. Owned by st.
 */
const char *stage_misbehaved(const struct stage *st);

/* Services are named "node/service"; globs allowed in stage_services. */
struct service_state {
	const char *node, *name; /* name: "node/service" */
	bool running, ready, held_down;
	int starts;              /* how often started */
	pid_t main_pid;          /* as the worker sees it; 0: none */
	const char *ended;       /* how its last run ended, in words; "": none has */
};
/** stage_services - fill states of services matching the glob; returns the count. */
size_t stage_services(struct stage *st, const char *glob, struct service_state *ret, size_t max);

/**
 * stage_signal - send sig to the service's whole tree (main process first, at
 * once, through its pidfd), or only to the main process. Returns how many
 * processes were signalled, or negative errno.
 */
int stage_signal(struct stage *st, const char *service, int sig, bool tree, struct err *e);
/**
 * stage_freeze - SIGSTOP the whole tree (true) or let go (false, SIGCONT). Counted: overlapping
 * freezes need as many releases; a restart forgets them. Returns how many processes were
 * stopped (0: not running), or negative errno.
 */
int stage_freeze(struct stage *st, const char *service, bool freeze, struct err *e);
/**
 * stage_hold - while held the restart policy does not bring it back; the last release starts it
 * again when its policy is not `never`. Counted like stage_freeze.
 */
int stage_hold(struct stage *st, const char *service, bool hold, struct err *e);
/** stage_restart - stop (politely or by SIGKILL) and start; asynchronous. */
int stage_restart(struct stage *st, const char *service, bool polite, struct err *e);

struct crash;
/**
 * stage_power_off - of a node: its packets are dropped from now on, everything that runs on it dies
 * at once, and its disk lets nothing begin any more. @fault: on whose behalf. Returns how many
 * main processes died; -EALREADY: it is off.
 */
int stage_power_off(struct stage *st, const char *node, int fault, struct err *e);
/** stage_power_data - what the cut has left of its data, once it is off (disk/durable.h). */
int stage_power_data(struct stage *st, const char *node, const struct crash *c, struct err *e);
/** stage_power_on - it boots: all of its services that had been started, in order, once it is up,
 * for which this does not wait; should that fail, the stage is not alive. 0 when on. */
int stage_power_on(struct stage *st, const char *node, struct err *e);
/** stage_power_on_at - the same, then (clock_now); should that fail, the stage is not alive. */
void stage_power_on_at(struct stage *st, const char *node, int64_t at_ns);
/** stage_disks_tell - what was done to the disks that keep a log goes to logs/disk.NODE.ndjson; at
 * a power cut that is done by itself. */
void stage_disks_tell(struct stage *st);
/** stage_power - is it on? */
bool stage_power(struct stage *st, const char *node);
/** stage_init - PID 1 of a node, as the worker sees it; 0: it has no power, or there is no such. */
pid_t stage_init(struct stage *st, const char *node);
/** stage_when_on - @fn hears of each node that boots, before anything is started there; should it
 * fail, the node stays off. There is one such; NULL: none. */
void stage_when_on(struct stage *st, int (*fn)(void *arg, const char *node, struct err *e),
		   void *arg);

/**
 * stage_cell_open - when all has stopped: this node becomes a cell for crash states (cell.c). Its
 * log of operations is still there. Nothing else can be done with the stage from then on.
 */
int stage_cell_open(struct stage *st, const char *node, struct err *e);
/** stage_cell_start - its services on this state, until they are ready; -EPROTO and words: they are
 * not, and the state is to blame; -EPIPE: this host is. stage_cell_stop - killed, and gone. */
int stage_cell_start(struct stage *st, const char *node, const struct crash *c, struct err *e);
int stage_cell_stop(struct stage *st, const char *node, struct err *e);
/**
 * stage_cell_recover - as stage_cell_start, on a disk that keeps a log; when they are ready the
 * power is cut. What they did until then is in *ret_log, which the caller frees; stage_disk's own
 * log is gone. -EPROTO: they were not ready, and there is no log.
 */
struct disk_log;
int stage_cell_recover(struct stage *st, const char *node, const struct crash *c,
		       struct disk_log *ret_log, struct err *e);

/** stage_netns - descriptor of the node's network namespace; borrowed; -ENOENT. */
int stage_netns(struct stage *st, const char *node);
/** stage_socket - socket(2) made inside the node's network namespace. */
int stage_socket(struct stage *st, const char *node, int domain, int type, int protocol);
/** stage_address - the node's IPv4 address text on the wire; NULL: no such node. Any node name or
 * localhost. */
const char *stage_address(struct stage *st, const char *node);
/** stage_path - where a path of the node's data directories lies for the worker; caller frees;
 * NULL. On a disk of ours that is the same mount as the node's, so locks and mapped pages are
 * shared; the worker meets no fault there, but waits for what a held-back write has locked. */
char *stage_path(struct stage *st, const char *node, const char *path);
/**
 * stage_spawn - run argv inside the node (user as given or the node's), with
 * pipes. Not a service: not counted, dies with the stage. Returns 0.
 */
struct spawned {
	int in, out; /* owned by caller: write end of stdin, read end of stdout; stderr goes to logs
		      */
	int pidfd;   /* owned */
};
int stage_spawn(struct stage *st, const char *node, const char *user, char *const argv[],
		const struct strmap *env, struct spawned *ret, struct err *e);
/**
 * stage_spawn_ours - the same for a question of the harness itself (books): it finds all nodes in
 * /etc/hosts, so no fault on names touches it.
 */
int stage_spawn_ours(struct stage *st, const char *node, const char *user, char *const argv[],
		     const struct strmap *env, struct spawned *ret, struct err *e);

/* The guardian: a process that outlives the harness just long enough to clean up. */
/** guardian_start - fork it; it holds a pidfd of this process. */
int guardian_start(struct err *e);
/** guardian_add, guardian_drop - a directory to remove (recursively) if we die. Add it before it
 * is made. */
int guardian_add(const char *dir);
int guardian_drop(const char *dir);
/** guardian_sweep - remove leftovers in root (results/) of runs whose processes are gone. */
int guardian_sweep(const char *root);

#endif
