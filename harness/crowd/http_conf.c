// SPDX-License-Identifier: Apache-2.0
/*
 * Compiling `driver: {http: …}`: every template, regex and header list is
 * made once, so that a request is rendering two texts and little else. Names
 * that nobody declares and hosts that are no node are found here, before
 * anything is launched.
 */
#include "crowd/http_conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

static const char *const http_vars[SLOTS_BUILTIN] = {
	[V_KEY] = "key",	   [V_OF] = "of",	      [V_OP] = "op",
	[V_LANE] = "lane",	   [V_INDEX] = "index",	      [V_SHOPPER] = "shopper",
	[V_SKU] = "sku",	   [V_QTY] = "qty",	      [V_PRICE] = "price",
	[V_TENDER] = "tender",	   [V_AMOUNT] = "amount",     [V_TOTAL] = "total",
	[V_RECEIPT] = "receipt",   [V_CURRENCY] = "currency", [V_ATTEMPT] = "attempt",
	[V_ITEMS] = "items",	   [V_ITEM] = "item",	      [V_LINES] = "lines",
	[V_SEED] = "seed",
};

static const struct {
	const char *name;
	enum fact fact;
} facts[] = {
	{ "receipt", FACT_RECEIPT },   { "total", FACT_TOTAL },
	{ "total-major", FACT_TOTAL_MAJOR },
	{ "currency", FACT_CURRENCY }, { "offline", FACT_OFFLINE },
};

/* ---- names ---- */

static enum fact fact_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		if (str_eq(facts[i].name, name))
			return facts[i].fact;
	}
	return FACT_NONE;
}

static int var_find(const struct hconf *h, const char *name)
{
	for (size_t i = 0; i < h->vars; i++) {
		if (strcmp(h->var[i], name) == 0)
			return (int)(SLOTS_BUILTIN + i);
	}
	return -1;
}

static int var_add(struct hconf *h, const char *name)
{
	int slot = var_find(h, name);

	if (slot >= 0)
		return slot;
	h->var = xrealloc(h->var, (h->vars + 1) * sizeof(*h->var));
	h->var[h->vars++] = xstrdup(name);
	return (int)(SLOTS_BUILTIN + h->vars - 1);
}

/* Built in, then taken from replies, then the name that carries the key, then the target's vars. */
static int name_find(void *arg, const char *name, const char **ret_const)
{
	const struct hconf *h = arg;
	const struct strmap *vars = &h->target->vars;
	int slot;

	for (int i = 0; i < SLOTS_BUILTIN; i++) {
		if (strcmp(http_vars[i], name) == 0)
			return i;
	}
	slot = var_find(h, name);
	if (slot >= 0)
		return slot;
	if (strcmp(name, "node") == 0)
		return V_LANE;
	if (str_eq(h->target->key.field, name))
		return V_KEY;
	for (size_t i = 0; i < vars->count; i++) {
		if (strcmp(vars->at[i].key, name) == 0) {
			*ret_const = vars->at[i].value;
			return -1;
		}
	}
	return -1;
}

static struct tmpl_names names_of(struct hconf *h)
{
	return (struct tmpl_names){ .arg = h, .find = name_find };
}

static int compile(struct hconf *h, struct tmpl **ret, const char *text, enum tmpl_esc esc,
		   struct err *e)
{
	struct tmpl_names names = names_of(h);

	return tmpl_new(ret, text, esc, &names, e);
}

/* ---- URLs ---- */

static bool host_known(const struct hconf *h, const char *host)
{
	unsigned char addr[16];

	return strcmp(host, "localhost") == 0 || inet_pton(AF_INET, host, addr) == 1 ||
	       host[0] == '[' || target_host(h->target, host);
}

static int check_host(const struct hconf *h, const char *url, struct err *e)
{
	CURLU *u = curl_url();
	char *host = NULL;
	int r = 0;

	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		r = err_set(e, EINVAL, "not an http URL: \"%s\"", url);
	else if (!host_known(h, host))
		r = err_set(e, EINVAL, "no such node: \"%s\" in \"%s\"", host, url);
	curl_free(host);
	curl_url_cleanup(u);
	return r;
}

/* "/path" is below base; base may be ":8080"; no base is the lane's own port 80. */
static char *full_url(const struct hconf *h, const char *url)
{
	const char *base = h->driver->base ? h->driver->base : "http://127.0.0.1";
	const char *scheme = strstr(base, "://") ? "" : "http://";
	const char *host = base[0] == ':' ? "127.0.0.1" : "";
	size_t len = strlen(base);

	if (strstr(url, "://"))
		return xstrdup(url);
	while (len && base[len - 1] == '/')
		len--;
	return xasprintf("%s%s%.*s%s%s", scheme, host, (int)len, base, url[0] == '/' ? "" : "/",
			 url);
}

static int compile_url(struct hconf *h, struct tmpl **ret, const char *url, struct err *e)
{
	cleanup_free char *full = full_url(h, url);
	int r = compile(h, ret, full, TMPL_URL, e);

	if (r == 0 && tmpl_constant(*ret))
		r = check_host(h, tmpl_constant(*ret), e);
	return r;
}

/* ---- bodies and headers ---- */

static int compile_form(struct hconf *h, struct hstep *s, struct err *e)
{
	const struct strmap *form = &s->conf->form;
	struct buf text = { 0 };
	int r;

	for (size_t i = 0; i < form->count; i++) {
		const char *v = form->at[i].value, *end;

		if (i)
			buf_addc(&text, '&');
		tmpl_url_escape(&text, form->at[i].key, strlen(form->at[i].key));
		buf_addc(&text, '=');
		/* literal text is encoded here, variables when they are rendered */
		for (; v && *v; v = end) {
			bool var = v[0] == '$' && v[1] == '{';

			end = var ? strchr(v, '}') : strstr(v, "${");
			end = end ? end + var : v + strlen(v);
			if (var)
				buf_add(&text, v, (size_t)(end - v));
			else
				tmpl_url_escape(&text, v, (size_t)(end - v));
		}
	}
	r = compile(h, &s->body, text.data ? text.data : "", TMPL_URL, e);
	buf_done(&text);
	return r;
}

static int compile_body(struct hconf *h, struct hstep *s, struct err *e)
{
	if (s->conf->json)
		return compile(h, &s->body, s->conf->json, TMPL_JSON, e);
	if (s->conf->form.count)
		return compile_form(h, s, e);
	if (s->conf->body)
		return compile(h, &s->body, s->conf->body, TMPL_RAW, e);
	return 0;
}

static struct hheader *header_find(struct hstep *s, const char *name)
{
	for (size_t i = 0; i < s->headers; i++) {
		if (strcasecmp(s->header[i].name, name) == 0)
			return &s->header[i];
	}
	return NULL;
}

static int header_set(struct hconf *h, struct hstep *s, const char *name, const char *value,
		      struct err *e)
{
	struct hheader *x = header_find(s, name);

	if (!x) {
		s->header = xrealloc(s->header, (s->headers + 1) * sizeof(*s->header));
		x = &s->header[s->headers++];
		*x = (struct hheader){ .name = xstrdup(name) };
	}
	tmpl_free(x->value);
	x->value = NULL;
	return compile(h, &x->value, value, TMPL_HEADER, e);
}

static int header_map(struct hconf *h, struct hstep *s, const struct strmap *m, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < m->count && r == 0; i++)
		r = header_set(h, s, m->at[i].key, m->at[i].value, e);
	return r;
}

/* The step's headers over the driver's over ours. "Expect:": libcurl waits for no 100. */
static int compile_headers(struct hconf *h, struct hstep *s, struct err *e)
{
	int r = s->conf->json ? header_set(h, s, "Content-Type", "application/json", e) : 0;
	bool fixed = true;

	if (r == 0)
		r = header_map(h, s, &h->driver->headers, e);
	if (r == 0)
		r = header_map(h, s, &s->conf->headers, e);
	for (size_t i = 0; i < s->headers && r == 0; i++)
		fixed &= tmpl_constant(s->header[i].value) != NULL;
	if (r < 0 || !fixed)
		return r;
	for (size_t i = 0; i < s->headers; i++) {
		cleanup_free char *line = xasprintf("%s: %s", s->header[i].name,
						    tmpl_constant(s->header[i].value));

		s->fixed = curl_slist_append(s->fixed, line);
	}
	s->fixed = curl_slist_append(s->fixed, "Expect:");
	return 0;
}

/* ---- conditions, patterns, takes ---- */

static int compile_only_if(struct hconf *h, struct hstep *s, struct err *e)
{
	const char *text = s->conf->only_if, *eq = text ? strchr(text, '=') : NULL;
	const char *constant = NULL;
	size_t len;

	s->only_slot = -1;
	if (!text)
		return 0;
	if (!eq || eq == text)
		return err_set(e, EINVAL, "only-if: \"%s\" is not NAME=VALUE", text);
	s->only_not = eq[-1] == '!';
	len = (size_t)(eq - text) - s->only_not;

	cleanup_free char *name = xstrndup(text, len);

	s->only_slot = name_find(h, name, &constant);
	if (s->only_slot < 0)
		return err_set(e, EINVAL, "only-if: no such variable: %s", name);
	s->only_value = xstrdup(eq + 1);
	return 0;
}

static int compile_patterns(struct hstep *s, struct err *e)
{
	int r = 0;

	if (s->conf->ok_pattern)
		r = regex_new(&s->ok, s->conf->ok_pattern, e);
	if (r == 0 && s->conf->fail_pattern)
		r = regex_new(&s->fail, s->conf->fail_pattern, e);
	return r;
}

static int compile_takes(struct hconf *h, struct hstep *s, struct err *e)
{
	struct tmpl_names names = names_of(h);
	size_t n = s->conf->takes_count;

	s->take_slot = xcalloc(n + 1, sizeof(*s->take_slot));
	s->take_fact = xcalloc(n + 1, sizeof(*s->take_fact));
	for (size_t i = 0; i < n; i++) {
		s->take_fact[i] = fact_of(s->conf->takes[i].name);
		s->take_slot[i] = s->take_fact[i] == FACT_NONE ?
					  var_find(h, s->conf->takes[i].name) : -1;
	}
	return takes_new(&s->takes, s->conf->takes, n, &names, e);
}

static int compile_step(struct hconf *h, struct hstep *s, struct err *e)
{
	int r = compile_url(h, &s->url, s->conf->url ? s->conf->url : "/", e);

	if (r == 0)
		r = compile_body(h, s, e);
	if (r == 0)
		r = compile_headers(h, s, e);
	if (r == 0)
		r = compile_only_if(h, s, e);
	if (r == 0)
		r = compile_patterns(s, e);
	if (r == 0)
		r = compile_takes(h, s, e);
	return r;
}

/* ---- all of it ---- */

static void collect_vars(struct hconf *h)
{
	for (int a = 0; a < ACTIONS_COUNT; a++) {
		const struct http_action *act = &h->driver->actions[a];

		for (size_t i = 0; i < act->count; i++) {
			for (size_t k = 0; k < act->steps[i].takes_count; k++) {
				const char *name = act->steps[i].takes[k].name;

				if (fact_of(name) == FACT_NONE)
					var_add(h, name);
			}
		}
	}
}

static int compile_action(struct hconf *h, int a, struct err *e)
{
	const struct http_action *act = &h->driver->actions[a];
	int r = 0;

	if (!act->given)
		return 0;
	h->step[a] = xcalloc(act->count + 1, sizeof(*h->step[a]));
	for (size_t i = 0; i < act->count && r == 0; i++) {
		h->step[a][i].conf = &act->steps[i];
		h->step[a][i].serial = h->serials++;
		r = compile_step(h, &h->step[a][i], e);
		if (r < 0)
			err_wrap(e, "%s[%zu]", action_names[a], i);
	}
	return r;
}

int hconf_make(struct hconf *h, const struct driver_init *in, struct err *e)
{
	int r = 0;

	h->init = in;
	h->target = in->opts->target;
	h->driver = &h->target->driver;
	collect_vars(h);
	if (h->driver->refused_pattern)
		r = regex_new(&h->refused, h->driver->refused_pattern, e);
	for (int a = 0; a < ACTIONS_COUNT && r == 0; a++)
		r = compile_action(h, a, e);
	if (r == 0)
		r = compile_url(h, &h->probe.url, "/", e);
	h->probe.only_slot = -1;
	h->probe.serial = h->serials;
	return r;
}

static void step_done(struct hstep *s)
{
	tmpl_free(s->url);
	tmpl_free(s->body);
	for (size_t i = 0; i < s->headers; i++) {
		free(s->header[i].name);
		tmpl_free(s->header[i].value);
	}
	free(s->header);
	curl_slist_free_all(s->fixed);
	regex_free(s->ok);
	regex_free(s->fail);
	takes_free(s->takes);
	free(s->take_slot);
	free(s->take_fact);
	free(s->only_value);
}

void hconf_done(struct hconf *h)
{
	for (int a = 0; a < ACTIONS_COUNT; a++) {
		for (size_t i = 0; h->step[a] && i < h->driver->actions[a].count; i++)
			step_done(&h->step[a][i]);
		free(h->step[a]);
	}
	step_done(&h->probe);
	regex_free(h->refused);
	for (size_t i = 0; i < h->vars; i++)
		free(h->var[i]);
	free(h->var);
}
