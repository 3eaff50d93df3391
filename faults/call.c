/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/call.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "calls/table.h"
#include "faults/drive.h"
#include "faults/link.h"
#include "faults/service.h"
#include "faults/words.h"
#include "stage/links.h"
#include "stage/stage.h"

const struct opt_value call_kinds[] = {
	[CALLS_ANY] = { "any", "any, and calls without one" },
	[CALLS_FILE] = { "file", "a regular file" },
	[CALLS_DIRECTORY] = { "directory", "a directory" },
	[CALLS_SOCKET] = { "socket", "any socket" },
	[CALLS_TCP] = { "tcp", "a TCP socket" },
	[CALLS_UDP] = { "udp", "a UDP socket" },
	[CALLS_UNIX] = { "unix", "a socket between processes of one node" },
	[CALLS_PIPE] = { "pipe", "a pipe, named or not" },
	[CALLS_TTY] = { "tty", "a terminal: a serial line too" },
	[CALLS_DEVICE] = { "device", "a device, terminals too" },
	{ NULL, NULL },
};
const struct opt_value call_counts[] = {
	[CALLS_PER_FAULT] = { "fault", "all calls that match, together" },
	[CALLS_PER_PROCESS] = { "process", "those of each process by themselves" },
	[CALLS_PER_CALL] = { "call", "those of each system call by themselves" },
	{ NULL, NULL },
};
const struct opt_value call_shapes[] = {
	[DRAW_UNIFORM] = { "uniform", "as much less as more" },
	[DRAW_NORMAL] = { "normal", "jitter is one standard deviation" },
	[DRAW_EXPONENTIAL] = { "exponential", "jitter is the mean of what is added" },
	{ NULL, NULL },
};

int call_probe(char *why, size_t why_len)
{
	return stage_probe_calls(why, why_len);
}

/* ---- checking ---- */

struct calls_set call_set(const struct call_opts *o)
{
	struct calls_set set = { { 0 } };
	const char *why;

	for (size_t i = 0; i < o->call.count; i++)
		calls_word(o->call.at[i], &set, &why);
	return set;
}

static void check_words(const struct call_opts *o, struct diag *d)
{
	struct calls_set set = { { 0 } };
	const char *why;
	char hint[128];

	for (size_t i = 0; i < o->call.count; i++) {
		const char *word = o->call.at[i];
		int r = calls_word(word, &set, &why);
		const char *const *words;
		size_t n;

		if (r == -EPERM)
			diag_error(d, o->call.marks[i], "call: %s cannot be altered: %s", word,
				   why);
		if (r != -ENOENT)
			continue;
		words = calls_words(&n);
		opt_suggest(word, words, n, hint, sizeof(hint));
		diag_error(d, o->call.marks[i], "call: no fault knows a system call \"%s\"%s",
			   word, hint);
	}
}

static void check_args(const struct call_opts *o, struct diag *d)
{
	struct calls_arg a;

	for (size_t i = 0; i < o->args.count; i++)
		if (!calls_arg_read(o->args.at[i].key, o->args.at[i].value, &a))
			diag_error(d, o->args.at[i].mark, "args: \"%s: %s\": write the argument's "
				   "number, 0 to %d, and its value: 2: 0x80000, or "
				   "2: 0x80000&0x80000 for those bits of it alone",
				   o->args.at[i].key, o->args.at[i].value, CALLS_ARGS - 1);
}

/* Does any call that is meant have what `what` selects by? */
static bool any_has(const struct call_opts *o, bool (*has)(const struct calls_call *c))
{
	struct calls_set set = call_set(o);

	for (unsigned i = 0; i < calls_count; i++)
		if (calls_has(&set, i) && has(&calls_table[i]))
			return true;
	return false;
}

static bool has_path(const struct calls_call *c)
{
	return c->path || c->fd;
}

static bool has_fd(const struct calls_call *c)
{
	return c->fd;
}

static bool has_size(const struct calls_call *c)
{
	return c->size || c->vec || c->msg;
}

static void check_text(const char *key, const char *text, size_t max, struct mark at,
		       struct diag *d)
{
	if (text && strlen(text) >= max)
		diag_error(d, at, "%s: longer than %zu bytes", key, max - 1);
	if (text && !*text)
		diag_error(d, at, "%s: empty; leave it out for all of them", key);
}

void call_check(const void *opts, struct mark at, struct diag *d)
{
	const struct call_opts *o = opts;
	unsigned before = diag_errors(d);

	check_words(o, d);
	check_args(o, d);
	check_text("path", o->path, CALLS_PATH, at, d);
	check_text("peer", o->peer, CALLS_NAME, at, d);
	check_text("service", o->service, CALLS_NAME, at, d);
	check_text("process", o->process, CALLS_NAME, at, d);
	check_text("thread", o->thread, CALLS_NAME, at, d);
	link_check_rate(o->rate, at, d);
	if (o->at_least > 0 && o->at_most > 0 && o->at_least > o->at_most)
		diag_error(d, at, "at_least: more than at_most, so no call matches");
	if (diag_errors(d) > before)
		return;
	if (o->path && !any_has(o, has_path))
		diag_error(d, at, "path: none of these calls is about a file");
	if ((o->peer || o->fd != CALLS_ANY) && !any_has(o, has_fd))
		diag_error(d, at, "%s: none of these calls has a descriptor",
			   o->peer ? "peer" : "fd");
	if ((o->at_least > 0 || o->at_most > 0) && !any_has(o, has_size))
		diag_error(d, at, "%s: none of these calls moves bytes",
			   o->at_least > 0 ? "at_least" : "at_most");
}

void call_check_made(const struct call_opts *o, bool part, struct diag *d)
{
	for (size_t i = 0; i < o->call.count; i++) {
		struct calls_set set = { { 0 } };
		const char *why;
		unsigned can = 0;

		if (calls_word(o->call.at[i], &set, &why) < 0)
			continue;
		for (unsigned k = 0; k < calls_count; k++) {
			const struct calls_call *c = &calls_table[k];

			can += calls_has(&set, k) && c->by != BY_NOBODY &&
			       (!part || c->size || c->vec || c->msg);
		}
		if (!can)
			diag_error(d, o->call.marks[i], part
				   ? "call: %s moves no bytes that could be fewer"
				   : "call: %s cannot be made in the program's place (its paths, "
				     "memory or descriptors are its own); call.slow holds it "
				     "before it is made", o->call.at[i]);
	}
}

int call_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d)
{
	const struct call_opts *o = opts;
	unsigned before = diag_errors(d);

	for (size_t i = 0; i < o->node.count; i++) {
		uint64_t set[4] = { 0 };

		if (!link_nodes(t, o->node.at[i], set))
			target_no_node(t, o->node.at[i], o->node.marks[i], "node", d);
	}
	if (o->service)
		service_check_target(o->service, t, at, d);
	return diag_errors(d) > before ? -EINVAL : 0;
}

/* ---- telling ---- */

static void what_words(const struct calls_hit *h, char *buf, size_t len)
{
	const char *name = calls_table[h->call].name;

	if (h->size >= 0)
		snprintf(buf, len, "%s of %" PRId64 " bytes", name, h->size);
	else
		snprintf(buf, len, "%s", name);
}

static void did_words(const struct calls_hit *h, char *buf, size_t len)
{
	char what[64];

	what_words(h, what, sizeof(what));
	if (h->effect == CALLS_SHORT && h->error)
		snprintf(buf, len, "%s: %s", what, strerrorname_np(h->error));
	else if (h->effect == CALLS_SHORT)
		snprintf(buf, len, "%s: only %" PRId64 " were moved", what, h->done);
	else if (h->error && h->effect == CALLS_FAIL)
		snprintf(buf, len, "%s on %s", strerrorname_np(h->error), what);
	else
		snprintf(buf, len, "%s, held for %" PRId64 ".%03" PRId64 " ms%s", what,
			 h->ns / NS_PER_MS, h->ns % NS_PER_MS / NS_PER_US,
			 h->effect == CALLS_SLOW_RETURN ? " after it was done" : "");
}

static void on_hit(void *arg, const struct calls_hit *h)
{
	static const char *const whys[CALLS_WHYS] = {
		[CALLS_WHY_NONE] = "left alone",
		[CALLS_WHY_FULL] = "left alone: too many are held or being made already",
		[CALLS_WHY_NO_PART] = "left alone: it moves too few bytes to be cut",
		[CALLS_WHY_DATAGRAM] = "left alone: a datagram or such is moved as a whole",
		[CALLS_WHY_OWN] = "left alone: only the program itself can make it (an address, "
				  "flags or descriptors go with it)",
		[CALLS_WHY_LARGE] = "left alone: more than 1 MiB at once",
		[CALLS_WHY_SIGNALS] = "left alone: this kernel (before 5.19) lets signals end a "
				      "call that we are making",
		[CALLS_WHY_GONE] = "its process is gone",
	};
	const struct call_state *s = arg;
	struct run *r = s->run;
	const char *node = h->node < r->target->nodes_count ? r->target->nodes[h->node].name : "?";
	char did[160];

	if (h->did == CALLS_UNHEARD) {
		r->many = (int64_t)h->count;
		run_fired(r, NULL, NULL, NULL, "%" PRIu64 " more calls altered: too many at once "
			  "to say which", h->count);
		return;
	}
	if (h->did == CALLS_DID_NOT) {
		run_skipped(r, node, h->object, "%s: %s", calls_table[h->call].name, whys[h->why]);
		return;
	}
	did_words(h, did, sizeof(did));
	r->many = (int64_t)h->count;
	if (h->count > 1)
		run_fired(r, node, NULL, NULL, "%" PRIu64 " more calls, the last: %s", h->count,
			  did);
	else
		run_fired(r, node, h->process, *h->object ? h->object : NULL, "%s", did);
}

/* ---- arming ---- */

static void put(char *to, size_t len, const char *text)
{
	snprintf(to, len, "%s", text ? text : "");
}

static uint32_t put_args(const struct call_opts *o, struct calls_arg ret[CALLS_ARGS])
{
	uint32_t n = 0;

	for (size_t i = 0; i < o->args.count && n < CALLS_ARGS; i++)
		n += calls_arg_read(o->args.at[i].key, o->args.at[i].value, &ret[n]);
	return n;
}

static void put_nodes(const struct call_opts *o, const struct target *t, uint64_t ret[4])
{
	for (size_t i = 0; i < o->node.count; i++)
		link_nodes(t, o->node.at[i], ret);
}

struct calls_rule call_rule(const struct run *r, const struct call_opts *o,
			    enum calls_effect effect)
{
	struct calls_rule rule = { .effect = effect, .fault = r->fault, .seed = (uint64_t)r->seed,
				   .calls = call_set(o), .kind = (uint32_t)o->fd,
				   .counts = (uint32_t)o->count, .gate = r->gate,
				   .chance = o->rate, .size_min = -1, .size_max = -1 };
	const struct fault_ops *ops = r->experiment->faults[r->fault].kind->ops;

	snprintf(rule.name, sizeof(rule.name), "%s.%d.%" PRId64, ops->name, r->fault,
		 r->activation);
	put_nodes(o, r->target, rule.nodes);
	put(rule.service, sizeof(rule.service), o->service);
	put(rule.path, sizeof(rule.path), o->path);
	put(rule.peer, sizeof(rule.peer), o->peer);
	put(rule.process, sizeof(rule.process), o->process);
	put(rule.thread, sizeof(rule.thread), o->thread);
	rule.args = put_args(o, rule.arg);
	if (o->at_least > 0)
		rule.size_min = o->at_least;
	if (o->at_most > 0)
		rule.size_max = o->at_most;
	return rule;
}

int call_arm(struct run *r, const struct calls_rule *rule, void *state, struct err *e)
{
	struct call_state *s = state;
	struct calls *c = stage_calls(r->stage);
	int err;

	assert(c); /* call_watches() had this fault to look at */
	s->run = r;
	err = calls_rule_add(c, r->loop, rule, on_hit, s, &s->id, e);
	s->armed = err >= 0;
	return err;
}

int call_late_arm(struct run *r, const void *opts, enum calls_effect effect, void *state,
		  struct err *e)
{
	const struct call_late_opts *o = opts;
	struct calls_rule rule = call_rule(r, &o->call, effect);

	rule.delay_ns = dur_wall(o->by, r->experiment->shoppers.pace_milli);
	rule.jitter_ns = o->jitter.ns;
	rule.shape = o->shape;
	return call_arm(r, &rule, state, e);
}

int call_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct call_state *s = state;

	(void)opts;
	if (!s->armed)
		return 0;
	s->armed = false;
	return calls_rule_del(stage_calls(r->stage), s->id, e);
}

static void words_list(const struct strlist *l, struct buf *out)
{
	for (size_t i = 0; i < l->count; i++)
		buf_printf(out, "%s%s", !i ? "" : i + 1 < l->count ? ", " : " and ", l->at[i]);
}

void call_describe(const struct call_opts *o, struct buf *out)
{
	if (o->rate < 1)
		buf_printf(out, "%.4g %% of ", o->rate * 100);
	words_list(&o->call, out);
	buf_adds(out, " of ");
	words_list(&o->node, out);
	if (o->path)
		buf_printf(out, ", only on %s", o->path);
	if (o->peer)
		buf_printf(out, ", only to %s", o->peer);
	if (o->fd != CALLS_ANY)
		buf_printf(out, ", only on a %s", call_kinds[o->fd].name);
	if (o->service)
		buf_printf(out, ", only by %s", o->service);
	if (o->process)
		buf_printf(out, ", only by programs like %s", o->process);
	if (o->thread)
		buf_printf(out, ", only by threads like %s", o->thread);
}

void call_late_describe(const void *opts, const char *how, struct buf *out)
{
	const struct call_late_opts *o = opts;

	call_describe(&o->call, out);
	buf_printf(out, " %s ", how);
	words_later(out, o->by.ns, o->jitter.ns);
	if (o->by.domain == DOMAIN_SHOP)
		buf_adds(out, " of shop time");
}

struct calls_watch *call_watches(const struct experiment *x, const struct target *t,
				 size_t *ret_count)
{
	struct calls_watch *w = xcalloc(x->faults_count + 1, sizeof(*w));
	const char *why;
	size_t n = 0;

	for (size_t i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		const struct call_opts *o = x->faults[i].opts;

		/* What is durable then is for the disk to know. */
		if (ops->logs_disk || (ops->hears_syncs && ops->hears_syncs(o))) {
			calls_word("sync", &w[n].calls, &why);
			calls_word("syncfs", &w[n].calls, &why);
			for (size_t k = 0; k < target_wired(t); k++)
				if (drive_meant(x->faults[i].opts, t->nodes[k].name))
					w[n].nodes[k / 64] |= UINT64_C(1) << k % 64;
			n++;
		}
		if (ops->layer != LAYER_CALL)
			continue;
		w[n].calls = call_set(o);
		put_nodes(o, t, w[n].nodes);
		put(w[n].service, sizeof(w[n].service), o->service);
		w[n].args = put_args(o, w[n].arg);
		n++;
	}
	*ret_count = n;
	return w;
}
