#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: a receipt printer on a serial line, and a client that nobody here wrote (pyserial). It is
# pulled out in the middle of the 50th receipt and comes back four seconds later as ttyUSB1.
# Expected: the open descriptor shows what a USB adapter's does (end of file, EIO), the file in /dev
# goes and comes back under the other name, the by-id link follows, 49 receipts are cut before, the
# 50th is torn behind its total line, and more are cut after. Pulled out between two receipts of a POS
# that opens the line for each, nothing was altered. Nothing remains, SIGKILL included.
# Buggy result: a printer that prints on, a link that leads nowhere, a pty that nobody closes.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-serial-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
failed=0
bad() { echo "$*" && failed=1; }
ours() { pgrep -f -- "$work/results"; }
gone() { ! ours >/dev/null; }
ptys() { for p in $(ours); do readlink /proc/"$p"/fd/*; done 2>/dev/null | grep -q ptmx; }
soon() { # until it is so, 10 s at most
	for _ in $(seq 200); do
		"$@" && return
		python3 -c 'import select; select.select([], [], [], 0.05)'
	done
	return 1
}

cat >"$work/day.yml" <<Y
title: The printer comes back as ttyUSB1
target: $top/tests/cases/serial/target.yml
seed: 1
baseline: never
shoppers: {count: 110, arrivals: constant 600/min, basket: 1..2, human: none, step_timeout: 10s}
faults:
  - device.unplug: {device: printer-shop, behind: /TOTAL/, back: 4s, as: ttyUSB1}
    when: {nth: 50}
settle: 2s
rest: 200ms
checks: [no-lost-sale, no-duplicate-sale, right-amount, receipts-match-books]
Y
"$worstday" run --out "$work/results" "$work/day.yml" >"$work/out" 2>&1 </dev/null
code=$?
[ "$code" = 3 ] && echo "SKIP: $(tail -n 1 "$work/out")" && exit 77
[ "$code" = 0 ] || { bad "exit $code"; cat "$work/out"; }
at=$work/results/day/latest log=$work/results/day/latest/logs/shop.pos.log
python3 - "$at/paper.ndjson" <<'P' || failed=1
import json, sys
paper = [json.loads(line)["paper"] for line in open(sys.argv[1])]
cut = [p for p in paper if p.get("cut")]
torn = [p for p in paper if not p.get("cut")]
where = [i for i, p in enumerate(paper) if not p.get("cut")]
good = (len(torn) == 1 and where == [49] and len(paper) > 60 and torn[0]["text"].startswith(
        "one line\nTOTAL EUR") and torn[0]["text"].count("\n") == 2)
print(f"{len(cut)} receipts cut, torn: {where} {[p['text'] for p in torn]}")
sys.exit(not good)
P
while read -r words; do
	grep -Eq -- "$words" "$log" || bad "the log has no line like /$words/"
done <<'T'
^watching /dev/ttyUSB0 .*ttyUSB0
^opened /dev/ttyUSB0$
^hung up: read b''$
^hung up: write EIO$
^hung up: tcgetattr EIO$
^hung up: the file is gone$
^back: ../../ttyUSB1 \['usb-worstday_printer-if00-port0'\]$
^opened /dev/ttyUSB1$
T
[ "$failed" = 0 ] || { grep -v '^opened' "$log" | head -n 30; cat "$at/events.ndjson" | grep -v '"note"' | tail -n 5; }

# Pulled out while nobody has the line open, and back before anybody does: that altered nothing.
sed -e 's/count: 110, arrivals: constant 600/count: 6, arrivals: constant 60/' \
	-e 's/behind: .*}/back: 100ms}/' -e 's/nth: 50/at: 2400ms/' "$work/day.yml" >"$work/idle.yml"
for each in '1:2:never fired' '0:0:every promise held'; do
	"$worstday" run --out "$work/results" --set "env={EACH: '${each%%:*}'}" "$work/idle.yml" \
		>"$work/out" 2>&1 </dev/null
	code=$?
	[ "${each%%:*}:$code" = "${each%:*}" ] && grep -q "${each##*:}" "$work/out" || {
		bad "EACH=${each%%:*}: exit $code"
		cat "$work/out"
	}
done

# A fault on the third cut, whatever it is.
cat >"$work/cut.yml" <<Y
title: On the third cut
target: $top/tests/cases/serial/target.yml
seed: 1
baseline: never
shoppers: {count: 6, arrivals: constant 600/min, basket: 1..2, human: none, step_timeout: 10s}
faults:
  - noop: {}
    when: {on: printed printer-* /^CUT$/, nth: 3}
settle: 2s
rest: 200ms
checks: [no-lost-sale]
Y
"$worstday" run --out "$work/results" "$work/cut.yml" >"$work/out" 2>&1 </dev/null || {
	bad "on the third cut: exit $?"
	cat "$work/out"
}
python3 - "$work/results/cut/latest" <<'P' || failed=1
import json, sys
lines = lambda f: [json.loads(line) for line in open(f"{sys.argv[1]}/{f}")]
cuts = [p["paper"]["t_ns"] for p in lines("paper.ndjson")]
armed = [e["event"]["t_ns"] for e in lines("events.ndjson") if e["event"]["kind"] == "armed"]
print(f"cuts at {cuts}, armed at {armed}")
sys.exit(not (len(armed) == 1 and cuts[2] <= armed[0] < cuts[3]))
P

# Killed in the middle: the ptys go with it.
"$worstday" run --out "$work/results" "$work/day.yml" >"$work/out" 2>&1 </dev/null &
pid=$!
soon ptys || bad "no pty was made in 10 s"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
soon gone || bad "killed, and 10 s later there is still: $(ours)"
exit "$failed"
