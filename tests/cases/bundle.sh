#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# timeout: 300
# Purpose: a bundle has what is needed to run a trial again elsewhere; masked, capped, hash-listed.
# Expected: replay of it, in a folder that has nothing else, makes the same decisions. Every bundle
# that was tampered with is refused, and writes nothing. Buggy result: a file outside of the folder.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-bundle-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work/tmp
mkdir "$TMPDIR" "$work/elsewhere" "$work/bad"
failed=0
complain() {
	echo "$1"
	tail -n 20 "$work/out" | sed 's/^/    /'
	failed=1
}
# The checkout here: what the target names lies below this folder.
mkdir -p "$work/shop/targets" "$work/shop/build/targets" && cd "$work/shop" || exit 1
cp -r "$top/targets/till" targets/ && cp -r "$top/build/targets/till" build/targets/ || exit 1
# And one file of the target lies over another.
mv targets/till/target.yml targets/till/lower.yml || exit 1
printf 'like: lower.yml\ntitle: A till, handed on\n' >targets/till/target.yml
cat >x.yml <<'Y'
title: A kill, to be handed on
target: till
seed: 3
baseline: never
shoppers: {count: 12, arrivals: constant 60/min, lanes: [lane-1, lane-2], basket: 1..3, pace: 400x}
faults:
  - process.kill: {service: store/store}
    when: {on: told ok, nth: 3}
settle: 10s
rest: 200ms
checks: [no-lost-sale, no-duplicate-sale]
Y
timeout 60 "$worstday" run -q x.yml >"$work/out" 2>&1 || complain "the trial: exit $?"
echo 'card 4111111111111111 refused' >>results/x/latest/logs/store.store.log

timeout 60 "$worstday" bundle results/x/latest "$work/good.tar" >"$work/out" 2>&1 || complain "bundle: exit $?"
mkdir "$work/read" && tar -xf "$work/good.tar" -C "$work/read" || complain "tar does not read it"
(cd "$work/read" && sha256sum -c --quiet SHA256SUMS) >"$work/out" 2>&1 || complain "sha256sum finds other hashes"
[ "$(cd "$work/read" && find . -type f | wc -l)" = $(($(wc -l <"$work/read/SHA256SUMS") + 1)) ] ||
	complain "files without a hash"
grep -q 'card 411111\*\*\*\*\*\*1111 refused' "$work/read/result/logs/store.store.log" || complain "a card number is not masked"
for file in verdict.json told.ndjson events.ndjson resolved.yml manifest.json report.html; do
	cmp -s "results/x/latest/$file" "$work/read/result/$file" || complain "$file is not in it as it was"
done
[ -x "$work/read/tree/build/targets/till/till" ] || complain "the till is not in it, or may not be executed"

# Elsewhere: the checkout is gone.
mv "$work/shop" "$work/gone" && cd "$work/elsewhere" || exit 1
timeout 60 "$worstday" replay -q "$work/good.tar" >"$work/out" 2>&1
code=$?
[ $code = 0 ] && grep -q '^verdict: now holds, then holds' "$work/out" || complain "replay: exit $code"
grep -q '^decisions: 1 the same, 0 changed' "$work/out" || complain "replay: other decisions"

# Too small: what is left out is named, in it too.
cd "$work/gone" || exit 1
timeout 60 "$worstday" bundle --size '200 KiB' results/x/latest "$work/small.tar" >"$work/out" 2>&1 || complain "bundle --size: exit $?"
grep -q '^left out: tree/build/targets/till/till: [0-9]* bytes' "$work/out" || complain "nobody is told what was left out"
tar -xOf "$work/small.tar" LEFT-OUT | grep -q '^tree/build/targets/till/till: ' || complain "LEFT-OUT does not name it"
[ "$(stat -c %s "$work/small.tar")" -lt 300000 ] || complain "--size 200 KiB gives $(stat -c %s "$work/small.tar") bytes"
timeout 60 "$worstday" bundle --size 5 results/x/latest "$work/no.tar" >"$work/out" 2>&1
[ $? = 64 ] && grep -q 'needs a unit' "$work/out" || complain "--size 5 is taken"
timeout 60 "$worstday" bundle "$work/bad" "$work/no.tar" >"$work/out" 2>&1
[ $? = 65 ] && [ ! -e "$work/no.tar" ] || complain "a folder that is no trial is packed"
# No room: nothing by that name, nothing half-made. And never in place of what is no file.
(trap '' XFSZ; ulimit -f 100; exec timeout 60 "$worstday" bundle results/x/latest "$work/full.tar") >"$work/out" 2>&1
code=$?
[ $code = 4 ] && grep -q 'File too large' "$work/out" || complain "no room: exit $code"
[ -z "$(ls "$work"/full.tar* 2>/dev/null)" ] || complain "no room: something is left"
mkfifo "$work/pipe.tar"
timeout 60 "$worstday" bundle results/x/latest "$work/pipe.tar" >"$work/out" 2>&1
[ $? = 4 ] && [ -p "$work/pipe.tar" ] || complain "a pipe was replaced"
rm "$work/pipe.tar"

# A name that replay would refuse is left out, and the rest can be replayed.
touch 'results/x/latest/logs/odd\name'
timeout 60 "$worstday" bundle results/x/latest "$work/odd.tar" >"$work/out" 2>&1 && grep -q '^left out: .*odd' "$work/out" ||
	complain "an odd name is packed"
(cd "$work/elsewhere" && timeout 60 "$worstday" replay -q "$work/odd.tar") >"$work/out" 2>&1 || complain "odd name: exit $?"
rm 'results/x/latest/logs/odd\name'

# Tampered with.
cd "$work/elsewhere" && rm -rf results || exit 1
for name in $(/usr/bin/python3 "$top/tests/cases/bundle/hostile.py" "$work/good.tar" "$work/bad"); do
	timeout 60 "$worstday" replay -q "$work/bad/$name.tar" >"$work/out" 2>&1
	code=$?
	[ $code = 65 ] && grep -q "^worstday replay: .*$name.tar: " "$work/out" || complain "$name: exit $code, expected 65 and why"
	left=$(find "$work/elsewhere" "$work/bad" -type f -not -name '*.tar' | head -n 3)
	[ -z "$left" ] && [ ! -e "$work/harm" ] && [ ! -e /harm ] || complain "$name writes $left"
done
[ "$(find "$work/bad" -name '*.tar' | wc -l)" = 13 ] || complain "not all hostile bundles were made"
exit $failed
