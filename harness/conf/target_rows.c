/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of target.yml; those of driver: and books: are in target_driver.c. */
#include <string.h>

#include "conf/target_load.h"

#define ROW(s, member) .name = #member, .offset = offsetof(struct s, member)
#define ROW_AS(s, key, member) .name = key, .offset = offsetof(struct s, member)

static const struct opt ready_rows[] = {
	{ROW(ready, http), .type = OPT_STRING, .optional = true,
	 .help = "a URL on its own node answers 2xx", .example = "\":8080/health\""},
	{ROW(ready, tcp), .type = OPT_STRING, .optional = true, .help = "a port accepts",
	 .example = "\":5432\""},
	{ROW(ready, log), .type = OPT_REGEX, .optional = true, .help = "a log line matches",
	 .example = "/listening on/"},
	{ROW(ready, command), .type = OPT_STRING, .optional = true,
	 .help = "a shell command in the node exits 0", .example = "pg_isready"},
	{ROW(ready, within), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "30s",
	 .min = "1ms", .help = "or it counts as not ready"},
	OPT_END};

static const struct opt_value restarts[] = {{"never", "it stays gone"},
					    {"on-failure", "unless it exited 0"},
					    {"always", "whatever it exited with"},
					    {NULL, NULL}};
static const struct opt_value ends[] = {{"running", "it must run when the trial ends"},
					{"exited", "it must have exited 0 by then"},
					{"any", "either"},
					{NULL, NULL}};
static const struct opt_value stops[] = {/* target.c turns these into signal numbers */
					 {"TERM", NULL},
					 {"INT", NULL},
					 {"QUIT", NULL},
					 {"HUP", NULL},
					 {NULL, NULL}};

static const struct opt service_rows[] = {
	{ROW(service, name), .type = OPT_STRING, .help = "unique within its node"},
	{ROW(service, run), .type = OPT_STRLIST,
	 .help = "the command and its arguments; no shell; relative to the target's folder",
	 .example = "[./till, lane, --port, \"8080\"]"},
	{ROW(service, user), .type = OPT_STRING, .optional = true,
	 .help = "the user it sees itself as; default: the node's"},
	{ROW(service, env), .type = OPT_STRMAP, .optional = true,
	 .help = "environment, over the node's"},
	{ROW(service, cwd), .type = OPT_STRING, .def = "/target", .help = "working directory"},
	{ROW(service, ready), .type = OPT_STRUCT, .optional = true,
	 .sub = {ready_rows, sizeof(struct ready)},
	 .help = "how to tell that it serves; without it: as soon as it is started"},
	{ROW(service, restart), .type = OPT_ENUM, .def = "never", .values = restarts,
	 .help = "what happens when it ends"},
	{ROW(service, restart_delay), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "100ms",
	 .help = "wait this long before restarting"},
	{ROW(service, end), .type = OPT_ENUM, .def = "running", .values = ends,
	 .help = "its state when the trial ends"},
	{ROW_AS(service, "stop", stop_signal), .type = OPT_ENUM, .def = "TERM", .values = stops,
	 .help = "the signal that asks it to stop"},
	{ROW(service, stop_within), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "5s",
	 .help = "then it is killed"},
	{ROW(service, forks), .type = OPT_BOOL, .def = "false",
	 .help = "its main process leaves daemons behind and exits 0"},
	{ROW(service, after), .type = OPT_STRLIST, .optional = true,
	 .help = "services (NAME or NODE/NAME) that must be ready first"},
	OPT_END};

static const struct opt node_rows[] = {
	{ROW(node, rootfs), .type = OPT_STRING, .optional = true,
	 .help = "a root directory of its own; default: the host's, read-only"},
	{ROW(node, user), .type = OPT_STRING, .def = "root", .help = "for its services"},
	{ROW(node, aliases), .type = OPT_STRLIST, .optional = true,
	 .help = "other names it goes by on the wire", .example = "[db, bank.example.com]"},
	{ROW(node, env), .type = OPT_STRMAP, .optional = true, .help = "for its services"},
	{ROW_AS(node, "data", data_map), .type = OPT_STRMAP, .optional = true,
	 .help = "writable folders, fresh for every trial: path in the node to seed folder or "
		 "nothing",
	 .example = "{/var/lib/till: seed/store}"},
	{ROW(node, mounts), .type = OPT_STRMAP, .optional = true,
	 .help = "read-only: path in the node to a file or folder next to the target file"},
	{ROW_AS(node, "services", services_list), .type = OPT_STRUCTLIST, .optional = true,
	 .sub = {service_rows, sizeof(struct service)}, .help = "what runs there"},
	{ROW(node, bank), .type = OPT_CUSTOM, .optional = true, .parse_at = bank_parse,
	 .sub = {bank_rows, sizeof(struct bank_conf)},
	 .help = "it is the payment host, which the harness plays: nothing else runs there"},
	{ROW(node, devices), .type = OPT_CUSTOM, .optional = true, .parse_at = devices_parse,
	 .shape = SHAPE_NAMED, .elsewhere = &device_table,
	 .free = devices_free,
	 .help = "what stands on its counter, by name; each is a host NAME-NODE on the wire",
	 .example = "{printer: {escpos: tcp 9100}}"},
	OPT_END};
const struct opt_table node_table = {node_rows, sizeof(struct node)};

static const struct opt_value plants[] = {{"field", "a field of the sale carries it"},
					  {"amount", "the sale's amount is unique"},
					  {"marker", "a marker product is unique"},
					  {NULL, NULL}};
static const struct opt key_rows[] = {
	{ROW(key_conf, plant), .type = OPT_ENUM, .def = "field", .values = plants,
	 .help = "how a sale is made recognisable"},
	{ROW(key_conf, field), .type = OPT_STRING, .def = "key",
	 .help = "the driver's variable that carries it"},
	{ROW(key_conf, books), .type = OPT_STRING, .optional = true,
	 .help = "where the books show it", .example = "sales.key"},
	{ROW(key_conf, paper), .type = OPT_REGEX, .optional = true,
	 .help = "how a receipt shows it: the first group", .example = "/Ref (\\S+)/"},
	{ROW(key_conf, bank), .type = OPT_STRING, .optional = true, .help = "the bank's field"},
	OPT_END};

static const struct opt paper_rows[] = {
	{ROW(paper_conf, receipt), .type = OPT_REGEX, .optional = true, .help = "its number",
	 .example = "/Receipt (\\S+)/"},
	{ROW(paper_conf, total), .type = OPT_REGEX, .optional = true,
	 .help = "what was paid, with its decimals", .example = "/TOTAL EUR +([0-9.]+)/"},
	{ROW(paper_conf, copy), .type = OPT_REGEX, .optional = true,
	 .help = "what only copies say", .example = "/COPY/"},
	OPT_END};

static const struct opt prepare_rows[] = {
	{ROW(prepare, node), .type = OPT_STRING, .help = "where it runs"},
	{ROW(prepare, run), .type = OPT_STRLIST, .help = "the command and its arguments"},
	{ROW(prepare, user), .type = OPT_STRING, .optional = true, .help = "default: the node's"},
	{ROW(prepare, env), .type = OPT_STRMAP, .optional = true, .help = "environment"},
	{ROW(prepare, inputs), .type = OPT_STRLIST, .optional = true,
	 .help = "files and folders next to the target file that its result depends on"},
	{ROW(prepare, with), .type = OPT_STRLIST, .optional = true,
	 .help = "services that must be running meanwhile"},
	{ROW(prepare, within), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .def = "10min",
	 .help = "or it has failed"},
	OPT_END};

static const struct opt_value resolves[] = {
	{"dns", "a name server on the wire; a node's /etc/hosts holds only itself"},
	{"hosts", "/etc/hosts of every node holds all of them; there is no name server"},
	{NULL, NULL}};
static const struct opt target_rows[] = {
	{ROW(target, name), .type = OPT_STRING, .help = "a short name"},
	{ROW(target, title), .type = OPT_STRING, .optional = true, .help = "one line for people"},
	{ROW(target, like), .type = OPT_STRING, .optional = true, .example = "target.yml",
	 .help = "a target file of the same folder that this one is laid over: maps key by key, "
		 "all else as a whole; `~` takes a key away"},
	{ROW(target, currency), .type = OPT_STRING, .def = "EUR", .pattern = "[A-Z]{3}",
	 .help = "three letters"},
	{ROW(target, key), .type = OPT_STRUCT, .sub = {key_rows, sizeof(struct key_conf)},
	 .help = "how a sale is recognised in every ledger"},
	{ROW(target, paper), .type = OPT_STRUCT, .optional = true,
	 .sub = {paper_rows, sizeof(struct paper_conf)},
	 .help = "how to read a printed receipt: patterns, whose first group counts"},
	{ROW(target, vars), .type = OPT_STRMAP, .optional = true,
	 .help = "${NAME} in all texts below"},
	{ROW(target, resolve), .type = OPT_ENUM, .def = "dns", .values = resolves,
	 .help = "how nodes find each other by name"},
	{ROW_AS(target, "nodes", nodes_node), .type = OPT_NODE,
	 .shape = SHAPE_NAMED, .sub = {node_rows, sizeof(struct node)},
	 .help = "the hosts, by name; lane-{1..3} makes three"},
	{ROW(target, lanes), .type = OPT_STRLIST, .optional = true,
	 .help = "nodes (or globs) that shoppers queue at; default: lane-*"},
	{ROW_AS(target, "prepare", prepare_list), .type = OPT_STRUCTLIST, .optional = true,
	 .sub = {prepare_rows, sizeof(struct prepare)},
	 .help = "commands that fill the data once; the result is kept and copied"},
	{ROW_AS(target, "goods", goods_node), .type = OPT_NODE, .optional = true,
	 .shape = SHAPE_LIST_OR_TEXT, .elsewhere = &good_table,
	 .help = "what is on the shelf: a list of {sku, price, weight}, or a CSV file"},
	{ROW(target, driver), .type = OPT_CUSTOM, .parse_at = driver_parse, .free = driver_free,
	 .shape = SHAPE_ONE_KEY, .elsewhere = &driver_table,
	 .help = "how to work the till: http, script or null"},
	{ROW(target, books), .type = OPT_CUSTOM, .optional = true, .parse_at = books_parse,
	 .shape = SHAPE_ONE_KEY, .elsewhere = &books_table,
	 .free = books_free, .help = "how to read the books: sqlite, postgres, http or command"},
	OPT_END};
const struct opt_table target_table = {target_rows, sizeof(struct target)};
