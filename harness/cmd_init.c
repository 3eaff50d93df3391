/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worstday init: write a commented starting point, never over an existing file.
 */
#include "cmd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/target.h"

/* @NAME, @TARGET, @SERVICE and @LANE stand for what they say; @SCHEMA for the line that tells an
 * editor what may stand in the file. */
static const char target_text[] =
"@SCHEMA"
"# @NAME: how worstday launches it, sells through it and reads its books.\n"
"# As it stands it works, with the toy POS in server.py: `worstday probe @NAME` sells once and\n"
"# holds. Replace one part after the other and probe again. Walk-through: targets/README.md\n"
"name: @NAME\n"
"title: One line about this POS\n"
"currency: EUR\n"
"\n"
"# How one sale is recognised in every ledger. The crowd invents a key for each sale (S17) and\n"
"# hands it to the driver as ${key}; it must come back in the books as the column `key`.\n"
"key: {plant: field, field: key, books: sales.key}\n"
"\n"
"# One node per host of the real shop; each gets its own network, mounts, /dev and /tmp.\n"
"nodes:\n"
"  server:\n"
"    # Folders that survive a crash: path in the node, and the folder beside this file that they\n"
"    # start from in every trial (null: empty).\n"
"    data: {/var/lib/@NAME: null}\n"
"    # rootfs: ../../build/rootfs/@NAME   # a root directory; without it the host's /usr\n"
"    services:\n"
"      - name: @NAME\n"
"        run: [/usr/bin/python3, /target/server.py]   # no shell; /target is this file's folder\n"
"        # user: postgres              # what it sees itself as (it has no privileges anyway)\n"
"        # env: {LANG: C.UTF-8}\n"
"        # after: [db/postgres]        # services that must be ready first\n"
"        # or tcp: \":5432\", log: /regex/, command: \"...\"\n"
"        ready: {http: \":8000/health\", within: 30s}\n"
"        restart: always               # what the shop's own supervisor does\n"
"        end: running                  # where it must be when the trial ends\n"
"  # Shoppers stand at lanes (nodes called lane-*, or those in `lanes:`); their requests leave\n"
"  # from the lane's own network.\n"
"  lane-{1..2}: {}\n"
"\n"
"# Commands that fill the data once; the result is kept and copied into every trial.\n"
"# prepare:\n"
"#   - {node: server, run: [/usr/bin/python3, /target/prepare.py], inputs: [prepare.py]}\n"
"\n"
"# What is on the shelf; prices in cents, as the POS charges them. Or: goods: goods.csv\n"
"# (sku,price,weight)\n"
"goods:\n"
"  - {sku: APPLE, price: 129}\n"
"  - {sku: BREAD, price: 249}\n"
"\n"
"# How a sale is made. Actions: open-session scan total pay void refund suspend resume close\n"
"# reprint override sell; `sell` alone will do. Variables: key sku qty item price tender amount\n"
"# items lane seed, and whatever `take:` has taken. A process of yours instead of requests:\n"
"#   script: {run: [/usr/bin/python3, /target/driver.py], ops: [sell]}\n"
"driver:\n"
"  http:\n"
"    base: \"http://server:8000\"\n"
"    # Only what matches here is a refusal; every other failure is \"unknown\".\n"
"    refused: {status: 409}\n"
"    actions:\n"
"      sell:\n"
"        post: /sales\n"
"        json: {key: \"${key}\", tender: \"${tender}\", items: \"${items}\"}\n"
"        # ok: {status: 200..299, body: /\"receipt\"/}   # what a success looks like\n"
"        # Whole major units (12 EUR) are taken as total-major; a value that may be missing is\n"
"        # {pointer: /receipt, required: false}.\n"
"        take: {receipt: /receipt, total: /total}\n"
"\n"
"# What the POS has durably recorded: columns key, total (minor units, or 12.95), and as far as\n"
"# they exist currency, receipt, series, number, lane, state, tender. Or:\n"
"# postgres, http, command.\n"
"books:\n"
"  sqlite:\n"
"    node: server\n"
"    file: /var/lib/@NAME/pos.db\n"
"    sales: \"SELECT key, total, 'EUR' AS currency, number AS receipt, tender FROM sales\"\n"
"    receipts: \"SELECT 'server' AS series, number FROM sales\"\n"
"    # payments: key, amount, tender    stock: sku, qty    lines: key, sku, qty\n";

static const char server_text[] =
"\"\"\"A toy POS, so that the skeleton works as it stands. Replace it by yours.\n"
"\n"
"POST /sales {key, tender, items} books a sale, durably, before it answers; the same key again is\n"
"the same sale. An unknown article is refused (409). GET /health says that it serves.\n"
"\"\"\"\n"
"import json\n"
"import sqlite3\n"
"import threading\n"
"from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer\n"
"\n"
"PRICES = {'APPLE': 129, 'BREAD': 249}\n"
"LOCK = threading.Lock()\n"
"DB = sqlite3.connect('/var/lib/@NAME/pos.db', isolation_level=None, check_same_thread=False)\n"
"DB.execute('PRAGMA journal_mode=WAL')\n"
"DB.execute('PRAGMA synchronous=FULL')\n"
"DB.execute('CREATE TABLE IF NOT EXISTS sales(number INTEGER PRIMARY KEY AUTOINCREMENT,'\n"
"           ' key TEXT UNIQUE, total INTEGER, tender TEXT)')\n"
"\n"
"\n"
"class Till(BaseHTTPRequestHandler):\n"
"    protocol_version = 'HTTP/1.1'\n"
"    wbufsize = -1  # an answer in one piece\n"
"\n"
"    def reply(self, status, value):\n"
"        body = json.dumps(value).encode()\n"
"        self.send_response(status)\n"
"        self.send_header('Content-Type', 'application/json')\n"
"        self.send_header('Content-Length', str(len(body)))\n"
"        self.end_headers()\n"
"        self.wfile.write(body)\n"
"\n"
"    def do_GET(self):\n"
"        self.reply(200 if self.path == '/health' else 404, {})\n"
"\n"
"    def do_POST(self):\n"
"        sale = json.loads(self.rfile.read(int(self.headers['Content-Length'])))\n"
"        if self.path != '/sales':\n"
"            self.reply(404, {'error': 'no such page'})\n"
"            return\n"
"        if any(i['sku'] not in PRICES for i in sale['items']):\n"
"            self.reply(409, {'refused': 'unknown article'})\n"
"            return\n"
"        total = sum(PRICES[i['sku']] * i['qty'] for i in sale['items'])\n"
"        with LOCK:\n"
"            DB.execute('INSERT INTO sales(key, total, tender) VALUES(?, ?, ?)'\n"
"                       ' ON CONFLICT(key) DO NOTHING', (sale['key'], total, sale['tender']))\n"
"            number, total = DB.execute('SELECT number, total FROM sales WHERE key = ?',\n"
"                                       (sale['key'],)).fetchone()\n"
"        self.reply(201, {'receipt': str(number), 'total': total})\n"
"\n"
"\n"
"ThreadingHTTPServer(('0.0.0.0', 8000), Till).serve_forever()\n";

static const char experiment_text[] =
"@SCHEMA"
"# Say here, in one line, what goes wrong, and what you expect. Expected: holds.\n"
"title: @NAME\n"
"target: @TARGET                  # targets/NAME/target.yml, or a path\n"
"seed: 1                       # same seed, same shoppers, same decisions\n"
"shoppers:\n"
"  count: 60\n"
"  arrivals: poisson 6/min     # open loop: they come whatever the tills do\n"
"  # lanes: [@LANE]            # which are open; default: all of the target's\n"
"  basket: 1..12\n"
"  pay: {card: 60%, cash: 40%}\n"
"  pace: 60x                   # shop time runs this much faster; timeouts do not\n"
"faults:\n"
"  - process.kill: {service: @SERVICE}\n"
"    when: {after: 20 sales}   # or at: 5min, for: 1min; on: told ok, nth: 3; probability: 2%\n"
"checks:                       # worstday list checks\n"
"  - no-lost-sale\n"
"  - no-duplicate-sale\n"
"  - no-phantom-sale\n"
"  - right-amount\n"
"  - answered-sales: {min: 90%} # paid or refused; the rest heard nothing clear\n";

/* struct skeleton - one file of a kind; path ends with %s for the name. */
static const struct skeleton {
	const char *kind, *path, *text, *schema;
} skeletons[] = {
	{ "target", "targets/%s/target.yml", target_text, "target.schema.json" },
	{ "target", "targets/%s/server.py", server_text, NULL },
	{ "experiment", "experiments/%s.yml", experiment_text, "experiment.schema.json" },
};

struct values {
	const char *name;
	char *target, *service, *lane; /* owned */
	char *schema;		       /* owned; of the file that is being written; "" for none */
};

/* Names become folders, service names and host names. */
static bool name_fits(const char *s)
{
	if (!islower((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) &&
		    !strchr("-./", *s))
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

static void write_text(FILE *f, const char *text, const struct values *v)
{
	const struct {
		const char *word, *value;
	} words[] = { { "@NAME", v->name }, { "@TARGET", v->target }, { "@SERVICE", v->service },
		      { "@LANE", v->lane }, { "@SCHEMA", v->schema } };

	while (*text) {
		size_t i = 0;

		while (i < ARRAY_SIZE(words) && strncmp(text, words[i].word, strlen(words[i].word)))
			i++;
		if (i == ARRAY_SIZE(words)) {
			fputc(*text++, f);
			continue;
		}
		fputs(words[i].value, f);
		text += strlen(words[i].word);
	}
}

static int write_new(const char *path, const char *text, const struct values *v)
{
	cleanup_file FILE *f = NULL;
	int err = make_folders(path);

	if (err < 0)
		return err;
	f = fopen(path, "wxe");
	if (!f)
		return -errno;
	write_text(f, text, v);
	return fflush(f) ? -errno : 0;
}

/* ---- an experiment is about a target ---- */

static int by_name(const struct dirent *d)
{
	cleanup_free char *path = xasprintf("targets/%s/target.yml", d->d_name);

	return d->d_name[0] != '.' && access(path, R_OK) == 0;
}

/* The first of targets/, and our own till where there is none. */
static char *target_choose(void)
{
	struct dirent **list = NULL;
	char *name = NULL;
	int n = access("targets/till/target.yml", R_OK) == 0 ?
			0 : scandir("targets", &list, by_name, alphasort);

	for (int i = 0; i < n; i++) {
		if (i == 0)
			name = xstrdup(list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return name ? name : xstrdup("till");
}

/* What the experiment names must be there, or it would not be valid as it stands. */
static void values_of_target(struct values *v)
{
	struct diag *diag = diag_new();
	struct target *t = target_load(v->target, (struct mark){ 0 }, diag);

	for (size_t i = 0; t && i < t->nodes_count && !v->service; i++) {
		if (t->nodes[i].services_count)
			v->service = xasprintf("%s/%s", t->nodes[i].name,
					       t->nodes[i].services[0].name);
	}
	if (t && t->lanes.count)
		v->lane = xstrdup(t->lanes.at[0]);
	if (!v->service)
		v->service = xstrdup("server/server");
	if (!v->lane)
		v->lane = xstrdup("lane-1");
	target_free(t);
	diag_free(diag);
}

/* ---- the schema, for editors ---- */

/* Where the schemas are: beside the program when it was built, else where it is installed. */
static char *schema_find(const char *name)
{
	char exe[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (len < 0)
		return NULL;
	exe[len] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	for (int i = 0; i < 2; i++) {
		char *path = i ? xasprintf("%s/../share/worstday/%s", exe, name)
			       : xasprintf("%s/doc/%s", exe, name);
		char *real = realpath(path, NULL);

		free(path);
		if (real)
			return real;
	}
	return NULL;
}

/* schema_line - "# yaml-language-server: $schema=..." for the file @path, seen from its folder when
 * the schema lies below this one; or nothing. Owned by the caller. */
static char *schema_line(const char *name, const char *path)
{
	cleanup_free char *schema = name ? schema_find(name) : NULL;
	char here[PATH_MAX];
	struct buf b = { 0 };
	size_t len;

	if (!schema || !getcwd(here, sizeof(here)))
		return xstrdup("");
	buf_adds(&b, "# yaml-language-server: $schema=");
	len = strlen(here);
	if (strncmp(schema, here, len) == 0 && schema[len] == '/') {
		for (; (path = strchr(path, '/')) != NULL; path++)
			buf_adds(&b, "../");
		buf_adds(&b, schema + len + 1);
	} else {
		buf_adds(&b, schema);
	}
	buf_addc(&b, '\n');
	return buf_steal(&b);
}

/* ---- all files of a kind ---- */

static char *path_of(const struct skeleton *s, const char *name)
{
	const char *at = strstr(s->path, "%s");

	return xasprintf("%.*s%s%s", (int)(at - s->path), s->path, name, at + 2);
}

static int complain(const char *path, int err)
{
	fprintf(stderr, "worstday init: %s: %s\n", path, strerror(-err));
	return err == -EEXIST ? EXIT_USAGE : EXIT_BROKEN;
}

/* Two walks: nothing is written when one of the files is there. */
static int write_kind(const char *kind, const char *name, struct values *v)
{
	for (int writing = 0; writing < 2; writing++) {
		for (size_t i = 0; i < ARRAY_SIZE(skeletons); i++) {
			cleanup_free char *path = path_of(&skeletons[i], name);
			int err = 0;

			if (strcmp(skeletons[i].kind, kind) != 0)
				continue;
			if (!writing && access(path, F_OK) == 0)
				err = -EEXIST;
			if (writing) {
				v->schema = schema_line(skeletons[i].schema, path);
				err = write_new(path, skeletons[i].text, v);
				free(v->schema);
			}
			if (err < 0)
				return complain(path, err);
			if (writing)
				printf("wrote %s\n", path);
		}
	}
	return 0;
}

static int init_run(const struct cli *c)
{
	const char *kind = c->words[0], *name = c->words[1];
	bool target = !strcmp(kind, "target");
	struct values v = { .name = strrchr(name, '/') ? strrchr(name, '/') + 1 : name };
	int err;

	if (!target && strcmp(kind, "experiment") != 0)
		return cli_usage(&cmd_init, "\"%s\" is neither target nor experiment", kind);
	if (!name_fits(name) || strstr(name, "..") || name[strlen(name) - 1] == '/' ||
	    (target && strpbrk(name, "/.")))
		return cli_usage(&cmd_init,
				 "\"%s\": a name is lower-case letters, digits and dashes", name);
	if (target && c->words_count > 2)
		return cli_usage(&cmd_init, "\"%s\" is one word too many", c->words[2]);
	v.target = c->words_count > 2 ? xstrdup(c->words[2]) : target_choose();
	values_of_target(&v);
	err = write_kind(kind, name, &v);
	if (err == 0 && target)
		printf("next: worstday probe %s   (then replace piece by piece)\n", name);
	else if (err == 0)
		printf("next: edit it, then  worstday validate experiments/%s.yml\n", name);
	free(v.target);
	free(v.service);
	free(v.lane);
	return err;
}

static const struct cli_opt init_opts[] = { CLI_OPT_END };

const struct cmd cmd_init = {
	.name = "init",
	.args = "target NAME | experiment NAME [TARGET]",
	.summary = "write a commented starting point",
	.about = "Writes targets/NAME/ (a target file with every part explained, and a toy POS\n"
		 "that makes it work as it stands) or experiments/NAME.yml (about TARGET, by\n"
		 "default the till or the first in targets/). An existing file is never\n"
		 "overwritten.",
	.opts = init_opts,
	.words = {"target experiment", "", "TARGET"},
	.words_min = 2,
	.words_max = 3,
	.run = init_run,
};
