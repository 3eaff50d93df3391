/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. `driver:` and `books:` are maps with exactly one key
 * that names the kind; each kind has its own table over the same struct. The
 * http driver's actions are lists of steps (or one step): a step's method is a
 * key of its own (`post: /sales`), and its `json:` body is any tree, rendered
 * to JSON text here once. In it quoted text is a string, and plain text that
 * looks like a number, true, false or null is that. Variables stay in quotes: a
 * string that is one ${variable} alone becomes the variable's value, number or
 * text, when the driver fills it in ("${total:text}" stays text).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "conf/target_load.h"

#define ROW(s, member) .name = #member, .offset = offsetof(struct s, member)
#define ROW_AS(s, key, member) .name = key, .offset = offsetof(struct s, member)

const char *const action_names[ACTIONS_COUNT] = {
	[ACT_OPEN_SESSION] = "open-session",
	[ACT_SCAN] = "scan",
	[ACT_TOTAL] = "total",
	[ACT_PAY] = "pay",
	[ACT_VOID] = "void",
	[ACT_REFUND] = "refund",
	[ACT_SUSPEND] = "suspend",
	[ACT_RESUME] = "resume",
	[ACT_CLOSE] = "close",
	[ACT_REPRINT] = "reprint",
	[ACT_OVERRIDE] = "override",
	[ACT_SELL] = "sell",
};

/* ---- JSON bodies ---- */

static const char *digits(const char *p)
{
	while (isdigit((unsigned char)*p))
		p++;
	return p;
}

/* is_json_number - by the grammar of RFC 8259. */
static bool is_json_number(const char *p)
{
	const char *start = *p == '-' ? p + 1 : p;

	p = digits(start);
	if (p == start || (*start == '0' && p > start + 1))
		return false;
	if (*p == '.') {
		if (!isdigit((unsigned char)p[1]))
			return false;
		p = digits(p + 1);
	}
	if (*p == 'e' || *p == 'E') {
		p += p[1] == '+' || p[1] == '-' ? 2 : 1;
		if (!isdigit((unsigned char)*p))
			return false;
		p = digits(p);
	}
	return !*p;
}

static void json_node(const struct yaml_node *n, struct buf *out);

static void json_scalar(const struct yaml_node *n, struct buf *out)
{
	if (yaml_empty(n))
		buf_adds(out, "null");
	else if (n->plain && (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0 ||
			      is_json_number(n->text)))
		buf_adds(out, n->text);
	else
		json_add_string(out, n->text);
}

static void json_node(const struct yaml_node *n, struct buf *out)
{
	if (n->type == NODE_SCALAR) {
		json_scalar(n, out);
		return;
	}
	buf_addc(out, n->type == NODE_MAP ? '{' : '[');
	for (size_t i = 0; i < n->count; i++) {
		if (i)
			buf_addc(out, ',');
		if (n->type == NODE_MAP) {
			json_add_string(out, n->keys[i].name);
			buf_addc(out, ':');
		}
		json_node(n->items[i], out);
	}
	buf_addc(out, n->type == NODE_MAP ? '}' : ']');
}

static int parse_json(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	struct buf out = {0};

	(void)path;
	(void)diag;
	json_node(n, &out);
	*(char **)field = buf_steal(&out);
	return 0;
}

static void free_text(void *field)
{
	free(*(char **)field);
	*(char **)field = NULL;
}

/* ---- steps ---- */

/* struct step_raw - a step with one URL per method key; only one is left in the end. */
struct step_raw {
	struct http_step s;
	char *get, *post, *put, *patch, *delete_;
};

static const struct opt take_rows[] = {
	{ROW(take, pointer), .type = OPT_STRING, .optional = true, .scalar = true,
	 .help = "JSON pointer into the reply's body", .example = "/sale/id"},
	{ROW(take, header), .type = OPT_STRING, .optional = true, .help = "a header of the reply"},
	{ROW(take, regex), .type = OPT_REGEX, .optional = true,
	 .help = "a regular expression on the body; its first group counts"},
	{ROW(take, cookie), .type = OPT_STRING, .optional = true, .help = "a cookie that was set"},
	{ROW_AS(take, "value", field), .type = OPT_STRING, .optional = true,
	 .help = "no reply needed: this text"},
	{ROW(take, required), .type = OPT_BOOL, .def = "true",
	 .help = "a reply without it is not understood: outcome unknown"},
	OPT_END};

static const struct opt ok_rows[] = {{ROW_AS(http_step, "status", ok), .type = OPT_RANGE,
				      .def = "200..299", .scalar = true, .min = "100", .max = "599",
				      .help = "status codes that mean success"},
				     {ROW_AS(http_step, "body", ok_pattern), .type = OPT_REGEX,
				      .optional = true, .help = "the body must match too"},
				     OPT_END};

static const struct opt fail_rows[] = {
	{ROW_AS(http_step, "body", fail_pattern), .type = OPT_REGEX, .optional = true,
	 .scalar = true, .help = "a body like this means unknown, whatever the status"},
	OPT_END};

static const struct opt step_rows[] = {
	{ROW(step_raw, get), .type = OPT_STRING, .optional = true, .help = "GET this URL",
	 .example = "/sales/${key}"},
	{ROW(step_raw, post), .type = OPT_STRING, .optional = true, .help = "POST to this URL"},
	{ROW(step_raw, put), .type = OPT_STRING, .optional = true, .help = "PUT to this URL"},
	{ROW(step_raw, patch), .type = OPT_STRING, .optional = true, .help = "PATCH this URL"},
	{ROW_AS(step_raw, "delete", delete_), .type = OPT_STRING, .optional = true,
	 .help = "DELETE this URL"},
	{ROW_AS(step_raw, "headers", s.headers), .type = OPT_STRMAP, .optional = true,
	 .help = "headers of the request"},
	{ROW_AS(step_raw, "json", s.json), .type = OPT_CUSTOM, .optional = true,
	 .parse_at = parse_json, .free = free_text, .shape = SHAPE_ANY,
	 .help = "a JSON body, as YAML"},
	{ROW_AS(step_raw, "form", s.form), .type = OPT_STRMAP, .optional = true,
	 .help = "a form body (application/x-www-form-urlencoded)"},
	{ROW_AS(step_raw, "body", s.body), .type = OPT_STRING, .optional = true,
	 .help = "any other body, as text"},
	{.name = "ok",
	 .type = OPT_STRUCT,
	 .optional = true,
	 .sub = {ok_rows, sizeof(struct http_step)},
	 .help = "what a success looks like"},
	{.name = "fail",
	 .type = OPT_STRUCT,
	 .optional = true,
	 .sub = {fail_rows, sizeof(struct http_step)},
	 .help = "what a failure looks like"},
	{ROW_AS(step_raw, "take", s.take_list), .type = OPT_STRUCTMAP, .optional = true,
	 .sub = {take_rows, sizeof(struct take)},
	 .help = "values to keep from the reply, by variable: {receipt: /number}"},
	{ROW_AS(step_raw, "only_if", s.only_if), .type = OPT_STRING, .optional = true,
	 .help = "do the step only if a variable has this value", .example = "tender=card"},
	OPT_END};
static const struct opt_table step_table = {step_rows, sizeof(struct step_raw)};

static int step_error(const struct yaml_node *n, const char *path, struct diag *diag,
		      const char *why)
{
	diag_error(diag, n->mark, "%s: %s", path, why);
	return -EINVAL;
}

/* step_method - move the one URL that was given into the step. */
static int step_method(const struct yaml_node *n, const char *path, struct step_raw *r,
		       struct diag *diag)
{
	char **urls[] = {&r->get, &r->post, &r->put, &r->patch, &r->delete_};
	size_t given = 0;

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		if (!*urls[i])
			continue;
		given++;
		r->s.method = (int)i;
		free(r->s.url);
		r->s.url = steal_ptr(urls[i]);
	}
	if (given == 1)
		return 0;
	return step_error(n, path, diag,
			  given ? "one step is one request: keep one of get, post, put, "
				  "patch, delete"
				: "no request: needs one of get, post, put, patch, delete");
}

static int step_takes(const struct yaml_node *n, const char *path, struct http_step *s,
		      struct diag *diag)
{
	int err = 0;

	s->takes = s->take_list.at;
	s->takes_count = s->take_list.count;
	for (size_t i = 0; i < s->takes_count; i++) {
		const struct take *t = &s->takes[i];
		int given = !!t->pointer + !!t->header + !!t->regex + !!t->cookie + !!t->field;

		if (given != 1) {
			diag_error(diag, s->take_list.marks[i],
				   "%s.take.%s: needs exactly one of pointer, header, regex, "
				   "cookie, value",
				   path, t->name);
			err = -EINVAL;
		} else if (t->pointer && t->pointer[0] && t->pointer[0] != '/') {
			diag_error(diag, s->take_list.marks[i],
				   "%s.take.%s: \"%s\" is not a JSON pointer; it starts with /",
				   path, t->name, t->pointer);
			err = -EINVAL;
		}
	}
	(void)n;
	return err;
}

static int step_finish(const struct yaml_node *n, const char *path, struct step_raw *r,
		       struct diag *diag)
{
	int err = step_method(n, path, r, diag);

	if (step_takes(n, path, &r->s, diag) < 0)
		err = -EINVAL;
	if (!!yaml_get(n, "json") + !!yaml_get(n, "form") + !!yaml_get(n, "body") > 1)
		err = step_error(n, path, diag,
				 "one request has one body: keep one of json, form, body");
	if (r->s.only_if && !strchr(r->s.only_if, '='))
		err = step_error(yaml_get(n, "only_if"), path, diag,
				 "only_if is variable=value or variable!=value, like tender=card");
	return err;
}

static void step_free(struct http_step *s)
{
	struct step_raw r = {.s = *s};

	opt_free(step_table, &r);
	free(s->url);
}

static int read_step(const struct yaml_node *n, const char *path, struct http_action *a,
		     struct diag *diag)
{
	struct step_raw r = {0};
	int err = opt_apply(step_table, n, n->mark, path, &r, diag);

	if (err == 0)
		err = step_finish(n, path, &r, diag);
	free(r.get);
	free(r.post);
	free(r.put);
	free(r.patch);
	free(r.delete_);
	r.s.mark = n->mark;
	a->steps[a->count++] = r.s;
	return err;
}

/* read_action - a list of steps, or one. */
static int read_action(const struct yaml_node *n, const char *path, struct http_action *a,
		       struct diag *diag)
{
	size_t count = n->type == NODE_LIST ? n->count : 1;
	int err = 0;

	a->given = true;
	a->steps = xcalloc(count ? count : 1, sizeof(*a->steps));
	if (n->type != NODE_LIST)
		return read_step(n, path, a, diag);
	for (size_t i = 0; i < count; i++) {
		cleanup_free char *below = xasprintf("%s[%zu]", path, i);

		if (read_step(n->items[i], below, a, diag) < 0)
			err = -EINVAL;
	}
	return err;
}

static int action_index(const char *name)
{
	for (int i = 0; i < ACTIONS_COUNT; i++)
		if (strcmp(action_names[i], name) == 0)
			return i;
	return -1;
}

static int unknown_action(const char *name, struct mark at, const char *path, struct diag *diag)
{
	char hint[128];

	opt_suggest(name, action_names, ACTIONS_COUNT, hint, sizeof(hint));
	diag_error(diag, at, "%s: unknown action \"%s\"%s", path, name, hint);
	if (!hint[0])
		diag_note(diag, (struct mark){0},
			  "actions: open-session, scan, total, pay, void, refund, suspend, resume, "
			  "close, "
			  "reprint, override, sell");
	return -EINVAL;
}

static int parse_actions(const struct yaml_node *n, const char *path, void *field,
			 struct diag *diag)
{
	struct http_action *actions = field;
	int err = 0;

	if (n->type != NODE_MAP)
		return step_error(n, path, diag, "expected a map of actions (pay: {post: /pay})");
	for (size_t i = 0; i < n->count; i++) {
		int a = action_index(n->keys[i].name);
		cleanup_free char *below = xasprintf("%s.%s", path, n->keys[i].name);

		if (a < 0)
			err = unknown_action(n->keys[i].name, n->keys[i].mark, path, diag);
		else if (read_action(n->items[i], below, &actions[a], diag) < 0)
			err = -EINVAL;
	}
	if (err == 0 && !actions[ACT_PAY].given && !actions[ACT_SELL].given)
		err = step_error(n, path, diag, "neither pay nor sell: nothing could be sold");
	return err;
}

static void free_actions(void *field)
{
	struct http_action *actions = field;

	for (int a = 0; a < ACTIONS_COUNT; a++) {
		for (size_t i = 0; i < actions[a].count; i++)
			step_free(&actions[a].steps[i]);
		free(actions[a].steps);
		actions[a] = (struct http_action){0};
	}
}

/* ---- drivers ---- */

static const struct opt refused_rows[] = {
	{ROW_AS(driver, "status", refused_status), .type = OPT_RANGE, .optional = true,
	 .min = "100", .max = "599", .scalar = true, .help = "these status codes",
	 .example = "422"},
	{ROW_AS(driver, "body", refused_pattern), .type = OPT_REGEX, .optional = true,
	 .help = "the body matches (when both are given: both)"},
	OPT_END};

static const struct opt_value sessions[] = {
	{"lane", "cookies and variables last as long as the lane"},
	{"shopper", "each shopper starts without any"},
	{NULL, NULL}};

static const struct opt http_rows[] = {
	{ROW(driver, at), .type = OPT_STRING, .def = "${lane}",
	 .help = "the node that requests leave from"},
	{ROW(driver, base), .type = OPT_STRING, .optional = true,
	 .help = "put before URLs that start with /", .example = "http://127.0.0.1:8000"},
	{ROW(driver, headers), .type = OPT_STRMAP, .optional = true,
	 .help = "headers of every request"},
	{.name = "refused",
	 .type = OPT_STRUCT,
	 .optional = true,
	 .sub = {refused_rows, sizeof(struct driver)},
	 .help = "what a refused sale looks like; everything else that is not ok is unknown"},
	{ROW_AS(driver, "session", session_per_shopper), .type = OPT_BOOL, .def = "lane",
	 .values = sessions, .help = "how long cookies last"},
	{ROW(driver, actions), .type = OPT_CUSTOM, .parse_at = parse_actions, .free = free_actions,
	 .shape = SHAPE_NAMED_LISTS,
	 .help = "the requests of each action: open-session, scan, total, pay, void, refund, "
		 "suspend, resume, close, reprint, override, sell",
	 .sub = {step_rows, sizeof(struct step_raw)}},
	OPT_END};

static const struct opt script_rows[] = {
	{ROW_AS(driver, "run", script), .type = OPT_STRLIST, .scalar = true,
	 .help = "the command, started once per lane"},
	{ROW(driver, at), .type = OPT_STRING, .def = "${lane}", .help = "the node it runs in"},
	{ROW_AS(driver, "ops", script_ops), .type = OPT_STRLIST, .optional = true,
	 .help = "the actions it takes", .example = "[scan, total, pay]"},
	{ROW_AS(driver, "env", script_env), .type = OPT_STRMAP, .optional = true,
	 .help = "its environment"},
	OPT_END};

static const struct opt null_rows[] = {OPT_END};

static const struct opt_table driver_tables[] = {
	[DRIVER_HTTP] = {http_rows, sizeof(struct driver)},
	[DRIVER_SCRIPT] = {script_rows, sizeof(struct driver)},
	[DRIVER_NULL] = {null_rows, sizeof(struct driver)},
};
static const struct opt_value driver_kinds[] = {
	[DRIVER_HTTP] = {"http", "declared requests"},
	[DRIVER_SCRIPT] = {"script", "a long-lived process, one JSON object per line"},
	[DRIVER_NULL] = {"null", "answers ok after nothing; for benchmarks"},
	{NULL, NULL}};

/* kind_of - which of the choices the single key of the map names; -EINVAL + diag. */
static int kind_of(const struct yaml_node *n, const char *path, const struct opt_value *choices,
		   struct diag *diag)
{
	const char *names[8];
	struct buf list = {0};
	char hint[128] = "";
	size_t k = 0;

	for (; choices[k].name; k++) {
		buf_printf(&list, "%s%s", k ? ", " : "", choices[k].name);
		names[k] = choices[k].name;
		if (n->type == NODE_MAP && n->count == 1 &&
		    strcmp(n->keys[0].name, names[k]) == 0) {
			buf_done(&list);
			return (int)k;
		}
	}
	if (n->type == NODE_MAP && n->count == 1)
		opt_suggest(n->keys[0].name, names, k, hint, sizeof(hint));
	diag_error(diag, n->type == NODE_MAP && n->count == 1 ? n->keys[0].mark : n->mark,
		   "%s: expected exactly one of %s%s", path, list.data, hint);
	buf_done(&list);
	return -EINVAL;
}

static int check_ops(const struct driver *d, const char *path, struct diag *diag)
{
	int err = 0;

	for (size_t i = 0; i < d->script_ops.count; i++)
		if (action_index(d->script_ops.at[i]) < 0)
			err = unknown_action(d->script_ops.at[i], d->script_ops.marks[i], path,
					     diag);
	return err;
}

/* check_urls - a URL that starts with / needs a base. */
static int check_urls(const struct driver *d, const char *path, struct diag *diag)
{
	for (int a = 0; a < ACTIONS_COUNT; a++)
		for (size_t i = 0; i < d->actions[a].count; i++) {
			const struct http_step *s = &d->actions[a].steps[i];

			if (d->base || strstr(s->url, "://") || strncmp(s->url, "${", 2) == 0)
				continue;
			diag_error(diag, s->mark,
				   "%s.actions.%s: \"%s\" needs a base: like "
				   "http://127.0.0.1:8000",
				   path, action_names[a], s->url);
			return -EINVAL;
		}
	return 0;
}

/* For help only: the kinds as if they were blocks of a block. */
static const struct opt driver_rows[] = {{.name = "http",
					  .type = OPT_STRUCT,
					  .optional = true,
					  .sub = {http_rows, sizeof(struct driver)},
					  .help = "declared requests; no code"},
					 {.name = "script",
					  .type = OPT_STRUCT,
					  .optional = true,
					  .sub = {script_rows, sizeof(struct driver)},
					  .help = "a long-lived process, one JSON object per line"},
					 {.name = "null",
					  .type = OPT_STRUCT,
					  .optional = true,
					  .sub = {null_rows, sizeof(struct driver)},
					  .help = "answers ok after nothing; for benchmarks"},
					 OPT_END};
const struct opt_table driver_table = {driver_rows, sizeof(struct driver)};

int driver_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	struct driver *d = field;
	cleanup_free char *below = NULL;
	int err;

	d->refused_status.first = INT64_MIN;
	if (n->type == NODE_SCALAR && strcmp(n->text, "null") == 0) {
		d->kind = DRIVER_NULL;
		return 0;
	}
	d->kind = DRIVER_NULL; /* owns nothing until its table was read */
	err = kind_of(n, path, driver_kinds, diag);
	if (err < 0)
		return err;
	d->kind = err;
	below = xasprintf("%s.%s", path, driver_kinds[d->kind].name);
	err = opt_apply(driver_tables[d->kind], n->items[0], n->keys[0].mark, below, d, diag);
	if (err == 0)
		err = check_ops(d, below, diag);
	return err < 0 ? err : check_urls(d, below, diag);
}

void driver_free(void *field)
{
	struct driver *d = field;

	opt_free(driver_tables[d->kind], d);
}

/* ---- books ---- */

#define BOOKS_NODE                                                                                 \
	{                                                                                          \
		ROW(books, node), .type = OPT_STRING, .help = "the node that holds them"           \
	}
#define BOOKS_REST                                                                                 \
	{                                                                                          \
		ROW(books, restart),                                                               \
			.type = OPT_BOOL, .def = "false",                                          \
			.help = "stop and start the services once before the last reading"         \
	},                                                                                         \
	{                                                                                          \
		ROW(books, offline),                                                               \
		.type = OPT_BOOL, .def = "false",                                                  \
		.help = "a sale that the till calls offline is in these books when it is told, "   \
			"and not later: explored power cuts ask for it"                            \
	}
#define BOOKS_SQL                                                                                  \
	{ROW(books, sales), .type = OPT_STRING,                                                    \
	 .help = "SQL: key, total[, currency, receipt, series, lane, state, time, tender]"},       \
		{ROW(books, payments), .type = OPT_STRING, .optional = true,                       \
		 .help = "SQL: key, amount, tender"},                                              \
		{ROW(books, stock), .type = OPT_STRING, .optional = true,                          \
		 .help = "SQL: sku, qty"},                                                         \
		{ROW(books, receipts), .type = OPT_STRING, .optional = true,                       \
		 .help = "SQL: series, number"},                                                   \
		{ROW(books, queue), .type = OPT_STRING, .optional = true,                          \
		 .help = "SQL: n, the sales not yet synced"},                                      \
		{ROW(books, lines), .type = OPT_STRING, .optional = true,                          \
		 .help = "SQL: key, sku, qty"},                                                    \
	{                                                                                          \
		ROW(books, invariants), .type = OPT_STRMAP, .optional = true,                      \
			.help = "SQL by name that must yield no row (check books-invariants); "    \
				"columns key and why say which sale and what is wrong",            \
			.example = "{paid-in-full: SELECT key FROM sales WHERE paid < total}"      \
	}

static const struct opt sqlite_rows[] = {
	BOOKS_NODE,
	{ROW(books, file), .type = OPT_STRING, .help = "the database's path in the node"},
	BOOKS_SQL,
	BOOKS_REST,
	OPT_END};
static const struct opt postgres_rows[] = {
	BOOKS_NODE,
	{ROW(books, connect), .type = OPT_STRING, .help = "libpq connection text, inside the node",
	 .example = "host=/run/postgresql dbname=shop user=shop"},
	BOOKS_SQL,
	BOOKS_REST,
	OPT_END};
static const struct opt books_http_rows[] = {
	BOOKS_NODE,
	{ROW(books, url), .type = OPT_STRING,
	 .help = "yields a JSON array of sales, or an object {sales: [...], stock: [...]}"},
	BOOKS_REST,
	OPT_END};
static const struct opt command_rows[] = {BOOKS_NODE,
					  {ROW(books, run), .type = OPT_STRLIST,
					   .help = "prints the same JSON, or one object per line"},
					  BOOKS_REST,
					  OPT_END};
static const struct opt none_rows[] = {OPT_END};

static const struct opt_table books_tables[] = {
	[BOOKS_NONE] = {none_rows, sizeof(struct books)},
	[BOOKS_SQLITE] = {sqlite_rows, sizeof(struct books)},
	[BOOKS_POSTGRES] = {postgres_rows, sizeof(struct books)},
	[BOOKS_HTTP] = {books_http_rows, sizeof(struct books)},
	[BOOKS_COMMAND] = {command_rows, sizeof(struct books)},
};
static const struct opt_value books_kinds[] = {/* index + 1 is enum books_kind */
					       {"sqlite", "SQL on a SQLite file"},
					       {"postgres", "SQL on PostgreSQL"},
					       {"http", "JSON from a URL"},
					       {"command", "JSON from a command"},
					       {NULL, NULL}};

/* For help only. */
static const struct opt books_rows[] = {{.name = "sqlite",
					 .type = OPT_STRUCT,
					 .optional = true,
					 .sub = {sqlite_rows, sizeof(struct books)},
					 .help = "SQL on a SQLite file"},
					{.name = "postgres",
					 .type = OPT_STRUCT,
					 .optional = true,
					 .sub = {postgres_rows, sizeof(struct books)},
					 .help = "SQL on PostgreSQL"},
					{.name = "http",
					 .type = OPT_STRUCT,
					 .optional = true,
					 .sub = {books_http_rows, sizeof(struct books)},
					 .help = "JSON from a URL"},
					{.name = "command",
					 .type = OPT_STRUCT,
					 .optional = true,
					 .sub = {command_rows, sizeof(struct books)},
					 .help = "JSON from a command"},
					OPT_END};
const struct opt_table books_table = {books_rows, sizeof(struct books)};

int books_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	struct books *b = field;
	int kind = kind_of(n, path, books_kinds, diag);
	cleanup_free char *below = NULL;

	if (kind < 0)
		return kind;
	b->kind = kind + 1;
	below = xasprintf("%s.%s", path, books_kinds[kind].name);
	return opt_apply(books_tables[b->kind], n->items[0], n->keys[0].mark, below, b, diag);
}

void books_free(void *field)
{
	struct books *b = field;

	opt_free(books_tables[b->kind], b);
	b->kind = BOOKS_NONE;
}
