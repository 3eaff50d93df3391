/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe saw: in the order in which it happened, then what to change. */
#include "cmd_probe.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "judge/judge.h"
#include "report/summary.h"

#define ROWS_SHOWN 20
#define LOG_LINES 12

static const char *const driver_kinds[] = {
	[DRIVER_HTTP] = "http", [DRIVER_SCRIPT] = "script", [DRIVER_NULL] = "null"};

/* ---- pieces ---- */

static void print_indented(const char *text, const char *indent)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		printf("%s%.*s\n", indent, (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void show_start(const struct probing *p)
{
	const struct event *started = NULL;

	printf("start\n");
	for (size_t i = 0; i < p->ledgers.event_count; i++) {
		const struct event *ev = &p->ledgers.event[i];

		if (ev->kind == EV_PHASE && str_eq(ev->object, "start"))
			started = ev;
		if (ev->kind == EV_READY && started)
			printf("  %s ready after %.3f s\n", ev->object,
			       (double)(ev->t_ns - started->t_ns) / NS_PER_S);
		if ((ev->kind == EV_EXITED || ev->kind == EV_KILLED) && p->ledgers.told_count == 0)
			printf("  %s %s%s%s\n", ev->object, event_names[ev->kind],
			       ev->did ? ": " : "", ev->did ? ev->did : "");
	}
}

static void show_told(const struct probing *p)
{
	const struct told *t = p->told;
	struct buf b = {0};

	printf("\nthe shopper\n");
	if (!t) {
		printf("  was told nothing\n");
		return;
	}
	buf_printf(&b, "  %s at %s: %s", t->key, t->lane, outcome_names[t->outcome]);
	if (t->error)
		buf_printf(&b, " (%s)", t->error);
	if (t->receipt)
		buf_printf(&b, ", receipt %s", t->receipt);
	if (t->total >= 0) {
		buf_adds(&b, ", total ");
		judge_money(&b, t->total, t->currency);
	}
	buf_printf(&b, "; basket %s", t->basket ? t->basket : "?");
	if (t->expected >= 0) {
		buf_adds(&b, ", by the price list ");
		judge_money(&b, t->expected, p->t->currency);
	}
	printf("%s; %lld ms of the POS's own time\n", b.data,
	       (long long)(t->system_ns / NS_PER_MS));
	buf_done(&b);
}

/* A row as JSON: only what it has. */
static void row_json(const struct book *r, struct json_out *o)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{"key", r->key},	 {"sku", r->sku},	{"currency", r->currency},
		{"receipt", r->receipt}, {"series", r->series}, {"lane", r->lane},
		{"state", r->state},	 {"tender", r->tender}, {"time", r->time},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (texts[i].text)
			json_str(o, texts[i].name, texts[i].text);
	}
	if (r->what != BOOK_STOCK && r->what != BOOK_RECEIPT && r->total != INT64_MIN)
		json_i64(o, "total", r->total);
	if (r->number != INT64_MIN)
		json_i64(o, "number", r->number);
	if (r->what == BOOK_STOCK || r->what == BOOK_LINE)
		json_i64(o, "qty", r->qty);
}

/* What this article's stock was; INT64_MIN: there was none. */
static int64_t stock_before(const struct probing *p, const char *sku)
{
	for (size_t i = 0; i < p->ledgers.book_count; i++) {
		const struct book *b = &p->ledgers.book[i];

		if (b->start && b->what == BOOK_STOCK && str_eq(b->sku, sku))
			return b->qty;
	}
	return INT64_MIN;
}

static void show_row(const struct probing *p, const struct book *r)
{
	struct buf b = {0};
	struct json_out o = {.buf = &b};
	int64_t was = r->what == BOOK_STOCK ? stock_before(p, r->sku) : INT64_MIN;

	json_obj(&o, NULL);
	row_json(r, &o);
	json_obj_end(&o);
	printf("    %s", b.data);
	if (was != INT64_MIN)
		printf("  before: %lld", (long long)was);
	putchar('\n');
	buf_done(&b);
}

static void show_books(const struct probing *p)
{
	const struct books *b = &p->t->books;

	printf("\nthe books (%s%s%s%s%s)\n", probe_books_kind[b->kind], b->node ? " at " : "",
	       b->node ? b->node : "", b->file ? ", " : "", b->file ? b->file : "");
	for (int w = 0; w < BOOK_WHATS; w++) {
		const struct probe_rows *r = &p->rows[w];

		if (!r->asked)
			continue;
		printf("  %-9s %zu row%s at the start, %zu new%s\n", probe_query[w], r->before,
		       r->before == 1 ? "" : "s", r->count, r->count ? ":" : "");
		for (size_t i = 0; i < r->count && i < ROWS_SHOWN; i++)
			show_row(p, r->fresh[i]);
		if (r->count > ROWS_SHOWN)
			printf("    ... and %zu more\n", r->count - ROWS_SHOWN);
	}
}

/* ---- logs ---- */

static const char *tail_of(const char *text, int lines)
{
	const char *s = text + strlen(text);

	while (s > text && lines >= 0) {
		s--;
		lines -= s[0] == '\n' && s[1] != '\0';
	}
	return s > text ? s + 1 : s;
}

static int is_service_log(const struct dirent *d)
{
	return d->d_name[0] != '.' && strncmp(d->d_name, "driver.", 7) != 0;
}

static void show_logs(const struct probing *p)
{
	cleanup_free char *logs = xasprintf("%s/logs", p->result ? p->result->dir : "");
	struct dirent **list = NULL;
	int n = p->result && p->result->dir[0] ?
			scandir(logs, &list, is_service_log, alphasort) : 0;

	for (int i = 0; i < n; i++) {
		cleanup_free char *text = store_read(logs, list[i]->d_name, NULL, NULL);

		if (text && *text) {
			printf("\nthe end of %s\n", list[i]->d_name);
			print_indented(tail_of(text, LOG_LINES), "  | ");
		}
		free(list[i]);
	}
	free(list);
}

/* ---- the whole ---- */

static void show_findings(const struct probing *p, int code)
{
	printf("\n");
	if (p->suite.signal)
		printf("interrupted\n");
	else if (code == 0)
		printf("ok: told ok, and in the books once, with the right amount\n");
	else if (p->result)
		printf("%s: %s\n", verdict_names[p->result->verdict], p->result->why);
	for (size_t i = 0; i < p->findings_count; i++)
		printf("%s %s\n   -> %s\n", p->findings[i].bad ? "wrong:" : "note: ",
		       p->findings[i].what, p->findings[i].advice);
	if (p->c->keep_dir && p->result)
		printf("results: %s\n", p->result->dir);
}

void probe_show_text(const struct probing *p, int code)
{
	printf("%s (%s): one sale through %s\n\n", p->t->name, p->t->path, p->lane);
	show_start(p);
	if (*p->trace) {
		printf("\nthe driver (%s)\n", driver_kinds[p->t->driver.kind]);
		print_indented(p->trace, "  ");
	}
	if (p->ledgers.told_count || p->ledgers.left_count)
		show_told(p);
	if (p->ledgers.told_count && p->t->books.kind != BOOKS_NONE)
		show_books(p);
	if (probe_wrong(p))
		show_logs(p);
	show_findings(p, code);
}

static void told_json(const struct told *t, struct json_out *o)
{
	json_obj(o, "told");
	json_str(o, "key", t->key);
	json_str(o, "outcome", outcome_names[t->outcome]);
	if (t->error)
		json_str(o, "error", t->error);
	if (t->receipt)
		json_str(o, "receipt", t->receipt);
	if (t->total >= 0)
		json_i64(o, "total", t->total);
	if (t->expected >= 0)
		json_i64(o, "expected", t->expected);
	json_obj_end(o);
}

static void books_json(const struct probing *p, struct json_out *o)
{
	json_obj(o, "books");
	for (int w = 0; w < BOOK_WHATS; w++) {
		if (!p->rows[w].asked)
			continue;
		json_obj(o, probe_query[w]);
		json_u64(o, "before", p->rows[w].before);
		json_arr(o, "new");
		for (size_t i = 0; i < p->rows[w].count; i++) {
			json_obj(o, NULL);
			row_json(p->rows[w].fresh[i], o);
			json_obj_end(o);
		}
		json_arr_end(o);
		json_obj_end(o);
	}
	json_obj_end(o);
}

void probe_show_json(const struct probing *p, int code)
{
	struct buf b = {0};
	struct json_out o = {.buf = &b, .pretty = true};

	json_obj(&o, NULL);
	json_str(&o, "target", p->t->name);
	json_str(&o, "lane", p->lane);
	json_i64(&o, "exit", code);
	json_str(&o, "verdict", p->result ? verdict_names[p->result->verdict] : "interrupted");
	json_str(&o, "why", p->result ? p->result->why : "");
	json_str(&o, "trace", p->trace);
	if (p->told)
		told_json(p->told, &o);
	books_json(p, &o);
	json_arr(&o, "findings");
	for (size_t i = 0; i < p->findings_count; i++) {
		json_obj(&o, NULL);
		json_bool(&o, "bad", p->findings[i].bad);
		json_str(&o, "what", p->findings[i].what);
		json_str(&o, "advice", p->findings[i].advice);
		json_obj_end(&o);
	}
	json_arr_end(&o);
	if (p->c->keep_dir && p->result)
		json_str(&o, "dir", p->result->dir);
	json_obj_end(&o);
	puts(b.data);
	buf_done(&b);
}
