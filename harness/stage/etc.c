/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A node without a root of its own gets an /etc that says
 * nothing about this machine but what programs need to run: a template of
 * harmless files is copied once per slot and bound read-only at /.etc, the
 * node's /etc has links into it and beside them the files that are its own
 * (users, names, hosts). A node with a rootfs keeps its /etc; only names and
 * hosts are ours, and users that a service asks for are added.
 */
#include "stage/room.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char *const harmless[] = {
	"alternatives",
	"bindresvport.blacklist",
	"ca-certificates",
	"debian_version",
	"ethertypes",
	"fonts",
	"gai.conf",
	"gss",
	"host.conf",
	"inputrc",
	"java-11-openjdk",
	"java-17-openjdk",
	"java-21-openjdk",
	"ld.so.cache",
	"ld.so.conf",
	"ld.so.conf.d",
	"locale.alias",
	"localtime",
	"magic",
	"magic.mime",
	"mime.types",
	"netconfig",
	"networks",
	"os-release",
	"perl",
	"php",
	"postgresql-common",
	"protocols",
	"python3",
	"python3.11",
	"python3.12",
	"python3.13",
	"rpc",
	"services",
	"ssl",
	"terminfo",
	"timezone",
	"xattr.conf",
};

int etc_template(const char *dir, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		cleanup_free char *from = xasprintf("/etc/%s", harmless[i]);
		cleanup_free char *to = xasprintf("%s/%s", dir, harmless[i]);
		int r = copy_public(from, to);

		if (r < 0 && r != -ENOENT && r != -EACCES)
			return err_errno(e, -r, "copying %s", from);
	}
	return 0;
}

/* ---- accounts ---- */

static bool account_parse(char *line, struct account *ret)
{
	char *field[6];
	size_t n = 0;

	for (char *p = line; n < 6 && (field[n] = strsep(&p, ":\n")); n++)
		;
	if (n < 6)
		return false;
	snprintf(ret->name, sizeof(ret->name), "%s", field[0]);
	snprintf(ret->home, sizeof(ret->home), "%s", field[5]);
	ret->uid = (uid_t)strtoul(field[2], NULL, 10);
	ret->gid = (gid_t)strtoul(field[3], NULL, 10);
	return true;
}

static bool account_lookup(const char *file, const char *user, struct account *ret)
{
	cleanup_file FILE *f = fopen(file, "re");
	size_t len = strlen(user);
	char line[1024];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, user, len) && line[len] == ':')
			return account_parse(line, ret);
	return false;
}

struct account account_find(const struct stage_node *n, const char *user)
{
	struct account a = { .name = "root", .home = "/root" };
	cleanup_free char *file = n->rootfs ? xasprintf("%s/etc/passwd", n->rootfs)
					    : xstrdup("/etc/passwd");

	if (!user || !*user || !strcmp(user, "root"))
		return a;
	if (account_lookup(file, user, &a))
		return a;
	a.uid = a.gid = isdigit((unsigned char)*user) ? (uid_t)strtoul(user, NULL, 10) : 1000;
	snprintf(a.name, sizeof(a.name), "%s%s", isdigit((unsigned char)*user) ? "u" : "", user);
	snprintf(a.home, sizeof(a.home), "/home/%s", a.name);
	return a;
}

struct account node_account(const struct stage_node *n, const char *user)
{
	return account_find(n, user ? user : n->conf->user);
}

/* ---- a node's own files ---- */

static void add_account(struct buf *passwd, struct buf *group, const struct account *a)
{
	cleanup_free char *start = xasprintf("\n%s:", a->name);

	if (passwd->data && strstr(passwd->data, start))
		return;
	buf_printf(passwd, "%s:x:%u:%u:%s:%s:/bin/sh\n", a->name, a->uid, a->gid, a->name, a->home);
	buf_printf(group, "%s:x:%u:\n", a->name, a->gid);
}

/* The rootfs's own file, or what every node has; with a line feed in front to search for. */
static void read_base(const struct stage_node *n, const char *file, const char *other,
		      struct buf *b)
{
	cleanup_free char *path = n->rootfs ? xasprintf("%s/etc/%s", n->rootfs, file) : NULL;
	cleanup_file FILE *f = path ? fopen(path, "re") : NULL;
	char chunk[4096];
	size_t got;

	buf_addc(b, '\n');
	if (!f)
		buf_adds(b, other);
	while (f && (got = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(b, chunk, got);
	if (b->data[b->len - 1] != '\n')
		buf_addc(b, '\n');
}

static int put(const char *dir, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);

	unlink(path); /* a link into somewhere, in a rootfs */
	return make_file(path, text, 0644);
}

static int write_users(const struct stage_node *n, const char *dir)
{
	struct buf passwd = { 0 }, group = { 0 };
	int r;

	read_base(n, "passwd", "root:x:0:0:root:/root:/bin/sh\n"
		  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n", &passwd);
	read_base(n, "group", "root:x:0:\nnogroup:x:65534:\n", &group);
	for (size_t i = 0; i < n->conf->services_count; i++) {
		struct account a = node_account(n, n->conf->services[i].user);

		add_account(&passwd, &group, &a);
	}
	if (n->conf->user) {
		struct account a = node_account(n, NULL);

		add_account(&passwd, &group, &a);
	}
	r = put(dir, "passwd", passwd.data + 1);
	if (r == 0)
		r = put(dir, "group", group.data + 1);
	buf_done(&passwd);
	buf_done(&group);
	return r;
}

static int write_hosts(const struct stage_node *n, const char *dir)
{
	bool dns = n->st->o.target->resolve == RESOLVE_DNS;
	struct buf b = { 0 };
	int r;

	names_hosts(n, !dns, &b);
	r = put(dir, "hosts", b.data);
	buf_reset(&b);
	names_hosts(n, true, &b);
	if (r == 0)
		r = put(dir, HOSTS_OF_ALL, b.data);
	buf_reset(&b);
	names_resolver(n, &b);
	if (r == 0)
		r = put(dir, "resolv.conf", b.data);
	buf_done(&b);
	return r;
}

static int write_links(const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		cleanup_free char *to = xasprintf("/.etc/%s", harmless[i]);
		cleanup_free char *from = xasprintf("%s/%s", dir, harmless[i]);

		if (access(to + 1, F_OK) == 0 && symlink(to, from) < 0)
			return -errno;
	}
	return put(dir, "nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n"
		   "hosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n");
}

int etc_write(const struct stage_node *n, const char *dir, struct err *e)
{
	cleanup_free char *hostname = xasprintf("%s\n", n->conf->name);
	int r = n->rootfs ? 0 : write_links(dir);

	if (r == 0)
		r = write_users(n, dir);
	if (r == 0)
		r = write_hosts(n, dir);
	if (r == 0)
		r = put(dir, "hostname", hostname);
	return r < 0 ? err_errno(e, -r, "writing %s", dir) : 0;
}
