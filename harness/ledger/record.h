/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_LEDGER_RECORD_H
#define WD_LEDGER_RECORD_H

/*
 * What a ledger line consists of, described once: the writer and the reader
 * both walk these tables. A line is {"NAME":{members}}.
 */
#include <stddef.h>
#include <stdint.h>

enum member_type {
	MEMBER_STRING, MEMBER_INT64, MEMBER_INT, MEMBER_BOOL, MEMBER_ENUM
};

enum member_flag {
	MEMBER_REQUIRED = 1, /* always written; a line without it is an error */
	MEMBER_WORD = 2,     /* few distinct values: read through a small cache */
	MEMBER_WHOLE = 4,    /* identifies things: never masked, or joins would collide */
};

struct member {
	const char *text; /* ,"name": */
	uint16_t text_len, offset;
	enum member_type type;
	unsigned flags;
	int64_t absent;		  /* numbers: the value that is not written */
	const char *const *names; /* MEMBER_ENUM */
	int names_count;
};

/* member_name - the name within the text; not terminated. */
static inline const char *member_name(const struct member *m, size_t *ret_len)
{
	*ret_len = m->text_len - 4u;
	return m->text + 2;
}

enum record_kind {
	RECORD_TOLD, RECORD_LEFT, RECORD_BOOK, RECORD_BANK, RECORD_PAPER, RECORD_DRAWER,
	RECORD_EVENT, RECORD_KINDS
};

enum ledger_file {
	FILE_TOLD, FILE_BOOKS, FILE_BANK, FILE_PAPER, FILE_DRAWER, FILE_EVENTS, LEDGER_FILES
};

struct record {
	const char *name;
	enum ledger_file file;
	size_t size;
	const struct member *members;
	unsigned members_count;
};

#define RECORD_MEMBERS_MAX 24

extern const struct record records[RECORD_KINDS];
extern const char *const ledger_file_names[LEDGER_FILES];

#endif
