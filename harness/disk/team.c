/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Who takes the kernel's requests. One thread, the leader,
 * waits for them and does what they ask on the spot: on a tmpfs that takes less
 * time than to wake another thread. Before it does anything that may take
 * longer it steps aside, another one leads, and it comes back to the others
 * when it is done. So a request never waits behind one that is held back.
 *
 *   leader ──► request ──► short: done here ──► next request
 *     ▲           └──────► long: step aside ──► done ──► rest ─┐
 *     └────────────────────── somebody must lead ◄─────────────┘
 *
 * A program that reads and writes in turn finds the server asleep each time,
 * so the leader stays awake a little where that pays (base/spin.h).
 */
#include "disk/room.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/spin.h"

#define REST_MAX 8 /* threads that wait for their turn; others end */

struct team {
	struct fs *fs;
	int fd;                /* the kernel's requests */
	struct spin spin;      /* the leader's */
	pthread_mutex_t lock;
	pthread_cond_t turn;
	bool led;              /* under lock */
	unsigned resting;      /* under lock */
};

static _Thread_local bool leading;

static void *member(void *arg);

static void more(struct team *t)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, member, t) != 0)
		host_failed(t->fs, EAGAIN, "starting a thread");
	pthread_attr_destroy(&attr);
}

void step_aside(struct fs *fs)
{
	struct team *t = fs->team;
	bool any;

	if (!leading)
		return;
	leading = false;
	pthread_mutex_lock(&t->lock);
	t->led = false;
	any = t->resting > 0;
	pthread_cond_signal(&t->turn);
	pthread_mutex_unlock(&t->lock);
	if (!any)
		more(t);
}

/* False: there are enough of us. */
static bool take_turn(struct team *t)
{
	pthread_mutex_lock(&t->lock);
	if (t->led && t->resting >= REST_MAX) {
		pthread_mutex_unlock(&t->lock);
		return false;
	}
	t->resting++;
	while (t->led)
		pthread_cond_wait(&t->turn, &t->lock);
	t->resting--;
	leading = t->led = true;
	pthread_mutex_unlock(&t->lock);
	return true;
}

/* Until something comes, not for long, and not asleep. */
static void stay_awake(struct team *t)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	int64_t now = clock_now(), until = spin_until(&t->spin, now), before;
	enum spin_came came = SPIN_NOTHING;

	if (!until)
		return;
	while (came == SPIN_NOTHING && now < until) {
		before = now;
		if (poll(&p, 1, 0) != 0)
			came = SPIN_PACKET;
		now = clock_now();
		if (now - before > SPIN_GAP_NS)
			came = SPIN_PUSHED;
	}
	spin_end(&t->spin, came);
}

static void *member(void *arg)
{
	struct team *t = arg;
	struct fuse_session *se = t->fs->se;
	struct fuse_buf buf = { 0 };

	while (take_turn(t)) {
		while (leading) {
			int n;

			stay_awake(t);
			n = fuse_session_receive_buf(se, &buf);
			if (n == -EINTR)
				continue;
			if (n <= 0)
				_exit(0); /* the mount is gone */
			fuse_session_process_buf(se, &buf);
		}
	}
	free(buf.mem);
	return NULL;
}

void team_run(struct fs *fs, int fd)
{
	struct team *t = xcalloc(1, sizeof(*t));

	*t = (struct team){ .fs = fs, .fd = fd };
	spin_init(&t->spin);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->turn, NULL);
	fs->team = t;
	member(t);
	for (;;) /* this was the first thread, and others go on */
		pause();
}
