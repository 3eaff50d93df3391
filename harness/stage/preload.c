/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library that some faults need inside a service (shim/): a folder that
 * the node sees, read-only, and one file in it that its processes may write.
 * A service loads it because LD_PRELOAD says so, whatever user it runs as:
 * everything in a node is mounted nosuid, so no program is too trusted for it.
 */
#include "stage/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "shim/points.h"

/* Bits of the libraries that its services need. */
static uint32_t wanted(const struct stage_node *n)
{
	const struct strlist *shims = n->st->o.shims;
	uint32_t bits = 0;

	for (unsigned k = 0; shims && k < SHIM_LIBRARIES; k++)
		for (size_t i = 0; i < shims[k].count; i++)
			if (str_glob(shims[k].at[i], n->conf->name))
				bits |= 1u << k;
	return bits;
}

int shim_open(struct stage_node *n, struct err *e)
{
	const struct stage *st = n->st;
	struct shim_opts o = { .node = n->conf->name, 
			       .owner = st->slot->service_id, .libraries = wanted(n) };
	int r;

	if (!o.libraries)
		return 0;
	o.dir = n->shim_dir = xasprintf("%s/shim-%u", st->dir, n->index);
	o.hits = n->shim_hits = xasprintf("%s/shim-%u.hits", st->dir, n->index);
	r = shim_new(&n->shim, &o, e);
	for (size_t i = 0; r >= 0 && i < st->svcs_count; i++)
		if (st->svcs[i].node == n)
			r = shim_service(n->shim, st->svcs[i].name, e);
	return r < 0 ? r : 0;
}

void shim_close(struct stage_node *n)
{
	shim_free(n->shim);
	free(n->shim_dir);
	free(n->shim_hits);
}

int shim_in(const struct stage_node *n, struct err *e)
{
	static const char dir[] = SHIM_DIR, hits[] = SHIM_DIR "/" SHIM_FILE_HITS;
	int r = n->shim ? make_dirs(&dir[1], 0755) : 0; /* below the new root, which is here */

	if (n->shim && r == 0)
		r = mount_bind(n->shim_dir, &dir[1], true);
	if (n->shim && r == 0)
		r = mount_bind(n->shim_hits, &hits[1], false);
	return r < 0 ? err_errno(e, -r, "mounting %s", SHIM_DIR) : 0;
}

/* What the service would have there without us: the last map that has it. */
static const char *own(const struct svc *s)
{
	const struct strmap *env[] = { s->st->o.env, &s->conf->env, &s->node->conf->env };
	const char *value = NULL;

	for (size_t i = 0; !value && i < ARRAY_SIZE(env); i++)
		value = env[i] ? strmap_get(env[i], "LD_PRELOAD") : NULL;
	return value;
}

/* Names between commas. */
static char *own_points(const struct strlist *points)
{
	struct buf b = { 0 };

	for (size_t i = 0; points && i < points->count; i++)
		buf_printf(&b, "%s%s", b.len ? "," : "", points->at[i]);
	return buf_steal(&b);
}

int shim_env(const struct svc *s, struct strmap *env, struct err *e)
{
	cleanup_free char *preload = NULL, *which = NULL, *points = NULL;
	int service;

	if (!s->node->shim)
		return 0;
	service = shim_service(s->node->shim, s->name, e);
	if (service < 0)
		return service;
	preload = shim_preload(s->node->shim, own(s));
	which = xasprintf("%d.%d", service, s->starts - 1);
	strmap_set(env, "LD_PRELOAD", preload, (struct mark){ 0 });
	strmap_set(env, SHIM_ENV, which, (struct mark){ 0 });
	points = own_points(s->st->o.points);
	if (*points)
		strmap_set(env, SHIM_POINTS_ENV, points, (struct mark){ 0 });
	return 0;
}
