/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_UNIT_SUITE_H
#define WD_UNIT_SUITE_H

#include <check.h>

/** suite_main - run and free it; what main returns. tests/run counts by libcheck's summary. */
static inline int suite_main(Suite *s)
{
	SRunner *sr = srunner_create(s);
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}

#endif
