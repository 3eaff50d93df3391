/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include <signal.h>

static void ours(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void signals_hold(void)
{
	sigset_t set;

	ours(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void signals_wait(void)
{
	sigset_t set;
	int sig;

	ours(&set);
	while (sigwait(&set, &sig))
		;
}
