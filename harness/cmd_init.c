/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worstday init: write a commented starting point, never over an existing file.
 */
#include "cmd.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* `@` stands for the name. */
static const char target_text[] =
"# @: how worstday launches it, sells through it and reads its books.\n"
"# Walk-through: targets/README.md. Check as you go: worstday validate THIS-FILE\n"
"name: @\n"
"title: One line about this POS\n"
"currency: EUR\n"
"\n"
"# How one sale is recognised in every ledger. The crowd invents a key for each sale and hands it\n"
"# to the driver as ${key}; it must come back in the books as the column `key`.\n"
"key: {plant: field, field: key, books: sales.key}\n"
"\n"
"# One node per host of the real shop; each gets its own network, mounts, /dev and /tmp.\n"
"nodes:\n"
"  server:\n"
"    # Folders that survive a crash: path in the node, and the folder beside this file that they\n"
"    # start from in every trial (null: empty).\n"
"    data: {/var/lib/@: null}\n"
"    # rootfs: ../../build/rootfs/@   # a root directory of its own; without it the host's /usr\n"
"    services:\n"
"      - name: @\n"
"        run: [/usr/bin/python3, /target/server.py]   # /target is this file's folder\n"
"        # user: postgres              # what it sees itself as (it has no privileges anyway)\n"
"        # env: {LANG: C.UTF-8}\n"
"        ready: {http: \":8000/health\", within: 30s}   # or tcp: \":5432\", log: /regex/, command: \"...\"\n"
"        restart: always               # what the shop's own supervisor does\n"
"        end: running                  # where it must be when the trial ends\n"
"  # Shoppers stand at lanes; their requests leave from the lane's own network.\n"
"  lane-{1..2}: {}\n"
"\n"
"# What is on the shelf; prices in cents. Or: goods: goods.csv (sku,price,weight)\n"
"goods:\n"
"  - {sku: APPLE, price: 129}\n"
"  - {sku: BREAD, price: 249}\n"
"\n"
"# How a sale is made. Actions: open-session scan total pay void refund suspend resume close\n"
"# reprint sell; `sell` alone will do. Variables: key sku qty price tender amount lane seed, and\n"
"# whatever `take:` has taken. Or `script: {run: [python3, /target/driver.py], ops: [sell]}`.\n"
"driver:\n"
"  http:\n"
"    base: \"http://server:8000\"\n"
"    # Only what matches here is a refusal; every other failure is \"unknown\".\n"
"    refused: {status: 409}\n"
"    actions:\n"
"      sell:\n"
"        post: /sales\n"
"        json: {key: \"${key}\", total: \"${amount}\", tender: \"${tender}\"}\n"
"        take: {receipt: /receipt}\n"
"\n"
"# What the POS has durably recorded, in columns key, total (minor units), and as far as they exist\n"
"# currency, receipt, lane, state, tender. Also: postgres, http, command.\n"
"books:\n"
"  sqlite:\n"
"    node: server\n"
"    file: /var/lib/@/@.db\n"
"    sales: \"SELECT key, total, 'EUR' AS currency FROM sales\"\n";

static const char experiment_text[] =
"# Say here, in one line, what goes wrong, and what you expect. Expected: holds.\n"
"title: @\n"
"target: till                  # targets/till/target.yml, or a path\n"
"seed: 1                       # same seed, same shoppers, same decisions\n"
"shoppers:\n"
"  count: 60\n"
"  arrivals: poisson 6/min     # open loop: they come whatever the tills do\n"
"  lanes: [lane-1, lane-2]\n"
"  basket: 1..12\n"
"  pay: {card: 60%, cash: 40%}\n"
"  pace: 60x                   # shop time runs this much faster; timeouts do not\n"
"faults:\n"
"  - process.kill: {service: store/store}\n"
"    when: {after: 20 sales}   # or at: 5min, for: 1min; on: told ok, nth: 3; probability: 2%\n"
"checks:\n"
"  - no-lost-sale\n"
"  - no-duplicate-sale\n"
"  - right-amount\n";

static const struct kind {
	const char *name, *text;
} kinds[] = {
	{ "target", target_text },
	{ "experiment", experiment_text },
};

/* Names become folders, service names and host names. */
static bool name_fits(const char *s)
{
	if (!islower((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && !strchr("-./", *s))
			return false;
	return true;
}

static int make_folders(const char *path)
{
	cleanup_free char *p = xstrdup(path);

	for (char *slash = strchr(p + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(p, 0777) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int write_new(const char *path, const char *text, const char *name)
{
	cleanup_file FILE *f = NULL;
	int err = make_folders(path);

	if (err < 0)
		return err;
	f = fopen(path, "wxe");
	if (!f)
		return -errno;
	for (; *text; text++)
		if (*text == '@')
			fputs(name, f);
		else
			fputc(*text, f);
	return fflush(f) ? -errno : 0;
}

static const struct kind *kind_find(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, word))
			return &kinds[i];
	return NULL;
}

static int init_run(const struct cli *c)
{
	const struct kind *k = kind_find(c->words[0]);
	const char *name = c->words[1];
	cleanup_free char *path = NULL;
	int err;

	if (!k)
		return cli_usage(&cmd_init, "\"%s\" is neither target nor experiment", c->words[0]);
	if (!name_fits(name) || strstr(name, ".."))
		return cli_usage(&cmd_init, "\"%s\": a name is lower-case letters, digits and dashes",
				 name);
	path = !strcmp(k->name, "target") ? xasprintf("targets/%s/target.yml", name)
					  : xasprintf("experiments/%s.yml", name);
	err = write_new(path, k->text, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
	if (err < 0) {
		fprintf(stderr, "worstday init: %s: %s\n", path, strerror(-err));
		return err == -EEXIST ? EXIT_USAGE : EXIT_BROKEN;
	}
	printf("wrote %s\nnext: edit it, then  worstday validate %s\n", path, path);
	return 0;
}

static const struct cli_opt init_opts[] = { CLI_OPT_END };

const struct cmd cmd_init = {
	.name = "init",
	.args = "target|experiment NAME",
	.summary = "write a commented starting point",
	.about = "Writes targets/NAME/target.yml or experiments/NAME.yml with every part explained.\n"
		 "An existing file is never overwritten.",
	.opts = init_opts,
	.words_min = 2,
	.words_max = 2,
	.run = init_run,
};
