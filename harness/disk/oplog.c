/* SPDX-License-Identifier: Apache-2.0 */
/* What a log of operations looks like, for who writes it and who reads it. */
#include "disk/oplog.h"

#include <sys/stat.h>

#define ALIGN 8

size_t log_size(const struct log_rec *r)
{
	size_t data = r->kind == LOG_WRITE || r->kind == LOG_MAKE ? (size_t)r->len : 0;
	size_t n = sizeof(*r) + r->name_len + r->to_len + data;

	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

const struct log_rec *log_next(const void *log, size_t bytes, const struct log_rec *r,
			       bool *ret_torn)
{
	const char *at = r ? (const char *)r + r->bytes : log;
	size_t left = bytes - (size_t)(at - (const char *)log);
	const struct log_rec *next = (const void *)at;

	*ret_torn = false;
	if (!left)
		return NULL;
	if (left < sizeof(*next) || next->bytes > left || next->kind >= LOG_KINDS ||
	    next->len < 0 || (uint64_t)next->len > (uint64_t)INT64_MAX / 2 ||
	    (next->kind != LOG_ZERO && (uint64_t)next->len > left) ||
	    next->bytes != log_size(next)) {
		*ret_torn = true;
		return NULL;
	}
	return next;
}

static const char *made_words(uint32_t mode)
{
	return S_ISDIR(mode) ? "mkdir" : S_ISLNK(mode) ? "symlink" : "create";
}

const char *log_kind_words(const struct log_rec *r)
{
	static const char *const words[LOG_KINDS] = {
		[LOG_ROOT] = "root", [LOG_LINK] = "link", [LOG_REMOVE] = "unlink",
		[LOG_RENAME] = "rename", [LOG_WRITE] = "write", [LOG_ZERO] = "punch",
		[LOG_SIZE] = "truncate", [LOG_SYNC] = "fsync", [LOG_CLOSE] = "close",
		[LOG_ATTR] = "attributes", [LOG_BASE] = "base", [LOG_LOST] = "failed fsync",
		[LOG_WHO] = "who",
	};

	if (r->kind == LOG_MAKE)
		return made_words(r->mode);
	if (r->kind == LOG_SYNC && r->flags & LOG_ALL)
		return "sync";
	if (r->kind == LOG_SYNC && r->flags & LOG_FOLDER)
		return "fsync of the folder";
	if (r->kind == LOG_SYNC && r->flags & LOG_DATA_ONLY)
		return "fdatasync";
	if (r->kind == LOG_WRITE && r->flags & LOG_REVERT)
		return "eviction";
	if (r->kind == LOG_WRITE && r->flags & LOG_SYNCED)
		return r->flags & LOG_DATA_ONLY ? "write (O_DSYNC)" : "write (O_SYNC)";
	return words[r->kind];
}
