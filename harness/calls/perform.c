/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that we make in the program's place, on a duplicate of its descriptor: to move fewer bytes
 * than it asked for, or to let it hear late what has long been done. What a call points to is
 * read from the program's memory, or written there.
 *
 * When that is sound: the call is about a descriptor, bytes and numbers, and nothing of the
 * program's own (its paths, its memory map, descriptors that travel in a message). And nothing may
 * take the program out of its call meanwhile, or bytes would be moved twice or lost; a kernel with
 * SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV keeps it there, all but for its death. Everything else is
 * left alone and said so.
 *
 * Each runs in a thread of its own, for it may have to wait for its peer: PERFORM_MAX at once. One
 * that waits looks every WAIT_MS whether the program still does, and whether the fault is healed,
 * and then lets the call go on unaltered.
 */
#include "calls/room.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define WAIT_MS 50
#define BYTES_MAX (1 << 20)
#define VECS 64

/** struct job - one such call, from its decision to its answer; owned by its thread. */
struct job {
	struct sup *sup;
	struct perform p;
	int listener, fd;      /* fd: owned */
	uint64_t id;
	pid_t tid, tgid;
	const struct calls_call *call;
	struct seccomp_data data;
	int64_t until;         /* a rule holds it until then, before it is made */
	struct iovec vec[VECS]; /* of the program: where the bytes are, or go */
	unsigned vecs;
	char *bytes;           /* owned */
};

/* ---- may we? ---- */

static bool moves(const struct calls_call *c)
{
	return c->by >= BY_READ && c->by <= BY_RECVMSG;
}

static bool reads(const struct calls_call *c)
{
	return (c->by >= BY_READ && c->by <= BY_PREADV) || c->by == BY_RECVFROM ||
	       c->by == BY_RECVMSG;
}

static uint64_t arg(const struct look *l, unsigned number)
{
	return l->req->data.args[number - 1];
}

/* What a message has besides its bytes is the program's own. */
static bool plain(struct look *l)
{
	const __u64 *a = l->req->data.args;
	struct msghdr m;

	switch (l->call->by) {
	case BY_RECVFROM:
		return !a[4] && !(a[3] & ~(uint64_t)MSG_DONTWAIT);
	case BY_SENDTO:
		return !a[4] && !(a[3] & ~(uint64_t)(MSG_DONTWAIT | MSG_NOSIGNAL));
	case BY_SENDMSG:
	case BY_RECVMSG:
		return look_memory(l, arg(l, l->call->msg), &m, sizeof(m)) == (ssize_t)sizeof(m) &&
		       !m.msg_name && !m.msg_controllen &&
		       !(a[2] & ~(uint64_t)(MSG_DONTWAIT | MSG_NOSIGNAL));
	case BY_CONNECT:
		return *look_peer(l) && *l->peer_addr;
	default:
		return true;
	}
}

enum calls_why perform_may(struct look *l, bool part)
{
	int64_t size = look_size(l);

	if (l->call->by == BY_NOBODY)
		return CALLS_WHY_OWN;
	if (!l->at->killable)
		return CALLS_WHY_SIGNALS;
	if (part && (!moves(l->call) || size < 2))
		return CALLS_WHY_NO_PART;
	if (!part && moves(l->call) && size > BYTES_MAX)
		return CALLS_WHY_LARGE;
	if (moves(l->call) && look_is(l, CALLS_SOCKET) && !look_is(l, LOOK_STREAM))
		return CALLS_WHY_DATAGRAM;
	if (!plain(l))
		return CALLS_WHY_OWN;
	return l->gone ? CALLS_WHY_GONE : CALLS_WHY_NONE;
}

/* ---- making it ---- */

/* Where the bytes are in the program, so many of them. */
static bool find_bytes(struct job *j, struct look *l, int64_t size)
{
	const struct calls_call *c = l->call;
	struct msghdr m;
	uint64_t at, n = 0;
	int64_t sum = 0;

	if (c->buf) {
		j->vec[0] = (struct iovec){ .iov_base = (void *)(uintptr_t)arg(l, c->buf),
					    .iov_len = (size_t)size };
		j->vecs = 1;
		return true;
	}
	at = c->vec ? arg(l, c->vec) : 0;
	n = c->vec ? arg(l, c->vec_count) : 0;
	if (c->msg && look_memory(l, arg(l, c->msg), &m, sizeof(m)) == (ssize_t)sizeof(m)) {
		at = (uint64_t)(uintptr_t)m.msg_iov;
		n = m.msg_iovlen;
	}
	n = n < VECS ? n : VECS;
	if (look_memory(l, at, j->vec, n * sizeof(*j->vec)) != (ssize_t)(n * sizeof(*j->vec)))
		return false;
	for (j->vecs = 0; j->vecs < n && sum < size; j->vecs++) {
		if (sum + (int64_t)j->vec[j->vecs].iov_len > size)
			j->vec[j->vecs].iov_len = (size_t)(size - sum);
		sum += (int64_t)j->vec[j->vecs].iov_len;
	}
	j->p.part = sum;
	return sum == size || j->p.shorter;
}

static bool waiting(const struct job *j)
{
	uint64_t id = j->id;

	return ioctl(j->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static bool healed(struct job *j)
{
	bool over;

	pthread_mutex_lock(&j->sup->lock);
	over = !ruling_holds(j->sup->ruling, j->p.rule);
	pthread_mutex_unlock(&j->sup->lock);
	return over;
}

static int64_t patience(const struct job *j)
{
	struct timeval t = { 0 };
	socklen_t n = sizeof(t);
	int which = reads(j->call) ? SO_RCVTIMEO : SO_SNDTIMEO;

	if (getsockopt(j->fd, SOL_SOCKET, which, &t, &n) < 0 || (!t.tv_sec && !t.tv_usec))
		return INT64_MAX;
	return clock_now() + t.tv_sec * NS_PER_S + t.tv_usec * NS_PER_US;
}

/* Until bytes can be moved. 0; -EAGAIN, as the program would hear; -ECANCELED: let it be. */
static int await(struct job *j)
{
	struct pollfd p = { .fd = j->fd, .events = reads(j->call) ? POLLIN : POLLOUT };
	int64_t by = patience(j);

	for (;;) {
		bool ready = poll(&p, 1, 0) != 0 || fcntl(j->fd, F_GETFL) & O_NONBLOCK;

		if (!waiting(j) || healed(j)) /* asked last: nothing is altered after that */
			return -ECANCELED;
		if (ready)
			return 0;
		if (clock_now() > by)
			return -EAGAIN;
		poll(&p, 1, WAIT_MS);
	}
}

static ssize_t move(const struct job *j)
{
	const __u64 *a = j->data.args;
	size_t n = (size_t)j->p.part;

	switch (j->call->by) {
	case BY_READ:
	case BY_READV:
		return read(j->fd, j->bytes, n);
	case BY_PREAD:
	case BY_PREADV:
		return pread(j->fd, j->bytes, n, (off_t)a[3]);
	case BY_WRITE:
	case BY_WRITEV:
		return write(j->fd, j->bytes, n);
	case BY_PWRITE:
	case BY_PWRITEV:
		return pwrite(j->fd, j->bytes, n, (off_t)a[3]);
	case BY_SENDTO:
		return send(j->fd, j->bytes, n, (int)a[3] | MSG_NOSIGNAL);
	case BY_SENDMSG:
		return send(j->fd, j->bytes, n, (int)a[2] | MSG_NOSIGNAL);
	case BY_RECVMSG:
		return recv(j->fd, j->bytes, n, (int)a[2]);
	default:
		return recv(j->fd, j->bytes, n, (int)a[3]);
	}
}

static int64_t move_bytes(struct job *j)
{
	struct iovec here = { .iov_len = (size_t)j->p.part };
	ssize_t n;
	int r = await(j);

	if (r < 0)
		return r;
	here.iov_base = j->bytes = xmalloc((size_t)j->p.part);
	if (!reads(j->call) && process_vm_readv(j->tid, &here, 1, j->vec, j->vecs, 0) !=
				       (ssize_t)here.iov_len)
		return -EFAULT;
	if (!waiting(j))
		return -ECANCELED;
	n = move(j);
	if (n < 0)
		return -errno;
	here.iov_len = (size_t)n;
	if (n && reads(j->call) && process_vm_writev(j->tid, &here, 1, j->vec, j->vecs, 0) != n)
		return -EFAULT;
	return n;
}

static int64_t connect_it(const struct job *j)
{
	struct sockaddr_in6 a;
	size_t len = j->data.args[2] < sizeof(a) ? (size_t)j->data.args[2] : sizeof(a);
	struct iovec here = { .iov_base = &a, .iov_len = len };
	struct iovec there = { .iov_base = (void *)(uintptr_t)j->data.args[1], .iov_len = len };

	if (process_vm_readv(j->tid, &here, 1, &there, 1, 0) != (ssize_t)len || !waiting(j))
		return -EFAULT;
	return connect(j->fd, (struct sockaddr *)&a, (socklen_t)len) < 0 ? -errno : 0;
}

static int64_t make_it(struct job *j)
{
	const __u64 *a = j->data.args;

	if (moves(j->call))
		return move_bytes(j);
	if (!waiting(j))
		return -ECANCELED;
	if (j->call->by == BY_CONNECT)
		return connect_it(j);
	return syscall(j->data.nr, j->fd, a[1], a[2], a[3], a[4], a[5]) < 0 ? -errno : 0;
}

/* ---- the thread ---- */

static void broken_pipe(const struct job *j)
{
	if (!reads(j->call) && moves(j->call) &&
	    !((j->call->by == BY_SENDTO && j->data.args[3] & MSG_NOSIGNAL) ||
	      (j->call->by == BY_SENDMSG && j->data.args[2] & MSG_NOSIGNAL)))
		syscall(SYS_tgkill, j->tgid, j->tid, SIGPIPE);
}

static void done(struct job *j, int64_t result)
{
	struct held h = { .id = j->id, .fd = j->listener, .place = j->p.place,
			  .until = clock_now() + j->p.delay_ns, .made = result != -ECANCELED,
			  .error = result < 0 ? (int32_t)-result : 0,
			  .value = result < 0 ? 0 : result };

	if (!h.made)
		h.error = 0;
	if (result == -EPIPE)
		broken_pipe(j);
	pthread_mutex_lock(&j->sup->lock);
	if (h.made)
		ruling_made(j->sup, &j->p, result);
	if (!h.made || !j->p.delay_ns || !ruling_holds(j->sup->ruling, j->p.rule) ||
	    !serve_hold(j->sup, h))
		serve_answer(&h);
	j->sup->performing--;
	pthread_mutex_unlock(&j->sup->lock);
}

static void *perform_main(void *argument)
{
	struct job *j = argument;

	while (j->until > clock_now() && waiting(j) && !healed(j))
		clock_sleep_until(j->until < clock_now() + WAIT_MS * NS_PER_MS
					  ? j->until : clock_now() + WAIT_MS * NS_PER_MS);
	done(j, make_it(j));
	close(j->fd);
	free(j->bytes);
	free(j);
	return NULL;
}

bool perform(struct look *l)
{
	struct sup *s = l->sup;
	struct job *j;
	pthread_t thread;
	int fd;

	if (s->performing >= PERFORM_MAX || !l->process)
		return false;
	fd = (int)syscall(SYS_pidfd_getfd, l->process->pidfd, (int)arg(l, l->call->fd), 0);
	if (fd < 0)
		return false;
	j = xcalloc(1, sizeof(*j));
	*j = (struct job){ .sup = s, .p = l->perform, .listener = l->at->fd, .fd = fd,
			   .id = l->req->id, .tid = (pid_t)l->req->pid, .tgid = l->process->pid,
			   .call = l->call, .data = l->req->data, .until = l->until };
	if ((moves(l->call) && !find_bytes(j, l, j->p.part)) ||
	    pthread_create(&thread, NULL, perform_main, j) != 0) {
		close(fd);
		free(j);
		return false;
	}
	pthread_detach(thread);
	s->performing++;
	return true;
}
