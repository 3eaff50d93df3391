#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# timeout: 300
# Purpose: `init` writes files that are valid and hold as they stand; `probe` names the cause when
# one piece of a target file is wrong, as a newcomer gets it wrong.
# Expected: the exit codes and the words in the table below. Buggy result: a probe that passes, or
# advice about something else. One cause, one finding that is wrong.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-probe-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
export TMPDIR="$work/tmp"
mkdir "$work/shop" "$TMPDIR" && cd "$work/shop" || exit 1
failed=0
complain() { # words
	echo "$1"
	tail -n 40 "$work/out" | sed 's/^/    /'
	failed=1
}
try() { # name, exit codes, words, arguments...
	local name=$1 codes=$2 words=$3 code
	shift 3
	timeout 60 "$worstday" "$@" >"$work/out" 2>&1 </dev/null
	code=$?
	if ! [[ " $codes " == *" $code "* ]]; then
		complain "$name: exit $code, expected $codes"
	elif ! grep -Eq -- "$words" "$work/out"; then
		complain "$name: no words like /$words/ in:"
	else
		echo "ok $name: exit $code"
	fi
}

try "init target" 0 'wrote targets/mypos/server.py' init target mypos
try "never over a file" 64 'File exists' init target mypos
try "validate target" 0 'ok$' validate targets/mypos
try "probe" 0 '^ok: told ok, and in the books once' probe mypos
grep -q '^wrong:' "$work/out" && complain "probe: something is called wrong"
try "probe by path, other lane" 0 'S12345 at lane-2: ok' probe --lane lane-2 targets/mypos/target.yml
try "no such lane" 64 'its lanes are lane-1 lane-2' probe --lane lane-9 mypos
try "no such target" 65 'did you mean "mypos"' probe mypso
try "probe --keep" 0 "^results: $work/kept/" probe --keep "$work/kept" mypos
[ -s "$work/kept/probe/latest/logs/driver.lane-1.log" ] || complain "--keep: no trace in the results"
try "probe --json" 0 '"exit": 0' probe --json mypos
python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); assert not r["findings"], r
assert r["books"]["sales"]["new"][0]["key"] == r["told"]["key"], r' "$work/out" ||
	complain "--json: not as expected"
try "init experiment" 0 'wrote experiments/day.yml' init experiment day
try "validate experiment" 0 'ok$' validate experiments/day.yml
try "run experiment" 0 '^holds' run --set shoppers.pace=600x experiments/day.yml

# One thing wrong: name | exit codes | words about the cause | file | sed script
cp -r targets/mypos "$work/good"
while IFS='|' read -r name codes words file script; do
	rm -rf targets/mypos && cp -r "$work/good" targets/mypos
	sed -i -e "$script" "targets/mypos/$file"
	cmp -s "targets/mypos/$file" "$work/good/$file" && complain "$name: the sed changed nothing"
	try "$name" "$codes" "$words" probe mypos
	wrong=$(grep -c '^wrong:' "$work/out")
	[ "$wrong" = $((codes != 0)) ] || complain "$name: $wrong things are called wrong"
done <<'T'
no such column|2|no such column: ky|target.yml|s/SELECT key, total/SELECT ky AS key, total/
another column|1|let `books.sqlite.sales` select that one AS key|target.yml|s/SELECT key, total/SELECT 'N' \|\| number AS key, total/
key not planted|1|no request carried the key|target.yml|s/key: "${key}"/key: "fixed"/
key cut off|1|the key is cut off after 4 characters|server.py|s/(sale\['key'\], total, sale/(sale['key'][:4], total, sale/;s/(sale\['key'\],))/(sale['key'][:4],))/
key with more around it|1|the column holds more than the key|target.yml|s/SELECT key, total/SELECT 'till:' \|\| key AS key, total/
books in major units|1|100 times too small: whole major units must be multiplied|target.yml|s/SELECT key, total/SELECT key, total \/ 100 AS total/
books in parts of cents|1|100 times too large: a whole number is minor units already|target.yml|s/SELECT key, total/SELECT key, total * 100 AS total/
told in major units|1|whole major units are taken as `total-major`|server.py|s/'total': total})/'total': total \/\/ 100})/
other prices|1|the answer and the books say 3.78 EUR, the price list 3.77 EUR|target.yml|s/price: 129/price: 128/
no currency|0|^note: +the books name no currency|target.yml|s/, 'EUR' AS currency//
other currency|1|the books say USD, the target EUR|target.yml|s/'EUR' AS currency/'USD' AS currency/
refused too wide|1|`refused:` matches a success: HTTP 201|target.yml|s/status: 409/status: 200..499/
refused for real|2|the POS refused the sale: HTTP 409|server.py|s/if any(/if True or any(/
take finds nothing|2|the reply has no receipt|target.yml|s,receipt: /receipt\, total,receipt: /number\, total,
take that may be missing|0|^note: +`take:` found no receipt|target.yml|s,receipt: /receipt\, total,receipt: {pointer: /number\, required: false}\, total,
wrong URL|2|did not like the request|target.yml|s,server:8000,server:8000/api,
wrong port|2|does `base:` name the right node and port|target.yml|s,server:8000",server:8001",
books of another file|2|reading the books before the shop opens|target.yml|s,pos.db,no.db,
drafts only|1|either the answer above is no success|target.yml|s/AS receipt, tender FROM sales"/& WHERE 0"/;s/sales" WHERE/sales WHERE/;s/receipts:.*//
sales not selected|1|`sales` says nothing changed, though `receipts` does|target.yml|s/AS receipt, tender FROM sales"/AS receipt, tender FROM sales WHERE 0"/
receipts stand still|2|`receipts` says nothing changed|target.yml|s/AS series, number FROM sales/& WHERE 0/
sale twice|1|the books have the sale 2 times|target.yml|s/AS receipt, tender FROM sales/& JOIN (SELECT 1 UNION SELECT 2)/
not ready|2|Does `ready:` name the port and path|target.yml|s,/health",/healthy",;s/within: 30s/within: 1s/
does not start|2|SyntaxError|server.py|1s/^/this is no Python /
no books|2|there are no books|target.yml|/^books:/,$d
T

# A driver of one's own that understands nothing of what it hears: its words, and no talk of `base:`.
rm -rf targets/mypos && cp -r "$work/good" targets/mypos
cat >targets/mypos/driver.py <<'D'
import json, sys
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "outcome": "unknown", "error": "login: HTTP 500"}), flush=True)
D
sed -i -e '/^driver:/,/^$/d' targets/mypos/target.yml
printf 'driver:\n  script: {run: [/usr/bin/python3, /target/driver.py], ops: [sell]}\n' >>targets/mypos/target.yml
try "a driver at a loss" 2 "these are your driver's words" probe mypos
left=$(ls -A "$TMPDIR")
[ -z "$left" ] || { echo "left behind in TMPDIR: $left" && failed=1; }
exit $failed
