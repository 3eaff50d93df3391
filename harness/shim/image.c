/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preloaded libraries inside this program: so they are always those that
 * were built with it, and nothing has to be found at run time.
 */
#include "shim/shim.h"

#ifndef WD_PRELOAD_SO
#error "WD_PRELOAD_SO, WD_ALLOC_SO: paths of faults/preload's libraries, see the Makefile"
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

const void *shim_image(enum shim_library library, size_t *ret_size)
{
	*ret_size = library == SHIM_MEMORY ? (size_t)(wd_alloc_so_end - wd_alloc_so)
					   : (size_t)(wd_preload_so_end - wd_preload_so);
	return library == SHIM_MEMORY ? wd_alloc_so : wd_preload_so;
}
