#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: where the preloaded library reaches and where it does not, in whole runs.
# Expected: it asks for nothing that a C library of 2012 lacks; a service whose program it cannot
# reach makes the experiment unsupported (exit 3, with the reason) before anything is launched; one
# that turns into such a program later makes it inconclusive; scripts are judged by what runs them.
# Buggy result: a fault that silently alters nothing.
# timeout: 60
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
library=${B:-$top/build/release}/preload.so
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-preload-XXXXXX") || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
failed=0

highest=$(readelf -VW "$library" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
if [ "$(printf '%s\n' "$highest" GLIBC_2.17 | sort -V | tail -n 1)" = GLIBC_2.17 ]; then
	echo "ok versions: at most $highest"
else
	echo "the library asks for $highest"
	failed=1
fi

cp "$top/tests/cases/pos/"* "$work/"
cat >"$work/stay.c" <<'C'
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(void) { printf("%ld\n", (long)time(NULL)); fflush(stdout); pause(); return 0; }
C
cat >"$work/stay.go" <<'G'
package main
import ("fmt"; "time")
func main() { fmt.Println(time.Now()); time.Sleep(time.Hour) }
G
cc -o "$work/dynamic" "$work/stay.c" && cc -static -o "$work/static" "$work/stay.c" || exit 1
printf '#!/usr/bin/env -S sh -e\nexec /target/static\n' >"$work/script"
printf '#!/target/static\n' >"$work/static-script"
chmod 755 "$work/script" "$work/static-script"

try() { # name, program, exit code, words
	local code
	sed "/^      - {name: pos/i\\      - {name: other, run: [$2], end: any, stop_within: 100ms}" \
		"$top/tests/cases/pos/target.yml" >"$work/target.yml"
	cat >"$work/x.yml" <<-Y
	target: target.yml
	seed: 1
	baseline: never
	shoppers: {count: 4, arrivals: constant 60/min, basket: 1, pace: 400x}
	faults:
	  - clock.jump: {node: shop, service: other, by: -1h}
	settle: 1s
	checks: [no-lost-sale]
	Y
	timeout 30 "$worstday" run --out "$work/results" "$work/x.yml" >"$work/out" 2>&1 </dev/null
	code=$?
	if [ $code != "$3" ] || ! grep -Eq -- "$4" "$work/out"; then
		echo "$1: exit $code, expected $3 and words like /$4/"
		tail -n 20 "$work/out" | sed 's/^/    /'
		failed=1
	else
		echo "ok $1: exit $code"
	fi
}

try static ./static 3 'shop/other runs /target/./static \(static\): it is static'
try "a static interpreter" ./static-script 3 'runs /target/static \(static\)'
try "static later" ./script 2 'never fired|fired 0'
try "a daemon that reads no clock again" ./dynamic 2 'never fired|fired 0'
if musl-gcc -o "$work/musl" "$work/stay.c" 2>/dev/null; then
	try musl ./musl 3 'C library is not the GNU one'
fi
if command -v go >/dev/null && (cd "$work" && HOME=$work GOFLAGS=-mod=mod GO111MODULE=off \
		CGO_ENABLED=0 go build -o "$work/go" stay.go) >/dev/null 2>&1; then
	try Go ./go 3 'static, Go\): it is static'
else
	echo "SKIP Go: no compiler here"
fi
exit $failed
