/* SPDX-License-Identifier: Apache-2.0 */
/* A log of operations for people, and what of a sale went with the power. */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "disk/crash.h"

size_t history_count(const struct history *h)
{
	return h->ops;
}

const struct log_rec *history_op(const struct history *h, size_t i)
{
	return h->op[i];
}

char *history_about(const struct history *h, size_t i)
{
	cleanup_free char *path = h->op_node[i] == NO_NODE
					  ? xstrdup("")
					  : history_path(h, h->op_node[i], i + 1);
	const char *slash = strchr(path, '/');

	return xstrdup(slash ? slash + 1 : "");
}

static bool has_extent(const struct log_rec *r)
{
	return r->kind == LOG_WRITE || r->kind == LOG_ZERO;
}

char *history_who(const struct history *h, size_t i)
{
	int32_t pid = h->op[i]->pid;

	for (size_t k = h->whos; k > 0 && pid; k--)
		if (h->who[k - 1].op <= i && h->who[k - 1].r->pid == pid)
			return xstrndup(log_name(h->who[k - 1].r), h->who[k - 1].r->name_len);
	return xstrdup("");
}

static void tell_op(const struct history *h, size_t i, int64_t epoch_ns, struct buf *b)
{
	const struct log_rec *r = h->op[i];
	struct json_out o = { .buf = b };
	cleanup_free char *path = history_about(h, i), *who = history_who(h, i);

	json_obj(&o, NULL);
	json_obj(&o, "op");
	json_u64(&o, "n", i + 1);
	json_i64(&o, "t_ns", r->end_ns - epoch_ns);
	json_i64(&o, "took_ns", r->end_ns - r->begin_ns);
	json_str(&o, "what", log_kind_words(r));
	json_str(&o, "file", path);
	if (has_extent(r))
		json_i64(&o, "len", r->len);
	if (has_extent(r) || r->kind == LOG_SIZE)
		json_i64(&o, "at", r->off);
	if (r->kind == LOG_REMOVE || r->kind == LOG_RENAME)
		json_strn(&o, "name", log_name(r), r->name_len);
	if (r->pid)
		json_i64(&o, "pid", r->pid);
	if (*who)
		json_str(&o, "process", who);
	json_obj_end(&o);
	json_obj_end(&o);
	buf_addc(b, '\n');
}

void history_tell(const struct history *h, int64_t epoch_ns, struct buf *out)
{
	for (size_t i = 0; i < h->ops; i++)
		tell_op(h, i, epoch_ns, out);
}

/* The key and not a longer one: S1 is not in S12. */
static bool holds(const struct log_rec *r, const char *key, size_t len)
{
	const char *at = log_data(r), *end = at + r->len;

	while ((at = memmem(at, (size_t)(end - at), key, len))) {
		at += len;
		if (at == end || *at < '0' || *at > '9')
			return true;
	}
	return false;
}

static bool nameless(const struct crash *c, size_t op)
{
	return c->h->op_node[op] == NO_NODE || !c->content[c->h->op_node[op]].done;
}

const char *crash_fate(const struct crash *c, size_t op)
{
	const struct log_node *n;

	if (nameless(c, op))
		return "is in a file whose name was never synced";
	n = &c->h->node[c->h->op_node[op]];
	for (size_t i = 0; i < n->changes; i++)
		if (n->change[i].op == op && n->change[i].lost_by < c->at.ops)
			return "was given up by the fsync that failed";
	return "was never synced";
}

static bool is_lost(const struct crash *c, size_t op)
{
	if (nameless(c, op))
		return true;
	for (size_t i = 0; i < c->losses; i++)
		for (size_t k = 0; k < c->loss[i].count; k++)
			if (c->loss[i].lost[k] == c->h->op[op])
				return true;
	return false;
}

size_t crash_lost_text(const struct crash *c, const char *text)
{
	size_t len = strlen(text), found = CRASH_UNWRITTEN;

	for (size_t i = 0; i < c->at.ops; i++) {
		const struct log_rec *r = c->h->op[i];

		if (r->kind != LOG_WRITE || !holds(r, text, len))
			continue;
		if (!is_lost(c, i))
			return CRASH_KEPT;
		if (found == CRASH_UNWRITTEN)
			found = i;
	}
	return found;
}
