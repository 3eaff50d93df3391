/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. `when:` is a map like any other: its rows read it into
 * struct raw, and here the two values that have a grammar of their own (`for:`
 * and `on:`) are taken apart and combinations that contradict each other are
 * refused. What the words mean while a trial runs is trial/trigger.c's.
 *
 *   at: DURATION | after: N sales      opens (not both; neither: from the start)
 *   for: DURATION | N sales            from arming to healing
 *   nth: RANGE | probability: SHARE    which hits (not both)
 *   on: EVENT                          what a hit is; without it the fault's own operation
 *
 *   EVENT: told ok|refused|unknown · started SERVICE · fault NAME armed|fired|healed
 *          log [SERVICE] /re/ · printed [DEVICE] /re/ · message /re/ ·
 *          bank authorised|captured|reversed|declined
 */
#include "conf/when.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

struct raw {
	struct dur at;
	char *for_, *after, *on;
	struct range nth;
	double probability;
};

static const struct opt rows[] = {
	{.name = "at",
	 .type = OPT_DURATION,
	 .domain = DOMAIN_SHOP,
	 .optional = true,
	 .offset = offsetof(struct raw, at),
	 .example = "20s",
	 .help = "opens this long after the first intended arrival"},
	{.name = "after",
	 .type = OPT_STRING,
	 .optional = true,
	 .offset = offsetof(struct raw, after),
	 .example = "40 sales",
	 .pattern = "[0-9]+ *sales?",
	 .help = "opens after so many sales were told ok, at any lane"},
	{.name = "for",
	 .type = OPT_STRING,
	 .optional = true,
	 .offset = offsetof(struct raw, for_),
	 .example = "10s",
	 .pattern = "{duration}|[0-9]+ *sales?",
	 .help = "heals this long (shop time) or so many sales told ok after arming"},
	{.name = "nth",
	 .type = OPT_RANGE,
	 .optional = true,
	 .min = "1",
	 .offset = offsetof(struct raw, nth),
	 .example = "2..20+3",
	 .help = "which hits of the matched operation or event, counted once open"},
	{.name = "probability",
	 .type = OPT_RATIO,
	 .optional = true,
	 .offset = offsetof(struct raw, probability),
	 .example = "2%",
	 .help = "the chance of each hit, drawn from the seed"},
	{.name = "on",
	 .type = OPT_STRING,
	 .optional = true,
	 .offset = offsetof(struct raw, on),
	 .example = "told ok",
	 .pattern = " *(told +(ok|refused|unknown)|started +[^ ]+|"
		    "fault +[^ ]+ +(armed|fired|healed)|"
		    "bank +(authorised|captured|reversed|declined)|"
		    "(log|printed)( +[^ /][^ ]*)? +/.+/|message +/.+/) *",
	 .help = "the event that is a hit: told ok|refused|unknown, started SERVICE, "
		 "fault NAME armed|fired|healed, log [SERVICE] /re/, printed [DEVICE] /re/, "
		 "bank authorised|captured|reversed|declined, message /re/"},
	OPT_END};
const struct opt_table when_table = {rows, sizeof(struct raw)};

/* struct reading - one `when:` being read. */
struct reading {
	const struct yaml_node *node;
	const char *path;
	struct when *w;
	struct diag *diag;
};

static int complain(const struct reading *r, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int complain(const struct reading *r, const char *key, const char *fmt, ...)
{
	const struct yaml_node *value = key ? yaml_get(r->node, key) : NULL;
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	diag_error(r->diag, value ? value->mark : r->w->mark, "%s%s%s: %s", r->path, key ? "." : "",
		   key ? key : "", text.data);
	buf_done(&text);
	return -EINVAL;
}

/* ---- sales ---- */

/* sales_count - "40 sales" or "1 sale"; -1: it is something else. */
static int64_t sales_count(const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (end == text || errno || n < 0 || *text == '-')
		return -1;
	while (*end == ' ')
		end++;
	return strcmp(end, "sales") == 0 || strcmp(end, "sale") == 0 ? n : -1;
}

static int read_for(struct reading *r, const char *text)
{
	char why[256];

	r->w->for_sales = sales_count(text);
	if (r->w->for_sales == 0)
		return complain(r, "for", "\"%s\" is no time at all", text);
	if (r->w->for_sales > 0)
		return 0;
	if (strspn(text, "0123456789") == strlen(text))
		return complain(r, "for", "\"%s\" needs a unit (ms, s, min, or sales)", text);
	if (opt_parse_duration(text, DOMAIN_SHOP, &r->w->for_, why, sizeof(why)) < 0)
		return complain(r, "for", "%s", why);
	if (r->w->for_.ns == 0)
		return complain(r, "for", "\"%s\" is no time at all", text);
	return 0;
}

static int read_after(struct reading *r, const char *text)
{
	struct dur d;
	char why[256];

	r->w->after_sales = sales_count(text);
	if (r->w->after_sales >= 0)
		return 0;
	if (strspn(text, "0123456789") == strlen(text))
		return complain(r, "after", "\"%s\" needs a unit (sales)", text);
	if (opt_parse_duration(text, DOMAIN_SHOP, &d, why, sizeof(why)) == 0)
		return complain(r, "after",
				"\"%s\" is a time; `after:` counts sales (write at: %s)", text,
				text);
	return complain(r, "after", "\"%s\" is not a number of sales like \"40 sales\"", text);
}

/* ---- on ---- */

/* next_word - cut the next word off *p; NULL at the end. Caller frees. */
static char *next_word(const char **p)
{
	size_t len;
	char *word;

	*p += strspn(*p, " ");
	len = strcspn(*p, " ");
	if (!len)
		return NULL;
	word = xstrndup(*p, len);
	*p += len;
	*p += strspn(*p, " ");
	return word;
}

static int choose(struct reading *r, const char *word, const char *const *names, size_t count,
		  const char *event)
{
	struct buf list = {0};
	char hint[128] = "";

	for (size_t i = 0; i < count; i++) {
		if (word && strcmp(word, names[i]) == 0) {
			buf_done(&list);
			return 0;
		}
		buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
	}
	if (word)
		opt_suggest(word, names, count, hint, sizeof(hint));
	complain(r, "on", "%s must be followed by one of %s%s%s%s%s", event, list.data,
		 word ? ", not \"" : "", word ? word : "", word ? "\"" : "", hint);
	buf_done(&list);
	return -EINVAL;
}

static int on_told(struct reading *r, const char *p)
{
	static const char *const outcomes[] = {"ok", "refused", "unknown"};

	r->w->word = next_word(&p);
	if (choose(r, r->w->word, outcomes, ARRAY_SIZE(outcomes), "told") < 0)
		return -EINVAL;
	return *p ? complain(r, "on", "\"%s\" after \"told %s\" means nothing", p, r->w->word) : 0;
}

static int on_bank(struct reading *r, const char *p)
{
	static const char *const whats[] = {"authorised", "captured", "reversed", "declined"};

	r->w->word = next_word(&p);
	if (choose(r, r->w->word, whats, ARRAY_SIZE(whats), "bank") < 0)
		return -EINVAL;
	return *p ? complain(r, "on", "\"%s\" after \"bank %s\" means nothing", p, r->w->word) : 0;
}

static int on_started(struct reading *r, const char *p)
{
	r->w->word = next_word(&p);
	if (!r->w->word)
		return complain(r, "on", "started must be followed by a service, like store/store");
	return *p ? complain(r, "on", "\"%s\" after \"started %s\" means nothing", p, r->w->word)
		  : 0;
}

static int on_fault(struct reading *r, const char *p)
{
	static const char *const what[] = {"armed", "fired", "healed"};

	r->w->word = next_word(&p);
	r->w->word2 = next_word(&p);
	if (!r->w->word)
		return complain(
			r, "on",
			"fault must be followed by a fault's name and armed, fired or healed");
	if (choose(r, r->w->word2, what, ARRAY_SIZE(what), "fault NAME") < 0)
		return -EINVAL;
	return *p ? complain(r, "on", "\"%s\" after \"fault %s %s\" means nothing", p, r->w->word,
			     r->w->word2)
		  : 0;
}

/* on_pattern - the /regex/ that ends log, printed and message. */
static int on_pattern(struct reading *r, const char *p)
{
	static const struct opt row = {.name = "on", .type = OPT_REGEX};
	char why[512];

	if (*p != '/')
		return complain(r, "on", "expected a /regular expression/%s%s%s",
				*p ? ", not \"" : "", p, *p ? "\"" : " here");
	if (opt_value(&row, p, &r->w->pattern, why, sizeof(why)) < 0)
		return complain(r, "on", "%s", why);
	return 0;
}

static int on_log(struct reading *r, const char *p)
{
	if (*p != '/')
		r->w->word = next_word(&p);
	return on_pattern(r, p);
}

static const struct event {
	const char *name;
	enum when_on on;
	int (*read)(struct reading *r, const char *rest);
} events[] = {
	{"told", ON_TOLD, on_told},	     {"started", ON_STARTED, on_started},
	{"fault", ON_FAULT, on_fault},	     {"log", ON_LOG, on_log},
	{"printed", ON_PRINTED, on_log},   {"bank", ON_BANK, on_bank},
	{"message", ON_MESSAGE, on_pattern},
};

static int read_on(struct reading *r, const char *text)
{
	const char *names[ARRAY_SIZE(events)], *p = text;
	cleanup_free char *word = next_word(&p);
	char hint[128];

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		names[i] = events[i].name;
		if (!word || strcmp(word, events[i].name) != 0)
			continue;
		if (events[i].read(r, p) < 0)
			return -EINVAL;
		r->w->on = events[i].on;
		return 0;
	}
	opt_suggest(word ? word : "", names, ARRAY_SIZE(events), hint, sizeof(hint));
	return complain(
		r, "on",
		"\"%s\" is not an event; known: told, started, fault, log, printed, bank, "
		"message%s",
		text, hint);
}

/* ---- the whole ---- */

void when_init(struct when *w)
{
	*w = (struct when){.at = {.ns = -1, .domain = DOMAIN_SHOP},
			   .for_ = {.ns = -1, .domain = DOMAIN_SHOP},
			   .after_sales = -1,
			   .for_sales = -1,
			   .nth = {.first = INT64_MIN},
			   .probability = -1};
}

static int contradictions(struct reading *r)
{
	const struct when *w = r->w;
	int err = 0;

	if (r->node->type == NODE_MAP && r->node->count == 0)
		return complain(r, NULL,
				"says nothing; leave it out for a fault that is always there");
	if (w->at.ns >= 0 && w->after_sales >= 0)
		err = complain(r, "after", "at: and after: both say when it opens; keep one");
	if (w->nth.first != INT64_MIN && w->probability >= 0)
		err = complain(r, "probability",
			       "nth: and probability: both choose the hits; keep one");
	if (w->probability == 0)
		err = complain(r, "probability", "a chance of 0%% never fires");
	return err;
}

static int read_all(struct reading *r, const struct raw *raw)
{
	int err = 0;

	r->w->at = raw->at;
	r->w->nth = raw->nth;
	if (yaml_get(r->node, "probability"))
		r->w->probability = raw->probability;
	if (raw->for_ && read_for(r, raw->for_) < 0)
		err = -EINVAL;
	if (raw->after && read_after(r, raw->after) < 0)
		err = -EINVAL;
	if (raw->on && read_on(r, raw->on) < 0)
		err = -EINVAL;
	return err < 0 ? err : contradictions(r);
}

int when_parse_at(const struct yaml_node *n, const char *path, struct when *ret, struct diag *diag)
{
	struct reading r = {.node = n, .path = path, .w = ret, .diag = diag};
	struct raw raw = {0};
	int err;

	when_init(ret);
	ret->given = true;
	ret->mark = n->mark;
	if (yaml_empty(n))
		return complain(&r, NULL, "there is no value");
	err = opt_apply(when_table, n, n->mark, path, &raw, diag);
	if (err == 0)
		err = read_all(&r, &raw);
	opt_free(when_table, &raw);
	return err;
}

int when_parse(const struct yaml_node *n, struct when *ret, struct diag *diag)
{
	return when_parse_at(n, "when", ret, diag);
}

void when_done(struct when *w)
{
	free(w->word);
	free(w->word2);
	free(w->pattern);
	w->word = w->word2 = w->pattern = NULL;
}

/* ---- in words ---- */

/* Times of a trigger are the shop's, and say so: the same file runs at any pace. */
static void describe_ns(int64_t ns, struct buf *out)
{
	char text[DUR_TEXT];

	buf_printf(out, "%s%s", dur_text(text, ns), ns ? " shop" : "");
}

static void describe_on(const struct when *w, struct buf *out)
{
	switch (w->on) {
	case ON_TOLD:
		buf_printf(out, "when a shopper is told %s", w->word);
		break;
	case ON_STARTED:
		buf_printf(out, "when %s has started", w->word);
		break;
	case ON_FAULT:
		buf_printf(out, "when %s is %s", w->word, w->word2);
		break;
	case ON_LOG:
		buf_printf(out, "when %s logs /%s/", w->word ? w->word : "any service", w->pattern);
		break;
	case ON_PRINTED:
		buf_printf(out, "when /%s/ is printed%s%s", w->pattern, w->word ? " by " : "",
			   w->word ? w->word : "");
		break;
	case ON_BANK:
		buf_printf(out, "when the bank has %s", w->word);
		break;
	case ON_MESSAGE:
		buf_printf(out, "when a message matches /%s/", w->pattern);
		break;
	default:
		break;
	}
}

static const char *ordinal(int64_t n)
{
	bool teen = n % 100 >= 11 && n % 100 <= 13;

	return teen ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

static void describe_nth(struct range r, struct buf *out)
{
	if (r.first == r.last)
		buf_printf(out, "hit %" PRId64, r.first);
	else if (r.last == INT64_MAX)
		buf_printf(out, "hits from %" PRId64, r.first);
	else
		buf_printf(out, "hits %" PRId64 " to %" PRId64, r.first, r.last);
	if (r.step > 1 && r.first != r.last)
		buf_printf(out, ", every %" PRId64 "%s of them", r.step, ordinal(r.step));
}

static void comma(struct buf *out, size_t start)
{
	if (out->len > start)
		buf_adds(out, ", ");
}

static void describe_for(const struct when *w, int64_t pace_milli, struct buf *out)
{
	char text[DUR_TEXT];

	if (w->for_sales >= 0) {
		buf_printf(out, "for %" PRId64 " sale%s", w->for_sales,
			   w->for_sales == 1 ? "" : "s");
		return;
	}
	buf_adds(out, "for ");
	describe_ns(w->for_.ns, out);
	if (pace_milli != 1000)
		buf_printf(out, " (%s real)", dur_text(text, dur_wall(w->for_, pace_milli)));
}

void when_describe(const struct when *w, int64_t pace_milli, struct buf *out)
{
	size_t start = out->len;

	if (w->at.ns >= 0) {
		buf_adds(out, "at ");
		describe_ns(w->at.ns, out);
	}
	if (w->after_sales >= 0)
		buf_printf(out, "after %" PRId64 " sale%s", w->after_sales,
			   w->after_sales == 1 ? "" : "s");
	if (w->on != ON_NOTHING) {
		comma(out, start);
		describe_on(w, out);
	}
	if (w->nth.first != INT64_MIN) {
		comma(out, start);
		describe_nth(w->nth, out);
	}
	if (w->probability >= 0) {
		comma(out, start);
		buf_printf(out, "with a chance of %.10g%%", w->probability * 100);
	}
	if (w->for_.ns >= 0 || w->for_sales >= 0) {
		comma(out, start);
		describe_for(w, pace_milli, out);
	}
	if (out->len == start)
		buf_adds(out, "from the first arrival to the end");
}

struct gate when_gate(const struct when *w, uint64_t seed, int fault)
{
	return (struct gate){ .first = w->nth.first, .last = w->nth.last, .step = w->nth.step,
			      .probability = w->probability, .seed = seed, .fault = fault };
}
