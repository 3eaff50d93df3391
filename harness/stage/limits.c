/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One `struct limited` for each resource of a service
 * that somebody limits, with all who hold a limit on it: the lowest counts.
 * What each process had before is remembered and given back when the last one
 * lets go; a process that was born under the limit gets what the first of its
 * service had.
 *
 *   take ─► set on every process of the tree ─► again: new ones, raised ones ─► give
 *
 * Needs CAP_SYS_RESOURCE over the service's user namespace (prlimit(2)). That
 * does not allow to raise a hard limit, so only soft ones are lowered; what a
 * process then raises by itself is lowered at the next look.
 *
 * RLIMIT_NPROC is counted per user and user namespace, and every service has a
 * namespace of its own, so it counts the threads of this service alone. Where
 * this host has cgroups for us (pids.c) they do its work, for they count.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "stage/room.h"
#include "stage/tasks.h"

struct had {
	pid_t pid;
	rlim_t soft, set; /* its own; and what we last set in its place */
};
struct limited {
	struct limited *next;       /* in stage.limited */
	struct stage *st;
	char *service;              /* owned */
	int resource;
	struct stage_limit *held;   /* list: who limits it now */
	struct had *had;            /* owned */
	size_t had_count;
	rlim_t set;                 /* what was last set */
	struct pids_group *group;   /* owned; in place of RLIMIT_NPROC where this host has it */
};
struct stage_limit {
	struct stage_limit *next;   /* in limited.held */
	struct limited *of;
	rlim_t most;
	int64_t refused;            /* by the group before this one came */
};

static rlim_t lowest(const struct limited *l)
{
	rlim_t most = RLIM_INFINITY;

	for (const struct stage_limit *h = l->held; h; h = h->next)
		if (h->most < most) /* RLIM_INFINITY is the largest number there is */
			most = h->most;
	return most;
}

static struct had *remembered(struct limited *l, pid_t pid)
{
	for (size_t i = 0; i < l->had_count; i++)
		if (l->had[i].pid == pid)
			return &l->had[i];
	return NULL;
}

/* One seen for the first time: born under our limit, it would have had what its parent had. */
static struct had *remember(struct limited *l, pid_t pid, rlim_t now)
{
	bool inherits = l->had_count && now == l->had[0].set;
	struct had *h;

	l->had = xrealloc(l->had, (l->had_count + 1) * sizeof(*l->had));
	h = &l->had[l->had_count++];
	*h = (struct had){ pid, inherits ? l->had[0].soft : now, now };
	return h;
}

/* 0, or -errno; one that is gone is none of our business. */
static int set_one(struct limited *l, pid_t pid, rlim_t most)
{
	struct had *h = remembered(l, pid);
	struct rlimit r;

	if (prlimit(pid, l->resource, NULL, &r) < 0)
		return errno == ESRCH ? 0 : -errno;
	if (!h)
		h = remember(l, pid, r.rlim_cur);
	else if (r.rlim_cur != h->set) /* it has chosen anew meanwhile */
		h->soft = r.rlim_cur;
	h->set = most < h->soft ? most : h->soft;
	if (h->set == r.rlim_cur)
		return 0;
	r.rlim_cur = h->set;
	return prlimit(pid, l->resource, &r, NULL) < 0 && errno != ESRCH ? -errno : 0;
}

/* In the group nothing is to be set on the process; last words of one that is gone do not count. */
static int group_one(struct limited *l, pid_t pid)
{
	int r = pids_group_add(l->group, pid);

	return r == -ESRCH ? 0 : r;
}

/* Twice: what is born during the first pass may have the limits of before it. */
static int set_all(struct limited *l)
{
	rlim_t most = lowest(l);
	struct tasks t;
	int r = 0;

	if (l->group && l->set != most)
		r = pids_group_limit(l->group, most == RLIM_INFINITY ? -1 : (int64_t)most);
	for (int pass = 0; pass < 2; pass++) {
		stage_tasks(l->st, l->service, &t);
		for (size_t i = 0; i < t.count; i++) {
			int one = l->group ? group_one(l, t.pid[i]) :
					     set_one(l, t.pid[i], most);

			r = r < 0 ? r : one;
		}
	}
	l->set = most;
	return r;
}

static struct limited *limited_open(struct stage *st, const char *service, int resource)
{
	struct limited *l = st->limited;

	while (l && (l->resource != resource || !str_eq(l->service, service)))
		l = l->next;
	if (l)
		return l;
	l = xcalloc(1, sizeof(*l));
	*l = (struct limited){ .next = st->limited, .st = st, .service = xstrdup(service),
			       .resource = resource, .set = RLIM_INFINITY };
	if (resource == RLIMIT_NPROC)
		l->group = pids_group_new();
	st->limited = l;
	return l;
}

static void limited_close(struct limited *l)
{
	struct limited **at = &l->st->limited;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	pids_group_free(l->group);
	free(l->service);
	free(l->had);
	free(l);
}

int stage_limit_take(struct stage *st, const char *service, int resource, int64_t most,
		     struct stage_limit **ret, struct err *e)
{
	struct stage_limit *h = xcalloc(1, sizeof(*h));
	int r;

	h->of = limited_open(st, service, resource);
	h->most = (rlim_t)most;
	h->next = h->of->held;
	h->of->held = h;
	h->refused = h->of->group ? pids_group_refused(h->of->group) : 0;
	*ret = h;
	r = set_all(h->of);
	return r < 0 ? err_errno(e, -r, "limiting %s", service) : 0;
}

void stage_limit_again(struct stage_limit *l)
{
	set_all(l->of);
}

int64_t stage_limit_refused(const struct stage_limit *l)
{
	return l->of->group ? pids_group_refused(l->of->group) - l->refused : -1;
}

void stage_limit_give(struct stage_limit *l)
{
	struct stage_limit **at;

	if (!l)
		return;
	for (at = &l->of->held; *at != l; at = &(*at)->next)
		;
	*at = l->next;
	set_all(l->of);
	if (!l->of->held)
		limited_close(l->of);
	free(l);
}

void limits_started(struct svc *s)
{
	for (struct limited *l = s->st->limited; l; l = l->next)
		if (str_eq(l->service, s->name))
			set_all(l);
}
