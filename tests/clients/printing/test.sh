# SPDX-License-Identifier: Apache-2.0
# The printer on the serial line is unplugged in the middle of its 5th receipt and is back four seconds later
# as ttyUSB1; the others print on.
set -u
cat >experiment.yml <<Y
target: target.yml
seed: 1
baseline: never
shoppers: {count: 90, arrivals: constant 600/min, basket: 1..2, human: none}
faults:
  - device.unplug: {device: usb-lane-1, behind: /TOTAL/, back: 4s, as: ttyUSB1}
    when: {nth: 5}
settle: 10s
rest: 200ms
checks: [no-lost-sale, no-duplicate-sale, right-amount, receipts-match-books]
Y
timeout 120 "$WORSTDAY" run --out results experiment.yml >out 2>&1 </dev/null || { cat out; exit 1; }
at=results/experiment/latest
for device in usb net other; do
	n=$(grep '"cut":true' $at/paper.ndjson | grep -c "\"$device-lane-1\"")
	echo "$device: $n receipts cut"
	[ "$n" -ge 10 ] || exit 1
done
torn=$(grep -v '"cut":true' $at/paper.ndjson)
[ "$(printf '%s\n' "$torn" | grep -c .)" = 1 ] || { echo "torn: $torn"; exit 1; }
for words in 'opened /dev/ttyUSB0' 'closed: true' 'opened /dev/ttyUSB1'; do
	grep -rq "$words" $at/logs || { echo "no log says: $words"; cat $at/logs/*; exit 1; }
	echo "$words"
done
