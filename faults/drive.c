/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/drive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/draw.h"
#include "base/str.h"
#include "disk/disk.h"
#include "stage/links.h"
#include "stage/stage.h"

struct drive_armed {
	struct drive_state *state;
	const char *node;       /* borrowed from the target */
	struct disk *disk;      /* borrowed */
	unsigned id;
};

const struct opt_value drive_errors[] = {
	{ "EIO", "what a failing disk gives" },
	{ "ENODEV", "what a device that is gone may give" },
	{ "EUCLEAN", "what a damaged file system gives" },
	{ NULL, NULL },
};
const struct opt_value drive_shapes[] = {
	[DRAW_UNIFORM] = { "uniform", "as much less as more" },
	[DRAW_NORMAL] = { "normal", "jitter is one standard deviation" },
	[DRAW_EXPONENTIAL] = { "exponential", "jitter is the mean of what is added" },
	{ NULL, NULL },
};

int drive_error(int choice)
{
	static const int errors[] = { EIO, ENODEV, EUCLEAN };

	return errors[choice];
}

int drive_probe(char *why, size_t why_len)
{
	return stage_probe_disk(why, why_len);
}

/* ---- checking ---- */

static uint32_t op_bits(const char *word)
{
	if (str_eq(word, "any"))
		return DISK_ALL_OPS;
	for (unsigned i = 0; i < DISK_OPS; i++)
		if (str_eq(word, disk_op_names[i]))
			return DISK_BIT(i);
	return 0;
}

void drive_check(const void *opts, struct mark at, struct diag *d)
{
	const struct drive_opts *o = opts;
	char hint[128];

	(void)at;
	for (size_t i = 0; i < o->op.count; i++) {
		if (op_bits(o->op.at[i]))
			continue;
		opt_suggest(o->op.at[i], disk_op_names, DISK_OPS, hint, sizeof(hint));
		diag_error(d, o->op.marks[i], "op: there is no operation \"%s\"%s", o->op.at[i],
			   hint);
	}
	if (o->path && strlen(o->path) >= DISK_PATH_MAX)
		diag_error(d, at, "path: longer than %d bytes", DISK_PATH_MAX - 1);
	if (o->service && strlen(o->service) >= DISK_NAME_MAX)
		diag_error(d, at, "service: longer than %d bytes", DISK_NAME_MAX - 1);
}

static bool service_there(const char *pattern, const struct target *t)
{
	char name[256], any[256];

	snprintf(any, sizeof(any), "*/%s", pattern);
	for (size_t i = 0; i < t->nodes_count; i++)
		for (size_t k = 0; k < t->nodes[i].services_count; k++) {
			snprintf(name, sizeof(name), "%s/%s", t->nodes[i].name,
				 t->nodes[i].services[k].name);
			if (str_glob(strchr(pattern, '/') ? pattern : any, name))
				return true;
		}
	return false;
}

/* Could a file below one of its data directories match? Judged by what comes before a wildcard. */
static bool below(const char *pattern, const struct node *n)
{
	size_t plain = strcspn(pattern, "*?[");

	for (size_t k = 0; k < n->data_count; k++) {
		const char *data = n->data[k].path;
		size_t len = strlen(data);

		if (plain <= len && pattern[plain] ? !strncmp(pattern, data, plain)
						   : !strncmp(pattern, data, len) &&
						     pattern[len] == '/')
			return true;
	}
	return false;
}

int drive_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d)
{
	const struct drive_opts *o = opts;
	bool path = false;
	unsigned before = diag_errors(d);

	for (size_t i = 0; i < o->node.count; i++) {
		size_t nodes = 0, data = 0;

		for (size_t k = 0; k < t->nodes_count; k++) {
			if (!str_glob(o->node.at[i], t->nodes[k].name))
				continue;
			nodes++;
			data += t->nodes[k].data_count > 0;
			path |= o->path && below(o->path, &t->nodes[k]);
		}
		if (!nodes)
			target_no_node(t, o->node.at[i], o->node.marks[i], "node", d);
		else if (!data)
			diag_error(d, o->node.marks[i], "node: %s has no `data:`, and no other "
				   "directory is on a disk that can fail", o->node.at[i]);
	}
	if (o->path && *o->path == '/' && !path)
		diag_error(d, at, "path: %s is below none of the `data:` directories", o->path);
	if (o->service && !service_there(o->service, t))
		diag_error(d, at, "service: target %s has no service \"%s\"", t->name, o->service);
	return diag_errors(d) > before ? -EINVAL : 0;
}

void drive_logged(const struct experiment *x, struct strlist *ret)
{
	for (size_t i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		const struct drive_opts *o = x->faults[i].opts;

		for (size_t k = 0; ops->logs_disk && k < o->node.count; k++)
			strlist_add(ret, o->node.at[k], o->node.marks[k]);
	}
}

void drive_disks(const struct experiment *x, struct strlist *ret)
{
	for (size_t i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		const struct drive_opts *o = x->faults[i].opts;

		for (size_t k = 0; ops->layer == LAYER_DISK && k < o->node.count; k++)
			strlist_add(ret, o->node.at[k], o->node.marks[k]);
	}
	if (x->disk == DISKS_ALWAYS)
		strlist_add(ret, "*", (struct mark){ 0 });
}

/* ---- telling ---- */

static void extent(const struct disk_hit *h, char *buf, size_t len)
{
	if (h->len)
		snprintf(buf, len, "%s of %u bytes at %" PRId64, disk_op_names[h->op], h->len,
			 h->off);
	else
		snprintf(buf, len, "%s", disk_op_names[h->op]);
}

static void did_words(const struct disk_hit *h, char *buf, size_t len)
{
	char what[96];

	extent(h, what, sizeof(what));
	if (h->lost)
		snprintf(buf, len, "%s on %s: %" PRId64 " bytes in memory will not be written",
			 strerrorname_np(h->error), what, h->lost);
	else if (h->error)
		snprintf(buf, len, "%s on %s", strerrorname_np(h->error), what);
	else if (h->effect == DISK_SLOW)
		snprintf(buf, len, "%s, held for %" PRId64 ".%03" PRId64 " ms", what,
			 h->ns / NS_PER_MS, h->ns % NS_PER_MS / NS_PER_US);
	else if (h->effect == DISK_ROT)
		snprintf(buf, len, "%s: %u bits turned over", what, h->done);
	else if (h->effect == DISK_STALE)
		snprintf(buf, len, "%s: %u bytes are from before the last write", what, h->done);
	else if (h->effect == DISK_ASTRAY)
		snprintf(buf, len, "%s: written at %" PRId64 " instead, and nobody was told",
			 what, h->to);
	else
		snprintf(buf, len, "%s: only %u bytes were written%s", what, h->done,
			 h->effect == DISK_TORN ? ", and nobody was told" : "");
}

static void on_hit(void *arg, const struct disk_hit *h)
{
	const struct drive_armed *a = arg;
	char did[192];

	if (h->unheard) {
		a->state->run->many = (int64_t)h->count;
		run_fired(a->state->run, a->node, NULL, NULL, "%" PRIu64 " more operations "
			  "altered: too many at once to say which", h->count);
		return;
	}
	did_words(h, did, sizeof(did));
	a->state->run->many = (int64_t)h->count;
	if (h->count > 1)
		run_fired(a->state->run, a->node, NULL, NULL, "%" PRIu64 " more operations, the "
			  "last: %s", h->count, did);
	else
		run_fired(a->state->run, a->node, h->process[0] ? h->process : NULL,
			  h->path[0] ? h->path : ".", "%s", did);
}

/* ---- arming ---- */

struct disk_rule drive_rule(const struct run *r, const struct drive_opts *o,
			    enum disk_effect effect)
{
	struct disk_rule rule = { .effect = effect, .fault = r->fault, .seed = (uint64_t)r->seed,
				  .gate = r->gate, .chance = 1, .error = EIO };
	const struct fault_ops *ops = r->experiment->faults[r->fault].kind->ops;

	snprintf(rule.name, sizeof(rule.name), "%s.%d.%" PRId64, ops->name, r->fault,
		 r->activation);
	snprintf(rule.path, sizeof(rule.path), "%s", o->path ? o->path : "");
	snprintf(rule.service, sizeof(rule.service), "%s", o->service ? o->service : "");
	for (size_t i = 0; i < o->op.count; i++)
		rule.ops |= op_bits(o->op.at[i]);
	return rule;
}

bool drive_meant(const struct drive_opts *o, const char *node)
{
	for (size_t i = 0; i < o->node.count; i++)
		if (str_glob(o->node.at[i], node))
			return true;
	return false;
}

int drive_arm(struct run *r, const struct disk_rule *rule, const struct drive_opts *o, void *state,
	      struct err *e)
{
	struct drive_state *s = state;
	int err = 0;

	s->run = r;
	s->at = xcalloc(r->target->nodes_count, sizeof(*s->at));
	for (size_t i = 0; err >= 0 && i < r->target->nodes_count; i++) {
		struct drive_armed *a = &s->at[s->count];
		const char *node = r->target->nodes[i].name;
		struct disk *disk = drive_meant(o, node) ? stage_disk(r->stage, node) : NULL;

		if (!disk)
			continue;
		*a = (struct drive_armed){ .state = s, .node = node, .disk = disk };
		err = disk_rule_add(disk, r->loop, rule, on_hit, a, &a->id, e);
		s->count += err >= 0;
	}
	return err < 0 ? err : 0;
}

int drive_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct drive_state *s = state;
	int ret = 0;

	(void)opts;
	while (s->count > 0) {
		const struct drive_armed *a = &s->at[--s->count];
		int err = disk_rule_del(a->disk, a->id, e);

		if (err < 0 && !ret)
			ret = err;
	}
	(void)r;
	return ret;
}

void drive_release(struct run *r, void *state)
{
	struct drive_state *s = state;

	(void)r;
	free(s->at);
	s->at = NULL;
}

void drive_describe(const struct drive_opts *o, struct buf *out)
{
	buf_adds(out, "on the disk of ");
	for (size_t i = 0; i < o->node.count; i++)
		buf_printf(out, "%s%s", i ? ", " : "", o->node.at[i]);
	for (size_t i = 0; i < o->op.count; i++)
		buf_printf(out, "%s%s", i ? ", " : " (", o->op.at[i]);
	if (o->op.count)
		buf_addc(out, ')');
	if (o->path)
		buf_printf(out, ", only %s", o->path);
	if (o->service)
		buf_printf(out, ", only by %s", o->service);
}
