/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_JUNIT_H
#define WD_REPORT_JUNIT_H

struct buf;
struct suite;
struct plan;
struct summary;

/** junit_trial - one trial as a whole JUnit file: a testsuite, a testcase for each check. */
void junit_trial(const struct summary *s, struct buf *out);
/** junit_suite - all trials of a suite in one file, read from their results directories. */
void junit_suite(const struct suite *s, const struct plan *p, struct buf *out);

#endif
