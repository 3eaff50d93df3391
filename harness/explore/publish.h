/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_PUBLISH_H
#define WD_EXPLORE_PUBLISH_H

/*
 * Ports of nodes for people: the harness listens on the host's loopback and
 * carries each connection to its node, where it comes from the node itself. It
 * never crosses the wire, so no fault on links touches it, and nothing of the
 * host's network is changed.
 */
#include <stddef.h>

struct err;
struct loop;
struct publisher;
struct stage;
struct target;

/** struct publish - NODE:PORT=ADDRESS:PORT. */
struct publish {
	char node[64];
	unsigned port;     /* in the node */
	char here[64];     /* "127.0.0.1:18080", as it is listened to */
	int fd;            /* owned: the listening socket */
};
/**
 * publish_open - read the words and listen, in the host's network namespace. Only loopback
 * addresses; without "=…" 127.0.0.1 and any free port. -EINVAL: bad words; else the socket's.
 */
int publish_open(struct publish *ret, const char *words, const struct target *t, struct err *e);
void publish_close(struct publish *p);

/** publisher_new - carry, on the loop. @p: borrowed. */
struct publisher *publisher_new(struct loop *loop, struct stage *st, const struct publish *p,
				size_t count);
void publisher_free(struct publisher *p);

#endif
