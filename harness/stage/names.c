/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. How a node finds the others by name:
 *
 *   resolve: dns     /etc/hosts holds the node itself, /etc/resolv.conf the name
 *                    server on the wire (wire/responder.c), whose questions
 *                    dns.* faults act on
 *   resolve: hosts   /etc/hosts holds everybody, there is no name server
 *
 * Who asks that server, and whom a fault on it may hit:
 *
 *   services, and a script driver (it runs in its lane's node)    yes
 *   readiness and books by address (http, tcp, postgres, sqlite)  never ask
 *   readiness and books by a command in the node                  never ask: they see a hosts
 *                                                                 file with everybody in it
 *   the http driver                                               never asks: it is told
 *
 * The last line but one is for the verdict's sake: a probe of the harness that
 * met the fault would make a fault that no service ever noticed count as fired,
 * and a service that serves look as if it did not.
 */
#include "stage/room.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "wire/names.h"

/* ---- files ---- */

static void host_line(const struct stage_node *m, bool v6, struct buf *out)
{
	if (v6)
		buf_printf(out, WIRE_ADDR6_FMT, m->index + 1);
	else
		buf_printf(out, WIRE_ADDR4_FMT, m->index + 1);
	buf_printf(out, "\t%s %s." WIRE_DOMAIN, m->conf->name, m->conf->name);
	for (size_t i = 0; i < m->conf->aliases.count; i++)
		buf_printf(out, " %s", m->conf->aliases.at[i]);
	buf_addc(out, '\n');
}

void names_hosts(const struct stage_node *n, bool all, struct buf *out)
{
	const struct stage *st = n->st;

	buf_adds(out, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	for (size_t i = 0; i < st->nodes_count; i++) {
		if (!all && &st->nodes[i] != n)
			continue;
		host_line(&st->nodes[i], false, out);
		host_line(&st->nodes[i], true, out);
	}
}

void names_resolver(const struct stage_node *n, struct buf *out)
{
	if (n->st->o.target->resolve == RESOLVE_HOSTS)
		buf_adds(out, "# no name server: names are in /etc/hosts\n");
	else
		buf_printf(out, "nameserver " WIRE_ADDR4_FMT "\nsearch " WIRE_DOMAIN "\n",
			   WIRE_DNS_HOST);
}

/* ---- the name server ---- */

static int name_add(struct wire_names *w, const char *text, const struct stage_node *m, bool own)
{
	struct wire_name *at = &w->at[w->count];

	if (w->count == WIRE_NAMES_MAX || strlen(text) >= sizeof(at->text))
		return -E2BIG;
	snprintf(at->text, sizeof(at->text), "%s", text);
	at->node = (uint16_t)m->index;
	at->own = own;
	w->count++;
	return 0;
}

int names_tell(const struct stage *st, struct err *e)
{
	cleanup_free struct wire_names *w = xcalloc(1, sizeof(*w));
	int r = 0;

	if (st->o.target->resolve == RESOLVE_HOSTS)
		return 0;
	w->v6 = access("/proc/sys/net/ipv6", F_OK) == 0;
	for (size_t i = 0; r == 0 && i < st->nodes_count; i++) {
		const struct stage_node *m = &st->nodes[i];

		r = name_add(w, m->conf->name, m, true);
		for (size_t j = 0; r == 0 && j < m->conf->aliases.count; j++)
			r = name_add(w, m->conf->aliases.at[j], m, false);
	}
	if (r < 0)
		return err_set(e, E2BIG, "nodes have more than %d names", WIRE_NAMES_MAX);
	return wire_names_set(st->slot->wire, w, e);
}

/* Needs CAP_SYS_ADMIN over the node's mounts, which its init and keepers have. */
int names_ours(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("/etc/" HOSTS_OF_ALL, "/etc/hosts", NULL, MS_BIND, NULL) < 0)
		return -errno;
	return 0;
}
