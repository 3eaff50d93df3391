#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Purpose: a results directory is complete, can be drawn again and run again. Buggy results: a file
# missing, a replay with other decisions, a target that changed unnoticed, a lost good day.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-report-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
bad() {
	echo "$*"
	failed=1
}
mkdir "$work/pos" && cp "$top"/tests/cases/pos/* "$work/pos"
cat >"$work/x.yml" <<'Y'
title: Killed as it <told>
target: ./pos/target.yml
seed: 3
shoppers: {count: 12, arrivals: constant 60/min, basket: 1..2, pace: 400x}
faults:
  - process.kill: {service: shop/pos}
    when: {on: told ok, nth: 3..9+3}
settle: 1s
checks: [no-lost-sale, no-duplicate-sale]
Y
cd "$work" || exit 1
"$worstday" run x.yml >out 2>&1 </dev/null || bad "first run: exit $?: $(tail -n 5 out)"
dir=results/x/latest
for f in experiment.yml resolved.yml manifest.json verdict.json junit.xml report.html events.ndjson \
	told.ndjson books.ndjson bank.ndjson paper.ndjson drawer.ndjson aggregates.json latency.hgrm \
	nodes.ndjson repro.sh logs baseline/verdict.json baseline/told.ndjson; do
	[ -e "$dir/$f" ] || bad "no $f in the results"
done
cmp -s x.yml $dir/experiment.yml || bad "experiment.yml is not the file as it was"
grep -q '^seed: 3' $dir/resolved.yml || bad "resolved.yml has no seed"
for f in manifest verdict aggregates; do
	python3 -m json.tool $dir/$f.json >/dev/null || bad "$f.json is not JSON"
done
xmllint --noout $dir/junit.xml || bad "junit.xml is not XML"
[ "$(stat -c %s $dir/report.html)" -lt 2000000 ] || bad "report.html is too big"
grep -q 'Killed as it &lt;told&gt;' $dir/report.html || bad "report.html: the title is not escaped"
grep -q '"name":"shop".*"memory":[1-9]' $dir/nodes.ndjson || bad "nothing is known of the node"
grep -q 'id="chart-memory"' $dir/report.html || bad "report.html: no chart of what nodes use"
grep -q 'class="band"' $dir/report.html || bad "report.html: no fault is shaded"
grep -Eq '<script|https?://' $dir/report.html && bad "report.html needs more than itself"
"$top/tests/cases/page/page.py" $dir >out || bad "the page: $(cat out)"
[ "$(find results -name '.tmp*' -not -path '*/.cache/*' | wc -l)" = 0 ] || bad "leftovers"

# A promise that is broken: its story is on the page as it is in verdict.json.
sed -e '$aenv: {MODE: loses}' -e '$abaseline: never' x.yml >y.yml
"$worstday" run y.yml --quiet </dev/null
[ $? = 1 ] || bad "y.yml should be violated"
"$top/tests/cases/page/page.py" results/y/latest >out || bad "the page: $(cat out)"
grep -q 'id="story-0"' results/y/latest/report.html || bad "no story of a broken promise"

# Drawn again, it is the same page.
old=$(readlink -f $dir)
sum=$(sha256sum <"$old/report.html")
rm "$old/report.html"
"$worstday" report "$old" >out 2>&1 || bad "report: exit $?: $(cat out)"
[ "$sum" = "$(sha256sum <"$old/report.html")" ] || bad "report.html differs when drawn again"
grep -q '^holds' out || bad "report does not say the verdict"

# The good day is known now: no second baseline.
"$worstday" run --quiet x.yml </dev/null || bad "second run: exit $?"
[ -e results/x/latest/baseline ] && bad "the good day was not remembered"

# Run again: the same decisions.
"$worstday" replay --quiet "$old" >out 2>&1 </dev/null || bad "replay: exit $?: $(cat out)"
grep -Eq '^decisions: 3 the same, 0 changed, 0 only then, 0 only now' out ||
	bad "replay: $(cat out)"
WORSTDAY=$worstday "$old/repro.sh" --quiet >out 2>&1 </dev/null || bad "repro.sh: exit $?: $(cat out)"

# A target that changed is noticed.
echo "# changed" >>pos/pos.py
echo "# changed" >>pos/target.yml
"$worstday" replay --quiet "$old" >out 2>&1 </dev/null
[ $? = 65 ] || bad "replay of a changed target: $(cat out)"
grep -q 'has changed since' out || bad "replay does not say that the target changed"
"$worstday" replay --quiet --force "$old" >out 2>&1 </dev/null || bad "replay --force: $(cat out)"

# Only what failed is kept in full.
"$worstday" run --quiet --keep failed x.yml </dev/null || bad "--keep failed: exit $?"
[ -e results/x/latest/told.ndjson ] && bad "--keep failed kept a day that held"
[ -e results/x/latest/verdict.json ] || bad "--keep failed lost the verdict"
exit $failed
