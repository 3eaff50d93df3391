/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/coverage.h"

#include <inttypes.h>
#include <stdio.h>

#include "ledger/ledger.h"
#include "shim/binary.h"
#include "shim/shim.h"
#include "stage/links.h"

static void each(struct stage *st, const struct target *t, struct ledger *l,
		 void (*say)(struct shim *shim, const struct target *t, const struct node *n,
			     const struct service *s, const char *name, char *ret, size_t len))
{
	for (size_t i = 0; i < t->nodes_count; i++) {
		const struct node *n = &t->nodes[i];
		struct shim *shim = stage_shim(st, n->name);

		for (size_t k = 0; shim && k < n->services_count; k++) {
			char name[256], did[768];

			snprintf(name, sizeof(name), "%s/%s", n->name, n->services[k].name);
			say(shim, t, n, &n->services[k], name, did, sizeof(did));
			ledger_event(l, (struct event){ .kind = EV_NOTE, .fault = -1,
							.node = n->name, .object = name,
							.did = did });
		}
	}
}

static void say_program(struct shim *shim, const struct target *t, const struct node *n,
			const struct service *s, const char *name, char *ret, size_t len)
{
	struct binary b;

	(void)shim;
	(void)name;
	binary_look(t, n, s, &b);
	snprintf(ret, len, "runs %s: %s%s%s", b.path, binary_words(&b), b.why[0] ? ", " : "",
		 b.why);
}

static void say_loaded(struct shim *shim, const struct target *t, const struct node *n,
		       const struct service *s, const char *name, char *ret, size_t len)
{
	uint32_t count = shim_loaded(shim, name);

	(void)t;
	(void)n;
	(void)s;
	if (count)
		snprintf(ret, len, "its processes have loaded our library %" PRIu32 " time%s, "
			 "forks and execs included", count, count == 1 ? "" : "s");
	else
		snprintf(ret, len, "no process of it has loaded our library: nothing can act "
			 "inside it");
}

void coverage_begin(struct stage *st, const struct target *t, struct ledger *l)
{
	each(st, t, l, say_program);
}

void coverage_end(struct stage *st, const struct target *t, struct ledger *l)
{
	each(st, t, l, say_loaded);
}
