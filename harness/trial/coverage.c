/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/coverage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "calls/calls.h"
#include "calls/table.h"
#include "ledger/ledger.h"
#include "shim/binary.h"
#include "shim/shim.h"
#include "stage/links.h"
#include "trial/trial.h"

static void note(struct ledger *l, const char *service, const char *did)
{
	char node[256];

	snprintf(node, sizeof(node), "%.*s", (int)strcspn(service, "/"), service);
	ledger_event(l, (struct event){ .kind = EV_NOTE, .fault = -1, .node = node,
					.object = service, .did = did });
}

static void __attribute__((format(printf, 2, 3))) also(struct buf *b, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(b, "%s%s", b->len ? ", " : "", text);
}

/* ---- before it runs ---- */

static const char *linked(const struct binary *b)
{
	if (b->kind == BINARY_GLIBC || b->kind == BINARY_MUSL)
		return "dynamic";
	if (b->kind == BINARY_STATIC)
		return "static";
	return b->kind == BINARY_FOREIGN ? "none" : "unknown";
}

static const char *libc(const struct binary *b)
{
	return b->kind == BINARY_GLIBC ? "glibc" : b->kind == BINARY_MUSL ? "other" : "";
}

static char *call_names(const struct calls_set *set)
{
	struct buf b = { 0 };

	for (unsigned i = 0; i < calls_count; i++)
		if (calls_has(set, i))
			also(&b, "%s", calls_table[i].name);
	return buf_steal(&b);
}

static void look(const struct coverage *c, size_t node, const struct service *s,
		 struct trial_reach *ret, struct ledger *l)
{
	const struct node *n = &c->target->nodes[node];
	cleanup_free char *did = NULL;
	struct calls_set set = { { 0 } };
	struct buf layers = { 0 };
	struct binary b;
	const char *no;
	bool calls, library = stage_shim(c->stage, n->name);

	binary_look(c->target, n, s, &b);
	no = binary_out_of_reach(&b);
	*ret = (struct trial_reach){ .service = xasprintf("%s/%s", n->name, s->name),
				     .program = xstrdup(b.path), .linked = xstrdup(linked(&b)),
				     .libc = xstrdup(libc(&b)),
				     .language = xstrdup(b.go ? "Go" : "") };
	calls = calls_watched(c->watch, c->watches, (unsigned)node, ret->service, &set);
	also(&layers, "wire");
	if (stage_disk(c->stage, n->name))
		also(&layers, "disk");
	if (calls)
		also(&layers, "calls");
	if (library && !no)
		also(&layers, "library");
	ret->layers = buf_steal(&layers);
	ret->filtered = call_names(&set);
	ret->beyond = no ? xasprintf("clock.* and lib.*: %s", no) : xstrdup("");
	did = xasprintf("runs %s: %s%s%s", b.path, binary_words(&b), b.why[0] ? ", " : "", b.why);
	if (l && library)
		note(l, ret->service, did);
}

void coverage_begin(struct coverage *c, struct ledger *l)
{
	const struct target *t = c->target;

	for (size_t i = 0; i < t->nodes_count; i++) {
		const struct node *n = &t->nodes[i];

		c->at = xrealloc(c->at, (c->count + n->services_count + 1) * sizeof(*c->at));
		for (size_t k = 0; k < n->services_count; k++)
			look(c, i, &n->services[k], &c->at[c->count++], l);
	}
}

/* ---- the line ---- */

static bool inside(const struct trial_reach *r)
{
	return *r->filtered || strstr(r->layers, "library");
}

static char *words(const struct trial_reach *r)
{
	struct buf b = { 0 };
	size_t calls = *r->filtered ? 1 : 0;

	for (const char *p = r->filtered; *p; p++)
		calls += *p == ',';
	buf_printf(&b, "%s%s%s%s", r->linked, *r->libc ? " " : "", r->libc,
		   *r->language ? " Go" : "");
	buf_printf(&b, ", seen by %s", r->layers);
	if (calls)
		buf_printf(&b, " (%zu system call%s)", calls, calls == 1 ? "" : "s");
	if (*r->beyond)
		buf_printf(&b, "; out of reach: %s", r->beyond);
	return buf_steal(&b);
}

void coverage_words(const struct coverage *c, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < c->count; i++)
		any |= inside(&c->at[i]);
	for (size_t i = 0; any && i < c->count; i++) {
		cleanup_free char *mine = words(&c->at[i]);
		bool told = false;

		for (size_t k = 0; k < c->count && !told; k++) {
			cleanup_free char *other = words(&c->at[k]);

			if (!str_eq(mine, other))
				continue;
			told = k < i;
			if (!told)
				buf_printf(out, "%s%s", k == i ? out->len ? ". " : "" : ", ",
					   c->at[k].service);
		}
		if (!told)
			buf_printf(out, ": %s", mine);
	}
}

/* ---- when it has run ---- */

/* The supervisor knows a service by its name; ret stays as it is when it was never started. */
static void take_calls(struct trial_reach *r, const struct calls_facts *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(f[i].service, r->service))
			continue;
		r->calls = (int64_t)f[i].calls;
		r->altered = (int64_t)f[i].altered;
		r->rings = (int64_t)f[i].rings;
		r->listeners = (int64_t)f[i].listeners;
		r->foreign = (int64_t)f[i].foreign;
	}
}

/* What went around us or was denied is an event of its own. */
static void note_calls(const struct trial_reach *r, struct ledger *l)
{
	struct buf b = { 0 };

	if (r->rings)
		also(&b, "io_uring asked for and denied %" PRId64 " times", r->rings);
	if (r->listeners)
		also(&b, "a filter of its own that notifies refused (EBUSY) %" PRId64 " times",
		     r->listeners);
	if (r->foreign)
		also(&b, "%" PRId64 " calls of 32-bit programs left alone", r->foreign);
	if (b.len)
		note(l, r->service, b.data);
	buf_done(&b);
}

static void beyond(struct trial_reach *r, const char *what)
{
	char *all = xasprintf("%s%s%s", r->beyond, *r->beyond ? "; " : "", what);

	free(r->beyond);
	r->beyond = all;
}

static void take_loaded(struct trial_reach *r, struct shim *shim, struct ledger *l)
{
	char did[128] = "no process of it has loaded our library: nothing can act inside it";

	if (!shim)
		return;
	r->loaded = shim_loaded(shim, r->service);
	if (r->loaded)
		snprintf(did, sizeof(did), "its processes have loaded our library %" PRId64
			 " time%s, forks and execs included", r->loaded,
			 r->loaded == 1 ? "" : "s");
	else if (!*r->beyond)
		beyond(r, "clock.* and lib.*: no process of it has loaded our library");
	note(l, r->service, did);
}

void coverage_end(struct coverage *c, struct ledger *l)
{
	cleanup_free struct calls_facts *f = xcalloc(CALLS_SERVICES_MAX, sizeof(*f));
	struct calls *calls = c->count ? stage_calls(c->stage) : NULL; /* or it never began */
	size_t n = calls ? calls_facts(calls, f, CALLS_SERVICES_MAX) : 0;

	for (size_t i = 0; i < c->count; i++) {
		struct trial_reach *r = &c->at[i];
		char node[256];

		snprintf(node, sizeof(node), "%.*s", (int)strcspn(r->service, "/"), r->service);
		take_calls(r, f, n);
		note_calls(r, l);
		if (r->foreign)
			beyond(r, "call.*: 32-bit programs");
		take_loaded(r, stage_shim(c->stage, node), l);
	}
}

void trial_reach_done(struct trial_reach *r, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *texts[] = { r[i].service, r[i].program, r[i].linked, r[i].libc,
				  r[i].language, r[i].layers, r[i].filtered, r[i].beyond };

		for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
			free(texts[k]);
	}
	free(r);
}
