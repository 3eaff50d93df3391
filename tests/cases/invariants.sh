#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# timeout: 120
# Purpose: books: invariants: of a target file and the check that judges them. Expected: holds on the
# right POS; violated, with the query's own words and the sale's key, where it yields rows; a bad
# query makes the books unreadable; inconclusive when none is declared. Buggy result: anything else.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-inv-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
cp -r "$top/tests/cases/pos" "$work/pos"
cat >"$work/x.yml" <<Y
title: Invariants
target: pos/target.yml
seed: 1
baseline: never
shoppers: {count: 4, arrivals: constant 60/min, basket: 1, pace: 600x}
settle: 10s
checks: [books-invariants]
Y
try() { # name, exit code, words, invariants, MODE
	local code
	{ cat "$top/tests/cases/pos/target.yml"; [ -z "$4" ] || printf '    invariants:\n      %s\n' "$4"; } \
		>"$work/pos/target.yml"
	timeout 60 "$worstday" run --out "$work/results" --set "env={MODE: $5}" "$work/x.yml" \
		>"$work/out" 2>&1 </dev/null
	code=$?
	if [ $code != "$2" ] || ! grep -Eq -- "$3" "$work/out"; then
		echo "$1: exit $code, expected $2 and words like /$3/"
		tail -n 15 "$work/out" | sed 's/^/    /'
		failed=1
	fi
}
once='once: "SELECT key FROM sales GROUP BY key HAVING count(*) > 1"'
free="free: SELECT key, total || ' cents' AS why FROM sales"
try "right books" 0 'books-invariants +holds +0 of 1 broken' "$once" good
try "broken, in the query's words" 1 'S[0-9]+: free: (129|249) cents' "$free" good
try "a query that is none" 2 'books.once: SQLite says: ' 'once: SELECT nothing FROM nowhere' good
try "none declared" 2 'the target declares no books: invariants:' "" good
exit $failed
