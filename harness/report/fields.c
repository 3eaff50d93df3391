/* SPDX-License-Identifier: Apache-2.0 */
#include "report/fields.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"

static void field_write(struct json_out *o, const struct field *f, const void *at)
{
	switch (f->type) {
	case FIELD_STRING:
		json_str(o, f->name, *(char *const *)at);
		break;
	case FIELD_TEXT:
		json_str(o, f->name, at);
		break;
	case FIELD_I64:
		json_i64(o, f->name, *(const int64_t *)at);
		break;
	case FIELD_F64:
		json_f64(o, f->name, *(const double *)at);
		break;
	case FIELD_BOOL:
		json_bool(o, f->name, *(const bool *)at);
		break;
	}
}

void fields_write(struct json_out *o, const struct field *f, size_t n, const void *from)
{
	size_t i;

	for (i = 0; i < n; i++)
		field_write(o, &f[i], (const char *)from + f[i].offset);
}

static void field_read(const struct json_val *v, const struct field *f, void *at)
{
	cleanup_free char *text = NULL;

	switch (f->type) {
	case FIELD_STRING:
		*(char **)at = v->type == JSON_STRING ? json_dup(v) : NULL;
		break;
	case FIELD_TEXT:
		text = v->type == JSON_STRING ? json_dup(v) : NULL;
		snprintf(at, f->size, "%s", text ? text : "");
		break;
	case FIELD_I64:
		if (v->type == JSON_NUMBER)
			json_int64(v, at);
		break;
	case FIELD_F64:
		if (v->type == JSON_NUMBER)
			json_double(v, at);
		break;
	case FIELD_BOOL:
		*(bool *)at = json_true(v);
		break;
	}
}

void fields_read(const struct json_val *object, const struct field *f, size_t n, void *to)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct json_val v = json_get(object, f[i].name);

		field_read(&v, &f[i], (char *)to + f[i].offset);
	}
}

void fields_free(const struct field *f, size_t n, void *of)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (f[i].type == FIELD_STRING)
			free(*(char **)((char *)of + f[i].offset));
	}
}
