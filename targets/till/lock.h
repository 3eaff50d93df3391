/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TILL_LOCK_H
#define TILL_LOCK_H

/**
 * lock_take - this folder is ours as long as we live, however we die. Makes
 * the folder. Returns a descriptor, or negative errno (said on stdout).
 */
int lock_take(const char *folder, const char *who);
void lock_drop(int fd, const char *folder);

#endif
