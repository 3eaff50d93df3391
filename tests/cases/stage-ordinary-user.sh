#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# Purpose: the stage works for an ordinary user (one id, no newuidmap), and in `unshare -r`.
# Expected: the stage's unit tests pass under uid 65534 with /dev/net/tun and /dev/fuse open to all, and as the
#           root of a user namespace.
# Buggy result: a step that silently needs the host's root.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tests=${O:-$top/build}/${VARIANT:-release}/unit/check_stage
case $tests in /*) ;; *) tests=$top/$tests ;; esac
if [ ! -x "$tests" ]; then
	echo "SKIP: $tests is not built"
	exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-user-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
chmod 1777 "$work"
failed=0

run() { # what, command...
	local what=$1
	shift
	TMPDIR=$work "$@" >"$work/out" 2>&1
	case $? in
	0) echo "ok: $what: $(grep -o 'Checks: .*' "$work/out")" ;;
	77) echo "not here: $what: $(grep -m1 SKIP "$work/out")" ;;
	*)
		failed=1
		echo "FAILED: $what"
		tail -n 30 "$work/out"
		;;
	esac
}

if [ "$(id -u)" != 0 ]; then
	run "user $(id -un)" "$tests"
	exit $failed
fi
if ! unshare --mount true 2>/dev/null; then
	echo "SKIP: needs a mount namespace to lend the ordinary user /dev/net/tun"
	exit 77
fi
cp "$tests" "$work/check_stage" && chmod 755 "$work/check_stage"
chmod o+x "$(dirname "$work")"
# shellcheck disable=SC2016
lend='mknod "$0/tun" c 10 200 && chmod 0666 "$0/tun" && mount --bind "$0/tun" /dev/net/tun &&
	{ [ ! -e /dev/fuse ] || { mknod "$0/fuse" c 10 229 && chmod 0666 "$0/fuse" &&
	mount --bind "$0/fuse" /dev/fuse; }; } &&
	exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0/check_stage"'
run "uid 65534" unshare --mount sh -c "$lend" "$work"
run "unshare -r" unshare -r "$work/check_stage"
exit $failed
