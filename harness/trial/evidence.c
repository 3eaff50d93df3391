/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "faults/fault.h"
#include "stage/links.h"
#include "wire/tally.h"
#include "wire/wire.h"

/* Without a fault on the network nothing will be altered. */
static bool wanted(const struct trial_in *in)
{
	const struct experiment *x = in->experiment;

	if (x->pcap != PCAP_ALTERED)
		return x->pcap == PCAP_ALL;
	for (size_t i = 0; in->faults && i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;

		if (ops->layer == LAYER_NET)
			return true;
	}
	return false;
}

int evidence_begin(struct stage *st, const struct trial_in *in, int64_t epoch_ns, struct err *e)
{
	const struct experiment *x = in->experiment;
	const struct target *t = in->target;
	cleanup_free char *path = xasprintf("%s/" EVIDENCE_FILE, in->dir);
	cleanup_free const char **names = xcalloc(t->nodes_count + 1, sizeof(*names));
	cleanup_close int fd = -1;
	struct wire_capture_opts o = { .what = x->pcap == PCAP_ALL ? CAPTURE_ALL : CAPTURE_ALTERED,
				       .snap = (uint32_t)x->pcap_snap, .size_max = x->pcap_size,
				       .epoch_ns = epoch_ns, .names = names,
				       .nodes = (unsigned)target_wired(t) };

	if (!wanted(in))
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_errno(e, errno, "writing %s", path);
	for (size_t i = 0; i < o.nodes; i++)
		names[i] = t->nodes[i].name;
	o.fd = fd;
	return wire_capture_begin(stage_wire(st), &o, e);
}

/* ---- the end ---- */

/* In words, what of the packets asked for is not in the file. */
static void missing(struct buf *b, const struct wire_capture_facts *c, const struct err *e)
{
	if (e->code)
		buf_printf(b, "%s, so it ends somewhere; ", e->msg);
	if (c->error)
		buf_printf(b, "it could not be written to its end: %s; ", strerror(c->error));
	if (c->lost)
		buf_printf(b, "%" PRIu64 " packets are missing, the disk was too slow; ", c->lost);
	if (c->over)
		buf_printf(b, "%" PRIu64 " packets came when it was full; ", c->over);
	if (c->snapped)
		buf_printf(b, "%" PRIu64 " packets are cut to pcap_snap; ", c->snapped);
	if (c->masked)
		buf_printf(b, "digits are masked in %" PRIu64 " packets; ", c->masked);
	if (b->len)
		b->data[b->len -= 2] = '\0';
}

static void take_capture(const struct trial_in *in, struct ledger *l, struct trial_facts *f,
			 const struct wire_capture_facts *c, const struct err *e)
{
	cleanup_free char *path = xasprintf("%s/" EVIDENCE_FILE, in->dir);
	struct buf words = { 0 };

	f->pcap_packets = (int64_t)c->packets;
	f->pcap_missing = (int64_t)(c->lost + c->over);
	if (!c->packets && !f->pcap_missing && !c->error && !e->code) {
		unlink(path); /* none was altered: no file, rather than an empty one */
		return;
	}
	missing(&words, c, e);
	if (!words.len)
		return;
	snprintf(f->pcap_note, sizeof(f->pcap_note), "%s", words.data);
	ledger_event(l, (struct event){ .kind = EV_NOTE, .fault = -1, .object = EVIDENCE_FILE,
					.did = f->pcap_note });
	buf_done(&words);
}

static void take_link(struct trial_out *out, const struct target *t, size_t from, size_t to,
		      const struct wire_link *w)
{
	struct trial_link *l;
	size_t n = out->links_count;

	if (!w->packets)
		return;
	out->links = xrealloc(out->links, (n + 1) * sizeof(*out->links));
	l = &out->links[out->links_count++];
	*l = (struct trial_link){ .from = xstrdup(t->nodes[from].name),
				  .to = xstrdup(t->nodes[to].name),
				  .packets = (int64_t)w->packets, .bytes = (int64_t)w->bytes,
				  .dropped = (int64_t)w->dropped, .again = (int64_t)w->again,
				  .handshakes = (int64_t)w->handshakes,
				  .rtt_min_ns = w->rtt_min_ns, .rtt_max_ns = w->rtt_max_ns };
	if (w->handshakes)
		l->rtt_mean_ns = w->rtt_sum_ns / (int64_t)w->handshakes;
}

/* Packets that were lost without a fault, before any link had them, are told of by name. */
static int64_t take_overrun(struct wire *w, unsigned index, const char *name, struct ledger *l)
{
	uint64_t n = wire_overrun(w, index);
	char did[128];

	if (!n)
		return 0;
	snprintf(did, sizeof(did), "lost %" PRIu64 " packets at its own interface: this machine "
		 "was too busy to fetch them", n);
	ledger_event(l, (struct event){ .kind = EV_NOTE, .fault = -1, .object = name,
					.did = did });
	return (int64_t)n;
}

void evidence_end(struct stage *st, const struct trial_in *in, struct ledger *l,
		  struct trial_out *out)
{
	struct wire *w = stage_wire(st);
	const struct target *t = in->target;
	struct wire_capture_facts c;
	size_t nodes = target_wired(t);
	struct err e = { 0 };

	if (wanted(in)) {
		wire_capture_end(w, &c, &e);
		take_capture(in, l, &out->facts, &c, &e);
	}
	for (size_t i = 0; i < nodes; i++)
		out->facts.wire_overrun += take_overrun(w, (unsigned)i, t->nodes[i].name, l);
	for (size_t i = 0; i < nodes; i++)
		for (size_t j = 0; j < nodes; j++) {
			struct wire_link link = wire_link(w, (unsigned)i, (unsigned)j);

			take_link(out, t, i, j, &link);
		}
}

void trial_links_done(struct trial_link *l, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(l[i].from);
		free(l[i].to);
	}
	free(l);
}
