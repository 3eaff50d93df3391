/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_FIELDS_H
#define WD_REPORT_FIELDS_H

/*
 * Structs as JSON, both ways, from one table of rows: what is written is what
 * is read back.
 */
#include <stddef.h>

struct json_out;
struct json_val;

enum field_type {
	FIELD_STRING, /* char *, owned; NULL is null */
	FIELD_TEXT,   /* char [size] */
	FIELD_I64,
	FIELD_F64,
	FIELD_BOOL,
};
struct field {
	const char *name;
	enum field_type type;
	size_t offset, size;
	const char *help; /* for a schema; NULL: none */
};
#define FIELD(t, s, f) FIELD_HELP(t, s, f, NULL)
#define FIELD_HELP(t, s, f, h)                                                                     \
	{                                                                                          \
#f, FIELD_##t, offsetof(struct s, f), sizeof(((struct s *)0)->f), h                \
	}

/** fields_write - members of the object that is open in o. */
void fields_write(struct json_out *o, const struct field *f, size_t n, const void *from);
/** fields_read - absent members leave zero. Strings become owned. */
void fields_read(const struct json_val *object, const struct field *f, size_t n, void *to);
void fields_free(const struct field *f, size_t n, void *of);

#endif
