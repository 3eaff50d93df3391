#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: what targets/prepare does when things go wrong, without downloading anything: mmdebstrap,
# npm and apt are played by the scripts below. Expected: a registry that is away is told by exit 75
# and by name, an old keyring is renewed once, another version of the POS is refused, a run that was
# killed or failed leaves nothing that counts as ready, and the next run recovers from all of it.
# Buggy result: half a tree that is taken for a whole one, or a registry's absence that fails a build.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-targets-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
[ "$(id -u)" != 0 ] || unshare --mount true 2>/dev/null || { echo "SKIP: no mount namespaces here"; exit 77; }
failed=0
mkdir -p "$work/bin" "$work/targets/shop"
cp "$top"/targets/{prepare,make-rootfs,make-npm} "$work/targets/"
cd "$work" || exit 1
touch targets/shop/target.yml targets/shop/.npmrc
printf 'suite: some\nexpects: nodejs 20\nexpects: postgresql 17\nnodejs # a comment\npostgresql\n' >targets/shop/packages
echo '{}' >targets/shop/package.json
echo '{}' >targets/shop/package-lock.json
mkfifo here never
exec 3<>here 4<>never

cat >bin/apt-get <<'F'
#!/bin/sh
case $1 in
indextargets) echo "Packages $(. /etc/os-release && echo "$VERSION_CODENAME") main http://mirror.test/debian" ;;
*) echo "$*" >>"$WORK/apt"; [ ! -e "$WORK/mode" ] || [ "$(cat "$WORK/mode")" != keyring ] || echo good >"$WORK/mode" ;;
esac
F
printf '#!/bin/sh\n' >bin/apt-config
cat >bin/mmdebstrap <<'F'
#!/bin/sh
# The last hook leaves the stamp; the folder is the last argument but one.
for a; do
	case $a in
	--include=*) echo "$a" >"$WORK/included" ;;
	--customize-hook=echo*) hook=${a#--customize-hook=} ;;
	esac
	before=$folder folder=$last last=$a
done
mkdir -p "$folder/usr"
case $(cat "$WORK/mode") in
away) echo "E: Failed to fetch http://mirror.test/x  Could not resolve 'mirror.test'" >&2; exit 1 ;;
keyring) echo 'E: the following signatures were invalid: NO_PUBKEY 0E98' >&2; exit 1 ;;
lacks) echo 'E: Unable to locate package postgresql' >&2; exit 1 ;;
odd) echo 'E: something new' >&2; exit 1 ;;
hang) echo >"$WORK/here"; read -r _ <"$WORK/never" ;;
drift) printf 'nodejs\t22.1.0+dfsg-1\npostgresql:amd64\t17+278\n' >"$folder/.packages" ;;
epoch) printf 'nodejs\t1:200.1\npostgresql\t17\n' >"$folder/.packages" ;;
good) printf 'nodejs\t1:20.19.2+dfsg-1\npostgresql\t17+278\n' >"$folder/.packages" ;;
esac
sh -c "$hook" sh "$folder"
F
cat >bin/npm <<'F'
#!/bin/sh
case $(cat "$WORK/npm-mode") in
away) echo 'npm error code ENOTFOUND' >&2; echo 'npm error network request failed' >&2; exit 1 ;;
gone) echo 'npm error code ETARGET' >&2; echo 'npm error notarget No matching version' >&2; exit 1 ;;
hang) mkdir node_modules; echo >"$WORK/here"; read -r _ <"$WORK/never" ;;
good) mkdir node_modules ;;
esac
F
chmod +x bin/*
export WORK=$work PATH="$work/bin:$PATH"

# name, exit code, words (one line of the output), mmdebstrap's mode, npm's mode
try() {
	local code
	echo "$4" >mode
	echo "$5" >npm-mode
	timeout 60 targets/prepare shop out >said 2>&1 </dev/null
	code=$?
	if [ $code != "$2" ] || ! grep -qE -- "$3" said; then
		echo "$1: exit $code, expected $2 and /$3/"
		sed 's/^/    /' said
		failed=1
	fi
	[ $code = 0 ] || [ "$6" = kept ] || [ ! -e "out/$6" ] || { echo "$1: out/$6 is there"; failed=1; }
}
# name, mmdebstrap's mode, npm's mode: killed when it is in the middle
murder() {
	local pid
	echo "$2" >mode
	echo "$3" >npm-mode
	setsid targets/prepare shop out >said 2>&1 </dev/null &
	pid=$!
	read -r -t 30 _ <&3 || { echo "$1: never began"; failed=1; }
	kill -KILL -- -$pid
	wait $pid 2>/dev/null
}

try "registry away" 75 'the package registry cannot be reached.*run make targets again' away good rootfs/shop
try "package gone" 1 'some lacks a package of .*targets/shop/packages' lacks good rootfs/shop
try "no idea" 1 'mmdebstrap failed .full log: ' odd good rootfs/shop
try "another version" 1 'some has nodejs 22\.1\.0\+dfsg-1, this target was written for 20\. ' drift good rootfs/shop
try "20 is not 200" 1 'nodejs 200\.1, this target was written for 20\.' epoch good rootfs/shop
murder "killed while mmdebstrap runs" hang good
[ -d out/rootfs/.shop.part ] || { echo "the killed run left nothing to recover from"; failed=1; }
try "npm away" 75 'removing what an interrupted run left' good away npm/shop
grep -q 'the package registry cannot be reached' said || { echo "npm away: not said"; failed=1; }
grep -qx -- '--include=nodejs,postgresql' included || { echo "included: $(cat included)"; failed=1; }
try "what is ready is not made again" 1 'rootfs shop: ready' odd gone npm/shop
grep -q 'a package of the lock file is gone' said || { echo "npm gone: not said"; failed=1; }
murder "killed while npm runs" odd hang
try "recovered" 0 'npm shop: removing what an interrupted run left' odd good
try "all ready" 0 'npm shop: ready' odd away
: >apt
echo '# another list' >>targets/shop/packages
try "old keyring" 0 'renewing the keyring' keyring away
grep -q 'install .*debian-archive-keyring' apt || { echo "the keyring was not renewed"; failed=1; }
echo '{"changed": 1}' >targets/shop/package.json
try "changed, and npm away" 75 'cannot be reached' good away kept
[ -d out/npm/shop/node_modules ] || { echo "a failed run removed what was there"; failed=1; }
try "no such target" 0 '' good good
targets/prepare nothing out >said 2>&1 && failed=1
grep -q 'targets/nothing/target.yml: there is no such target' said || { cat said; failed=1; }
[ -z "$(find out -maxdepth 2 -name '.*.part')" ] || { echo "left: $(find out -maxdepth 2)"; failed=1; }
exit $failed
