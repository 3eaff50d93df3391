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
#include "report/summary_rows.h"

static void write_check(struct json_out *o, const struct sum_check *c)
{
	size_t i;

	json_obj(o, NULL);
	fields_write(o, ALL_OF(check_rows), c);
	json_arr(o, "witnesses");
	for (i = 0; i < c->witnesses; i++) {
		json_obj(o, NULL);
		fields_write(o, ALL_OF(witness_rows), &c->witness[i]);
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
	write_list(o, "links", ALL_OF(link_rows), s->links, sizeof(*s->links), s->links_count);
}

void summary_json(const struct summary *s, struct buf *out)
{
	struct json_out o = {.buf = out, .pretty = true};
	size_t i;

	json_obj(&o, NULL);
	fields_write(&o, ALL_OF(top_rows), s);
	json_arr(&o, "checks");
	for (i = 0; i < s->checks_count; i++)
		write_check(&o, &s->checks[i]);
	json_arr_end(&o);
	stories_write(&o, s);
	write_list(&o, "faults", ALL_OF(fault_rows), s->faults, sizeof(*s->faults),
		   s->faults_count);
	write_list(&o, "phases", ALL_OF(phase_rows), s->phases, sizeof(*s->phases),
		   s->phases_count);
	summary_json_links(s, &o);
	write_list(&o, "reach", ALL_OF(reach_rows), s->reach, sizeof(*s->reach), s->reach_count);
	json_obj(&o, "facts");
	fields_write(&o, ALL_OF(time_rows), s);
	fields_write(&o, ALL_OF(fact_rows), &s->facts);
	json_obj_end(&o);
	json_obj(&o, "ledgers");
	fields_write(&o, ALL_OF(ledger_rows), &s->ledgers);
	json_obj_end(&o);
	json_obj(&o, "reconciled");
	fields_write(&o, ALL_OF(reconciled_rows), &s->reconciled);
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
		    read_list(&v, "witnesses", ALL_OF(witness_rows), sizeof(*s->checks[i].witness),
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
	fields_read(&root, ALL_OF(top_rows), ret);
	ret->checks = read_list(&root, "checks", ALL_OF(check_rows), sizeof(*ret->checks),
				&ret->checks_count);
	read_witnesses(ret, &root);
	ret->faults = read_list(&root, "faults", ALL_OF(fault_rows), sizeof(*ret->faults),
				&ret->faults_count);
	ret->phases = read_list(&root, "phases", ALL_OF(phase_rows), sizeof(*ret->phases),
				&ret->phases_count);
	ret->links = read_list(&root, "links", ALL_OF(link_rows), sizeof(*ret->links),
			       &ret->links_count);
	ret->reach = read_list(&root, "reach", ALL_OF(reach_rows), sizeof(*ret->reach),
			       &ret->reach_count);
	facts = json_get(&root, "facts");
	fields_read(&facts, ALL_OF(time_rows), ret);
	fields_read(&facts, ALL_OF(fact_rows), &ret->facts);
	ledgers = json_get(&root, "ledgers");
	fields_read(&ledgers, ALL_OF(ledger_rows), &ret->ledgers);
	reconciled = json_get(&root, "reconciled");
	fields_read(&reconciled, ALL_OF(reconciled_rows), &ret->reconciled);
	stories_read(ret, &root);
	return 0;
}

static void check_done(struct sum_check *c)
{
	size_t i;

	for (i = 0; i < c->witnesses; i++)
		fields_free(ALL_OF(witness_rows), &c->witness[i]);
	free(c->witness);
	fields_free(ALL_OF(check_rows), c);
}

void summary_done(struct summary *s)
{
	size_t i;

	for (i = 0; i < s->checks_count; i++)
		check_done(&s->checks[i]);
	for (i = 0; i < s->faults_count; i++)
		fields_free(ALL_OF(fault_rows), &s->faults[i]);
	for (i = 0; i < s->phases_count; i++)
		fields_free(ALL_OF(phase_rows), &s->phases[i]);
	trial_links_done(s->links, s->links_count);
	trial_reach_done(s->reach, s->reach_count);
	stories_done(s);
	free(s->checks);
	free(s->faults);
	free(s->phases);
	fields_free(ALL_OF(top_rows), s);
	*s = (struct summary){0};
}
