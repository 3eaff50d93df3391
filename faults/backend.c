/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/backend.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "faults/link.h"
#include "stage/links.h"
#include "wire/wire.h"

#define ANY_FAULT "*"
#define SAME "the same"

const struct backend_row backend_table[] = {
	{ .fault = ANY_FAULT, .option = "between",
	  .wire = "any number of links, one fault",
	  .netem = "a veth pair and two qdiscs for each link; one back end per link, and one fault "
		   "of each kind" },
	{ .fault = ANY_FAULT, .option = "direction",
	  .wire = "per packet", .netem = "the qdisc of one end or both" },
	{ .fault = ANY_FAULT, .option = "protocol", .only = "any",
	  .wire = "per packet", .netem = "cannot: a qdisc takes all packets of the link" },
	{ .fault = ANY_FAULT, .option = "port", .only = "",
	  .wire = "per packet", .netem = "cannot: a qdisc takes all packets of the link" },
	{ .fault = ANY_FAULT, .option = "backend",
	  .wire = "on every host; 0.3 us a packet, frames segmented in software",
	  .netem = "needs a kernel with sch_netem and veth; 8192 packets may wait on a link" },
	{ .fault = ANY_FAULT, .option = "when.nth", .only = "",
	  .wire = "counts packets", .netem = "cannot: it does not number packets" },
	{ .fault = ANY_FAULT, .option = "when.probability", .only = "",
	  .wire = "drawn for each packet", .netem = "cannot: say `rate:`" },
	{ .fault = ANY_FAULT, .option = "seed",
	  .wire = "a decision is a function of seed and packet: replayable",
	  .netem = "the kernel's own random numbers: not replayable" },
	{ .fault = ANY_FAULT, .option = "events",
	  .wire = "one for each altered packet: connection, sequence range, decision",
	  .netem = "how many, four times a second, from the kernel's counters" },
	{ .fault = ANY_FAULT, .option = "heal",
	  .wire = "what is held back arrives at once",
	  .netem = "what is held back arrives when it was due to" },
	{ .fault = "net.corrupt", .option = "rate",
	  .wire = "of packets", .netem = "of packets; hits are inferred, no counter tells them" },
	{ .fault = "net.corrupt", .option = "bits", .only = "1",
	  .wire = "up to 8 in a row, never in the addresses",
	  .netem = "one, anywhere in the packet, its headers included" },
	{ .fault = "net.corrupt", .option = "checksum", .only = "wrong",
	  .wire = "left wrong, or made right", .netem = "left wrong" },
	{ .fault = "net.delay", .option = "delay",
	  .wire = "to the nanosecond asked for; late by what the process is late", .netem = SAME },
	{ .fault = "net.delay", .option = "jitter", .max = "500ms",
	  .wire = "drawn for each packet", .netem = "from a table of 4096 values; at most 500ms" },
	{ .fault = "net.delay", .option = "shape",
	  .wire = "exact",
	  .netem = "by table: normal ends at 4 deviations, exponential at 9 times the jitter" },
	{ .fault = "net.delay", .option = "overtake",
	  .wire = "either",
	  .netem = "false: by a rate of 4 GB/s, which keeps the order; on several CPUs two packets "
		   "microseconds apart may still swap" },
	{ .fault = "net.delay", .option = "rate", .only = "100%",
	  .wire = "a share of packets", .netem = "cannot: it delays all; a share is net.reorder" },
	{ .fault = "net.drop", .option = "rate",
	  .wire = "of packets", .netem = "of packets; losses are counted by the kernel, those to "
					 "a full queue with them" },
	{ .fault = "net.drop", .option = "burst",
	  .wire = "Gilbert-Elliott, for each connection",
	  .netem = "Gilbert-Elliott, for the link: bursts run across connections" },
	{ .fault = "net.drop", .option = "burst_loss", .wire = "in a bad stretch", .netem = SAME },
	{ .fault = "net.duplicate", .option = "rate",
	  .wire = "of packets", .netem = "of packets; hits are inferred, no counter tells them" },
	{ .fault = "net.duplicate", .option = "gap", .only = "0s",
	  .wire = "the copy may come later", .netem = "cannot: the copy follows at once" },
	{ .fault = "net.rate", .option = "between",
	  .wire = "one bucket for each direction, shared by all links",
	  .netem = "one link: buckets cannot be shared" },
	{ .fault = "net.rate", .option = "speed", .max = "4 GB",
	  .wire = "bytes of IP", .netem = "sch_tbf below netem; bytes of IP, by a size table" },
	{ .fault = "net.rate", .option = "queue", .min = "1600 B",
	  .wire = "bytes that wait", .netem = "at least one packet of 1600 bytes" },
	{ .fault = "net.rate", .option = "burst", .min = "1600 B",
	  .wire = "0 is possible", .netem = "at least 1600 bytes: larger packets are lost" },
	{ .fault = "net.reorder", .option = "rate",
	  .wire = "of packets", .netem = "of packets; hits are inferred, no counter tells them" },
	{ .fault = "net.reorder", .option = "hold",
	  .wire = "for the chosen packets",
	  .netem = "the delay of netem; all others pass at once" },
};
const size_t backend_table_count = ARRAY_SIZE(backend_table);

const struct backend_row *backend_row_for(const char *fault, const char *option)
{
	const struct backend_row *all = NULL;

	for (size_t i = 0; i < backend_table_count; i++) {
		const struct backend_row *r = &backend_table[i];

		if (!str_eq(r->option, option))
			continue;
		if (str_eq(r->fault, fault))
			return r;
		if (str_eq(r->fault, ANY_FAULT))
			all = r;
	}
	return all;
}

/* ---- options, by name ---- */

static const struct opt *row_of(const struct fault_ops *ops, const char *name)
{
	for (const struct opt *row = ops->opts.rows; row && row->type != OPT_END_; row++)
		if (str_eq(row->name, name))
			return row;
	return NULL;
}

static const void *value_of(const struct opt *row, const void *opts)
{
	return (const char *)opts + row->offset;
}

bool backend_has(const struct fault_ops *ops)
{
	return row_of(ops, "backend");
}

bool backend_is_netem(const struct fault_ops *ops, const void *opts)
{
	const struct opt *row = row_of(ops, "backend");

	return row && *(const int *)value_of(row, opts) == WIRE_NETEM;
}

/* union scalar - a value of any type that the table's options have. */
union scalar {
	bool truth;
	int choice;
	int64_t number;
	double share;
	struct dur dur;
};

static int order_of(const struct opt *row, const void *a, const void *b)
{
	union scalar x = { 0 }, y = { 0 };
	size_t size = row->type == OPT_BOOL ? sizeof(bool) : row->type == OPT_ENUM ? sizeof(int) :
		      row->type == OPT_DURATION ? sizeof(struct dur) : sizeof(int64_t);

	memcpy(&x, a, size);
	memcpy(&y, b, size);
	switch (row->type) {
	case OPT_BOOL:
		return x.truth - y.truth;
	case OPT_ENUM:
		return x.choice - y.choice;
	case OPT_RATIO:
		return (x.share > y.share) - (x.share < y.share);
	case OPT_DURATION:
		return (x.dur.ns > y.dur.ns) - (x.dur.ns < y.dur.ns);
	default:
		return (x.number > y.number) - (x.number < y.number);
	}
}

/* The value against a value of the table. The table's texts are ours, so they parse (tested). */
static int against(const struct opt *row, const void *value, const char *text)
{
	struct opt free_row = *row;
	union scalar s = { 0 };
	char why[64];

	free_row.min = free_row.max = NULL;
	if (row->type == OPT_STRLIST)
		return ((const struct strlist *)value)->count > 0;
	opt_value(&free_row, text, &s, why, sizeof(why));
	return order_of(row, value, &s);
}

static bool possible(const struct backend_row *b, const struct opt *row, const void *value)
{
	if (b->only)
		return against(row, value, b->only) == 0;
	return (!b->min || against(row, value, b->min) >= 0) &&
	       (!b->max || against(row, value, b->max) <= 0);
}

/* ---- checking ---- */

/* Where an option of fault i stands in the file; the fault's own place when it is not given. */
static struct mark option_mark(const struct experiment *x, size_t i, const char *option)
{
	const struct conf_item *item = &x->faults[i];
	const struct yaml_node *list = x->faults_node, *opts = NULL;
	const struct yaml_node *value;

	if (list && list->type == NODE_LIST && i < list->count)
		opts = yaml_get(list->items[i], item->kind->name);
	value = yaml_get(opts, option);
	return value ? value->mark : item->mark;
}

static void check_options(const struct experiment *x, size_t i, struct diag *d)
{
	const struct fault_ops *ops = x->faults[i].kind->ops;

	for (const struct opt *row = ops->opts.rows; row->type != OPT_END_; row++) {
		const struct backend_row *b = backend_row_for(ops->name, row->name);

		if (b && !possible(b, row, value_of(row, x->faults[i].opts)))
			diag_error(d, option_mark(x, i, row->name),
				   "faults[%zu].%s: not with `backend: netem`: %s", i, row->name,
				   b->netem);
	}
}

static void check_when(const struct experiment *x, size_t i, struct diag *d)
{
	const struct when *w = &x->faults[i].when;
	const char *name = x->faults[i].kind->name;

	if (w->on != ON_NOTHING) /* events are counted, not packets */
		return;
	if (w->nth.first != INT64_MIN)
		diag_error(d, w->mark, "faults[%zu].when.nth: not with `backend: netem`: %s", i,
			   backend_row_for(name, "when.nth")->netem);
	if (w->probability >= 0)
		diag_error(d, w->mark, "faults[%zu].when.probability: not with `backend: netem`: "
			   "%s", i, backend_row_for(name, "when.probability")->netem);
}

struct ends {
	uint64_t a[4], b[4];
};

static bool ends_of(const struct conf_item *item, const struct target *t, struct ends *ret)
{
	const struct opt *row = row_of(item->kind->ops, "between");
	const struct strlist *l = row && row->type == OPT_STRLIST ? value_of(row, item->opts)
								   : NULL;

	*ret = (struct ends){ 0 };
	if (!l || l->count != 2)
		return false;
	link_nodes(t, l->at[0], ret->a);
	link_nodes(t, l->at[1], ret->b);
	return true;
}

static bool has(const uint64_t set[4], size_t node)
{
	return set[node / 64] >> (node % 64) & 1;
}

static bool joins(const struct ends *e, size_t x, size_t y)
{
	return (has(e->a, x) && has(e->b, y)) || (has(e->a, y) && has(e->b, x));
}

/* Links of both; their first in *ret_x, *ret_y. */
static size_t common_links(const struct ends *e, const struct ends *f, const struct target *t,
			   size_t *ret_x, size_t *ret_y)
{
	size_t n = 0;

	for (size_t x = 0; x < target_wired(t); x++)
		for (size_t y = x + 1; y < target_wired(t); y++)
			if (joins(e, x, y) && joins(f, x, y) && !n++) {
				*ret_x = x;
				*ret_y = y;
			}
	return n;
}

/* net.reorder is netem's delay for a share of packets. */
static const char *kind_in_netem(const char *fault)
{
	return str_eq(fault, "net.reorder") ? "net.delay" : fault;
}

static void check_pair(const struct experiment *x, size_t i, size_t k, const struct target *t,
		       struct diag *d)
{
	const struct conf_item *a = &x->faults[i], *b = &x->faults[k];
	struct ends e, f;
	size_t m = 0, n = 0;

	if (!ends_of(a, t, &e) || !ends_of(b, t, &f) || !common_links(&e, &f, t, &m, &n))
		return;
	if (!backend_is_netem(b->kind->ops, b->opts))
		diag_error(d, option_mark(x, i, "backend"), "faults[%zu]: the link between %s and "
			   "%s is netem's here and the wire's in faults[%zu] (%s): one back end "
			   "for each link", i, t->nodes[m].name, t->nodes[n].name, k,
			   b->kind->name);
	else if (k < i && str_eq(kind_in_netem(a->kind->name), kind_in_netem(b->kind->name)))
		diag_error(d, a->mark, "faults[%zu]: netem already has %s from faults[%zu] on the "
			   "link between %s and %s", i, b->kind->name, k, t->nodes[m].name,
			   t->nodes[n].name);
}

static void check_links(const struct experiment *x, size_t i, const struct target *t,
			struct diag *d)
{
	size_t m = 0, n = 0;
	struct ends e;

	if (str_eq(x->faults[i].kind->name, "net.rate") && ends_of(&x->faults[i], t, &e) &&
	    common_links(&e, &e, t, &m, &n) > 1)
		diag_error(d, option_mark(x, i, "between"),
			   "faults[%zu].between: not with `backend: netem`: %s", i,
			   backend_row_for("net.rate", "between")->netem);
	for (size_t k = 0; k < x->faults_count; k++)
		if (k != i)
			check_pair(x, i, k, t, d);
}

void backend_check(const struct experiment *x, const struct target *t, struct diag *d)
{
	for (size_t i = 0; i < x->faults_count; i++) {
		if (!backend_is_netem(x->faults[i].kind->ops, x->faults[i].opts))
			continue;
		check_options(x, i, d);
		check_when(x, i, d);
		check_links(x, i, t, d);
	}
}

/* ---- telling ---- */

void backend_help(const struct fault_ops *ops, unsigned indent, struct buf *out)
{
	if (!backend_has(ops))
		return;
	for (size_t i = 0; i < backend_table_count; i++) {
		const struct backend_row *r = &backend_table[i];

		if (!str_eq(r->fault, ops->name) &&
		    (!str_eq(r->fault, ANY_FAULT) || backend_row_for(ops->name, r->option) != r))
			continue;
		buf_printf(out, "%*s%s\n%*swire:  %s\n%*snetem: %s\n", (int)indent, "", r->option,
			   (int)indent + 4, "", r->wire, (int)indent + 4, "", r->netem);
	}
}

int fault_probe(const struct fault_ops *ops, const void *opts, char *why, size_t why_len)
{
	int r = ops->probe ? ops->probe(why, why_len) : 0;

	if (r >= 0 && backend_is_netem(ops, opts))
		r = stage_probe_netem(str_eq(ops->name, "net.rate"), why, why_len);
	return r;
}
