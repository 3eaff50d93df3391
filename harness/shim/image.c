/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preloaded libraries inside this program: so they are always those that
 * were built with it, and nothing has to be found at run time.
 */
#include "shim/shim.h"

#ifndef WD_PRELOAD_SO
#error "WD_PRELOAD_SO and so on are paths of faults/preload's libraries: see the Makefile"
#endif

#define IMAGE(name, path)                                                                          \
	__asm__(".section .rodata, \"a\", %progbits\n"                                            \
		".balign 16\n"                                                                     \
		".globl " #name ", " #name "_end\n"                                                \
		".hidden " #name ", " #name "_end\n" #name ":\n"                                   \
		".incbin \"" path "\"\n" #name "_end:\n"                                           \
		".byte 0\n"                                                                        \
		".previous\n");                                                                    \
	extern const char name[], name##_end[]

IMAGE(wd_preload_so, WD_PRELOAD_SO);
IMAGE(wd_alloc_so, WD_ALLOC_SO);
IMAGE(wd_fiu_so, WD_FIU_SO);

const void *shim_image(enum shim_library library, size_t *ret_size)
{
	static const struct {
		const char *at, *end;
	} images[SHIM_LIBRARIES] = {
		[SHIM_CORE] = { wd_preload_so, wd_preload_so_end },
		[SHIM_MEMORY] = { wd_alloc_so, wd_alloc_so_end },
		[SHIM_POINTS] = { wd_fiu_so, wd_fiu_so_end },
	};

	*ret_size = (size_t)(images[library].end - images[library].at);
	return images[library].at;
}
