#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: the command line: help on every verb, "did you mean", lists drawn from option tables, the
# operations of --dry-run. Buggy result: an option that is accepted and ignored, a typo that runs.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-cli-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$top" || exit 1
failed=0
try() { # name, exit code, words, arguments...
	local name=$1 want=$2 words=$3 code
	shift 3
	timeout 60 "$worstday" "$@" >"$work/out" 2>&1 </dev/null
	code=$?
	if [ $code != "$want" ] || ! grep -Eq -- "$words" "$work/out"; then
		echo "$name: exit $code, expected $want and words like /$words/"
		tail -n 15 "$work/out" | sed 's/^/    /'
		failed=1
	fi
}
cat >"$work/x.yml" <<Y
title: A kill
target: $top/tests/cases/pos/target.yml
seed: 11
baseline: never
shoppers: {count: 3, arrivals: constant 60/min, basket: 1, pace: 400x}
faults:
  - process.kill: {service: shop/pos}
    when: {on: told ok, nth: 2}
checks: [no-lost-sale]
Y
for verb in run validate list doctor replay report init; do
	try "$verb --help" 0 "^Usage: worstday $verb" $verb --help
done
try "no verb" 64 "^Usage: worstday"
try "--help" 0 "^Verbs:" --help
try "--version" 0 "^worstday [0-9]" --version
try "unknown verb" 64 'no verb "rum"; did you mean "run"' rum
try "unknown option" 64 'unknown option --sedes; did you mean --seeds' run --sedes 3 "$work/x.yml"
try "unknown letter" 64 'unknown option -z' run -z "$work/x.yml"
try "option of another verb" 64 'unknown option --seeds' validate --seeds 3 "$work/x.yml"
try "no number" 64 '"many" is not a whole number' run --seeds many "$work/x.yml"
try "out of bounds" 64 'outside 1\.\.64' run -j 0 "$work/x.yml"
try "no value" 64 'needs a value' run --seed
try "value on a flag" 64 'takes no value' run --quiet=yes "$work/x.yml"
try "no choice" 64 'did you mean "failed"' run --keep faild "$work/x.yml"
try "no file" 64 'what to run is missing' run
try "a target is no experiment" 65 '^targets/till/target.yml: error: this is a target' \
	run targets/till/target.yml
try "two words" 64 'one word too many' report a b
try "list of nothing" 64 'did you mean "faults"' list fault
try "list faults" 0 '^process.kill +a service dies' list faults
try "list one fault" 0 'service \(text, required\)' list faults process.kill
try "list when" 0 'nth \(range' list faults process.kill
try "list fault typo" 64 'did you mean "process.kill"' list faults proces.kill
try "list checks" 0 '^no-lost-sale ' list checks
try "list targets" 0 '^till ' list targets
try "list one target" 0 '^ +books +sqlite +store: .*asked for sales' list targets till
try "list one experiment" 0 '^ +fault +process.kill +store/store is killed' list experiments smoke/process.kill.yml
try "list keys" 0 '^ +scan_time \(duration, shop time,' list keys
try "list keys of a target" 0 '^ +rootfs \(text\)' list keys target
try "list keys of books" 0 '^ +connect \(text, required\)' list keys books
try "list experiments" 0 '^smoke/noop.yml ' list experiments
for words in 'node +shop' 'service +shop/pos .*pos.py' 'shoppers +3 at lanes shop' \
	'fault +process.kill .*shop/pos is killed.*told ok' 'check +no-lost-sale' 'probe +process.kill' \
	'target pos, seed 11'; do
	try "dry run: $words" 0 "$words" run --dry-run "$work/x.yml"
done
try "dry run takes --set" 0 'shoppers +77 at' run --dry-run --set shoppers.count=77 "$work/x.yml"
try "dry run reckons the load" 0 'load +60 shoppers a minute at 1 lane of 38.1 s a checkout: 3810 %' \
	run --dry-run --set 'shoppers.pay={card: 50%, cash: 50%}' --set shoppers.fixed_time=19.55s "$work/x.yml"
try "a full shop where nobody minds" 0 '^x: target' run --dry-run "$work/x.yml"
grep -q warning "$work/out" && { echo "a warning about a queue that nothing depends on"; failed=1; }
try "a full shop" 0 'x.yml: warning: .* the queue grows' run --dry-run --set shoppers.train=50% "$work/x.yml"
try "a fault after the day" 0 'warning: faults\[0\] noop: at 9 min shop the day is over' \
	run --dry-run --set 'faults=[{noop: {}, when: {at: 9min}}]' "$work/x.yml"
try "a fault after more sales than come" 0 'warning: faults\[0\] noop: after 3 sales, but only 3' \
	run --dry-run --set 'faults=[{noop: {}, when: {after: 3 sales}}]' "$work/x.yml"
try "dry run takes --seed" 0 'seed 5, 9 trials' run --dry-run --seed 5 --seeds 9 "$work/x.yml"
[ -e results/x ] && { echo "a dry run left results"; failed=1; }
for verb in "run --dry-run --json $work/x.yml" "list faults --json" "doctor --json" \
	"validate --json $work/x.yml"; do
	# shellcheck disable=SC2086
	"$worstday" $verb >"$work/json" 2>/dev/null </dev/null
	python3 -m json.tool "$work/json" >/dev/null || { echo "not JSON: $verb"; failed=1; }
done
exit $failed
