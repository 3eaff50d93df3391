#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: every fault of the table on a node (and a link) of its own, in one trial of three sales:
#
#     n-net-cut ---- net.cut ----+            1st sale: all off      the driver on lane-1 has every
#     n-net-drop --- net.drop ---+--- peer    2nd sale: all on       node try its operation in each
#     n-disk-full (its disk)     |            3rd sale: all healed   sale
#     ...                  lane-1 (no fault)
#
# Expected: off, the operation succeeds; on, it fails exactly as the row says (tests/cases/pairs/
# table.py) and events.ndjson has exactly those hits; healed, it is as before. A fault without a row
# fails the test. Buggy result: any fault that does more, less or something else than it declares.
# timeout: 180
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-pairs-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
cp -r "$top/tests/cases/pairs" "$work/target" || exit 1
python3 "$top/tests/cases/pairs/table.py" write "$work/target" || exit 1
"$worstday" run --out "$work/results" "$work/target/pairs.yml" >"$work/out" 2>&1 </dev/null
code=$?
[ "$code" = 3 ] && echo "SKIP: $(tail -n 1 "$work/out")" && exit 77
mapfile -t faults < <("$worstday" list faults | awk '{print $1}')
[ "${#faults[@]}" -gt 20 ] || exit 1
python3 "$top/tests/cases/pairs/table.py" judge "$work/results" "${faults[@]}" || code=1
[ "$code" = 0 ] || cat "$work/out"
exit "$code"
