#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: Ctrl-C at every stage. Expected: the first one heals, judges, reports and exits 130, the
# second stops at once; SIGTERM likewise with 143. Whatever results there are can be read and drawn.
# Buggy result: a hang, another exit code, no report.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-int-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
cat >"$work/long.yml" <<Y
title: A long morning
target: $top/tests/cases/pos/target.yml
seed: 1
baseline: never
shoppers: {count: 1000, arrivals: constant 60/min, basket: 1..2, pace: 100x}
faults:
  - process.kill: {service: shop/pos}
    when: {on: told ok, nth: 2}
settle: 5s
checks: [no-lost-sale]
Y

# signal, seconds before it, how many times, exit code
one() {
	local code
	python3 - "$worstday" "$work" "$@" <<'P'
import os, select, signal, subprocess, sys
worstday, work, sig, wait, times = *sys.argv[1:5], int(sys.argv[5])
out = open(work + "/out", "w")
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job inherits it ignored
p = subprocess.Popen([worstday, "run", "--out", work + "/results", work + "/long.yml"],
                     stdin=subprocess.DEVNULL, stdout=out, stderr=out)
while os.path.basename(os.readlink(f"/proc/{p.pid}/exe")) != os.path.basename(worstday):
    select.select([], [], [], 0.001)  # before exec the signal would be python's
for pause in [float(wait)] + [0.1] * (times - 1):
    select.select([], [], [], pause)
    if p.poll() is None:
        p.send_signal(getattr(signal, "SIG" + sig))
try:
    code = p.wait(30)
except subprocess.TimeoutExpired:
    p.kill()
    code = "none within 30 s"
if isinstance(code, int) and code < 0:
    code = 128 - code  # as a shell would say it
print(code, file=open(work + "/code", "w"))
P
	code=$(cat "$work/code")
	if [ "$code" != "$4" ]; then
		echo "SIG$1 x $3 after $2 s: exit $code, expected $4"
		tail -n 15 "$work/out" | sed 's/^/    /'
		failed=1
	else
		echo "ok SIG$1 x $3 after $2 s: exit $code"
	fi
}
for w in 0.05 0.3 1.0 2.0; do one INT $w 1 130; done
one TERM 1.0 1 143
for w in 0.05 0.5 1.5; do one INT $w 2 130; done
# A till that hangs: the sale in flight would take a minute to time out.
sed -i 's/^baseline: never/&\nenv: {MODE: hangs}/' "$work/long.yml"
one INT 1.0 1 130
if ! find "$work/results" -name report.html | grep -q .; then
	echo "no report was written by the interrupted runs"
	failed=1
fi
for dir in $(find "$work/results" -name report.html -exec dirname {} +); do
	"$worstday" report --quiet "$dir" >"$work/out" 2>&1 || {
		echo "report $dir: exit $?: $(cat "$work/out")"
		failed=1
	}
	"$top/tests/cases/page/page.py" "$dir" >"$work/out" 2>&1 || {
		cat "$work/out"
		failed=1
	}
done
if find "$work/results" -name '.tmp*' -not -path '*/.cache/*' | grep -q .; then
	echo "left behind:"; find "$work/results" -name '.tmp*'
	failed=1
fi
exit $failed
