/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CALLS_ROOM_H
#define WD_CALLS_ROOM_H

/*
 * What the files of this room share; nobody else includes it.
 *
 *   table.c     the calls: arguments, errors, words
 *   filter.c    which of them a service's filter notifies of
 *   install.c   the filter's way into a service, the listener's way out
 *   calls.c     the worker's end: orders, hits
 *   serve.c     the supervisor: listeners, threads, answers, what is held
 *   ruling.c    which rules act on a call, and what they do
 *   perform.c   calls that we make in a program's place
 *   look.c      what a call is about: path, peer, descriptor, bytes
 *   who.c       whose call it is: processes by their descent
 */
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/hits.h"
#include "base/spin.h"
#include "calls/apart.h"
#include "calls/calls.h"
#include "calls/table.h"

/* Since Linux 6.6, and not in the headers of Debian 12. */
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

#define CALLS_HITS 2048

/** struct calls_shared - in memory that worker and supervisor share. */
struct calls_shared {
	uint64_t lost_of[CALLS_RULES_MAX]; /* hits that found no room, by the rule's place */
	uint32_t services;                 /* written last */
	struct calls_facts facts[CALLS_SERVICES_MAX]; /* supervisor only */
	struct {
		uint32_t asked, process_node; /* sync: a call is held until told = asked */
		bool all;
		char process[CALLS_NAME];
	} sync;
	struct hits hits;                  /* must be last */
};

enum calls_order_op { CALLS_HELLO = 1, CALLS_RULE_ADD, CALLS_RULE_DEL, CALLS_SYNC_NODES,
		      CALLS_SYNC_TOLD };
/** struct calls_order - worker to supervisor; the reply is an int, -errno or >= 0. */
struct calls_order {
	uint32_t op, index;
	uint64_t nodes[CALLS_NODES_MAX / 64];
	struct calls_rule rule;
};

/** struct calls_arrival - keeper to supervisor, with the listener and the process's pidfd. */
struct calls_arrival {
	uint32_t node;
	uint32_t killable;        /* as in struct calls_page */
	char process[CALLS_NAME]; /* "store/store/0" */
};
enum { ARRIVAL_LISTENER, ARRIVAL_PIDFD, ARRIVAL_FDS };

/* ---- filter.c ---- */

/** filter_make - what these watches ask for of one service; *ret is heap, owned by the caller. */
int filter_make(const struct calls_watch *watch, size_t count, unsigned node, const char *service,
		struct calls_program *ret, struct err *e);
/** filter_service - does "node/service" match the pattern ("": any)? */
bool filter_service(const char *pattern, const char *service);
/** filter_number - the number of that call here; < 0: this machine has no such call. */
int filter_number(const char *name);

/* ---- the supervisor ---- */

struct sup;
struct listener;

/** struct process - one process of a service, known by its descent. */
struct process {
	struct process *next;   /* in its bucket */
	pid_t pid;              /* its thread group, as we see it */
	int pidfd;              /* owned */
	struct listener *at;
	uint32_t forks;         /* so many processes it has begun to make */
	uint32_t execs;         /* and so many programs it has begun to run */
	char path[CALLS_NAME];  /* "store/store/0/1.2" */
	char name[CALLS_NAME];  /* with the program's number: ".../1.2+1" */
	uint64_t object;        /* of name */
};

/** struct listener - the notifications of one service's run. */
struct listener {
	struct sup *sup;
	int fd;                 /* owned */
	unsigned place, node;
	bool used, gone;
	bool killable;          /* signals that do not kill wait for the answer */
	pid_t main;
	uint32_t orphans;       /* processes whose parent is not known */
	char process[CALLS_NAME], service[CALLS_NAME];
	struct calls_facts *facts;
	pthread_t thread;
};

/** struct perform - a call that we make in the program's place. */
struct perform {
	bool any;               /* there is one */
	bool shorter;           /* fewer bytes than it asked for */
	int64_t part;           /* so many */
	int64_t delay_ns;       /* it hears of it so much later */
	unsigned place, rule;   /* of whom */
	struct calls_hit hit;   /* told when it is done */
};

/** struct look - one call under the eyes of the rules; what is not known yet is found out once. */
struct look {
	struct sup *sup;
	struct listener *at;
	const struct seccomp_notif *req;
	const struct calls_call *call;
	unsigned index;         /* of the call */
	struct process *process; /* NULL: gone */
	int64_t now;
	bool gone;              /* it died, or was interrupted, while we looked */
	bool path_known, peer_known, kind_known, size_known;
	char path[CALLS_PATH];  /* as the program sees it; "": none */
	char peer[CALLS_NAME];  /* "bank:8080"; "": none */
	char peer_addr[CALLS_NAME]; /* "10.77.0.2:8080" */
	uint64_t kinds;         /* bits: a TCP socket is a socket too */
	int64_t size;           /* bytes to be moved; -1: it moves none */
	/* what was decided */
	struct perform perform;
	int32_t error;          /* return this and do nothing */
	int64_t until;          /* held until then; 0: not */
	unsigned held_by;       /* place of the rule that holds it longest */
};

/* look.c */
const char *look_path(struct look *l);
const char *look_peer(struct look *l);
bool look_is(struct look *l, enum calls_kind kind);
#define LOOK_STREAM CALLS_KINDS /* one kind more: a socket without message boundaries */
int64_t look_size(struct look *l);
/** look_memory - bytes of the program's memory at that address; how many, or -errno. */
ssize_t look_memory(struct look *l, uint64_t at, void *to, size_t len);
/** look_valid - is the call still waiting for its answer? */
bool look_valid(struct look *l);
/** look_program - is the program there that this execve is about? */
bool look_program(struct look *l);
/** look_name - the program's name (thread: the thread's) into ret. */
void look_name(const struct look *l, bool thread, char *ret, size_t len);

/* who.c */
/** who_find - the process of thread `tid`; NULL: it is gone. */
struct process *who_find(struct sup *s, struct listener *at, pid_t tid);
/** who_arrived - the main process of a run. */
void who_arrived(struct sup *s, struct listener *at, pid_t pid);
/** who_forks, who_execs - it is about to. */
void who_forks(struct sup *s, struct process *p);
void who_execs(struct process *p);
/** who_left - forget all processes of a run. */
void who_left(struct sup *s, struct listener *at);

/* ruling.c*/
struct ruling;
struct ruling *ruling_new(void);
/** ruling_add, ruling_del - number or 0; -errno. Under the lock. */
int ruling_add(struct ruling *r, const struct calls_rule *rule);
int ruling_del(struct sup *s, unsigned id);
/** ruling_decide - what becomes of the call; counts it and tells hits. Under the lock. */
void ruling_decide(struct ruling *r, struct look *l);
/** ruling_any - is any rule armed for that call? */
bool ruling_any(const struct ruling *r, unsigned call);
/** ruling_holds - is the rule with this number still armed? */
bool ruling_holds(const struct ruling *r, unsigned id);
/** ruling_made - tell what came of a call that we have made. Under the lock. */
void ruling_made(struct sup *s, struct perform *p, int64_t result);

/* serve.c */
/** struct held - a call that waits for its time. */
struct held {
	int64_t until;
	uint64_t id;
	int fd;                 /* its listener */
	bool made;              /* by us: it does not go on but returns value */
	int32_t error;          /* then it fails with this; 0: it goes on */
	int64_t value;
	unsigned place;         /* of the rule that holds it */
};

#define HELD_MAX 8192

struct sup {
	pthread_mutex_t lock;
	struct calls_shared *shared;
	const struct calls_node *nodes; /* borrowed */
	size_t nodes_count;
	struct ruling *ruling;
	struct listener listener[CALLS_SERVICES_MAX];
	struct process *bucket[1024];
	struct task {           /* thread → process, remembered */
		pid_t tid;
		struct process *process;
	} task[4096];
	int index[1024];        /* of a call number, in the table; -1: not in it */
	int nr_clone, nr_clone3, nr_fork, nr_vfork, nr_execve, nr_execveat, nr_seccomp, nr_ring;
	int nr_sync, nr_syncfs;
	uint64_t sync_nodes[CALLS_NODES_MAX / 64];
	struct held *held;      /* heap by time */
	unsigned held_count;
	struct waiting {
		struct held held;
		uint32_t ticket; /* 0: free */
	} waiting[64];          /* syncs that the worker has not heard of yet */
	uint32_t sync_asked;
	unsigned performing;    /* calls that are being made by us */
	int wake;               /* eventfd: a thread has held something that is due earlier */
	int timer;              /* timerfd: when the first of those who are held goes on */
	struct spin spin;
	size_t req_bytes, resp_bytes;
};
/** serve_hold - until its time; false: there is no room. serve_answer: now. Under the lock. */
bool serve_hold(struct sup *s, struct held h);
void serve_answer(const struct held *h);

/* perform.c */
#define PERFORM_MAX 64
/** perform_may - can we make that call for the program? @part: of its bytes. */
enum calls_why perform_may(struct look *l, bool part);
/** perform - make it, as l->perform says; the answer follows. False: it cannot be, after all. */
bool perform(struct look *l);

/** serve_release - let go whom the rule in this place holds. Under the lock. */
void serve_release(struct sup *s, unsigned place);
/** serve_main - the supervisor; returns when the worker is gone. @arg: struct calls_serve. */
struct calls_serve {
	const struct calls_node *nodes;
	size_t nodes_count;
};
void serve_main(void *arg, void *shared);

#endif
