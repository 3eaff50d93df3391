#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Purpose: the reference till alone, on loopback, without the harness: what it promises holds.
# Expected: every line "ok ..."; exit 0. Buggy result: "FAILED ..." and exit 1.
#
#     curl ─► lane-1 ─┐
#     curl ─► lane-2 ─┴─► store ─► store.db
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
till=${TILL:-$top/${O:-build}/targets/till/till}
case $till in /*) ;; *) till=$top/$till ;; esac
work=$(mktemp -d "${TMPDIR:-/tmp}/wd-till-XXXXXX") || exit 1
cd "$work" || exit 1
declare -A pid port
failed=0

end() {
	local p
	for p in "${pid[@]}"; do kill -KILL "$p" 2>/dev/null; kill -CONT "$p" 2>/dev/null; done
	wait 2>/dev/null
	[ "$failed" = 0 ] && rm -rf "$work" || echo "kept: $work"
}
trap end EXIT

check() { # check "what" command... : the command must succeed
	local what=$1
	shift
	if "$@"; then echo "ok $what"; else echo "FAILED $what: $*"; failed=1; fi
}
is() { # is "what" got wanted
	if [ "$2" = "$3" ]; then
		echo "ok $1"
	else
		echo "FAILED $1: got '$2', wanted '$3'"
		failed=1
	fi
}
pause() { read -rt 0.02 <> <(:) || :; }
until_true() { # until_true seconds command... : poll with a deadline
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		pause
	done
}

start() { # start name args... : in the background, until it listens
	local name=$1
	shift
	: >"$name.log"
	TILL_BUG=${bug:-} "$till" "$@" >>"$name.log" 2>&1 &
	pid[$name]=$!
	if ! until_true 10 grep -q listening "$name.log"; then
		echo "FAILED $name does not start"
		cat "$name.log"
		exit 1
	fi
	port[$name]=$(sed -n 's/.*listening port=\([0-9]*\).*/\1/p' "$name.log")
}
start_store() { start store store --data store --port "${port[store]:-0}"; }
start_lane() {
	start "$1" lane --name "$1" --data "$1" --port "${port[$1]:-0}" --timeout 400 \
		--store "http://127.0.0.1:${port[store]}" --printer "$work/$1.paper"
}
stop() { # stop name signal : and wait until it is gone
	kill "-$2" "${pid[$1]}"
	wait "${pid[$1]}" 2>/dev/null
}

# post lane path [json] : prints the body; the status goes to $work/status
post() {
	curl -s -m 20 -o body -w '%{http_code}' -X POST ${3:+-d "$3"} "$(url "$1" "$2")" >status
	cat body
}
url() { echo "http://127.0.0.1:${port[$1]}$2"; }
get() { curl -s -m 20 "$(url "$1" "$2")"; }
field() { { cat; echo; } | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
status_of() { post "$@" >/dev/null; cat status; }
sql() {
	python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=5) as c:
    for r in c.execute(sys.argv[2]): print("|".join(map(str, r)))' "$1" "$2"
}
books() { sql store/store.db "$1"; }
scan() { # scan lane key sku... : one line each
	local lane=$1 key=$2 n=0
	shift 2
	for sku; do
		post "$lane" "/sales/$key/lines" "{\"sku\":\"$sku\",\"line\":$((++n))}" >/dev/null
	done
}
pay() { post "$1" "/sales/$2/pay" "{\"tender\":\"${3:-cash}\"}"; }
queue_is() { [ "$(get "$1" /offline | field "$2")" = "$3" ]; }
goes_online() { [ "$(get "$1" /offline | field online)" = true ]; }

"$till" init --data store --goods "$top/targets/till/goods.csv" --stock 1000 >init.log
start_store
touch lane-1.paper lane-2.paper
start_lane lane-1
start_lane lane-2

# --- a sale, and saying no -----------------------------------------------------------------------
is "a session opens" "$(post lane-1 /session/open | field session)" lane-1-s1
is "it stays the same session" "$(post lane-1 /session/open | field session)" lane-1-s1
scan lane-1 A1 4000001 4000001 4000003
is "total of 1.09 + 1.09 + 2.49" "$(get lane-1 /sales/A1/total | field total)" 467
scan lane-1 A1 4000001 4000001 4000003
is "scanned again under the same line numbers: the same basket" \
	"$(get lane-1 /sales/A1/total | field total)" 467
is "a line without the lines before it is not known" \
	"$(status_of lane-1 /sales/A0/lines '{"sku":"4000001","line":2}')" 404
is "unknown article is refused" "$(status_of lane-1 /sales/A1/lines '{"sku":"no","line":4}')" 409
is "not enough money is refused" \
	"$(status_of lane-1 /sales/A1/pay '{"tender":"cash","amount":466}')" 409
is "unknown tender is refused" "$(status_of lane-1 /sales/A1/pay '{"tender":"shells"}')" 409
is "change from 5.00" \
	"$(post lane-1 /sales/A1/pay '{"tender":"cash","amount":500}' | field change)" 33
is "receipt number 1 of the lane" "$(pay lane-1 A1 | field receipt)" lane-1-1
is "paying again books nothing" \
	"$(books "SELECT count(*), total FROM sales WHERE key='A1'")" "1|467"
is "stock moved once" \
	"$(books "SELECT qty FROM stock WHERE sku IN ('4000001','4000003') ORDER BY sku" | xargs)" \
	"998 999"
check "the receipt was printed, with its reference" grep -qa "Ref A1" lane-1.paper

# --- one key is one sale -------------------------------------------------------------------------
scan lane-2 A1 4000001 4000001 4000003
is "the same key at another lane: the same receipt" "$(pay lane-2 A1 | field receipt)" lane-1-1
scan lane-1 A2 4000002
taps=()
for i in 1 2 3 4 5 6 7 8; do
	curl -s -m 20 -o "tap$i" -d '{"tender":"card"}' "$(url lane-1 /sales/A2/pay)" &
	taps+=($!)
done
wait "${taps[@]}"
is "eight taps at once: one sale" "$(books "SELECT count(*) FROM sales WHERE key='A2'")" 1
is "eight taps at once: one receipt" \
	"$(for i in 1 2 3 4 5 6 7 8; do field receipt <tap$i; done | sort -u)" lane-1-2

# --- suspend, resume, void, refund, override, reprint ----------------------------
scan lane-1 B1 4000001 4000002
is "suspend" "$(post lane-1 /sales/B1/suspend | field state)" suspended
is "a suspended basket is not paid" "$(status_of lane-1 /sales/B1/pay '{"tender":"cash"}')" 409
is "resume at another lane" "$(post lane-2 /sales/B1/resume | field total)" 198
is "pay there" "$(pay lane-2 B1 | field receipt)" lane-2-1
is "it is no longer suspended" "$(status_of lane-1 /sales/nope/resume)" 409
scan lane-1 B2 4000001
post lane-1 /sales/B2/void >/dev/null
is "a void basket is not paid" "$(status_of lane-1 /sales/B2/pay '{"tender":"cash"}')" 409
scan lane-1 B3 4000001
pay lane-1 B3 >/dev/null
is "a paid sale can be void" "$(post lane-1 /sales/B3/void | field state)" void
is "its number stays, its money does not" \
	"$(books "SELECT s.state, s.number, sum(p.amount)
		FROM sales s JOIN payments p ON p.sale=s.id WHERE s.key='B3'")" "void|3|0"
is "what was never sold can never be sold after a void" \
	"$(post lane-1 /sales/B4/void | field state)" void
scan lane-2 B4 4000001
is "not at another lane either" "$(status_of lane-2 /sales/B4/pay '{"tender":"cash"}')" 409
is "refund has a number of its own" \
	"$(post lane-1 /sales/B1/refund '{"key":"R1"}' | field receipt)" lane-1-4
is "the same refund again is the same" \
	"$(post lane-1 /sales/B1/refund '{"key":"R1"}' | field receipt)" lane-1-4
is "a second refund is refused" "$(status_of lane-1 /sales/B1/refund '{"key":"R2"}')" 409
is "override: cash, typed price" \
	"$(post lane-1 /override '{"key":"O1","amount":777}' | field total)" 777
is "override is flagged" \
	"$(books "SELECT manual, tender, total FROM sales WHERE key='O1'")" "1|cash|777"
is "reprint" "$(post lane-1 /sales/A1/reprint | field receipt)" lane-1-1
check "the reprint is marked" grep -qa COPY lane-1.paper

# --- the store hangs: the answer is lost after it has read the request ---------------------------
scan lane-1 H1 4000001
kill -STOP "${pid[store]}"
is "store hangs: sold offline" "$(pay lane-1 H1 | field receipt)" lane-1-o-1
scan lane-1 H2 4000009 4000009 4000009 4000009
is "card over the floor limit is refused" \
	"$(status_of lane-1 /sales/H2/pay '{"tender":"card"}')" 409
is "card below it is taken" "$(scan lane-1 H3 4000001; pay lane-1 H3 card | field offline)" true
is "the queue holds two" "$(get lane-1 /offline | field queued)" 2
kill -CONT "${pid[store]}"
check "the queue drains" until_true 10 queue_is lane-1 queued 0
is "the sale whose answer was lost is there once" \
	"$(books "SELECT count(*), sum(total) FROM sales WHERE key='H1'")" "1|109"
is "and the receipt the shopper has is known" \
	"$(books "SELECT key FROM receipts WHERE receipt='lane-1-o-1'")" H1

# --- the store hangs, and it cannot be sold offline either: given up, and undone -----------------
left() { books "SELECT qty FROM stock WHERE sku='4000009'"; }
sold() { books "SELECT count(*) FROM sales WHERE key='$1' AND state='paid'"; }
money() { books "SELECT coalesce(sum(amount), 0) FROM payments WHERE key='$1'"; }
before=$(left)
for lane in lane-1 lane-2; do check "$lane is online" until_true 10 goes_online $lane; done
scan lane-1 U1 4000009 4000009 4000009 4000009
scan lane-2 U2 4000009 4000009 4000009 4000009
kill -STOP "${pid[store]}"
is "a card over the floor limit is refused after asking in vain" \
	"$(status_of lane-1 /sales/U1/pay '{"tender":"card"}')" 409
is "at the other lane too" "$(status_of lane-2 /sales/U2/pay '{"tender":"card"}')" 409
is "there the shopper pays in cash" "$(pay lane-2 U2 cash | field offline)" true
kill -CONT "${pid[store]}"
check "the queue drains" until_true 10 queue_is lane-1 queued 0
check "the other one too" until_true 10 queue_is lane-2 queued 0
is "the refused sale is not in the books" "$(sold U1) $(money U1)" "0 0"
is "the one paid in cash is there once, in cash" \
	"$(sold U2) $(money U2) $(books "SELECT tender FROM sales WHERE key='U2'")" "1 5196 cash"
is "its goods and no others have left the shelf" "$(left)" $((before - 4))
scan lane-2 U1 4000009 4000009 4000009 4000009
check "the refused shopper may still pay elsewhere" \
	test "$(pay lane-2 U1 cash | field state)" = paid
is "once, and in cash" \
	"$(sold U1) $(money U1) $(books "SELECT tender FROM sales WHERE key='U1'")" "1 5196 cash"
attempt() { # attempt key episode tender : straight to the store, as a lane would; its status
	status_of store /sales "{\"key\":\"$1\",\"idem\":\"$1\",\"episode\":\"$2\",
		\"lane\":\"lane-9\",\"tender\":\"$3\",\"total\":109,\"amount\":109,\"created\":1,
		\"number\":0,\"offline\":false,\"manual\":false,\"lines\":[[\"4000001\",1,109]]}"
}
undo() { status_of store /undos "{\"key\":\"$1\",\"episode\":\"$2\",\"lane\":\"lane-9\"}"; }
is "booked, asked for elsewhere, first one undone" \
	"$(attempt U3 e1 card) $(attempt U3 e2 cash) $(undo U3 e1)" "201 200 201"
is "it stays sold, in cash now" \
	"$(sold U3) $(money U3) $(books "SELECT tender FROM sales WHERE key='U3'")" "1 109 cash"
is "undone there as well: void; the late request of either changes nothing" \
	"$(undo U3 e2) $(sold U3) $(money U3) $(attempt U3 e1 card) $(attempt U3 e2 cash)" \
	"201 0 0 409 409"
is "undone before it arrived: refused; another go is not" \
	"$(undo U4 e1) $(attempt U4 e1 card) $(attempt U4 e2 card) $(sold U4)" "201 409 201 1"

# --- the store is killed in the middle of trading -------------------------------------------------
trade() { # trade lane prefix count
	local i key
	for i in $(seq "$3"); do
		key=$2$i
		scan "$1" "$key" 4000001 4000004
		curl -s -m 20 -d '{"tender":"card"}' "$(url "$1" "/sales/$key/pay")" |
			field receipt | sed "s/^/$key|/" >>"told.$1"
	done
}
(mkdir t1; cd t1; work=$PWD; trade lane-1 K 40; mv told.lane-1 ..) & t1=$!
(mkdir t2; cd t2; work=$PWD; trade lane-2 L 40; mv told.lane-2 ..) & t2=$!
until_true 10 eval '[ "$(grep -c "store sale key=[KL]" store.log)" -ge 10 ]'
stop store KILL
until_true 10 eval 'grep -q "offline sale key=[KL]" lane-1.log lane-2.log'
stop lane-1 KILL
start_lane lane-1
wait $t1 $t2
cat told.lane-1 told.lane-2 | sort >told
check "both lanes went on selling ($(wc -l <told) of 80 told paid)" test "$(wc -l <told)" -ge 60
check "some of them offline ($(grep -c -- -o- told))" grep -q -- -o- told
mv store.log store-before.log
start_store
check "lane-1 goes online by itself" until_true 10 goes_online lane-1
check "lane-1 has handed in its queue" until_true 10 queue_is lane-1 queued 0
check "lane-2 has handed in its queue" until_true 10 queue_is lane-2 queued 0
cut -d'|' -f1 told | sort >told.keys
books "SELECT key FROM sales WHERE key GLOB '[KL]*' AND state='paid' ORDER BY key" >booked
is "every sale told paid is in the books" "$(sort booked | comm -23 told.keys - | tr '\n' ' ')" ""
is "none is there twice" "$(uniq -d booked)" ""
is "receipts told are receipts known" \
	"$(comm -23 told <(books "SELECT key, receipt FROM receipts" | sort))" ""
is "stock is what the lines say" \
	"$(books "SELECT stock.sku FROM stock WHERE qty <> 1000 -
		(SELECT coalesce(sum(l.qty), 0) FROM lines l JOIN sales s ON s.id = l.sale
		WHERE l.sku = stock.sku AND s.state = 'paid')")" ""
is "numbers are gapless in every series" \
	"$(books "SELECT series FROM receipts GROUP BY series
		HAVING count(*) <> max(number) OR min(number) <> 1")" ""
is "money is what the sales say" \
	"$(books "SELECT (SELECT sum(amount) FROM payments) -
		(SELECT sum(total) FROM sales WHERE state <> 'void')")" 0

# --- a bad record does not block the queue -------------------------------------------------------
stop store KILL
for k in P1 P2 P3; do scan lane-2 $k 4000001; pay lane-2 $k >/dev/null; done
stop lane-2 TERM
sql lane-2/offline.db "UPDATE queue SET body='{\"key\":\"P2\"}' WHERE key='P2'"
start_store
start_lane lane-2
check "the queue drains around it" until_true 10 queue_is lane-2 queued 0
is "the bad record is set aside and reported" "$(get lane-2 /offline | field aside)" 1
is "the others are in the books" "$(books "SELECT count(*) FROM sales WHERE key IN ('P1','P3')")" 2

# --- closing --------------------------------------------------------------------------------------
post lane-1 /session/close >z1
is "Z number 1" "$(field z <z1)" 1
is "Z total is the money of the lane" \
	"$(field total <z1)" "$(books "SELECT sum(amount) FROM payments WHERE lane='lane-1'")"
is "closing again gives the same Z" \
	"$(post lane-1 /session/close | field count)" "$(field count <z1)"
post lane-1 /session/open >/dev/null
scan lane-1 Z1 4000001
pay lane-1 Z1 >/dev/null
post lane-1 /session/close >z2
is "the next Z has the next number and only what is new" \
	"$(field z <z2) $(field count <z2) $(field total <z2)" "2 1 109"
is "no sale is in no Z" "$(books "SELECT count(*) FROM sales WHERE lane='lane-1' AND z IS NULL")" 0

# --- starting and stopping -----------------------------------------------------------------------
check "a second store on the same books does not start" \
	eval '! "$till" store --data store --port 0 >second.log 2>&1'
kill -TERM "${pid[lane-1]}"; wait "${pid[lane-1]}"; is "lane stops politely with 0" $? 0
kill -TERM "${pid[store]}"; wait "${pid[store]}"; is "store stops politely with 0" $? 0
is "the books are sound" "$(books 'PRAGMA integrity_check')" ok
exit $failed
