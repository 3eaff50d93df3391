#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: what worstday says about bad files, word for word, place for place.
# Expected: every tests/invalid/NAME.yml exits 65 and prints NAME.err. Buggy result: another
# exit code (a crash is over 128), a worse message, a wrong line, column or caret.
#
#   UPDATE=1 tests/cases/invalid.sh    writes the .err files anew: read the difference before committing
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-invalid-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0 count=0

cd "$top/tests/invalid" || exit 1
for file in *.yml; do
	name=${file%.yml}
	timeout 10 "$worstday" validate "$file" >"$work/out" 2>"$work/err" </dev/null
	code=$?
	count=$((count + 1))
	if [ "$code" != 65 ]; then
		echo "$file: exit $code, expected 65"
		failed=$((failed + 1))
	fi
	[ "${UPDATE:-}" = 1 ] && cp "$work/err" "$name.err"
	if ! diff -u "$name.err" "$work/err"; then
		echo "$file: other words than in $name.err"
		failed=$((failed + 1))
	fi
	if [ -s "$work/out" ]; then
		echo "$file: printed to standard output: $(head -c 200 "$work/out")"
		failed=$((failed + 1))
	fi
done

# What cannot be a file in git: missing, a folder, unreadable content, --set.
say() { # words expected, arguments...
	local words=$1
	shift
	timeout 10 "$worstday" validate "$@" >"$work/out" 2>"$work/err" </dev/null
	code=$?
	count=$((count + 1))
	[ "$code" = 65 ] && grep -qF -- "$words" "$work/err" && return
	echo "validate $*: exit $code, expected 65 and: $words"
	cat "$work/err"
	failed=$((failed + 1))
}
cat >"$work/ok.yml" <<Y
target: $top/tests/invalid/good/target.yml
shoppers: {count: 10, arrivals: poisson 4/min}
faults:
  - process.kill: {service: store/store}
checks: [no-hang]
Y
if ! timeout 10 "$worstday" validate "$work/ok.yml" >/dev/null; then
	echo "a file that is right is refused"
	failed=$((failed + 1))
fi
say 'No such file or directory' "$work/not-there.yml"
say 'shoppers.count: "many" is not a whole number' --set shoppers.count=many "$work/ok.yml"
say 'there is no fault "process.kil"' --set 'faults[1]={process.kil: {service: x}}' "$work/ok.yml"
say '--set: [7] is beyond the list: it has 1 item' --set 'faults[7].noop={}' "$work/ok.yml"
say 'faults[0].signal: "KYLL" is not one of' --set 'faults[0].process.kill.signal=KYLL' "$work/ok.yml"
say '--set needs path=value' --set nothing "$work/ok.yml"
head -c 5000000 /dev/zero | tr '\0' '#' >"$work/large.yml"
say 'the file is larger than 4 MiB' "$work/large.yml"

echo "$count bad files, $failed surprises"
[ "$failed" = 0 ]
