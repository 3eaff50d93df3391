/* SPDX-License-Identifier: Apache-2.0 */
/* worstday doctor: try everything this host must be able to do, and name the remedies. */
#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "faults/fault.h"
#include "stage/stage.h"

#define PROBES_MAX 128

static const struct cli_opt options[] = {CLI_OPT_JSON, CLI_OPT_END};

static size_t fault_probes(struct probe *ret, size_t max)
{
	size_t i;

	for (i = 0; i < fault_table_count && i < max; i++) {
		const struct fault_ops *f = fault_table[i];

		ret[i].name = f->name;
		ret[i].ok = !f->probe || f->probe(ret[i].why, sizeof(ret[i].why)) >= 0;
	}
	return i;
}

static void print_json(const struct probe *p, size_t n)
{
	struct buf b = {0};
	struct json_out o = {.buf = &b, .pretty = true};
	size_t i;

	json_arr(&o, NULL);
	for (i = 0; i < n; i++) {
		json_obj(&o, NULL);
		json_str(&o, "name", p[i].name);
		json_bool(&o, "ok", p[i].ok);
		json_bool(&o, "there", p[i].ok && !p[i].spare);
		json_str(&o, "why", p[i].why[0] ? p[i].why : NULL);
		json_str(&o, "remedy", p[i].remedy[0] ? p[i].remedy : NULL);
		json_obj_end(&o);
	}
	json_arr_end(&o);
	puts(b.data);
	buf_done(&b);
}

/* What a container has to be given, as Docker and podman call it. */
static const struct {
	const char *flag, *why;
} container[] = {
	{"--device /dev/net/tun", "the wire between nodes"},
	{"--device /dev/fuse", "disks that may fail"},
	{"--security-opt systempaths=unconfined", "nodes have a /proc of their own"},
	{"--security-opt seccomp=unconfined", "Docker's own filter refuses namespaces and mounts"},
	{"--security-opt apparmor=unconfined", "so does its profile, where the host has AppArmor"},
	{"--cap-add SYS_ADMIN", "only where AppArmor keeps user namespaces from programs without a "
				"profile, as Ubuntu does since 23.10 (or on the host: sysctl "
				"kernel.apparmor_restrict_unprivileged_userns=0)"},
};

static void print_container(void)
{
	size_t i;

	puts("\nA container, in CI for one, needs these flags:");
	for (i = 0; i < ARRAY_SIZE(container); i++)
		printf("  %-38s %s\n", container[i].flag, container[i].why);
}

static void print_text(const struct probe *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		printf("%-4s %-24s %s\n",
		       p[i].spare ? "-"
		       : p[i].ok  ? "ok"
				  : "no",
		       p[i].name, p[i].why);
		if (!p[i].ok && p[i].remedy[0])
			printf("     %-24s remedy: %s\n", "", p[i].remedy);
	}
	print_container();
}

static int doctor(const struct cli *c)
{
	struct probe *p = xcalloc(PROBES_MAX, sizeof(*p));
	size_t i, n = stage_probes(p, PROBES_MAX);
	bool ok = true;

	n += fault_probes(p + n, PROBES_MAX - n);
	for (i = 0; i < n; i++)
		ok &= p[i].ok;
	if (c->json)
		print_json(p, n);
	else
		print_text(p, n);
	free(p);
	return ok ? 0 : EXIT_UNSUPPORTED;
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.args = "[OPTION]...",
	.summary = "what this host can do, and the remedy for what it cannot",
	.about = "Tries each thing that the stage and the faults need, in a process of its own, "
		 "and says\n"
		 "which flags a container needs for it. Exit 0 when all of it works, 3 when "
		 "something\n"
		 "does not.",
	.opts = options,
	.words_max = 0,
	.run = doctor,
};
