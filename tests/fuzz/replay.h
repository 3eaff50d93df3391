/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_FUZZ_REPLAY_H
#define WD_FUZZ_REPLAY_H

/*
 * With -DFUZZ_MAIN a fuzzer is an ordinary program that takes the files named as arguments, one
 * after the other: to look at a finding with a debugger or valgrind. Included last.
 */
#ifdef FUZZ_MAIN
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *in = fopen(argv[i], "rb");
		struct buf b = { 0 };
		int c;

		if (!in) {
			perror(argv[i]);
			return EXIT_FAILURE;
		}
		while ((c = getc(in)) != EOF)
			buf_addc(&b, (char)c);
		fclose(in);
		LLVMFuzzerTestOneInput((const uint8_t *)b.data, b.len);
		buf_done(&b);
	}
	return EXIT_SUCCESS;
}
#endif

#endif
