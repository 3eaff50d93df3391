#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Purpose: what CI servers and scripts read. JUnit as Jenkins and GitLab take it (formats/junit.rng),
# verdict.json as its JSON Schema says. Buggy results: an attribute that makes Jenkins refuse the
# file, two seeds of which GitLab shows one, a count that is not true, a member nobody described.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
here=$top/tests/cases/formats
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-formats-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
bad() {
	echo "$*"
	failed=1
}
mkdir "$work/pos" && cp "$top"/tests/cases/pos/* "$work/pos"
cd "$work" || exit 1
write() { # file, mode, fault trigger, checks
	cat >"$1.yml" <<Y
title: "<$1> & \"more\""
target: ./pos/target.yml
seed: 3
baseline: never
shoppers: {count: 6, arrivals: constant 60/min, basket: 1..2, pace: 400x}
env: {MODE: $2}
faults:
  - process.kill: {service: shop/pos}
    when: {on: told ok, nth: $3}
settle: 1s
rest: 200ms
checks: [$4]
Y
}
write holds good 3 'no-lost-sale, no-duplicate-sale'
write violated loses 3 'no-lost-sale, {sales-served: {min: 10%}}, {sales-served: {min: 900}}'
write unfired good 99 'no-lost-sale'
"$worstday" run --quiet --seeds 2 --junit all.xml holds.yml violated.yml unfired.yml </dev/null >out 2>&1
[ $? = 1 ] || bad "exit $?: $(tail -n 5 out)"

junits=$(find results -name junit.xml)
for f in all.xml $junits; do
	xmllint --noout --relaxng "$here/junit.rng" "$f" 2>err || bad "$f: $(cat err)"
done
# shellcheck disable=SC2086
python3 "$here/formats.py" junit all.xml $junits || failed=1
[ "$(grep -c '<testsuite ' all.xml)" = 6 ] || bad "all.xml has not six suites"
grep -q 'name="sales-served (2)"' all.xml || bad "a promise that is asked for twice has one name"
grep -q 'classname="violated seed 4"' all.xml || bad "the second seed has no class of its own"
grep -q 'the story of sale ' all.xml || bad "no story in a failure"
# It does refuse: what Jenkins would, and a testcase without a class.
sed 's/<testsuites /<testsuites skipped="0" /' all.xml >refused.xml
xmllint --noout --relaxng "$here/junit.rng" refused.xml 2>err && bad "the schema lets everything pass"

# The jobs of README: YAML, with every flag that doctor lists.
"$worstday" doctor >doctor 2>&1
sed -n 's/^  \(--[^ ]* [^ ]*\) .*/\1/p' doctor >flags
[ "$(wc -l <flags)" -ge 5 ] || bad "doctor lists no flags: $(tail -n 8 doctor)"
python3 "$here/formats.py" jobs "$top/README.md" flags || failed=1

if python3 -c 'import jsonschema' 2>/dev/null; then
	"$worstday" doc schema-verdict >verdict.schema.json || bad "doc schema-verdict: exit $?"
	# shellcheck disable=SC2046
	python3 "$here/formats.py" verdict verdict.schema.json $(find results -name verdict.json) || failed=1
	sed 's/"seed":/"seeed":/' results/violated/latest/verdict.json >wrong.json
	python3 "$here/formats.py" verdict verdict.schema.json wrong.json >out && bad "a wrong member passes"
	[ "$failed" = 0 ] || exit 1
	exit 0
fi
[ "$failed" = 0 ] || exit 1
echo "SKIP: python3-jsonschema is not installed"
exit 77
