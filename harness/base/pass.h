/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_BASE_PASS_H
#define WD_BASE_PASS_H

/* Messages with descriptors over a unix socket (SCM_RIGHTS). */
#include <stddef.h>
#include <sys/types.h>

#define PASS_MAX 5

/** pass_send - one message with n descriptors (n <= PASS_MAX, may be 0). 0 or -errno. */
int pass_send(int sock, const void *data, size_t len, const int *fds, size_t n);
/**
 * pass_recv - one message of at most len bytes; exactly n descriptors (close-on-exec) or none
 * arrive in fds, the others are -1. @flags as of recvmsg. Bytes, 0 at end of file, -errno.
 */
ssize_t pass_recv(int sock, void *data, size_t len, int *fds, size_t n, int flags);

#endif
