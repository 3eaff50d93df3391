#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# company: yes
# Purpose: wire.pcapng beside the events: each altered packet is there, with a comment that names the
# fault and the hit of its event, at the event's time; `all` has every packet, `off` has no file,
# --keep takes it away, the manifest lists it, the counters agree with it; tshark reads it without a
# complaint. Buggy result: a capture that tells another story than the events.
# timeout: 240
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
worstday=${WORSTDAY:-$top/build/worstday}
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-pcap-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
run() { # folder, experiment, more
	timeout 100 "$worstday" run --out "$work/$1" "$top/experiments/smoke/$2.yml" "${@:3}" \
		>"$work/$1.out" 2>&1 </dev/null
	local code=$?
	[ $code = 3 ] && { echo "SKIP: $(tail -n 1 "$work/$1.out")"; exit 77; }
	[ $code = 0 ] && return
	echo "$1: exit $code"
	tail -n 15 "$work/$1.out" | sed 's/^/    /'
	failed=1
}
complain() {
	echo "$*"
	failed=1
}
run drop net.drop
run delay net.delay
run cut net.reply-lost
run all net.drop --set pcap=all
run off net.drop --set pcap=off
run kept net.drop --keep none
run good process.kill
[ -e "$work/off/smoke/net.drop/latest/wire.pcapng" ] && complain "pcap: off wrote a file"
[ -e "$work/kept/smoke/net.drop/latest/wire.pcapng" ] && complain "--keep none kept the capture"
[ -e "$work/good/smoke/process.kill/latest/wire.pcapng" ] &&
	complain "a file although no fault was on the network"
cd "$work" || exit 1
python3 - drop/smoke/net.drop delay/smoke/net.delay cut/smoke/net.reply-lost all/smoke/net.drop <<'P' || failed=1
import json, re, struct, sys

def options(b):
    at = 0
    while at + 4 <= len(b):
        code, n = struct.unpack_from("<HH", b, at)
        if not code:
            return
        yield code, b[at + 4:at + 4 + n]
        at += 4 + (n + 3) // 4 * 4

def read(path):
    """(names, [(interface, unix ns, packet, comment)], unix ns of the events' time 0)"""
    data, at, names, packets, zero = open(path, "rb").read(), 0, [], [], None
    while at < len(data):
        kind, n = struct.unpack_from("<II", data, at)
        assert n % 4 == 0 and struct.unpack_from("<I", data, at + n - 4)[0] == n, at
        body = data[at + 8:at + n - 4]
        if kind == 0x0A0D0D0A:
            zero = int(re.search(rb"is (\d+) ns", dict(options(body[16:]))[1]).group(1))
        elif kind == 1:
            o = dict(options(body[8:]))
            assert o[9] == b"\x09"
            names.append(o[2].decode())
        elif kind == 6:
            i, hi, lo, cap, length = struct.unpack_from("<5I", body)
            o = dict(options(body[20 + (cap + 3) // 4 * 4:]))
            packets.append((i, hi << 32 | lo, body[20:20 + cap], o.get(1, b"").decode()))
        at += n
    return names, packets, zero

bad = 0
for path in sys.argv[1:]:
    d = path + "/latest/"
    names, packets, zero = read(d + "wire.pcapng")
    events = [json.loads(l)["event"] for l in open(d + "events.ndjson")]
    fired = {(e["fault"], e["hit"]): e for e in events if e["kind"] == "fired"}
    seen = {}
    for i, ns, packet, comment in packets:
        for fault, hit, did in re.findall(r"#(\d+) hit (\d+): ([a-z ]+)", comment):
            seen[int(fault), int(hit)] = (names[i], ns - zero, did.strip())
    verdict = json.load(open(d + "verdict.json"))
    manifest = json.load(open(d + "manifest.json"))
    facts = verdict["facts"]
    if not fired or set(seen) != set(fired):
        print(f"{path}: hits {sorted(fired)} in the events, {sorted(seen)} in the capture")
        bad = 1
    for key, (node, t, did) in seen.items():
        e = fired.get(key)
        # The event is dated by when the worker heard of it, the packet by when it came.
        if e and (e["node"] != node or not e["did"].startswith(did.split(" by")[0]) or
                  not -1e6 < e["t_ns"] - t < 2e9):
            print(f"{path}: {key}: {node} {t} {did} in the capture, the event is {e}")
            bad = 1
    if manifest["files"].get("wire.pcapng", 0) < 1 or facts["pcap_packets"] != len(packets):
        print(f"{path}: manifest {manifest['files']}, facts {facts}, {len(packets)} packets")
        bad = 1
    dropped = sum(l["dropped"] for l in verdict["links"])
    drops = sum(d[2].startswith("dropped") for d in seen.values())
    sent = sum(l["packets"] for l in verdict["links"])
    if path.startswith("drop") and (not drops or dropped != drops):
        print(f"{path}: the counters say {dropped} dropped, the capture {drops}")
        bad = 1
    if path.startswith("all") and not sent <= len(packets):
        print(f"{path}: the counters say {sent} sent, the capture has {len(packets)}")
        bad = 1
    print(f"{path}: {len(fired)} hits in both, {len(packets)} packets, {sent} sent")
    html = open(d + "report.html").read()
    if ">The wire</h2>" not in html or "links" not in json.load(open(d + "aggregates.json")):
        print(f"{path}: no table of links")
        bad = 1
sys.exit(bad)
P
if ! command -v tshark >/dev/null; then
	echo "not read with tshark: it is not installed (apt-get install tshark)"
	exit $failed
fi
for f in */smoke/*/latest/wire.pcapng; do
	tshark -r "$f" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -T fields \
		-e frame.comment -e tcp.checksum.status -e ip.checksum.status -e _ws.malformed \
		>"$work/rows" 2>"$work/errors" || complain "$f: tshark fails: $(cat "$work/errors")"
	grep -vE '^Running as user|^$' "$work/errors" && complain "$f: tshark complains"
	grep -qE '#0 hit 1: ' "$work/rows" || complain "$f: tshark shows no comment"
	awk -F'\t' '($2 != "" && $2 != 1) || ($3 != "" && $3 != 1) || $4 != ""' "$work/rows" |
		grep . && complain "$f: tshark finds wrong checksums or malformed packets"
done
exit $failed
