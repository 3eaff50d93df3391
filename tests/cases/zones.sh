#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: time zones that change under running tills, as their receipts show it.
# Expected: of two that overlap the later counts, also when the earlier is healed first; healed, it is
# as before; a zone that is not there is unsupported, and one
# that is no name a bad file. Buggy result: a zone that stays.
# timeout: 60
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-zones-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
write() { # first zone
	cat >"$work/x.yml" <<-Y
	target: $top/targets/till/counter.yml
	seed: 1
	baseline: never
	shoppers: {count: 14, arrivals: constant 60/min, lanes: [lane-1], basket: 1, pace: 200x}
	faults:
	  - clock.zone: {node: lane-1, to: $1}
	    when: {after: 4 sales, for: 4 sales}
	  - clock.zone: {node: lane-1, to: Asia/Kolkata}
	    when: {after: 6 sales, for: 4 sales}
	settle: 5s
	rest: 200ms
	checks: [no-lost-sale]
	Y
}
for try in '3|Asia/Nowhere|has no zone Asia/Nowhere' '65|../passwd|is no zone like' \
		'65|/UTC|is no zone like' '0|Asia/Tokyo|^holds'; do
	IFS='|' read -r code zone words <<<"$try"
	write "$zone"
	"$worstday" run --out "$work/results" "$work/x.yml" >"$work/out" 2>&1 </dev/null
	got=$?
	if [ $got != "$code" ] || ! grep -Eq "$words" "$work/out"; then
		echo "$zone: exit $got, expected $code and words like /$words/"
		cat "$work/out"
		exit 1
	fi
	echo "ok $zone: exit $got"
done
seen() { # the receipts' zones in order, each once
	grep -oE ':[0-9]{2} (UTC|JST|IST)' "$work/results/x/latest/paper.ndjson" |
		cut -c5- | uniq | tr '\n' ' '
}
[ "$(seen)" = "UTC JST IST UTC " ] && exit 0
echo "the receipts have $(seen)"
head -n 3 "$work/results/x/latest/paper.ndjson"
exit 1
