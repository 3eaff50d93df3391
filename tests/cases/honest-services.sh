#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: a service that is not where its target file says it ends is a broken promise.
# Expected: violated, naming the service; a service that the fault itself took away, or one
# that came back, is not held against it. Buggy result: exit 0 over a dead till.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-services-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
cp -r "$top/tests/cases/pos" "$work/pos" || exit 1

# name, restart:, end:, mode, fault, exit code, words
while IFS='|' read -r name restart end mode fault code words; do
	sed "s/restart: always, end: any/restart: $restart, end: $end/" \
		"$top/tests/cases/pos/target.yml" >"$work/pos/target.yml"
	[ "$name" = loops ] && sed -i 's/^lanes:/      - {name: helper, run: [\/bin\/true], restart: always}\n&/' \
		"$work/pos/target.yml"
	cat >"$work/$name.yml" <<Y
target: $work/pos/target.yml
seed: 1
baseline: never
env: {MODE: $mode}
shoppers: {count: 4, arrivals: constant 60/min, basket: 1..2, pace: 400x, step_timeout: 1s, retries: 0}
faults:
  - $(printf '%b' "$fault")
settle: 3s
checks: [no-lost-sale]
Y
	timeout 60 "$worstday" run --out "$work/results" "$work/$name.yml" >"$work/out" 2>&1 </dev/null
	got=$?
	# shellcheck disable=SC2053 # a code may be a pattern
	if [[ $got != $code ]] || ! grep -Eqi -- "$words" "$work/out"; then
		echo "$name: exit $got, expected $code and words like /$words/ in:"
		sed 's/^/    /' "$work/out"
		failed=1
	else
		echo "ok $name: exit $got"
	fi
done <<'T'
stays|always|running|good|noop: {}|0|holds
leaves|never|running|leaves|noop: {}|1|shop/pos exited
leaves-as-said|never|any|leaves|noop: {}|0|holds
leaves-in-disgrace|never|exited|leaves|noop: {}|1|shop/pos exited
stays-too-long|never|exited|good|noop: {}|1|still runs
killed-by-us|never|running|good|process.kill: {service: shop/pos}\n    when: {after: 4 sales}|0|holds
loops|always|running|good|noop: {}|[12]|not at rest
comes-back|always|running|good|process.kill: {service: shop/pos}\n    when: {after: 4 sales}|0|holds
T
exit $failed
