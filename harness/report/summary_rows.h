/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_REPORT_SUMMARY_ROWS_H
#define WD_REPORT_SUMMARY_ROWS_H

/* The rows that verdict.json is written, read and described from. Private to report/. */
#include "report/fields.h"

struct field_rows {
	const struct field *at;
	size_t count;
};
extern const struct field_rows top_rows;
extern const struct field_rows time_rows;
extern const struct field_rows check_rows;
extern const struct field_rows witness_rows;
extern const struct field_rows fault_rows;
extern const struct field_rows phase_rows;
extern const struct field_rows link_rows;
extern const struct field_rows reach_rows;
extern const struct field_rows fact_rows;
extern const struct field_rows ledger_rows;
extern const struct field_rows reconciled_rows;
extern const struct field_rows story_head_rows;
extern const struct field_rows story_rows;
extern const struct field_rows line_rows;
/* As arguments of fields_write and the like. */
#define ALL_OF(rows) (rows).at, (rows).count

#endif
