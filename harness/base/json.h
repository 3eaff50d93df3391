/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_JSON_H
#define WD_BASE_JSON_H

/*
 * JSON (RFC 8259), small and without allocation for reading: values are
 * slices of the text. Ledgers of a million lines are read with it, so the
 * iterators scan each byte once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum json_type {
	JSON_NONE, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT
};

/** struct json_val - a slice: strings include their quotes, containers their brackets. */
struct json_val {
	enum json_type type;
	const char *at;
	size_t len;
};

/** json_parse - validate the whole text as one value (depth <= 128). -EINVAL with the offset. */
int json_parse(const char *text, size_t len, struct json_val *ret, struct err *e);

/** struct json_iter - walks an object's or array's members: json_iter_init, then json_next. */
struct json_iter {
	const char *p, *end;
	bool object, first;
};
void json_iter_init(struct json_iter *it, const struct json_val *container);
/** json_next - the next member (key is JSON_NONE in arrays). false at the end. The container must
 * come from a validated text (json_parse). */
bool json_next(struct json_iter *it, struct json_val *ret_key, struct json_val *ret_val);

/** json_get - the first member of that (unescaped) name; type JSON_NONE when absent. */
struct json_val json_get(const struct json_val *object, const char *name);
/** json_pointer - RFC 6901 pointer ("/a/0/b"); type JSON_NONE when absent. */
struct json_val json_pointer(const struct json_val *root, const char *pointer);

/** json_key_is - does this key slice equal name? No allocation. */
bool json_key_is(const struct json_val *key, const char *name);
/** json_string - append the unescaped string (or the raw text of another type) to b. */
void json_string(const struct json_val *v, struct buf *b);
/** json_dup - the unescaped string as heap memory. */
char *json_dup(const struct json_val *v);
/** json_int64 - exact integer; "12", "12.0" and "1.2e1" all give 12; 0 or -ERANGE/-EINVAL. */
int json_int64(const struct json_val *v, int64_t *ret);
int json_double(const struct json_val *v, double *ret);
bool json_true(const struct json_val *v);

/* Writing: structural characters are the caller's, values are escaped here. */
/** json_add_string - quoted and escaped; invalid UTF-8 bytes become U+FFFD; NULL becomes null. */
void json_add_string(struct buf *b, const char *s);
void json_add_stringn(struct buf *b, const char *s, size_t n);
/* The two steps of that, for writers with a buffer of their own: */
/** json_plain - how many bytes of s[0..n) need no escape and are ASCII. */
size_t json_plain(const char *s, size_t n);
/** json_escape - encode the character at p (room: bytes left); returns how many bytes it took. */
size_t json_escape(char out[static 6], const char *p, size_t room, size_t *ret_n);

/** struct json_out - a small writer that puts the commas: json_obj/json_arr nest up to 32 deep. */
struct json_out {
	struct buf *buf;
	unsigned depth;
	bool comma[32];
	bool pretty; /* two-space indentation and newlines */
};
void json_obj(struct json_out *o, const char *key);
void json_obj_end(struct json_out *o);
void json_arr(struct json_out *o, const char *key);
void json_arr_end(struct json_out *o);
/* key is NULL inside arrays */
void json_str(struct json_out *o, const char *key, const char *value);
void json_strn(struct json_out *o, const char *key, const char *value, size_t n);
void json_i64(struct json_out *o, const char *key, int64_t value);
void json_u64(struct json_out *o, const char *key, uint64_t value);
void json_f64(struct json_out *o, const char *key, double value);
void json_bool(struct json_out *o, const char *key, bool value);
void json_null(struct json_out *o, const char *key);
/** json_raw - already encoded JSON. */
void json_raw(struct json_out *o, const char *key, const char *json);

#endif
