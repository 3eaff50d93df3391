/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_NET_H
#define TILL_NET_H

/* Connections to what stands on the counter. */
#include <stdint.h>

/** net_dial - "HOST:PORT"; a descriptor that does not block, or negative errno. */
int net_dial(const char *address, int64_t ms);
/** net_await - until ready for POLLIN or POLLOUT; until < 0: for ever. 0 or negative errno. */
int net_await(int fd, short events, int64_t until);

#endif
