/* SPDX-License-Identifier: Apache-2.0 */
/* What the back office sees of the lanes: how many sales each still owes the books. */
#include "store.h"

#include "till.h"

int store_lane_report(struct store *st, const char *lane, int64_t queued, int64_t aside)
{
	int rc;

	db_lock(&st->db);
	rc = db_run(&st->db, "INSERT OR REPLACE INTO lanes VALUES(?, ?, ?, ?)", "tiii", lane,
		    queued, aside, wall_ms());
	db_unlock(&st->db);
	return rc ? 500 : 200;
}
