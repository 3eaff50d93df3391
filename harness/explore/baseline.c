/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The good days that are known. One small file each, written to a temporary
 * name and renamed, so that workers may race for it. Only a good day that held
 * is remembered: a bad one is shown again with all its evidence.
 */
#include "explore/baseline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/draw.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "conf/experiment.h"
#include "conf/target.h"
#include "explore/store.h"
#include "explore/version.h"
#include "faults/drive.h"

/* What does not change the good day. */
static bool is_load(const char *key)
{
	static const char *const others[] = {"title", "faults",	  "expect",
					     "seed",  "baseline", "target"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (str_eq(others[i], key))
			return false;
	}
	return true;
}

char *baseline_key(const struct experiment *x, const struct target *t, int64_t seed)
{
	struct buf b = {0};
	struct strlist disks = {0};
	char build[17];
	uint64_t hash;
	size_t i;

	buf_printf(&b, "%s %lld %s\n", t->digest ? t->digest : t->path, (long long)seed,
		   version_build(build));
	for (i = 0; x->tree && i < x->tree->count; i++) {
		if (!is_load(x->tree->keys[i].name))
			continue;
		buf_printf(&b, "%s:\n", x->tree->keys[i].name);
		yaml_write(x->tree->items[i], &b);
	}
	drive_disks(x, &disks);
	for (i = 0; i < disks.count; i++)
		buf_printf(&b, "disk of %s\n", disks.at[i]);
	strlist_done(&disks);
	hash = draw_object(b.data);
	buf_done(&b);
	return xasprintf("%016llx", (unsigned long long)hash);
}

char *baseline_folder(const char *out)
{
	return xasprintf("%s/.cache/baseline", out);
}

char *baseline_drawn(const char *key)
{
	return xasprintf("%s.aggregates.json", key);
}

/* It is no more than an overlay in a chart: whoever lacks it draws without. */
static void keep_drawn(const char *dir, const char *temp, const char *key, const char *good)
{
	cleanup_free char *name = baseline_drawn(key), *from = xasprintf("%s/.drawn", temp);
	cleanup_free char *to = xasprintf("%s/%s", dir, name);
	size_t len;
	cleanup_free char *text = store_read(good, "aggregates.json", &len, NULL);

	if (!text || store_write(temp, ".drawn", text, len, NULL) < 0 || rename(from, to) < 0)
		unlink(from);
}

bool baseline_find(const char *out, const char *key, struct baseline *ret)
{
	cleanup_free char *dir = baseline_folder(out), *name = xasprintf("%s.json", key);
	size_t len;
	cleanup_free char *text = store_read(dir, name, &len, NULL);
	struct json_val root, rate, p95, system, human;

	if (!text || json_parse(text, len, &root, NULL) < 0)
		return false;
	rate = json_get(&root, "rate");
	p95 = json_get(&root, "p95_ns");
	system = json_get(&root, "system_p50_ns");
	human = json_get(&root, "human_mean_ns");
	return json_double(&rate, &ret->rate) == 0 && json_int64(&p95, &ret->p95_ns) == 0 &&
	       json_int64(&system, &ret->system_p50_ns) == 0 &&
	       json_int64(&human, &ret->human_mean_ns) == 0;
}

int baseline_save(const char *out, const char *temp, const char *key, const struct baseline *b,
		  const char *good, struct err *e)
{
	cleanup_free char *dir = baseline_folder(out);
	cleanup_free char *from = xasprintf("%s/.baseline", temp);
	cleanup_free char *to = xasprintf("%s/%s.json", dir, key);
	struct buf text = {0};
	struct json_out o = {.buf = &text};
	int r = store_make(dir, e);

	json_obj(&o, NULL);
	json_f64(&o, "rate", b->rate);
	json_i64(&o, "p95_ns", b->p95_ns);
	json_i64(&o, "system_p50_ns", b->system_p50_ns);
	json_i64(&o, "human_mean_ns", b->human_mean_ns);
	json_obj_end(&o);
	if (r == 0)
		r = store_write(temp, ".baseline", text.data, text.len, e);
	if (r == 0)
		keep_drawn(dir, temp, key, good);
	if (r == 0 && rename(from, to) < 0) {
		r = err_errno(e, errno, "renaming %s", from);
		unlink(from);
	}
	buf_done(&text);
	return r;
}
