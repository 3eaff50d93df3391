/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The `prepare:` steps of a target (fill a database, load
 * prices) run once, on a stage of their own; the data directories they leave
 * behind are copied into the cache, and every trial starts from a copy:
 *
 *   <cache>/prepared-<name>-<digest>/<node>/<n>/
 *
 * The digest is the target's: its file and every file that this names, so
 * prepared data can be stale in no way the target file tells of. An entry is
 * built under a temporary name and renamed; half an entry is swept by the next
 * run. A lock lets one worker prepare while the others wait for its result.
 * The experiment's `env:` plays no part: what it breaks, it breaks later.
 */
#include "stage/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

char *data_cache(const struct slot *s, const struct target *t)
{
	return xasprintf("%s/prepared-%s-%.32s", s->cache, t->name, t->digest ? t->digest : "none");
}

/* ---- one step ---- */

/* struct running - a step's process; lives until it is gone. */
struct running {
	struct proc proc;
	bool done;
};

static void step_gone(struct proc *p)
{
	struct running *r = p->owner;

	r->done = true;
}

static int step_wait(struct stage *st, struct running *r, const struct prepare *p, struct err *e)
{
	const char *tail;
	char did[512];
	int64_t by = p->within.ns > 0 ? clock_now() + p->within.ns : INT64_MAX;
	int err = loop_run_until(st->o.loop, &r->done, by);

	if (err == -ETIMEDOUT)
		snprintf(did, sizeof(did), "took longer than %lld s",
			 (long long)(p->within.ns / NS_PER_S));
	else if (err < 0)
		return err_errno(e, -err, "the loop");
	else
		proc_ended(&r->proc, did, sizeof(did));
	if (err == 0 && !r->proc.failed && r->proc.status == 0)
		return 0;
	tail = lines_tail(&r->proc.lines);
	return err_set(e, EPROTO, "%s %s; %s%s", p->run.at[0], did,
		       *tail ? "its last lines:\n" : "it wrote nothing", tail);
}

static int step_run(struct stage *st, const struct prepare *p, struct err *e)
{
	struct stage_node *n = stage_node(st, p->node);
	struct running r = { .proc = { .on_gone = step_gone, .owner = &r } };
	struct proc_opts o = { .node = n, .user = p->user, .argv = p->run.at, .in = -1, .out = -1,
			       .log = "prepare.log", .env = { n ? &n->conf->env : NULL, &p->env } };
	int err;

	if (!n || !p->run.count)
		return err_set(e, EINVAL, n ? "nothing to run" : "there is no node %s", p->node);
	err = stage_start_only(st, &p->with, e);
	if (err == 0)
		err = proc_start(&r.proc, &o, e);
	if (err < 0)
		return err;
	err = step_wait(st, &r, p, e);
	proc_done(&r.proc);
	return err;
}

static bool same_list(const struct strlist *a, const struct strlist *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (!str_eq(a->at[i], b->at[i]))
			return false;
	return a->count == b->count;
}

static int steps_run(struct stage *st, struct err *e)
{
	const struct target *t = st->o.target;
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->prepare_count; i++) {
		r = step_run(st, &t->prepare[i], e);
		if (r < 0)
			return err_wrap(e, "prepare step %zu of target %s", i + 1, t->name);
		if (i + 1 == t->prepare_count ||
		    !same_list(&t->prepare[i].with, &t->prepare[i + 1].with))
			r = stage_stop(st, e);
	}
	return r;
}

/* ---- the cache ---- */

static int save_node(const struct stage_node *n, const char *folder, struct err *e)
{
	cleanup_free char *mine = xasprintf("%s/%s", folder, n->conf->name);

	if (mkdir(mine, 0755) < 0)
		return err_errno(e, errno, "making %s", mine);
	for (size_t k = 0; k < n->conf->data_count; k++) {
		cleanup_free char *to = xasprintf("%s/%zu", mine, k);
		int r;

		if (mkdir(to, 0755) < 0)
			return err_errno(e, errno, "making %s", to);
		r = copy_tree(n->data[k].host, to, 0, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int save_all(const struct stage *st, const char *temp, const char *entry, struct err *e)
{
	cleanup_close int dir = -1;
	int r = 0;

	guardian_add(temp);
	if (mkdir(temp, 0755) < 0)
		return err_errno(e, errno, "making %s", temp);
	for (size_t i = 0; r == 0 && i < st->nodes_count; i++)
		r = save_node(&st->nodes[i], temp, e);
	if (r < 0)
		return r;
	dir = open(temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || syncfs(dir) < 0)
		return err_errno(e, errno, "syncing %s", temp);
	return rename(temp, entry) < 0 ? err_errno(e, errno, "renaming to %s", entry) : 0;
}

static int save(const struct stage *st, const char *entry, struct err *e)
{
	cleanup_free char *name = guardian_name();
	cleanup_free char *temp = xasprintf("%s/%s-prepare", st->slot->cache, name);
	int r = remove_tree(temp);

	if (r == 0)
		r = save_all(st, temp, entry, e);
	else
		err_errno(e, -r, "removing %s", temp);
	if (r < 0)
		remove_tree(temp);
	guardian_drop(temp);
	return r < 0 ? err_wrap(e, "keeping prepared data") : 0;
}

static int prepare_locked(struct slot *s, const struct stage_opts *o, const char *entry,
			  struct err *e)
{
	struct stage_opts mine = *o;
	struct stage *st = NULL;
	int r;

	mine.env = NULL;
	mine.disks = NULL;
	mine.calls_count = 0;
	mine.hooks = (struct stage_hooks){ 0 };
	r = stage_open_from(s, &mine, NULL, &st, e);
	if (r == 0)
		r = steps_run(st, e);
	if (st && stage_alive(st, e) < 0) /* whatever else it looks like */
		r = -EPIPE;
	if (r == 0)
		r = save(st, entry, e);
	stage_free(st);
	return r;
}

int stage_prepare(struct slot *s, const struct stage_opts *o, bool *ret_ran, struct err *e)
{
	cleanup_free char *entry = data_cache(s, o->target);
	cleanup_free char *lock = xasprintf("%s/prepare.lock", s->cache);
	cleanup_close int fd = -1;
	int r;

	*ret_ran = false;
	if (!o->target->prepare_count || access(entry, F_OK) == 0)
		return 0;
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_errno(e, errno, "opening %s", lock);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_errno(e, errno, "locking %s", lock);
	if (access(entry, F_OK) == 0)
		return 0;
	r = prepare_locked(s, o, entry, e);
	*ret_ran = r == 0;
	return r;
}
