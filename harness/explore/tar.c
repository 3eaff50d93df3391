/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/tar.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

#define BLOCK 512
#define SIZE_MOST (INT64_C(1) << 33) /* eleven octal digits */

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
		magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155],
		pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

static unsigned sum_of(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		bool in_sum = i >= offsetof(struct header, sum) &&
			      i < offsetof(struct header, sum) + sizeof(h->sum);

		sum += in_sum ? ' ' : p[i];
	}
	return sum;
}

/* ---- writing ---- */

/* A long name is cut at a slash: what comes before it goes into the prefix. */
static int name_put(struct header *h, const char *name)
{
	size_t len = strlen(name);
	const char *cut = name;

	if (len <= sizeof(h->name)) {
		memcpy(h->name, name, len);
		return 0;
	}
	while ((cut = strchr(cut + 1, '/')) != NULL) {
		size_t before = (size_t)(cut - name), after = len - before - 1;

		if (before > sizeof(h->prefix))
			break;
		if (after > sizeof(h->name))
			continue;
		memcpy(h->prefix, name, before);
		memcpy(h->name, cut + 1, after);
		return 0;
	}
	return -ENAMETOOLONG;
}

/* Numbers are octal text; it is cut off where a field has no room for the NUL. */
static void number_put(char *to, size_t size, unsigned long long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*llo", (int)size - 1, n);
	memcpy(to, text, size);
}

static int write_all(FILE *to, const void *data, size_t len, struct err *e)
{
	errno = 0;
	if (fwrite(data, 1, len, to) == len)
		return 0;
	return err_errno(e, errno ? errno : EIO, "writing the archive");
}

/* Relative, without "." and "..", without what a terminal would obey. */
static bool name_fits(const char *name)
{
	size_t len = strlen(name);

	if (!len || name[0] == '/' || name[len - 1] == '/')
		return false;
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '\\')
			return false;
	for (const char *p = name; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
	}
	return true;
}

int tar_put(FILE *to, const char *name, bool executable, const void *data, size_t len,
	    struct err *e)
{
	static const char zero[BLOCK];
	struct header h = {.type = '0', .magic = "ustar", .version = {'0', '0'}};
	int r = name_fits(name) ? name_put(&h, name) : -ENAMETOOLONG;

	if (r == 0 && len >= SIZE_MOST)
		r = -EFBIG;
	if (r < 0)
		return err_set(e, -r, "%s: no place for it in an archive", name);
	number_put(h.mode, sizeof(h.mode), executable ? 0755 : 0644);
	number_put(h.uid, sizeof(h.uid), 0);
	number_put(h.gid, sizeof(h.gid), 0);
	number_put(h.size, sizeof(h.size), len);
	number_put(h.mtime, sizeof(h.mtime), 0);
	number_put(h.sum, sizeof(h.sum) - 1, sum_of(&h));
	h.sum[7] = ' ';
	r = write_all(to, &h, sizeof(h), e);
	if (r == 0)
		r = write_all(to, data, len, e);
	if (r == 0 && len % BLOCK)
		r = write_all(to, zero, BLOCK - len % BLOCK, e);
	return r;
}

int tar_end(FILE *to, struct err *e)
{
	static const char zero[2 * BLOCK];

	return write_all(to, zero, sizeof(zero), e);
}

/* ---- reading ---- */

/* An octal number, ended by NUL or a blank; -1: it is none. */
static int64_t number_get(const char *from, size_t size)
{
	int64_t n = 0;
	size_t i = 0;

	while (i < size && from[i] == ' ')
		i++;
	if (i == size || from[i] < '0' || from[i] > '7')
		return -1;
	for (; i < size && from[i] >= '0' && from[i] <= '7'; i++)
		n = n * 8 + (from[i] - '0');
	return i == size || from[i] == '\0' || from[i] == ' ' ? n : -1;
}

static bool is_empty(const char *block)
{
	for (size_t i = 0; i < BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

static void name_get(const struct header *h, char ret[TAR_NAME_MAX + 2])
{
	snprintf(ret, TAR_NAME_MAX + 2, "%.155s%s%.100s", h->prefix, h->prefix[0] ? "/" : "",
		 h->name);
}

int tar_next(const char *text, size_t len, size_t *at, struct tar_entry *ret, struct err *e)
{
	struct header h;
	int64_t size, mode;
	size_t left = len - *at;

	if (left < BLOCK)
		return err_set(e, EINVAL, "byte %zu: the archive ends in the middle", *at);
	if (is_empty(text + *at))
		return 0;
	memcpy(&h, text + *at, sizeof(h));
	size = number_get(h.size, sizeof(h.size));
	mode = number_get(h.mode, sizeof(h.mode));
	if (memcmp(h.magic, "ustar", 5) != 0 || number_get(h.sum, sizeof(h.sum)) != sum_of(&h) ||
	    size < 0 || mode < 0)
		return err_set(e, EINVAL, "byte %zu: this is no tar header", *at);
	name_get(&h, ret->name);
	if (h.type != '0' && h.type != '\0')
		return err_set(e, EINVAL, "byte %zu: not a regular file, which no bundle has", *at);
	if (!name_fits(ret->name))
		return err_set(e, EINVAL, "byte %zu: a name that no bundle has", *at);
	if ((uint64_t)size > left - BLOCK)
		return err_set(e, EINVAL, "byte %zu: the archive ends in the middle of %s", *at,
			       ret->name);
	ret->executable = mode & 0100;
	ret->data = text + *at + BLOCK;
	ret->len = (size_t)size;
	*at += BLOCK + ((size_t)size + BLOCK - 1) / BLOCK * BLOCK;
	if (*at > len)
		*at = len;
	return 1;
}
