/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A path of the node is looked up where the host has it:
 * below `mounts:`, the target's folder, the rootfs, or at the same place on the
 * host. A script leads on to its interpreter (#! and env), a few times at most.
 * Of a program only the ELF header, its loader, and whether Go made it are
 * read; every offset is checked, for the file may be anything.
 */
#include "shim/binary.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

#define SCRIPTS_MAX 4
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define HEADERS_MAX 64
#define NOTES_MAX 4096

struct view {
	const struct target *t;
	const struct node *n;
	const struct service *s;
};

/* ---- where the host has it ---- */

static char *absolute(const struct target *t, const char *path)
{
	return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", t->folder, path);
}

static const char *below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return !strncmp(path, dir, len) && (path[len] == '/' || !path[len]) ? path + len : NULL;
}

/* A path inside a rootfs, whose absolute links are its own. */
static int open_rootfs(const struct view *v, const char *path)
{
	cleanup_free char *root = absolute(v->t, v->n->rootfs);
	cleanup_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				.resolve = RESOLVE_IN_ROOT };
	int fd;

	if (dir < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

static int open_host(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* -ENODATA: in its data, which are made later. */
static int open_as_seen(const struct view *v, const char *path)
{
	const char *rest = below(path, "/target");
	size_t longest = 0;
	cleanup_free char *host = rest ? xasprintf("%s%s", v->t->folder, rest) : NULL;

	for (size_t i = 0; i < v->n->data_count; i++)
		if (below(path, v->n->data[i].path))
			return -ENODATA;
	for (size_t i = 0; i < v->n->mounts.count; i++) {
		const struct strpair *m = &v->n->mounts.at[i];
		cleanup_free char *from = absolute(v->t, m->value);

		rest = below(path, m->key);
		if (!rest || strlen(m->key) <= longest)
			continue;
		longest = strlen(m->key);
		free(host);
		host = xasprintf("%s%s", from, rest);
	}
	if (host)
		return open_host(host);
	return v->n->rootfs ? open_rootfs(v, path) : open_host(path);
}

static bool is_program(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111;
}

/* A name with a slash is taken from /target, others from PATH, as stage/launch.c does. */
static int open_program(const struct view *v, const char *name, char *ret_path, size_t len)
{
	const char *path = strmap_get(&v->s->env, "PATH");
	int fd = -ENOENT;

	if (strchr(name, '/')) {
		snprintf(ret_path, len, "%s%s", *name == '/' ? "" : "/target/", name);
		return open_as_seen(v, ret_path);
	}
	path = path ? path : PATH_DEFAULT;
	for (size_t part; *path; path += part + (path[part] == ':')) {
		part = strcspn(path, ":");
		snprintf(ret_path, len, "%.*s/%s", (int)part, path, name);
		fd = open_as_seen(v, ret_path);
		if (is_program(fd))
			return fd;
		if (fd >= 0)
			close(fd);
		fd = -ENOENT;
	}
	snprintf(ret_path, len, "%s", name);
	return fd;
}

/* ---- programs ---- */

static bool read_at(int fd, void *to, size_t len, uint64_t at)
{
	return at <= INT64_MAX && pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

static void look_loader(int fd, const Elf64_Phdr *p, struct binary *b)
{
	size_t len = p->p_filesz < sizeof(b->loader) ? p->p_filesz : sizeof(b->loader) - 1;

	if (!read_at(fd, b->loader, len, p->p_offset))
		len = 0;
	b->loader[len] = '\0';
	b->kind = strstr(b->loader, "ld-linux") || strstr(b->loader, "ld64") ? BINARY_GLIBC
									      : BINARY_MUSL;
}

/* The Go linker leaves a note of that name. */
static void look_notes(int fd, const Elf64_Phdr *p, struct binary *b)
{
	char notes[NOTES_MAX];
	size_t len = p->p_filesz < sizeof(notes) ? p->p_filesz : sizeof(notes);

	if (!read_at(fd, notes, len, p->p_offset))
		return;
	for (size_t at = 0; at + sizeof(Elf64_Nhdr) + 4 <= len;) {
		Elf64_Nhdr h;
		size_t size;

		memcpy(&h, notes + at, sizeof(h));
		b->go |= h.n_namesz == 4 && !memcmp(notes + at + sizeof(h), "Go\0", 4);
		size = ((size_t)h.n_namesz + 3) / 4 * 4 + ((size_t)h.n_descsz + 3) / 4 * 4;
		at += sizeof(h) + size;
	}
}

static void look_elf(int fd, struct binary *b)
{
	Elf64_Ehdr h, mine;
	cleanup_close int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	b->kind = BINARY_FOREIGN;
	if (!read_at(fd, &h, sizeof(h), 0) || h.e_ident[EI_CLASS] != ELFCLASS64 || self < 0 ||
	    !read_at(self, &mine, sizeof(mine), 0) || h.e_machine != mine.e_machine)
		return;
	b->kind = BINARY_STATIC;
	for (unsigned i = 0; i < h.e_phnum && i < HEADERS_MAX; i++) {
		Elf64_Phdr p;

		if (!read_at(fd, &p, sizeof(p), h.e_phoff + (uint64_t)i * sizeof(p)))
			return;
		if (p.p_type == PT_INTERP)
			look_loader(fd, &p, b);
		else if (p.p_type == PT_NOTE)
			look_notes(fd, &p, b);
	}
}

/* "#!/usr/bin/env -S NAME ..." is NAME; what follows env and is none of its options. */
static char *interpreter(char *line)
{
	char *save = NULL, *word = strtok_r(line + 2, " \t\n", &save);
	const char *slash = word ? strrchr(word, '/') : NULL;

	if (!slash || strcmp(slash, "/env"))
		return word;
	do
		word = strtok_r(NULL, " \t\n", &save);
	while (word && (*word == '-' || strchr(word, '=')));
	return word;
}

void binary_look(const struct target *t, const struct node *n, const struct service *s,
		 struct binary *ret)
{
	const struct view v = { .t = t, .n = n, .s = s };
	char name[256];

	*ret = (struct binary){ .kind = BINARY_UNKNOWN };
	snprintf(name, sizeof(name), "%s", s->run.count ? s->run.at[0] : "");
	for (int i = 0; i < SCRIPTS_MAX; i++) {
		char line[256] = "";
		cleanup_close int fd = open_program(&v, name, ret->path, sizeof(ret->path));
		char *next;

		if (fd < 0) {
			snprintf(ret->why, sizeof(ret->why), "%s", fd == -ENODATA ?
				 "it lies in its data, which are not made yet" : strerror(-fd));
			return;
		}
		if (pread(fd, line, sizeof(line) - 1, 0) < 4) {
			ret->kind = BINARY_FOREIGN;
			return;
		}
		if (memcmp(line, "#!", 2)) {
			if (memcmp(line, ELFMAG, SELFMAG))
				ret->kind = BINARY_FOREIGN;
			else
				look_elf(fd, ret);
			return;
		}
		line[strcspn(line, "\n")] = '\0';
		next = interpreter(line);
		if (!next)
			return;
		snprintf(name, sizeof(name), "%s", next);
	}
	snprintf(ret->why, sizeof(ret->why), "a script for a script for a script");
}

const char *binary_words(const struct binary *b)
{
	switch (b->kind) {
	case BINARY_GLIBC:
		return b->go ? "dynamic (glibc), Go" : "dynamic (glibc)";
	case BINARY_MUSL:
		return b->go ? "dynamic (another libc), Go" : "dynamic (another libc, like musl)";
	case BINARY_STATIC:
		return b->go ? "static, Go" : "static";
	case BINARY_FOREIGN:
		return "no program for this machine";
	default:
		return "not known before it runs";
	}
}

const char *binary_out_of_reach(const struct binary *b)
{
	if (b->kind == BINARY_STATIC)
		return "it is static and loads no library";
	if (b->kind == BINARY_MUSL)
		return "its C library is not the GNU one";
	if (b->kind == BINARY_FOREIGN)
		return "it is no program for this machine";
	if (b->kind == BINARY_GLIBC && b->go)
		return "Go reads clocks and manages memory by itself";
	return NULL; /* also what is not known yet: then it is seen that nothing fires */
}
