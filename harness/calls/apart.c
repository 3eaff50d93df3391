/* SPDX-License-Identifier: Apache-2.0 */
#include "calls/apart.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/point.h"

struct apart_in {
	const struct apart *side;
	const struct apart_opts *opts;
};

static void apart_main(void *arg)
{
	const struct apart_in *in = arg;

	in->opts->main(in->opts->arg, in->side->shared);
}

static int start(struct apart *s, const struct apart_opts *o, struct err *e)
{
	struct apart_in in = { s, o };
	int fds[1 + APART_FDS_MAX] = { s->bell.fd };
	struct beside_opts b = { .name = o->name, .fds = fds, .fds_count = 1 + o->fds_count,
				 .main = apart_main, .arg = &in };

	for (unsigned i = 0; i < o->fds_count; i++)
		fds[1 + i] = o->fds[i];
	return beside_fork(&s->process, &b, e);
}

int apart_start(struct apart *s, const struct apart_opts *o, struct err *e)
{
	assert(o->fds_count <= APART_FDS_MAX && o->main);
	s->name = o->name;
	s->shared_bytes = o->shared_bytes;
	s->bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->shared = mmap(NULL, o->shared_bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED)
		s->shared = NULL;
	if (s->bell.fd < 0 || !s->shared)
		return err_errno(e, errno, "eventfd or mmap");
	return start(s, o, e);
}

void apart_stop(struct apart *s)
{
	beside_end(&s->process);
	if (s->bell.fd >= 0)
		close(s->bell.fd);
	if (s->shared)
		munmap(s->shared, s->shared_bytes);
	*s = (struct apart)APART_NONE;
}

int apart_order(struct apart *s, const void *order, size_t len, const char *what, struct err *e)
{
	int reply;
	ssize_t n = point_fails(POINT_ORDER) ? -1 : send(s->process.ctl, order, len, MSG_NOSIGNAL);

	while (n == (ssize_t)len || (n < 0 && errno == EINTR)) {
		n = recv(s->process.ctl, &reply, sizeof(reply), 0);
		if (n == (ssize_t)sizeof(reply))
			return reply < 0 ? err_errno(e, -reply, "the process \"%s\" refused %s",
						     s->name, what) : reply;
		if (n >= 0)
			break;
		n = errno == EINTR ? (ssize_t)len : n;
	}
	return err_set(e, EPIPE, "the process \"%s\" is gone", s->name);
}

bool apart_alive(const struct apart *s)
{
	return beside_alive(&s->process);
}

void apart_ring(void)
{
	uint64_t one = 1;

	if (write(APART_FD_BELL, &one, sizeof(one)) < 0)
		return; /* full of rings already: it will be heard */
}

void apart_rung(struct apart *s)
{
	uint64_t rings;

	if (read(s->bell.fd, &rings, sizeof(rings)) < 0)
		return;
}
