/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_PRELOAD_OLD_H
#define WD_PRELOAD_OLD_H

/*
 * Included before everything else in each file of the preloaded library: the
 * versions of functions to ask for where the newest is younger than the C
 * libraries that it is to be loaded beside. tests/cases/preload.sh holds the
 * highest version.
 */
#if defined(__x86_64__) && defined(__GLIBC__) || defined(__x86_64__) && defined(__linux__)
__asm__(".symver memcpy, memcpy@GLIBC_2.2.5");
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
#endif

#endif
