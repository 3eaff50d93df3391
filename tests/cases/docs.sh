#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: what is written about worstday by worstday itself is true and whole: manual page,
# reference, completion as it is typed, schemas, and the example of every fault and check.
# Buggy result: an option that no page has, an example that is refused, a schema that refuses what
# runs or accepts what cannot.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-docs-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$top" || exit 1
failed=0
python=/usr/bin/python3 # Debian's, which has Debian's modules
complain() {
	echo "$1"
	failed=1
}
missing() { # PROGRAM-OR-MODULE: what cannot be tried here
	[ "${MUST_WORK:-}" = 1 ] && complain "$1 is not installed (make test installs it)"
	echo "not tried here, for $1 is not installed"
}

mkdir "$work/doc"
for page in man:worstday.1 reference:reference.md bash:worstday.bash zsh:_worstday \
	schema-experiment:experiment.schema.json schema-target:target.schema.json; do
	"$worstday" doc "${page%%:*}" >"$work/doc/${page#*:}" 2>"$work/err" || complain "doc ${page%%:*} failed"
	[ -s "$work/err" ] && complain "doc ${page%%:*} says: $(cat "$work/err")"
done
"$worstday" doc reverence >"$work/out" 2>&1
[ $? = 64 ] && grep -q 'did you mean "reference"' "$work/out" || complain "doc reverence: $(cat "$work/out")"

# The manual page is clean roff and has every verb and every option of --help.
man=$work/doc/worstday.1
if command -v mandoc >/dev/null; then
	mandoc -Tlint "$man" >"$work/out" 2>&1 || complain "mandoc: $(cat "$work/out")"
else
	missing mandoc
fi
if command -v man >/dev/null && command -v groff >/dev/null; then
	LC_ALL=C.UTF-8 man --warnings -l "$man" 2>"$work/out" >/dev/null
	[ -s "$work/out" ] && complain "man --warnings: $(cat "$work/out")"
else
	missing man
fi
sed 's/\\fB\|\\fI\|\\fR//g; s/\\-/-/g' "$man" >"$work/plain"
verbs=$("$worstday" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
[ "$(echo "$verbs" | wc -l)" -ge 12 ] || complain "--help lists too few verbs: $verbs"
options=0
for verb in $verbs; do
	grep -q "^\.B worstday $verb\$" "$work/plain" || complain "the manual page has no verb $verb"
	for option in $("$worstday" "$verb" --help | grep -o '^ *\(-., \)\?--[a-z-]*' | grep -o -- '--.*'); do
		options=$((options + 1))
		sed -n "/^\.B worstday $verb\$/,/^\.SS/p" "$work/plain" | grep -qw -- "$option" ||
			[ "$option" = --help ] || complain "the manual page has no $option of $verb"
		grep -qw -- "$option" "$work/doc/worstday.bash" || complain "bash does not know $verb $option"
		grep -qw -- "$option" "$work/doc/_worstday" || complain "zsh does not know $verb $option"
	done
done
[ $options -ge 30 ] || complain "--help lists too few options: $options"

# The README's table of verbs.
for verb in $verbs; do
	grep -q "^| \`$verb\b" README.md || complain "the README has no verb $verb"
done

# Every fault and check is in the reference and in the README, and its example is right.
"$worstday" list faults --json >"$work/faults.json"
"$worstday" list checks --json >"$work/checks.json"
$python - "$work" <<'P' || complain "writing the examples failed"
import json, sys
work = sys.argv[1]
for kind in ("faults", "checks"):
    for one in json.load(open(f"{work}/{kind}.json")):
        faults = f"faults:\n  - {one['example']}\n" if kind == "faults" else ""
        checks = f"checks:\n  - {one['example']}\n" if kind == "checks" else "checks: [no-lost-sale]\n"
        till = {"terminal": "terminal", "scanner": "serial"}.get(one["name"].split(".")[0], "counter")
        open(f"{work}/example.{kind}.{one['name']}.yml", "w").write(
            f"target: targets/till/{till}.yml\nshoppers: {{count: 10, arrivals: poisson 4/min}}\n" + faults + checks)
P
for file in "$work"/example.*.yml; do
	name=$(basename "$file" .yml)
	name=${name#example.*s.}
	grep -q "^### $name\$" "$work/doc/reference.md" || complain "the reference has no $name"
	[[ $file == */example.checks.* ]] || grep -q "^| \`$name\` |" README.md ||
		complain "the README has no $name"
done
timeout 60 "$worstday" validate --quiet "$work"/example.*.yml >"$work/out" 2>&1 ||
	complain "examples that are refused: $(cat "$work/out")"

# The schemas: whatever is right is accepted, whatever is wrong in structure is not.
if $python -c 'import jsonschema, ruamel.yaml' 2>/dev/null; then
	schemas() {
		$python tests/cases/docs/schemas.py "$work/doc/experiment.schema.json" \
			"$work/doc/target.schema.json" "$@" || failed=1
	}
	find experiments targets/*/*.yml tests/cases "$work" -name '*.yml' -print0 |
		xargs -0 grep -lE '^(target|driver):' >"$work/good"
	[ "$(wc -l <"$work/good")" -ge 200 ] || complain "only $(wc -l <"$work/good") good files"
	schemas good $(cat "$work/good")
	schemas bad tests/invalid/*.yml
else
	missing 'python3-jsonschema or python3-ruamel.yaml'
fi

# What init writes names its schema: from its own folder when that lies below this one.
mkdir -p "$work/shop/build"
cp "$worstday" "$work/shop/build/"
cp -r "$work/doc" "$work/shop/build/"
(cd "$work/shop" && build/worstday init target mine && build/worstday init experiment a/b mine) >"$work/out" ||
	complain "init failed: $(cat "$work/out")"
for file in targets/mine/target.yml experiments/a/b.yml; do
	line=$(head -n 1 "$work/shop/$file")
	schema=$(dirname "$work/shop/$file")/${line#\# yaml-language-server: \$schema=}
	[ -s "$schema" ] && [[ $line != */tmp/* ]] || complain "$file names no schema: $line"
	[[ $file == targets* ]] && want=target || want=experiment
	cmp -s "$schema" "$work/doc/$want.schema.json" || complain "$file names another schema: $line"
done
sed 1d "$work/shop/experiments/a/b.yml" | grep -q '^# yaml-lang' && complain "init names its schema twice"

# Completion, as it is typed.
for shell in bash zsh; do
	mkdir "$work/$shell"
	if command -v $shell >/dev/null; then
		$python tests/cases/docs/complete.py $shell "$worstday" "$work/doc" "$work/$shell" || failed=1
	else
		missing $shell
	fi
done
exit $failed
