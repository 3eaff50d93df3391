/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_STAGE_ROOM_H
#define WD_STAGE_ROOM_H

/*
 * What the files of this room share; nobody else includes it.
 *
 *   slot.c userns.c netns.c     what a worker keeps between trials
 *   stage.c node.c data.c       one trial's nodes and their data
 *   preload.c                   the library in their services
 *   root.c etc.c mounts.c       the file system of a node, built by its init
 *   init.c keeper.c launch.c    the processes inside a node
 *   names.c                     how nodes find each other
 *   order.c proc.c lines.c      the worker's end of a started process
 *   service.c ready.c tree.c    supervision
 *   tasks.c limits.c pids.c     single processes of a service
 *   power.c cell.c              a node without power, and its boot; crash states tried
 *   filters.c                   whose system calls are looked at
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "calls/calls.h"
#include "conf/target.h"
#include "disk/disk.h"
#include "shim/shim.h"
#include "stage/stage.h"
#include "wire/wire.h"

#define container_of(p, type, member)                                                              \
	((type *)(void *)((char *)(void *)(p) - offsetof(type, member)))

/* ---- slot ---- */

/**
 * struct slot - user namespace, mount namespace, wire and network namespaces
 * of one worker. Ids in the slot's user namespace: 0 is the worker, service_id
 * is the one that every service of every node really has.
 */
struct slot {
	char *cache;      /* owned, absolute; NULL: none */
	char *out;        /* owned, absolute; NULL: none: no node sees what is in there */
	int jobs;         /* slots that share this host's memory */
	char *base;       /* owned: where the slot's own tmpfs is mounted */
	char *root;       /* owned: base/root, where inits build */
	int home;         /* owned: the worker's network namespace, with nothing in it */
	bool range;       /* a range of ids is mapped, not only the worker's own */
	bool keep_net;
	bool busy;        /* a stage is open: there is one at a time */
	uid_t service_id; /* as the slot sees it */
	struct wire *wire;
	int net[WIRE_NODES_MAX]; /* owned; pooled namespaces by node index, -1: none yet */
	int mounts;       /* trials so far: names for their tmpfs */
};

/** slot_mend - a new wire, and networks on it, should the old one have died. */
int slot_mend(struct slot *s, struct err *e);
/** userns_enter - new user, mount and network namespace with ids mapped. Sets s->range. */
int userns_enter(struct slot *s, struct err *e);
/** struct idmap - what a service sees itself as. */
struct idmap {
	uid_t uid, outer_uid;
	gid_t gid, outer_gid;
};
/** userns_map - map one id each in the new user namespace of process pid (a child). */
int userns_map(pid_t pid, const struct idmap *m);

/** net_small_tables - in the worker's own namespace, before any is made for a node. */
void net_small_tables(void);
/** net_take - the namespace for node `index`, clean; borrowed. Negative errno. */
int net_take(struct slot *s, unsigned index, int *ret_fd, struct err *e);
/** net_return - clean it for the next trial, or throw it away. */
void net_return(struct slot *s, unsigned index);
/** net_clean - kill every socket in it and forget TCP's memory of peers; -EBUSY: not clean. */
int net_clean(struct slot *s, int netns_fd, struct err *e);
void net_discard(struct slot *s, unsigned index);
/** net_enter, net_leave - the calling thread into a namespace and home again. */
int net_enter(const struct slot *s, int netns_fd);
void net_leave(const struct slot *s);

/* ---- mounts: thin words around the mount system calls; all 0 or -errno ---- */

/** mount_bind - clone the tree at host path `from` onto `to` (below dir fd or absolute). */
int mount_bind(const char *from, const char *to, bool read_only);
/** mount_bind_data - the same for a data folder: writable, and the node may follow its links. */
int mount_bind_data(const char *from, const char *to);
/** mount_tmpfs - so many bytes at most, and files in proportion. */
int mount_tmpfs(const char *to, int mode, int64_t bytes);
int64_t memory_bytes(void);
/** make_file - an empty file or one with this text; parents must exist. */
int make_file(const char *path, const char *text, mode_t mode);
/** make_dirs - mkdir -p. */
int make_dirs(const char *path, mode_t mode);
/** remove_tree - rm -rf of a path: no links followed, no mount crossed. 0 or first errno. */
int remove_tree(const char *path);
/** copy_tree - recursive copy of `from`'s contents into directory `to` (exists). Keeps modes,
 * times, links and holes; everything belongs to owner afterwards. */
int copy_tree(const char *from, const char *to, uid_t owner, struct err *e);
/** copy_public - one file or tree, without what others may not read; owned by the caller. */
int copy_public(const char *from, const char *to);

/** guardian_name - ".tmp-<pid>-<start time>" of this process: swept should we die. Caller frees. */
char *guardian_name(void);

/* ---- nodes ---- */

struct order;
struct proc;
struct svc;

struct data_at {
	const char *path; /* in the node; borrowed */
	char *host;       /* owned: as the worker sees it, and what the node is given */
	char *back;       /* owned: where it really lies, when a disk of ours is between; or NULL */
};

struct stage_node {
	struct stage *st;
	const struct node *conf;
	char *rootfs;  /* owned, absolute; NULL: the host's system, read-only */
	unsigned index;
	int net;       /* borrowed from the pool; -1: not taken */
	int ctl;       /* owned: orders to init */
	int pidfd;     /* owned: init */
	pid_t init;    /* as the worker sees it */
	struct data_at *data; /* owned, conf->data_count */
	struct disk *disk;    /* owned; NULL: its data are plain folders */
	bool off;             /* no power, or not up again yet: */
	bool rising;          /* its init is building the root */
	unsigned silence;     /* then: the wire's rule */
	struct loop_timer on_at; /* when it is switched on; rising: when it must be up */
	struct loop_fd rises; /* ctl: it is up */
	struct stage_zone *zones; /* zone.c: owned by who has taken them, the newest first */
	struct shim *shim;    /* owned; NULL: nothing is preloaded into its services */
	char *shim_dir, *shim_hits; /* owned: what it is given for that */
	char addr4[32];
};

struct stage {
	struct slot *slot;
	struct stage_opts o;
	char *dir;     /* owned: this trial's tmpfs */
	char *logs;    /* owned: o.logs */
	int null;      /* owned: /dev/null */
	struct stage_node *nodes; /* owned */
	size_t nodes_count;
	struct svc *svcs;         /* owned */
	size_t svcs_count;
	struct proc *procs;       /* all that have a keeper; list */
	struct buf misbehaved;
	struct err failed;        /* first reason why stage_start cannot succeed */
	struct err lost;          /* a process of ours died, or the host failed: no verdict */
	bool wake;                /* stops a nested loop run */
	bool stopping;            /* no policy brings anything back now */
	int (*when_on)(void *arg, const char *node, struct err *e); /* NULL: nobody */
	void *when_on_arg;
	char *prepared;           /* owned: folder that data start from; NULL: the seeds */
	struct port_window *windows; /* ports.c: owned by who has ports taken */
	struct limited *limited;     /* limits.c: owned by who holds limits */
	struct calls *calls;      /* owned; NULL: nobody's system calls are looked at */
};

/** stage_open_from - stage_open, data from folder `prepared` (NULL: the seeds). */
int stage_open_from(struct slot *s, const struct stage_opts *o, const char *prepared,
		    struct stage **ret, struct err *e);
/** stage_start_only - stage_start for the services named (NULL: all), `after:` among them. */
int stage_start_only(struct stage *st, const struct strlist *only, struct err *e);
/** node_share - bytes a node may fill in /tmp and its like; again in /dev/shm, and System V. */
int64_t node_share(const struct stage_node *n);
int node_start(struct stage_node *n, struct err *e);
/** node_await - until init says that the root is built. */
int node_await(struct stage_node *n, struct err *e);
void node_kill(struct stage_node *n);
void node_reap(struct stage_node *n);
struct stage_node *stage_node(struct stage *st, const char *name);

/** root_build - in the init process: build and enter the node's root. */
int root_build(const struct stage_node *n, struct err *e);
/** etc_template - once per slot: harmless files of the host's /etc into dir. */
int etc_template(const char *dir, struct err *e);
/** etc_write - a node's own passwd, group, hosts, hostname... into dir. */
int etc_write(const struct stage_node *n, const char *dir, struct err *e);

/** HOSTS_OF_ALL - in a node's /etc: the hosts file that our own commands in it see. */
#define HOSTS_OF_ALL ".hosts-of-all"
/** names_hosts - /etc/hosts of node n: itself, or `all` of them. */
void names_hosts(const struct stage_node *n, bool all, struct buf *out);
/** names_resolver - /etc/resolv.conf of node n. */
void names_resolver(const struct stage_node *n, struct buf *out);
/** names_tell - what the name server on the wire knows in this trial. */
int names_tell(const struct stage *st, struct err *e);
/** names_ours - in a keeper, before its program starts: it sees HOSTS_OF_ALL. 0 or -errno. */
int names_ours(void);

/** filters_open - the supervisor of system calls, if the experiment has use for it. */
int filters_open(struct stage *st, struct err *e);
/** filters_order - what the order of a service's run says about its system calls. */
int filters_order(const struct stage_node *n, const char *process, struct order *ret,
		  struct err *e);

/** struct account - what a `user:` resolves to. */
struct account {
	char name[64], home[256];
	uid_t uid;
	gid_t gid;
};
/** account_find - in the node's passwd; unknown names get 1000. NULL or "" means root. */
struct account account_find(const struct stage_node *n, const char *user);
/** node_account - the same; NULL means the node's own user. */
struct account node_account(const struct stage_node *n, const char *user);
/** target_path - a path of the target file, absolute; caller frees. */
char *target_path(const struct target *t, const char *path);

/** data_open - directories for all data of all nodes, and disks, filled; data_fill - copy seeds or
 * prepared data to the others. */
int data_open(struct stage *st, struct err *e);
void data_close(struct stage_node *n);
/** data_replace - of a node without power: an empty disk, and on it what c says; data_serve - serve
 * it again. */
int data_replace(struct stage_node *n, const struct crash *c, struct err *e);
int data_serve(struct stage_node *n, struct err *e);
/** data_plain - its data directories are plain and empty now; data_put - what c says is in them. */
int data_plain(struct stage_node *n, struct err *e);
/** data_on_disk - will its data lie, or do they, on a disk of ours? */
bool data_on_disk(const struct stage_node *n);
int data_put(const struct stage_node *n, const struct crash *c, struct err *e);
/** shim_open, shim_close - what is preloaded into a node's services, if anything is to be. */
int shim_open(struct stage_node *n, struct err *e);
void shim_close(struct stage_node *n);
/** shim_in - mount it into the node (by its init, below the new root). */
int shim_in(const struct stage_node *n, struct err *e);
/** shim_env - set the variables that make a service load it. */
int shim_env(const struct svc *s, struct strmap *env, struct err *e);
int data_fill(struct stage *st, struct err *e);
/** data_cache - where the prepared data of this target lie (whether made or not); caller frees. */
char *data_cache(const struct slot *s, const struct target *t);

/** init_main - PID 1 of a node. */
_Noreturn void init_main(struct stage_node *n, int ctl);

/* ---- orders: what to start, from the worker to init ---- */

enum { ORDER_CHAN, ORDER_IN, ORDER_OUT, ORDER_ERR, ORDER_CALLS, ORDER_FDS };

/** struct order - one process to start. Strings are borrowed. */
struct order {
	struct idmap ids;
	bool forks;       /* its main process exits and leaves daemons */
	bool ours;        /* a question of the harness: names do not go over the wire */
	char *const *argv, *const *env;
	const char *cwd;
	/* what its system calls are asked about, at the door in ORDER_CALLS; bytes 0: nothing */
	struct calls_program filter;
	unsigned node;
	const char *process; /* "store/store/0" */
};
int order_send(int ctl, const struct order *o, const int fds[ORDER_FDS], struct err *e);
/** struct order_mem - what a received order's strings live in; owned. */
struct order_mem {
	char *text, **argv, **env;
};
void order_mem_done(struct order_mem *m);
/** order_recv - blocking. 1, 0 at end of file, or -errno. */
int order_recv(int ctl, struct order *ret, int fds[ORDER_FDS], struct order_mem *ret_mem);

/* ---- reports: keeper to worker ---- */

enum report_kind {
	REPORT_STARTED,    /* carries pidfds: main, keeper */
	REPORT_FAILED,     /* code: errno; text: what was tried */
	REPORT_DAEMONISED, /* forks: the main process left its daemons running */
	REPORT_EXITED,     /* code: wait status; left: processes it left behind */
	REPORT_GONE,       /* nothing of the tree is left */
};
struct report {
	uint32_t kind;
	int32_t code;
	uint32_t left;
	char text[128];
};
enum { COMMAND_SWEEP = 1 };
struct command {
	uint32_t kind;
};

_Noreturn void keeper_main(const struct order *o, const int fds[ORDER_FDS]);
/** struct launched - the main process as its keeper knows it. */
struct launched {
	pid_t pid;
	int pidfd;   /* owned */
	int error;   /* errno when it could not be started */
	char what[128];
};
/** launch - start o in a user namespace of its own; returns after its exec. */
int launch(const struct order *o, const int fds[ORDER_FDS], struct launched *ret);

/* ---- trees ---- */

struct tree {
	pid_t *pid; /* owned */
	size_t count, size;
};
void tree_done(struct tree *t);
/** tree_children - direct children of pid, of any of its threads; zombies left out. */
void tree_children(struct tree *t, pid_t pid);
/** tree_walk - all descendants of root (not root itself), parents first; zombies left out. */
void tree_walk(struct tree *t, pid_t root);
/** tree_signal - signal every descendant of root but `but`, until no new one turns up. Returns the
 * number of processes signalled. */
int tree_signal(pid_t root, pid_t but, int sig);
/** proc_text - the whole of a small /proc file; NULL when the process is gone. Caller frees. */
char *proc_text(const char *path);

/* ---- pids: a cgroup that counts a service's threads and refuses more ---- */

struct pids_group;
/** pids_group_new - NULL: this host lets us make none. */
struct pids_group *pids_group_new(void);
/** pids_group_limit - negative: no limit. 0 or -errno. */
int pids_group_limit(struct pids_group *g, int64_t most);
/** pids_group_add - move a process into it; its children are born there. */
int pids_group_add(struct pids_group *g, pid_t pid);
/** pids_group_refused - how many forks it has refused so far. */
int64_t pids_group_refused(const struct pids_group *g);
/** pids_group_free - its processes go back to where the worker is. */
void pids_group_free(struct pids_group *g);

/* ---- lines ---- */

#define LINE_MAX_BYTES 65536
/** struct lines - splits output into lines and keeps a capped copy. */
struct lines {
	struct buf part;
	int file;       /* owned; -1: none */
	int64_t left;   /* bytes that still fit into the file */
	struct buf tail; /* the last few lines, for messages */
	void (*line)(void *arg, const char *line, size_t len);
	void *arg;
};
void lines_feed(struct lines *l, const char *data, size_t len);
void lines_flush(struct lines *l);
void lines_done(struct lines *l);
/** lines_tail - the last lines as one piece of text ("" when there are none). */
const char *lines_tail(struct lines *l);

/* ---- procs: a keeper and what it keeps, seen from the worker ---- */

struct proc {
	struct proc *next;      /* in stage.procs */
	struct stage_node *node;
	struct loop_fd chan, out;
	int main_fd, keeper_fd; /* owned pidfds; -1 until started */
	pid_t main, keeper;     /* as the worker sees them; 0: none */
	bool started, daemonised, exited, gone, failed;
	bool together;          /* nobody waits for its lines: they are read in batches */
	struct loop_timer rest; /* until the next batch; out is not watched meanwhile */
	bool swept;             /* we killed the whole tree: what was left is our doing */
	bool cut;               /* its node lost its power: its keeper could not say good-bye */
	int status;             /* wait status, once exited */
	unsigned left;          /* processes it left behind */
	struct lines lines;
	struct err why;         /* once failed */
	/* may all be NULL; called in this order; the proc may be freed in on_gone only */
	void (*on_started)(struct proc *p);
	void (*on_exited)(struct proc *p);
	void (*on_gone)(struct proc *p);
	void *owner;
};

/** struct proc_opts - how to start one. */
struct proc_opts {
	struct stage_node *node;
	const char *user;
	char *const *argv;
	const char *cwd;
	bool forks, ours;       /* as in struct order */
	const struct strmap *env[4]; /* later ones win; may be NULL */
	int in, out;            /* borrowed; -1: /dev/null, the log pipe */
	const char *log;        /* name of the log file, without folder; NULL: none */
	const char *process;    /* of a service: "store/store/0"; its calls may be looked at */
};
/** proc_start - order it; p is zeroed by the caller but for its hooks and owner. */
int proc_start(struct proc *p, const struct proc_opts *o, struct err *e);
/** proc_await - block until it has started or failed (no loop). */
int proc_await(struct proc *p, struct err *e);
/** proc_signal - main first, through its pidfd; then the tree. Number of processes or -errno. */
int proc_signal(struct proc *p, int sig, bool tree);
/** proc_together - its output may be read in batches from now on. */
void proc_together(struct proc *p);
/** proc_sweep - SIGKILL everything, until nothing is left. */
void proc_sweep(struct proc *p);
/** proc_abandon - nobody waits for it any more: it frees itself when it is gone. */
void proc_abandon(struct proc *p);
/** proc_gone_free - the on_gone of one that frees itself. */
void proc_gone_free(struct proc *p);
/** proc_done - stop listening and forget (does not kill). */
void proc_done(struct proc *p);
/** proc_ended - "exited with status 1", "killed by SIGKILL". */
void proc_ended(const struct proc *p, char *ret, size_t len);
const char *signal_name(int sig);

/* ---- services ---- */

enum svc_state { SVC_DOWN, SVC_UP, SVC_STOPPING, SVC_WAITING /* to be restarted */ };

struct ready_try; /* ready.c */

struct svc {
	struct stage *st;
	struct stage_node *node;
	const struct service *conf;
	char *name;             /* owned: "node/service" */
	char *log;              /* owned: "node.service.log" */
	enum svc_state state;
	struct proc *proc;      /* owned; while state is UP or STOPPING */
	int starts, held, frozen;
	bool wanted;            /* stage_start has asked for it */
	bool begun;             /* started since the last stage_start */
	bool ready, was_ready;
	bool again;             /* start anew when it is gone (stage_restart) */
	bool booting;           /* to be started as its node boots */
	bool by_us;             /* its last end was our doing */
	bool sigkilled;         /* it did not stop when asked to */
	int last_status;
	char last_did[256];
	struct loop_timer restart, stop_by;
	struct ready_try *try;  /* owned */
};

/** services_open - the table of all services. */
int services_open(struct stage *st, struct err *e);
void services_close(struct stage *st);
int svc_start(struct svc *s, struct err *e);
/** svc_stop - politely; SIGKILL after stop_within. */
void svc_stop(struct svc *s);
/** svc_last_words - how its last run ended. */
void svc_last_words(const struct svc *s, char *ret, size_t len);
struct svc *svc_find(struct stage *st, const char *name);
/** limits_started - its first process runs: what is limited now is limited for it too. */
void limits_started(struct svc *s);
/** power_kill - everything that runs on a node dies at once, between two operations on its disk:
 * n->off then. Returns how many main processes died. */
int power_kill(struct stage_node *n, struct err *e);
/** power_forget - nobody waits for it to be switched on, or up, any more. */
void power_forget(struct stage_node *n);
/** power_risen - a node that was started anew: once its root stands, what hangs on it is there. */
int power_risen(struct stage_node *n, struct err *e);

/** power_boot - start what waits for this and may start now. */
void power_boot(struct stage_node *n);
/** svc_ready - it serves now. svc_unready: it will not; why. */
void svc_ready(struct svc *s);
void svc_unready(struct svc *s, const char *why);
void svc_event(struct svc *s, enum service_event ev, const char *did);

/** ready_begin - watch for readiness of a service that has just started. */
void ready_begin(struct svc *s);
void ready_line(struct svc *s, const char *line, size_t len);
void ready_end(struct svc *s);

#endif
