/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The command runs inside the node and prints JSON. It is
 * not our child, so its exit code comes at the end of its output, through a
 * shell: a command that dies half-way must not pass for shorter books. A node
 * without /bin/sh runs it bare; an empty output counts as failure then, too
 * ("[]" is how to say that there are no sales).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "stage/stage.h"
#include "trial/books_room.h"

static int wait_readable(int fd, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

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
			return err == -ETIMEDOUT ? err_set(e, ETIMEDOUT, "it did not end in time")
						 : err_errno(e, -err, "waiting for its output");
		n = read(fd, chunk, sizeof(chunk));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_errno(e, errno, "reading its output");
		if (n > 0)
			buf_add(out, chunk, (size_t)n);
		if (out->len > BOOKS_BYTES_MAX)
			return err_set(e, EFBIG, "it prints more than %d MiB",
				       BOOKS_BYTES_MAX >> 20);
	}
}

#define TRAILER "\nworstday-exit "

static int await_end(int pidfd, int64_t deadline, struct err *e)
{
	return wait_readable(pidfd, deadline) < 0
		       ? err_set(e, ETIMEDOUT, "it closed its output but did not end")
		       : 0;
}

/* Cut the shell's last line off and look at what it says. */
static int check_exit(struct buf *out, bool by_shell, struct err *e)
{
	char *last = NULL, *at = out->data;
	int code;

	if (!by_shell)
		return out->len ? 0 : err_set(e, ENODATA, "it printed nothing");
	while (at && (at = strstr(at, TRAILER)))
		last = at++;
	if (!last)
		return err_set(e, EIO, "it was killed half-way");
	code = atoi(last + strlen(TRAILER));
	*last = '\0';
	out->len = (size_t)(last - out->data);
	if (code)
		return err_set(e, EIO,
			       "it ended with exit code %d (what it complained of is in the node's "
			       "logs)",
			       code);
	return out->len ? 0 : err_set(e, ENODATA, "it printed nothing");
}

/* Through /bin/sh where there is one. A relative path is the target's folder's, as for services. */
static int spawn(const struct books_in *in, struct spawned *s, bool *ret_by_shell, struct err *e)
{
	static const char script[] = "\"$@\"; printf '\\nworstday-exit %s\\n' \"$?\"";
	const struct books *b = &in->target->books;
	char **argv = xcalloc(b->run.count + 5, sizeof(*argv));
	const char *first = b->run.at[0];
	cleanup_free char *path = first[0] != '/' && strchr(first, '/')
					  ? xasprintf("/target/%s", first)
					  : xstrdup(first);
	cleanup_free char *sh = xstrdup("/bin/sh"), *c = xstrdup("-c"), *text = xstrdup(script),
			  *name = xstrdup("books");
	int err;

	argv[0] = sh, argv[1] = c, argv[2] = text, argv[3] = name, argv[4] = path;
	for (size_t i = 1; i < b->run.count; i++)
		argv[4 + i] = b->run.at[i];
	err = stage_spawn_ours(in->stage, b->node, NULL, argv, NULL, s, e);
	*ret_by_shell = err >= 0;
	if (err < 0)
		err = stage_spawn_ours(in->stage, b->node, NULL, argv + 4, NULL, s, e);
	free(argv);
	return err;
}

static int run(const struct books_in *in, struct buf *out, struct err *e)
{
	struct spawned s;
	bool by_shell;
	int err = spawn(in, &s, &by_shell, e);

	if (err < 0)
		return err;
	close(s.in);
	err = read_output(s.out, in->deadline_ns, out, e);
	close(s.out);
	if (err >= 0)
		err = await_end(s.pidfd, in->deadline_ns, e);
	if (err >= 0)
		err = check_exit(out, by_shell, e);
	else
		syscall(SYS_pidfd_send_signal, s.pidfd, SIGKILL, NULL, 0);
	close(s.pidfd);
	return err;
}

int books_command(const struct books_in *in, struct err *e)
{
	const struct books *b = &in->target->books;
	struct buf out = {0};
	int err;

	if (!b->run.count)
		return err_set(e, EINVAL, "reading the books: books.run is missing");
	err = run(in, &out, e);
	if (err >= 0)
		err = books_json(in, out.data, out.len, e);
	buf_done(&out);
	return err < 0 ? err_wrap(e, "reading the books with %s in %s", b->run.at[0], b->node) : 0;
}
