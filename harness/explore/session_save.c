/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was done in a session as an experiment: each fault by hand becomes a
 * fault with `at:` and `for:`, a second after the first arrival that which came
 * first. What people did at the till cannot be written down; shoppers take
 * their place, one every second for as long as faults are armed and a little
 * longer. The file is read back as any other before it is said to be saved.
 */
#include "explore/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "conf/target.h"
#include "explore/plan.h"

#define LEAD_NS NS_PER_S       /* from the first arrival to the first fault */
#define AFTER_NS (3 * NS_PER_S) /* shopping goes on after the last */

static int64_t ended(const struct by_hand *b)
{
	if (b->healed_ns)
		return b->healed_ns;
	return b->for_ns >= 0 ? b->at_ns + b->for_ns : -1;
}

static void add_ms(struct buf *b, int64_t ns)
{
	buf_printf(b, "%" PRId64 "ms", (ns > 0 ? ns : 0) / NS_PER_MS);
}

static void add_fault(const struct session *s, size_t i, int64_t zero, struct buf *b)
{
	const struct by_hand *h = &s->armed[i];
	int64_t until = ended(h);

	buf_printf(b, "  - %s\n    when: {at: ", h->text);
	add_ms(b, h->at_ns - zero);
	if (until > h->at_ns) {
		buf_adds(b, ", for: ");
		add_ms(b, until - h->at_ns);
	}
	buf_adds(b, "}\n    min_hits: 0\n");
}

static void add_sales(const struct session *s, int64_t zero, struct buf *b)
{
	for (size_t i = 0; i < s->sold_count; i++) {
		buf_printf(b, "# by hand: %s at %s, ", s->sold[i].key, s->sold[i].lane);
		add_ms(b, s->sold[i].at_ns - zero);
		buf_printf(b, ": told %s\n", s->sold[i].outcome);
	}
}

static void compose(const struct session *s, struct buf *b)
{
	cleanup_free char *path = realpath(s->in->target->path, NULL);
	int64_t zero = clock_now(), last = 0;

	for (size_t i = 0; i < s->x.faults_count; i++) {
		int64_t until = ended(&s->armed[i]);

		zero = s->armed[i].at_ns < zero ? s->armed[i].at_ns : zero;
		last = s->armed[i].at_ns > last ? s->armed[i].at_ns : last;
		last = until > last ? until : last;
	}
	zero -= LEAD_NS;
	last = last > zero ? last : zero + LEAD_NS;
	buf_adds(b, "# Recorded by hand with worstday shell. min_hits: 0 because nobody knows yet "
		    "what of it\n# these shoppers meet; take it away for what must be met.\n");
	add_sales(s, zero, b);
	buf_printf(b, "title: Recorded by hand\ntarget: '%s'\nseed: %" PRId64 "\nbaseline: never\n"
		   "shoppers: {count: %" PRId64 ", arrivals: constant 1/s, basket: 2, "
		   "human: none}\nfaults:%s\n",
		   path ? path : s->in->target->path, s->x.seed,
		   (last - zero + AFTER_NS) / NS_PER_S + 1, s->x.faults_count ? "" : " []");
	for (size_t i = 0; i < s->x.faults_count; i++)
		add_fault(s, i, zero, b);
	if (s->in->target->books.kind == BOOKS_NONE)
		buf_adds(b, "checks:\n  - sales-served: {min: 1}\n");
	else
		buf_adds(b, "checks: [no-lost-sale, no-duplicate-sale, no-phantom-sale, "
			    "right-amount]\n");
}

static int read_back(const struct session *s, const char *path, struct err *e)
{
	struct diag *diag = diag_new();
	struct experiment *x = experiment_load(path, s->in->cat, NULL, diag);
	struct buf b = { 0 };
	int r = 0;

	if (!x || plan_check(x, s->in->target, diag) < 0) {
		diag_render(diag, &b);
		r = err_set(e, EINVAL, "what was saved is no experiment:\n%s",
			    b.data ? b.data : "");
	}
	experiment_free(x);
	buf_done(&b);
	diag_free(diag);
	return r;
}

int session_save(const struct session *s, const char *path, struct err *e)
{
	struct buf b = { 0 };
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	ssize_t n;

	if (fd < 0)
		return err_errno(e, errno, "saving %s", path);
	compose(s, &b);
	n = write(fd, b.data, b.len);
	if (n < 0 || (size_t)n != b.len) {
		buf_done(&b);
		return err_errno(e, n < 0 ? errno : ENOSPC, "saving %s", path);
	}
	buf_done(&b);
	return read_back(s, path, e);
}
