/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --dry-run: the list of operations. One walk builds a list of (what, name,
 * details); text and JSON are two ways to print it.
 */
#include "cmd_dry.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cmd.h"
#include "conf/when.h"
#include "explore/hints.h"
#include "explore/plan.h"
#include "explore/suite.h"
#include "faults/backend.h"
#include "faults/fault.h"
#include "judge/judge.h"

struct operation {
	const char *what; /* static */
	char *name, *details;
};
struct operations {
	struct operation *at;
	size_t count;
};

/* Takes the text of details and leaves it empty. */
static void add(struct operations *o, const char *what, char *name, struct buf *details)
{
	o->at = xrealloc(o->at, (o->count + 1) * sizeof(*o->at));
	o->at[o->count++] = (struct operation){what, name, buf_steal(details)};
}

static void done(struct operations *o)
{
	size_t i;

	for (i = 0; i < o->count; i++) {
		free(o->at[i].name);
		free(o->at[i].details);
	}
	free(o->at);
}

static void add_words(struct buf *b, const struct strlist *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		buf_printf(b, "%s%s", i ? " " : "", l->at[i]);
}

static void service(struct operations *o, const struct node *n, const struct service *s)
{
	const struct ready *r = &s->ready;
	struct buf b = {0};

	add_words(&b, &s->run);
	if (r->http)
		buf_printf(&b, "; ready when http %s answers", r->http);
	else if (r->tcp)
		buf_printf(&b, "; ready when tcp %s accepts", r->tcp);
	else if (r->log)
		buf_printf(&b, "; ready when it logs /%s/", r->log);
	else if (r->command)
		buf_printf(&b, "; ready when \"%s\" succeeds", r->command);
	add(o, "service", xasprintf("%s/%s", n->name, s->name), &b);
}

static void stage(struct operations *o, const struct target *t)
{
	struct buf b = {0};
	size_t i, k;

	for (i = 0; i < t->prepare_count; i++) {
		add_words(&b, &t->prepare[i].run);
		add(o, "prepare", xstrdup(t->prepare[i].node), &b);
	}
	for (i = 0; i < t->nodes_count; i++) {
		const struct node *n = &t->nodes[i];

		for (k = 0; k < n->data_count; k++)
			buf_printf(&b, "%sdata %s", k ? ", " : "", n->data[k].path);
		add(o, "node", xstrdup(n->name), &b);
	}
	for (i = 0; i < t->nodes_count; i++) {
		for (k = 0; k < t->nodes[i].services_count; k++)
			service(o, &t->nodes[i], &t->nodes[i].services[k]);
	}
}

static void shoppers(struct operations *o, const struct experiment *x, const struct target *t)
{
	const struct strlist *lanes = x->shoppers.lanes.count ? &x->shoppers.lanes : &t->lanes;
	struct buf b = {0};

	buf_printf(&b, "%s%.0f at lanes ", shoppers_open_ns(&x->shoppers) < 0 ? "" : "about ",
		   shoppers_expected(&x->shoppers));
	add_words(&b, lanes);
	if (x->shoppers.pace_milli > 1000)
		buf_printf(&b, ", pace %gx", (double)x->shoppers.pace_milli / 1000);
	add(o, "shoppers", xstrdup(""), &b);
}

static void load(struct operations *o, const struct plan_entry *e)
{
	struct buf b = {0};

	hints_load(e, &b);
	add(o, "load", xstrdup(""), &b);
}

static void driver(struct operations *o, const struct target *t)
{
	static const char *const kinds[] = {
		[DRIVER_HTTP] = "http", [DRIVER_SCRIPT] = "script", [DRIVER_NULL] = "null"};
	const struct driver *d = &t->driver;
	struct buf b = {0};

	if (d->kind == DRIVER_SCRIPT)
		add_words(&b, &d->script);
	else if (d->kind == DRIVER_HTTP)
		buf_printf(&b, "%s:", d->base ? d->base : d->at);
	for (size_t i = 0; d->kind == DRIVER_HTTP && i < ACTIONS_COUNT; i++)
		if (d->actions[i].count)
			buf_printf(&b, " %s", action_names[i]);
	add(o, "driver", xstrdup(kinds[d->kind]), &b);
}

static void books(struct operations *o, const struct target *t)
{
	static const char *const kinds[] = {[BOOKS_NONE] = "none",
					    [BOOKS_SQLITE] = "sqlite",
					    [BOOKS_POSTGRES] = "postgres",
					    [BOOKS_HTTP] = "http",
					    [BOOKS_COMMAND] = "command"};
	const struct books *k = &t->books;
	const struct {
		const char *name, *sql;
	} asked[] = {{"sales", k->sales},       {"payments", k->payments}, {"stock", k->stock},
		     {"receipts", k->receipts}, {"lines", k->lines},       {"queue", k->queue}};
	struct buf b = {0};

	if (k->kind != BOOKS_NONE)
		buf_printf(&b, "%s", k->node);
	if (k->file || k->connect || k->url)
		buf_printf(&b, ": %s", k->file ? k->file : k->connect ? k->connect : k->url);
	else if (k->run.count)
		buf_adds(&b, ": "), add_words(&b, &k->run);
	for (size_t i = 0, n = 0; i < ARRAY_SIZE(asked); i++)
		if (asked[i].sql)
			buf_printf(&b, "%s%s", n++ ? ", " : "; asked for ", asked[i].name);
	add(o, "books", xstrdup(kinds[k->kind]), &b);
}

static void shop(struct operations *o, const struct target *t)
{
	struct buf b = {0};

	add_words(&b, &t->lanes);
	add(o, "lanes", xstrdup(""), &b);
	buf_printf(&b, "%zu articles, %s", t->goods_count, t->currency);
	add(o, "goods", xstrdup(""), &b);
	buf_printf(&b, "%s in the driver%s%s", t->key.field, t->key.books ? ", books: " : "",
		   t->key.books ? t->key.books : "");
	add(o, "key", xstrdup(""), &b);
}

static void faults(struct operations *o, const struct experiment *x)
{
	size_t i;

	for (i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		struct buf b = {0}, when = {0};

		if (ops->describe)
			ops->describe(x->faults[i].opts, &b);
		when_describe(&x->faults[i].when, x->shoppers.pace_milli, &when);
		if (when.len)
			buf_printf(&b, "; %s", when.data);
		buf_done(&when);
		add(o, "fault", xstrdup(ops->name), &b);
	}
}

static void checks(struct operations *o, const struct experiment *x)
{
	size_t i;

	for (i = 0; i < x->checks_count; i++) {
		const struct check_ops *ops = x->checks[i].kind->ops;
		struct buf b = {0};

		buf_adds(&b, ops->summary);
		add(o, "check", xstrdup(ops->name), &b);
	}
}

static void probes(struct operations *o, const struct experiment *x, const struct target *t)
{
	size_t i;

	for (i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		char why[512] = "";
		struct buf b = {0};

		int r = fault_probe(ops, x->faults[i].opts, why, sizeof(why));

		if (r >= 0 && ops->reach)
			r = ops->reach(x->faults[i].opts, t, why, sizeof(why));
		if (r >= 0)
			buf_adds(&b, "works here");
		else
			buf_printf(&b, "does not work here: %s", why);
		add(o, "probe", xstrdup(ops->name), &b);
	}
}

static void print_text(const struct operations *o)
{
	size_t i;

	for (i = 0; i < o->count; i++)
		printf("  %-9s %-20s %s\n", o->at[i].what, o->at[i].name, o->at[i].details);
}

static void print_json(const struct operations *o, struct json_out *out)
{
	size_t i;

	json_arr(out, "operations");
	for (i = 0; i < o->count; i++) {
		json_obj(out, NULL);
		json_str(out, "what", o->at[i].what);
		json_str(out, "name", o->at[i].name);
		json_str(out, "details", o->at[i].details);
		json_obj_end(out);
	}
	json_arr_end(out);
}

static int64_t first_seed(const struct cli *c, const struct experiment *x)
{
	if (c->seed >= 0)
		return c->seed;
	return x->seed >= 0 ? x->seed : SUITE_SEED_DEFAULT;
}

static void entry(const struct cli *c, const struct plan_entry *e, struct json_out *out)
{
	const struct experiment *x = e->experiment;
	int64_t seeds = c->seeds ? c->seeds : 1;
	struct operations o = {0};

	stage(&o, e->target);
	shoppers(&o, x, e->target);
	load(&o, e);
	faults(&o, x);
	checks(&o, x);
	probes(&o, x, e->target);
	if (c->json) {
		json_obj(out, NULL);
		json_str(out, "experiment", x->name);
		json_str(out, "target", e->target->name);
		json_i64(out, "seed", first_seed(c, x));
		json_i64(out, "trials", seeds);
		print_json(&o, out);
		json_obj_end(out);
	} else {
		printf("%s: target %s, seed %lld, %lld trial%s\n", x->name, e->target->name,
		       (long long)first_seed(c, x), (long long)seeds, seeds == 1 ? "" : "s");
		print_text(&o);
	}
	done(&o);
}

int dry_run(const struct cli *c, struct plan *p)
{
	struct buf b = {0};
	struct json_out out = {.buf = &b, .pretty = true};
	size_t i;

	json_arr(&out, NULL);
	for (i = 0; i < p->count; i++)
		entry(c, &p->at[i], &out);
	json_arr_end(&out);
	if (c->json)
		puts(b.data);
	buf_done(&b);
	return 0;
}

void dry_target(const struct target *t)
{
	struct operations o = {0};

	stage(&o, t);
	shop(&o, t);
	driver(&o, t);
	books(&o, t);
	print_text(&o);
	done(&o);
}

void dry_warnings(const struct plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct buf b = {0};

		if (hints_warn(&p->at[i], &b))
			fputs(b.data, stderr);
		buf_done(&b);
	}
}
