/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Writing is one walk: files of the results directory, then
 * those of the target, each read whole, hashed and appended while there is
 * room. Reading comes in two passes over the file in memory: the first checks
 * every entry's name, kind and hash against SHA256SUMS, and that there is no
 * entry without one; only then the second writes anything.
 */
#include "explore/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/target.h"
#include "explore/store.h"
#include "explore/tar.h"
#include "ledger/mask.h"

#define SUMS "SHA256SUMS"
#define LEFT_OUT "LEFT-OUT"
#define TARGET "TARGET"
#define HEX 64

struct pack {
	FILE *to, *told;
	int64_t left; /* bytes of content that there is still room for */
	struct buf sums, missing;
	const struct target *t;
	char *here; /* owned: the folder that tree/ stands for */
	struct bundle_facts *facts;
	struct err *e;
	int err; /* the first that counts: of the archive itself */
};

static void sum_hex(const void *data, size_t len, char ret[HEX + 1])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!EVP_Digest(data, len, sum, &n, EVP_sha256(), NULL) || n * 2 != HEX)
		abort();
	for (unsigned i = 0; i < n; i++)
		snprintf(ret + 2 * i, 3, "%02x", sum[i]);
}

/* ---- packing ---- */

static void leave_out(struct pack *p, const char *name, const char *why)
{
	buf_printf(&p->missing, "%s: %s\n", name, why);
	fprintf(p->told, "left out: %s: %s\n", name, why);
	p->facts->left_out++;
}

static bool is_packed(const struct pack *p, const char *name)
{
	cleanup_free char *line = xasprintf("  %s\n", name);

	return p->sums.data && strstr(p->sums.data, line);
}

static void put(struct pack *p, const char *name, bool executable, const void *data, size_t len)
{
	char hex[HEX + 1];

	if (p->err < 0)
		return;
	p->err = tar_put(p->to, name, executable, data, len, p->e);
	if (p->err == -ENAMETOOLONG) {
		leave_out(p, name, "an archive has no place for its name");
		p->err = 0;
		return;
	}
	sum_hex(data, len, hex);
	buf_printf(&p->sums, "%s  %s\n", hex, name);
	p->left -= (int64_t)len;
	p->facts->files++;
	p->facts->bytes += (int64_t)len;
}

static void put_file(struct pack *p, const char *path, const char *name, const struct stat *st,
		     bool mask)
{
	struct buf words = {0};
	cleanup_free char *text = NULL;
	size_t len;

	if (is_packed(p, name))
		return;
	if (st->st_size > p->left) {
		buf_printf(&words, "%lld bytes, and only %lld are left (--size)",
			   (long long)st->st_size, (long long)p->left);
		leave_out(p, name, words.data);
		buf_done(&words);
		return;
	}
	text = store_read("/", path, &len, NULL);
	if (!text) {
		leave_out(p, name, "it cannot be read");
		return;
	}
	if (mask)
		mask_cards(text, len);
	put(p, name, st->st_mode & 0100, text, len);
}

/* Everything below @path; @prefix stands for it in the archive. */
static void put_tree(struct pack *p, const char *path, const char *prefix, bool result)
{
	char *const roots[] = {(char *)(uintptr_t)path, NULL};
	FTS *f = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	size_t skip = strlen(path);
	FTSENT *at;

	while (f && (at = fts_read(f)) != NULL) {
		cleanup_free char *name = xasprintf("%s%s", prefix, at->fts_path + skip);
		bool log = result && strncmp(at->fts_path + skip, "/logs/", 6) == 0;

		if (at->fts_info == FTS_F)
			put_file(p, at->fts_path, name, at->fts_statp, log);
		else if (at->fts_info != FTS_D && at->fts_info != FTS_DP)
			leave_out(p, name, "it is no regular file");
	}
	if (f)
		fts_close(f);
}

/* A path of this machine as one of the archive; NULL: it is not below this folder. */
static char *name_in_tree(const struct pack *p, const char *real)
{
	size_t len = strlen(p->here);

	if (strncmp(real, p->here, len) != 0 || real[len] != '/')
		return NULL;
	return xasprintf("tree%s", real + len);
}

static void on_name(void *arg, const char *name)
{
	struct pack *p = arg;
	cleanup_free char *path =
		name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", p->t->folder, name);
	cleanup_free char *real = realpath(path, NULL);
	cleanup_free char *inside = real ? name_in_tree(p, real) : NULL;

	if (inside)
		put_tree(p, real, inside, false);
	else
		leave_out(p, name, real ? "it lies outside of this folder" : "it is not there");
}

static void put_target(struct pack *p)
{
	cleanup_free char *real = realpath(p->t->path, NULL);
	cleanup_free char *inside = real ? name_in_tree(p, real) : NULL;

	if (!inside) {
		leave_out(p, p->t->path, "the target lies outside of this folder");
		return;
	}
	put(p, TARGET, false, inside, strlen(inside));
	put_tree(p, real, inside, false);
	target_names(p->t, on_name, p);
}

int bundle_write(FILE *to, const char *dir, const struct target *t, int64_t bytes_max,
		 FILE *told, struct bundle_facts *ret, struct err *e)
{
	struct pack p = {.to = to, .told = told, .left = bytes_max, .t = t, .facts = ret, .e = e,
			 .here = realpath(".", NULL)};
	cleanup_free char *real = realpath(dir, NULL);

	*ret = (struct bundle_facts){0};
	if (!real || !p.here)
		p.err = err_errno(e, errno, "%s", dir);
	else
		put_tree(&p, real, "result", true);
	if (t && p.err == 0)
		put_target(&p);
	if (p.missing.len && p.err == 0)
		put(&p, LEFT_OUT, false, p.missing.data, p.missing.len);
	if (p.err == 0)
		p.err = tar_put(to, SUMS, false, p.sums.data ? p.sums.data : "", p.sums.len, e);
	if (p.err == 0)
		p.err = tar_end(to, e);
	buf_done(&p.sums);
	buf_done(&p.missing);
	free(p.here);
	return p.err;
}

/* ---- unpacking ---- */

struct archive {
	const char *text; /* mapped */
	size_t len;
};

static int find(const struct archive *a, const char *name, struct tar_entry *ret, struct err *e)
{
	size_t at = 0;
	int r;

	while ((r = tar_next(a->text, a->len, &at, ret, e)) == 1)
		if (str_eq(ret->name, name))
			return 1;
	return r;
}

static int check_one(const struct tar_entry *t, const char *sums, struct err *e)
{
	char hex[HEX + 1];
	cleanup_free char *line = NULL;
	const char *at;

	sum_hex(t->data, t->len, hex);
	line = xasprintf("%s  %s\n", hex, t->name);
	at = strstr(sums, line);
	if (at && (at == sums || at[-1] == '\n'))
		return 0;
	return err_set(e, EINVAL, "%s is not what " SUMS " says", t->name);
}

static size_t lines_in(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Every file has its hash, and every hash its file. */
static int check_all(const struct archive *a, struct err *e)
{
	struct tar_entry t;
	cleanup_free char *sums = NULL;
	size_t at = 0, files = 0;
	int r = find(a, SUMS, &t, e);

	if (r <= 0)
		return r < 0 ? r : err_set(e, EINVAL, "there is no " SUMS " in it");
	sums = xstrndup(t.data, t.len);
	while ((r = tar_next(a->text, a->len, &at, &t, e)) == 1) {
		if (str_eq(t.name, SUMS))
			continue;
		files++;
		if (check_one(&t, sums, e) < 0)
			return -EINVAL;
	}
	if (r == 0 && files != lines_in(sums))
		r = err_set(e, EINVAL, "%zu files, and " SUMS " has %zu", files, lines_in(sums));
	return r;
}

static int write_one(const char *dir, const struct tar_entry *t, struct err *e)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, t->name), *folder = xstrdup(path);
	int r;

	*strrchr(folder, '/') = '\0';
	r = store_make(folder, e);
	if (r == 0)
		r = store_write(dir, t->name, t->data, t->len, e);
	if (r == 0 && t->executable && chmod(path, 0755) < 0)
		r = err_errno(e, errno, "%s", path);
	return r;
}

static int write_files(const struct archive *a, const char *dir, struct err *e)
{
	struct tar_entry t;
	size_t at = 0;
	int r;

	while ((r = tar_next(a->text, a->len, &at, &t, e)) == 1) {
		r = write_one(dir, &t, e);
		if (r < 0)
			break;
	}
	return r;
}

static int target_find(const struct archive *a, const char *dir, char **ret, struct err *e)
{
	struct tar_entry t, file;
	cleanup_free char *name = NULL;
	int r = find(a, TARGET, &t, e);

	*ret = NULL;
	if (r <= 0)
		return r;
	name = xstrndup(t.data, t.len);
	if (find(a, name, &file, e) != 1)
		return err_set(e, EINVAL, "the target's file is not in it");
	*ret = xasprintf("%s/%s", dir, name);
	return 0;
}

int bundle_unpack(const char *path, const char *dir, char **ret_target, struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct archive a = {0};
	struct stat st;
	void *map;
	int r;

	*ret_target = NULL;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return err_set(e, EINVAL, "%s: this is no bundle", path);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(e, errno, "%s", path);
	a = (struct archive){map, (size_t)st.st_size};
	r = check_all(&a, e);
	if (r == 0)
		r = write_files(&a, dir, e);
	if (r == 0)
		r = target_find(&a, dir, ret_target, e);
	munmap(map, a.len);
	return r < 0 ? err_wrap(e, "%s", path) : 0;
}
