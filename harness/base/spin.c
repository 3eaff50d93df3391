/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. Two programs that ask and answer in turn find the wire asleep for each
 * packet, and to wake a process on an idle core takes longer than all that the wire does: 10 us of
 * work, 20 to 50 us of waking, more in a virtual machine. So after it has moved something the wire
 * polls for a while before it sleeps.
 *
 * That is paid for with the time of a core, so: only on cores that nobody waits for (the kernel
 * counts who wants to run; 1 us for a look, and where a core is missing none for a millisecond),
 * and only while it pays. Each try in vain doubles the number of turns until the next, up to one
 * in 64; a packet that came makes it every turn again. Traffic that comes at longer intervals than
 * SPIN_NS costs one try in 64 packets. A core that is taken away meanwhile counts as the longest
 * row of failures.
 */
#include "base/spin.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void spin_init(struct spin *s)
{
	cpu_set_t set;

	*s = (struct spin){ .load = open("/proc/loadavg", O_RDONLY | O_CLOEXEC) };
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		s->cpus = (unsigned)CPU_COUNT(&set);
}

void spin_done(struct spin *s)
{
	if (s->load >= 0)
		close(s->load);
	s->load = -1;
}

/* How many want to run, this one too: "0.20 0.18 0.12 RUNNING/ALL LAST". */
static bool look(const struct spin *s, unsigned *ret_running)
{
	char text[128];
	ssize_t n = s->load < 0 ? -1 : pread(s->load, text, sizeof(text) - 1, 0);
	char *at = text, *end;

	if (n <= 0)
		return false;
	text[n] = '\0';
	for (int i = 0; i < 3 && at; i++, at = at ? at + 1 : NULL)
		at = strchr(at, ' ');
	if (!at)
		return false;
	*ret_running = (unsigned)strtoul(at, &end, 10);
	return end != at && *end == '/';
}

int64_t spin_until(struct spin *s, int64_t now)
{
	unsigned running;

	if (s->skip) {
		s->skip--;
		return 0;
	}
	if (now < s->crowded_until_ns)
		return 0;
	if (look(s, &running) && running <= s->cpus)
		return now + SPIN_NS;
	s->crowded_until_ns = now + SPIN_CROWD_NS;
	return 0;
}

void spin_end(struct spin *s, enum spin_came came)
{
	if (came == SPIN_CUT_SHORT)
		return;
	if (came == SPIN_PACKET)
		s->pause = 0;
	else if (came == SPIN_PUSHED || 2 * s->pause + 1 > SPIN_SKIP_MAX)
		s->pause = SPIN_SKIP_MAX;
	else
		s->pause = 2 * s->pause + 1;
	s->skip = s->pause;
}
