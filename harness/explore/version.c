/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/version.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/draw.h"

#ifndef WD_COMMIT
#define WD_COMMIT "unknown"
#endif

const char *version_commit(void)
{
	return WD_COMMIT;
}

/* Size and time of the file stand for its content: a rebuilt program gets new caches. */
const char *version_build(char ret[static 17])
{
	struct stat st = {0};
	char text[96];

	stat("/proc/self/exe", &st);
	snprintf(text, sizeof(text), "%s %lld %lld.%09ld", WD_VERSION, (long long)st.st_size,
		 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	snprintf(ret, 17, "%016llx", (unsigned long long)draw_object(text));
	return ret;
}
