# SPDX-License-Identifier: Apache-2.0
# Sold through the library, on a good day and under four faults of the bank.
set -u
for fault in none 'bank.approve-then-drop: {}' 'bank.slow: {op: authorise, delay: 800ms}' \
	'bank.duplicate-reply: {}' 'bank.decline: {}'; do
	{
		printf 'target: target.yml\nseed: 3\nbaseline: never\n'
		printf 'shoppers: {count: 8, arrivals: constant 60/min, basket: 1..2, '
		printf 'pay: {card: 75%%, cash: 25%%}, pace: 400x}\n'
		[ "$fault" = none ] || printf 'faults:\n  - %s\n    when: {nth: 2}\n' "$fault"
		printf 'settle: 10s\nrest: 200ms\nchecks: [no-lost-sale, no-duplicate-sale, right-amount, '
		printf 'no-double-charge, paid-means-money, no-charge-without-sale]\n'
	} >experiment.yml
	timeout 60 "$WORSTDAY" run --out results experiment.yml >out 2>&1 </dev/null || {
		echo "$fault:"
		cat out
		exit 1
	}
	grep -q '"what":"captured"' results/*/latest/bank.ndjson || { echo "nothing was charged"; exit 1; }
	echo "holds: $fault"
done
