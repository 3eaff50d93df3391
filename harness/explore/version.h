/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_EXPLORE_VERSION_H
#define WD_EXPLORE_VERSION_H

/* The one place: `make install`, the Debian package and the manual page read it here. */
#define WD_VERSION "0.1.0"
#define WD_RELEASED "2026-11-25"
/** version_commit - the git commit this was built from ("1a2b3c4+" when changed since), "unknown".
 */
const char *version_commit(void);
/** version_build - a hash of this very program file, as hex; keys caches. */
const char *version_build(char ret[static 17]);

#endif
