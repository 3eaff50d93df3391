/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preloaded library inside this program: so it is always the one that was
 * built with it, and nothing has to be found at run time.
 */
#include "shim/shim.h"

#ifndef WD_PRELOAD_SO
#error "WD_PRELOAD_SO is the path of faults/preload's library: see the Makefile"
#endif

__asm__(".section .rodata, \"a\", %progbits\n"
	".balign 16\n"
	".globl wd_preload_so, wd_preload_so_end\n"
	".hidden wd_preload_so, wd_preload_so_end\n"
	"wd_preload_so:\n"
	".incbin \"" WD_PRELOAD_SO "\"\n"
	"wd_preload_so_end:\n"
	".byte 0\n"
	".previous\n");

extern const char wd_preload_so[], wd_preload_so_end[];

const void *shim_image(size_t *ret_size)
{
	*ret_size = (size_t)(wd_preload_so_end - wd_preload_so);
	return wd_preload_so;
}
