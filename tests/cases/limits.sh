#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: limits on what a service may have, seen from inside it, and what is claimed of them.
# Expected: a limit is there for the process, its child and a new start, the lower of two counts, what
# was before is there again afterwards, and one that raises its own is brought down; a refusal that
# nobody could see is not called one (inconclusive, with the reason), a death with next to nothing
# left is. Buggy result: a limit that stays or is not there, or a hit that is none.
# timeout: 120
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-limits-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
	echo "$1: $2"
	[ -f "$work/$1.out" ] && cat "$work/$1.out"
	sed 's/^/    /' "$(log "$1")"
	failed=1
}
log() { find "$work/$1" -name lane-1.pos.log | head -n 1; }

# name, mode, faults, [sales]: a trial of 1.2 s; or a tenth of a second a sale
trial() {
	cat >"$work/$1.yml" <<Y
title: $1
target: $top/tests/cases/limits/target.yml
seed: 1
baseline: never
env: {MODE: $2}
shoppers: {count: ${4:-12}, arrivals: constant 10/s, basket: 1..1, human: none}
faults:
$3
settle: 5s
checks: [sales-served: {min: 1}]
Y
	"$worstday" run --out "$work/$1" "$work/$1.yml" >"$work/$1.out" 2>&1 </dev/null
}

# What a process said of its limits, in one line.
said() { grep -o "^$2 .*" "$(log "$1")" | cut -d' ' -f2- | tr '\n' ';'; }

trial overlap watch '  - files.limit: {service: pos, most: 60}
    when: {at: 100ms, for: 400ms}
    min_hits: 0
  - files.limit: {service: pos, most: 50}
    when: {at: 200ms, for: 700ms}
    min_hits: 0
  - process.restart: {service: pos}
    when: {at: 600ms}'
code=$?
[ $code = 3 ] && echo "SKIP: $(tail -n 1 "$work/overlap.out")" && exit 77
[ $code = 0 ] || fail overlap "exit $code"
for who in self child; do
	want='files=1024 data=-1;files=60 data=-1;files=50 data=-1;'
	case $(said overlap $who) in
	"$want"*'files=50 data=-1;files=1024 data=-1;') ;;
	*) fail overlap "$who: $(said overlap $who)" ;;
	esac
done

trial raise raise '  - files.limit: {service: pos, most: 60}
    when: {at: 100ms, for: 2500ms}
    min_hits: 0' 28
[ "$(grep -c '^raised' "$(log raise)")" -ge 2 ] || fail raise "it was not brought down again"
said raise self | grep -q 'files=60.*files=60' || fail raise "$(said raise self)"

trial blind take '  - files.limit: {service: pos}
    when: {at: 100ms, for: 700ms}'
[ $? = 2 ] || fail blind "not inconclusive"
grep -q '^EMFILE' "$(log blind)" || fail blind "no EMFILE"
grep -q '"kind":"skipped".*whether it tried to open one more cannot be seen' \
	"$(find "$work/blind" -name events.ndjson)" || fail blind "no reason"

trial eat eat '  - memory.limit: {service: pos, left: 32 MiB, mode: enomem}
    when: {at: 100ms, for: 700ms}'
[ $? = 2 ] || fail eat "not inconclusive"
[ "$(grep -c '^ENOMEM' "$(log eat)")" = 1 ] || fail eat "no ENOMEM"
said eat self | grep -q 'data=-1;$' || fail eat "not healed: $(said eat self)"

trial ask ask '  - memory.limit: {service: pos, left: 32 MiB, mode: enomem}
    when: {at: 100ms, for: 700ms}'
[ $? = 0 ] || fail ask "not seen"
[ "$(grep -c '^MemoryError' "$(log ask)")" = 3 ] || fail ask "not three MemoryErrors"
[ "$(grep -ohE 'malloc\(\) was refused [0-9]+ time' "$(find "$work/ask" -name events.ndjson)" |
	awk '{n += $4} END {print n}')" = 3 ] || fail ask "not three hits"
grep -q 'faults fired 3 times' "$work/ask.out" 2>/dev/null || grep -rqs '"fired": 3' "$work/ask" ||
	fail ask "the verdict has not three"

trial die die '  - memory.limit: {service: pos, left: 32 MiB, mode: enomem}
    when: {at: 100ms, for: 700ms}'
[ $? = 0 ] || fail die "not seen"
grep -q 'killed by SIGABRT with next to nothing left' "$(find "$work/die" -name events.ndjson)" ||
	fail die "no hit"
exit $failed
