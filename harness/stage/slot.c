/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A slot is what one worker keeps between its trials: a
 * user namespace in which it is root, a private mount namespace, the wire, and
 * a pool of network namespaces. Everything that a trial writes lies on tmpfs
 * mounted at <cache>/mnt inside the private mount namespace; on the host that
 * folder is and stays empty, so nothing needs cleaning when we are killed.
 *
 *   <cache>/mnt/          the slot's tmpfs (seen by the worker only)
 *       etc/              template of harmless /etc files, bound into nodes
 *       root/             where each init, in a mount namespace of its own,
 *                         builds its node's root
 *       trial-N/          tmpfs with the data of trial N
 */
#include "stage/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FILES_MAX 524288

static int cache_open(struct slot *s, const char *cache, struct err *e)
{
	int r = make_dirs(cache, 0777);

	if (r < 0)
		return err_errno(e, -r, "making the cache folder %s", cache);
	s->cache = realpath(cache, NULL);
	if (!s->cache)
		return err_errno(e, errno, "the cache folder %s", cache);
	guardian_sweep(s->cache);
	s->base = xasprintf("%s/mnt", s->cache);
	s->root = xasprintf("%s/root", s->base);
	if (mkdir(s->base, 0755) < 0 && errno != EEXIST)
		return err_errno(e, errno, "making %s", s->base);
	return 0;
}

static int base_mount(struct slot *s, struct err *e)
{
	cleanup_free char *etc = xasprintf("%s/etc", s->base);
	int r = mount_tmpfs(s->base, 0755, memory_bytes() / 20);

	if (r < 0)
		return err_errno(e, -r, "mounting a tmpfs at %s", s->base);
	if (mkdir(etc, 0755) < 0 || mkdir(s->root, 0755) < 0)
		return err_errno(e, errno, "making folders in %s", s->base);
	return etc_template(etc, e);
}

/* While we still may: the disk of a node holds a file open for each that the kernel knows. */
static void many_files(void)
{
	struct rlimit now, more = { FILES_MAX, FILES_MAX };

	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_max >= FILES_MAX)
		return;
	more.rlim_cur = now.rlim_cur;
	setrlimit(RLIMIT_NOFILE, &more); /* an ordinary user keeps what there is */
}

static int slot_enter(struct slot *s, struct err *e)
{
	int r;

	many_files();
	r = userns_enter(s, e);

	if (r < 0)
		return r;
	s->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (s->home < 0)
		return err_errno(e, errno, "opening the network namespace");
	net_small_tables();
	r = base_mount(s, e);
	return r < 0 ? r : wire_new(&s->wire, e);
}

int slot_new(struct slot **ret, const struct slot_opts *o, struct err *e)
{
	struct slot *s = xcalloc(1, sizeof(*s));
	mode_t mask = umask(022);
	int r;

	s->home = -1;
	s->keep_net = o->keep_net;
	s->jobs = o->jobs > 0 ? o->jobs : 1;
	s->out = o->out ? realpath(o->out, NULL) : NULL;
	for (size_t i = 0; i < WIRE_NODES_MAX; i++)
		s->net[i] = -1;
	r = cache_open(s, o->cache, e);
	if (r == 0)
		r = slot_enter(s, e);
	umask(mask);
	if (r < 0) {
		slot_free(s);
		return err_wrap(e, "setting the stage");
	}
	*ret = s;
	return 0;
}

int slot_mend(struct slot *s, struct err *e)
{
	if (wire_alive(s->wire))
		return 0;
	for (unsigned i = 0; i < WIRE_NODES_MAX; i++)
		net_discard(s, i);
	wire_free(s->wire);
	s->wire = NULL;
	return wire_new(&s->wire, e);
}

void slot_free(struct slot *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < WIRE_NODES_MAX; i++)
		if (s->net[i] >= 0)
			close(s->net[i]);
	wire_free(s->wire);
	if (s->base)
		umount2(s->base, MNT_DETACH);
	if (s->home >= 0)
		close(s->home);
	free(s->root);
	free(s->out);
	free(s->base);
	free(s->cache);
	free(s);
}
