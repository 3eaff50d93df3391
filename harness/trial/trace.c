/* SPDX-License-Identifier: Apache-2.0 */
#include "trial/trace.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

struct trace_file {
	char *lane; /* owned */
	int fd;     /* -1: given up */
	int64_t left;
};

struct traces {
	char *logs; /* owned */
	int64_t cap;
	struct trace_file *at; /* owned; one per lane that said something */
	size_t count;
};

struct traces *traces_new(const char *logs, int64_t cap)
{
	struct traces *t = xcalloc(1, sizeof(*t));

	t->logs = xstrdup(logs);
	t->cap = cap;
	return t;
}

static struct trace_file *file_of(struct traces *t, const char *lane)
{
	cleanup_free char *path = xasprintf("%s/driver.%s.log", t->logs, lane);
	struct trace_file *f;

	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->at[i].lane, lane) == 0)
			return &t->at[i];
	}
	t->at = xrealloc(t->at, (t->count + 1) * sizeof(*t->at));
	f = &t->at[t->count++];
	mkdir(t->logs, 0777);
	*f = (struct trace_file){ .lane = xstrdup(lane), .left = t->cap };
	f->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
	return f;
}

static void give_up(struct trace_file *f)
{
	close(f->fd);
	f->fd = -1;
}

void traces_add(struct traces *t, const char *lane, const char *text, size_t len)
{
	static const char full[] = "  ! the log has reached its size; nothing more is written\n";
	struct trace_file *f = file_of(t, lane);

	if (f->fd < 0)
		return;
	if ((int64_t)len > f->left) {
		(void)!write(f->fd, full, sizeof(full) - 1);
		give_up(f);
		return;
	}
	f->left -= (int64_t)len;
	if (write(f->fd, text, len) != (ssize_t)len)
		give_up(f);
}

void traces_free(struct traces *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++) {
		if (t->at[i].fd >= 0)
			close(t->at[i].fd);
		free(t->at[i].lane);
	}
	free(t->at);
	free(t->logs);
	free(t);
}
