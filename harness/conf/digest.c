/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The digest says whether two trials had the same target:
 * SHA-256 over target.yml and, in a fixed order, over every file and folder it
 * names (data seeds, mounts, prepare inputs, the goods file, and arguments of
 * commands that are files in the target's folder). Each entry goes in with its
 * name inside that folder, its type, whether it is executable, its length and
 * its content, so that no two sets of files can look alike. Owners and times
 * are left out: a fresh clone has the same digest.
 *
 * A whole distribution may be mounted. After DIGEST_BYTES_MAX of content a file
 * counts by length and modification time only; what changed there is still
 * seen, a clone is then taken for different.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/target_load.h"

#define DIGEST_BYTES_MAX (INT64_C(256) << 20)
#define DIGEST_DEPTH_MAX 40
#define DIGEST_ENTRIES_MAX 200000 /* names; beyond them folders count by name only */

struct digest {
	EVP_MD_CTX *sha;
	int64_t left;	 /* content bytes that may still be read */
	int64_t entries; /* names that may still be looked at */
};

static void put(struct digest *d, const void *data, size_t len)
{
	if (!EVP_DigestUpdate(d->sha, data, len))
		abort();
}

static void put_line(struct digest *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put_line(struct digest *d, const char *fmt, ...)
{
	struct buf line = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	put(d, line.data, line.len + 1); /* with its NUL: names may hold newlines */
	buf_done(&line);
}

static void put_content(struct digest *d, const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char chunk[65536];
	ssize_t n;

	if (fd < 0) {
		put_line(d, "unreadable %d", errno);
		return;
	}
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		put(d, chunk, (size_t)n);
}

static void put_file(struct digest *d, const char *path, const char *name, const struct stat *st)
{
	put_line(d, "file %s %d %" PRId64, name, !!(st->st_mode & 0111), (int64_t)st->st_size);
	if (st->st_size <= d->left) {
		d->left -= st->st_size;
		put_content(d, path);
	} else {
		put_line(d, "time %" PRId64 ".%09ld", (int64_t)st->st_mtim.tv_sec,
			 st->st_mtim.tv_nsec);
	}
}

static int any(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void put_path(struct digest *d, const char *path, const char *name, int depth);

static void put_folder(struct digest *d, const char *path, const char *name, int depth)
{
	struct dirent **entries = NULL;
	int n = depth < DIGEST_DEPTH_MAX && d->entries > 0 ? scandir(path, &entries, any, by_bytes)
							   : 0;

	put_line(d, "folder %s %d", name, n);
	d->entries -= n;
	for (int i = 0; i < n; i++) {
		cleanup_free char *below = xasprintf("%s/%s", path, entries[i]->d_name);
		cleanup_free char *inside = xasprintf("%s/%s", name, entries[i]->d_name);

		put_path(d, below, inside, depth + 1);
		free(entries[i]);
	}
	free(entries);
}

static void put_link(struct digest *d, const char *path, const char *name)
{
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	to[n > 0 ? n : 0] = '\0';
	put_line(d, "link %s %s", name, to);
}

static void put_path(struct digest *d, const char *path, const char *name, int depth)
{
	struct stat st;

	/* what the target names itself may be a link to the thing; inside folders links are data */
	if ((depth ? lstat(path, &st) : stat(path, &st)) < 0)
		put_line(d, "missing %s", name);
	else if (S_ISREG(st.st_mode))
		put_file(d, path, name, &st);
	else if (S_ISDIR(st.st_mode))
		put_folder(d, path, name, depth);
	else if (S_ISLNK(st.st_mode))
		put_link(d, path, name);
	else
		put_line(d, "other %s %o", name, (unsigned)st.st_mode);
}

/* put_named - something the target file names, relative to its folder. */
static void put_named(struct digest *d, const struct target *t, const char *name)
{
	size_t len = strlen(t->folder);
	cleanup_free char *path =
		name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", t->folder, name);

	/* where the folder itself lies does not matter */
	if (strncmp(path, t->folder, len) == 0 && path[len] == '/')
		put_path(d, path, path + len + 1, 0);
	else
		put_path(d, path, name, 0);
}

/* struct naming - who wants to hear of what the target file names. */
struct naming {
	const struct target *t;
	target_name_fn fn;
	void *arg;
};

/* Arguments of commands that are files in the target's folder: scripts, binaries. */
static void name_command(const struct naming *n, const struct strlist *run)
{
	for (size_t i = 0; i < run->count; i++) {
		const char *arg = run->at[i];
		cleanup_free char *path = NULL;
		struct stat st;

		if (strncmp(arg, "/target/", 8) == 0)
			arg += 8;
		if (!*arg || *arg == '/')
			continue;
		path = xasprintf("%s/%s", n->t->folder, arg);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			n->fn(n->arg, arg);
	}
}

static void name_node(const struct naming *n, const struct node *node)
{
	for (size_t i = 0; i < node->data_count; i++)
		if (node->data[i].seed)
			n->fn(n->arg, node->data[i].seed);
	for (size_t i = 0; i < node->mounts.count; i++)
		n->fn(n->arg, node->mounts.at[i].value);
	for (size_t i = 0; i < node->services_count; i++)
		name_command(n, &node->services[i].run);
}

void target_names(const struct target *t, target_name_fn fn, void *arg)
{
	const struct naming n = {t, fn, arg};

	for (size_t i = 0; i < t->likes.count; i++)
		fn(arg, t->likes.at[i]);
	for (size_t i = 0; i < t->nodes_count; i++)
		name_node(&n, &t->nodes[i]);
	for (size_t i = 0; i < t->prepare_count; i++) {
		name_command(&n, &t->prepare[i].run);
		for (size_t j = 0; j < t->prepare[i].inputs.count; j++)
			fn(arg, t->prepare[i].inputs.at[j]);
	}
	name_command(&n, &t->driver.script);
	name_command(&n, &t->books.run);
	if (t->goods_file)
		fn(arg, t->goods_file);
}

/* struct digest_of - for put_named as a target_name_fn. */
struct digest_of {
	struct digest *d;
	const struct target *t;
};

static void on_name(void *arg, const char *name)
{
	const struct digest_of *o = arg;

	put_named(o->d, o->t, name);
}

char *digest_target(const struct target *t, const char *text, size_t len)
{
	struct digest d = {
		.sha = EVP_MD_CTX_new(), .left = DIGEST_BYTES_MAX, .entries = DIGEST_ENTRIES_MAX};
	unsigned char sum[EVP_MAX_MD_SIZE];
	struct buf hex = {0};
	unsigned n = 0;

	if (!d.sha || !EVP_DigestInit_ex(d.sha, EVP_sha256(), NULL))
		abort();
	put_line(&d, "target %zu", len);
	put(&d, text, len);
	target_names(t, on_name, &(struct digest_of){&d, t});
	if (!EVP_DigestFinal_ex(d.sha, sum, &n))
		abort();
	EVP_MD_CTX_free(d.sha);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&hex, "%02x", sum[i]);
	return buf_steal(&hex);
}
