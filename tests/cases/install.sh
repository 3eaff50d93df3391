#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: `make install` puts everything below DESTDIR and PREFIX and nothing elsewhere; what is
# installed works far from the checkout; `make uninstall` leaves nothing; the version has one place.
# Buggy result: a file that is not installed, a program that looks for the checkout.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-install-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$top" || exit 1
failed=0
complain() {
	echo "$1"
	failed=1
}
mk() { ${MAKE:-make} -s O="${O:-build}" VARIANT="${VARIANT:-release}" WERROR="${WERROR:-}" "$@"; }

root=$work/root
mk install DESTDIR="$root" PREFIX=/opt/wd >"$work/out" 2>&1 || complain "make install: $(cat "$work/out")"
(cd "$root" && find . -type f | sort) >"$work/list"
diff - "$work/list" <<'L' || complain "other files than expected were installed"
./opt/wd/bin/worstday
./opt/wd/share/bash-completion/completions/worstday
./opt/wd/share/doc/worstday/README.md
./opt/wd/share/doc/worstday/reference.md
./opt/wd/share/man/man1/worstday.1
./opt/wd/share/worstday/experiment.schema.json
./opt/wd/share/worstday/target.schema.json
./opt/wd/share/worstday/verdict.schema.json
./opt/wd/share/zsh/site-functions/_worstday
L

version=$(sed -n 's/^#define WD_VERSION "\(.*\)"$/\1/p' harness/explore/version.h)
installed=$root/opt/wd/bin/worstday
"$installed" --version | grep -q "^worstday $version " || complain "--version: $("$installed" --version)"
grep -q "\"worstday $version\"" "$root/opt/wd/share/man/man1/worstday.1" || complain "the manual has another version"
grep -q "^# worstday $version:" "$root/opt/wd/share/doc/worstday/reference.md" || complain "the reference has another version"
grep -rn --include='*.[ch]' --include=Makefile --include='*.in' -F "\"$version\"" harness Makefile |
	grep -v '^harness/explore/version.h:' && complain "the version stands in a second place"

mkdir "$work/shop"
if cd "$work/shop"; then
	"$installed" init target mine >"$work/out" 2>&1 || complain "init: $(cat "$work/out")"
	"$installed" init experiment day mine >"$work/out" 2>&1 || complain "init: $(cat "$work/out")"
	schema=$(sed -n '1s/.*\$schema=//p' experiments/day.yml)
	[ "$schema" = "$root/opt/wd/share/worstday/experiment.schema.json" ] ||
		complain "init names the schema \"$schema\""
	TMPDIR=$work timeout 120 "$installed" run --set shoppers.count=10 --set shoppers.pace=2000x \
		--set 'faults=[]' experiments/day.yml >"$work/out" 2>&1
	code=$?
	[ $code = 0 ] || complain "a first trial with what is installed: exit $code: $(cat "$work/out")"
fi
cd "$top" || exit 1
mk uninstall DESTDIR="$root" PREFIX=/opt/wd >"$work/out" 2>&1 || complain "make uninstall: $(cat "$work/out")"
left=$(find "$root" -type f)
[ -z "$left" ] || complain "uninstall leaves $left"
exit $failed
