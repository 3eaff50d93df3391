/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.json, written and read from the same rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "explore/store.h"
#include "report/fields.h"
#include "report/summary.h"

#define S(t, f) FIELD(t, summary, f)
static const struct field top_fields[] = {
    S(I64, format),
    S(STRING, verdict),	    S(I64, exit),      S(STRING, why),	     S(STRING, blame),
    S(STRING, expect_note), S(BOOL, expected), S(BOOL, interrupted), S(BOOL, good_day),
    S(STRING, experiment),  S(STRING, title),  S(STRING, source),    S(I64, seed),
    S(STRING, target),	    S(STRING, digest), S(STRING, currency),  S(I64, pace_milli),
    S(STRING, reproduce),   S(STRING, replay), S(STRING, dir),	     S(STRING, story_key),
    S(STRING, story),
};
/* Of the summary, but facts to a reader. */
static const struct field time_fields[] = {
    S(I64, wall_ns),
    S(I64, own_ns),
    S(F64, rate),
    S(I64, p95_ns),
};
#define C(t, f) FIELD(t, sum_check, f)
static const struct field check_fields[] = {
    C(STRING, name),   C(STRING, promise), C(STRING, verdict), C(STRING, figure), C(STRING, limit),
    C(STRING, margin), C(STRING, why),	   C(I64, judged),     C(I64, violations),
};
static const struct field witness_fields[] = {
    FIELD(STRING, sum_witness, key),
    FIELD(STRING, sum_witness, what),
};
#define F(t, f) FIELD(t, sum_fault, f)
static const struct field fault_fields[] = {
    F(STRING, name), F(STRING, describe), F(STRING, when),
    F(I64, armed),   F(I64, fired),	  F(I64, skipped),
};
static const struct field phase_fields[] = {
    FIELD(STRING, sum_phase, name),
    FIELD(I64, sum_phase, t_ns),
};
#define K(t, f) FIELD(t, trial_link, f)
static const struct field link_fields[] = {
    K(STRING, from),	K(STRING, to),	    K(I64, packets),	 K(I64, bytes),	   K(I64, dropped),
    K(I64, again),	K(I64, handshakes), K(I64, rtt_min_ns), K(I64, rtt_mean_ns),
    K(I64, rtt_max_ns),
};
#define R(t, f) FIELD(t, trial_reach, f)
static const struct field reach_fields[] = {
    R(STRING, service), R(STRING, program), R(STRING, linked),   R(STRING, libc),
    R(STRING, language), R(STRING, layers), R(STRING, filtered), R(STRING, beyond),
    R(I64, calls),	R(I64, altered),    R(I64, rings),	 R(I64, listeners),
    R(I64, foreign),	R(I64, loaded),
};
#define T(t, f) FIELD(t, trial_facts, f)
static const struct field fact_fields[] = {
    T(I64, open_ns),	   T(I64, close_ns),	     T(I64, heal_ns),
    T(I64, settled_ns),	   T(I64, late_p99_ns),	     T(I64, timer_p99_ns),
    T(F64, steal),	   T(F64, pressure),	     T(BOOL, books_read),
    T(TEXT, books_why),	   T(BOOL, has_start_books), T(BOOL, faults_off),
    T(F64, baseline_rate), T(I64, baseline_p95_ns),  T(I64, baseline_system_p50_ns),
    T(I64, human_mean_ns), T(I64, pcap_packets),     T(I64, pcap_missing),
    T(I64, wire_overrun),  T(TEXT, pcap_note),
};
#define L(f) FIELD(I64, sum_ledgers, f)
static const struct field ledger_fields[] = {
    L(told),	      L(ok),	L(refused), L(unknown), L(acknowledged), L(left),
    L(missed_trains), L(books), L(matched), L(missing), L(duplicated),	 L(phantom),
    L(unkeyed),	      L(bank),	L(paper),   L(drawer),
    FIELD(BOOL, sum_ledgers, has_bank), FIELD(BOOL, sum_ledgers, has_paper),
    FIELD(BOOL, sum_ledgers, has_drawer),
};
#define E(f) FIELD(I64, sum_reconciled, f)
static const struct field reconciled_fields[] = {
    E(sales), E(plain), E(lost), E(doubled), E(phantom), E(amount), E(charge), E(unknown),
};
#define ROWS(a) a, ARRAY_SIZE(a)

static void write_check(struct json_out *o, const struct sum_check *c)
{
	size_t i;

	json_obj(o, NULL);
	fields_write(o, ROWS(check_fields), c);
	json_arr(o, "witnesses");
	for (i = 0; i < c->witnesses; i++) {
		json_obj(o, NULL);
		fields_write(o, ROWS(witness_fields), &c->witness[i]);
		json_obj_end(o);
	}
	json_arr_end(o);
	json_obj_end(o);
}

static void write_list(struct json_out *o, const char *name, const struct field *f, size_t n,
		       const void *at, size_t size, size_t count)
{
	size_t i;

	json_arr(o, name);
	for (i = 0; i < count; i++) {
		json_obj(o, NULL);
		fields_write(o, f, n, (const char *)at + i * size);
		json_obj_end(o);
	}
	json_arr_end(o);
}

void summary_json_links(const struct summary *s, struct json_out *o)
{
	write_list(o, "links", ROWS(link_fields), s->links, sizeof(*s->links), s->links_count);
}

void summary_json(const struct summary *s, struct buf *out)
{
	struct json_out o = {.buf = out, .pretty = true};
	size_t i;

	json_obj(&o, NULL);
	fields_write(&o, ROWS(top_fields), s);
	json_arr(&o, "checks");
	for (i = 0; i < s->checks_count; i++)
		write_check(&o, &s->checks[i]);
	json_arr_end(&o);
	stories_write(&o, s);
	write_list(&o, "faults", ROWS(fault_fields), s->faults, sizeof(*s->faults),
		   s->faults_count);
	write_list(&o, "phases", ROWS(phase_fields), s->phases, sizeof(*s->phases),
		   s->phases_count);
	summary_json_links(s, &o);
	write_list(&o, "reach", ROWS(reach_fields), s->reach, sizeof(*s->reach), s->reach_count);
	json_obj(&o, "facts");
	fields_write(&o, ROWS(time_fields), s);
	fields_write(&o, ROWS(fact_fields), &s->facts);
	json_obj_end(&o);
	json_obj(&o, "ledgers");
	fields_write(&o, ROWS(ledger_fields), &s->ledgers);
	json_obj_end(&o);
	json_obj(&o, "reconciled");
	fields_write(&o, ROWS(reconciled_fields), &s->reconciled);
	json_obj_end(&o);
	json_obj_end(&o);
	buf_addc(out, '\n');
}

/* An array of objects as an array of structs; the count through ret_count. */
static void *read_list(const struct json_val *root, const char *name, const struct field *f,
		       size_t n, size_t size, size_t *ret_count)
{
	struct json_val list = json_get(root, name), key, v;
	struct json_iter it;
	char *at = NULL;
	size_t count = 0;

	*ret_count = 0;
	if (list.type != JSON_ARRAY)
		return NULL;
	json_iter_init(&it, &list);
	while (json_next(&it, &key, &v)) {
		at = xrealloc(at, (count + 1) * size);
		memset(at + count * size, 0, size);
		fields_read(&v, f, n, at + count * size);
		count++;
	}
	*ret_count = count;
	return at;
}

/* Checks carry a list of their own; it is read in a second pass. */
static void read_witnesses(struct summary *s, const struct json_val *root)
{
	struct json_val list = json_get(root, "checks"), key, v;
	struct json_iter it;
	size_t i = 0;

	if (list.type != JSON_ARRAY)
		return;
	json_iter_init(&it, &list);
	while (json_next(&it, &key, &v) && i < s->checks_count) {
		s->checks[i].witness =
		    read_list(&v, "witnesses", ROWS(witness_fields), sizeof(*s->checks[i].witness),
			      &s->checks[i].witnesses);
		i++;
	}
}

int summary_read(struct summary *ret, const char *dir, struct err *e)
{
	struct json_val root, facts, ledgers, reconciled;
	size_t len;
	cleanup_free char *text = store_read(dir, "verdict.json", &len, e);
	int r;

	if (!text)
		return e ? -e->code : -2;
	r = json_parse(text, len, &root, e);
	if (r < 0)
		return err_wrap(e, "%s/verdict.json", dir);
	*ret = (struct summary){0};
	fields_read(&root, ROWS(top_fields), ret);
	ret->checks = read_list(&root, "checks", ROWS(check_fields), sizeof(*ret->checks),
				&ret->checks_count);
	read_witnesses(ret, &root);
	ret->faults = read_list(&root, "faults", ROWS(fault_fields), sizeof(*ret->faults),
				&ret->faults_count);
	ret->phases = read_list(&root, "phases", ROWS(phase_fields), sizeof(*ret->phases),
				&ret->phases_count);
	ret->links = read_list(&root, "links", ROWS(link_fields), sizeof(*ret->links),
			       &ret->links_count);
	ret->reach = read_list(&root, "reach", ROWS(reach_fields), sizeof(*ret->reach),
			       &ret->reach_count);
	facts = json_get(&root, "facts");
	fields_read(&facts, ROWS(time_fields), ret);
	fields_read(&facts, ROWS(fact_fields), &ret->facts);
	ledgers = json_get(&root, "ledgers");
	fields_read(&ledgers, ROWS(ledger_fields), &ret->ledgers);
	reconciled = json_get(&root, "reconciled");
	fields_read(&reconciled, ROWS(reconciled_fields), &ret->reconciled);
	stories_read(ret, &root);
	return 0;
}

static void check_done(struct sum_check *c)
{
	size_t i;

	for (i = 0; i < c->witnesses; i++)
		fields_free(ROWS(witness_fields), &c->witness[i]);
	free(c->witness);
	fields_free(ROWS(check_fields), c);
}

void summary_done(struct summary *s)
{
	size_t i;

	for (i = 0; i < s->checks_count; i++)
		check_done(&s->checks[i]);
	for (i = 0; i < s->faults_count; i++)
		fields_free(ROWS(fault_fields), &s->faults[i]);
	for (i = 0; i < s->phases_count; i++)
		fields_free(ROWS(phase_fields), &s->phases[i]);
	trial_links_done(s->links, s->links_count);
	trial_reach_done(s->reach, s->reach_count);
	stories_done(s);
	free(s->checks);
	free(s->faults);
	free(s->phases);
	fields_free(ROWS(top_fields), s);
	*s = (struct summary){0};
}
