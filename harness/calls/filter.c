/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a filter lets through and what it asks about. Besides the calls that faults name it asks
 * about forks and execs, which give processes their place in the line of descent (who.c), about
 * io_uring, by which a program could do its work without any of the calls, and about a second
 * listener, which the kernel refuses (EBUSY).
 *
 * What it cannot do is to decide by itself: a program of BPF sees numbers, no memory and no
 * state, and it stays as it was installed. So faults, which are armed and healed while the service
 * runs, are the supervisor's to decide; what holds for the whole trial would be the filter's.
 */
#include "calls/room.h"

#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

int filter_number(const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	return nr < 0 ? -ENOSYS : nr;
}

bool filter_service(const char *pattern, const char *service)
{
	const char *name = strrchr(service, '/');

	if (!*pattern)
		return true;
	return str_glob(pattern, strchr(pattern, '/') || !name ? service : name + 1);
}

static bool meant(const struct calls_watch *w, unsigned node, const char *service)
{
	return w->nodes[node / 64] >> (node % 64) & 1 && filter_service(w->service, service);
}

bool calls_watched(const struct calls_watch *watch, size_t count, unsigned node,
		   const char *service, struct calls_set *ret)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (!meant(&watch[i], node, service))
			continue;
		any = true;
		for (size_t k = 0; k < CALLS_MAX / 64; k++)
			ret->bits[k] |= watch[i].calls.bits[k];
	}
	return any;
}

static int ask(scmp_filter_ctx ctx, const char *name, const struct scmp_arg_cmp *cmp, unsigned n)
{
	int nr = filter_number(name);
	int r = nr < 0 ? 0 : seccomp_rule_add_array(ctx, SCMP_ACT_NOTIFY, nr, n, cmp);

	return r == -EEXIST ? 0 : r;
}

static int ask_watch(scmp_filter_ctx ctx, const struct calls_watch *w)
{
	struct scmp_arg_cmp cmp[CALLS_ARGS];
	int r = 0;

	for (uint32_t i = 0; i < w->args; i++)
		cmp[i] = (struct scmp_arg_cmp){ .arg = w->arg[i].index,
						.op = SCMP_CMP_MASKED_EQ,
						.datum_a = w->arg[i].mask,
						.datum_b = w->arg[i].value & w->arg[i].mask };
	for (unsigned i = 0; r == 0 && i < calls_count; i++)
		if (calls_has(&w->calls, i))
			r = ask(ctx, calls_table[i].name, cmp, w->args);
	return r;
}

/* Whatever the experiment is about. */
static int ask_always(scmp_filter_ctx ctx)
{
	static const char *const names[] = { "fork", "vfork", "clone3", "execve", "execveat",
					     "io_uring_setup" };
	const struct scmp_arg_cmp process = { .arg = 0, .op = SCMP_CMP_MASKED_EQ,
					      .datum_a = CLONE_THREAD };
	const struct scmp_arg_cmp listener[] = {
		{ .arg = 0, .op = SCMP_CMP_EQ, .datum_a = SECCOMP_SET_MODE_FILTER },
		{ .arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = SECCOMP_FILTER_FLAG_NEW_LISTENER,
		  .datum_b = SECCOMP_FILTER_FLAG_NEW_LISTENER },
	};
	int r = ask(ctx, "clone", &process, 1);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = ask(ctx, names[i], NULL, 0);
	return r < 0 ? r : ask(ctx, "seccomp", listener, ARRAY_SIZE(listener));
}

static int export(scmp_filter_ctx ctx, struct calls_program *ret)
{
	cleanup_close int fd = memfd_create("filter", MFD_CLOEXEC);
	cleanup_free char *code = NULL;
	struct stat st;
	int r = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	code = xmalloc((size_t)st.st_size);
	if (pread(fd, code, (size_t)st.st_size, 0) != (ssize_t)st.st_size)
		return -EIO;
	*ret = (struct calls_program){ .code = steal_ptr(&code), .bytes = (uint32_t)st.st_size };
	return 0;
}

static int build(scmp_filter_ctx ctx, const struct calls_watch *watch, size_t count, unsigned node,
		 const char *service, struct calls_program *ret)
{
	bool any = false;
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_NOTIFY);

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (!meant(&watch[i], node, service))
			continue;
		any = true;
		r = ask_watch(ctx, &watch[i]);
	}
	if (r < 0 || !any)
		return r;
	r = ask_always(ctx);
	return r < 0 ? r : export(ctx, ret);
}

int filter_make(const struct calls_watch *watch, size_t count, unsigned node, const char *service,
		struct calls_program *ret, struct err *e)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	*ret = (struct calls_program){ 0 };
	if (!ctx)
		return err_set(e, ENOMEM, "making a filter of system calls");
	r = build(ctx, watch, count, node, service, ret);
	seccomp_release(ctx);
	return r < 0 ? err_errno(e, -r, "a filter of system calls for %s", service) : 0;
}
