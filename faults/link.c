/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/link.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "ledger/ledger.h"
#include "stage/links.h"
#include "wire/packet.h"
#include "wire/wire.h"

const struct opt_value link_directions[] = {
	[WIRE_BOTH] = { "both", "either way" },
	[WIRE_TO] = { "to", "towards the second" },
	[WIRE_FROM] = { "from", "coming from the second" },
	{ NULL, NULL },
};
const struct opt_value link_protocols[] = {
	[WIRE_ANY] = { "any", "every packet" },
	[WIRE_TCP] = { "tcp", "TCP" },
	[WIRE_UDP] = { "udp", "UDP" },
	[WIRE_ICMP] = { "icmp", "ICMP and ICMPv6" },
	{ NULL, NULL },
};
const struct opt_value link_ways_to_end[] = {
	{ "silence", "nothing more is heard" },
	{ "reset", "both ends hear a RST" },
	{ NULL, NULL },
};

const struct opt_value link_backends[] = {
	[WIRE_SWITCH] = { "wire", "the harness's own, per packet and from the seed" },
	[WIRE_NETEM] = { "netem", "the kernel, where it can; not replayable" },
	{ NULL, NULL },
};

/* ---- checking ---- */

static bool port_number(const char *text, uint16_t *ret)
{
	char why[64];
	int64_t n;

	if (opt_parse_int(text, &n, why, sizeof(why)) < 0 || n < 1 || n > 65535)
		return false;
	*ret = (uint16_t)n;
	return true;
}

void link_check(const void *opts, struct mark at, struct diag *d)
{
	const struct link_opts *o = opts;
	uint16_t port;

	if (o->between.count != 2)
		diag_error(d, o->between.count ? o->between.marks[0] : at,
			   "between: needs two nodes or patterns, [lane-*, store]");
	if (o->between.count == 2 && !strcmp(o->between.at[0], o->between.at[1]) &&
	    !strpbrk(o->between.at[0], "*?["))
		diag_error(d, o->between.marks[1], "between: there is no link from a node to "
			   "itself");
	if (o->protocol == WIRE_ICMP && o->port.count)
		diag_error(d, o->port.marks[0], "port: ICMP has none; leave out `port` or "
			   "`protocol`");
	if (o->port.count > WIRE_PORTS_MAX)
		diag_error(d, o->port.marks[WIRE_PORTS_MAX], "port: at most %d of them",
			   WIRE_PORTS_MAX);
	for (size_t i = 0; i < o->port.count; i++)
		if (!port_number(o->port.at[i], &port))
			diag_error(d, o->port.marks[i], "port: \"%s\" is not a port, 1 to 65535",
				   o->port.at[i]);
}

void link_check_rate(double rate, struct mark at, struct diag *d)
{
	if (rate <= 0)
		diag_error(d, at, "rate: at 0 %% nothing would ever happen; write more than 0 %%");
}

void link_check_request(const char *pattern, struct mark at, struct diag *d)
{
	if (pattern && strlen(pattern) >= WIRE_PATTERN_MAX)
		diag_error(d, at, "request: at most %d bytes of pattern", WIRE_PATTERN_MAX - 1);
}

int link_nodes(const struct target *t, const char *pattern, uint64_t ret[4])
{
	int n = 0;

	for (size_t i = 0; i < target_wired(t); i++) {
		if (!str_glob(pattern, t->nodes[i].name))
			continue;
		ret[i / 64] |= UINT64_C(1) << (i % 64);
		n++;
	}
	return n;
}

int link_check_target(const void *opts, const struct target *t, struct mark at, struct diag *d)
{
	const struct link_opts *o = opts;
	uint64_t set[2][4] = { { 0 } };
	int n[2] = { 0, 0 };

	for (size_t i = 0; i < 2 && i < o->between.count; i++) {
		n[i] = link_nodes(t, o->between.at[i], set[i]);
		if (!n[i])
			target_no_node(t, o->between.at[i], o->between.marks[i], "between", d);
	}
	if (n[0] && n[1] && n[0] == 1 && strcmp(o->between.at[0], o->between.at[1]) &&
	    !memcmp(set[0], set[1], sizeof(set[0]))) {
		diag_error(d, at, "between: there is no link from a node to itself");
		return -EINVAL;
	}
	return n[0] && n[1] ? 0 : -EINVAL;
}

/* ---- telling ---- */

static const char *node_name(const struct run *r, unsigned index)
{
	return index < r->target->nodes_count ? r->target->nodes[index].name : "?";
}

static const char *protocol_name(unsigned proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	default:
		return "ip";
	}
}

/* "seq 513+1448", "SYN", "ack at 1", "packet 7": which one of its connection. */
static void which_words(const struct wire_hit *h, char *buf, size_t len)
{
	if (h->protocol != IPPROTO_TCP)
		snprintf(buf, len, "packet %u", h->seq);
	else if (h->flags & TCP_RST)
		snprintf(buf, len, "RST");
	else if (h->flags & TCP_SYN)
		snprintf(buf, len, h->flags & TCP_ACK ? "SYN-ACK" : "SYN");
	else if (h->len)
		snprintf(buf, len, "seq %u..%u", h->seq, h->seq + h->len - 1);
	else
		snprintf(buf, len, "%s at seq %u", h->flags & TCP_FIN ? "FIN" : "ack", h->seq);
}

/* netem says how many, or not even that. */
static void on_count(struct run *r, const struct wire_hit *h)
{
	char did[96];

	if (h->counted == COUNTED)
		r->many = (int64_t)h->count;
	wire_did_words(h->did, h->ns, did, sizeof(did));
	run_fired(r, node_name(r, h->from), NULL, NULL, "%" PRIu64 " packets to %s %s (%s)",
		  h->count, node_name(r, h->to), did,
		  h->counted == COUNTED ? "counted by the kernel" :
		  "inferred from the rate and the kernel's count of packets");
}

static void on_hit(void *arg, const struct wire_hit *h)
{
	struct link_state *s = arg;
	struct run *r = s->run;
	char did[96], which[64], object[160];

	if (h->counted != SEEN) {
		on_count(r, h);
		return;
	}
	snprintf(object, sizeof(object), "%s>%s %s%s/%u#%u", node_name(r, h->client),
		 node_name(r, h->server), protocol_name(h->protocol), h->v6 ? "6" : "", h->port,
		 h->nth);
	if (h->did == DID_UNHEARD) {
		r->many = (int64_t)h->count;
		run_fired(r, NULL, NULL, NULL, "%" PRIu64 " more packets altered: too many at "
			  "once to say which", h->count);
		return;
	}
	wire_did_words(h->did, h->ns, did, sizeof(did));
	if (h->count > 1) {
		r->many = (int64_t)h->count;
		run_fired(r, node_name(r, h->from), NULL, NULL, "%" PRIu64 " more packets %s",
			  h->count, did);
		return;
	}
	which_words(h, which, sizeof(which));
	if (!wire_did_alter(h->did)) {
		run_skipped(r, node_name(r, h->from), object, "%s: %s", did,
			    h->did == DID_NOT_LOST ? "it has no such byte" :
			    "its connection has met another fault before");
		return;
	}
	run_fired(r, node_name(r, h->from), NULL, object, "%s: %s to %s, %s, pass %u",
		  did, node_name(r, h->from), node_name(r, h->to),
		  which, h->again + 1);
}

/* ---- arming ---- */

struct wire_rule link_rule(const struct run *r, const struct link_opts *o,
			   enum wire_effect effect)
{
	struct wire_rule rule = { .effect = effect, .fault = r->fault, .seed = (uint64_t)r->seed,
				  .way = (uint8_t)o->direction, .protocol = (uint8_t)o->protocol,
				  .backend = (uint8_t)o->backend,
				  .gate = r->gate, .chance = 1 };
	const struct fault_ops *ops = r->experiment->faults[r->fault].kind->ops;

	snprintf(rule.name, sizeof(rule.name), "%s.%d", ops->name, r->fault);
	link_nodes(r->target, o->between.at[0], rule.a);
	link_nodes(r->target, o->between.at[1], rule.b);
	for (size_t i = 0; i < o->port.count && i < WIRE_PORTS_MAX; i++)
		if (port_number(o->port.at[i], &rule.ports[rule.ports_count]))
			rule.ports_count++;
	return rule;
}

int link_arm(struct run *r, const struct wire_rule *rule, void *state, struct err *e)
{
	struct link_state *s = state;
	struct wire *w = stage_wire(r->stage);
	int err;

	s->run = r;
	err = wire_rule_add(w, r->loop, rule, on_hit, s, &s->id, e);
	s->armed = err >= 0;
	s->forgotten = wire_forgotten(w);
	return err;
}

int link_disarm(struct run *r, const void *opts, void *state, struct err *e)
{
	struct link_state *s = state;
	struct wire *w = stage_wire(r->stage);
	uint64_t forgotten;
	int err;

	(void)opts;
	if (!s->armed)
		return 0;
	s->armed = false;
	err = wire_rule_del(w, s->id, e);
	forgotten = wire_forgotten(w) - s->forgotten;
	if (forgotten)
		run_skipped(r, NULL, NULL, "%" PRIu64 " connections in use were forgotten: too "
			    "many at once; what was decided about them was over then", forgotten);
	return err;
}

void link_describe(const struct link_opts *o, struct buf *out)
{
	const char *a = o->between.count == 2 ? o->between.at[0] : "?";
	const char *b = o->between.count == 2 ? o->between.at[1] : "?";

	if (o->direction == WIRE_TO)
		buf_printf(out, "from %s to %s", a, b);
	else if (o->direction == WIRE_FROM)
		buf_printf(out, "from %s to %s", b, a);
	else
		buf_printf(out, "between %s and %s", a, b);
	if (o->protocol != WIRE_ANY)
		buf_printf(out, ", %s", link_protocols[o->protocol].name);
	for (size_t i = 0; i < o->port.count; i++)
		buf_printf(out, "%s%s", i ? " " : ", port ", o->port.at[i]);
	if (o->backend == WIRE_NETEM)
		buf_adds(out, " (netem: the kernel decides, not replayable)");
}
