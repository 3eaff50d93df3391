/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema of verdict.json, from the rows that it is written from. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "judge/judge.h"
#include "report/summary.h"
#include "report/summary_rows.h"

static void one_of(struct json_out *o, const char *const *names, size_t n)
{
	size_t i;

	json_arr(o, "enum");
	for (i = 0; i < n; i++)
		json_str(o, NULL, names[i]);
	json_arr_end(o);
}

static void types(struct json_out *o, const char *type, const char *or_else)
{
	json_arr(o, "type");
	json_str(o, NULL, type);
	json_str(o, NULL, or_else);
	json_arr_end(o);
}

static void write_type(struct json_out *o, const struct field *f)
{
	switch (f->type) {
	case FIELD_STRING:
		types(o, "string", "null");
		break;
	case FIELD_TEXT:
		json_str(o, "type", "string");
		break;
	case FIELD_I64:
		json_str(o, "type", "integer");
		break;
	case FIELD_F64:
		types(o, "number", "null");
		break;
	case FIELD_BOOL:
		json_str(o, "type", "boolean");
		break;
	}
}

static void write_field(struct json_out *o, const struct field *f)
{
	json_obj(o, f->name);
	json_str(o, "description", f->help);
	if (str_eq(f->name, "verdict"))
		one_of(o, verdict_names, VERDICTS_COUNT);
	else if (str_eq(f->name, "format"))
		json_i64(o, "const", SUMMARY_FORMAT);
	else
		write_type(o, f);
	json_obj_end(o);
}

static void properties(struct json_out *o, const struct field_rows *r)
{
	size_t i;

	for (i = 0; i < r->count; i++)
		write_field(o, &r->at[i]);
}

/* An object of these rows; what else it has, `more` writes. */
struct shape {
	const struct field_rows *rows[3]; /* NULL: no more */
	void (*more)(struct json_out *o);
	const char *names[9]; /* of what `more` writes */
};

static void required(struct json_out *o, const struct shape *s)
{
	size_t i, k;

	json_arr(o, "required");
	for (i = 0; i < ARRAY_SIZE(s->rows) && s->rows[i]; i++)
		for (k = 0; k < s->rows[i]->count; k++)
			json_str(o, NULL, s->rows[i]->at[k].name);
	for (i = 0; i < ARRAY_SIZE(s->names) && s->names[i]; i++)
		json_str(o, NULL, s->names[i]);
	json_arr_end(o);
}

static void members(struct json_out *o, const struct shape *s)
{
	size_t i;

	json_str(o, "type", "object");
	json_obj(o, "properties");
	for (i = 0; i < ARRAY_SIZE(s->rows) && s->rows[i]; i++)
		properties(o, s->rows[i]);
	if (s->more)
		s->more(o);
	json_obj_end(o);
	required(o, s);
	json_bool(o, "additionalProperties", false);
}

static void object(struct json_out *o, const char *name, const struct shape *s)
{
	json_obj(o, name);
	members(o, s);
	json_obj_end(o);
}

static void list(struct json_out *o, const char *name, const char *help, const struct shape *s)
{
	json_obj(o, name);
	json_str(o, "description", help);
	json_str(o, "type", "array");
	object(o, "items", s);
	json_obj_end(o);
}

/* ---- what is not a row ---- */

static void more_of_line(struct json_out *o)
{
	static const char *const who[] = {"from", "to"};
	size_t i;

	json_obj(o, "t_ns");
	json_str(o, "description", "from opening; null: after settling");
	types(o, "integer", "null");
	json_obj_end(o);
	for (i = 0; i < ARRAY_SIZE(who); i++) {
		json_obj(o, who[i]);
		one_of(o, actor_names, ACTORS_COUNT);
		json_obj_end(o);
	}
	json_obj(o, "fault");
	json_str(o, "description", "place in the experiment's list, from 0; -1: none");
	json_str(o, "type", "integer");
	json_obj_end(o);
}

static void more_of_story(struct json_out *o)
{
	static const struct shape line = {
		{&line_rows}, more_of_line, {"t_ns", "from", "to", "fault"}};

	list(o, "lines", "in time order", &line);
}

static void more_of_check(struct json_out *o)
{
	static const struct shape witness = {.rows = {&witness_rows}};

	list(o, "witnesses", "the first of those that broke it", &witness);
}

static void more_of_top(struct json_out *o)
{
	static const struct shape check = {{&check_rows}, more_of_check, {"witnesses"}},
				  story = {{&story_head_rows, &story_rows},
					   more_of_story,
					   {"lines"}},
				  fault = {.rows = {&fault_rows}}, phase = {.rows = {&phase_rows}},
				  link = {.rows = {&link_rows}}, reach = {.rows = {&reach_rows}},
				  facts = {.rows = {&time_rows, &fact_rows}},
				  ledgers = {.rows = {&ledger_rows}},
				  reconciled = {.rows = {&reconciled_rows}};

	list(o, "checks", "in the order of the experiment", &check);
	list(o, "stories", "of violated promises whose witness is a sale", &story);
	list(o, "faults", "in the order of the experiment", &fault);
	list(o, "phases", "in time order", &phase);
	list(o, "links", "over which anything went", &link);
	list(o, "reach", "of each service that faults look at", &reach);
	object(o, "facts", &facts);
	object(o, "ledgers", &ledgers);
	object(o, "reconciled", &reconciled);
}

void schema_verdict(struct buf *out)
{
	static const struct shape top = {{&top_rows},
					 more_of_top,
					 {"checks", "faults", "phases", "links", "reach", "facts",
					  "ledgers", "reconciled", "stories"}};
	struct json_out o = {.buf = out, .pretty = true};

	json_obj(&o, NULL);
	json_str(&o, "$schema", "http://json-schema.org/draft-07/schema#");
	json_str(&o, "title", "verdict.json of a worstday trial");
	members(&o, &top);
	json_obj_end(&o);
	buf_addc(out, '\n');
}
