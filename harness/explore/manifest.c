/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "conf/experiment.h"
#include "conf/target.h"
#include "explore/store.h"
#include "explore/version.h"
#include "faults/backend.h"
#include "faults/fault.h"

static void json_host(struct json_out *o)
{
	struct utsname u;

	if (uname(&u) < 0)
		return;
	json_obj(o, "host");
	json_str(o, "system", u.sysname);
	json_str(o, "kernel", u.release);
	json_str(o, "machine", u.machine);
	json_obj_end(o);
}

/* Every fault was probed before launch; what the experiment uses is what counts here. */
static void json_probes(struct json_out *o, const struct experiment *x)
{
	size_t i;

	json_arr(o, "probes");
	for (i = 0; i < x->faults_count; i++) {
		const struct fault_ops *ops = x->faults[i].kind->ops;
		char why[512] = "";
		bool ok = fault_probe(ops, x->faults[i].opts, why, sizeof(why)) >= 0;

		json_obj(o, NULL);
		json_str(o, "name", ops->name);
		json_bool(o, "ok", ok);
		if (!ok)
			json_str(o, "why", why);
		json_obj_end(o);
	}
	json_arr_end(o);
}

static void json_files(struct json_out *o, const char *dir, const char *below)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, below);
	struct dirent **list = NULL;
	int i, n = scandir(path, &list, NULL, alphasort);

	for (i = 0; i < n; i++) {
		cleanup_free char *name =
		    xasprintf("%s%s%s", below, *below ? "/" : "", list[i]->d_name);
		cleanup_free char *full = xasprintf("%s/%s", dir, name);
		bool dots = str_eq(list[i]->d_name, ".") || str_eq(list[i]->d_name, "..");
		struct stat st;

		free(list[i]);
		if (dots || lstat(full, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			json_files(o, dir, name);
		else
			json_i64(o, name, st.st_size);
	}
	free(list);
}

static void json_command(struct json_out *o, const struct manifest_in *in)
{
	int i;

	json_arr(o, "command");
	for (i = 0; i < in->argc; i++)
		json_str(o, NULL, in->argv[i]);
	json_arr_end(o);
}

int manifest_write(const char *dir, const struct manifest_in *in, struct err *e)
{
	struct buf b = {0};
	struct json_out o = {.buf = &b, .pretty = true};
	int r;

	json_obj(&o, NULL);
	json_str(&o, "experiment", in->experiment->name);
	json_str(&o, "source", in->experiment->path);
	json_i64(&o, "seed", in->seed);
	json_str(&o, "target", in->target->path);
	json_str(&o, "digest", in->target->digest);
	json_str(&o, "version", WD_VERSION);
	json_str(&o, "commit", version_commit());
	json_i64(&o, "written_unix_s", clock_wall() / NS_PER_S);
	json_host(&o);
	json_probes(&o, in->experiment);
	json_command(&o, in);
	json_obj(&o, "files");
	json_files(&o, dir, "");
	json_obj_end(&o);
	json_obj_end(&o);
	buf_addc(&b, '\n');
	r = store_write(dir, "manifest.json", b.data, b.len, e);
	buf_done(&b);
	return r;
}

static char *take_string(const struct json_val *root, const char *name)
{
	struct json_val v = json_get(root, name);

	return v.type == JSON_STRING ? json_dup(&v) : xstrdup("");
}

int manifest_read(struct manifest *ret, const char *dir, struct err *e)
{
	size_t len;
	cleanup_free char *text = store_read(dir, "manifest.json", &len, e);
	struct json_val root, seed;
	int r;

	if (!text)
		return -e->code;
	r = json_parse(text, len, &root, e);
	if (r < 0)
		return err_wrap(e, "%s/manifest.json", dir);
	seed = json_get(&root, "seed");
	if (seed.type != JSON_NUMBER || json_int64(&seed, &ret->seed) < 0)
		return err_set(e, EINVAL, "%s/manifest.json: no seed in it", dir);
	ret->experiment = take_string(&root, "experiment");
	ret->source = take_string(&root, "source");
	ret->target = take_string(&root, "target");
	ret->digest = take_string(&root, "digest");
	ret->version = take_string(&root, "version");
	ret->commit = take_string(&root, "commit");
	return 0;
}

void manifest_done(struct manifest *m)
{
	free(m->experiment);
	free(m->source);
	free(m->target);
	free(m->digest);
	free(m->version);
	free(m->commit);
	*m = (struct manifest){0};
}

/*
 * A target named by path was meant from where the experiment lies; the copy
 * in the results lies elsewhere, so it gets the full path.
 */
static int resolve(struct experiment *x, const struct target *t, int64_t seed, struct err *e)
{
	struct diag *diag = diag_new();
	cleanup_free char *seed_set = xasprintf("seed=%lld", (long long)seed);
	cleanup_free char *path = realpath(t->path, NULL);
	cleanup_free char *target_set = xasprintf("target=\"%s\"", path ? path : t->path);
	int r = yaml_set(&x->tree, seed_set, diag);

	if (r == 0 && strchr(x->target, '/'))
		r = yaml_set(&x->tree, target_set, diag);
	diag_free(diag);
	return r < 0 ? err_set(e, EINVAL, "resolved.yml: the seed has no place in it") : 0;
}

int inputs_write(const char *dir, struct experiment *x, const struct target *t, int64_t seed,
		 struct err *e)
{
	struct buf b = {0};
	int r = resolve(x, t, seed, e);

	if (r == 0)
		r = store_write(dir, "experiment.yml", x->text, x->text_len, e);
	if (r == 0) {
		yaml_write(x->tree, &b);
		r = store_write(dir, "resolved.yml", b.data, b.len, e);
	}
	buf_done(&b);
	return r;
}
