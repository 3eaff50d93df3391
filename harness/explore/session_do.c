/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said in a session: one table, and a function for each word. */
#include "explore/session.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crowd/crowd.h"
#include "explore/plan.h"
#include "explore/store.h"
#include "faults/backend.h"
#include "faults/hook.h"
#include "judge/judge.h"
#include "ledger/ledger.h"
#include "stage/stage.h"
#include "terminal/terminal.h"
#include "trial/books.h"
#include "trial/control.h"
#include "trial/trigger.h"

#define SELL_WITHIN_NS (120 * NS_PER_S)
#define LOG_LINES 30
#define BOOKS_SHOWN 20
#define SERVICES_MAX 256

/* The answer in the making: text, and 0 or an exit code. */
struct reply {
	struct session *s;
	struct buf out;
};

static int refuse(struct reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct reply *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&r->out, fmt, ap);
	va_end(ap);
	buf_addc(&r->out, '\n');
	return 64;
}

/* ---- faults, arm, heal ---- */

static int do_faults(struct reply *r, char *arg)
{
	const struct conf_catalog *cat = r->s->in->cat;

	for (size_t i = 0; i < cat->faults_count; i++) {
		const struct conf_kind *k = &cat->faults[i];

		if (!*arg)
			buf_printf(&r->out, "  %-20s %s\n", k->name, k->summary);
		else if (str_glob(arg, k->name)) {
			const struct fault_ops *ops = k->ops;

			buf_printf(&r->out, "%s: %s\n", k->name, k->summary);
			opt_help(k->opts, 2, &r->out);
			buf_printf(&r->out, "  arm %.*s %s\n", (int)strlen(k->name), ops->example,
				   ops->example + strlen(k->name) + 1);
		}
	}
	return r->out.len ? 0 : refuse(r, "there is no fault like \"%s\"", arg);
}

/* Cuts " for 10s" off the end of what is to be armed; NULL: it has none. */
static char *cut_for(char *arg)
{
	char *at = NULL;

	for (char *p = strstr(arg, " for "); p; p = strstr(p + 1, " for "))
		at = p;
	if (!at || strchr(at, '}'))
		return NULL;
	*at = '\0';
	at += 5;
	while (*at == ' ')
		at++;
	return at;
}

/* "net.drop {rate: 5%}" as YAML has it: "net.drop: {rate: 5%}". */
static char *as_yaml(const char *arg)
{
	size_t n = strcspn(arg, " {:");
	const char *rest = arg + n;

	while (*rest == ' ' || *rest == ':')
		rest++;
	return xasprintf("%.*s: %s", (int)n, arg, *rest ? rest : "{}");
}

static struct experiment *read_arm(struct reply *r, const char *yaml, const char *lasts,
				   struct diag *diag)
{
	struct session *s = r->s;
	cleanup_free char *path = xasprintf("%s/arm", s->in->dir);
	cleanup_free char *when = lasts ? xasprintf("    when: {for: %s}\n", lasts) : xstrdup("");
	cleanup_free char *text = xasprintf("faults:\n  - %s\n%stitle: by hand\ntarget: '%s'\n"
					    "shoppers: {count: 1, arrivals: constant 1/s}\n"
					    "checks: [sales-served: {min: 1}]\n", yaml, when,
					    s->in->target->name);
	struct experiment *x = NULL;
	struct err e = { 0 };

	if (store_write(s->in->dir, "arm", text, strlen(text), &e) < 0) {
		refuse(r, "%s", e.msg);
		return NULL;
	}
	x = experiment_load(path, s->in->cat, NULL, diag);
	if (x && plan_check(x, s->in->target, diag) < 0) {
		experiment_free(x);
		x = NULL;
	}
	if (x && x->faults_count != 1) {
		refuse(r, "one fault at a time");
		experiment_free(x);
		return NULL;
	}
	if (!x)
		diag_render(diag, &r->out);
	return x;
}

/* May it be armed here and now? Disks and links are as they were laid when this began. */
static int can_arm(struct reply *r, const struct conf_item *it)
{
	const struct fault_ops *ops = it->kind->ops;
	bool declared = false;
	char why[512] = "";

	for (size_t i = 0; i < r->s->in->experiment->faults_count; i++)
		declared |= r->s->in->experiment->faults[i].kind == it->kind;
	if ((ops->layer == LAYER_CALL || ops->logs_disk || hook_library(ops) == SHIM_POINTS) &&
	    !declared)
		return refuse(r, "%s needs to be prepared when services start: worstday shell "
			      "--set 'faults=[{%s: {...}}]' names what may be armed later",
			      ops->name, ops->name);
	if (plan_probe_fault(it, r->s->in->target, why, sizeof(why)) < 0)
		return refuse(r, "%s does not work here: %s", ops->name, why);
	if (ops->layer == LAYER_DISK && !r->s->in->disks)
		return refuse(r, "%s: the data do not lie on disks of ours here", ops->name);
	if (hook_library(ops) < SHIM_LIBRARIES && !r->s->in->preload)
		return refuse(r, "%s needs our library in the services: start the shell without "
			      "--no-preload", ops->name);
	if (backend_is_netem(ops, it->opts))
		return refuse(r, "%s: by hand only `backend: wire`", ops->name);
	return 0;
}

static int do_arm(struct reply *r, char *arg)
{
	struct session *s = r->s;
	size_t i = s->x.faults_count;
	char *lasts = cut_for(arg);
	cleanup_free char *yaml = as_yaml(arg);
	struct diag *diag = diag_new();
	struct experiment *x = *arg ? read_arm(r, yaml, lasts, diag) : NULL;
	struct err e = { 0 };
	int code = x ? can_arm(r, &x->faults[0]) : 65;

	diag_free(diag);
	if (!*arg)
		return refuse(r, "arm what? arm NAME {options} [for 10s]; `faults` lists them");
	if (code || i == SESSION_FAULTS_MAX) {
		experiment_free(x);
		return code ? code : refuse(r, "that was the last of %d", SESSION_FAULTS_MAX);
	}
	s->x.faults[i] = x->faults[0];
	s->armed[i] = (struct by_hand){ .text = xstrdup(yaml), .in = x, .at_ns = clock_now(),
					.for_ns = x->faults[0].when.for_.ns };
	s->x.faults_count++;
	if (triggers_add(s->triggers, &e) < 0) {
		triggers_forget_error(s->triggers);
		s->armed[i].healed_ns = s->armed[i].at_ns;
		return refuse(r, "%s", e.msg);
	}
	buf_printf(&r->out, "%zu: ", i);
	((const struct fault_ops *)x->faults[0].kind->ops)->describe(x->faults[0].opts, &r->out);
	buf_printf(&r->out, "%s%s; fired %" PRId64 " so far\n", lasts ? ", for " : "",
		   lasts ? lasts : "", triggers_hits(s->triggers, i));
	return 0;
}

static bool meant(const struct session *s, size_t i, const char *arg)
{
	char number[24];

	snprintf(number, sizeof(number), "%zu", i);
	return !*arg || str_eq(arg, "all") || str_eq(arg, number) ||
	       str_glob(arg, s->x.faults[i].kind->name);
}

static int do_heal(struct reply *r, char *arg)
{
	struct session *s = r->s;
	size_t n = 0;

	for (size_t i = 0; i < s->x.faults_count; i++) {
		if (!triggers_armed(s->triggers, i) || !meant(s, i, arg))
			continue;
		triggers_heal_one(s->triggers, i);
		s->armed[i].healed_ns = clock_now();
		buf_printf(&r->out, "%zu: %s healed; fired %" PRId64 "\n", i,
			   s->x.faults[i].kind->name, triggers_hits(s->triggers, i));
		n++;
	}
	if (triggers_error(s->triggers)) {
		refuse(r, "%s", triggers_error(s->triggers));
		triggers_forget_error(s->triggers);
		return 4;
	}
	return n ? 0 : refuse(r, "nothing is armed%s%s", *arg ? " that is called " : "", arg);
}

/* ---- looking ---- */

static int do_status(struct reply *r, char *arg)
{
	struct session *s = r->s;
	struct service_state v[SERVICES_MAX];
	size_t n = stage_services(s->stage, "*", v, SERVICES_MAX);
	char since[DUR_TEXT];

	(void)arg;
	buf_printf(&r->out, "%s, for %s\n", s->in->target->name,
		   dur_text(since, clock_now() - s->began_ns));
	for (size_t i = 0; i < n; i++)
		buf_printf(&r->out, "  %-24s %s%s%s\n", v[i].name,
			   !v[i].running ? "down" : v[i].ready ? "ready" : "not ready",
			   v[i].ended[0] ? ", last: " : "", v[i].ended);
	for (size_t i = 0; i < s->in->publish_count; i++)
		buf_printf(&r->out, "  %s:%u is at %s\n", s->in->publish[i].node,
			   s->in->publish[i].port, s->in->publish[i].here);
	for (size_t i = 0; i < s->x.faults_count; i++)
		buf_printf(&r->out, "  fault %zu %-20s %s, fired %" PRId64 "  %s\n", i,
			   s->x.faults[i].kind->name,
			   triggers_armed(s->triggers, i) ? "armed" : "over",
			   triggers_hits(s->triggers, i), s->armed[i].text);
	buf_printf(&r->out, "  %zu sale%s by hand\n", s->sold_count,
		   s->sold_count == 1 ? "" : "s");
	return 0;
}

static int do_log(struct reply *r, char *arg)
{
	struct service_state v[2];
	char any[256];
	size_t n, len, lines = 0;
	cleanup_free char *name = NULL, *text = NULL;
	const char *at;

	snprintf(any, sizeof(any), strchr(arg, '/') ? "%.200s" : "*/%.200s", arg);
	n = stage_services(r->s->stage, any, v, 2);
	if (n != 1)
		return refuse(r, n ? "log: which one? \"%s\" matches several" :
				     "log: no service \"%s\"", arg);
	name = xasprintf("%s.log", v[0].name);
	*strchr(name, '/') = '.';
	text = store_read(r->s->logs, name, &len, NULL);
	if (!text || !len)
		return refuse(r, "%s has written nothing", v[0].name);
	for (at = text + len - 1; at > text && lines < LOG_LINES; at--)
		lines += at[-1] == '\n';
	buf_adds(&r->out, at > text ? at + 1 : at);
	return 0;
}

/* ---- the books ---- */

struct rows {
	struct reply *r;
	size_t count[BOOK_WHATS];
	char *line[BOOKS_SHOWN]; /* owned: the last sales, in a circle */
	size_t lines;
};

static void on_row(void *arg, const struct book *b)
{
	struct rows *rows = arg;
	struct buf line = { 0 };
	char **place;

	rows->count[b->what]++;
	if (b->what != BOOK_SALE && b->what != BOOK_INVARIANT)
		return;
	place = &rows->line[rows->lines++ % BOOKS_SHOWN];
	buf_printf(&line, "  %s %s ", book_names[b->what], b->key ? b->key : "(no key)");
	if (b->total != INT64_MIN)
		judge_money(&line, b->total, b->currency);
	if (b->receipt)
		buf_printf(&line, ", receipt %s", b->receipt);
	if (b->state)
		buf_printf(&line, ", %s", b->state);
	free(*place);
	*place = buf_steal(&line);
}

static int do_books(struct reply *r, char *arg)
{
	struct rows rows = { .r = r };
	struct err e = { 0 };
	size_t first;
	int err;

	(void)arg;
	if (r->s->in->target->books.kind == BOOKS_NONE)
		return refuse(r, "the target declares no `books:`");
	err = books_each(r->s->stage, r->s->in->target, false, on_row, &rows, &e);
	first = rows.lines > BOOKS_SHOWN ? rows.lines - BOOKS_SHOWN : 0;
	if (first)
		buf_printf(&r->out, "  ... %zu before\n", first);
	for (size_t i = first; i < rows.lines; i++)
		buf_printf(&r->out, "%s\n", rows.line[i % BOOKS_SHOWN]);
	for (size_t i = 0; i < BOOK_WHATS; i++)
		if (rows.count[i])
			buf_printf(&r->out, "%s%zu %s", i ? ", " : "  ", rows.count[i],
				   book_names[i]);
	buf_adds(&r->out, "\n");
	for (size_t i = 0; i < BOOKS_SHOWN; i++)
		free(rows.line[i]);
	return err < 0 ? refuse(r, "the books cannot be read: %s", e.msg) : 0;
}

/* ---- one sale ---- */

struct selling {
	struct session *s;
	struct reply *r;
	struct sold *sold;
	bool over;
};

static int sell_socket(void *arg, const char *node, int domain, int type, int protocol)
{
	return stage_socket(((struct selling *)arg)->s->stage, node, domain, type, protocol);
}

static const char *sell_address(void *arg, const char *node)
{
	return stage_address(((struct selling *)arg)->s->stage, node);
}

static int sell_spawn(void *arg, const char *node, char *const argv[], const struct strmap *env,
		      int *ret_in, int *ret_out, int *ret_pidfd, struct err *e)
{
	struct spawned sp;
	int err = stage_spawn(((struct selling *)arg)->s->stage, node, NULL, argv, env, &sp, e);

	if (err < 0)
		return err;
	*ret_in = sp.in;
	*ret_out = sp.out;
	*ret_pidfd = sp.pidfd;
	return 0;
}

static void sell_told(void *arg, const struct told *t)
{
	struct selling *g = arg;
	char took[DUR_TEXT];

	triggers_told(g->s->triggers, t);
	ledger_told(g->s->ledger, t);
	snprintf(g->sold->key, sizeof(g->sold->key), "%s", t->key);
	snprintf(g->sold->lane, sizeof(g->sold->lane), "%s", t->lane ? t->lane : "");
	snprintf(g->sold->outcome, sizeof(g->sold->outcome), "%s", outcome_names[t->outcome]);
	buf_printf(&g->r->out, "%s at %s: told %s", t->key, g->sold->lane, g->sold->outcome);
	if (t->error)
		buf_printf(&g->r->out, " (%s)", t->error);
	if (t->receipt)
		buf_printf(&g->r->out, ", receipt %s", t->receipt);
	if (t->total >= 0) {
		buf_adds(&g->r->out, ", ");
		judge_money(&g->r->out, t->total, t->currency);
	}
	buf_printf(&g->r->out, "; %s of the POS's own time%s\n", dur_text(took, t->system_ns),
		   t->offline ? "; sold offline" : "");
}

static void sell_left(void *arg, const struct left *l)
{
	struct selling *g = arg;

	buf_printf(&g->r->out, "the shopper left: %s\n", l->why);
}

static void sell_lane(void *arg, const char *lane, const char *did)
{
	struct selling *g = arg;

	buf_printf(&g->r->out, "%s: %s\n", lane, did);
}

static void sell_card(void *arg, const char *lane, const char *key)
{
	struct selling *g = arg;

	struct err e = {0};

	if (terminals_card(g->s->hosts.terminals, lane, key, &e) < 0)
		buf_printf(&g->r->out, "%s: no card: %s\n", lane, e.msg);
}

static void sell_over(void *arg)
{
	((struct selling *)arg)->over = true;
}

static bool lane_there(const struct target *t, const char *name)
{
	for (size_t i = 0; i < t->lanes.count; i++)
		if (str_eq(t->lanes.at[i], name))
			return true;
	return false;
}

/* A crowd of one: opens a session at its lane, buys, pays and goes. */
static int do_sell(struct reply *r, char *arg)
{
	struct session *s = r->s;
	const struct strlist *lanes = &s->in->target->lanes;
	char *lane = *arg ? arg : lanes->count ? lanes->at[0] : NULL;
	struct experiment x = *s->in->experiment;
	struct selling g = { .s = s, .r = r };
	struct crowd_opts o = {
		.experiment = &x, .target = s->in->target, .loop = s->loop, .seed = s->x.seed,
		.epoch_ns = s->began_ns,
		.world = { &g, sell_socket, sell_address, sell_spawn },
		.hooks = { .arg = &g, .told = sell_told, .left = sell_left, .lane = sell_lane,
			   .finished = sell_over },
	};
	struct crowd *c = NULL;
	struct err e = { 0 };
	int64_t first, by = clock_now() + SELL_WITHIN_NS;
	int err;

	if (!lane || !lane_there(s->in->target, lane))
		return refuse(r, "sell: the target has no lane \"%s\"", lane ? lane : "");
	s->sold = xrealloc(s->sold, (s->sold_count + 1) * sizeof(*s->sold));
	g.sold = &s->sold[s->sold_count];
	*g.sold = (struct sold){ .at_ns = clock_now() };
	x.shoppers.lanes = (struct strlist){ .at = (char *[]){ lane, NULL }, .count = 1 };
	x.shoppers.first = (int64_t)s->sold_count + 1;
	if (s->hosts.terminals)
		o.hooks.card = sell_card;
	err = crowd_new(&c, &o, &e);
	if (err >= 0)
		err = crowd_open(c, by, &first, &e);
	if (err >= 0)
		err = loop_run_until(s->loop, &g.over, by);
	if (err == -ETIMEDOUT && c)
		crowd_abort(c);
	crowd_free(c);
	s->sold_count += g.sold->key[0] != '\0';
	if (err < 0 && err != -ETIMEDOUT)
		return refuse(r, "%s", e.code ? e.msg : strerror(-err));
	return str_eq(g.sold->outcome, outcome_names[TOLD_OK]) ? 0 : 1;
}

/* ---- the rest ---- */

static int do_save(struct reply *r, char *arg)
{
	struct err e = { 0 };

	if (!*arg)
		return refuse(r, "save: into which file?");
	if (session_save(r->s, arg, &e) < 0)
		return refuse(r, "%s", e.msg);
	buf_printf(&r->out, "saved; worstday run %s\n", arg);
	return 0;
}

static int do_quit(struct reply *r, char *arg)
{
	(void)arg;
	r->s->over = true;
	return 0;
}

static int do_help(struct reply *r, char *arg);

static const struct word {
	const char *name, *args, *help;
	int (*fn)(struct reply *r, char *arg);
} words[] = {
	{ "faults", "[NAME]", "what can go wrong; with NAME its options", do_faults },
	{ "arm", "NAME {options} [for 10s]", "let it happen, now", do_arm },
	{ "heal", "[NUMBER|NAME]", "end it; without a word all that is armed", do_heal },
	{ "status", "", "services, published ports, faults and their hits", do_status },
	{ "sell", "[LANE]", "one sale by the target's driver", do_sell },
	{ "books", "", "what the POS has recorded", do_books },
	{ "log", "SERVICE", "its last lines", do_log },
	{ "save", "FILE", "what was done so far as an experiment that repeats it", do_save },
	{ "help", "", "this", do_help },
	{ "quit", "", "stop everything", do_quit },
};

const char *session_word(size_t i, const char **ret_args, const char **ret_help)
{
	if (i >= ARRAY_SIZE(words))
		return NULL;
	*ret_args = words[i].args;
	*ret_help = words[i].help;
	return words[i].name;
}

static int do_help(struct reply *r, char *arg)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		cleanup_free char *left = xasprintf("%s %s", words[i].name, words[i].args);

		buf_printf(&r->out, "  %-32s %s\n", left, words[i].help);
	}
	return 0;
}

static int unknown(struct reply *r, const char *word)
{
	const char *names[ARRAY_SIZE(words)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		names[i] = words[i].name;
	near = str_nearest(word, names, ARRAY_SIZE(words));
	return refuse(r, "no word \"%s\"%s%s%s; `help` lists them", word,
		      near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int say(struct reply *r, char *text)
{
	char *end = text + strlen(text), *arg;

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	arg = text + strcspn(text, " \t");
	while (isspace((unsigned char)*arg))
		*arg++ = '\0';
	if (!*text)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_eq(words[i].name, text))
			return words[i].fn(r, arg);
	return unknown(r, text);
}

void session_do(struct session *s, struct control_talk *t, const char *text)
{
	struct reply r = { .s = s };
	cleanup_free char *copy = xstrdup(text);
	int code = say(&r, copy);

	control_say(t, r.out.data ? r.out.data : "", r.out.len);
	control_answer(t, code, "", NULL, 0);
	buf_done(&r.out);
}
