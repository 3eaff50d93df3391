/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a target file, as far as one sale shows it. Theory of
 * operation: looks go in the order in which things happen (start, books at the
 * start, driver, books at the end). The first look that finds what everything
 * after it follows from ends the search: ten complaints with one cause help
 * nobody. Each finding says what was seen, and what in the file to change.
 */
#include "cmd_probe.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "judge/judge.h"

const char *const probe_books_kind[] = {
	[BOOKS_NONE] = "none", [BOOKS_SQLITE] = "sqlite",   [BOOKS_POSTGRES] = "postgres",
	[BOOKS_HTTP] = "http", [BOOKS_COMMAND] = "command",
};
const char *const probe_query[BOOK_WHATS] = {
	[BOOK_SALE] = "sales",	     [BOOK_PAYMENT] = "payments", [BOOK_STOCK] = "stock",
	[BOOK_RECEIPT] = "receipts", [BOOK_LINE] = "lines",
	[BOOK_INVARIANT] = "invariants",
};

/* ---- findings ---- */

static void find(struct probing *p, bool bad, char *what, const char *advice, ...)
	__attribute__((format(printf, 4, 5)));
static void find(struct probing *p, bool bad, char *what, const char *advice, ...)
{
	struct finding *f;
	struct buf b = {0};
	va_list ap;

	va_start(ap, advice);
	buf_vprintf(&b, advice, ap);
	va_end(ap);
	p->findings = xrealloc(p->findings, (p->findings_count + 1) * sizeof(*p->findings));
	f = &p->findings[p->findings_count++];
	*f = (struct finding){.bad = bad, .what = what, .advice = buf_steal(&b)};
}

bool probe_wrong(const struct probing *p)
{
	for (size_t i = 0; i < p->findings_count; i++) {
		if (p->findings[i].bad)
			return true;
	}
	return false;
}

static char *money(const struct probing *p, int64_t amount)
{
	struct buf b = {0};

	judge_money(&b, amount, p->t->currency);
	return buf_steal(&b);
}

static const char *kind(const struct probing *p)
{
	return probe_books_kind[p->t->books.kind];
}

static const char *text(const char *s)
{
	return s && *s ? s : "nothing";
}

/* ---- rows that are new ---- */

static int by_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int by_number(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int by_row(const void *pa, const void *pb)
{
	const struct book *a = *(const struct book *const *)pa;
	const struct book *b = *(const struct book *const *)pb;
	const int cmp[] = {
		by_number(a->what, b->what),	 by_text(a->key, b->key),
		by_text(a->sku, b->sku),	 by_number(a->number, b->number),
		by_number(a->total, b->total),	 by_number(a->qty, b->qty),
		by_text(a->series, b->series),	 by_text(a->receipt, b->receipt),
		by_text(a->state, b->state),	 by_text(a->tender, b->tender),
		by_text(a->currency, b->currency), by_text(a->lane, b->lane),
		by_text(a->time, b->time),
	};

	for (size_t i = 0; i < ARRAY_SIZE(cmp); i++) {
		if (cmp[i])
			return cmp[i];
	}
	return 0;
}

struct row_list {
	const struct book **at; /* owned */
	size_t count;
};

static struct row_list rows_of(const struct ledgers *l, bool start)
{
	struct row_list r = {.at = xcalloc(l->book_count + 1, sizeof(*r.at))};

	for (size_t i = 0; i < l->book_count; i++) {
		if (l->book[i].start == start)
			r.at[r.count++] = &l->book[i];
	}
	qsort(r.at, r.count, sizeof(*r.at), by_row);
	return r;
}

static void row_add(struct probe_rows *r, const struct book *b)
{
	r->fresh = xrealloc(r->fresh, (r->count + 1) * sizeof(*r->fresh));
	r->fresh[r->count++] = b;
}

/* Both lists are sorted: one walk finds what only the end has. */
static void look_rows(struct probing *p)
{
	const struct books *b = &p->t->books;
	char *const sql[] = {b->sales, b->payments, b->stock, b->receipts, b->lines};
	struct row_list then = rows_of(&p->ledgers, true), now = rows_of(&p->ledgers, false);
	size_t k = 0;

	_Static_assert(ARRAY_SIZE(sql) == BOOK_INVARIANT, "one SQL text a kind of row");
	for (int w = 0; w < BOOK_INVARIANT; w++)
		p->rows[w].asked = b->kind == BOOKS_SQLITE || b->kind == BOOKS_POSTGRES ?
					   sql[w] && *sql[w] : false;
	for (size_t i = 0; i < then.count; i++) {
		p->rows[then.at[i]->what].before++;
		p->rows[then.at[i]->what].asked = true;
	}
	for (size_t i = 0; i < now.count; i++) {
		int cmp = 1;

		p->rows[now.at[i]->what].asked = true;
		while (k < then.count && (cmp = by_row(&then.at[k], &now.at[i])) < 0)
			k++;
		if (k < then.count && cmp == 0)
			k++;
		else
			row_add(&p->rows[now.at[i]->what], now.at[i]);
	}
	p->rows[BOOK_SALE].asked = b->kind != BOOKS_NONE;
	free(then.at);
	free(now.at);
}

/* ---- the trace ---- */

/* The text behind the last line of the trace that starts like this; "" when there is none. */
static char *trace_last(const struct probing *p, const char *start)
{
	const char *found = NULL;

	for (const char *s = p->trace; (s = strstr(s, start)) != NULL; s++) {
		if (s == p->trace || s[-1] == '\n')
			found = s + strlen(start);
	}
	return found ? xstrndup(found, strcspn(found, "\n")) : xstrdup("");
}

/* Did any request carry the key? Requests are headlines and "  >" lines. */
static bool trace_sent(const struct probing *p, const char *words)
{
	for (const char *s = p->trace; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		cleanup_free char *line = xstrndup(s, strcspn(s, "\n"));
		/* a headline names the key itself: only its URL counts */
		const char *from = line[0] == '[' ? strstr(line, " try ") : NULL;

		if (strncmp(line, "  > ", 4) == 0)
			from = line;
		if (from && strstr(from, words))
			return true;
	}
	return false;
}

/* Each distinct variable for which a take found nothing. */
static void look_takes(struct probing *p)
{
	static const char start[] = "  = took nothing for ";
	struct strlist seen = {0};

	for (const char *s = p->trace; (s = strstr(s, start)) != NULL;) {
		cleanup_free char *name = NULL;
		bool known = false;

		s += strlen(start);
		name = xstrndup(s, strcspn(s, "\n"));
		for (size_t i = 0; i < seen.count; i++)
			known |= str_eq(seen.at[i], name);
		if (known)
			continue;
		strlist_add(&seen, name, (struct mark){0});
		find(p, false, xasprintf("`take:` found no %s in a reply", name),
		     "compare its pointer, header or pattern with the answer above; with "
		     "`required: false` a reply may lack it");
	}
	strlist_done(&seen);
}

/* ---- before the sale ---- */

static bool look_start(struct probing *p)
{
	const char *why = p->result ? p->result->why : "";

	if (!p->result || p->suite.signal) /* stopped by hand: nothing is known */
		return true;
	if (p->result->verdict != BROKEN && p->result->verdict != UNSUPPORTED &&
	    p->ledgers.told_count)
		return false;
	if (strstr(why, "reading the books"))
		find(p, true, xstrdup(why),
		     "correct `books: %s`: the file or connection, and the names of its tables and "
		     "columns. What the POS makes only with its first sale must exist before (make "
		     "it in `prepare:`)", kind(p));
	else if (strstr(why, "open-session") || *p->trace)
		find(p, true, xstrdup(why),
		     "the driver could not begin: compare the request and the answer above with "
		     "what the POS expects (`driver:` its URL, port, credentials). Requests leave "
		     "from node %s, where localhost is %s itself", p->lane, p->lane);
	else if (strstr(why, "ready"))
		find(p, true, xstrdup(why),
		     "see the service's log below. Does `ready:` name the port and path that it "
		     "serves, and does it listen on 0.0.0.0? Is `within:` long enough?");
	else
		find(p, true, xstrdup(why), "see the logs below; the command in `run:` sees the "
		     "target's folder as /target and has no way out of its node's network");
	return true;
}

static void look_start_books(struct probing *p)
{
	for (size_t i = 0; i < p->ledgers.book_count; i++) {
		const struct book *b = &p->ledgers.book[i];

		if (!b->start || b->what != BOOK_SALE || !str_eq(b->key, p->key))
			continue;
		find(p, true,
		     xasprintf("the books hold a sale with the key %s before the first shopper",
			       p->key),
		     "sales of another day are in the data: keep them out of `data:` and "
		     "`prepare:`, or out of `books.%s.sales` by a WHERE", kind(p));
		return;
	}
	if (p->rows[BOOK_SALE].before)
		find(p, false,
		     xasprintf("the books hold %zu sale%s before the first shopper",
			       p->rows[BOOK_SALE].before,
			       p->rows[BOOK_SALE].before == 1 ? "" : "s"),
		     "fine as long as none of their keys looks like the crowd's (S0, S1, ...)");
}

/* ---- the driver ---- */

static void look_refused(struct probing *p)
{
	cleanup_free char *why = trace_last(p, "  = refused: ");

	if (strncmp(why, "HTTP 2", 6) == 0)
		find(p, true, xasprintf("`refused:` matches a success: %s", why),
		     "make `driver.http.refused` narrower (a status such as 409, and a pattern for "
		     "the body when success and refusal share one): a success taken for a refusal "
		     "makes every sale a phantom");
	else
		find(p, true, xasprintf("the POS refused the sale: %s", text(p->told->error)),
		     "look at the request above: is the article known, the session open, the "
		     "amount right? Or try another tender: --set 'shoppers.pay={card: 100%%}'");
}

static void look_unknown(struct probing *p)
{
	const char *why = text(p->told->error);
	const char *at = "compare it with the answer above";

	if (strstr(why, "the reply has no"))
		at = "its `take:` is required but does not fit the answer above: correct the "
		     "pointer, header or pattern";
	else if (strstr(why, "ok-pattern"))
		at = "`ok:` does not fit the answer above";
	else if (strstr(why, "fail-pattern"))
		at = "`fail:` fits the answer above: is that really a failure?";
	else if (strncmp(why, "HTTP ", 5) == 0)
		at = "the POS did not like the request: compare it (method, URL, headers, body) "
		     "with its documentation, and see its log below. If this is how it says no, "
		     "declare it under `refused:`";
	else if (strstr(why, "script"))
		at = "see the driver's own log below";
	else if (p->t->driver.kind == DRIVER_SCRIPT)
		at = "these are your driver's words: compare what it asks for with what the POS "
		     "expects, and see their logs below. To try it by hand: `worstday shell` and "
		     "`worstday exec`";
	else
		at = "nobody answered: does `base:` name the right node and port, and does the POS "
		     "listen on 0.0.0.0?";
	find(p, true, xasprintf("the outcome is unknown: %s", why), "%s", at);
}

/* A success with words of failure in it, as GraphQL and old PHP like it. */
static void look_doubtful_ok(struct probing *p)
{
	static const char *const words[] = {"\"errors\"", "\"error\"", "Exception", "errorCode"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strstr(p->trace, words[i]))
			continue;
		find(p, false, xasprintf("an answer that counts as ok contains %s", words[i]),
		     "if that means failure, add `fail: {body: ...}` to the step");
		return;
	}
}

/* ---- the books ---- */

static bool changed(const struct probing *p, int what)
{
	return p->rows[what].count > 0;
}

/* Told ok, and no new row at all among the sales. */
static void look_no_sale(struct probing *p)
{
	int what = -1;

	for (int w = 0; w < BOOK_INVARIANT; w++) {
		if (w != BOOK_SALE && changed(p, w))
			what = w;
	}
	if (what >= 0)
		find(p, true,
		     xasprintf("told ok, but `sales` says nothing changed, though `%s` does",
			       probe_query[what]),
		     "the sale is there: `books.%s.sales` does not select it (its WHERE, its JOIN, "
		     "the state it asks for)", kind(p));
	else
		find(p, true, xstrdup("told ok, but the books have no new sale"),
		     "either the answer above is no success (add `ok:` or `fail:` patterns, or the "
		     "step that confirms), or `books.%s` reads the wrong file, database or state: "
		     "`SELECT` without a WHERE shows which", kind(p));
}

/* A row with a key that is not ours. */
static void look_other_key(struct probing *p)
{
	const struct book *b = p->rows[BOOK_SALE].fresh[0];
	const char *key = b->key ? b->key : "";
	size_t n = strlen(key);
	char *what = xasprintf("the sale is in the books under the key \"%s\", not \"%s\"", key,
			       p->key);

	if (n >= 2 && strncmp(key, p->key, n) == 0)
		find(p, true, what,
		     "the key is cut off after %zu characters: plant it in a longer field", n);
	else if (strcasecmp(key, p->key) == 0)
		find(p, true, what, "the POS changes letters: plant the key in a field that it "
		     "leaves alone, or upper() it in `books.%s.sales`", kind(p));
	else if (strstr(key, p->key))
		find(p, true, what, "the column holds more than the key: cut it out in "
		     "`books.%s.sales` (substr, replace, split_part)", kind(p));
	else if (p->t->key.plant != KEY_FIELD)
		find(p, true, what, "`key: {plant: %s}` makes %s the key: let `books.%s.sales` "
		     "select it AS key", p->t->key.plant == KEY_MARKER ? "marker" : "amount",
		     p->t->key.plant == KEY_MARKER ? "the marker article's sku" :
						     "the total in cents", kind(p));
	else if (p->t->driver.kind == DRIVER_HTTP && !trace_sent(p, p->key))
		find(p, true, what, "no request carried the key: put \"${key}\" into a field of "
		     "the sale that the POS keeps");
	else
		find(p, true, what, "the key was sent, so another column has it: let "
		     "`books.%s.sales` select that one AS key; or the POS does not keep the field "
		     "that it is planted in: choose another", kind(p));
}

/* Is `large` in cents what `small` is in whole euros, cut off or rounded? */
static bool factor(int64_t large, int64_t small)
{
	return small > 0 && large < INT64_MAX / 200 && large > small * 100 - 100 &&
	       large < small * 100 + 100;
}

static void look_unit(struct probing *p, const char *who, int64_t said, int64_t want, bool books)
{
	cleanup_free char *m = money(p, said), *w = money(p, want);
	char *what = xasprintf("%s %s, the price list %s", who, m, w);

	if (factor(want, said))
		find(p, true, what, "it is in another unit, 100 times too small: %s",
		     books ? "whole major units must be multiplied in the SQL (total * 100)" :
			     "whole major units are taken as `total-major` instead of `total`");
	else if (factor(said, want))
		find(p, true, what, "it is in another unit, 100 times too large: a whole number is "
		     "minor units already, 12.95 is converted by itself%s",
		     books ? "" : "; take `total`, not `total-major`");
	else
		find(p, true, what, "prices in `goods:` must be what the POS charges, tax included "
		     "as it does%s", books ? "; and the column must be the total to pay" : "");
}

static void look_amounts(struct probing *p, const struct book *b)
{
	int64_t list = p->told->expected, told = p->told->total;

	if (told >= 0 && list >= 0 && told != list && told == b->total) {
		look_unit(p, "the answer and the books say", told, list, false);
		return;
	}
	if (told >= 0 && list >= 0 && told != list)
		look_unit(p, "the answer says", told, list, false);
	if (b->total == INT64_MIN)
		find(p, true, xstrdup("the sale in the books has no total"),
		     "let `books.%s.sales` select it AS total", kind(p));
	else if (list >= 0 ? b->total != list : told >= 0 && b->total != told)
		look_unit(p, "the books say", b->total, list >= 0 ? list : told, true);
	if (list < 0)
		find(p, false, xstrdup("the price list does not know an article's price"),
		     "give `goods:` prices, so that amounts are checked");
}

static void look_currency(struct probing *p, const struct book *b)
{
	if (!b->currency || !*b->currency)
		find(p, false, xstrdup("the books name no currency"),
		     "let `books.%s.sales` select it (or '%s' AS currency)", kind(p),
		     p->t->currency);
	else if (!str_eq(b->currency, p->t->currency))
		find(p, true, xasprintf("the books say %s, the target %s", b->currency,
					p->t->currency),
		     "correct `currency:`, or the column");
}

static bool keyed(const struct probing *p, int what)
{
	for (size_t i = 0; i < p->rows[what].count; i++) {
		if (str_eq(p->rows[what].fresh[i]->key, p->key))
			return true;
	}
	return false;
}

/* The other queries, once the sale itself is found. */
static void look_others(struct probing *p)
{
	for (int w = 0; w < BOOK_INVARIANT; w++) {
		if (w == BOOK_SALE || !p->rows[w].asked)
			continue;
		if (!changed(p, w))
			find(p, true,
			     xasprintf("the sale is booked, but `%s` says nothing changed",
				       probe_query[w]),
			     "correct `books.%s.%s` (a WHERE that is too narrow, a table written "
			     "later), or leave it out: a query that stands still blinds its check",
			     kind(p), probe_query[w]);
		else if ((w == BOOK_PAYMENT || w == BOOK_LINE) && !keyed(p, w))
			find(p, true, xasprintf("no row of `%s` has the key", probe_query[w]),
			     "let `books.%s.%s` select the sale's key AS key", kind(p),
			     probe_query[w]);
	}
}

static void look_books(struct probing *p)
{
	const struct probe_rows *r = &p->rows[BOOK_SALE];
	const struct book *ours = NULL;
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (str_eq(r->fresh[i]->key, p->key)) {
			ours = r->fresh[i];
			n++;
		}
	}
	if (r->count == 0) {
		look_no_sale(p);
	} else if (!ours) {
		look_other_key(p);
	} else {
		if (n > 1)
			find(p, true, xasprintf("the books have the sale %zu times", n),
			     "one row a sale: a JOIN in `books.%s.sales` multiplies it (GROUP BY), "
			     "or the driver sells twice", kind(p));
		else if (r->count > 1)
			find(p, true, xasprintf("one sale, but %zu new rows in `sales`", r->count),
			     "`books.%s.sales` selects something else too: drafts, other "
			     "documents?", kind(p));
		look_amounts(p, ours);
		look_currency(p, ours);
		look_others(p);
	}
}

/* ---- all of it ---- */

static const char *books_failed(const struct probing *p)
{
	for (size_t i = 0; i < p->ledgers.event_count; i++) {
		const struct event *ev = &p->ledgers.event[i];

		if (ev->kind == EV_NOTE && str_eq(ev->object, "books"))
			return ev->did;
	}
	return NULL;
}

static void look_notes(struct probing *p)
{
	for (size_t i = 0; i < p->ledgers.event_count; i++) {
		const struct event *ev = &p->ledgers.event[i];

		if (ev->kind == EV_NOTE && ev->object && ev->did &&
		    (str_eq(ev->object, "close") || str_eq(ev->object, "services")))
			find(p, true, xasprintf("%s: %s", ev->object, ev->did),
			     str_eq(ev->object, "close") ?
				     "the driver's `close` action does not work: see above" :
				     "a service did not end as `end:` and `stop:` say");
	}
}

void probe_look(struct probing *p)
{
	const char *why;

	look_rows(p);
	if (look_start(p))
		return;
	look_start_books(p);
	why = books_failed(p);
	if (!p->told)
		find(p, true, xstrdup("the shopper was told nothing"), "see the answers above");
	else if (p->told->outcome == TOLD_REFUSED)
		look_refused(p);
	else if (p->told->outcome == TOLD_UNKNOWN)
		look_unknown(p);
	else if (why)
		find(p, true, xasprintf("the books cannot be read after the sale: %s", why),
		     "correct `books: %s`", kind(p));
	else if (p->t->books.kind == BOOKS_NONE)
		find(p, true,
		     xstrdup("there are no books: nothing confirms what shoppers are told"),
		     "declare `books:`");
	else
		look_books(p);
	if (p->told && p->told->outcome == TOLD_OK) {
		if (probe_wrong(p))
			look_doubtful_ok(p);
		if (!p->told->receipt)
			find(p, false, xstrdup("the shopper got no receipt number"),
			     "`take: {receipt: ...}` from the answer, if the POS has one");
	}
	look_takes(p);
	look_notes(p);
}
