/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The command runs inside the node and prints JSON. Its
 * exit code is known only when it is our own child; where it is not, an empty
 * output counts as failure, so that a command that could not run is never
 * taken for empty books ("[]" is).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "stage/stage.h"
#include "trial/books_room.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int wait_readable(int fd, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline - clock_now();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)(left / NS_PER_MS) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int read_output(int fd, int64_t deadline, struct buf *out, struct err *e)
{
	char chunk[65536];

	for (;;) {
		int err = wait_readable(fd, deadline);
		ssize_t n;

		if (err < 0)
			return err == -ETIMEDOUT ? err_set(e, ETIMEDOUT, "it did not end in time") :
						   err_errno(e, -err, "waiting for its output");
		n = read(fd, chunk, sizeof(chunk));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_errno(e, errno, "reading its output");
		if (n > 0)
			buf_add(out, chunk, (size_t)n);
		if (out->len > BOOKS_BYTES_MAX)
			return err_set(e, EFBIG, "it prints more than %d MiB", BOOKS_BYTES_MAX >> 20);
	}
}

static int check_exit(int pidfd, int64_t deadline, const struct buf *out, struct err *e)
{
	siginfo_t info = { 0 };
	int err = wait_readable(pidfd, deadline);

	if (err < 0)
		return err_set(e, ETIMEDOUT, "it closed its output but did not end");
	if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED) == 0 &&
	    (info.si_code != CLD_EXITED || info.si_status != 0))
		return err_set(e, EIO, "it ended with %s %d",
			       info.si_code == CLD_EXITED ? "exit code" : "signal", info.si_status);
	if (!out->len)
		return err_set(e, ENODATA, "it printed nothing (its errors are in the node's logs)");
	return 0;
}

static int run(const struct books_in *in, struct buf *out, struct err *e)
{
	const struct books *b = &in->target->books;
	char **argv = xcalloc(b->run.count + 1, sizeof(*argv));
	struct spawned s;
	int err;

	for (size_t i = 0; i < b->run.count; i++)
		argv[i] = b->run.at[i];
	err = stage_spawn(in->stage, b->node, NULL, argv, NULL, &s, e);
	free(argv);
	if (err < 0)
		return err;
	close(s.in);
	err = read_output(s.out, in->deadline_ns, out, e);
	close(s.out);
	if (err < 0)
		syscall(SYS_pidfd_send_signal, s.pidfd, SIGKILL, NULL, 0);
	else
		err = check_exit(s.pidfd, in->deadline_ns, out, e);
	close(s.pidfd);
	return err;
}

int books_command(const struct books_in *in, struct err *e)
{
	const struct books *b = &in->target->books;
	struct buf out = { 0 };
	int err;

	if (!b->run.count)
		return err_set(e, EINVAL, "reading the books: books.run is missing");
	err = run(in, &out, e);
	if (err >= 0)
		err = books_json(in, out.data, out.len, e);
	buf_done(&out);
	return err < 0 ? err_wrap(e, "reading the books with %s in %s", b->run.at[0], b->node) : 0;
}
