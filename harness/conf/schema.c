/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A file is YAML, and a validator sees it as YAML 1.2 makes
 * JSON of it: `20%` is a string, `12` a number, `off` a string. So each type of
 * a row has the JSON types that it may be written in, and where that is a
 * string, a pattern. JSON Schema's keywords each apply to their own type, so one
 * object does for both and editors have one message instead of two.
 *
 * Patterns use only what ECMA-262 and Python read alike. In a target file any
 * text may hold ${variables}, whose values are not known here: such a text
 * matches whatever the row's type.
 */
#include "conf/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "conf/target_load.h"

#define DECIMAL "[0-9]+(\\.[0-9]+)?"

struct schema {
	struct json_out o;
	const struct conf_catalog *cat; /* NULL: a target file */
};

static void write_block(struct schema *s, struct opt_table table);
static void write_row(struct schema *s, const char *key, const struct opt *row);

/* ---- texts ---- */

/* duration_pattern - without anchors. */
static void duration_pattern(enum domain domain, struct buf *out)
{
	buf_adds(out, "( *" DECIMAL " *(");
	opt_units(OPT_DURATION, out);
	buf_adds(out, "))+( +(");
	buf_adds(out, domain == DOMAIN_SHOP	? "shop"
		      : domain == DOMAIN_SYSTEM ? "system"
						: "shop|system");
	buf_adds(out, "))?");
}

/* own_pattern - the row's, in which {duration} stands for that pattern. */
static void own_pattern(const struct opt *row, struct buf *out)
{
	static const char word[] = "{duration}";
	const char *rest = row->pattern, *at;

	for (; (at = strstr(rest, word)) != NULL; rest = at + strlen(word)) {
		buf_add(out, rest, (size_t)(at - rest));
		duration_pattern(row->domain ? row->domain : DOMAIN_SHOP, out);
	}
	buf_adds(out, rest);
}

static void unit_pattern(enum opt_type type, const char *tail, struct buf *out)
{
	buf_adds(out, " *" DECIMAL " *(");
	opt_units(type, out);
	buf_printf(out, ")%s", tail);
}

/* text_pattern - what a text of this row looks like as a whole; nothing: anything. */
static void text_pattern(const struct opt *row, struct buf *out)
{
	switch (row->type) {
	case OPT_DURATION:
		duration_pattern(row->domain, out);
		break;
	case OPT_SIZE:
		unit_pattern(OPT_SIZE, "", out);
		break;
	case OPT_SPEED:
		unit_pattern(OPT_SPEED, "(/s)?", out);
		break;
	case OPT_RATIO:
	case OPT_WEIGHTS:
		buf_adds(out, " *" DECIMAL " *%");
		break;
	case OPT_PACE:
		buf_adds(out, DECIMAL "x");
		break;
	case OPT_MONEY:
		buf_adds(out, " *([0-9]+|" DECIMAL " *[A-Z]{3})");
		break;
	case OPT_RANGE:
		buf_adds(out, "[0-9]+(\\.\\.([0-9]+)?(\\+[0-9]+)?)?");
		break;
	case OPT_INT:
		buf_adds(out, "-?[0-9]+");
		break;
	case OPT_NUMBER:
		buf_adds(out, DECIMAL);
		break;
	default:
		if (row->pattern)
			own_pattern(row, out);
	}
}

static void write_pattern(struct schema *s, const struct opt *row)
{
	struct buf inner = {0}, whole = {0};

	text_pattern(row, &inner);
	if (inner.len) {
		buf_printf(&whole, "^(%s)$%s", inner.data, s->cat ? "" : "|\\$\\{");
		json_str(&s->o, "pattern", whole.data);
	}
	buf_done(&inner);
	buf_done(&whole);
}

/* ---- types of one value ---- */

/* The JSON types that a single value may be written in; ends with NULL. */
static const char *const *types_of(const struct opt *row)
{
	static const char *const text[] = {"string", NULL};
	static const char *const whole[] = {"integer", "string", NULL};
	static const char *const number[] = {"number", "string", NULL};
	static const char *const any[] = {"string", "number", "boolean", NULL};

	switch (row->type) {
	case OPT_INT:
	case OPT_RANGE:
	case OPT_MONEY:
		return whole;
	case OPT_NUMBER:
		return number;
	case OPT_DURATION:
	case OPT_SIZE:
	case OPT_SPEED:
	case OPT_RATIO:
	case OPT_WEIGHTS:
	case OPT_PACE:
		return text;
	default:
		return row->shape == SHAPE_TEXT ? text : any;
	}
}

static void write_types(struct schema *s, const char *const *types, const char *more)
{
	json_arr(&s->o, "type");
	for (; *types; types++)
		json_str(&s->o, NULL, *types);
	if (more)
		json_str(&s->o, NULL, more);
	json_arr_end(&s->o);
}

static void write_bounds(struct schema *s, const struct opt *row)
{
	if (row->type != OPT_INT && row->type != OPT_NUMBER && row->type != OPT_RANGE)
		return;
	if (row->min)
		json_raw(&s->o, "minimum", row->min);
	else if (row->type != OPT_INT)
		json_i64(&s->o, "minimum", 0);
	if (row->max)
		json_raw(&s->o, "maximum", row->max);
}

/* Words to choose from; in a target file a variable may stand for one. */
static void write_choice(struct schema *s, const struct opt *row)
{
	if (!s->cat) {
		json_arr(&s->o, "anyOf");
		json_obj(&s->o, NULL);
	}
	json_arr(&s->o, "enum");
	for (size_t i = 0; row->values && row->values[i].name; i++)
		json_str(&s->o, NULL, row->values[i].name);
	if (!row->values) {
		json_bool(&s->o, NULL, true);
		json_bool(&s->o, NULL, false);
		json_str(&s->o, NULL, "true");
		json_str(&s->o, NULL, "false");
	}
	json_arr_end(&s->o);
	if (!s->cat) {
		json_obj_end(&s->o);
		json_obj(&s->o, NULL);
		json_str(&s->o, "type", "string");
		json_str(&s->o, "pattern", "\\$\\{");
		json_obj_end(&s->o);
		json_arr_end(&s->o);
	}
}

static void write_single(struct schema *s, const struct opt *row)
{
	if (row->type == OPT_ENUM || row->type == OPT_BOOL) {
		write_choice(s, row);
		return;
	}
	write_types(s, types_of(row), row->type == OPT_WEIGHTS ? "object" : NULL);
	write_bounds(s, row);
	write_pattern(s, row);
}

/* ---- lists and maps of single values ---- */

static void write_any_text(struct schema *s, const char *key, const struct opt *row, bool null)
{
	const struct opt text = {
		.type = OPT_STRING, .pattern = row->pattern,
		.shape = row->pattern ? SHAPE_TEXT : SHAPE_WORD};

	json_obj(&s->o, key);
	write_types(s, types_of(&text), null && !row->pattern ? "null" : NULL);
	write_pattern(s, &text);
	json_obj_end(&s->o);
}

static void write_strlist(struct schema *s, const struct opt *row)
{
	static const char *const types[] = {"array", "string", "number", "boolean", NULL};

	write_types(s, types, NULL);
	write_any_text(s, "items", row, false);
}

static void write_strmap(struct schema *s, const struct opt *row)
{
	json_str(&s->o, "type", "object");
	write_any_text(s, "additionalProperties", row, true);
}

/* `pay: cash`, or {card: 60%, cash: 40%}; others may be a number alone. */
static void write_shares_or(struct schema *s, const char *more)
{
	static const char *const types[] = {"object", "string", NULL};
	static const struct opt share = {.type = OPT_RATIO};

	write_types(s, types, more);
	json_i64(&s->o, "minProperties", 1);
	json_obj(&s->o, "additionalProperties");
	write_single(s, &share);
	json_obj_end(&s->o);
}

/* ---- blocks ---- */

static bool is_required(const struct opt *row)
{
	return !row->def && !row->optional;
}

static bool needs_something(struct opt_table table)
{
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++)
		if (is_required(row))
			return true;
	return false;
}

static void write_required(struct schema *s, struct opt_table table)
{
	json_arr(&s->o, "required");
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++)
		if (is_required(row))
			json_str(&s->o, NULL, row->name);
	json_arr_end(&s->o);
}

static void write_properties(struct schema *s, struct opt_table table)
{
	json_obj(&s->o, "properties");
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++)
		write_row(s, row->name, row);
	json_obj_end(&s->o);
	json_bool(&s->o, "additionalProperties", false);
}

static const struct opt *scalar_row(struct opt_table table)
{
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++)
		if (row->scalar)
			return row;
	return NULL;
}

/* write_map - the map alone; an empty one may be left out where nothing is required. */
static void write_map(struct schema *s, struct opt_table table)
{
	static const char *const empty_too[] = {"object", "null", NULL};

	if (needs_something(table)) {
		json_str(&s->o, "type", "object");
		write_required(s, table);
	} else {
		write_types(s, empty_too, NULL);
	}
	write_properties(s, table);
}

static void write_block(struct schema *s, struct opt_table table)
{
	const struct opt *lone = scalar_row(table);

	if (!lone) {
		write_map(s, table);
		return;
	}
	json_arr(&s->o, "anyOf");
	json_obj(&s->o, NULL);
	write_map(s, table);
	json_obj_end(&s->o);
	write_row(s, NULL, lone);
	json_arr_end(&s->o);
}

static void write_block_as(struct schema *s, const char *key, struct opt_table table)
{
	json_obj(&s->o, key);
	write_block(s, table);
	json_obj_end(&s->o);
}

/* One block needs no dash. */
static void write_list_or_one(struct schema *s, struct opt_table table)
{
	json_arr(&s->o, "anyOf");
	json_obj(&s->o, NULL);
	json_str(&s->o, "type", "array");
	write_block_as(s, "items", table);
	json_obj_end(&s->o);
	write_block_as(s, NULL, table);
	json_arr_end(&s->o);
}

static void write_named(struct schema *s, struct opt_table table, bool lists)
{
	json_str(&s->o, "type", "object");
	json_obj(&s->o, "additionalProperties");
	if (lists)
		write_list_or_one(s, table);
	else
		write_block(s, table);
	json_obj_end(&s->o);
}

/* Exactly one key; `null`, where that is one, may stand alone. */
static void write_one_key(struct schema *s, struct opt_table table)
{
	static const char *const types[] = {"object", NULL};
	bool null = false;

	for (const struct opt *row = table.rows; row->type != OPT_END_; row++)
		null |= strcmp(row->name, "null") == 0;
	write_types(s, types, null ? "null" : NULL);
	json_i64(&s->o, "minProperties", 1);
	json_i64(&s->o, "maxProperties", 1);
	write_properties(s, table);
}

/* ---- faults: and checks: ---- */

/* The kinds whose name alone will do. */
static void write_bare_kinds(struct schema *s, const struct conf_kind *at, size_t count)
{
	json_obj(&s->o, NULL);
	json_arr(&s->o, "enum");
	for (size_t i = 0; i < count; i++)
		if (!needs_something(at[i].opts))
			json_str(&s->o, NULL, at[i].name);
	json_arr_end(&s->o);
	json_obj_end(&s->o);
}

/* What every fault takes beside its own options. */
static void write_trigger_keys(struct schema *s)
{
	static const struct opt min_hits = {
		.name = "min_hits", .type = OPT_INT, .def = "1", .min = "0",
		.help = "fewer hits than that make the trial inconclusive"};

	json_obj(&s->o, "when");
	json_str(&s->o, "description", "when it is armed and what it hits");
	write_map(s, when_table);
	json_i64(&s->o, "minProperties", 1);
	json_obj_end(&s->o);
	write_row(s, "min_hits", &min_hits);
}

static void write_kind_properties(struct schema *s, const struct conf_kind *at, size_t count,
				  bool triggers)
{
	json_obj(&s->o, "properties");
	for (size_t i = 0; i < count; i++) {
		json_obj(&s->o, at[i].name);
		json_str(&s->o, "description", at[i].summary);
		write_block(s, at[i].opts);
		json_obj_end(&s->o);
	}
	if (triggers)
		write_trigger_keys(s);
	json_obj_end(&s->o);
	json_bool(&s->o, "additionalProperties", false);
}

/* Exactly one kind in one item. */
static void write_one_kind(struct schema *s, const struct conf_kind *at, size_t count)
{
	json_arr(&s->o, "oneOf");
	for (size_t i = 0; i < count; i++) {
		json_obj(&s->o, NULL);
		json_arr(&s->o, "required");
		json_str(&s->o, NULL, at[i].name);
		json_arr_end(&s->o);
		json_obj_end(&s->o);
	}
	json_arr_end(&s->o);
}

static void write_kinds(struct schema *s, bool faults)
{
	const struct conf_kind *at = faults ? s->cat->faults : s->cat->checks;
	size_t count = faults ? s->cat->faults_count : s->cat->checks_count;
	static const char *const empty_too[] = {"array", "null", NULL};

	if (faults)
		write_types(s, empty_too, NULL);
	else
		json_str(&s->o, "type", "array");
	if (!faults)
		json_i64(&s->o, "minItems", 1);
	json_obj(&s->o, "items");
	json_arr(&s->o, "anyOf");
	write_bare_kinds(s, at, count);
	json_obj(&s->o, NULL);
	json_str(&s->o, "type", "object");
	write_kind_properties(s, at, count, faults);
	write_one_kind(s, at, count);
	json_obj_end(&s->o);
	json_arr_end(&s->o);
	json_obj_end(&s->o);
}

/* ---- a row ---- */

static void write_list_or_text(struct schema *s, struct opt_table table)
{
	static const char *const types[] = {"array", "string", NULL};

	write_types(s, types, NULL);
	write_block_as(s, "items", table);
}

static void write_shaped(struct schema *s, const struct opt *row)
{
	struct opt_table table = row->elsewhere ? *row->elsewhere : row->sub;

	switch (row->shape) {
	case SHAPE_WORD:
	case SHAPE_TEXT:
		if (table.rows)
			write_block(s, table);
		else
			write_single(s, row);
		break;
	case SHAPE_ANY:
		break;
	case SHAPE_ONE_KEY:
		write_one_key(s, table);
		break;
	case SHAPE_NAMED:
		write_named(s, table, false);
		break;
	case SHAPE_NAMED_LISTS:
		write_named(s, table, true);
		break;
	case SHAPE_LIST_OR_TEXT:
		write_list_or_text(s, table);
		break;
	case SHAPE_SHARES:
		write_shares_or(s, "integer");
		break;
	case SHAPE_FAULTS:
	case SHAPE_CHECKS:
		write_kinds(s, row->shape == SHAPE_FAULTS);
		break;
	}
}

static void write_type(struct schema *s, const struct opt *row)
{
	switch (row->type) {
	case OPT_STRLIST:
		write_strlist(s, row);
		break;
	case OPT_STRMAP:
		write_strmap(s, row);
		break;
	case OPT_WEIGHTS:
		write_shares_or(s, NULL);
		break;
	case OPT_STRUCT:
		write_block(s, row->sub);
		break;
	case OPT_STRUCTLIST:
		write_list_or_one(s, row->sub);
		break;
	case OPT_STRUCTMAP:
		write_named(s, row->sub, false);
		break;
	case OPT_CUSTOM:
	case OPT_NODE:
		write_shaped(s, row);
		break;
	default:
		write_single(s, row);
	}
}

/* write_row - what an editor shows beside the key, and what may stand there. */
static void write_row(struct schema *s, const char *key, const struct opt *row)
{
	struct buf about = {0};

	buf_adds(&about, row->help ? row->help : "");
	buf_adds(&about, " (");
	opt_help_type(row, &about);
	buf_addc(&about, ')');
	json_obj(&s->o, key);
	json_str(&s->o, "description", about.data);
	write_type(s, row);
	json_obj_end(&s->o);
	buf_done(&about);
}

/* ---- a file ---- */

static void write_file(struct schema *s, const char *title, struct opt_table table)
{
	json_obj(&s->o, NULL);
	json_str(&s->o, "$schema", "http://json-schema.org/draft-07/schema#");
	json_str(&s->o, "title", title);
	write_map(s, table);
	json_obj_end(&s->o);
	buf_addc(s->o.buf, '\n');
}

void schema_experiment(const struct conf_catalog *cat, struct buf *out)
{
	struct schema s = {.o = {.buf = out, .pretty = true}, .cat = cat};

	write_file(&s, "An experiment of worstday", experiment_table);
}

void schema_target(struct buf *out)
{
	struct schema s = {.o = {.buf = out, .pretty = true}};

	write_file(&s, "A target of worstday (target.yml)", target_table);
}
