/* SPDX-License-Identifier: Apache-2.0 */
/* worstday report DIR --file NAME: what happened to one file on a disk that kept a log. */
#include "cmd_report.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "explore/store.h"

static int64_t number(const struct json_val *op, const char *name)
{
	struct json_val v = json_get(op, name);
	int64_t n;

	return json_int64(&v, &n) < 0 ? -1 : n;
}

static void show(const struct disk_question *q, const char *node, const struct json_val *op)
{
	struct json_val file = json_get(op, "file"), what = json_get(op, "what"),
			name = json_get(op, "name"), who = json_get(op, "process");
	cleanup_free char *path = json_dup(&file), *did = json_dup(&what),
			  *old = name.type == JSON_STRING ? json_dup(&name) : NULL,
			  *by = who.type == JSON_STRING ? json_dup(&who) : NULL;
	int64_t t = number(op, "t_ns"), took = number(op, "took_ns"), len = number(op, "len"),
		at = number(op, "at");

	if (t < q->from_ns || t > q->to_ns)
		return;
	if (!str_eq(did, "power cut") && !str_eq(did, "sync") && !str_glob(q->file, path) &&
	    !(old && str_glob(q->file, old)))
		return;
	fprintf(q->out, "%4" PRId64 ".%06" PRId64 " s  %-10s %s", t / NS_PER_S,
		t % NS_PER_S / NS_PER_US, node, did);
	if (len >= 0)
		fprintf(q->out, " of %" PRId64 " bytes", len);
	if (at >= 0)
		fprintf(q->out, len >= 0 ? " at %" PRId64 : " to %" PRId64, at);
	if (old && !str_eq(old, path))
		fprintf(q->out, " from %s", old);
	if (*path)
		fprintf(q->out, ", %s", path);
	if (took > 0)
		fprintf(q->out, ", took %" PRId64 ".%03" PRId64 " ms", took / NS_PER_MS,
			took % NS_PER_MS / NS_PER_US);
	if (by)
		fprintf(q->out, ", by %s", by);
	fputc('\n', q->out);
}

static int show_lines(const struct disk_question *q, const char *node, char *text, struct err *e)
{
	for (char *line = text, *end; *line; line = end + 1) {
		struct json_val v, op;

		end = strchr(line, '\n');
		if (!end)
			return 0; /* the log was capped there */
		if (json_parse(line, (size_t)(end - line), &v, e) < 0)
			return err_wrap(e, "the disk's log of node %s", node);
		op = json_get(&v, "op");
		if (op.type == JSON_OBJECT)
			show(q, node, &op);
	}
	return 0;
}

int report_disk(const struct disk_question *q, struct err *e)
{
	cleanup_free char *logs = xasprintf("%s/logs", q->dir);
	cleanup_free char *pattern = xasprintf("%s/disk.*.ndjson", logs);
	glob_t found = { 0 };
	int r = 0;

	if (glob(pattern, 0, NULL, &found) != 0)
		r = err_set(e, ENOENT, "%s: no disk kept a log of operations there (with "
			    "power.cut it does)", q->dir);
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;
		cleanup_free char *text = store_read(logs, name, NULL, e);
		cleanup_free char *node = xstrndup(name + 5, strlen(name) - strlen("disk..ndjson"));

		r = text ? show_lines(q, node, text, e) : -EIO;
	}
	globfree(&found);
	return r;
}
